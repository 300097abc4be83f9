//! Stacks of our own: the large one that programs run on, and the one that collections run on.
//!
//! A collection must see the registers of the code that it interrupts. It runs on another stack: the switch to it
//! saves all callee-saved registers on the stack it leaves, and by the C convention no caller expects
//! any other register to keep a pointer.

#[cfg_attr(target_endian = "little", path = "stack/coroutine.rs")]
#[cfg_attr(target_endian = "big", path = "stack/context.rs")]
mod switch;

use std::cell::Cell;
use std::ops::Range;

/// The size of the stack that programs run on, unless somebody says otherwise.
pub const DEFAULT_STACK_SIZE: usize = 2 << 30;
/// Where halving a refused size ends.
const SMALLEST_STACK: usize = 256 << 10;
/// Inaccessible bytes below a stack; a multiple of every page size in use.
const GUARD_SIZE: usize = 64 << 10;
/// Room for the collector and what it calls.
const SPILL_STACK_SIZE: usize = 1 << 20;

/// A reserved stack, committed by use, with a guard below it.
struct LargeStack {
    mapping: usize,
    size: usize,
}

impl LargeStack {
    /// Reserves `bytes`, or half of it as often as the system refuses.
    fn new(bytes: usize) -> std::io::Result<LargeStack> {
        let bytes = super::reserve::share(bytes, super::reserve::STACK_SHARE);
        let mut bytes = bytes.max(SMALLEST_STACK).next_multiple_of(GUARD_SIZE);
        loop {
            match LargeStack::exactly(bytes) {
                Err(_) if bytes > SMALLEST_STACK => bytes = (bytes / 2).next_multiple_of(GUARD_SIZE),
                result => return result,
            }
        }
    }

    fn exactly(bytes: usize) -> std::io::Result<LargeStack> {
        let size = bytes.checked_add(GUARD_SIZE).ok_or(std::io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: without MAP_FIXED the system picks a range that nobody uses.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let stack = LargeStack { mapping: address as usize, size };
        // SAFETY: the guard is the lowest part of the mapping just made.
        if unsafe { libc::mprotect(address, GUARD_SIZE, libc::PROT_NONE) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(stack)
    }

    /// The addresses that may be used, without the guard.
    fn bounds(&self) -> Range<usize> {
        self.mapping + GUARD_SIZE..self.mapping + self.size
    }
}

impl Drop for LargeStack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody runs on it any more.
        unsafe { libc::munmap(self.mapping as *mut libc::c_void, self.size) };
    }
}

/// Runs a closure on a stack of its own of `bytes` bytes, or of less if the system refuses so much address space.
/// The closure is given the stack's bounds, lowest address first. Panics go through.
pub fn on_large_stack<T>(bytes: usize, body: impl FnOnce(Range<usize>) -> T) -> std::io::Result<T> {
    let stack = LargeStack::new(bytes)?;
    let bounds = stack.bounds();
    Ok(switch::run_on(stack, move || body(bounds)))
}

thread_local! {
    /// The stack that collections run on, while no collection does.
    static SPILL_STACK: Cell<Option<LargeStack>> = const { Cell::new(None) };
}

/// Makes sure that [`spill`] finds its stack.
pub(crate) fn prepare_spill() -> std::io::Result<()> {
    let stack = match SPILL_STACK.take() {
        Some(stack) => stack,
        None => LargeStack::exactly(SPILL_STACK_SIZE)?,
    };
    SPILL_STACK.set(Some(stack));
    Ok(())
}

/// Runs a closure while all registers of the callers are on the callers' stack, at or above the address that the
/// closure is given: scan from there to the stack's base. The closure runs on a stack of its own, of a megabyte.
/// Panics go through.
///
/// # Panics
/// Where no heap was made on this thread before, and there is no memory for the stack.
pub fn spill<T>(body: impl FnOnce(usize) -> T) -> T {
    let mut stack = SPILL_STACK
        .take()
        .or_else(|| LargeStack::exactly(SPILL_STACK_SIZE).ok())
        .expect("memory for the stack that collections run on");
    let result = switch::run_spilled(&mut stack, body);
    SPILL_STACK.set(Some(stack));
    result
}

/// An address in a frame that lies beyond all frames of the callers.
#[inline(never)]
pub fn stack_address() -> usize {
    let marker = 0u64;
    std::hint::black_box(&marker) as *const u64 as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(levels: usize) -> usize {
        let pad = std::hint::black_box([levels; 32]);
        if levels == 0 {
            0
        } else {
            depth(levels - 1) + usize::from(pad[7] == levels)
        }
    }

    #[test]
    fn a_large_stack_holds_deep_recursion_and_returns_a_value() {
        let (levels, bounds, inside) = on_large_stack(DEFAULT_STACK_SIZE, |bounds| {
            let here = stack_address();
            (depth(300_000), bounds.clone(), bounds.contains(&here))
        })
        .unwrap();
        assert_eq!(levels, 300_000);
        assert!(inside);
        assert!(bounds.len() >= SMALLEST_STACK);
        assert!(!bounds.contains(&stack_address()));
    }

    #[test]
    fn a_refused_size_is_halved() {
        let bounds = on_large_stack(1 << 60, |bounds| bounds).unwrap();
        assert!(bounds.len() < 1 << 60);
        assert!(bounds.len() >= 1 << 24);
    }

    #[test]
    fn panics_leave_a_large_stack() {
        let result = std::panic::catch_unwind(|| on_large_stack(1 << 20, |_| panic!("through")));
        let payload = result.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"through"));
    }

    #[test]
    fn panics_leave_a_spill_which_works_again() {
        let result = std::panic::catch_unwind(|| spill(|_| panic!("through")));
        assert_eq!(result.unwrap_err().downcast_ref::<&str>(), Some(&"through"));
        assert_eq!(spill(|_| spill(|_| 7)), 7);
    }

    /// Keeps many values alive across a spill, so that some of them sit in callee-saved registers, and looks for
    /// each of them in the memory that a collector would scan.
    #[test]
    fn spilled_registers_lie_in_the_scanned_range() {
        let base = stack_address() + 4096;
        let seed = std::hint::black_box(0x5eed_0000_0000_0000usize);
        for round in 0..4usize {
            // Opaque, so that each must be kept somewhere rather than computed again.
            let value = |number: usize| std::hint::black_box(seed + round * number + number * 100);
            let (a, b, c, d, e, f, g) = (value(1), value(2), value(3), value(4), value(5), value(6), value(7));
            let words: Vec<usize> = spill(|lowest| {
                assert!(lowest < base);
                // SAFETY: the range is the used part of this thread's stack.
                (lowest.next_multiple_of(8)..base).step_by(8).map(|at| unsafe { *(at as *const usize) }).collect()
            });
            for value in [a, b, c, d, e, f, g].map(std::hint::black_box) {
                assert!(words.contains(&value), "{value:#x} is in no frame");
            }
        }
    }
}
