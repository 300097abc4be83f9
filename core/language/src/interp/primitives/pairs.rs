//! Pairs and lists. Functions that take functions are in the prelude, written in Maru, so that they compile.

use super::compare::{equal, identical};
use super::{arguments, numbers};
use crate::interp::call;
use crate::runtime::{Failure, Outcome, Pairs, PrimitiveInfo, Runtime};
use crate::value::number::Operation;
use crate::value::{Kind, Value};

/// A chain of `car` and `cdr`: `steps` has a bit for each, the last step highest below a leading one; 1 is `cdr`.
fn walk(runtime: &Runtime, mut value: Value, mut steps: u32) -> Value {
    while steps > 1 {
        value = if steps & 1 == 1 { runtime.cdr(value) } else { runtime.car(value) };
        steps >>= 1;
    }
    value
}

/// The steps of a name such as `cadr`: the innermost (last) letter is the first step.
const fn steps(name: &str) -> u32 {
    let letters = name.as_bytes();
    let mut steps = 1;
    let mut index = 1;
    while index < letters.len() - 1 {
        steps = steps << 1 | (letters[index] == b'd') as u32;
        index += 1;
    }
    steps
}

macro_rules! paths {
    ($($name:literal)*) => {
        &[$(PrimitiveInfo::fixed($name, 1, |runtime, arguments| Ok(walk(runtime, arguments[0], steps($name)))),)*]
    };
}

/// `car`, `cdr` and their chains.
pub const PATHS: &[PrimitiveInfo] = paths!(
    "car" "cdr" "caar" "cadr" "cdar" "cddr"
    "caaar" "caadr" "cadar" "caddr" "cdaar" "cdadr" "cddar" "cdddr"
    "caaaar" "caaadr" "caadar" "caaddr" "cadaar" "cadadr" "caddar" "cadddr"
    "cdaaar" "cdaadr" "cdadar" "cdaddr" "cddaar" "cddadr" "cdddar" "cddddr"
);

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("cons", 2, |runtime, arguments| runtime.cons(arguments[0], arguments[1])),
    PrimitiveInfo::fixed("set-car", 2, set_car),
    PrimitiveInfo::fixed("set-cdr", 2, set_cdr),
    PrimitiveInfo::variadic("list", 0, |runtime, arguments| runtime.list(arguments)),
    PrimitiveInfo::variadic("list*", 1, list_star).quiet(),
    PrimitiveInfo::fixed("list-length", 1, list_length).quiet(),
    PrimitiveInfo::variadic("append", 0, append).quiet(),
    PrimitiveInfo::fixed("concat-list", 2, append).quiet(),
    PrimitiveInfo::fixed("reverse", 1, reverse).quiet(),
    PrimitiveInfo::fixed("list-reverse!", 1, reverse_in_place).quiet(),
    PrimitiveInfo::fixed("list-copy", 1, list_copy).quiet(),
    PrimitiveInfo::fixed("list-ref", 2, list_ref).quiet(),
    PrimitiveInfo::fixed("list-tail", 2, list_tail).quiet(),
    PrimitiveInfo::fixed("first", 1, |runtime, arguments| Ok(runtime.car(arguments[0]))),
    PrimitiveInfo::fixed("second", 1, |runtime, arguments| Ok(walk(runtime, arguments[0], steps("cadr")))),
    PrimitiveInfo::fixed("third", 1, |runtime, arguments| Ok(walk(runtime, arguments[0], steps("caddr")))).quiet(),
    PrimitiveInfo::fixed("last", 1, |runtime, arguments| {
        let last = last_pair(runtime, "last", arguments[0])?;
        Ok(runtime.car(last))
    })
    .quiet(),
    PrimitiveInfo::fixed("last-pair", 1, |runtime, arguments| last_pair(runtime, "last-pair", arguments[0])).quiet(),
    PrimitiveInfo::fixed("memq", 2, |runtime, arguments| Ok(memq(runtime, arguments[0], arguments[1]))).quiet(),
    PrimitiveInfo::fixed("member", 2, member),
    PrimitiveInfo::fixed("member?", 2, is_member),
    PrimitiveInfo::fixed("assq", 2, |runtime, arguments| Ok(assq(runtime, arguments[0], arguments[1]))).quiet(),
    PrimitiveInfo::fixed("assoc", 2, assoc),
    PrimitiveInfo::optional("iota", 1, 3, iota),
];

fn set_car(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let pair = arguments::pair(runtime, "set-car", arguments[0])?;
    runtime.set_car(pair, arguments[1]);
    Ok(arguments[1])
}

fn set_cdr(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let pair = arguments::pair(runtime, "set-cdr", arguments[0])?;
    runtime.set_cdr(pair, arguments[1]);
    Ok(arguments[1])
}

/// `(list* a b list)`: elements in front of a list.
fn list_star(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let (last, first) = arguments.split_last().expect("an argument at least");
    let mut list = *last;
    for element in first.iter().rev() {
        list = runtime.cons(*element, list)?;
    }
    Ok(list)
}

fn list_length(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let length = arguments::list_length(runtime, "list-length", arguments[0])?;
    Ok(Value::fixnum(length as i64))
}

