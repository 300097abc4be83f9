//! Rules of what lies in `__LINKEDIT`: what the loader links by, symbols and their names.

use super::file::*;

const LARGEST_COUNT: u64 = 0x1000_0000;
const SYMBOL: u64 = 16;

/// A part of the file: offset and size.
pub type Part = (u64, u64);

/// The five parts of `LC_DYLD_INFO_ONLY`: rebase, bind, weak, lazy, exports.
pub fn linking(file: &File) -> Result<[Part; 5], String> {
    let view = file.only(DYLD_INFO, 48)?;
    let mut parts = [(0, 0); 5];
    for (part, at) in parts.iter_mut().zip((8..).step_by(8)) {
        *part = (view.u32(at)?.into(), view.u32(at + 4)?.into());
    }
    Ok(parts)
}

pub fn fixup_encoding(file: &File) -> Verdict {
    // LC_DYLD_INFO, LC_DYLD_CHAINED_FIXUPS, LC_DYLD_EXPORTS_TRIE.
    let others = [0x22, 0x8000_0034, 0x8000_0033];
    let other = file.commands.iter().find(|command| others.contains(&command.kind));
    ensure(other.is_none(), || "fixups are encoded in a way that some versions do not know".into())?;
    file.only(DYLD_INFO, 48).map(|_| ())
}

pub fn linking_order(file: &File) -> Verdict {
    let mut end = 0;
    for (number, (offset, size)) in linking(file)?.into_iter().enumerate() {
        if size == 0 {
            ensure(offset == 0, || format!("part {number} is empty but lies at {offset}"))?;
            continue;
        }
        file.linked(offset, size)?;
        ensure(offset >= end && offset % 8 == 0, || format!("part {number} lies at {offset}, out of order"))?;
        end = offset + size;
    }
    Ok(())
}

pub fn rebase(file: &File) -> Verdict {
    let [(offset, size), ..] = linking(file)?;
    if size == 0 {
        return Ok(());
    }
    let opcodes = file.linked(offset, size)?;
    for &opcode in opcodes.0 {
        // Set the segment. Operands follow some opcodes; taking them for opcodes can only refuse too much, and no
        // library of ours has any.
        let segment = (opcode & 0xf0 == 0x20).then(|| file.segments.get(usize::from(opcode & 0xf)));
        let writable = segment.is_none_or(|segment| segment.is_some_and(|segment| segment.protection == 3));
        ensure(writable, || "a word that is not writable is rebased".into())?;
    }
    Ok(())
}

pub fn bind(file: &File) -> Verdict {
    let [_, now, weak, lazy, _] = linking(file)?;
    ensure([now, weak, lazy].iter().all(|part| part.1 == 0), || "names of other libraries are bound".into())
}

/// What `LC_SYMTAB` says: symbols and names.
pub fn tables(file: &File) -> Result<(Part, Part), String> {
    let view = file.only(SYMTAB, 24)?;
    let number = |at| view.u32(at).map(u64::from);
    Ok(((number(8)?, number(12)?), (number(16)?, number(20)?)))
}

pub fn symbols(file: &File) -> Verdict {
    let ((offset, count), names) = tables(file)?;
    ensure(count <= LARGEST_COUNT, || format!("there are {count} symbols"))?;
    file.linked(offset, SYMBOL * count)?;
    file.linked(names.0, names.1)?;
    ensure(offset % 8 == 0, || format!("the symbols lie at {offset}, no multiple of 8"))?;
    ensure(offset + SYMBOL * count <= names.0, || "the symbols do not end before their names".into())
}

/// A symbol.
pub struct Symbol<'a> {
    pub name: &'a [u8],
    pub kind: u8,
    pub section: u8,
    pub address: u64,
}

/// All symbols with their names.
pub fn all<'a>(file: &File<'a>) -> Result<Vec<Symbol<'a>>, String> {
    let ((offset, count), names) = tables(file)?;
    let (table, names) = (file.linked(offset, SYMBOL * count.min(LARGEST_COUNT))?, file.linked(names.0, names.1)?);
    let mut named = 0;
    let entries = table.0.chunks_exact(SYMBOL as usize).map(|entry| {
        let entry = View(entry);
        let name = names.text(entry.u32(0)?.into())?;
        // Names that share letters would take time without end to look at; debuggers' symbols share a few.
        named += name.len() as u64 + 1;
        ensure(named <= 4 * names.len(), || "names overlap".into())?;
        let [kind, section] = [entry.0[4], entry.0[5]];
        Ok(Symbol { name, kind, section, address: entry.u64(8)? })
    });
    entries.collect()
}

