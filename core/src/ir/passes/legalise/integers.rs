//! Arithmetic and logic on words.

use super::*;
use crate::ir::arithmetic;
use crate::ir::narrow::{Carrying, WideMul};

impl Splitter<'_> {
    pub(super) fn binary(&mut self, op: Binary, a: Halves, b: Halves) -> Halves {
        if let (Some(x), Some(y)) = (self.known(a), self.known(b)) {
            if let Some(word) = arithmetic::binary(op, x, y) {
                return self.constant(word);
            }
        }
        match op {
            Binary::Add => self.sum(Carrying::Add, a, b),
            Binary::Sub => self.sum(Carrying::Sub, a, b),
            Binary::Mul => self.product(a, b),
            Binary::Div => self.helper_of_halves(Helper::Divide, &[a, b]),
            Binary::Rem => self.helper_of_halves(Helper::Remainder, &[a, b]),
            Binary::And | Binary::Or | Binary::Xor => {
                Halves { low: self.narrow_binary(op, a.low, b.low), high: self.narrow_binary(op, a.high, b.high) }
            }
            Binary::Shl | Binary::Lshr | Binary::Ashr | Binary::Rotl => self.shift(op, a, b),
        }
    }

    /// Sum or difference whose overflow nobody looks at. A low half of zero carries nothing, nor do small ones.
    fn sum(&mut self, op: Carrying, a: Halves, b: Halves) -> Halves {
        let narrow = if op == Carrying::Add { Binary::Add } else { Binary::Sub };
        let low = if self.known_half(b.low) == Some(0) {
            a.low
        } else if op == Carrying::Add && self.known_half(a.low) == Some(0) {
            b.low
        } else if op == Carrying::Add && self.bits(a.low).max(self.bits(b.low)) < 32 {
            self.narrow_binary(Binary::Add, a.low, b.low)
        } else {
            return self.carrying(op, a, b).0;
        };
        Halves { low, high: self.narrow_binary(narrow, a.high, b.high) }
    }

    /// The product modulo 2^64: of the high halves, only what meets a low half counts.
    fn product(&mut self, a: Halves, b: Halves) -> Halves {
        let Halves { low, high } = self.pair(Op::Narrow(Narrow::MulWide(WideMul::Unsigned, a.low, b.low)));
        let high = self.add_product(high, a.low, b.high);
        let high = self.add_product(high, b.low, a.high);
        Halves { low, high }
    }

    /// `sum + a * b`; constants about zero need no multiplication.
    fn add_product(&mut self, sum: Val, a: Val, b: Val) -> Val {
        if self.known_half(b) == Some(u32::MAX) {
            return self.narrow_binary(Binary::Sub, sum, a);
        }
        let product = self.narrow_binary(Binary::Mul, a, b);
        self.narrow_binary(Binary::Add, sum, product)
    }

    /// The wrapped result, and a narrow word that is 1 if it overflows.
    pub(super) fn overflowing(&mut self, op: Overflowing, a: Halves, b: Halves) -> (Halves, Val) {
        if let (Some(x), Some(y)) = (self.known(a), self.known(b)) {
            let (word, overflow) = arithmetic::overflowing(op, x, y);
            return (self.constant(word), self.narrow(overflow.into()));
        }
        match op {
            Overflowing::Add => self.carrying(Carrying::Add, a, b),
            Overflowing::Sub => self.carrying(Carrying::Sub, a, b),
            Overflowing::Mul => self.overflowing_product(a, b),
        }
    }

    /// Two operands that fit 32 bits have a product that fits 64. For others, the runtime says what the product's upper
    /// 64 bits are.
    fn overflowing_product(&mut self, a: Halves, b: Halves) -> (Halves, Val) {
        let beyond = [a, b].map(|operand| {
            let sign = self.with_constant(Binary::Ashr, operand.low, 31);
            self.narrow_binary(Binary::Xor, operand.high, sign)
        });
        let beyond = self.narrow_binary(Binary::Or, beyond[0], beyond[1]);
        let cold = self.function.block(self.block).cold;
        let [large, small, join] = [true, cold, cold].map(|cold| self.new_block(self.block, cold));
        let [low, high, overflow] = [(); 3].map(|()| self.b.parameter(join, Type::Word));
        self.b.branch(Condition::NonZero(beyond), large, &[], small, &[]);

        self.b.switch_to(small);
        let product = self.pair(Op::Narrow(Narrow::MulWide(WideMul::Signed, a.low, b.low)));
        let zero = self.narrow(0);
        self.b.jump(join, &[product.low, product.high, zero]);

        self.b.switch_to(large);
        let product = self.product(a, b);
        let upper = self.helper_of_halves(Helper::MultiplyHigh, &[a, b]);
        let sign = self.with_constant(Binary::Ashr, product.high, 31);
        let [wrong_low, wrong_high] = [upper.low, upper.high].map(|half| self.narrow_binary(Binary::Xor, half, sign));
        let wrong = self.narrow_binary(Binary::Or, wrong_low, wrong_high);
        let zero = self.narrow(0);
        let flag = self.b.compare(Compare::Ne, wrong, zero);
        self.b.jump(join, &[product.low, product.high, flag]);

        self.b.switch_to(join);
        (Halves { low, high }, overflow)
    }
}
