//! Integers as infinite rows of bits in two's complement.

use super::integer::{integer_of, limited, Pair};
use super::{Number, NumberError, BITS_MAX};
use dashu_int::ops::BitTest;
use dashu_int::IBig;

pub(super) fn and(left: &Number, right: &Number) -> Number {
    bitwise(left, right, |left, right| left & right, |left, right| left & right)
}

pub(super) fn or(left: &Number, right: &Number) -> Number {
    bitwise(left, right, |left, right| left | right, |left, right| left | right)
}

pub(super) fn xor(left: &Number, right: &Number) -> Number {
    bitwise(left, right, |left, right| left ^ right, |left, right| left ^ right)
}

fn bitwise(left: &Number, right: &Number, small: fn(i64, i64) -> i64, big: fn(IBig, IBig) -> IBig) -> Number {
    match Pair::of(left, right) {
        Pair::Small(left, right) => Number::Small(small(left, right)),
        _ => Number::from(big(integer_of(left), integer_of(right))),
    }
}

pub(super) fn not(number: &Number) -> Number {
    match number {
        Number::Small(number) => Number::Small(!number),
        _ => Number::from(!integer_of(number)),
    }
}

pub(super) fn shift_left(number: &Number, count: &Number) -> Result<Number, NumberError> {
    match Count::of(count) {
        Count::Up(count) => up(number, count),
        Count::Down(count) => Ok(down(number, count)),
    }
}

pub(super) fn shift_right(number: &Number, count: &Number) -> Result<Number, NumberError> {
    match Count::of(count) {
        Count::Up(count) => Ok(down(number, count)),
        Count::Down(count) => up(number, count),
    }
}

/// A count of bits with its direction; more than any integer has is `usize::MAX`.
enum Count {
    Up(usize),
    Down(usize),
}

impl Count {
    fn of(count: &Number) -> Count {
        let (negative, magnitude) = match count {
            Number::Small(count) => (*count < 0, usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX)),
            _ => (integer_of(count) < IBig::ZERO, usize::MAX),
        };
        if negative {
            Count::Down(magnitude)
        } else {
            Count::Up(magnitude)
        }
    }
}

fn up(number: &Number, count: usize) -> Result<Number, NumberError> {
    if let Number::Small(number) = number {
        if *number == 0 {
            return Ok(Number::Small(0));
        }
        // The sign and all bits that differ from it must stay.
        let spare = if *number < 0 { number.leading_ones() } else { number.leading_zeros() } as usize;
        if count < spare {
            return Ok(Number::Small(number << count));
        }
    }
    let integer = integer_of(number);
    if count > BITS_MAX || integer.bit_len() + count > BITS_MAX {
        return Err(NumberError::TooLarge);
    }
    limited(integer << count)
}

fn down(number: &Number, count: usize) -> Number {
    match number {
        Number::Small(number) => Number::Small(number >> count.min(63)),
        _ => {
            let integer = integer_of(number);
            if count > integer.bit_len() {
                return Number::Small(if integer < IBig::ZERO { -1 } else { 0 });
            }
            Number::from(integer >> count)
        }
    }
}
