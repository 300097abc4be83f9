//! Decides where everything lies, and makes all of the file but the bytes of code and constants.
//!
//! The parts are appended in the order of their addresses, each after those whose addresses it holds, so one pass
//! does it. Up to the end of the first segment, an offset in the file is the address.

use crate::class::Class;
use crate::headers::{write_start, Section, SectionTable, Segment};
use crate::symbols::{Places, Symbols};
use maru_core::abi::WORD_SIZE;
use maru_core::codegen::MachineIdentity;
use maru_core::format::{FormatError, Image, Layout};
use maru_dwarf::{debug, unwind, ByteOrder, Bytes, Numbers};
use object::elf;

/// The layout's part that says where the build id lies.
pub const BUILD_ID: &str = "build id";
/// Bytes of the build id.
pub const BUILD_ID_SIZE: usize = 16;
/// The layout's part that remembers how many bytes of code there were.
pub const CODE_SIZE: &str = "code size";
/// The layout's part that remembers how many bytes of constants there were.
pub const CONSTANTS_SIZE: &str = "constants size";

const SEGMENTS: u64 = 6;
/// The number of the segment that is the note with the build id.
pub const NOTE_SEGMENT: u64 = 3;

/// Where the note lies.
pub fn note_offset(class: Class) -> u64 {
    class.file_header() + SEGMENTS * class.segment_header()
}

/// Alignment of code, of constants and of the data table.
const ALIGNMENT: u64 = 16;

/// Decide where everything lies.
pub fn layout(image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
    let class = check(image, machine)?;
    if let Some(import) = image.imports.first() {
        let (name, import) = (&image.name, &import.name);
        return Err(FormatError(format!("{name}: {import} is imported, which only libraries made by a linker can do")));
    }
    let order = ByteOrder::of(machine);
    let mut out = Bytes::in_order(order);
    out.0.reserve(4096 + image.code.len() + image.constants.len() + 200 * image.functions.len());
    let mut sections = SectionTable::new(class, order);
    let mapped = write_mapped(image, (class, machine), &mut out, &mut sections)?;
    let writable = write_writable(image, (class, machine), &mapped, &mut out, &mut sections);
    write_unmapped(image, (class, machine), &mapped, &mut out, &mut sections)?;
    let (section_table, section_count) = sections.write(&mut out);
    let segments = segments(machine, &mapped, &writable);
    out.put(0, &write_start(class, machine, &segments, section_table, section_count).0);
    Ok(Layout {
        code: mapped.code,
        constants: mapped.constants,
        data: writable.data,
        file_size: out.position(),
        parts: vec![
            (BUILD_ID, mapped.note.end - BUILD_ID_SIZE as u64),
            (CODE_SIZE, image.code.len() as u64),
            (CONSTANTS_SIZE, image.constants.len() as u64),
        ],
        skeleton: out.0,
        ..Layout::default()
    })
}

/// Refuse what cannot be written; the class of what can.
pub fn check(image: &Image, machine: &MachineIdentity) -> Result<Class, FormatError> {
    let refuse = |problem: String| Err(FormatError(format!("{}: {problem}", image.name)));
    let Some(class) = Class::of(machine.pointer_size) else {
        return refuse(format!(
            "the format elf is written for machines of 32 and 64 bits only, not for {}-bit ones",
            u32::from(machine.pointer_size) * 8
        ));
    };
    if machine.machine > u16::MAX.into() {
        return refuse(format!("{} is no machine number of the format elf", machine.machine));
    }
    if !machine.page_size.is_power_of_two() || !(0x1000..=0x1_0000).contains(&machine.page_size) {
        return refuse(format!("the page size {:#x} is no power of two from 4 KiB to 64 KiB", machine.page_size));
    }
    image.check_extents()?;
    Ok(class)
}

/// A part of the file.
#[derive(Clone, Copy)]
struct Part {
    start: u64,
    end: u64,
}

impl Part {
    fn size(self) -> u64 {
        self.end - self.start
    }
}

/// Where the parts of the first segment lie.
struct Mapped {
    note: Part,
    constants: u64,
    code: u64,
    symbols: Part,
    names: Part,
    names_section: u16,
    hash: u64,
    frames_table: Part,
    end: u64,
}

