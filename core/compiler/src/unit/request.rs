//! When to compile what: heat, and the language's own requests.

use super::compile::{compile, lowering_target, optimise};
use super::queue::{compiles_in_background, serve_compiled, want};
use super::statistics::Stall;
use super::{CompileFailure, HasUnits};
use crate::lower::{lower_unit, Linking};
use maru_core::abi::layout::{Kind, Value};
use maru_language::interp::poll;
use maru_language::runtime::tree::{Node, Prototype, PrototypeKind};
use maru_language::runtime::{ErrorKind, Failure, JitMode, Outcome, Runtime};
use rustc_hash::FxHashSet;
use std::rc::Rc;

/// A prototype's environment is hot; or, in the `always` mode, the prototype is about to run for the first time.
///
/// In the `always` mode that compiles the environment's functions, all of them, and the prototype itself, if it is
/// none of them. Otherwise it compiles those functions that have been called: of the others nothing is known yet, and
/// most may never be needed. They are compiled when they get hot themselves, for the count of calls starts anew. The
/// program goes on meanwhile, where the machine allows that.
pub fn heat(runtime: &mut Runtime, prototype: &Rc<Prototype>) {
    let always = runtime.options.jit == JitMode::Always;
    if prototype.kind == PrototypeKind::TopLevel && (is_trivial(&prototype.body) || !always) {
        return;
    }
    if prototype.native.waiting.get() {
        // All that were hot with it wait, too.
        return serve_compiled(runtime);
    }
    let stall = Stall::begin();
    let environment = runtime.index(prototype.environment);
    let mut roots = uncompiled_functions(runtime, environment);
    if !always {
        roots.retain(|root| root.heat.get() > 0 && !root.native.waiting.get());
    }
    if !roots.iter().any(|root| Rc::ptr_eq(root, prototype)) {
        roots.push(prototype.clone());
    }
    if !always && compiles_in_background(runtime) {
        want(runtime, roots);
        serve_compiled(runtime);
    } else {
        compile_all(runtime, &roots);
    }
    runtime.native.units_mut().statistics.note_stall(&stall);
}

/// A top-level form that only defines functions or constants is not worth compiling.
fn is_trivial(node: &Node) -> bool {
    match node {
        Node::Define(_, value, ..) => matches!(**value, Node::Lambda(_) | Node::Constant(_)),
        Node::Sequence(nodes) => nodes.iter().all(is_trivial),
        Node::Constant(_) | Node::Global(..) | Node::Lambda(_) => true,
        Node::WithEnvironment(_) => true,
        _ => false,
    }
}

/// Compile prototypes as one unit; if that fails, note why in each, and try those that can alone.
fn compile_all(runtime: &mut Runtime, roots: &[Rc<Prototype>]) {
    let name = unit_name(runtime, roots);
    let Err(CompileFailure(reason)) = compile(runtime, roots, &name) else { return };
    if runtime.context.is_interrupt_requested() {
        // It is served at the next call; then the functions can be tried again.
        return;
    }
    for root in roots {
        root.native.failure.replace(Some(reason.clone()));
    }
    if roots.len() > 1 {
        for root in roots {
            // One function that cannot be compiled must not keep the others from it.
            if compile(runtime, std::slice::from_ref(root), &name).is_ok() {
                root.native.failure.replace(None);
            }
        }
    }
}

/// The name of a unit: that of its first function.
pub(super) fn unit_name(runtime: &Runtime, roots: &[Rc<Prototype>]) -> String {
    let first = roots.first().and_then(|prototype| runtime.as_symbol(prototype.name));
    first.map_or_else(|| "unit".to_string(), |symbol| runtime.symbols.name(symbol).to_string())
}

/// Prototype of the functions that an environment binds and that are not compiled, in order of definition.
pub(super) fn uncompiled_functions(runtime: &Runtime, environment: u32) -> Vec<Rc<Prototype>> {
    let mut found: Vec<Rc<Prototype>> = Vec::new();
    let mut known = FxHashSet::default();
    for cell in &runtime.environments.get(environment).bound {
        let value = runtime.cells.get(*cell).value;
        if !runtime.is_kind(value, Kind::Closure) {
            continue;
        }
        let Some(prototype) = runtime.prototype(value) else { continue };
        // Most programs use little of the prelude: its functions are compiled once they have been called.
        let used = cell.0 >= runtime.prelude_cells || prototype.heat.get() > 0;
        let wanted = used && !prototype.native.compiled.get() && prototype.native.failure.borrow().is_none();
        if wanted && known.insert(Rc::as_ptr(prototype)) {
            found.push(prototype.clone());
        }
    }
    found
}

