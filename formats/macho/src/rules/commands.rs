//! Rules of the header and of the commands that stand for themselves.

use super::file::*;

pub fn cpu(file: &File) -> Verdict {
    let cpu = (file.view.u32(4)?, file.view.u32(8)?);
    ensure([(0x0100_0007, 3), (0x0100_000c, 0)].contains(&cpu), || format!("CPU {:#x}, subtype {:#x}", cpu.0, cpu.1))
}

pub fn file_type(file: &File) -> Verdict {
    let kind = file.view.u32(12)?;
    ensure(kind == 6, || format!("it is of type {kind}"))
}

pub fn flags(file: &File) -> Verdict {
    let flags = file.view.u32(24)?;
    ensure(flags == 0x0010_0085 && file.view.u32(28)? == 0, || format!("its flags are {flags:#x}"))
}

pub fn known(file: &File) -> Verdict {
    let known = [SEGMENT, SYMTAB, DYSYMTAB, LOAD_DYLIB, ID_DYLIB, UUID, CODE_SIGNATURE, BUILD_VERSION, DYLD_INFO];
    let unknown = file.commands.iter().find(|command| !known.contains(&command.kind));
    unknown.map_or(Ok(()), |command| Err(format!("no library of ours has a command {:#x}", command.kind)))
}

pub fn mapped(file: &File) -> Verdict {
    let text = file.segment(b"__TEXT").ok_or("there is no segment __TEXT")?;
    let first = text.sections.iter().map(|section| section.offset).min().unwrap_or(text.file_end());
    ensure(file.commands_end <= first.min(text.file_end()), || {
        format!("the commands end at {}, the first section of __TEXT begins at {first}", file.commands_end)
    })
}

/// The name in a command that names a library.
fn library_name(view: View<'_>) -> Result<&[u8], String> {
    view.bytes(0, 24)?;
    ensure(view.u32(8)? == 24, || format!("a library's name is at {} of its command", view.u32(8).unwrap_or(0)))?;
    view.text(24)
}

/// The name of this library.
pub fn own_name<'a>(file: &File<'a>) -> Result<&'a [u8], String> {
    library_name(file.only(ID_DYLIB, 0)?)
}

pub fn install_name(file: &File) -> Verdict {
    let name = own_name(file)?;
    let text = String::from_utf8_lossy(name);
    ensure(!name.is_empty() && !text.starts_with("/usr/lib") && !text.starts_with("/System"), || {
        format!("its name, {text:?}, is not its own")
    })
}

pub fn uuid(file: &File) -> Verdict {
    let uuid = file.only(UUID, 24)?.bytes(8, 16)?;
    ensure(uuid.iter().any(|byte| *byte != 0), || "the identifier is zero".into())
}

pub fn build_version(file: &File) -> Verdict {
    let view = file.only(BUILD_VERSION, 24)?;
    let numbers = [view.u32(8)?, view.u32(12)?, view.u32(16)?, view.u32(20)?];
    ensure(numbers == [1, 0xb_0000, 0xb_0000, 0], || {
        format!("platform {}, system {:#x}, SDK {:#x}, tools {}", numbers[0], numbers[1], numbers[2], numbers[3])
    })
}

pub fn libraries(file: &File) -> Verdict {
    // Others of the same kind: weak, reexported, lazy, upward.
    let others = [0x8000_0018, 0x8000_001f, 0x20, 0x8000_0023];
    ensure(file.commands.iter().all(|command| !others.contains(&command.kind)), || {
        "a library is needed in another way than by LC_LOAD_DYLIB".into()
    })?;
    let view = file.only(LOAD_DYLIB, 0)?;
    let name = library_name(view)?;
    ensure(name == b"/usr/lib/libSystem.B.dylib", || format!("it needs {:?}", String::from_utf8_lossy(name)))?;
    ensure(view.u32(20)? == 0x1_0000, || "it needs libSystem of another version than 1.0.0".into())
}

pub fn rpath(file: &File) -> Verdict {
    ensure(file.all(RPATH).next().is_none(), || "there is an LC_RPATH".into())
}
