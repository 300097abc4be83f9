//! Files that are replaced whole: whoever reads one sees what was there before, or all that is there now, whatever ends
//! the writer, the disk or the machine.
//!
//! A file is written under a name of its own in the same directory, forced to the disk, and renamed; then the directory is
//! forced to the disk. The writer holds a lock on what it writes, so that what dead writers left behind is told from what
//! is being written. In a directory where readers remove what is damaged, renaming and removing are done by who has that
//! directory's lock, so that nobody removes the good file that has just taken the place of a damaged one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How names of files end that are being written.
const UNFINISHED: &str = "new";
/// The file that stands for a directory's lock.
pub(super) const LOCK: &str = ".lock";

/// Whether a file must survive the machine's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Durability {
    /// It is forced to the disk before anybody is told that it is there.
    Forced,
    /// It can be made again: the system writes it when it likes.
    Whenever,
}

/// Put a file with these bytes in place of what has that name, in a directory of this user alone. `counted` is what is added
/// to the directory's count for it; the new count is the result, where one is known.
pub(super) fn replace(path: &Path, bytes: &[u8], durability: Durability, counted: u64) -> io::Result<Option<u64>> {
    let directory = parent(path);
    let unfinished = Unfinished::write(directory, 0o600, bytes, durability)?;
    let mut lock = DirectoryLock::wait(directory)?;
    unfinished.rename(path)?;
    let count = lock.count().map(|count| count + counted);
    if let Some(count) = count.filter(|_| counted > 0) {
        lock.set_count(count);
    }
    drop(lock);
    if durability == Durability::Forced {
        File::open(directory)?.sync_all()?;
    }
    Ok(count)
}

/// Set a directory's count, which is kept in its lock's file.
pub(super) fn set_count(directory: &Path, count: u64) {
    if let Ok(mut lock) = DirectoryLock::wait(directory) {
        lock.set_count(count);
    }
}

/// Put a file with these bytes in place of what has that name, wherever that is, forced to the disk.
///
/// # Errors
/// When it cannot be written. What was there before is still there then, or the new file is, whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = parent(path);
    Unfinished::write(directory, 0o666, bytes, Durability::Forced)?.rename(path)?;
    File::open(directory)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that is being written, removed when dropped before it was renamed.
struct Unfinished {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Unfinished {
    fn write(directory: &Path, mode: u32, bytes: &[u8], durability: Durability) -> io::Result<Unfinished> {
        let mut unfinished = Unfinished::create(directory, mode)?;
        unfinished.file.write_all(bytes)?;
        if durability == Durability::Forced {
            unfinished.file.sync_all()?;
        }
        Ok(unfinished)
    }

    fn rename(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }

    fn create(directory: &Path, mode: u32) -> io::Result<Unfinished> {
        let (path, file) = create_locked(|| directory.join(new_name()), mode)?;
        Ok(Unfinished { path, file, renamed: false })
    }
}

/// Make a new file, and lock it: so nobody takes it for what a dead process left behind. `name` gives names to be tried.
pub(super) fn create_locked(mut name: impl FnMut() -> PathBuf, mode: u32) -> io::Result<(PathBuf, File)> {
    loop {
        let path = name();
        let opened =
            OpenOptions::new().write(true).create_new(true).mode(mode).custom_flags(libc::O_NOFOLLOW).open(&path);
        let file = match opened {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            other => other?,
        };
        let locked = lock(&file, libc::LOCK_EX).and_then(|_| file.metadata());
        match locked {
            // Between the two, somebody may have taken it for a dead writer's.
            Ok(facts) if facts.nlink() == 0 => {}
            Ok(_) => return Ok((path, file)),
            Err(error) => {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn new_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    format!(".{}-{time:x}-{number}.{UNFINISHED}", std::process::id())
}

/// Lock a file. False: its file system has no locks.
fn lock(file: &File, how: libc::c_int) -> io::Result<bool> {
    loop {
        // SAFETY: the descriptor is open as long as the file is borrowed.
        if unsafe { libc::flock(file.as_raw_fd(), how) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// A directory's lock, given up when dropped.
struct DirectoryLock {
    file: File,
    /// Whether its file system has locks.
    is_held: bool,
}

impl DirectoryLock {
    fn wait(directory: &Path) -> io::Result<DirectoryLock> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(directory.join(LOCK))?;
        let is_held = lock(&file, libc::LOCK_EX)?;
        Ok(DirectoryLock { file, is_held })
    }

    /// The directory's count; `None` if it has none, or a writer was interrupted.
    fn count(&mut self) -> Option<u64> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(0)).ok()?;
        self.file.read_to_string(&mut text).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    }

    fn set_count(&mut self, count: u64) {
        // Without a whole line there is no count, and it is found out anew.
        let _ = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        let _ = self.file.write_all(format!("{count}\n").as_bytes());
    }
}

/// Do something that removes files, while nobody puts any into their places. Nothing is done where that cannot be had.
pub(super) fn while_locked<T>(directory: &Path, body: impl FnOnce() -> T) -> Option<T> {
    let lock = DirectoryLock::wait(directory).ok()?;
    lock.is_held.then(body)
}

/// A file that was read.
pub(super) struct ReadFile {
    /// Holds the file, so that its number stays its own.
    pub(super) file: File,
    pub(super) bytes: Vec<u8>,
}

/// Read a file, unless it is a symbolic link.
pub(super) fn read(path: &Path) -> io::Result<ReadFile> {
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    let size = file.metadata()?.len();
    bytes.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))?;
    file.read_to_end(&mut bytes)?;
    Ok(ReadFile { file, bytes })
}

impl ReadFile {
    /// Remove the file with this name, if it is the very one that was read. Whether it was removed.
    pub(super) fn remove(&self, path: &Path) -> bool {
        let remove = || {
            let (Ok(read), Ok(there)) = (self.file.metadata(), fs::symlink_metadata(path)) else { return false };
            (read.dev(), read.ino()) == (there.dev(), there.ino()) && fs::remove_file(path).is_ok()
        };
        while_locked(parent(path), remove).unwrap_or(false)
    }
}

/// Remove what writers that are gone left behind in a directory; how many files that were.
pub(super) fn sweep(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let unfinished = entries.map(|entry| entry.path()).filter(|path| is_unfinished(path));
    unfinished.filter(|path| remove_if_dead(path)).count()
}

/// Whether this is the name of a file that is being written.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == UNFINISHED)
}

/// Remove a file that nobody holds the lock of.
fn remove_if_dead(path: &Path) -> bool {
    lock_if_free(path).is_some_and(|_| fs::remove_file(path).is_ok())
}

/// Lock a file or directory that this process has just made; `None`: somebody has removed it before.
pub(super) fn lock_existing(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    lock(&file, libc::LOCK_EX)?;
    Ok((file.metadata()?.nlink() > 0).then_some(file))
}

/// Lock a file or directory that nobody has the lock of.
pub(super) fn lock_if_free(path: &Path) -> Option<File> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    opened.ok().filter(|file| matches!(lock(file, libc::LOCK_EX | libc::LOCK_NB), Ok(true)))
}
