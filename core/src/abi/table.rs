//! Hash tables, as code finds its way in them: the words of a table's entries, and hashes.
//!
//! ```text
//!   header  count  used  links | key  value  hash  links | key  value  hash  links | …
//!           [---- the ring ---]  [------ place 0 -------]  [------ place 1 -------]
//! ```
//!
//! There are as many places as a power of two. The header and the ring are as long as a place, so that all is a
//! multiple of that. A search begins at [`first_place`], goes on with the place behind, and ends at a key whose hash is
//! the wanted one or at a place whose hash is nil: a quarter of the places have that.

use super::fact::facts;
use super::layout::{field, Word, TAG_MASK, WORD_SIZE};

facts! { "table":
/// Table: the object with its entries, a value.
pub const TABLE_ENTRIES: i32 = field(0);

/// Words that an entry takes.
pub const PLACE_WORDS: usize = 4;
/// Bytes that an entry takes.
pub const PLACE_BYTES: usize = PLACE_WORDS * WORD_SIZE;
/// Words between the header and the first entry.
pub const RING_WORDS: usize = PLACE_WORDS - 1;

/// Which word of an entry is the key.
pub const PLACE_KEY: usize = 0;
/// Which word of an entry is the value.
pub const PLACE_VALUE: usize = 1;
/// Which word of an entry is the hash of the key: nil where there never was a key, true where it was taken out.
pub const PLACE_HASH: usize = 2;
/// Which word of an entry has its links.
pub const PLACE_LINKS: usize = 3;

/// An odd number with no pattern in its bits.
pub const HASH_FACTOR: Word = 0x9e37_79b9_7f4a_7c15;
/// By this many bits the upper half of a word comes to the lower one in [`hash_of_word`].
pub const HASH_HALF: u32 = 32;
/// How many times [`hash_of_word`] multiplies. Once leaves patterns in multiples of powers of two.
pub const HASH_ROUNDS: usize = 2;
/// The lowest bit of a hash that has a part in where a search begins: the offset of an entry in bytes is a part of the
/// hash as it stands.
pub const HASH_PLACE_SHIFT: u32 = PLACE_BYTES.trailing_zeros();
/// A bit that hashes of strings have, so that none is the zero of a string whose hash is not known.
pub const STRING_HASH_MARK: Word = TAG_MASK + 1;
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

/// Where the search for a hash begins.
#[inline]
pub const fn first_place(hash: Word, places: usize) -> usize {
    (hash >> HASH_PLACE_SHIFT) as usize & (places - 1)
}
