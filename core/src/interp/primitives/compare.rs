//! What it means for two values to be the same: identity, `=` and `equal`, and hashes that go with `equal`.

use crate::interp::{call, PrimitiveInfo};
use crate::runtime::{Failure, Outcome, Runtime};
use crate::value::number::{self, Number};
use crate::value::{Kind, Value};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("eq", 2, |_, arguments| Ok(Value::boolean(arguments[0] == arguments[1]))),
    PrimitiveInfo::fixed("eq?", 2, |_, arguments| Ok(Value::boolean(arguments[0] == arguments[1]))),
    PrimitiveInfo::fixed("equal", 2, equal_primitive),
    PrimitiveInfo::fixed("equal?", 2, equal_primitive),
    PrimitiveInfo::fixed("not", 1, |_, arguments| Ok(Value::boolean(arguments[0].is_nil()))),
    PrimitiveInfo::variadic("=", 1, equal_values_primitive),
    PrimitiveInfo::fixed("!=", 2, |runtime, arguments| {
        Ok(Value::boolean(!equal_values(runtime, arguments[0], arguments[1])))
    }),
];

fn equal_primitive(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    Ok(Value::boolean(equal(runtime, arguments[0], arguments[1])?))
}

fn equal_values_primitive(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    Ok(Value::boolean(arguments.windows(2).all(|pair| equal_values(runtime, pair[0], pair[1]))))
}

/// `=`: numbers by value, strings by content, everything else by identity. NaN is equal to nothing.
pub fn equal_values(runtime: &Runtime, left: Value, right: Value) -> bool {
    if left.is_fixnum() && right.is_fixnum() {
        return left == right;
    }
    if let Some(equal) = number::equal(left, right) {
        return equal;
    }
    left == right || runtime.is_kind(left, Kind::String) && same_text(runtime, left, right)
}

fn same_text(runtime: &Runtime, left: Value, right: Value) -> bool {
    runtime.is_kind(right, Kind::String) && points(runtime, left) == points(runtime, right)
}

/// The bytes of a string's code points, four each.
pub fn points<'a>(runtime: &Runtime, string: Value) -> &'a [u8] {
    let storage = runtime.field(string, crate::value::offset::SEQUENCE_STORAGE);
    &runtime.bytes(storage)[..4 * runtime.sequence_length(string)]
}

/// `equal`: as `=`, but pairs, arrays and data are compared by what they hold.
///
/// # Errors
/// `stack-overflow` for structures too deep, `interrupt`.
pub fn equal(runtime: &mut Runtime, mut left: Value, mut right: Value) -> Result<bool, Failure> {
    call::check_stack(runtime)?;
    while left.is_pair() && right.is_pair() {
        if left == right {
            return Ok(true);
        }
        call::poll(runtime)?;
        let (first, second) = (runtime.car(left), runtime.car(right));
        if !equal(runtime, first, second)? {
            return Ok(false);
        }
        (left, right) = (runtime.cdr(left), runtime.cdr(right));
    }
    if equal_values(runtime, left, right) {
        return Ok(true);
    }
    match (runtime.kind(left), runtime.kind(right)) {
        (Some(Kind::Array), Some(Kind::Array)) => equal_arrays(runtime, left, right),
        (Some(Kind::Data), Some(Kind::Data)) => {
            Ok(super::data::contents(runtime, left) == super::data::contents(runtime, right))
        }
        _ => Ok(false),
    }
}

fn equal_arrays(runtime: &mut Runtime, left: Value, right: Value) -> Result<bool, Failure> {
    let length = runtime.sequence_length(left);
    if length != runtime.sequence_length(right) {
        return Ok(false);
    }
    for index in 0..length {
        let (first, second) =
            (super::arrays::element(runtime, left, index), super::arrays::element(runtime, right, index));
        if !equal(runtime, first, second)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How deep a hash looks into a structure, and how many elements of each level it looks at.
const HASHED_DEPTH: u32 = 4;
const HASHED_ELEMENTS: usize = 16;

/// A number that is the same for values that are `equal`.
pub fn hash(runtime: &Runtime, value: Value) -> u64 {
    hash_to(runtime, value, HASHED_DEPTH)
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn hash_to(runtime: &Runtime, value: Value, depth: u32) -> u64 {
    if let Some(number) = Number::from_value(value) {
        return hash_number(&number);
    }
    if value.is_pair() {
        return hash_list(runtime, value, depth);
    }
    match runtime.kind(value) {
        Some(Kind::String) => points(runtime, value)
            .chunks_exact(4)
            .fold(1, |hash, point| mix(hash, u64::from(u32::from_le_bytes([point[0], point[1], point[2], point[3]])))),
        Some(Kind::Array) if depth > 0 => {
            let length = runtime.sequence_length(value);
            (0..length.min(HASHED_ELEMENTS)).fold(mix(2, length as u64), |hash, index| {
                mix(hash, hash_to(runtime, super::arrays::element(runtime, value, index), depth - 1))
            })
        }
        Some(Kind::Array) => 2,
        Some(Kind::Data) => {
            super::data::contents(runtime, value).iter().fold(4, |hash, byte| mix(hash, u64::from(*byte)))
        }
        // Objects never move, so that the address is good for identity.
        _ => mix(3, value.0),
    }
}

fn hash_list(runtime: &Runtime, mut list: Value, depth: u32) -> u64 {
    let mut hash = 5;
    let mut count = 0;
    while depth > 0 && list.is_pair() && count < HASHED_ELEMENTS {
        hash = mix(hash, hash_to(runtime, runtime.car(list), depth - 1));
        list = runtime.cdr(list);
        count += 1;
    }
    hash
}

/// Integers and doubles of the same value have the same hash: that of the double, if there is one that is equal.
fn hash_number(number: &Number) -> u64 {
    let double = number.to_f64();
    mix(6, if double == 0.0 { 0 } else { double.to_bits() })
}
