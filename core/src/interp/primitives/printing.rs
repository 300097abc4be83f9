//! Printing values, as text for people (`print`) or for the reader (`dump`), and formatting.

use super::arguments;
use crate::interp::{call, PrimitiveInfo};
use crate::runtime::{ErrorKind, Failure, Outcome, Runtime};
use crate::value::number::Number;
use crate::value::print::{text, Style};
use crate::value::Value;
use std::io::Write;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::variadic("print", 0, |runtime, arguments| put(runtime, arguments, Style::Print, "")),
    PrimitiveInfo::variadic("println", 0, |runtime, arguments| put(runtime, arguments, Style::Print, "\n")),
    PrimitiveInfo::variadic("dump", 0, |runtime, arguments| put(runtime, arguments, Style::Dump, "")),
    PrimitiveInfo::variadic("dumpln", 0, |runtime, arguments| put(runtime, arguments, Style::Dump, "\n")),
    PrimitiveInfo::variadic("warn", 0, warn),
    PrimitiveInfo::variadic("format", 1, |runtime, arguments| {
        let text = formatted(runtime, arguments)?;
        runtime.string(&text)
    }),
    PrimitiveInfo::variadic("printf", 1, |runtime, arguments| {
        let text = formatted(runtime, arguments)?;
        runtime.write_output(&text)?;
        Ok(Value::NIL)
    }),
    PrimitiveInfo::variadic("print->string", 0, |runtime, arguments| {
        let text = joined(runtime, arguments, Style::Print);
        runtime.string(&text)
    }),
    PrimitiveInfo::variadic("dump->string", 0, |runtime, arguments| {
        let text = joined(runtime, arguments, Style::Dump);
        runtime.string(&text)
    }),
    PrimitiveInfo::fixed("call-with-output-to-string", 1, output_to_string),
    PrimitiveInfo::fixed("call-with-output-to-file", 2, output_to_file),
];

/// The text of a value for people.
///
/// # Errors
/// None at present: printing does not call programs.
pub fn people(runtime: &mut Runtime, value: Value) -> Result<String, Failure> {
    Ok(text(runtime, value, Style::Print))
}

fn joined(runtime: &Runtime, values: &[Value], style: Style) -> String {
    values.iter().map(|value| text(runtime, *value, style)).collect()
}

/// Print the values one after another; the value is the last one.
fn put(runtime: &mut Runtime, values: &[Value], style: Style, end: &str) -> Outcome {
    for value in values {
        let text = text(runtime, *value, style);
        runtime.write_output(&text)?;
    }
    runtime.write_output(end)?;
    Ok(values.last().copied().unwrap_or(Value::NIL))
}

/// Print to standard error.
fn warn(runtime: &mut Runtime, values: &[Value]) -> Outcome {
    runtime.flush_output();
    let text = joined(runtime, values, Style::Print);
    // When standard error is closed or full, there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
    Ok(Value::NIL)
}

/// What the body prints, as a string. If it fails, that is forgotten.
fn output_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let function = arguments::function(runtime, "with-output-to-string", arguments[0])?;
    runtime.captures.push(String::new());
    let result = call(runtime, function, &[]);
    let text = runtime.captures.pop().unwrap_or_default();
    result?;
    runtime.string(&text)
}

/// What the body prints goes to a file, even if the body fails. The value is the body's.
fn output_to_file(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let path = arguments::text(runtime, "with-output-to-file", arguments[0])?;
    let function = arguments::function(runtime, "with-output-to-file", arguments[1])?;
    if let Err(fault) = std::fs::File::create(&path) {
        return Err(super::files::fail(runtime, &path, &fault));
    }
    runtime.captures.push(String::new());
    let result = call(runtime, function, &[]);
    let text = runtime.captures.pop().unwrap_or_default();
    match std::fs::write(&path, text) {
        Err(fault) if result.is_ok() => Err(super::files::fail(runtime, &path, &fault)),
        _ => result,
    }
}

