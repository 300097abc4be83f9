//! The rules of folding.

use super::*;
use crate::ir::arithmetic::{self, Simplified};

/// What the condition of a branch amounts to.
pub(super) enum Decided {
    /// It always or never holds.
    Always(bool),
    /// It holds when this one does.
    As(Condition),
    /// It holds when this one does not.
    Unless(Condition),
}

impl Table {
    /// What an operation amounts to, if that is simpler.
    #[inline]
    pub fn simplify(&self, op: &Op) -> Option<Outcome> {
        match *op {
            Op::Binary(op, a, b) => self.simplify_binary(op, a, b),
            Op::Overflowing(op, a, b) => self.overflowing(op, a, b),
            Op::Compare(op, a, b) => self.compare(op, a, b),
            Op::HasTag(mask, a) => match (mask, self.constant(a)) {
                (0, _) => Some(Outcome::Constant(0)),
                (0xff, _) => Some(Outcome::Constant(1)),
                (_, word) => Some(Outcome::Constant(arithmetic::has_tag(mask, word? as u64).into())),
            },
            Op::FloatBinary(op, a, b) => {
                let result = arithmetic::float_binary(op, self.float_constant(a)?, self.float_constant(b)?);
                float_outcome(result)
            }
            Op::FloatUnary(op, a) => float_outcome(arithmetic::float_unary(op, self.float_constant(a)?)),
            Op::FloatCompare(op, a, b) => {
                let (a, b) = (self.float_constant(a)?, self.float_constant(b)?);
                Some(Outcome::Constant(arithmetic::float_compare(op, a, b).into()))
            }
            Op::IntToFloat(a) => float_outcome(self.constant(a)? as f64),
            Op::FloatToInt(a) => arithmetic::float_to_int(self.float_constant(a)?).map(Outcome::Constant),
            Op::FloatBits(a) => match self.of(a) {
                Known::FromBits(word) => Some(Outcome::Value(word)),
                Known::FloatConstant(bits) => Some(Outcome::Constant(bits as i64)),
                _ => None,
            },
            Op::FloatFromBits(a) => match self.of(a) {
                Known::Bits(double) => Some(Outcome::Value(double)),
                Known::Constant(bits) => Some(Outcome::FloatConstant(bits as u64)),
                _ => None,
            },
            Op::Load(_, base, offset) | Op::Store(_, _, base, offset) => {
                let (base, offset) = self.base(base, offset)?;
                Some(Outcome::Access(base, None, offset))
            }
            Op::LoadIndexed(_, base, index, offset) | Op::StoreIndexed(_, _, base, index, offset) => {
                self.indexed(base, index, offset)
            }
            _ => None,
        }
    }

    fn simplify_binary(&self, op: Binary, a: Val, b: Val) -> Option<Outcome> {
        let (known_a, known_b) = (self.constant(a), self.constant(b));
        match arithmetic::simplify_binary(op, (a, known_a), (b, known_b)) {
            Some(Simplified::Constant(number)) => return Some(Outcome::Constant(number)),
            Some(Simplified::Operand(value)) => return Some(Outcome::Value(value)),
            None => {}
        }
        let commutes = matches!(op, Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor);
        if commutes && known_a.is_some() {
            return Some(Outcome::Exchanged);
        }
        let number = known_b?;
        match (op, self.of(a)) {
            (Binary::Add, Known::Add(x, more)) => Some(sum(x, more.wrapping_add(number))),
            (Binary::Sub, Known::Add(x, more)) => Some(sum(x, more.wrapping_sub(number))),
            (Binary::And, Known::And(x, mask)) => Some(Outcome::WithConstant(Binary::And, x, mask & number)),
            (Binary::Rotl, Known::Rotl(x, count)) => Some(match (i64::from(count) + number) & 63 {
                0 => Outcome::Value(x),
                count => Outcome::WithConstant(Binary::Rotl, x, count),
            }),
            (Binary::Shl, Known::Ashr(x, count)) if i64::from(count) == number & 63 => {
                Some(Outcome::WithConstant(Binary::And, x, -1 << count))
            }
            (Binary::Xor, Known::Flag(condition)) if number == 1 => negated(condition),
            (Binary::And, _) if number == 1 && self.is_flag(a) => Some(Outcome::Value(a)),
            (Binary::Mul, _) if number > 1 && number.count_ones() == 1 => {
                Some(Outcome::WithConstant(Binary::Shl, a, number.trailing_zeros().into()))
            }
            _ => None,
        }
    }

    fn overflowing(&self, op: Overflowing, a: Val, b: Val) -> Option<Outcome> {
        match (op, self.constant(a), self.constant(b)) {
            (Overflowing::Add | Overflowing::Sub, _, Some(0)) | (Overflowing::Mul, _, Some(1)) => {
                Some(Outcome::NoOverflow(a))
            }
            (Overflowing::Add, Some(0), _) | (Overflowing::Mul, Some(1), _) => Some(Outcome::NoOverflow(b)),
            (Overflowing::Add | Overflowing::Mul, Some(_), None) => Some(Outcome::Exchanged),
            _ => None,
        }
    }

