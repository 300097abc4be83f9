//! Arithmetic on integers of any size and doubles, by the words of the reference.

use crate::value::Value;
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};
use std::cmp::Ordering;

/// A number.
#[derive(Clone, Debug)]
pub enum Number {
    Integer(BigInt),
    Double(f64),
}

/// Results with more bits are not the model's to compute.
const MOST_BITS: u64 = 200_000;

/// What is wrong with operands.
#[derive(Debug)]
pub enum Wrong {
    /// This operand is no integer, though it must be one.
    NoInteger(usize),
    ByZero,
    /// The model does not say.
    Unknown(&'static str),
}

pub type Result<T = Number> = std::result::Result<T, Wrong>;

impl Number {
    pub fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Integer(number) => Some(Number::Integer((**number).clone())),
            Value::Double(number) => Some(Number::Double(*number)),
            _ => None,
        }
    }

    pub fn value(self) -> Value {
        match self {
            Number::Integer(number) => Value::integer(number),
            Number::Double(number) => Value::Double(number),
        }
    }

    /// The nearest double.
    pub fn to_double(&self) -> f64 {
        match self {
            // By way of decimals, which are read with the right rounding.
            Number::Integer(number) => number.to_string().parse().unwrap_or(f64::NAN),
            Number::Double(number) => *number,
        }
    }
}

fn integer(number: &Number, which: usize) -> Result<&BigInt> {
    match number {
        Number::Integer(number) => Ok(number),
        Number::Double(_) => Err(Wrong::NoInteger(which)),
    }
}

/// Compare by value, whatever the representation; `None` with NaN.
pub fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => Some(left.cmp(right)),
        (Number::Double(left), Number::Double(right)) => left.partial_cmp(right),
        (Number::Integer(left), Number::Double(right)) => compare_mixed(left, *right),
        (Number::Double(left), Number::Integer(right)) => compare_mixed(right, *left).map(Ordering::reverse),
    }
}

