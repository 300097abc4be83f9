//! Maru's compiler: from resolved trees to code that runs.
//!
//! ```text
//! a whole environment's trees → IR (lower) → passes → machine code → image → library (unit::pipeline)
//!      → loader (load) → entry points put into code objects and cells (unit)
//! ```
//!
//! What runs code that this host's CPU or loader does not is a [`machine`], which plugins add to. To the language, all
//! of this is one [`maru_language::runtime::NativeCode`].

pub mod load;
pub mod lower;
pub mod machine;
pub mod unit;

pub use inventory;
pub use unit::runtime;