/// A copy of a list in front of a tail.
fn copy_onto(runtime: &mut Runtime, operation: &str, list: Value, tail: Value) -> Outcome {
    arguments::list_length(runtime, operation, list)?;
    if list.is_nil() {
        return Ok(tail);
    }
    let element = runtime.car(list);
    let first = runtime.cons(element, tail)?;
    let (mut last, mut rest) = (first, runtime.cdr(list));
    while rest.is_pair() {
        let element = runtime.car(rest);
        let next = runtime.cons(element, tail)?;
        runtime.set_cdr(last, next);
        last = next;
        rest = runtime.cdr(rest);
    }
    Ok(first)
}

/// `(append list… tail)`: the last list is shared, and need not be one.
pub fn append(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let Some((last, first)) = arguments.split_last() else { return Ok(Value::NIL) };
    let mut result = *last;
    for list in first.iter().rev() {
        result = copy_onto(runtime, "append", *list, result)?;
    }
    Ok(result)
}

fn list_copy(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    copy_onto(runtime, "list-copy", arguments[0], Value::NIL)
}

fn reverse(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let mut list = arguments[0];
    arguments::list_length(runtime, "reverse", list)?;
    let mut result = Value::NIL;
    while list.is_pair() {
        let element = runtime.car(list);
        result = runtime.cons(element, result)?;
        list = runtime.cdr(list);
    }
    Ok(result)
}

fn reverse_in_place(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let mut list = arguments[0];
    arguments::list_length(runtime, "list-reverse!", list)?;
    let mut result = Value::NIL;
    while list.is_pair() {
        let rest = runtime.cdr(list);
        runtime.set_cdr(list, result);
        result = list;
        list = rest;
    }
    Ok(result)
}

/// What is left of a list after that many pairs. Past the end it is nil, as `cdr` has it.
fn tail(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let mut list = arguments::list(runtime, operation, arguments[0])?;
    let mut count = arguments::integer(runtime, operation, arguments[1])?;
    if count < 0 {
        return Err(super::negative_index(runtime, operation, arguments[1]));
    }
    while count > 0 && list.is_pair() {
        list = runtime.cdr(list);
        count -= 1;
    }
    Ok(if count == 0 { list } else { Value::NIL })
}

fn list_tail(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    tail(runtime, "list-tail", arguments)
}

fn list_ref(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let rest = tail(runtime, "list-ref", arguments)?;
    Ok(runtime.car(rest))
}

/// What stands at the end of the list does not matter.
fn last_pair(runtime: &mut Runtime, operation: &str, list: Value) -> Outcome {
    arguments::walk(runtime, operation, list)?;
    let mut last = list;
    while runtime.cdr(last).is_pair() {
        last = runtime.cdr(last);
    }
    Ok(last)
}

fn memq(runtime: &Runtime, key: Value, list: Value) -> Value {
    let mut pairs = Pairs::of(list);
    while let Some(pair) = pairs.next(runtime) {
        if identical(runtime, runtime.car(pair), key) {
            return pair;
        }
    }
    Value::NIL
}

fn find(
    runtime: &mut Runtime,
    list: Value,
    mut wanted: impl FnMut(&mut Runtime, Value) -> Result<bool, Failure>,
) -> Outcome {
    let mut pairs = Pairs::of(list);
    while let Some(pair) = pairs.next(runtime) {
        call::poll(runtime)?;
        let element = runtime.car(pair);
        if wanted(runtime, element)? {
            return Ok(pair);
        }
    }
    Ok(Value::NIL)
}

fn member(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    find(runtime, arguments[1], |runtime, element| equal(runtime, arguments[0], element))
}

fn is_member(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    Ok(Value::boolean(member(runtime, arguments)?.is_pair()))
}

fn assq(runtime: &Runtime, key: Value, list: Value) -> Value {
    let mut pairs = Pairs::of(list);
    while let Some(pair) = pairs.next(runtime) {
        let entry = runtime.car(pair);
        if entry.is_pair() && identical(runtime, runtime.car(entry), key) {
            return entry;
        }
    }
    Value::NIL
}

fn assoc(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let place = find(runtime, arguments[1], |runtime, entry| {
        let key = runtime.car(entry);
        Ok(entry.is_pair() && equal(runtime, arguments[0], key)?)
    })?;
    Ok(runtime.car(place))
}

/// `(iota count [start [step]])`: a list of integers.
fn iota(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let count = arguments::integer(runtime, "iota", arguments[0])?;
    for value in arguments {
        arguments::integer(runtime, "iota", *value)?;
    }
    let start = arguments.get(1).copied().unwrap_or(Value::fixnum(0));
    let step = arguments.get(2).copied().unwrap_or(Value::fixnum(1));
    let mut list = Value::NIL;
    for index in (0..count).rev() {
        call::poll(runtime)?;
        // Start and step may be of any size.
        let way = numbers::binary(runtime, "iota", Operation::Multiply, step, Value::fixnum(index))?;
        let number = numbers::binary(runtime, "iota", Operation::Add, start, way)?;
        list = runtime.cons(number, list)?;
    }
    Ok(list)
}

/// `(length sequence)`: of a list, string, array, data or table.
pub fn length(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let value = arguments[0];
    let length = match runtime.kind(value) {
        Some(Kind::String | Kind::Array | Kind::Data) => runtime.sequence_length(value),
        Some(Kind::Table) => super::tables::count(runtime, value),
        _ if value.is_pair() || value.is_nil() => arguments::list_length(runtime, "length", value)?,
        _ => return Err(runtime.type_error("length", "a list, string, array, data or table", value)),
    };
    Ok(Value::fixnum(length as i64))
}
