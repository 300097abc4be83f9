//! The file as its rules see it: raw bytes, taken apart as far as the header and the commands' sizes allow.

/// A rule's verdict: why it is broken, if it is.
pub type Verdict = Result<(), String>;

/// Be content if a condition holds.
pub fn ensure(condition: bool, problem: impl FnOnce() -> String) -> Verdict {
    condition.then_some(()).ok_or_else(problem)
}

pub const SEGMENT: u32 = 0x19;
pub const SYMTAB: u32 = 0x2;
pub const DYSYMTAB: u32 = 0xb;
pub const LOAD_DYLIB: u32 = 0xc;
pub const ID_DYLIB: u32 = 0xd;
pub const UUID: u32 = 0x1b;
pub const CODE_SIGNATURE: u32 = 0x1d;
pub const BUILD_VERSION: u32 = 0x32;
pub const DYLD_INFO: u32 = 0x8000_0022;
pub const RPATH: u32 = 0x8000_001c;

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
    pub fn u32(self, at: u64) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes(at, 4)?.try_into().expect("four bytes")))
    }
    pub fn u64(self, at: u64) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.bytes(at, 8)?.try_into().expect("eight bytes")))
    }
    /// A big-endian number.
    pub fn u32_big(self, at: u64) -> Result<u32, String> {
        Ok(u32::from_be_bytes(self.bytes(at, 4)?.try_into().expect("four bytes")))
    }
    /// The text that begins at an offset and ends with a zero byte.
    pub fn text(self, at: u64) -> Result<&'a [u8], String> {
        let rest = self.bytes(at, self.len().saturating_sub(at))?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(|| format!("the text at {at} has no end"))?;
        Ok(&rest[..end])
    }
}

/// A load command.
#[derive(Clone, Copy)]
pub struct Command<'a> {
    pub kind: u32,
    pub view: View<'a>,
}

#[derive(Clone, Copy)]
pub struct Section<'a> {
    pub name: &'a [u8],
    pub segment: &'a [u8],
    pub address: u64,
    pub size: u64,
    pub offset: u64,
    pub flags: u32,
}

impl Section<'_> {
    /// Whether it has no bytes in the file.
    pub fn is_zero_filled(&self) -> bool {
        self.flags & 0xff == 1
    }
}

pub struct Segment<'a> {
    pub name: &'a [u8],
    pub address: u64,
    pub memory_size: u64,
    pub offset: u64,
    pub file_size: u64,
    pub most_protection: u32,
    pub protection: u32,
    pub flags: u32,
    pub sections: Vec<Section<'a>>,
}

impl Segment<'_> {
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(self.name).into_owned()
    }
    pub fn file_end(&self) -> u64 {
        self.offset.saturating_add(self.file_size)
    }
    pub fn memory_end(&self) -> u64 {
        self.address.saturating_add(self.memory_size)
    }
}

/// A file taken apart.
pub struct File<'a> {
    pub view: View<'a>,
    pub commands_end: u64,
    pub commands: Vec<Command<'a>>,
    pub segments: Vec<Segment<'a>>,
}

impl<'a> File<'a> {
    /// Take a file apart whose magic number is right.
    pub fn parse(bytes: &'a [u8]) -> Result<File<'a>, String> {
        let view = View(bytes);
        view.bytes(0, 32)?;
        let (count, size) = (view.u32(16)?, view.u32(20)?);
        let end = 32 + u64::from(size);
        view.bytes(32, size.into())?;
        let mut file = File { view, commands_end: end, commands: Vec::new(), segments: Vec::new() };
        let mut at = 32;
        for number in 0..count {
            let all = View(&bytes[..end as usize]);
            let (kind, size) = (all.u32(at)?, all.u32(at + 4)?);
            ensure(size >= 8 && size % 8 == 0, || format!("command {number} has a size of {size}"))?;
            let command = Command { kind, view: View(all.bytes(at, size.into())?) };
            if kind == SEGMENT {
                file.segments.push(segment(command.view)?);
            }
            file.commands.push(command);
            at += u64::from(size);
        }
        ensure(at == end, || format!("the commands end at {at}, not at {end} as the header says"))?;
        Ok(file)
    }

    /// All commands of a kind.
    pub fn all(&self, kind: u32) -> impl Iterator<Item = View<'a>> + '_ {
        self.commands.iter().filter(move |command| command.kind == kind).map(|command| command.view)
    }

    /// The only command of a kind, with the size that it must have; 0: any.
    pub fn only(&self, kind: u32, size: u64) -> Result<View<'a>, String> {
        let mut all = self.all(kind);
        let first = all.next().ok_or_else(|| format!("there is no command {kind:#x}"))?;
        ensure(all.next().is_none(), || format!("there are several commands {kind:#x}"))?;
        ensure(size == 0 || first.len() == size, || format!("the command {kind:#x} has {} bytes", first.len()))?;
        Ok(first)
    }

    pub fn segment(&self, name: &[u8]) -> Option<&Segment<'a>> {
        self.segments.iter().find(|segment| segment.name == name)
    }

    pub fn linkedit(&self) -> Result<&Segment<'a>, String> {
        self.segment(b"__LINKEDIT").ok_or_else(|| "there is no segment __LINKEDIT".into())
    }

    /// The bytes that a command speaks of: they must lie in `__LINKEDIT`.
    pub fn linked(&self, at: u64, size: u64) -> Result<View<'a>, String> {
        let segment = self.linkedit()?;
        let inside = at >= segment.offset && at.checked_add(size).is_some_and(|end| end <= segment.file_end());
        ensure(inside, || format!("{size} bytes at {at} do not lie in __LINKEDIT"))?;
        Ok(View(self.view.bytes(at, size)?))
    }

    /// The sections in the order of their numbers, which begin with 1.
    pub fn sections(&self) -> impl Iterator<Item = &Section<'a>> + '_ {
        self.segments.iter().flat_map(|segment| &segment.sections)
    }
}

/// A name in 16 bytes.
fn name(view: View<'_>, at: u64) -> Result<&[u8], String> {
    let bytes = view.bytes(at, 16)?;
    Ok(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

fn segment(view: View<'_>) -> Result<Segment<'_>, String> {
    view.bytes(0, 72)?;
    let count = view.u32(64)?;
    ensure(view.len() == 72 + 80 * u64::from(count), || {
        format!("a segment command of {} bytes cannot have {count} sections", view.len())
    })?;
    let section = |number: u64| {
        let at = 72 + 80 * number;
        Ok(Section {
            name: name(view, at)?,
            segment: name(view, at + 16)?,
            address: view.u64(at + 32)?,
            size: view.u64(at + 40)?,
            offset: view.u32(at + 48)?.into(),
            flags: view.u32(at + 64)?,
        })
    };
    Ok(Segment {
        name: name(view, 8)?,
        address: view.u64(24)?,
        memory_size: view.u64(32)?,
        offset: view.u64(40)?,
        file_size: view.u64(48)?,
        most_protection: view.u32(56)?,
        protection: view.u32(60)?,
        flags: view.u32(68)?,
        sections: (0..count.into()).map(section).collect::<Result<_, String>>()?,
    })
}
