//! From text to forms: positions, the reader, diagnostics.

mod position;

pub use position::{Position, Source, Sources};
