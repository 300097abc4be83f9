//! Division. The CPU's own is slow, so quotients by constants are made of shifts, or of the high half of a product
//! (Warren, Hacker's Delight, chapter 10).

use crate::assemble::{alu, shift};
use crate::encode::Opcode;
use crate::select::{wide_operands, Result};
use maru_core::codegen::{MachInst, Selection};
use maru_core::ir::{Type, Val};
use regalloc2::{Operand, VReg};

/// Select a quotient or remainder, truncated towards zero.
pub fn select(remainder: bool, a: Val, b: Val, to: Result, s: &mut Selection) {
    let dividend = s.value(a);
    match s.constant(b) {
        Some(1 | -1) if remainder => constant(0, to, s),
        Some(1) => {
            let to = s.writes(to);
            s.emit(Opcode::LeaOffset.inst(), &[Operand::reg_use(dividend), to]);
        }
        Some(-1) => {
            let to = s.result(to);
            in_place(Opcode::Negate.inst(), dividend, to, s);
        }
        Some(divisor) if divisor != 0 => by_constant(remainder, dividend, divisor, to, s),
        _ => {
            let divisor = s.value(b);
            by_value(remainder, dividend, divisor, to, s);
        }
    }
}

fn constant(number: i64, to: Result, s: &mut Selection) {
    let to = s.writes(to);
    s.emit(Opcode::Constant.inst().immediate(number), &[to]);
}

fn by_value(remainder: bool, a: VReg, b: VReg, to: Result, s: &mut Selection) {
    if a == b {
        // One register cannot be the dividend and also survive until the end.
        return constant(i64::from(!remainder), to, s);
    }
    let to = s.result(to);
    let other = s.temporary(Type::Word);
    let (quotient, rest) = if remainder { (other, to) } else { (to, other) };
    s.emit(Opcode::Divide.inst(), &wide_operands(a, b, quotient, rest));
}

fn by_constant(remainder: bool, a: VReg, divisor: i64, to: Result, s: &mut Selection) {
    let to = s.result(to);
    let magnitude = divisor.unsigned_abs();
    if magnitude.is_power_of_two() {
        return by_power(remainder, a, magnitude.trailing_zeros(), divisor < 0, to, s);
    }
    if !remainder {
        return quotient(a, divisor, to, s);
    }
    // The remainder's sign is the dividend's: the divisor's does not matter. |MIN| is a power of two.
    let divisor = magnitude as i64;
    let whole = s.temporary(Type::Word);
    quotient(a, divisor, whole, s);
    let product = times(whole, divisor, s);
    two_address(alu::SUB, a, product, to, s);
}

/// A shift rounds down; so to a negative dividend first add the divisor less one.
fn by_power(remainder: bool, a: VReg, power: u32, negative: bool, to: VReg, s: &mut Selection) {
    let sign = shifted(shift::SAR, a, 63, s);
    let bias = shifted(shift::SHR, sign, 64 - power, s);
    let biased = s.temporary(Type::Word);
    two_address(alu::ADD, bias, a, biased, s);
    if remainder {
        let high = shifted(shift::SAR, biased, power, s);
        let multiple = shifted(shift::SHL, high, power, s);
        two_address(alu::SUB, a, multiple, to, s);
    } else if negative {
        let high = shifted(shift::SAR, biased, power, s);
        in_place(Opcode::Negate.inst(), high, to, s);
    } else {
        in_place(Opcode::Shift.inst().variant(shift::SAR).immediate(power.into()), biased, to, s);
    }
}

fn quotient(a: VReg, divisor: i64, to: VReg, s: &mut Selection) {
    let Magic { factor, shift: by } = magic(divisor);
    let number = s.temporary(Type::Word);
    s.emit(Opcode::Constant.inst().immediate(factor), &[Operand::reg_def(number)]);
    let (low, mut high) = (s.temporary(Type::Word), s.temporary(Type::Word));
    s.emit(Opcode::MultiplyHigh.inst(), &wide_operands(number, a, low, high));
    // The true factor has one bit more than a word: its top bit is made up for here.
    let correction = match (divisor > 0, factor > 0) {
        (true, false) => Some(alu::ADD),
        (false, true) => Some(alu::SUB),
        _ => None,
    };
    if let Some(operation) = correction {
        let corrected = s.temporary(Type::Word);
        two_address(operation, high, a, corrected, s);
        high = corrected;
    }
    if by > 0 {
        high = shifted(shift::SAR, high, by, s);
    }
    // Towards zero: add one if negative.
    let sign = shifted(shift::SHR, high, 63, s);
    two_address(alu::ADD, high, sign, to, s);
}

