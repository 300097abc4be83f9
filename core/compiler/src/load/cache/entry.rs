//! An entry's file: a library, and behind it what is to be known of it. So debuggers, and whoever reads libraries, can be
//! given the file itself.
//!
//! ```text
//! the library's bytes
//! text:   maru cache 2 / unit NAME / key DIGEST / size BYTES / part NAME FINGERPRINT… / note NAME FINGERPRINT… / end
//! 4       the text's length, little-endian
//! 8       "MARUFACT"
//! 32      the SHA-256 digest of all bytes before it
//! ```

use super::key::{CacheKey, EntryKind};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const FIRST_LINE: &str = "maru cache 2";
const MAGIC: &[u8; 8] = b"MARUFACT";
const DIGEST: usize = 32;
/// Bytes behind the text.
const END: usize = 4 + MAGIC.len() + DIGEST;

/// The facts of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The name of its file.
    pub file_name: String,
    /// What kind it is.
    pub kind: EntryKind,
    /// The unit's name.
    pub unit: String,
    /// Bytes of the library.
    pub size: u64,
    pub(super) key: String,
    pub(super) parts: Vec<(String, u64)>,
    pub(super) notes: Vec<(String, u64)>,
}

/// The bytes of an entry's file.
pub(super) fn file(key: &CacheKey, library: &[u8]) -> Vec<u8> {
    let mut text = format!("{FIRST_LINE}\nunit {}\nkey {}\nsize {}\n", key.unit, key.digest, library.len());
    for (word, facts) in [("part", &key.parts), ("note", &key.notes)] {
        for (name, fingerprint) in facts {
            let _ = writeln!(text, "{word} {name} {fingerprint:016x}");
        }
    }
    text.push_str("end\n");
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = [library, text.as_bytes(), &length, MAGIC].concat();
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

/// The facts in a file, and the length of the library before them; `None`: it is damaged, or no such file.
pub(super) fn read(file_name: &str, bytes: &[u8]) -> Option<(CacheEntry, usize)> {
    let (front, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    let has_magic = front.ends_with(MAGIC);
    if !has_magic || Sha256::digest(front).as_slice() != digest {
        return None;
    }
    let length = front.len() - MAGIC.len() - 4;
    let text_length = u32::from_le_bytes(front.get(length..length + 4)?.try_into().ok()?) as usize;
    let start = length.checked_sub(text_length)?;
    let entry = parse(file_name, std::str::from_utf8(&front[start..length]).ok()?)?;
    (entry.size == start as u64).then_some((entry, start))
}

/// The library in a file: what is before the facts, if there are some. A user may load a saved environment by its path,
/// or a library that `maru build` made.
///
/// # Errors
/// When there are facts, but the digest is not the file's.
pub fn library_in(bytes: &[u8]) -> Result<&[u8], String> {
    let marked = bytes.len() >= END && bytes[..bytes.len() - DIGEST].ends_with(MAGIC);
    if !marked {
        return Ok(bytes);
    }
    match read("", bytes) {
        Some((_, length)) => Ok(&bytes[..length]),
        None => Err("it is damaged: its digest is not the one that was written with it".into()),
    }
}

fn parse(file_name: &str, text: &str) -> Option<CacheEntry> {
    let mut lines = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.strip_suffix("end\n")?.lines();
    let unit = lines.next()?.strip_prefix("unit ")?.to_string();
    let key = lines.next()?.strip_prefix("key ")?.to_string();
    let size = lines.next()?.strip_prefix("size ")?.parse().ok()?;
    let (mut parts, mut notes) = (Vec::new(), Vec::new());
    for line in lines {
        let (word, fact) = line.split_once(' ')?;
        let (name, fingerprint) = fact.split_once(' ')?;
        let fact = (name.to_string(), u64::from_str_radix(fingerprint, 16).ok()?);
        match word {
            "part" => parts.push(fact),
            "note" => notes.push(fact),
            _ => return None,
        }
    }
    let kind = EntryKind::ALL.into_iter().find(|kind| file_name.ends_with(kind.ending())).unwrap_or(EntryKind::Saved);
    Some(CacheEntry { file_name: file_name.to_string(), kind, unit, size, key, parts, notes })
}

impl CacheEntry {
    /// Names of a key's parts that this entry has otherwise.
    pub(super) fn differences<'a>(&self, key: &'a CacheKey) -> Vec<&'a str> {
        let different = |part: &&(String, u64)| !self.parts.contains(part);
        key.parts.iter().filter(different).map(|(name, _)| name.as_str()).collect()
    }

    /// The fingerprint of a part or note.
    pub fn fact(&self, name: &str) -> Option<u64> {
        self.parts.iter().chain(&self.notes).find(|(other, _)| other == name).map(|(_, fact)| *fact)
    }

    /// The first digits of its key, enough for people.
    pub fn short_key(&self) -> &str {
        self.key.get(..12).unwrap_or(&self.key)
    }
}
