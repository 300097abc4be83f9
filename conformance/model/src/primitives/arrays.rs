//! Arrays and data.

use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Outcome, Stop};
use crate::value::Value;
use num_traits::ToPrimitive;
use std::cell::RefCell;
use std::rc::Rc;

/// Longer arrays are not the model's.
const LONGEST: usize = 100_000;

pub const TABLE: &[Primitive] = &[
    ("array", 0, 2, make),
    ("make-array", 1, 2, make),
    ("array-of", 0, ANY, |_, call| Ok(Value::array(call.arguments.to_vec()))),
    ("array-length", 1, 1, |machine, call| Ok(Value::integer(array(machine, call, 0)?.borrow().len()))),
    ("array-at", 2, 2, |machine, call| {
        let array = array(machine, call, 0)?;
        let found = call.index(machine, 1)?.and_then(|at| array.borrow().get(at).cloned());
        Ok(found.unwrap_or(Value::Nil))
    }),
    ("set-array-at", 3, 3, |machine, call| {
        let array = array(machine, call, 0)?;
        let at = call.position(machine, 1)?;
        if at >= LONGEST {
            return call.unknown("a long array");
        }
        if at >= array.borrow().len() {
            array.borrow_mut().resize(at + 1, Value::Nil);
        }
        array.borrow_mut()[at] = call.arguments[2].clone();
        Ok(call.arguments[2].clone())
    }),
    ("array-append", 2, 2, |machine, call| {
        array(machine, call, 0)?.borrow_mut().push(call.arguments[1].clone());
        Ok(call.arguments[1].clone())
    }),
    ("array-append-all", 2, 2, |machine, call| {
        let array = array(machine, call, 0)?;
        let more = match &call.arguments[1] {
            Value::Array(more) => more.borrow().clone(),
            Value::Nil | Value::Pair(_) => call.list(machine, 1)?,
            _ => return call.unknown("another collection"),
        };
        array.borrow_mut().extend(more);
        Ok(call.arguments[0].clone())
    }),
    ("array-insert", 3, 3, |machine, call| {
        let array = array(machine, call, 0)?;
        let at = call.position(machine, 1)?;
        if at >= LONGEST {
            return call.unknown("a long array");
        }
        if at > array.borrow().len() {
            array.borrow_mut().resize(at, Value::Nil);
        }
        array.borrow_mut().insert(at, call.arguments[2].clone());
        Ok(call.arguments[2].clone())
    }),
    ("array-remove", 2, 2, |machine, call| {
        let array = array(machine, call, 0)?;
        let at = call.index(machine, 1)?;
        match at {
            Some(at) if at < array.borrow().len() => Ok(array.borrow_mut().remove(at)),
            _ => Ok(Value::Nil),
        }
    }),
    ("array-fill", 2, 2, |machine, call| {
        array(machine, call, 0)?.borrow_mut().fill(call.arguments[1].clone());
        Ok(call.arguments[0].clone())
    }),
    ("subarray", 1, 3, |machine, call| Ok(Value::array(part(machine, call)?))),
    ("array-copy", 1, 3, |machine, call| Ok(Value::array(part(machine, call)?))),
    ("array->list", 1, 3, |machine, call| Ok(Value::list(part(machine, call)?))),
    ("concat-array", 0, ANY, |machine, call| {
        let mut all = Vec::new();
        for at in 0..call.arguments.len() {
            all.extend(array(machine, call, at)?.borrow().iter().cloned());
        }
        Ok(Value::array(all))
    }),
    ("list->array", 1, 1, |machine, call| Ok(Value::array(call.list(machine, 0)?))),
    ("data", 0, 1, |machine, call| {
        let count = if call.arguments.is_empty() { 0 } else { call.position(machine, 0)? };
        if count > LONGEST {
            return call.unknown("much data");
        }
        Ok(Value::Data(Rc::new(RefCell::new(vec![0; count]))))
    }),
    ("data-length", 1, 1, |machine, call| Ok(Value::integer(data(machine, call)?.borrow().len()))),
    ("byte-at", 2, 2, |machine, call| {
        let data = data(machine, call)?;
        let found = call.index(machine, 1)?.and_then(|at| data.borrow().get(at).copied());
        match found {
            Some(byte) => Ok(Value::integer(byte)),
            None => machine.raise("index", vec![call.arguments[1].clone()], call.place),
        }
    }),
    ("set-byte-at", 3, 3, |machine, call| {
        let data = data(machine, call)?;
        let at = call.position(machine, 1)?;
        let byte = match &call.arguments[2] {
            Value::Integer(number) => number.to_u8(),
            _ => None,
        };
        match (data.borrow_mut().get_mut(at), byte) {
            (Some(place), Some(byte)) => *place = byte,
            _ => return call.unknown("an unusual byte"),
        }
        Ok(call.arguments[2].clone())
    }),
];

fn array(machine: &Machine, call: &Call, at: usize) -> Result<Rc<RefCell<Vec<Value>>>, Stop> {
    match &call.arguments[at] {
        Value::Array(elements) => Ok(elements.clone()),
        other => call.wrong(machine, other),
    }
}

fn data(machine: &Machine, call: &Call) -> Result<Rc<RefCell<Vec<u8>>>, Stop> {
    match &call.arguments[0] {
        Value::Data(bytes) => Ok(bytes.clone()),
        other => call.wrong(machine, other),
    }
}

fn make(machine: &mut Machine, call: &Call) -> Outcome {
    let count = if call.arguments.is_empty() { 0 } else { call.position(machine, 0)? };
    if count > LONGEST {
        return call.unknown("a long array");
    }
    let filling = call.arguments.get(1).cloned().unwrap_or(Value::Nil);
    Ok(Value::array(vec![filling; count]))
}

/// The elements from a first to a last, within the bounds.
fn part(machine: &mut Machine, call: &Call) -> Result<Vec<Value>, Stop> {
    let elements = array(machine, call, 0)?;
    let elements = elements.borrow();
    let (from, to) = range(machine, call, elements.len())?;
    Ok(elements[from..to].to_vec())
}

/// A range that the second and the third argument give, cut to the bounds; what is not there, or nil, is the end.
pub fn range(machine: &Machine, call: &Call, length: usize) -> Result<(usize, usize), Stop> {
    let end = |at: usize| match call.arguments.get(at) {
        None | Some(Value::Nil) => Ok::<_, Stop>(None),
        Some(_) => Ok(Some(call.index(machine, at)?.unwrap_or(0).min(length))),
    };
    let from = end(1)?.unwrap_or(0);
    let to = end(2)?.unwrap_or(length);
    Ok((from.min(to), to))
}
