//! Numbers. The arithmetic itself is in [`crate::value::number`].

use super::arguments;
use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::number::{self, Number, NumberError, Operation, UnaryOperation};
use crate::value::{Value, FIXNUM_MAX, FIXNUM_MIN};
use std::cmp::Ordering;

macro_rules! unary {
    ($($name:literal $operation:ident $($quiet:ident)?,)*) => {
        &[$(PrimitiveInfo::fixed($name, 1, |runtime, arguments| {
            unary(runtime, $name, UnaryOperation::$operation, arguments[0])
        })$(.$quiet())?,)*]
    };
}

macro_rules! binary {
    ($($name:literal $operation:ident $($quiet:ident)?,)*) => {
        &[$(PrimitiveInfo::fixed($name, 2, |runtime, arguments| {
            binary(runtime, $name, Operation::$operation, arguments[0], arguments[1])
        })$(.$quiet())?,)*]
    };
}

/// Operations on one number.
pub const UNARY: &[PrimitiveInfo] = unary!(
    "~" BitNot quiet, "abs" Abs, "sqrt" Sqrt, "exp" Exp quiet, "log" Log quiet, "sin" Sin quiet, "cos" Cos quiet, "tan" Tan quiet,
    "asin" Asin, "acos" Acos, "floor" Floor quiet, "ceiling" Ceiling quiet, "round" Round quiet, "truncate" Truncate quiet,
    "exact->inexact" ToInexact, "long->double" ToInexact,
    "inexact->exact" ToExact quiet, "double->long" ToExact,
);

/// Operations on two numbers.
pub const BINARY: &[PrimitiveInfo] = binary!(
    "quotient" Quotient, "remainder" Remainder, "%" Remainder, "modulo" Modulo, "expt" Expt quiet,
    "<<" ShiftLeft quiet, ">>" ShiftRight quiet,
);

