//! Environments as values.

use super::{Call, Primitive};
use crate::environment::{Environment, IsConstant};
use crate::interpret::{Here, Machine, Stop};
use crate::value::{Symbol, Value};
use std::rc::Rc;

pub const TABLE: &[Primitive] = &[
    ("make-environment", 0, 2, |machine, call| match call.arguments.first() {
        Some(_) if call.arguments.len() > 1 => call.unknown("a name"),
        None => call.unknown("no parent"),
        Some(_) => {
            let parent = environment(machine, call, 0)?;
            Ok(machine.make_environment(Some(parent)))
        }
    }),
    ("environment-ref", 2, 2, |machine, call| {
        let (environment, name) = (environment(machine, call, 0)?, symbol(machine, call, 1)?);
        match environment.find(&name) {
            Some(value) => Ok(value),
            None if (machine.is_bound)(&name) => call.unknown("a name that is not modelled"),
            None => machine.raise("unbound", vec![Value::Symbol(name)], call.place),
        }
    }),
    ("environment-define", 3, 3, |machine, call| {
        let (environment, name) = (environment(machine, call, 0)?, symbol(machine, call, 1)?);
        match environment.define(&name, call.arguments[2].clone(), false) {
            Ok(()) => Ok(call.arguments[2].clone()),
            Err(IsConstant) => machine.raise("type", vec![Value::Symbol(name)], call.place),
        }
    }),
    ("environment-parent", 1, 1, |machine, call| {
        let environment = environment(machine, call, 0)?;
        Ok(environment.parent.clone().map_or(Value::Nil, Value::Environment))
    }),
    ("eval", 1, 2, |machine, call| {
        let environment = match call.arguments.len() {
            1 => return call.unknown("without an environment"),
            _ => environment(machine, call, 1)?,
        };
        machine.evaluate(&call.arguments[0], call.place, &Here { scope: None, environment })
    }),
];

fn environment(machine: &Machine, call: &Call, at: usize) -> Result<Rc<Environment>, Stop> {
    match &call.arguments[at] {
        Value::Environment(environment) => Ok(environment.clone()),
        other => call.wrong(machine, other),
    }
}

fn symbol(machine: &Machine, call: &Call, at: usize) -> Result<Symbol, Stop> {
    match &call.arguments[at] {
        Value::Symbol(name) => Ok(name.clone()),
        other => call.wrong(machine, other),
    }
}
