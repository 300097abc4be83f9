//! Maru's core: the language, its reference interpreter, and the contracts of its back ends.
//!
//! The way of a program:
//!
//! ```text
//! text → reader → forms → expander → resolved tree → interpreter      (syntax, value, interp)
//!      → when hot: a whole environment's trees → IR → passes          (unit, lower, ir)
//!      → Architecture::compile → code + fixups                        (target)
//!      → Image → ObjectFormat::layout → fixups patched → ::write      (format)
//!      → bytes → loader → entry points put into code objects and cells (load, unit, runtime)
//! ```
//!
//! No name of any CPU or file format appears in this crate: those are plugins, found by [`registry`].

pub mod format;
pub mod interp;
pub mod ir;
pub mod load;
pub mod lower;
pub mod registry;
pub mod runtime;
pub mod syntax;
pub mod target;
pub mod unit;
pub mod value;

pub use inventory;
