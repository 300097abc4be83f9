//! Relocatable objects: the same image for a linker, which decides where everything lies.
//!
//! ```text
//! offset 0   file header
//!            code, constants, unwind entries; the data table, if anything of it is not zero
//!            line tables
//!            relocations of each of them
//!            symbols, their names, names of sections, section table
//! ```
//!
//! Relocations lead to sections rather than to functions: so a linker resolves them itself, and another library that has
//! a function of the same name cannot come between. Only what is imported is named. Addends are in the relocations, and
//! what is in the fields does not matter to linkers; it is left as the target wrote it.

use crate::class::Class;
use crate::headers::{write_header, Section, SectionTable};
use crate::layout::check;
use maru_core::codegen::{FixupTarget, MachineIdentity};
use maru_core::format::{FormatError, Image, Place, HEADER_SYMBOL};
use maru_dwarf::{debug, unwind, ByteOrder, Bytes, Numbers};
use object::elf;
use std::collections::{BTreeMap, BTreeSet};

/// Alignment of code, of constants and of the data table.
const ALIGNMENT: u64 = 16;
/// Bytes of an entry of the symbol table.
const SYMBOL_SIZE: u64 = 24;
/// Bytes of a relocation with its addend.
const RELOCATION_SIZE: u64 = 24;
/// Bytes of a pointer word.
const WORD: u64 = 8;

/// The sections that hold something, in the order of their numbers, from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Code,
    Constants,
    Data,
    Frames,
    Debug(usize),
}

impl Part {
    fn number(self) -> u16 {
        match self {
            Part::Code => 1,
            Part::Constants => 2,
            Part::Data => 3,
            Part::Frames => 4,
            Part::Debug(number) => 5 + number as u16,
        }
    }
}

/// What a relocation is relative to.
#[derive(Clone, Copy)]
pub enum Base {
    Section(Part),
    Import(u32),
    /// A place in the code, by its offset.
    Code(u64),
}

/// A place that the linker fills in.
pub struct Relocation {
    pub at: u64,
    number: u32,
    pub base: Base,
    pub addend: i64,
    /// Whether it fills a pointer word, and not 32 bits.
    pub is_word: bool,
    /// Whether what it fills in is counted from the place.
    pub is_distance: bool,
}

impl Relocation {
    fn new(at: u64, number: u32, base: Base) -> Relocation {
        Relocation { at, number, base, addend: 0, is_word: false, is_distance: false }
    }
}

/// A section's bytes, and what the linker fills in of them.
pub struct Contents {
    pub part: Part,
    pub name: &'static str,
    pub section: Section,
    pub bytes: Vec<u8>,
    pub relocations: Vec<Relocation>,
}

/// What the sections hold.
///
/// # Errors
/// When the image cannot be expressed so.
pub fn parts(image: &Image, machine: &MachineIdentity) -> Result<Vec<Contents>, FormatError> {
    if check(image, machine)? == Class::Narrow {
        let problem = "objects are written for 64-bit machines only";
        return Err(FormatError(format!("{}: in the format elf, {problem}", image.name)));
    }
    if image.big_endian == machine.little_endian {
        // A linker fills distances in in the machine's order.
        let problem = "the image has distances in another byte order than the machine";
        return Err(FormatError(format!("{}: {problem}", image.name)));
    }
    let mut parts =
        vec![code(image, machine)?, constants(image, machine), data(image, machine)?, frames(image, machine)?];
    parts.extend(line_tables(image, machine));
    Ok(parts)
}

/// The whole file.
pub fn write(image: &Image, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
    let (class, mut parts) = (Class::Wide, parts(image, machine)?);
    let order = ByteOrder::of(machine);
    let symbols = Symbols::new(image, &parts, order)?;
    let mut out = Bytes::in_order(order);
    out.zeros(class.file_header() as usize);
    let mut sections = SectionTable::new(class, order);
    for contents in &mut parts {
        write_contents(contents, &mut out, &mut sections);
    }
    let symbol_table =
        u32::from(sections.count()) + 1 + parts.iter().filter(|part| !part.relocations.is_empty()).count() as u32;
    sections.add(
        ".note.GNU-stack",
        Section { kind: elf::SHT_PROGBITS, offset: out.position(), alignment: 1, ..Section::default() },
    );
    for contents in &parts {
        write_relocations(contents, symbol_table, &symbols, &mut out, &mut sections);
    }
    debug_assert_eq!(symbol_table, sections.count().into());
    symbols.write(&mut out, &mut sections);
    let (section_table, count) = sections.write(&mut out);
    out.put(0, &write_header(class, machine, elf::ET_REL, 0, section_table, count).0);
    Ok(out.0)
}

