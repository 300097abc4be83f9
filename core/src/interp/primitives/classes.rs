//! Classes, instances, methods. Those whose names begin with `%` are what the expander's forms call.

use super::arguments;
use crate::interp::classes::{
    add_method, class, class_name, class_number, class_object, class_of, distance, field_offset, is_built_in,
    make_class, make_generic,
};
use crate::interp::{evaluate_toplevel, PrimitiveInfo};
use crate::runtime::{ErrorKind, Failure, Outcome, Runtime, Symbol};
use crate::value::{field, offset, Kind, Value};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::variadic("new", 1, new),
    PrimitiveInfo::fixed("class-of", 1, |runtime, arguments| {
        let number = class_of(runtime, arguments[0]);
        Ok(class_object(runtime, number))
    }),
    PrimitiveInfo::fixed("is-a?", 2, |runtime, arguments| {
        let wanted = class_argument(runtime, "is-a?", arguments[1])?;
        let number = class_of(runtime, arguments[0]);
        Ok(Value::boolean(distance(runtime, number, wanted).is_some()))
    }),
    PrimitiveInfo::fixed("<class>-name", 1, |runtime, arguments| {
        let number = class_argument(runtime, "<class>-name", arguments[0])?;
        let name = class_name(runtime, number).to_string();
        runtime.intern_value(&name)
    }),
    PrimitiveInfo::fixed("<class>-fields", 1, |runtime, arguments| {
        class_argument(runtime, "<class>-fields", arguments[0])?;
        let fields = class(runtime, arguments[0]).map_or(Vec::new(), |class| class.fields.clone());
        let names: Vec<Value> = fields.into_iter().map(|field| runtime.symbols.value(field)).collect();
        runtime.list(&names)
    }),
    PrimitiveInfo::fixed("%make-class", 3, |runtime, arguments| {
        let name = symbol(runtime, arguments[0])?;
        let fields = symbols(runtime, arguments[2])?;
        make_class(runtime, name, arguments[1], &fields)
    }),
    PrimitiveInfo::fixed("%define-accessors", 2, define_accessors),
    PrimitiveInfo::fixed("%field-at", 3, |runtime, arguments| {
        let place = checked_field(runtime, "", arguments)?;
        Ok(runtime.field(arguments[0], place))
    }),
    PrimitiveInfo::fixed("%set-field-at", 4, |runtime, arguments| {
        let place = checked_field(runtime, "set-", arguments)?;
        runtime.set_field(arguments[0], place, arguments[3]);
        Ok(arguments[3])
    }),
    PrimitiveInfo::fixed("%field", 2, named_field),
    PrimitiveInfo::fixed("%set-field", 3, set_named_field),
    PrimitiveInfo::fixed("%make-selector", 1, |runtime, arguments| {
        let name = symbol(runtime, arguments[0])?;
        make_generic(runtime, Kind::Selector, name, Vec::new())
    }),
    PrimitiveInfo::fixed("%make-multimethod", 2, |runtime, arguments| {
        let name = symbol(runtime, arguments[0])?;
        let parameters = symbols(runtime, arguments[1])?;
        make_generic(runtime, Kind::Generic, name, parameters)
    }),
    PrimitiveInfo::fixed("%ensure-multimethod", 3, ensure_multimethod),
    PrimitiveInfo::fixed("%add-method", 3, |runtime, arguments| {
        let classes = runtime.list_to_vec(arguments[1]);
        add_method(runtime, arguments[0], classes, arguments[2])
    }),
];

fn symbol(runtime: &mut Runtime, value: Value) -> Result<Symbol, Failure> {
    let value = arguments::symbol(runtime, "define-class", value)?;
    Ok(Symbol(runtime.index(value)))
}

fn symbols(runtime: &mut Runtime, list: Value) -> Result<Vec<Symbol>, Failure> {
    runtime.list_to_vec(list).into_iter().map(|name| symbol(runtime, name)).collect()
}

fn class_argument(runtime: &mut Runtime, operation: &str, value: Value) -> Result<u32, Failure> {
    match class_number(runtime, value) {
        Some(number) => Ok(number),
        None => Err(runtime.type_error(operation, "a class", value)),
    }
}

/// `(new class value…)`: fields in order, nil where values are missing.
fn new(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
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
    Ok(instance)
}

