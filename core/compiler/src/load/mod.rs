//! Loading libraries: made a moment ago, found in the cache, or named by a user.
//!
//! Bytes of a library, wherever they come from, are examined as data ([`check`]), because the host's loader trusts
//! what it maps; then written to a new file in the [`ExecutableDirectory`] and opened from there. The result is a
//! [`LoadedImage`]: addresses of functions and of the data table, and the manifest, which is the compiler's own
//! description of the image. The [`Cache`] keeps bytes by a key made from all that they were compiled from.

mod cache;
mod copies;
mod debugger;
mod directory;
mod durable;
mod foreign;
mod header;
mod library;
mod linkage;
mod memory;
mod private;
mod signature;

pub use cache::{
    library_in, Cache, CacheEntry, CacheKey, EntryKind, CACHE_VARIABLE, SHARED_CACHE_VARIABLE, USUAL_SIZE,
};
pub use debugger::{keep_files_for_symbols, Listeners, SYMBOLS_VARIABLE};
pub use directory::{scratch_directory, Candidate, ExecutableDirectory, ScratchDirectory, NO_PLACE};
pub use durable::write_whole;
pub use foreign::ForeignLibrary;
pub use header::{BadHeader, ImageHeader};
pub use library::{architecture_of, check, Library, LoadedImage, MappedLibrary};
pub(crate) use library::{are_many_open, manifest_of};
pub(crate) use linkage::complete;
pub use memory::{place, Describe};
pub use signature::{
    check_signature, from_hexadecimal, hexadecimal, is_key, public_key, sign, signature_path, SecretKey,
};

use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of thing went wrong while a library was being loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// The file cannot be read.
    Unreadable,
    /// The file cannot be written.
    Unwritable,
    /// The file is damaged, or was not made by Maru, or for another CPU.
    NotOurs,
    /// The file was made by a Maru with other ideas of values or of the runtime.
    OtherVersion,
    /// The host's loader refused it.
    Refused,
    /// No directory can hold executable libraries.
    NoDirectory,
}

/// Why a library was not loaded: names the file, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The file or directory.
    pub path: PathBuf,
    /// The kind of problem.
    pub problem: LoadErrorKind,
    /// What was wrong and what can be done.
    pub message: String,
}

impl LoadError {
    fn new(path: &Path, problem: LoadErrorKind, message: impl Into<String>) -> LoadError {
        LoadError { path: path.into(), problem, message: message.into() }
    }

    /// A machine does not map the library.
    pub fn refused(path: &Path, message: impl Into<String>) -> LoadError {
        LoadError::new(path, LoadErrorKind::Refused, message)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if !self.path.as_os_str().is_empty() {
            write!(f, "{}: ", self.path.display())?;
        }
        f.write_str(&self.message)
    }
}
impl std::error::Error for LoadError {}