fn section(kind: elf::SectionType, flags: elf::SectionFlags, alignment: u64) -> Section {
    Section { kind, flags, alignment, ..Section::default() }
}

/// The code, and a relocation for each fixup.
fn code(image: &Image, machine: &MachineIdentity) -> Result<Contents, FormatError> {
    let mut relocations = Vec::with_capacity(image.fixups.len());
    for fixup in &image.fixups {
        let relocation = machine.relocation(fixup.kind).ok_or_else(|| {
            FormatError(format!("{}: the format elf has no relocation for fixups of kind {}", image.name, fixup.kind.0))
        })?;
        let (base, offset) = match fixup.target {
            FixupTarget::Function(id) => (Base::Section(Part::Code), image.functions[id.0 as usize].offset.into()),
            FixupTarget::Data(word) => (Base::Section(Part::Data), WORD as i64 * i64::from(word)),
            FixupTarget::Import(number) => (Base::Import(number), 0),
        };
        let at = u64::from(fixup.offset) + u64::from(relocation.field);
        let addend = offset + relocation.addend(fixup);
        relocations.push(Relocation { addend, ..Relocation::new(at, relocation.number, base) });
        if let Some(rest) = relocation.rest {
            let (first, at) = (at, u64::from(fixup.offset) + u64::from(rest.field));
            relocations.push(Relocation::new(at, rest.number, Base::Code(first)));
        }
    }
    let section = section(elf::SHT_PROGBITS, elf::SHF_ALLOC | elf::SHF_EXECINSTR, ALIGNMENT);
    Ok(Contents { part: Part::Code, name: ".text", section, bytes: image.code.clone(), relocations })
}

/// The constants. Their distances are counted from their start, relocations from the place that is filled in.
fn constants(image: &Image, machine: &MachineIdentity) -> Contents {
    let relocation = |&(at, place): &(u32, Place)| {
        let (part, offset) = match place {
            Place::Code(offset) => (Part::Code, offset),
            Place::Function(number) => (Part::Code, image.functions[number as usize].offset),
            Place::Constants(offset) => (Part::Constants, offset),
            Place::Data(offset) => (Part::Data, offset),
        };
        let addend = i64::from(offset) + i64::from(at);
        let base = Base::Section(part);
        Relocation { addend, is_distance: true, ..Relocation::new(at.into(), machine.relocations.distance, base) }
    };
    let relocations = image.distances.iter().map(relocation).collect();
    let section = section(elf::SHT_PROGBITS, elf::SHF_ALLOC, ALIGNMENT);
    Contents { part: Part::Constants, name: ".rodata", section, bytes: image.constants.clone(), relocations }
}

/// The data table: in the file only if the loader fills in words of it.
fn data(image: &Image, machine: &MachineIdentity) -> Result<Contents, FormatError> {
    let size = WORD * u64::from(image.data_words);
    let mut relocations = Vec::new();
    for (number, import) in image.imports.iter().enumerate() {
        let Some(word) = import.word else { continue };
        if word >= image.data_words {
            return Err(FormatError(format!("{}: the word for {} is not in the data table", image.name, import.name)));
        }
        let (at, base) = (WORD * u64::from(word), Base::Import(number as u32));
        relocations.push(Relocation { is_word: true, ..Relocation::new(at, machine.relocations.address, base) });
    }
    let flags = elf::SHF_ALLOC | elf::SHF_WRITE;
    let (name, kind, bytes) = match relocations.is_empty() {
        true => (".bss", elf::SHT_NOBITS, 0),
        false => (".data", elf::SHT_PROGBITS, size as usize),
    };
    let section = Section { size, ..section(kind, flags, ALIGNMENT) };
    Ok(Contents { part: Part::Data, name, section, bytes: vec![0; bytes], relocations })
}

