//! Values at the boundaries, where implementations go wrong.

use super::dice::Dice;
use super::syntax::{Expr, Kind, Type};
use maru_core::abi::layout::{FIXNUM_MAX, FIXNUM_MIN};

/// An integer literal: often small, often at an edge.
pub fn integer(dice: &mut Dice) -> Expr {
    let text = match dice.below(100) {
        0..55 => (dice.below(21) as i64 - 10).to_string(),
        55..65 => (dice.below(100_000) as i64 - 50_000).to_string(),
        65..77 => fixnum_edge(dice),
        77..94 => power_edge(dice),
        _ => limbs(dice),
    };
    Expr::leaf(Kind::Integer(text), Type::Integer)
}

/// An integer literal that is neither 0 nor large.
pub fn small_integer(dice: &mut Dice) -> Expr {
    Expr::integer(dice.between(1, 9) as i64)
}

/// An integer near the end of the fixnums.
pub fn fixnum_edge(dice: &mut Dice) -> String {
    let edge = *dice.pick(&[FIXNUM_MAX, FIXNUM_MIN]);
    (i128::from(edge) + dice.below(7) as i128 - 3).to_string()
}

/// An integer near a power of two that some immediate field, register or limb ends at.
fn power_edge(dice: &mut Dice) -> String {
    let power = *dice.pick(&[7, 8, 11, 12, 15, 16, 20, 24, 30, 31, 32, 33, 47, 53, 59, 60, 61, 62, 63, 64, 95, 96]);
    let magnitude = (1i128 << power) + dice.below(5) as i128 - 2;
    if dice.chance(40) { -magnitude } else { magnitude }.to_string()
}

/// An integer of a few limbs whose digits are mostly zeros or mostly ones.
fn limbs(dice: &mut Dice) -> String {
    let count = dice.between(1, 4);
    let mut text = String::from(if dice.chance(30) { "-0x" } else { "0x" });
    text.push(*dice.pick(&['1', '7', '8', 'f']));
    for _ in 0..count {
        let limb = *dice.pick(&[0, u64::MAX, 1 << 63, 1]);
        text.push_str(&format!("{limb:016x}"));
    }
    text
}

/// A double literal: small ones, special ones, and those where immediate representation ends.
pub fn double(dice: &mut Dice) -> Expr {
    // The immediate doubles have magnitudes from 2^-255 below 2^256.
    let edges = [
        2f64.powi(-255),
        2f64.powi(-256),
        2f64.powi(-255) * (1.0 - f64::EPSILON / 2.0),
        2f64.powi(256),
        2f64.powi(255),
        2f64.powi(256) * (1.0 - f64::EPSILON / 2.0),
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        2f64.powi(53),
        2f64.powi(53) + 2.0,
        2f64.powi(60),
        2f64.powi(63),
        0.1,
        1e21,
        1e-7,
    ];
    let value = match dice.below(100) {
        0..45 => dice.below(41) as f64 / 4.0 - 5.0,
        45..55 => *dice.pick(&[0.0, -0.0]),
        55..63 => *dice.pick(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]),
        63..93 => *dice.pick(&edges) * *dice.pick(&[1.0, -1.0]),
        _ => {
            let bits = f64::from_bits(dice.bits());
            if bits.is_nan() {
                1.5
            } else {
                bits
            }
        }
    };
    Expr::leaf(Kind::Double(value), Type::Double)
}

/// A string literal.
pub fn text(dice: &mut Dice) -> Expr {
    let text =
        *dice.pick(&["", "a", "ab", "xyz", "λ", "a𝄞b", "quote\"d", "back\\slash", "two words", "é\n", "0", "hello"]);
    Expr::leaf(Kind::Text(text.into()), Type::Text)
}

/// A symbol literal.
pub fn symbol(dice: &mut Dice) -> Expr {
    Expr::leaf(Kind::Symbol((*dice.pick(&["a", "b", "foo", "list", "x->y"])).into()), Type::Symbol)
}
