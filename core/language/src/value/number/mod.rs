//! Numbers: integers of any size and doubles.
//!
//! Arithmetic happens on [`Number`], which owns its digits, so that no operation depends on the heap. A value is
//! decoded, and a result becomes a value again through [`Number::into_value`], which allocates by a closure:
//!
//! ```text
//!   Value, Value → binary(operation, …) → Number → into_value(allocate) → Value
//! ```
//!
//! Rules: integer arithmetic is exact; an integer meeting a double is made a double first; comparisons compare the
//! mathematical values; there is one NaN. Integers have at most [`BITS_MAX`] bits.

mod bits;
mod integer;
mod limbs;
mod limbwise;
mod operation;
mod order;
mod real;
mod residue;
#[cfg(test)]
mod tests;
mod text;

pub use limbs::short_value;
pub use limbwise::{limbwise, Digits};
pub use operation::{
    binary, immediate, immediate_unary, of_doubles, result_bits, short, unary, Operation, UnaryOperation,
};
pub use order::{compare, equal};
pub use residue::hash_key;

use super::{header, offset, Kind, Value, Word, FIXNUM_MAX, FIXNUM_MIN, WORD_SIZE};
use dashu_int::{IBig, Sign};
use limbs::Limbs;

/// The most bits of an integer; results beyond it are [`NumberError::TooLarge`].
pub const BITS_MAX: usize = 1 << 30;

/// The bits of the one NaN.
pub const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

/// A number.
#[derive(Clone, Debug)]
pub enum Number {
    /// An integer of 64 bits.
    Small(i64),
    /// An integer that needs more than 64 bits.
    Big(IBig),
    /// A double. A NaN becomes the one NaN when it is made a value.
    Double(f64),
}

/// What a primitive wanted to be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Any number.
    Number,
    /// An integer.
    Integer,
    /// A number that is neither infinite nor NaN.
    Finite,
    /// A radix from 2 to 36.
    Radix,
}

/// Why an operation has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberError {
    /// An operand (0 or 1) is not what the operation works on: the language's kind `type`.
    Type {
        /// Which operand.
        operand: usize,
        /// What it should have been.
        expected: Expected,
    },
    /// An integer was divided by the integer zero: `division-by-zero`.
    DivisionByZero,
    /// The result would have more than [`BITS_MAX`] bits: `out-of-memory`.
    TooLarge,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Expected::Number => "a number",
            Expected::Integer => "an integer",
            Expected::Finite => "a finite number",
            Expected::Radix => "a radix from 2 to 36",
        })
    }
}

impl std::fmt::Display for NumberError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            NumberError::Type { expected, .. } => write!(f, "expected {expected}"),
            NumberError::DivisionByZero => f.write_str("division by zero"),
            NumberError::TooLarge => write!(f, "the result is an integer of more than {BITS_MAX} bits"),
        }
    }
}

impl Number {
    /// The number that a value is; `None` for anything else. The value must be alive.
    #[inline]
    pub fn from_value(value: Value) -> Option<Number> {
        if let Some(number) = value.as_fixnum() {
            return Some(Number::Small(number));
        }
        if let Some(number) = as_double(value) {
            return Some(Number::Double(number));
        }
        let Limbs { negative, limbs } = Limbs::of(value)?;
        let sign = if negative { Sign::Negative } else { Sign::Positive };
        Some(Number::from(IBig::from_sign_words(sign, limbs)))
    }

    /// Whether a value is a number.
    pub fn is_number(value: Value) -> bool {
        Number::is_integer(value) || Number::is_double(value)
    }

    /// Whether a value is an integer.
    pub fn is_integer(value: Value) -> bool {
        value.is_fixnum() || has_kind(value, Kind::Big)
    }

    /// Whether a value is a double.
    pub fn is_double(value: Value) -> bool {
        value.as_immediate_double().is_some() || has_kind(value, Kind::Double)
    }

    /// The value of this number. `allocate` is asked for zeroed heap space of a number of bytes if the number is no
    /// immediate.
    #[inline]
    pub fn into_value<E>(self, allocate: impl FnOnce(usize) -> Result<usize, E>) -> Result<Value, E> {
        match self {
            Number::Small(number) if (FIXNUM_MIN..=FIXNUM_MAX).contains(&number) => Ok(Value::fixnum(number)),
            Number::Double(number) => Value::immediate_double(number).map_or_else(|| box_double(number, allocate), Ok),
            Number::Small(number) => box_integer(&IBig::from(number), allocate),
            Number::Big(number) => box_integer(&number, allocate),
        }
    }

    /// This number as an integer, if it is one.
    pub fn to_integer(&self) -> Option<IBig> {
        match self {
            Number::Small(number) => Some(IBig::from(*number)),
            Number::Big(number) => Some(number.clone()),
            Number::Double(_) => None,
        }
    }

    /// The double nearest to this number; ties to even.
    #[inline]
    pub fn to_f64(&self) -> f64 {
        match self {
            Number::Small(number) => *number as f64,
            Number::Big(number) => real::nearest_double(number),
            Number::Double(number) => *number,
        }
    }
}

impl From<IBig> for Number {
    fn from(number: IBig) -> Number {
        match i64::try_from(&number) {
            Ok(small) => Number::Small(small),
            Err(_) => Number::Big(number),
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number::Small(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Number {
        Number::Double(number)
    }
}

/// The double that a value is. The value must be alive.
#[inline]
fn as_double(value: Value) -> Option<f64> {
    if let Some(number) = value.as_immediate_double() {
        return Some(number);
    }
    if !has_kind(value, Kind::Double) {
        return None;
    }
    // SAFETY: the header says what follows.
    let bits = unsafe { *((value.address() + offset::DOUBLE_BITS as usize) as *const Word) };
    Some(f64::from_bits(bits))
}

/// The one NaN in place of any NaN.
#[inline]
pub fn canonical(number: f64) -> f64 {
    if number.is_nan() {
        f64::from_bits(NAN_BITS)
    } else {
        number
    }
}

const DOUBLE_SIZE: usize = offset::DOUBLE_BITS as usize + WORD_SIZE;

fn has_kind(value: Value, kind: Kind) -> bool {
    // SAFETY: a value with the object tag points to a header.
    value.is_object() && unsafe { *(value.address() as *const Word) } as u16 == header(kind, 0) as u16
}

#[cold]
fn box_double<E>(number: f64, allocate: impl FnOnce(usize) -> Result<usize, E>) -> Result<Value, E> {
    let address = allocate(DOUBLE_SIZE)?;
    // SAFETY: the space was allocated for this object.
    unsafe {
        *(address as *mut Word) = header(Kind::Double, DOUBLE_SIZE);
        *((address + offset::DOUBLE_BITS as usize) as *mut Word) = canonical(number).to_bits();
    }
    Ok(Value::object_at(address))
}

#[cold]
fn box_integer<E>(number: &IBig, allocate: impl FnOnce(usize) -> Result<usize, E>) -> Result<Value, E> {
    let (sign, limbs) = number.as_sign_words();
    Limbs { negative: sign == Sign::Negative, limbs }.boxed(allocate)
}
