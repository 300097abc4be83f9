//! Examines a library as data: is it one of ours, whole and unchanged?
//!
//! What the loader will follow is followed first, within bounds: every rule is checked that it has. A file that keeps
//! all of them is ours if its time stamps, its identifier and its checksum are those that follow from its bytes.

use crate::headers::SECTION_ALIGNMENT;
use crate::rules::debug::{self, IDENTIFIER_KIND};
use crate::rules::file::{ensure, flags, File, DEBUG, EXPORTS};
use crate::rules::{self, exports};
use crate::write::IdentityPlaces;
use maru_core::format::{Contents, FormatError, HEADER_SYMBOL};

/// Examine a file; see [`maru_core::format::ObjectFormat::read`].
pub fn read(file: &[u8]) -> Result<Contents, FormatError> {
    if let Some(first) = rules::check(file).into_iter().next() {
        return Err(FormatError(format!("{} (rule {})", first.problem, first.rule)));
    }
    read_file(file).map_err(FormatError)
}

/// Read a file that keeps the rules.
fn read_file(bytes: &[u8]) -> Result<Contents, String> {
    let file = File::parse(bytes)?;
    check_identity(&file)?;
    let missing = || format!("it does not export {HEADER_SYMBOL}: it is no library made by Maru");
    let all = exports::all(&file)?;
    let (_, header) = all.into_iter().find(|(name, _)| *name == HEADER_SYMBOL.as_bytes()).ok_or_else(missing)?;
    let constants = file.section_at(header).filter(|section| section.address == header);
    let constants = constants.ok_or_else(|| format!("{HEADER_SYMBOL} is not the start of the constants"))?;
    file.offset_of(header, constants.size)?;
    let executable = file.sections.iter().find(|section| section.flags & flags::EXECUTE != 0);
    let executable = executable.ok_or("nothing in it is executable")?;
    let writable = file.sections.iter().find(|section| section.flags & flags::WRITE != 0);
    // An image without data has no section for it.
    let before = file.section_at(file.directory(EXPORTS).0).ok_or("the exports lie in no section")?;
    let no_data = (before.address + before.size).next_multiple_of(SECTION_ALIGNMENT);
    Ok(Contents {
        machine: file.view.u16(file.header + 4)?.into(),
        constants: constants.offset as usize..(constants.offset + constants.size) as usize,
        constants_address: constants.address,
        executable: executable.address..executable.address + executable.size,
        executable_offset: executable.offset as usize,
        is_linked: false,
        writable: writable.map_or(no_data..no_data, |data| data.address..data.address + data.size),
    })
}

/// All that follows from the file's bytes is what does.
fn check_identity(file: &File) -> Result<(), String> {
    let changed = "its bytes are not those that were written: the file is damaged, or some tool has changed it";
    let exports = file.offset_of(file.directory(EXPORTS).0, 40)?;
    let entries = debug::entries(file)?;
    let [first, second] = entries.as_slice() else { return Err("its debug directory is another's".into()) };
    let directory = file.offset_of(file.directory(DEBUG).0, 56)?;
    let own = directory + 56;
    ensure((first.kind, first.offset) == (IDENTIFIER_KIND, own) && second.kind == 16, || {
        "its debug directory is another's".into()
    })?;
    file.view.bytes(own, 25)?;
    let mut copy = file.view.0.to_vec();
    IdentityPlaces::new(exports + 4, directory).fill(&mut copy);
    ensure(copy == file.view.0, || changed.into())
}
