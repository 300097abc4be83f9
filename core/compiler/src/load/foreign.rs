//! Libraries of others, which a program opens by name for itself.

use libloading::os::unix;
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// A library that a program has opened. It stays open: what the program was told of it must stay true.
pub struct ForeignLibrary {
    handle: unix::Library,
    path: PathBuf,
    /// What the program was told: it means nothing in another process.
    addresses: RefCell<FxHashSet<u64>>,
}

impl ForeignLibrary {
    /// Open a library by the host's loader, seen by nobody else. What it needs is found at once, or `lazily`, functions when
    /// they are called first.
    ///
    /// # Errors
    /// The loader's own words, when it refuses it.
    pub fn open(path: &Path, lazily: bool) -> Result<ForeignLibrary, String> {
        let when = if lazily { unix::RTLD_LAZY } else { unix::RTLD_NOW };
        // SAFETY: whatever runs when the library is opened is what the program asks for, as when it runs another program.
        let handle = unsafe { unix::Library::open(Some(path), when | unix::RTLD_LOCAL) };
        match handle {
            Ok(handle) => Ok(ForeignLibrary { handle, path: path.into(), addresses: RefCell::default() }),
            Err(error) => Err(super::library::reason(&error)),
        }
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The address of a symbol, if the library has it.
    pub fn address(&self, symbol: &str) -> Option<usize> {
        // SAFETY: only the symbol's address is taken.
        let found = unsafe { self.handle.get::<*const u8>(symbol.as_bytes()) }.ok()?;
        let address = Some(found.as_raw_ptr() as usize).filter(|address| *address != 0)?;
        self.addresses.borrow_mut().insert(address as u64);
        Some(address)
    }

    /// The addresses that the program was told.
    pub fn addresses(&self) -> Vec<u64> {
        self.addresses.borrow().iter().copied().collect()
    }
}
