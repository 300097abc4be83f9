//! Decides where everything lies, and makes all of the file but code, constants and what follows from them.
//!
//! Sections are appended in the order of their addresses. The codes of unwind entries, the exports and what debuggers
//! want share a section; the entries themselves have one that tools know by its name.

use crate::headers::{self, flags, Directory, Section, DIRECTORIES, FILE_ALIGNMENT, IMAGE_BASE, SECTION_ALIGNMENT};
use crate::symbols::{self, Pool, Symbol};
use crate::{exports, unwind};
use maru_core::abi::WORD_SIZE;
use maru_core::codegen::MachineIdentity;
use maru_core::format::{FormatError, Image, Layout};
use maru_dwarf::{debug, Bytes, Numbers};

/// The layout's part that says where code lies in the file.
pub const CODE_OFFSET: &str = "offset of the code";
/// The same of the constants.
pub const CONSTANTS_OFFSET: &str = "offset of the constants";
/// The layout's part that says where the export directory's time stamp lies in the file.
pub const EXPORTS_STAMP: &str = "time stamp of the exports";
/// The same of the debug directory, whose entries have one each.
pub const DEBUG_OFFSET: &str = "debug directory";
/// The layout's part that remembers how many bytes of code there were.
pub const CODE_SIZE: &str = "code size";
/// The layout's part that remembers how many bytes of constants there were.
pub const CONSTANTS_SIZE: &str = "constants size";

/// Bytes of an entry of the debug directory.
pub const DEBUG_ENTRY: u64 = 28;
/// From the debug directory to the identifier by which debuggers know a file.
pub const IDENTIFIER: u64 = 2 * DEBUG_ENTRY + 4;
/// Bytes of what holds the identifier: a mark, it, its age, an empty name.
const IDENTIFIER_RECORD: u64 = 4 + 16 + 4 + 1;

/// The sections so far, and the bytes of the file.
struct Sections {
    /// Bytes of the header, which is before them in memory as well.
    header: u64,
    out: Bytes,
    all: Vec<Section>,
}

impl Sections {
    /// Where the next section begins in memory.
    fn next(&self) -> u64 {
        let end = self.all.last().map_or(self.header, |last| last.address + last.size);
        end.next_multiple_of(SECTION_ALIGNMENT)
    }

    /// Close a section whose bytes were appended from an offset on; bytes that are missing at its end are zeros.
    fn close(&mut self, name: [u8; 8], offset: u64, least: u64, flags: u32) {
        let size = (self.out.position() - offset).max(least);
        let address = self.next();
        let file_size = self.out.align(FILE_ALIGNMENT).max(offset + least.next_multiple_of(FILE_ALIGNMENT)) - offset;
        self.out.zeros((offset + file_size - self.out.position()) as usize);
        self.all.push(Section { name, address, size, offset, file_size, flags });
    }
}

/// Where things lie that the layout tells of, or that directories name.
struct Places {
    code: u64,
    code_offset: u64,
    constants: u64,
    constants_offset: u64,
    debug_offset: u64,
    exports_stamp: u64,
}

/// Decide where everything lies.
pub fn layout(image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
    check(image, machine)?;
    let entries = unwind::Entries::new(image, machine)?;
    let lines = debug::has_lines(image);
    let count = 4 + usize::from(image.data_words > 0) + debug::NAMES.len() * usize::from(lines);
    let mut pool = Pool::new();
    let header = headers::size(count);
    let mut sections = Sections { header, out: Bytes::from(vec![0; header as usize]), all: Vec::with_capacity(count) };
    let mut directories = [(0, 0); DIRECTORIES];
    let mut places = write_text_and_constants(image, &mut sections);
    let symbols = symbols::symbols(image, places.code, places.constants)?;
    let codes = write_tables(image, &entries, &symbols, &mut places, &mut sections, &mut directories);
    let data = sections.next();
    if image.data_words > 0 {
        let size = WORD_SIZE as u64 * u64::from(image.data_words);
        let flags = flags::UNINITIALIZED | flags::READ | flags::WRITE;
        sections.all.push(Section { name: *b".data\0\0\0", address: data, size, offset: 0, file_size: 0, flags });
    }
    let readable = flags::INITIALIZED | flags::READ;
    let (offset, address) = (sections.out.position(), sections.next());
    entries.write_entries(places.code, &codes, &mut sections.out);
    directories[headers::EXCEPTIONS] = directory(address, sections.out.position() - offset);
    sections.close(*b".pdata\0\0", offset, 1, readable);
    let lines = debug::sections(image, IMAGE_BASE + places.code, Numbers::LITTLE_WIDE);
    for (name, bytes) in debug::NAMES.iter().zip(lines.into_iter().flatten()) {
        let offset = sections.out.position();
        sections.out.raw(&bytes);
        sections.close(pool.section(name), offset, 1, readable | flags::DISCARDABLE);
    }
    let Sections { mut out, all, .. } = sections;
    let table = out.position();
    let starts = [all[0].address, all[1].address];
    let entries = symbols::write_table(&symbols, starts, &mut pool, &mut out);
    pool.write(&mut out);
    out.put(0, &headers::header(machine, &all, &directories, (table, entries)));
    Ok(Layout {
        code: places.code,
        constants: places.constants,
        data,
        file_size: out.position(),
        parts: vec![
            (CODE_OFFSET, places.code_offset),
            (CONSTANTS_OFFSET, places.constants_offset),
            (EXPORTS_STAMP, places.exports_stamp),
            (DEBUG_OFFSET, places.debug_offset),
            (CODE_SIZE, image.code.len() as u64),
            (CONSTANTS_SIZE, image.constants.len() as u64),
        ],
        skeleton: out.0,
        ..Layout::default()
    })
}

