//! Strings: growable sequences of code points.

use super::text::Text;
use super::{arguments, arrays};
use crate::interp::call;
use crate::interp::primitives::compare::points;
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::{offset, Kind, Value};
use std::cmp::Ordering;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("string", 0, 2, |runtime, arguments| make_string(runtime, "string", arguments)),
    PrimitiveInfo::optional("make-string", 1, 2, |runtime, arguments| make_string(runtime, "make-string", arguments))
        .quiet(),
    PrimitiveInfo::fixed("string-length", 1, string_length),
    PrimitiveInfo::fixed("string-at", 2, string_at),
    PrimitiveInfo::fixed("set-string-at", 3, set_string_at),
    PrimitiveInfo::variadic("string-append", 0, |runtime, arguments| concat(runtime, "string-append", arguments))
        .quiet(),
    PrimitiveInfo::variadic("concat-string", 0, |runtime, arguments| concat(runtime, "concat-string", arguments))
        .quiet(),
    PrimitiveInfo::optional("concat-strings", 1, 2, |runtime, arguments| {
        concat_strings(runtime, "concat-strings", arguments)
    }),
    PrimitiveInfo::optional("string-join", 1, 2, |runtime, arguments| {
        concat_strings(runtime, "string-join", arguments)
    }),
    PrimitiveInfo::optional("substring", 2, 3, |runtime, arguments| substring(runtime, "substring", arguments)).quiet(),
    PrimitiveInfo::optional("string-copy", 1, 3, |runtime, arguments| substring(runtime, "string-copy", arguments))
        .quiet(),
    PrimitiveInfo::optional("string-index", 2, 3, string_index).quiet(),
    PrimitiveInfo::fixed("string-begins-with?", 2, begins_with).quiet(),
    PrimitiveInfo::fixed("string-ends-with?", 2, ends_with),
    PrimitiveInfo::fixed("string-compare", 2, |runtime, arguments| {
        Ok(Value::fixnum(compare(runtime, "string-compare", arguments[0], arguments[1])? as i64))
    }),
    PrimitiveInfo::variadic("string<?", 1, |runtime, arguments| {
        ordered(runtime, "string<?", arguments, |order| order.is_lt())
    })
    .quiet(),
    PrimitiveInfo::variadic("string<=?", 1, |runtime, arguments| {
        ordered(runtime, "string<=?", arguments, |order| order.is_le())
    }),
    PrimitiveInfo::variadic("string>?", 1, |runtime, arguments| {
        ordered(runtime, "string>?", arguments, |order| order.is_gt())
    }),
    PrimitiveInfo::variadic("string>=?", 1, |runtime, arguments| {
        ordered(runtime, "string>=?", arguments, |order| order.is_ge())
    }),
    PrimitiveInfo::variadic("string=?", 1, |runtime, arguments| {
        ordered(runtime, "string=?", arguments, |order| order.is_eq())
    })
    .quiet(),
    PrimitiveInfo::fixed("string-upcase", 1, |runtime, arguments| {
        let text = arguments::text(runtime, "string-upcase", arguments[0])?;
        let changed = if text.is_ascii() { text.to_ascii_uppercase() } else { text.to_uppercase() };
        runtime.string(&changed)
    }),
    PrimitiveInfo::fixed("string-downcase", 1, |runtime, arguments| {
        let text = arguments::text(runtime, "string-downcase", arguments[0])?;
        let changed = if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() };
        runtime.string(&changed)
    }),
    PrimitiveInfo::fixed("string-trim", 1, |runtime, arguments| {
        let text = arguments::text(runtime, "string-trim", arguments[0])?;
        runtime.string(text.trim())
    }),
    PrimitiveInfo::fixed("string-trim-left", 1, |runtime, arguments| {
        let text = arguments::text(runtime, "string-trim-left", arguments[0])?;
        runtime.string(text.trim_start())
    }),
    PrimitiveInfo::fixed("string-trim-right", 1, |runtime, arguments| {
        let text = arguments::text(runtime, "string-trim-right", arguments[0])?;
        runtime.string(text.trim_end())
    }),
    PrimitiveInfo::fixed("string-contains?", 2, |runtime, arguments| {
        let string = arguments::string(runtime, "string-contains?", arguments[0])?;
        Ok(Value::boolean(!string_index(runtime, &[string, arguments[1]])?.is_nil()))
    }),
    PrimitiveInfo::fixed("string-last-index", 2, string_last_index),
    PrimitiveInfo::fixed("string-repeat", 2, string_repeat),
    PrimitiveInfo::optional("string-pad-left", 2, 3, |runtime, arguments| {
        padded(runtime, "string-pad-left", arguments, true)
    }),
    PrimitiveInfo::optional("string-pad-right", 2, 3, |runtime, arguments| {
        padded(runtime, "string-pad-right", arguments, false)
    }),
    PrimitiveInfo::optional("string-split", 1, 3, string_split),
    PrimitiveInfo::optional("string-replace", 3, 3, string_replace),
    PrimitiveInfo::fixed("character->string", 1, character_to_string),
    PrimitiveInfo::optional("string->list", 1, 3, string_to_list).quiet(),
    PrimitiveInfo::fixed("list->string", 1, list_to_string).quiet(),
    PrimitiveInfo::optional("string->array", 1, 3, string_to_array),
    PrimitiveInfo::fixed("array->string", 1, array_to_string),
];

