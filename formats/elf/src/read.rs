//! Examines a library as data: is it one of ours, whole and unchanged?
//!
//! The host's loader trusts what it maps: a file cut short makes it fault, a wrong table makes it read anywhere. So
//! everything that it will follow is followed here first, within bounds. Whatever an image of ours has no need of
//! (constructors, relocations, other libraries, memory both writable and executable) is refused.

use crate::headers::{FILE_HEADER_SIZE, SECTION_HEADER_SIZE, SEGMENT_HEADER_SIZE};
use crate::layout::{BUILD_ID_SIZE, NOTE_OFFSET, NOTE_SEGMENT};
use crate::linked;
use crate::symbols::{gnu_hash, SYMBOL_SIZE};
use crate::write::build_id;
use maru_core::format::{Contents, FormatError, HEADER_SYMBOL};
use object::elf;
use std::ops::Range;

/// Addresses above this are none of ours: distances between them would not fit.
const ADDRESS_LIMIT: u64 = 1 << 31;

/// Examine a file; see [`maru_core::format::ObjectFormat::read`].
pub fn read(file: &[u8]) -> Result<Contents, FormatError> {
    read_file(&View(file)).map_err(FormatError)
}

/// Numbers of the file, read within its bounds.
pub struct View<'a>(pub &'a [u8]);

/// Something found, or what is wrong with the file.
pub type Found<T> = Result<T, String>;

impl View<'_> {
    pub fn bytes(&self, at: u64, count: u64) -> Found<&[u8]> {
        let range = usize::try_from(at).ok().zip(at.checked_add(count).and_then(|end| usize::try_from(end).ok()));
        range.and_then(|(start, end)| self.0.get(start..end)).ok_or_else(|| cut_short(at.saturating_add(count), self))
    }
    pub fn u16(&self, at: u64) -> Found<u16> {
        Ok(u16::from_le_bytes(self.bytes(at, 2)?.try_into().expect("two bytes")))
    }
    pub fn u32(&self, at: u64) -> Found<u32> {
        Ok(u32::from_le_bytes(self.bytes(at, 4)?.try_into().expect("four bytes")))
    }
    pub fn u64(&self, at: u64) -> Found<u64> {
        Ok(u64::from_le_bytes(self.bytes(at, 8)?.try_into().expect("eight bytes")))
    }
}

fn cut_short(end: u64, view: &View) -> String {
    format!("the file is cut short or damaged: it has {} bytes, but its tables reach to {end}", view.0.len())
}

pub fn ensure(condition: bool, problem: impl FnOnce() -> String) -> Found<()> {
    condition.then_some(()).ok_or_else(problem)
}

fn read_file(view: &View) -> Found<Contents> {
    let machine = read_file_header(view)?;
    if !is_ours(view) {
        return linked::read(view, machine);
    }
    let segments = read_segments(view)?;
    let tables = read_dynamic(view, &segments)?;
    let header = find_symbol(&View(view.bytes(0, segments.first.file_size)?), &tables, HEADER_SYMBOL)?;
    check_build_id(view, &segments)?;
    let executable = segments.first.address..segments.first.address + segments.first.memory_size;
    ensure(header.start >= executable.start && header.end <= executable.end, || {
        format!("{HEADER_SYMBOL} lies outside of the mapped file")
    })?;
    let constants = header.start as usize..header.end as usize;
    let writable = segments.second.address..segments.second.address + segments.second.memory_size;
    Ok(Contents {
        machine,
        constants,
        constants_address: header.start,
        executable,
        executable_offset: segments.first.offset as usize,
        writable,
        is_linked: false,
    })
}

/// Whether a build id of ours lies where we put it, or the segment table says so: one of both is whole if anything is
/// damaged. If not, a linker may have made the file.
fn is_ours(view: &View) -> bool {
    let entry = FILE_HEADER_SIZE + NOTE_SEGMENT * SEGMENT_HEADER_SIZE;
    let place = [view.u64(entry + 8), view.u64(entry + 32)];
    view.bytes(NOTE_OFFSET, 16).is_ok_and(|head| head == note_head())
        || place == [Ok(NOTE_OFFSET), Ok(16 + BUILD_ID_SIZE as u64)]
}

/// The note of a build id, without the id.
fn note_head() -> Vec<u8> {
    [4u32, BUILD_ID_SIZE as u32, elf::NT_GNU_BUILD_ID.0, u32::from_le_bytes(*b"GNU\0")].map(u32::to_le_bytes).concat()
}

