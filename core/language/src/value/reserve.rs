//! Reserving address space whose pages the system commits when they are touched.

use super::WORD_SIZE;

/// What a reservation of `wanted` bytes may take: no more than `parts` hundredths of the addresses that the process may
/// have (`ulimit -v`), so that something is left for the others.
pub fn share(wanted: usize, parts: usize) -> usize {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure is there to be written.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    if !known || limit.rlim_cur == libc::RLIM_INFINITY {
        return wanted;
    }
    let limit = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    wanted.min(limit / 100 * parts)
}

/// Shares of the addresses that a process may have, in hundredths: the heap with its tables, the stack that programs run on,
/// the stack of values. The rest is for code, threads, and all that is not the language's.
pub const HEAP_SHARE: usize = 35;
/// See [`HEAP_SHARE`].
pub const STACK_SHARE: usize = 15;
/// See [`HEAP_SHARE`].
pub const VALUES_SHARE: usize = 10;

/// Reserve that many zeroed words for the rest of the process.
///
/// # Errors
/// When the system refuses.
pub fn reserve_words(count: usize) -> Result<*mut u64, String> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping at an address of the system's choice touches no existing memory.
    let address = unsafe {
        libc::mmap(std::ptr::null_mut(), count * WORD_SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    if address == libc::MAP_FAILED {
        return Err(format!(
            "cannot reserve {} MiB of address space; `ulimit -v` bounds it, --max-stack and --max-heap need less",
            count >> 17
        ));
    }
    Ok(address.cast())
}

/// Give a reservation back.
///
/// # Safety
/// `address` came from `reserve_words(count)` and nothing refers to it any more.
pub unsafe fn release_words(address: *mut u64, count: usize) {
    // SAFETY: by this function's contract.
    unsafe { libc::munmap(address.cast(), count * WORD_SIZE) };
}
