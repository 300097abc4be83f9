//! Libraries that a linker made of an object: how it is called, and examining what it made.
//!
//! Every linker lays a library out in its own way, and no digest of ours is in the file. So what is checked here is what
//! the loader will follow: segments and the tables that it reads lie in the file, nothing is writable and executable,
//! and nothing is asked of the loader but to map the file. That the code and the constants are those that were compiled
//! is checked by core, from what the image says of itself. What nobody checks are the parts that only debuggers and
//! unwinders read.

use crate::class::Class;
use crate::read::{ensure, find_symbol, Found, Tables, View};
use maru_core::codegen::MachineIdentity;
use maru_core::format::{Contents, Linker, HEADER_SYMBOL};
use object::elf;
use std::ops::Range;

/// More segments than any linker makes.
const MOST_SEGMENTS: u16 = 32;
/// Addresses above this are none of ours: distances between them would not fit.
const ADDRESS_LIMIT: u64 = 1 << 31;

/// The linkers that make a library of an object; none, if no tool knows the CPU. A C compiler comes last: it asks its linker
/// for more than it is told, such as for other instructions where some CPUs have a fault.
pub fn linkers(machine: &MachineIdentity, is_host: bool) -> Vec<Linker> {
    let cpu = machine.tool_name;
    if cpu.is_empty() {
        return Vec::new();
    }
    let pages = format!("max-page-size={:#x}", machine.page_size);
    let own = ["-shared", "--hash-style=gnu", "--no-relax", "-z", "noexecstack", "-z", &pages];
    let through = format!("-Wl,{}", own[1..].join(","));
    let compiler = ["-shared", "-nostdlib", &through];
    let prefix = if is_host { String::new() } else { format!("{cpu}-linux-gnu-") };
    let names = if is_host { ["cc", "ld"] } else { ["gcc", "ld"] };
    let [cc, ld] = names.map(|name| format!("{prefix}{name}"));
    let package = if is_host { "binutils".to_string() } else { format!("binutils for {cpu}-linux-gnu, or lld") };
    vec![Linker::new(&ld, &own, &package), Linker::new("ld.lld", &own, "lld"), Linker::new(&cc, &compiler, &package)]
}

/// A part of the file in memory.
#[derive(Clone, Debug)]
struct Segment {
    flags: elf::ProgramFlags,
    offset: u64,
    address: Range<u64>,
    file_size: u64,
}

impl Segment {
    fn is(&self, flag: elf::ProgramFlags) -> bool {
        self.flags.0 & flag.0 != 0
    }

    /// Where in the file some addresses lie.
    fn in_file(&self, address: &Range<u64>) -> Option<Range<u64>> {
        let start = address.start.checked_sub(self.address.start)?;
        let end = address.end.checked_sub(self.address.start)?;
        (start <= end && end <= self.file_size).then(|| self.offset + start..self.offset + end)
    }
}

/// The segments that matter.
#[derive(Default)]
struct Segments {
    loaded: Vec<Segment>,
    dynamic: Option<Segment>,
    /// Made read-only by the loader.
    read_only: Range<u64>,
    others: Vec<Segment>,
    stack_is_plain: bool,
}

/// Examine a library of this machine number that is not laid out as ours are.
pub fn read(view: &View, machine: u32) -> Found<Contents> {
    let segments = read_segments(view)?;
    check_mapping(&segments)?;
    let tables = read_dynamic(view, &segments)?;
    let tables_in_file = Tables {
        hash: table(&segments, tables.hash..tables.hash)?,
        symbols: table(&segments, tables.symbols..tables.symbols)?,
        names: table(&segments, tables.names..tables.names.saturating_add(tables.names_size))?,
        names_size: tables.names_size,
    };
    let header = find_symbol(view, Class::Wide, &tables_in_file, HEADER_SYMBOL)?;
    let holder = segments.loaded.iter().find_map(|segment| Some((segment, segment.in_file(&header)?)));
    let (holder, constants) = holder.ok_or_else(|| format!("{HEADER_SYMBOL} lies outside of the mapped file"))?;
    ensure(!holder.is(elf::PF_W), || format!("{HEADER_SYMBOL} can be written to"))?;
    let executable = segments.loaded.iter().find(|segment| segment.is(elf::PF_X));
    let executable = executable.ok_or("no segment is executable")?;
    Ok(Contents {
        machine,
        constants: constants.start as usize..constants.end as usize,
        constants_address: header.start,
        executable: executable.address.start..executable.address.start + executable.file_size,
        executable_offset: executable.offset as usize,
        writable: writable(&segments),
        is_linked: true,
    })
}

