//! Hash tables, as code finds its way in them: the words of a table's entries, and hashes.
//!
//! ```text
//!   header  count  next  mask | index … | key  value  hash | key  value  hash | … room
//!                             [places]  [--- entry 0 ---]  [--- entry 1 ---]
//! ```
//!
//! Entries stand in the order in which their keys were set, and are found by the index. It has as many places as a power
//! of two, four bytes each: the offset of an entry from the address of the object, or 0 where the place is empty. A search
//! begins at [`first_place`], goes on with the place behind, and ends at an empty one: at least half of them are. `next`
//! is the offset of the first entry that was never used, `mask` the number of places less one; both are fixnums, `next` of
//! the offset's eighth. Offsets are multiples of 8, so that two of them in a word of the index look like a fixnum to the
//! collector, whatever the order of bytes.

use super::fact::facts;
use super::layout::{field, Word, TAG_BITS, TAG_MASK, WORD_SIZE};

facts! { "table":
/// Table: the object with its entries, a value.
pub const TABLE_ENTRIES: i32 = field(0);

/// Which word of the object says how many keys there are.
pub const TABLE_COUNT: usize = 0;
/// Which word of the object says where the next entry goes.
pub const TABLE_NEXT: usize = 1;
/// Which word of the object says how many places the index has, less one.
pub const TABLE_MASK: usize = 2;
/// Words of the object before the index.
pub const TABLE_HEAD_WORDS: usize = 3;

/// Bytes that a place of the index takes.
pub const PLACE_BYTES: usize = 4;
/// Words that an entry takes.
pub const TABLE_ENTRY_WORDS: usize = 3;
/// Bytes that an entry takes.
pub const TABLE_ENTRY_BYTES: usize = TABLE_ENTRY_WORDS * WORD_SIZE;
/// Which word of an entry is the key: the mark of an unbound cell where it was taken out.
pub const TABLE_ENTRY_KEY: usize = 0;
/// Which word of an entry is the value.
pub const TABLE_ENTRY_VALUE: usize = 1;
/// Which word of an entry is the hash of the key: true where it was taken out.
pub const TABLE_ENTRY_HASH: usize = 2;

/// An odd number with no pattern in its bits.
pub const HASH_FACTOR: Word = 0x9e37_79b9_7f4a_7c15;
/// By this many bits the upper half of a word comes to the lower one in [`hash_of_word`].
pub const HASH_HALF: u32 = 32;
/// How many times [`hash_of_word`] multiplies. Once leaves patterns in multiples of powers of two.
pub const HASH_ROUNDS: usize = 2;
/// The lowest bit of a hash that has a part in where a search begins.
pub const HASH_PLACE_SHIFT: u32 = TAG_BITS;
/// A hash and-ed with the mask is a fixnum; shifted by this it is the offset of a place.
pub const PLACE_OFFSET_SHIFT: u32 = TAG_BITS - PLACE_BYTES.trailing_zeros();
/// The bit that hashes of strings have, so that none is the zero of a string whose hash is not known: no place is looked
/// for by it.
pub const STRING_HASH_MARK: Word = 1 << 63;
}

/// The hash of a value that is equal to nothing but itself, and of fixnums.
#[inline]
pub const fn hash_of_word(word: Word) -> Word {
    let (mut hash, mut round) = (word ^ word >> HASH_HALF, 0);
    while round < HASH_ROUNDS {
        hash = hash.wrapping_mul(HASH_FACTOR);
        hash ^= hash >> HASH_HALF;
        round += 1;
    }
    hash
}

/// A hash as an entry has it: a fixnum.
#[inline]
pub const fn hash_word(hash: Word) -> Word {
    hash & !TAG_MASK
}

/// Where the search for a hash begins in an index of so many places less one.
#[inline]
pub const fn first_place(hash: Word, mask: usize) -> usize {
    (hash >> HASH_PLACE_SHIFT) as usize & mask
}
