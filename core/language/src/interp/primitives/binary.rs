//! Writing bytes: integers of 1, 2, 4 and 8 bytes, in either order, to a port or to the file that
//! `with-binary-output-to-file` writes.

use super::files;
use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::number::Number;
use crate::value::Value;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("put-u8", 1, 2, |runtime, arguments| {
        let bytes = bytes_of(runtime, "put-u8", arguments[0], 1)?;
        write(runtime, "put-u8", &bytes[..1], arguments.get(1))?;
        Ok(arguments[0])
    }),
    PrimitiveInfo::optional("put-u16", 1, 3, |runtime, arguments| put(runtime, "put-u16", arguments, 2)),
    PrimitiveInfo::optional("put-u32", 1, 3, |runtime, arguments| put(runtime, "put-u32", arguments, 4)),
    PrimitiveInfo::optional("put-u64", 1, 3, |runtime, arguments| put(runtime, "put-u64", arguments, 8)),
    PrimitiveInfo::optional("put-data", 1, 2, |runtime, arguments| {
        let data = super::data::data(runtime, "put-data", arguments[0])?;
        let bytes = super::data::contents(runtime, data).to_vec();
        write(runtime, "put-data", &bytes, arguments.get(1))?;
        Ok(arguments[0])
    }),
];

/// `(put-u32 integer ['little or 'big] [port])`.
fn put(runtime: &mut Runtime, operation: &str, arguments: &[Value], size: usize) -> Outcome {
    let mut bytes = bytes_of(runtime, operation, arguments[0], size)?;
    if arguments.get(1).map_or(Ok(false), |order| is_big_endian(runtime, operation, *order))? {
        bytes[..size].reverse();
    }
    write(runtime, operation, &bytes[..size], arguments.get(2))?;
    Ok(arguments[0])
}

fn is_big_endian(runtime: &mut Runtime, operation: &str, order: Value) -> Result<bool, Failure> {
    let symbol = runtime.as_symbol(order);
    match symbol.map(|symbol| runtime.symbols.name(symbol)) {
        Some("little") => Ok(false),
        Some("big") => Ok(true),
        _ => Err(runtime.type_error(operation, "an order of bytes: 'little or 'big", order)),
    }
}

/// An integer that fits in so many bytes, with or without a sign; the least significant byte first.
fn bytes_of(runtime: &mut Runtime, operation: &str, value: Value, size: usize) -> Result<[u8; 8], Failure> {
    let number = match Number::from_value(value) {
        Some(Number::Small(number)) => Some(i128::from(number)),
        Some(Number::Big(number)) => i128::try_from(&number).ok(),
        _ => return Err(runtime.type_error(operation, "an integer", value)),
    };
    let bits = 8 * size as u32;
    match number.filter(|number| (-(1i128 << (bits - 1))..1i128 << bits).contains(number)) {
        Some(number) => Ok((number as u64).to_le_bytes()),
        None => Err(runtime.type_error(operation, &format!("an integer of {bits} bits"), value)),
    }
}

fn write(runtime: &mut Runtime, operation: &str, bytes: &[u8], port: Option<&Value>) -> Result<(), Failure> {
    if port.is_some() {
        return files::on_port(runtime, operation, port, |port| port.write(bytes));
    }
    if runtime.write_bytes(bytes)? {
        return Ok(());
    }
    let message = format!(
        "{operation}: bytes are written to a port, which is the last argument, or inside of with-binary-output-to-file"
    );
    Err(runtime.error(ErrorKind::Io, &message, &[]))
}
