//! Reserving address space whose pages the system commits when they are touched.

use super::WORD_SIZE;

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
        return Err(format!("cannot reserve {} MiB of address space", count >> 17));
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