/// Factor and shift for a division.
struct Magic {
    factor: i64,
    shift: u32,
}

/// The smallest power of two 2^p, p ≥ 64, such that (2^p + e) / d, rounded up by e, is exact for all words as
/// dividends. The divisor is neither 0 nor ± a power of two.
fn magic(divisor: i64) -> Magic {
    let magnitude = u128::from(divisor.unsigned_abs());
    // The largest dividend, in magnitude, whose remainder is the divisor less one.
    let limit = (1u128 << 63) + u128::from(divisor < 0);
    let largest = limit - 1 - limit % magnitude;
    let mut power = 64;
    loop {
        let rounding = magnitude - (1u128 << power) % magnitude;
        // 2^p > largest * rounding, without overflow: both factors fit 64 bits.
        if (1u128 << power) > largest * rounding {
            let factor = ((1u128 << power) + rounding) / magnitude;
            let factor = factor as u64 as i64;
            return Magic { factor: if divisor < 0 { factor.wrapping_neg() } else { factor }, shift: power - 64 };
        }
        power += 1;
    }
}

fn times(a: VReg, number: i64, s: &mut Selection) -> VReg {
    let product = s.temporary(Type::Word);
    if i32::try_from(number).is_ok() {
        let operands = [Operand::any_use(a), Operand::reg_def(product)];
        s.emit(Opcode::MultiplyImmediate.inst().immediate(number), &operands);
    } else {
        let factor = s.temporary(Type::Word);
        s.emit(Opcode::Constant.inst().immediate(number), &[Operand::reg_def(factor)]);
        let operands = [Operand::reg_use(factor), Operand::any_use(a), Operand::reg_reuse_def(product, 0)];
        s.emit(Opcode::Multiply.inst(), &operands);
    }
    product
}

fn shifted(operation: u8, a: VReg, count: u32, s: &mut Selection) -> VReg {
    let to = s.temporary(Type::Word);
    in_place(Opcode::Shift.inst().variant(operation).immediate(count.into()), a, to, s);
    to
}

fn in_place(inst: MachInst, a: VReg, to: VReg, s: &mut Selection) {
    s.emit(inst, &[Operand::reg_use(a), Operand::reg_reuse_def(to, 0)]);
}

fn two_address(operation: u8, a: VReg, b: VReg, to: VReg, s: &mut Selection) {
    let operands = [Operand::reg_use(a), Operand::any_use(b), Operand::reg_reuse_def(to, 0)];
    s.emit(Opcode::Alu.inst().variant(operation), &operands);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quotient as the selected instructions compute it.
    fn quotient_by_magic(a: i64, divisor: i64) -> i64 {
        let Magic { factor, shift } = magic(divisor);
        let mut high = ((i128::from(factor) * i128::from(a)) >> 64) as i64;
        if divisor > 0 && factor < 0 {
            high = high.wrapping_add(a);
        }
        if divisor < 0 && factor > 0 {
            high = high.wrapping_sub(a);
        }
        high >>= shift;
        high.wrapping_add((high as u64 >> 63) as i64)
    }

    #[test]
    fn magic_numbers_divide() {
        let bases = [0, 1, 2, 3, 6, 7, 9, 10, 641, 1000, 12345, 1 << 20, 1 << 31, (1 << 32) + 1, 1 << 62];
        let edges = bases.iter().flat_map(|n: &i64| [*n, n - 1, n + 1, -n, -n - 1, 1 - n]);
        let edges: Vec<i64> = edges.chain([i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1]).collect();
        for &divisor in edges.iter().filter(|d| **d != 0 && !d.unsigned_abs().is_power_of_two()) {
            let products =
                edges.iter().flat_map(|n| [n.wrapping_mul(divisor), n.wrapping_mul(divisor).wrapping_sub(1)]);
            for a in edges.iter().copied().chain(products) {
                assert_eq!(quotient_by_magic(a, divisor), a.wrapping_div(divisor), "{a} / {divisor}");
            }
        }
    }
}
