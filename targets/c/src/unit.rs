//! The text of a whole unit.

use crate::function::{definition, prototype, PENDING};
use maru_core::abi::context;
use maru_core::codegen::{CompileError, SourceUnit, DATA_SYMBOL, HEADER_SYMBOL};
use maru_core::ir::FunctionId;
use std::fmt::Write as _;

const PRELUDE: &str = include_str!("prelude.h");
/// Bytes of constants in a line.
const BYTES_IN_A_LINE: usize = 24;

/// The text of a unit.
///
/// # Errors
/// When a function needs what the target does not have.
pub fn text(unit: &SourceUnit) -> Result<String, CompileError> {
    let mut out = format!("/* {}: written by Maru. */\n", comment(unit.name));
    let word = |offset: i32| offset as usize / size_of::<u64>();
    let numbers = [
        ("STACK_LIMIT", word(context::STACK_LIMIT)),
        ("ARGUMENTS", word(context::ARGUMENTS)),
        ("HELPERS", word(context::HELPERS)),
        ("PENDING", word(PENDING)),
    ];
    for (name, number) in numbers {
        let _ = writeln!(out, "#define {name} {number}");
    }
    out.push_str(PRELUDE);
    out.push('\n');
    let name = |id: FunctionId| unit.symbols[id.0 as usize].clone();
    for (function, symbol) in unit.functions.iter().zip(unit.symbols) {
        let _ = writeln!(out, "{};", prototype(function, symbol));
    }
    if unit.data_words > 0 {
        let _ = writeln!(out, "\nstatic volatile KEPT word {DATA_SYMBOL}[{}];", unit.data_words);
    }
    for (function, symbol) in unit.functions.iter().zip(unit.symbols) {
        let _ = write!(out, "\n/* {} */\n{}", comment(&function.name), definition(function, &name, symbol)?);
    }
    constants(unit.constants, &mut out);
    Ok(out)
}

/// The constants, which are what the library exports.
fn constants(bytes: &[u8], out: &mut String) {
    let size = bytes.len();
    let _ = writeln!(out, "\nextern const uint8_t {HEADER_SYMBOL}[{size}];");
    let _ = writeln!(out, "EXPORTED const uint8_t {HEADER_SYMBOL}[{size}] = {{");
    for line in bytes.chunks(BYTES_IN_A_LINE) {
        let numbers: Vec<String> = line.iter().map(u8::to_string).collect();
        let _ = writeln!(out, "{},", numbers.join(","));
    }
    out.push_str("};\n");
}

/// A text in a comment: nothing in it ends the comment or the line.
fn comment(text: &str) -> String {
    let letter = |letter: char| if letter.is_control() || letter == '\\' || letter == '/' { '_' } else { letter };
    text.chars().map(letter).collect()
}
