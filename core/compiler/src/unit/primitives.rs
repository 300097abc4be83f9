//! Native code, seen from programs: architectures, compiling, saving and loading; libraries of others.

use crate::load::{check_signature, ForeignLibrary};
use crate::unit::{self, HasUnits};
use maru_core::abi::layout::{Kind, Value};
use maru_core::codegen::{Architecture, MachineIdentity};
use maru_core::registry;
use maru_language::interp::{instances, primitive_arguments as arguments};
use maru_language::runtime::classes::extends_architecture;
use maru_language::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime, Touch};
use std::path::Path;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("current-architecture", 0, current_architecture).touching(Touch::Nothing),
    PrimitiveInfo::fixed("architectures", 0, architectures).touching(Touch::Nothing),
    PrimitiveInfo::fixed("<architecture>-name", 1, |runtime, arguments| {
        if let Some(field) = field_of_extension(runtime, arguments[0], "name") {
            return field;
        }
        let architecture = architecture(runtime, "<architecture>-name", arguments[0])?;
        runtime.string(architecture.name())
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("<architecture>-pointer-size", 1, |runtime, arguments| {
        if let Some(field) = field_of_extension(runtime, arguments[0], "pointer-size") {
            return field;
        }
        let identity = identity(runtime, "<architecture>-pointer-size", arguments[0])?;
        Ok(Value::fixnum(identity.pointer_size.into()))
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("<architecture>-endianness", 1, |runtime, arguments| {
        if let Some(field) = field_of_extension(runtime, arguments[0], "endianness") {
            return field;
        }
        let identity = identity(runtime, "<architecture>-endianness", arguments[0])?;
        Ok(runtime.symbol_value(if identity.little_endian { "little" } else { "big" }))
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("compiled?", 1, is_compiled).touching(Touch::Nothing),
    PrimitiveInfo::fixed("why-not-compiled", 1, why_not_compiled).touching(Touch::Nothing),
    PrimitiveInfo::optional("compile-now", 1, 2, compile_now).touching(Touch::Nothing),
    PrimitiveInfo::optional("compile-environment", 1, 2, compile_environment).touching(Touch::Nothing),
    PrimitiveInfo::fixed("save-compiled-environment", 2, save).touching(Touch::Write),
    PrimitiveInfo::fixed("load-compiled-environment", 1, |runtime, arguments| {
        let name = arguments::text(runtime, "load-compiled-environment", arguments[0])?;
        runtime.may_load_native("load-compiled-environment")?;
        unit::load_environment(runtime, &name)
    })
    .touching(Touch::Native),
    PrimitiveInfo::optional("dlopen", 1, 2, dlopen).touching(Touch::Native),
    PrimitiveInfo::fixed("dlsym", 2, dlsym).touching(Touch::Native),
];

/// What is said of them.
pub const DOCUMENTATION: &str = include_str!("primitives.txt");

/// A field of an instance of a program's class below `<architecture>`.
fn field_of_extension(runtime: &mut Runtime, value: Value, field: &str) -> Option<Outcome> {
    if !extends_architecture(runtime, value) {
        return None;
    }
    let field = runtime.symbol_value(field);
    Some(instances::named_field(runtime, &[value, field]).map(|(value, _)| value))
}

/// What an `<architecture>` object stands for; or, of an instance of a program's class below, its name.
fn architecture(runtime: &mut Runtime, operation: &str, value: Value) -> Result<&'static dyn Architecture, Failure> {
    if let Some(name) = field_of_extension(runtime, value, "name") {
        let name = arguments::name(runtime, operation, name?)?;
        let found = registry::find_architecture(&name, operation);
        return found.map_err(|message| runtime.error(ErrorKind::Compile, &message, &[value]));
    }
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

/// `(compiled? function)`; of an environment, whether it has functions, and all of them are compiled.
fn is_compiled(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    if let Some(environment) = runtime.as_environment(arguments[0]) {
        return Ok(Value::boolean(unit::is_environment_compiled(runtime, environment)));
    }
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
    arguments::environment(runtime, "save-compiled-environment", arguments[0])?;
    let name = arguments::text(runtime, "save-compiled-environment", arguments[1])?;
    match name.contains('/') {
        true => drop(runtime.may_write("save-compiled-environment", Path::new(&name))?),
        // Who writes into the cache decides what code other programs load.
        false => runtime.may_load_native("save-compiled-environment")?,
    }
    unit::save_environment(runtime, arguments[0], &name)
}

/// What the prelude binds these names to.
const RTLD_LAZY: i64 = 1;
const RTLD_NOW: i64 = 2;

/// `(dlopen path [when])`: opens a shared library by the host's loader. The value is its handle, an integer, the same for a
/// path that was opened before.
fn dlopen(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let path = arguments::text(runtime, "dlopen", arguments[0])?;
    runtime.may_load_native("dlopen")?;
    check_foreign(runtime, &path, arguments[0])?;
    let when = arguments.get(1).map_or(Ok(RTLD_NOW), |when| arguments::integer(runtime, "dlopen", *when))?;
    if when != RTLD_NOW && when != RTLD_LAZY {
        return Err(runtime.type_error("dlopen", "RTLD_NOW or RTLD_LAZY", arguments[1]));
    }
    let opened = &runtime.native.units().foreign;
    if let Some(known) = opened.iter().position(|library| library.path() == Path::new(&path)) {
        return Ok(Value::fixnum(known as i64 + 1));
    }
    match ForeignLibrary::open(Path::new(&path), when == RTLD_LAZY) {
        Ok(library) => {
            let opened = &mut runtime.native.units_mut().foreign;
            opened.push(library);
            Ok(Value::fixnum(opened.len() as i64))
        }
        Err(reason) => Err(runtime.error(ErrorKind::Load, &format!("dlopen: {reason}"), &[arguments[0]])),
    }
}

/// Where only signed files are trusted, a library of others must be one, named by its path.
fn check_foreign(runtime: &mut Runtime, path: &str, argument: Value) -> Result<(), Failure> {
    if runtime.options.trusted.is_empty() {
        return Ok(());
    }
    let checked = match path.contains('/') {
        false => {
            Err("only signed files are trusted, and the system chooses where it finds this one; give its path".into())
        }
        true => std::fs::read(path)
            .map_err(|fault| fault.to_string())
            .and_then(|bytes| check_signature(&runtime.options.trusted, Path::new(path), &bytes)),
    };
    checked.map_err(|problem| runtime.error(ErrorKind::Load, &format!("dlopen: {path}: {problem}"), &[argument]))
}

/// `(dlsym handle name)`: the address of a symbol in a library that `dlopen` opened, an integer; nil if it has none.
fn dlsym(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let handle = arguments::integer(runtime, "dlsym", arguments[0])?;
    let name = arguments::text(runtime, "dlsym", arguments[1])?;
    runtime.may_load_native("dlsym")?;
    let index = usize::try_from(handle - 1).unwrap_or(usize::MAX);
    let Some(library) = runtime.native.units().foreign.get(index) else {
        return Err(runtime.type_error("dlsym", "a handle that dlopen gave", arguments[0]));
    };
    match library.address(&name) {
        Some(address) => arguments::unsigned(runtime, address as u64),
        None => Ok(Value::NIL),
    }
}