    fn compare(&self, op: Compare, a: Val, b: Val) -> Option<Outcome> {
        if a == b {
            let holds = matches!(op, Compare::Eq | Compare::Le | Compare::Ge | Compare::AtLeast);
            return Some(Outcome::Constant(holds.into()));
        }
        let (known_a, known_b) = (self.constant(a), self.constant(b));
        if let (Some(x), Some(y)) = (known_a, known_b) {
            return Some(Outcome::Constant(arithmetic::compare(op, x as u64, y as u64).into()));
        }
        if known_a.is_some() {
            return mirrored(op).map(|op| Outcome::Flag(Condition::Compare(op, b, a)));
        }
        let number = known_b?;
        let (flag, is_set) = self.as_test_of_flag(op, a, number)?;
        if is_set {
            return Some(Outcome::Value(flag));
        }
        match self.of(flag) {
            Known::Flag(condition) => negated(condition),
            _ => None,
        }
    }

    /// The flag that a comparison with a constant tests, and whether it holds when the flag is 1 (or else, is 0).
    fn as_test_of_flag(&self, op: Compare, a: Val, number: i64) -> Option<(Val, bool)> {
        let equal = match op {
            Compare::Eq => true,
            Compare::Ne => false,
            _ => return None,
        };
        match self.of(a) {
            Known::Flag(_) | Known::Bit => matches!(number, 0 | 1).then_some((a, equal == (number == 1))),
            Known::Choice { flag, shift, base } => {
                let one = base | 1 << shift;
                (number == base || number == one).then_some((flag, equal == (number == one)))
            }
            _ => None,
        }
    }

    /// The base that a base plus offset starts from, with the offset from there.
    fn base(&self, base: Val, offset: i32) -> Option<(Val, i32)> {
        match self.of(base) {
            Known::Add(x, number) => Some((x, plus(offset, number)?)),
            _ => None,
        }
    }

    /// A base plus index plus offset whose constant parts went into the offset.
    fn indexed(&self, base: Val, index: Val, offset: i32) -> Option<Outcome> {
        if let Some(number) = self.constant(index) {
            return Some(Outcome::Access(base, None, plus(offset, number)?));
        }
        if let Some((base, offset)) = self.base(base, offset) {
            return Some(Outcome::Access(base, Some(index), offset));
        }
        let (index, offset) = self.base(index, offset)?;
        Some(Outcome::Access(base, Some(index), offset))
    }

    /// What a branch's condition amounts to, if that is simpler.
    pub fn decide(&self, condition: &Condition) -> Option<Decided> {
        let op = match *condition {
            Condition::NonZero(value) => {
                return match self.of(value) {
                    Known::Constant(number) => Some(Decided::Always(number != 0)),
                    Known::Flag(condition) => Some(Decided::As(condition)),
                    Known::Choice { base, .. } if base != 0 => Some(Decided::Always(true)),
                    _ => None,
                }
            }
            Condition::Compare(op, a, b) => {
                if let Some((flag, is_set)) = self.constant(b).and_then(|number| self.as_test_of_flag(op, a, number)) {
                    let condition = Condition::NonZero(flag);
                    return Some(if is_set { Decided::As(condition) } else { Decided::Unless(condition) });
                }
                Op::Compare(op, a, b)
            }
            Condition::HasTag(mask, a) => Op::HasTag(mask, a),
            Condition::FloatCompare(op, a, b) => Op::FloatCompare(op, a, b),
        };
        match self.simplify(&op)? {
            Outcome::Constant(number) => Some(Decided::Always(number != 0)),
            Outcome::Flag(condition) => Some(Decided::As(condition)),
            _ => None,
        }
    }
}

/// A constant double. The bits of a computed NaN differ between machines, so none is made here.
fn float_outcome(result: f64) -> Option<Outcome> {
    (!result.is_nan()).then(|| Outcome::FloatConstant(result.to_bits()))
}

fn sum(value: Val, number: i64) -> Outcome {
    match number {
        0 => Outcome::Value(value),
        number => Outcome::WithConstant(Binary::Add, value, number),
    }
}

fn plus(offset: i32, number: i64) -> Option<i32> {
    i32::try_from(number.checked_add(offset.into())?).ok()
}

/// The operation that gives 1 where the condition does not hold.
fn negated(condition: Condition) -> Option<Outcome> {
    Some(Outcome::Flag(match condition {
        Condition::Compare(op, a, b) => Condition::Compare(op.negate(), a, b),
        Condition::HasTag(mask, a) => Condition::HasTag(!mask, a),
        Condition::FloatCompare(FloatCompare::Eq, a, b) => Condition::FloatCompare(FloatCompare::Ne, a, b),
        Condition::FloatCompare(FloatCompare::Ne, a, b) => Condition::FloatCompare(FloatCompare::Eq, a, b),
        _ => return None,
    }))
}

/// The comparison with its sides exchanged, if there is one.
fn mirrored(op: Compare) -> Option<Compare> {
    match op {
        Compare::Eq | Compare::Ne => Some(op),
        Compare::Lt => Some(Compare::Gt),
        Compare::Le => Some(Compare::Ge),
        Compare::Gt => Some(Compare::Lt),
        Compare::Ge => Some(Compare::Le),
        Compare::Below | Compare::AtLeast => None,
    }
}