/// Unwind entries, each with the distance to its function.
fn frames(image: &Image, machine: &MachineIdentity) -> Result<Contents, FormatError> {
    let mut out = Bytes::in_order(ByteOrder::of(machine));
    let entries = unwind::write_frames(&mut out, image, 0, &machine.unwind)?;
    let relocation = |entry: &unwind::Entry| Relocation {
        addend: entry.function as i64,
        is_distance: true,
        ..Relocation::new(entry.distance(), machine.relocations.distance, Base::Section(Part::Code))
    };
    // Linkers end the section themselves, once they have joined all that are called so.
    out.0.truncate(out.0.len() - 4);
    let relocations = entries.iter().map(relocation).collect();
    let section = section(elf::SHT_PROGBITS, elf::SHF_ALLOC, 8);
    Ok(Contents { part: Part::Frames, name: ".eh_frame", section, bytes: out.0, relocations })
}

/// Line tables, if the image has lines.
fn line_tables(image: &Image, machine: &MachineIdentity) -> Vec<Contents> {
    let Some((sections, references)) = debug::referring_sections(image, 0, Numbers::of(machine)) else {
        return Vec::new();
    };
    let contents = |(number, bytes)| {
        let own = references.iter().filter(|reference| reference.section == number);
        let relocation = |reference: &debug::Reference| {
            let number = reference.to.map_or(machine.relocations.address, |_| machine.relocations.offset);
            let base = Base::Section(reference.to.map_or(Part::Code, Part::Debug));
            let (addend, is_word) = (reference.offset as i64, reference.to.is_none());
            Relocation { addend, is_word, ..Relocation::new(reference.at, number, base) }
        };
        let relocations = own.map(relocation).collect();
        let section = section(elf::SHT_PROGBITS, elf::SectionFlags(0), 1);
        Contents { part: Part::Debug(number), name: debug::NAMES[number], section, bytes, relocations }
    };
    sections.into_iter().enumerate().map(contents).collect()
}

fn write_contents(contents: &mut Contents, out: &mut Bytes, sections: &mut SectionTable) {
    let section = &mut contents.section;
    section.offset = out.align(section.alignment);
    if section.kind != elf::SHT_NOBITS {
        section.size = contents.bytes.len() as u64;
        out.raw(&contents.bytes);
    }
    let number = sections.add(contents.name, Section { ..*section });
    debug_assert_eq!(number, contents.part.number());
}

fn write_relocations(
    contents: &Contents,
    symbol_table: u32,
    symbols: &Symbols,
    out: &mut Bytes,
    sections: &mut SectionTable,
) {
    if contents.relocations.is_empty() {
        return;
    }
    let offset = out.align(8);
    for relocation in &contents.relocations {
        let symbol = match relocation.base {
            Base::Section(part) => u32::from(part.number()),
            Base::Import(number) => symbols.first_import + number,
            Base::Code(offset) => symbols.places[&offset],
        };
        out.u64(relocation.at);
        out.u64(u64::from(symbol) << 32 | u64::from(relocation.number));
        out.u64(relocation.addend as u64);
    }
    let section = Section {
        kind: elf::SHT_RELA,
        flags: elf::SHF_INFO_LINK,
        offset,
        size: out.position() - offset,
        link: symbol_table,
        info: contents.part.number().into(),
        alignment: 8,
        entry_size: RELOCATION_SIZE,
        ..Section::default()
    };
    sections.add(&format!(".rela{}", contents.name), section);
}

/// The symbols: first those of sections, by the numbers of these, then what nobody outside can name, then the rest.
#[derive(Default)]
struct Symbols {
    table: Bytes,
    names: Bytes,
    /// How many are the object's own.
    local: u32,
    first_import: u32,
    /// Those of places in the code that relocations refer to, by their offsets.
    places: BTreeMap<u64, u32>,
}

