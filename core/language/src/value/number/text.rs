//! Numbers as text: printing and reading.

use super::{Expected, Number, NumberError};
use dashu_int::IBig;

impl std::fmt::Display for Number {
    /// Decimal; of doubles the shortest text that reads back as the same double, with a point or an exponent.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Number::Small(number) => write!(f, "{number}"),
            Number::Big(number) => write!(f, "{number}"),
            Number::Double(number) if number.is_nan() => f.write_str("+nan.0"),
            Number::Double(f64::INFINITY) => f.write_str("+inf.0"),
            Number::Double(f64::NEG_INFINITY) => f.write_str("-inf.0"),
            Number::Double(number) => write!(f, "{number:?}"),
        }
    }
}

impl Number {
    /// The text in a radix, with lower-case digits. Doubles have a text in radix 10 only.
    pub fn to_text(&self, radix: i64) -> Result<String, NumberError> {
        let valid = u8::try_from(radix).ok().filter(|radix| (2..=36).contains(radix));
        let radix = valid.ok_or(NumberError::Type { operand: 1, expected: Expected::Radix })?;
        match self {
            _ if radix == 10 => Ok(self.to_string()),
            Number::Small(number) => Ok(IBig::from(*number).in_radix(radix).to_string()),
            Number::Big(number) => Ok(number.in_radix(radix).to_string()),
            Number::Double(_) => Err(NumberError::Type { operand: 0, expected: Expected::Integer }),
        }
    }

    /// Reads a number as a program writes it: `12 -7 +7 0xff -0xff #xff #x-ff 0b101 #o17 1.5 .5 5. -2e-3 +inf.0 -inf.0
    /// +nan.0`. `None` if the text as a whole is not one.
    pub fn parse(text: &str) -> Option<Number> {
        if let Some(rest) = text.strip_prefix('#') {
            let (radix, digits) = split_radix(rest)?;
            let (negative, digits) = split_sign(digits);
            return parse_integer(negative, digits, radix);
        }
        let (negative, digits) = split_sign(text);
        match digits.strip_prefix('0').and_then(split_radix) {
            Some((radix, digits)) => parse_integer(negative, digits, radix),
            None => parse_integer(negative, digits, 10).or_else(|| parse_double(text)),
        }
    }

    /// Reads a number in a radix from 2 to 36. With a radix other than 10, integers only, and no prefix.
    pub fn parse_radix(text: &str, radix: u32) -> Option<Number> {
        if radix == 10 {
            return Number::parse(text);
        }
        let (negative, digits) = split_sign(text);
        (2..=36).contains(&radix).then(|| parse_integer(negative, digits, radix)).flatten()
    }
}

/// The radix that a letter in front of the digits names, and the digits.
fn split_radix(text: &str) -> Option<(u32, &str)> {
    let radix = match text.chars().next()? {
        'x' | 'X' => 16,
        'o' | 'O' => 8,
        'b' | 'B' => 2,
        _ => return None,
    };
    Some((radix, &text[1..]))
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn parse_integer(negative: bool, digits: &str, radix: u32) -> Option<Number> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return Some(Number::Small(if negative { -number } else { number }));
    }
    let magnitude = IBig::from_str_radix(digits, radix).ok()?;
    Some(Number::from(if negative { -magnitude } else { magnitude }))
}

fn parse_double(text: &str) -> Option<Number> {
    match text {
        "+inf.0" => return Some(Number::Double(f64::INFINITY)),
        "-inf.0" => return Some(Number::Double(f64::NEG_INFINITY)),
        "+nan.0" => return Some(Number::Double(f64::from_bits(super::NAN_BITS))),
        _ => (),
    }
    // The library also reads words such as `inf`, which are symbols here.
    let starts_well = split_sign(text).1.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let is_double = text.contains(['.', 'e', 'E']);
    if !starts_well || !is_double {
        return None;
    }
    text.parse().ok().map(Number::Double)
}
