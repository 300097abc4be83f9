//! What an entry is found by: a name made of all that it depends on.

use crate::load::signature::hexadecimal;
use maru_core::abi::fingerprint;
use sha2::{Digest, Sha256};

/// The kinds of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// An environment that was saved under a name: nothing removes it but whoever saved it.
    Saved,
    /// Code of a program that was compiled while it ran, and can be compiled again.
    Unit,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [EntryKind; 2] = [EntryKind::Saved, EntryKind::Unit];

    /// How the names of such files end.
    pub fn ending(self) -> &'static str {
        match self {
            EntryKind::Saved => "saved",
            EntryKind::Unit => "unit",
        }
    }
}

/// What an image was compiled from, as a name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    pub(super) kind: EntryKind,
    pub(super) unit: String,
    pub(super) digest: String,
    /// The parts' names and fingerprints.
    pub(super) parts: Vec<(String, u64)>,
    /// Names and fingerprints of what may be asked for, but does not decide.
    pub(super) notes: Vec<(String, u64)>,
}

impl CacheKey {
    /// The key of a unit with this name, made from parts such as source, dependencies, target, options. This Maru's
    /// version and the [stamp](maru_core::codegen::image_stamp) of images for the target are added.
    pub fn new(kind: EntryKind, unit: &str, stamp: u64, parts: &[(&str, &[u8])]) -> CacheKey {
        let stamp = stamp.to_le_bytes();
        let own: [(&str, &[u8]); 2] = [("version", env!("CARGO_PKG_VERSION").as_bytes()), ("stamp", &stamp)];
        let mut digest = Sha256::new();
        let mut names = Vec::new();
        for (name, bytes) in own.iter().chain(parts) {
            for text in [name.as_bytes(), bytes] {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
            names.push((one_word(name), fingerprint(bytes)[0]));
        }
        let digest = hexadecimal(&digest.finalize());
        CacheKey { kind, unit: one_line(unit), digest, parts: names, notes: Vec::new() }
    }

    /// The same key, with facts that are noted in the entry and decide nothing.
    #[must_use]
    pub fn with_notes(mut self, notes: &[(&str, &[u8])]) -> CacheKey {
        self.notes = notes.iter().map(|(name, bytes)| (one_word(name), fingerprint(bytes)[0])).collect();
        self
    }

    /// The name of its file: what people see of the unit's name, and what is its own.
    pub fn file_name(&self) -> String {
        let name = self.unit.rsplit('/').next().unwrap_or_default();
        let word: String =
            name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter)).collect();
        let word = &word[..word.len().min(40)];
        let word = word.trim_start_matches('.');
        format!("{word}-{}.{}", &self.digest[..24], self.kind.ending())
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn one_word(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() || letter == ' ' { '-' } else { letter }).collect()
}
