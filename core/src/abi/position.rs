//! Places in source texts, and the words that they travel in.

use super::fact::facts;
use super::Value;

/// A place in a source text: the number of the text and a byte offset. Or, where code left it in the context, a place in
/// an image: see [`Position::as_site`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The number of the text; `u32::MAX` for a place that is not known.
    pub source: u32,
    /// Byte offset.
    pub offset: u32,
}

facts! { "position":
/// Bit that tells the number of an image, as code passes it, from a position.
pub const IMAGE_FLAG: u64 = 1 << 31;
/// In a place's one word: the bit at which the number of the source, or of the image, starts; below it is the offset, or
/// the site.
pub const SOURCE_SHIFT: u32 = 32;
}

/// An image's number, as code passes it.
#[inline]
pub const fn image_word(number: u32) -> u64 {
    IMAGE_FLAG | number as u64
}

/// The number of an image that code passed.
#[inline]
pub const fn image_number(word: u64) -> u32 {
    (word & !IMAGE_FLAG) as u32
}

impl Position {
    /// A place that is not known.
    pub const UNKNOWN: Position = Position { source: u32::MAX, offset: 0 };

    /// Whether the place is known.
    #[inline]
    pub fn is_known(self) -> bool {
        self.source != u32::MAX
    }
    /// As one word.
    #[inline]
    pub fn pack(self) -> u64 {
        u64::from(self.source) << SOURCE_SHIFT | u64::from(self.offset)
    }
    /// From one word.
    #[inline]
    pub fn unpack(word: u64) -> Position {
        Position { source: (word >> SOURCE_SHIFT) as u32, offset: word as u32 }
    }
    /// As a fixnum, for error objects; nil if unknown. (Sources number less than 2^28.)
    #[inline]
    pub fn to_value(self) -> Value {
        if self.is_known() {
            Value::fixnum(self.pack() as i64)
        } else {
            Value::NIL
        }
    }
    /// From what `to_value` made.
    #[inline]
    pub fn from_value(value: Value) -> Position {
        value.as_fixnum().map_or(Position::UNKNOWN, |number| Position::unpack(number as u64))
    }
    /// The image and the site that a position stands for that native code left in the context; none if it is a place in a
    /// text.
    #[inline]
    pub fn as_site(self) -> Option<(u32, u32)> {
        let flag = IMAGE_FLAG as u32;
        (self.is_known() && self.source & flag != 0).then_some((self.source & !flag, self.offset))
    }
}
