//! The directory for libraries that this process writes and loads.
//!
//! Not every directory will do: many systems mount the usual places such that nothing in them can be executed, and
//! whether it can is known for sure only when a library has been loaded. So there is a list of candidates, and the
//! first library to be loaded decides. In the chosen place the files lie in a directory that belongs to this user
//! alone: who can write there can make this process run anything.
//!
//! What becomes of the files is told in `copies`.

use super::copies::{forget_at_exit, locked_name, remove_at_exit, sweep, WrittenFile};
use super::debugger::{file_readers, FileReaders};
use super::durable::lock_existing;
use super::private::{make_private, user};
use super::{check, Library, LoadError, LoadErrorKind, LoadedImage};
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
pub struct ScratchDirectory {
    path: PathBuf,
    /// Holds the lock that says that it is in use.
    _lock: Option<File>,
}

impl ScratchDirectory {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        forget_at_exit(&self.path);
    }
}

/// A place for files on the way to a library.
///
/// # Errors
/// When there is none.
pub fn scratch_directory() -> Result<ScratchDirectory, LoadError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut problems = String::from("there is no directory for files on the way:");
    let mut candidates = Candidate::usual().into_iter().peekable();
    while let Some(candidate) = candidates.peek() {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = locked_name(&format!("{number}.parts"));
        let made = candidate.prepare().and_then(|directory| {
            let path = directory.join(name);
            let made = DirBuilder::new().mode(0o700).create(&path);
            made.map_err(|error| format!("{} cannot be made: {error}", path.display())).map(|()| path)
        });
        match made {
            Ok(path) => match lock_existing(&path) {
                // Somebody has taken it for what a dead process left behind: once more.
                Ok(None) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                lock => {
                    remove_at_exit(&path);
                    return Ok(ScratchDirectory { path, _lock: lock.ok().flatten() });
                }
            },
            Err(problem) => {
                problems.push_str(&format!("\n  {}: {problem}", candidate.base.display()));
                candidates.next();
            }
        }
    }
    problems.push_str("\nset MARU_TMPDIR to a directory of your own");
    Err(LoadError::new(Path::new(""), LoadErrorKind::NoDirectory, problems))
}

/// What messages start with that say why no directory will do.
pub const NO_PLACE: &str = "there is no directory from which code can be loaded";

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
            let attempt = WrittenFile::new(&directory, format, bytes).and_then(|file| {
                let written = Instant::now();
                self.time_writing += written - start;
                // SAFETY: the bytes were checked or made here, and nobody else can write to the file.
                let library = unsafe { Library::open(file.path()) }?;
                let image = LoadedImage::from_library(library)?;
                let image = match file_readers() {
                    FileReaders::WhileItRuns => image.keep(file),
                    FileReaders::None | FileReaders::Afterwards => image,
                };
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
                    sweep(&path);
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
        let mut message = format!("{NO_PLACE}:\n");
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
