//! A word for each number that is the same for numbers of the same mathematical value, for tables.
//!
//! Whole numbers come as their residue modulo 2^61 - 1, with their sign: the residue of a fixnum is the fixnum itself,
//! and that of a double or of limbs takes no big integer to find. Other doubles come as their bits.

use super::{canonical, Limbs};
use crate::value::{Value, Word};

/// How many bits a residue has: multiplying by two turns them in a circle, since 2^61 is one.
const BITS: u32 = 61;
const MODULUS: u64 = (1 << BITS) - 1;

/// The word of a number; `None` for what is no number.
#[inline]
pub fn hash_key(value: Value) -> Option<Word> {
    if let Some(number) = value.as_fixnum() {
        return Some(number as Word);
    }
    if let Some(number) = super::as_double(value) {
        return Some(of_double(number));
    }
    Limbs::of(value).map(|limbs| signed(of_limbs(limbs.limbs), limbs.negative))
}

fn signed(residue: u64, negative: bool) -> Word {
    if negative {
        residue.wrapping_neg()
    } else {
        residue
    }
}

fn of_limbs(limbs: &[Word]) -> u64 {
    let mut residue = 0;
    for limb in limbs.iter().rev() {
        // 2^64 is eight, and 2^61 is one.
        let sum = u128::from(residue) * 8 + u128::from(*limb);
        residue = (sum as u64 & MODULUS) + (sum >> BITS) as u64;
        residue = if residue >= MODULUS { residue - MODULUS } else { residue };
    }
    residue
}

fn of_double(number: f64) -> Word {
    if number != number.trunc() || !number.is_finite() {
        let bits = canonical(number).to_bits();
        // Whoever drops the bits that a residue has not got keeps something of them.
        return bits ^ bits >> BITS;
    }
    let bits = number.abs().to_bits();
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let exponent = (bits >> 52) as i32 - 1075;
    if number == 0.0 {
        return 0;
    }
    let residue = if exponent <= 0 {
        mantissa >> -exponent
    } else {
        let turn = exponent as u32 % BITS;
        (mantissa << turn | mantissa >> (BITS - turn)) & MODULUS
    };
    signed(residue, number < 0.0)
}
