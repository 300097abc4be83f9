//! What kind of thing a value is.

use crate::interp::PrimitiveInfo;
use crate::runtime::{Outcome, Runtime};
use crate::value::number::Number;
use crate::value::{Kind, Value};

macro_rules! kinds {
    ($($name:literal $kind:ident,)*) => {
        &[$(PrimitiveInfo::fixed($name, 1, |runtime, arguments| {
            Ok(Value::boolean(runtime.is_kind(arguments[0], Kind::$kind)))
        }),)*]
    };
}

/// Tests of an object's kind.
pub const KINDS: &[PrimitiveInfo] = kinds!(
    "symbol?" Symbol, "string?" String, "array?" Array, "data?" Data, "environment?" Environment,
    "class?" Class, "table?" Table, "architecture?" Architecture, "form?" Form, "port?" Port,
    "expr?" Closure, "subr?" Primitive, "selector?" Selector, "generic?" Generic,
);

/// The rest of the section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("null?", 1, |_, arguments| Ok(Value::boolean(arguments[0].is_nil()))),
    PrimitiveInfo::fixed("nil?", 1, |_, arguments| Ok(Value::boolean(arguments[0].is_nil()))),
    PrimitiveInfo::fixed("pair?", 1, |_, arguments| Ok(Value::boolean(arguments[0].is_pair()))),
    PrimitiveInfo::fixed("atom?", 1, |_, arguments| Ok(Value::boolean(!arguments[0].is_pair()))),
    PrimitiveInfo::fixed("list?", 1, is_list),
    PrimitiveInfo::fixed("function?", 1, |runtime, arguments| Ok(Value::boolean(runtime.is_callable(arguments[0])))),
    PrimitiveInfo::fixed("procedure?", 1, |runtime, arguments| Ok(Value::boolean(runtime.is_callable(arguments[0])))),
    PrimitiveInfo::fixed("type-of", 1, |runtime, arguments| {
        let name = type_name(runtime, arguments[0]);
        Ok(runtime.symbol_value(name))
    }),
];

/// A list that ends with nil.
fn is_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let (mut slow, mut fast) = (arguments[0], arguments[0]);
    loop {
        for _ in 0..2 {
            if !fast.is_pair() {
                return Ok(Value::boolean(fast.is_nil()));
            }
            fast = runtime.cdr(fast);
        }
        slow = runtime.cdr(slow);
        if slow == fast {
            return Ok(Value::NIL);
        }
    }
}

/// The name of a value's type.
pub fn type_name(runtime: &Runtime, value: Value) -> &'static str {
    if Number::is_number(value) {
        return if Number::is_double(value) { "<double>" } else { "<long>" };
    }
    match runtime.kind(value) {
        _ if value.is_pair() => "<pair>",
        _ if value.is_nil() => "<nil>",
        None => "<true>",
        Some(Kind::String) => "<string>",
        Some(Kind::Symbol) => "<symbol>",
        Some(Kind::Array) => "<array>",
        Some(Kind::Data) => "<data>",
        Some(Kind::Environment) => "<environment>",
        Some(Kind::Error) => "<error>",
        Some(Kind::Class) => "<class>",
        Some(Kind::Table) => "<table>",
        Some(Kind::Architecture) => "<architecture>",
        Some(Kind::Form) => "<form>",
        Some(Kind::Port) => "<port>",
        Some(Kind::Closure) => "<expr>",
        Some(Kind::Primitive) => "<subr>",
        Some(Kind::Selector) => "<selector>",
        Some(Kind::Generic) => "<generic>",
        // Instances and what programs never see.
        Some(_) => "<object>",
    }
}
