//! The operations by name, and their application to values.

use super::limbs::short_integer;
use super::{as_double, bits, integer, real, Expected, Number, NumberError};
use crate::value::{Value, FIXNUM_MAX, FIXNUM_MIN};
use dashu_int::ops::BitTest;

/// An operation on two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`: of integers, truncated toward zero.
    Divide,
    /// `quotient`: truncated toward zero, of doubles as well.
    Quotient,
    /// `remainder`: has the dividend's sign.
    Remainder,
    /// `modulo`: has the divisor's sign.
    Modulo,
    /// `&`: of integers in two's complement with infinitely many sign bits.
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `<<`: by a negative count, shifts right.
    ShiftLeft,
    /// `>>`: arithmetic, that is, division by a power of two rounded down.
    ShiftRight,
    /// `min`: a double if either is, NaN if either is.
    Min,
    /// `max`
    Max,
    /// `gcd`: never negative.
    Gcd,
    /// `lcm`: never negative.
    Lcm,
    /// `expt`: exact for an integer to a power that is no negative integer, else a double.
    Expt,
    /// `atan` of the quotient of two numbers, in the quadrant of the point (second, first).
    Atan2,
}

/// An operation on one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOperation {
    /// `-`
    Negate,
    /// `abs`
    Abs,
    /// `~`
    BitNot,
    /// `sqrt`: always a double; NaN of negative numbers.
    Sqrt,
    /// `floor`: an integer stays, a double stays a double.
    Floor,
    /// `ceiling`
    Ceiling,
    /// `round`: halves to even.
    Round,
    /// `truncate`
    Truncate,
    /// `exact->inexact`: the nearest double.
    ToInexact,
    /// `inexact->exact`: truncated toward zero; infinities and NaN are errors.
    ToExact,
    /// `sin`
    Sin,
    /// `cos`
    Cos,
    /// `tan`
    Tan,
    /// `asin`
    Asin,
    /// `acos`
    Acos,
    /// `atan`
    Atan,
    /// `exp`
    Exp,
    /// `log`: natural; of integers too large for a double as well.
    Log,
}

impl Operation {
    /// Whether both operands must be integers.
    pub fn is_integral(self) -> bool {
        use Operation::*;
        matches!(self, BitAnd | BitOr | BitXor | ShiftLeft | ShiftRight | Gcd | Lcm)
    }

    /// The result for two numbers.
    pub fn apply(self, left: &Number, right: &Number) -> Result<Number, NumberError> {
        if self.is_integral() {
            require_integer(left, 0)?;
            require_integer(right, 1)?;
        }
        match self {
            Operation::Add => integer::add(left, right),
            Operation::Subtract => integer::subtract(left, right),
            Operation::Multiply => integer::multiply(left, right),
            Operation::Divide => integer::divide(left, right, |left, right| left / right),
            Operation::Quotient => integer::divide(left, right, |left, right| (left / right).trunc()),
            Operation::Remainder => integer::remainder(left, right),
            Operation::Modulo => integer::modulo(left, right),
            Operation::BitAnd => Ok(bits::and(left, right)),
            Operation::BitOr => Ok(bits::or(left, right)),
            Operation::BitXor => Ok(bits::xor(left, right)),
            Operation::ShiftLeft => bits::shift_left(left, right),
            Operation::ShiftRight => bits::shift_right(left, right),
            Operation::Min => Ok(real::extreme(left, right, true)),
            Operation::Max => Ok(real::extreme(left, right, false)),
            Operation::Gcd => Ok(integer::gcd(left, right)),
            Operation::Lcm => integer::lcm(left, right),
            Operation::Expt => real::expt(left, right),
            Operation::Atan2 => Ok(Number::Double(left.to_f64().atan2(right.to_f64()))),
        }
    }
}

