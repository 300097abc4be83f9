//! Reading a library file back with two readers that know nothing of the writer: `goblin` and `object`.

use object::{Object, ObjectSegment, ObjectSymbol, SegmentFlags};
use std::cell::RefCell;

/// The formats that both readers know. Of another there is its own reader only.
const INDEPENDENTLY_READ: [&str; 3] = ["elf", "macho", "pe"];
/// One of so many files is read back.
const SAMPLE: u64 = 3;

thread_local! {
    /// Files seen and read back since somebody asked, and what was wrong with them.
    static INSPECTED: RefCell<Inspected> = const { RefCell::new(Inspected { seen: 0, checked: 0, bad: Vec::new() }) };
}

struct Inspected {
    seen: u64,
    checked: u64,
    bad: Vec<String>,
}

/// Look at a library that was compiled a moment ago: for [`maru_language::runtime::Options::inspect_library`].
pub fn inspect(bytes: &[u8], format: &str) {
    INSPECTED.with_borrow_mut(|inspected| {
        inspected.seen += 1;
        if inspected.seen % SAMPLE == 1 {
            inspected.checked += 1;
            inspected.bad.extend(check_file(bytes, format).err());
        }
    });
}

/// How many files were read back since the last call, and what was wrong with them.
pub fn take_inspected() -> (u64, Vec<String>) {
    INSPECTED.with_borrow_mut(|inspected| (std::mem::take(&mut inspected.checked), std::mem::take(&mut inspected.bad)))
}

/// Check that a file is a shared library whose parts make sense: the header, segments that are not writable and
/// executable at once, exported functions that lie in executable ones.
///
/// # Errors
/// What is wrong with it.
pub fn check_file(bytes: &[u8], format: &str) -> Result<(), String> {
    if !INDEPENDENTLY_READ.contains(&format) {
        let format = maru_core::registry::find_format(format, "the file's format")?;
        return format.read(bytes).map(drop).map_err(|error| error.to_string());
    }
    with_object(bytes)?;
    match goblin::Object::parse(bytes).map_err(|error| format!("goblin: {error}"))? {
        goblin::Object::Elf(elf) => with_goblin_elf(&elf, bytes.len()),
        goblin::Object::Mach(goblin::mach::Mach::Binary(macho)) => with_goblin_macho(&macho, bytes.len()),
        goblin::Object::PE(pe) => with_goblin_pe(&pe, bytes.len()),
        _ => Err(format!("goblin does not know this for a library, although it was written as {format}")),
    }
}

fn with_object(bytes: &[u8]) -> Result<(), String> {
    let file = object::File::parse(bytes).map_err(|error| format!("object: {error}"))?;
    if file.kind() != object::ObjectKind::Dynamic {
        return Err(format!("object: a shared library is {:?}", file.kind()));
    }
    let mut executable = Vec::new();
    for segment in file.segments() {
        let (writable, runs) = match segment.flags() {
            SegmentFlags::Elf { p_flags, .. } => {
                (p_flags.0 & object::elf::PF_W.0 != 0, p_flags.0 & object::elf::PF_X.0 != 0)
            }
            SegmentFlags::MachO { initprot, .. } => {
                (initprot.0 & object::macho::VM_PROT_WRITE.0 != 0, initprot.0 & object::macho::VM_PROT_EXECUTE.0 != 0)
            }
            SegmentFlags::Coff { characteristics } => (
                characteristics.0 & object::pe::IMAGE_SCN_MEM_WRITE.0 != 0,
                characteristics.0 & object::pe::IMAGE_SCN_MEM_EXECUTE.0 != 0,
            ),
            _ => (false, false),
        };
        if writable && runs {
            return Err(format!("object: the segment at {:#x} is writable and executable", segment.address()));
        }
        if runs {
            executable.push(segment.address()..segment.address() + segment.size());
        }
        segment.data().map_err(|error| format!("object: the segment at {:#x}: {error}", segment.address()))?;
    }
    let exports: Result<Vec<_>, _> = file.exports().map_err(|error| format!("object: {error}"))?.collect();
    if exports.map_err(|error| format!("object: {error}"))?.is_empty() {
        return Err("object: nothing is exported".into());
    }
    let code = |address: u64| executable.iter().any(|range| range.contains(&address));
    let functions = file.dynamic_symbols().chain(file.symbols());
    for symbol in functions.filter(|symbol| symbol.is_definition() && symbol.kind() == object::SymbolKind::Text) {
        if !code(symbol.address()) {
            let name = symbol.name().unwrap_or("?");
            return Err(format!("object: the function {name} at {:#x} is not in executable memory", symbol.address()));
        }
    }
    Ok(())
}

