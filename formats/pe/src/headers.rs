//! Header of the file, directories, table of sections.

use maru_core::codegen::MachineIdentity;
use maru_dwarf::Bytes;

/// Where the file asks to be loaded; loaders choose another place.
pub const IMAGE_BASE: u64 = 0x1_8000_0000;
/// Sections begin at multiples of this, in memory.
pub const SECTION_ALIGNMENT: u64 = 0x1000;
/// The same in the file.
pub const FILE_ALIGNMENT: u64 = 0x200;
/// Where the header of DOS ends, and the other begins.
const HEADER: u64 = 0x40;
/// Where the time stamp lies.
pub const TIME_STAMP: u64 = HEADER + 8;
/// Where the checksum lies.
pub const CHECKSUM: u64 = HEADER + 24 + 64;
/// Bytes from the start of the file to the table of sections.
const BEFORE_SECTIONS: u64 = HEADER + 24 + OPTIONAL_SIZE;
/// Bytes of the part that objects need not have.
const OPTIONAL_SIZE: u64 = 112 + 8 * DIRECTORIES as u64;
/// Bytes of an entry of the table of sections.
const SECTION_SIZE: u64 = 40;
/// How many directories there are.
pub const DIRECTORIES: usize = 16;
/// Directories by number: exports, unwind entries, what debuggers want.
pub const EXPORTS: usize = 0;
/// The same: unwind entries.
pub const EXCEPTIONS: usize = 3;
/// The same: what debuggers want.
pub const DEBUG: usize = 6;

/// What a section is and may be used for.
pub mod flags {
    /// Code.
    pub const CODE: u32 = 0x20;
    /// Bytes that are in the file.
    pub const INITIALIZED: u32 = 0x40;
    /// Zeros that are not.
    pub const UNINITIALIZED: u32 = 0x80;
    /// Not needed once the program runs.
    pub const DISCARDABLE: u32 = 0x0200_0000;
    /// Executable.
    pub const EXECUTE: u32 = 0x2000_0000;
    /// Readable.
    pub const READ: u32 = 0x4000_0000;
    /// Writable.
    pub const WRITE: u32 = 0x8000_0000;
}

/// A section.
pub struct Section {
    /// Its name, or where the name is, in 8 bytes.
    pub name: [u8; 8],
    pub address: u64,
    /// Bytes in memory, not rounded.
    pub size: u64,
    pub offset: u64,
    /// Bytes in the file, a multiple of [`FILE_ALIGNMENT`].
    pub file_size: u64,
    pub flags: u32,
}

/// A directory: address and size, or zeros.
pub type Directory = (u64, u64);

/// The symbols of the file: where they lie, and how many entries there are.
pub type Symbols = (u64, u64);

/// Bytes of the whole header with so many sections, rounded.
pub fn size(sections: usize) -> u64 {
    (BEFORE_SECTIONS + SECTION_SIZE * sections as u64).next_multiple_of(FILE_ALIGNMENT)
}

/// The whole header. Time stamp and checksum are zero.
pub fn header(
    machine: &MachineIdentity,
    sections: &[Section],
    directories: &[Directory; DIRECTORIES],
    symbols: Symbols,
) -> Vec<u8> {
    let mut out = Bytes::default();
    out.raw(b"MZ");
    out.zeros(0x3c - 2);
    out.u32(HEADER as u32);
    out.raw(b"PE\0\0");
    out.u16(machine.machine as u16);
    out.u16(sections.len() as u16);
    out.u32(0);
    out.u32(symbols.0 as u32);
    out.u32(symbols.1 as u32);
    out.u16(OPTIONAL_SIZE as u16);
    // An image that can be run, knows addresses above 2 GiB, and is a library.
    out.u16(0x2022);
    optional(sections, &mut out);
    out.u32(DIRECTORIES as u32);
    for (address, size) in directories {
        out.u32(*address as u32);
        out.u32(*size as u32);
    }
    for section in sections {
        out.raw(&section.name);
        for number in [section.size, section.address, section.file_size, section.offset] {
            out.u32(number as u32);
        }
        out.zeros(12);
        out.u32(section.flags);
    }
    out.0
}

/// What objects need not have, up to the number of directories.
fn optional(sections: &[Section], out: &mut Bytes) {
    let sum = |kind: u32, size: fn(&Section) -> u64| {
        let all = sections.iter().filter(|section| section.flags & kind != 0);
        all.map(|section| size(section).next_multiple_of(FILE_ALIGNMENT)).sum::<u64>() as u32
    };
    let image_end = sections.last().map_or(0, |last| last.address + last.size);
    out.u16(0x20b);
    out.u16(1); // The version of the linker: any.
    out.u32(sum(flags::CODE, |section| section.file_size));
    out.u32(sum(flags::INITIALIZED, |section| section.file_size));
    out.u32(sum(flags::UNINITIALIZED, |section| section.size));
    out.u32(0); // Nothing runs on loading.
    out.u32(sections.first().map_or(0, |first| first.address) as u32);
    out.u64(IMAGE_BASE);
    out.u32(SECTION_ALIGNMENT as u32);
    out.u32(FILE_ALIGNMENT as u32);
    // The versions of the system, of the library, of the subsystem: the first system that ran on both CPUs.
    for version in [6, 2, 0, 0, 6, 2, 0, 0] {
        out.u16(version);
    }
    out.u32(image_end.next_multiple_of(SECTION_ALIGNMENT) as u32);
    out.u32(size(sections.len()) as u32);
    out.u32(0);
    // Neither text nor windows decide about a library: windows are the custom.
    out.u16(2);
    // Goes to any address, high ones too; nothing but code is executed.
    out.u16(0x0160);
    // What a program's stack and heap would be.
    for size in [0x10_0000, 0x1000, 0x10_0000, 0x1000] {
        out.u64(size);
    }
    out.u32(0);
}
