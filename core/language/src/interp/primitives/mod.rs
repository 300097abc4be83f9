//! The primitives, one file for each section, each with its table.

pub mod arguments;
pub(super) mod arrays;
mod binary;
mod classes;
mod compare;
mod control;
pub(super) mod data;
mod directories;
mod environments;
mod errors;
mod files;
mod format;
mod hash;
pub mod instances;
mod numbers;
mod pairs;
mod patterns;
mod printing;
mod processes;
mod random;
mod strings;
mod symbols;
mod system;
pub(super) mod tables;
mod text;
mod times;
mod types;

pub use printing::print_value;

use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::{offset, Kind, Value};

/// All tables.
const TABLES: &[&[PrimitiveInfo]] = &[
    numbers::TABLE,
    numbers::UNARY,
    numbers::BINARY,
    compare::TABLE,
    types::TABLE,
    types::KINDS,
    pairs::TABLE,
    pairs::PATHS,
    arrays::TABLE,
    strings::TABLE,
    data::TABLE,
    symbols::TABLE,
    tables::TABLE,
    errors::TABLE,
    environments::TABLE,
    control::TABLE,
    printing::TABLE,
    files::TABLE,
    binary::TABLE,
    directories::TABLE,
    processes::TABLE,
    random::TABLE,
    times::TABLE,
    system::TABLE,
    patterns::TABLE,
    classes::TABLE,
    &[PrimitiveInfo::fixed("length", 1, pairs::length).quiet(), PrimitiveInfo::variadic("concat", 0, concat)],
];

/// Make all primitives and bind them, and the language's constants, in the global environment.
///
/// # Errors
/// When memory is out.
pub fn define_primitives(runtime: &mut Runtime) -> Result<(), Failure> {
    runtime.extensions.core_forms = crate::interp::expand::core_form_names().collect();
    let global = runtime.global_environment();
    let native = runtime.native.code.primitives();
    for primitive in TABLES.iter().copied().flatten().chain(native) {
        let value = make_primitive(runtime, *primitive)?;
        runtime.define(global, primitive.name, value);
    }
    crate::runtime::classes::define_classes(runtime)?;
    let environment = runtime.global;
    runtime.define(global, "*global-environment*", environment);
    let name = runtime.symbol("*global-environment*");
    runtime.environments.get_mut(global).name = Some(name);
    runtime.define(global, "*arguments*", Value::NIL);
    Ok(())
}

/// `(concat a b…)`: strings, arrays or lists, one behind the other; the first says which.
fn concat(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    match arguments.first().map(|first| runtime.kind(*first)) {
        Some(Some(Kind::Array)) => arrays::concat_array(runtime, arguments),
        Some(None) if arguments[0].is_pair() || arguments[0].is_nil() => pairs::append(runtime, arguments),
        _ => strings::concat(runtime, "concat", arguments),
    }
}

fn make_primitive(runtime: &mut Runtime, primitive: PrimitiveInfo) -> Outcome {
    let number = runtime.primitives.len() as i64;
    runtime.primitives.push(primitive);
    let object = runtime.object(Kind::Primitive, 2)?;
    let code = runtime.trampoline_code;
    runtime.set_field(object, offset::CALLABLE_CODE, code);
    runtime.set_field(object, offset::CALLABLE_INDEX, Value::fixnum(number));
    runtime.primitive_values.push(object);
    Ok(object)
}

/// Raise `index` for an index below zero.
#[cold]
fn negative_index(runtime: &mut Runtime, operation: &str, index: Value) -> Failure {
    runtime.error(ErrorKind::Index, &format!("{operation}: a negative index"), &[index])
}