/// Append all that is mapped readable and executable.
fn write_mapped(
    image: &Image,
    (class, machine): (Class, &MachineIdentity),
    out: &mut Bytes,
    sections: &mut SectionTable,
) -> Result<Mapped, FormatError> {
    out.zeros(note_offset(class) as usize);
    let mut part = |out: &mut Bytes, name: &str, section: Section, start: u64| {
        let size = out.position() - start;
        let flags = section.flags | elf::SHF_ALLOC;
        let number = sections.add(name, Section { address: start, offset: start, size, flags, ..section });
        (Part { start, end: start + size }, number)
    };
    let section = |kind, alignment| Section { kind, alignment, ..Section::default() };

    let start = out.align(4);
    write_note(out);
    let (note, _) = part(out, ".note.gnu.build-id", section(elf::SHT_NOTE, 4), start);

    let constants = out.align(ALIGNMENT);
    out.zeros(image.constants.len());
    let (_, constants_section) = part(out, ".rodata", section(elf::SHT_PROGBITS, ALIGNMENT), constants);

    let code = out.align(ALIGNMENT);
    out.zeros(image.code.len());
    let text = Section { flags: elf::SHF_EXECINSTR, ..section(elf::SHT_PROGBITS, ALIGNMENT) };
    let (_, code_section) = part(out, ".text", text, code);

    let symbols = Symbols::new(image, &Places { constants, constants_section, code, code_section })?;
    let start = out.align(8);
    symbols.write_table(class, out);
    let names_section = code_section + 2;
    let table =
        Section { link: names_section.into(), info: 1, entry_size: class.symbol(), ..section(elf::SHT_DYNSYM, 8) };
    let (symbol_part, symbols_section) = part(out, ".dynsym", table, start);
    let start = out.position();
    symbols.write_names(out);
    let (names, _) = part(out, ".dynstr", section(elf::SHT_STRTAB, 1), start);
    let start = out.align(8);
    symbols.write_hash(class, out);
    let hash = Section { link: symbols_section.into(), ..section(elf::SHT_GNU_HASH, 8) };
    let (hash, _) = part(out, ".gnu.hash", hash, start);

    let start = out.align(8);
    let entries = unwind::write_frames(out, image, code, &machine.unwind)?;
    let (frames, _) = part(out, ".eh_frame", section(elf::SHT_PROGBITS, 8), start);
    let start = out.align(4);
    unwind::write_table(out, frames.start, &entries);
    let (frames_table, _) = part(out, ".eh_frame_hdr", section(elf::SHT_PROGBITS, 4), start);
    let end = out.position();
    Ok(Mapped {
        note,
        constants,
        code,
        symbols: symbol_part,
        names,
        names_section,
        hash: hash.start,
        frames_table,
        end,
    })
}

/// The build id's note; the id itself is filled in last, when all other bytes are there.
fn write_note(out: &mut Bytes) {
    out.u32(4);
    out.u32(BUILD_ID_SIZE as u32);
    out.u32(elf::NT_GNU_BUILD_ID.0);
    out.raw(b"GNU\0");
    out.zeros(BUILD_ID_SIZE);
}

/// Where the parts of the second segment lie.
struct Writable {
    offset: u64,
    dynamic: Part,
    data: u64,
    end: u64,
}

