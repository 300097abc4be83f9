//! Atoms: numbers, `#t` and `#f`, symbols.

use crate::runtime::{Outcome, Runtime};
use crate::value::{Value, FIXNUM_MAX, FIXNUM_MIN};

/// The value that an atom's text means.
pub(super) fn atom(runtime: &mut Runtime, text: &str) -> Outcome {
    match text {
        "#t" => return Ok(Value::TRUE),
        "#f" => return Ok(Value::NIL),
        _ => {}
    }
    match number(runtime, text)? {
        Some(number) => Ok(number),
        None => Ok(runtime.symbol_value(text)),
    }
}

/// The number that a text means as an atom of a program; `None` if it is a symbol.
///
/// # Errors
/// When memory is out.
pub fn number(runtime: &mut Runtime, text: &str) -> Result<Option<Value>, crate::runtime::Failure> {
    let special = match text {
        "+inf.0" => Some(f64::INFINITY),
        "-inf.0" => Some(f64::NEG_INFINITY),
        "+nan.0" | "-nan.0" => Some(f64::NAN),
        _ => None,
    };
    if let Some(number) = special {
        return runtime.double(number).map(Some);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return integer(runtime, negative, digits, 16).map(Some);
        }
        return Ok(None);
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return integer(runtime, negative, unsigned, 10).map(Some);
    }
    if is_decimal(unsigned) {
        // The text has been checked: Rust's parser takes more than the language, such as `inf`.
        let number = text.parse().unwrap_or(f64::NAN);
        return runtime.double(number).map(Some);
    }
    Ok(None)
}

/// Digits with a point, an exponent or both.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let exponent_holds = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let mut points = 0;
    let mantissa_holds = mantissa.bytes().all(|byte| {
        points += u32::from(byte == b'.');
        byte.is_ascii_digit() || byte == b'.'
    });
    exponent_holds && mantissa_holds && points <= 1 && mantissa.bytes().any(|byte| byte.is_ascii_digit())
}

/// The integer with these digits, which have been checked.
fn integer(runtime: &mut Runtime, negative: bool, digits: &str, radix: u32) -> Outcome {
    match i64::from_str_radix(digits, radix) {
        Ok(number) => {
            let number = if negative { -number } else { number };
            if (FIXNUM_MIN..=FIXNUM_MAX).contains(&number) {
                return Ok(Value::fixnum(number));
            }
            runtime.double(number as f64)
        }
        Err(_) => runtime.double(digits.parse().unwrap_or(f64::NAN)),
    }
}
