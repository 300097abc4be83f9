//! Rules of sections and directories.

use super::file::*;

const PAGE: u64 = 0x1000;
const BLOCK: u64 = 0x200;

/// Check every section.
fn each(file: &File, check: impl Fn(&Section) -> bool, problem: &str) -> Verdict {
    let bad = file.sections.iter().find(|section| !check(section));
    bad.map_or(Ok(()), |section| Err(format!("{}: {problem}", section.shown())))
}

pub fn image_size(file: &File) -> Verdict {
    let end = file.sections.last().map_or(0, |last| last.address + last.size);
    // Distances between addresses have 31 bits and a sign.
    let good = end.next_multiple_of(PAGE) == file.optional(56)? && end < 1 << 31;
    ensure(good, || format!("the sections end at {end:#x}, the library does not"))
}

pub fn order(file: &File) -> Verdict {
    let mut next = file.optional(60)?.next_multiple_of(PAGE);
    for section in &file.sections {
        ensure(section.size > 0 && section.address == next, || {
            format!("{} does not lie at {next:#x}", section.shown())
        })?;
        next = (section.address + section.size).next_multiple_of(PAGE);
    }
    Ok(())
}

pub fn offsets(file: &File) -> Verdict {
    let mut next = file.optional(60)?;
    for section in file.sections.iter().filter(|section| section.file_size > 0) {
        ensure(section.offset == next, || format!("{} does not lie at {next} in the file", section.shown()))?;
        next = section.offset + section.file_size;
    }
    ensure(next <= file.view.len(), || "the sections end after the file: that is cut short".into())?;
    let empty = |section: &Section| section.file_size > 0 || section.offset == 0;
    each(file, empty, "it has no bytes, but a place in the file")
}

pub fn sizes(file: &File) -> Verdict {
    let good = |section: &Section| {
        let wanted = if section.flags & flags::UNINITIALIZED != 0 { 0 } else { section.size.next_multiple_of(BLOCK) };
        section.file_size == wanted
    };
    each(file, good, "its size in the file is not that in memory, rounded")?;
    each(file, |section| section.of_objects == [0; 12], "it has relocations or line numbers of its own")
}

pub fn rights(file: &File) -> Verdict {
    let readable = flags::INITIALIZED | flags::READ;
    let known = [
        flags::CODE | flags::EXECUTE | flags::READ,
        readable,
        readable | flags::DISCARDABLE,
        flags::UNINITIALIZED | flags::READ | flags::WRITE,
    ];
    each(
        file,
        |section| known.contains(&section.flags),
        "it is code, constants, or zeros that are written, and no other",
    )?;
    let count = |flag: u32| file.sections.iter().filter(|section| section.flags & flag != 0).count();
    ensure(count(flags::EXECUTE) == 1 && count(flags::WRITE) <= 1, || "there are several of a kind".into())
}

pub fn directories(file: &File) -> Verdict {
    for number in 0..16 {
        let (address, size) = file.directory(number);
        let must = [EXPORTS, DEBUG].contains(&number);
        let may = must || number == EXCEPTIONS;
        ensure((address, size) == (0, 0) || may, || format!("it has a directory of number {number}"))?;
        ensure((size > 0 || !must) && (size > 0) == (address > 0), || format!("directory {number} is missing"))?;
        if size > 0 {
            file.offset_of(address, size).map_err(|problem| format!("directory {number}: {problem}"))?;
        }
    }
    Ok(())
}
