//! The directory for libraries that this process writes and loads.
//!
//! Not every directory will do: many systems mount the usual places such that nothing in them can be executed, and
//! whether it can is known for sure only when a library has been loaded. So there is a list of candidates, and the
//! first library to be loaded decides. In the chosen place the files lie in a directory that belongs to this user
//! alone: who can write there can make this process run anything.
//!
//! A file stays until its image is dropped or the process exits, because debuggers and profilers read it; files of
//! processes that were killed are removed by the next.

use super::debugger::is_profiled;
use super::private::{make_private, user};
use super::{check, Library, LoadError, LoadErrorKind, LoadedImage};
use maru_core::abi::fingerprint;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Younger files are never taken for leftovers: their process may be one that is not to be seen from here.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);
/// How many entries are looked at when leftovers are removed; the rest waits for the next process.
const LEFTOVER_ENTRIES: usize = 1000;

/// A place in which the directory may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Why it is a candidate, such as the name of the variable that names it.
    pub origin: &'static str,
    /// The place.
    pub base: PathBuf,
}

impl Candidate {
    /// The places in order of preference: what the user said, then file systems in memory, then the usual ones.
    pub fn usual() -> Vec<Candidate> {
        let variable = |name: &'static str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(|value| Candidate { origin: name, base: value.into() })
        };
        let fixed = |path: &'static str| Some(Candidate { origin: path, base: path.into() });
        let all = [
            variable("MARU_TMPDIR"),
            variable("XDG_RUNTIME_DIR"),
            fixed("/dev/shm"),
            variable("TMPDIR"),
            fixed("/tmp"),
        ];
        all.into_iter().flatten().collect()
    }

    /// Make the directory in it, or check the one that is there; its path.
    ///
    /// # Errors
    /// Why it will not do.
    pub fn prepare(&self) -> Result<PathBuf, String> {
        let path = self.base.join(format!("maru-{}", user()));
        make_private(&path)?;
        if is_mounted_noexec(&self.base) {
            return Err("its file system is mounted noexec".into());
        }
        Ok(path)
    }
}

#[cfg(target_os = "linux")]
fn is_mounted_noexec(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut facts = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in a nul, and the buffer is large enough; it is read only if it was filled in.
    unsafe {
        libc::statvfs(path.as_ptr(), facts.as_mut_ptr()) == 0
            && facts.assume_init().f_flag & libc::ST_NOEXEC as libc::c_ulong != 0
    }
}

/// Elsewhere the first attempt to load something tells.
#[cfg(not(target_os = "linux"))]
fn is_mounted_noexec(_: &Path) -> bool {
    false
}

/// A new directory of this process alone, removed with all that is in it when dropped.
#[derive(Debug)]
pub struct ScratchDirectory(PathBuf);

impl ScratchDirectory {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A place for files on the way to a library.
///
/// # Errors
/// When there is none.
pub fn scratch_directory() -> Result<ScratchDirectory, LoadError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut problems = String::from("there is no directory for files on the way:");
    for candidate in Candidate::usual() {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Named as a file of this process, so that what one that was killed leaves behind is found by the next.
        let name = format!("{}-{number}.parts", std::process::id());
        let made = candidate.prepare().and_then(|directory| {
            let path = directory.join(name);
            let made = DirBuilder::new().mode(0o700).create(&path);
            made.map_err(|error| format!("{} cannot be made: {error}", path.display())).map(|()| path)
        });
        match made {
            Ok(path) => return Ok(ScratchDirectory(path)),
            Err(problem) => problems.push_str(&format!("\n  {}: {problem}", candidate.base.display())),
        }
    }
    problems.push_str("\nset MARU_TMPDIR to a directory of your own");
    Err(LoadError::new(Path::new(""), LoadErrorKind::NoDirectory, problems))
}

/// A file of this process, removed when dropped.
#[derive(Debug)]
pub struct WrittenFile {
    path: PathBuf,
    process: u32,
}

