//! Instances: making them, and access to their fields, by name or by class and index.
//!
//! Each answers its value with what an inline cache may go by the next time: the words that it compares, and what it then
//! needs to know; and, where it is worth it, what other places may look up.

use super::classes::class_argument;
use crate::runtime::classes::{
    accessor_of, class, class_name, class_number, class_of, distance, extends_environment, field_offset, is_built_in,
};
use crate::runtime::{ErrorKind, Failure, Runtime};
use crate::value::{field, offset, Kind, Value, Word, TAG_OBJECT};

/// What compiled code may go by the next time.
#[derive(Clone, Copy, Debug)]
pub struct Hint<const WORDS: usize> {
    /// For the cache of the place that asked.
    pub cache: [Word; WORDS],
    /// For the table for all places: what was asked for, the class, what was found.
    pub lookup: Option<(Word, Word, Word)>,
}

/// A value, and what to go by the next time.
pub type Found<const WORDS: usize> = Result<(Value, Option<Hint<WORDS>>), Failure>;

/// `(new class value…)`: fields in order, nil where values are missing. The cache is for classes with `expected` fields,
/// and holds the class.
///
/// # Errors
/// `type` for what is no class that has instances, `arity` for more values than it has fields.
pub fn make(runtime: &mut Runtime, arguments: &[Value], expected: usize) -> Found<1> {
    let number = class_argument(runtime, "new", arguments[0])?;
    let fields = class(runtime, arguments[0]).map_or(0, |class| class.fields.len());
    if is_built_in(number) {
        return Err(runtime.type_error("new", "a class that has instances", arguments[0]));
    }
    let values = &arguments[1..];
    if values.len() > fields {
        let name = class_name(runtime, number);
        let message = format!("new: {name} has {fields} fields, was given {} values", values.len());
        let name = class(runtime, arguments[0]).map_or(Value::NIL, |class| runtime.symbols.value(class.name));
        return Err(runtime.error(ErrorKind::Arity, &message, &[name, Value::fixnum(values.len() as i64)]));
    }
    let instance = runtime.object(Kind::Instance, 1 + fields)?;
    runtime.set_field(instance, offset::INSTANCE_CLASS, arguments[0]);
    for (index, value) in values.iter().enumerate() {
        runtime.set_field(instance, field_offset(index), *value);
    }
    if extends_environment(runtime, instance) {
        fill_environment(runtime, instance, values.is_empty())?;
        return Ok((instance, None));
    }
    let hint = Hint { cache: [arguments[0].0], lookup: None };
    Ok((instance, (fields == expected).then_some(hint)))
}

/// The first field of an instance below `<environment>` is the environment that it stands for; a new one, if none is given.
#[cold]
fn fill_environment(runtime: &mut Runtime, instance: Value, is_missing: bool) -> Result<(), Failure> {
    if is_missing {
        let global = runtime.global_environment();
        let environment = runtime.make_environment(Some(global))?;
        runtime.set_field(instance, field_offset(0), environment);
        return Ok(());
    }
    let given = runtime.field(instance, field_offset(0));
    match runtime.environment_itself(given) {
        Some(environment) => runtime.set_field(instance, field_offset(0), environment),
        None => return Err(runtime.type_error("new", "an environment", given)),
    }
    Ok(())
}

/// `(%field-at object class index)`. The cache holds the object's class, and the class that it was found to be.
///
/// # Errors
/// `type` unless the object is of the class.
pub fn field_at(runtime: &mut Runtime, arguments: &[Value]) -> Found<2> {
    let place = checked_field(runtime, "", arguments)?;
    Ok((runtime.field(arguments[0], place), Some(classes(runtime, arguments))))
}

/// `(%set-field-at object class index value)`, likewise.
///
/// # Errors
/// As `field_at`.
pub fn set_field_at(runtime: &mut Runtime, arguments: &[Value]) -> Found<2> {
    let place = checked_field(runtime, "set-", arguments)?;
    runtime.set_field(arguments[0], place, arguments[3]);
    Ok((arguments[3], Some(classes(runtime, arguments))))
}

