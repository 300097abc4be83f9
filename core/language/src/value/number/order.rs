//! Comparing numbers by their mathematical values.

use super::limbs::{short_integer, Limbs};
use super::operation::operand;
use super::{as_double, Number, NumberError};
use crate::value::{Value, DOUBLE_TAGS, FIXNUM_TAGS, TAG_OBJECT};
use dashu_int::{IBig, Sign};
use std::cmp::Ordering;

/// How two values that must be numbers compare; `None` if either is NaN.
#[inline]
pub fn compare(left: Value, right: Value) -> Result<Option<Ordering>, NumberError> {
    if left.is_fixnum() && right.is_fixnum() {
        // The tag of fixnums is zero, so that their words compare as they do.
        return Ok(Some((left.0 as i64).cmp(&(right.0 as i64))));
    }
    if let (Some(left), Some(right)) = (left.as_immediate_double(), right.as_immediate_double()) {
        return Ok(left.partial_cmp(&right));
    }
    compare_others(left, right)
}

fn compare_others(left: Value, right: Value) -> Result<Option<Ordering>, NumberError> {
    match (short_integer(left), short_integer(right)) {
        (Some(left), Some(right)) => return Ok(Some(left.cmp(&right))),
        (Some(left), None) => {
            if let Some(right) = as_double(right) {
                return Ok(compare_with_double(left, right));
            }
        }
        (None, Some(right)) => {
            if let Some(left) = as_double(left) {
                return Ok(compare_with_double(right, left).map(Ordering::reverse));
            }
        }
        (None, None) => {}
    }
    match (Limbs::of(left), Limbs::of(right)) {
        (Some(left), Some(right)) => Ok(Some(left.compare(right))),
        // An integer that is no fixnum lies beyond all that are.
        (Some(left), None) if right.is_fixnum() => Ok(Some(beyond(left))),
        (None, Some(right)) if left.is_fixnum() => Ok(Some(beyond(right).reverse())),
        _ => Ok(operand(left, 0)?.compare(&operand(right, 1)?)),
    }
}

fn beyond(limbs: Limbs) -> Ordering {
    if limbs.negative {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

/// Whether two values are numbers that have the same mathematical value; `None` unless both are numbers.
#[inline]
pub fn equal(left: Value, right: Value) -> Option<bool> {
    /// Of numbers, and of other objects.
    const TAGS: u8 = FIXNUM_TAGS | DOUBLE_TAGS | 1 << TAG_OBJECT;
    if left.is_fixnum() && right.is_fixnum() {
        return Some(left == right);
    }
    if TAGS >> left.tag() & TAGS >> right.tag() & 1 == 0 {
        return None;
    }
    compare(left, right).ok().map(|order| order == Some(Ordering::Equal))
}

impl Number {
    /// How this number compares with another; `None` if either is NaN.
    pub fn compare(&self, other: &Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Small(left), Number::Small(right)) => Some(left.cmp(right)),
            (Number::Double(left), Number::Double(right)) => left.partial_cmp(right),
            (Number::Small(left), Number::Double(right)) => compare_with_double(i128::from(*left), *right),
            (Number::Double(left), Number::Small(right)) => {
                compare_with_double(i128::from(*right), *left).map(Ordering::reverse)
            }
            (Number::Big(left), Number::Double(right)) => compare_big_with_double(left, *right),
            (Number::Double(left), Number::Big(right)) => compare_big_with_double(right, *left).map(Ordering::reverse),
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

/// An integer of at most 127 bits.
#[inline]
fn compare_with_double(integer: i128, double: f64) -> Option<Ordering> {
    const TWO_TO_53: i128 = 1 << 53;
    const TWO_TO_127: f64 = (1_u128 << 127) as f64;
    if (-TWO_TO_53..=TWO_TO_53).contains(&integer) {
        return (integer as i64 as f64).partial_cmp(&double);
    }
    if (-TWO_TO_127..TWO_TO_127).contains(&double) {
        let whole = double.trunc();
        let fraction = double - whole;
        return Some(integer.cmp(&(whole as i128)).then(0.0.partial_cmp(&fraction)?));
    }
    0.0.partial_cmp(&double)
}

fn compare_big_with_double(integer: &IBig, double: f64) -> Option<Ordering> {
    match super::real::whole(double) {
        // A fraction decides nothing: the integers nearest to one are much smaller.
        Some(whole) => Some(integer.cmp(&whole)),
        None => 0.0.partial_cmp(&double),
    }
}
