//! Comparisons of words, as flags and as what branches test.

use super::*;
use crate::ir::narrow::Carrying;

/// What tells whether a comparison holds.
enum Test {
    /// A comparison of narrow words.
    Compare(Compare, Val, Val),
    /// A narrow word: 1 if it holds, else 0.
    Flag(Val),
}

impl Splitter<'_> {
    /// A narrow word: 1 if the comparison holds, else 0.
    pub(super) fn compare(&mut self, op: Compare, a: Halves, b: Halves) -> Val {
        match self.test(op, a, b) {
            Test::Compare(op, a, b) => self.b.compare(op, a, b),
            Test::Flag(flag) => flag,
        }
    }

    /// What a branch tests instead.
    pub(super) fn condition(&mut self, condition: &Condition) -> Condition {
        match *condition {
            Condition::NonZero(a) => {
                let Halves { low, high } = self.halves(a);
                Condition::NonZero(self.narrow_binary(Binary::Or, low, high))
            }
            Condition::Compare(op, a, b) => match self.test(op, self.halves(a), self.halves(b)) {
                Test::Compare(op, a, b) => Condition::Compare(op, a, b),
                Test::Flag(flag) => Condition::NonZero(flag),
            },
            Condition::HasTag(mask, a) => Condition::HasTag(mask, self.halves(a).low),
            Condition::FloatCompare(op, a, b) => Condition::FloatCompare(op, self.double(a), self.double(b)),
        }
    }

    fn test(&mut self, op: Compare, a: Halves, b: Halves) -> Test {
        match op {
            Compare::Eq | Compare::Ne => self.test_equal(op, a, b),
            Compare::Lt | Compare::Ge | Compare::Below | Compare::AtLeast => self.test_less(op, a, b),
            // A constant stays on the right if there is a next one.
            Compare::Le | Compare::Gt => match self.known(b).map(|word| word as i64) {
                Some(number) if number != i64::MAX => {
                    let next = self.constant((number + 1) as u64);
                    self.test_less(if op == Compare::Le { Compare::Lt } else { Compare::Ge }, a, next)
                }
                _ => self.test_less(if op == Compare::Le { Compare::Ge } else { Compare::Lt }, b, a),
            },
        }
    }

    fn test_equal(&mut self, op: Compare, a: Halves, b: Halves) -> Test {
        if self.same(a.high, b.high) {
            return Test::Compare(op, a.low, b.low);
        }
        if self.same(a.low, b.low) {
            return Test::Compare(op, a.high, b.high);
        }
        let low = self.narrow_binary(Binary::Xor, a.low, b.low);
        let high = self.narrow_binary(Binary::Xor, a.high, b.high);
        let different = self.narrow_binary(Binary::Or, low, high);
        Test::Compare(op, different, self.narrow(0))
    }

    fn test_less(&mut self, op: Compare, a: Halves, b: Halves) -> Test {
        if self.same(a.high, b.high) {
            let unsigned = match op {
                Compare::Lt => Compare::Below,
                Compare::Ge => Compare::AtLeast,
                op => op,
            };
            return Test::Compare(unsigned, a.low, b.low);
        }
        // Nothing is below 0, and nothing above the greatest: then the low halves have no say.
        if self.known_half(b.low) == Some(0) || self.known_half(a.low) == Some(u32::MAX) {
            return Test::Compare(op, a.high, b.high);
        }
        let borrow = self.pair(Op::Narrow(Narrow::Carry(Carrying::Sub, a.low, b.low))).high;
        let [flag, _] = self.b.push(Op::Narrow(Narrow::CompareWithBorrow(op, a.high, b.high, borrow)));
        Test::Flag(flag.expect("a flag"))
    }

    /// Whether two narrow words are known to be the same.
    fn same(&self, a: Val, b: Val) -> bool {
        a == b || self.known_half(a).is_some_and(|known| self.known_half(b) == Some(known))
    }
}
