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
///
/// # Errors
/// When the system's list has none there, or cannot be read.
pub(crate) fn mapping_at(address: usize) -> Result<Range<usize>, String> {
    const LIST: &str = "/proc/self/maps";
    let list = std::fs::read_to_string(LIST).map_err(|problem| format!("{LIST}: {problem}"))?;
    mapping_in(&list, address).ok_or_else(|| "this process has nothing there".into())
}

/// The same in a list of mappings. One that another thread made longer while the list was written can be in it twice,
/// so lines may overlap.
fn mapping_in(list: &str, address: usize) -> Option<Range<usize>> {
    let mut lines = list.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        (!rest.starts_with("---p")).then_some((range, rest.starts_with("rw")))
    });
    let (found, grows) = lines.find(|(range, _)| range.contains(&address))?;
    if !grows {
        return Some(found);
    }
    let next = lines.map(|(range, _)| range.start).find(|start| *start >= found.end).unwrap_or(usize::MAX);
    Some(found.start..next.min(found.end.saturating_add(GROWTH)))
}

/// Whether the system, asked to copy a byte from there, can; false where it cannot be asked.
#[cfg(target_os = "linux")]
pub(crate) fn is_readable(address: usize) -> bool {
    let mut byte = 0u8;
    let to = libc::iovec { iov_base: std::ptr::from_mut(&mut byte).cast(), iov_len: 1 };
    let from = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: 1 };
    // SAFETY: the system checks the address that is read, and writes to the byte that is ours.
    unsafe { libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0) == 1 }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_readable(_address: usize) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_name_a_mapping_twice() {
        let list = "1000-2000 r--p 0\n4000-6000 rw-p 0\n4000-8000 rw-p 0\n8000-9000 ---p 0\n9000-a000 rw-p 0\n";
        assert_eq!(mapping_in(list, 0x5000), Some(0x4000..0x9000));
        assert_eq!(mapping_in(list, 0x7000), Some(0x4000..0x9000));
        assert_eq!(mapping_in(list, 0x1800), Some(0x1000..0x2000));
        assert_eq!(mapping_in(list, 0x8800), None);
        assert_eq!(mapping_in(list, 0x9800), Some(0x9000..0xa000 + GROWTH));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_mapped_can_be_read() {
        let block = Block::new(1 << 16, true).expect("memory");
        let Range { start, end } = block.range();
        assert!(is_readable(start) && is_readable(end - 1));
        assert!(mapping_at(start).expect("a mapping").contains(&(end - 1)));
        block.protect(start..end, libc::PROT_NONE).expect("no access");
        assert!(!is_readable(start));
        assert_eq!(mapping_at(start).expect_err("no access"), "this process has nothing there");
    }
}
