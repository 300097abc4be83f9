//! Between words and doubles.

use super::*;

/// Upper half of the bits of 2^52, whose lowest bit counts 1: with any low half, the double is 2^52 and that number.
const ONES: u32 = 0x4330_0000;
/// Upper half of the bits of 2^84, whose lowest bit counts 2^32.
const UPPER_ONES: u32 = 0x4530_0000;
const TWO_TO_16: f64 = 65536.0;
const TWO_TO_32: f64 = 4294967296.0;
const TWO_TO_63: f64 = 9223372036854775808.0;
const SIGN: u32 = 0x8000_0000;

impl Splitter<'_> {
    /// The double whose bits have these halves.
    pub(super) fn float_from_halves(&mut self, low: Val, high: Val) -> Val {
        let [double, _] = self.b.push(Op::Narrow(Narrow::FloatFromHalves(low, high)));
        double.expect("a double")
    }

    /// Each half becomes a double exactly; only their sum is rounded. The high half is made unsigned by adding 2^31, so
    /// that what is too much is 2^84 + 2^63, and 2^52 of the low half.
    pub(super) fn int_to_float(&mut self, a: Halves) -> Val {
        let biased = self.with_constant(Binary::Xor, a.high, SIGN);
        let (ones, upper_ones) = (self.narrow(ONES), self.narrow(UPPER_ONES));
        let upper = self.float_from_halves(biased, upper_ones);
        let lower = self.float_from_halves(a.low, ones);
        let two_to_52 = f64::from_bits(u64::from(ONES) << 32);
        let two_to_84 = f64::from_bits(u64::from(UPPER_ONES) << 32);
        let bias = self.b.fconst(two_to_84 + TWO_TO_63 + two_to_52);
        let upper = self.b.float_binary(FloatBinary::Sub, upper, bias);
        self.b.float_binary(FloatBinary::Add, upper, lower)
    }

    /// The number in parts of the same sign: multiples of 2^32, of 2^16, and the rest. All steps but the truncations are
    /// exact. A negative rest takes 1 from the high half.
    pub(super) fn float_to_int(&mut self, a: Val) -> Halves {
        let (high, rest) = self.take_multiples(a, TWO_TO_32);
        let (middle, rest) = self.take_multiples(rest, TWO_TO_16);
        let ones = self.b.float_to_int(rest);
        let shifted = self.with_constant(Binary::Shl, middle, 16);
        let low = self.narrow_binary(Binary::Add, shifted, ones);
        let either = self.narrow_binary(Binary::Or, middle, ones);
        let sign = self.with_constant(Binary::Ashr, either, 31);
        Halves { low, high: self.narrow_binary(Binary::Add, high, sign) }
    }

    /// How many times a double holds a power of two, truncated, and what is left of it.
    fn take_multiples(&mut self, a: Val, power: f64) -> (Val, Val) {
        let inverse = self.b.fconst(1.0 / power);
        let quotient = self.b.float_binary(FloatBinary::Mul, a, inverse);
        let count = self.b.float_to_int(quotient);
        let whole = self.b.int_to_float(count);
        let power = self.b.fconst(power);
        let multiple = self.b.float_binary(FloatBinary::Mul, whole, power);
        (count, self.b.float_binary(FloatBinary::Sub, a, multiple))
    }
}