/// What stays writable: the last such segment, after what the loader makes read-only of it.
fn writable(segments: &Segments) -> Range<u64> {
    let last = segments.loaded.iter().rfind(|segment| segment.is(elf::PF_W));
    let Range { start, end } = last.map_or(0..0, |last| last.address.clone());
    start.max(segments.read_only.end).min(end)..end
}

fn read_segments(view: &View) -> Found<Segments> {
    let (table, count) = (view.u64(32)?, view.u16(56)?);
    ensure(count <= MOST_SEGMENTS, || format!("it has {count} segments: no linker makes so many"))?;
    let mut found = Segments::default();
    for number in 0..u64::from(count) {
        let entry = table.saturating_add(number * 56);
        view.bytes(entry, 56)?;
        let (kind, flags) = (elf::ProgramType(view.u32(entry)?), elf::ProgramFlags(view.u32(entry + 4)?));
        let segment = read_segment(view, entry, flags)?;
        ensure(!(segment.is(elf::PF_X) && segment.is(elf::PF_W)), || {
            "a segment is both writable and executable".into()
        })?;
        match kind {
            elf::PT_LOAD => found.loaded.push(segment),
            elf::PT_DYNAMIC if found.dynamic.is_none() => found.dynamic = Some(segment),
            elf::PT_GNU_STACK if !segment.is(elf::PF_X) => found.stack_is_plain = true,
            elf::PT_GNU_RELRO => found.read_only = segment.address,
            elf::PT_NOTE | elf::PT_PHDR | elf::PT_GNU_EH_FRAME | elf::PT_GNU_PROPERTY => found.others.push(segment),
            _ => return Err(format!("no image has a segment of kind {:#x} with flags {:#x}", kind.0, flags.0)),
        }
    }
    Ok(found)
}

fn read_segment(view: &View, entry: u64, flags: elf::ProgramFlags) -> Found<Segment> {
    let [offset, address, _, file_size, memory_size, alignment] =
        [8, 16, 24, 32, 40, 48].map(|at| view.u64(entry + at).unwrap_or(u64::MAX));
    view.bytes(offset, file_size)?;
    let end = address.saturating_add(memory_size);
    // The loader counts what is made read-only in pages, so its end may lie behind the file.
    ensure(memory_size >= file_size && end < ADDRESS_LIMIT, || {
        format!("a segment of {memory_size:#x} bytes at {address:#x} is too large")
    })?;
    let aligned = alignment <= 1 || alignment.is_power_of_two() && offset % alignment == address % alignment;
    ensure(aligned, || format!("the segment at {address:#x} is not aligned"))?;
    Ok(Segment { flags, offset, address: address..end, file_size })
}

/// The loader maps what it is told to; so it must be told what makes sense.
fn check_mapping(segments: &Segments) -> Found<()> {
    let Segments { loaded, dynamic, others, stack_is_plain, .. } = segments;
    ensure(*stack_is_plain, || "it does not say that the stack is not executable".into())?;
    ensure(loaded.first().is_some_and(|first| first.offset == 0 && first.address.start == 0), || {
        "its first segment does not start the file".into()
    })?;
    for pair in loaded.windows(2) {
        // Two segments share no page, for they have different rights.
        let apart = pair[1].address.start / 0x1000 >= pair[0].address.end.div_ceil(0x1000);
        ensure(apart, || format!("the segment at {:#x} does not follow the one before", pair[1].address.start))?;
    }
    let executable = loaded.iter().filter(|segment| segment.is(elf::PF_X)).count();
    ensure(executable <= 1, || "several of its segments are executable".into())?;
    for part in others.iter().chain(dynamic) {
        let within = |whole: &Segment| {
            let file = whole.in_file(&(part.address.start..part.address.start + part.file_size));
            file.is_some_and(|file| file.start == part.offset)
        };
        ensure(loaded.iter().any(within), || format!("the part at {:#x} is not mapped", part.address.start))?;
    }
    Ok(())
}