/// Check the file's header; the CPU's number.
fn read_file_header(view: &View) -> Found<u32> {
    ensure(view.0.starts_with(&elf::ELFMAG), || "this is no ELF file".into())?;
    let ours = [elf::ELFCLASS64.0, elf::ELFDATA2LSB.0, elf::EV_CURRENT.0];
    ensure(view.bytes(4, 3)? == ours, || "this is no 64-bit little-endian ELF file of version 1".into())?;
    ensure(view.u16(16)? == elf::ET_DYN.0, || "this is an ELF file, but no shared library".into())?;
    let sizes = [view.u16(52)?, view.u16(54)?, view.u16(58)?].map(u64::from);
    ensure(sizes == [FILE_HEADER_SIZE, SEGMENT_HEADER_SIZE, SECTION_HEADER_SIZE], || {
        "its tables have entries of unknown sizes".into()
    })?;
    let (section_table, sections) = (view.u64(40)?, u64::from(view.u16(60)?));
    let end = section_table.saturating_add(sections * SECTION_HEADER_SIZE);
    ensure(end <= view.0.len() as u64, || cut_short(end, view))?;
    Ok(view.u16(18)?.into())
}

#[derive(Clone, Copy, Default)]
struct Extent {
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
}

/// The segments that matter.
#[derive(Default)]
struct Segments {
    first: Extent,
    second: Extent,
    dynamic: Extent,
    note: Extent,
}

fn read_segments(view: &View) -> Found<Segments> {
    let (table, count) = (view.u64(32)?, view.u16(56)?);
    let mut found = Segments::default();
    let mut seen = Vec::new();
    for number in 0..u64::from(count) {
        let entry = table.saturating_add(number * SEGMENT_HEADER_SIZE);
        view.bytes(entry, SEGMENT_HEADER_SIZE)?;
        let (kind, flags) = (elf::ProgramType(view.u32(entry)?), elf::ProgramFlags(view.u32(entry + 4)?));
        let extent = read_extent(view, entry)?;
        let executable = flags.0 & elf::PF_X.0 != 0;
        let writable = flags.0 & elf::PF_W.0 != 0;
        ensure(!(executable && writable), || "a segment is both writable and executable".into())?;
        let place = match kind {
            elf::PT_LOAD if executable => &mut found.first,
            elf::PT_LOAD if writable => &mut found.second,
            elf::PT_DYNAMIC if writable => &mut found.dynamic,
            elf::PT_NOTE => &mut found.note,
            elf::PT_GNU_EH_FRAME | elf::PT_GNU_STACK if !executable => &mut Extent::default(),
            _ => return Err(format!("no image has a segment of kind {:#x} with flags {:#x}", kind.0, flags.0)),
        };
        *place = extent;
        ensure(!seen.contains(&(kind, executable)), || "it has too many segments".into())?;
        seen.push((kind, executable));
    }
    let needed = [
        (elf::PT_LOAD, true),
        (elf::PT_LOAD, false),
        (elf::PT_DYNAMIC, false),
        (elf::PT_NOTE, false),
        (elf::PT_GNU_STACK, false),
    ];
    ensure(needed.iter().all(|kind| seen.contains(kind)), || "it lacks segments that every image has".into())?;
    check_mapping(&found)?;
    Ok(found)
}

fn read_extent(view: &View, entry: u64) -> Found<Extent> {
    let extent = Extent {
        offset: view.u64(entry + 8)?,
        address: view.u64(entry + 16)?,
        file_size: view.u64(entry + 32)?,
        memory_size: view.u64(entry + 40)?,
    };
    view.bytes(extent.offset, extent.file_size)?;
    let end = extent.address.saturating_add(extent.memory_size);
    ensure(extent.memory_size >= extent.file_size && end < ADDRESS_LIMIT, || {
        format!("a segment of {:#x} bytes at {:#x} is too large", extent.memory_size, extent.address)
    })?;
    let alignment = view.u64(entry + 48)?;
    let aligned =
        alignment <= 1 || alignment.is_power_of_two() && extent.offset % alignment == extent.address % alignment;
    ensure(aligned, || format!("the segment at {:#x} is not aligned", extent.address))?;
    Ok(extent)
}

/// The segments lie as layout puts them.
fn check_mapping(segments: &Segments) -> Found<()> {
    let Segments { first, second, dynamic, note } = segments;
    let good = first.offset == 0
        && first.address == 0
        && first.file_size == first.memory_size
        && second.address >= first.memory_size.next_multiple_of(0x1000)
        && within(dynamic, second)
        && dynamic.address - second.address == dynamic.offset - second.offset
        && within(note, first)
        && note.address == note.offset;
    ensure(good, || "its segments do not lie as those of an image".into())
}