/// A string of code points.
fn from_points(runtime: &mut Runtime, points: &[u8]) -> Outcome {
    let storage = runtime.raw_object_like(Kind::Bytes, points)?;
    runtime.string_with(storage, points.len() / 4)
}

/// A string of as many characters, all code point 0.
fn zeros(runtime: &mut Runtime, length: usize) -> Outcome {
    let storage = runtime.raw_object(Kind::Bytes, 4 * length)?;
    runtime.string_with(storage, length)
}

/// `(string length [character])`.
fn make_string(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let length = arguments.first().map_or(Ok(0), |length| arrays::new_length(runtime, operation, *length))?;
    let point = arguments.get(1).map_or(Ok(0), |point| arguments::code_point(runtime, operation, *point))?;
    let string = zeros(runtime, length)?;
    if point != 0 {
        let storage = runtime.field(string, offset::SEQUENCE_STORAGE);
        let places = runtime.bytes_mut(storage).chunks_exact_mut(4).take(length);
        places.for_each(|place| place.copy_from_slice(&point.to_ne_bytes()));
    }
    Ok(string)
}

/// Before a string's text changes: its hash is forgotten, and it gets a storage of its own if it may share one.
fn own(runtime: &mut Runtime, string: Value) -> Result<(), Failure> {
    if runtime.field(string, offset::STRING_HASH) == Value::fixnum(0) {
        return Ok(());
    }
    let storage = runtime.field(string, offset::SEQUENCE_STORAGE);
    let copy = runtime.raw_object_from(Kind::Bytes, storage, 0..runtime.bytes(storage).len())?;
    runtime.set_field(string, offset::SEQUENCE_STORAGE, copy);
    runtime.set_field(string, offset::STRING_HASH, Value::fixnum(0));
    Ok(())
}

/// Make a string at least that long; new characters are code point 0.
fn grow(runtime: &mut Runtime, string: Value, length: usize) -> Result<(), Failure> {
    let storage = runtime.field(string, offset::SEQUENCE_STORAGE);
    let old = runtime.bytes(storage).len();
    if length * 4 > old {
        let capacity = length.max(old / 4 * 2).min(arrays::MAX_ELEMENTS);
        let grown = runtime.raw_object(Kind::Bytes, 4 * capacity)?;
        runtime.copy_bytes(storage, 0..old, grown, 0);
        runtime.set_field(string, offset::SEQUENCE_STORAGE, grown);
    }
    runtime.set_field(string, offset::SEQUENCE_LENGTH, Value::fixnum(length as i64));
    Ok(())
}

