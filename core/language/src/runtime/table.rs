//! How the words of a hash table's entries lie, for the primitives that change tables and for whoever prints them; what they
//! mean stands with those primitives.

use super::Runtime;
use crate::value::Value;
use maru_core::abi::{PLACE_WORDS, RING_WORDS, TABLE_ENTRIES as ENTRIES};

/// How many keys there are.
pub(crate) const COUNT: usize = 0;
/// Where the links are from the number of an entry on: the ring's lie before the first entry.
pub(crate) const LINKS: usize = 2;

/// How many bits the number of an entry has.
pub(crate) const NUMBER_BITS: u32 = 29;

/// The words of a table's entries, and of its ring.
#[inline]
pub(crate) fn words(runtime: &Runtime, table: Value) -> &[Value] {
    runtime.slots(runtime.field(table, ENTRIES))
}

/// A number that a word holds.
pub(crate) fn number(word: Value) -> usize {
    word.as_fixnum().unwrap_or(0) as usize
}

/// The places of a table's words.
#[inline]
pub(crate) fn places(words: &[Value]) -> &[[Value; PLACE_WORDS]] {
    words[RING_WORDS..].as_chunks().0
}

/// The numbers of the entries before and behind an entry.
pub(crate) fn links(words: &[Value], entry: usize) -> (usize, usize) {
    let links = number(words[PLACE_WORDS * entry + LINKS]);
    (links >> NUMBER_BITS, links & ((1 << NUMBER_BITS) - 1))
}

/// The keys of a table with their values, in order.
pub(crate) fn entries(runtime: &Runtime, table: Value) -> Vec<(Value, Value)> {
    let words = words(runtime, table);
    let mut entries = Vec::with_capacity(number(words[COUNT]));
    let (_, mut entry) = links(words, 0);
    while entry != 0 {
        let [key, value, ..] = places(words)[entry - 1];
        entries.push((key, value));
        (_, entry) = links(words, entry);
    }
    entries
}
