//! Lexical scope: which variable a name means.

use super::expression::Variable;
use crate::runtime::Symbol;
use rustc_hash::FxHashMap;

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
        let mut seen = rustc_hash::FxHashSet::default();
        self.bound.iter().filter(|name| seen.insert(**name)).filter_map(|name| self.find(*name).cloned()).collect()
    }
}
