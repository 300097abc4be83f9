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

/// Whether a text, without bars around it, reads as a symbol with this name.
pub fn reads_as_symbol(text: &str) -> bool {
    let opens_something = text.starts_with('?') || text.starts_with('|') && text != "|";
    let starts_like_no_symbol = opens_something || text == "." || text == "#t" || text == "#f";
    !(text.is_empty()
        || starts_like_no_symbol
        || text.chars().any(super::token::is_delimiter)
        || text.starts_with(['\u{feff}'])
        || text.starts_with("#!")
        || Number::parse(text).is_some())
}
