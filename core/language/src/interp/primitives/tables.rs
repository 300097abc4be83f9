//! Hash tables: any keys, compared by `equal`, listed in the order in which they were first set.
//!
//! A table has one field, its entries: slots, four words an entry, probed linearly from where the key's hash says. So a
//! look-up comes to one place in memory, whatever the size. Where the words are stands in `maru_core::abi`, for code
//! looks keys up too.
//!
//! The links of the entries make a ring in the order of the keys: each has the numbers of the one before it and of the
//! one behind it. The number of a place is the place plus one; 0 is the ring's own. The hash is nil in places that were
//! never used, and [`REMOVED`] where a key was taken out. `count` is how many keys there are, `used` how many places are
//! used, those of removed keys included.

use super::arguments;
use super::compare::{equal, points};
use super::hash::hash;
use crate::runtime::table::{links, number, places, words, COUNT, LINKS, NUMBER_BITS};
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::{offset, Kind, Value};
use maru_core::abi::{
    first_place, PLACE_HASH as HASH, PLACE_KEY as KEY, PLACE_LINKS as LINK, PLACE_VALUE as VALUE, PLACE_WORDS,
    RING_WORDS, TABLE_ENTRIES as ENTRIES,
};

const USED: usize = 1;
/// Stands for the hash of a removed entry.
const REMOVED: Value = Value::TRUE;
/// How many places a new table has.
const FIRST_PLACES: usize = 8;
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
        Ok(words(runtime, table)[COUNT])
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

/// The same, to write them.
#[inline]
fn words_mut(runtime: &mut Runtime, table: Value) -> &mut [Value] {
    let entries = runtime.field(table, ENTRIES);
    runtime.slots_mut(entries)
}

/// How many keys a table has.
pub fn count(runtime: &Runtime, table: Value) -> usize {
    number(words(runtime, table)[COUNT])
}

fn set_number(word: &mut Value, number: usize) {
    *word = Value::fixnum(number as i64);
}

fn make_table(runtime: &mut Runtime) -> Outcome {
    // Alive as long as the table is not.
    let entries = make_entries(runtime, FIRST_PLACES)?;
    runtime.object_of(Kind::Table, [entries])
}

fn clear(runtime: &mut Runtime, table: Value) -> Result<(), Failure> {
    let entries = make_entries(runtime, FIRST_PLACES)?;
    runtime.set_field(table, ENTRIES, entries);
    Ok(())
}

fn make_entries(runtime: &mut Runtime, places: usize) -> Outcome {
    let entries = runtime.object(Kind::Slots, RING_WORDS + PLACE_WORDS * places)?;
    runtime.slots_mut(entries)[..RING_WORDS].fill(Value::fixnum(0));
    Ok(entries)
}

/// The same, to write them.
#[inline]
fn places_mut(words: &mut [Value]) -> &mut [[Value; PLACE_WORDS]] {
    words[RING_WORDS..].as_chunks_mut().0
}

fn set_links(words: &mut [Value], entry: usize, before: usize, behind: usize) {
    set_number(&mut words[PLACE_WORDS * entry + LINKS], before << NUMBER_BITS | behind);
}

/// Put an entry at the end of the ring.
fn join(words: &mut [Value], entry: usize) {
    let (last, first) = links(words, 0);
    set_links(words, entry, last, 0);
    set_links(words, 0, entry, first);
    let (before, _) = links(words, last);
    set_links(words, last, before, entry);
}

/// Take an entry out of the ring.
fn leave(words: &mut [Value], entry: usize) {
    let (before, behind) = links(words, entry);
    let (further, _) = links(words, before);
    set_links(words, before, further, behind);
    let (_, further) = links(words, behind);
    set_links(words, behind, before, further);
}

/// The hash of a key as an entry has it.
#[inline]
fn hash_word(runtime: &Runtime, key: Value) -> Value {
    Value(maru_core::abi::hash_word(hash(runtime, key)))
}

