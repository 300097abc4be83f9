//! Images made by hand for the tests, and running outside tools on what was written.
#![allow(dead_code, missing_docs)] // each test file uses a part

use maru_compiler::load::ImageHeader;
use maru_core::codegen::{
    image_stamp, Architecture, CompileError, CompiledFunction, Fixup, FixupKind, FixupTarget, ListingLine,
    MachineIdentity, OutOfRange, Relocation, Relocations, System, UnwindConvention, UnwindRow, UnwindStyle,
};
use maru_core::format::{CodePlacement, Image, Import, Layout, ObjectFormat, Place};
use maru_core::ir::{Function, FunctionId};
use maru_elf::ELF;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A call, or a jump to another function; and an operand of an instruction whose distance is in bytes 3 to 6.
pub const CALL: FixupKind = FixupKind(1);
pub const OPERAND: FixupKind = FixupKind(3);

const CODE: &[Relocation] = &[
    Relocation { kind: CALL, number: 4, field: 1, width: 4, origin: Some(5), rest: None },
    Relocation { kind: OPERAND, number: 2, field: 3, width: 4, origin: Some(7), rest: None },
];

/// The machine whose code the images hold.
pub fn machine() -> MachineIdentity {
    MachineIdentity {
        machine: 62,
        subtype: 0,
        flags: 0,
        pointer_size: 8,
        little_endian: true,
        page_size: 0x1000,
        tool_name: "x86_64",
        system: System(0),
        relocations: Relocations { base: 8, address: 1, offset: 10, distance: 2, addend: 0, code: CODE },
        unwind: UnwindConvention {
            code_alignment: 1,
            data_alignment: -8,
            return_address: 16,
            stack_pointer: 7,
            entry_cfa_offset: 8,
            entry_return_address: Some(-8),
            style: UnwindStyle::Dwarf,
        },
    }
}

/// Say that a test did nothing: on the stream itself, because the test harness swallows what passing tests print.
pub fn not_run(reason: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {reason}");
}

/// Whether this process can run the images' code.
pub fn can_run() -> bool {
    let can = cfg!(all(target_arch = "x86_64", target_os = "linux"));
    if !can {
        not_run("the code in these images is for x86-64 Linux");
    }
    can
}

