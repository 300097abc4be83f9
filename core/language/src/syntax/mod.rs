//! From text to forms and back: the reader, the printer, diagnostics.

mod atom;
mod complete;
mod diagnostic;
mod fault;
pub mod print;
mod reader;
mod suggestion;
mod token;

pub use atom::reads_as_symbol;
pub use complete::is_incomplete;
pub use diagnostic::{render_error, render_syntax_error};
pub use fault::{SyntaxError, SyntaxErrorKind};
pub use reader::Reader;
