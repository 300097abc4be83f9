//! Hash tables: any keys, compared by `equal`, listed in the order in which they were first set.
//!
//! A table has one field, its entries: slots with an index of small places, probed linearly from where the key's hash
//! says, and the entries themselves in their order. So a look-up comes to two places in memory, whatever the size, and
//! looking keys up in the order in which they were set goes through the entries in a row. A key that is taken out leaves
//! its entry behind, until the entries are made anew.

use super::arguments;
use super::compare::{equal, points};
use super::hash::hash;
use crate::runtime::table::{in_object, of, of_mut, words_for, REMOVED};
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::{offset, Kind, Value};
use maru_core::abi::{first_place, TABLE_ENTRIES as ENTRIES};

/// How many entries a new table has room for.
const FIRST_ROOM: usize = 8;
/// Entries that a table has room for at most: an offset in the index has 32 bits.
const LAST_ROOM: usize = 1 << 26;
/// Tables of fewer keys grow faster.
const SMALL: usize = 4096;
/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("make-table", 0, |runtime, _| make_table(runtime)).quiet(),
    PrimitiveInfo::optional("table-at", 2, 3, |runtime, arguments| table_at(runtime, "table-at", arguments)).quiet(),
    PrimitiveInfo::optional("table-ref", 2, 3, |runtime, arguments| table_at(runtime, "table-ref", arguments)).quiet(),
    PrimitiveInfo::fixed("set-table-at", 3, set_table_at).quiet(),
    PrimitiveInfo::fixed("table-has?", 2, table_has).quiet(),
    PrimitiveInfo::fixed("table-remove", 2, table_remove).quiet(),
    PrimitiveInfo::fixed("table-length", 1, |runtime, arguments| {
        let table = table(runtime, "table-length", arguments[0])?;
        Ok(Value::fixnum(count(runtime, table) as i64))
    })
    .quiet(),
    PrimitiveInfo::fixed("table-keys", 1, |runtime, arguments| {
        listed(runtime, "table-keys", arguments[0], |_, key, _| Ok(key))
    })
    .quiet(),
    PrimitiveInfo::fixed("table-values", 1, |runtime, arguments| {
        listed(runtime, "table-values", arguments[0], |_, _, value| Ok(value))
    })
    .quiet(),
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
    of(runtime, table).count()
}

/// A new table without keys.
pub fn make_table(runtime: &mut Runtime) -> Outcome {
    // Alive as long as the table is not.
    let entries = make_entries(runtime, FIRST_ROOM)?;
    runtime.object_of(Kind::Table, [entries])
}

fn clear(runtime: &mut Runtime, table: Value) -> Result<(), Failure> {
    let entries = make_entries(runtime, FIRST_ROOM)?;
    runtime.set_field(table, ENTRIES, entries);
    Ok(())
}

fn make_entries(runtime: &mut Runtime, room: usize) -> Outcome {
    let entries = runtime.object(Kind::Slots, words_for(room))?;
    in_object(runtime, entries).begin(room);
    Ok(entries)
}

/// The hash of a key as an entry has it.
#[inline]
fn hash_word(runtime: &Runtime, key: Value) -> Value {
    Value(maru_core::abi::hash_word(hash(runtime, key)))
}

/// Where the entry of a key begins, or else the place of the index where it would go.
#[inline]
fn find(runtime: &mut Runtime, table: Value, key: Value, hash: Value) -> Result<Result<usize, usize>, Failure> {
    let mask = of(runtime, table).mask();
    let mut place = first_place(hash.0, mask);
    loop {
        let entries = of(runtime, table);
        let Some(at) = entries.at_place(place) else { return Ok(Err(place)) };
        let [other, _, found] = entries.entry(at);
        if found == hash && (other == key || same_key(runtime, other, key)?) {
            return Ok(Ok(at));
        }
        place = (place + 1) & mask;
    }
}

/// `equal`, and a NaN is the same key as itself.
#[inline(never)]
fn same_key(runtime: &mut Runtime, left: Value, right: Value) -> Result<bool, Failure> {
    if runtime.is_kind(left, Kind::String) && runtime.is_kind(right, Kind::String) {
        return Ok(same_string(runtime, left, right));
    }
    if let (Some(left), Some(right)) = (runtime.as_double(left), runtime.as_double(right)) {
        return Ok(left == right || left.is_nan() && right.is_nan());
    }
    equal(runtime, left, right)
}

