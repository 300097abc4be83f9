//! Examines a library as data: is it one of ours, whole and unchanged?
//!
//! The host's loader trusts what it maps: a file cut short makes it fault, a wrong table makes it read anywhere. So
//! everything that it will follow is followed here first, within bounds. Whatever an image of ours has no need of
//! (constructors, relocations, other libraries, memory both writable and executable) is refused.

use crate::class::Class;
use crate::headers::data;
use crate::layout::{note_offset, BUILD_ID_SIZE, NOTE_SEGMENT};
use crate::linked;
use crate::symbols::gnu_hash;
use crate::write::build_id;
use maru_core::format::{Contents, FormatError, HEADER_SYMBOL};
use maru_dwarf::ByteOrder;
use object::elf;
use std::ops::Range;

/// Addresses above this are none of ours: distances between them would not fit.
const ADDRESS_LIMIT: u64 = 1 << 31;

/// Examine a file; see [`maru_core::format::ObjectFormat::read`].
pub fn read(file: &[u8]) -> Result<Contents, FormatError> {
    read_file(&View::new(file)).map_err(FormatError)
}

/// Numbers of the file, read within its bounds, in the byte order that its header names.
pub struct View<'a>(pub &'a [u8], ByteOrder);

/// Something found, or what is wrong with the file.
pub type Found<T> = Result<T, String>;

impl<'a> View<'a> {
    /// A whole file.
    pub fn new(file: &'a [u8]) -> View<'a> {
        let is_big = file.get(5) == Some(&data(ByteOrder::Big));
        View(file, if is_big { ByteOrder::Big } else { ByteOrder::Little })
    }
    /// So many bytes of its start.
    fn start(&self, count: u64) -> Found<View<'_>> {
        Ok(View(self.bytes(0, count)?, self.1))
    }
    pub fn bytes(&self, at: u64, count: u64) -> Found<&[u8]> {
        let range = usize::try_from(at).ok().zip(at.checked_add(count).and_then(|end| usize::try_from(end).ok()));
        range.and_then(|(start, end)| self.0.get(start..end)).ok_or_else(|| cut_short(at.saturating_add(count), self))
    }
    pub fn u16(&self, at: u64) -> Found<u16> {
        Ok(u16::from_le_bytes(self.1.arranged(self.bytes(at, 2)?.try_into().expect("two bytes"))))
    }
    pub fn u32(&self, at: u64) -> Found<u32> {
        Ok(u32::from_le_bytes(self.1.arranged(self.bytes(at, 4)?.try_into().expect("four bytes"))))
    }
    /// A word of a class.
    pub fn word(&self, class: Class, at: u64) -> Found<u64> {
        match class {
            Class::Wide => self.u64(at),
            Class::Narrow => self.u32(at).map(u64::from),
        }
    }
    pub fn u64(&self, at: u64) -> Found<u64> {
        Ok(u64::from_le_bytes(self.1.arranged(self.bytes(at, 8)?.try_into().expect("eight bytes"))))
    }
}

fn cut_short(end: u64, view: &View) -> String {
    format!("the file is cut short or damaged: it has {} bytes, but its tables reach to {end}", view.0.len())
}

pub fn ensure(condition: bool, problem: impl FnOnce() -> String) -> Found<()> {
    condition.then_some(()).ok_or_else(problem)
}

