//! What the pure operations compute: the one definition that evaluator, builder and constant folding share.

use super::{Binary, Compare, FloatBinary, FloatCompare, FloatUnary, Overflowing, Val};

/// The result of a word operation; `None` where it is undefined.
pub fn binary(op: Binary, a: u64, b: u64) -> Option<u64> {
    Some(match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::Div => (a as i64).checked_div(b as i64)? as u64,
        Binary::Rem => (a as i64).checked_rem(b as i64)? as u64,
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::Shl => a.wrapping_shl(b as u32),
        Binary::Lshr => a.wrapping_shr(b as u32),
        Binary::Ashr => (a as i64).wrapping_shr(b as u32) as u64,
        Binary::Rotl => a.rotate_left(b as u32 & 63),
    })
}

/// The wrapped result of an operation, and whether it overflowed.
pub fn overflowing(op: Overflowing, a: u64, b: u64) -> (u64, bool) {
    let (a, b) = (a as i64, b as i64);
    let (result, overflow) = match op {
        Overflowing::Add => a.overflowing_add(b),
        Overflowing::Sub => a.overflowing_sub(b),
        Overflowing::Mul => a.overflowing_mul(b),
    };
    (result as u64, overflow)
}

/// Whether a comparison of words holds.
pub fn compare(op: Compare, a: u64, b: u64) -> bool {
    match op {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => (a as i64) < b as i64,
        Compare::Le => a as i64 <= b as i64,
        Compare::Gt => a as i64 > b as i64,
        Compare::Ge => a as i64 >= b as i64,
        Compare::Below => a < b,
        Compare::AtLeast => a >= b,
    }
}

/// Whether a word has one of the tags of a mask.
pub fn has_tag(mask: u8, value: u64) -> bool {
    mask >> (value & 7) & 1 != 0
}

/// The result of an operation on doubles.
pub fn float_binary(op: FloatBinary, a: f64, b: f64) -> f64 {
    match op {
        FloatBinary::Add => a + b,
        FloatBinary::Sub => a - b,
        FloatBinary::Mul => a * b,
        FloatBinary::Div => a / b,
    }
}

/// The result of an operation on a double.
pub fn float_unary(op: FloatUnary, a: f64) -> f64 {
    match op {
        FloatUnary::Neg => -a,
        FloatUnary::Abs => a.abs(),
        FloatUnary::Sqrt => a.sqrt(),
    }
}

/// Whether a comparison of doubles holds.
pub fn float_compare(op: FloatCompare, a: f64, b: f64) -> bool {
    match op {
        FloatCompare::Eq => a == b,
        FloatCompare::Ne => a != b,
        FloatCompare::Lt => a < b,
        FloatCompare::Le => a <= b,
        FloatCompare::Gt => a > b,
        FloatCompare::Ge => a >= b,
    }
}

/// A double truncated to a signed word; `None` where that is undefined.
pub fn float_to_int(a: f64) -> Option<i64> {
    // -2^63 is in range, 2^63 is not; both are doubles. NaN fails both tests.
    (a >= i64::MIN as f64 && a < -(i64::MIN as f64)).then_some(a as i64)
}

/// What an operation amounts to, where that is less than the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Simplified {
    /// A constant.
    Constant(i64),
    /// One of the operands.
    Operand(Val),
}

