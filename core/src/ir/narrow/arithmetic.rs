//! What the pure operations compute in functions of narrow words.

use super::{Carrying, Compare, WideMul};
use crate::ir::arithmetic::{self, Simplified};
use crate::ir::{Binary, Val};

/// The number that stands for a narrow word in a constant: its sign extended.
pub fn extended(word: u32) -> i64 {
    i64::from(word as i32)
}

/// The low and the high half of a 64-bit word.
pub fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

/// The 64-bit word with these halves.
pub fn joined(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// Whether functions of narrow words have an operation.
pub fn has_binary(op: Binary) -> bool {
    !matches!(op, Binary::Div | Binary::Rem | Binary::Rotl)
}

/// The result of a word operation; `None` for those that there are not.
pub fn binary(op: Binary, a: u32, b: u32) -> Option<u32> {
    Some(match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::Shl => a.wrapping_shl(b),
        Binary::Lshr => a.wrapping_shr(b),
        Binary::Ashr => (a as i32).wrapping_shr(b) as u32,
        Binary::Div | Binary::Rem | Binary::Rotl => return None,
    })
}

/// The wrapped sum or difference, and the carry or borrow.
pub fn carrying(op: Carrying, a: u32, b: u32) -> (u32, bool) {
    match op {
        Carrying::Add => a.overflowing_add(b),
        Carrying::Sub => a.overflowing_sub(b),
    }
}

/// The wrapped result with a carry or borrow, and whether it overflows for signed operands.
pub fn with_carry(op: Carrying, a: u32, b: u32, carry: bool) -> (u32, bool) {
    let (a, b, carry) = (i64::from(a as i32), i64::from(b as i32), i64::from(carry));
    let result = match op {
        Carrying::Add => a + b + carry,
        Carrying::Sub => a - b - carry,
    };
    (result as u32, i32::try_from(result).is_err())
}

/// Whether a comparison holds for 64-bit words with these high halves and this borrow of the low ones.
pub fn compare_with_borrow(op: Compare, a: u32, b: u32, borrow: bool) -> bool {
    let signed = i64::from(a as i32) - i64::from(b as i32) - i64::from(borrow);
    let unsigned = i64::from(a) - i64::from(b) - i64::from(borrow);
    match op {
        Compare::Lt => signed < 0,
        Compare::Ge => signed >= 0,
        Compare::Below => unsigned < 0,
        Compare::AtLeast => unsigned >= 0,
        Compare::Eq | Compare::Ne | Compare::Le | Compare::Gt => unreachable!("refused by the verifier"),
    }
}

/// Low and high half of a product.
pub fn mul_wide(op: WideMul, a: u32, b: u32) -> (u32, u32) {
    halves(match op {
        WideMul::Unsigned => u64::from(a) * u64::from(b),
        WideMul::Signed => (i64::from(a as i32) * i64::from(b as i32)) as u64,
    })
}

/// A double truncated to a signed number of 32 bits; `None` where that is undefined.
pub fn float_to_int(a: f64) -> Option<u32> {
    let whole = a.trunc();
    (whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX)).then_some(whole as i32 as u32)
}

/// Simplify a word operation, given the operands that are known constants, signs extended.
pub fn simplify_binary(op: Binary, a: (Val, Option<i64>), b: (Val, Option<i64>)) -> Option<Simplified> {
    match (op, a.1, b.1) {
        (_, Some(x), Some(y)) => binary(op, x as u32, y as u32).map(|word| Simplified::Constant(extended(word))),
        (Binary::Shl | Binary::Lshr | Binary::Ashr, None, Some(count)) => {
            (count & 31 == 0).then_some(Simplified::Operand(a.0))
        }
        // What is true of all other constants that there are rules for is true of them in any width.
        _ => arithmetic::simplify_binary(op, a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Compare;

    const WORDS: [u32; 10] = [0, 1, 2, 31, 32, 33, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

    #[test]
    fn simplification_agrees_with_the_operation() {
        let (left, right) = (Val(0), Val(1));
        for op in Binary::ALL.iter().copied().filter(|&op| has_binary(op)) {
            for (x, y) in WORDS.iter().flat_map(|&x| WORDS.map(|y| (x, y))) {
                let expected = binary(op, x, y).map(extended);
                for known in 0..4 {
                    let a = (left, (known & 1 != 0).then_some(extended(x)));
                    let b = (right, (known & 2 != 0).then_some(extended(y)));
                    match simplify_binary(op, a, b) {
                        Some(Simplified::Constant(word)) => assert_eq!(Some(word), expected, "{op:?} {x} {y}"),
                        Some(Simplified::Operand(value)) => {
                            assert_eq!(Some(extended([x, y][value.0 as usize])), expected, "{op:?} {x} {y}");
                        }
                        None => {}
                    }
                }
            }
        }
    }

    #[test]
    fn halves_with_carries_make_whole_words() {
        let words: Vec<u64> = WORDS.iter().flat_map(|&low| WORDS.map(|high| joined(low, high))).collect();
        for (a, b) in words.iter().flat_map(|&a| words.iter().map(move |&b| (a, b))) {
            let ((a_low, a_high), (b_low, b_high)) = (halves(a), halves(b));
            let (low, carry) = carrying(Carrying::Add, a_low, b_low);
            let (high, overflow) = with_carry(Carrying::Add, a_high, b_high, carry);
            let (sum, expected) = (a as i64).overflowing_add(b as i64);
            assert_eq!((joined(low, high), overflow), (sum as u64, expected), "{a:#x} + {b:#x}");
            let (low, borrow) = carrying(Carrying::Sub, a_low, b_low);
            let (high, overflow) = with_carry(Carrying::Sub, a_high, b_high, borrow);
            let (difference, expected) = (a as i64).overflowing_sub(b as i64);
            assert_eq!((joined(low, high), overflow), (difference as u64, expected), "{a:#x} - {b:#x}");
            for op in [Compare::Lt, Compare::Ge, Compare::Below, Compare::AtLeast] {
                let found = compare_with_borrow(op, a_high, b_high, borrow);
                assert_eq!(found, arithmetic::compare(op, a, b), "{op:?} {a:#x} {b:#x}");
            }
        }
    }

    #[test]
    fn truncation_is_defined_just_inside_the_range() {
        assert_eq!(float_to_int(-2147483648.9), Some(0x8000_0000));
        assert_eq!(float_to_int(2147483647.9), Some(0x7fff_ffff));
        assert_eq!(float_to_int(2147483648.0), None);
        assert_eq!(float_to_int(-2147483649.0), None);
        assert_eq!(float_to_int(f64::NAN), None);
    }
}
