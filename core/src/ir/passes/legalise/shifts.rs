//! Shifts and rotations of words, by constants and by variables.

use super::*;

impl Splitter<'_> {
    pub(super) fn shift(&mut self, op: Binary, a: Halves, count: Halves) -> Halves {
        // Counts are taken modulo 64: the high half does not matter.
        match self.known_half(count.low) {
            Some(count) => self.shift_by_constant(op, a, count & 63),
            None if op == Binary::Rotl => self.rotate_by_variable(a, count.low),
            None => self.shift_by_variable(op, a, count.low),
        }
    }

    fn shift_by_constant(&mut self, op: Binary, a: Halves, count: u32) -> Halves {
        let Halves { low, high } = a;
        match (op, count) {
            (_, 0) => a,
            (Binary::Rotl, 32..) => self.shift_by_constant(op, Halves { low: high, high: low }, count - 32),
            (Binary::Rotl, _) => Halves { low: self.funnel(low, high, count), high: self.funnel(high, low, count) },
            (Binary::Shl, 32..) => {
                Halves { low: self.narrow(0), high: self.with_constant(Binary::Shl, low, count - 32) }
            }
            (Binary::Shl, _) => {
                Halves { low: self.with_constant(Binary::Shl, low, count), high: self.funnel(high, low, count) }
            }
            (Binary::Lshr, 32..) => {
                Halves { low: self.with_constant(Binary::Lshr, high, count - 32), high: self.narrow(0) }
            }
            (_, 32..) => {
                let sign = self.with_constant(Binary::Ashr, high, 31);
                let low = if count == 63 { sign } else { self.with_constant(Binary::Ashr, high, count - 32) };
                Halves { low, high: sign }
            }
            (_, _) => Halves { low: self.funnel(high, low, 32 - count), high: self.with_constant(op, high, count) },
        }
    }

    /// The upper half of two narrow words that are shifted left together, by 1 to 31.
    fn funnel(&mut self, upper: Val, lower: Val, count: u32) -> Val {
        let upper = self.with_constant(Binary::Shl, upper, count);
        if self.bits(lower) <= 32 - count {
            return upper;
        }
        let lower = self.with_constant(Binary::Lshr, lower, 32 - count);
        self.narrow_binary(Binary::Or, upper, lower)
    }

    /// By any count, without a branch: what a count below 32 gives and what others give, and a choice between them.
    fn shift_by_variable(&mut self, op: Binary, a: Halves, count: Val) -> Halves {
        let large = self.mask_of_large(count);
        if op == Binary::Shl {
            let low = self.narrow_binary(Binary::Shl, a.low, count);
            let high = self.funnel_left(a.high, a.low, count);
            let zero = self.narrow(0);
            return Halves { low: self.choose(large, zero, low), high: self.choose(large, low, high) };
        }
        let low = self.funnel_right(a.high, a.low, count);
        let high = self.narrow_binary(op, a.high, count);
        let entering = match op {
            Binary::Ashr => self.with_constant(Binary::Ashr, a.high, 31),
            _ => self.narrow(0),
        };
        Halves { low: self.choose(large, high, low), high: self.choose(large, entering, high) }
    }

    fn rotate_by_variable(&mut self, a: Halves, count: Val) -> Halves {
        let large = self.mask_of_large(count);
        // A count of 32 or more exchanges the halves first.
        let both = self.narrow_binary(Binary::Xor, a.low, a.high);
        let change = self.narrow_binary(Binary::And, both, large);
        let low = self.narrow_binary(Binary::Xor, a.low, change);
        let high = self.narrow_binary(Binary::Xor, a.high, change);
        Halves { low: self.funnel_left(low, high, count), high: self.funnel_left(high, low, count) }
    }

    /// All bits set if the count, modulo 64, is 32 or more; else none.
    fn mask_of_large(&mut self, count: Val) -> Val {
        let top = self.with_constant(Binary::Shl, count, 26);
        self.with_constant(Binary::Ashr, top, 31)
    }

    /// One of two words, by a mask of all bits or none.
    fn choose(&mut self, mask: Val, set: Val, clear: Val) -> Val {
        let both = self.narrow_binary(Binary::Xor, clear, set);
        let change = self.narrow_binary(Binary::And, both, mask);
        self.narrow_binary(Binary::Xor, clear, change)
    }

    /// The upper half of two narrow words that are shifted left together, by the count modulo 32. The lower is shifted
    /// right by 32 less the count: by 1, and by 31 less it, so that a count of 0 leaves nothing.
    fn funnel_left(&mut self, upper: Val, lower: Val, count: Val) -> Val {
        let rest = self.with_constant(Binary::Xor, count, u32::MAX);
        let upper = self.narrow_binary(Binary::Shl, upper, count);
        let lower = self.with_constant(Binary::Lshr, lower, 1);
        let lower = self.narrow_binary(Binary::Lshr, lower, rest);
        self.narrow_binary(Binary::Or, upper, lower)
    }

    /// The lower half of two narrow words that are shifted right together, by the count modulo 32.
    fn funnel_right(&mut self, upper: Val, lower: Val, count: Val) -> Val {
        let rest = self.with_constant(Binary::Xor, count, u32::MAX);
        let upper = self.with_constant(Binary::Shl, upper, 1);
        let upper = self.narrow_binary(Binary::Shl, upper, rest);
        let lower = self.narrow_binary(Binary::Lshr, lower, count);
        self.narrow_binary(Binary::Or, upper, lower)
    }
}
