//! Arrays: growable sequences of values.

use super::arguments;
use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::{offset, Kind, Value};

/// How many elements an array, a string or data may have.
pub const MAX_ELEMENTS: usize = 1 << 26;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("array", 0, 2, |runtime, arguments| make_array(runtime, "array", arguments)).quiet(),
    PrimitiveInfo::optional("make-array", 1, 2, |runtime, arguments| make_array(runtime, "make-array", arguments))
        .quiet(),
    PrimitiveInfo::variadic("array-of", 0, from_values).quiet(),
    PrimitiveInfo::fixed("array-length", 1, array_length),
    PrimitiveInfo::fixed("array-at", 2, array_at),
    PrimitiveInfo::fixed("set-array-at", 3, set_array_at),
    PrimitiveInfo::fixed("array-append", 2, array_append).quiet(),
    PrimitiveInfo::fixed("array-append-all", 2, array_append_all),
    PrimitiveInfo::fixed("array-insert", 3, array_insert).quiet(),
    PrimitiveInfo::fixed("array-remove", 2, array_remove).quiet(),
    PrimitiveInfo::optional("array-fill", 2, 4, array_fill).quiet(),
    PrimitiveInfo::optional("subarray", 1, 3, |runtime, arguments| subarray(runtime, "subarray", arguments)).quiet(),
    PrimitiveInfo::optional("array-copy", 1, 3, |runtime, arguments| subarray(runtime, "array-copy", arguments))
        .quiet(),
    PrimitiveInfo::variadic("concat-array", 0, concat_array),
    PrimitiveInfo::optional("array->list", 1, 3, array_to_list).quiet(),
    PrimitiveInfo::fixed("list->array", 1, list_to_array).quiet(),
];

/// Raise `index`: no sequence may be that long.
#[cold]
pub fn too_long(runtime: &mut Runtime, operation: &str, index: Value) -> Failure {
    let message = format!("{operation}: more than {MAX_ELEMENTS} elements");
    runtime.error(ErrorKind::Index, &message, &[index])
}

/// A length that a sequence may have.
pub fn new_length(runtime: &mut Runtime, operation: &str, value: Value) -> Result<usize, Failure> {
    let length = arguments::integer(runtime, operation, value)?;
    match usize::try_from(length) {
        Err(_) => Err(super::negative_index(runtime, operation, value)),
        Ok(length) if length > MAX_ELEMENTS => Err(too_long(runtime, operation, value)),
        Ok(length) => Ok(length),
    }
}

/// An element within the bounds.
#[inline]
pub fn element(runtime: &Runtime, array: Value, index: usize) -> Value {
    let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
    runtime.slot(storage, index)
}

/// Change an element within the bounds.
pub fn set_element(runtime: &mut Runtime, array: Value, index: usize, value: Value) {
    let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
    runtime.set_slot(storage, index, value);
}

/// Make an array at least that long; new elements are nil.
fn grow(runtime: &mut Runtime, array: Value, length: usize) -> Result<(), Failure> {
    let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
    let old = runtime.slot_count(storage);
    if length > old {
        let capacity = length.max(old * 2).min(MAX_ELEMENTS);
        let grown = runtime.object(Kind::Slots, capacity)?;
        runtime.copy_slots(storage, 0..old, grown, 0);
        runtime.set_field(array, offset::SEQUENCE_STORAGE, grown);
    }
    runtime.set_field(array, offset::SEQUENCE_LENGTH, Value::fixnum(length as i64));
    Ok(())
}

/// Add an element at the end.
///
/// # Errors
/// When memory is out, or the array too long.
pub fn push(runtime: &mut Runtime, array: Value, value: Value) -> Result<(), Failure> {
    let length = runtime.sequence_length(array);
    if length >= MAX_ELEMENTS {
        return Err(too_long(runtime, "array-append", Value::fixnum(length as i64)));
    }
    grow(runtime, array, length + 1)?;
    set_element(runtime, array, length, value);
    Ok(())
}

fn make_array(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let length = arguments.first().map_or(Ok(0), |length| new_length(runtime, operation, *length))?;
    let array = runtime.array(length)?;
    if let Some(value) = arguments.get(1) {
        places(runtime, array).fill(*value);
    }
    Ok(array)
}

fn from_slice(runtime: &mut Runtime, elements: &[Value]) -> Outcome {
    runtime.array_of(elements)
}

/// `(array-of a b c)`: an array of its arguments.
fn from_values(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    from_slice(runtime, arguments)
}

fn array_length(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-length", arguments[0])?;
    Ok(runtime.field(array, offset::SEQUENCE_LENGTH))
}

/// `(array-at a i)`: nil outside the bounds.
pub fn array_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-at", arguments[0])?;
    let index = arguments::integer(runtime, "array-at", arguments[1])?;
    match usize::try_from(index) {
        Ok(index) if index < runtime.sequence_length(array) => Ok(element(runtime, array, index)),
        _ => Ok(Value::NIL),
    }
}

/// An index at which something may be stored.
pub fn storable_index(runtime: &mut Runtime, operation: &str, value: Value) -> Result<usize, Failure> {
    let index = arguments::integer(runtime, operation, value)?;
    match usize::try_from(index) {
        Err(_) => Err(super::negative_index(runtime, operation, value)),
        Ok(index) if index >= MAX_ELEMENTS => Err(too_long(runtime, operation, value)),
        Ok(index) => Ok(index),
    }
}

