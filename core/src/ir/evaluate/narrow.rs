//! The operations of functions of narrow words. A narrow word is kept in the low half of a value; the high half is 0.

use super::activation::Activation;
use super::*;
use crate::ir::narrow::arithmetic::{self as narrow, extended, halves, joined};
use crate::ir::narrow::Narrow;

/// The halves of words, low halves first.
pub(super) fn split(words: &[Word]) -> Vec<Word> {
    let both = |&word: &Word| [word & 0xffff_ffff, word >> 32];
    words.iter().flat_map(both).collect()
}

/// The words with these halves.
pub(super) fn join(halves: &[Word]) -> Vec<Word> {
    halves.chunks(2).map(|pair| joined(pair[0] as u32, pair.get(1).map_or(0, |&high| high as u32))).collect()
}

/// Whether a comparison of narrow words holds. Extending the signs keeps both orders.
pub(super) fn compare(op: Compare, a: u32, b: u32) -> bool {
    arithmetic::compare(op, extended(a) as u64, extended(b) as u64)
}

impl Activation<'_> {
    /// Execute one operation that is no call, in a function of narrow words.
    ///
    /// # Safety
    /// As for [`Evaluator::call`].
    pub(super) unsafe fn execute_narrow(
        &mut self,
        unit: &Unit,
        base: usize,
        inst: &Inst,
        undefined: &dyn Fn(String) -> EvaluateError,
    ) -> Result<(), EvaluateError> {
        let values = &self.values[base..];
        let word = |value: Val| values[value.0 as usize] as u32;
        let double = |value: Val| f64::from_bits(values[value.0 as usize]);
        let address = |at: Val, index: u32, offset: i32| {
            let address = word(at).wrapping_add(index).wrapping_add(offset as u32);
            self.window.real(address.into())
        };
        let result: Word = match &inst.op {
            Op::Const(number) => (*number as u32).into(),
            Op::FloatConst(bits) => *bits,
            Op::Binary(op, a, b) => narrow::binary(*op, word(*a), word(*b)).expect("a narrow operation").into(),
            Op::Compare(op, a, b) => compare(*op, word(*a), word(*b)).into(),
            Op::HasTag(mask, a) => arithmetic::has_tag(*mask, word(*a).into()).into(),
            Op::FloatBinary(op, a, b) => arithmetic::float_binary(*op, double(*a), double(*b)).to_bits(),
            Op::FloatUnary(op, a) => arithmetic::float_unary(*op, double(*a)).to_bits(),
            Op::FloatCompare(op, a, b) => arithmetic::float_compare(*op, double(*a), double(*b)).into(),
            Op::IntToFloat(a) => f64::from(word(*a) as i32).to_bits(),
            Op::FloatToInt(a) => {
                let number = narrow::float_to_int(double(*a));
                number.ok_or_else(|| undefined(format!("{} ({:?})", inst.op, double(*a))))?.into()
            }
            // SAFETY, for all accesses: the caller vouches for memory.
            Op::Load(width, at, offset) => unsafe { memory::load(*width, address(*at, 0, *offset)) },
            Op::LoadIndexed(width, at, index, offset) => unsafe {
                memory::load(*width, address(*at, word(*index), *offset))
            },
            Op::LoadContext(offset) => unsafe { memory::load(Width::Four, self.context + *offset as Word) },
            Op::Store(width, value, at, offset) => {
                unsafe { memory::store(*width, values[value.0 as usize], address(*at, 0, *offset)) };
                return Ok(());
            }
            Op::StoreIndexed(width, value, at, index, offset) => {
                unsafe { memory::store(*width, values[value.0 as usize], address(*at, word(*index), *offset)) };
                return Ok(());
            }
            Op::StoreContext(value, offset) => {
                unsafe { memory::store(Width::Four, word(*value).into(), self.context + *offset as Word) };
                return Ok(());
            }
            Op::LoadData(n) => self.environment.data(unit.base, n / 2)? >> (32 * (n % 2)) & 0xffff_ffff,
            Op::FunctionAddress(id) => unit.base + FUNCTION_SPACING * Word::from(id.0),
            Op::Narrow(op) => {
                let results = self.narrow_results(base, op, undefined)?;
                self.define(base, inst.results[0], results.0);
                self.define(base, inst.results[1], results.1);
                return Ok(());
            }
            Op::Call(..) => unreachable!("calls are made by the caller"),
            Op::Overflowing(..) | Op::FloatBits(_) | Op::FloatFromBits(_) | Op::Helper(..) => {
                unreachable!("refused by the verifier")
            }
        };
        self.define(base, inst.results[0], result);
        Ok(())
    }

    /// The results of an operation that only functions of narrow words have.
    fn narrow_results(
        &mut self,
        base: usize,
        op: &Narrow,
        undefined: &dyn Fn(String) -> EvaluateError,
    ) -> Result<(Word, Word), EvaluateError> {
        let value = |value: &Val| self.values[base + value.0 as usize];
        let word = |of: &Val| value(of) as u32;
        let both = |(low, high): (u32, u32)| (low.into(), high.into());
        let flagged = |(result, flag): (u32, bool)| (result.into(), flag.into());
        Ok(match op {
            Narrow::Carry(op, a, b) => flagged(narrow::carrying(*op, word(a), word(b))),
            Narrow::WithCarry(op, a, b, carry) => flagged(narrow::with_carry(*op, word(a), word(b), word(carry) != 0)),
            Narrow::CompareWithBorrow(op, a, b, borrow) => {
                (narrow::compare_with_borrow(*op, word(a), word(b), word(borrow) != 0).into(), 0)
            }
            Narrow::MulWide(op, a, b) => both(narrow::mul_wide(*op, word(a), word(b))),
            Narrow::FloatHalves(a) => both(halves(value(a))),
            Narrow::FloatFromHalves(low, high) => (joined(word(low), word(high)), 0),
            Narrow::Helper(helper, arguments) => {
                let halves_of: Vec<Word> = arguments.iter().map(value).collect();
                let words = join(&halves_of);
                let result = if Helper::ARITHMETIC.contains(helper) {
                    let result = helper.arithmetic(words[0], words[1]);
                    result.ok_or_else(|| undefined(format!("{op} ({:#x}, {:#x})", words[0], words[1])))?
                } else {
                    self.environment.helper(*helper, &words)?
                };
                both(halves(result))
            }
        })
    }
}
