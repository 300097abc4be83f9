//! Checking the kinds of arguments: each function takes the name of the operation, for the message.

use crate::interp::call;
use crate::runtime::{Failure, Outcome, Runtime};
use crate::value::number::Number;
use crate::value::{Kind, Value};

/// An object of a kind.
#[inline]
pub fn of_kind(runtime: &mut Runtime, operation: &str, value: Value, kind: Kind, what: &str) -> Result<Value, Failure> {
    if runtime.is_kind(value, kind) {
        return Ok(value);
    }
    Err(runtime.type_error(operation, what, value))
}

/// A string.
pub fn string(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    of_kind(runtime, operation, value, Kind::String, "a string")
}

/// A string's text.
pub fn text(runtime: &mut Runtime, operation: &str, value: Value) -> Result<String, Failure> {
    let string = string(runtime, operation, value)?;
    Ok(runtime.text(string))
}

/// A symbol, as the value.
pub fn symbol(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    of_kind(runtime, operation, value, Kind::Symbol, "a symbol")
}

/// The name of a symbol, or the text of a string.
pub fn name(runtime: &mut Runtime, operation: &str, value: Value) -> Result<String, Failure> {
    if let Some(symbol) = runtime.as_symbol(value) {
        return Ok(runtime.symbols.name(symbol).to_string());
    }
    if runtime.is_kind(value, Kind::String) {
        return Ok(runtime.text(value));
    }
    Err(runtime.type_error(operation, "a symbol or a string", value))
}

/// An array.
pub fn array(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    of_kind(runtime, operation, value, Kind::Array, "an array")
}

/// A pair.
pub fn pair(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    if value.is_pair() {
        return Ok(value);
    }
    Err(runtime.type_error(operation, "a pair", value))
}

/// A list: a pair or nil.
pub fn list(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    if value.is_pair() || value.is_nil() {
        return Ok(value);
    }
    Err(runtime.type_error(operation, "a list", value))
}

/// The number of elements of a list, which must end, and with nil.
pub fn list_length(runtime: &mut Runtime, operation: &str, value: Value) -> Result<usize, Failure> {
    let (length, end) = walk(runtime, operation, value)?;
    if end.is_nil() {
        return Ok(length);
    }
    Err(runtime.type_error(operation, "a list that ends with nil", value))
}

/// The number of pairs of a list that ends, and what stands at its end.
pub fn walk(runtime: &mut Runtime, operation: &str, value: Value) -> Result<(usize, Value), Failure> {
    list(runtime, operation, value)?;
    let (mut slow, mut fast, mut length) = (value, value, 0);
    while fast.is_pair() {
        call::poll(runtime)?;
        fast = runtime.cdr(fast);
        length += 1;
        if length % 2 == 0 {
            slow = runtime.cdr(slow);
            if slow == fast && fast.is_pair() {
                return Err(runtime.type_error(operation, "a list that ends", Value::NIL));
            }
        }
    }
    Ok((length, fast))
}

/// An integer. Those beyond the fixnums come as the nearest fixnum, which is out of every range all the same.
#[inline]
pub fn integer(runtime: &mut Runtime, operation: &str, value: Value) -> Result<i64, Failure> {
    match value.as_fixnum() {
        Some(number) => Ok(number),
        None => other_integer(runtime, operation, value),
    }
}

#[cold]
fn other_integer(runtime: &mut Runtime, operation: &str, value: Value) -> Result<i64, Failure> {
    match Number::from_value(value) {
        Some(Number::Small(number)) => Ok(number),
        Some(Number::Big(number)) if number > 0.into() => Ok(crate::value::FIXNUM_MAX),
        Some(Number::Big(_)) => Ok(crate::value::FIXNUM_MIN),
        _ => Err(runtime.type_error(operation, "an integer", value)),
    }
}

/// A number of 64 bits without a sign, as a value.
///
/// # Errors
/// When memory is out.
pub fn unsigned(runtime: &mut Runtime, number: u64) -> Outcome {
    Number::from(dashu_int::IBig::from(number)).into_value(|bytes| runtime.allocate(bytes))
}

/// A character, given as its code point. The surrogates are none.
pub fn character(runtime: &mut Runtime, operation: &str, value: Value) -> Result<char, Failure> {
    let number = integer(runtime, operation, value)?;
    match u32::try_from(number).ok().and_then(char::from_u32) {
        Some(character) => Ok(character),
        None => Err(runtime.type_error(operation, "a character's code point", value)),
    }
}

/// A character's code point.
pub fn code_point(runtime: &mut Runtime, operation: &str, value: Value) -> Result<u32, Failure> {
    character(runtime, operation, value).map(u32::from)
}

/// An environment, by index.
pub fn environment(runtime: &mut Runtime, operation: &str, value: Value) -> Result<u32, Failure> {
    match runtime.as_environment(value) {
        Some(index) => Ok(index),
        None => Err(runtime.type_error(operation, "an environment", value)),
    }
}

/// Something that can be called.
pub fn function(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    if runtime.is_callable(value) {
        return Ok(value);
    }
    Err(runtime.type_error(operation, "a function", value))
}

/// A function, given itself or by its name in an environment (the global one if none is given).
pub fn named_function(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let Some(symbol) = runtime.as_symbol(arguments[0]) else {
        return function(runtime, operation, arguments[0]);
    };
    let environment = match arguments.get(1) {
        Some(value) => environment(runtime, operation, *value)?,
        None => runtime.global_environment(),
    };
    let cell = runtime.cell(environment, symbol);
    let value = runtime.cells.get(cell).value;
    if value.as_unbound().is_some() {
        return Err(crate::interp::unbound(runtime, cell));
    }
    function(runtime, operation, value)
}

/// The part of a sequence of `length` elements that optional arguments name: where it starts (default 0) and where
/// it ends (default the length), both kept within the sequence.
#[inline]
pub fn range(
    runtime: &mut Runtime,
    operation: &str,
    arguments: &[Value],
    length: usize,
) -> Result<std::ops::Range<usize>, Failure> {
    let mut bound = |index: usize, default: usize| match arguments.get(index) {
        None => Ok(default),
        Some(value) if value.is_nil() => Ok(default),
        Some(value) => integer(runtime, operation, *value).map(|number| number.clamp(0, length as i64) as usize),
    };
    let start = bound(0, 0)?;
    let end = bound(1, length)?;
    Ok(start..end.max(start))
}
