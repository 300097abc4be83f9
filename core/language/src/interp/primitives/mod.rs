//! The primitives, one file for each section, each with its table.

pub mod arguments;
pub(super) mod arrays;
mod classes;
mod compare;
mod control;
pub(super) mod data;
mod environments;
mod errors;
mod files;
mod format;
mod hash;
pub mod instances;
mod numbers;
mod pairs;
mod printing;
mod strings;
mod symbols;
mod system;
mod tables;
mod text;
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
    system::TABLE,
    classes::TABLE,
    &[PrimitiveInfo::fixed("length", 1, pairs::length).quiet()],
];

/// Make all primitives and bind them, and the language's constants, in the global environment.
///
/// # Errors
/// When memory is out.
pub fn define_primitives(runtime: &mut Runtime) -> Result<(), Failure> {
    let global = runtime.global_environment();
    let native = runtime.native.code.primitives();
    for primitive in TABLES.iter().copied().flatten().chain(native) {
        let value = make_primitive(runtime, *primitive)?;
        runtime.define(global, primitive.name, value);
    }
    crate::runtime::classes::define_classes(runtime)?;
    let environment = runtime.global;
    runtime.define(global, "*global-environment*", environment);
    runtime.define(global, "*arguments*", Value::NIL);
    Ok(())
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