fn within(inner: &Extent, outer: &Extent) -> bool {
    inner.address >= outer.address
        && inner.offset >= outer.offset
        && inner.offset + inner.file_size <= outer.offset + outer.file_size
        && inner.address + inner.memory_size <= outer.address + outer.file_size
}

/// What the dynamic table says: where the tables lie in the file.
pub struct Tables {
    pub hash: u64,
    pub symbols: u64,
    pub names: u64,
    pub names_size: u64,
}

fn read_dynamic(view: &View, segments: &Segments) -> Found<Tables> {
    let Extent { offset, file_size, .. } = segments.dynamic;
    let mut values = [None; 5];
    let tags = [elf::DT_GNU_HASH, elf::DT_SYMTAB, elf::DT_STRTAB, elf::DT_STRSZ, elf::DT_SYMENT];
    let mut ended = false;
    for entry in (offset..offset + file_size / 16 * 16).step_by(16) {
        let (tag, value) = (elf::DynamicTag(view.u64(entry)? as i64), view.u64(entry + 8)?);
        if tag == elf::DT_NULL {
            ended = true;
            break;
        }
        let known = tags.iter().position(|known| *known == tag);
        let known = known.ok_or_else(|| {
            format!("it asks the loader for more than to map it (entry {:#x}), which no image does", tag.0)
        })?;
        values[known] = Some(value);
    }
    let [Some(hash), Some(symbols), Some(names), Some(names_size), Some(SYMBOL_SIZE)] = values else {
        return Err("its dynamic table is not that of an image".into());
    };
    ensure(ended, || "its dynamic table has no end".into())?;
    Ok(Tables { hash, symbols, names, names_size })
}

/// Look a symbol up as the loader does; its addresses.
pub fn find_symbol(view: &View, tables: &Tables, name: &str) -> Found<Range<u64>> {
    let missing = || format!("it does not export {name}: it is no library made by Maru");
    let (buckets, first) = (view.u32(tables.hash)?, view.u32(tables.hash.saturating_add(4))?);
    let (words, shift) = (view.u32(tables.hash + 8)?, view.u32(tables.hash + 12)?);
    ensure(buckets > 0 && words.is_power_of_two() && shift < 32, || "its hash table is damaged".into())?;
    let hash = gnu_hash(name.as_bytes());
    let bloom = tables.hash + 16;
    view.bytes(bloom, u64::from(words) * 8)?;
    let bucket_table = bloom + u64::from(words) * 8;
    let mut number = view.u32(bucket_table + 4 * u64::from(hash % buckets))?;
    let chains = bucket_table + 4 * u64::from(buckets);
    ensure(number >= first, missing)?;
    loop {
        let entry = view.u32(chains + 4 * u64::from(number - first))?;
        if entry | 1 == hash | 1 {
            let symbol = tables.symbols.saturating_add(u64::from(number) * SYMBOL_SIZE);
            view.bytes(symbol, SYMBOL_SIZE)?;
            if symbol_name(view, tables, view.u32(symbol)?)? == name.as_bytes() {
                let (address, size) = (view.u64(symbol + 8)?, view.u64(symbol + 16)?);
                return Ok(address..address.saturating_add(size));
            }
        }
        ensure(entry & 1 == 0, missing)?;
        number = number.checked_add(1).ok_or_else(missing)?;
    }
}

fn symbol_name<'a>(view: &'a View, tables: &Tables, at: u32) -> Found<&'a [u8]> {
    let names = view.bytes(tables.names, tables.names_size)?;
    let name = names.get(at as usize..).unwrap_or_default().split_inclusive(|&byte| byte == 0).next();
    name.and_then(|name| name.strip_suffix(&[0])).ok_or_else(|| "its table of names is damaged".into())
}

/// The build id is that of the file's bytes.
fn check_build_id(view: &View, segments: &Segments) -> Found<()> {
    let size = BUILD_ID_SIZE as u64;
    let Extent { offset, file_size, .. } = segments.note;
    ensure(file_size == 16 + size && view.bytes(offset, 16)? == note_head(), || "it has no build id of Maru's".into())?;
    let at = offset as usize + 16;
    let mut copy = view.0.to_vec();
    copy[at..at + BUILD_ID_SIZE].fill(0);
    ensure(build_id(&copy) == view.bytes(at as u64, size)?, || {
        "its bytes are not those that were written: the file is damaged, or some tool has changed it".into()
    })
}
