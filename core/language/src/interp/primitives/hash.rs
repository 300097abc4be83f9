//! Hashes of values, for tables: the same for values that are `equal`.

use super::compare::points;
use crate::runtime::Runtime;
use crate::value::{number, offset, Kind, Value, TAG_BITS};
use maru_core::abi::{hash_of_word, hash_word, HASH_FACTOR, STRING_HASH_MARK};

#[cfg(test)]
mod tests;

/// How deep a hash looks into a structure, how many elements of each level it looks at, and how many in all: equal
/// structures are walked in the same order, so that it stops at the same element in both.
const HASHED_DEPTH: u32 = 4;
const HASHED_ELEMENTS: usize = 16;
const HASHED_IN_ALL: u32 = 64;

/// What keeps values of different kinds, but the same contents, apart.
const STRING: u64 = 0xa409_3822_299f_31d0;
const DATA: u64 = 0x082e_fa98_ec4e_6c89;
const ARRAY: u64 = 0x4528_21e6_38d0_1377;
const LIST: u64 = 0xbe54_66cf_34e9_0c6c;

/// A number that is the same for values that are `equal`. Its lower half is the good one: each of its bits depends on all
/// of the value's.
#[inline]
pub fn hash(runtime: &Runtime, value: Value) -> u64 {
    if value.is_fixnum() {
        return hash_of_word(value.0);
    }
    match value.is_object().then(|| runtime.kind_number(value)) {
        Some(kind) if kind == Kind::Symbol as u8 => hash_of_word(value.0),
        Some(kind) if kind == Kind::String as u8 => hash_of_string(runtime, value),
        _ => hash_other(runtime, value),
    }
}

/// The hash of a string's text, which the string keeps from then on.
#[inline]
fn hash_of_string(runtime: &Runtime, string: Value) -> u64 {
    match runtime.field(string, offset::STRING_HASH).0 {
        0 => note_hash_of_string(runtime, string),
        known => known,
    }
}

fn note_hash_of_string(runtime: &Runtime, string: Value) -> u64 {
    let hash = hash_word(hash_bytes(STRING, points(runtime, string))) | STRING_HASH_MARK;
    runtime.note_string_hash(string, hash);
    hash
}

fn hash_other(runtime: &Runtime, value: Value) -> u64 {
    if let Some(number) = number::hash_key(value) {
        // As the word of a fixnum, which is its own residue.
        return hash_of_word(number << TAG_BITS);
    }
    // Objects never move, so that the address is good for identity.
    let Some(kind) = runtime.kind(value).or(value.is_pair().then_some(Kind::Slots)) else {
        return hash_of_word(value.0);
    };
    match kind {
        Kind::String => hash_of_string(runtime, value),
        Kind::Data => hash_bytes(DATA, super::data::contents(runtime, value)),
        Kind::Slots | Kind::Array => Hashing { runtime, left: HASHED_IN_ALL }.value(value, HASHED_DEPTH),
        _ => hash_of_word(value.0),
    }
}

/// Both halves of a product: the lower has what is low in the factors, the upper what is high.
#[inline]
fn folded_product(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn mix(hash: u64, word: u64) -> u64 {
    let product = folded_product(hash ^ word, HASH_FACTOR);
    // Words at regular distances come to products at such distances: the upper bits hide that in the lower ones.
    product ^ product >> 32
}

fn word_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

/// Two words at a time; the last ones overlap those before them, or are filled up.
fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let mut hash = seed ^ length as u64;
    let mut rest = bytes;
    while rest.len() > 16 {
        hash = folded_product(word_at(rest, 0) ^ HASH_FACTOR, word_at(rest, 8) ^ hash);
        rest = &rest[16..];
    }
    let (first, second) = if length >= 16 {
        (word_at(bytes, length - 16), word_at(bytes, length - 8))
    } else {
        let mut last = [0; 16];
        last[..length].copy_from_slice(bytes);
        (word_at(&last, 0), word_at(&last, 8))
    };
    mix(folded_product(first ^ HASH_FACTOR, second ^ hash), length as u64)
}

struct Hashing<'a> {
    runtime: &'a Runtime,
    /// Elements that may still be looked at.
    left: u32,
}

impl Hashing<'_> {
    fn value(&mut self, value: Value, depth: u32) -> u64 {
        if value.is_pair() {
            return self.list(value, depth);
        }
        if self.runtime.is_kind(value, Kind::Array) {
            return self.array(value, depth);
        }
        hash(self.runtime, value)
    }

    /// Whether one more element may be looked at.
    fn count(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }

    fn array(&mut self, array: Value, depth: u32) -> u64 {
        let length = self.runtime.sequence_length(array);
        let mut hash = mix(ARRAY, length as u64);
        for index in 0..length.min(HASHED_ELEMENTS) {
            if depth == 0 || !self.count() {
                break;
            }
            hash = mix(hash, self.value(super::arrays::element(self.runtime, array, index), depth - 1));
        }
        hash
    }

    fn list(&mut self, mut list: Value, depth: u32) -> u64 {
        let mut hash = LIST;
        let mut count = 0;
        while depth > 0 && list.is_pair() && count < HASHED_ELEMENTS && self.count() {
            hash = mix(hash, self.value(self.runtime.car(list), depth - 1));
            list = self.runtime.cdr(list);
            count += 1;
        }
        hash
    }
}