impl WrittenFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WrittenFile {
    fn drop(&mut self) {
        // A forked child has a copy of this, but the file is the parent's. Profilers read it when the process is gone;
        // then a later one removes it.
        if std::process::id() == self.process && !is_profiled() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A directory in whose files code can be executed.
pub struct ExecutableDirectory {
    candidates: Vec<Candidate>,
    /// The directory in use, made in the first of the candidates.
    current: Option<PathBuf>,
    /// Whether a library was loaded from it.
    proven: bool,
    /// Candidates that were tried, with what was wrong.
    rejected: Vec<(Candidate, String)>,
    /// Time spent writing files.
    pub time_writing: Duration,
    /// Time spent in the system's loader.
    pub time_opening: Duration,
}

impl Default for ExecutableDirectory {
    fn default() -> ExecutableDirectory {
        ExecutableDirectory::among(Candidate::usual())
    }
}

impl ExecutableDirectory {
    /// A directory in the first of these places that will do. None is touched before something is to be loaded.
    pub fn among(candidates: Vec<Candidate>) -> ExecutableDirectory {
        ExecutableDirectory {
            candidates,
            current: None,
            proven: false,
            rejected: Vec::new(),
            time_writing: Duration::ZERO,
            time_opening: Duration::ZERO,
        }
    }

    /// The directory in use, once something was loaded.
    pub fn path(&self) -> Option<&Path> {
        self.current.as_deref().filter(|_| self.proven)
    }

    /// Check the bytes of a library, write them to a file, and load it.
    ///
    /// # Errors
    /// When the library is not for this machine and version; when no candidate will do; or when one has done before
    /// and the loader refuses this library.
    pub fn load(
        &mut self,
        format: &dyn ObjectFormat,
        architecture: &dyn Architecture,
        bytes: &[u8],
    ) -> Result<LoadedImage, LoadError> {
        check(Path::new(""), bytes, format, architecture)?;
        self.load_checked(format, bytes)
    }

    /// Load a library from a file that a user named. What is mapped is a copy: so the file may lie where nothing can
    /// be executed, be overwritten while its image is in use, and be loaded twice, each image with its own data.
    ///
    /// # Errors
    /// When the file cannot be read; otherwise as for [`ExecutableDirectory::load`].
    pub fn load_file(
        &mut self,
        path: &Path,
        format: &dyn ObjectFormat,
        architecture: &dyn Architecture,
    ) -> Result<LoadedImage, LoadError> {
        let unreadable =
            |error| LoadError::new(path, LoadErrorKind::Unreadable, format!("the library cannot be read: {error}"));
        let bytes = fs::read(path).map_err(unreadable)?;
        check(path, &bytes, format, architecture)?;
        self.load_checked(format, &bytes)
    }

    /// Write a library that a format of this process made a moment ago to a file, and load it, unexamined.
    ///
    /// # Safety
    /// The bytes must be what a format wrote for this host, unchanged: the system's loader trusts them.
    ///
    /// # Errors
    /// As for [`ExecutableDirectory::load`].
    pub unsafe fn load_fresh(&mut self, format: &dyn ObjectFormat, bytes: &[u8]) -> Result<LoadedImage, LoadError> {
        self.load_checked(format, bytes)
    }

    fn load_checked(&mut self, format: &dyn ObjectFormat, bytes: &[u8]) -> Result<LoadedImage, LoadError> {
        loop {
            let directory = self.directory()?;
            let start = Instant::now();
            let attempt = write_new(&directory, format, bytes).and_then(|file| {
                let written = Instant::now();
                self.time_writing += written - start;
                // SAFETY: the bytes were checked or made here, and nobody else can write to the file.
                let library = unsafe { Library::open(file.path()) }?;
                let image = LoadedImage::from_library(library)?.keep(file);
                self.time_opening += written.elapsed();
                Ok(image)
            });
            match attempt {
                Ok(image) => {
                    self.proven = true;
                    return Ok(image);
                }
                // Something cleaned the place up while we were using it: once more in the same place.
                Err(error) if error.problem == LoadErrorKind::Unwritable && !directory.exists() && self.proven => {
                    self.current = None;
                    self.proven = false;
                }
                Err(error) if error.problem == LoadErrorKind::Unwritable => self.reject(error.message),
                Err(error) if error.problem == LoadErrorKind::Refused && !self.proven => self.reject(error.message),
                Err(error) => return Err(error),
            }
        }
    }

    /// The directory in use, or the first that can be prepared.
    fn directory(&mut self) -> Result<PathBuf, LoadError> {
        loop {
            if let Some(current) = &self.current {
                return Ok(current.clone());
            }
            let Some(candidate) = self.candidates.first() else { return Err(self.give_up()) };
            match candidate.prepare() {
                Ok(path) => {
                    remove_leftovers(&path);
                    remove_at_exit(&path);
                    self.current = Some(path);
                }
                Err(problem) => self.reject(problem),
            }
        }
    }

    /// On to the next candidate.
    fn reject(&mut self, problem: String) {
        self.rejected.push((self.candidates.remove(0), problem));
        self.current = None;
        self.proven = false;
    }

    /// No candidate is left. All of them may be tried again, for whoever reads the message may remedy it.
    fn give_up(&mut self) -> LoadError {
        let mut message = String::from("there is no directory from which code can be loaded:\n");
        for (candidate, problem) in &self.rejected {
            let base = candidate.base.display().to_string();
            let origin = if base == candidate.origin { String::new() } else { format!(" (${})", candidate.origin) };
            message.push_str(&format!("  {base}{origin}: {problem}\n"));
        }
        message.push_str("set MARU_TMPDIR to a directory of your own on a file system that is not mounted noexec");
        self.candidates = self.rejected.drain(..).map(|(candidate, _)| candidate).collect();
        LoadError::new(Path::new(""), LoadErrorKind::NoDirectory, message)
    }
}

/// Write a file with a new name. A loader that is given a name it knows returns the library that it already has, so
/// no name is used twice by a process.
fn write_new(directory: &Path, format: &dyn ObjectFormat, bytes: &[u8]) -> Result<WrittenFile, LoadError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    let hash = fingerprint(bytes)[0];
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format.file_name(&format!("{process}-{number}-{hash:016x}")));
        let file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            other => other,
        };
        let written = file.and_then(|mut file| {
            let guard = WrittenFile { path: path.clone(), process };
            file.write_all(bytes).map(|()| guard)
        });
        return written.map_err(|error| unwritable(&path, &error));
    }
}