/// The rest of the section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::variadic("+", 0, |runtime, numbers| fold(runtime, "+", Operation::Add, Value::fixnum(0), numbers))
        .quiet(),
    PrimitiveInfo::variadic("*", 0, |runtime, numbers| {
        fold(runtime, "*", Operation::Multiply, Value::fixnum(1), numbers)
    })
    .quiet(),
    PrimitiveInfo::variadic("-", 1, subtract).quiet(),
    PrimitiveInfo::variadic("/", 1, divide).quiet(),
    PrimitiveInfo::variadic("&", 0, |runtime, numbers| {
        fold(runtime, "&", Operation::BitAnd, Value::fixnum(-1), numbers)
    })
    .quiet(),
    PrimitiveInfo::variadic("|", 0, |runtime, numbers| fold(runtime, "|", Operation::BitOr, Value::fixnum(0), numbers))
        .quiet(),
    PrimitiveInfo::variadic("^", 0, |runtime, numbers| {
        fold(runtime, "^", Operation::BitXor, Value::fixnum(0), numbers)
    })
    .quiet(),
    PrimitiveInfo::variadic("gcd", 0, |runtime, numbers| {
        fold(runtime, "gcd", Operation::Gcd, Value::fixnum(0), numbers)
    })
    .quiet(),
    PrimitiveInfo::variadic("lcm", 0, |runtime, numbers| {
        fold(runtime, "lcm", Operation::Lcm, Value::fixnum(1), numbers)
    })
    .quiet(),
    PrimitiveInfo::variadic("min", 1, |runtime, numbers| extreme(runtime, "min", Operation::Min, numbers)).quiet(),
    PrimitiveInfo::variadic("max", 1, |runtime, numbers| extreme(runtime, "max", Operation::Max, numbers)).quiet(),
    PrimitiveInfo::variadic("<", 1, |runtime, numbers| ordered(runtime, "<", numbers, Ordering::is_lt)).quiet(),
    PrimitiveInfo::variadic("<=", 1, |runtime, numbers| ordered(runtime, "<=", numbers, Ordering::is_le)).quiet(),
    PrimitiveInfo::variadic(">", 1, |runtime, numbers| ordered(runtime, ">", numbers, Ordering::is_gt)).quiet(),
    PrimitiveInfo::variadic(">=", 1, |runtime, numbers| ordered(runtime, ">=", numbers, Ordering::is_ge)).quiet(),
    PrimitiveInfo::optional("atan", 1, 2, |runtime, numbers| match numbers {
        [number] => unary(runtime, "atan", UnaryOperation::Atan, *number),
        _ => binary(runtime, "atan", Operation::Atan2, numbers[0], numbers[1]),
    }),
    PrimitiveInfo::fixed("zero?", 1, |runtime, numbers| sign(runtime, "zero?", numbers[0], Ordering::is_eq)),
    PrimitiveInfo::fixed("positive?", 1, |runtime, numbers| sign(runtime, "positive?", numbers[0], Ordering::is_gt)),
    PrimitiveInfo::fixed("negative?", 1, |runtime, numbers| sign(runtime, "negative?", numbers[0], Ordering::is_lt)),
    PrimitiveInfo::fixed("even?", 1, |runtime, numbers| parity(runtime, "even?", numbers[0], true)),
    PrimitiveInfo::fixed("odd?", 1, |runtime, numbers| parity(runtime, "odd?", numbers[0], false)),
    PrimitiveInfo::fixed("number?", 1, |_, numbers| Ok(Value::boolean(Number::is_number(numbers[0])))).quiet(),
    PrimitiveInfo::fixed("integer?", 1, |_, numbers| Ok(Value::boolean(Number::is_integer(numbers[0])))).quiet(),
    PrimitiveInfo::fixed("long?", 1, |_, numbers| Ok(Value::boolean(Number::is_integer(numbers[0])))).quiet(),
    PrimitiveInfo::fixed("double?", 1, |_, numbers| Ok(Value::boolean(Number::is_double(numbers[0])))).quiet(),
    PrimitiveInfo::fixed("nan?", 1, |runtime, numbers| {
        let number = operand(runtime, "nan?", numbers[0])?;
        Ok(Value::boolean(number.to_f64().is_nan()))
    }),
    PrimitiveInfo::optional("number->string", 1, 2, |runtime, arguments| {
        number_to_string(runtime, "number->string", arguments)
    })
    .quiet(),
    PrimitiveInfo::optional("long->string", 1, 2, long_to_string).quiet(),
    PrimitiveInfo::fixed("double->string", 1, |runtime, arguments| {
        if !Number::is_double(arguments[0]) {
            return Err(runtime.type_error("double->string", "a double", arguments[0]));
        }
        number_to_string(runtime, "double->string", arguments)
    })
    .quiet(),
    PrimitiveInfo::optional("string->number", 1, 2, |runtime, arguments| {
        string_to_number(runtime, "string->number", arguments, |_| true)
    })
    .quiet(),
    PrimitiveInfo::optional("string->long", 1, 2, |runtime, arguments| {
        string_to_number(runtime, "string->long", arguments, |number| !matches!(number, Number::Double(_)))
    })
    .quiet(),
    PrimitiveInfo::fixed("string->double", 1, string_to_double),
];

/// A value of a number.
///
/// # Errors
/// When memory is out.
pub fn value(runtime: &mut Runtime, number: Number) -> Outcome {
    number.into_value(|bytes| runtime.allocate(bytes))
}

/// A value of an integer.
pub fn integer_value(runtime: &mut Runtime, number: i64) -> Outcome {
    if (FIXNUM_MIN..=FIXNUM_MAX).contains(&number) {
        return Ok(Value::fixnum(number));
    }
    value(runtime, Number::Small(number))
}

/// Raise what went wrong in an operation on these operands.
#[cold]
fn fail(runtime: &mut Runtime, operation: &str, fault: NumberError, operands: &[Value]) -> Failure {
    match fault {
        NumberError::Type { operand, expected } => {
            let got = operands.get(operand).or(operands.first()).copied().unwrap_or(Value::NIL);
            runtime.type_error(operation, &expected.to_string(), got)
        }
        NumberError::DivisionByZero => {
            let message = format!("{operation}: division by zero");
            runtime.error(ErrorKind::DivisionByZero, &message, operands)
        }
        NumberError::TooLarge => {
            let message = format!("{operation}: {fault}");
            runtime.error(ErrorKind::OutOfMemory, &message, &[])
        }
    }
}

/// An operation on two values.
///
/// # Errors
/// As the operation has them.
#[inline(always)]
pub fn binary(runtime: &mut Runtime, name: &str, operation: Operation, left: Value, right: Value) -> Outcome {
    match number::immediate(operation, left, right) {
        Some(value) => Ok(value),
        None => binary_of_any(runtime, name, operation, left, right),
    }
}

