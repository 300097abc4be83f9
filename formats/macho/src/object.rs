//! Relocatable objects: the same image for a linker, which decides where everything lies.
//!
//! ```text
//! offset 0   header, load commands: one segment without a name, of all sections
//!            code, constants, unwind entries; the data table, if anything of it is not zero; line tables
//!            relocations of each of them
//!            symbols, their names
//! ```
//!
//! Relocations lead to symbols, which distances must do. So there are some whose names begin with an `l`: linkers see
//! these and leave them out of what they make. Addends lie in the fields, or, in instructions that have no room for them,
//! in relocations of their own before those which they belong to. Sections are not said to be divisible at symbols, for
//! one part of an image is of no use without the others.
//!
//! Linkers do not copy line tables: debuggers look for them in the object, where `dsymutil` collects them.

use crate::commands::{self, Extent, Section};
use crate::layout::{check, DEBUG_NAMES};
use crate::symbols::SYMBOL_SIZE;
use maru_core::codegen::{Fixup, FixupTarget, MachineIdentity, Relocation};
use maru_core::format::{FormatError, Image, Place, HEADER_SYMBOL};
use maru_dwarf::{debug, unwind, Bytes, Numbers};
use object::macho;

/// Alignment of code, constants and data table, as a power of two.
const ALIGNMENT_BITS: u32 = 4;
/// Bytes of a pointer word.
const WORD: i64 = 8;
/// Addends in relocations have so many bits with their sign.
const ADDEND_BITS: u32 = 24;
/// Fields of four bytes and of eight, as relocations say it.
const LENGTH_4: u32 = 2;
const LENGTH_8: u32 = 3;

/// A place that the linker fills in.
struct Fill {
    at: u32,
    /// A symbol's number, or an addend in its place.
    symbol: u32,
    relative: bool,
    length: u32,
    external: bool,
    kind: u32,
}

/// A section's bytes, and what the linker fills in of them.
struct Contents {
    segment: &'static str,
    section: Section,
    bytes: Vec<u8>,
    fills: Vec<Fill>,
}

impl Contents {
    fn new(segment: &'static str, name: &'static str, alignment_bits: u32, flags: u32, bytes: Vec<u8>) -> Contents {
        let size = bytes.len() as u64;
        let section = Section { name, address: 0, size, offset: 0, alignment_bits, flags };
        Contents { segment, section, bytes, fills: Vec::new() }
    }

    fn is_zero_filled(&self) -> bool {
        self.section.flags == u32::from(macho::S_ZEROFILL.0)
    }

    /// A field of four bytes holds the distance from one symbol to another, and so much more.
    fn distance(&mut self, machine: &MachineIdentity, at: u32, from: u32, to: u32, addend: i64) {
        let numbers = &machine.relocations;
        self.bytes[at as usize..at as usize + 4].copy_from_slice(&(addend as i32).to_le_bytes());
        for (symbol, kind) in [(from, numbers.distance), (to, numbers.address)] {
            self.fills.push(Fill { at, symbol, relative: false, length: LENGTH_4, external: true, kind });
        }
    }

    /// A word holds the address of a symbol, and so much more.
    fn address(&mut self, machine: &MachineIdentity, at: u32, symbol: u32, addend: u64) {
        self.bytes[at as usize..at as usize + 8].copy_from_slice(&addend.to_le_bytes());
        let kind = machine.relocations.address;
        self.fills.push(Fill { at, symbol, relative: false, length: LENGTH_8, external: true, kind });
    }
}

/// The whole file.
pub fn write(image: &Image, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
    check(image, machine)?;
    let symbols = Symbols::new(image)?;
    let mut parts = vec![code(image, machine, &symbols)?, constants(image, machine, &symbols)];
    parts.push(frames(image, machine, &symbols)?);
    parts.extend(line_tables(image, machine, &symbols));
    let data = data(image, machine, &symbols)?;
    debug_assert_eq!(parts[2].section.name, "__eh_frame");
    // What has no bytes in the file comes last; what has, may lie anywhere.
    parts.push(data);
    Ok(assemble(parts, machine, &symbols))
}

