//! Functions that call functions. In Maru they are written in Maru, so that what fails in them without a function of the
//! program fails at a place of theirs, which the model does not know.

use super::compare::is_equal;
use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Outcome, Stop};
use crate::value::Value;
use std::rc::Rc;

pub const TABLE: &[Primitive] = &[
    ("map", 2, ANY, |machine, call| map_all(machine, &call.arguments[0], &call.arguments[1..])),
    ("zip", 0, ANY, |machine, call| match call.arguments {
        [] => call.unknown("no lists"),
        lists => map_all(machine, &Value::Primitive("list"), lists),
    }),
    ("filter", 2, 2, |machine, call| chosen(machine, call, true)),
    ("remove", 2, 2, |machine, call| chosen(machine, call, false)),
    ("fold", 3, 3, |machine, call| {
        each(call, 2)
            .into_iter()
            .try_fold(call.arguments[1].clone(), |value, element| on(machine, call, [element, value]))
    }),
    ("fold-left", 3, 3, |machine, call| {
        each(call, 2)
            .into_iter()
            .try_fold(call.arguments[1].clone(), |value, element| on(machine, call, [value, element]))
    }),
    ("fold-right", 3, 3, fold_right),
    ("foldr", 3, 3, fold_right),
    ("reduce", 3, 3, |machine, call| {
        let mut elements = each(call, 2).into_iter();
        let Some(first) = elements.next() else { return Ok(call.arguments[1].clone()) };
        elements.try_fold(first, |value, element| on(machine, call, [element, value]))
    }),
    ("find", 2, 2, |machine, call| Ok(tail(machine, call)?.first())),
    ("find-tail", 2, 2, tail),
    ("any", 2, 2, |machine, call| {
        for element in each(call, 1) {
            let answer = on(machine, call, [element])?;
            if answer.is_true() {
                return Ok(answer);
            }
        }
        Ok(Value::Nil)
    }),
    ("every", 2, 2, |machine, call| {
        let mut answer = Value::True;
        for element in each(call, 1) {
            answer = on(machine, call, [element])?;
            if !answer.is_true() {
                return Ok(Value::Nil);
            }
        }
        Ok(answer)
    }),
    ("count", 2, 2, |machine, call| {
        let mut count = 0;
        for element in each(call, 1) {
            count += u32::from(on(machine, call, [element])?.is_true());
        }
        Ok(Value::integer(count))
    }),
    ("append-map", 2, 2, |machine, call| {
        let mut lists = Vec::new();
        for element in each(call, 1) {
            lists.push(on(machine, call, [element])?);
        }
        super::lists::append(machine, &lists, None)
    }),
    ("delete", 2, 2, |machine, call| {
        let mut kept = Vec::new();
        for element in each(call, 1) {
            if !is_equal(machine, &call.arguments[0], &element)? {
                kept.push(element);
            }
        }
        Ok(Value::list(kept))
    }),
    ("assoc-with", 3, 3, |machine, call| {
        for entry in each(call, 2) {
            if on(machine, call, [call.arguments[1].clone(), entry.first()])?.is_true() {
                return Ok(entry);
            }
        }
        Ok(Value::Nil)
    }),
    ("for-each", 2, 2, for_each),
    ("array-for-each", 2, 2, for_each),
    ("array-map", 2, 2, |machine, call| {
        let Value::Array(elements) = &call.arguments[1] else {
            return machine.raise("type", vec![call.arguments[1].clone()], None);
        };
        let (count, mut results) = (elements.borrow().len(), Vec::new());
        for at in 0..count {
            let element = elements.borrow().get(at).cloned().unwrap_or(Value::Nil);
            results.push(on(machine, call, [element])?);
        }
        Ok(Value::array(results))
    }),
    ("sort", 1, 2, sort),
];

/// Look at the function and the lists that a call has, before anything is called.
pub fn check(machine: &Machine, call: &Call) -> Result<(), Stop> {
    let (function, lists) = match call.name {
        "map" => (Some(0), 1..call.arguments.len()),
        "zip" => (None, 0..call.arguments.len()),
        "filter" | "remove" | "find" | "find-tail" | "any" | "every" | "count" | "append-map" => (Some(0), 1..2),
        "fold" | "fold-left" | "fold-right" | "foldr" | "reduce" | "assoc-with" => (Some(0), 2..3),
        "delete" => (None, 1..2),
        "for-each" | "array-for-each" => (Some(1), 0..0),
        "array-map" => (Some(0), 0..0),
        "sort" if call.arguments.get(1).is_some_and(Value::is_true) => (Some(1), 0..0),
        _ => return Ok(()),
    };
    let is_function = |value: &Value| {
        let own = matches!(value, Value::Primitive(_) | Value::Function(_));
        own || matches!(value, Value::Generic(_) | Value::Accessor(_))
    };
    // Of a list with elements, the first call of the function shows what it is.
    let collection = match call.name {
        "for-each" => call.arguments.first(),
        _ => lists.clone().next().map(|at| &call.arguments[at]),
    };
    let is_single = call.name != "zip" && lists.len() < 2;
    if is_single && matches!(collection, Some(Value::Pair(_))) {
        return Ok(());
    }
    let wrong = function.map(|at: usize| &call.arguments[at]).filter(|value| !is_function(value));
    let mut lists = lists.map(|at| &call.arguments[at]);
    let wrong = wrong.or_else(|| lists.find(|list| !matches!(list, Value::Nil | Value::Pair(_))));
    match wrong {
        Some(value) => machine.raise("type", vec![value.clone()], None),
        None => Ok(()),
    }
}

