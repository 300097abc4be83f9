//! Rules of the headers.

use super::file::*;

pub fn cpu(file: &File) -> Verdict {
    let cpu = file.view.u16(file.header + 4)?;
    ensure([0x8664, 0xaa64].contains(&cpu), || format!("the CPU of number {cpu:#x} is neither x64 nor arm64"))
}

pub fn kind(file: &File) -> Verdict {
    let kind = file.view.u16(file.header + 22)?;
    ensure(kind == 0x2022, || format!("the kind of the file is {kind:#x}"))
}

pub fn versions(file: &File) -> Verdict {
    let at = file.header + OPTIONAL + 40;
    let versions: Vec<u16> = (0..8).map(|number| file.view.u16(at + 2 * number)).collect::<Result<_, String>>()?;
    ensure(versions == [6, 2, 0, 0, 6, 2, 0, 0] && file.optional(52)? == 0, || {
        format!("it is for Windows of the versions {versions:?}")
    })?;
    ensure(file.view.u16(file.header + OPTIONAL + 68)? == 2, || "it is for a special subsystem".into())
}

pub fn base(file: &File) -> Verdict {
    let base = file.view.u64(file.header + OPTIONAL + 24)?;
    ensure(base % 0x1_0000 == 0 && base >> 32 != 0 && base >> 47 == 0, || format!("it asks for the base {base:#x}"))
}

pub fn alignments(file: &File) -> Verdict {
    let both = [file.optional(32)?, file.optional(36)?];
    ensure(both == [0x1000, 0x200], || format!("sections begin at multiples of {both:?}"))
}

pub fn protections(file: &File) -> Verdict {
    let protections = file.view.u16(file.header + OPTIONAL + 70)?;
    ensure(protections == 0x160, || format!("it asks for the protections {protections:#x}"))
}

pub fn entry(file: &File) -> Verdict {
    ensure(file.optional(16)? == 0, || "it has code that runs on loading".into())
}

pub fn size(file: &File) -> Verdict {
    let size = file.optional(60)?;
    let good = size == file.sections_end.next_multiple_of(0x200) && size <= file.view.len();
    ensure(good, || format!("the header is said to have {size} bytes"))
}

pub fn checksum(file: &File) -> Verdict {
    let place = file.header + OPTIONAL + 64;
    // The sum with its own bytes taken for zeros.
    let mut sum = 0u64;
    for (number, byte) in (0u64..).zip(file.view.0) {
        if !(place..place + 4).contains(&number) {
            sum += u64::from(*byte) << (8 * (number % 2));
        }
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    ensure(file.optional(64)? == sum + file.view.len(), || "the checksum is another".into())
}
