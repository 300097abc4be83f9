//! Strings and arrays: an object with a length, and one behind it that is the storage. A string's storage has four
//! bytes for a code point, in the processor's order, as compiled code loads and stores them.

use super::{Outcome, Runtime, Symbol};
use crate::value::{offset, Kind, Value};

impl Runtime {
    /// A new string.
    ///
    /// # Errors
    /// When memory is out.
    pub fn string(&mut self, text: &str) -> Outcome {
        let length = text.chars().count();
        let storage = self.raw_object(Kind::Bytes, 4 * length)?;
        store_points(self.bytes_mut(storage), text);
        self.string_with(storage, length)
    }
    /// A new string of a symbol's name.
    ///
    /// # Errors
    /// When memory is out.
    pub fn name_string(&mut self, symbol: Symbol) -> Outcome {
        let length = self.symbols.name(symbol).chars().count();
        let storage = self.raw_object(Kind::Bytes, 4 * length)?;
        let name = self.symbols.shared_name(symbol);
        store_points(self.bytes_mut(storage), &name);
        self.string_with(storage, length)
    }
    /// A new string of that many code points, which its storage holds.
    ///
    /// # Errors
    /// When memory is out.
    #[inline]
    pub fn string_with(&mut self, storage: Value, length: usize) -> Outcome {
        self.object_of(Kind::String, [Value::fixnum(length as i64), storage, Value::fixnum(0)])
    }
    /// A string remembers the hash of its text. This changes nothing that a program can see.
    pub fn note_string_hash(&self, string: Value, hash: u64) {
        debug_assert!(self.is_kind(string, Kind::String));
        // SAFETY: every string has this field; see `set_field`.
        unsafe { *((string.address() + offset::STRING_HASH as usize) as *mut u64) = hash }
    }
    /// Two strings of the same text, whose hashes are known, have one storage from then on: that they are the same shows
    /// sooner the next time. This changes nothing that a program can see.
    pub fn share_storage(&mut self, string: Value, other: Value) {
        let storage = self.field(other, offset::SEQUENCE_STORAGE);
        self.set_field(string, offset::SEQUENCE_STORAGE, storage);
    }
    /// A string's text. (Programs cannot store what is no character.)
    pub fn text(&self, string: Value) -> String {
        let mut text = String::with_capacity(self.sequence_length(string));
        text.extend(self.points(string).map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)));
        text
    }
    /// A string's code points.
    pub fn points(&self, string: Value) -> impl DoubleEndedIterator<Item = u32> + Clone + '_ {
        let length = self.sequence_length(string);
        let bytes = &self.bytes(self.field(string, offset::SEQUENCE_STORAGE))[..4 * length];
        bytes.as_chunks().0.iter().map(|point| u32::from_ne_bytes(*point))
    }
    /// The length of an array, string or data.
    pub fn sequence_length(&self, sequence: Value) -> usize {
        self.field(sequence, offset::SEQUENCE_LENGTH).as_fixnum().unwrap_or(0) as usize
    }
    /// A new array of that many nils.
    ///
    /// # Errors
    /// When memory is out.
    pub fn array(&mut self, length: usize) -> Outcome {
        let storage = self.object(Kind::Slots, length)?;
        self.object_of(Kind::Array, [Value::fixnum(length as i64), storage])
    }
    /// A new array of values that stay reachable.
    ///
    /// # Errors
    /// When memory is out.
    pub fn array_of(&mut self, elements: &[Value]) -> Outcome {
        let storage = self.object_like(Kind::Slots, elements)?;
        self.object_of(Kind::Array, [Value::fixnum(elements.len() as i64), storage])
    }
}

/// Write the code points of a text, four bytes each.
fn store_points(places: &mut [u8], text: &str) {
    let places = places.as_chunks_mut().0.iter_mut();
    if text.is_ascii() {
        places.zip(text.bytes()).for_each(|(place, byte)| *place = u32::from(byte).to_ne_bytes());
    } else {
        places.zip(text.chars()).for_each(|(place, character)| *place = u32::from(character).to_ne_bytes());
    }
}
