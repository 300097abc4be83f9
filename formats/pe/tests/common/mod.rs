//! Images made by hand for both CPUs, libraries whose fields a test changes, and running outside tools.
#![allow(dead_code, missing_docs)] // each test file uses a part

use maru_core::codegen::{
    CompiledFunction, MachineIdentity, Relocations, System, UnwindConvention, UnwindRow, UnwindStyle,
};
use maru_core::format::{CodePlacement, Image, Layout, ObjectFormat};
use maru_pe::PE;
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

const IDENTITY: MachineIdentity = MachineIdentity {
    machine: 0x8664,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x1000,
    tool_name: "x64",
    system: System(1),
    relocations: Relocations::NONE,
    unwind: UnwindConvention {
        code_alignment: 1,
        data_alignment: -8,
        return_address: 16,
        stack_pointer: 7,
        entry_cfa_offset: 8,
        entry_return_address: Some(-8),
        style: UnwindStyle::Codes(&[(3, 3), (6, 5), (12, 12), (23, 0x86), (24, 0x87)]),
    },
};

pub static X64: Cpu = Cpu {
    name: "x64",
    triple: "x86_64",
    machine: IDENTITY,
    placement: CodePlacement { alignment: 16, filling: &[0xcc] },
    // `mov eax, number; ret`
    constant: |number| vec![0xb8, number, 0, 0, 0, 0xc3],
    // `push rbx; sub rsp, 32; call rcx; add rsp, 32; pop rbx; ret`
    calling: (
        &[0x53, 0x48, 0x83, 0xec, 32, 0xff, 0xd1, 0x48, 0x83, 0xc4, 32, 0x5b, 0xc3],
        &[(1, 16, &[(3, -16)]), (5, 48, &[(3, -16)]), (11, 16, &[(3, -16)]), (12, 8, &[])],
    ),
};

pub static ARM64: Cpu = Cpu {
    name: "arm64",
    triple: "aarch64",
    machine: MachineIdentity {
        machine: 0xaa64,
        tool_name: "arm64",
        system: System(0),
        unwind: UnwindConvention {
            code_alignment: 4,
            return_address: 30,
            stack_pointer: 31,
            entry_cfa_offset: 0,
            entry_return_address: None,
            style: UnwindStyle::Codes(&[(19, 19), (20, 20), (21, 21), (29, 29), (30, 30), (72, 0x88), (73, 0x89)]),
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
        let layout = PE.layout(image, &self.machine).expect("a layout");
        let file = PE.write(image, &layout, &self.machine).expect("a file");
        assert_eq!(file.len() as u64, layout.file_size);
        (layout, file)
    }
}

/// A library whose fields a test changes, without any code of the format.
pub struct Library(pub Vec<u8>);

/// Where our header lies, its optional part, and the table of sections.
pub const HEADER: usize = 0x40;
pub const OPTIONAL: usize = HEADER + 24;
pub const SECTIONS: usize = OPTIONAL + 240;

impl Library {
    pub fn new(cpu: &Cpu) -> Library {
        Library(cpu.written(&cpu.sample()).1)
    }
    pub fn get(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }
    pub fn put(&mut self, at: usize, number: u32) {
        self.0[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    pub fn add(&mut self, at: usize, number: i32) {
        self.put(at, self.get(at).wrapping_add_signed(number));
    }
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
    /// Where the header of a section lies.
    pub fn section(&self, name: &str) -> usize {
        let is = |at: &usize| self.0[*at..].starts_with(name.as_bytes());
        (SECTIONS..).step_by(40).find(is).expect("a section")
    }
    /// Where in the file bytes lie that are at an address.
    pub fn offset_of(&self, address: u32) -> usize {
        for at in (SECTIONS..SECTIONS + 40 * usize::from(self.0[HEADER + 6])).step_by(40) {
            let start = self.get(at + 12);
            if (start..start + self.get(at + 16)).contains(&address) {
                return (address - start + self.get(at + 20)) as usize;
            }
        }
        panic!("nothing is at {address:#x}");
    }
    /// Where a directory's entry lies, and in the file what it leads to.
    pub fn directory(&self, number: usize) -> (usize, usize) {
        let entry = OPTIONAL + 112 + 8 * number;
        (entry, self.offset_of(self.get(entry)))
    }
    /// Where in the file the codes of an unwind entry lie.
    pub fn codes(&self, entry: usize) -> usize {
        let (size, codes) = if self.0[HEADER + 4] == 0x64 && self.0[HEADER + 5] == 0x86 { (12, 8) } else { (8, 4) };
        self.offset_of(self.get(self.directory(3).1 + size * entry + codes))
    }
    /// Where the symbols lie.
    pub fn symbols(&self) -> usize {
        self.get(HEADER + 12) as usize
    }
    /// Make the checksum right again, so that nothing but what was changed betrays the file.
    pub fn sum(&mut self) {
        sum(&mut self.0);
    }
}

/// Make the checksum of a file right, if it has a place for it.
pub fn sum(bytes: &mut [u8]) {
    let place = OPTIONAL + 64;
    if bytes.len() < place + 4 {
        return;
    }
    bytes[place..place + 4].fill(0);
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) + u32::from(*pair.get(1).unwrap_or(&0)) * 256;
        sum = sum % 0x1_0000 + sum / 0x1_0000;
    }
    let sum = sum + bytes.len() as u32;
    bytes[place..place + 4].copy_from_slice(&sum.to_le_bytes());
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
        let path = std::env::temp_dir().join(format!("maru-pe-test-{}-{number}", std::process::id()));
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
pub fn find_tool(name: &str) -> Option<PathBuf> {
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
