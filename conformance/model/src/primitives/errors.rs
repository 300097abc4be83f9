//! Errors and what is asked of them.

use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Stop};
use crate::print;
use crate::value::{Fault, Value};
use num_traits::ToPrimitive;
use std::cell::Cell;
use std::rc::Rc;

pub const TABLE: &[Primitive] = &[
    ("error", 1, ANY, |_, call| {
        let message = match &call.arguments[0] {
            message @ Value::Text(_) => message.clone(),
            other => match print::text(other, false) {
                Some(text) => Value::text(&text),
                None => return call.unknown("a message"),
            },
        };
        let irritants = Some(Value::list(call.arguments[1..].to_vec()));
        let (message, place) = (Some(message), Cell::new(call.place));
        Err(Stop::Raised(Value::Error(Rc::new(Fault { kind: "user", message, irritants, place }))))
    }),
    ("raise", 1, 1, |_, call| Err(Stop::Raised(call.arguments[0].clone()))),
    ("error-kind", 1, 1, |machine, call| Ok(Value::symbol(fault(machine, call)?.kind))),
    ("error-message", 1, 1, |machine, call| match &fault(machine, call)?.message {
        Some(message) => Ok(message.clone()),
        None => call.unknown("the words of a message"),
    }),
    ("error-irritants", 1, 1, |machine, call| match &fault(machine, call)?.irritants {
        Some(irritants) => Ok(irritants.clone()),
        None => call.unknown("what it is about"),
    }),
    ("error-where", 1, 1, |machine, call| match fault(machine, call)?.place.get() {
        Some(place) => {
            let (line, column) = machine.line_and_column(place);
            Ok(Value::list([Value::text(super::output::FILE), Value::integer(line), Value::integer(column)]))
        }
        None => call.unknown("where"),
    }),
    ("exit", 0, 1, |_, call| match call.arguments.first() {
        None => Err(Stop::Exit(0)),
        Some(Value::Integer(status)) => match status.to_u8() {
            Some(status) => Err(Stop::Exit(i64::from(status))),
            None => call.unknown("an unusual status"),
        },
        Some(_) => call.unknown("an unusual status"),
    }),
];

fn fault(machine: &Machine, call: &Call) -> Result<Rc<Fault>, Stop> {
    match &call.arguments[0] {
        Value::Error(fault) => Ok(fault.clone()),
        other => call.wrong(machine, other),
    }
}
