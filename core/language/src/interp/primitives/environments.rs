//! Environments.

use super::arguments;
use crate::interp::eval::{define_variable, set_variable, unbound};
use crate::runtime::{CellId, ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::Value;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("make-environment", 0, 2, make_environment),
    PrimitiveInfo::fixed("environment-parent", 1, environment_parent),
    PrimitiveInfo::fixed("<environment>-parent", 1, environment_parent),
    PrimitiveInfo::fixed("set-<environment>-parent", 2, set_environment_parent),
    PrimitiveInfo::fixed("environment-name", 1, environment_name),
    PrimitiveInfo::fixed("<environment>-name", 1, environment_name),
    PrimitiveInfo::fixed("environment-ref", 2, environment_ref),
    PrimitiveInfo::fixed("environment-define", 3, environment_define),
    PrimitiveInfo::fixed("environment-set", 3, environment_set),
    PrimitiveInfo::fixed("environment-bound?", 2, environment_bound),
    PrimitiveInfo::fixed("<environment>-bindings", 1, bindings),
    PrimitiveInfo::fixed("set-<environment>-bindings", 2, set_bindings),
    PrimitiveInfo::optional("defined?", 1, 2, defined),
];

/// `(make-environment [parent [name]])`: the parent is the global environment if none is given, and nothing if it is nil.
fn make_environment(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let parent = match arguments.first() {
        None => Some(runtime.global_environment()),
        Some(parent) if parent.is_nil() => None,
        Some(parent) => Some(arguments::environment(runtime, "make-environment", *parent)?),
    };
    let name = match arguments.get(1) {
        Some(name) => Some(arguments::symbol(runtime, "make-environment", *name)?),
        None => None,
    };
    let environment = runtime.make_environment(parent)?;
    let index = runtime.index(environment);
    runtime.environments.get_mut(index).name = name.and_then(|name| runtime.as_symbol(name));
    Ok(environment)
}

/// `(set-<environment>-parent environment parent)`: of an environment that nobody has used yet.
fn set_environment_parent(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = arguments::environment(runtime, "set-<environment>-parent", arguments[0])?;
    let parent = match arguments[1].is_nil() {
        true => None,
        false => Some(arguments::environment(runtime, "set-<environment>-parent", arguments[1])?),
    };
    match runtime.set_environment_parent(environment, parent) {
        Ok(()) => Ok(arguments[1]),
        Err(reason) => {
            let message = format!("set-<environment>-parent: {reason}");
            Err(runtime.error(ErrorKind::Type, &message, &[arguments[0]]))
        }
    }
}

/// What an environment is called: as it was made, or else as it was first defined; nil if it has no name.
fn environment_name(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let index = arguments::environment(runtime, "environment-name", arguments[0])?;
    Ok(runtime.environments.get(index).name.map_or(Value::NIL, |name| runtime.symbols.value(name)))
}

/// `(set-<environment>-bindings environment list)`: binds the names of a list of `(name . value)`. A binding that the list
/// does not have cannot be taken away.
fn set_bindings(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let operation = "set-<environment>-bindings";
    let index = arguments::environment(runtime, operation, arguments[0])?;
    arguments::list_length(runtime, operation, arguments[1])?;
    let mut cells = Vec::new();
    for binding in runtime.list_to_vec(arguments[1]) {
        if !binding.is_pair() {
            return Err(runtime.type_error(operation, "a binding, which is a pair of a name and a value", binding));
        }
        let name = runtime.car(binding);
        let environment = runtime.environments.get(index).value.unwrap_or(Value::NIL);
        cells.push((cell(runtime, operation, environment, name)?, runtime.cdr(binding)));
    }
    let bound = &runtime.environments.get(index).bound;
    if let Some(missing) = bound.iter().find(|bound| !cells.iter().any(|(cell, _)| cell == *bound)) {
        let name = runtime.cells.get(*missing).symbol;
        let message = format!("{operation}: {} is bound and not in the list", runtime.symbols.name(name));
        let name = runtime.symbols.value(name);
        return Err(runtime.error(ErrorKind::Type, &message, &[name]));
    }
    for (cell, value) in cells {
        define_variable(runtime, cell, value, false)?;
    }
    Ok(arguments[1])
}

fn environment_parent(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let index = arguments::environment(runtime, "environment-parent", arguments[0])?;
    let parent = runtime.environments.get(index).parent;
    Ok(parent.and_then(|parent| runtime.environments.get(parent).value).unwrap_or(Value::NIL))
}

/// The cell of a name, given as a symbol, in an environment.
fn cell(runtime: &mut Runtime, operation: &str, environment: Value, name: Value) -> Result<CellId, Failure> {
    let environment = arguments::environment(runtime, operation, environment)?;
    let name = arguments::symbol(runtime, operation, name)?;
    match runtime.as_symbol(name) {
        Some(symbol) => Ok(runtime.cell(environment, symbol)),
        None => Err(runtime.type_error(operation, "a symbol", name)),
    }
}

fn environment_ref(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let cell = cell(runtime, "environment-ref", arguments[0], arguments[1])?;
    let value = runtime.cells.get(cell).value;
    if value.as_unbound().is_some() {
        return Err(unbound(runtime, cell));
    }
    Ok(value)
}

fn environment_define(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let cell = cell(runtime, "environment-define", arguments[0], arguments[1])?;
    define_variable(runtime, cell, arguments[2], false)
}

fn environment_set(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let cell = cell(runtime, "environment-set", arguments[0], arguments[1])?;
    set_variable(runtime, cell, arguments[2])
}

fn environment_bound(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let cell = cell(runtime, "environment-bound?", arguments[0], arguments[1])?;
    Ok(Value::boolean(runtime.cells.get(cell).value.as_unbound().is_none()))
}

/// `(defined? 'name [environment])`.
fn defined(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = arguments.get(1).copied().unwrap_or(runtime.global);
    let cell = cell(runtime, "defined?", environment, arguments[0])?;
    Ok(Value::boolean(runtime.cells.get(cell).value.as_unbound().is_none()))
}

/// The environment's own bindings as `(name . value)`, in the order of their first definition.
fn bindings(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let index = arguments::environment(runtime, "<environment>-bindings", arguments[0])?;
    let mut list = Value::NIL;
    for position in (0..runtime.environments.get(index).bound.len()).rev() {
        let cell = runtime.environments.get(index).bound[position];
        let (symbol, value) = (runtime.cells.get(cell).symbol, runtime.cells.get(cell).value);
        let binding = runtime.cons(runtime.symbols.value(symbol), value)?;
        list = runtime.cons(binding, list)?;
    }
    Ok(list)
}
