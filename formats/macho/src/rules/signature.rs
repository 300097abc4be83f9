//! Rules of the code signature. Its numbers are big-endian.

use super::commands::own_name;
use super::file::*;
use sha2::{Digest, Sha256};

const PAGE: u64 = 0x1000;
const LARGEST: u64 = 40 << 20;

/// The command's part of the file: offset and size.
fn part(file: &File) -> Result<(u64, u64), String> {
    let view = file.only(CODE_SIGNATURE, 16)?;
    Ok((view.u32(8)?.into(), view.u32(12)?.into()))
}

pub fn place(file: &File) -> Verdict {
    let (offset, size) = part(file)?;
    let segment = file.linkedit()?;
    file.linked(offset, size)?;
    ensure(offset % 16 == 0, || format!("it lies at {offset}, no multiple of 16"))?;
    ensure(offset + size == segment.file_end(), || "it does not end __LINKEDIT".into())?;
    ensure(size <= LARGEST, || format!("it has {size} bytes, more than kernels read"))
}

/// The directory of pages.
struct Directory<'a> {
    view: View<'a>,
    limit: u64,
    count: u64,
    digests: u64,
}

fn directory<'a>(file: &File<'a>) -> Result<Directory<'a>, String> {
    let (offset, size) = part(file)?;
    let view = View(file.linked(offset, size)?.bytes(20, size.saturating_sub(20))?);
    let number = |at| view.u32_big(at).map(u64::from);
    Ok(Directory { view, limit: number(32)?, count: number(28)?, digests: number(16)? })
}

pub fn form(file: &File) -> Verdict {
    let (offset, size) = part(file)?;
    let container = file.linked(offset, size)?;
    let head = |at| container.u32_big(at);
    let wanted = [0xfade_0cc0, size as u32, 1, 0, 20];
    ensure([head(0)?, head(4)?, head(8)?, head(12)?, head(16)?] == wanted, || "its container is no signature".into())?;
    let Directory { view, count, digests, .. } = directory(file)?;
    let number = |at| view.u32_big(at);
    let wanted = [0xfade_0c02, view.len() as u32, 0x20400, 0x20002];
    ensure([number(0)?, number(4)?, number(8)?, number(12)?] == wanted, || {
        "its directory is of another kind, size or version, or not signed ad hoc by a linker".into()
    })?;
    ensure([number(20)?, number(24)?] == [88, 0], || "its name or special digests lie elsewhere".into())?;
    ensure(view.bytes(36, 4)? == [32, 2, 0, 12], || "it has no SHA-256 digests of 4 KiB pages".into())?;
    ensure(view.bytes(40, 24)?.iter().all(|byte| *byte == 0), || "fields that must be zero are not".into())?;
    let text = file.segment(b"__TEXT").map_or(0, |text| text.file_size);
    let executable = view.bytes(64, 24)?;
    let wanted = [0, text, 0].map(u64::to_be_bytes).concat();
    ensure(executable == wanted, || "it speaks of another executable segment".into())?;
    let name = view.text(88)?;
    let leaf = own_name(file)?.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    ensure(name == leaf, || format!("it is of {:?}", String::from_utf8_lossy(name)))?;
    ensure(digests == 88 + name.len() as u64 + 1 && digests + 32 * count == view.len(), || {
        "its digests do not follow its name and end it".into()
    })
}

pub fn cover(file: &File) -> Verdict {
    let ((offset, _), Directory { limit, count, .. }) = (part(file)?, directory(file)?);
    ensure(limit == offset && count == limit.div_ceil(PAGE), || {
        format!("{count} pages up to {limit} are not all before {offset}")
    })
}

pub fn digests(file: &File) -> Verdict {
    let Directory { view, limit, count, digests } = directory(file)?;
    let pages = file.view.bytes(0, limit)?.chunks(PAGE as usize);
    let listed = view.bytes(digests, 32 * count)?.chunks(32);
    for (number, (page, digest)) in pages.zip(listed).enumerate() {
        ensure(*Sha256::digest(page) == *digest, || {
            format!("page {number} is not the one that was signed: the file is damaged, or some tool has changed it")
        })?;
    }
    Ok(())
}
