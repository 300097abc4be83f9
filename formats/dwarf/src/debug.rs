//! The `.debug_` sections: one compilation unit with a subprogram and line rows for each function.
//!
//! DWARF 4, because every debugger and profiler in use reads it. The paths are those that the image names: the
//! current directory is not looked at, so that bytes are reproducible. Written by hand, because a compiler waits for
//! it: a general library takes ten times as long as all the rest of the file.

use crate::bytes::{Bytes, Numbers};
use gimli::constants as dwarf;
use maru_core::format::{Image, ImageFunction};
use std::path::Path;

/// The names of the sections, in the order of [`sections`].
pub const NAMES: [&str; 4] = [".debug_abbrev", ".debug_info", ".debug_line", ".debug_str"];

const VERSION: u16 = 4;
const UNIT_ABBREVIATION: u8 = 1;
const FUNCTION_ABBREVIATION: u8 = 2;

/// Line numbers that a special opcode can go back by, and how many steps it has.
const LINE_BASE: i64 = -5;
const LINE_RANGE: i64 = 14;
/// Number of the first special opcode, one more than that of the last standard one.
const OPCODE_BASE: u8 = 13;
/// How many operands the standard opcodes have.
const OPERANDS: [u8; OPCODE_BASE as usize - 1] = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

/// Whether the image has lines to speak of.
pub fn has_lines(image: &Image) -> bool {
    !image.source.is_empty() && image.functions.iter().any(|function| !function.lines.is_empty())
}

/// Contents of the sections named by [`NAMES`], for code at an address and a machine's numbers; or `None` if the image
/// has no lines to speak of.
pub fn sections(image: &Image, code: u64, numbers: Numbers) -> Option<[Vec<u8>; 4]> {
    referring_sections(image, code, numbers).map(|(sections, _)| sections)
}

/// The numbers of sections among [`NAMES`].
const ABBREVIATIONS: usize = 0;
const INFO: usize = 1;
const LINES: usize = 2;
const STRINGS: usize = 3;

/// A number in one of the sections that depends on where others lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The section, by its number among [`NAMES`].
    pub section: usize,
    /// Where in it.
    pub at: u64,
    /// What it leads to: another of the sections, as an offset of 32 bits in it; or code, as an address.
    pub to: Option<usize>,
    /// How far after the start of that.
    pub offset: u64,
}

/// The same with all that a linker must change, once it has moved the sections.
pub fn referring_sections(image: &Image, code: u64, numbers: Numbers) -> Option<([Vec<u8>; 4], Vec<Reference>)> {
    if !has_lines(image) {
        return None;
    }
    let mut references = Vec::new();
    let mut strings = Bytes::default();
    let info = unit(image, (code, numbers), &mut strings, &mut references);
    let lines = line_program(image, (code, numbers), &mut references);
    Some(([abbreviations().0, info.0, lines.0, strings.0], references))
}

/// What the entries of the unit look like: pairs of attribute and form.
fn abbreviations() -> Bytes {
    let mut out = Bytes::default();
    let mut entry =
        |number, tag: dwarf::DwTag, children: dwarf::DwChildren, attributes: &[(dwarf::DwAt, dwarf::DwForm)]| {
            out.u8(number);
            out.uleb(tag.0.into());
            out.u8(children.0);
            for (attribute, form) in attributes {
                out.uleb(attribute.0.into());
                out.uleb(form.0.into());
            }
            out.raw(&[0, 0]);
        };
    let unit = [
        (dwarf::DW_AT_producer, dwarf::DW_FORM_strp),
        (dwarf::DW_AT_language, dwarf::DW_FORM_data1),
        (dwarf::DW_AT_name, dwarf::DW_FORM_strp),
        (dwarf::DW_AT_comp_dir, dwarf::DW_FORM_strp),
        (dwarf::DW_AT_low_pc, dwarf::DW_FORM_addr),
        (dwarf::DW_AT_high_pc, dwarf::DW_FORM_data4),
        (dwarf::DW_AT_stmt_list, dwarf::DW_FORM_sec_offset),
    ];
    let function = [
        (dwarf::DW_AT_name, dwarf::DW_FORM_strp),
        (dwarf::DW_AT_external, dwarf::DW_FORM_flag_present),
        (dwarf::DW_AT_low_pc, dwarf::DW_FORM_addr),
        (dwarf::DW_AT_high_pc, dwarf::DW_FORM_data4),
        (dwarf::DW_AT_decl_file, dwarf::DW_FORM_data1),
        (dwarf::DW_AT_decl_line, dwarf::DW_FORM_udata),
    ];
    entry(UNIT_ABBREVIATION, dwarf::DW_TAG_compile_unit, dwarf::DW_CHILDREN_yes, &unit);
    entry(FUNCTION_ABBREVIATION, dwarf::DW_TAG_subprogram, dwarf::DW_CHILDREN_no, &function);
    out.u8(0);
    out
}

/// Append an address.
fn put_address(out: &mut Bytes, address: u64, numbers: Numbers) {
    match numbers.address_size {
        4 => out.u32(address as u32),
        _ => out.u64(address),
    }
}

