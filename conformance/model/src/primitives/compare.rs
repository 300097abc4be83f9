//! Equality, kinds of values, identity.

use super::{Call, Primitive, ANY};
use crate::forms::classes;
use crate::interpret::{unknown, Machine, Outcome, Stop};
use crate::number::{self, Number};
use crate::value::Value;
use std::cmp::Ordering;

pub const TABLE: &[Primitive] = &[
    ("eq", 2, 2, same),
    ("eq?", 2, 2, same),
    ("equal", 2, 2, |machine, call| Ok(Value::boolean(is_equal(machine, &call.arguments[0], &call.arguments[1])?))),
    ("equal?", 2, 2, |machine, call| Ok(Value::boolean(is_equal(machine, &call.arguments[0], &call.arguments[1])?))),
    ("=", 1, ANY, |_, call| {
        let mut all = true;
        for pair in call.arguments.windows(2) {
            all &= is_equal_value(&pair[0], &pair[1])?;
        }
        Ok(Value::boolean(all))
    }),
    ("!=", 2, 2, |_, call| Ok(Value::boolean(!is_equal_value(&call.arguments[0], &call.arguments[1])?))),
    ("not", 1, 1, |_, call| is(call, |value| matches!(value, Value::Nil))),
    ("null?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Nil))),
    ("nil?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Nil))),
    ("pair?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Pair(_)))),
    ("atom?", 1, 1, |_, call| is(call, |value| !matches!(value, Value::Pair(_)))),
    ("list?", 1, 1, |_, call| is(call, |value| matches!(value.elements().1, Value::Nil))),
    ("symbol?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Symbol(_)))),
    ("string?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Text(_)))),
    ("array?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Array(_)))),
    ("data?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Data(_)))),
    ("table?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Table(_)))),
    ("error?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Error(_)))),
    ("class?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Class(_)))),
    ("environment?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Environment(_)))),
    ("subr?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Primitive(_)))),
    ("expr?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Function(_) | Value::Accessor(_)))),
    ("number?", 1, 1, |_, call| is(call, |value| Number::of(value).is_some())),
    ("integer?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Integer(_)))),
    ("long?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Integer(_)))),
    ("double?", 1, 1, |_, call| is(call, |value| matches!(value, Value::Double(_)))),
    ("function?", 1, 1, |_, call| is(call, is_function)),
    ("procedure?", 1, 1, |_, call| is(call, is_function)),
    ("class-of", 1, 1, |machine, call| classes::class_of(machine, &call.arguments[0]).map(Value::Class)),
    ("type-of", 1, 1, |machine, call| {
        classes::class_of(machine, &call.arguments[0]).map(|class| Value::Symbol(class.name.clone()))
    }),
    ("is-a?", 2, 2, |machine, call| match &call.arguments[1] {
        Value::Class(class) => Ok(Value::boolean(classes::is_a(machine, &call.arguments[0], class)?)),
        other => call.wrong(machine, other),
    }),
    ("new", 1, ANY, |machine, call| classes::new(machine, call.arguments, call.place)),
    ("function-name", 1, 1, |machine, call| match &call.arguments[0] {
        Value::Primitive(name) => Ok(Value::symbol(name)),
        Value::Function(function) => Ok(function.name.borrow().clone().map_or(Value::Nil, Value::Symbol)),
        Value::Accessor(_) | Value::Generic(_) | Value::Macro(_) => call.unknown("another function"),
        other => call.wrong(machine, other),
    }),
];

fn is(call: &Call, test: fn(&Value) -> bool) -> Outcome {
    Ok(Value::boolean(test(&call.arguments[0])))
}

fn is_function(value: &Value) -> bool {
    matches!(value, Value::Primitive(_) | Value::Function(_) | Value::Generic(_) | Value::Accessor(_))
}

fn same(_: &mut Machine, call: &Call) -> Outcome {
    is_identical(&call.arguments[0], &call.arguments[1]).map(Value::boolean)
}

/// `eq`.
pub fn is_identical(left: &Value, right: &Value) -> Result<bool, Stop> {
    match left.is_same(right) {
        Some(same) => Ok(same),
        None => unknown("identity of large integers"),
    }
}

/// `=`: numbers by value, strings by content, everything else by identity.
pub fn is_equal_value(left: &Value, right: &Value) -> Result<bool, Stop> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return Ok(number::compare(&left, &right) == Some(Ordering::Equal));
    }
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        return Ok(*left.borrow() == *right.borrow());
    }
    is_identical(left, right)
}

/// `equal`: also into pairs, arrays and data.
pub fn is_equal(machine: &mut Machine, left: &Value, right: &Value) -> Result<bool, Stop> {
    let (mut left, mut right) = (left.clone(), right.clone());
    loop {
        machine.spend(1)?;
        match (&left, &right) {
            (Value::Pair(_), Value::Pair(_)) => {
                if left.is_same(&right) == Some(true) {
                    return Ok(true);
                }
                if !is_equal(machine, &left.first(), &right.first())? {
                    return Ok(false);
                }
                (left, right) = (left.rest(), right.rest());
            }
            (Value::Array(one), Value::Array(other)) => {
                let (one, other) = (one.borrow().clone(), other.borrow().clone());
                if one.len() != other.len() {
                    return Ok(false);
                }
                for (left, right) in one.iter().zip(&other) {
                    if !is_equal(machine, left, right)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            (Value::Data(left), Value::Data(right)) => return Ok(*left.borrow() == *right.borrow()),
            _ => return is_equal_value(&left, &right),
        }
    }
}
