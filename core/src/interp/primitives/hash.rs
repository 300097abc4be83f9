//! Hashes of values, for tables: the same for values that are `equal`.

use super::compare::points;
use crate::runtime::Runtime;
use crate::value::number::Number;
use crate::value::{Kind, Value};

/// How deep a hash looks into a structure, how many elements of each level it looks at, and how many in all: equal
/// structures are walked in the same order, so that it stops at the same element in both.
const HASHED_DEPTH: u32 = 4;
const HASHED_ELEMENTS: usize = 16;
const HASHED_IN_ALL: u32 = 64;

/// A number that is the same for values that are `equal`.
pub fn hash(runtime: &Runtime, value: Value) -> u64 {
    Hashing { runtime, left: HASHED_IN_ALL }.value(value, HASHED_DEPTH)
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Integers and doubles of the same value have the same hash: that of the double, if there is one that is equal.
fn hash_number(number: &Number) -> u64 {
    let double = number.to_f64();
    mix(6, if double == 0.0 { 0 } else { double.to_bits() })
}

struct Hashing<'a> {
    runtime: &'a Runtime,
    /// Elements that may still be looked at.
    left: u32,
}

impl Hashing<'_> {
    fn value(&mut self, value: Value, depth: u32) -> u64 {
        if let Some(number) = Number::from_value(value) {
            return hash_number(&number);
        }
        if value.is_pair() {
            return self.list(value, depth);
        }
        let runtime = self.runtime;
        match runtime.kind(value) {
            Some(Kind::String) => points(runtime, value).chunks_exact(4).fold(1, |hash, point| {
                mix(hash, u64::from(u32::from_le_bytes([point[0], point[1], point[2], point[3]])))
            }),
            Some(Kind::Array) if depth > 0 => self.array(value, depth),
            Some(Kind::Array) => 2,
            Some(Kind::Data) => {
                super::data::contents(runtime, value).iter().fold(4, |hash, byte| mix(hash, u64::from(*byte)))
            }
            // Objects never move, so that the address is good for identity.
            _ => mix(3, value.0),
        }
    }

    /// Whether one more element may be looked at.
    fn count(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }

    fn array(&mut self, array: Value, depth: u32) -> u64 {
        let length = self.runtime.sequence_length(array);
        let mut hash = mix(2, length as u64);
        for index in 0..length.min(HASHED_ELEMENTS) {
            if !self.count() {
                break;
            }
            hash = mix(hash, self.value(super::arrays::element(self.runtime, array, index), depth - 1));
        }
        hash
    }

    fn list(&mut self, mut list: Value, depth: u32) -> u64 {
        let mut hash = 5;
        let mut count = 0;
        while depth > 0 && list.is_pair() && count < HASHED_ELEMENTS && self.count() {
            hash = mix(hash, self.value(self.runtime.car(list), depth - 1));
            list = self.runtime.cdr(list);
            count += 1;
        }
        hash
    }
}