/// `(set-array-at a i v)`: grows past the end.
pub fn set_array_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "set-array-at", arguments[0])?;
    let index = storable_index(runtime, "set-array-at", arguments[1])?;
    if index >= runtime.sequence_length(array) {
        grow(runtime, array, index + 1)?;
    }
    set_element(runtime, array, index, arguments[2]);
    Ok(arguments[2])
}

/// `(array-append a v)`: adds an element at the end; the value is the element.
fn array_append(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-append", arguments[0])?;
    push(runtime, array, arguments[1])?;
    Ok(arguments[1])
}

/// `(array-append-all a sequence)`: adds the elements of an array or list; the value is the array.
fn array_append_all(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-append-all", arguments[0])?;
    if runtime.is_kind(arguments[1], Kind::Array) {
        for index in 0..runtime.sequence_length(arguments[1]) {
            let value = element(runtime, arguments[1], index);
            push(runtime, array, value)?;
        }
        return Ok(array);
    }
    arguments::list_length(runtime, "array-append-all", arguments[1])?;
    let mut list = arguments[1];
    while list.is_pair() {
        let value = runtime.car(list);
        push(runtime, array, value)?;
        list = runtime.cdr(list);
    }
    Ok(array)
}

/// `(array-insert a i v)`: moves the elements from `i` on up by one.
fn array_insert(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-insert", arguments[0])?;
    let index = storable_index(runtime, "array-insert", arguments[1])?;
    let length = runtime.sequence_length(array);
    if length >= MAX_ELEMENTS {
        return Err(too_long(runtime, "array-insert", arguments[1]));
    }
    grow(runtime, array, (length + 1).max(index + 1))?;
    let elements = places(runtime, array);
    if index < length {
        elements.copy_within(index..length, index + 1);
    }
    elements[index] = arguments[2];
    Ok(arguments[2])
}

/// `(array-remove a i)`: takes an element out, and moves those behind it down; nil outside the bounds.
fn array_remove(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-remove", arguments[0])?;
    let index = arguments::integer(runtime, "array-remove", arguments[1])?;
    let length = runtime.sequence_length(array);
    let Some(index) = usize::try_from(index).ok().filter(|index| *index < length) else { return Ok(Value::NIL) };
    let elements = places(runtime, array);
    let removed = elements[index];
    elements.copy_within(index + 1..length, index);
    elements[length - 1] = Value::NIL;
    runtime.set_field(array, offset::SEQUENCE_LENGTH, Value::fixnum(length as i64 - 1));
    Ok(removed)
}

/// `(array-fill a v [start [end]])`.
fn array_fill(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array-fill", arguments[0])?;
    let range = arguments::range(runtime, "array-fill", &arguments[2..], runtime.sequence_length(array))?;
    places(runtime, array)[range].fill(arguments[1]);
    Ok(array)
}

/// The places of an array's storage, to write them.
fn places(runtime: &mut Runtime, array: Value) -> &mut [Value] {
    let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
    runtime.slots_mut(storage)
}

/// The elements of an array.
pub fn elements(runtime: &Runtime, array: Value) -> &[Value] {
    &runtime.slots(runtime.field(array, offset::SEQUENCE_STORAGE))[..runtime.sequence_length(array)]
}

/// `(subarray a [start [end]])`: a new array.
fn subarray(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, operation, arguments[0])?;
    let range = arguments::range(runtime, operation, &arguments[1..], runtime.sequence_length(array))?;
    let length = range.len();
    let storage = runtime.object_from(Kind::Slots, runtime.field(array, offset::SEQUENCE_STORAGE), range)?;
    runtime.object_of(Kind::Array, [Value::fixnum(length as i64), storage])
}

pub fn concat_array(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let mut length = 0;
    for array in arguments {
        let array = arguments::array(runtime, "concat-array", *array)?;
        length += runtime.sequence_length(array);
    }
    if length > MAX_ELEMENTS {
        return Err(too_long(runtime, "concat-array", Value::fixnum(length as i64)));
    }
    let result = runtime.array(length)?;
    let places = runtime.field(result, offset::SEQUENCE_STORAGE);
    let mut at = 0;
    for array in arguments {
        let length = runtime.sequence_length(*array);
        runtime.copy_slots(runtime.field(*array, offset::SEQUENCE_STORAGE), 0..length, places, at);
        at += length;
    }
    Ok(result)
}

/// `(array->list a [start [end]])`.
fn array_to_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let array = arguments::array(runtime, "array->list", arguments[0])?;
    let range = arguments::range(runtime, "array->list", &arguments[1..], runtime.sequence_length(array))?;
    let mut list = Value::NIL;
    for index in range.rev() {
        list = runtime.cons(element(runtime, array, index), list)?;
    }
    Ok(list)
}

fn list_to_array(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let length = arguments::list_length(runtime, "list->array", arguments[0])?;
    if length > MAX_ELEMENTS {
        return Err(too_long(runtime, "list->array", Value::fixnum(length as i64)));
    }
    let array = runtime.array(length)?;
    let mut list = arguments[0];
    for index in 0..length {
        let element = runtime.car(list);
        set_element(runtime, array, index, element);
        list = runtime.cdr(list);
    }
    Ok(array)
}
