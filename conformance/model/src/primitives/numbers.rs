//! Numbers.

use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Outcome, Stop};
use crate::number::{self, Number, Wrong};
use crate::print;
use crate::value::Value;
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Num, ToPrimitive};
use std::cmp::Ordering;

pub const TABLE: &[Primitive] = &[
    ("+", 0, ANY, |machine, call| fold(machine, call, Some(0))),
    ("*", 0, ANY, |machine, call| fold(machine, call, Some(1))),
    ("-", 1, ANY, subtract),
    ("/", 1, ANY, |machine, call| match call.arguments {
        [one] => binary(machine, call, &Value::integer(1), one),
        _ => fold(machine, call, None),
    }),
    ("&", 0, ANY, |machine, call| fold(machine, call, Some(-1))),
    ("|", 0, ANY, |machine, call| fold(machine, call, Some(0))),
    ("^", 0, ANY, |machine, call| fold(machine, call, Some(0))),
    ("gcd", 0, ANY, |machine, call| fold(machine, call, Some(0))),
    ("lcm", 0, ANY, |machine, call| fold(machine, call, Some(1))),
    ("min", 1, ANY, |machine, call| fold(machine, call, None)),
    ("max", 1, ANY, |machine, call| fold(machine, call, None)),
    ("quotient", 2, 2, two),
    ("remainder", 2, 2, two),
    ("%", 2, 2, two),
    ("modulo", 2, 2, two),
    ("<<", 2, 2, two),
    (">>", 2, 2, two),
    ("expt", 2, 2, two),
    ("<", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_lt)),
    ("<=", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_le)),
    (">", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_gt)),
    (">=", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_ge)),
    ("zero?", 1, 1, |machine, call| sign(machine, call, Ordering::is_eq)),
    ("positive?", 1, 1, |machine, call| sign(machine, call, Ordering::is_gt)),
    ("negative?", 1, 1, |machine, call| sign(machine, call, Ordering::is_lt)),
    ("even?", 1, 1, |machine, call| parity(machine, call, true)),
    ("odd?", 1, 1, |machine, call| parity(machine, call, false)),
    ("abs", 1, 1, one),
    ("~", 1, 1, one),
    ("sqrt", 1, 1, one),
    ("floor", 1, 1, one),
    ("ceiling", 1, 1, one),
    ("round", 1, 1, one),
    ("truncate", 1, 1, one),
    ("exact->inexact", 1, 1, one),
    ("inexact->exact", 1, 1, one),
    ("long->double", 1, 1, one),
    ("double->long", 1, 1, one),
    ("sin", 1, 1, one),
    ("cos", 1, 1, one),
    ("tan", 1, 1, one),
    ("asin", 1, 1, one),
    ("acos", 1, 1, one),
    ("exp", 1, 1, one),
    ("log", 1, 1, one),
    ("nan?", 1, 1, |machine, call| match number(machine, call, &call.arguments[0])? {
        Number::Double(number) => Ok(Value::boolean(number.is_nan())),
        Number::Integer(_) => Ok(Value::Nil),
    }),
    ("atan", 1, 2, |machine, call| match call.arguments {
        [_] => one(machine, call),
        _ => {
            let [left, right] = [&call.arguments[0], &call.arguments[1]];
            let (left, right) = (number(machine, call, left)?, number(machine, call, right)?);
            Ok(Value::Double(left.to_double().atan2(right.to_double())))
        }
    }),
    ("long->string", 1, 2, to_text),
    ("number->string", 1, 2, to_text),
    ("double->string", 1, 1, |machine, call| match &call.arguments[0] {
        Value::Double(number) => Ok(Value::text(&print::double(*number))),
        other => call.wrong(machine, other),
    }),
    ("string->long", 1, 2, from_text),
];

fn number(machine: &Machine, call: &Call, value: &Value) -> Result<Number, Stop> {
    match Number::of(value) {
        Some(number) => Ok(number),
        None => call.wrong(machine, value),
    }
}

/// The value of a result, or the error that it stands for.
fn result(machine: &Machine, call: &Call, operands: &[&Value], result: number::Result) -> Outcome {
    match result {
        Ok(number) => Ok(number.value()),
        Err(Wrong::NoInteger(which)) => call.wrong(machine, operands[which]),
        Err(Wrong::ByZero) => {
            let irritants = operands.iter().map(|operand| (*operand).clone()).collect();
            machine.raise("division-by-zero", irritants, call.place)
        }
        Err(Wrong::Unknown(what)) => call.unknown(what),
    }
}

