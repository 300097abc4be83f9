//! Comparing numbers by their mathematical values.

use super::operation::operand;
use super::{Number, NumberError};
use crate::value::Value;
use dashu_int::{IBig, Sign};
use std::cmp::Ordering;

/// How two values that must be numbers compare; `None` if either is NaN.
#[inline]
pub fn compare(left: Value, right: Value) -> Result<Option<Ordering>, NumberError> {
    if left.is_fixnum() && right.is_fixnum() {
        // The tag of fixnums is zero, so that their words compare as they do.
        return Ok(Some((left.0 as i64).cmp(&(right.0 as i64))));
    }
    Ok(operand(left, 0)?.compare(&operand(right, 1)?))
}

/// Whether two values are numbers that have the same mathematical value; `None` unless both are numbers.
pub fn equal(left: Value, right: Value) -> Option<bool> {
    Some(Number::from_value(left)?.compare(&Number::from_value(right)?) == Some(Ordering::Equal))
}

impl Number {
    /// How this number compares with another; `None` if either is NaN.
    pub fn compare(&self, other: &Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Small(left), Number::Small(right)) => Some(left.cmp(right)),
            (Number::Double(left), Number::Double(right)) => left.partial_cmp(right),
            (Number::Double(left), _) => compare_with_double(other, *left).map(Ordering::reverse),
            (_, Number::Double(right)) => compare_with_double(self, *right),
            (Number::Big(left), Number::Big(right)) => Some(left.cmp(right)),
            // A big integer lies beyond all small ones.
            (Number::Big(left), Number::Small(_)) => Some(sign_as_ordering(left)),
            (Number::Small(_), Number::Big(right)) => Some(sign_as_ordering(right).reverse()),
        }
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Number::Small(number) => *number == 0,
            Number::Big(_) => false,
            Number::Double(number) => *number == 0.0,
        }
    }
}

fn sign_as_ordering(number: &IBig) -> Ordering {
    match number.sign() {
        Sign::Positive => Ordering::Greater,
        Sign::Negative => Ordering::Less,
    }
}

fn compare_with_double(integer: &Number, double: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    let is_small = (-TWO_TO_63..TWO_TO_63).contains(&double);
    Some(match integer {
        Number::Small(number) if is_small => {
            let whole = double.trunc();
            let fraction = double - whole;
            number.cmp(&(whole as i64)).then(0.0.partial_cmp(&fraction)?)
        }
        Number::Small(_) if double > 0.0 => Ordering::Less,
        Number::Small(_) => Ordering::Greater,
        Number::Big(number) if is_small => sign_as_ordering(number),
        Number::Big(number) => match super::real::whole(double) {
            Some(whole) => number.cmp(&whole),
            None if double > 0.0 => Ordering::Less,
            None => Ordering::Greater,
        },
        Number::Double(number) => return number.partial_cmp(&double),
    })
}
