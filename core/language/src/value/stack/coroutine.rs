//! Running on another stack, by the library that does it in a few instructions.

use super::{stack_address, LargeStack};
use corosensei::stack::{Stack, StackPointer};
use corosensei::{CoroutineResult, ScopedCoroutine, Yielder};

// SAFETY: base and limit are multiples of 16, the usable part is large enough, and the guard catches overflow.
unsafe impl Stack for LargeStack {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.mapping + self.size).expect("mappings do not end at address 0")
    }
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.mapping).expect("mappings do not start at address 0")
    }
}

/// Runs a closure on a stack. Panics go through.
pub(super) fn run_on<T>(stack: LargeStack, body: impl FnOnce() -> T) -> T {
    corosensei::on_stack(stack, body)
}

/// Runs a closure on a stack, while all registers of the callers lie at or above the address that it is given.
pub(super) fn run_spilled<T>(stack: &mut LargeStack, body: impl FnOnce(usize) -> T) -> T {
    let coroutine = ScopedCoroutine::with_stack(stack, |yielder: &Yielder<(), ()>, ()| {
        // A frame below everything that the switch saved marks the end of the range to scan.
        let lowest = yielder.on_parent_stack(stack_address);
        body(lowest)
    });
    coroutine.scope(|mut coroutine| match coroutine.as_mut().resume(()) {
        CoroutineResult::Return(value) => value,
        CoroutineResult::Yield(()) => unreachable!("the body cannot suspend"),
    })
}
