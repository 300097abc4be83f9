//! Pairs and lists.

use super::compare::{is_equal, is_identical};
use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Outcome, Stop};
use crate::value::{Place, Value};
use num_bigint::BigInt;
use num_traits::{Signed, Zero};

pub const TABLE: &[Primitive] = &[
    ("cons", 2, 2, |_, call| Ok(Value::cons(call.arguments[0].clone(), call.arguments[1].clone()))),
    ("set-car", 2, 2, |machine, call| match &call.arguments[0] {
        Value::Pair(pair) => {
            pair.first.replace(call.arguments[1].clone());
            Ok(call.arguments[1].clone())
        }
        other => call.wrong(machine, other),
    }),
    ("set-cdr", 2, 2, |machine, call| match &call.arguments[0] {
        Value::Pair(pair) => {
            pair.rest.replace(call.arguments[1].clone());
            Ok(call.arguments[1].clone())
        }
        other => call.wrong(machine, other),
    }),
    ("list", 0, ANY, |_, call| Ok(Value::list(call.arguments.to_vec()))),
    ("list*", 1, ANY, |_, call| {
        let (end, before) = call.arguments.split_last().expect("one at least");
        Ok(Value::list_onto(before.to_vec(), end.clone()))
    }),
    ("first", 1, 1, |_, call| Ok(call.arguments[0].first())),
    ("second", 1, 1, |_, call| Ok(walk("cadr", &call.arguments[0]))),
    ("third", 1, 1, |_, call| Ok(walk("caddr", &call.arguments[0]))),
    ("last", 1, 1, |machine, call| {
        call.begins_list(machine, 0)?;
        Ok(call.arguments[0].elements().0.pop().unwrap_or(Value::Nil))
    }),
    ("last-pair", 1, 1, |machine, call| {
        call.begins_list(machine, 0)?;
        let mut list = call.arguments[0].clone();
        while let Value::Pair(_) = list.rest() {
            list = list.rest();
        }
        Ok(if let Value::Pair(_) = list { list } else { Value::Nil })
    }),
    ("list-length", 1, 1, |machine, call| Ok(Value::integer(call.list(machine, 0)?.len()))),
    ("length", 1, 1, length),
    ("append", 0, ANY, |machine, call| append_call(machine, call)),
    ("concat-list", 2, 2, |machine, call| append_call(machine, call)),
    ("reverse", 1, 1, |machine, call| Ok(Value::list(call.list(machine, 0)?.into_iter().rev().collect::<Vec<_>>()))),
    ("list-copy", 1, 1, |machine, call| Ok(Value::list(call.list(machine, 0)?))),
    ("list-ref", 2, 2, |machine, call| {
        call.begins_list(machine, 0)?;
        let at = call.position(machine, 1)?;
        Ok(call.arguments[0].elements().0.into_iter().nth(at).unwrap_or(Value::Nil))
    }),
    ("list-tail", 2, 2, |machine, call| {
        call.begins_list(machine, 0)?;
        let mut list = call.arguments[0].clone();
        for _ in 0..call.position(machine, 1)? {
            if !matches!(list, Value::Pair(_)) {
                return Ok(Value::Nil);
            }
            list = list.rest();
        }
        Ok(list)
    }),
    ("memq", 2, 2, |machine, call| search(machine, call, |_, key, list| is_identical(key, &list.first()))),
    ("member", 2, 2, |machine, call| search(machine, call, |machine, key, list| is_equal(machine, key, &list.first()))),
    ("member?", 2, 2, |machine, call| {
        let found = search(machine, call, |machine, key, list| is_equal(machine, key, &list.first()))?;
        Ok(Value::boolean(found.is_true()))
    }),
    ("assq", 2, 2, |machine, call| {
        let entry = |_: &mut Machine, key: &Value, list: &Value| match list.first() {
            Value::Pair(entry) => is_identical(key, &entry.first.borrow()),
            _ => Ok(false),
        };
        Ok(search(machine, call, entry)?.first())
    }),
    ("assoc", 2, 2, |machine, call| {
        let entry = |machine: &mut Machine, key: &Value, list: &Value| match list.first() {
            Value::Pair(entry) => is_equal(machine, key, &entry.first.borrow().clone()),
            _ => Ok(false),
        };
        Ok(search(machine, call, entry)?.first())
    }),
    ("iota", 1, 3, iota),
    ("apply", 2, ANY, |machine, call| {
        let (function, arguments) = spread(machine, call.arguments, call.place)?;
        machine.apply(&function, arguments, call.place)
    }),
];

