//! How the words of a hash table's entries lie, for the primitives that change tables and for whoever prints them; what they
//! mean stands in `maru_core::abi`, for code looks keys up too.

use super::Runtime;
use crate::value::{field, Value, WORD_SIZE};
use maru_core::abi::{
    TABLE_COUNT, TABLE_ENTRIES, TABLE_ENTRY_HASH, TABLE_ENTRY_KEY, TABLE_ENTRY_VALUE, TABLE_ENTRY_WORDS,
    TABLE_HEAD_WORDS, TABLE_MASK, TABLE_NEXT,
};
use std::iter::StepBy;
use std::ops::Range;

/// Stands for the hash of a removed entry.
pub(crate) const REMOVED: Value = Value::TRUE;
/// Stands for the key of a removed entry: equal to nothing that is looked up.
const NO_KEY: Value = Value(maru_core::abi::layout::UNBOUND);

/// The words of a table's entries, the index before them included.
#[derive(Clone, Copy)]
pub(crate) struct Entries<W>(W);

/// Words that an index of so many places takes.
fn index_words(places: usize) -> usize {
    places / 2
}

/// How many words the object with entries has that has room for so many: a power of two, at least 2.
pub(crate) fn words_for(room: usize) -> usize {
    TABLE_HEAD_WORDS + index_words(2 * room) + TABLE_ENTRY_WORDS * room
}

impl<W: AsRef<[Value]>> Entries<W> {
    fn number(&self, word: usize) -> usize {
        self.0.as_ref()[word].as_fixnum().unwrap_or(0) as usize
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> usize {
        self.number(TABLE_COUNT)
    }

    /// The first word of the entry that is used next; where the words end if there is no room.
    pub(crate) fn next(&self) -> usize {
        word_at(self.number(TABLE_NEXT) * WORD_SIZE)
    }

    /// Whether there is room for one more entry.
    pub(crate) fn has_room(&self) -> bool {
        self.next() < self.0.as_ref().len()
    }

    /// The number of places of the index, less one.
    pub(crate) fn mask(&self) -> usize {
        self.number(TABLE_MASK)
    }

    /// The first word of the entry at a place of the index, if it has one.
    #[inline]
    pub(crate) fn at_place(&self, place: usize) -> Option<usize> {
        let halves = self.0.as_ref()[TABLE_HEAD_WORDS + place / 2].0.to_ne_bytes();
        let (first, second) = halves.split_at(size_of::<u32>());
        let half = if place.is_multiple_of(2) { first } else { second };
        match u32::from_ne_bytes(half.try_into().unwrap_or_default()) {
            0 => None,
            offset => Some(word_at(offset as usize)),
        }
    }

    /// The entry that begins at a word: its key, value and hash.
    #[inline]
    pub(crate) fn entry(&self, at: usize) -> [Value; TABLE_ENTRY_WORDS] {
        let words = &self.0.as_ref()[at..at + TABLE_ENTRY_WORDS];
        [words[TABLE_ENTRY_KEY], words[TABLE_ENTRY_VALUE], words[TABLE_ENTRY_HASH]]
    }

    /// The first words of all entries in their order, those of removed keys included.
    pub(crate) fn all(&self) -> StepBy<Range<usize>> {
        (TABLE_HEAD_WORDS + index_words(self.mask() + 1)..self.next()).step_by(TABLE_ENTRY_WORDS)
    }
}

/// The number of the word at an offset from the object's address.
fn word_at(offset: usize) -> usize {
    (offset - field(0) as usize) / WORD_SIZE
}

impl<W: AsRef<[Value]> + AsMut<[Value]>> Entries<W> {
    fn set_number(&mut self, word: usize, number: usize) {
        self.0.as_mut()[word] = Value::fixnum(number as i64);
    }

    /// Make new words those of entries with room for so many, as [`words_for`] says.
    pub(crate) fn begin(&mut self, room: usize) {
        let places = 2 * room;
        self.0.as_mut()[TABLE_HEAD_WORDS..][..index_words(places)].fill(Value(0));
        self.set_number(TABLE_COUNT, 0);
        self.set_number(TABLE_MASK, places - 1);
        self.set_next(TABLE_HEAD_WORDS + index_words(places));
    }

    fn set_next(&mut self, word: usize) {
        self.set_number(TABLE_NEXT, field(word) as usize / WORD_SIZE);
    }

    /// Put a key that is not there behind the others, at an empty place of the index; there is room for it.
    pub(crate) fn add(&mut self, place: usize, [key, value, hash]: [Value; TABLE_ENTRY_WORDS]) {
        let (at, count) = (self.next(), self.count());
        let entry = &mut self.0.as_mut()[at..at + TABLE_ENTRY_WORDS];
        (entry[TABLE_ENTRY_KEY], entry[TABLE_ENTRY_VALUE], entry[TABLE_ENTRY_HASH]) = (key, value, hash);
        let word = &mut self.0.as_mut()[TABLE_HEAD_WORDS + place / 2];
        let mut halves = word.0.to_ne_bytes();
        halves[place % 2 * size_of::<u32>()..][..size_of::<u32>()].copy_from_slice(&(field(at) as u32).to_ne_bytes());
        *word = Value(u64::from_ne_bytes(halves));
        self.set_next(at + TABLE_ENTRY_WORDS);
        self.set_number(TABLE_COUNT, count + 1);
    }

    /// Set the value of the entry that begins at a word.
    pub(crate) fn set_value(&mut self, at: usize, value: Value) {
        self.0.as_mut()[at + TABLE_ENTRY_VALUE] = value;
    }

    /// Take out the key of the entry that begins at a word.
    pub(crate) fn remove(&mut self, at: usize) {
        let entry = &mut self.0.as_mut()[at..at + TABLE_ENTRY_WORDS];
        (entry[TABLE_ENTRY_KEY], entry[TABLE_ENTRY_VALUE], entry[TABLE_ENTRY_HASH]) = (NO_KEY, Value::NIL, REMOVED);
        let count = self.count();
        self.set_number(TABLE_COUNT, count - 1);
    }
}

/// The entries of a table.
#[inline]
pub(crate) fn of(runtime: &Runtime, table: Value) -> Entries<&[Value]> {
    Entries(runtime.slots(runtime.field(table, TABLE_ENTRIES)))
}

/// The same, to change them.
#[inline]
pub(crate) fn of_mut(runtime: &mut Runtime, table: Value) -> Entries<&mut [Value]> {
    let entries = runtime.field(table, TABLE_ENTRIES);
    in_object(runtime, entries)
}

/// Those in an object that no table has yet.
#[inline]
pub(crate) fn in_object(runtime: &mut Runtime, object: Value) -> Entries<&mut [Value]> {
    Entries(runtime.slots_mut(object))
}

/// The keys of a table with their values, in order.
pub(crate) fn entries(runtime: &Runtime, table: Value) -> Vec<(Value, Value)> {
    let entries = of(runtime, table);
    let all = entries.all().map(|at| entries.entry(at));
    all.filter(|[_, _, hash]| *hash != REMOVED).map(|[key, value, _]| (key, value)).collect()
}
