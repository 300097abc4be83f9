//! `maru run --profile`: where the time of a program goes.
//!
//! ```text
//! timer ─ signal ─→ sampler: addresses on the machine stack, and what the interpreter notes ─ at the end ─→ stacks:
//! functions and lines ─→ report: shares by function and line, a flame graph
//! ```

mod report;
mod sampler;
mod stacks;

pub use report::write;
pub use sampler::Sampler;
