//! Symbols: names, each with one object for the whole run.

use super::{Failure, Outcome, Runtime};
use crate::value::{offset, Kind, Value};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A symbol, by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// All symbols. They are never given back.
#[derive(Default, Debug)]
pub struct Symbols {
    names: Vec<Rc<str>>,
    /// The symbol objects: roots.
    pub(super) values: Vec<Value>,
    numbers: FxHashMap<Rc<str>, Symbol>,
}

impl Symbols {
    /// The symbol with this name, if there is one already.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.numbers.get(name).copied()
    }
    /// Add a name with its object.
    pub(super) fn add(&mut self, name: &str, value: Value) -> Symbol {
        let symbol = Symbol(self.names.len() as u32);
        let name: Rc<str> = name.into();
        self.names.push(name.clone());
        self.values.push(value);
        self.numbers.insert(name, symbol);
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
    /// The name, for whoever changes the runtime meanwhile.
    pub fn shared_name(&self, symbol: Symbol) -> Rc<str> {
        self.names[symbol.0 as usize].clone()
    }
    /// The object.
    pub fn value(&self, symbol: Symbol) -> Value {
        self.values[symbol.0 as usize]
    }
}

/// What a symbol takes besides its object and its name: about, for the limit of the heap.
const SYMBOL_BYTES: usize = 100;

impl Runtime {
    /// The symbol with a name that a program made.
    ///
    /// # Errors
    /// When memory is out.
    pub fn intern(&mut self, name: &str) -> Result<Symbol, Failure> {
        if let Some(symbol) = self.symbols.find(name) {
            return Ok(symbol);
        }
        // Symbols are never given back: neither are these bytes.
        self.hold_outside(2 * name.len() + SYMBOL_BYTES)?;
        let object = self.object(Kind::Symbol, 1)?;
        Ok(self.name_symbol(name, object))
    }
    fn name_symbol(&mut self, name: &str, object: Value) -> Symbol {
        let number = self.symbols.count();
        self.set_field(object, offset::INDEX, Value::fixnum(number as i64));
        self.symbols.add(name, object)
    }
    /// The same, as a value.
    ///
    /// # Errors
    /// When memory is out.
    pub fn intern_value(&mut self, name: &str) -> Outcome {
        self.intern(name).map(|symbol| self.symbols.value(symbol))
    }
    /// The symbol with a name that the language knows, or that a part of a symbol's name is. A new symbol's object comes
    /// from the heap's reserve when memory is out.
    ///
    /// # Panics
    /// When the reserve is out too: it has room for more symbols than there are such names.
    pub fn symbol(&mut self, name: &str) -> Symbol {
        self.intern(name).unwrap_or_else(|Failure| {
            self.heap.open_reserve(true);
            let symbol = self.object(Kind::Symbol, 1).map(|object| self.name_symbol(name, object));
            self.heap.open_reserve(false);
            symbol.expect("memory for a symbol of the language's own")
        })
    }
    /// The symbol with such a name, as a value.
    pub fn symbol_value(&mut self, name: &str) -> Value {
        let symbol = self.symbol(name);
        self.symbols.value(symbol)
    }
    /// The symbol that a value is.
    pub fn as_symbol(&self, value: Value) -> Option<Symbol> {
        self.is_kind(value, Kind::Symbol).then(|| Symbol(self.index(value)))
    }
}
