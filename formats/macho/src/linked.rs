//! Libraries that a linker made of an object: how it is called, and examining what it made.
//!
//! Most rules of a library hold whoever wrote it. Others are our own choice where there is one: those are replaced by
//! what makes no loader stumble, or do more than map the file. Any linker signs what it makes, so all bytes are covered
//! by the digests of pages; but whoever changes a file can sign it again, so core checks code and constants besides.

use crate::rules::file::*;
use crate::rules::{self, trie, Violation};
use maru_core::codegen::MachineIdentity;
use maru_core::format::{Contents, Linker, ObjectFormat, HEADER_SYMBOL};
use sha2::{Digest, Sha256};

/// The linkers that make a library of an object: on the format's own systems by the C compiler, which knows what they
/// want; elsewhere LLVM's, under all names that it is installed by.
pub fn linkers(machine: &MachineIdentity, _is_host: bool) -> Vec<Linker> {
    let cpu = machine.tool_name;
    // Line tables stay in the object, which is gone soon: nothing must lead to them.
    let through = "-Wl,-S,-adhoc_codesign,-no_fixup_chains";
    let compiler = ["-dynamiclib", "-arch", cpu, "-mmacosx-version-min=11.0", through];
    let own = ["-dylib", "-arch", cpu, "-platform_version", "macos", "11.0", "11.0", "-S", "-adhoc_codesign"];
    // Since version 15 there is another encoding of fixups, which older systems do not know, and how to decline it.
    let newer = [&own[..], &["-no_fixup_chains"]].concat();
    let mut all = Vec::new();
    if cfg!(target_os = "macos") {
        all.push(Linker::new("cc", &compiler, "Xcode's command line tools"));
    }
    let versions = (15..=22).rev().map(|version| format!("ld64.lld-{version}"));
    all.extend(std::iter::once("ld64.lld".to_string()).chain(versions).map(|name| Linker::new(&name, &newer, "lld")));
    all.push(Linker::new("ld64.lld-14", &own, "lld"));
    all
}

/// Rules that only our own libraries keep: other linkers put other things into their files, in another order.
const OWN_RULES: [&str; 11] = [
    "known-commands",
    "segment-alignment",
    "linkedit",
    "build-version",
    "libraries",
    "symbol-order",
    "names",
    "linkedit-order",
    "signature-form",
    "signature-cover",
    "page-digests",
];
/// Commands that others add, none of which makes a loader do anything: where functions start, where data lies in code,
/// the source's version.
const HARMLESS: [u32; 3] = [0x26, 0x29, 0x2a];
/// Pages of the smallest size in use.
const PAGE: u64 = 0x1000;

/// Examine a library that is none of ours: whatever loaders follow, and that its signature is of all of its bytes.
pub fn read(bytes: &[u8]) -> Result<Contents, String> {
    let broken = rules::check(bytes).into_iter().find(|violation| !OWN_RULES.contains(&violation.rule));
    if let Some(Violation { rule, problem }) = broken {
        return Err(format!("{problem} (rule {rule})"));
    }
    let file = File::parse(bytes)?;
    check_commands(&file)?;
    check_segments(&file)?;
    check_signature(&file)?;
    let (address, section) = find_header(&file)?;
    let start = section.offset + (address - section.address);
    let segment = |name: &[u8]| file.segment(name).map(|segment| segment.address..segment.memory_end());
    let executable = segment(b"__TEXT").unwrap_or_default();
    let writable = segment(b"__DATA").unwrap_or(executable.end..executable.end);
    Ok(Contents {
        machine: file.view.u32(4)?,
        constants: start as usize..(section.offset + section.size) as usize,
        constants_address: address,
        executable,
        executable_offset: 0,
        writable,
        is_linked: true,
    })
}

