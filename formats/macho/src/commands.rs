//! The header and the load commands.

use maru_core::codegen::MachineIdentity;
use maru_dwarf::Bytes;
use object::macho;

/// Bytes of the header.
pub const HEADER_SIZE: u64 = 32;
const SEGMENT_SIZE: u64 = 72;
const SECTION_SIZE: u64 = 80;
const SYMBOLS_SIZE: u64 = 24;
const SYMBOL_GROUPS_SIZE: u64 = 80;
const LINKING_SIZE: u64 = 48;
const UUID_SIZE: u64 = 24;
const SYSTEM_SIZE: u64 = 24;
const SIGNATURE_SIZE: u64 = 16;
/// Bytes of a command that names a library, without the name.
const LIBRARY_SIZE: u64 = 24;

const SYSTEM_LIBRARY: &str = "/usr/lib/libSystem.B.dylib";
/// 1.0.0, as versions of libraries are written.
const VERSION_1: u32 = 0x1_0000;
/// 11.0, as versions of systems are written.
const SYSTEM_VERSION: u32 = 0xb_0000;

/// A part of a segment, which tools see by its name.
pub struct Section {
    pub name: &'static str,
    pub address: u64,
    pub size: u64,
    /// 0 if it has no bytes in the file.
    pub offset: u64,
    /// As a power of two.
    pub alignment_bits: u32,
    pub flags: u32,
}

/// What is mapped in one piece, with one protection.
pub struct Segment {
    pub name: &'static str,
    pub protection: u32,
    pub address: u64,
    pub memory_size: u64,
    pub offset: u64,
    pub file_size: u64,
    pub sections: Vec<Section>,
}

/// A range of the file.
#[derive(Clone, Copy)]
pub struct Extent {
    pub offset: u64,
    pub size: u64,
}

/// What lies in the last segment.
pub struct Linkedit {
    pub exports: Extent,
    pub symbols: u64,
    pub symbol_count: u64,
    pub names: Extent,
    pub signature: Extent,
}

/// Bytes of header and commands for so many segments and sections, and a library of this name.
pub fn size(segments: usize, sections: usize, name: &str) -> u64 {
    HEADER_SIZE
        + segments as u64 * SEGMENT_SIZE
        + sections as u64 * SECTION_SIZE
        + library_size(name)
        + LINKING_SIZE
        + SYMBOLS_SIZE
        + SYMBOL_GROUPS_SIZE
        + UUID_SIZE
        + SYSTEM_SIZE
        + library_size(SYSTEM_LIBRARY)
        + SIGNATURE_SIZE
}

fn library_size(name: &str) -> u64 {
    (LIBRARY_SIZE + name.len() as u64 + 1).next_multiple_of(8)
}

/// Header and commands, and where in them the library's name and its identifier lie.
pub struct Start {
    pub bytes: Bytes,
    pub name: u64,
    pub uuid: u64,
}

/// The header and the commands; the identifier stays zero.
pub fn start(machine: &MachineIdentity, name: &str, segments: &[Segment], linkedit: &Linkedit) -> Start {
    let mut out = Bytes::default();
    out.u32(macho::MH_MAGIC_64);
    out.u32(machine.machine);
    out.u32(machine.subtype);
    out.u32(macho::MH_DYLIB.0);
    out.zeros(8);
    out.u32(
        machine.flags
            | (macho::MH_NOUNDEFS | macho::MH_DYLDLINK | macho::MH_TWOLEVEL | macho::MH_NO_REEXPORTED_DYLIBS).0,
    );
    out.u32(0);
    for segment in segments {
        write_segment(&mut out, segment);
    }
    let name_at = out.position() + LIBRARY_SIZE;
    write_library(&mut out, macho::LC_ID_DYLIB, name);
    write_tables(&mut out, linkedit);
    let uuid = command(&mut out, macho::LC_UUID, UUID_SIZE);
    out.zeros(16);
    write_system(&mut out);
    write_library(&mut out, macho::LC_LOAD_DYLIB, SYSTEM_LIBRARY);
    command(&mut out, macho::LC_CODE_SIGNATURE, SIGNATURE_SIZE);
    write_extent(&mut out, linkedit.signature);
    out.put_u32(16, segments.len() as u32 + 8);
    let size = out.position() - HEADER_SIZE;
    out.put_u32(20, size as u32);
    Start { bytes: out, name: name_at, uuid }
}

/// Begin a command; where its contents go.
fn command(out: &mut Bytes, kind: macho::LoadCommandType, size: u64) -> u64 {
    out.u32(kind.0);
    out.u32(size as u32);
    out.position()
}

fn write_extent(out: &mut Bytes, extent: Extent) {
    out.u32(extent.offset as u32);
    out.u32(extent.size as u32);
}

/// A name in 16 bytes.
fn write_name(out: &mut Bytes, name: &str) {
    out.raw(name.as_bytes());
    out.zeros(16 - name.len());
}

