//! Libraries mapped without the system's loader, and known through `goblin` only, so that what the formats write is
//! read by somebody else.

use crate::{rebase, signature};
use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD};
use goblin::mach::load_command::CommandVariant;
use goblin::mach::{Mach, MachO};
use goblin::pe::PE;
use goblin::Object;
use maru_compiler::load::MappedLibrary;
use maru_core::codegen::Architecture;
use maru_core::format::{self, ObjectFormat, HEADER_SYMBOL};
use maru_core::registry;
use maru_processor::memory::{Arena, Block};
use std::sync::Arc;

/// Bytes of a page of the largest size in use, so that segments of any file may be protected by themselves.
const PAGE: usize = 4096;

/// The formats whose libraries can be mapped here.
const FORMATS: [&str; 3] = ["elf", "macho", "pe"];

/// Whether libraries for a target in a format can be mapped without the system's loader.
pub fn maps(architecture: &dyn Architecture, format: &dyn ObjectFormat) -> bool {
    FORMATS.contains(&format.name()) && format::identity(architecture, format).is_some()
}

/// A part of a file in memory.
struct Segment {
    address: usize,
    size: usize,
    bytes: std::ops::Range<usize>,
    writable: bool,
    executable: bool,
}

/// What a file says.
struct Plan {
    segments: Vec<Segment>,
    /// Address of the image's header.
    header: usize,
    /// Words to add the library's address to, or to set: where, and the addend if it is not in the word itself.
    relocations: Vec<(usize, Option<u64>)>,
}

/// A mapped library.
pub struct Mapped {
    block: Block,
    header: usize,
}

impl MappedLibrary for Mapped {
    fn header(&self) -> *const u8 {
        (self.block.range().start + self.header) as *const u8
    }
}

/// Map a library into an arena, or, without one, where this CPU can execute its code; no page is ever writable and
/// executable.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn map(file: &[u8], arena: Option<&Arc<Arena>>) -> Result<Mapped, String> {
    let plan = match Object::parse(file).map_err(|error| format!("unreadable: {error}"))? {
        Object::Elf(elf) => plan_elf(&elf)?,
        Object::Mach(Mach::Binary(binary)) => {
            signature::check(file, &binary)?;
            plan_mach(file, &binary)?
        }
        Object::PE(binary) => plan_pe(file, &binary)?,
        _ => return Err("none of the kinds of library that can be mapped here".into()),
    };
    let size = plan.segments.iter().map(|segment| segment.address.saturating_add(segment.size)).max().unwrap_or(0);
    if size == 0 || size > 1 << 32 || plan.header >= size {
        return Err("its segments make no sense".into());
    }
    let size = size.next_multiple_of(PAGE);
    let block = arena.map_or_else(|| Block::new(size, false), |arena| Block::within(arena, size))?;
    let base = block.range().start;
    for segment in &plan.segments {
        copy(&block, segment, file)?;
    }
    for (at, addend) in plan.relocations {
        let inside = |segment: &&Segment| at >= segment.address && at + 8 <= segment.address + segment.size;
        if !plan.segments.iter().filter(|segment| segment.writable).any(|segment| inside(&segment)) {
            return Err(format!("a relocation at {at:#x}, which is not writable"));
        }
        // SAFETY: the word lies in a segment of the block, which is writable until all is done.
        unsafe {
            let word = (base + at) as *mut u64;
            word.write_unaligned(addend.unwrap_or_else(|| word.read_unaligned()).wrapping_add(base as u64));
        }
    }
    for segment in &plan.segments {
        let execute = if segment.executable && arena.is_none() { libc::PROT_EXEC } else { 0 };
        let write = if segment.writable { libc::PROT_WRITE } else { 0 };
        block.protect(pages(base, segment), libc::PROT_READ | write | execute)?;
    }
    Ok(Mapped { block, header: plan.header })
}

fn pages(base: usize, segment: &Segment) -> std::ops::Range<usize> {
    base + segment.address / PAGE * PAGE..base + (segment.address + segment.size).next_multiple_of(PAGE)
}

fn copy(block: &Block, segment: &Segment, file: &[u8]) -> Result<(), String> {
    let bytes = file.get(segment.bytes.clone()).ok_or("a segment ends after the file")?;
    if bytes.len() > segment.size || (segment.writable && segment.executable) {
        return Err("a segment that is larger in the file than in memory, or writable and executable".into());
    }
    let base = block.range().start;
    block.protect(pages(base, segment), libc::PROT_READ | libc::PROT_WRITE)?;
    // SAFETY: the segment lies in the block, which was made as large as the last segment's end, and is writable now.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (base + segment.address) as *mut u8, bytes.len()) };
    Ok(())
}

