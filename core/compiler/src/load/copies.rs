//! Private copies of libraries: written to the directory that code is loaded from, opened from there, and removed.
//!
//! A copy is removed as soon as the system's loader has it: what is mapped stays, and a process that is killed leaves
//! nothing behind but what it was writing at that moment. Copies stay where debuggers or profilers have to find the symbols
//! (see `debugger`): as long as the process runs, where one has it; for a day, where `MARU_SYMBOLS` asks for that, because
//! profiles are read afterwards.
//!
//! Whoever writes a copy holds a lock on it. So what dead processes left behind is told from what is in use, and removed by
//! the next that loads something: a few files at a time, so that no start has to pay for many. Names say that there is a
//! lock: other versions of Maru may run, which held none and named their copies otherwise; such are left for a day.

use super::debugger::{file_readers, FileReaders};
use super::durable::{create_locked, lock_if_free};
use super::{LoadError, LoadErrorKind};
use maru_core::abi::fingerprint;
use maru_core::format::ObjectFormat;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a start looks for what dead processes left behind.
const SWEEPING_TIME: Duration = Duration::from_micros(300);
/// How many files it looks at in any case.
const SWEPT_ENTRIES: usize = 16;
/// Copies for debuggers and profilers stay as long as that.
const SYMBOLS_AGE: Duration = Duration::from_secs(24 * 3600);
/// How names of copies start that stay for debuggers and profilers.
const FOR_SYMBOLS: &str = "symbols-";

/// How names of copies start, and of directories, whose process holds a lock on them.
const LOCKED: &str = "locked-";
/// What has another version's name, and no lock, is left as long as that.
const OTHERS_AGE: Duration = Duration::from_secs(24 * 3600);

/// The name of a file or directory that this process holds a lock on, without its ending.
pub(super) fn locked_name(rest: &str) -> String {
    format!("{LOCKED}{}-{rest}", std::process::id())
}

/// A file of this process; removed when dropped, unless somebody is to find it afterwards.
#[derive(Debug)]
pub struct WrittenFile {
    path: PathBuf,
    process: u32,
    stays: bool,
    /// Holds the lock that says that the file is in use.
    _file: File,
}

impl WrittenFile {
    /// Write a file with a new name. A loader that is given a name it knows returns the library that it already has, so
    /// no name is used twice by a process.
    pub(super) fn new(directory: &Path, format: &dyn ObjectFormat, bytes: &[u8]) -> Result<WrittenFile, LoadError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let (process, hash) = (std::process::id(), fingerprint(bytes)[0]);
        let stays = file_readers() == FileReaders::Afterwards;
        let start = if stays { FOR_SYMBOLS } else { LOCKED };
        let name = || {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            directory.join(format.file_name(&format!("{start}{process}-{number}-{hash:016x}")))
        };
        let unwritable = |path: &Path, error: &io::Error| {
            let message = format!("{} cannot be written: {error}", path.display());
            LoadError::new(path, LoadErrorKind::Unwritable, message)
        };
        let (path, file) = create_locked(name, 0o600).map_err(|error| unwritable(directory, &error))?;
        remove_at_exit(&path);
        let mut written = WrittenFile { path, process, stays: false, _file: file };
        let outcome = written._file.write_all(bytes);
        outcome.map_err(|error| unwritable(&written.path, &error))?;
        written.stays = stays;
        Ok(written)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WrittenFile {
    fn drop(&mut self) {
        // A forked child has a copy of this, but the file is the parent's.
        if std::process::id() == self.process {
            if !self.stays {
                let _ = fs::remove_file(&self.path);
            }
            forget_at_exit(&self.path);
        }
    }
}

/// What this process has not removed yet.
static UNREMOVED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A process that exits while it writes a file removes it nevertheless.
pub(super) fn remove_at_exit(path: &Path) {
    static REGISTERED: std::sync::Once = std::sync::Once::new();
    // SAFETY: the function takes no arguments, does not unwind, and stays as long as the program.
    REGISTERED.call_once(|| unsafe {
        libc::atexit(remove_own);
    });
    UNREMOVED.lock().unwrap_or_else(PoisonError::into_inner).push(path.into());
}

pub(super) fn forget_at_exit(path: &Path) {
    UNREMOVED.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other != path);
}

extern "C" fn remove_own() {
    // A thread that holds the lock is on its way to load something; then the next process cleans up.
    let Ok(paths) = UNREMOVED.try_lock() else { return };
    let is_for_symbols = |path: &Path| path.file_name().is_some_and(|name| is_kept(name.to_string_lossy().as_ref()));
    paths.iter().filter(|path| !is_for_symbols(path)).for_each(|path| remove(path));
}

/// Whether a file of this name stays for debuggers and profilers.
fn is_kept(name: &str) -> bool {
    name.starts_with(FOR_SYMBOLS)
}

fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        let _ = fs::remove_dir_all(path);
    }
}

/// Remove some of what dead processes left behind.
pub(super) fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let start = Instant::now();
    for (number, entry) in entries.flatten().enumerate() {
        if number >= SWEPT_ENTRIES && start.elapsed() > SWEEPING_TIME {
            return;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_left = match is_kept(&name) {
            true => is_older(&entry, SYMBOLS_AGE),
            false if is_of_a_process(&name) => is_older(&entry, OTHERS_AGE),
            false => name.strip_prefix(LOCKED).is_some_and(is_of_a_process),
        };
        if is_left && lock_if_free(&entry.path()).is_some() {
            remove(&entry.path());
        }
    }
}

/// Whether a name starts with the number of a process, as those do that other versions gave.
fn is_of_a_process(name: &str) -> bool {
    name.split_once('-').is_some_and(|(process, _)| process.parse::<u32>().is_ok())
}

fn is_older(entry: &fs::DirEntry, age: Duration) -> bool {
    let time = entry.metadata().and_then(|facts| facts.modified()).map(|time| time.elapsed());
    matches!(time, Ok(Ok(time)) if time > age)
}