/// The place of a key, or else the place where it would go.
#[inline]
fn find(runtime: &mut Runtime, table: Value, key: Value, hash: Value) -> Result<Result<usize, usize>, Failure> {
    let entries = runtime.field(table, ENTRIES);
    let places = (runtime.slot_count(entries) - RING_WORDS) / PLACE_WORDS;
    let mut place = first_place(hash.0, places);
    loop {
        let entry = RING_WORDS + PLACE_WORDS * place;
        let found = runtime.slot(entries, entry + HASH);
        if found == hash {
            let other = runtime.slot(entries, entry + KEY);
            if other == key || same_key(runtime, other, key)? {
                return Ok(Ok(place));
            }
        }
        if found.is_nil() {
            return Ok(Err(place));
        }
        place = (place + 1) & (places - 1);
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
    let place = find(runtime, table, key, hash)?;
    Ok(place.ok().map(|place| places(words(runtime, table))[place][VALUE]))
}

/// Set the value of a key.
#[inline]
fn put(runtime: &mut Runtime, table: Value, key: Value, value: Value) -> Result<(), Failure> {
    let hash = hash_word(runtime, key);
    match find(runtime, table, key, hash)? {
        Ok(place) => {
            places_mut(words_mut(runtime, table))[place][VALUE] = value;
            Ok(())
        }
        Err(place) => add(runtime, table, place, [key, value, hash]),
    }
}

/// Add a key that the table does not have, at a place where it goes unless the table has to grow. A quarter of the
/// places stays empty, so that searches end soon.
fn add(runtime: &mut Runtime, table: Value, mut place: usize, entry: [Value; 3]) -> Result<(), Failure> {
    let old = words(runtime, table);
    let length = places(old).len();
    if number(old[USED]) >= length - length / 4 {
        rebuild(runtime, table)?;
        place = free_place(places(words(runtime, table)), entry[HASH]);
    }
    let words = words_mut(runtime, table);
    set(words, place, entry);
    let (count, used) = (number(words[COUNT]), number(words[USED]));
    set_number(&mut words[COUNT], count + 1);
    set_number(&mut words[USED], used + 1);
    Ok(())
}

/// The first empty place for a hash, in a table without removed entries.
fn free_place(places: &[[Value; PLACE_WORDS]], hash: Value) -> usize {
    let mut place = first_place(hash.0, places.len());
    while !places[place][HASH].is_nil() {
        place = (place + 1) & (places.len() - 1);
    }
    place
}

fn set(words: &mut [Value], place: usize, entry: [Value; 3]) {
    places_mut(words)[place][..LINK].copy_from_slice(&entry);
    join(words, place + 1);
}

/// Make new entries, with room for twice the keys that are there, or in small tables for four times as many.
#[cold]
fn rebuild(runtime: &mut Runtime, table: Value) -> Result<(), Failure> {
    let count = count(runtime, table);
    let room = if count < SMALL { 4 } else { 2 } * (count + 1);
    let length = room.next_power_of_two().max(FIRST_PLACES);
    if length > 2 * super::arrays::MAX_ELEMENTS {
        return Err(super::arrays::too_long(runtime, "set-table-at", Value::fixnum(count as i64 + 1)));
    }
    let entries = make_entries(runtime, length)?;
    let (_, mut entry) = links(words(runtime, table), 0);
    // The numbers of the last two entries: the links of one are known when the next has its place.
    let (mut before, mut last) = (0, 0);
    while entry != 0 {
        let old = words(runtime, table);
        let [key, value, hash, _] = places(old)[entry - 1];
        (_, entry) = links(old, entry);
        let new = runtime.slots_mut(entries);
        let place = free_place(places(new), hash);
        places_mut(new)[place][..LINK].copy_from_slice(&[key, value, hash]);
        let number = place + 1;
        if last != 0 {
            set_links(new, last, before, number);
        } else {
            set_links(new, 0, 0, number);
        }
        (before, last) = (last, number);
    }
    let new = runtime.slots_mut(entries);
    if last != 0 {
        let (_, first) = links(new, 0);
        set_links(new, last, before, 0);
        set_links(new, 0, last, first);
    }
    set_number(&mut new[COUNT], count);
    set_number(&mut new[USED], count);
    runtime.set_field(table, ENTRIES, entries);
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
    let Ok(place) = find(runtime, table, arguments[1], hash)? else { return Ok(Value::NIL) };
    let words = words_mut(runtime, table);
    leave(words, place + 1);
    let value = places(words)[place][VALUE];
    places_mut(words)[place] = [Value::NIL, Value::NIL, REMOVED, Value::fixnum(0)];
    let count = number(words[COUNT]);
    set_number(&mut words[COUNT], count - 1);
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
    let mut list = Value::NIL;
    let (mut entry, _) = links(words(runtime, table), 0);
    while entry != 0 {
        let words = words(runtime, table);
        let [key, value, ..] = places(words)[entry - 1];
        (entry, _) = links(words, entry);
        let element = element(runtime, key, value)?;
        list = runtime.cons(element, list)?;
    }
    Ok(list)
}