/// The same for two strings. The one that is looked up takes the other's storage, so that code sees that they are the
/// same without looking at their texts.
fn same_string(runtime: &mut Runtime, left: Value, right: Value) -> bool {
    if runtime.field(left, offset::SEQUENCE_STORAGE) == runtime.field(right, offset::SEQUENCE_STORAGE) {
        return true;
    }
    let same = points(runtime, left) == points(runtime, right);
    // A key whose text was changed since it was set has no hash.
    let frozen = [left, right].iter().all(|string| runtime.field(*string, offset::STRING_HASH) != Value::fixnum(0));
    if same && frozen {
        runtime.share_storage(right, left);
    }
    same
}

/// The value of a key.
#[inline]
fn get(runtime: &mut Runtime, table: Value, key: Value) -> Result<Option<Value>, Failure> {
    let hash = hash_word(runtime, key);
    let Ok(at) = find(runtime, table, key, hash)? else { return Ok(None) };
    let [_, value, _] = of(runtime, table).entry(at);
    Ok(Some(value))
}

/// Set the value of a key.
#[inline]
pub fn put(runtime: &mut Runtime, table: Value, key: Value, value: Value) -> Result<(), Failure> {
    let hash = hash_word(runtime, key);
    match find(runtime, table, key, hash)? {
        Ok(at) => {
            of_mut(runtime, table).set_value(at, value);
            Ok(())
        }
        Err(place) => add(runtime, table, place, [key, value, hash]),
    }
}

/// Add a key that the table does not have, at a place where it goes unless the table has to grow.
fn add(runtime: &mut Runtime, table: Value, mut place: usize, entry: [Value; 3]) -> Result<(), Failure> {
    if !of(runtime, table).has_room() {
        rebuild(runtime, table)?;
        let entries = of(runtime, table);
        let [_, _, hash] = entry;
        place = empty_place(|place| entries.at_place(place).is_none(), hash, entries.mask());
    }
    of_mut(runtime, table).add(place, entry);
    Ok(())
}

/// The first empty place for a hash.
fn empty_place(is_empty: impl Fn(usize) -> bool, hash: Value, mask: usize) -> usize {
    let mut place = first_place(hash.0, mask);
    while !is_empty(place) {
        place = (place + 1) & mask;
    }
    place
}

/// Make new entries, with room for twice the keys that are there, or in small tables for four times as many.
#[cold]
fn rebuild(runtime: &mut Runtime, table: Value) -> Result<(), Failure> {
    let count = count(runtime, table);
    let room = if count < SMALL { 4 } else { 2 } * count;
    let room = room.next_power_of_two().max(FIRST_ROOM);
    if room > LAST_ROOM {
        return Err(super::arrays::too_long(runtime, "set-table-at", Value::fixnum(count as i64 + 1)));
    }
    let object = make_entries(runtime, room)?;
    for at in of(runtime, table).all() {
        let entry = of(runtime, table).entry(at);
        let [_, _, hash] = entry;
        if hash == REMOVED {
            continue;
        }
        let mut new = in_object(runtime, object);
        let place = empty_place(|place| new.at_place(place).is_none(), hash, new.mask());
        new.add(place, entry);
    }
    runtime.set_field(table, ENTRIES, object);
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
    let hash = hash_word(runtime, arguments[1]);
    let Ok(at) = find(runtime, table, arguments[1], hash)? else { return Ok(Value::NIL) };
    let [_, value, _] = of(runtime, table).entry(at);
    of_mut(runtime, table).remove(at);
    Ok(value)
}

/// A list of something for each key. Nothing that an element is made by changes the table.
fn listed(
    runtime: &mut Runtime,
    operation: &str,
    value: Value,
    element: impl Fn(&mut Runtime, Value, Value) -> Outcome,
) -> Outcome {
    let table = table(runtime, operation, value)?;
    let mut list = Value::NIL;
    for at in of(runtime, table).all().rev() {
        let [key, value, hash] = of(runtime, table).entry(at);
        if hash == REMOVED {
            continue;
        }
        let element = element(runtime, key, value)?;
        list = runtime.cons(element, list)?;
    }
    Ok(list)
}
