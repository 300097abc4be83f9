//! Evaluating, calling, leaving.

use super::arguments;
use crate::interp::{call, documentation, loading, macroexpand, toplevel};
use crate::runtime::{Outcome, PrimitiveInfo, Runtime, Touch};
use crate::value::{offset, Kind, Value, EXIT};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("eval", 1, 2, eval).touching(Touch::Nothing),
    PrimitiveInfo::optional("macroexpand", 1, 2, |runtime, arguments| {
        let environment = environment(runtime, "macroexpand", arguments)?;
        let base = runtime.roots.len();
        let result = macroexpand::macroexpand(runtime, arguments[0], environment);
        runtime.roots.truncate(base);
        result
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::optional("expand", 1, 2, |runtime, arguments| {
        let environment = environment(runtime, "expand", arguments)?;
        macroexpand::expand_all(runtime, arguments[0], environment)
    })
    .touching(Touch::Nothing),
    // The number of its arguments is checked where the call loop spreads them.
    PrimitiveInfo::variadic("apply", 2, call::apply_primitive).touching(Touch::Nothing).spreading(),
    PrimitiveInfo::optional("load", 1, 2, load).touching(Touch::Read),
    PrimitiveInfo::optional("require", 1, 2, require).touching(Touch::Read),
    PrimitiveInfo::optional("exit", 0, 1, exit).touching(Touch::Nothing),
    PrimitiveInfo::optional("mark-compilable", 1, 2, mark_compilable).touching(Touch::Nothing),
    PrimitiveInfo::fixed("make-form", 1, make_form).touching(Touch::Nothing),
    PrimitiveInfo::fixed("form-function", 1, |runtime, arguments| {
        let form = arguments::of_kind(runtime, "form-function", arguments[0], Kind::Form, "a form")?;
        Ok(runtime.field(form, offset::FORM_FUNCTION))
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("function-name", 1, |runtime, arguments| {
        let function = arguments::function(runtime, "function-name", arguments[0])?;
        Ok(call::signature(runtime, function).0)
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("documentation", 1, |runtime, arguments| {
        let name = arguments::symbol(runtime, "documentation", arguments[0])?;
        let name = runtime.as_symbol(name).map_or(String::new(), |symbol| runtime.symbols.name(symbol).to_string());
        match documentation::find(runtime, &name) {
            Some(entry) => runtime.string(&entry.text()),
            None => Ok(Value::NIL),
        }
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("gc", 0, |runtime, _| {
        runtime.collect();
        Ok(Value::NIL)
    })
    .touching(Touch::Nothing),
];

/// The environment that a last argument names; the expander passes the current one if the program does not.
fn environment(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    match arguments.get(1) {
        None => Ok(runtime.global),
        Some(environment) => {
            arguments::environment(runtime, operation, *environment)?;
            Ok(*environment)
        }
    }
}

/// `(eval form [environment])`.
fn eval(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = environment(runtime, "eval", arguments)?;
    toplevel::evaluate_toplevel(runtime, arguments[0], environment)
}

/// `(load file [environment])`: the value of the last form.
fn load(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let name = arguments::text(runtime, "load", arguments[0])?;
    let environment = environment(runtime, "load", arguments)?;
    loading::load(runtime, &name, environment)
}

/// `(require file [environment])`: loads a file unless that was done before; `#t` if it was loaded now.
fn require(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let name = arguments::text(runtime, "require", arguments[0])?;
    let environment = environment(runtime, "require", arguments)?;
    loading::require(runtime, &name, environment).map(Value::boolean)
}

/// `(exit [status])`: leaves all calls; `finally` parts run, handlers do not. A status that is no integer is 0 if it
/// is `#t`, 1 if it is nil.
fn exit(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let status = match arguments.first() {
        None => 0,
        Some(status) if status.is_nil() => 1,
        Some(status) if *status == Value::TRUE => 0,
        Some(status) => (arguments::integer(runtime, "exit", *status)? & 0xff) as i32,
    };
    runtime.extensions.exit_status = Some(status);
    Err(runtime.raise(Value(EXIT)))
}

/// A macro whose calls a function expands.
fn make_form(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let function = arguments::function(runtime, "form", arguments[0])?;
    let form = runtime.object(Kind::Form, 1)?;
    runtime.set_field(form, offset::FORM_FUNCTION, function);
    Ok(form)
}

/// What `define-compilable` calls when it has defined a function. Every function can be compiled, and when is not
/// observable: the mark says to people that this one is meant to be.
fn mark_compilable(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    arguments::named_function(runtime, "mark-compilable", arguments)
}
