//! `format`: values put into the places of a prototype, as C's `printf` has it.
//!
//! A directive is `%`, flags, a width, a precision and a letter. Those of other Lisps begin with `~`.

use super::arguments;
use super::text::Text;
use crate::runtime::{ErrorKind, Failure, Outcome, Runtime};
use crate::syntax::print::Style;
use crate::value::number::Number;
use crate::value::Value;
use std::iter::Peekable;
use std::str::Chars;

/// `(format prototype value…)`: a string.
pub fn format(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = formatted(runtime, "format", arguments)?;
    runtime.string(&text)
}

/// `(printf prototype value…)`: prints it.
pub fn printf(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = formatted(runtime, "printf", arguments)?;
    runtime.write_output(&text)?;
    Ok(Value::NIL)
}

/// The arguments put into the places of a prototype. With `%`: `d` an integer in decimal, `o` in octal, `x` and `X` in
/// hexadecimal; `e`, `f` and `g` (`E`, `G`) a number as C has it; `s` any value as `print` has it; `c` a character;
/// `%%` is a percent sign. With `~`: `a` as `print` has it, `s` as `dump` has it, `n` or `%` a new line, `~` a tilde.
fn formatted(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Result<String, Failure> {
    let prototype = arguments::text(runtime, operation, arguments[0])?;
    let mut rest = arguments[1..].iter().copied();
    let mut result = Text::new(operation);
    let mut characters = prototype.chars().peekable();
    while let Some(sign) = characters.next() {
        if sign != '~' && sign != '%' {
            result.push(runtime, sign.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        let directive = Directive::parse(&mut characters);
        match (sign, directive.letter) {
            (_, Some(same)) if same == sign => result.push(runtime, sign.encode_utf8(&mut [0; 4]))?,
            ('~', Some('n' | '%')) => result.push(runtime, "\n")?,
            (_, Some('d' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'c' | 's')) | ('~', Some('a')) => {
                let Some(value) = rest.next() else {
                    let message = format!("{operation}: too few arguments");
                    return Err(runtime.error(ErrorKind::Arity, &message, &[arguments[0]]));
                };
                let field = directive.field(runtime, operation, sign, value)?;
                directive.pad(runtime, &field, &mut result)?;
            }
            _ => return Err(runtime.type_error(operation, "a directive it knows", arguments[0])),
        }
    }
    match rest.next() {
        Some(_) => {
            let message = format!("{operation}: too many arguments");
            Err(runtime.error(ErrorKind::Arity, &message, &[arguments[0]]))
        }
        None => Ok(result.finish()),
    }
}

/// How a value is put into a prototype.
#[derive(Default)]
struct Directive {
    /// `-`: at the left of the field.
    left: bool,
    /// `0`: numbers are filled up with zeros.
    zeros: bool,
    /// `+`: positive numbers have a sign, too.
    plus: bool,
    /// A space: positive numbers have a space where negative ones have the sign.
    space: bool,
    /// `#`: octal and hexadecimal numbers say what they are, doubles keep their point.
    alternative: bool,
    width: usize,
    precision: Option<usize>,
    letter: Option<char>,
}

/// A value's text: what padding with zeros goes between.
struct Field {
    /// The sign and the prefix of a number.
    head: String,
    body: String,
    /// Whether zeros may fill it up.
    numeric: bool,
}

impl Directive {
    /// What follows the sign.
    fn parse(characters: &mut Peekable<Chars>) -> Directive {
        let mut directive = Directive::default();
        while let Some(flag) = characters.next_if(|character| "-0+# ".contains(*character)) {
            match flag {
                '-' => directive.left = true,
                '0' => directive.zeros = true,
                '+' => directive.plus = true,
                '#' => directive.alternative = true,
                _ => directive.space = true,
            }
        }
        directive.width = digits(characters);
        if characters.next_if_eq(&'.').is_some() {
            directive.precision = Some(digits(characters));
        }
        directive.letter = characters.next();
        directive
    }

    fn field(&self, runtime: &mut Runtime, operation: &str, sign: char, value: Value) -> Result<Field, Failure> {
        let letter = self.letter.unwrap_or('s');
        match letter {
            'a' | 's' => {
                let style = if letter == 's' && sign == '~' { Style::Dump } else { Style::Print };
                let mut text = Text::new(operation);
                text.print(runtime, value, style)?;
                let mut body = text.finish();
                let cut = self.precision.and_then(|precision| body.char_indices().nth(precision));
                body.truncate(cut.map_or(body.len(), |(at, _)| at));
                Ok(Field { head: String::new(), body, numeric: false })
            }
            'c' => {
                let character = arguments::character(runtime, operation, value)?;
                Ok(Field { head: String::new(), body: character.to_string(), numeric: false })
            }
            'd' | 'o' | 'x' | 'X' => self.integer(runtime, operation, letter, value),
            _ => self.double(runtime, operation, letter, value),
        }
    }

    /// The sign of a number that is shown.
    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        }
    }

    fn integer(&self, runtime: &mut Runtime, operation: &str, letter: char, value: Value) -> Result<Field, Failure> {
        arguments::integer(runtime, operation, value)?;
        let radix = match letter {
            'd' => 10,
            'o' => 8,
            _ => 16,
        };
        let text = Number::from_value(value).and_then(|number| number.to_text(radix).ok()).unwrap_or_default();
        let digits = text.strip_prefix('-');
        let mut head = self.sign(digits.is_some()).to_string();
        let mut body = digits.unwrap_or(&text).to_string();
        if letter == 'X' {
            body.make_ascii_uppercase();
        }
        let is_zero = body == "0";
        if is_zero && self.precision == Some(0) {
            body.clear();
        }
        let least = self.precision.unwrap_or(0);
        super::text::check_length(runtime, operation, least)?;
        let missing = least.saturating_sub(body.len());
        body.insert_str(0, &"0".repeat(missing));
        if self.alternative {
            match letter {
                'o' if !body.starts_with('0') => body.insert(0, '0'),
                'x' | 'X' if !is_zero => head.extend(['0', letter]),
                _ => {}
            }
        }
        // As in C, a precision says all that there is to say about zeros.
        Ok(Field { head, body, numeric: self.precision.is_none() })
    }

    fn double(&self, runtime: &mut Runtime, operation: &str, letter: char, value: Value) -> Result<Field, Failure> {
        let Some(number) = Number::from_value(value) else {
            return Err(runtime.type_error(operation, "a number", value));
        };
        let number = number.to_f64();
        if !number.is_finite() {
            let text = Number::Double(number).to_string();
            // `+inf.0`, `-inf.0` and `+nan.0` have their sign in any case.
            return Ok(Field { head: String::new(), body: text, numeric: false });
        }
        let precision = self.precision.unwrap_or(6);
        super::text::check_length(runtime, operation, precision)?;
        let head = self.sign(number.is_sign_negative()).to_string();
        let mut body = match letter.to_ascii_lowercase() {
            'f' => fixed(number.abs(), precision, self.alternative),
            'e' => exponential(number.abs(), precision, self.alternative),
            _ => general(number.abs(), precision, self.alternative),
        };
        if letter.is_ascii_uppercase() {
            body.make_ascii_uppercase();
        }
        Ok(Field { head, body, numeric: true })
    }

    fn pad(&self, runtime: &mut Runtime, field: &Field, result: &mut Text) -> Result<(), Failure> {
        let taken = field.head.len() + field.body.chars().count();
        let missing = self.width.saturating_sub(taken);
        let (mut before, mut zeros, mut after) = (0, 0, 0);
        match (self.left, self.zeros && field.numeric) {
            (true, _) => after = missing,
            (false, true) => zeros = missing,
            (false, false) => before = missing,
        }
        result.fill(runtime, ' ', before)?;
        result.push(runtime, &field.head)?;
        result.fill(runtime, '0', zeros)?;
        result.push(runtime, &field.body)?;
        result.fill(runtime, ' ', after)
    }
}

/// A number in a directive; 0 if there is none. One that is too large stays too large for any string.
fn digits(characters: &mut Peekable<Chars>) -> usize {
    let mut number = 0_usize;
    while let Some(digit) = characters.peek().and_then(|character| character.to_digit(10)) {
        characters.next();
        number = number.saturating_mul(10).saturating_add(digit as usize).min(u32::MAX as usize);
    }
    number
}

/// More decimals than any double has; those after them are zeros.
const DECIMALS: usize = 1100;

/// `%f`.
fn fixed(number: f64, precision: usize, keeps_point: bool) -> String {
    let mut text = format!("{number:.*}", precision.min(DECIMALS));
    text.extend(std::iter::repeat_n('0', precision.saturating_sub(DECIMALS)));
    if keeps_point && precision == 0 {
        text.push('.');
    }
    text
}

/// `%e`: one digit, the decimals, and an exponent of two digits at least.
fn exponential(number: f64, precision: usize, keeps_point: bool) -> String {
    let text = format!("{number:.*e}", precision.min(DECIMALS));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let zeros = "0".repeat(precision.saturating_sub(DECIMALS));
    let point = if keeps_point && precision == 0 { "." } else { "" };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{zeros}{point}e{sign}{:02}", exponent.abs())
}

/// `%g`: that many significant digits, as `%e` where the exponent is below -4 or as large as their number, else as
/// `%f`; zeros at the end are left out unless `#` asks for them.
fn general(number: f64, precision: usize, keeps_zeros: bool) -> String {
    let significant = precision.max(1);
    let rounded = exponential(number, significant - 1, keeps_zeros);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "+00"));
    let power = exponent.parse::<i64>().unwrap_or(0);
    if power >= -4 && power < significant as i64 {
        let decimals = (significant as i64 - 1 - power) as usize;
        let text = fixed(number, decimals, keeps_zeros);
        return if keeps_zeros { text } else { without_zeros(&text).to_string() };
    }
    let mantissa = if keeps_zeros { mantissa } else { without_zeros(mantissa) };
    format!("{mantissa}e{exponent}")
}

/// A decimal fraction without the zeros at its end, and without a point that nothing follows.
fn without_zeros(text: &str) -> &str {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.')
}
