//! What kind of thing a value is.

use crate::runtime::classes::{class_of, class_symbol};
use crate::runtime::{Outcome, PrimitiveInfo, Runtime};
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
    PrimitiveInfo::fixed("atom?", 1, |_, arguments| Ok(Value::boolean(!arguments[0].is_pair()))).quiet(),
    PrimitiveInfo::fixed("list?", 1, is_list).quiet(),
    PrimitiveInfo::fixed("function?", 1, |runtime, arguments| Ok(Value::boolean(runtime.is_callable(arguments[0])))),
    PrimitiveInfo::fixed("procedure?", 1, |runtime, arguments| Ok(Value::boolean(runtime.is_callable(arguments[0])))),
    PrimitiveInfo::fixed("type-of", 1, |runtime, arguments| {
        let class = class_of(runtime, arguments[0]);
        Ok(runtime.symbols.value(class_symbol(runtime, class)))
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
