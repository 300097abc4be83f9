//! Environments: names and what they mean, one inside another.

use crate::value::{Symbol, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// An environment.
#[derive(Debug, Default)]
pub struct Environment {
    bindings: RefCell<HashMap<Symbol, Binding>>,
    pub parent: Option<Rc<Environment>>,
}

#[derive(Debug)]
struct Binding {
    value: Value,
    constant: bool,
}

/// A constant was to be changed.
pub struct IsConstant;

impl Environment {
    pub fn inside(parent: Option<Rc<Environment>>) -> Rc<Environment> {
        Rc::new(Environment { bindings: RefCell::default(), parent })
    }

    /// What a name means here, or in what is around.
    pub fn find(&self, name: &str) -> Option<Value> {
        let own = self.bindings.borrow().get(name).map(|found| found.value.clone());
        own.or_else(|| self.parent.as_ref()?.find(name))
    }

    /// Bind a name here.
    pub fn define(&self, name: &Symbol, value: Value, constant: bool) -> Result<(), IsConstant> {
        let mut bindings = self.bindings.borrow_mut();
        if bindings.get(name).is_some_and(|binding| binding.constant) {
            return Err(IsConstant);
        }
        bindings.insert(name.clone(), Binding { value, constant });
        Ok(())
    }

    /// Change the nearest binding of a name; false if there is none.
    pub fn assign(&self, name: &str, value: Value) -> Result<bool, IsConstant> {
        if let Some(binding) = self.bindings.borrow_mut().get_mut(name) {
            if binding.constant {
                return Err(IsConstant);
            }
            binding.value = value;
            return Ok(true);
        }
        match &self.parent {
            Some(parent) => parent.assign(name, value),
            None => Ok(false),
        }
    }

    /// Forget everything, so that circles come apart.
    pub fn clear(&self) {
        self.bindings.take();
    }
}