fn read_file(view: &View) -> Found<Contents> {
    let (class, machine) = read_file_header(view)?;
    if !is_ours(view, class) {
        ensure(class == Class::Wide, || {
            "it is not laid out as Maru does it, and of libraries that linkers make, only those of 64 bits are read"
                .into()
        })?;
        return linked::read(view, machine);
    }
    let segments = read_segments(view, class)?;
    let tables = read_dynamic(view, class, &segments)?;
    let header = find_symbol(&view.start(segments.first.file_size)?, class, &tables, HEADER_SYMBOL)?;
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
fn is_ours(view: &View, class: Class) -> bool {
    let entry = class.file_header() + NOTE_SEGMENT * class.segment_header();
    let words = Words::of(class, entry);
    let place = [view.word(class, words.offset), view.word(class, words.file_size)];
    view.bytes(note_offset(class), 16).is_ok_and(|head| head == note_head(view.1))
        || place == [Ok(note_offset(class)), Ok(16 + BUILD_ID_SIZE as u64)]
}

/// Where the words of an entry of the segment table lie.
struct Words {
    flags: u64,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
    alignment: u64,
}

impl Words {
    fn of(class: Class, entry: u64) -> Words {
        let word = class.word();
        // What has 32 bits stands where it disturbs no word of the class.
        let (flags, first) = match class {
            Class::Wide => (entry + 4, entry + 8),
            Class::Narrow => (entry + 24, entry + 4),
        };
        Words {
            flags,
            offset: first,
            address: first + word,
            file_size: first + 3 * word,
            memory_size: first + 4 * word,
            alignment: entry + class.segment_header() - word,
        }
    }
}

/// The note of a build id, without the id.
fn note_head(order: ByteOrder) -> Vec<u8> {
    let numbers = [4, BUILD_ID_SIZE as u32, elf::NT_GNU_BUILD_ID.0].map(|number| order.arranged(number.to_le_bytes()));
    [numbers.concat(), b"GNU\0".to_vec()].concat()
}

/// Check the file's header; the class and the CPU's number.
fn read_file_header(view: &View) -> Found<(Class, u32)> {
    ensure(view.0.starts_with(&elf::ELFMAG), || "this is no ELF file".into())?;
    let ident = view.bytes(4, 3)?;
    let class = Class::named(ident[0]).filter(|_| ident[1..] == [data(view.1), elf::EV_CURRENT.0]);
    let class = class.ok_or("this is no ELF file of version 1 for a machine of 32 or 64 bits")?;
    ensure(view.u16(16)? == elf::ET_DYN.0, || "this is an ELF file, but no shared library".into())?;
    // The sizes and counts at the end of the header.
    let last = class.file_header() - 12;
    let sizes = [view.u16(last)?, view.u16(last + 2)?, view.u16(last + 6)?].map(u64::from);
    ensure(sizes == [class.file_header(), class.segment_header(), class.section_header()], || {
        "its tables have entries of unknown sizes".into()
    })?;
    let (section_table, sections) = (view.word(class, 24 + 2 * class.word())?, u64::from(view.u16(last + 8)?));
    let end = section_table.saturating_add(sections * class.section_header());
    ensure(end <= view.0.len() as u64, || cut_short(end, view))?;
    Ok((class, view.u16(18)?.into()))
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

fn read_segments(view: &View, class: Class) -> Found<Segments> {
    let (table, count) = (view.word(class, 24 + class.word())?, view.u16(class.file_header() - 8)?);
    let mut found = Segments::default();
    let mut seen = Vec::new();
    for number in 0..u64::from(count) {
        let entry = table.saturating_add(number * class.segment_header());
        view.bytes(entry, class.segment_header())?;
        let words = Words::of(class, entry);
        let (kind, flags) = (elf::ProgramType(view.u32(entry)?), elf::ProgramFlags(view.u32(words.flags)?));
        let extent = read_extent(view, class, &words)?;
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

fn read_extent(view: &View, class: Class, words: &Words) -> Found<Extent> {
    let extent = Extent {
        offset: view.word(class, words.offset)?,
        address: view.word(class, words.address)?,
        file_size: view.word(class, words.file_size)?,
        memory_size: view.word(class, words.memory_size)?,
    };
    view.bytes(extent.offset, extent.file_size)?;
    let end = extent.address.saturating_add(extent.memory_size);
    ensure(extent.memory_size >= extent.file_size && end < ADDRESS_LIMIT, || {
        format!("a segment of {:#x} bytes at {:#x} is too large", extent.memory_size, extent.address)
    })?;
    let alignment = view.word(class, words.alignment)?;
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

fn read_dynamic(view: &View, class: Class, segments: &Segments) -> Found<Tables> {
    let Extent { offset, file_size, .. } = segments.dynamic;
    let mut values = [None; 5];
    let tags = [elf::DT_GNU_HASH, elf::DT_SYMTAB, elf::DT_STRTAB, elf::DT_STRSZ, elf::DT_SYMENT];
    let mut ended = false;
    let size = class.dynamic();
    for entry in (offset..offset + file_size / size * size).step_by(size as usize) {
        let (tag, value) = (view.word(class, entry)?, view.word(class, entry + class.word())?);
        let tag = elf::DynamicTag(tag as i64);
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
    let [Some(hash), Some(symbols), Some(names), Some(names_size), Some(symbol_size)] = values else {
        return Err("its dynamic table is not that of an image".into());
    };
    ensure(symbol_size == class.symbol(), || "its symbols have an unknown size".into())?;
    ensure(ended, || "its dynamic table has no end".into())?;
    Ok(Tables { hash, symbols, names, names_size })
}

/// Look a symbol up as the loader does; its addresses.
pub fn find_symbol(view: &View, class: Class, tables: &Tables, name: &str) -> Found<Range<u64>> {
    let missing = || format!("it does not export {name}: it is no library made by Maru");
    let (buckets, first) = (view.u32(tables.hash)?, view.u32(tables.hash.saturating_add(4))?);
    let (words, shift) = (view.u32(tables.hash + 8)?, view.u32(tables.hash + 12)?);
    ensure(buckets > 0 && words.is_power_of_two() && shift < 32, || "its hash table is damaged".into())?;
    let hash = gnu_hash(name.as_bytes());
    let bloom = tables.hash + 16;
    view.bytes(bloom, u64::from(words) * class.word())?;
    let bucket_table = bloom + u64::from(words) * class.word();
    let mut number = view.u32(bucket_table + 4 * u64::from(hash % buckets))?;
    let chains = bucket_table + 4 * u64::from(buckets);
    ensure(number >= first, missing)?;
    loop {
        let entry = view.u32(chains + 4 * u64::from(number - first))?;
        if entry | 1 == hash | 1 {
            let symbol = tables.symbols.saturating_add(u64::from(number) * class.symbol());
            view.bytes(symbol, class.symbol())?;
            if symbol_name(view, tables, view.u32(symbol)?)? == name.as_bytes() {
                // The address comes after the name's offset, or last but for the size.
                let at = symbol + class.word();
                let (address, size) = (view.word(class, at)?, view.word(class, at + class.word())?);
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
    ensure(file_size == 16 + size && view.bytes(offset, 16)? == note_head(view.1), || {
        "it has no build id of Maru's".into()
    })?;
    let at = offset as usize + 16;
    let mut copy = view.0.to_vec();
    copy[at..at + BUILD_ID_SIZE].fill(0);
    ensure(build_id(&copy) == view.bytes(at as u64, size)?, || {
        "its bytes are not those that were written: the file is damaged, or some tool has changed it".into()
    })
}
