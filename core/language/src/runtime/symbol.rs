//! Symbols: names, each with one object for the whole run.

use crate::value::Value;
use rustc_hash::FxHashMap;

/// A symbol, by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// All symbols. They are never given back.
#[derive(Default, Debug)]
pub struct Symbols {
    names: Vec<Box<str>>,
    /// The symbol objects: roots.
    pub(super) values: Vec<Value>,
    numbers: FxHashMap<Box<str>, Symbol>,
}

impl Symbols {
    /// The symbol with this name, if there is one already.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.numbers.get(name).copied()
    }
    /// Add a name with its object.
    pub(super) fn add(&mut self, name: &str, value: Value) -> Symbol {
        let symbol = Symbol(self.names.len() as u32);
        self.names.push(name.into());
        self.values.push(value);
        self.numbers.insert(name.into(), symbol);
        symbol
    }
    /// How many there are: the next one's number.
    pub fn count(&self) -> usize {
        self.names.len()
    }
    /// The name.
    pub fn name(&self, symbol: Symbol) -> &str {
        &self.names[symbol.0 as usize]
    }
    /// The object.
    pub fn value(&self, symbol: Symbol) -> Value {
        self.values[symbol.0 as usize]
    }
}
