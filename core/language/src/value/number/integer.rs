//! Exact arithmetic on integers of any size, and the doubles' side of the same operations.

use super::{Number, NumberError, BITS_MAX};
use dashu_int::ops::{Abs, BitTest, Gcd};
use dashu_int::IBig;

/// Both operands, after the integer of a mixed pair has become a double.
pub(super) enum Pair {
    Small(i64, i64),
    Big(IBig, IBig),
    Double(f64, f64),
}

impl Pair {
    #[inline]
    pub fn of(left: &Number, right: &Number) -> Pair {
        match (left, right) {
            (Number::Small(left), Number::Small(right)) => Pair::Small(*left, *right),
            (Number::Double(_), _) | (_, Number::Double(_)) => Pair::Double(left.to_f64(), right.to_f64()),
            _ => Pair::Big(integer_of(left), integer_of(right)),
        }
    }
}

/// The integer that a number is known to be; of doubles, zero.
pub(super) fn integer_of(number: &Number) -> IBig {
    number.to_integer().unwrap_or(IBig::ZERO)
}

/// The number of a result that may be too large.
pub(super) fn limited(number: IBig) -> Result<Number, NumberError> {
    if number.bit_len() > BITS_MAX {
        return Err(NumberError::TooLarge);
    }
    Ok(Number::from(number))
}

pub(super) fn add(left: &Number, right: &Number) -> Result<Number, NumberError> {
    match Pair::of(left, right) {
        Pair::Small(left, right) => Ok(match left.checked_add(right) {
            Some(sum) => Number::Small(sum),
            None => Number::from(IBig::from(left) + IBig::from(right)),
        }),
        Pair::Big(left, right) => limited(left + right),
        Pair::Double(left, right) => Ok(Number::Double(left + right)),
    }
}

pub(super) fn subtract(left: &Number, right: &Number) -> Result<Number, NumberError> {
    match Pair::of(left, right) {
        Pair::Small(left, right) => Ok(match left.checked_sub(right) {
            Some(difference) => Number::Small(difference),
            None => Number::from(IBig::from(left) - IBig::from(right)),
        }),
        Pair::Big(left, right) => limited(left - right),
        Pair::Double(left, right) => Ok(Number::Double(left - right)),
    }
}

pub(super) fn multiply(left: &Number, right: &Number) -> Result<Number, NumberError> {
    match Pair::of(left, right) {
        Pair::Small(left, right) => Ok(match left.checked_mul(right) {
            Some(product) => Number::Small(product),
            None => Number::from(IBig::from(left) * IBig::from(right)),
        }),
        Pair::Big(left, right) => {
            // A product has as many bits as its factors together, or one less.
            if left.bit_len() + right.bit_len() > BITS_MAX + 1 {
                return Err(NumberError::TooLarge);
            }
            limited(left * right)
        }
        Pair::Double(left, right) => Ok(Number::Double(left * right)),
    }
}

/// Integers divide truncating; doubles as the function says.
pub(super) fn divide(left: &Number, right: &Number, doubles: fn(f64, f64) -> f64) -> Result<Number, NumberError> {
    match Pair::of(left, right) {
        Pair::Small(_, 0) => Err(NumberError::DivisionByZero),
        Pair::Small(left, right) => Ok(match left.checked_div(right) {
            Some(quotient) => Number::Small(quotient),
            None => Number::from(-IBig::from(left)),
        }),
        Pair::Big(_, right) if right.is_zero() => Err(NumberError::DivisionByZero),
        Pair::Big(left, right) => Ok(Number::from(left / right)),
        Pair::Double(left, right) => Ok(Number::Double(doubles(left, right))),
    }
}

pub(super) fn remainder(left: &Number, right: &Number) -> Result<Number, NumberError> {
    match Pair::of(left, right) {
        Pair::Small(_, 0) => Err(NumberError::DivisionByZero),
        Pair::Small(left, right) => Ok(Number::Small(left.wrapping_rem(right))),
        Pair::Big(_, right) if right.is_zero() => Err(NumberError::DivisionByZero),
        Pair::Big(left, right) => Ok(Number::from(left % right)),
        Pair::Double(left, right) => Ok(Number::Double(left % right)),
    }
}

pub(super) fn modulo(left: &Number, right: &Number) -> Result<Number, NumberError> {
    match Pair::of(left, right) {
        Pair::Small(_, 0) => Err(NumberError::DivisionByZero),
        Pair::Small(left, right) => {
            let remainder = left.wrapping_rem(right);
            let other_sign = remainder != 0 && (remainder < 0) != (right < 0);
            Ok(Number::Small(if other_sign { remainder + right } else { remainder }))
        }
        Pair::Big(_, right) if right.is_zero() => Err(NumberError::DivisionByZero),
        Pair::Big(left, right) => {
            let remainder = left % &right;
            let other_sign = !remainder.is_zero() && remainder.sign() != right.sign();
            Ok(Number::from(if other_sign { remainder + right } else { remainder }))
        }
        Pair::Double(left, right) => {
            let remainder = left % right;
            let other_sign = remainder != 0.0 && (remainder < 0.0) != (right < 0.0);
            Ok(Number::Double(if other_sign { remainder + right } else { remainder }))
        }
    }
}

pub(super) fn negate(number: &Number) -> Number {
    match number {
        Number::Small(number) => number.checked_neg().map_or_else(|| Number::from(-IBig::from(*number)), Number::Small),
        Number::Big(number) => Number::from(-number),
        Number::Double(number) => Number::Double(-number),
    }
}

pub(super) fn abs(number: &Number) -> Number {
    match number {
        Number::Small(0..) => number.clone(),
        Number::Small(_) => negate(number),
        Number::Big(number) => Number::Big(number.clone().abs()),
        Number::Double(number) => Number::Double(number.abs()),
    }
}

pub(super) fn gcd(left: &Number, right: &Number) -> Number {
    let (left, right) = (integer_of(left), integer_of(right));
    // The library holds that zero and zero have no greatest common divisor; here it is zero.
    if left.is_zero() {
        return Number::from(right.abs());
    }
    if right.is_zero() {
        return Number::from(left.abs());
    }
    Number::from(IBig::from(left.gcd(right)))
}

pub(super) fn lcm(left: &Number, right: &Number) -> Result<Number, NumberError> {
    let divisor = gcd(left, right);
    if matches!(divisor, Number::Small(0)) {
        return Ok(divisor);
    }
    multiply(&abs(&divide(left, &divisor, |_, _| 0.0)?), &abs(right))
}
