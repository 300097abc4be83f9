//! The code of an image as assembly text: the listings of its functions, in which names take the place of offsets.
//!
//! An assembler must make the same bytes of it as are in the image; whoever links what it made checks that.

use super::{FormatError, Image};
use crate::codegen::{AssemblySyntax, FixupTarget};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The label of a function, by its number. Labels of this kind are known in the file only, to most assemblers.
pub fn function_label(number: usize) -> String {
    format!(".Lf{number}")
}

/// The lines of the code section, each function with its label; `symbol` names what code refers to.
///
/// # Errors
/// When the image has no listings, or others than of its code.
pub fn lines(
    image: &Image,
    syntax: &AssemblySyntax,
    symbol: &dyn Fn(FixupTarget) -> String,
) -> Result<String, FormatError> {
    if image.listings.len() != image.functions.len() {
        return Err(FormatError(format!("{}: its functions have no listings", image.name)));
    }
    let mut text = String::new();
    let mut end = 0;
    let mut fixups = image.fixups.iter().peekable();
    for (number, (function, listing)) in image.functions.iter().zip(&image.listings).enumerate() {
        let differs = || FormatError(format!("{}: the text of {} is not its code", image.name, function.symbol));
        bytes(&mut text, &image.code[end..function.offset as usize]);
        end = (function.offset + function.size) as usize;
        let _ = writeln!(text, "{}:", function_label(number));
        let targets: BTreeSet<u32> = listing.iter().filter_map(|line| line.jump).collect();
        let mut at = 0;
        for line in listing {
            if line.offset != at {
                return Err(differs());
            }
            at += line.bytes.len() as u32;
            if targets.contains(&line.offset) {
                let _ = writeln!(text, "{}_{:x}:", function_label(number), line.offset);
            }
            let mut instruction = line.text.clone();
            if let Some(to) = line.jump {
                let cut = instruction.rfind(' ').ok_or_else(differs)?;
                instruction.truncate(cut + 1);
                let _ = write!(instruction, "{}_{to:x}", function_label(number));
            }
            let line_end = function.offset + at;
            if let Some(fixup) = fixups.next_if(|fixup| fixup.offset < line_end) {
                while fixups.next_if(|other| other.offset < line_end).is_some() {}
                let name = fixup.target.to_string();
                let cut = instruction.rfind(&name).ok_or_else(differs)?;
                instruction.replace_range(cut..cut + name.len(), &symbol(fixup.target));
            }
            let _ = writeln!(text, "    {}{instruction}", (syntax.prefix)(line));
        }
        if at != function.size {
            return Err(differs());
        }
    }
    bytes(&mut text, &image.code[end..]);
    Ok(text)
}

/// Bytes as directives, some on a line.
pub fn bytes(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.chunks(16) {
        let numbers: Vec<String> = chunk.iter().map(|byte| format!("{byte:#04x}")).collect();
        let _ = writeln!(text, "    .byte {}", numbers.join(", "));
    }
}
