//! Syntax errors of the reader, before they become values.

use crate::runtime::{ErrorKind, Failure, Runtime};
use crate::value::offset;
use maru_core::abi::Position;

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub position: Position,
    /// A second place that helps to understand it, and what is there.
    pub also: Option<(Position, String)>,
    /// What kind of fault it is.
    pub kind: SyntaxErrorKind,
}

/// Kinds of faults in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// The text is wrong.
    Malformed,
    /// The text ends too early: more of it could make it right.
    Incomplete,
    /// Memory was used up while reading; the error is in the context.
    Memory,
}

impl SyntaxError {
    pub(super) fn new(message: String, position: Position) -> SyntaxError {
        SyntaxError { message, position, also: None, kind: SyntaxErrorKind::Malformed }
    }
    pub(super) fn with(mut self, label: &str, position: Position) -> SyntaxError {
        self.also = Some((position, label.into()));
        self
    }
    pub(super) fn incomplete(mut self) -> SyntaxError {
        self.kind = SyntaxErrorKind::Incomplete;
        self
    }
    pub(super) fn memory(mut self) -> SyntaxError {
        self.kind = SyntaxErrorKind::Memory;
        self
    }

    /// Raise this as an error of the language. A second place becomes an entry of the backtrace whose name is a
    /// string, which the rendering of errors shows as a label.
    pub fn raise(&self, runtime: &mut Runtime) -> Failure {
        if self.kind == SyntaxErrorKind::Memory {
            return Failure;
        }
        runtime.error(ErrorKind::Syntax, &self.message, &[]);
        runtime.place_error(self.position);
        let error = runtime.context.failure;
        if let Some((position, label)) = &self.also {
            let made = runtime.string(label).and_then(|label| {
                let frame = runtime.cons(label, position.to_value())?;
                runtime.list(&[frame])
            });
            runtime.context.failure = error;
            if let Ok(frames) = made {
                runtime.set_field(error, offset::ERROR_BACKTRACE, frames);
            }
        }
        Failure
    }
}
