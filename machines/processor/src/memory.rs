//! This process's memory: what is mapped where, and mappings of our own.

pub use crate::arena::Arena;
use std::ops::Range;
use std::sync::Arc;

/// A private mapping, unmapped when dropped; or a part of an arena, to which it then returns.
#[derive(Debug)]
pub struct Block {
    address: usize,
    size: usize,
    arena: Option<Arc<Arena>>,
}

/// Where low addresses are looked for first, and by what steps.
const LOWEST: usize = 0x1000_0000;
const STEP: usize = 0x100_0000;

impl Block {
    /// Reserve addresses; nothing of them may be accessed unless `writable`.
    pub fn new(size: usize, writable: bool) -> Result<Block, String> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        let protection = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
        // SAFETY: without MAP_FIXED the system picks a range that nobody uses.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(format!("no {size} bytes of memory: {}", std::io::Error::last_os_error()));
        }
        Ok(Block { address: address as usize, size, arena: None })
    }

    /// Reserve addresses that lie below a limit, if there is one: where a CPU of narrow words reaches them.
    ///
    /// # Errors
    /// When this system has none to give there.
    pub fn below(limit: Option<usize>, size: usize, writable: bool) -> Result<Block, String> {
        let Some(limit) = limit else { return Block::new(size, writable) };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        let protection = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
        for wished in (LOWEST..limit.saturating_sub(size)).step_by(STEP) {
            // SAFETY: the address is a wish; the system picks a range that nobody uses, there or elsewhere.
            let address = unsafe { libc::mmap(wished as *mut libc::c_void, size, protection, flags, -1, 0) };
            if address == libc::MAP_FAILED {
                break;
            }
            let block = Block { address: address as usize, size, arena: None };
            if block.address + size <= limit {
                return Ok(block);
            }
        }
        Err(format!(
            "this system gives no {size} bytes below the address {limit:#x}, which the CPU does not reach beyond"
        ))
    }

    /// A part of an arena, writable and zero, if there is room in it; else a mapping of its own.
    pub fn within(arena: &Arc<Arena>, size: usize) -> Result<Block, String> {
        match arena.take(size) {
            Some(address) => Ok(Block { address, size, arena: Some(arena.clone()) }),
            None => Block::new(size, true),
        }
    }

    /// Its addresses.
    pub fn range(&self) -> Range<usize> {
        self.address..self.address + self.size
    }

    /// Change what may be done with a part, which starts and ends at pages' borders.
    pub fn protect(&self, part: Range<usize>, protection: i32) -> Result<(), String> {
        assert!(part.start >= self.address && part.end <= self.address + self.size);
        // SAFETY: the part lies in this mapping; who uses it knows what it is for.
        match unsafe { libc::mprotect(part.start as *mut libc::c_void, part.len(), protection) } {
            0 => Ok(()),
            _ => Err(format!("memory cannot be protected: {}", std::io::Error::last_os_error())),
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(arena) = &self.arena {
            return arena.give_back(self.range());
        }
        // SAFETY: the mapping is ours, and what pointed into it borrowed from its owner.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.size) };
    }
}

/// How far past its present end a mapping that grows is taken to reach: few large regions are wanted.
const GROWTH: usize = 4 << 20;

/// The mapping of this process that holds an address, with room to grow where nothing accessible follows.
pub(crate) fn mapping_at(address: usize) -> Option<Range<usize>> {
    let text = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mut lines = text.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        (!rest.starts_with("---p")).then_some((range, rest.starts_with("rw")))
    });
    let (found, grows) = lines.find(|(range, _)| range.contains(&address))?;
    let next = lines.next().map_or(usize::MAX, |(range, _)| range.start);
    let end = if grows { next.min(found.end.saturating_add(GROWTH)) } else { found.end };
    Some(found.start..end)
}
