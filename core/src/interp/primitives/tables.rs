//! Hash tables: any keys, compared by `equal`, listed in the order in which they were first set.
//!
//! A table has four fields: the number of keys, the number of entries (those of removed keys included), the entries
//! (slots: key, value, key, value …) and the index (bytes: a hash table of entry numbers plus one, probed linearly,
//! four bytes each; its length is a power of two).

use super::arguments;
use super::compare::equal;
use super::hash::hash;
use crate::interp::PrimitiveInfo;
use crate::runtime::{Failure, Outcome, Runtime};
use crate::value::{field, Kind, Value};

const COUNT: i32 = field(0);
const USED: i32 = field(1);
const ENTRIES: i32 = field(2);
const INDEX: i32 = field(3);
const FIELDS: usize = 4;

/// Stands for the key of a removed entry. Programs have no such value.
const REMOVED: Value = Value::unbound(u32::MAX);
/// Room for entries that a new table has.
const FIRST_CAPACITY: usize = 8;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("make-table", 0, |runtime, _| make_table(runtime)),
    PrimitiveInfo::optional("table-at", 2, 3, |runtime, arguments| table_at(runtime, "table-at", arguments)),
    PrimitiveInfo::optional("table-ref", 2, 3, |runtime, arguments| table_at(runtime, "table-ref", arguments)),
    PrimitiveInfo::fixed("set-table-at", 3, set_table_at),
    PrimitiveInfo::fixed("table-has?", 2, table_has),
    PrimitiveInfo::fixed("table-remove", 2, table_remove),
    PrimitiveInfo::fixed("table-length", 1, |runtime, arguments| {
        let table = table(runtime, "table-length", arguments[0])?;
        Ok(runtime.field(table, COUNT))
    }),
    PrimitiveInfo::fixed("table-keys", 1, |runtime, arguments| {
        listed(runtime, "table-keys", arguments[0], |_, key, _| Ok(key))
    }),
    PrimitiveInfo::fixed("table-values", 1, |runtime, arguments| {
        listed(runtime, "table-values", arguments[0], |_, _, value| Ok(value))
    }),
    PrimitiveInfo::fixed("table->list", 1, |runtime, arguments| {
        listed(runtime, "table->list", arguments[0], |runtime, key, value| runtime.cons(key, value))
    }),
    PrimitiveInfo::fixed("table-clear", 1, |runtime, arguments| {
        let table = table(runtime, "table-clear", arguments[0])?;
        clear(runtime, table)?;
        Ok(table)
    }),
];