/// What the dynamic table says, by addresses.
fn read_dynamic(view: &View, segments: &Segments) -> Found<Tables> {
    let dynamic = segments.dynamic.as_ref().ok_or("it has no dynamic table: it is no shared library")?;
    let tags = [elf::DT_GNU_HASH, elf::DT_SYMTAB, elf::DT_STRTAB, elf::DT_STRSZ, elf::DT_SYMENT];
    let (mut values, mut ended) = ([None; 5], false);
    let (mut has_relocations, mut has_none) = (false, false);
    for entry in (dynamic.offset..dynamic.offset + dynamic.file_size / 16 * 16).step_by(16) {
        let (tag, value) = (elf::DynamicTag(view.u64(entry)? as i64), view.u64(entry + 8)?);
        match (tag, tags.iter().position(|known| *known == tag)) {
            (elf::DT_NULL, _) => ended = true,
            (_, Some(known)) => values[known] = Some(value),
            // Flags that change nothing where there is nothing to resolve.
            (elf::DT_FLAGS | elf::DT_FLAGS_1 | elf::DT_BIND_NOW, _) => {}
            // Some linkers mention the table of words to fill in even if it is empty.
            (elf::DT_RELA, _) => has_relocations = true,
            (elf::DT_RELASZ, _) if value == 0 => has_none = true,
            (elf::DT_RELASZ, _) => return Err(asked_for(elf::DT_RELA)),
            (elf::DT_RELAENT, _) => {}
            _ => return Err(asked_for(tag)),
        }
        if ended {
            break;
        }
    }
    ensure(ended, || "its dynamic table has no end".into())?;
    ensure(!has_relocations || has_none, || asked_for(elf::DT_RELA))?;
    match values {
        [Some(hash), Some(symbols), Some(names), Some(names_size), Some(size)] if size == Class::Wide.symbol() => {
            Ok(Tables { hash, symbols, names, names_size })
        }
        [None, ..] => Err("it has no hash table of the newer kind; link it with --hash-style=gnu".into()),
        _ => Err("its dynamic table lacks what every loader needs".into()),
    }
}

/// What the loader is asked for besides mapping.
fn asked_for(tag: elf::DynamicTag) -> String {
    let what = match tag {
        elf::DT_NEEDED => "loads another library; link it with -nostdlib",
        elf::DT_INIT | elf::DT_INIT_ARRAY | elf::DT_PREINIT_ARRAY => {
            "runs code when it is loaded; link it with -nostdlib"
        }
        elf::DT_FINI | elf::DT_FINI_ARRAY => "runs code when it is unloaded; link it with -nostdlib",
        elf::DT_HASH => "has a second hash table; link it with --hash-style=gnu",
        elf::DT_SONAME => "has a name of its own, by which a loader confuses it with others; link it without -soname",
        elf::DT_RELA | elf::DT_REL | elf::DT_RELR | elf::DT_JMPREL | elf::DT_TEXTREL => {
            "has words that the loader fills in"
        }
        _ => "is more than a file to be mapped",
    };
    format!("it asks the loader for more than to map it (entry {:#x}), which no image does: it {what}", tag.0)
}

/// Where in the file a table lies that the loader reads: to the end of the segment that it is in, if it says no size.
fn table(segments: &Segments, address: Range<u64>) -> Found<u64> {
    let found = segments.loaded.iter().find_map(|segment| segment.in_file(&address));
    let found = found.ok_or_else(|| format!("a table at {:#x} is not in the file", address.start))?;
    Ok(found.start)
}

/// The symbols of a library, also those that it does not export, with their addresses.
pub fn symbols(view: &View) -> Found<Vec<(String, u64)>> {
    ensure(view.bytes(4, 1)? == [Class::Wide.name()], || "it is no 64-bit file".into())?;
    let (table, sections) = (view.u64(40)?, u64::from(view.u16(60)?));
    let section = |number: u64| table.saturating_add(number.saturating_mul(Class::Wide.section_header()));
    let is_table = |number: &u64| view.u32(section(*number) + 4) == Ok(elf::SHT_SYMTAB.0);
    let own = (0..sections).find(is_table).ok_or("it has no table of all symbols: do not strip it")?;
    let (at, size) = (view.u64(section(own) + 24)?, view.u64(section(own) + 32)?);
    let names = section(view.u32(section(own) + 40)?.into());
    let names = view.bytes(view.u64(names + 24)?, view.u64(names + 32)?)?;
    let mut found = Vec::new();
    let entry_size = Class::Wide.symbol();
    for entry in (0..size / entry_size).map(|number| at + number * entry_size) {
        let name = names.get(view.u32(entry)? as usize..).unwrap_or_default().split(|&byte| byte == 0).next();
        let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
        if !name.is_empty() && view.u16(entry + 6)? != 0 {
            found.push((name, view.u64(entry + 8)?));
        }
    }
    Ok(found)
}
