//! Errors of the language: values with kind, message, irritants, position and backtrace.

use super::Runtime;
use crate::syntax::Position;
use crate::value::{offset, Kind, Value};

/// What went wrong, in the language's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum ErrorKind {
    Syntax,
    Unbound,
    Type,
    Arity,
    NotApplicable,
    NoMethod,
    DivisionByZero,
    Index,
    User,
    Io,
    StackOverflow,
    OutOfMemory,
    OutOfFuel,
    Interrupt,
    Compile,
    Load,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [ErrorKind; 16] = [
        ErrorKind::Syntax,
        ErrorKind::Unbound,
        ErrorKind::Type,
        ErrorKind::Arity,
        ErrorKind::NotApplicable,
        ErrorKind::NoMethod,
        ErrorKind::DivisionByZero,
        ErrorKind::Index,
        ErrorKind::User,
        ErrorKind::Io,
        ErrorKind::StackOverflow,
        ErrorKind::OutOfMemory,
        ErrorKind::OutOfFuel,
        ErrorKind::Interrupt,
        ErrorKind::Compile,
        ErrorKind::Load,
    ];
    /// The symbol that programs see.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Syntax => "syntax",
            ErrorKind::Unbound => "unbound",
            ErrorKind::Type => "type",
            ErrorKind::Arity => "arity",
            ErrorKind::NotApplicable => "not-applicable",
            ErrorKind::NoMethod => "no-method",
            ErrorKind::DivisionByZero => "division-by-zero",
            ErrorKind::Index => "index",
            ErrorKind::User => "user",
            ErrorKind::Io => "io",
            ErrorKind::StackOverflow => "stack-overflow",
            ErrorKind::OutOfMemory => "out-of-memory",
            ErrorKind::OutOfFuel => "out-of-fuel",
            ErrorKind::Interrupt => "interrupt",
            ErrorKind::Compile => "compile",
            ErrorKind::Load => "load",
        }
    }
}

/// An error is on its way; the error itself is in the context. See [`Context::failure`](super::Context::failure).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure;

/// A value, or an error on its way.
pub type Outcome = Result<Value, Failure>;

impl Runtime {
    /// Raise an error whose position is that of the call being evaluated, which the caller adds on the way out.
    pub fn error(&mut self, kind: ErrorKind, message: &str, irritants: &[Value]) -> Failure {
        let irritants = match self.list(irritants) {
            Ok(list) => list,
            Err(failure) => return failure,
        };
        let symbol = self.symbol_value(kind.name());
        let Ok(message) = self.string(message) else { return Failure };
        let Ok(error) = self.object(Kind::Error, 5) else { return Failure };
        self.set_field(error, offset::ERROR_KIND, symbol);
        self.set_field(error, offset::ERROR_MESSAGE, message);
        self.set_field(error, offset::ERROR_IRRITANTS, irritants);
        self.raise(error)
    }

    /// Raise an error that was made before, or any other value.
    pub fn raise(&mut self, error: Value) -> Failure {
        self.context.failure = error;
        self.extensions.full_backtrace = Value::NIL;
        Failure
    }

    /// Raise a type error: `what` was wanted, `got` was given to `operation`.
    pub fn type_error(&mut self, operation: &str, what: &str, got: Value) -> Failure {
        self.error(ErrorKind::Type, &format!("{operation}: not {what}"), &[got])
    }

    /// Give the error on its way a position, if it has none yet. Places in the prelude do not count: what went wrong
    /// there is the fault of the program's call.
    pub fn place_error(&mut self, position: Position) {
        let position = self.written_position(position);
        if position.source == self.extensions.prelude {
            return;
        }
        let error = self.context.failure;
        if self.is_kind(error, Kind::Error) && self.field(error, offset::ERROR_POSITION).is_nil() {
            self.set_field(error, offset::ERROR_POSITION, position.to_value());
        }
    }

    /// Note that the error on its way leaves the function with this name (a symbol or nil), which was at a
    /// position. At most a few dozen frames are kept.
    pub fn pass_frame(&mut self, name: Value, position: Position) {
        const KEPT: usize = 50;
        let error = self.context.failure;
        // Millions of frames may be left.
        if error == self.extensions.full_backtrace || !self.is_kind(error, Kind::Error) {
            return;
        }
        if self.list_length(self.field(error, offset::ERROR_BACKTRACE)) >= KEPT {
            self.extensions.full_backtrace = error;
            return;
        }
        let frames = self.field(error, offset::ERROR_BACKTRACE);
        let made = self.cons(name, position.to_value()).and_then(|frame| {
            let last = self.cons(frame, Value::NIL)?;
            Ok(self.append_last(frames, last))
        });
        // Without memory for the frame, the error keeps the backtrace it has.
        self.context.failure = error;
        if let Ok(frames) = made {
            self.set_field(error, offset::ERROR_BACKTRACE, frames);
        }
    }

    fn append_last(&mut self, list: Value, last: Value) -> Value {
        let mut at = list;
        if !at.is_pair() {
            return last;
        }
        while self.cdr(at).is_pair() {
            at = self.cdr(at);
        }
        self.set_cdr(at, last);
        list
    }
}