/// The numbers of sections, from 1, that symbols lie in.
const CODE: u8 = 1;
const CONSTANTS: u8 = 2;
const FRAMES: u8 = 3;

fn assemble(mut parts: Vec<Contents>, machine: &MachineIdentity, symbols: &Symbols) -> Vec<u8> {
    let mut out = Bytes::default();
    out.zeros(commands::object_size(parts.len()) as usize);
    let start = out.position();
    let aligned = |at: u64, part: &Contents| at.next_multiple_of(1 << part.section.alignment_bits);
    for part in &mut parts {
        // Addresses follow offsets: so what is aligned in the one is in the other, counted from the first section.
        let offset = aligned(out.position() - start, part) + start;
        part.section.address = offset - start;
        if !part.is_zero_filled() {
            out.zeros((offset - out.position()) as usize);
            part.section.offset = offset;
            out.raw(&part.bytes);
        }
    }
    let file_size = out.position() - start;
    let memory_size = parts.iter().map(|part| part.section.address + part.section.size).max().unwrap_or(0);
    let mut relocations = Vec::new();
    for part in &parts {
        let offset = out.align(8);
        for fill in &part.fills {
            out.u32(fill.at);
            let flags = u32::from(fill.relative) | fill.length << 1 | u32::from(fill.external) << 3 | fill.kind << 4;
            out.u32(fill.symbol & 0xff_ffff | flags << 24);
        }
        relocations
            .push(Extent { offset: if part.fills.is_empty() { 0 } else { offset }, size: part.fills.len() as u64 });
    }
    let table = out.align(8);
    symbols.write(&mut out, &parts);
    let names = Extent { offset: table + SYMBOL_SIZE * symbols.all.len() as u64, size: 0 };
    let names = Extent { size: out.position() - names.offset, ..names };
    let sections: Vec<_> =
        parts.iter().zip(&relocations).map(|(part, relocations)| (part.segment, &part.section, *relocations)).collect();
    let segment = commands::ObjectSegment { offset: start, file_size, memory_size, sections };
    let groups = [symbols.local, symbols.defined - symbols.local, symbols.all.len() as u32 - symbols.defined];
    out.put(0, &commands::object_start(machine, &segment, (table, names), groups).0);
    out.0
}

/// The code, and a relocation for each fixup.
fn code(image: &Image, machine: &MachineIdentity, symbols: &Symbols) -> Result<Contents, FormatError> {
    let flags = (macho::S_ATTR_PURE_INSTRUCTIONS | macho::S_ATTR_SOME_INSTRUCTIONS).0;
    let mut code = Contents::new("__TEXT", "__text", ALIGNMENT_BITS, flags, image.code.clone());
    for fixup in &image.fixups {
        let relocation = machine.relocation(fixup.kind).ok_or_else(|| {
            let (name, kind) = (&image.name, fixup.kind.0);
            FormatError(format!("{name}: the format macho has no relocation for fixups of kind {kind}"))
        })?;
        let (symbol, offset) = match fixup.target {
            FixupTarget::Function(id) => (symbols.functions[id.0 as usize], 0),
            FixupTarget::Data(word) => (symbols.data, WORD * i64::from(word)),
            FixupTarget::Import(number) => (symbols.defined + number, 0),
        };
        fill(&mut code, fixup, relocation, machine, (symbol, offset))
            .map_err(|problem| FormatError(format!("{}: {problem}", image.name)))?;
    }
    Ok(code)
}

