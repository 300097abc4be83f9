//! Integers as they lie in the heap: the limbs of long ones, and those of at most 127 bits as machine integers, which
//! need no storage of their own to be computed with.

use crate::value::{header, Kind, Value, Word, FIXNUM_MAX, FIXNUM_MIN, HEADER_SIZE_SHIFT, WORD_SIZE};
use std::cmp::Ordering;

/// An integer that is no fixnum.
#[derive(Clone, Copy)]
pub(super) struct Limbs<'a> {
    /// Whether it is below zero.
    pub negative: bool,
    /// Its magnitude, the least significant limb first, the last one not zero.
    pub limbs: &'a [Word],
}

impl<'a> Limbs<'a> {
    /// Those of a value, which must stay alive.
    #[inline]
    pub fn of(value: Value) -> Option<Limbs<'a>> {
        if !value.is_object() {
            return None;
        }
        let fields = value.address() as *const Word;
        // SAFETY: a value with the object tag points to a header.
        let first = unsafe { *fields };
        if first as u16 != header(Kind::Big, 0) as u16 {
            return None;
        }
        let words = (first >> HEADER_SIZE_SHIFT) as usize / WORD_SIZE;
        // SAFETY: a big integer has a header, a sign word, and as many limbs as its size says.
        let (sign, limbs) =
            unsafe { (*fields.add(1), std::slice::from_raw_parts(fields.add(2), words.saturating_sub(2))) };
        Some(Limbs { negative: sign != 0, limbs })
    }

    /// The integer, if 127 bits and a sign are enough for it.
    #[inline]
    fn short(self) -> Option<i128> {
        let magnitude = match *self.limbs {
            [low] => i128::from(low),
            [low, high] if high as i64 >= 0 => i128::from(high) << 64 | i128::from(low),
            _ => return None,
        };
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// A new object with these limbs, which are too many for a fixnum. `allocate` is asked for zeroed heap space of a number
    /// of bytes.
    ///
    /// # Errors
    /// Those of `allocate`.
    #[inline]
    pub fn boxed<E>(self, allocate: impl FnOnce(usize) -> Result<usize, E>) -> Result<Value, E> {
        let size = (2 + self.limbs.len()) * WORD_SIZE;
        let address = allocate(size)?;
        // SAFETY: the space was allocated for this object.
        unsafe {
            let fields = address as *mut Word;
            *fields = header(Kind::Big, size);
            *fields.add(1) = Word::from(self.negative);
            std::ptr::copy_nonoverlapping(self.limbs.as_ptr(), fields.add(2), self.limbs.len());
        }
        Ok(Value::object_at(address))
    }

    /// How two compare.
    pub fn compare(self, other: Limbs) -> Ordering {
        let magnitudes = || {
            let longer = self.limbs.len().cmp(&other.limbs.len());
            longer.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
        };
        match (self.negative, other.negative) {
            (false, false) => magnitudes(),
            (true, true) => magnitudes().reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

/// The integer that a value is, if 127 bits and a sign are enough for it. The value must be alive.
#[inline]
pub fn short_integer(value: Value) -> Option<i128> {
    match value.as_fixnum() {
        Some(number) => Some(i128::from(number)),
        None => Limbs::of(value)?.short(),
    }
}

/// The value of such an integer. `allocate` is asked for zeroed heap space of a number of bytes if it is no fixnum.
///
/// # Errors
/// Those of `allocate`.
#[inline]
pub fn short_value<E>(number: i128, allocate: impl FnOnce(usize) -> Result<usize, E>) -> Result<Value, E> {
    if (i128::from(FIXNUM_MIN)..=i128::from(FIXNUM_MAX)).contains(&number) {
        return Ok(Value::fixnum(number as i64));
    }
    let magnitude = number.unsigned_abs();
    let (low, high) = (magnitude as Word, (magnitude >> 64) as Word);
    let limbs = [low, high];
    let magnitude = if high == 0 { &limbs[..1] } else { &limbs };
    Limbs { negative: number < 0, limbs: magnitude }.boxed(allocate)
}
