//! The cache: libraries by a key made from all that they were compiled from.
//!
//! Each entry is one file with its digest inside ([`entry`]), replaced whole ([`super::durable`]). Times of files mean
//! nothing for what is found; of two units that can be compiled again, that which was not used for longer gives way first
//! when there is no room for both. Saved environments never give way.
//!
//! What is in the cache is distrusted: nobody else may be able to write to its directory or to those it lies in, and an
//! entry whose digest is wrong counts as missing. It is removed only where a second look has found the same damage in the
//! very same file: that something cannot be read at the moment proves nothing. Whoever loads what was found checks it as
//! any other library.
//!
//! Besides the user's own directory, others can be read from, such as one that a whole site shares.

mod entry;
mod key;

pub use entry::{library_in, CacheEntry};
pub use key::{CacheKey, EntryKind};

use super::durable::{self, Durability, ReadFile};
use super::private::{check_readable, is_trusted, make_own};
use super::{LoadError, LoadErrorKind};
use std::fs::{self, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The variable that names the user's directory.
pub const CACHE_VARIABLE: &str = "MARU_CACHE";
/// The variable that names directories which are only read from, with colons between.
pub const SHARED_CACHE_VARIABLE: &str = "MARU_SHARED_CACHE";

/// Bytes that units may take, unless somebody says otherwise.
pub const USUAL_SIZE: u64 = 256 << 20;
/// An entry's use is noted when the last note of it is older.
const USE_IS_NOTED: Duration = Duration::from_secs(60);
/// When there is no room, units are removed until they take so many hundredths of what they may.
const TRIMMED_TO: u64 = 90;

/// The user's directory of libraries, and those that are read from besides.
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    shared: Vec<PathBuf>,
    /// Bytes that units may take.
    limit: u64,
}

/// What became of reading an entry.
enum Attempt {
    /// The file, with the library's bytes only.
    Found(ReadFile, CacheEntry),
    Missing,
    /// It cannot be read now; why.
    Unreadable(String),
    Damaged(ReadFile),
}

const DAMAGED: &str = "it is damaged: its digest is not the one that was written with it";