/// Whether an environment binds functions that are written in Maru, and all of them are compiled.
pub fn is_environment_compiled(runtime: &Runtime, environment: u32) -> bool {
    let values = runtime.environments.get(environment).bound.iter().map(|cell| runtime.cells.get(*cell).value);
    let functions = values.filter(|value| runtime.is_kind(*value, Kind::Closure));
    let mut compiled = functions.filter_map(|function| runtime.prototype(function)).map(|it| it.native.compiled.get());
    compiled.next().is_some_and(|first| first && compiled.all(|compiled| compiled))
}

/// `(compile-environment env [architecture])`: compile every function of an environment as one unit. Answers the
/// number of functions compiled.
///
/// # Errors
/// Kind `compile`, with the reason.
pub fn compile_environment(runtime: &mut Runtime, environment: u32, architecture: Option<&str>) -> Outcome {
    if let (Some(wanted), Some(selected)) = (architecture, runtime.native.units().architecture) {
        if wanted != selected.name() {
            let message = format!("compile-environment: this run compiles for {}, not for {wanted}", selected.name());
            return Err(runtime.error(ErrorKind::Compile, &message, &[]));
        }
    }
    let roots = uncompiled_functions(runtime, environment);
    if roots.is_empty() {
        return Ok(Value::fixnum(0));
    }
    let name = unit_name(runtime, &roots);
    match compile(runtime, &roots, &name) {
        Ok(_) => Ok(Value::fixnum(roots.len() as i64)),
        Err(failure) => Err(refuse(runtime, &roots, failure)),
    }
}

fn refuse(runtime: &mut Runtime, roots: &[Rc<Prototype>], CompileFailure(reason): CompileFailure) -> Failure {
    if runtime.context.is_interrupt_requested() {
        if let Err(Failure) = poll(runtime) {
            return Failure;
        }
    }
    for root in roots {
        root.native.failure.replace(Some(reason.clone()));
    }
    runtime.error(ErrorKind::Compile, &reason, &[])
}

/// `(compile-now f)`: compile one function. Answers the function.
///
/// # Errors
/// Kind `compile`, with the reason; kind `type` for what is no function of the language.
pub fn compile_function(runtime: &mut Runtime, closure: Value) -> Outcome {
    let Some(prototype) = runtime.prototype(closure).cloned() else {
        return Err(runtime.type_error("compile-now", "a function written in Maru", closure));
    };
    if !prototype.native.compiled.get() {
        let name = unit_name(runtime, std::slice::from_ref(&prototype));
        if let Err(failure) = compile(runtime, std::slice::from_ref(&prototype), &name) {
            return Err(refuse(runtime, std::slice::from_ref(&prototype), failure));
        }
    }
    Ok(closure)
}

/// The IR of a function and of those nested in it, as it is lowered, or as the optimiser leaves it.
///
/// # Errors
/// Why there is none.
pub fn function_ir(
    runtime: &mut Runtime,
    function: Value,
    optimised: bool,
) -> Result<Vec<maru_core::ir::Function>, String> {
    let Some(prototype) = runtime.prototype(function).cloned() else {
        return Err(why_not(runtime, function).unwrap_or_else(|| "it is not a function".into()));
    };
    let target = lowering_target(runtime).map_err(|CompileFailure(reason)| reason)?;
    let mut lowered = lower_unit(runtime, &[prototype], target, Linking::Now);
    if optimised {
        optimise(runtime, &mut lowered.functions).map_err(|CompileFailure(reason)| reason)?;
    }
    Ok(lowered.functions)
}

/// Why a function is not native; `None` if it is.
pub fn why_not(runtime: &Runtime, function: Value) -> Option<String> {
    let Some(prototype) = runtime.prototype(function) else {
        return Some(match runtime.kind(function) {
            Some(Kind::Primitive) => "it is a primitive, part of Maru itself".to_string(),
            _ => "it is not a function".to_string(),
        });
    };
    if prototype.native.compiled.get() {
        return None;
    }
    let failure = prototype.native.failure.borrow().clone();
    Some(failure.unwrap_or_else(|| match runtime.options.jit {
        JitMode::Off => "compilation is off in this run; compile-now and compile-environment still compile".into(),
        _ if prototype.native.waiting.get() => "it is being compiled".to_string(),
        _ => "its environment is not hot yet".to_string(),
    }))
}
