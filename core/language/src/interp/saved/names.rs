//! What environments outside of the saved one bind: such things are named, not written down.

use crate::runtime::{Runtime, Symbol};
use crate::value::{Kind, Value};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// The environments that variables lead to from the global one on, and what they bind.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By the environment: the variables.
    environments: FxHashMap<Value, Vec<Symbol>>,
    /// Of classes, functions, macros, selectors, and instances that stand for environments: where they are bound, and how.
    things: FxHashMap<Value, (Value, Symbol)>,
}

impl Names {
    /// The names outside of an environment and those below it.
    pub(super) fn around(runtime: &Runtime, own: Value) -> Names {
        let mut names = Names::default();
        let mut waiting = VecDeque::from([(runtime.global, Vec::new())]);
        names.environments.insert(runtime.global, Vec::new());
        while let Some((environment, path)) = waiting.pop_front() {
            for cell in &runtime.environments.get(runtime.index(environment)).bound {
                let (symbol, value) = (runtime.cells.get(*cell).symbol, runtime.cells.get(*cell).value);
                if is_named(runtime, value) {
                    names.things.entry(value).or_insert((environment, symbol));
                }
                let Some(inner) = runtime.environment_itself(value) else { continue };
                if !names.environments.contains_key(&inner) && !is_below(runtime, inner, own) {
                    let path: Vec<Symbol> = path.iter().copied().chain([symbol]).collect();
                    names.environments.insert(inner, path.clone());
                    waiting.push_back((inner, path));
                }
            }
        }
        names
    }

    /// The variables that lead to an environment.
    pub(super) fn path(&self, environment: Value) -> Option<&[Symbol]> {
        self.environments.get(&environment).map(Vec::as_slice)
    }
    /// The environment that binds something, and the name.
    pub(super) fn of(&self, value: Value) -> Option<(Value, Symbol)> {
        self.things.get(&value).copied()
    }
}

/// Whether a value is named where somebody else binds it.
fn is_named(runtime: &Runtime, value: Value) -> bool {
    match runtime.kind(value) {
        Some(Kind::Closure | Kind::Form | Kind::Class | Kind::Selector | Kind::Generic) => true,
        Some(Kind::Instance) => runtime.environment_itself(value).is_some(),
        _ => false,
    }
}

/// Whether an environment is another, or one of those below it.
pub(super) fn is_below(runtime: &Runtime, environment: Value, above: Value) -> bool {
    let (mut next, above) = (Some(runtime.index(environment)), runtime.index(above));
    while let Some(index) = next {
        if index == above {
            return true;
        }
        next = runtime.environments.get(index).parent;
    }
    false
}
