//! Environments: names to cells, with a parent. An environment is also the unit of compilation.

use super::{cell::CELL_BYTES, classes, CellId, Failure, Outcome, Runtime, Symbol};
use crate::value::{Kind, Value};
use rustc_hash::{FxHashMap, FxHashSet};

/// What an `<environment>` object stands for.
#[derive(Debug, Default)]
pub struct Environment {
    /// Where names are looked up that this one does not bind, by index.
    pub parent: Option<u32>,
    /// Cells by name: bindings, and mirrors of bindings farther out.
    pub cells: FxHashMap<Symbol, CellId>,
    /// The names that it binds itself, in order of their first definition.
    pub bound: Vec<CellId>,
    /// The object. Weak: the object keeps this entry alive, not the other way round.
    pub value: Option<Value>,
    /// What it is called, if it has a name.
    pub name: Option<Symbol>,
    /// Calls and loop turns that the interpreter counted in its functions.
    pub heat: u32,
}

/// What an environment takes besides its object and its cells: about, for the limit of the heap.
const ENVIRONMENT_BYTES: usize = size_of::<Option<Environment>>() + 64;

impl Environment {
    /// What it takes with its cells, besides its object.
    pub fn bytes(&self) -> usize {
        ENVIRONMENT_BYTES + CELL_BYTES * self.cells.len()
    }
}

impl Runtime {
    /// A new environment.
    ///
    /// # Errors
    /// When memory is out.
    pub fn make_environment(&mut self, parent: Option<u32>) -> Outcome {
        self.hold_outside(ENVIRONMENT_BYTES)?;
        let index = self.environments.add(Environment { parent, ..Environment::default() });
        match self.index_object(Kind::Environment, index) {
            Ok(value) => {
                self.environments.get_mut(index).value = Some(value);
                Ok(value)
            }
            Err(Failure) => {
                self.environments.remove(index);
                self.heap.let_go_outside(ENVIRONMENT_BYTES);
                Err(Failure)
            }
        }
    }
    /// The index of an environment value.
    pub fn as_environment(&self, value: Value) -> Option<u32> {
        self.environment_itself(value).map(|environment| self.index(environment))
    }
    /// The environment that a value is, or that an instance of a class below `<environment>` stands for.
    pub fn environment_itself(&self, value: Value) -> Option<Value> {
        if self.is_kind(value, Kind::Environment) {
            return Some(value);
        }
        if !classes::extends_environment(self, value) {
            return None;
        }
        let held = self.field(value, classes::field_offset(0));
        self.is_kind(held, Kind::Environment).then_some(held)
    }
    /// Let an environment without bindings and without environments below it look names up in another one.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn set_environment_parent(&mut self, environment: u32, parent: Option<u32>) -> Result<(), String> {
        if self.environments.get(environment).parent == parent {
            return Ok(());
        }
        let mut above = parent;
        while let Some(index) = above {
            if index == environment {
                return Err("the parent is the environment itself, or lies below it".into());
            }
            above = self.environments.get(index).parent;
        }
        if !self.environments.get(environment).cells.is_empty() {
            return Err("names have been looked up or bound in it; make-environment takes the parent".into());
        }
        self.environments.get_mut(environment).parent = parent;
        Ok(())
    }
    /// The value of a name at this moment, if it is bound.
    pub fn lookup(&mut self, environment: u32, name: &str) -> Option<Value> {
        let symbol = self.symbol(name);
        let cell = self.cell(environment, symbol);
        let value = self.cells.get(cell).value;
        value.as_unbound().is_none().then_some(value)
    }
    /// The same of a symbol, where no cell is made for it.
    pub fn value_in(&self, environment: u32, symbol: Symbol) -> Option<Value> {
        let mut next = Some(environment);
        while let Some(index) = next {
            let environment = self.environments.find(index)?;
            if let Some(cell) = environment.cells.get(&symbol) {
                let value = self.cells.get(*cell).value;
                return value.as_unbound().is_none().then_some(value);
            }
            next = environment.parent;
        }
        None
    }
    /// The names that an environment and those around it bind, nearest first, each once.
    pub fn names_in(&self, environment: u32) -> Vec<Symbol> {
        let mut names = Vec::new();
        let mut seen = FxHashSet::default();
        let mut next = Some(environment);
        while let Some(index) = next {
            let environment = self.environments.get(index);
            let symbols = environment.bound.iter().map(|cell| self.cells.get(*cell).symbol);
            names.extend(symbols.filter(|symbol| seen.insert(*symbol)));
            next = environment.parent;
        }
        names
    }
    /// Bind a name in an environment.
    pub fn define(&mut self, environment: u32, name: &str, value: Value) {
        let symbol = self.symbol(name);
        let cell = self.cell(environment, symbol);
        self.define_cell(cell, value, false);
    }
}
