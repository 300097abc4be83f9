//! The file's header and the tables of segments and sections.

use crate::class::Class;
use maru_core::codegen::MachineIdentity;
use maru_dwarf::{ByteOrder, Bytes};
use object::elf;

/// What the loader or an unwinder uses: an entry of the segment table.
pub struct Segment {
    pub kind: elf::ProgramType,
    pub flags: elf::ProgramFlags,
    pub offset: u64,
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub alignment: u64,
}

/// What debuggers and profilers use: an entry of the section table.
#[derive(Default)]
pub struct Section {
    pub kind: elf::SectionType,
    pub flags: elf::SectionFlags,
    pub address: u64,
    pub offset: u64,
    pub size: u64,
    pub link: u32,
    pub info: u32,
    pub alignment: u64,
    pub entry_size: u64,
}

/// The section table in the making, with the names of its sections.
pub struct SectionTable {
    class: Class,
    entries: Bytes,
    names: Bytes,
    count: u16,
}

impl SectionTable {
    /// A table of the null section, for a file of a class and a byte order.
    pub fn new(class: Class, order: ByteOrder) -> SectionTable {
        let mut table = SectionTable { class, entries: Bytes::in_order(order), names: Bytes::default(), count: 0 };
        table.add("", Section::default());
        table
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Append a section; its number.
    pub fn add(&mut self, name: &str, section: Section) -> u16 {
        let name_offset = self.names.position() as u32;
        self.names.raw(name.as_bytes());
        self.names.u8(0);
        let (class, out) = (self.class, &mut self.entries);
        out.u32(name_offset);
        out.u32(section.kind.0);
        for word in [section.flags.0, section.address, section.offset, section.size] {
            class.put(out, word);
        }
        out.u32(section.link);
        out.u32(section.info);
        class.put(out, section.alignment);
        class.put(out, section.entry_size);
        self.count += 1;
        self.count - 1
    }

    /// Append names and table to the file, whose last part they are; the table's offset and its number of entries.
    pub fn write(mut self, out: &mut Bytes) -> (u64, u16) {
        let names = ".shstrtab";
        let size = self.names.position() + names.len() as u64 + 1;
        let section =
            Section { kind: elf::SHT_STRTAB, offset: out.position(), size, alignment: 1, ..Section::default() };
        self.add(names, section);
        out.raw(&self.names.0);
        let offset = out.align(8);
        out.raw(&self.entries.0);
        (offset, self.count)
    }
}

/// The header of a shared library and its segment table, which follows at once. The section that holds the names
/// of the sections is the last one.
pub fn write_start(
    class: Class,
    machine: &MachineIdentity,
    segments: &[Segment],
    section_table: u64,
    sections: u16,
) -> Bytes {
    let mut out = write_header(class, machine, elf::ET_DYN, segments.len() as u16, section_table, sections);
    for segment in segments {
        out.u32(segment.kind.0);
        // What has 32 bits stands where it disturbs no word of the class.
        if class == Class::Wide {
            out.u32(segment.flags.0);
        }
        for word in [segment.offset, segment.address, segment.address, segment.file_size, segment.memory_size] {
            class.put(&mut out, word);
        }
        if class == Class::Narrow {
            out.u32(segment.flags.0);
        }
        class.put(&mut out, segment.alignment);
    }
    out
}

/// What the header calls a byte order.
pub fn data(order: ByteOrder) -> u8 {
    match order {
        ByteOrder::Little => elf::ELFDATA2LSB.0,
        ByteOrder::Big => elf::ELFDATA2MSB.0,
    }
}

/// The header of a file that has this many segments.
pub fn write_header(
    class: Class,
    machine: &MachineIdentity,
    kind: elf::FileType,
    segments: u16,
    section_table: u64,
    sections: u16,
) -> Bytes {
    let order = ByteOrder::of(machine);
    let mut out = Bytes::in_order(order);
    out.raw(&elf::ELFMAG);
    out.raw(&[class.name(), data(order), elf::EV_CURRENT.0, elf::ELFOSABI_NONE.0]);
    out.zeros(8);
    out.u16(kind.0);
    out.u16(machine.machine as u16);
    out.u32(elf::EV_CURRENT.0.into());
    // No entry point. An object has no segments, nor a place for their table.
    for word in [0, if segments > 0 { class.file_header() } else { 0 }, section_table] {
        class.put(&mut out, word);
    }
    out.u32(machine.flags);
    out.u16(class.file_header() as u16);
    out.u16(if segments > 0 { class.segment_header() as u16 } else { 0 });
    out.u16(segments);
    out.u16(class.section_header() as u16);
    out.u16(sections);
    out.u16(sections - 1);
    out
}
