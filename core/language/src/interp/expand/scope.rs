//! Lexical scope: which variable a name means.

use super::expression::Variable;
use crate::runtime::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};

/// From this many names on that one form binds, they are looked up in a table.
const MANY: usize = 16;

/// What one form binds, in order, no name twice.
#[derive(Default, Debug)]
pub(super) struct Bound {
    variables: Vec<(Symbol, Variable)>,
    /// The names, if there are many.
    names: FxHashSet<Symbol>,
}

impl Bound {
    /// Whether a name is among them.
    pub fn has(&self, name: Symbol) -> bool {
        match self.names.is_empty() {
            true => self.variables.iter().any(|(other, _)| *other == name),
            false => self.names.contains(&name),
        }
    }
    /// One more, whose name is not yet among them.
    pub fn push(&mut self, (name, variable): (Symbol, Variable)) {
        self.variables.push((name, variable));
        match self.variables.len() {
            ..MANY => {}
            MANY => self.names.extend(self.variables.iter().map(|(name, _)| *name)),
            _ => drop(self.names.insert(name)),
        }
    }
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, (Symbol, Variable)> {
        self.variables.iter()
    }
}

impl IntoIterator for Bound {
    type Item = (Symbol, Variable);
    type IntoIter = std::vec::IntoIter<(Symbol, Variable)>;
    fn into_iter(self) -> Self::IntoIter {
        self.variables.into_iter()
    }
}

/// The variables in scope.
#[derive(Default, Debug)]
pub(super) struct Scope {
    /// By name, innermost last.
    variables: FxHashMap<Symbol, Vec<Variable>>,
    /// Names in the order of their binding.
    bound: Vec<Symbol>,
}

impl Scope {
    /// The variable that a name means here, if it is lexically bound.
    pub fn find(&self, name: Symbol) -> Option<&Variable> {
        self.variables.get(&name)?.last()
    }
    /// Bind a name until the scope is left.
    pub fn bind(&mut self, name: Symbol, variable: Variable) {
        self.variables.entry(name).or_default().push(variable);
        self.bound.push(name);
    }
    /// A mark to leave the scope by.
    pub fn enter(&self) -> usize {
        self.bound.len()
    }
    /// Forget what was bound since the mark was made.
    pub fn leave(&mut self, mark: usize) {
        for name in self.bound.drain(mark..) {
            if let Some(variables) = self.variables.get_mut(&name) {
                variables.pop();
            }
        }
    }
    /// All variables that a name means here, in the order in which their names were first bound.
    pub fn visible(&self) -> Vec<Variable> {
        let mut seen = FxHashSet::default();
        self.bound.iter().filter(|name| seen.insert(**name)).filter_map(|name| self.find(*name).cloned()).collect()
    }
}
