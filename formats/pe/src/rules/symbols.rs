//! Rules of symbols and of the pool of long names.

use super::file::*;

/// Symbols, as bytes of 18 each, and the pool, which ends the file.
fn parts<'a>(file: &File<'a>) -> Result<(&'a [u8], View<'a>), String> {
    let (start, count) = (file.view.u32(file.header + 12)?, file.view.u32(file.header + 16)?);
    let (start, size) = (u64::from(start), 18 * u64::from(count));
    let last = file.sections.iter().map(|section| section.offset + section.file_size).max().unwrap_or(0);
    ensure(start == last, || format!("the symbols lie at {start}, the sections end at {last}"))?;
    let symbols = file.view.bytes(start, size)?;
    let pool = start + size;
    let pool_size = u64::from(file.view.u32(pool)?);
    ensure(pool + pool_size == file.view.len(), || "the file does not end with the names: it is cut short".into())?;
    Ok((symbols, View(file.view.bytes(pool, pool_size)?)))
}

/// The text at an offset in the pool.
fn text<'a>(pool: View<'a>, at: u64) -> Result<&'a [u8], String> {
    ensure(at >= 4, || format!("a name at {at}, which is not among the names"))?;
    pool.text(at)
}

pub fn symbols(file: &File) -> Verdict {
    let (symbols, pool) = parts(file)?;
    let mut all = symbols.chunks_exact(18);
    while let Some(symbol) = all.next() {
        let view = View(symbol);
        if view.u32(0)? == 0 {
            text(pool, view.u32(4)?.into())?;
        }
        let number = usize::from(view.u16(12)?);
        let section = number.checked_sub(1).and_then(|number| file.sections.get(number));
        let inside = section.is_some_and(|section| u64::from(view.u32(8).unwrap_or(u32::MAX)) < section.size);
        ensure(inside, || format!("a symbol of section {number}, where it cannot be"))?;
        ensure((0..symbol[17]).all(|_| all.next().is_some()), || "the last symbol is cut short".into())?;
    }
    Ok(())
}

pub fn section_names(file: &File) -> Verdict {
    for section in &file.sections {
        if let [b'/', digits @ ..] = section.name {
            let (_, pool) = parts(file)?;
            let digits = digits.split(|byte| *byte == 0).next().unwrap_or_default();
            let at = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            text(pool, at.ok_or_else(|| format!("a section is called {}", section.shown()))?)?;
        }
    }
    Ok(())
}
