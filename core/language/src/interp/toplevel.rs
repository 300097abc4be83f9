//! Top-level forms: expanded and run one after another, from a value, a text or a file.

use super::call;
use super::expand::{expand_deferred, expand_toplevel};
use super::loading::in_file;
use crate::runtime::tree::Prototype;
use crate::runtime::{Failure, Outcome, Runtime, PRELUDE_NAME};
use crate::syntax::Reader;
use crate::value::{field, offset, Kind, Value};
use std::path::Path;
use std::rc::Rc;

/// The part of the language that is written in itself.
pub(super) const PRELUDE: &str = include_str!("prelude.l");

/// Expand a form in an environment, a value, and run it.
///
/// # Errors
/// What expanding or running raises.
#[inline(never)] // What it leaves on the machine stack must not lie in the frame of a caller that goes on.
pub fn evaluate_toplevel(runtime: &mut Runtime, form: Value, environment: Value) -> Outcome {
    let prototype = expand_toplevel(runtime, form, environment)?;
    run_prototype(runtime, &prototype, &[])
}

/// Run a prototype without parameters, closed over values.
fn run_prototype(runtime: &mut Runtime, prototype: &Rc<Prototype>, captured: &[Value]) -> Outcome {
    // The prototype lives as long as its code object.
    let base = runtime.roots.len();
    runtime.roots.push(prototype.code);
    let closure = runtime.object(Kind::Closure, 1 + captured.len());
    runtime.roots.truncate(base);
    let closure = closure?;
    runtime.set_field(closure, offset::CALLABLE_CODE, prototype.code);
    for (index, value) in captured.iter().enumerate() {
        runtime.set_field(closure, offset::CLOSURE_CAPTURES + field(index) - field(0), *value);
    }
    let result = call(runtime, closure, &[]);
    if result.is_err() {
        // The form may have given its place to a function whose own places say nothing to a program.
        runtime.place_error(prototype.position);
    }
    result
}

/// Evaluate the forms of a `with-environment`, one after another, in an environment. `captured` are the boxes of the
/// variables in scope, in the order of the prototype's captures; they must stay reachable.
///
/// # Errors
/// `type` unless it is an environment, and what expanding or running a form raises.
pub fn with_environment(
    runtime: &mut Runtime,
    environment: Value,
    deferred: &Rc<Prototype>,
    captured: &[Value],
) -> Outcome {
    if runtime.as_environment(environment).is_none() {
        return Err(runtime.type_error("with-environment", "an environment", environment));
    }
    let base = runtime.roots.len();
    runtime.roots.extend([environment, deferred.code]);
    let mut result = Ok(Value::NIL);
    let mut forms = deferred.deferred;
    while forms.is_pair() && result.is_ok() {
        let form = runtime.car(forms);
        result = expand_deferred(runtime, deferred, form, environment)
            .and_then(|prototype| run_prototype(runtime, &prototype, captured));
        forms = runtime.cdr(forms);
    }
    runtime.roots.truncate(base);
    result
}

/// Evaluate the forms of a text in an environment, a value, one after another. The value is the last form's.
///
/// # Errors
/// `syntax`, and what expanding or running a form raises.
pub fn evaluate_text(runtime: &mut Runtime, name: &str, text: &str, environment: Value) -> Outcome {
    let source = runtime.sources.add(name, text.to_string());
    let mut reader = Reader::new(source, text);
    let mut result = Value::NIL;
    let base = runtime.roots.len();
    runtime.roots.push(environment);
    let outcome = loop {
        match reader.next(runtime) {
            Ok(None) => break Ok(result),
            Ok(Some(form)) => match evaluate_toplevel(runtime, form, environment) {
                Ok(value) => {
                    result = value;
                    if std::mem::take(&mut runtime.extensions.memory_ran_out) {
                        // From here, where next to nothing is on the stack that could keep it.
                        call::clear_left_stack();
                        runtime.collect();
                    }
                }
                Err(Failure) => break Err(Failure),
            },
            Err(fault) => break Err(fault.raise(runtime)),
        }
    };
    runtime.roots.truncate(base);
    outcome
}

/// Run a program, the text of the file of that name, in the global environment.
///
/// # Errors
/// What its forms raise. The program may also have asked to exit: see [`exit_status`].
pub fn run_program(runtime: &mut Runtime, name: &str, text: &str) -> Outcome {
    let environment = runtime.global;
    in_file(runtime, Path::new(name), |runtime| evaluate_text(runtime, name, text, environment))
}

/// What the program gave to `exit`, if that is why it ended: an error on its way is then none.
pub fn exit_status(runtime: &Runtime) -> Option<i32> {
    runtime.extensions.exit_status
}

/// Set the program's arguments, `*arguments*`.
///
/// # Errors
/// When memory is out.
pub fn set_arguments(runtime: &mut Runtime, arguments: Vec<String>) -> Result<(), Failure> {
    let mut list = Value::NIL;
    for argument in arguments.iter().rev() {
        let argument = runtime.string(argument)?;
        list = runtime.cons(argument, list)?;
    }
    runtime.arguments = arguments;
    let global = runtime.global_environment();
    runtime.define(global, "*arguments*", list);
    Ok(())
}

/// Evaluate the prelude in the global environment.
///
/// # Errors
/// A rendered error, which is a fault of this build.
pub fn load_prelude(runtime: &mut Runtime) -> Result<(), String> {
    let mode = std::mem::replace(&mut runtime.options.jit, crate::runtime::JitMode::Off);
    let environment = runtime.global;
    let prelude = runtime.sources.count();
    let result = evaluate_text(runtime, PRELUDE_NAME, PRELUDE, environment);
    runtime.options.jit = mode;
    runtime.extensions.prelude = prelude;
    result.map(|_| ()).map_err(|Failure| {
        let error = runtime.take_failure();
        format!("the prelude fails: {}", crate::syntax::print::text(runtime, error, crate::syntax::print::Style::Dump))
    })
}
