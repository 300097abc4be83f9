//! What folding remembers of each value: enough of its definition for the rules to look through.

use super::*;

/// How a value was made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Known {
    /// In no way that a rule asks for.
    Nothing,
    Constant(i64),
    FloatConstant(u64),
    /// A word plus a constant.
    Add(Val, i64),
    And(Val, i64),
    /// Shifted left by a count below 64.
    Shl(Val, u32),
    /// Shifted right by a count below 64, the sign entering.
    Ashr(Val, u32),
    Rotl(Val, u32),
    /// A double's bits.
    Bits(Val),
    /// A double from bits.
    FromBits(Val),
    /// 1 if this holds, else 0.
    Flag(Condition),
    /// 0 or 1.
    Bit,
    /// A flag shifted left, or-ed to a constant without that bit: how booleans are made.
    Choice {
        flag: Val,
        shift: u32,
        base: i64,
    },
}

/// What an operation amounts to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Outcome {
    Constant(i64),
    FloatConstant(u64),
    /// A value that there is.
    Value(Val),
    /// The same with the operands exchanged.
    Exchanged,
    /// 1 if this holds, else 0.
    Flag(Condition),
    /// An operation with a constant that must be made.
    WithConstant(Binary, Val, i64),
    /// Of an operation with overflow: the result is this value and there is none.
    NoOverflow(Val),
    /// A load or store at base plus index, if there is one, plus offset.
    Access(Val, Option<Val>, i32),
}

/// By value: what is known.
pub(super) struct Table(Vec<Known>);

impl Table {
    pub fn new(function: &Function) -> Table {
        Table(vec![Known::Nothing; function.types.len()])
    }

    pub fn of(&self, value: Val) -> Known {
        self.0[value.0 as usize]
    }

    pub fn set(&mut self, value: Val, known: Known) {
        self.0[value.0 as usize] = known;
    }

    pub fn push(&mut self, known: Known) {
        self.0.push(known);
    }

    pub fn constant(&self, value: Val) -> Option<i64> {
        match self.of(value) {
            Known::Constant(number) => Some(number),
            _ => None,
        }
    }

    pub fn float_constant(&self, value: Val) -> Option<f64> {
        match self.of(value) {
            Known::FloatConstant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// Whether a word is 0 or 1.
    pub fn is_flag(&self, value: Val) -> bool {
        matches!(self.of(value), Known::Flag(_) | Known::Bit | Known::Constant(0 | 1))
    }

    /// Remember how an operation makes its results.
    pub fn learn(&mut self, op: &Op, results: [Option<Val>; 2]) {
        let Some(result) = results[0] else { return };
        let known = match *op {
            Op::Const(number) => Known::Constant(number),
            Op::FloatConst(bits) => Known::FloatConstant(bits),
            Op::Binary(op, a, b) => self.binary(op, a, b),
            Op::FloatBits(a) => Known::Bits(a),
            Op::FloatFromBits(a) => Known::FromBits(a),
            Op::Compare(op, a, b) => Known::Flag(Condition::Compare(op, a, b)),
            Op::HasTag(mask, a) => Known::Flag(Condition::HasTag(mask, a)),
            Op::FloatCompare(op, a, b) => Known::Flag(Condition::FloatCompare(op, a, b)),
            Op::Overflowing(..) => {
                self.set(results[1].expect("two results"), Known::Bit);
                Known::Nothing
            }
            _ => Known::Nothing,
        };
        self.set(result, known);
    }

    fn binary(&self, op: Binary, a: Val, b: Val) -> Known {
        let Some(number) = self.constant(b) else { return Known::Nothing };
        let count = number as u32 & 63;
        match op {
            Binary::Add => Known::Add(a, number),
            Binary::Sub => Known::Add(a, number.wrapping_neg()),
            Binary::And => Known::And(a, number),
            Binary::Shl => Known::Shl(a, count),
            Binary::Ashr => Known::Ashr(a, count),
            Binary::Rotl => Known::Rotl(a, count),
            Binary::Or => match self.of(a) {
                Known::Shl(flag, shift) if self.is_flag(flag) && number >> shift & 1 == 0 => {
                    Known::Choice { flag, shift, base: number }
                }
                _ => Known::Nothing,
            },
            _ => Known::Nothing,
        }
    }
}
