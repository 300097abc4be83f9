//! `<data>`: sequences of bytes, of a fixed length.

use super::{arguments, arrays};
use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::number::Number;
use crate::value::{offset, Kind, Value};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("data", 0, 1, make_data),
    PrimitiveInfo::fixed("data-length", 1, data_length),
    PrimitiveInfo::fixed("byte-at", 2, |runtime, arguments| load(runtime, "byte-at", arguments, 1, false)),
    PrimitiveInfo::fixed("set-byte-at", 3, |runtime, arguments| store(runtime, "set-byte-at", arguments, 1)),
    PrimitiveInfo::fixed("int16-at", 2, |runtime, arguments| load(runtime, "int16-at", arguments, 2, true)),
    PrimitiveInfo::fixed("set-int16-at", 3, |runtime, arguments| store(runtime, "set-int16-at", arguments, 2)),
    PrimitiveInfo::fixed("int32-at", 2, |runtime, arguments| load(runtime, "int32-at", arguments, 4, true)),
    PrimitiveInfo::fixed("set-int32-at", 3, |runtime, arguments| store(runtime, "set-int32-at", arguments, 4)),
    PrimitiveInfo::fixed("int64-at", 2, |runtime, arguments| load(runtime, "int64-at", arguments, 8, true)),
    PrimitiveInfo::fixed("set-int64-at", 3, |runtime, arguments| store(runtime, "set-int64-at", arguments, 8)),
    PrimitiveInfo::fixed("double-at", 2, double_at),
    PrimitiveInfo::fixed("set-double-at", 3, set_double_at),
    PrimitiveInfo::fixed("string->data", 1, string_to_data),
    PrimitiveInfo::fixed("data->string", 1, data_to_string),
];

/// The bytes.
pub fn contents(runtime: &Runtime, data: Value) -> &[u8] {
    let storage = runtime.field(data, offset::SEQUENCE_STORAGE);
    &runtime.bytes(storage)[..runtime.sequence_length(data)]
}

/// New data of these bytes.
///
/// # Errors
/// When memory is out.
pub fn from_bytes(runtime: &mut Runtime, bytes: &[u8]) -> Outcome {
    let storage = runtime.raw_object_like(Kind::Bytes, bytes)?;
    runtime.object_of(Kind::Data, [Value::fixnum(bytes.len() as i64), storage])
}

fn make_data(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let length = arguments.first().map_or(Ok(0), |length| arrays::new_length(runtime, "data", *length))?;
    from_bytes(runtime, &vec![0; length])
}

pub(super) fn data(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    arguments::of_kind(runtime, operation, value, Kind::Data, "data")
}

fn data_length(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let data = data(runtime, "data-length", arguments[0])?;
    Ok(runtime.field(data, offset::SEQUENCE_LENGTH))
}

/// The bytes of element number `index` of `size` bytes; an error outside the bounds.
fn place<'r>(
    runtime: &'r mut Runtime,
    operation: &str,
    arguments: &[Value],
    size: usize,
) -> Result<&'r mut [u8], Failure> {
    let data = data(runtime, operation, arguments[0])?;
    let index = arguments::integer(runtime, operation, arguments[1])?;
    let length = runtime.sequence_length(data);
    let start = usize::try_from(index).ok().and_then(|index| index.checked_mul(size));
    let place = start.and_then(|start| Some(start..start.checked_add(size)?)).filter(|place| place.end <= length);
    match place {
        Some(place) => {
            let storage = runtime.field(data, offset::SEQUENCE_STORAGE);
            Ok(&mut runtime.bytes_mut(storage)[place])
        }
        None => {
            let message = format!("{operation}: outside of the data");
            Err(runtime.error(ErrorKind::Index, &message, &[arguments[1]]))
        }
    }
}

/// Elements are stored with the least significant byte first, on every machine.
fn load(runtime: &mut Runtime, operation: &str, arguments: &[Value], size: usize, signed: bool) -> Outcome {
    let place = place(runtime, operation, arguments, size)?;
    let mut bytes = [if signed && place[size - 1] >= 0x80 { 0xff } else { 0 }; 8];
    bytes[..size].copy_from_slice(place);
    super::numbers::integer_value(runtime, i64::from_le_bytes(bytes))
}

/// The low bits of an integer are stored.
fn store(runtime: &mut Runtime, operation: &str, arguments: &[Value], size: usize) -> Outcome {
    place(runtime, operation, arguments, size)?;
    let number = match Number::from_value(arguments[2]) {
        Some(Number::Small(number)) => number,
        _ => return Err(runtime.type_error(operation, "an integer of 64 bits", arguments[2])),
    };
    place(runtime, operation, arguments, size)?.copy_from_slice(&number.to_le_bytes()[..size]);
    Ok(arguments[2])
}

fn double_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let place = place(runtime, "double-at", arguments, 8)?;
    let mut bytes = [0; 8];
    bytes.copy_from_slice(place);
    runtime.double(f64::from_le_bytes(bytes))
}

fn set_double_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    place(runtime, "set-double-at", arguments, 8)?;
    let Some(number) = Number::from_value(arguments[2]) else {
        return Err(runtime.type_error("set-double-at", "a number", arguments[2]));
    };
    let bytes = crate::value::number::canonical(number.to_f64()).to_le_bytes();
    place(runtime, "set-double-at", arguments, 8)?.copy_from_slice(&bytes);
    Ok(arguments[2])
}

/// The bytes of a string as UTF-8.
fn string_to_data(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "string->data", arguments[0])?;
    from_bytes(runtime, text.as_bytes())
}

fn data_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let data = data(runtime, "data->string", arguments[0])?;
    let text = String::from_utf8_lossy(contents(runtime, data)).into_owned();
    runtime.string(&text)
}
