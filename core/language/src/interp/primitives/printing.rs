//! Printing values, as text for people (`print`) or for the reader (`dump`).

use super::arguments;
use super::text::joined_string;
use crate::interp::call;
use crate::runtime::output::Capture;
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime, Touch};
use crate::syntax::print::{Printing, Style};
use crate::value::Value;
use std::io::Write;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::variadic("print", 0, |runtime, arguments| put(runtime, arguments, Style::Print, ""))
        .touching(Touch::Nothing),
    PrimitiveInfo::variadic("println", 0, |runtime, arguments| put(runtime, arguments, Style::Print, "\n"))
        .touching(Touch::Nothing),
    PrimitiveInfo::variadic("dump", 0, |runtime, arguments| put(runtime, arguments, Style::Dump, ""))
        .touching(Touch::Nothing),
    PrimitiveInfo::variadic("dumpln", 0, |runtime, arguments| put(runtime, arguments, Style::Dump, "\n"))
        .touching(Touch::Nothing),
    PrimitiveInfo::variadic("warn", 0, warn).touching(Touch::Nothing),
    PrimitiveInfo::variadic("format", 1, super::format::format).touching(Touch::Nothing),
    PrimitiveInfo::variadic("printf", 1, super::format::printf).touching(Touch::Nothing),
    PrimitiveInfo::variadic("print->string", 0, |runtime, arguments| {
        joined_string(runtime, "print->string", arguments, Style::Print)
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::variadic("dump->string", 0, |runtime, arguments| {
        joined_string(runtime, "dump->string", arguments, Style::Dump)
    })
    .touching(Touch::Nothing),
    PrimitiveInfo::fixed("call-with-output-to-string", 1, output_to_string).touching(Touch::Nothing),
    PrimitiveInfo::fixed("call-with-output-to-file", 2, |runtime, arguments| {
        output_to_file(runtime, "with-output-to-file", arguments, false)
    })
    .touching(Touch::Write),
    PrimitiveInfo::fixed("call-with-binary-output-to-file", 2, |runtime, arguments| {
        output_to_file(runtime, "with-binary-output-to-file", arguments, true)
    })
    .touching(Touch::Write),
];

/// Print a value. Its text goes out in pieces, since there may be more of it than memory.
///
/// # Errors
/// `interrupt`, and `out-of-memory` for captures that become too long.
pub fn print_value(runtime: &mut Runtime, value: Value, style: Style) -> Result<(), Failure> {
    let mut printing = Printing::new(value, style);
    while let Some(piece) = printing.piece(runtime) {
        call::poll(runtime)?;
        runtime.write_output(&piece)?;
    }
    Ok(())
}

/// Print the values one after another; the value is the last one.
fn put(runtime: &mut Runtime, values: &[Value], style: Style, end: &str) -> Outcome {
    for value in values {
        print_value(runtime, *value, style)?;
    }
    runtime.write_output(end)?;
    Ok(values.last().copied().unwrap_or(Value::NIL))
}

/// Print to standard error.
fn warn(runtime: &mut Runtime, values: &[Value]) -> Outcome {
    runtime.flush_output();
    for value in values {
        let mut printing = Printing::new(*value, Style::Print);
        while let Some(piece) = printing.piece(runtime) {
            call::poll(runtime)?;
            // When standard error is closed or full, there is nobody to tell.
            let _ = std::io::stderr().write_all(piece.as_bytes());
        }
    }
    Ok(Value::NIL)
}

/// What the body prints, as a string. If it fails, that is forgotten.
fn output_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let function = arguments::function(runtime, "with-output-to-string", arguments[0])?;
    runtime.captures.push(Capture::default());
    let result = call(runtime, function, &[]);
    let text = runtime.captures.pop().unwrap_or_default().into_text();
    result?;
    runtime.string(&text)
}

/// What the body prints goes to a file, even if the body fails. The value is the body's.
fn output_to_file(runtime: &mut Runtime, operation: &str, arguments: &[Value], binary: bool) -> Outcome {
    let path = arguments::text(runtime, operation, arguments[0])?;
    let function = arguments::function(runtime, operation, arguments[1])?;
    let place = runtime.may_write(operation, std::path::Path::new(&path))?;
    if let Err(fault) = std::fs::File::create(&place) {
        return Err(super::files::fail(runtime, &path, &fault));
    }
    runtime.captures.push(Capture { binary, ..Capture::default() });
    let result = call(runtime, function, &[]);
    let captured = runtime.captures.pop().unwrap_or_default();
    match std::fs::write(&place, captured.bytes) {
        Err(fault) if result.is_ok() => Err(super::files::fail(runtime, &path, &fault)),
        _ => result,
    }
}