fn string_length(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-length", arguments[0])?;
    Ok(runtime.field(string, offset::SEQUENCE_LENGTH))
}

fn point_at(runtime: &Runtime, string: Value, index: usize) -> u32 {
    let bytes = &points(runtime, string)[4 * index..4 * index + 4];
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// `(string-at s i)`: nil outside the bounds.
pub fn string_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-at", arguments[0])?;
    let index = arguments::integer(runtime, "string-at", arguments[1])?;
    match usize::try_from(index) {
        Ok(index) if index < runtime.sequence_length(string) => {
            Ok(Value::fixnum(i64::from(point_at(runtime, string, index))))
        }
        _ => Ok(Value::NIL),
    }
}

/// `(set-string-at s i c)`: grows past the end.
pub fn set_string_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "set-string-at", arguments[0])?;
    let index = arrays::storable_index(runtime, "set-string-at", arguments[1])?;
    let point = arguments::code_point(runtime, "set-string-at", arguments[2])?;
    own(runtime, string)?;
    if index >= runtime.sequence_length(string) {
        grow(runtime, string, index + 1)?;
    }
    let storage = runtime.field(string, offset::SEQUENCE_STORAGE);
    runtime.bytes_mut(storage)[4 * index..4 * index + 4].copy_from_slice(&point.to_ne_bytes());
    Ok(arguments[2])
}

/// A new string of the texts of strings.
pub fn concat(runtime: &mut Runtime, operation: &str, strings: &[Value]) -> Outcome {
    let mut length = 0;
    for string in strings {
        let string = arguments::string(runtime, operation, *string)?;
        length += runtime.sequence_length(string);
    }
    if length > arrays::MAX_ELEMENTS {
        return Err(arrays::too_long(runtime, operation, Value::fixnum(length as i64)));
    }
    let result = zeros(runtime, length)?;
    let places = runtime.field(result, offset::SEQUENCE_STORAGE);
    let mut at = 0;
    for string in strings {
        let bytes = 4 * runtime.sequence_length(*string);
        runtime.copy_bytes(runtime.field(*string, offset::SEQUENCE_STORAGE), 0..bytes, places, at);
        at += bytes;
    }
    Ok(result)
}

/// `(concat-strings list [separator])`.
fn concat_strings(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    arguments::list_length(runtime, operation, arguments[0])?;
    // The strings stay reachable through the list.
    let mut strings = Vec::new();
    let mut list = arguments[0];
    while list.is_pair() {
        if let (Some(separator), false) = (arguments.get(1), strings.is_empty()) {
            strings.push(*separator);
        }
        strings.push(runtime.car(list));
        list = runtime.cdr(list);
    }
    concat(runtime, operation, &strings)
}

/// `(substring s start [end])`: a new string; the bounds are kept within the string.
fn substring(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, operation, arguments[0])?;
    let range = arguments::range(runtime, operation, &arguments[1..], runtime.sequence_length(string))?;
    let bytes = 4 * range.start..4 * range.end;
    let storage = runtime.raw_object_from(Kind::Bytes, runtime.field(string, offset::SEQUENCE_STORAGE), bytes)?;
    runtime.string_with(storage, range.len())
}

/// `(string-index s what [start])`: where a character or string first occurs; nil if it does not.
fn string_index(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-index", arguments[0])?;
    let range = arguments::range(runtime, "string-index", &arguments[2..], runtime.sequence_length(string))?;
    if !runtime.is_kind(arguments[1], Kind::String) {
        let point = arguments::code_point(runtime, "string-index", arguments[1])?;
        return character_index(runtime, string, range.start, point);
    }
    for index in range.start..=runtime.sequence_length(string) {
        call::poll(runtime)?;
        if points(runtime, string)[4 * index..].starts_with(points(runtime, arguments[1])) {
            return Ok(Value::fixnum(index as i64));
        }
    }
    Ok(Value::NIL)
}

