//! Classes, instances, methods. Those whose names begin with `%` are what the expander's forms call.

use super::{arguments, instances};
use crate::interp::evaluate_toplevel;
use crate::runtime::classes::{
    add_method, class, class_name, class_number, class_object, class_of, distance, make_class, make_generic,
};
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime, Symbol};
use crate::value::{Kind, Value};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::variadic("new", 1, |runtime, arguments| Ok(instances::make(runtime, arguments, 0)?.0)),
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
    PrimitiveInfo::fixed("%field-at", 3, |runtime, arguments| Ok(instances::field_at(runtime, arguments)?.0)),
    PrimitiveInfo::fixed("%set-field-at", 4, |runtime, arguments| Ok(instances::set_field_at(runtime, arguments)?.0)),
    PrimitiveInfo::fixed("%field", 2, |runtime, arguments| Ok(instances::named_field(runtime, arguments)?.0)),
    PrimitiveInfo::fixed("%set-field", 3, |runtime, arguments| Ok(instances::set_named_field(runtime, arguments)?.0)),
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

pub(super) fn class_argument(runtime: &mut Runtime, operation: &str, value: Value) -> Result<u32, Failure> {
    match class_number(runtime, value) {
        Some(number) => Ok(number),
        None => Err(runtime.type_error(operation, "a class", value)),
    }
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
