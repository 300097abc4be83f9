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
        self.extensions.raised_at = Position::UNKNOWN;
        self.raise_again(error)
    }

    /// What is on its way waits for a part that is done in any case, in which other values may be raised and caught. An
    /// error has its own position; where any other value was raised is remembered here.
    pub fn wait(&mut self) -> Value {
        /// Deeper in each other are not many; those that never go on do not pile up.
        const REMEMBERED: usize = 64;
        let waiting = &mut self.extensions.waiting;
        if waiting.len() == REMEMBERED {
            waiting.remove(0);
        }
        waiting.push((self.context.failure, self.extensions.raised_at));
        self.take_failure()
    }

    /// Raise what waited.
    pub fn go_on(&mut self, error: Value) -> Failure {
        let waiting = &mut self.extensions.waiting;
        if let Some(at) = waiting.iter().rposition(|(other, _)| *other == error) {
            self.extensions.raised_at = waiting[at].1;
            waiting.truncate(at);
        }
        self.raise_again(error)
    }

    /// Raise what was on its way before: if it is no error, it keeps the position that it had.
    fn raise_again(&mut self, error: Value) -> Failure {
        self.context.failure = error;
        self.extensions.has_passed_frames = false;
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
        if !self.is_kind(error, Kind::Error) {
            if !self.extensions.raised_at.is_known() {
                self.extensions.raised_at = position;
            }
        } else if self.field(error, offset::ERROR_POSITION).is_nil() {
            self.set_field(error, offset::ERROR_POSITION, position.to_value());
        }
    }

    /// Note that the error on its way leaves the function with this name (a symbol or nil), which was at a position.
    ///
    /// The backtrace is a list of frames, pairs of a name and a position. Behind one that was left several times in a row
    /// stands how many times, an integer. Behind the last that is kept stands how many more were left, below zero.
    pub fn pass_frame(&mut self, name: Value, position: Position) {
        const KEPT: usize = 50;
        self.extensions.has_passed_frames = true;
        let error = self.context.failure;
        let mut backtrace = self.extensions.backtrace;
        if backtrace.error != error {
            if !self.is_kind(error, Kind::Error) {
                return;
            }
            backtrace = self.backtrace_so_far(error);
        }
        let Some(name) = self.shown_name(name, position) else { return };
        let frame = backtrace.frame;
        let same = frame.is_pair() && self.car(frame) == name && self.cdr(frame) == position.to_value();
        let last = self.car(backtrace.last).as_fixnum();
        let number = match (same, last) {
            (_, Some(dropped)) if dropped < 0 => dropped - 1,
            (true, count) => count.unwrap_or(1) + 1,
            (false, _) if backtrace.kept == KEPT => -1,
            (false, _) => 0,
        };
        if last.is_some_and(|last| last.signum() == number.signum()) {
            self.set_car(backtrace.last, Value::fixnum(number));
            self.extensions.backtrace = backtrace;
            return;
        }
        let element = match number {
            0 => self.cons(name, position.to_value()),
            number => Ok(Value::fixnum(number)),
        };
        let made = element.and_then(|element| Ok((element, self.cons(element, Value::NIL)?)));
        // Without memory for the frame, the error keeps the backtrace it has.
        self.context.failure = error;
        let Ok((element, pair)) = made else { return };
        match backtrace.last.is_pair() {
            true => self.set_cdr(backtrace.last, pair),
            false => self.set_field(error, offset::ERROR_BACKTRACE, pair),
        }
        backtrace.last = pair;
        if number == 0 {
            backtrace.frame = element;
            backtrace.kept += 1;
        }
        self.extensions.backtrace = backtrace;
    }

    /// What a function is called in backtraces. The prelude's own, whose names begin with a percent sign, stand for those
    /// that programs know, if they are called alike; else they are not shown.
    fn shown_name(&mut self, name: Value, position: Position) -> Option<Value> {
        if position.source != self.extensions.prelude {
            return Some(name);
        }
        let Some(symbol) = self.as_symbol(name) else { return Some(name) };
        let Some(known) = self.symbols.name(symbol).strip_prefix('%') else { return Some(name) };
        let known = self.symbols.find(known)?;
        let global = self.environments.get(self.global_environment());
        let is_bound = global.cells.get(&known).is_some_and(|cell| self.cells.get(*cell).bound);
        is_bound.then(|| self.symbols.value(known))
    }

    /// Give the error on its way the position of a tail call that led to it, unless it comes from inside of what was
    /// called: whoever has left by a call is there no more, and answers for no more than the call itself.
    pub fn place_error_of_call(&mut self, position: Position) {
        let is_from_prelude = self.extensions.error_in_prelude == self.context.failure;
        if !self.extensions.has_passed_frames && !is_from_prelude {
            self.place_error(position);
        }
    }

    /// The backtrace of an error that was raised again, or whose frames were not counted yet.
    fn backtrace_so_far(&self, error: Value) -> Backtrace {
        let mut backtrace = Backtrace { error, ..Backtrace::default() };
        let mut rest = self.field(error, offset::ERROR_BACKTRACE);
        while rest.is_pair() {
            let element = self.car(rest);
            if element.is_pair() {
                backtrace.frame = element;
                backtrace.kept += 1;
            }
            backtrace.last = rest;
            rest = self.cdr(rest);
        }
        backtrace
    }

    /// The frames of an error, innermost first, and how many more it has left.
    pub fn frames(&self, error: Value) -> (Vec<Frame>, u64) {
        let mut frames: Vec<Frame> = Vec::new();
        let mut dropped = 0;
        let mut rest = self.field(error, offset::ERROR_BACKTRACE);
        while rest.is_pair() {
            let element = self.car(rest);
            match (element.as_fixnum(), frames.last_mut()) {
                (Some(number), _) if number < 0 => dropped = number.unsigned_abs(),
                (Some(count), Some(frame)) => frame.count = count as u64,
                _ => frames.push(Frame {
                    name: self.car(element),
                    position: Position::from_value(self.cdr(element)),
                    count: 1,
                }),
            }
            rest = self.cdr(rest);
        }
        (frames, dropped)
    }
}

/// A function that an error has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its name, a symbol or nil; a string is a note to another place of a syntax error.
    pub name: Value,
    /// Where it was.
    pub position: Position,
    /// How many times it was left in a row.
    pub count: u64,
}

/// The backtrace of the error on its way, as far as it goes, to be gone on with. No root: what it refers to is held by the
/// error, which is on its way as long as this is used.
#[derive(Clone, Copy, Debug)]
pub struct Backtrace {
    /// The error; nil if nothing is known of it.
    error: Value,
    /// The last pair of the list.
    last: Value,
    /// The last frame in it.
    frame: Value,
    /// How many frames are in it.
    kept: usize,
}

impl Default for Backtrace {
    fn default() -> Backtrace {
        Backtrace { error: Value::NIL, last: Value::NIL, frame: Value::NIL, kept: 0 }
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
