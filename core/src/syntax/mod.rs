//! From text to forms: positions, the reader, diagnostics.

mod atom;
mod fault;
mod position;
mod reader;
mod token;

pub use atom::reads_as_symbol;
pub use fault::{Fault, SyntaxError};
pub use position::{Position, Source, Sources};
pub use reader::Reader;
