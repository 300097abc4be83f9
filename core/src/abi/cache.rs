//! Inline caches, as code finds its way in them: the words of a cache, keys of classes, and the table behind all caches.

use super::fact::facts;
use super::{Word, FAILURE, WORD_SIZE};

facts! { "cache":

/// The first word of an empty cache: no value that code ever looks anything up for.
pub const EMPTY_CACHE: Word = FAILURE;

/// Added to an object's kind to make its key. Smaller keys belong to values that are no objects, larger ones are
/// classes of instances.
pub const KIND_KEY: u8 = 32;

/// Shift of the bit that tells the key of true from that of nil.
pub const TRUE_KEY_SHIFT: u32 = 3;

/// The most arguments whose keys a cache of methods has.
pub const MOST_KEYS: usize = 4;

/// In the place of a cache as code passes it: the bit at which the count starts that belongs to the kind of cache.
pub const CACHE_COUNT_SHIFT: u32 = 32;

/// Words of a cache of methods besides its keys: the callee, which is the first, and the method, which is the last.
pub const METHOD_CACHE_OTHERS: usize = 2;
/// Word of the first key in such a cache.
pub const METHOD_CACHE_KEYS: usize = 1;

/// Word of an entry in the table for all places: callee, name, or class.
pub const ENTRY_CALLEE: usize = 0;
/// Word: key of the class.
pub const ENTRY_KEY: usize = 1;
/// Word: what was found.
pub const ENTRY_FOUND: usize = 2;
/// Word: key of a second class.
pub const ENTRY_SECOND_KEY: usize = 3;
/// Words of an entry.
pub const ENTRY_WORDS: usize = 4;
/// Binary logarithm of the bytes of an entry in the table for all places: callee (or a field's name, or a class), key of
/// the class it was looked up for, what was found, and the key of a second class. Where there is a second one, the
/// callee stands with [`TWO_KEYS`] added, so that no entry for one key is taken for one for two.
pub const ENTRY_SHIFT: u32 = (ENTRY_WORDS * WORD_SIZE).ilog2();
/// Binary logarithm of the number of entries.
pub const ENTRIES_SHIFT: u32 = 10;

/// Added to the callee in entries for two keys: the sum is no value that anything is looked up for.
pub const TWO_KEYS: i64 = 1;
}

/// The place of a cache as code passes it: number of the first word, and a count that belongs to the kind of cache.
#[inline]
pub const fn cache_place(word: u32, count: usize) -> i64 {
    word as i64 | (count as i64) << CACHE_COUNT_SHIFT
}

/// Number of the first word and count in the place of a cache that code passed.
#[inline]
pub const fn split_cache_place(place: Word) -> (u32, usize) {
    (place as u32, (place >> CACHE_COUNT_SHIFT) as usize)
}

/// How code finds an entry: `callee ^ rotate_left(key, ROTATION)` times [`LookupHash::FACTOR`], shifted right by
/// [`LookupHash::SHIFT`], and-ed with [`LookupHash::MASK`], is its byte offset. Two keys are mixed first, the second
/// one rotated by [`LookupHash::SECOND_ROTATION`].
pub struct LookupHash;

impl LookupHash {
    facts! { "lookup" of Self:
    /// Bits that the key is rotated by.
    pub const ROTATION: u32 = 28;
    /// Bits that a second key is rotated by before it is mixed with the first.
    pub const SECOND_ROTATION: u32 = 9;
    /// An odd number whose bits look like chance (the golden ratio's).
    pub const FACTOR: Word = 0x9e37_79b9_7f4a_7c15;
    /// Leaves the highest bits.
    pub const SHIFT: u32 = Word::BITS - ENTRIES_SHIFT - ENTRY_SHIFT;
    /// Offsets of whole entries.
    pub const MASK: Word = ((1 << ENTRIES_SHIFT) - 1) << ENTRY_SHIFT;
    }

    /// The byte offset of an entry.
    #[inline]
    pub fn of(callee: Word, key: Word) -> Word {
        (callee ^ key.rotate_left(LookupHash::ROTATION)).wrapping_mul(LookupHash::FACTOR) >> LookupHash::SHIFT
            & LookupHash::MASK
    }
}
