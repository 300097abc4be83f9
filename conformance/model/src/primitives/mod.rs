//! The functions that are built in, by name.

mod arrays;
pub mod compare;
mod environments;
mod errors;
mod higher_order;
pub mod lists;
mod numbers;
mod output;
mod tables;
mod text;

use crate::environment::Environment;
use crate::forms::classes;
use crate::interpret::{Machine, Outcome, Stop};
use crate::value::{Class, Place, Value};
use num_traits::{Signed, ToPrimitive};
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

/// A call that one of the primitives answers.
pub struct Call<'a> {
    pub name: &'static str,
    pub arguments: &'a [Value],
    pub place: Place,
}

/// A primitive: name, least and most arguments, what it does.
pub type Primitive = (&'static str, usize, usize, fn(&mut Machine, &Call) -> Outcome);

/// Any number of arguments.
const ANY: usize = usize::MAX;

fn tables() -> impl Iterator<Item = &'static Primitive> {
    let tables = [
        numbers::TABLE,
        compare::TABLE,
        lists::TABLE,
        higher_order::TABLE,
        arrays::TABLE,
        text::TABLE,
        tables::TABLE,
        errors::TABLE,
        output::TABLE,
        environments::TABLE,
    ];
    tables.into_iter().flatten()
}

fn by_name() -> &'static HashMap<&'static str, &'static Primitive> {
    static ALL: LazyLock<HashMap<&str, &Primitive>> =
        LazyLock::new(|| tables().map(|primitive| (primitive.0, primitive)).collect());
    &ALL
}

/// Bind all primitives and built-in classes.
pub fn define(environment: &Environment) {
    for (name, ..) in tables() {
        let _ = environment.define(&Rc::from(*name), Value::Primitive(name), false);
    }
    for path in lists::paths() {
        let _ = environment.define(&Rc::from(path), Value::Primitive(path), false);
    }
    for name in classes::BUILT_IN {
        let class = Class { name: Rc::from(name), base: None, fields: Vec::new(), replaced: Cell::new(false) };
        let _ = environment.define(&Rc::from(name), Value::Class(Rc::new(class)), false);
    }
}

/// Names of all primitives that the model knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    tables().map(|(name, ..)| *name).chain(lists::paths())
}

/// Call a primitive.
pub fn call(machine: &mut Machine, name: &'static str, arguments: &[Value], place: Place) -> Outcome {
    machine.spend(1 + arguments.len() / 8)?;
    let call = Call { name, arguments, place };
    if lists::is_path(name) {
        call.count(machine, 1, 1)?;
        return Ok(lists::walk(name, &arguments[0]));
    }
    match by_name().get(name) {
        Some((_, least, most, function)) => {
            call.count(machine, *least, *most)?;
            higher_order::check(machine, &call)?;
            function(machine, &call)
        }
        None => crate::interpret::unknown(format!("the primitive {name}")),
    }
}

impl Call<'_> {
    fn count(&self, machine: &Machine, least: usize, most: usize) -> Result<(), Stop> {
        let count = self.arguments.len();
        if (least..=most).contains(&count) {
            return Ok(());
        }
        machine.raise("arity", vec![Value::symbol(self.name), Value::integer(count)], self.place)
    }

    /// An error about the type of a value.
    fn wrong<T>(&self, machine: &Machine, value: &Value) -> Result<T, Stop> {
        machine.raise("type", vec![value.clone()], self.place)
    }

    fn unknown<T>(&self, what: &str) -> Result<T, Stop> {
        crate::interpret::unknown(format!("{}: {what}", self.name))
    }

    fn text(&self, machine: &Machine, at: usize) -> Result<Vec<char>, Stop> {
        match &self.arguments[at] {
            Value::Text(text) => Ok(text.borrow().clone()),
            other => self.wrong(machine, other),
        }
    }

    /// An index from 0 on; a number far beyond any length stands for all larger ones. `Err(None)`: it is negative.
    fn index(&self, machine: &Machine, at: usize) -> Result<Option<usize>, Stop> {
        match &self.arguments[at] {
            Value::Integer(number) if number.is_negative() => Ok(None),
            Value::Integer(number) => Ok(Some(number.to_usize().unwrap_or(usize::MAX))),
            other => self.wrong(machine, other),
        }
    }

    /// An index that must not be negative.
    fn position(&self, machine: &Machine, at: usize) -> Result<usize, Stop> {
        match self.index(machine, at)? {
            Some(index) => Ok(index),
            None => machine.raise("index", vec![self.arguments[at].clone()], self.place),
        }
    }

    /// Whether it is a pair or nil; an error if not.
    fn begins_list(&self, machine: &Machine, at: usize) -> Result<(), Stop> {
        match &self.arguments[at] {
            Value::Nil | Value::Pair(_) => Ok(()),
            other => self.wrong(machine, other),
        }
    }

    /// Elements of a list that must end with nil.
    fn list(&self, machine: &Machine, at: usize) -> Result<Vec<Value>, Stop> {
        match self.arguments[at].elements() {
            (elements, Value::Nil) => Ok(elements),
            _ => self.wrong(machine, &self.arguments[at]),
        }
    }
}
