//! Ctrl-C: the first asks the program to stop, with an error that it may catch; a second one, before the first was
//! served, ends the process.

use maru_core::abi::{request_interrupt, Context};
use maru_language::runtime::Runtime;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The exit status of a program that an interrupt ended: 128 and the signal's number, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// The context of the program that runs; null if none does.
static CONTEXT: AtomicPtr<Context> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn on_interrupt(_signal: libc::c_int) {
    let context = CONTEXT.load(Ordering::Relaxed);
    // SAFETY: a context is in there only while it lives (`Watch`).
    if context.is_null() || !unsafe { request_interrupt(context) } {
        // SAFETY: the function has no preconditions, and may be called in a signal handler.
        unsafe { libc::_exit(INTERRUPTED.into()) };
    }
}

/// While it lives, Ctrl-C interrupts the runtime.
pub struct Watch(());

impl Watch {
    /// Watch for a runtime.
    pub fn over(runtime: &mut Runtime) -> Watch {
        CONTEXT.store(&raw mut *runtime.context, Ordering::Relaxed);
        // SAFETY: all zeros are an action without flags: a system call that waits is ended by the signal, so that
        // whoever waits for input hears of it.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the action is complete, and its handler calls nothing that a handler must not call.
        unsafe { libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut()) };
        Watch(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        CONTEXT.store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// Set by Ctrl-C once [`flag`] was asked for.
static FLAG: AtomicBool = AtomicBool::new(false);

extern "C" fn on_flagged_interrupt(_signal: libc::c_int) {
    if FLAG.swap(true, Ordering::Relaxed) {
        // SAFETY: the function has no preconditions, and may be called in a signal handler.
        unsafe { libc::_exit(INTERRUPTED.into()) };
    }
}

/// For what runs no program in this process, and looks at a flag between its steps: from now on Ctrl-C sets it. A
/// second Ctrl-C ends the process.
pub fn flag() -> &'static AtomicBool {
    let handler = on_flagged_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler calls nothing that a handler must not call.
    unsafe { libc::signal(libc::SIGINT, handler) };
    &FLAG
}
