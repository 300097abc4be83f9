//! Which operation is split how.

use super::*;

impl Splitter<'_> {
    /// Split one operation.
    pub(super) fn operation(&mut self, inst: &Inst) {
        let result = match &inst.op {
            Op::Const(number) => Parts::Word(self.constant(*number as u64)),
            Op::FloatConst(bits) => Parts::Double(self.b.fconst(f64::from_bits(*bits))),
            Op::Binary(op, a, b) => Parts::Word(self.binary(*op, self.halves(*a), self.halves(*b))),
            Op::Overflowing(op, a, b) => {
                let (result, overflow) = self.overflowing(*op, self.halves(*a), self.halves(*b));
                let overflow = self.flag(overflow);
                self.define(inst.results[1], overflow);
                Parts::Word(result)
            }
            Op::Compare(op, a, b) => {
                let flag = self.compare(*op, self.halves(*a), self.halves(*b));
                self.flag(flag)
            }
            Op::HasTag(mask, a) => {
                let flag = self.b.has_tag(*mask, self.halves(*a).low);
                self.flag(flag)
            }
            Op::FloatBinary(op, a, b) => Parts::Double(self.b.float_binary(*op, self.double(*a), self.double(*b))),
            Op::FloatUnary(op, a) => Parts::Double(self.b.float_unary(*op, self.double(*a))),
            Op::FloatCompare(op, a, b) => {
                let flag = self.b.float_compare(*op, self.double(*a), self.double(*b));
                self.flag(flag)
            }
            Op::IntToFloat(a) => Parts::Double(self.int_to_float(self.halves(*a))),
            Op::FloatToInt(a) => Parts::Word(self.float_to_int(self.double(*a))),
            Op::FloatBits(a) => Parts::Word(self.pair(Op::Narrow(Narrow::FloatHalves(self.double(*a))))),
            Op::FloatFromBits(a) => {
                let Halves { low, high } = self.halves(*a);
                Parts::Double(self.float_from_halves(low, high))
            }
            Op::Load(width, base, offset) => self.load(*width, *base, None, *offset),
            Op::LoadIndexed(width, base, index, offset) => self.load(*width, *base, Some(*index), *offset),
            Op::Store(width, value, base, offset) => return self.store(*width, *value, *base, None, *offset),
            Op::StoreIndexed(width, value, base, index, offset) => {
                return self.store(*width, *value, *base, Some(*index), *offset);
            }
            Op::LoadContext(offset) => Parts::Word(self.load_context(*offset)),
            Op::StoreContext(value, offset) => return self.store_context(self.halves(*value), *offset),
            Op::LoadData(n) => Parts::Word(Halves { low: self.b.load_data(2 * n), high: self.b.load_data(2 * n + 1) }),
            Op::FunctionAddress(id) => {
                let address = self.b.function_address(*id);
                Parts::Word(self.zero_extended(address))
            }
            Op::Helper(helper, arguments) => Parts::Word(self.helper(*helper, arguments)),
            Op::Call(callee, arguments, signature) => self.call(*callee, arguments, signature),
            Op::Narrow(_) => unreachable!("the function's words are not narrow"),
        };
        self.define(inst.results[0], result);
    }
}
