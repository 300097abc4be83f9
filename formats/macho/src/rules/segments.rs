//! Rules of segments and sections.

use super::file::*;

const PAGE: u64 = 0x4000;
const READ: u32 = 1;
const READ_WRITE: u32 = 3;
const READ_EXECUTE: u32 = 5;
const MADE_READ_ONLY: u32 = 0x10;

/// Check every segment.
fn each(file: &File, check: impl Fn(&Segment) -> bool, problem: &str) -> Verdict {
    let bad = file.segments.iter().find(|segment| !check(segment));
    bad.map_or(Ok(()), |segment| Err(format!("{}: {problem}", segment.shown())))
}

fn protected(segment: &Segment, protection: u32) -> bool {
    [segment.protection, segment.most_protection] == [protection; 2]
}

pub fn names(file: &File) -> Verdict {
    let count = |name: &[u8]| file.segments.iter().filter(|segment| segment.name == name).count();
    each(file, |segment| count(segment.name) == 1, "there are several segments of this name")
}

pub fn order(file: &File) -> Verdict {
    for pair in file.segments.windows(2) {
        let good = pair[0].memory_end() <= pair[1].address && pair[0].file_end() <= pair[1].offset;
        ensure(good, || format!("{} does not lie behind {}", pair[1].shown(), pair[0].shown()))?;
    }
    Ok(())
}

pub fn alignment(file: &File) -> Verdict {
    each(file, |s| s.offset % PAGE == 0 && s.address % PAGE == 0, "it does not begin at a multiple of 16 KiB")
}

pub fn sizes(file: &File) -> Verdict {
    let fits = |segment: &Segment| segment.offset.checked_add(segment.file_size).is_some_and(|e| e <= file.view.len());
    each(file, fits, "it ends after the file: that is cut short")?;
    // Distances between addresses have 31 bits and a sign.
    let small = |segment: &Segment| segment.address.checked_add(segment.memory_size).is_some_and(|e| e < 1 << 31);
    each(file, small, "it is too large")?;
    each(file, |segment| segment.file_size <= segment.memory_size, "it is larger in the file than in memory")?;
    each(file, |segment| (segment.protection | segment.most_protection) <= 7, "its protection has unknown bits")
}

pub fn text(file: &File) -> Verdict {
    let text = file.segment(b"__TEXT").ok_or("there is no segment __TEXT")?;
    ensure(text.offset == 0 && text.address == 0, || "__TEXT does not begin the file and the library".into())?;
    ensure(protected(text, READ_EXECUTE), || "__TEXT is not just readable and executable".into())?;
    ensure(text.file_size == text.memory_size, || "__TEXT is larger in memory than in the file".into())
}

pub fn data(file: &File) -> Verdict {
    let writable = |segment: &Segment| segment.name != b"__DATA" || protected(segment, READ_WRITE);
    each(file, writable, "it is not just readable and writable")?;
    let last = |segment: &Segment| segment.name == b"__LINKEDIT";
    let filled = |segment: &Segment| segment.file_size == segment.memory_size || protected(segment, READ_WRITE);
    each(file, |segment| last(segment) || filled(segment), "it is larger in memory, but not writable")
}

pub fn data_const(file: &File) -> Verdict {
    let good = |segment: &Segment| protected(segment, READ_WRITE) && segment.flags & MADE_READ_ONLY != 0;
    each(file, |segment| segment.name != b"__DATA_CONST" || good(segment), "it is not made read-only")
}

pub fn others(file: &File) -> Verdict {
    let known: [&[u8]; 4] = [b"__TEXT", b"__DATA", b"__DATA_CONST", b"__LINKEDIT"];
    let good = |segment: &Segment| known.contains(&segment.name) || protected(segment, READ);
    each(file, good, "it is not just readable")
}

pub fn linkedit(file: &File) -> Verdict {
    let segment = file.linkedit()?;
    let last = file.segments.last().is_some_and(|last| last.name == segment.name);
    ensure(last, || "__LINKEDIT is not the last segment".into())?;
    ensure(protected(segment, READ), || "__LINKEDIT is not just readable".into())?;
    ensure(segment.file_end() == file.view.len(), || {
        format!("__LINKEDIT ends at {}, the file at {}", segment.file_end(), file.view.len())
    })?;
    ensure(segment.file_size.checked_next_multiple_of(PAGE) == Some(segment.memory_size), || {
        "the size of __LINKEDIT in memory is not that in the file, rounded to 16 KiB".into()
    })
}

pub fn sections(file: &File) -> Verdict {
    for segment in &file.segments {
        for section in &segment.sections {
            let within = |start: u64, end: u64, from: u64, to: u64| start >= from && start <= end && end <= to;
            let end = section.address.saturating_add(section.size);
            let in_memory = within(section.address, end, segment.address, segment.memory_end());
            let file_end = section.offset.saturating_add(section.size);
            let in_file = section.is_zero_filled()
                || within(section.offset, file_end, segment.offset, segment.file_end())
                    && section.offset - segment.offset == section.address.wrapping_sub(segment.address);
            ensure(section.segment == segment.name && in_memory && in_file, || {
                let name = String::from_utf8_lossy(section.name);
                format!("the section {name} does not lie in the segment {}", segment.shown())
            })?;
        }
    }
    Ok(())
}

pub fn text_section(file: &File) -> Verdict {
    let section = file.sections().find(|section| section.name == b"__text" && section.segment == b"__TEXT");
    let section = section.ok_or("there is no section __text")?;
    ensure(section.flags == 0x8000_0400, || format!("the flags of __text are {:#x}", section.flags))
}
