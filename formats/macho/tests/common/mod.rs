//! Images made by hand for both CPUs, and running outside tools on what was written.
#![allow(dead_code, missing_docs)] // each test file uses a part

pub mod dylib;

use maru_core::codegen::{
    CompiledFunction, Fixup, FixupKind, FixupTarget, MachineIdentity, Relocation, Relocations, System,
    UnwindConvention, UnwindRow, UnwindStyle,
};
use maru_core::format::{CodePlacement, Image, Import, Layout, ObjectFormat, Place};
use maru_core::ir::FunctionId;
use maru_macho::MACHO;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A CPU with what the images for it need.
pub struct Cpu {
    pub name: &'static str,
    /// As tools call it.
    pub triple: &'static str,
    pub machine: MachineIdentity,
    pub placement: CodePlacement,
    /// Code that returns a number below 256.
    constant: fn(u8) -> Vec<u8>,
    /// Code that calls its argument, with its unwind rows.
    calling: (&'static [u8], &'static [Row]),
}

/// Offset, canonical frame address, saved registers.
type Row = (u32, i64, &'static [(u16, i64)]);

/// A call of something, and an operand that is a distance (or the page of it).
pub const CALL: FixupKind = FixupKind(1);
pub const OPERAND: FixupKind = FixupKind(2);

const IDENTITY: MachineIdentity = MachineIdentity {
    machine: 0x0100_0007,
    subtype: 3,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x4000,
    tool_name: "x86_64",
    system: System(0),
    relocations: Relocations {
        base: 0,
        address: 0,
        offset: 0,
        distance: 5,
        addend: 0,
        code: &[
            Relocation { kind: CALL, number: 2, field: 1, width: 4, origin: Some(5), rest: None },
            Relocation { kind: OPERAND, number: 1, field: 3, width: 4, origin: Some(7), rest: None },
        ],
    },
    unwind: UnwindConvention {
        code_alignment: 1,
        data_alignment: -8,
        return_address: 16,
        stack_pointer: 7,
        entry_cfa_offset: 8,
        entry_return_address: Some(-8),
        style: UnwindStyle::Dwarf,
    },
};

pub static X64: Cpu = Cpu {
    name: "x64",
    triple: "x86_64",
    machine: IDENTITY,
    placement: CodePlacement { alignment: 16, filling: &[0xcc] },
    // `mov eax, number; ret`
    constant: |number| vec![0xb8, number, 0, 0, 0, 0xc3],
    // `push rbx; sub rsp, 16; call rdi; add rsp, 16; pop rbx; ret`
    calling: (
        &[0x53, 0x48, 0x83, 0xec, 16, 0xff, 0xd7, 0x48, 0x83, 0xc4, 16, 0x5b, 0xc3],
        &[(1, 16, &[(3, -16)]), (5, 32, &[(3, -16)]), (11, 16, &[(3, -16)]), (12, 8, &[])],
    ),
};

pub static ARM64: Cpu = Cpu {
    name: "arm64",
    triple: "arm64",
    machine: MachineIdentity {
        machine: 0x0100_000c,
        subtype: 0,
        tool_name: "arm64",
        relocations: Relocations {
            distance: 1,
            addend: 10,
            code: &[
                Relocation { kind: CALL, number: 2, field: 0, width: 4, origin: Some(0), rest: None },
                Relocation { kind: OPERAND, number: 3, field: 0, width: 4, origin: Some(0), rest: None },
            ],
            ..IDENTITY.relocations
        },
        unwind: UnwindConvention {
            code_alignment: 4,
            return_address: 30,
            stack_pointer: 31,
            entry_cfa_offset: 0,
            entry_return_address: None,
            ..IDENTITY.unwind
        },
        ..IDENTITY
    },
    placement: CodePlacement { alignment: 16, filling: &[0x20, 0x00, 0x20, 0xd4] },
    // `mov w0, #number; ret`
    constant: |number| [0x5280_0000 | u32::from(number) << 5, 0xd65f_03c0].map(u32::to_le_bytes).concat(),
    // `stp x29, x30, [sp, #-16]!; blr x0; ldp x29, x30, [sp], #16; ret`
    calling: (
        &[0xfd, 0x7b, 0xbf, 0xa9, 0x00, 0x00, 0x3f, 0xd6, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6],
        &[(4, 16, &[(29, -16), (30, -8)]), (12, 0, &[])],
    ),
};

pub fn cpus() -> [&'static Cpu; 2] {
    [&X64, &ARM64]
}

impl Cpu {
    pub fn constant_function(&self, number: u8) -> CompiledFunction {
        CompiledFunction {
            bytes: (self.constant)(number),
            lines: vec![(0, u32::from(number) + 1)],
            ..CompiledFunction::default()
        }
    }

    pub fn calling_function(&self) -> CompiledFunction {
        let row = |&(offset, cfa_offset, saved): &Row| UnwindRow { offset, cfa_offset, saved: saved.to_vec() };
        let (bytes, rows) = self.calling;
        let unwind = rows.iter().map(row).collect();
        CompiledFunction { bytes: bytes.to_vec(), unwind, lines: vec![(0, 5), (4, 6)], ..CompiledFunction::default() }
    }

    /// An image of a few functions, with constants, data and lines.
    pub fn sample(&self) -> Image {
        let mut image = Image::new("sample", "/nowhere/program.l");
        image.push("maru_leaf".into(), self.constant_function(42), self.placement);
        image.push("maru_call".into(), self.calling_function(), self.placement);
        image.push("list->string!".into(), self.constant_function(7), self.placement);
        image.push("maru_leaf2".into(), self.constant_function(9), self.placement);
        image.constants = b"MARU constants of the sample".to_vec();
        image.data_words = 100;
        image
    }

    /// An image that needs linking: functions that jump to another and name a data word.
    pub fn linkable(&self) -> Image {
        let with_fixup = |bytes: &[u8], kind, target| {
            let fixups = vec![Fixup { offset: 0, kind, target, addend: 0 }];
            CompiledFunction { bytes: bytes.to_vec(), fixups, lines: vec![(0, 30)], ..CompiledFunction::default() }
        };
        // A jump; `mov rax, [rip + word]; ret` or `adrp x0, word; ret`.
        let [jump, operand]: [&[u8]; 2] = match self.name {
            "x64" => [&[0xe9, 0, 0, 0, 0], &[0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3]],
            _ => [&[0, 0, 0, 0x14], &[0, 0, 0, 0x90, 0xc0, 0x03, 0x5f, 0xd6]],
        };
        let mut image = Image::new("linkable", "/nowhere/program.l");
        let leaf = FixupTarget::Function(FunctionId(2));
        image.push("maru_jump".into(), with_fixup(jump, CALL, leaf), self.placement);
        image.push("maru_operand".into(), with_fixup(operand, OPERAND, FixupTarget::Data(5)), self.placement);
        image.push("maru_leaf".into(), self.constant_function(42), self.placement);
        image.push("maru_call".into(), self.calling_function(), self.placement);
        image.constants = vec![0; 32];
        image.distances =
            vec![(0, Place::Code(0)), (4, Place::Data(0)), (8, Place::Function(2)), (12, Place::Constants(16))];
        image.data_words = 9;
        image
    }

    /// The same with functions of the C library: one whose address the loader puts in a data word, and one that the code
    /// jumps to.
    pub fn importing(&self) -> Image {
        let mut image = self.linkable();
        image.imports =
            vec![Import { name: "labs".into(), word: Some(3) }, Import { name: "llabs".into(), word: None }];
        image.fixups[0].target = FixupTarget::Import(1);
        image
    }

    /// An image of `count` constant functions.
    pub fn numbered(&self, count: u32) -> Image {
        let mut image = Image::new("numbered", "");
        for number in 0..count {
            image.push(format!("maru_{number}"), self.constant_function(number as u8), self.placement);
        }
        image.constants = vec![1; 64];
        image.data_words = 8;
        image
    }

    /// Lay out and write.
    pub fn written(&self, image: &Image) -> (Layout, Vec<u8>) {
        let layout = MACHO.layout(image, &self.machine).expect("a layout");
        let file = MACHO.write(image, &layout, &self.machine).expect("a file");
        assert_eq!(file.len() as u64, layout.file_size);
        (layout, file)
    }
}

/// Say that a test did nothing: on the stream itself, because the test harness swallows what passing tests print.
pub fn not_run(reason: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {reason}");
}

/// A directory of a test's own, which is removed with all that is in it.
pub struct TestDirectory(PathBuf);

impl TestDirectory {
    pub fn new() -> TestDirectory {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("maru-macho-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a writable temporary directory");
        TestDirectory(path)
    }
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_string()
    }
    /// Write a file into it; its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(Path::new(&path), bytes).expect("a writable directory");
        path
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a tool printed on both its streams and whether it was content; `None` where there is no such tool, which is
/// said aloud.
pub fn tool(name: &str, arguments: &[&str]) -> Option<(String, bool)> {
    let Some(path) = find_tool(name) else {
        not_run(&format!("{name} missing"));
        return None;
    };
    // A debugger that fails to start may wait for commands otherwise.
    let output = Command::new(path).args(arguments).stdin(Stdio::null()).output().expect("a tool that can be run");
    let both = [output.stdout, output.stderr].concat();
    Some((String::from_utf8_lossy(&both).into_owned(), output.status.success()))
}

/// A tool's file. Some systems add the version to its name; then it is the newest.
fn find_tool(name: &str) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let plain = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    plain.or_else(|| {
        let entries = folders.iter().flat_map(std::fs::read_dir).flatten().flatten();
        let versions = entries.filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(name)?.strip_prefix('-')?.parse::<u32>().ok()?;
            Some((version, entry.path()))
        });
        versions.max().map(|(_, path)| path)
    })
}

/// Where the first command of a kind lies.
pub fn command(bytes: &[u8], kind: u32) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().expect("four bytes")));
    let mut at = 32;
    for _ in 0..word(16)?.min(1000) {
        if word(at)? == kind {
            return Some(at);
        }
        at += word(at + 4)? as usize;
    }
    None
}

/// Give a changed file the digests of its pages, as far as it has a place for them: so that nothing but its tables
/// betrays it.
pub fn sign(bytes: &mut [u8]) {
    let Some(command) = command(bytes, 0x1d) else { return };
    let little = |bytes: &[u8], at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().expect("4")));
    let big = |bytes: &[u8], at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes(b.try_into().expect("4")));
    let Some(directory) = little(bytes, command + 8).map(|at| at as usize + 20) else { return };
    let (Some(digests), Some(limit)) = (big(bytes, directory + 16), big(bytes, directory + 32)) else { return };
    let Some(signed) = bytes.get(..limit as usize).map(<[u8]>::to_vec) else { return };
    for (number, page) in signed.chunks(0x1000).enumerate() {
        let at = directory + digests as usize + 32 * number;
        if let Some(place) = bytes.get_mut(at..at + 32) {
            place.copy_from_slice(&Sha256::digest(page));
        }
    }
}
