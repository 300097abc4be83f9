//! Examines a library as data: is it one of ours, whole and unchanged?
//!
//! The host's loader trusts what it maps: a file cut short makes it fault, a wrong table makes it read anywhere. So
//! every rule is checked that any loader has, and what the loader will follow is followed first, within bounds. A
//! file that keeps all of them, signature included, is ours if it has the name and the identifier that follow from
//! its bytes.

use crate::layout::install_name;
use crate::linked;
use crate::rules::file::{File, Section, Segment, ID_DYLIB, UUID};
use crate::rules::{self, trie};
use crate::write::Identity;
use maru_core::format::{Contents, FormatError, ObjectFormat, HEADER_SYMBOL};

/// Examine a file; see [`maru_core::format::ObjectFormat::read`].
pub fn read(file: &[u8]) -> Result<Contents, FormatError> {
    if !is_ours(file) {
        return linked::read(file).map_err(FormatError);
    }
    if let Some(first) = rules::check(file).into_iter().next() {
        return Err(FormatError(format!("{} (rule {})", first.problem, first.rule)));
    }
    read_file(file).map_err(FormatError)
}

/// Whether the library has one of our names. If it is a library and has not, a linker may have made it.
fn is_ours(bytes: &[u8]) -> bool {
    let Ok(file) = File::parse(bytes) else { return true };
    let name = file.only(ID_DYLIB, 0).and_then(|command| command.text(24));
    let own = install_name(&"0".repeat(32));
    let start = install_name("").len() - ".dylib".len();
    name.map_or(true, |name| name.len() == own.len() && name[..start] == own.as_bytes()[..start])
}

/// Read a file that keeps the rules.
fn read_file(bytes: &[u8]) -> Result<Contents, String> {
    let file = File::parse(bytes)?;
    let constants = find_header(&file)?;
    check_identity(&file)?;
    let segment = |name: &[u8]| file.segment(name).map(|segment| segment.address..segment.memory_end());
    let executable = segment(b"__TEXT").unwrap_or_default();
    // An image without data has no segment for it.
    let writable = segment(b"__DATA").unwrap_or(executable.end..executable.end);
    Ok(Contents {
        machine: file.view.u32(4)?,
        constants: constants.offset as usize..(constants.offset + constants.size) as usize,
        constants_address: constants.address,
        executable,
        executable_offset: 0,
        writable,
        is_linked: false,
    })
}

/// The section that the header's symbol begins.
fn find_header<'a>(file: &File<'a>) -> Result<Section<'a>, String> {
    let name = crate::MACHO.symbol(HEADER_SYMBOL);
    let missing = || format!("it does not export {HEADER_SYMBOL}: it is no library made by Maru");
    let found = trie::walk(file)?.into_iter().find(|(exported, _)| exported == name.as_bytes()).ok_or_else(missing)?;
    let executable = file.segment(b"__TEXT").map(|segment: &Segment| segment.sections.iter()).into_iter().flatten();
    let section = executable.copied().find(|section| section.name == b"__const" && section.address == found.1);
    section.ok_or_else(|| format!("{HEADER_SYMBOL} is not the start of the constants"))
}

/// Name and identifier are those of the file's bytes.
fn check_identity(file: &File) -> Result<(), String> {
    let changed = "its bytes are not those that were written: the file is damaged, or some tool has changed it";
    let [name, uuid] = [ID_DYLIB, UUID].map(|kind| file.only(kind, 0));
    let (name, uuid) = (name?, uuid?);
    let found = name.text(24)?;
    let own = install_name(&"0".repeat(32));
    if found.len() != own.len() {
        return Err(format!("{:?} is no name of Maru's", String::from_utf8_lossy(found)));
    }
    let place = |part: &[u8]| part.as_ptr() as usize - file.view.0.as_ptr() as usize;
    let digits = place(found) + install_name("").len() - ".dylib".len();
    let identifier = uuid.bytes(8, 16)?;
    let signature = file.only(rules::file::CODE_SIGNATURE, 16)?.u32(8)?;
    let mut copy = file.view.bytes(0, signature.into())?.to_vec();
    copy[digits..digits + 32].fill(0);
    copy[place(identifier)..][..16].fill(0);
    let identity = Identity::of(&copy);
    let good = found == install_name(&identity.digits).as_bytes() && identifier == identity.uuid;
    good.then_some(()).ok_or_else(|| changed.into())
}
