//! Decides where everything lies, and makes all of the file but code, constants and what follows from them.
//!
//! The parts are appended in the order of their addresses, each after those whose addresses it holds, so one pass
//! does it. In the first segment, an offset in the file is the address.

use crate::commands::{self, Extent, Linkedit, Section, Segment};
use crate::symbols::SYMBOL_SIZE;
use crate::{exports, signature, symbols};
use maru_core::abi::WORD_SIZE;
use maru_core::codegen::MachineIdentity;
use maru_core::format::{FormatError, Image, Layout};
use maru_dwarf::{debug, unwind, Bytes, Numbers};
use object::macho;

/// The layout's part that says where the digits of the file's name lie.
pub const NAME_DIGITS: &str = "digits of the name";
/// The layout's part that says where the identifier lies.
pub const UUID: &str = "uuid";
/// The layout's part that says where the signature begins.
pub const SIGNATURE: &str = "signature";
/// The layout's part that remembers how large the executable segment is.
pub const EXECUTABLE_SIZE: &str = "executable size";
/// The layout's part that remembers how many bytes of code there were.
pub const CODE_SIZE: &str = "code size";
/// The layout's part that remembers how many bytes of constants there were.
pub const CONSTANTS_SIZE: &str = "constants size";

/// Segments begin at multiples of this, whatever the pages of the machine: translated programs run on larger ones.
const SEGMENT_ALIGNMENT: u64 = 0x4000;
/// Alignment of code and constants, as a power of two.
const ALIGNMENT_BITS: u32 = 4;
const ALIGNMENT: u64 = 1 << ALIGNMENT_BITS;
/// What precedes the file's name in the name by which others ask for it: "in one of the directories of the asker".
const DIRECTORY: &str = "@rpath/";
/// The names of the sections in the order of [`debug::NAMES`].
pub const DEBUG_NAMES: [&str; 4] = ["__debug_abbrev", "__debug_info", "__debug_line", "__debug_str"];
const READ: u32 = macho::VM_PROT_READ.0;
const WRITE: u32 = macho::VM_PROT_WRITE.0;
const EXECUTE: u32 = macho::VM_PROT_EXECUTE.0;

/// The name of a library's file with these digits: 32 of them.
pub fn file_name(digits: &str) -> String {
    format!("maru_{digits}.dylib")
}

/// The name by which others ask for the library.
pub fn install_name(digits: &str) -> String {
    format!("{DIRECTORY}{}", file_name(digits))
}

/// Where the parts that symbols speak of lie.
pub struct Places {
    pub code: u64,
    pub code_section: u8,
    pub constants: u64,
    pub constants_section: u8,
}

/// Decide where everything lies.
pub fn layout(image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
    check(image, machine)?;
    if let Some(import) = image.imports.first() {
        let (name, import) = (&image.name, &import.name);
        return Err(FormatError(format!("{name}: {import} is imported, which only libraries made by a linker can do")));
    }
    let no_digits = "\0".repeat(32);
    let name = install_name(&no_digits);
    let debug = debug::has_lines(image);
    let mut out = Bytes::default();
    out.0.reserve(0x1_0000 + image.code.len() + image.constants.len() + 200 * image.functions.len());
    let has_data = image.data_words > 0;
    let segment_count = 2 + usize::from(has_data) + usize::from(debug);
    let section_count = 3 + usize::from(has_data) + DEBUG_NAMES.len() * usize::from(debug);
    out.zeros(commands::size(segment_count, section_count, &name) as usize);
    let (text, places) = write_text(image, machine, &mut out)?;
    let executable = text.memory_size;
    let mut segments = vec![text];
    let mut end = executable;
    if has_data {
        segments.push(data(image, end));
        end += segments[1].memory_size;
    }
    if debug {
        segments.push(write_debug(image, &places, end, &mut out));
        end += segments[segments.len() - 1].memory_size;
    }
    let (last, linkedit) = write_linkedit(image, &places, end, &mut out, &file_name(&no_digits))?;
    segments.push(last);
    let start = commands::start(machine, &name, &segments, &linkedit);
    out.put(0, &start.bytes.0);
    Ok(Layout {
        code: places.code,
        constants: places.constants,
        data: executable,
        file_size: linkedit.signature.offset + linkedit.signature.size,
        parts: vec![
            (NAME_DIGITS, start.name + install_name("").len() as u64 - ".dylib".len() as u64),
            (UUID, start.uuid),
            (SIGNATURE, linkedit.signature.offset),
            (EXECUTABLE_SIZE, executable),
            (CODE_SIZE, image.code.len() as u64),
            (CONSTANTS_SIZE, image.constants.len() as u64),
        ],
        skeleton: out.0,
        ..Layout::default()
    })
}

