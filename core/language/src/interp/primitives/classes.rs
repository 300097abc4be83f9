//! Classes, instances, methods. Those whose names begin with `%` are what the expander's forms call.

use super::{arguments, instances};
use crate::interp::{define_variable, evaluate_toplevel, set_variable, unbound};
use crate::runtime::classes::{
    add_method, class, class_name, class_number, class_object, class_of, distance, generic, make_class, make_generic,
    next_method,
};
use crate::runtime::{CellId, ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime, Symbol};
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
    PrimitiveInfo::fixed("%ensure-selector", 3, ensure_selector),
    PrimitiveInfo::variadic("%next-method", 2, |runtime, arguments| {
        let classes = runtime.list_to_vec(arguments[1]);
        next_method(runtime, arguments[0], &classes, &arguments[2..])
    }),
    PrimitiveInfo::fixed("%variable-or-field", 2, variable_or_field),
    PrimitiveInfo::fixed("%set-variable-or-field", 3, set_variable_or_field),
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

/// `(%ensure-selector environment name names)`: the selector or multimethod that the name is bound to. If it is not bound,
/// one is defined: a selector, if there is one name of an argument that a method chooses by, else a multimethod.
fn ensure_selector(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let environment = arguments::environment(runtime, "define-method", arguments[0])?;
    let name = symbol(runtime, arguments[1])?;
    let parameters = symbols(runtime, arguments[2])?;
    let cell = runtime.cell(environment, name);
    let value = runtime.cells.get(cell).value;
    if value.as_unbound().is_none() {
        let known = generic(runtime, value).filter(|_| runtime.is_kind(value, Kind::Generic));
        let differs = known.is_some_and(|known| known.parameters.get(1..parameters.len()) != Some(&parameters[1..]));
        if !differs {
            return Ok(value);
        }
        let message = format!(
            "define-method: the parameters of {} were not known when this form was expanded; define the multimethod in a \
             form before it",
            runtime.symbols.name(name)
        );
        return Err(runtime.error(ErrorKind::Type, &message, &[value]));
    }
    let made = match parameters.len() {
        1 => make_generic(runtime, Kind::Selector, name, Vec::new())?,
        _ => make_generic(runtime, Kind::Generic, name, parameters)?,
    };
    define_variable(runtime, cell, made, false)
}

/// What a name with points in it stands for at this moment.
enum Meaning {
    /// A variable of this name.
    Variable(CellId),
    /// The field of an object with a name.
    Field(Value, Value),
}

/// The meaning of a name with points in an environment: a variable that is called so, or else a field of the variable in
/// front of the first point, and so on.
fn meaning(runtime: &mut Runtime, arguments: &[Value]) -> Result<Meaning, Failure> {
    let environment = arguments::environment(runtime, "variable", arguments[1])?;
    let whole = symbol(runtime, arguments[0])?;
    let cell = runtime.cell(environment, whole);
    if runtime.cells.get(cell).value.as_unbound().is_none() {
        return Ok(Meaning::Variable(cell));
    }
    let name = runtime.symbols.name(whole).to_string();
    let mut segments = name.split('.');
    let first = segments.next().unwrap_or_default();
    let Some(mut object) = runtime.lookup(environment, first) else { return Ok(Meaning::Variable(cell)) };
    let fields: Vec<Value> = segments.map(|field| runtime.symbol_value(field)).collect();
    let Some((last, fields)) = fields.split_last() else { return Ok(Meaning::Variable(cell)) };
    for field in fields {
        object = instances::named_field(runtime, &[object, *field])?.0;
    }
    Ok(Meaning::Field(object, *last))
}

/// `(%variable-or-field name environment)`.
fn variable_or_field(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    match meaning(runtime, arguments)? {
        Meaning::Variable(cell) => match runtime.cells.get(cell).value {
            value if value.as_unbound().is_some() => Err(unbound(runtime, cell)),
            value => Ok(value),
        },
        Meaning::Field(object, field) => Ok(instances::named_field(runtime, &[object, field])?.0),
    }
}

/// `(%set-variable-or-field name environment value)`.
fn set_variable_or_field(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    match meaning(runtime, arguments)? {
        Meaning::Variable(cell) => set_variable(runtime, cell, arguments[2]),
        Meaning::Field(object, field) => Ok(instances::set_named_field(runtime, &[object, field, arguments[2]])?.0),
    }
}
