//! Interrupts: somebody outside asks the program to stop where it is, with an error of kind `interrupt`.
//!
//! Loops look at the context's interrupt word at every turn. Functions look at nothing but the stack's limit, which
//! they compare with anyway: a request moves it to where no frame fits, and serving the request moves it back.

use super::fact::facts;
use super::Context;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

facts! { "interrupt":
/// In the context's interrupt word: somebody asked for an interrupt.
pub const INTERRUPT_REQUESTED: u64 = 1;
/// In the context's interrupt word: memory ran out where no error could be raised.
pub const INTERRUPT_MEMORY: u64 = 2;
/// In the context's interrupt word: code is ready, or is to be made. Nothing stops; only those look who look at the
/// word itself, and any other interrupt takes its place.
pub const INTERRUPT_COMPILED: u64 = 3;
}

/// Ask the program that runs with a context to stop; whether this is the first request since the last was served.
/// May be called from a signal handler: it only reads and writes words.
///
/// # Safety
/// The context is alive during the call.
pub unsafe fn request_interrupt(context: *mut Context) -> bool {
    // SAFETY: by this function's contract; whoever runs meanwhile only compares these words or puts them back.
    unsafe {
        let interrupt = &raw mut (*context).interrupt;
        if ptr::read_volatile(interrupt) == INTERRUPT_REQUESTED {
            return false;
        }
        ptr::write_volatile(interrupt, INTERRUPT_REQUESTED);
        ptr::write_volatile(&raw mut (*context).stack_limit, usize::MAX);
    }
    true
}

/// Tell the program that code is ready, unless it has an interrupt to serve already. For any thread.
///
/// # Safety
/// The word is the interrupt word of a context that is alive during the call.
pub unsafe fn announce_compiled(interrupt: *mut u64) {
    // SAFETY: by this function's contract; the word is aligned, and native code reads it as a whole.
    let interrupt = unsafe { AtomicU64::from_ptr(interrupt) };
    let _ = interrupt.compare_exchange(0, INTERRUPT_COMPILED, Ordering::Release, Ordering::Relaxed);
}

impl Context {
    /// What the interrupt word says, which is then forgotten.
    pub fn take_interrupt(&mut self) -> u64 {
        // SAFETY: fields of this context; a signal handler or another thread may write them meanwhile.
        unsafe {
            let asked = AtomicU64::from_ptr(&raw mut self.interrupt).swap(0, Ordering::Acquire);
            ptr::write_volatile(&raw mut self.stack_limit, self.stack_floor);
            // A request that came in between must still be noticed by functions.
            if ptr::read_volatile(&raw const self.interrupt) == INTERRUPT_REQUESTED {
                ptr::write_volatile(&raw mut self.stack_limit, usize::MAX);
            }
            asked
        }
    }

    /// Whether somebody asks the program to stop.
    pub fn is_interrupt_requested(&self) -> bool {
        // SAFETY: a field of this context; a signal handler may have written it.
        unsafe { ptr::read_volatile(&raw const self.interrupt) == INTERRUPT_REQUESTED }
    }
}