fn unwritable(path: &Path, error: &io::Error) -> LoadError {
    LoadError::new(path, LoadErrorKind::Unwritable, format!("{} cannot be written: {error}", path.display()))
}

/// Directories that this process used.
static USED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A process that exits without dropping its images removes their files nevertheless.
fn remove_at_exit(directory: &Path) {
    let Ok(mut used) = USED.lock() else { return };
    if used.is_empty() {
        // SAFETY: the function takes no arguments, does not unwind, and stays as long as the program.
        unsafe { libc::atexit(remove_own_files) };
    }
    if !used.iter().any(|path| path == directory) {
        used.push(directory.into());
    }
}

extern "C" fn remove_own_files() {
    if is_profiled() {
        return;
    }
    let own = format!("{}-", std::process::id());
    // A thread that holds the lock is on its way to load something; then the next process cleans up.
    let Ok(used) = USED.try_lock() else { return };
    for entry in used.iter().flat_map(fs::read_dir).flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&own)) {
            remove(&entry.path());
        }
    }
}

/// Remove files whose process is gone.
fn remove_leftovers(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().take(LEFTOVER_ENTRIES) {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split_once('-')?.0.parse().ok());
        if process.is_some_and(is_gone) && is_old(&entry) {
            remove(&entry.path());
        }
    }
}

fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        let _ = fs::remove_dir_all(path);
    }
}

fn is_gone(process: i32) -> bool {
    // SAFETY: signal 0 is sent to nobody; the call only tells whether there is such a process.
    process > 0
        && unsafe { libc::kill(process, 0) } != 0
        && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

fn is_old(entry: &fs::DirEntry) -> bool {
    let age = entry.metadata().and_then(|facts| facts.modified()).map(|time| time.elapsed());
    matches!(age, Ok(Ok(age)) if age > LEFTOVER_AGE)
}
