//! Programs in files: what a file holds is found out from its bytes.

use crate::trouble::Trouble;
use maru_compiler::load;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::registry;
use maru_language::runtime::PublicKey;
use std::io::Read;
use std::path::Path;

/// A program.
pub enum Program {
    /// Source text.
    Source(String),
    /// A library that a format reads, its target, if there is one, the format's number for its CPU, and the file's bytes.
    Library(&'static dyn ObjectFormat, Option<&'static dyn Architecture>, u32, Vec<u8>),
}

/// Read a program; `-` is source on standard input. If there are keys that are trusted, it must be signed with one.
///
/// # Errors
/// When the file cannot be read, holds no program, or is not trusted.
pub fn read(path: &Path, trusted: &[PublicKey]) -> Result<Program, Trouble> {
    let bytes = bytes(path).map_err(|error| Trouble::file(path, &error))?;
    load::check_signature(trusted, path, &bytes)
        .map_err(|problem| Trouble::wrong_call(format!("{}: {problem}", path.display())))?;
    // Libraries have zero bytes, texts have none.
    if !bytes.contains(&0) {
        check_name(path, &bytes)?;
        return text(path, bytes).map(Program::Source);
    }
    let formats = registry::formats();
    let mut reasons = Vec::new();
    for format in formats {
        match format.read(&bytes) {
            Ok(contents) => {
                let architecture = load::architecture_of(&bytes, format, &contents);
                return Ok(Program::Library(format, architecture, contents.machine, bytes));
            }
            Err(error) => reasons.push(format!("\n  {}: {error}", format.name())),
        }
    }
    let name = path.display();
    let reasons = reasons.concat();
    Err(Trouble::wrong_call(format!("{name}: neither Maru source (it has zero bytes) nor a library:{reasons}")))
}

/// What is named as a library, but holds none, was cut short or is another's: as source it would be an empty program, or
/// nonsense.
fn check_name(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let ending = |name: &Path| name.extension().map(std::ffi::OsStr::to_os_string);
    let mut formats = registry::formats().into_iter();
    match formats.find(|format| ending(path).is_some() && ending(Path::new(&format.file_name("x"))) == ending(path)) {
        Some(format) => {
            let (name, what) = (path.display(), if bytes.is_empty() { "the file is empty" } else { "it holds text" });
            Err(Trouble::wrong_call(format!(
                "{name}: no library of the format {}: {what}; build it again",
                format.name()
            )))
        }
        None => Ok(()),
    }
}

/// Read a program's source.
///
/// # Errors
/// When the file cannot be read, or is no text.
pub fn source(path: &Path) -> Result<String, Trouble> {
    let bytes = bytes(path).map_err(|error| Trouble::file(path, &error))?;
    text(path, bytes)
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Trouble> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let byte = error.as_bytes()[at];
        let name = path.display();
        Trouble::wrong_call(format!(
            "{name}:{line}: not UTF-8 text: byte {byte:#04x} at offset {at}; Maru source must be UTF-8"
        ))
    })
}