/// Whoever looks that up is told the size of the class's instances, since the wanted class may have fewer fields than when
/// the place was made.
fn classes(runtime: &Runtime, arguments: &[Value]) -> Hint<2> {
    let (class, wanted) = (runtime.field(arguments[0], offset::INSTANCE_CLASS).0, arguments[1].0);
    Hint { cache: [class, wanted], lookup: Some((wanted, class, runtime.size(arguments[0]) as Word)) }
}

/// Where the field lies in the object, whose class is checked.
fn checked_field(runtime: &mut Runtime, prefix: &str, arguments: &[Value]) -> Result<i32, Failure> {
    let (object, wanted) = (arguments[0], arguments[1]);
    let index = arguments[2].as_fixnum().unwrap_or(0) as usize;
    if runtime.is_kind(object, Kind::Instance) && runtime.size(object) > field(1 + index) as usize {
        if runtime.field(object, offset::INSTANCE_CLASS) == wanted {
            return Ok(field_offset(index));
        }
        let number = class_of(runtime, object);
        if class_number(runtime, wanted).is_some_and(|wanted| distance(runtime, number, wanted).is_some()) {
            return Ok(field_offset(index));
        }
    }
    let number = class_argument(runtime, "field", wanted)?;
    let class_name = class_name(runtime, number).to_string();
    let field = class(runtime, wanted).and_then(|class| class.fields.get(index).copied());
    let field = field.map_or("", |field| runtime.symbols.name(field));
    let operation = format!("{prefix}{class_name}-{field}");
    Err(runtime.type_error(&operation, &format!("a {class_name}"), object))
}

/// `object.name`, `(%field object name)`: of an instance, or, of a built-in type, what the primitive `<type>-name` gives.
/// The cache holds the class, and the field's offset from an instance's word.
///
/// # Errors
/// `type` if there is no such field; or the primitive's own.
pub fn named_field(runtime: &mut Runtime, arguments: &[Value]) -> Found<2> {
    let (object, name) = (arguments[0], arguments[1]);
    if let Some(place) = find_field(runtime, object, name) {
        return Ok((runtime.field(object, place), Some(class_and_offset(runtime, arguments, place))));
    }
    if !runtime.is_kind(object, Kind::Instance) || extends_environment(runtime, object) {
        if let Some(accessor) = accessor_of(runtime, object, name) {
            return Ok((accessor(runtime, &[object])?, None));
        }
    }
    Err(no_field(runtime, object, name))
}

/// `(%set-field object name value)`, for instances.
///
/// # Errors
/// `type` if there is no such field.
pub fn set_named_field(runtime: &mut Runtime, arguments: &[Value]) -> Found<2> {
    match find_field(runtime, arguments[0], arguments[1]) {
        Some(place) => {
            runtime.set_field(arguments[0], place, arguments[2]);
            Ok((arguments[2], Some(class_and_offset(runtime, arguments, place))))
        }
        None => Err(no_field(runtime, arguments[0], arguments[1])),
    }
}

fn class_and_offset(runtime: &Runtime, arguments: &[Value], place: i32) -> Hint<2> {
    let (class, offset) = (runtime.field(arguments[0], offset::INSTANCE_CLASS).0, place as Word - TAG_OBJECT);
    Hint { cache: [class, offset], lookup: Some((arguments[1].0, class, offset)) }
}

/// Where the field with a name lies in an instance.
fn find_field(runtime: &Runtime, object: Value, name: Value) -> Option<i32> {
    if !runtime.is_kind(object, Kind::Instance) {
        return None;
    }
    let name = runtime.as_symbol(name)?;
    let class = class(runtime, runtime.field(object, offset::INSTANCE_CLASS))?;
    class.fields.iter().position(|field| *field == name).map(field_offset)
}

#[cold]
fn no_field(runtime: &mut Runtime, object: Value, name: Value) -> Failure {
    let number = class_of(runtime, object);
    let field = runtime.as_symbol(name).map_or("", |name| runtime.symbols.name(name));
    let message = format!("a {} has no field {field}", class_name(runtime, number));
    runtime.error(ErrorKind::Type, &message, &[object, name])
}
