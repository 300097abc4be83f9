//! Errors as values.

use super::arguments;
use crate::runtime::{ErrorKind, Frame, Outcome, PrimitiveInfo, Runtime};
use crate::syntax::print::Style;
use crate::value::{offset, Kind, Value};
use maru_core::abi::Position;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::variadic("error", 1, error),
    PrimitiveInfo::fixed("raise", 1, |runtime, arguments| Err(runtime.raise(arguments[0]))),
    PrimitiveInfo::fixed("error?", 1, |runtime, arguments| {
        Ok(Value::boolean(runtime.is_kind(arguments[0], Kind::Error)))
    }),
    PrimitiveInfo::fixed("error-kind", 1, |runtime, arguments| {
        part(runtime, "error-kind", arguments[0], offset::ERROR_KIND)
    }),
    PrimitiveInfo::fixed("error-message", 1, |runtime, arguments| {
        part(runtime, "error-message", arguments[0], offset::ERROR_MESSAGE)
    }),
    PrimitiveInfo::fixed("error-irritants", 1, |runtime, arguments| {
        part(runtime, "error-irritants", arguments[0], offset::ERROR_IRRITANTS)
    }),
    PrimitiveInfo::fixed("error-where", 1, error_where),
    PrimitiveInfo::fixed("%type-error", 3, type_error),
    PrimitiveInfo::fixed("%check-function", 2, check_function).quiet(),
    PrimitiveInfo::optional("%check-list", 3, 4, check_list).quiet(),
    PrimitiveInfo::fixed("error-backtrace", 1, error_backtrace),
];

/// `(error message irritant…)`. A message that is no string is shown as text.
fn error(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let message = super::text::joined(runtime, "error", &arguments[..1], Style::Print)?;
    Err(runtime.error(ErrorKind::User, &message, &arguments[1..]))
}

/// `(%type-error operation what value)`: for the prelude.
fn type_error(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let operation = arguments::text(runtime, "%type-error", arguments[0])?;
    let what = arguments::text(runtime, "%type-error", arguments[1])?;
    Err(runtime.type_error(&operation, &what, arguments[2]))
}

/// `(%check-function operation function)`: for the prelude's functions that take one.
fn check_function(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    if runtime.is_callable(arguments[1]) {
        return Ok(Value::NIL);
    }
    let operation = arguments::text(runtime, "%check-function", arguments[0])?;
    Err(runtime.type_error(&operation, "a function", arguments[1]))
}

/// `(%check-list operation function list [lists])`: for those that take a function and a list, or several.
fn check_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    check_function(runtime, arguments)?;
    let is_list = |value: Value| value.is_pair() || value.is_nil();
    let mut lists = arguments.get(3).copied().unwrap_or(Value::NIL);
    let mut list = arguments[2];
    while is_list(list) {
        if lists.is_nil() {
            return Ok(Value::NIL);
        }
        list = runtime.car(lists);
        lists = runtime.cdr(lists);
    }
    let operation = arguments::text(runtime, "%check-list", arguments[0])?;
    Err(runtime.type_error(&operation, "a list", list))
}

fn part(runtime: &mut Runtime, operation: &str, value: Value, offset: i32) -> Outcome {
    let error = arguments::of_kind(runtime, operation, value, Kind::Error, "an error")?;
    Ok(runtime.field(error, offset))
}

/// A position as a list of file name, line and column; nil if it is not known.
fn place(runtime: &mut Runtime, position: Position) -> Outcome {
    let Some((name, line, column)) = runtime.sources.locate(position) else { return Ok(Value::NIL) };
    let name = name.to_string();
    let name = runtime.string(&name)?;
    runtime.list(&[name, Value::fixnum(i64::from(line)), Value::fixnum(i64::from(column))])
}

fn error_where(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let position = part(runtime, "error-where", arguments[0], offset::ERROR_POSITION)?;
    place(runtime, Position::from_value(position))
}

/// A list of `(function-name file line column)`, the innermost first; at most a few dozen.
fn error_backtrace(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    const MOST: usize = 50;
    arguments::of_kind(runtime, "error-backtrace", arguments[0], Kind::Error, "an error")?;
    let (frames, _) = runtime.frames(arguments[0]);
    let each = frames.iter().flat_map(|frame| std::iter::repeat_n(*frame, frame.count.min(MOST as u64) as usize));
    let frames: Vec<Frame> = each.take(MOST).collect();
    let mut list = Value::NIL;
    for frame in frames.into_iter().rev() {
        let place = place(runtime, frame.position)?;
        let entry = runtime.cons(frame.name, place)?;
        list = runtime.cons(entry, list)?;
    }
    Ok(list)
}