/// How many times as much memory as its result an operation on large integers takes.
const WORK: f64 = 4.0;

#[inline(never)]
fn binary_of_any(runtime: &mut Runtime, name: &str, operation: Operation, left: Value, right: Value) -> Outcome {
    if let Some(number) = number::short(operation, left, right) {
        return number::short_value(number, |bytes| runtime.allocate(bytes));
    }
    if let Some(number) = number::of_doubles(operation, left, right) {
        return runtime.double(number);
    }
    let mut digits = std::mem::take(&mut runtime.digits);
    let short_enough = number::limbwise(operation, left, right, &mut digits);
    let result = short_enough.then(|| digits.value(|bytes| runtime.allocate(bytes)));
    runtime.digits = digits;
    if let Some(result) = result {
        return result;
    }
    // The work takes several times as much memory as the result, and the heap knows nothing of that.
    if number::result_bits(operation, left, right) / 8.0 * WORK > runtime.heap.max_bytes() as f64 {
        let message = format!("{name}: the result is too large for the heap");
        return Err(runtime.error(ErrorKind::OutOfMemory, &message, &[]));
    }
    match number::binary(operation, left, right) {
        Ok(number) => value(runtime, number),
        Err(fault) => Err(fail(runtime, name, fault, &[left, right])),
    }
}

/// An operation on one value.
///
/// # Errors
/// As the operation has them.
#[inline(always)]
pub fn unary(runtime: &mut Runtime, name: &str, operation: UnaryOperation, operand: Value) -> Outcome {
    match number::immediate_unary(operation, operand) {
        Some(value) => Ok(value),
        None => unary_of_any(runtime, name, operation, operand),
    }
}

#[inline(never)]
fn unary_of_any(runtime: &mut Runtime, name: &str, operation: UnaryOperation, operand: Value) -> Outcome {
    match number::unary(operation, operand) {
        Ok(number) => value(runtime, number),
        Err(fault) => Err(fail(runtime, name, fault, &[operand])),
    }
}

/// How two numbers compare; `None` if one is NaN.
///
/// # Errors
/// `type`.
#[inline]
pub fn compare(runtime: &mut Runtime, name: &str, left: Value, right: Value) -> Result<Option<Ordering>, Failure> {
    number::compare(left, right).map_err(|fault| fail(runtime, name, fault, &[left, right]))
}

