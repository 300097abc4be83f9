//! A file that tells debuggers of code that lies in memory already: symbols, unwind rows and line tables with the
//! addresses that they are true for, and none of the code.
//!
//! It has sections and no segments: nobody loads it. What debuggers take for part of the process is only the section of
//! the code, which has no bytes here. The unwind entries hold distances, and their section lies as far from the code as
//! it does in the file, so its address may be one that something else has; it is therefore not among the sections that
//! are in memory.

use crate::headers::{write_header, Section, SectionTable};
use crate::layout;
use crate::symbols::{Places, Symbols};
use maru_core::codegen::MachineIdentity;
use maru_core::format::{FormatError, Image};
use maru_dwarf::{debug, unwind, ByteOrder, Bytes, Numbers};
use object::elf;

/// The number of the section of the code.
const CODE_SECTION: u16 = 1;

/// The file for an image whose code lies at an address.
///
/// # Errors
/// As for a library.
pub fn write(image: &Image, code: u64, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
    let class = layout::check(image, machine)?;
    let order = ByteOrder::of(machine);
    let mut out = Bytes::in_order(order);
    out.zeros(class.file_header() as usize);
    let mut sections = SectionTable::new(class, order);
    let text = Section {
        kind: elf::SHT_NOBITS,
        flags: elf::SHF_ALLOC | elf::SHF_EXECINSTR,
        address: code,
        offset: out.position(),
        size: image.code.len() as u64,
        alignment: 1,
        ..Section::default()
    };
    let number = sections.add(".text", text);
    debug_assert_eq!(number, CODE_SECTION);
    let add = |sections: &mut SectionTable, out: &Bytes, name: &str, offset: u64, section: Section| {
        sections.add(name, Section { offset, size: out.position() - offset, ..section });
    };

    let offset = out.align(8);
    // Where the code lies as seen from the file, whose first byte has the address 0; that far away are the entries.
    unwind::write_frames(&mut out, image, 0, &machine.unwind)?;
    let frames = Section { kind: elf::SHT_PROGBITS, address: code.wrapping_add(offset), ..Section::default() };
    add(&mut sections, &out, ".eh_frame", offset, Section { alignment: 8, ..frames });

    // The symbol of the header is one of the constants', which no section here holds.
    let places = Places { constants: code, constants_section: CODE_SECTION, code, code_section: CODE_SECTION };
    let symbols = Symbols::of_functions(image, &places)?;
    let offset = out.align(8);
    symbols.write_table(class, &mut out);
    let names_section = u32::from(sections.count()) + 1;
    let table = Section { kind: elf::SHT_SYMTAB, link: names_section, info: 1, alignment: 8, ..Section::default() };
    add(&mut sections, &out, ".symtab", offset, Section { entry_size: class.symbol(), ..table });
    let offset = out.position();
    symbols.write_names(&mut out);
    let names = Section { kind: elf::SHT_STRTAB, alignment: 1, ..Section::default() };
    add(&mut sections, &out, ".strtab", offset, names);

    let lines = debug::sections(image, code, Numbers::of(machine));
    for (name, bytes) in debug::NAMES.iter().zip(lines.into_iter().flatten()) {
        let offset = out.position();
        out.raw(&bytes);
        let section = Section { kind: elf::SHT_PROGBITS, alignment: 1, ..Section::default() };
        add(&mut sections, &out, name, offset, section);
    }
    let (section_table, section_count) = sections.write(&mut out);
    out.put(0, &write_header(class, machine, elf::ET_DYN, 0, section_table, section_count).0);
    Ok(out.0)
}
