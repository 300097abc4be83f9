//! Files of a program that are being evaluated, or have been.

use std::path::{Path, PathBuf};

/// Files by which a run came to where it is, and those that `require` has loaded.
#[derive(Debug, Default)]
pub struct Loading {
    /// The files being evaluated, innermost last.
    pub open: Vec<OpenFile>,
    /// What `require` has loaded, or is loading.
    pub required: Vec<PathBuf>,
}

/// A file that is being evaluated.
#[derive(Debug)]
pub struct OpenFile {
    /// Its name, as messages have it.
    pub name: PathBuf,
    /// What is the same for all names of one file.
    pub identity: PathBuf,
}

impl OpenFile {
    /// The file of a name.
    pub fn new(name: &Path) -> OpenFile {
        OpenFile { name: name.into(), identity: OpenFile::identity_of(name) }
    }
    /// What is the same for all names of one file. A file that does not exist is told apart by its name.
    pub fn identity_of(name: &Path) -> PathBuf {
        std::fs::canonicalize(name).unwrap_or_else(|_| name.into())
    }
}

impl Loading {
    /// The file that a name means: a relative one is looked up beside the innermost file being evaluated.
    pub fn resolve(&self, name: &str) -> PathBuf {
        let directory = self.open.last().and_then(|file| file.name.parent());
        directory.map_or_else(|| name.into(), |directory| directory.join(name))
    }

    /// Whether a file is being evaluated.
    pub fn is_open(&self, identity: &Path) -> bool {
        self.open.iter().any(|file| file.identity == identity)
    }
}