fn compare_mixed(left: &BigInt, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    if right.is_infinite() {
        return Some(if right > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = BigInt::from_f64(right.trunc())?;
    let fraction = right - right.trunc();
    Some(left.cmp(&whole).then(0.0.partial_cmp(&fraction)?))
}

/// An operation on two numbers by its name.
pub fn apply(name: &str, left: &Number, right: &Number) -> Result {
    use Number::{Double, Integer};
    if let "&" | "|" | "^" | "<<" | ">>" | "gcd" | "lcm" = name {
        return integral(name, integer(left, 0)?, integer(right, 1)?).map(Integer);
    }
    match (left, right) {
        (Integer(left), Integer(right)) => exact(name, left, right),
        _ => inexact(name, left.to_double(), right.to_double()).map(Double),
    }
}

fn exact(name: &str, left: &BigInt, right: &BigInt) -> Result {
    let number = match name {
        "+" => left + right,
        "-" => left - right,
        "*" if left.bits() + right.bits() > MOST_BITS => return Err(Wrong::Unknown("a large product")),
        "*" => left * right,
        "/" | "quotient" | "remainder" | "%" | "modulo" if right.is_zero() => return Err(Wrong::ByZero),
        "/" | "quotient" => left / right,
        "remainder" | "%" => left % right,
        "modulo" => left.mod_floor(right),
        "min" => left.min(right).clone(),
        "max" => left.max(right).clone(),
        "expt" => return power(left, right),
        _ => return Err(Wrong::Unknown("an operation")),
    };
    Ok(Number::Integer(number))
}

fn power(base: &BigInt, exponent: &BigInt) -> Result {
    if exponent.is_negative() {
        let (base, exponent) = (Number::Integer(base.clone()), Number::Integer(exponent.clone()));
        return Ok(Number::Double(base.to_double().powf(exponent.to_double())));
    }
    match exponent.to_u32() {
        Some(exponent) if base.bits().max(1) * u64::from(exponent) <= MOST_BITS => {
            Ok(Number::Integer(base.pow(exponent)))
        }
        _ => Err(Wrong::Unknown("a large power")),
    }
}

fn inexact(name: &str, left: f64, right: f64) -> Result<f64> {
    Ok(match name {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "quotient" => (left / right).trunc(),
        "remainder" | "%" => left % right,
        "modulo" => {
            let rest = left % right;
            // The divisor's sign.
            match rest != 0.0 && (rest < 0.0) != (right < 0.0) {
                true => rest + right,
                false => rest,
            }
        }
        "min" | "max" if left.is_nan() || right.is_nan() => f64::NAN,
        // Which of two zeros is the smaller is left open.
        "min" | "max" if left == 0.0 && right == 0.0 && left.is_sign_negative() != right.is_sign_negative() => {
            return Err(Wrong::Unknown("the smaller zero"));
        }
        "min" => left.min(right),
        "max" => left.max(right),
        "expt" => left.powf(right),
        _ => return Err(Wrong::Unknown("an operation")),
    })
}

fn integral(name: &str, left: &BigInt, right: &BigInt) -> Result<BigInt> {
    Ok(match name {
        "&" => left & right,
        "|" => left | right,
        "^" => left ^ right,
        "gcd" => left.gcd(right),
        "lcm" if left.bits() + right.bits() > MOST_BITS => return Err(Wrong::Unknown("a large multiple")),
        "lcm" => left.lcm(right),
        "<<" => return shift(left, right),
        _ => return shift(left, &-right),
    })
}

/// To the left by a count, to the right by a negative one.
fn shift(number: &BigInt, count: &BigInt) -> Result<BigInt> {
    if !count.is_negative() {
        return match count.to_u64() {
            _ if number.is_zero() => Ok(BigInt::zero()),
            Some(count) if count + number.bits() <= MOST_BITS => Ok(number << count),
            _ => Err(Wrong::Unknown("a large shift")),
        };
    }
    let divisor = match (-count).to_u64() {
        Some(count) if count <= MOST_BITS => BigInt::from(1) << count,
        // Nothing is left but the sign.
        _ => return Ok(if number.is_negative() { BigInt::from(-1) } else { BigInt::zero() }),
    };
    Ok(number.div_floor(&divisor))
}

/// An operation on one number by its name.
pub fn apply_one(name: &str, number: &Number) -> Result {
    use Number::{Double, Integer};
    Ok(match (name, number) {
        ("-", Integer(number)) => Integer(-number),
        ("-", Double(number)) => Double(-number),
        ("abs", Integer(number)) => Integer(number.abs()),
        ("abs", Double(number)) => Double(number.abs()),
        ("~", number) => Integer(-integer(number, 0)? - 1),
        ("floor" | "ceiling" | "round" | "truncate", Integer(_)) => number.clone(),
        ("floor", Double(number)) => Double(number.floor()),
        ("ceiling", Double(number)) => Double(number.ceil()),
        ("round", Double(number)) => Double(number.round_ties_even()),
        ("truncate", Double(number)) => Double(number.trunc()),
        ("exact->inexact" | "long->double", number) => Double(number.to_double()),
        ("inexact->exact" | "double->long", Integer(_)) => number.clone(),
        ("inexact->exact" | "double->long", Double(number)) => {
            Integer(BigInt::from_f64(number.trunc()).ok_or(Wrong::NoInteger(0))?)
        }
        ("sqrt" | "log", Integer(large)) if large.bits() > 1000 => return Err(Wrong::Unknown("a large root")),
        ("sqrt", number) => Double(number.to_double().sqrt()),
        ("log", number) => Double(number.to_double().ln()),
        ("exp", number) => Double(number.to_double().exp()),
        ("sin", number) => Double(number.to_double().sin()),
        ("cos", number) => Double(number.to_double().cos()),
        ("tan", number) => Double(number.to_double().tan()),
        ("asin", number) => Double(number.to_double().asin()),
        ("acos", number) => Double(number.to_double().acos()),
        ("atan", number) => Double(number.to_double().atan()),
        _ => return Err(Wrong::Unknown("an operation")),
    })
}
