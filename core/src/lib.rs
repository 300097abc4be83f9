//! Maru's core: the contract that plugins build against.
//!
//! A target turns functions of [`ir`] into machine code ([`codegen`]); a format lays an image out as a file
//! ([`mod@format`]); both are found by [`registry`]. What compiled code knows of the runtime stands in [`abi`]. The language
//! itself, and the compiler that makes IR of it, are crates of their own, which plugins do without:
//!
//! ```text
//! text → reader → forms → expander → resolved tree → interpreter      (maru-language)
//!      → when hot: a whole environment's trees → IR                   (maru-compiler: lower)
//!      → passes                                                       (ir)
//!      → Architecture::compile → code + fixups                        (codegen)
//!      → Image → ObjectFormat::layout → fixups patched → ::write      (format)
//!      → bytes → loader → entry points put into code objects and cells (maru-compiler: load, unit)
//! ```
//!
//! No name of any CPU or file format appears in these crates.

pub mod abi;
pub mod codegen;
pub mod format;
pub mod ir;
pub mod registry;
pub mod tool;

pub use inventory;
/// Names of physical registers: targets take them from here, so that they have the version that is meant.
pub use regalloc2;
