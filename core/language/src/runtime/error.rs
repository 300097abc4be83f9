//! Errors of the language: values with kind, message, irritants, position and backtrace.

use super::Runtime;
use crate::value::{offset, Kind, Value};
use maru_core::abi::Position;

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
        // Kind, message, irritants, position and backtrace.
        let fields = [symbol, message, irritants, Value::NIL, Value::NIL];
        let Ok(error) = self.object_of(Kind::Error, fields) else { return Failure };
        self.raise(error)
    }

    /// Raise an error that was made before, or any other value.
    pub fn raise(&mut self, error: Value) -> Failure {
        self.context.failure = error;
        self.extensions.backtrace = Backtrace::default();
        self.extensions.error_in_prelude = Value::NIL;
        Failure
    }

    /// Raise a type error: `what` was wanted, `got` was given to `operation`.
    pub fn type_error(&mut self, operation: &str, what: &str, got: Value) -> Failure {
        self.error(ErrorKind::Type, &format!("{operation}: not {what}"), &[got])
    }

    /// Give the error on its way a position, if it has none yet. SiteFrames in the prelude do not count: what went wrong
    /// there is the fault of the program's call.
    pub fn place_error(&mut self, position: Position) {
        let position = self.written_position(position);
        if position.source == self.extensions.prelude {
            self.extensions.error_in_prelude = self.context.failure;
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
        let mut backtrace = self.extensions.backtrace;
        if backtrace.error != error {
            if !self.is_kind(error, Kind::Error) {
                return;
            }
            backtrace = self.backtrace_so_far(error);
        }
        // Millions of frames may be left.
        if backtrace.frames >= KEPT {
            self.extensions.backtrace = backtrace;
            return;
        }
        let made = self.cons(name, position.to_value()).and_then(|frame| self.cons(frame, Value::NIL));
        // Without memory for the frame, the error keeps the backtrace it has.
        self.context.failure = error;
        let Ok(last) = made else { return };
        if backtrace.frames == 0 {
            self.set_field(error, offset::ERROR_BACKTRACE, last);
        } else {
            self.set_cdr(backtrace.last, last);
        }
        self.extensions.backtrace = Backtrace { error, last, frames: backtrace.frames + 1 };
    }

    /// Give the error on its way the position of a tail call that led to it, unless it comes from inside of what was
    /// called: whoever has left by a call is there no more, and answers for no more than the call itself.
    pub fn place_error_of_call(&mut self, position: Position) {
        let (error, backtrace) = (self.context.failure, self.extensions.backtrace);
        let has_left_function = backtrace.frames > 0 && backtrace.error == error;
        if !has_left_function && self.extensions.error_in_prelude != error {
            self.place_error(position);
        }
    }

    /// The backtrace of an error that was raised again, or whose frames were not counted yet.
    fn backtrace_so_far(&self, error: Value) -> Backtrace {
        let mut last = self.field(error, offset::ERROR_BACKTRACE);
        let frames = self.list_length(last);
        while self.cdr(last).is_pair() {
            last = self.cdr(last);
        }
        Backtrace { error, last, frames }
    }
}

/// The backtrace of the error on its way, as far as it goes, to be gone on with. No root: what it refers to is held by the
/// error, which is on its way as long as this is used.
#[derive(Clone, Copy, Debug)]
pub struct Backtrace {
    /// The error; nil if nothing is known of it.
    error: Value,
    /// The last pair of the list.
    last: Value,
    /// The length of the list.
    frames: usize,
}

impl Default for Backtrace {
    fn default() -> Backtrace {
        Backtrace { error: Value::NIL, last: Value::NIL, frames: 0 }
    }
}

impl Runtime {
    /// Raise `out-of-memory`. The error object was made at the start, since there is no room for a new one.
    pub fn out_of_memory(&mut self) -> Failure {
        let error = self.memory_error;
        self.set_field(error, offset::ERROR_POSITION, Value::NIL);
        self.set_field(error, offset::ERROR_BACKTRACE, Value::NIL);
        self.raise(error)
    }
    /// Raise `stack-overflow`.
    pub fn stack_overflow(&mut self) -> Failure {
        self.error(ErrorKind::StackOverflow, "the stack is used up: recursion too deep", &[])
    }
    /// The error on its way, which is then no longer on its way.
    pub fn take_failure(&mut self) -> Value {
        std::mem::replace(&mut self.context.failure, Value::NIL)
    }
    /// The kind of an error value, if it is one.
    pub fn error_kind(&self, error: Value) -> Option<ErrorKind> {
        let kind = self.is_kind(error, Kind::Error).then(|| self.field(error, offset::ERROR_KIND))?;
        let name = self.symbols.name(self.as_symbol(kind)?);
        ErrorKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
