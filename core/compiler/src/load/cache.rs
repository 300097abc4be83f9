//! The cache: bytes of libraries by a key made from all that they were compiled from.
//!
//! Each entry is two files, `KEY.image` and `KEY.facts`. The second is text: the SHA-256 digest and the length of the
//! first, the unit's name, and a fingerprint of each part of the key, so that it can be said *why* an entry is not
//! the wanted one. Both are written under new names and then renamed, the facts last: without facts there is no
//! entry. Times of files mean nothing.
//!
//! What is in the cache is distrusted: the directory must belong to this user alone, an entry whose digest is wrong
//! is removed and reported as missing, and whoever loads what was found checks it as any other library.

use super::directory::make_private;
use super::{LoadError, LoadErrorKind};
use maru_core::abi::fingerprint;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const FIRST_LINE: &str = "maru cache 1";
const IMAGE: &str = "image";
const FACTS: &str = "facts";

/// What an image was compiled from, as a name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    unit: String,
    digest: String,
    /// The parts' names and fingerprints.
    parts: Vec<(String, u64)>,
}

impl CacheKey {
    /// The key of a unit with this name, made from parts such as source, dependencies, target, options. This Maru's
    /// version and the [stamp](maru_core::codegen::image_stamp) of images for the target are added.
    pub fn new(unit: &str, stamp: u64, parts: &[(&str, &[u8])]) -> CacheKey {
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
        CacheKey { unit: one_line(unit), digest: hexadecimal(&digest.finalize()), parts: names }
    }

    /// The name of its files, without the ending.
    pub fn name(&self) -> &str {
        &self.digest
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn one_word(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() || letter == ' ' { '-' } else { letter }).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The facts of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The name of its files, without the ending.
    pub name: String,
    /// The unit's name.
    pub unit: String,
    /// Bytes of the library.
    pub size: u64,
    digest: String,
    parts: Vec<(String, u64)>,
}

impl CacheEntry {
    fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nunit {}\nsize {}\nsha256 {}\n", self.unit, self.size, self.digest);
        for (name, fingerprint) in &self.parts {
            let _ = writeln!(text, "part {name} {fingerprint:016x}");
        }
        text.push_str("end\n");
        text
    }

    fn parse(name: &str, text: &str) -> Option<CacheEntry> {
        let mut lines = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.strip_suffix("end\n")?.lines();
        let unit = lines.next()?.strip_prefix("unit ")?.to_string();
        let size = lines.next()?.strip_prefix("size ")?.parse().ok()?;
        let digest = lines.next()?.strip_prefix("sha256 ")?.to_string();
        let part = |line: &str| {
            let (name, fingerprint) = line.strip_prefix("part ")?.split_once(' ')?;
            Some((name.to_string(), u64::from_str_radix(fingerprint, 16).ok()?))
        };
        let parts = lines.map(part).collect::<Option<_>>()?;
        Some(CacheEntry { name: name.to_string(), unit, size, digest, parts })
    }
}