fn write_segment(out: &mut Bytes, segment: &Segment) {
    let sections = &segment.sections;
    command(out, macho::LC_SEGMENT_64, SEGMENT_SIZE + SECTION_SIZE * sections.len() as u64);
    write_name(out, segment.name);
    for number in [segment.address, segment.memory_size, segment.offset, segment.file_size] {
        out.u64(number);
    }
    for number in [segment.protection, segment.protection, sections.len() as u32, 0] {
        out.u32(number);
    }
    for section in sections {
        write_name(out, section.name);
        write_name(out, segment.name);
        out.u64(section.address);
        out.u64(section.size);
        for number in [section.offset as u32, section.alignment_bits, 0, 0, section.flags, 0, 0, 0] {
            out.u32(number);
        }
    }
}

/// The one segment of an object, with the segments that its sections will be in, and their relocations.
pub struct ObjectSegment<'a> {
    pub offset: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub sections: Vec<(&'static str, &'a Section, Extent)>,
}

/// Bytes of an object's header and commands.
pub fn object_size(sections: usize) -> u64 {
    HEADER_SIZE + SEGMENT_SIZE + sections as u64 * SECTION_SIZE + SYSTEM_SIZE + SYMBOLS_SIZE + SYMBOL_GROUPS_SIZE
}

/// An object's header and commands. The symbols' place is given, with that of their names, and the sizes of their groups:
/// local, exported, undefined.
pub fn object_start(
    machine: &MachineIdentity,
    segment: &ObjectSegment,
    (symbols, names): (u64, Extent),
    groups: [u32; 3],
) -> Bytes {
    let mut out = Bytes::default();
    let commands_size = object_size(segment.sections.len()) - HEADER_SIZE;
    for number in [macho::MH_MAGIC_64, machine.machine, machine.subtype, macho::MH_OBJECT.0] {
        out.u32(number);
    }
    for number in [4, commands_size as u32, machine.flags, 0] {
        out.u32(number);
    }
    write_object_segment(&mut out, segment);
    write_system(&mut out);
    command(&mut out, macho::LC_SYMTAB, SYMBOLS_SIZE);
    let [local, exported, undefined] = groups;
    write_extent(&mut out, Extent { offset: symbols, size: u64::from(local + exported + undefined) });
    write_extent(&mut out, names);
    let start = command(&mut out, macho::LC_DYSYMTAB, SYMBOL_GROUPS_SIZE);
    for number in [0, local, local, exported, local + exported, undefined] {
        out.u32(number);
    }
    out.zeros((SYMBOL_GROUPS_SIZE - 8 - (out.position() - start)) as usize);
    out
}

fn write_object_segment(out: &mut Bytes, segment: &ObjectSegment) {
    let sections = &segment.sections;
    command(out, macho::LC_SEGMENT_64, SEGMENT_SIZE + SECTION_SIZE * sections.len() as u64);
    write_name(out, "");
    for number in [0, segment.memory_size, segment.offset, segment.file_size] {
        out.u64(number);
    }
    let all = (macho::VM_PROT_READ | macho::VM_PROT_WRITE | macho::VM_PROT_EXECUTE).0;
    for number in [all, all, sections.len() as u32, 0] {
        out.u32(number);
    }
    for (segment, section, relocations) in sections {
        write_name(out, section.name);
        write_name(out, segment);
        out.u64(section.address);
        out.u64(section.size);
        out.u32(section.offset as u32);
        out.u32(section.alignment_bits);
        write_extent(out, *relocations);
        for number in [section.flags, 0, 0, 0] {
            out.u32(number);
        }
    }
}

/// For which system the file is.
fn write_system(out: &mut Bytes) {
    command(out, macho::LC_BUILD_VERSION, SYSTEM_SIZE);
    for number in [macho::PLATFORM_MACOS.0, SYSTEM_VERSION, SYSTEM_VERSION, 0] {
        out.u32(number);
    }
}

fn write_library(out: &mut Bytes, kind: macho::LoadCommandType, name: &str) {
    let size = library_size(name);
    command(out, kind, size);
    // Where the name lies; a time, which would differ from run to run; versions.
    for number in [LIBRARY_SIZE as u32, 0, VERSION_1, VERSION_1] {
        out.u32(number);
    }
    out.raw(name.as_bytes());
    out.zeros((size - LIBRARY_SIZE) as usize - name.len());
}

/// The commands that say what lies in the last segment, but for the signature's.
fn write_tables(out: &mut Bytes, linkedit: &Linkedit) {
    command(out, macho::LC_DYLD_INFO_ONLY, LINKING_SIZE);
    // Nothing to rebase, nothing to bind: now, weakly, or lazily.
    out.zeros(4 * 8);
    write_extent(out, linkedit.exports);
    command(out, macho::LC_SYMTAB, SYMBOLS_SIZE);
    write_extent(out, Extent { offset: linkedit.symbols, size: linkedit.symbol_count });
    write_extent(out, linkedit.names);
    let start = command(out, macho::LC_DYSYMTAB, SYMBOL_GROUPS_SIZE);
    // First symbol and number of symbols of each group: local, exported, undefined.
    for number in [0, 0, 0, linkedit.symbol_count as u32, linkedit.symbol_count as u32, 0] {
        out.u32(number);
    }
    out.zeros((SYMBOL_GROUPS_SIZE - 8 - (out.position() - start)) as usize);
}
