//! Taking forms apart, and saying what is wrong with them.

use super::{Expander, FormContext};
use crate::runtime::{ErrorKind, Failure, Symbol};
use crate::value::Value;
use maru_core::abi::{Position, MAX_WRITTEN_ARGUMENTS};

impl Expander<'_> {
    /// Raise `syntax` at a position.
    #[cold]
    pub fn fail(&mut self, position: Position, message: &str, irritants: &[Value]) -> Failure {
        self.runtime.error(ErrorKind::Syntax, message, irritants);
        self.runtime.place_error(position);
        Failure
    }

    /// Raise `syntax` for a form: at its own position if it has one.
    #[cold]
    pub fn malformed(&mut self, form: Value, place: FormContext, message: &str) -> Failure {
        let position = self.position_of(form, place.position);
        self.fail(position, message, &[form])
    }

    /// Where a form stands, or else where the enclosing one does.
    pub fn position_of(&self, form: Value, enclosing: Position) -> Position {
        if !form.is_pair() {
            return enclosing;
        }
        self.runtime.positions.get(&(form.address() as u64)).copied().unwrap_or(enclosing)
    }

    /// The number of elements of a list that ends in nil; `None` for anything else, circular lists among it.
    pub fn proper_length(&self, list: Value) -> Option<usize> {
        let (mut hare, mut tortoise, mut length) = (list, list, 0usize);
        while hare.is_pair() {
            hare = self.runtime.cdr(hare);
            length += 1;
            if length.is_multiple_of(2) {
                tortoise = self.runtime.cdr(tortoise);
                if hare == tortoise && hare.is_pair() {
                    return None;
                }
            }
        }
        hare.is_nil().then_some(length)
    }

    /// The operands of a form, whose number must lie in a range. `what` says what is wanted.
    pub fn operands(&mut self, form: Value, place: FormContext, counts: Counts, what: &str) -> Result<Value, Failure> {
        let operands = self.runtime.cdr(form);
        match self.proper_length(operands) {
            Some(length) if length >= counts.least && counts.most.is_none_or(|most| length <= most) => Ok(operands),
            Some(_) => Err(self.malformed(form, place, what)),
            None => {
                let name = self.name_of(form);
                Err(self.malformed(form, place, &format!("{name}: the form is no proper list")))
            }
        }
    }

    /// The name of the form's operator, for messages.
    pub fn name_of(&self, form: Value) -> String {
        let head = self.runtime.car(form);
        match self.runtime.as_symbol(head) {
            Some(symbol) => self.runtime.symbols.name(symbol).to_string(),
            None => "call".into(),
        }
    }

    /// Whether a value is the symbol with this name.
    pub fn is_symbol(&self, value: Value, name: &str) -> bool {
        self.runtime.as_symbol(value).is_some_and(|symbol| self.runtime.symbols.name(symbol) == name)
    }

    /// The symbol that a form must be.
    pub fn symbol(&mut self, form: Value, place: FormContext, what: &str) -> Result<Symbol, Failure> {
        match self.runtime.as_symbol(form) {
            Some(symbol) => Ok(symbol),
            None => Err(self.malformed(form, place, what)),
        }
    }

    /// Raise `syntax` if more operands or parameters are written than a call can have.
    pub fn check_written(&mut self, count: usize, form: Value, place: FormContext, what: &str) -> Result<(), Failure> {
        if count <= MAX_WRITTEN_ARGUMENTS {
            return Ok(());
        }
        let message = format!("{what}: {count} are written, but no more than {MAX_WRITTEN_ARGUMENTS} can be");
        Err(self.malformed(form, place, &message))
    }

    /// The element of a list at an index; nil past its end.
    pub fn element(&self, mut list: Value, index: usize) -> Value {
        for _ in 0..index {
            list = self.runtime.cdr(list);
        }
        self.runtime.car(list)
    }
}

/// How many operands a form takes.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub least: usize,
    pub most: Option<usize>,
}

/// From `least` operands on.
pub(super) fn at_least(least: usize) -> Counts {
    Counts { least, most: None }
}

/// From `least` to `most` operands.
pub(super) fn between(least: usize, most: usize) -> Counts {
    Counts { least, most: Some(most) }
}