/// The numbers of local, exported and undefined symbols.
fn groups(file: &File) -> Result<[u64; 3], String> {
    let view = file.only(DYSYMTAB, 80)?;
    let mut numbers = [0; 18];
    for (number, at) in numbers.iter_mut().zip((8..).step_by(4)) {
        *number = u64::from(view.u32(at)?);
    }
    let [first_local, locals, first_exported, exported, first_undefined, undefined, ..] = numbers;
    let firsts = [first_local, first_exported, first_undefined];
    ensure(firsts == [0, locals, locals + exported], || "the groups of symbols do not follow one another".into())?;
    ensure(numbers[6..].iter().all(|number| *number == 0), || "there are relocations or indirect symbols".into())?;
    Ok([locals, exported, undefined])
}

pub fn symbol_groups(file: &File) -> Verdict {
    let (((_, count), _), groups) = (tables(file)?, groups(file)?);
    ensure(groups.iter().sum::<u64>() == count, || format!("{groups:?} are not {count} symbols"))
}

pub fn symbol_order(file: &File) -> Verdict {
    let ([locals, exported, _], all) = (groups(file)?, all(file)?);
    for (number, symbol) in (0..).zip(&all) {
        let group = u64::from(number >= locals) + u64::from(number >= locals.saturating_add(exported));
        // Exported is what has the lowest bit; undefined is what in addition has no kind.
        let own = if symbol.kind & 1 == 0 { 0 } else { 1 + u64::from(symbol.kind & 0xe == 0) };
        ensure(group == own, || format!("symbol {number} is not of its group"))?;
    }
    let exported = all.iter().skip(locals as usize).take(exported as usize);
    ensure(exported.map(|symbol| symbol.name).is_sorted_by(|a, b| a < b), || "symbols are not sorted by name".into())
}

pub fn symbol_sections(file: &File) -> Verdict {
    let sections: Vec<_> = file.sections().collect();
    for symbol in all(file)?.iter().filter(|symbol| symbol.kind & 0xe == 0xe) {
        let section = usize::from(symbol.section).checked_sub(1).and_then(|number| sections.get(number));
        // The end as well: an empty section has no other address.
        let inside = section.is_some_and(|section| {
            (section.address..=section.address.saturating_add(section.size)).contains(&symbol.address)
        });
        ensure(inside, || {
            let name = String::from_utf8_lossy(symbol.name);
            format!("{name} does not lie in section {}", symbol.section)
        })?;
    }
    Ok(())
}

pub fn names(file: &File) -> Verdict {
    let (_, (offset, size)) = tables(file)?;
    let pool = file.linked(offset, size)?;
    ensure(pool.0.starts_with(b" \0") && pool.0.ends_with(b"\0"), || "the names have no beginning or no end".into())?;
    ensure(size % 8 == 0, || format!("the names have {size} bytes, no multiple of 8"))?;
    let bad = all(file)?.into_iter().find(|symbol| !symbol.name.starts_with(b"_"));
    bad.map_or(Ok(()), |symbol| Err(format!("{:?} has no underscore", String::from_utf8_lossy(symbol.name))))
}

pub fn order(file: &File) -> Verdict {
    let ((symbols, count), names) = tables(file)?;
    let signature = file.only(CODE_SIGNATURE, 16)?.u32(8)?;
    let mut parts: Vec<_> = linking(file)?.into_iter().filter(|part| part.1 > 0).collect();
    parts.extend([(symbols, SYMBOL * count), names]);
    let mut at = file.linkedit()?.offset;
    for (offset, size) in parts {
        ensure(offset == at, || format!("something lies at {offset}, where {at} is expected"))?;
        at = offset + size;
    }
    let end = at.next_multiple_of(16);
    ensure(u64::from(signature) == end, || format!("the signature lies at {signature}, where {end} is expected"))?;
    let padding = file.view.bytes(at, end - at)?;
    ensure(padding.iter().all(|byte| *byte == 0), || "there is something between names and signature".into())
}
