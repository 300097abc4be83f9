//! Memory for the libraries of a machine: one large mapping, which an emulator sees once. (Each mapping that it sees
//! makes it slower to show it another.)

use crate::memory::Block;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Bytes of addresses; memory is committed by use.
const SIZE: usize = 512 << 20;
const PAGE: usize = 4096;

/// Addresses that are dealt out in pages.
#[derive(Debug)]
pub struct Arena {
    block: Block,
    /// What is free, by address; no two ranges touch each other.
    free: Mutex<Vec<Range<usize>>>,
}

impl Arena {
    /// An arena, all of it free.
    pub fn new() -> Result<Arena, String> {
        let block = Block::new(SIZE, true)?;
        let free = Mutex::new(vec![block.range()]);
        Ok(Arena { block, free })
    }

    /// Its addresses.
    pub fn range(&self) -> Range<usize> {
        self.block.range()
    }

    /// Take so many bytes, writable and zero; `None` if there is no room for them.
    pub fn take(&self, size: usize) -> Option<usize> {
        let size = size.next_multiple_of(PAGE);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.iter().position(|range| range.len() >= size)?;
        let address = free[at].start;
        free[at].start += size;
        if free[at].is_empty() {
            free.remove(at);
        }
        Some(address)
    }

    /// Take back what nothing uses any more.
    pub fn give_back(&self, range: Range<usize>) {
        let range = range.start..range.start + range.len().next_multiple_of(PAGE);
        assert!(range.start >= self.range().start && range.end <= self.range().end);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the range is a part of this arena's mapping that nobody uses; fresh memory takes its place.
        let fresh = unsafe { libc::mmap(range.start as *mut libc::c_void, range.len(), access, flags, -1, 0) };
        if fresh == libc::MAP_FAILED {
            // Memory is out; the addresses are lost, and nothing else is.
            return;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.partition_point(|other| other.start < range.start);
        free.insert(at, range);
        for first in [at, at.wrapping_sub(1)] {
            if first.checked_add(1).is_some_and(|next| next < free.len()) && free[first].end == free[first + 1].start {
                free[first].end = free.remove(first + 1).end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_given_back_is_taken_again_and_is_zero() {
        let arena = Arc::new(Arena::new().expect("addresses"));
        let take = |size| Block::within(&arena, size).expect("memory");
        let (one, two, three) = (take(5000), take(PAGE), take(PAGE));
        assert_eq!(two.range().start, one.range().start + 2 * PAGE);
        // SAFETY: the block is writable, and nobody else uses it.
        unsafe { *(two.range().start as *mut u8) = 7 };
        two.protect(two.range().start..two.range().start + PAGE, libc::PROT_READ).expect("protection");
        let place = two.range().start;
        drop(two);
        let again = take(PAGE);
        assert_eq!(again.range().start, place);
        // SAFETY: as above: the protection is gone with what was there.
        unsafe {
            assert_eq!(*(place as *const u8), 0);
            *(place as *mut u8) = 1;
        }
        drop((one, three, again));
        let free = arena.free.lock().expect("no other thread").clone();
        assert_eq!(free, [arena.range()], "all of it is free, in one piece");
    }

    #[test]
    fn what_does_not_fit_is_mapped_elsewhere() {
        let arena = Arc::new(Arena::new().expect("addresses"));
        let large = Block::within(&arena, SIZE + PAGE).expect("memory");
        assert!(!arena.range().contains(&large.range().start));
    }
}