fn table(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Value, Failure> {
    arguments::of_kind(runtime, operation, value, Kind::Table, "a table")
}

/// How many keys a table has.
pub fn count(runtime: &Runtime, table: Value) -> usize {
    runtime.field(table, COUNT).as_fixnum().unwrap_or(0) as usize
}

fn used(runtime: &Runtime, table: Value) -> usize {
    runtime.field(table, USED).as_fixnum().unwrap_or(0) as usize
}

fn make_table(runtime: &mut Runtime) -> Outcome {
    let table = runtime.object(Kind::Table, FIELDS)?;
    clear(runtime, table)?;
    Ok(table)
}

fn clear(runtime: &mut Runtime, table: Value) -> Result<(), Failure> {
    let entries = runtime.object(Kind::Slots, 2 * FIRST_CAPACITY)?;
    let index = runtime.raw_object(Kind::Bytes, 4 * 2 * FIRST_CAPACITY)?;
    runtime.set_field(table, COUNT, Value::fixnum(0));
    runtime.set_field(table, USED, Value::fixnum(0));
    runtime.set_field(table, ENTRIES, entries);
    runtime.set_field(table, INDEX, index);
    Ok(())
}

fn entry_at(index: &[u8], place: usize) -> u32 {
    let bytes = &index[4 * place..4 * place + 4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn set_entry_at(index: &mut [u8], place: usize, entry: u32) {
    index[4 * place..4 * place + 4].copy_from_slice(&entry.to_le_bytes());
}

/// Where a hash's search begins. The upper bits of a product are the good ones.
fn start(hash: u64, places: usize) -> usize {
    (hash >> 32) as usize & (places - 1)
}

/// The entry of a key: its number, or else the place in the index where it would go.
fn find(runtime: &mut Runtime, table: Value, key: Value) -> Result<Result<usize, usize>, Failure> {
    let index = runtime.bytes(runtime.field(table, INDEX));
    let entries = runtime.slots(runtime.field(table, ENTRIES));
    let places = index.len() / 4;
    let mut place = start(hash(runtime, key), places);
    loop {
        let entry = entry_at(index, place) as usize;
        if entry == 0 {
            return Ok(Err(place));
        }
        let candidate = entries[2 * (entry - 1)];
        if candidate != REMOVED && same_key(runtime, candidate, key)? {
            return Ok(Ok(entry - 1));
        }
        place = (place + 1) & (places - 1);
    }
}

/// `equal`, and a NaN is the same key as itself.
fn same_key(runtime: &mut Runtime, left: Value, right: Value) -> Result<bool, Failure> {
    if left == right {
        return Ok(true);
    }
    if let (Some(left), Some(right)) = (runtime.as_double(left), runtime.as_double(right)) {
        return Ok(left == right || left.is_nan() && right.is_nan());
    }
    equal(runtime, left, right)
}

/// The value of a key.
fn get(runtime: &mut Runtime, table: Value, key: Value) -> Result<Option<Value>, Failure> {
    let entry = find(runtime, table, key)?;
    Ok(entry.ok().map(|entry| runtime.slots(runtime.field(table, ENTRIES))[2 * entry + 1]))
}

/// Set the value of a key.
fn put(runtime: &mut Runtime, table: Value, key: Value, value: Value) -> Result<(), Failure> {
    let mut found = find(runtime, table, key)?;
    if found.is_err() && 2 * used(runtime, table) >= runtime.slots(runtime.field(table, ENTRIES)).len() {
        rebuild(runtime, table)?;
        found = find(runtime, table, key)?;
    }
    let entries = runtime.slots(runtime.field(table, ENTRIES));
    match found {
        Ok(entry) => entries[2 * entry + 1] = value,
        Err(place) => {
            let entry = used(runtime, table);
            entries[2 * entry] = key;
            entries[2 * entry + 1] = value;
            set_entry_at(runtime.bytes(runtime.field(table, INDEX)), place, entry as u32 + 1);
            let count = count(runtime, table);
            runtime.set_field(table, USED, Value::fixnum(entry as i64 + 1));
            runtime.set_field(table, COUNT, Value::fixnum(count as i64 + 1));
        }
    }
    Ok(())
}

/// Make new entries and a new index, with room for twice the keys that are there.
fn rebuild(runtime: &mut Runtime, table: Value) -> Result<(), Failure> {
    let capacity = (2 * count(runtime, table)).next_power_of_two().max(FIRST_CAPACITY);
    if capacity > super::arrays::MAX_ELEMENTS {
        return Err(super::arrays::too_long(runtime, "set-table-at", Value::fixnum(capacity as i64)));
    }
    let entries = runtime.object(Kind::Slots, 2 * capacity)?;
    let index = runtime.raw_object(Kind::Bytes, 4 * 2 * capacity)?;
    let old = runtime.slots(runtime.field(table, ENTRIES));
    let used = used(runtime, table);
    let (new, places) = (runtime.slots(entries), runtime.bytes(index));
    let mut kept = 0;
    for entry in old[..2 * used].chunks_exact(2).filter(|entry| entry[0] != REMOVED) {
        new[2 * kept..2 * kept + 2].copy_from_slice(entry);
        let mut place = start(hash(runtime, entry[0]), 2 * capacity);
        while entry_at(places, place) != 0 {
            place = (place + 1) & (2 * capacity - 1);
        }
        kept += 1;
        set_entry_at(places, place, kept as u32);
    }
    runtime.set_field(table, USED, Value::fixnum(kept as i64));
    runtime.set_field(table, ENTRIES, entries);
    runtime.set_field(table, INDEX, index);
    Ok(())
}

/// `(table-at table key [default])`.
fn table_at(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    let table = table(runtime, operation, arguments[0])?;
    let value = get(runtime, table, arguments[1])?;
    Ok(value.or_else(|| arguments.get(2).copied()).unwrap_or(Value::NIL))
}

fn set_table_at(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let table = table(runtime, "set-table-at", arguments[0])?;
    put(runtime, table, arguments[1], arguments[2])?;
    Ok(arguments[2])
}

fn table_has(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let table = table(runtime, "table-has?", arguments[0])?;
    Ok(Value::boolean(get(runtime, table, arguments[1])?.is_some()))
}

/// `(table-remove table key)`: the value is what the key had.
fn table_remove(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let table = table(runtime, "table-remove", arguments[0])?;
    let Ok(entry) = find(runtime, table, arguments[1])? else { return Ok(Value::NIL) };
    let entries = runtime.slots(runtime.field(table, ENTRIES));
    let value = std::mem::replace(&mut entries[2 * entry + 1], Value::NIL);
    entries[2 * entry] = REMOVED;
    let count = count(runtime, table);
    runtime.set_field(table, COUNT, Value::fixnum(count as i64 - 1));
    Ok(value)
}

/// A list of something for each key.
fn listed(
    runtime: &mut Runtime,
    operation: &str,
    value: Value,
    element: impl Fn(&mut Runtime, Value, Value) -> Outcome,
) -> Outcome {
    let table = table(runtime, operation, value)?;
    let entries = &runtime.slots(runtime.field(table, ENTRIES))[..2 * used(runtime, table)];
    let mut list = Value::NIL;
    for entry in entries.chunks_exact(2).rev().filter(|entry| entry[0] != REMOVED) {
        let element = element(runtime, entry[0], entry[1])?;
        list = runtime.cons(element, list)?;
    }
    Ok(list)
}