/// Refuse what cannot be written.
fn check(image: &Image, machine: &MachineIdentity) -> Result<(), FormatError> {
    let refuse = |problem: String| Err(FormatError(format!("{}: {problem}", image.name)));
    if machine.pointer_size != 8 || !machine.little_endian {
        let order = if machine.little_endian { "little" } else { "big" };
        return refuse(format!(
            "the format pe is written for 64-bit little-endian machines only, not for {}-bit {order}-endian ones",
            u32::from(machine.pointer_size) * 8
        ));
    }
    if machine.page_size != SECTION_ALIGNMENT {
        return refuse(format!("the page size {:#x} is not that of Windows, 4 KiB", machine.page_size));
    }
    if let Some(import) = image.imports.first() {
        return refuse(format!("{} is imported, which only libraries made by a linker can do", import.name));
    }
    if image.name.bytes().any(|byte| byte == 0) {
        return refuse("a library's name has no zeros".into());
    }
    image.check_extents()
}

/// A directory, or none of what is empty.
fn directory(address: u64, size: u64) -> Directory {
    (if size == 0 { 0 } else { address }, size)
}

/// Append code and constants.
fn write_text_and_constants(image: &Image, sections: &mut Sections) -> Places {
    let (code_offset, code) = (sections.out.position(), sections.next());
    sections.out.zeros(image.code.len());
    sections.close(*b".text\0\0\0", code_offset, 1, flags::CODE | flags::EXECUTE | flags::READ);
    let (constants_offset, constants) = (sections.out.position(), sections.next());
    sections.out.zeros(image.constants.len());
    sections.close(*b".rdata\0\0", constants_offset, 1, flags::INITIALIZED | flags::READ);
    Places { code, code_offset, constants, constants_offset, debug_offset: 0, exports_stamp: 0 }
}

/// Append the codes of unwind entries, whose addresses are returned, the exports, and what debuggers want.
fn write_tables(
    image: &Image,
    entries: &unwind::Entries,
    symbols: &[Symbol],
    places: &mut Places,
    sections: &mut Sections,
    directories: &mut [Directory; DIRECTORIES],
) -> Vec<u64> {
    let (offset, address) = (sections.out.position(), sections.next());
    let out = &mut sections.out;
    let address_of = |place: u64| address + place - offset;
    let codes = entries.write_codes(address, out);
    let start = out.align(4);
    let library = format!("{}.dll", image.name);
    places.exports_stamp = start + exports::write(symbols, &library, address_of(start), out);
    directories[headers::EXPORTS] = (address_of(start), out.position() - start);
    places.debug_offset = out.align(4);
    directories[headers::DEBUG] = (address_of(places.debug_offset), 2 * DEBUG_ENTRY);
    // The identifier; and the word that the time stamps follow from the bytes.
    let record = places.debug_offset + 2 * DEBUG_ENTRY;
    for (kind, size, address, place) in [(2, IDENTIFIER_RECORD, address_of(record), record), (16, 0, 0, 0)] {
        out.zeros(12);
        for number in [kind, size, address, place] {
            out.u32(number as u32);
        }
    }
    out.raw(b"RSDS");
    out.zeros(16);
    out.u32(1);
    out.u8(0);
    sections.close(*b".xdata\0\0", offset, 1, flags::INITIALIZED | flags::READ);
    codes
}
