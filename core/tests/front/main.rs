//! From text to resolved trees: reader, expander, printer, diagnostics.

mod expand;

use maru_core::runtime::{Options, Runtime};
use maru_core::syntax::Reader;

/// A runtime on this thread's stack.
fn runtime() -> Box<Runtime> {
    let here = 0u8;
    let base = std::ptr::from_ref(&here) as usize;
    // Test threads have 2 MiB, of which little is used yet; what lies above belongs to the test's callers.
    Runtime::new(Options::default(), base - (1 << 20)..base + (4 << 10)).expect("a runtime")
}