/// One fixup's relocation. Distances are counted from the end of the field, where addends lie in fields.
fn fill(
    code: &mut Contents,
    fixup: &Fixup,
    relocation: &Relocation,
    machine: &MachineIdentity,
    (symbol, offset): (u32, i64),
) -> Result<(), String> {
    let at = fixup.offset + u32::from(relocation.field);
    let addend = offset + fixup.addend;
    let one = |symbol, relative, external, kind| Fill { at, symbol, relative, length: LENGTH_4, external, kind };
    let too_large = || format!("{addend} bytes after a symbol are more than a relocation can say");
    if machine.relocations.addend == 0 {
        let end = i64::from(relocation.field) + i64::from(relocation.width);
        let stored = addend + relocation.origin.map_or(0, |origin| end - i64::from(origin));
        let stored = i32::try_from(stored).map_err(|_| too_large())?;
        code.bytes[at as usize..at as usize + 4].copy_from_slice(&stored.to_le_bytes());
    } else if addend != 0 {
        let limit = 1 << (ADDEND_BITS - 1);
        if !(-limit..limit).contains(&addend) {
            return Err(too_large());
        }
        code.fills.push(one(addend as u32, false, false, machine.relocations.addend));
    }
    code.fills.push(one(symbol, relocation.origin.is_some(), true, relocation.number));
    Ok(())
}

/// The constants, with their distances.
fn constants(image: &Image, machine: &MachineIdentity, symbols: &Symbols) -> Contents {
    let mut constants = Contents::new("__TEXT", "__const", ALIGNMENT_BITS, 0, image.constants.clone());
    for (at, place) in &image.distances {
        let (symbol, offset) = match *place {
            Place::Code(offset) => (symbols.code, offset),
            Place::Function(number) => (symbols.code, image.functions[number as usize].offset),
            Place::Constants(offset) => (symbols.header, offset),
            Place::Data(offset) => (symbols.data, offset),
        };
        constants.distance(machine, *at, symbols.header, symbol, offset.into());
    }
    constants
}

/// Unwind entries, each with the distance to its function.
fn frames(image: &Image, machine: &MachineIdentity, symbols: &Symbols) -> Result<Contents, FormatError> {
    let mut out = Bytes::default();
    let entries = unwind::write_frames(&mut out, image, 0, &machine.unwind)?;
    // Linkers end the section themselves, once they have joined all that are called so.
    out.0.truncate(out.0.len() - 4);
    let attributes = macho::S_ATTR_NO_TOC | macho::S_ATTR_STRIP_STATIC_SYMS | macho::S_ATTR_LIVE_SUPPORT;
    let flags = u32::from(macho::S_COALESCED.0) | attributes.0;
    let mut frames = Contents::new("__TEXT", "__eh_frame", 3, flags, out.0);
    for entry in &entries {
        let at = entry.distance();
        let addend = entry.function as i64 - at as i64;
        frames.distance(machine, at as u32, symbols.frames, symbols.code, addend);
    }
    Ok(frames)
}

/// The data table: in the file only if the loader fills in words of it.
fn data(image: &Image, machine: &MachineIdentity, symbols: &Symbols) -> Result<Contents, FormatError> {
    let size = WORD as u64 * u64::from(image.data_words);
    let words: Vec<_> =
        image.imports.iter().enumerate().filter_map(|(n, import)| Some((n, import, import.word?))).collect();
    let (name, flags, bytes) = match words.is_empty() {
        true => ("__bss", macho::S_ZEROFILL.0.into(), 0),
        false => ("__data", 0, size as usize),
    };
    let mut data = Contents::new("__DATA", name, ALIGNMENT_BITS, flags, vec![0; bytes]);
    data.section.size = size;
    for (number, import, word) in words {
        if word >= image.data_words {
            return Err(FormatError(format!("{}: the word for {} is not in the data table", image.name, import.name)));
        }
        data.address(machine, WORD as u32 * word, symbols.defined + number as u32, 0);
    }
    Ok(data)
}