/// Where the header lies, and the section that it is in.
fn find_header<'a>(file: &File<'a>) -> Result<(u64, Section<'a>), String> {
    let name = crate::MACHO.symbol(HEADER_SYMBOL);
    let missing = || format!("it does not export {HEADER_SYMBOL}: it is no library made by Maru");
    let found = trie::walk(file)?.into_iter().find(|(exported, _)| exported == name.as_bytes()).ok_or_else(missing)?;
    let text = file.segment(b"__TEXT").ok_or("there is no segment __TEXT")?;
    let holds = |section: &&Section| {
        let from_start = found.1.checked_sub(section.address);
        !section.is_zero_filled() && from_start.is_some_and(|from_start| from_start < section.size)
    };
    let section = text.sections.iter().find(holds).ok_or_else(|| format!("{HEADER_SYMBOL} lies in no section"))?;
    Ok((found.1, *section))
}

fn check_commands(file: &File) -> Verdict {
    let own = [SEGMENT, SYMTAB, DYSYMTAB, LOAD_DYLIB, ID_DYLIB, UUID, CODE_SIGNATURE, BUILD_VERSION, DYLD_INFO];
    let unknown =
        file.commands.iter().find(|command| !own.contains(&command.kind) && !HARMLESS.contains(&command.kind));
    if let Some(command) = unknown {
        return Err(format!("no library of Maru's code has a command {:#x}", command.kind));
    }
    let build = file.only(BUILD_VERSION, 0)?;
    ensure(build.u32(8)? == 1, || format!("it is for the platform {}, not for macOS", build.u32(8).unwrap_or(0)))?;
    for library in file.all(LOAD_DYLIB) {
        let name = library.text(library.u32(8)?.into())?;
        ensure(name == b"/usr/lib/libSystem.B.dylib", || {
            format!("it needs the library {:?}, which no image does", String::from_utf8_lossy(name))
        })?;
    }
    Ok(())
}

fn check_segments(file: &File) -> Verdict {
    let known: [&[u8]; 3] = [b"__TEXT", b"__DATA", b"__LINKEDIT"];
    for segment in &file.segments {
        let name = segment.shown();
        ensure(known.contains(&segment.name), || format!("no library of Maru's code has a segment {name}"))?;
        let aligned = segment.address % PAGE == 0 && segment.offset % PAGE == 0;
        ensure(aligned, || format!("{name} does not begin at a multiple of 4 KiB"))?;
    }
    let linkedit = file.linkedit()?;
    let last = file.segments.last().is_some_and(|last| last.name == linkedit.name);
    ensure(last && linkedit.protection == 1 && linkedit.file_end() == file.view.len(), || {
        "__LINKEDIT is not just readable, or not the end of the file".into()
    })
}

/// The signature: somewhere in it is a directory of SHA-256 digests of all pages before it.
fn check_signature(file: &File) -> Verdict {
    let command = file.only(CODE_SIGNATURE, 16)?;
    let (offset, size) = (u64::from(command.u32(8)?), u64::from(command.u32(12)?));
    let signature = file.linked(offset, size)?;
    ensure(signature.u32_big(0)? == 0xfade_0cc0, || "its signature has the wrong kind".into())?;
    let entries = u64::from(signature.u32_big(8)?.min(64));
    for entry in 0..entries {
        let at = u64::from(signature.u32_big(16 + 8 * entry)?);
        let directory = View(signature.bytes(at, signature.len().saturating_sub(at))?);
        if directory.u32_big(0)? == 0xfade_0c02 {
            return check_pages(file, directory, offset);
        }
    }
    Err("its signature lists no pages".into())
}

fn check_pages(file: &File, directory: View, signed: u64) -> Verdict {
    let number = |at| directory.u32_big(at).map(u64::from);
    let (digests, count, limit) = (number(16)?, number(28)?, number(32)?);
    let [size, kind, _, page_bits] = directory.u32_big(36)?.to_be_bytes();
    let page = 1u64 << page_bits.min(20);
    ensure((size, kind) == (32, 2), || "its signature has digests of another kind than SHA-256".into())?;
    ensure(limit == signed && count == signed.div_ceil(page), || {
        "its signature does not cover the file up to itself".into()
    })?;
    let listed = directory.bytes(digests, 32 * count)?.chunks_exact(32);
    let pages = file.view.bytes(0, signed)?.chunks(page as usize);
    for (number, (page, digest)) in pages.zip(listed).enumerate() {
        ensure(*Sha256::digest(page) == *digest, || {
            format!("page {number} is not the one that was signed: the file is damaged, or some tool has changed it")
        })?;
    }
    Ok(())
}
