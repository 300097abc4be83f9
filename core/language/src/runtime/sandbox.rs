//! What a program may touch outside of itself, if it runs in a sandbox: nothing that was not granted.
//!
//! Each primitive states in its table what it touches ([`Touch`]), and asks here before it does. Paths are looked at as the
//! system would come to them, through links and `..`, and what was looked at is what is opened.

use super::{ErrorKind, Failure, Runtime};
use std::path::{Path, PathBuf};

/// What a primitive touches outside of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// Nothing but the program's own memory, ports that it has, its standard streams, the clock, and how it ends.
    Nothing,
    /// Files or directories, which it reads.
    Read,
    /// Files or directories, which it changes.
    Write,
    /// Files, to read or to change them.
    ReadOrWrite,
    /// Other programs.
    Run,
    /// Variables of the process's environment.
    Variables,
    /// Machine code that is not of this program.
    Native,
}

/// What a program in a sandbox may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Directories and files that may be read, without links in their names.
    pub read: Vec<PathBuf>,
    /// The same that may be changed.
    pub write: Vec<PathBuf>,
    /// Other programs may be run, which may do anything.
    pub run: bool,
    /// Variables that may be read and set.
    pub variables: Vec<String>,
    /// Machine code may be loaded, which may do anything.
    pub native: bool,
}

impl Runtime {
    /// Where a file lies that an operation wants to read; a path as it is, if there is no sandbox.
    ///
    /// # Errors
    /// Kind `io`, if that was not granted.
    pub fn may_read(&mut self, operation: &str, path: &Path) -> Result<PathBuf, Failure> {
        let Some(grants) = &self.options.sandbox else { return Ok(path.into()) };
        match real_place(path).filter(|real| is_within(real, &grants.read)) {
            Some(real) => Ok(real),
            None => Err(self.refuse(operation, &format!("reading {}", path.display()), "--allow-read DIRECTORY")),
        }
    }

    /// The same of one that it wants to change, or to make.
    ///
    /// # Errors
    /// Kind `io`, if that was not granted.
    pub fn may_write(&mut self, operation: &str, path: &Path) -> Result<PathBuf, Failure> {
        let Some(grants) = &self.options.sandbox else { return Ok(path.into()) };
        match real_place(path).filter(|real| is_within(real, &grants.write)) {
            Some(real) => Ok(real),
            None => Err(self.refuse(operation, &format!("writing {}", path.display()), "--allow-write DIRECTORY")),
        }
    }

    /// The same of a name in a directory that it wants to take away: a link itself, not what it leads to.
    ///
    /// # Errors
    /// Kind `io`, if that was not granted.
    pub fn may_remove(&mut self, operation: &str, path: &Path) -> Result<PathBuf, Failure> {
        let Some(grants) = &self.options.sandbox else { return Ok(path.into()) };
        match named_place(path).filter(|real| is_within(real, &grants.write)) {
            Some(real) => Ok(real),
            None => Err(self.refuse(operation, &format!("removing {}", path.display()), "--allow-write DIRECTORY")),
        }
    }

    /// Whether other programs may be run.
    ///
    /// # Errors
    /// Kind `io`, if that was not granted.
    pub fn may_run(&mut self, operation: &str) -> Result<(), Failure> {
        match self.options.sandbox.as_ref().is_none_or(|grants| grants.run) {
            true => Ok(()),
            false => Err(self.refuse(operation, "running other programs", "--allow-run")),
        }
    }

    /// Whether a variable may be read and set.
    pub fn is_granted_variable(&self, name: &str) -> bool {
        self.options.sandbox.as_ref().is_none_or(|grants| grants.variables.iter().any(|other| other == name))
    }
    /// The same for an operation.
    ///
    /// # Errors
    /// Kind `io`, if that was not granted.
    pub fn may_use_variable(&mut self, operation: &str, name: &str) -> Result<(), Failure> {
        match self.is_granted_variable(name) {
            true => Ok(()),
            false => Err(self.refuse(operation, &format!("the variable {name}"), &format!("--allow-env {name}"))),
        }
    }

    /// Whether machine code may be loaded that is not of this program.
    ///
    /// # Errors
    /// Kind `io`, if that was not granted.
    pub fn may_load_native(&mut self, operation: &str) -> Result<(), Failure> {
        match self.options.sandbox.as_ref().is_none_or(|grants| grants.native) {
            true => Ok(()),
            false => Err(self.refuse(operation, "loading machine code", "--allow-native")),
        }
    }

    #[cold]
    fn refuse(&mut self, operation: &str, what: &str, flag: &str) -> Failure {
        let message = format!("{operation}: {what} is refused in this sandbox; maru run {flag} grants it");
        self.error(ErrorKind::Io, &message, &[])
    }
}

fn is_within(path: &Path, granted: &[PathBuf]) -> bool {
    granted.iter().any(|granted| path.starts_with(granted))
}

/// Where the system would come by a path: of what exists, without links; of what does not, its directory without links. A link
/// that leads nowhere leads to no place that could be granted.
fn real_place(path: &Path) -> Option<PathBuf> {
    match std::fs::canonicalize(path) {
        Ok(real) => Some(real),
        Err(_) if std::fs::symlink_metadata(path).is_ok() => None,
        Err(_) => named_place(path),
    }
}

/// The directory without links, and the name in it.
fn named_place(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(std::fs::canonicalize(directory).ok()?.join(name))
}
