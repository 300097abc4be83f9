//! Printing.

use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Outcome, Stop};
use crate::print;
use crate::value::Value;

/// The name that the suite gives to the programs' text.
pub const FILE: &str = "program.l";

pub const TABLE: &[Primitive] = &[
    ("print", 0, ANY, |machine, call| write(machine, call, false, "")),
    ("println", 0, ANY, |machine, call| write(machine, call, false, "\n")),
    ("dump", 0, ANY, |machine, call| write(machine, call, true, "")),
    ("dumpln", 0, ANY, |machine, call| write(machine, call, true, "\n")),
    ("print->string", 0, ANY, |_, call| Ok(Value::text(&text(call, false)?))),
    ("dump->string", 0, ANY, |_, call| Ok(Value::text(&text(call, true)?))),
];

fn text(call: &Call, readable: bool) -> Result<String, Stop> {
    let parts = call.arguments.iter().map(|argument| print::text(argument, readable));
    match parts.collect::<Option<String>>() {
        Some(text) => Ok(text),
        None => call.unknown("how this is written"),
    }
}

/// Print all; the value is the last one.
fn write(machine: &mut Machine, call: &Call, readable: bool, end: &str) -> Outcome {
    let text = text(call, readable)?;
    machine.print(&text)?;
    machine.print(end)?;
    Ok(call.arguments.last().cloned().unwrap_or(Value::Nil))
}