/// Append what is mapped writable: the dynamic table, into which older loaders write. The data table follows it in
/// memory only.
fn write_writable(
    image: &Image,
    (class, machine): (Class, &MachineIdentity),
    mapped: &Mapped,
    out: &mut Bytes,
    sections: &mut SectionTable,
) -> Writable {
    let offset = out.align(ALIGNMENT);
    let entries = [
        (elf::DT_GNU_HASH, mapped.hash),
        (elf::DT_STRTAB, mapped.names.start),
        (elf::DT_SYMTAB, mapped.symbols.start),
        (elf::DT_STRSZ, mapped.names.size()),
        (elf::DT_SYMENT, class.symbol()),
        (elf::DT_NULL, 0),
    ];
    for (tag, value) in entries {
        class.put(out, tag.0 as u64);
        class.put(out, value);
    }
    // The same offset in another page: so no padding is needed in the file.
    let start = offset + machine.page_size;
    let dynamic = Part { start, end: start + out.position() - offset };
    let data = dynamic.end.next_multiple_of(ALIGNMENT);
    let end = data + WORD_SIZE as u64 * u64::from(image.data_words);
    let flags = elf::SHF_ALLOC | elf::SHF_WRITE;
    let section = Section {
        kind: elf::SHT_DYNAMIC,
        flags,
        address: start,
        offset,
        size: dynamic.size(),
        link: mapped.names_section.into(),
        alignment: 8,
        entry_size: class.dynamic(),
        ..Section::default()
    };
    sections.add(".dynamic", section);
    let offset_in_file = out.position();
    let section = Section {
        kind: elf::SHT_NOBITS,
        flags,
        address: data,
        offset: offset_in_file,
        size: end - data,
        alignment: ALIGNMENT,
        ..Section::default()
    };
    sections.add(".bss", section);
    Writable { offset, dynamic, data, end }
}

/// Append what only debuggers and profilers read: the symbols once more, under the names of a full symbol table,
/// which some tools insist on, and line tables.
fn write_unmapped(
    image: &Image,
    (class, machine): (Class, &MachineIdentity),
    mapped: &Mapped,
    out: &mut Bytes,
    sections: &mut SectionTable,
) -> Result<(), FormatError> {
    let offset = out.align(8);
    out.0.extend_from_within(mapped.symbols.start as usize..mapped.symbols.end as usize);
    let table = Section { kind: elf::SHT_SYMTAB, offset, size: mapped.symbols.size(), ..Section::default() };
    let table = Section { info: 1, alignment: 8, entry_size: class.symbol(), ..table };
    // `.dynamic` and `.bss` lie between, then this table, then its names.
    let names_section = u32::from(mapped.names_section) + 7;
    let number = sections.add(".symtab", Section { link: names_section, ..table });
    debug_assert_eq!(names_section, u32::from(number) + 1);
    let offset = out.position();
    out.0.extend_from_within(mapped.names.start as usize..mapped.names.end as usize);
    let names = Section { kind: elf::SHT_STRTAB, offset, size: mapped.names.size(), ..Section::default() };
    sections.add(".strtab", Section { alignment: 1, ..names });
    let lines = debug::sections(image, mapped.code, Numbers::of(machine));
    for (name, bytes) in debug::NAMES.iter().zip(lines.into_iter().flatten()) {
        let strings = if *name == ".debug_str" { elf::SHF_MERGE | elf::SHF_STRINGS } else { elf::SectionFlags(0) };
        let (offset, size) = (out.position(), bytes.len() as u64);
        out.raw(&bytes);
        let entry_size = u64::from(strings.0 != 0);
        let section = Section { kind: elf::SHT_PROGBITS, flags: strings, offset, size, ..Section::default() };
        sections.add(name, Section { alignment: 1, entry_size, ..section });
    }
    Ok(())
}

fn segments(machine: &MachineIdentity, mapped: &Mapped, writable: &Writable) -> [Segment; SEGMENTS as usize] {
    let segment = |kind, flags, part: Part, alignment| Segment {
        kind,
        flags,
        offset: part.start,
        address: part.start,
        file_size: part.size(),
        memory_size: part.size(),
        alignment,
    };
    let dynamic =
        Segment { offset: writable.offset, ..segment(elf::PT_DYNAMIC, elf::PF_R | elf::PF_W, writable.dynamic, 8) };
    let second = Segment {
        kind: elf::PT_LOAD,
        memory_size: writable.end - writable.dynamic.start,
        alignment: machine.page_size,
        ..dynamic
    };
    let first = Part { start: 0, end: mapped.end };
    [
        segment(elf::PT_LOAD, elf::PF_R | elf::PF_X, first, machine.page_size),
        second,
        dynamic,
        segment(elf::PT_NOTE, elf::PF_R, mapped.note, 4),
        segment(elf::PT_GNU_EH_FRAME, elf::PF_R, mapped.frames_table, 4),
        segment(elf::PT_GNU_STACK, elf::PF_R | elf::PF_W, Part { start: 0, end: 0 }, ALIGNMENT),
    ]
}
