//! Machines: what runs native code. This host is one, an emulator or the IR evaluator another.

use super::Context;
use crate::value::{Value, Word};

/// Runs code of an architecture.
///
/// Arguments are in the context's argument area; the code loads those that its convention has in registers. The
/// machine serves the context's helpers.
pub trait Machine {
    /// Its name, for reports: `host`, `evaluator`, …
    fn name(&self) -> &str;
    /// Call the Maru function at `entry` with a callee value and an argument count; its result, which may be
    /// `FAILURE`. May be re-entered through a helper.
    ///
    /// # Safety
    /// `context` is the live context of the runtime that calls, `entry` is code that this machine loaded.
    unsafe fn run(&self, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word;
}
