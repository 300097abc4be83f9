//! Examining a file that claims to be a module of ours: nothing of it is trusted before its fingerprint is seen to be right,
//! and its sections are followed within bounds all the same.

use crate::write::{digest, DIGEST};
use crate::{DIGEST_SECTION, IMAGE_SECTION};
use maru_core::format::{Contents, HEADER_SYMBOL};
use std::ops::Range;

const MAGIC: [u8; 4] = *b"\0asm";
const VERSION: u32 = 1;
/// Numbers of the sections that a module has, in their order: types, imports, functions, exports, elements, code; the
/// constants and the digest are custom.
const SECTIONS: [u8; 8] = [1, 2, 3, 7, 9, 10, 0, 0];

/// Something found, or what is wrong with the file.
type Found<T> = Result<T, String>;

/// Examine a file; see [`maru_core::format::ObjectFormat::read`].
pub fn read(file: &[u8]) -> Found<Contents> {
    let version = file.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk::<4>());
    let version = version.map(|bytes| u32::from_le_bytes(*bytes)).ok_or("this is no WebAssembly module")?;
    if version != VERSION {
        return Err(format!("this is a WebAssembly module of version {version:#x}, not {VERSION}"));
    }
    if file.len() < 8 + DIGEST || digest(file) != file[file.len() - DIGEST..] {
        return Err("its bytes are not those that were written: the file is cut short, damaged, or not Maru's".into());
    }
    let mut at = 8;
    let mut parts = Vec::new();
    while at < file.len() {
        let number = file[at];
        at += 1;
        let size = number_at(file, &mut at)? as usize;
        let end = at.checked_add(size).filter(|end| *end <= file.len()).ok_or("a section ends after the file")?;
        parts.push((number, at..end));
        at = end;
    }
    if parts.iter().map(|(number, _)| *number).ne(SECTIONS) {
        return Err("its sections are not those of an image".into());
    }
    let constants = custom(file, parts[6].1.clone(), IMAGE_SECTION)?;
    custom(file, parts[7].1.clone(), DIGEST_SECTION)?;
    let code = parts[5].1.clone();
    Ok(Contents {
        machine: VERSION,
        // The two begin at 0, each in addresses of its own.
        executable: 0..code.len() as u64,
        executable_offset: code.start,
        writable: constants.len() as u64..u64::from(u32::MAX),
        constants_address: 0,
        constants,
        is_linked: false,
    })
}

/// Where the contents of a custom section lie that has this name.
fn custom(file: &[u8], section: Range<usize>, name: &str) -> Found<Range<usize>> {
    let mut at = section.start;
    let length = number_at(&file[..section.end], &mut at)? as usize;
    let found = file.get(at..at.saturating_add(length)).filter(|_| at + length <= section.end);
    if found != Some(name.as_bytes()) {
        return Err(format!("it has no {HEADER_SYMBOL}: it is no library made by Maru"));
    }
    Ok(at + length..section.end)
}

/// A number in groups of seven bits, the least significant first.
fn number_at(file: &[u8], at: &mut usize) -> Found<u32> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = *file.get(*at).ok_or("the file is cut short")?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(number).map_err(|_| "a size is too large".into());
        }
    }
    Err("a size has no end".into())
}