/// Line tables, if the image has lines. Offsets from one of them into another are as they are: nothing joins them.
fn line_tables(image: &Image, machine: &MachineIdentity, symbols: &Symbols) -> Vec<Contents> {
    let Some((sections, references)) = debug::referring_sections(image, 0, Numbers::LITTLE_WIDE) else {
        return Vec::new();
    };
    let contents = |(number, bytes)| {
        let mut contents = Contents::new("__DWARF", DEBUG_NAMES[number], 0, macho::S_ATTR_DEBUG.0, bytes);
        let own = references.iter().filter(|reference| reference.section == number && reference.to.is_none());
        own.for_each(|reference| contents.address(machine, reference.at as u32, symbols.code, reference.offset));
        contents
    };
    sections.into_iter().enumerate().map(contents).collect()
}

/// A symbol; in no section if another library has it.
struct Symbol {
    name: String,
    external: bool,
    section: Where,
    offset: u64,
}

#[derive(Clone, Copy)]
enum Where {
    Section(u8),
    Data,
    Elsewhere,
}

/// The symbols: the object's own, then those that it exports, then those that it imports; and the numbers of some.
struct Symbols {
    all: Vec<Symbol>,
    local: u32,
    defined: u32,
    code: u32,
    data: u32,
    frames: u32,
    header: u32,
    functions: Vec<u32>,
}

impl Symbols {
    fn new(image: &Image) -> Result<Symbols, FormatError> {
        let own = |name: &str, section| Symbol { name: name.into(), external: false, section, offset: 0 };
        let mut all = vec![
            own("l_maru_code", Where::Section(CODE)),
            own("l_maru_frames", Where::Section(FRAMES)),
            own("l_maru_data", Where::Data),
        ];
        let local = all.len() as u32;
        let exported =
            |name: &str, section, offset| Symbol { name: format!("_{name}"), external: true, section, offset };
        all.push(exported(HEADER_SYMBOL, Where::Section(CONSTANTS), 0));
        let mut functions = Vec::with_capacity(image.functions.len());
        let mut seen = std::collections::BTreeSet::from([HEADER_SYMBOL]);
        for function in &image.functions {
            let name = function.symbol.as_str();
            if name.is_empty() || name.bytes().any(|byte| byte == 0) {
                return Err(FormatError(format!("{}: a symbol cannot be called {name:?}", image.name)));
            }
            if !seen.insert(name) {
                return Err(FormatError(format!("{}: two symbols are called {name}", image.name)));
            }
            functions.push(all.len() as u32);
            all.push(exported(name, Where::Section(CODE), function.offset.into()));
        }
        let defined = all.len() as u32;
        for import in &image.imports {
            if seen.contains(import.name.as_str()) {
                return Err(FormatError(format!("{}: {} is imported, but defined as well", image.name, import.name)));
            }
            all.push(exported(&import.name, Where::Elsewhere, 0));
        }
        Ok(Symbols { all, local, defined, code: 0, frames: 1, data: 2, header: local, functions })
    }

    /// Append the table and the names.
    fn write(&self, out: &mut Bytes, parts: &[Contents]) {
        let mut name_offset = 1;
        for symbol in &self.all {
            let section = match symbol.section {
                Where::Section(number) => number,
                Where::Data => parts.len() as u8,
                Where::Elsewhere => 0,
            };
            let kind = if section > 0 { macho::N_SECT.0 } else { macho::N_UNDF.0 };
            let address = parts.get(usize::from(section).wrapping_sub(1)).map_or(0, |part| part.section.address);
            out.u32(name_offset);
            out.u8(kind | if symbol.external { macho::N_EXT.0 } else { 0 });
            out.u8(section);
            out.u16(0);
            out.u64(address + symbol.offset);
            name_offset += symbol.name.len() as u32 + 1;
        }
        out.u8(0);
        for symbol in &self.all {
            out.raw(symbol.name.as_bytes());
            out.u8(0);
        }
        out.align(8);
    }
}
