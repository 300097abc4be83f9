//! Tables: pairs in the order in which their keys were first set, and searched from the start.

use super::compare::is_equal;
use super::{Call, Primitive};
use crate::interpret::{Machine, Outcome, Stop};
use crate::value::Value;
use std::cell::RefCell;
use std::rc::Rc;

pub const TABLE: &[Primitive] = &[
    ("make-table", 0, 0, |_, _| Ok(Value::Table(Rc::default()))),
    ("table-at", 2, 3, at),
    ("table-ref", 2, 3, at),
    ("set-table-at", 3, 3, |machine, call| {
        let table = table(machine, call)?;
        let value = call.arguments[2].clone();
        match find(machine, &table, &call.arguments[1])? {
            Some(place) => table.borrow_mut()[place].1 = value.clone(),
            None => table.borrow_mut().push((call.arguments[1].clone(), value.clone())),
        }
        Ok(value)
    }),
    ("table-has?", 2, 2, |machine, call| {
        let table = table(machine, call)?;
        Ok(Value::boolean(find(machine, &table, &call.arguments[1])?.is_some()))
    }),
    ("table-remove", 2, 2, |machine, call| {
        let table = table(machine, call)?;
        let found = find(machine, &table, &call.arguments[1])?;
        Ok(found.map_or(Value::Nil, |place| table.borrow_mut().remove(place).1))
    }),
    ("table-length", 1, 1, |machine, call| Ok(Value::integer(table(machine, call)?.borrow().len()))),
    ("table-clear", 1, 1, |machine, call| {
        table(machine, call)?.borrow_mut().clear();
        Ok(call.arguments[0].clone())
    }),
    ("table-keys", 1, 1, |machine, call| listed(machine, call, |key, _| key.clone())),
    ("table-values", 1, 1, |machine, call| listed(machine, call, |_, value| value.clone())),
    ("table->list", 1, 1, |machine, call| listed(machine, call, |key, value| Value::cons(key.clone(), value.clone()))),
    ("list->table", 1, 1, |machine, call| {
        let made = Value::Table(Rc::default());
        for entry in (Call { place: None, ..*call }).list(machine, 0)? {
            super::call(machine, "set-table-at", &[made.clone(), entry.first(), entry.rest()], call.place)?;
        }
        Ok(made)
    }),
    ("table-for-each", 2, 2, |machine, call| {
        let entries = table(machine, call)?.borrow().clone();
        for (key, value) in entries {
            machine.apply(&call.arguments[1], vec![key, value], None)?;
        }
        Ok(Value::Nil)
    }),
];

/// The entries of a table.
type Entries = Rc<RefCell<Vec<(Value, Value)>>>;

fn table(machine: &Machine, call: &Call) -> Result<Entries, Stop> {
    match &call.arguments[0] {
        Value::Table(entries) => Ok(entries.clone()),
        other => call.wrong(machine, other),
    }
}

/// Where a key is. A NaN is the same key as itself.
fn find(machine: &mut Machine, table: &Entries, key: &Value) -> Result<Option<usize>, Stop> {
    let entries = table.borrow().clone();
    for (number, (known, _)) in entries.iter().enumerate() {
        let both_nan =
            matches!((known, key), (Value::Double(left), Value::Double(right)) if left.is_nan() && right.is_nan());
        if both_nan || is_equal(machine, known, key)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

fn at(machine: &mut Machine, call: &Call) -> Outcome {
    let table = table(machine, call)?;
    let found = find(machine, &table, &call.arguments[1])?;
    let found = found.map(|place| table.borrow()[place].1.clone());
    Ok(found.or_else(|| call.arguments.get(2).cloned()).unwrap_or(Value::Nil))
}

fn listed(machine: &mut Machine, call: &Call, element: fn(&Value, &Value) -> Value) -> Outcome {
    let entries = table(machine, call)?.borrow().clone();
    Ok(Value::list(entries.iter().map(|(key, value)| element(key, value)).collect::<Vec<_>>()))
}
