//! Rules of unwind entries and their codes.

use super::file::*;

/// A stretch of code: its start, its end, where its codes lie.
struct Entry {
    start: u64,
    end: u64,
    codes: u64,
}

/// Whether the CPU is x64; `None` for one that is unknown.
fn is_x64(file: &File) -> Option<bool> {
    match file.view.u16(file.header + 4) {
        Ok(0x8664) => Some(true),
        Ok(0xaa64) => Some(false),
        _ => None,
    }
}

/// All entries.
fn all(file: &File) -> Result<Vec<Entry>, String> {
    let (address, size) = file.directory(EXCEPTIONS);
    let Some(x64) = is_x64(file).filter(|_| size > 0) else { return Ok(Vec::new()) };
    let start = file.offset_of(address, size)?;
    let width = if x64 { 12 } else { 8 };
    ensure(size % width == 0 && address % 4 == 0, || "unwind entries are cut short".into())?;
    let entry = |number: u64| {
        let at = start + width * number;
        let (start, codes) = (u64::from(file.view.u32(at)?), u64::from(file.view.u32(at + width - 4)?));
        let end = match x64 {
            true => file.view.u32(at + 4)?.into(),
            false => start + u64::from(file.view.u32(file.offset_of(codes & !3, 4)?)? & 0x3_ffff) * 4,
        };
        Ok(Entry { start, end, codes })
    };
    (0..size / width).map(entry).collect()
}

pub fn entries(file: &File) -> Verdict {
    let code = file.sections.iter().find(|section| section.flags & flags::EXECUTE != 0);
    let (mut last, end) = code.map_or((0, 0), |code| (code.address, code.address + code.size));
    for entry in all(file)? {
        let Entry { start, end: own_end, .. } = entry;
        ensure(start >= last && start < own_end && own_end <= end, || {
            format!("the unwind entry of {start:#x} up to {own_end:#x} does not follow the one before, in the code")
        })?;
        last = own_end;
    }
    Ok(())
}

pub fn codes(file: &File) -> Verdict {
    for entry in all(file)? {
        let Entry { start, codes, .. } = entry;
        ensure(codes % 4 == 0, || format!("the codes of {start:#x} lie at {codes:#x}"))?;
        let good = if is_x64(file) == Some(true) { x64_codes(file, codes) } else { arm64_codes(file, codes) };
        good.map_err(|problem| format!("the codes of {start:#x}: {problem}"))?;
    }
    Ok(())
}

fn x64_codes(file: &File, address: u64) -> Verdict {
    let head = file.view.bytes(file.offset_of(address, 4)?, 4)?;
    let [1, 0, count, 0] = *head else { return Err("they have a handler, a prologue or a frame pointer".into()) };
    let at = file.offset_of(address + 4, 2 * u64::from(count))?;
    let codes = file.view.bytes(at, 2 * u64::from(count))?;
    let mut rest = codes.chunks_exact(2);
    while let Some(code) = rest.next() {
        let (operation, operand) = (code[1] & 15, code[1] >> 4);
        let slots = match (operation, operand) {
            (2, _) => 0,
            (1, 0) | (4 | 8, _) => 1,
            (1, 1) | (5 | 9, _) => 2,
            _ => return Err(format!("operation {operation} is unknown")),
        };
        ensure(code[0] == 0, || "a code of a prologue, where there is none".into())?;
        ensure((0..slots).all(|_| rest.next().is_some()), || "the last code is cut short".into())?;
    }
    Ok(())
}

fn arm64_codes(file: &File, address: u64) -> Verdict {
    let head = file.view.u32(file.offset_of(address, 4)?)?;
    // Besides the length: version 0, no handler, nothing about epilogues.
    ensure(head & 0x07fc_0000 == 0, || "they have a handler or epilogues".into())?;
    let size = u64::from(head >> 27) * 4;
    let codes = file.view.bytes(file.offset_of(address + 4, size)?, size)?;
    let (mut at, mut ended) = (0, false);
    while let Some(code) = codes.get(at).filter(|_| !ended) {
        let length = match code {
            0x00..=0x1f | 0x40..=0x7f | 0xe5 => 1,
            0xc0..=0xdf => 2,
            0xe0 => 4,
            0xe4 => {
                ended = true;
                1
            }
            _ => return Err(format!("code {code:#x} is unknown")),
        };
        ensure(*code != 0xe5 || at == 0, || "a prologue".into())?;
        at += length;
    }
    let first = codes.first().is_some_and(|first| [0xe4, 0xe5].contains(first));
    ensure(ended && at <= codes.len() && first, || "they have a prologue, or no end".into())
}
