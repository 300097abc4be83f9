//! Real memory, as loads and stores of the IR see it.

use crate::ir::Width;

/// Load from an address; narrow loads extend with zeros, doubles are their bits.
///
/// # Safety
/// As many bytes as the width says must be readable at the address.
pub(super) unsafe fn load(width: Width, address: u64) -> u64 {
    let address = address as usize;
    // SAFETY: the caller vouches for the address; no alignment is assumed.
    unsafe {
        match width {
            Width::Byte => (address as *const u8).read().into(),
            Width::Four => (address as *const u32).read_unaligned().into(),
            Width::Word | Width::Double => (address as *const u64).read_unaligned(),
        }
    }
}

/// Store to an address.
///
/// # Safety
/// As many bytes as the width says must be writable at the address.
pub(super) unsafe fn store(width: Width, value: u64, address: u64) {
    let address = address as usize;
    // SAFETY: the caller vouches for the address; no alignment is assumed.
    unsafe {
        match width {
            Width::Byte => (address as *mut u8).write(value as u8),
            Width::Four => (address as *mut u32).write_unaligned(value as u32),
            Width::Word | Width::Double => (address as *mut u64).write_unaligned(value),
        }
    }
}
