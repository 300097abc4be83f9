//! Ctrl-C, what asks a process to end (SIGTERM, and SIGHUP when its terminal is gone), and the end of its time: the first asks the program to
//! stop, with an error that it may catch; a second one, before the first was served, ends the process.

use maru_core::abi::{request_interrupt, Context};
use maru_language::runtime::Runtime;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

/// The exit status of a program that an interrupt ended: 128 and the signal's number, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// The context of the program that runs; null if none does.
static CONTEXT: AtomicPtr<Context> = AtomicPtr::new(std::ptr::null_mut());

/// The signal that asked last.
static SIGNAL: AtomicI32 = AtomicI32::new(libc::SIGINT);

/// What asks a program to stop.
const SIGNALS: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGALRM];

/// The exit status of a program that was asked to stop: 128 and the signal's number, as shells have it.
pub fn status() -> u8 {
    exit_status(SIGNAL.load(Ordering::Relaxed))
}

fn exit_status(signal: libc::c_int) -> u8 {
    // Signals have small numbers.
    128 + signal as u8
}

extern "C" fn on_interrupt(signal: libc::c_int) {
    SIGNAL.store(signal, Ordering::Relaxed);
    let context = CONTEXT.load(Ordering::Relaxed);
    // SAFETY: a context is in there only while it lives (`Watch`).
    if context.is_null() || !unsafe { request_interrupt(context) } {
        // SAFETY: the function has no preconditions, and may be called in a signal handler.
        unsafe { libc::_exit(exit_status(signal).into()) };
    }
}

/// While it lives, those signals interrupt the runtime.
pub struct Watch(());

impl Watch {
    /// Watch for a runtime.
    pub fn over(runtime: &mut Runtime) -> Watch {
        CONTEXT.store(&raw mut *runtime.context, Ordering::Relaxed);
        // SAFETY: all zeros are an action without flags: a system call that waits is ended by the signal, so that
        // whoever waits for input hears of it.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
        for signal in SIGNALS {
            // SAFETY: the action is complete, and its handler calls nothing that a handler must not call. What was there
            // is put back where the process was started to ignore the signal, as by `nohup`.
            unsafe {
                let mut before: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, &raw const action, &raw mut before);
                if signal != libc::SIGINT && before.sa_sigaction == libc::SIG_IGN {
                    libc::sigaction(signal, &raw const before, std::ptr::null_mut());
                }
            }
        }
        Watch(())
    }
}

const NO_TIMER: libc::itimerval = libc::itimerval {
    it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
    it_value: libc::timeval { tv_sec: 0, tv_usec: 0 },
};

/// Ask the program to stop after so many seconds, and again every second from then on: one that does not notice is ended
/// by the second, as by Ctrl-C.
pub fn ask_after(time: std::time::Duration) {
    let part = |time: std::time::Duration| libc::timeval {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(time.subsec_micros() as i32),
    };
    let timer = libc::itimerval { it_value: part(time), it_interval: part(std::time::Duration::from_secs(1)) };
    // SAFETY: the timer is complete, and its signal has a handler.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: the timer is complete: none is set.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &NO_TIMER, std::ptr::null_mut()) };
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
