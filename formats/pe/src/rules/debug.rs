//! Rules of the debug directory.

use super::file::*;

/// The kind of an entry that names the identifier which debuggers know the file by.
pub const IDENTIFIER_KIND: u32 = 2;

/// An entry.
pub struct Entry {
    pub kind: u32,
    pub size: u64,
    pub address: u64,
    pub offset: u64,
}

/// All entries.
pub fn entries(file: &File) -> Result<Vec<Entry>, String> {
    let (address, size) = file.directory(DEBUG);
    let start = file.offset_of(address, size)?;
    ensure(size % 28 == 0, || "the debug directory is cut short".into())?;
    let entry = |number: u64| {
        let word = |at: u64| file.view.u32(start + 28 * number + at);
        let [size, address, offset] = [16, 20, 24].map(word);
        Ok(Entry { kind: word(12)?, size: size?.into(), address: address?.into(), offset: offset?.into() })
    };
    (0..size / 28).map(entry).collect()
}

pub fn debug(file: &File) -> Verdict {
    for entry in entries(file)? {
        let Entry { kind, size, address, offset } = entry;
        let place = if size == 0 { 0 } else { file.offset_of(address, size)? };
        ensure(place == offset && (size > 0 || address == 0), || {
            format!("what is debugged by kind {kind} lies at {place} and at {offset} in the file")
        })?;
        if kind == IDENTIFIER_KIND {
            let record = file.view.bytes(place, size)?;
            ensure(record.starts_with(b"RSDS") && record.len() >= 25 && record.ends_with(&[0]), || {
                "the identifier is of an unknown kind".into()
            })?;
        }
    }
    Ok(())
}
