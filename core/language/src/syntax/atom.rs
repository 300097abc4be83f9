//! Atoms: numbers, `#t` and `#f`, symbols.

use crate::runtime::{Outcome, Runtime};
use crate::value::number::Number;
use crate::value::Value;

/// The value that an atom's text means.
///
/// # Errors
/// When memory is out.
pub(super) fn atom(runtime: &mut Runtime, text: &str) -> Outcome {
    match text {
        "#t" => return Ok(Value::TRUE),
        "#f" => return Ok(Value::NIL),
        _ => {}
    }
    match Number::parse(text) {
        Some(number) => number.into_value(|bytes| runtime.allocate(bytes)),
        None => runtime.intern_value(text),
    }
}

/// Why an atom is neither number nor symbol, if it is a spelling that means something else in other Lisps: what it
/// could be meant as, and how to write that.
pub(super) fn misleading(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        let octal =
            Number::parse_radix(digits, 8).map_or(String::new(), |_| format!(", in octal `0o{}`", &digits[1..]));
        let decimal = digits.trim_start_matches('0');
        let decimal = if decimal.is_empty() { "0" } else { decimal };
        return Some(format!(
            "`{text}` could be meant in octal or in decimal: in decimal it is written `{decimal}`{octal}"
        ));
    }
    let rest = text.strip_prefix('#')?;
    let first = rest.chars().next()?;
    match first {
        'x' | 'X' | 'o' | 'O' | 'b' | 'B' if rest.len() > 1 && Number::parse(text).is_none() => {
            let radix = match first.to_ascii_lowercase() {
                'x' => "hexadecimal",
                'o' => "octal",
                _ => "binary",
            };
            Some(format!("`{text}` is no {radix} number; a symbol of this name is written `|{text}|`"))
        }
        '\\' => Some(format!("`{text}` is no character: one is written `?a`")),
        '|' => Some("`#|` opens no comment: each line of a comment begins with `;`".into()),
        _ if rest == "true" || rest == "false" => Some(format!("`{text}` is written `#{first}`")),
        _ => None,
    }
}

/// Whether a text, without bars around it, reads as a symbol with this name.
pub fn reads_as_symbol(text: &str) -> bool {
    let opens_something = text.starts_with('?') || text.starts_with('|') && text != "|";
    let starts_like_no_symbol = opens_something || text == "." || text == "#t" || text == "#f";
    !(text.is_empty()
        || starts_like_no_symbol
        || text.chars().any(super::token::is_delimiter)
        || text.starts_with(['\u{feff}'])
        || text.starts_with("#!")
        || misleading(text).is_some()
        || Number::parse(text).is_some())
}
