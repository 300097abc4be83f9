//! The `.debug_` sections: one compilation unit with a subprogram and line rows for each function.
//!
//! DWARF 4, because its addresses have fixed places and every debugger and profiler in use reads it. The paths are
//! those that the image names: the current directory is not looked at, so that bytes are reproducible.

use gimli::write::{Address, AttributeValue, Dwarf, EndianVec, LineProgram, LineString, Sections, Unit, UnitEntryId};
use gimli::{constants as dwarf, Encoding, Format, LittleEndian};
use maru_core::format::{FormatError, Image, ImageFunction};
use std::path::Path;

/// The names of the sections, in the order of [`sections`].
pub const NAMES: [&str; 4] = [".debug_abbrev", ".debug_info", ".debug_line", ".debug_str"];

const ENCODING: Encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 8 };

/// Contents of the sections named by [`NAMES`], or `None` if the image has no lines to speak of.
pub fn sections(image: &Image, code: u64) -> Result<Option<[Vec<u8>; 4]>, FormatError> {
    if image.source.is_empty() || image.functions.iter().all(|function| function.lines.is_empty()) {
        return Ok(None);
    }
    let mut dwarf = Dwarf::new();
    let unit = dwarf.units.add(Unit::new(ENCODING, line_program(image, code)));
    describe_unit(image, code, &mut dwarf, unit);
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf
        .write(&mut sections)
        .map_err(|error| FormatError(format!("{}: line tables cannot be written: {error}", image.name)))?;
    let Sections { debug_abbrev, debug_info, debug_line, debug_str, .. } = sections;
    Ok(Some([debug_abbrev.0.into_vec(), debug_info.0.into_vec(), debug_line.0.into_vec(), debug_str.0.into_vec()]))
}

/// The directory that relative file names are relative to.
fn directory(source: &str) -> &str {
    let parent = Path::new(source).is_absolute().then(|| Path::new(source).parent()).flatten();
    parent.and_then(Path::to_str).unwrap_or(".")
}

fn line_string(text: &str) -> LineString {
    // A nul would end the string early; no file is called so.
    LineString::String(text.bytes().filter(|&byte| byte != 0).collect())
}

fn line_program(image: &Image, code: u64) -> LineProgram {
    let source = line_string(&image.source);
    let directory = line_string(directory(&image.source));
    let mut program = LineProgram::new(ENCODING, gimli::LineEncoding::default(), directory, None, source.clone(), None);
    let directory = program.default_directory();
    let file = program.add_file(source, directory, None);
    program.begin_sequence(Some(Address::Constant(code)));
    for function in image.functions.iter().filter(|function| function.size > 0) {
        for (offset, line) in rows(function) {
            let row = program.row();
            row.address_offset = u64::from(function.offset) + u64::from(offset);
            row.file = file;
            row.line = line.into();
            program.generate_row();
        }
    }
    program.end_sequence(image.code.len() as u64);
    program
}

/// A function's rows: ascending, inside the function, and from its first byte on. Line 0 means "no line".
fn rows(function: &ImageFunction) -> impl Iterator<Item = (u32, u32)> + '_ {
    let first_line = function.lines.first().map_or(0, |(_, line)| *line);
    let first = function.lines.first().is_none_or(|(offset, _)| *offset > 0).then_some((0, first_line));
    let mut reached = 0;
    first.into_iter().chain(function.lines.iter().copied().filter(move |(offset, _)| {
        let good = *offset >= reached && *offset < function.size;
        reached = reached.max(*offset);
        good
    }))
}

fn describe_unit(image: &Image, code: u64, dwarf: &mut Dwarf, unit: gimli::write::UnitId) {
    let Dwarf { units, strings, .. } = dwarf;
    let unit = units.get_mut(unit);
    let mut string = |text: &str| {
        AttributeValue::StringRef(strings.add(text.bytes().filter(|&byte| byte != 0).collect::<Vec<u8>>()))
    };
    let root = unit.root();
    let entry = unit.get_mut(root);
    entry.set(dwarf::DW_AT_producer, string("Maru"));
    // Debuggers know no Lisp without types; as C they show names, lines and registers, which is all there is.
    entry.set(dwarf::DW_AT_language, AttributeValue::Language(dwarf::DW_LANG_C99));
    entry.set(dwarf::DW_AT_name, string(&image.source));
    entry.set(dwarf::DW_AT_comp_dir, string(directory(&image.source)));
    entry.set(dwarf::DW_AT_low_pc, AttributeValue::Address(Address::Constant(code)));
    entry.set(dwarf::DW_AT_high_pc, AttributeValue::Udata(image.code.len() as u64));
    for function in &image.functions {
        let name = string(&function.symbol);
        let id = unit.add(root, dwarf::DW_TAG_subprogram);
        describe_function(unit, id, name, function, code);
    }
}

fn describe_function(unit: &mut Unit, id: UnitEntryId, name: AttributeValue, function: &ImageFunction, code: u64) {
    let address = Address::Constant(code + u64::from(function.offset));
    let entry = unit.get_mut(id);
    entry.set(dwarf::DW_AT_name, name);
    entry.set(dwarf::DW_AT_external, AttributeValue::Flag(true));
    entry.set(dwarf::DW_AT_low_pc, AttributeValue::Address(address));
    entry.set(dwarf::DW_AT_high_pc, AttributeValue::Udata(function.size.into()));
    if let Some((_, line)) = function.lines.first() {
        entry.set(dwarf::DW_AT_decl_line, AttributeValue::Udata((*line).into()));
    }
}