/// Simplify a word operation, given the operands that are known constants.
pub fn simplify_binary(op: Binary, a: (Val, Option<i64>), b: (Val, Option<i64>)) -> Option<Simplified> {
    use Simplified::{Constant, Operand};
    match (a.1, b.1) {
        (Some(x), Some(y)) => binary(op, x as u64, y as u64).map(|word| Constant(word as i64)),
        (None, None) if a.0 == b.0 => match op {
            Binary::Sub | Binary::Xor => Some(Constant(0)),
            Binary::And | Binary::Or => Some(Operand(a.0)),
            _ => None,
        },
        (None, Some(y)) => match (op, y) {
            (Binary::Add | Binary::Sub | Binary::Or | Binary::Xor, 0) => Some(Operand(a.0)),
            (Binary::Shl | Binary::Lshr | Binary::Ashr | Binary::Rotl, count) if count & 63 == 0 => Some(Operand(a.0)),
            (Binary::Mul | Binary::Div, 1) | (Binary::And, -1) => Some(Operand(a.0)),
            (Binary::Mul | Binary::And, 0) | (Binary::Rem, 1) => Some(Constant(0)),
            (Binary::Or, -1) => Some(Constant(-1)),
            _ => None,
        },
        (Some(x), None) => match (op, x) {
            (Binary::Add | Binary::Or | Binary::Xor, 0) | (Binary::Mul, 1) | (Binary::And, -1) => Some(Operand(b.0)),
            (Binary::Mul | Binary::And | Binary::Shl | Binary::Lshr | Binary::Ashr | Binary::Rotl, 0) => {
                Some(Constant(0))
            }
            (Binary::Or | Binary::Ashr | Binary::Rotl, -1) => Some(Constant(-1)),
            _ => None,
        },
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_divisions_have_no_result() {
        assert_eq!(binary(Binary::Div, 1, 0), None);
        assert_eq!(binary(Binary::Rem, 1, 0), None);
        assert_eq!(binary(Binary::Div, i64::MIN as u64, -1i64 as u64), None);
        assert_eq!(binary(Binary::Rem, i64::MIN as u64, -1i64 as u64), None);
        assert_eq!(binary(Binary::Div, -7i64 as u64, 2), Some(-3i64 as u64));
        assert_eq!(binary(Binary::Rem, -7i64 as u64, 2), Some(-1i64 as u64));
    }

    #[test]
    fn counts_are_taken_modulo_64() {
        for op in [Binary::Shl, Binary::Lshr, Binary::Ashr, Binary::Rotl] {
            for count in [0u64, 1, 63] {
                for more in [64u64, 128, 1 << 32, u64::MAX - 63] {
                    let word = 0x8123_4567_89ab_cdef;
                    assert_eq!(binary(op, word, count), binary(op, word, count + more), "{op:?} {count} {more}");
                }
            }
        }
    }

    #[test]
    fn truncation_is_defined_just_inside_the_range() {
        assert_eq!(float_to_int(-9223372036854775808.0), Some(i64::MIN));
        assert_eq!(float_to_int(9223372036854774784.0), Some(9223372036854774784));
        assert_eq!(float_to_int(9223372036854775808.0), None);
        assert_eq!(float_to_int(-9223372036854777856.0), None);
        assert_eq!(float_to_int(f64::NAN), None);
        assert_eq!(float_to_int(-0.9), Some(0));
    }

    #[test]
    fn simplification_agrees_with_the_operation() {
        let all = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Rem, Binary::And, Binary::Or]
            .into_iter()
            .chain([Binary::Xor, Binary::Shl, Binary::Lshr, Binary::Ashr, Binary::Rotl]);
        let words = [0, 1, -1, 2, 63, 64, 65, i64::MIN, i64::MAX, 0x0123_4567_89ab_cdef];
        let (left, right) = (Val(0), Val(1));
        let check = |op, a: (Val, Option<i64>), b: (Val, Option<i64>), x: i64, y: i64| {
            let expected = match simplify_binary(op, a, b) {
                Some(Simplified::Constant(word)) => word,
                Some(Simplified::Operand(value)) => [x, y][value.0 as usize],
                None => return,
            };
            if let Some(word) = binary(op, x as u64, y as u64) {
                assert_eq!(word as i64, expected, "{op:?} {x} {y}");
            }
        };
        for op in all {
            for x in words {
                check(op, (left, None), (left, None), x, x);
                for y in words {
                    check(op, (left, None), (right, Some(y)), x, y);
                    check(op, (left, Some(x)), (right, None), x, y);
                    check(op, (left, Some(x)), (right, Some(y)), x, y);
                }
            }
        }
    }
}