fn with_goblin_pe(pe: &goblin::pe::PE, length: usize) -> Result<(), String> {
    use goblin::pe::section_table::{IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE};
    if !pe.is_lib || !pe.is_64 || pe.entry != 0 {
        return Err("goblin: this is no library for 64 bits, or runs code when it is loaded".into());
    }
    if !pe.imports.is_empty() || pe.tls_data.is_some() {
        return Err(format!("goblin: it needs other libraries: {:?}", pe.libraries));
    }
    for section in &pe.sections {
        let flags = section.characteristics;
        if flags & IMAGE_SCN_MEM_WRITE != 0 && flags & IMAGE_SCN_MEM_EXECUTE != 0 {
            return Err("goblin: a section is writable and executable".into());
        }
        if section.pointer_to_raw_data as usize + section.size_of_raw_data as usize > length {
            return Err("goblin: a section ends after the file".into());
        }
    }
    let place = |rva: usize| {
        let inside = |s: &&goblin::pe::section_table::SectionTable| {
            let start = s.virtual_address as usize;
            (start..start + s.virtual_size as usize).contains(&rva)
        };
        pe.sections.iter().find(inside)
    };
    for export in &pe.exports {
        let executable = place(export.rva).is_some_and(|section| section.characteristics & IMAGE_SCN_MEM_EXECUTE != 0);
        let is_header = export.name == Some(maru_core::format::HEADER_SYMBOL);
        if export.reexport.is_some() || executable == is_header {
            return Err(format!("goblin: {:?} is exported from the wrong place", export.name));
        }
    }
    Ok(())
}

fn with_goblin_elf(elf: &goblin::elf::Elf, length: usize) -> Result<(), String> {
    use goblin::elf::{header, program_header as segment};
    if elf.header.e_type != header::ET_DYN {
        return Err(format!("goblin: the type is {}, not a shared object", elf.header.e_type));
    }
    let dynamic = elf.dynamic.as_ref().ok_or("goblin: there is no dynamic section")?;
    if !dynamic.get_libraries(&elf.dynstrtab).is_empty() || !elf.libraries.is_empty() {
        return Err(format!("goblin: it needs other libraries: {:?}", elf.libraries));
    }
    if dynamic.info.init != 0 || dynamic.info.init_arraysz != 0 || dynamic.info.textrel {
        return Err("goblin: it runs code when it is loaded, or has code that is relocated".into());
    }
    for header in &elf.program_headers {
        let end = header.p_offset.checked_add(header.p_filesz).ok_or("goblin: a segment overflows")?;
        if end > length as u64 {
            return Err(format!("goblin: a segment ends at {end:#x}, but the file at {length:#x}"));
        }
        if header.p_flags & segment::PF_W != 0 && header.p_flags & segment::PF_X != 0 {
            return Err("goblin: a segment is writable and executable".into());
        }
        if header.p_type == segment::PT_LOAD && header.p_align > 1 {
            let congruent = header.p_vaddr % header.p_align == header.p_offset % header.p_align;
            if !congruent {
                return Err("goblin: a segment's address and offset do not match its alignment".into());
            }
        }
    }
    if elf.program_headers.iter().all(|header| header.p_type != segment::PT_GNU_STACK) {
        return Err("goblin: nothing says that the stack is not executable".into());
    }
    for symbol in elf.dynsyms.iter().filter(|symbol| symbol.st_name != 0) {
        elf.dynstrtab.get_at(symbol.st_name).ok_or("goblin: a symbol has no name")?;
        if symbol.is_import() {
            return Err("goblin: it imports a symbol".into());
        }
    }
    Ok(())
}

fn with_goblin_macho(macho: &goblin::mach::MachO, length: usize) -> Result<(), String> {
    use goblin::mach::{constants, header};
    if macho.header.filetype != header::MH_DYLIB && macho.header.filetype != header::MH_BUNDLE {
        return Err(format!("goblin: the type is {}, not a library", macho.header.filetype));
    }
    for segment in &macho.segments {
        let both = constants::VM_PROT_WRITE | constants::VM_PROT_EXECUTE;
        if segment.initprot & both == both {
            return Err("goblin: a segment is writable and executable".into());
        }
        if segment.fileoff.saturating_add(segment.filesize) > length as u64 {
            return Err("goblin: a segment ends behind the file".into());
        }
    }
    let exports = macho.exports().map_err(|error| format!("goblin: exports: {error}"))?;
    if exports.is_empty() {
        return Err("goblin: nothing is exported".into());
    }
    let imports = macho.imports().map_err(|error| format!("goblin: imports: {error}"))?;
    match imports.first() {
        Some(import) => Err(format!("goblin: it imports {}", import.name)),
        None => Ok(()),
    }
}
