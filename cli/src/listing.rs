//! Machine code of functions as text.

use crate::trouble::Trouble;
use maru_core::codegen::Architecture;
use maru_core::ir::Function;

/// Bytes of an instruction that are shown in one line.
const BYTES_SHOWN: usize = 10;

/// The code of functions for an architecture: offsets, bytes, instructions.
///
/// # Errors
/// When the architecture cannot compile one of them.
pub fn listing<'f>(
    architecture: &dyn Architecture,
    functions: impl IntoIterator<Item = &'f Function>,
) -> Result<String, Trouble> {
    let mut text = String::new();
    for function in functions {
        let lines = architecture.listing(function).map_err(Trouble::failed)?;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}:\n", function.name));
        for line in lines {
            let shown = line.bytes.iter().take(BYTES_SHOWN).map(|byte| format!("{byte:02x}"));
            let mut bytes = shown.collect::<Vec<_>>().join(" ");
            if line.bytes.len() > BYTES_SHOWN {
                bytes.push('…');
            }
            let width = 3 * BYTES_SHOWN;
            text.push_str(&format!("{:6x}  {bytes:<width$}  {}\n", line.offset, line.text));
        }
    }
    Ok(text)
}