/// The arguments put into the places of a template: `~a` as `print` has it, `~s` as `dump` has it, `~d` an integer in
/// decimal, `~x` in hexadecimal, `~c` a character, `~n` or `~%` a new line, `~~` a tilde; and as in C, `%d %x %c %s`
/// and `%%`, where `%s` prints any value. Between the sign and the letter may stand a width, with `0` in front of it
/// to fill with zeros and `-` to align left; doubles take a number of decimals: `%8.3f`.
fn formatted(runtime: &mut Runtime, arguments: &[Value]) -> Result<String, Failure> {
    let template = arguments::text(runtime, "format", arguments[0])?;
    let mut rest = arguments[1..].iter().copied();
    let mut result = String::new();
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '~' && character != '%' {
            result.push(character);
            continue;
        }
        let mut directive = Directive::default();
        let letter = loop {
            match characters.next() {
                Some('-') if directive.width.is_none() => directive.left = true,
                Some('.') => directive.decimals = Some(0),
                Some(digit @ '0'..='9') => directive.digit(digit),
                letter => break letter,
            }
        };
        match letter {
            Some(same) if same == character => result.push(character),
            Some('n' | '%') if character == '~' => result.push('\n'),
            Some(letter @ ('a' | 's' | 'd' | 'x' | 'c' | 'f')) => {
                let Some(value) = rest.next() else {
                    return Err(runtime.error(ErrorKind::Arity, "format: too few arguments", &[arguments[0]]));
                };
                let letter = if character == '%' && letter == 's' { 'a' } else { letter };
                let text = directive.text(runtime, letter, value)?;
                directive.pad(&text, &mut result);
            }
            _ => return Err(runtime.type_error("format", "a directive it knows", arguments[0])),
        }
    }
    match rest.next() {
        Some(_) => Err(runtime.error(ErrorKind::Arity, "format: too many arguments", &[arguments[0]])),
        None => Ok(result),
    }
}

/// How a value is put into a template.
#[derive(Default)]
struct Directive {
    left: bool,
    zeros: bool,
    width: Option<usize>,
    decimals: Option<usize>,
}

/// No field is wider, so that a template cannot use up memory.
const MAX_WIDTH: usize = 1000;

impl Directive {
    fn digit(&mut self, digit: char) {
        let digit = digit as usize - '0' as usize;
        match (&mut self.decimals, self.width) {
            (Some(decimals), _) => *decimals = (*decimals * 10 + digit).min(MAX_WIDTH),
            (None, None) if digit == 0 && !self.left => self.zeros = true,
            (None, width) => self.width = Some((width.unwrap_or(0) * 10 + digit).min(MAX_WIDTH)),
        }
    }

    fn text(&self, runtime: &mut Runtime, letter: char, value: Value) -> Result<String, Failure> {
        match letter {
            'a' => Ok(text(runtime, value, Style::Print)),
            's' => Ok(text(runtime, value, Style::Dump)),
            'c' => {
                let point = arguments::code_point(runtime, "format", value)?;
                Ok(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER).to_string())
            }
            'f' => match Number::from_value(value) {
                Some(number) if number.to_f64().is_finite() => {
                    Ok(format!("{:.*}", self.decimals.unwrap_or(6), number.to_f64()))
                }
                Some(number) => Ok(Number::Double(number.to_f64()).to_string()),
                None => Err(runtime.type_error("format", "a number", value)),
            },
            _ => {
                arguments::integer(runtime, "format", value)?;
                let radix = if letter == 'x' { 16 } else { 10 };
                let number = Number::from_value(value).and_then(|number| number.to_text(radix).ok());
                Ok(number.unwrap_or_default())
            }
        }
    }

    fn pad(&self, text: &str, result: &mut String) {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        match (self.left, self.zeros) {
            (true, _) => {
                result.push_str(text);
                result.extend(std::iter::repeat_n(' ', missing));
            }
            (false, true) => {
                let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
                result.push_str(sign);
                result.extend(std::iter::repeat_n('0', missing));
                result.push_str(digits);
            }
            (false, false) => {
                result.extend(std::iter::repeat_n(' ', missing));
                result.push_str(text);
            }
        }
    }
}