/// Refuse what cannot be written.
pub fn check(image: &Image, machine: &MachineIdentity) -> Result<(), FormatError> {
    let refuse = |problem: String| Err(FormatError(format!("{}: {problem}", image.name)));
    if machine.pointer_size != 8 || !machine.little_endian {
        let order = if machine.little_endian { "little" } else { "big" };
        return refuse(format!(
            "the format macho is written for 64-bit little-endian machines only, not for {}-bit {order}-endian ones",
            u32::from(machine.pointer_size) * 8
        ));
    }
    if !machine.page_size.is_power_of_two() || machine.page_size > SEGMENT_ALIGNMENT {
        return refuse(format!("the page size {:#x} is no power of two up to 16 KiB", machine.page_size));
    }
    image.check_extents()
}

/// Append what is executable: code, constants, unwind entries.
fn write_text(image: &Image, machine: &MachineIdentity, out: &mut Bytes) -> Result<(Segment, Places), FormatError> {
    let section = |name, start: u64, end: u64, alignment_bits, flags| Section {
        name,
        address: start,
        size: end - start,
        offset: start,
        alignment_bits,
        flags,
    };
    let instructions = (macho::S_ATTR_PURE_INSTRUCTIONS | macho::S_ATTR_SOME_INSTRUCTIONS).0;
    let code = out.align(ALIGNMENT);
    out.zeros(image.code.len());
    let mut sections = vec![section("__text", code, out.position(), ALIGNMENT_BITS, instructions)];
    let constants = out.align(ALIGNMENT);
    out.zeros(image.constants.len());
    sections.push(section("__const", constants, out.position(), ALIGNMENT_BITS, 0));
    let frames = out.align(8);
    unwind::write_frames(out, image, code, &machine.unwind)?;
    sections.push(section("__eh_frame", frames, out.position(), 3, 0));
    let size = out.align(SEGMENT_ALIGNMENT);
    let segment = Segment {
        name: "__TEXT",
        protection: READ | EXECUTE,
        address: 0,
        memory_size: size,
        offset: 0,
        file_size: size,
        sections,
    };
    Ok((segment, Places { code, code_section: 1, constants, constants_section: 2 }))
}

/// The data table, which follows the executable segment in memory and has no bytes in the file.
fn data(image: &Image, start: u64) -> Segment {
    let size = WORD_SIZE as u64 * u64::from(image.data_words);
    let flags = macho::S_ZEROFILL.0.into();
    let section = Section { name: "__bss", address: start, size, offset: 0, alignment_bits: ALIGNMENT_BITS, flags };
    Segment {
        name: "__DATA",
        protection: READ | WRITE,
        address: start,
        memory_size: size.next_multiple_of(SEGMENT_ALIGNMENT),
        offset: start,
        file_size: 0,
        sections: vec![section],
    }
}

/// Append the line tables.
fn write_debug(image: &Image, places: &Places, start: u64, out: &mut Bytes) -> Segment {
    let offset = out.position();
    let mut sections = Vec::new();
    let lines = debug::sections(image, places.code, Numbers::LITTLE_WIDE);
    for (name, bytes) in DEBUG_NAMES.into_iter().zip(lines.into_iter().flatten()) {
        let at = out.position();
        let (address, size) = (start + at - offset, bytes.len() as u64);
        let flags = macho::S_ATTR_DEBUG.0;
        sections.push(Section { name, address, size, offset: at, alignment_bits: 0, flags });
        out.raw(&bytes);
    }
    let size = out.align(SEGMENT_ALIGNMENT) - offset;
    Segment { name: "__DWARF", protection: READ, address: start, memory_size: size, offset, file_size: size, sections }
}

/// Append what the loader looks symbols up in; the signature, which follows it, has a place and a size.
fn write_linkedit(
    image: &Image,
    places: &Places,
    address: u64,
    out: &mut Bytes,
    file_name: &str,
) -> Result<(Segment, Linkedit), FormatError> {
    let all = symbols::symbols(image, places)?;
    let offset = out.position();
    exports::write_trie(&all, out);
    let symbols = out.align(8);
    symbols::write_table(&all, out);
    let names = out.position();
    symbols::write_names(&all, out);
    let names = Extent { offset: names, size: out.position() - names };
    let signed = out.align(16);
    let signature = Extent { offset: signed, size: signature::size(signed, file_name) };
    let file_size = signature.offset + signature.size - offset;
    let segment = Segment {
        name: "__LINKEDIT",
        protection: READ,
        address,
        memory_size: file_size.next_multiple_of(SEGMENT_ALIGNMENT),
        offset,
        file_size,
        sections: Vec::new(),
    };
    let exports = Extent { offset, size: symbols - offset };
    debug_assert_eq!(names.offset, symbols + SYMBOL_SIZE * all.len() as u64);
    Ok((segment, Linkedit { exports, symbols, symbol_count: all.len() as u64, names, signature }))
}