/// A directory of images.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The cache's usual place: `$MARU_CACHE`, or `maru` in `$XDG_CACHE_HOME` or `~/.cache`. `None` if none of the
    /// variables says where.
    pub fn usual_place() -> Option<PathBuf> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        variable("MARU_CACHE")
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("maru")))
            .or_else(|| Some(variable("HOME")?.join(".cache/maru")))
    }

    /// Use a directory, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else could write to it.
    pub fn open(directory: &Path) -> Result<Cache, LoadError> {
        let unusable = |problem: String| {
            let message = format!("the cache cannot be used: {problem}; set MARU_CACHE to another directory");
            LoadError::new(directory, LoadErrorKind::NoDirectory, message)
        };
        if let Some(parent) = directory.parent() {
            fs::create_dir_all(parent).map_err(|error| unusable(error.to_string()))?;
        }
        make_private(directory).map_err(unusable)?;
        Ok(Cache { directory: directory.into() })
    }

    /// The bytes of the image with this key. A damaged entry is removed, and said to be so in the error.
    ///
    /// # Errors
    /// Why there is none: a word for `--stats` and for `maru cache why`, not a failure.
    pub fn find(&self, key: &CacheKey) -> Result<Vec<u8>, String> {
        let Some(entry) = self.read_facts(key.name())? else { return Err("it is not in the cache".into()) };
        self.read_image(&entry).inspect_err(|_| self.remove(key.name()))
    }

    /// Keep an image. Whoever reads meanwhile sees the old entry, or none, or the new one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, key: &CacheKey, bytes: &[u8]) -> Result<(), LoadError> {
        let entry = CacheEntry {
            name: key.digest.clone(),
            unit: key.unit.clone(),
            size: bytes.len() as u64,
            digest: hexadecimal(&Sha256::digest(bytes)),
            parts: key.parts.clone(),
        };
        self.replace(&self.path(key.name(), IMAGE), bytes)?;
        self.replace(&self.path(key.name(), FACTS), entry.to_text().as_bytes())
    }

    /// All entries, sorted by unit and name; those with unreadable facts are left out.
    pub fn entries(&self) -> Vec<CacheEntry> {
        let names = self.names().into_iter();
        let mut entries: Vec<_> = names.filter_map(|name| self.read_facts(&name).ok().flatten()).collect();
        entries.sort_by(|a, b| (&a.unit, &a.name).cmp(&(&b.unit, &b.name)));
        entries
    }

    /// Check every entry; those that are damaged, with the reason. Nothing is removed.
    pub fn verify(&self) -> Vec<(String, String)> {
        let problem = |name: &String| match self.read_facts(name) {
            Ok(Some(entry)) => self.read_image(&entry).err(),
            Ok(None) => Some("its facts are missing".into()),
            Err(problem) => Some(problem),
        };
        self.names().into_iter().filter_map(|name| problem(&name).map(|problem| (name, problem))).collect()
    }

    /// Why an image with this key is not found: what is wrong with its entry, or in which parts the entries of the
    /// same unit differ. Empty if it is found.
    pub fn why(&self, key: &CacheKey) -> Vec<String> {
        let problem = match self.read_facts(key.name()) {
            Ok(Some(entry)) => match self.read_image(&entry) {
                Ok(_) => return Vec::new(),
                Err(problem) => problem,
            },
            Ok(None) => "it is not in the cache".into(),
            Err(problem) => problem,
        };
        let mut reasons = vec![problem];
        for entry in self.entries().into_iter().filter(|entry| entry.unit == key.unit && entry.name != key.digest) {
            let different = |part: &&(String, u64)| !entry.parts.contains(part);
            let parts: Vec<&str> = key.parts.iter().filter(different).map(|(name, _)| name.as_str()).collect();
            let parts = if parts.is_empty() { "fewer parts".into() } else { parts.join(", ") };
            reasons.push(format!("entry {} of the same unit has another: {parts}", &entry.name[..12]));
        }
        reasons
    }

    /// Remove an entry, as far as there is one.
    pub fn remove(&self, name: &str) {
        // Without facts there is no entry, so they go first.
        let _ = fs::remove_file(self.path(name, FACTS));
        let _ = fs::remove_file(self.path(name, IMAGE));
    }

    /// Remove all entries and whatever interrupted writers left behind; how many files that were.
    ///
    /// # Errors
    /// When the directory cannot be read or a file cannot be removed.
    pub fn clear(&self) -> io::Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if [IMAGE, FACTS, "new"].iter().any(|ending| path.extension().is_some_and(|found| found == *ending)) {
                fs::remove_file(path)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.directory.join(format!("{name}.{ending}"))
    }

    /// Names of all entries, whole or not, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let name =
            |file: String| Some(file.split_once('.').filter(|(_, end)| [IMAGE, FACTS].contains(end))?.0.to_string());
        let mut names: Vec<String> = files.filter_map(name).collect();
        names.sort();
        names.dedup();
        names
    }

    fn read_facts(&self, name: &str) -> Result<Option<CacheEntry>, String> {
        let bytes = match read(&self.path(name, FACTS)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its facts cannot be read: {error}")),
        };
        let text = String::from_utf8(bytes).unwrap_or_default();
        CacheEntry::parse(name, &text).map(Some).ok_or_else(|| {
            self.remove(name);
            "its facts were damaged; it was removed".into()
        })
    }

    fn read_image(&self, entry: &CacheEntry) -> Result<Vec<u8>, String> {
        let bytes = read(&self.path(&entry.name, IMAGE)).map_err(|error| format!("it cannot be read: {error}"))?;
        if bytes.len() as u64 != entry.size || hexadecimal(&Sha256::digest(&bytes)) != entry.digest {
            return Err("it is damaged: its digest is not the one that was written with it".into());
        }
        Ok(bytes)
    }

    /// Write a new file and rename it.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let new = self.directory.join(format!("{}-{number}.new", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&new)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&new, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&new);
            let message = format!("the cache cannot be written: {error}; set MARU_CACHE to another directory");
            LoadError::new(path, LoadErrorKind::Unwritable, message)
        })
    }
}

/// The bytes of a file, unless it is a symbolic link.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