/// The unit's entries, in the order of attributes that [`abbreviations`] gives.
fn unit(image: &Image, (code, numbers): (u64, Numbers), strings: &mut Bytes, references: &mut Vec<Reference>) -> Bytes {
    let mut out = Bytes::in_order(numbers.order);
    let mut offset = |out: &mut Bytes, section: usize, offset: u64| {
        references.push(Reference { section: INFO, at: out.position(), to: Some(section), offset });
        out.u32(offset as u32);
    };
    let mut addresses = Vec::new();
    let mut address = |out: &mut Bytes, offset: u64| {
        addresses.push(Reference { section: INFO, at: out.position(), to: None, offset });
        put_address(out, code + offset, numbers);
    };
    let mut string = |text: &str| {
        let at = strings.position();
        string(strings, text);
        at
    };
    out.u32(0);
    out.u16(VERSION);
    offset(&mut out, ABBREVIATIONS, 0);
    out.u8(numbers.address_size);
    out.u8(UNIT_ABBREVIATION);
    offset(&mut out, STRINGS, string("Maru"));
    // Debuggers know no Lisp without types; as C they show names, lines and registers, which is all there is.
    out.u8(dwarf::DW_LANG_C99.0 as u8);
    offset(&mut out, STRINGS, string(&image.source));
    offset(&mut out, STRINGS, string(directory(&image.source)));
    address(&mut out, 0);
    out.u32(image.code.len() as u32);
    offset(&mut out, LINES, 0);
    for function in &image.functions {
        out.u8(FUNCTION_ABBREVIATION);
        offset(&mut out, STRINGS, string(&function.symbol));
        address(&mut out, function.offset.into());
        out.u32(function.size);
        out.u8(1);
        out.uleb(first_line(function).into());
    }
    out.u8(0);
    let length = out.position() - 4;
    out.put_u32(0, length as u32);
    references.extend(addresses);
    out
}

/// Append a string and its end. A nul would end it early; no file is called so.
fn string(out: &mut Bytes, text: &str) {
    out.0.extend(text.bytes().filter(|&byte| byte != 0));
    out.u8(0);
}

/// The directory that relative file names are relative to.
fn directory(source: &str) -> &str {
    let parent = Path::new(source).is_absolute().then(|| Path::new(source).parent()).flatten();
    parent.and_then(Path::to_str).unwrap_or(".")
}

/// The line table: a header, then a program that makes the rows.
fn line_program(image: &Image, (code, numbers): (u64, Numbers), references: &mut Vec<Reference>) -> Bytes {
    let mut out = Bytes::in_order(numbers.order);
    out.u32(0);
    out.u16(VERSION);
    out.u32(0);
    let header = out.position();
    out.raw(&[1, 1, 1, LINE_BASE as u8, LINE_RANGE as u8, OPCODE_BASE]);
    out.raw(&OPERANDS);
    // No directories but the unit's own, and one file, which lies in it.
    out.u8(0);
    string(&mut out, &image.source);
    out.raw(&[0, 0, 0, 0]);
    let header_length = out.position() - header;
    out.put_u32(header - 4, header_length as u32);

    out.raw(&[0, 1 + numbers.address_size, dwarf::DW_LNE_set_address.0]);
    references.push(Reference { section: LINES, at: out.position(), to: None, offset: 0 });
    put_address(&mut out, code, numbers);
    let mut at = (0, 1);
    for function in image.functions.iter().filter(|function| function.size > 0) {
        for (offset, line) in rows(function) {
            let row = (u64::from(function.offset) + u64::from(offset), line);
            write_row(&mut out, at, row);
            at = row;
        }
    }
    out.u8(dwarf::DW_LNS_advance_pc.0);
    out.uleb(image.code.len() as u64 - at.0);
    out.raw(&[0, 1, dwarf::DW_LNE_end_sequence.0]);
    let length = out.position() - 4;
    out.put_u32(0, length as u32);
    out
}

/// From one row to the next: by one special opcode, which changes address and line and makes a row, if both changes
/// are small enough.
fn write_row(out: &mut Bytes, from: (u64, u32), to: (u64, u32)) {
    let mut lines = i64::from(to.1) - i64::from(from.1);
    let mut bytes = to.0 - from.0;
    if !(LINE_BASE..LINE_BASE + LINE_RANGE).contains(&lines) {
        out.u8(dwarf::DW_LNS_advance_line.0);
        out.sleb(lines);
        lines = 0;
    }
    let most = (i64::from(u8::MAX) - i64::from(OPCODE_BASE) - (lines - LINE_BASE)) / LINE_RANGE;
    if bytes > most as u64 {
        out.u8(dwarf::DW_LNS_advance_pc.0);
        out.uleb(bytes);
        bytes = 0;
    }
    out.u8((i64::from(OPCODE_BASE) + (lines - LINE_BASE) + LINE_RANGE * bytes as i64) as u8);
}

fn first_line(function: &ImageFunction) -> u32 {
    function.lines.first().map_or(0, |(_, line)| *line)
}

/// A function's rows: ascending, inside the function, and from its first byte on. Line 0 means "no line".
fn rows(function: &ImageFunction) -> impl Iterator<Item = (u32, u32)> + '_ {
    let first = function.lines.first().is_none_or(|(offset, _)| *offset > 0).then_some((0, first_line(function)));
    let mut reached = 0;
    first.into_iter().chain(function.lines.iter().copied().filter(move |(offset, _)| {
        let good = *offset >= reached && *offset < function.size;
        reached = reached.max(*offset);
        good
    }))
}
