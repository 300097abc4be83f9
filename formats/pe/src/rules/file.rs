//! The file as its rules see it: raw bytes, taken apart as far as the headers allow.

pub use crate::headers::{flags, DEBUG, EXCEPTIONS, EXPORTS};

/// A rule's verdict: why it is broken, if it is.
pub type Verdict = Result<(), String>;

/// Be content if a condition holds.
pub fn ensure(condition: bool, problem: impl FnOnce() -> String) -> Verdict {
    condition.then_some(()).ok_or_else(problem)
}

/// Bytes, from which numbers are read within bounds.
#[derive(Clone, Copy)]
pub struct View<'a>(pub &'a [u8]);

impl<'a> View<'a> {
    pub fn len(self) -> u64 {
        self.0.len() as u64
    }
    pub fn bytes(self, at: u64, count: u64) -> Result<&'a [u8], String> {
        let end = at.checked_add(count).filter(|end| *end <= self.len());
        let end = end.ok_or_else(|| {
            format!("{} bytes are there, but something is said to lie at {at}, with {count} bytes", self.len())
        })?;
        Ok(&self.0[at as usize..end as usize])
    }
    pub fn u16(self, at: u64) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.bytes(at, 2)?.try_into().expect("two bytes")))
    }
    pub fn u32(self, at: u64) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes(at, 4)?.try_into().expect("four bytes")))
    }
    pub fn u64(self, at: u64) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.bytes(at, 8)?.try_into().expect("eight bytes")))
    }
    /// The text that begins at an offset and ends with a zero byte.
    pub fn text(self, at: u64) -> Result<&'a [u8], String> {
        let rest = self.bytes(at, self.len().saturating_sub(at))?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(|| format!("the text at {at} has no end"))?;
        Ok(&rest[..end])
    }
}

/// A section. All numbers have 32 bits in the file, so that sums do not overflow.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    pub name: &'a [u8],
    pub address: u64,
    pub size: u64,
    pub offset: u64,
    pub file_size: u64,
    pub flags: u32,
    /// Relocations and line numbers, which objects have.
    pub of_objects: &'a [u8],
}

impl Section<'_> {
    pub fn contains(&self, address: u64) -> bool {
        address >= self.address && address < self.address + self.size
    }
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(self.name).trim_end_matches('\0').into()
    }
}

/// A file taken apart.
pub struct File<'a> {
    pub view: View<'a>,
    /// Where the header of PE lies.
    pub header: u64,
    /// Where the table of sections ends.
    pub sections_end: u64,
    pub sections: Vec<Section<'a>>,
}

/// From the header of PE to its optional part.
pub const OPTIONAL: u64 = 24;
/// Bytes of the optional part: with 16 directories.
const OPTIONAL_SIZE: u64 = 240;

impl<'a> File<'a> {
    /// Take a file apart.
    pub fn parse(bytes: &'a [u8]) -> Result<File<'a>, String> {
        let view = View(bytes);
        ensure(bytes.starts_with(b"MZ"), || "it does not begin as programs of Windows do".into())?;
        let header = u64::from(view.u32(0x3c)?);
        ensure(header % 8 == 0 && header >= 0x40, || format!("its header is said to lie at {header}"))?;
        ensure(view.bytes(header, 4)? == b"PE\0\0", || "it has no PE header".into())?;
        let (count, size) = (view.u16(header + 6)?, view.u16(header + 20)?);
        let optional = header + OPTIONAL;
        let good = u64::from(size) == OPTIONAL_SIZE && view.u16(optional)? == 0x20b && view.u32(optional + 108)? == 16;
        ensure(good, || "its header is not that of PE32+ with 16 directories".into())?;
        ensure((1..=96).contains(&count), || format!("{count} sections are too many, or too few"))?;
        let table = optional + OPTIONAL_SIZE;
        let section = |number: u64| section(View(view.bytes(table + 40 * number, 40)?));
        let sections = (0..count.into()).map(section).collect::<Result<_, String>>()?;
        Ok(File { view, header, sections_end: table + 40 * u64::from(count), sections })
    }

    /// A 32-bit number of the optional part.
    pub fn optional(&self, at: u64) -> Result<u64, String> {
        Ok(self.view.u32(self.header + OPTIONAL + at)?.into())
    }

    /// Address and size of a directory.
    pub fn directory(&self, number: usize) -> (u64, u64) {
        let at = 112 + 8 * number as u64;
        // The header was read as a whole.
        (self.optional(at).unwrap_or(0), self.optional(at + 4).unwrap_or(0))
    }

    /// The section that an address lies in.
    pub fn section_at(&self, address: u64) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.contains(address))
    }

    /// Where in the file bytes lie that are at an address: within one readable section, which has them in the file.
    pub fn offset_of(&self, address: u64, size: u64) -> Result<u64, String> {
        let nowhere = || format!("nothing in the file is at the address {address:#x}, with {size} bytes");
        let section = self.section_at(address).ok_or_else(nowhere)?;
        let within = address - section.address;
        ensure(within + size <= section.size.min(section.file_size), nowhere)?;
        self.view.bytes(section.offset + within, size)?;
        Ok(section.offset + within)
    }
}

fn section(view: View<'_>) -> Result<Section<'_>, String> {
    Ok(Section {
        name: view.bytes(0, 8)?,
        size: view.u32(8)?.into(),
        address: view.u32(12)?.into(),
        file_size: view.u32(16)?.into(),
        offset: view.u32(20)?.into(),
        of_objects: view.bytes(24, 12)?,
        flags: view.u32(36)?,
    })
}
