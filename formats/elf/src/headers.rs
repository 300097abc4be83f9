//! The file's header and the tables of segments and sections.

use maru_core::codegen::MachineIdentity;
use maru_dwarf::Bytes;
use object::elf;

/// Bytes of the file's header.
pub const FILE_HEADER_SIZE: u64 = 64;
/// Bytes of an entry of the segment table.
pub const SEGMENT_HEADER_SIZE: u64 = 56;
/// Bytes of an entry of the section table.
pub const SECTION_HEADER_SIZE: u64 = 64;

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
    entries: Bytes,
    names: Bytes,
    count: u16,
}

impl SectionTable {
    /// A table of the null section.
    pub fn new() -> SectionTable {
        let mut table = SectionTable { entries: Bytes::default(), names: Bytes::default(), count: 0 };
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
        let out = &mut self.entries;
        out.u32(name_offset);
        out.u32(section.kind.0);
        out.u64(section.flags.0);
        out.u64(section.address);
        out.u64(section.offset);
        out.u64(section.size);
        out.u32(section.link);
        out.u32(section.info);
        out.u64(section.alignment);
        out.u64(section.entry_size);
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
pub fn write_start(machine: &MachineIdentity, segments: &[Segment], section_table: u64, sections: u16) -> Bytes {
    let mut out = write_header(machine, elf::ET_DYN, segments.len() as u16, section_table, sections);
    for segment in segments {
        out.u32(segment.kind.0);
        out.u32(segment.flags.0);
        out.u64(segment.offset);
        out.u64(segment.address);
        out.u64(segment.address);
        out.u64(segment.file_size);
        out.u64(segment.memory_size);
        out.u64(segment.alignment);
    }
    out
}

/// The header of a file that has this many segments.
pub fn write_header(
    machine: &MachineIdentity,
    kind: elf::FileType,
    segments: u16,
    section_table: u64,
    sections: u16,
) -> Bytes {
    let mut out = Bytes::default();
    out.raw(&elf::ELFMAG);
    out.raw(&[elf::ELFCLASS64.0, elf::ELFDATA2LSB.0, elf::EV_CURRENT.0, elf::ELFOSABI_NONE.0]);
    out.zeros(8);
    out.u16(kind.0);
    out.u16(machine.machine as u16);
    out.u32(elf::EV_CURRENT.0.into());
    out.u64(0);
    // An object has no segments, nor a place for their table.
    out.u64(if segments > 0 { FILE_HEADER_SIZE } else { 0 });
    out.u64(section_table);
    out.u32(machine.flags);
    out.u16(FILE_HEADER_SIZE as u16);
    out.u16(if segments > 0 { SEGMENT_HEADER_SIZE as u16 } else { 0 });
    out.u16(segments);
    out.u16(SECTION_HEADER_SIZE as u16);
    out.u16(sections);
    out.u16(sections - 1);
    out
}
