//! From text to resolved trees: reader, expander, printer, diagnostics.

mod diagnostic;
mod expand;
mod program;
mod reader;

use maru_language::runtime::{Options, Runtime};
use maru_language::syntax::Reader;
use maru_language::value::heap::HeapOptions;
use maru_language::value::on_large_stack;

/// A runtime that does not collect.
fn runtime() -> Box<Runtime> {
    let here = 0u8;
    let base = std::ptr::from_ref(&here) as usize;
    let heap = HeapOptions { initial_budget: 1 << 40, ..HeapOptions::default() };
    // Test threads have 2 MiB, of which little is used yet.
    Runtime::new(Options { heap, ..Options::default() }, base - (1 << 20)..base).expect("a runtime")
}

/// Run something with a runtime that collects at every allocation.
fn with_stressed_runtime<R>(run: impl FnOnce(&mut Runtime) -> R) -> R {
    on_large_stack(64 << 20, |stack| {
        let options = Options { heap: HeapOptions::stress(), verify_heap: true, ..Options::default() };
        run(&mut Runtime::new(options, stack).expect("a runtime"))
    })
    .expect("a stack")
}
