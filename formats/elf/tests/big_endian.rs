//! Libraries for a machine whose most significant byte comes first: read back by readers that nobody here wrote, and
//! loaded by such a machine's own loader, on an emulator of its user's programs.
#![allow(missing_docs)]

mod common;

use common::{not_run, tool, TestFile};
use gimli::{BaseAddresses, BigEndian, CfaRule, EhFrame, Register, UnwindContext, UnwindSection};
use maru_core::codegen::{CompiledFunction, MachineIdentity, UnwindConvention, UnwindRow};
use maru_core::format::{CodePlacement, Image, Layout, ObjectFormat};
use maru_elf::ELF;
use object::{Object, ObjectSection, ObjectSymbol};

/// `EM_S390`: on entry, the frame address lies 160 bytes above the stack pointer, register 15.
fn machine() -> MachineIdentity {
    let unwind = UnwindConvention {
        code_alignment: 1,
        return_address: 14,
        stack_pointer: 15,
        entry_cfa_offset: 160,
        entry_return_address: None,
        ..common::machine().unwind
    };
    MachineIdentity { machine: 22, little_endian: false, tool_name: "s390x", unwind, ..common::machine() }
}

const PLACEMENT: CodePlacement = CodePlacement { alignment: 16, filling: &[0, 0] };

/// `lghi %r2, number; br %r14`.
fn constant(number: u8) -> CompiledFunction {
    let bytes = vec![0xa7, 0x29, 0, number, 0x07, 0xfe];
    CompiledFunction { bytes, lines: vec![(0, u32::from(number))], ..CompiledFunction::default() }
}

/// `stmg %r14,%r15,112(%r15); aghi %r15,-160; basr %r14,%r2; lmg %r14,%r15,272(%r15); br %r14`: calls its argument.
fn calling() -> CompiledFunction {
    let bytes = vec![
        0xeb, 0xef, 0xf0, 0x70, 0x00, 0x24, 0xa7, 0xfb, 0xff, 0x60, 0x0d, 0xe2, 0xeb, 0xef, 0xf1, 0x10, 0x00, 0x04,
        0x07, 0xfe,
    ];
    let saved = vec![(14, -48), (15, -40)];
    let unwind = vec![
        UnwindRow { offset: 6, cfa_offset: 160, saved: saved.clone() },
        UnwindRow { offset: 10, cfa_offset: 320, saved },
        UnwindRow { offset: 18, cfa_offset: 160, saved: Vec::new() },
    ];
    CompiledFunction { bytes, unwind, lines: vec![(0, 300)], ..CompiledFunction::default() }
}

/// `lgrl %r2, word`: the first word of the data table, given the layout; `br %r14`.
fn push_data_function(image: &mut Image, layout: &Layout) {
    let at = layout.code + image.code.len().next_multiple_of(16) as u64;
    let distance = ((layout.data - at) / 2) as u32;
    let bytes = [&[0xc4, 0x28], &distance.to_be_bytes()[..], &[0x07, 0xfe]].concat();
    image.push("maru_data".into(), CompiledFunction { bytes, ..CompiledFunction::default() }, PLACEMENT);
}

fn sample() -> Image {
    let mut image = Image::new("sample", "/nowhere/program.l");
    for (name, function) in [("maru_leaf", constant(42)), ("maru_call", calling()), ("list->string!", constant(7))] {
        image.push(name.into(), function, PLACEMENT);
    }
    image.constants = b"MARU constants".to_vec();
    image.data_words = 600;
    let mut other = image.clone();
    push_data_function(&mut other, &Layout { data: 1 << 20, ..Layout::default() });
    let layout = ELF.layout(&other, &machine()).expect("a layout");
    push_data_function(&mut image, &layout);
    image
}

fn written(image: &Image) -> (Layout, Vec<u8>) {
    let layout = ELF.layout(image, &machine()).expect("a layout");
    let file = ELF.write(image, &layout, &machine()).expect("a file");
    (layout, file)
}

/// What must be there: names, addresses and sizes.
fn expected(image: &Image, layout: &Layout) -> Vec<(String, u64, u64)> {
    let mut all = vec![("maru_image".to_string(), layout.constants, image.constants.len() as u64)];
    let functions = image.functions.iter();
    all.extend(functions.map(|f| (f.symbol.clone(), layout.code + u64::from(f.offset), f.size.into())));
    all.sort();
    all
}