fn plan_elf(elf: &goblin::elf::Elf) -> Result<Plan, String> {
    let loaded = elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
    let segments = loaded.map(|header| Segment {
        address: header.p_vaddr as usize,
        size: header.p_memsz as usize,
        bytes: header.p_offset as usize..header.p_offset.saturating_add(header.p_filesz) as usize,
        writable: header.p_flags & PF_W != 0,
        executable: header.p_flags & PF_X != 0,
    });
    let mut symbols = elf.dynsyms.iter();
    let named = |name: Option<&str>| name.is_some_and(|name| name == HEADER_SYMBOL);
    let header = symbols.find(|symbol| named(elf.dynstrtab.get_at(symbol.st_name)));
    let relative = relative_relocation(elf)?;
    let mut relocations = Vec::new();
    for entry in elf.dynrelas.iter() {
        if entry.r_type != relative {
            return Err(format!("a relocation of type {}", entry.r_type));
        }
        relocations.push((entry.r_offset as usize, Some(entry.r_addend.unwrap_or(0) as u64)));
    }
    if elf.dynrels.iter().count() + elf.pltrelocs.iter().count() + elf.libraries.len() > 0 {
        return Err("it needs other libraries, or has relocations without addends".into());
    }
    let header = header.ok_or("it exports no image of Maru's")?.st_value as usize;
    Ok(Plan { segments: segments.collect(), header, relocations })
}

/// The number of "base plus addend" for the file's CPU, as its target says.
fn relative_relocation(elf: &goblin::elf::Elf) -> Result<u32, String> {
    let machine = u32::from(elf.header.e_machine);
    let all = registry::architectures().into_iter().filter_map(|architecture| architecture.identity("elf"));
    let identity = all.into_iter().find(|identity| identity.machine == machine);
    identity.map(|identity| identity.relocations.base).ok_or_else(|| format!("no target has the number {machine}"))
}

fn plan_mach(file: &[u8], binary: &MachO) -> Result<Plan, String> {
    let segments = binary.segments.iter().map(|segment| Segment {
        address: segment.vmaddr as usize,
        size: segment.vmsize as usize,
        bytes: segment.fileoff as usize..segment.fileoff.saturating_add(segment.filesize) as usize,
        writable: segment.initprot & 2 != 0,
        executable: segment.initprot & 4 != 0,
    });
    let segments: Vec<Segment> = segments.collect();
    let exports = binary.exports().map_err(|error| format!("exports: {error}"))?;
    let spelled = |name: &str| name.strip_prefix('_').is_some_and(|name| name == HEADER_SYMBOL);
    let header = exports.iter().find(|export| spelled(&export.name));
    let header = header.ok_or("it exports no image of Maru's")?.offset as usize;
    let mut relocations = Vec::new();
    for command in &binary.load_commands {
        if let CommandVariant::DyldInfo(info) | CommandVariant::DyldInfoOnly(info) = command.command {
            let part = info.rebase_off as usize..(info.rebase_off as usize).saturating_add(info.rebase_size as usize);
            let opcodes = file.get(part).ok_or("rebases after the end of the file")?;
            let starts: Vec<usize> = segments.iter().map(|segment| segment.address).collect();
            relocations.extend(rebase::places(opcodes, &starts)?.into_iter().map(|place| (place, None)));
        }
    }
    Ok(Plan { segments, header, relocations })
}

/// The flags of a section that is code, and of one that may be written.
const PE_EXECUTE: u32 = 0x2000_0000;
const PE_WRITE: u32 = 0x8000_0000;

fn plan_pe(file: &[u8], binary: &PE) -> Result<Plan, String> {
    if !binary.is_lib || !binary.is_64 || !binary.imports.is_empty() {
        return Err("no library for 64 bits, or one that needs others".into());
    }
    let segments = binary.sections.iter().map(|section| Segment {
        address: section.virtual_address as usize,
        size: section.virtual_size as usize,
        // Bytes in the file are rounded up, beyond what there is in memory.
        bytes: section.pointer_to_raw_data as usize
            ..(section.pointer_to_raw_data as usize)
                .saturating_add(section.size_of_raw_data.min(section.virtual_size) as usize),
        writable: section.characteristics & PE_WRITE != 0,
        executable: section.characteristics & PE_EXECUTE != 0,
    });
    let header = binary.exports.iter().find(|export| export.name == Some(HEADER_SYMBOL));
    let header = header.ok_or("it exports no image of Maru's")?.rva;
    let optional = binary.header.optional_header.ok_or("it has no optional header")?;
    let table = optional.data_directories.get_base_relocation_table().map_or(0, |table| table.size);
    // Images hold distances only; a linker has nothing to relocate in them either.
    if table > 0 || file.len() > u32::MAX as usize {
        return Err("it has words to be relocated, or is too large".into());
    }
    Ok(Plan { segments: segments.collect(), header, relocations: Vec::new() })
}