impl Symbols {
    fn new(image: &Image, parts: &[Contents], order: ByteOrder) -> Result<Symbols, FormatError> {
        let mut symbols = Symbols { table: Bytes::in_order(order), ..Symbols::default() };
        symbols.names.u8(0);
        symbols.table.zeros(SYMBOL_SIZE as usize);
        for contents in parts {
            symbols.add("", elf::STB_LOCAL, elf::STT_SECTION, contents.part.number(), 0, 0);
        }
        symbols.add_places(parts);
        let mut seen = BTreeSet::from([HEADER_SYMBOL]);
        for function in &image.functions {
            let name = function.symbol.as_str();
            if name.is_empty() || name.bytes().any(|byte| byte == 0) {
                return Err(FormatError(format!("{}: a symbol cannot be called {name:?}", image.name)));
            }
            if !seen.insert(name) {
                return Err(FormatError(format!("{}: two symbols are called {name}", image.name)));
            }
        }
        let code = Part::Code.number();
        for of_linkers in [true, false] {
            let binding = if of_linkers { elf::STB_LOCAL } else { elf::STB_GLOBAL };
            for function in image.functions.iter().filter(|function| means_more(&function.symbol) == of_linkers) {
                symbols.add(
                    &function.symbol,
                    binding,
                    elf::STT_FUNC,
                    code,
                    function.offset.into(),
                    function.size.into(),
                );
            }
            if of_linkers {
                symbols.local = symbols.count();
            }
        }
        let size = image.constants.len() as u64;
        symbols.add(HEADER_SYMBOL, elf::STB_GLOBAL, elf::STT_OBJECT, Part::Constants.number(), 0, size);
        symbols.first_import = symbols.count();
        for import in &image.imports {
            if seen.contains(import.name.as_str()) {
                return Err(FormatError(format!("{}: {} is imported, but defined as well", image.name, import.name)));
            }
            symbols.add(&import.name, elf::STB_GLOBAL, elf::STT_NOTYPE, elf::SHN_UNDEF.0, 0, 0);
        }
        Ok(symbols)
    }

    fn add_places(&mut self, parts: &[Contents]) {
        for relocation in parts.iter().flat_map(|contents| &contents.relocations) {
            if let Base::Code(offset) = relocation.base {
                self.places.insert(offset, self.count());
                self.add("", elf::STB_LOCAL, elf::STT_NOTYPE, Part::Code.number(), offset, 0);
            }
        }
    }

    fn count(&self) -> u32 {
        (self.table.position() / SYMBOL_SIZE) as u32
    }

    fn add(&mut self, name: &str, binding: elf::SymbolBind, kind: elf::SymbolType, section: u16, at: u64, size: u64) {
        let name_offset = if name.is_empty() { 0 } else { self.names.position() as u32 };
        if !name.is_empty() {
            self.names.raw(name.as_bytes());
            self.names.u8(0);
        }
        self.table.u32(name_offset);
        self.table.u8((binding.0 << 4) | kind.0);
        self.table.u8(elf::STV_DEFAULT.0);
        self.table.u16(section);
        self.table.u64(at);
        self.table.u64(size);
    }

    fn write(&self, out: &mut Bytes, sections: &mut SectionTable) {
        let offset = out.align(8);
        out.raw(&self.table.0);
        let names = u32::from(sections.count()) + 1;
        let table = Section { kind: elf::SHT_SYMTAB, offset, size: self.table.position(), ..Section::default() };
        let table = Section { link: names, info: self.local, alignment: 8, entry_size: SYMBOL_SIZE, ..table };
        sections.add(".symtab", table);
        let offset = out.position();
        out.raw(&self.names.0);
        let names = Section { kind: elf::SHT_STRTAB, offset, size: self.names.position(), ..Section::default() };
        sections.add(".strtab", Section { alignment: 1, ..names });
    }
}

/// Whether a name means something to linkers: a version after an `@`, functions to be run on loading and unloading. Nobody
/// outside of the object must see it then.
pub fn means_more(name: &str) -> bool {
    name.contains('@') || ["_init", "_fini"].contains(&name)
}