/// `car`, `cdr` and all paths of up to four of them.
pub fn paths() -> impl Iterator<Item = &'static str> {
    const PATHS: [&str; 30] = [
        "car", "cdr", "caar", "cadr", "cdar", "cddr", "caaar", "caadr", "cadar", "caddr", "cdaar", "cdadr", "cddar",
        "cdddr", "caaaar", "caaadr", "caadar", "caaddr", "cadaar", "cadadr", "caddar", "cadddr", "cdaaar", "cdaadr",
        "cdadar", "cdaddr", "cddaar", "cddadr", "cdddar", "cddddr",
    ];
    PATHS.into_iter()
}

pub fn is_path(name: &str) -> bool {
    name.len() > 2 && name.starts_with('c') && paths().any(|path| path == name)
}

/// Follow a path, from its end.
pub fn walk(path: &str, value: &Value) -> Value {
    let steps = &path[1..path.len() - 1];
    steps.chars().rev().fold(value.clone(), |value, step| if step == 'a' { value.first() } else { value.rest() })
}

/// The function and the arguments of `(apply f a b '(c d))`.
pub fn spread(machine: &Machine, arguments: &[Value], place: Place) -> Result<(Value, Vec<Value>), Stop> {
    let call = Call { name: "apply", arguments, place };
    call.count(machine, 2, ANY)?;
    let last = arguments.len() - 1;
    let mut all = arguments[1..last].to_vec();
    all.extend(call.list(machine, last)?);
    Ok((arguments[0].clone(), all))
}

/// `append` of these lists.
pub fn append(machine: &Machine, lists: &[Value], place: Place) -> Outcome {
    append_call(machine, &Call { name: "append", arguments: lists, place })
}

fn append_call(machine: &Machine, call: &Call) -> Outcome {
    let Some((end, before)) = call.arguments.split_last() else { return Ok(Value::Nil) };
    let wrong = before.iter().filter(|list| !matches!(list.elements().1, Value::Nil));
    if wrong.count() > 1 {
        return call.unknown("which of several wrong lists is named");
    }
    let mut all = Vec::new();
    for at in 0..before.len() {
        all.extend(call.list(machine, at)?);
    }
    Ok(Value::list_onto(all, end.clone()))
}

fn length(machine: &mut Machine, call: &Call) -> Outcome {
    Ok(Value::integer(match &call.arguments[0] {
        Value::Nil | Value::Pair(_) => call.list(machine, 0)?.len(),
        Value::Text(text) => text.borrow().len(),
        Value::Array(elements) => elements.borrow().len(),
        Value::Data(bytes) => bytes.borrow().len(),
        Value::Table(entries) => entries.borrow().len(),
        other => return call.wrong(machine, other),
    }))
}

/// The list from the first place on where something holds; nil if there is none.
fn search(
    machine: &mut Machine,
    call: &Call,
    holds: impl Fn(&mut Machine, &Value, &Value) -> Result<bool, Stop>,
) -> Outcome {
    let mut list = call.arguments[1].clone();
    while let Value::Pair(_) = list {
        if holds(machine, &call.arguments[0], &list)? {
            return Ok(list);
        }
        list = list.rest();
    }
    Ok(Value::Nil)
}

fn iota(machine: &mut Machine, call: &Call) -> Outcome {
    let mut numbers = Vec::new();
    for argument in call.arguments {
        match argument {
            Value::Integer(number) => numbers.push((**number).clone()),
            Value::Double(_) if !numbers.is_empty() => return call.unknown("doubles"),
            other => return call.wrong(machine, other),
        }
    }
    let count = numbers[0].clone();
    if count.is_negative() || count > BigInt::from(10_000) {
        return call.unknown("an unusual count");
    }
    let mut next = numbers.get(1).cloned().unwrap_or_else(BigInt::zero);
    let step = numbers.get(2).cloned().unwrap_or_else(|| BigInt::from(1));
    let (mut left, mut all) = (count, Vec::new());
    while left.is_positive() {
        all.push(Value::integer(next.clone()));
        next += &step;
        left -= 1;
    }
    Ok(Value::list(all))
}