/// `(%define-accessors class environment)`: `<class>-field` and `set-<class>-field` for each field. They refer to
/// the class by its name, so that they can be saved like other functions.
fn define_accessors(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let number = class_argument(runtime, "define-class", arguments[0])?;
    arguments::environment(runtime, "define-class", arguments[1])?;
    let class_name = class_name(runtime, number).to_string();
    let fields = class(runtime, arguments[0]).map_or(Vec::new(), |class| class.fields.clone());
    for (index, field) in fields.into_iter().enumerate() {
        let field = runtime.symbols.name(field).to_string();
        let base = runtime.roots.len();
        let made = define_accessor(runtime, &class_name, &format!("{class_name}-{field}"), index, false, arguments[1])
            .and_then(|_| {
                let name = format!("set-{class_name}-{field}");
                define_accessor(runtime, &class_name, &name, index, true, arguments[1])
            });
        runtime.roots.truncate(base);
        made?;
    }
    Ok(arguments[0])
}

/// `(define (name object) (%field-at object class index))`, or the same with a value to set.
fn define_accessor(
    runtime: &mut Runtime,
    class: &str,
    name: &str,
    index: usize,
    setter: bool,
    environment: Value,
) -> Outcome {
    let list = |runtime: &mut Runtime, values: &[Value]| {
        let list = runtime.list(values)?;
        runtime.roots.push(list);
        Ok(list)
    };
    let [define, name, object, value, class] =
        ["define", name, "object", "value", class].map(|name| runtime.symbol_value(name));
    let index = Value::fixnum(index as i64);
    let (head, body) = if setter {
        let primitive = runtime.symbol_value("%set-field-at");
        (list(runtime, &[name, object, value])?, list(runtime, &[primitive, object, class, index, value])?)
    } else {
        let primitive = runtime.symbol_value("%field-at");
        (list(runtime, &[name, object])?, list(runtime, &[primitive, object, class, index])?)
    };
    let definition = list(runtime, &[define, head, body])?;
    evaluate_toplevel(runtime, definition, environment)
}

/// `(%field-at object class index)`: where the field lies in the object, whose class is checked.
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

/// Where the field with a name lies in an instance.
fn find_field(runtime: &Runtime, object: Value, name: Value) -> Option<i32> {
    if !runtime.is_kind(object, Kind::Instance) {
        return None;
    }
    let name = runtime.as_symbol(name)?;
    let class = class(runtime, runtime.field(object, offset::INSTANCE_CLASS))?;
    class.fields.iter().position(|field| *field == name).map(field_offset)
}

fn no_field(runtime: &mut Runtime, object: Value, name: Value) -> Failure {
    let number = class_of(runtime, object);
    let field = runtime.as_symbol(name).map_or("", |name| runtime.symbols.name(name));
    let message = format!("a {} has no field {field}", class_name(runtime, number));
    runtime.error(ErrorKind::Type, &message, &[object, name])
}

/// `object.name`: of an instance, or, of a built-in type, what the primitive `<type>-name` gives.
fn named_field(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let (object, name) = (arguments[0], arguments[1]);
    if let Some(place) = find_field(runtime, object, name) {
        return Ok(runtime.field(object, place));
    }
    if !runtime.is_kind(object, Kind::Instance) {
        let number = class_of(runtime, object);
        let field = runtime.as_symbol(name).map_or("", |name| runtime.symbols.name(name));
        let accessor = format!("{}-{field}", class_name(runtime, number));
        let primitive = runtime.primitives.iter().find(|primitive| primitive.name == accessor && primitive.least == 1);
        if let Some(function) = primitive.map(|primitive| primitive.function) {
            return function(runtime, &[object]);
        }
    }
    Err(no_field(runtime, object, name))
}

fn set_named_field(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    match find_field(runtime, arguments[0], arguments[1]) {
        Some(place) => {
            runtime.set_field(arguments[0], place, arguments[2]);
            Ok(arguments[2])
        }
        None => Err(no_field(runtime, arguments[0], arguments[1])),
    }
}

/// `(%ensure-multimethod environment name parameters)`: the multimethod that the name is bound to, or a new one.
fn ensure_multimethod(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = arguments::environment(runtime, "define-multimethod", arguments[0])?;
    let name = symbol(runtime, arguments[1])?;
    let cell = runtime.cell(environment, name);
    let value = runtime.cells.get(cell).value;
    if value.as_unbound().is_none() && runtime.is_kind(value, Kind::Generic) {
        return Ok(value);
    }
    let parameters = symbols(runtime, arguments[2])?;
    make_generic(runtime, Kind::Generic, name, parameters)
}