impl UnaryOperation {
    /// The result for a number.
    pub fn apply(self, number: &Number) -> Result<Number, NumberError> {
        use UnaryOperation::*;
        let double = |function: fn(f64) -> f64| Ok(Number::Double(function(number.to_f64())));
        match self {
            Negate => Ok(integer::negate(number)),
            Abs => Ok(integer::abs(number)),
            BitNot => {
                require_integer(number, 0)?;
                Ok(bits::not(number))
            }
            Floor => Ok(real::rounded(number, f64::floor)),
            Ceiling => Ok(real::rounded(number, f64::ceil)),
            Round => Ok(real::rounded(number, f64::round_ties_even)),
            Truncate => Ok(real::rounded(number, f64::trunc)),
            ToInexact => Ok(Number::Double(number.to_f64())),
            ToExact => real::to_exact(number),
            Sqrt => Ok(Number::Double(real::sqrt(number))),
            Log => Ok(Number::Double(real::log(number))),
            Sin => double(f64::sin),
            Cos => double(f64::cos),
            Tan => double(f64::tan),
            Asin => double(f64::asin),
            Acos => double(f64::acos),
            Atan => double(f64::atan),
            Exp => double(f64::exp),
        }
    }
}

/// The result of an operation on fixnums and immediate doubles, if it has one that is such a value: the quick way,
/// which need not be gone.
#[inline(always)]
pub fn immediate(operation: Operation, left: Value, right: Value) -> Option<Value> {
    if let (Some(left), Some(right)) = (left.as_fixnum(), right.as_fixnum()) {
        let number = of_fixnums(operation, left, right)?;
        return (FIXNUM_MIN..=FIXNUM_MAX).contains(&number).then(|| Value::fixnum(number));
    }
    let real = |value: Value| value.as_immediate_double().or_else(|| value.as_fixnum().map(|number| number as f64));
    let (left, right) = (real(left)?, real(right)?);
    Value::immediate_double(match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
        // None of them is a NaN.
        Operation::Min => {
            if left > right {
                right
            } else {
                left
            }
        }
        Operation::Max => {
            if left < right {
                right
            } else {
                left
            }
        }
        _ => return None,
    })
}

/// Fixnums are so short that only a product can overflow.
#[inline(always)]
fn of_fixnums(operation: Operation, left: i64, right: i64) -> Option<i64> {
    match operation {
        Operation::Add => Some(left + right),
        Operation::Subtract => Some(left - right),
        Operation::Multiply => left.checked_mul(right),
        Operation::Divide | Operation::Quotient if right != 0 => Some(left / right),
        Operation::Remainder if right != 0 => Some(left % right),
        Operation::Modulo if right != 0 => {
            let remainder = left % right;
            Some(if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder })
        }
        Operation::BitAnd => Some(left & right),
        Operation::BitOr => Some(left | right),
        Operation::BitXor => Some(left ^ right),
        Operation::ShiftRight if right >= 0 => Some(left >> right.min(63)),
        Operation::ShiftLeft if (0..64).contains(&right) && left << right >> right == left => Some(left << right),
        Operation::Min => Some(left.min(right)),
        Operation::Max => Some(left.max(right)),
        _ => None,
    }
}

/// The result of an operation on two integers, if operands and result have at most 127 bits: without storage for digits,
/// which need not be tried. The values must be alive.
#[inline]
pub fn short(operation: Operation, left: Value, right: Value) -> Option<i128> {
    let (left, right) = (short_integer(left)?, short_integer(right)?);
    match operation {
        Operation::Add => left.checked_add(right),
        Operation::Subtract => left.checked_sub(right),
        Operation::Multiply => match (i64::try_from(left), i64::try_from(right)) {
            (Ok(left), Ok(right)) => Some(i128::from(left) * i128::from(right)),
            _ => left.checked_mul(right),
        },
        Operation::Divide | Operation::Quotient => left.checked_div(right),
        Operation::Remainder => left.checked_rem(right),
        Operation::Modulo => {
            let remainder = left.checked_rem(right)?;
            Some(if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder })
        }
        Operation::BitAnd => Some(left & right),
        Operation::BitOr => Some(left | right),
        Operation::BitXor => Some(left ^ right),
        Operation::ShiftRight if (0..128).contains(&right) => Some(left >> right),
        Operation::ShiftLeft if (0..128).contains(&right) && left << right >> right == left => Some(left << right),
        Operation::Min => Some(left.min(right)),
        Operation::Max => Some(left.max(right)),
        _ => None,
    }
}