/// Where a character first occurs from an index on.
fn character_index(runtime: &mut Runtime, string: Value, start: usize, point: u32) -> Outcome {
    /// As many characters are looked at before interrupts are.
    const STRETCH: usize = 1 << 12;
    let (length, wanted) = (runtime.sequence_length(string), point.to_ne_bytes());
    for from in (start..length).step_by(STRETCH) {
        call::poll(runtime)?;
        let characters = &points(runtime, string).as_chunks().0[from..length.min(from + STRETCH)];
        if let Some(at) = characters.iter().position(|character| *character == wanted) {
            return Ok(Value::fixnum((from + at) as i64));
        }
    }
    Ok(Value::NIL)
}

/// `(string-last-index s what)`: where a character or string occurs last; nil if it does not.
fn string_last_index(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-last-index", arguments[0])?;
    let wanted = match runtime.is_kind(arguments[1], Kind::String) {
        true => points(runtime, arguments[1]).to_vec(),
        false => arguments::code_point(runtime, "string-last-index", arguments[1])?.to_ne_bytes().to_vec(),
    };
    for index in (0..=runtime.sequence_length(string)).rev() {
        call::poll(runtime)?;
        if points(runtime, string)[4 * index..].starts_with(&wanted) {
            return Ok(Value::fixnum(index as i64));
        }
    }
    Ok(Value::NIL)
}

/// `(string-repeat s count)`.
fn string_repeat(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-repeat", arguments[0])?;
    let count = arrays::new_length(runtime, "string-repeat", arguments[1])?;
    let length = count.saturating_mul(runtime.sequence_length(string));
    if length > arrays::MAX_ELEMENTS {
        return Err(arrays::too_long(runtime, "string-repeat", arguments[1]));
    }
    concat(runtime, "string-repeat", &vec![string; if length == 0 { 0 } else { count }])
}

/// `(string-pad-left s length [character])`: a string that is at least that long, filled up in front or behind; with spaces,
/// if nothing is said.
fn padded(runtime: &mut Runtime, operation: &str, arguments: &[Value], in_front: bool) -> Outcome {
    let string = arguments::string(runtime, operation, arguments[0])?;
    let length = arrays::new_length(runtime, operation, arguments[1])?;
    let point = arguments.get(2).copied().unwrap_or(Value::fixnum(32));
    arguments::code_point(runtime, operation, point)?;
    let missing = length.saturating_sub(runtime.sequence_length(string));
    let filling = make_string(runtime, operation, &[Value::fixnum(missing as i64), point])?;
    let parts = if in_front { [filling, string] } else { [string, filling] };
    concat(runtime, operation, &parts)
}

fn begins_with(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-begins-with?", arguments[0])?;
    let part = arguments::string(runtime, "string-begins-with?", arguments[1])?;
    Ok(Value::boolean(points(runtime, string).starts_with(points(runtime, part))))
}

fn ends_with(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string-ends-with?", arguments[0])?;
    let part = arguments::string(runtime, "string-ends-with?", arguments[1])?;
    Ok(Value::boolean(points(runtime, string).ends_with(points(runtime, part))))
}

fn compare(runtime: &mut Runtime, operation: &str, left: Value, right: Value) -> Result<Ordering, Failure> {
    let left = arguments::string(runtime, operation, left)?;
    let right = arguments::string(runtime, operation, right)?;
    let numbers =
        |string| points(runtime, string).chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    Ok(numbers(left).cmp(numbers(right)))
}

fn ordered(runtime: &mut Runtime, operation: &str, arguments: &[Value], holds: impl Fn(Ordering) -> bool) -> Outcome {
    arguments::string(runtime, operation, arguments[0])?;
    let mut result = true;
    for pair in arguments.windows(2) {
        result &= holds(compare(runtime, operation, pair[0], pair[1])?);
    }
    Ok(Value::boolean(result))
}

