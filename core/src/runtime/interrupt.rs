//! Interrupts: somebody outside asks the program to stop where it is, with an error of kind `interrupt`.
//!
//! Loops look at the context's interrupt word at every turn. Functions look at nothing but the stack's limit, which
//! they compare with anyway: a request moves it to where no frame fits, and serving the request moves it back.

use super::Context;
use std::ptr;

/// In the context's interrupt word: somebody asked for an interrupt.
pub const INTERRUPT_REQUESTED: u64 = 1;
/// In the context's interrupt word: memory ran out where no error could be raised.
pub const INTERRUPT_MEMORY: u64 = 2;

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

impl Context {
    /// What the interrupt word says, which is then forgotten.
    pub fn take_interrupt(&mut self) -> u64 {
        // SAFETY: fields of this context; a signal handler may have written them.
        unsafe {
            ptr::write_volatile(&raw mut self.stack_limit, self.stack_floor);
            let asked = ptr::read_volatile(&raw const self.interrupt);
            ptr::write_volatile(&raw mut self.interrupt, 0);
            asked
        }
    }
}
