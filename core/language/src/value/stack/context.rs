//! The same by the C library's contexts, for CPUs that the other library does not know: those whose most significant
//! byte comes first. A switch makes a system call, which collections do not notice.

use super::{stack_address, LargeStack};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

/// A context of the C library, with room for what versions to come may add to it.
#[repr(C)]
struct Saved {
    context: libc::ucontext_t,
    room: [u64; 64],
}

/// What is to run on the other stack: a function and what it is given.
type Start = (unsafe fn(*mut ()), *mut ());

thread_local! {
    static START: Cell<Option<Start>> = const { Cell::new(None) };
}

/// The first function on another stack.
extern "C" fn start() {
    let (function, job) = START.take().expect("who switches here says what to run");
    // SAFETY: the job is that of the frame which switched here, and waits.
    unsafe { function(job) };
}

/// What runs, and what came of it.
struct Job<F, T> {
    body: Option<F>,
    result: Option<std::thread::Result<T>>,
}

unsafe fn run_job<F: FnOnce() -> T, T>(job: *mut ()) {
    // SAFETY: `switch` made it of a job of this type.
    let job = unsafe { &mut *job.cast::<Job<F, T>>() };
    let body = job.body.take().expect("a job runs once");
    job.result = Some(catch_unwind(AssertUnwindSafe(body)));
}

/// Runs a closure on a stack, with the address of the context that keeps the registers of the callers.
fn switch<T>(stack: &LargeStack, body: impl FnOnce(usize) -> T) -> T {
    let mut back = MaybeUninit::<Saved>::zeroed();
    let mut fresh = MaybeUninit::<Saved>::zeroed();
    let lowest = (back.as_ptr() as usize).min(stack_address());
    let mut job = Job { body: Some(move || body(lowest)), result: None };
    fn function<F: FnOnce() -> T, T>(_: &Job<F, T>) -> unsafe fn(*mut ()) {
        run_job::<F, T>
    }
    let function = function(&job);
    let bounds = stack.bounds();
    // SAFETY: both contexts are written by the C library before they are read, stay in this frame until the other stack
    // is left, and the stack is ours and not in use. The job is not touched here while the other stack runs.
    unsafe {
        let (back, fresh) = (&raw mut (*back.as_mut_ptr()).context, &raw mut (*fresh.as_mut_ptr()).context);
        assert_eq!(libc::getcontext(fresh), 0, "the context of this thread");
        (*fresh).uc_stack.ss_sp = bounds.start as *mut libc::c_void;
        (*fresh).uc_stack.ss_size = bounds.len();
        (*fresh).uc_link = back;
        libc::makecontext(fresh, start, 0);
        START.set(Some((function, (&raw mut job).cast())));
        assert_eq!(libc::swapcontext(back, fresh), 0, "another stack");
    }
    match job.result.take().expect("the job has run") {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs a closure on a stack. Panics go through.
pub(super) fn run_on<T>(stack: LargeStack, body: impl FnOnce() -> T) -> T {
    switch(&stack, |_| body())
}

/// Runs a closure on a stack, while all registers of the callers lie at or above the address that it is given.
pub(super) fn run_spilled<T>(stack: &mut LargeStack, body: impl FnOnce(usize) -> T) -> T {
    switch(stack, body)
}
