//! Native code, seen from programs: architectures, compiling, saving and loading.

use crate::unit;
use maru_core::abi::layout::{Kind, Value};
use maru_core::codegen::{Architecture, MachineIdentity};
use maru_core::registry;
use maru_language::interp::primitive_arguments as arguments;
use maru_language::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("current-architecture", 0, current_architecture),
    PrimitiveInfo::fixed("architectures", 0, architectures),
    PrimitiveInfo::fixed("<architecture>-name", 1, |runtime, arguments| {
        let architecture = architecture(runtime, "<architecture>-name", arguments[0])?;
        runtime.string(architecture.name())
    }),
    PrimitiveInfo::fixed("<architecture>-pointer-size", 1, |runtime, arguments| {
        let identity = identity(runtime, "<architecture>-pointer-size", arguments[0])?;
        Ok(Value::fixnum(identity.pointer_size.into()))
    }),
    PrimitiveInfo::fixed("<architecture>-endianness", 1, |runtime, arguments| {
        let identity = identity(runtime, "<architecture>-endianness", arguments[0])?;
        Ok(runtime.symbol_value(if identity.little_endian { "little" } else { "big" }))
    }),
    PrimitiveInfo::fixed("compiled?", 1, is_compiled),
    PrimitiveInfo::fixed("why-not-compiled", 1, why_not_compiled),
    PrimitiveInfo::optional("compile-now", 1, 2, compile_now),
    PrimitiveInfo::optional("compile-environment", 1, 2, compile_environment),
    PrimitiveInfo::fixed("save-compiled-environment", 2, save),
    PrimitiveInfo::fixed("load-compiled-environment", 1, |runtime, arguments| {
        let name = arguments::text(runtime, "load-compiled-environment", arguments[0])?;
        unit::load_environment(runtime, &name)
    }),
];

/// What is said of them.
pub const DOCUMENTATION: &str = include_str!("primitives.txt");

/// What an `<architecture>` object stands for.
fn architecture(runtime: &mut Runtime, operation: &str, value: Value) -> Result<&'static dyn Architecture, Failure> {
    let object = arguments::of_kind(runtime, operation, value, Kind::Architecture, "an architecture")?;
    let index = runtime.index(object) as usize;
    match registry::architectures().get(index) {
        Some(architecture) => Ok(*architecture),
        None => Err(runtime.type_error(operation, "an architecture", value)),
    }
}

/// What formats call the CPU of an `<architecture>` object.
fn identity(runtime: &mut Runtime, operation: &str, value: Value) -> Result<&'static MachineIdentity, Failure> {
    let architecture = architecture(runtime, operation, value)?;
    registry::any_identity(architecture).ok_or_else(|| {
        let message = format!("{operation}: no format has libraries for {}", architecture.name());
        runtime.error(ErrorKind::Compile, &message, &[])
    })
}

/// The architecture that the options name, else the host's.
fn current_architecture(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let found = match &runtime.options.target {
        Some(name) => registry::find_architecture(name, &runtime.options.target_origin),
        None => registry::host_architecture().ok_or_else(|| "there is no target for this CPU".to_string()),
    };
    let name = match found {
        Ok(architecture) => architecture.name(),
        Err(message) => return Err(runtime.error(ErrorKind::Compile, &message, &[])),
    };
    let index = registry::architectures().iter().position(|architecture| architecture.name() == name);
    runtime.index_object(Kind::Architecture, index.unwrap_or(0) as u32)
}

fn architectures(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let mut list = Value::NIL;
    for index in (0..registry::architectures().len() as u32).rev() {
        let architecture = runtime.index_object(Kind::Architecture, index)?;
        list = runtime.cons(architecture, list)?;
    }
    Ok(list)
}

fn is_compiled(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let function = arguments::named_function(runtime, "compiled?", arguments)?;
    Ok(Value::boolean(runtime.prototype(function).is_some_and(|prototype| prototype.native.compiled.get())))
}

/// `(why-not-compiled f)`: a string; nil if nothing speaks against it.
fn why_not_compiled(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let function = arguments::named_function(runtime, "why-not-compiled", arguments)?;
    match unit::why_not(runtime, function) {
        Some(reason) => runtime.string(&reason),
        None => Ok(Value::NIL),
    }
}

/// `(compile-now 'f [environment])`.
fn compile_now(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let function = arguments::named_function(runtime, "compile-now", arguments)?;
    unit::compile_function(runtime, function)
}

/// `(compile-environment environment [architecture])`.
fn compile_environment(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = arguments::environment(runtime, "compile-environment", arguments[0])?;
    let name = match arguments.get(1) {
        Some(value) => Some(architecture(runtime, "compile-environment", *value)?.name()),
        None => None,
    };
    unit::compile_environment(runtime, environment, name)
}

/// `(save-compiled-environment environment name)`.
fn save(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = arguments::environment(runtime, "save-compiled-environment", arguments[0])?;
    let name = arguments::text(runtime, "save-compiled-environment", arguments[1])?;
    unit::save_environment(runtime, environment, &name)
}
