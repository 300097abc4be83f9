//! Statements that look like what the lowering emits, so that the passes find work: tags put on and tested, booleans
//! made of flags and tested, doubles boxed and unboxed, the same thing computed again.

use super::body::Body;
use super::*;
use maru_core::abi::{BOOLEAN_SHIFT, DOUBLE_BIAS, DOUBLE_ROTATE, NIL, TAG_BITS, TRUE};

impl<R: FnMut() -> u64> Body<'_, '_, R> {
    /// One of these statements.
    pub fn idiom(&mut self) {
        match self.choices.below(5) {
            0 => self.tagging(),
            1 => self.boolean(),
            2 => self.boxing(),
            3 => self.again(),
            _ => self.flag_of_flag(),
        }
    }

    fn binary_with(&mut self, op: Binary, a: Val, number: i64) -> Val {
        let number = self.constant(number);
        self.word(Op::Binary(op, a, number))
    }

    /// A mask for tags, likely one that matters.
    pub fn mask(&mut self) -> u8 {
        let any = self.choices.below(256) as u8;
        self.choices.of(&[0x01, 0xfe, 0x32, 0x88, 0x80, 0x07, 0x00, 0xff, any])
    }

    /// A word whose tag is known, and tests of it.
    fn tagging(&mut self) {
        let word = self.any_word();
        let tag = self.choices.below(8) as i64;
        let untagged = match self.choices.below(3) {
            0 => {
                let count = self.choices.of(&[3, 2, 4]);
                self.binary_with(Binary::Shl, word, count)
            }
            1 => self.binary_with(Binary::And, word, -8),
            _ => {
                let number = self.binary_with(Binary::Ashr, word, TAG_BITS.into());
                self.binary_with(Binary::Shl, number, TAG_BITS.into())
            }
        };
        let op = self.choices.of(&[Binary::Add, Binary::Or, Binary::Xor, Binary::Sub]);
        let tagged = self.binary_with(op, untagged, tag);
        self.scope.words.push(tagged);
        let mask = self.mask();
        let test = self.word(Op::HasTag(mask, tagged));
        self.scope.words.push(test);
        let back = self.binary_with(Binary::And, tagged, -8);
        self.scope.words.push(back);
    }

    /// A boolean made of a flag, and a comparison with one of the two.
    fn boolean(&mut self) {
        let (op, a, b) = (self.choices.of(Compare::ALL), self.any_word(), self.any_word());
        let flag = self.word(Op::Compare(op, a, b));
        let shifted = self.binary_with(Binary::Shl, flag, BOOLEAN_SHIFT.into());
        let base = self.choices.of(&[NIL, NIL, TRUE]) as i64;
        let boolean = self.binary_with(Binary::Or, shifted, base);
        self.scope.words.push(boolean);
        let op = self.choices.of(&[Compare::Ne, Compare::Eq, Compare::Lt]);
        let other = self.choices.of(&[NIL, TRUE]) as i64;
        let other = self.constant(other);
        if self.choices.one_in(2) {
            let test = self.word(Op::Compare(op, boolean, other));
            return self.scope.words.push(test);
        }
        self.choose(Condition::Compare(op, boolean, other));
    }

    /// A word that tells whether a condition holds, by a branch.
    fn choose(&mut self, condition: Condition) {
        let (holds, join) = (self.builder.block(), self.builder.block());
        let chosen = self.builder.parameter(join, Type::Word);
        let (yes, no) = (self.any_word(), self.any_word());
        self.builder.branch(condition, holds, &[], join, &[no]);
        self.builder.switch_to(holds);
        self.builder.jump(join, &[yes]);
        self.builder.switch_to(join);
        self.scope.words.push(chosen);
    }

    /// A double made a word and back. Nothing sees the word, for it could be a NaN's.
    fn boxing(&mut self) {
        let double = self.any_double();
        let bits = self.word(Op::FloatBits(double));
        let rotated = self.binary_with(Binary::Rotl, bits, DOUBLE_ROTATE.into());
        let boxed = self.binary_with(Binary::Add, rotated, DOUBLE_BIAS as i64);
        let unbiased = self.binary_with(Binary::Sub, boxed, DOUBLE_BIAS as i64);
        let bits = self.binary_with(Binary::Rotl, unbiased, 64 - i64::from(DOUBLE_ROTATE));
        let unboxed = self.word(Op::FloatFromBits(bits));
        self.scope.doubles.push(unboxed);
    }

    /// The same operation twice, and with its operands exchanged.
    fn again(&mut self) {
        let (a, b) = (self.any_word(), self.any_word());
        let op = match self.choices.of(Binary::ALL) {
            Binary::Div | Binary::Rem => Binary::Sub,
            op => op,
        };
        let compare = self.choices.of(Compare::ALL);
        let overflowing = self.choices.of(Overflowing::ALL);
        for (a, b) in [(a, b), (b, a), (a, b)] {
            self.define(Op::Binary(op, a, b));
            self.define(Op::Compare(compare, a, b));
            self.define(Op::Overflowing(overflowing, a, b));
        }
    }

    /// A flag tested for 0 or 1, or turned round.
    fn flag_of_flag(&mut self) {
        let flag = match self.choices.below(3) {
            0 => Op::HasTag(self.mask(), self.any_word()),
            1 => Op::FloatCompare(self.choices.of(FloatCompare::ALL), self.any_double(), self.any_double()),
            _ => Op::Compare(self.choices.of(Compare::ALL), self.any_word(), self.any_word()),
        };
        let flag = self.word(flag);
        let number = self.choices.below(3) as i64;
        let constant = self.constant(number);
        let op = self.choices.of(&[Compare::Eq, Compare::Ne]);
        match self.choices.below(3) {
            0 => self.define(Op::Compare(op, flag, constant)),
            1 => self.define(Op::Binary(Binary::Xor, flag, constant)),
            _ => self.choose(Condition::Compare(op, flag, constant)),
        }
    }
}