impl Cache {
    /// The cache's usual place: `$MARU_CACHE`, or `maru` in `$XDG_CACHE_HOME` or `~/.cache`. `None` if none of the
    /// variables says where.
    pub fn usual_place() -> Option<PathBuf> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        variable(CACHE_VARIABLE)
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("maru")))
            .or_else(|| Some(variable("HOME")?.join(".cache/maru")))
    }

    /// The directories that `$MARU_SHARED_CACHE` names.
    pub fn shared_places() -> Vec<PathBuf> {
        let value = std::env::var_os(SHARED_CACHE_VARIABLE).unwrap_or_default();
        std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
    }

    /// Use a directory, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else could write to it or to one that it lies in.
    pub fn open(directory: &Path) -> Result<Cache, LoadError> {
        let directory = make_own(directory).map_err(|problem| {
            let message = format!("the cache cannot be used: {problem}; set {CACHE_VARIABLE} to another directory");
            LoadError::new(directory, LoadErrorKind::NoDirectory, message)
        })?;
        Ok(Cache { directory, shared: Vec::new(), limit: USUAL_SIZE })
    }

    /// Let units take so many bytes.
    pub fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Read from another directory, too.
    ///
    /// # Errors
    /// When somebody who is not the system could write to it or to one that it lies in.
    pub fn share(&mut self, directory: &Path) -> Result<(), LoadError> {
        let directory = check_readable(directory).map_err(|problem| {
            let message = format!("it is not read from: {problem}; change {SHARED_CACHE_VARIABLE}");
            LoadError::new(directory, LoadErrorKind::NoDirectory, message)
        })?;
        self.shared.push(directory);
        Ok(())
    }

    /// The user's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of an entry, whether it is there or not.
    pub fn path(&self, key: &CacheKey) -> PathBuf {
        self.directory.join(key.file_name())
    }

    /// The library with this key.
    ///
    /// # Errors
    /// Why there is none: a word for `--stats` and for `maru cache why`, not a failure.
    pub fn find(&self, key: &CacheKey) -> Result<Vec<u8>, String> {
        let name = key.file_name();
        let own = self.find_own(&name);
        let places = self.shared.iter().map(|directory| attempt(directory, &name, true));
        let mut problem = None;
        for (number, attempt) in std::iter::once(own).chain(places).enumerate() {
            match attempt {
                Attempt::Found(file, entry) if entry.key == key.digest => {
                    if key.kind == EntryKind::Unit && number == 0 {
                        note_use(&file);
                    }
                    return Ok(file.bytes);
                }
                Attempt::Found(..) | Attempt::Missing => {}
                Attempt::Unreadable(reason) => problem = problem.or(Some(reason)),
                Attempt::Damaged(_) => problem = problem.or(Some(DAMAGED.into())),
            }
        }
        Err(problem.unwrap_or_else(|| "it is not in the cache".into()))
    }

    /// Read an entry of the user's directory. Damage that is seen twice is removed.
    fn find_own(&self, name: &str) -> Attempt {
        let first = attempt(&self.directory, name, false);
        if !matches!(first, Attempt::Damaged(_)) {
            return first;
        }
        let second = attempt(&self.directory, name, false);
        if let Attempt::Damaged(file) = &second {
            file.remove(&self.directory.join(name));
        }
        second
    }

    /// Keep a library. Whoever reads meanwhile sees the old entry, or none, or the new one.
    ///
    /// # Errors
    /// When it cannot be written; then the old entry is as it was, or the new one is there.
    pub fn store(&self, key: &CacheKey, library: &[u8]) -> Result<(), LoadError> {
        let path = self.path(key);
        let file = entry::file(key, library);
        let durability = match key.kind {
            EntryKind::Saved => Durability::Forced,
            EntryKind::Unit => Durability::Whenever,
        };
        let counted = if key.kind == EntryKind::Unit { on_disk(file.len() as u64) } else { 0 };
        let count = durable::replace(&path, &file, durability, counted).map_err(|error| {
            let message = format!("the cache cannot be written: {error}; set {CACHE_VARIABLE} to another directory");
            LoadError::new(&path, LoadErrorKind::Unwritable, message)
        })?;
        match key.kind {
            EntryKind::Saved => drop(durable::sweep(&self.directory)),
            EntryKind::Unit if count.is_none_or(|count| count > self.limit) => self.make_room(),
            EntryKind::Unit => {}
        }
        Ok(())
    }

    /// Remove the units that were not used for longest, where they take too much, and what writers left behind that are
    /// gone. Nobody looks at the whole directory but for this, because it may be large.
    fn make_room(&self) {
        durable::sweep(&self.directory);
        durable::set_count(&self.directory, self.trim(self.limit));
    }

    /// Remove units until the rest takes no more than that; bytes that they take.
    fn trim(&self, limit: u64) -> u64 {
        let mut units: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for path in self.files(EntryKind::Unit) {
            let Ok(facts) = fs::symlink_metadata(&path) else { continue };
            units.push((facts.modified().unwrap_or(SystemTime::UNIX_EPOCH), on_disk(facts.len()), path));
        }
        let mut taken: u64 = units.iter().map(|(_, size, _)| size).sum();
        if taken <= limit {
            return taken;
        }
        units.sort();
        for (_, size, path) in units {
            if taken <= limit / 100 * TRIMMED_TO {
                break;
            }
            // It can be made again, so it does not matter whether this is still the file that was looked at.
            if fs::remove_file(path).is_ok() {
                taken -= size;
            }
        }
        taken
    }

    /// All entries that are whole, sorted by kind, unit and name, with the directories that they lie in.
    pub fn entries(&self) -> Vec<(PathBuf, CacheEntry)> {
        let mut entries = Vec::new();
        for (directory, is_shared) in self.directories() {
            for kind in EntryKind::ALL {
                for name in names(directory, kind) {
                    if let Attempt::Found(_, entry) = attempt(directory, &name, is_shared) {
                        entries.push((directory.to_path_buf(), entry));
                    }
                }
            }
        }
        let order =
            |(_, entry): &(PathBuf, CacheEntry)| (entry.kind.ending(), entry.unit.clone(), entry.file_name.clone());
        entries.sort_by_key(order);
        entries
    }

    fn directories(&self) -> impl Iterator<Item = (&Path, bool)> {
        let shared = self.shared.iter().map(|directory| (directory.as_path(), true));
        std::iter::once((self.directory.as_path(), false)).chain(shared)
    }

    /// Check every entry; those that cannot be used, with the reason. Nothing is removed.
    pub fn verify(&self) -> Vec<(PathBuf, String)> {
        let mut problems = Vec::new();
        for (directory, is_shared) in self.directories() {
            for name in EntryKind::ALL.into_iter().flat_map(|kind| names(directory, kind)) {
                let problem = match attempt(directory, &name, is_shared) {
                    Attempt::Found(..) | Attempt::Missing => continue,
                    Attempt::Unreadable(problem) => problem,
                    Attempt::Damaged(_) => DAMAGED.into(),
                };
                problems.push((directory.join(name), problem));
            }
        }
        problems
    }

    /// Why a library with this key is not found: what is wrong with its entry, or in which parts the entries of the
    /// same unit differ. Empty if it is found.
    pub fn why(&self, key: &CacheKey) -> Vec<String> {
        let Err(problem) = self.find(key) else { return Vec::new() };
        let mut reasons = vec![problem];
        for (_, entry) in self.entries() {
            if entry.unit != key.unit || entry.kind != key.kind || entry.key == key.digest {
                continue;
            }
            let parts = entry.differences(key);
            let parts = if parts.is_empty() { "fewer parts".into() } else { parts.join(", ") };
            reasons.push(format!("entry {} of the same unit has another: {parts}", entry.short_key()));
        }
        reasons
    }

    /// Remove all entries of the user's directory and whatever interrupted writers left behind; how many files that were.
    ///
    /// # Errors
    /// When the directory cannot be read or a file cannot be removed.
    pub fn clear(&self) -> io::Result<usize> {
        // An older Maru's entries are two files each.
        let endings = ["image", "facts", EntryKind::Saved.ending(), EntryKind::Unit.ending()];
        let mut count = 0;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let is_entry = endings.iter().any(|ending| path.extension().is_some_and(|found| found == *ending));
            if is_entry || durable::is_unfinished(&path) {
                fs::remove_file(path)?;
                count += 1;
            }
        }
        durable::set_count(&self.directory, 0);
        Ok(count)
    }

    fn files(&self, kind: EntryKind) -> Vec<PathBuf> {
        names(&self.directory, kind).into_iter().map(|name| self.directory.join(name)).collect()
    }
}