/// Call the function that the primitive was given first.
fn on<const COUNT: usize>(machine: &mut Machine, call: &Call, arguments: [Value; COUNT]) -> Outcome {
    machine.spend(1)?;
    machine.apply(&call.arguments[0], arguments.to_vec(), None)
}

/// The elements of a list up to the first thing that is no pair. What the function does to the list meanwhile is not
/// modelled, nor done by the suite's programs.
fn each(call: &Call, at: usize) -> Vec<Value> {
    call.arguments[at].elements().0
}

fn map_all(machine: &mut Machine, function: &Value, lists: &[Value]) -> Outcome {
    let columns: Vec<Vec<Value>> = lists.iter().map(|list| list.elements().0).collect();
    let count = columns.iter().map(Vec::len).min().unwrap_or(0);
    let mut results = Vec::new();
    for at in 0..count {
        machine.spend(1)?;
        let arguments = columns.iter().map(|column| column[at].clone()).collect();
        results.push(machine.apply(function, arguments, None)?);
    }
    Ok(Value::list(results))
}

fn chosen(machine: &mut Machine, call: &Call, wanted: bool) -> Outcome {
    let mut kept = Vec::new();
    for element in each(call, 1) {
        if on(machine, call, [element.clone()])?.is_true() == wanted {
            kept.push(element);
        }
    }
    Ok(Value::list(kept))
}

fn fold_right(machine: &mut Machine, call: &Call) -> Outcome {
    let elements = Call { place: None, ..*call }.list(machine, 2)?;
    elements.into_iter().rev().try_fold(call.arguments[1].clone(), |value, element| on(machine, call, [element, value]))
}

fn tail(machine: &mut Machine, call: &Call) -> Outcome {
    let mut list = call.arguments[1].clone();
    while let Value::Pair(_) = list {
        if on(machine, call, [list.first()])?.is_true() {
            return Ok(list);
        }
        list = list.rest();
    }
    Ok(Value::Nil)
}

/// `(for-each collection function)`.
fn for_each(machine: &mut Machine, call: &Call) -> Outcome {
    let function = &call.arguments[1];
    let mut at = 0;
    let mut list = call.arguments[0].clone();
    loop {
        let element = match &call.arguments[0] {
            Value::Array(elements) => elements.borrow().get(at).cloned(),
            Value::Text(characters) => characters.borrow().get(at).map(|character| Value::integer(*character as u32)),
            Value::Nil | Value::Pair(_) => {
                let first = matches!(list, Value::Pair(_)).then(|| list.first());
                list = list.rest();
                first
            }
            other => return machine.raise("type", vec![other.clone()], None),
        };
        let Some(element) = element else { return Ok(Value::Nil) };
        machine.spend(1)?;
        machine.apply(function, vec![element], None)?;
        at += 1;
    }
}

/// Stable. How often and on what the order is asked is not modelled, so it must be a primitive.
fn sort(machine: &mut Machine, call: &Call) -> Outcome {
    let less = call.arguments.get(1).filter(|less| less.is_true()).cloned().unwrap_or(Value::Primitive("<"));
    if !matches!(less, Value::Primitive(_)) {
        return call.unknown("an order of the program's own");
    }
    let elements = match &call.arguments[0] {
        Value::Array(elements) => elements.borrow().clone(),
        Value::Nil | Value::Pair(_) => call.list(machine, 0)?,
        other => return call.wrong(machine, other),
    };
    let sorted = insertion_sort(machine, elements, &less)?;
    match &call.arguments[0] {
        Value::Array(elements) => {
            *elements.borrow_mut() = sorted;
            Ok(Value::Array(Rc::clone(elements)))
        }
        _ => Ok(Value::list(sorted)),
    }
}

fn insertion_sort(machine: &mut Machine, elements: Vec<Value>, less: &Value) -> Result<Vec<Value>, Stop> {
    let mut sorted: Vec<Value> = Vec::new();
    for element in elements {
        // From the end: behind all that are not greater.
        let mut at = sorted.len();
        while at > 0 {
            machine.spend(1)?;
            match machine.apply(less, vec![element.clone(), sorted[at - 1].clone()], None) {
                Ok(answer) if answer.is_true() => at -= 1,
                Ok(_) => break,
                // Which of two wrong elements is met first depends on the way of sorting.
                Err(_) => return crate::interpret::unknown("elements that cannot be ordered"),
            }
        }
        sorted.insert(at, element);
    }
    Ok(sorted)
}