fn binary(machine: &Machine, call: &Call, left: &Value, right: &Value) -> Outcome {
    // Where both are wrong, the left one is named.
    let numbers = (number(machine, call, left)?, number(machine, call, right)?);
    let (left_number, right_number) = numbers;
    // A result that is one of the operands may be the same object.
    let applied = number::apply(call.name, &left_number, &right_number);
    let value = result(machine, call, &[left, right], applied)?;
    for operand in [left, right] {
        if let (Value::Integer(operand), Value::Integer(found)) = (operand, &value) {
            if operand == found && matches!(call.name, "min" | "max") {
                return Ok(Value::Integer(operand.clone()));
            }
        }
    }
    Ok(value)
}

fn two(machine: &mut Machine, call: &Call) -> Outcome {
    binary(machine, call, &call.arguments[0], &call.arguments[1])
}

fn one(machine: &mut Machine, call: &Call) -> Outcome {
    let value = &call.arguments[0];
    let applied = number::apply_one(call.name, &number(machine, call, value)?);
    let new = result(machine, call, &[value], applied)?;
    match (value, &new) {
        (Value::Integer(old), Value::Integer(new)) if old == new => Ok(value.clone()),
        _ => Ok(new),
    }
}

/// An operation on any number of operands from the left; a unit stands for none.
fn fold(machine: &mut Machine, call: &Call, unit: Option<i64>) -> Outcome {
    let Some((first, rest)) = call.arguments.split_first() else {
        return Ok(Value::integer(unit.unwrap_or_default()));
    };
    if rest.is_empty() {
        // What is not added to anything must be a number all the same.
        return match unit {
            Some(unit) => binary(machine, call, first, &Value::integer(unit)).map(|value| keep(first, value)),
            None => number(machine, call, first).map(|_| first.clone()),
        };
    }
    rest.iter().try_fold(first.clone(), |left, right| binary(machine, call, &left, right))
}

/// A double that was "added to nothing" stays as it is, its sign included.
fn keep(old: &Value, new: Value) -> Value {
    match (old, &new) {
        (Value::Double(_), Value::Double(_)) => old.clone(),
        _ => new,
    }
}

fn subtract(machine: &mut Machine, call: &Call) -> Outcome {
    match call.arguments {
        [_] => one(machine, call),
        _ => fold(machine, call, None),
    }
}

fn ordered(machine: &mut Machine, call: &Call, holds: fn(Ordering) -> bool) -> Outcome {
    let mut numbers = Vec::new();
    for argument in call.arguments {
        numbers.push(number(machine, call, argument)?);
    }
    let all = numbers.windows(2).all(|pair| number::compare(&pair[0], &pair[1]).is_some_and(holds));
    Ok(Value::boolean(all))
}

fn sign(machine: &mut Machine, call: &Call, holds: fn(Ordering) -> bool) -> Outcome {
    let number = number(machine, call, &call.arguments[0])?;
    let zero = Number::Integer(BigInt::from(0));
    Ok(Value::boolean(number::compare(&number, &zero).is_some_and(holds)))
}

fn parity(machine: &mut Machine, call: &Call, even: bool) -> Outcome {
    match number(machine, call, &call.arguments[0])? {
        Number::Integer(number) => Ok(Value::boolean(number.is_even() == even)),
        // Of a double that is a whole number, it is that number's.
        Number::Double(number) if number % 2.0 == 0.0 => Ok(Value::boolean(even)),
        Number::Double(number) if (number % 2.0).abs() == 1.0 => Ok(Value::boolean(!even)),
        Number::Double(_) => Ok(Value::Nil),
    }
}

fn radix(machine: &Machine, call: &Call) -> Result<u32, Stop> {
    match call.arguments.get(1) {
        None => Ok(10),
        Some(Value::Integer(number)) => match number.to_u32().filter(|radix| (2..=36).contains(radix)) {
            Some(radix) => Ok(radix),
            None => call.unknown("a radix out of range"),
        },
        Some(other) => call.wrong(machine, other),
    }
}

fn to_text(machine: &mut Machine, call: &Call) -> Outcome {
    if !matches!(&call.arguments[0], Value::Integer(_) | Value::Double(_)) {
        return call.wrong(machine, &call.arguments[0]);
    }
    if call.arguments.get(1).is_some_and(|radix| !matches!(radix, Value::Integer(_))) {
        return call.unknown("a radix that is no integer");
    }
    let radix = radix(machine, call)?;
    match &call.arguments[0] {
        Value::Integer(number) => Ok(Value::text(&number.to_str_radix(radix))),
        Value::Double(number) if call.name == "number->string" && radix == 10 => {
            Ok(Value::text(&print::double(*number)))
        }
        Value::Double(_) if call.name == "number->string" => call.unknown("a double in a radix"),
        other => call.wrong(machine, other),
    }
}

fn from_text(machine: &mut Machine, call: &Call) -> Outcome {
    let text: String = call.text(machine, 0)?.into_iter().collect();
    let radix = radix(machine, call)?;
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return call.unknown("text that is no plain integer");
    }
    Ok(BigInt::from_str_radix(&text, radix).map_or(Value::Nil, Value::integer))
}
