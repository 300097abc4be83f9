//! Roots, powers, logarithms, rounding, and the ways between integers and doubles.

use super::integer::{integer_of, limited};
use super::{canonical, Expected, Number, NumberError, BITS_MAX};
use dashu_int::ops::{Abs, BitTest};
use dashu_int::{IBig, Sign};
use std::cmp::Ordering;

/// The smaller (or the larger) of two numbers.
pub(super) fn extreme(left: &Number, right: &Number, smaller: bool) -> Number {
    let Some(order) = left.compare(right) else {
        return Number::Double(canonical(f64::NAN));
    };
    let wanted = if smaller { Ordering::Greater } else { Ordering::Less };
    let chosen = if order == wanted { right } else { left };
    match (left, right) {
        (Number::Double(_), _) | (_, Number::Double(_)) => Number::Double(chosen.to_f64()),
        _ => chosen.clone(),
    }
}

/// Integers as they are, doubles rounded by the function.
pub(super) fn rounded(number: &Number, round: fn(f64) -> f64) -> Number {
    match number {
        Number::Double(number) => Number::Double(round(*number)),
        _ => number.clone(),
    }
}

pub(super) fn to_exact(number: &Number) -> Result<Number, NumberError> {
    match number {
        Number::Double(double) => {
            whole(*double).map(Number::from).ok_or(NumberError::Type { operand: 0, expected: Expected::Finite })
        }
        _ => Ok(number.clone()),
    }
}

/// The integer part of a double; `None` of infinities and NaN.
pub(super) fn whole(double: f64) -> Option<IBig> {
    if !double.is_finite() {
        return None;
    }
    let bits = double.to_bits();
    let exponent = (bits >> 52) as i32 & 0x7ff;
    let mantissa = (bits & ((1 << 52) - 1)) | u64::from(exponent != 0) << 52;
    let shift = exponent - 1075;
    let magnitude = if shift >= 0 {
        IBig::from(mantissa) << shift as usize
    } else {
        IBig::from(mantissa.checked_shr(shift.unsigned_abs()).unwrap_or(0))
    };
    Some(if double < 0.0 { -magnitude } else { magnitude })
}

/// The double nearest to an integer; ties to even. (The library's own conversion drops a bit that breaks ties.)
pub(super) fn nearest_double(number: &IBig) -> f64 {
    let length = number.bit_len();
    if length > 1024 {
        return if number.sign() == Sign::Negative { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let exponent = length.saturating_sub(64);
    let (sign, magnitude) = number.clone().into_parts();
    let inexact = magnitude.trailing_zeros().is_some_and(|zeros| zeros < exponent);
    let top = u64::try_from(magnitude >> exponent).unwrap_or(u64::MAX);
    // Eleven of the 64 bits will be dropped, so that the lowest can stand for all below it.
    let double = times_power_of_two((top | u64::from(inexact)) as f64, exponent);
    if sign == Sign::Negative {
        -double
    } else {
        double
    }
}

/// A positive big integer as `double × 2^exponent`, the double in a range where nothing overflows.
fn scaled(number: &IBig) -> (f64, usize) {
    let exponent = number.bit_len().saturating_sub(512) & !1;
    (nearest_double(&(number >> exponent)), exponent)
}

pub(super) fn sqrt(number: &Number) -> f64 {
    match number {
        Number::Big(big) if big.sign() == Sign::Positive => {
            let (double, exponent) = scaled(big);
            times_power_of_two(double.sqrt(), exponent / 2)
        }
        _ => number.to_f64().sqrt(),
    }
}

pub(super) fn log(number: &Number) -> f64 {
    match number {
        Number::Big(big) if big.sign() == Sign::Positive => {
            let (double, exponent) = scaled(big);
            double.ln() + exponent as f64 * std::f64::consts::LN_2
        }
        _ => number.to_f64().ln(),
    }
}

/// `double × 2^exponent` without a detour over an infinity.
fn times_power_of_two(double: f64, exponent: usize) -> f64 {
    let mut result = double;
    let mut rest = exponent;
    while rest > 0 && result.is_finite() {
        let step = rest.min(1000);
        result *= f64::from_bits((1023 + step as u64) << 52);
        rest -= step;
    }
    result
}

pub(super) fn expt(base: &Number, exponent: &Number) -> Result<Number, NumberError> {
    let negative = exponent.compare(&Number::Small(0)) == Some(Ordering::Less);
    if negative || matches!(base, Number::Double(_)) || matches!(exponent, Number::Double(_)) {
        return Ok(Number::Double(base.to_f64().powf(exponent.to_f64())));
    }
    let odd = match exponent {
        Number::Small(exponent) => exponent & 1 != 0,
        _ => integer_of(exponent).bit(0),
    };
    match (base, exponent) {
        (_, Number::Small(0)) => Ok(Number::Small(1)),
        (Number::Small(0 | 1), _) => Ok(base.clone()),
        (Number::Small(-1), _) => Ok(Number::Small(if odd { -1 } else { 1 })),
        (_, Number::Small(exponent)) => power(integer_of(base), *exponent as u64),
        _ => Err(NumberError::TooLarge),
    }
}

fn power(base: IBig, exponent: u64) -> Result<Number, NumberError> {
    match power_bits(&base, exponent) < BITS_MAX as f64 {
        true => limited(base.pow(exponent as usize)),
        false => Err(NumberError::TooLarge),
    }
}

/// How many bits a power has: no more than that are known to be too many before the work is done.
pub(super) fn power_bits(base: &IBig, exponent: u64) -> f64 {
    // The logarithm of the leading 60 bits, and the bits behind them; rounded down by more than it may be wrong.
    let behind = base.bit_len().saturating_sub(60);
    let leading = (base.clone().abs() >> behind).to_f64().value();
    (leading.log2() + behind as f64) * exponent as f64 * (1.0 - 1e-12)
}
