//! Maru's language, and its reference interpreter.
//!
//! ```text
//! text → reader → forms (syntax) → expander → resolved tree → interpreter (interp)
//! ```
//!
//! Folders, each of which imports only those before it: [`value`] (heap and numbers), [`runtime`] (the state of a run),
//! [`syntax`] (forms from text and back), [`interp`]. Nothing here knows a compiler: a run may have one, as
//! [`runtime::NativeCode`].

pub mod interp;
pub mod runtime;
pub mod syntax;
pub mod value;