/// What a file takes of a disk, with its entry in the directory: many small ones are a burden, too.
fn on_disk(size: u64) -> u64 {
    size.next_multiple_of(4096)
}

/// Names of all files of a kind in a directory, in order.
fn names(directory: &Path, kind: EntryKind) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        files.filter(|file| file.strip_suffix(kind.ending()).is_some_and(|stem| stem.ends_with('.'))).collect();
    names.sort();
    names
}

/// Read an entry. In a directory that is not this user's, the file must be the system's, too.
fn attempt(directory: &Path, name: &str, is_shared: bool) -> Attempt {
    let file = match durable::read(&directory.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Attempt::Missing,
        Err(error) => return Attempt::Unreadable(format!("it cannot be read: {error}")),
    };
    if is_shared && !file.file.metadata().is_ok_and(|facts| is_trusted(&facts)) {
        return Attempt::Unreadable("others can write to its file".into());
    }
    match entry::read(name, &file.bytes) {
        Some((entry, length)) => {
            let mut file = file;
            file.bytes.truncate(length);
            Attempt::Found(file, entry)
        }
        None => Attempt::Damaged(file),
    }
}

/// Note that a unit was used. If that cannot be noted, it may give way too early.
fn note_use(file: &ReadFile) {
    let noted = file.file.metadata().and_then(|facts| facts.modified());
    let is_old = noted.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > USE_IS_NOTED));
    if is_old {
        let _ = file.file.set_times(FileTimes::new().set_modified(SystemTime::now()));
    }
}
