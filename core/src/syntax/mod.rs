//! From text to forms: positions, the reader, diagnostics.

mod atom;
mod complete;
mod diagnostic;
mod fault;
mod position;
mod reader;
mod token;

pub use atom::reads_as_symbol;
pub use complete::is_incomplete;
pub use diagnostic::{render_error, render_syntax_error};
pub use fault::{Fault, SyntaxError};
pub use position::{Position, Source, Sources};
pub use reader::Reader;
pub(crate) use token::is_delimiter;
