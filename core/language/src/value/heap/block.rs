//! Blocks: the units in which the heap is managed, and the bitmaps that tell which granules of a block are taken.

use super::region::ZeroIsValid;
use crate::value::GRANULE;

/// Bytes of a block; a multiple of every page size in use.
pub(super) const BLOCK_SIZE: usize = 32 << 10;
/// Granules of a block.
pub(super) const GRANULES: usize = BLOCK_SIZE / GRANULE;
/// Objects above this size get blocks of their own.
pub(super) const LARGE_OBJECT: usize = BLOCK_SIZE / 2;

const WORDS: usize = GRANULES / 64;

/// What a block is used for.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlockState {
    /// No objects, and all bytes zero.
    Fresh = 0,
    /// No objects.
    Free,
    /// Survivors and holes; none of the holes has been handed out since the last collection.
    Recyclable,
    /// Holes are being handed out or have been since the last collection.
    InUse,
    /// Survivors, and too few holes to bother.
    Full,
    /// The first block of a large object.
    LargeHead,
    /// A further block of a large object.
    LargeRest,
}

/// What is known of a block besides its granules.
#[derive(Clone, Copy)]
pub(super) struct BlockInfo {
    pub state: BlockState,
    /// Whether the block is listed as having root bits.
    pub rooted: bool,
    /// Of a large object: its number of blocks in its first, the distance to the first in the others.
    pub large: u32,
}

// SAFETY: zero is `BlockState::Fresh`, false, and 0.
unsafe impl ZeroIsValid for BlockInfo {}

/// One bit a granule.
#[derive(Clone, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Bitmap([u64; WORDS]);

/// The bitmaps of a block, written by the collector only. Those of free blocks are clear.
#[repr(C)]
pub(super) struct BlockBits {
    /// A survivor starts here.
    pub mark: Bitmap,
    /// A further granule of a survivor.
    pub body: Bitmap,
    /// During a collection: an object that starts here is a root and waits to be traced.
    pub root: Bitmap,
}

// SAFETY: bitmaps are integers.
unsafe impl ZeroIsValid for BlockBits {}

impl Bitmap {
    pub const fn new() -> Bitmap {
        Bitmap([0; WORDS])
    }

    #[inline(always)]
    pub fn get(&self, granule: usize) -> bool {
        self.0[granule / 64] >> (granule % 64) & 1 != 0
    }

    /// Sets a bit and answers whether it was clear.
    #[inline(always)]
    pub fn set(&mut self, granule: usize) -> bool {
        let word = &mut self.0[granule / 64];
        let bit = 1 << (granule % 64);
        let was_clear = *word & bit == 0;
        *word |= bit;
        was_clear
    }

    /// Sets the bits `start..end`.
    #[inline]
    pub fn set_range(&mut self, start: usize, end: usize) {
        if start >= end {
            return;
        }
        let (first, last) = (start / 64, (end - 1) / 64);
        let (low, high) = (!0u64 << (start % 64), !0u64 >> (63 - (end - 1) % 64));
        if first == last {
            self.0[first] |= low & high;
        } else {
            self.0[first] |= low;
            self.0[first + 1..last].fill(!0);
            self.0[last] |= high;
        }
    }

    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    pub fn is_clear(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// The last set bit at or below `granule`.
    pub fn last_set(&self, granule: usize) -> Option<usize> {
        let mut index = granule / 64;
        let mut word = self.0[index] & (!0 >> (63 - granule % 64));
        while word == 0 {
            index = index.checked_sub(1)?;
            word = self.0[index];
        }
        Some(index * 64 + 63 - word.leading_zeros() as usize)
    }

    /// Calls `visit` with every set bit, in rising order.
    pub fn for_each(&self, mut visit: impl FnMut(usize)) {
        for (index, &word) in self.0.iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                visit(index * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}

impl Bitmap {
    /// Calls `visit` with every set bit until it fails.
    pub fn for_each_result<E>(&self, mut visit: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        let mut result = Ok(());
        self.for_each(|granule| {
            if result.is_ok() {
                result = visit(granule);
            }
        });
        result
    }
}

impl BlockBits {
    #[inline(always)]
    fn taken(&self, index: usize) -> u64 {
        self.mark.0[index] | self.body.0[index]
    }

    /// Whether a survivor covers the granule.
    pub fn is_taken(&self, granule: usize) -> bool {
        self.taken(granule / 64) >> (granule % 64) & 1 != 0
    }

    /// How many granules survivors cover.
    pub fn count_taken(&self) -> usize {
        (0..WORDS).map(|index| self.taken(index).count_ones() as usize).sum()
    }

    /// The first hole at or after `granule`: start and end. Both are [`GRANULES`] where there is none.
    pub fn hole_from(&self, granule: usize) -> (usize, usize) {
        let start = self.next(granule, !0);
        (start, self.next(start, 0))
    }

    /// The granule after the last taken one below `granule`: where a hole that contains `granule` starts.
    pub fn hole_start(&self, granule: usize) -> usize {
        let mut index = granule / 64;
        let mut word = self.taken(index) & (!0 >> (63 - granule % 64));
        while word == 0 {
            if index == 0 {
                return 0;
            }
            index -= 1;
            word = self.taken(index);
        }
        index * 64 + 64 - word.leading_zeros() as usize
    }

    /// The first granule from `granule` on whose taken bit is set (`flip` 0) or clear (`flip` all ones).
    #[inline]
    fn next(&self, granule: usize, flip: u64) -> usize {
        if granule >= GRANULES {
            return GRANULES;
        }
        let mut index = granule / 64;
        let mut word = (self.taken(index) ^ flip) & (!0 << (granule % 64));
        while word == 0 {
            index += 1;
            if index == WORDS {
                return GRANULES;
            }
            word = self.taken(index) ^ flip;
        }
        index * 64 + word.trailing_zeros() as usize
    }
}
