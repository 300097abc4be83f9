//! `maru key`: keys by which files that hold code are signed.

use crate::arguments::KeyCommand;
use crate::keys;
use crate::trouble::Trouble;
use maru_compiler::load::{sign, signature_path, write_whole, SecretKey};
use std::path::Path;
use std::process::ExitCode;

/// Make a key, or sign files with one.
///
/// # Errors
/// When a file cannot be read or written.
pub fn key(command: &KeyCommand) -> Result<ExitCode, Trouble> {
    match command {
        KeyCommand::New { name } => {
            let (private, public) = keys::make(name)?;
            super::print(&format!(
                "{}: signs files, to be kept secret\n{}: checks them, to be given away\n",
                private.display(),
                public.display()
            ))?;
        }
        KeyCommand::Sign { key, files } => {
            let key = keys::secret(key)?;
            for file in files {
                let bytes = std::fs::read(file).map_err(|fault| Trouble::file(file, &fault))?;
                sign_file(&key, file, &bytes)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Write the signature of a file with these bytes.
///
/// # Errors
/// When it cannot be written.
pub(super) fn sign_file(key: &SecretKey, file: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let path = signature_path(file);
    write_whole(&path, sign(key, bytes).as_bytes()).map_err(|fault| Trouble::output(&path, &fault))
}