/// `(string-split s [separator [most]])`: a list of strings, of as many as `most` says at most; without a separator, of words.
fn string_split(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "string-split", arguments[0])?;
    let most = match arguments.get(2) {
        None => usize::MAX,
        Some(most) => arguments::integer(runtime, "string-split", *most)?.max(1) as usize,
    };
    let parts: Vec<String> = match arguments.get(1) {
        None => text.split_whitespace().map(String::from).collect(),
        Some(separator) if runtime.is_kind(*separator, Kind::String) => {
            let separator = runtime.text(*separator);
            if separator.is_empty() {
                text.splitn(most.saturating_add(1), "")
                    .skip(1)
                    .filter(|part| !part.is_empty())
                    .map(String::from)
                    .collect()
            } else {
                text.splitn(most, &separator).map(String::from).collect()
            }
        }
        Some(separator) => {
            let point = arguments::code_point(runtime, "string-split", *separator)?;
            text.splitn(most, |c| u32::from(c) == point).map(String::from).collect()
        }
    };
    let mut list = Value::NIL;
    for part in parts.iter().rev() {
        let string = runtime.string(part)?;
        list = runtime.cons(string, list)?;
    }
    Ok(list)
}

fn string_replace(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "string-replace", arguments[0])?;
    let from = arguments::text(runtime, "string-replace", arguments[1])?;
    let to = arguments::text(runtime, "string-replace", arguments[2])?;
    if from.is_empty() {
        return runtime.string(&text);
    }
    let (mut replaced, mut parts) = (Text::new("string-replace"), text.split(&from));
    replaced.push(runtime, parts.next().unwrap_or_default())?;
    for part in parts {
        call::poll(runtime)?;
        replaced.push(runtime, &to)?;
        replaced.push(runtime, part)?;
    }
    runtime.string(&replaced.finish())
}

fn character_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let point = arguments::code_point(runtime, "character->string", arguments[0])?;
    from_points(runtime, &point.to_ne_bytes())
}

/// A string, and the part of it that optional arguments name.
fn part(
    runtime: &mut Runtime,
    operation: &str,
    arguments: &[Value],
) -> Result<(Value, std::ops::Range<usize>), Failure> {
    let string = arguments::string(runtime, operation, arguments[0])?;
    let range = arguments::range(runtime, operation, &arguments[1..], runtime.sequence_length(string))?;
    Ok((string, range))
}

fn string_to_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let (string, range) = part(runtime, "string->list", arguments)?;
    let mut list = Value::NIL;
    for index in range.rev() {
        let point = point_at(runtime, string, index);
        list = runtime.cons(Value::fixnum(i64::from(point)), list)?;
    }
    Ok(list)
}

fn string_to_array(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let (string, range) = part(runtime, "string->array", arguments)?;
    let array = runtime.array(range.len())?;
    for (place, index) in range.enumerate() {
        let point = point_at(runtime, string, index);
        arrays::set_element(runtime, array, place, Value::fixnum(i64::from(point)));
    }
    Ok(array)
}

fn from_characters(
    runtime: &mut Runtime,
    operation: &str,
    length: usize,
    mut next: impl FnMut(&Runtime) -> Value,
) -> Outcome {
    let storage = runtime.raw_object(Kind::Bytes, 4 * length)?;
    for index in 0..length {
        let character = next(runtime);
        let point = arguments::code_point(runtime, operation, character)?;
        runtime.bytes_mut(storage)[4 * index..4 * index + 4].copy_from_slice(&point.to_ne_bytes());
    }
    runtime.string_with(storage, length)
}

fn list_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let length = arguments::list_length(runtime, "list->string", arguments[0])?;
    let mut list = arguments[0];
    from_characters(runtime, "list->string", length, |runtime| {
        let character = runtime.car(list);
        list = runtime.cdr(list);
        character
    })
}

fn array_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array->string", arguments[0])?;
    let mut indices = 0..;
    let length = runtime.sequence_length(array);
    from_characters(runtime, "array->string", length, |runtime| {
        indices.next().map_or(Value::NIL, |index| arrays::element(runtime, array, index))
    })
}
