//! Reading heap objects as words: sizes, headers and slots, by address.

use crate::value::{Kind, Word, GRANULE, HEADER_KIND_SHIFT, HEADER_SIZE_SHIFT, TAG_HEADER, TAG_MASK, WORD_SIZE};

/// The kinds whose slots are raw bits, as a bit mask.
const RAW_KINDS: u32 = kinds(&[Kind::Filler, Kind::Big, Kind::Double, Kind::Bytes]);
/// The kinds that stand for an entry of a table of the runtime, as a bit mask.
const EXTERNAL_KINDS: u32 =
    kinds(&[Kind::Code, Kind::Environment, Kind::Class, Kind::Port, Kind::Selector, Kind::Generic]);

const fn kinds(kinds: &[Kind]) -> u32 {
    let (mut mask, mut index) = (0, 0);
    while index < kinds.len() {
        mask |= 1 << kinds[index] as u32;
        index += 1;
    }
    mask
}

/// The word at an address.
///
/// # Safety
/// The address must be a multiple of 8 in a committed part of the heap.
#[inline(always)]
pub(super) unsafe fn read_word(address: usize) -> Word {
    // SAFETY: the caller's promise.
    unsafe { *(address as *const Word) }
}

/// Writes the word at an address.
///
/// # Safety
/// As for [`read_word`]; nobody may hold a reference to it.
#[inline(always)]
pub(super) unsafe fn write_word(address: usize, word: Word) {
    // SAFETY: the caller's promise.
    unsafe { *(address as *mut Word) = word }
}

/// The first word of an object, which tells all about its shape.
#[derive(Clone, Copy)]
pub(super) struct Shape(pub Word);

impl Shape {
    /// Whether the object has no header, which makes it a pair.
    #[inline(always)]
    pub fn is_pair(self) -> bool {
        self.0 & TAG_MASK != TAG_HEADER
    }

    #[inline(always)]
    fn kind_bit(self) -> u32 {
        1u32.wrapping_shl(self.kind_number())
    }

    /// The number of the kind.
    #[inline(always)]
    pub fn kind_number(self) -> u32 {
        (self.0 >> HEADER_KIND_SHIFT) as u32 & 0xff
    }

    /// The kind, if the number stands for one.
    pub fn kind(self) -> Option<Kind> {
        Kind::from_number(self.kind_number() as u8)
    }

    /// Whether this is unused space.
    pub fn is_filler(self) -> bool {
        !self.is_pair() && self.kind_number() == Kind::Filler as u32
    }

    /// Whether the collector must report the object to the runtime.
    #[inline(always)]
    pub fn is_external(self) -> bool {
        EXTERNAL_KINDS & self.kind_bit() != 0
    }

    /// The size in bytes that the header states; of a pair, its size.
    #[inline(always)]
    pub fn stated_size(self) -> usize {
        if self.is_pair() {
            GRANULE
        } else {
            (self.0 >> HEADER_SIZE_SHIFT) as usize
        }
    }

    /// The bytes that the object takes in the heap.
    #[inline(always)]
    pub fn size(self) -> usize {
        self.stated_size().next_multiple_of(GRANULE)
    }

    /// The words that hold values: first and past the last, counted from the object's address.
    #[inline(always)]
    pub fn slots(self) -> (usize, usize) {
        if self.is_pair() {
            (0, 2)
        } else if RAW_KINDS & self.kind_bit() != 0 {
            (1, 1)
        } else {
            (1, self.stated_size() / WORD_SIZE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::header;

    #[test]
    fn raw_kinds_agree_with_the_layout() {
        for kind in Kind::ALL {
            let (start, end) = Shape(header(kind, 64)).slots();
            assert_eq!(kind.is_raw(), start == end, "{kind:?}");
        }
    }
}