#[test]
fn readers_find_everything() {
    let image = sample();
    let (layout, bytes) = written(&image);
    let file = object::File::parse(&*bytes).expect("object reads it");
    assert!(file.architecture() == object::Architecture::S390x && !file.is_little_endian());
    for symbols in [file.symbols(), file.dynamic_symbols()] {
        let mut found: Vec<_> =
            symbols.map(|s| (s.name().expect("a name").to_string(), s.address(), s.size())).collect();
        found.sort();
        assert_eq!(found, expected(&image, &layout));
    }
    assert!(file.build_id().expect("a note").is_some());
    let elf = goblin::elf::Elf::parse(&bytes).expect("goblin reads it");
    assert!(elf.is_lib && elf.is_64 && !elf.little_endian && elf.header.e_machine == 22);
    let contents = ELF.read(&bytes).expect("our own reader takes it");
    assert_eq!(contents.machine, 22);
    assert_eq!(bytes[contents.constants], image.constants);
}

#[test]
fn unwind_entries_and_lines_are_read_back() {
    let image = sample();
    let (layout, bytes) = written(&image);
    let file = object::File::parse(&*bytes).expect("object reads it");
    let section = file.section_by_name(".eh_frame").expect("unwind entries");
    let bases = BaseAddresses::default().set_eh_frame(section.address()).set_text(layout.code);
    let frames = EhFrame::new(section.data().expect("bytes"), BigEndian);
    let mut context = UnwindContext::new();
    let function = &image.functions[1];
    for (offset, cfa) in [(0, 160), (6, 160), (10, 320), (17, 320), (18, 160)] {
        let address = layout.code + u64::from(function.offset) + offset;
        let entry = frames.fde_for_address(&bases, address, EhFrame::cie_from_offset).expect("an entry");
        let row = entry.unwind_info_for_address(&frames, &bases, &mut context, address).expect("a row");
        assert_eq!(*row.cfa(), CfaRule::RegisterAndOffset { register: Register(15), offset: cfa }, "at {offset}");
    }
    let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        let bytes = file.section_by_name(id.name()).and_then(|section| section.data().ok()).unwrap_or_default();
        Ok(gimli::EndianSlice::new(bytes, BigEndian))
    };
    let dwarf = gimli::Dwarf::load(load).expect("sections");
    let unit = dwarf.unit(dwarf.units().next().expect("readable").expect("one unit")).expect("a unit");
    let mut rows = unit.line_program.clone().expect("a line program").rows();
    let mut found = Vec::new();
    while let Some((_, row)) = rows.next_row().expect("readable") {
        found.extend(row.line().filter(|_| !row.end_sequence()).map(|line| (row.address(), line.get())));
    }
    let start = |number: usize| layout.code + u64::from(image.functions[number].offset);
    assert_eq!(found[..3], [(start(0), 42), (start(1), 300), (start(2), 7)]);
}

#[test]
fn every_truncation_and_every_flipped_bit_is_found() {
    let mut bytes = written(&sample()).1;
    for length in 0..bytes.len() {
        ELF.read(&bytes[..length]).expect_err("cut short");
    }
    for byte in 0..bytes.len() {
        for bit in 0..8 {
            bytes[byte] ^= 1 << bit;
            ELF.read(&bytes).expect_err("damaged");
            bytes[byte] ^= 1 << bit;
        }
    }
    ELF.read(&bytes).expect("good again");
}

/// A program that opens the library, calls its functions and writes to its data table.
const PROGRAM: &str = r#"
#include <dlfcn.h>
#include <stdio.h>

static long forty(void) { return 40; }

int main(int count, char **arguments) {
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) return puts(dlerror()), 1;
    long (*leaf)(void) = dlsym(library, "maru_leaf"), (*data)(void) = dlsym(library, "maru_data");
    long (*call)(long (*)(void)) = dlsym(library, "maru_call"), (*seven)(void) = dlsym(library, "list->string!");
    printf("%ld %ld %ld %ld %.4s\n", leaf(), call(forty), seven(), data(), (char *) dlsym(library, "maru_image"));
    return 0;
}
"#;

#[test]
fn the_machines_own_loader_opens_it() {
    let (library, source) = (TestFile::new(&written(&sample()).1), TestFile::new(PROGRAM.as_bytes()));
    let path = |file: &TestFile| file.path().to_str().expect("a plain path").to_string();
    let program = format!("{}.program", path(&source));
    let arguments = ["-O1", "-x", "c", &path(&source), "-o", &program, "-ldl"];
    let Some((text, good)) = tool("s390x-linux-gnu-gcc", &arguments) else { return };
    assert!(good, "{text}");
    let run = tool("qemu-s390x", &["-L", "/usr/s390x-linux-gnu", &program, &path(&library)]);
    let _ = std::fs::remove_file(&program);
    match run {
        Some((text, _)) => assert_eq!(text, "42 40 7 0 MARU\n"),
        None => not_run("no emulator of s390x"),
    }
}
