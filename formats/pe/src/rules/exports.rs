//! Rules of the export directory.

use super::file::*;

/// Every exported name with its address, in the directory's order.
pub fn all<'a>(file: &File<'a>) -> Result<Vec<(&'a [u8], u64)>, String> {
    let (address, size) = file.directory(EXPORTS);
    let start = file.offset_of(address, size.max(40))?;
    let number = |at: u64| file.view.u32(start + at).map(u64::from);
    let count = number(24)?;
    ensure(number(16)? == 1 && number(20)? == count && number(0)? == 0, || {
        "exports without names, or numbers that do not begin with one".into()
    })?;
    ensure(count <= 0xffff, || format!("{count} exports are too many"))?;
    // All tables and texts are parts of the directory.
    let place = |address_of: u64, size_of: u64| {
        let inside = address_of >= address && address_of + size_of <= address + size;
        ensure(inside, || format!("{size_of} bytes at {address_of:#x} do not lie in the export directory"))?;
        file.offset_of(address_of, size_of)
    };
    let text = |address_of: u64| {
        let at = place(address_of, 1)?;
        View(file.view.bytes(at, address + size - address_of)?).text(0)
    };
    text(number(12)?)?;
    let (addresses, names) = (place(number(28)?, 4 * count)?, place(number(32)?, 4 * count)?);
    let ordinals = place(number(36)?, 2 * count)?;
    let export = |which: u64| {
        let ordinal = u64::from(file.view.u16(ordinals + 2 * which)?);
        ensure(ordinal == which, || format!("name {which} is that of address {ordinal}"))?;
        let exported = u64::from(file.view.u32(addresses + 4 * ordinal)?);
        Ok((text(file.view.u32(names + 4 * which)?.into())?, exported))
    };
    (0..count).map(export).collect()
}

pub fn exports(file: &File) -> Verdict {
    let all = all(file)?;
    for pair in all.windows(2) {
        ensure(pair[0].0 < pair[1].0, || format!("{:?} comes too late", String::from_utf8_lossy(pair[1].0)))?;
    }
    let (start, size) = file.directory(EXPORTS);
    for (name, address) in all {
        let inside = file.section_at(address).is_some() || address == 0;
        let forwarded = address >= start && address < start + size;
        ensure(!name.is_empty() && inside && !forwarded && address > 0, || {
            format!("{:?} is at {address:#x}, where nothing of its own can be", String::from_utf8_lossy(name))
        })?;
    }
    Ok(())
}
