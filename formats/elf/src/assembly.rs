//! Assembly text of an image: what assemblers make the same object of as `object` writes.
//!
//! Code is text, instruction by instruction; all else is bytes, with expressions in the places that a linker fills in.
//! Relocations lead to labels in the file, so the names of functions are symbols beside the labels: what they are called
//! cannot mislead an assembler, which might know a register of the same name.

use crate::object::{self, Base, Contents, Part};
use maru_core::codegen::{AssemblySyntax, FixupTarget, MachineIdentity};
use maru_core::format::assembly::{bytes, function_label, lines};
use maru_core::format::{FormatError, Image, HEADER_SYMBOL};
use maru_core::tool::Tool;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The whole text.
///
/// # Errors
/// When the image cannot be written as an object, or a name cannot be written as text.
pub fn write(image: &Image, syntax: &AssemblySyntax, machine: &MachineIdentity) -> Result<String, FormatError> {
    let parts = object::parts(image, machine)?;
    let mut text = String::new();
    if !syntax.prologue.is_empty() {
        let _ = writeln!(text, "{}", syntax.prologue);
    }
    for part in &parts {
        let (flags, kind, alignment) = match part.part {
            Part::Code => ("\"ax\"", "@progbits", 16),
            Part::Constants => ("\"a\"", "@progbits", 16),
            Part::Data if part.bytes.is_empty() => ("\"aw\"", "@nobits", 16),
            Part::Data => ("\"aw\"", "@progbits", 16),
            Part::Frames => ("\"a\"", "@progbits", 8),
            // Strings that linkers join with those of others.
            Part::Debug(_) if part.name == ".debug_str" => ("\"MS\"", "@progbits,1", 1),
            Part::Debug(_) => ("\"\"", "@progbits", 1),
        };
        let _ = writeln!(text, ".section {},{flags},{kind}\n.balign {alignment}\n{}:", part.name, label(part.part));
        match part.part {
            Part::Code => text.push_str(&lines(image, syntax, &|target| reference(image, target))?),
            Part::Data if part.bytes.is_empty() => {
                let _ = writeln!(text, "    .zero {}", part.section.size);
            }
            _ => data(image, &mut text, part, &marks(&parts, part.part)),
        }
    }
    symbols(image, &mut text)?;
    text.push_str(".section .note.GNU-stack,\"\",@progbits\n");
    Ok(text)
}

/// The assemblers that make an object of it; none, if no tool knows the CPU.
pub fn assemblers(machine: &MachineIdentity, is_host: bool) -> Vec<Tool> {
    let cpu = machine.tool_name;
    if cpu.is_empty() {
        return Vec::new();
    }
    let own = if is_host { "as".into() } else { format!("{cpu}-linux-gnu-as") };
    let package = if is_host { "binutils".into() } else { format!("binutils for {cpu}-linux-gnu, or llvm") };
    let triple = format!("-triple={cpu}-linux-gnu");
    vec![Tool::new(&own, &[], &package), Tool::new("llvm-mc", &["-filetype=obj", &triple], "llvm")]
}

/// The label of a section's start.
fn label(part: Part) -> String {
    match part {
        Part::Code => ".Lcode".into(),
        Part::Constants => HEADER_SYMBOL.into(),
        Part::Data => ".Ldata".into(),
        Part::Frames => ".Lframes".into(),
        Part::Debug(number) => format!(".Ldebug{number}"),
    }
}

/// How code names what it refers to.
fn reference(image: &Image, target: FixupTarget) -> String {
    match target {
        FixupTarget::Function(id) => function_label(id.0 as usize),
        FixupTarget::Data(word) => format!(".Ldata+{}", 8 * u64::from(word)),
        FixupTarget::Import(number) => image.imports[number as usize].name.clone(),
    }
}

/// The places in a line table's section that have labels of their own. A linker that joins strings finds out by the symbol
/// which one is meant, and not by what is added to it.
fn marks(parts: &[Contents], of: Part) -> BTreeSet<usize> {
    let all = parts.iter().flat_map(|part| &part.relocations);
    let marks =
        all.filter(|relocation| matches!((relocation.base, of), (Base::Section(part), Part::Debug(_)) if part == of));
    marks.map(|relocation| relocation.addend as usize).collect()
}

/// Bytes, and expressions in the places that a linker fills in.
fn data(image: &Image, text: &mut String, part: &Contents, marks: &BTreeSet<usize>) {
    let mut relocations: Vec<_> = part.relocations.iter().collect();
    relocations.sort_by_key(|relocation| relocation.at);
    let mut done = 0;
    let up_to = |text: &mut String, from: usize, end: usize| {
        let mut from = from;
        for mark in marks.range(from..end) {
            bytes(text, &part.bytes[from..*mark]);
            let _ = writeln!(text, "{}_{mark:x}:", label(part.part));
            from = *mark;
        }
        bytes(text, &part.bytes[from..end]);
    };
    for relocation in relocations {
        let at = relocation.at as usize;
        up_to(text, done, at);
        let target = match relocation.base {
            Base::Section(part @ Part::Debug(_)) => format!("{}_{:x}", label(part), relocation.addend),
            Base::Section(part) => format!("{} + {}", label(part), relocation.addend),
            Base::Code(offset) => format!("{} + {offset}", label(Part::Code)),
            Base::Import(number) => format!("{} + {}", image.imports[number as usize].name, relocation.addend),
        };
        let (directive, size) = if relocation.is_word { (".quad", 8) } else { (".long", 4) };
        let origin = if relocation.is_distance { " - ." } else { "" };
        let _ = writeln!(text, "    {directive} {target}{origin}");
        done = at + size;
    }
    up_to(text, done, part.bytes.len());
}

/// The names of functions, and what others see.
fn symbols(image: &Image, text: &mut String) -> Result<(), FormatError> {
    for (number, function) in image.functions.iter().enumerate() {
        let name = quoted(image, &function.symbol)?;
        if !object::means_more(&function.symbol) {
            let _ = writeln!(text, ".globl {name}");
        }
        let _ = writeln!(text, ".type {name},@function\n.set {name}, {}", function_label(number));
        let _ = writeln!(text, ".size {name}, {}", function.size);
    }
    let _ = writeln!(text, ".globl {HEADER_SYMBOL}\n.type {HEADER_SYMBOL},@object");
    let _ = writeln!(text, ".size {HEADER_SYMBOL}, {}", image.constants.len());
    Ok(())
}

/// A name in quotes. Assemblers differ in what can be escaped between them, and have no word for a line's end.
fn quoted(image: &Image, name: &str) -> Result<String, FormatError> {
    let unwritable = |c: char| c.is_control() || ['"', '\\'].contains(&c);
    if name.contains(unwritable) {
        return Err(FormatError(format!("{}: assemblers cannot be told of a symbol called {name:?}", image.name)));
    }
    Ok(format!("\"{name}\""))
}