/// A number.
fn operand(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Number, Failure> {
    Number::from_value(value).ok_or_else(|| runtime.type_error(operation, "a number", value))
}

/// From left to right; alone, an operand must be of the right kind all the same.
#[inline(always)]
fn fold(runtime: &mut Runtime, name: &str, operation: Operation, neutral: Value, numbers: &[Value]) -> Outcome {
    match numbers {
        [left, right] => binary(runtime, name, operation, *left, *right),
        _ => fold_any(runtime, name, operation, neutral, numbers),
    }
}

fn fold_any(runtime: &mut Runtime, name: &str, operation: Operation, neutral: Value, numbers: &[Value]) -> Outcome {
    match numbers {
        [] => Ok(neutral),
        [number] => {
            let result = binary(runtime, name, operation, *number, neutral)?;
            // A sum keeps the sign of a zero; these have none.
            let signless = matches!(operation, Operation::Gcd | Operation::Lcm);
            Ok(if signless { result } else { *number })
        }
        [first, rest @ ..] => {
            let mut result = *first;
            for number in rest {
                result = binary(runtime, name, operation, result, *number)?;
            }
            Ok(result)
        }
    }
}

fn subtract(runtime: &mut Runtime, numbers: &[Value]) -> Outcome {
    match numbers {
        [number] => unary(runtime, "-", UnaryOperation::Negate, *number),
        _ => fold(runtime, "-", Operation::Subtract, Value::fixnum(0), numbers),
    }
}

/// `(/ a)` is `(/ 1 a)`.
fn divide(runtime: &mut Runtime, numbers: &[Value]) -> Outcome {
    match numbers {
        [number] => binary(runtime, "/", Operation::Divide, Value::fixnum(1), *number),
        _ => fold(runtime, "/", Operation::Divide, Value::fixnum(1), numbers),
    }
}

#[inline(always)]
fn extreme(runtime: &mut Runtime, name: &str, operation: Operation, numbers: &[Value]) -> Outcome {
    let mut result = numbers[0];
    if numbers.len() == 1 {
        operand(runtime, name, result)?;
    }
    for number in &numbers[1..] {
        result = binary(runtime, name, operation, result, *number)?;
    }
    Ok(result)
}

/// Whether each number stands in a relation to the next. All are looked at, so that errors do not depend on values.
#[inline(always)]
fn ordered(runtime: &mut Runtime, name: &str, numbers: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    if let [left, right] = numbers {
        return Ok(Value::boolean(compare(runtime, name, *left, *right)?.is_some_and(holds)));
    }
    ordered_any(runtime, name, numbers, holds)
}

fn ordered_any(runtime: &mut Runtime, name: &str, numbers: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    let mut result = true;
    if numbers.len() == 1 {
        operand(runtime, name, numbers[0])?;
    }
    for pair in numbers.windows(2) {
        result &= compare(runtime, name, pair[0], pair[1])?.is_some_and(holds);
    }
    Ok(Value::boolean(result))
}

fn sign(runtime: &mut Runtime, name: &str, number: Value, holds: fn(Ordering) -> bool) -> Outcome {
    let order = compare(runtime, name, number, Value::fixnum(0))?;
    Ok(Value::boolean(order.is_some_and(holds)))
}

/// Doubles that are whole numbers are even or odd as well; others are neither.
fn parity(runtime: &mut Runtime, name: &str, number: Value, even: bool) -> Outcome {
    if let Some(number) = number.as_fixnum() {
        return Ok(Value::boolean((number & 1 == 0) == even));
    }
    let rest = number::binary(Operation::Modulo, number, Value::fixnum(2))
        .map_err(|fault| fail(runtime, name, fault, &[number]))?;
    let wanted = if even { 0.0 } else { 1.0 };
    Ok(Value::boolean(rest.to_f64() == wanted))
}

/// The decimal text of an integer, at the end of a buffer.
fn decimal(number: i64, buffer: &mut [u8; 20]) -> &str {
    let mut start = buffer.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    std::str::from_utf8(&buffer[start..]).unwrap_or_default()
}

/// The integer that a short string of decimal digits is, a minus sign before them allowed.
fn short_decimal(runtime: &Runtime, string: Value) -> Option<i64> {
    const MOST_DIGITS: usize = 18;
    let mut digits = runtime.points(string);
    let negative = digits.clone().next() == Some(u32::from('-'));
    if negative {
        digits.next();
    }
    let mut number = 0;
    let mut count = 0;
    for digit in digits {
        number = number * 10 + i64::from(char::from_u32(digit)?.to_digit(10)?);
        count += 1;
        if count > MOST_DIGITS {
            return None;
        }
    }
    (count > 0).then_some(if negative { -number } else { number })
}

fn number_to_string(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Outcome {
    if let (Some(number), 1) = (arguments[0].as_fixnum(), arguments.len()) {
        return runtime.string(decimal(number, &mut [0; 20]));
    }
    let number = operand(runtime, operation, arguments[0])?;
    let radix = arguments.get(1).map_or(Ok(10), |radix| arguments::integer(runtime, operation, *radix))?;
    match number.to_text(radix) {
        Ok(text) => runtime.string(&text),
        Err(fault) => Err(fail(runtime, operation, fault, arguments)),
    }
}

fn long_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    arguments::integer(runtime, "long->string", arguments[0])?;
    number_to_string(runtime, "long->string", arguments)
}

/// The number that a text is as a whole; nil if it is none that is wanted.
fn string_to_number(
    runtime: &mut Runtime,
    operation: &str,
    arguments: &[Value],
    wanted: fn(&Number) -> bool,
) -> Outcome {
    let string = arguments::string(runtime, operation, arguments[0])?;
    if arguments.len() == 1 {
        if let Some(number) = short_decimal(runtime, string) {
            return Ok(Value::fixnum(number));
        }
    }
    let text = runtime.text(string);
    let radix = arguments.get(1).map_or(Ok(10), |radix| arguments::integer(runtime, operation, *radix))?;
    let Some(radix) = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix)) else {
        return Err(runtime.type_error(operation, "a radix from 2 to 36", arguments[1]));
    };
    match Number::parse_radix(&text, radix).filter(wanted) {
        Some(number) => value(runtime, number),
        None => Ok(Value::NIL),
    }
}

fn string_to_double(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "string->double", arguments[0])?;
    match Number::parse(&text) {
        Some(number) => runtime.double(number.to_f64()),
        None => Ok(Value::NIL),
    }
}
