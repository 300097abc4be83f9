//! Pairs, and lists made of them.

use super::{Outcome, Runtime};
use crate::value::{Value, PAIR_CAR, PAIR_CDR, PAIR_SIZE};

impl Runtime {
    /// A new pair.
    ///
    /// # Errors
    /// When memory is out.
    #[inline]
    pub fn cons(&mut self, car: Value, cdr: Value) -> Outcome {
        let address = self.allocate_unfilled(PAIR_SIZE)?;
        let pair = Value::pair_at(address);
        self.set_field(pair, PAIR_CAR, car);
        self.set_field(pair, PAIR_CDR, cdr);
        Ok(pair)
    }
    /// The car of a pair; nil of anything else.
    #[inline]
    pub fn car(&self, value: Value) -> Value {
        if value.is_pair() {
            self.field(value, PAIR_CAR)
        } else {
            Value::NIL
        }
    }
    /// The cdr of a pair; nil of anything else.
    #[inline]
    pub fn cdr(&self, value: Value) -> Value {
        if value.is_pair() {
            self.field(value, PAIR_CDR)
        } else {
            Value::NIL
        }
    }
    /// Change a pair's cdr.
    pub fn set_cdr(&mut self, pair: Value, value: Value) {
        self.set_field(pair, PAIR_CDR, value);
    }
    /// Change a pair's car.
    pub fn set_car(&mut self, pair: Value, value: Value) {
        self.set_field(pair, PAIR_CAR, value);
    }
    /// A list of values.
    ///
    /// # Errors
    /// When memory is out.
    pub fn list(&mut self, values: &[Value]) -> Outcome {
        let mut list = Value::NIL;
        for value in values.iter().rev() {
            list = self.cons(*value, list)?;
        }
        Ok(list)
    }
    /// The number of pairs in a list's spine, which must not be circular.
    pub fn list_length(&self, mut list: Value) -> usize {
        let mut length = 0;
        while list.is_pair() {
            length += 1;
            list = self.cdr(list);
        }
        length
    }
    /// The elements of a list. They stay reachable only through the list.
    pub fn list_to_vec(&self, list: Value) -> Vec<Value> {
        let mut elements = Vec::new();
        let mut pairs = Pairs::of(list);
        while let Some(pair) = pairs.next(self) {
            elements.push(self.car(pair));
        }
        elements
    }
}

/// A walk over the pairs of a list. In a list that leads back into itself it ends, too, after every pair was met at
/// least once (Brent's algorithm: one pair is remembered, anew after twice as many steps each time).
pub struct Pairs {
    at: Value,
    remembered: Value,
    steps: usize,
    limit: usize,
}

impl Pairs {
    /// A walk from the start of a list.
    pub fn of(list: Value) -> Pairs {
        Pairs { at: list, remembered: Value::NIL, steps: 0, limit: 1 }
    }
    /// The next pair.
    pub fn next(&mut self, runtime: &Runtime) -> Option<Value> {
        let pair = self.at;
        if !pair.is_pair() || pair == self.remembered {
            return None;
        }
        if self.steps == self.limit {
            self.remembered = pair;
            (self.steps, self.limit) = (0, self.limit * 2);
        }
        self.steps += 1;
        self.at = runtime.cdr(pair);
        Some(pair)
    }
}