/// Offset, canonical frame address, saved registers.
type Row = (u32, i64, &'static [(u16, i64)]);

fn function(bytes: &[u8], unwind: &[Row], lines: &[(u32, u32)]) -> CompiledFunction {
    let unwind = unwind
        .iter()
        .map(|&(offset, cfa_offset, saved)| UnwindRow { offset, cfa_offset, saved: saved.to_vec() })
        .collect();
    CompiledFunction { bytes: bytes.to_vec(), unwind, lines: lines.to_vec(), ..CompiledFunction::default() }
}

/// `mov eax, number; ret`
pub fn constant_function(number: u32) -> CompiledFunction {
    let mut bytes = vec![0xb8];
    bytes.extend(number.to_le_bytes());
    bytes.push(0xc3);
    function(&bytes, &[], &[(0, number % 100 + 1)])
}

/// `sub rsp, 40; call rdi; add rsp, 40; ret`
pub fn calling_function() -> CompiledFunction {
    let bytes = [0x48, 0x83, 0xec, 40, 0xff, 0xd7, 0x48, 0x83, 0xc4, 40, 0xc3];
    function(&bytes, &[(4, 48, &[]), (10, 8, &[])], &[(0, 5), (4, 6), (6, 7)])
}

/// `push rbx; push r12; sub rsp, 8; mov rbx, rdi; call rbx; add rsp, 8; pop r12; pop rbx; ret`
pub fn saving_function() -> CompiledFunction {
    let bytes = [
        0x53, 0x41, 0x54, 0x48, 0x83, 0xec, 8, 0x48, 0x89, 0xfb, 0xff, 0xd3, 0x48, 0x83, 0xc4, 8, 0x41, 0x5c, 0x5b,
        0xc3,
    ];
    let rows: &[Row] = &[
        (1, 16, &[(3, -16)]),
        (3, 24, &[(3, -16), (12, -24)]),
        (7, 32, &[(3, -16), (12, -24)]),
        (16, 24, &[(3, -16), (12, -24)]),
        (18, 16, &[(3, -16)]),
        (19, 8, &[]),
    ];
    function(&bytes, rows, &[(0, 9), (10, 10)])
}

/// `mov ecx, 100000000; loop: dec ecx; jnz loop; ret`
fn busy_function() -> CompiledFunction {
    function(&[0xb9, 0x00, 0xe1, 0xf5, 0x05, 0xff, 0xc9, 0x75, 0xfc, 0xc3], &[], &[(0, 20), (5, 21), (9, 22)])
}

/// `lea rax, [rip + data]; ret`, with the distance already in place: made for [`sample`] only.
pub fn push_data_function(image: &mut Image, layout: &Layout) {
    let at = image.functions.iter().find(|f| f.symbol == "maru_data_address").expect("in the sample").offset;
    let distance = layout.data as i64 - (layout.code as i64 + i64::from(at) + 7);
    image.code[at as usize + 3..at as usize + 7].copy_from_slice(&(distance as i32).to_le_bytes());
}

pub const TRAP: CodePlacement = CodePlacement { alignment: 16, filling: &[0xcc] };

/// An image of a few functions, with constants, data and lines.
pub fn sample() -> Image {
    let mut image = Image::new("sample", "/nowhere/program.l");
    image.push("maru_leaf".into(), constant_function(42), TRAP);
    image.push("maru_call".into(), calling_function(), TRAP);
    image.push("maru_save".into(), saving_function(), TRAP);
    image.push("list->string!".into(), constant_function(7), TRAP);
    image.push("maru_data_address".into(), function(&[0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3], &[], &[]), TRAP);
    image.push("maru_busy".into(), busy_function(), TRAP);
    image.constants = b"MARU constants of the sample".to_vec();
    image.data_words = 100;
    image
}

fn with_fixup(bytes: &[u8], kind: FixupKind, target: FixupTarget) -> CompiledFunction {
    let fixups = vec![Fixup { offset: 0, kind, target, addend: 0 }];
    CompiledFunction { fixups, ..function(bytes, &[], &[(0, 30)]) }
}

/// An image that needs linking: functions that jump to another, read a data word, and reach what another library has.
pub fn linkable() -> Image {
    let mut image = Image::new("linkable", "/nowhere/program.l");
    let jump = &[0xe9, 0, 0, 0, 0][..];
    let other = FixupTarget::Function(FunctionId(2));
    image.push("maru_jump".into(), with_fixup(jump, CALL, other), TRAP);
    // `mov rax, [rip + word]; ret`
    let load = &[0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3][..];
    image.push("maru_load".into(), with_fixup(load, OPERAND, FixupTarget::Data(5)), TRAP);
    image.push("maru_leaf".into(), constant_function(42), TRAP);
    image.push("maru_call".into(), calling_function(), TRAP);
    // What linkers would take for a version, and for what runs on loading.
    image.push("odd@name".into(), constant_function(7), TRAP);
    image.push("_init".into(), constant_function(8), TRAP);
    image.constants = vec![0; 32];
    image.distances =
        vec![(0, Place::Code(0)), (4, Place::Data(0)), (8, Place::Function(2)), (12, Place::Constants(16))];
    image.data_words = 9;
    image
}

/// The same with two functions of the C library: one whose address the loader puts in a data word, and one that the
/// code jumps to.
pub fn importing() -> Image {
    let mut image = linkable();
    image.imports = vec![Import { name: "labs".into(), word: Some(3) }, Import { name: "llabs".into(), word: None }];
    // `mov rax, [rip + word]; jmp rax`
    let through = &[0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xff, 0xe0][..];
    image.push("maru_through_word".into(), with_fixup(through, OPERAND, FixupTarget::Data(3)), TRAP);
    image.push("maru_directly".into(), with_fixup(&[0xe9, 0, 0, 0, 0], CALL, FixupTarget::Import(1)), TRAP);
    image
}

/// An image of `count` constant functions.
pub fn numbered(count: u32) -> Image {
    let mut image = Image::new("numbered", "");
    for number in 0..count {
        image.push(format!("maru_{number}"), constant_function(number), TRAP);
    }
    image.constants = vec![1; 64];
    image.data_words = 8;
    image
}

/// Lay out and write.
pub fn written(image: &Image) -> (Layout, Vec<u8>) {
    let layout = ELF.layout(image, &machine()).expect("a layout");
    let mut image = image.clone();
    if image.functions.iter().any(|f| f.symbol == "maru_data_address") {
        push_data_function(&mut image, &layout);
    }
    let file = ELF.write(&image, &layout, &machine()).expect("a file");
    assert_eq!(file.len() as u64, layout.file_size);
    (layout, file)
}

/// A target that patches nothing: the images here have no fixups.
pub struct NoArchitecture(pub MachineIdentity);

/// The one for the machine of most tests.
pub fn target() -> NoArchitecture {
    NoArchitecture(machine())
}

impl Architecture for NoArchitecture {
    fn name(&self) -> &'static str {
        "none"
    }
    fn is_host(&self) -> bool {
        false
    }
    fn argument_registers(&self) -> usize {
        0
    }
    fn trap(&self) -> &'static [u8] {
        TRAP.filling
    }
    fn convention_facts(&self) -> Vec<maru_core::abi::Fact> {
        Vec::new()
    }
    fn identity(&self, _: &str) -> Option<&MachineIdentity> {
        Some(&self.0)
    }
    fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
        Err(CompileError { function: function.name.clone(), message: "nothing is compiled here".into() })
    }
    fn patch(&self, _: FixupKind, _: &mut [u8], _: u64, _: u64) -> Result<(), OutOfRange> {
        Ok(())
    }
    fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
        self.compile(function).map(|_| Vec::new())
    }
}

/// A whole library with a header, as the compiler makes them.
pub fn with_header(mut image: Image, manifest: &[u8], machine: &MachineIdentity) -> Vec<u8> {
    image.constants.clear();
    ImageHeader::build(&mut image, manifest, image_stamp(&target())).expect("a header");
    let layout = ELF.layout(&image, machine).expect("a layout");
    image.link(&layout, &target()).expect("linked");
    ELF.write(&image, &layout, machine).expect("a file")
}

/// A file in a new place that is removed with it.
pub struct TestFile(pub PathBuf);

impl TestFile {
    pub fn new(bytes: &[u8]) -> TestFile {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("maru-elf-test-{}-{number}.so", std::process::id()));
        std::fs::write(&path, bytes).expect("a writable temporary directory");
        TestFile(path)
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a tool printed on both its streams and whether it was content; `None` where there is no such tool, which is
/// said aloud.
pub fn tool(name: &str, arguments: &[&str]) -> Option<(String, bool)> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => {
            let both = [output.stdout, output.stderr].concat();
            Some((String::from_utf8_lossy(&both).into_owned(), output.status.success()))
        }
        Err(_) => {
            not_run(&format!("{name} missing"));
            None
        }
    }
}
