//! What all of the pass writes with: values and their halves, constants, pairs.

use super::*;
use crate::ir::narrow::arithmetic::{extended, halves, joined};
use crate::ir::narrow::Carrying;

impl Splitter<'_> {
    /// The halves of a word of the function.
    pub(super) fn halves(&self, value: Val) -> Halves {
        match self.parts[value.0 as usize] {
            Parts::Word(halves) => halves,
            Parts::Double(_) | Parts::Missing => unreachable!("{value} is no word here"),
        }
    }

    /// What a double of the function became.
    pub(super) fn double(&self, value: Val) -> Val {
        match self.parts[value.0 as usize] {
            Parts::Double(double) => double,
            Parts::Word(_) | Parts::Missing => unreachable!("{value} is no double here"),
        }
    }

    /// The parts of values, in order.
    pub(super) fn all_parts(&self, values: &[Val]) -> Vec<Val> {
        let mut all = Vec::with_capacity(2 * values.len());
        for value in values {
            match self.parts[value.0 as usize] {
                Parts::Word(Halves { low, high }) => all.extend([low, high]),
                Parts::Double(double) => all.push(double),
                Parts::Missing => unreachable!("{value} is not defined here"),
            }
        }
        all
    }

    pub(super) fn define(&mut self, value: Option<Val>, parts: Parts) {
        if let Some(value) = value {
            self.parts[value.0 as usize] = parts;
        }
    }

    /// A narrow constant.
    pub(super) fn narrow(&mut self, word: u32) -> Val {
        self.b.iconst(extended(word))
    }

    /// A constant of 64 bits.
    pub(super) fn constant(&mut self, word: u64) -> Halves {
        let (low, high) = halves(word);
        Halves { low: self.narrow(low), high: self.narrow(high) }
    }

    /// A word made of a narrow one that is 1 or 0.
    pub(super) fn flag(&mut self, low: Val) -> Parts {
        self.bound(low, 1);
        Parts::Word(self.zero_extended(low))
    }

    pub(super) fn zero_extended(&mut self, low: Val) -> Halves {
        Halves { low, high: self.narrow(0) }
    }

    /// The number that a narrow word is known to be.
    pub(super) fn known_half(&self, half: Val) -> Option<u32> {
        self.b.constant_of(half).map(|number| number as u32)
    }

    /// The number that a word is known to be.
    pub(super) fn known(&self, word: Halves) -> Option<u64> {
        Some(joined(self.known_half(word.low)?, self.known_half(word.high)?))
    }

    /// A narrow operation.
    pub(super) fn narrow_binary(&mut self, op: Binary, a: Val, b: Val) -> Val {
        let bits = self.bits_of_binary(op, a, b);
        let result = self.b.binary(op, a, b);
        self.bound(result, bits)
    }

    /// How many low bits of an operation's result may be set; the others are zero.
    fn bits_of_binary(&self, op: Binary, a: Val, b: Val) -> u32 {
        let (bits_a, bits_b) = (self.bits(a), self.bits(b));
        match (op, self.known_half(b)) {
            (Binary::And, _) => bits_a.min(bits_b),
            (Binary::Or | Binary::Xor, _) => bits_a.max(bits_b),
            (Binary::Add, _) => bits_a.max(bits_b) + 1,
            (Binary::Shl, Some(count)) => bits_a + (count & 31),
            (Binary::Lshr, Some(count)) => bits_a.saturating_sub(count & 31),
            _ => 32,
        }
    }

    /// How many low bits of a narrow word may be set; the others are zero.
    pub(super) fn bits(&self, half: Val) -> u32 {
        match self.known_half(half) {
            Some(number) => 32 - number.leading_zeros(),
            None => self.bits.get(half.0 as usize).map_or(32, |&bits| bits.into()),
        }
    }

    /// Note how many low bits of a narrow word may be set.
    pub(super) fn bound(&mut self, half: Val, bits: u32) -> Val {
        if bits < self.bits(half) {
            let at = half.0 as usize;
            if self.bits.len() <= at {
                self.bits.resize(at + 1, 32);
            }
            self.bits[at] = bits as u8;
        }
        half
    }

    /// The same with a constant on the right.
    pub(super) fn with_constant(&mut self, op: Binary, a: Val, b: u32) -> Val {
        let b = self.narrow(b);
        self.narrow_binary(op, a, b)
    }

    /// An operation with two results that are the halves of a word.
    pub(super) fn pair(&mut self, op: Op) -> Halves {
        let [low, high] = self.b.push(op);
        Halves { low: low.expect("a low half"), high: high.expect("a high half") }
    }

    /// Sum or difference, and whether it overflows. Nothing comes between the two operations, so that the carry can
    /// stay in the CPU's flags.
    pub(super) fn carrying(&mut self, op: Carrying, a: Halves, b: Halves) -> (Halves, Val) {
        let Halves { low, high: carry } = self.pair(Op::Narrow(Narrow::Carry(op, a.low, b.low)));
        let [high, overflow] = self.b.push(Op::Narrow(Narrow::WithCarry(op, a.high, b.high, carry)));
        (Halves { low, high: high.expect("a high half") }, overflow.expect("the overflow"))
    }
}