/// The result of an operation on a double and a double or an integer of at most 127 bits, which need not be tried. The
/// values must be alive.
#[inline]
pub fn of_doubles(operation: Operation, left: Value, right: Value) -> Option<f64> {
    let (left, right) = match (as_double(left), as_double(right)) {
        (Some(left), Some(right)) => (left, right),
        (Some(left), None) => (left, short_integer(right)? as f64),
        (None, Some(right)) => (short_integer(left)? as f64, right),
        (None, None) => return None,
    };
    match operation {
        Operation::Add => Some(left + right),
        Operation::Subtract => Some(left - right),
        Operation::Multiply => Some(left * right),
        Operation::Divide => Some(left / right),
        _ => None,
    }
}

/// About how many bits the result of an operation on two integers has, where it may have many more than both of them
/// together, else 0; the values must be alive.
pub fn result_bits(operation: Operation, left: Value, right: Value) -> f64 {
    if !matches!(operation, Operation::Expt | Operation::ShiftLeft) {
        return 0.0;
    }
    let (Some(left), Some(right)) = (Number::from_value(left), Number::from_value(right)) else { return 0.0 };
    if matches!(left, Number::Double(_)) {
        return 0.0;
    }
    let base = integer::integer_of(&left);
    match (operation, right) {
        (Operation::Expt, Number::Small(exponent)) if exponent > 0 && base.bit_len() > 1 => {
            real::power_bits(&base, exponent as u64)
        }
        (Operation::ShiftLeft, Number::Small(count)) if count > 0 && !base.is_zero() => {
            base.bit_len() as f64 + count as f64
        }
        _ => 0.0,
    }
}

/// Applies an operation to two values, which must be alive.
pub fn binary(operation: Operation, left: Value, right: Value) -> Result<Number, NumberError> {
    operation.apply(&operand(left, 0)?, &operand(right, 1)?)
}

/// The result of an operation on a fixnum or an immediate double, if it is such a value too: the quick way, which need not
/// be gone.
#[inline(always)]
pub fn immediate_unary(operation: UnaryOperation, value: Value) -> Option<Value> {
    use UnaryOperation::*;
    if let Some(number) = value.as_fixnum() {
        let result = match operation {
            Negate => -number,
            Abs => number.abs(),
            BitNot => !number,
            Floor | Ceiling | Round | Truncate | ToExact => number,
            ToInexact => return Value::immediate_double(number as f64),
            Sqrt => return Value::immediate_double((number as f64).sqrt()),
            _ => return None,
        };
        return (FIXNUM_MIN..=FIXNUM_MAX).contains(&result).then(|| Value::fixnum(result));
    }
    let number = value.as_immediate_double()?;
    Value::immediate_double(match operation {
        Negate => -number,
        Abs => number.abs(),
        ToInexact => number,
        Floor => number.floor(),
        Ceiling => number.ceil(),
        Round => number.round_ties_even(),
        Truncate => number.trunc(),
        Sqrt => number.sqrt(),
        ToExact => {
            let whole = number.trunc();
            return (whole.abs() < FIXNUM_MAX as f64).then(|| Value::fixnum(whole as i64));
        }
        _ => return None,
    })
}

/// Applies an operation to a value, which must be alive.
pub fn unary(operation: UnaryOperation, value: Value) -> Result<Number, NumberError> {
    operation.apply(&operand(value, 0)?)
}

/// The number that operand number `operand` is.
#[inline]
pub(super) fn operand(value: Value, operand: usize) -> Result<Number, NumberError> {
    Number::from_value(value).ok_or(NumberError::Type { operand, expected: Expected::Number })
}

fn require_integer(number: &Number, operand: usize) -> Result<(), NumberError> {
    match number {
        Number::Double(_) => Err(NumberError::Type { operand, expected: Expected::Integer }),
        _ => Ok(()),
    }
}
