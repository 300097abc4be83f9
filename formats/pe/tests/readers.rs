//! What was written is read back by readers that nobody here wrote.
#![allow(missing_docs)]

mod common;

use common::*;
use gimli::LittleEndian;
use maru_core::codegen::{CompiledFunction, UnwindRow};
use maru_core::format::{Image, Layout, ObjectFormat};
use maru_pe::{rules, PE};
use object::read::pe::PeFile64;
use object::{Object, ObjectSection, ObjectSymbol};
use proptest::prelude::*;

/// Symbols by name and address, sorted by name.
fn expected_symbols(image: &Image, layout: &Layout) -> Vec<(String, u64)> {
    let mut symbols = vec![("maru_image".to_string(), layout.constants)];
    for function in &image.functions {
        symbols.push((function.symbol.clone(), layout.code + u64::from(function.offset)));
    }
    symbols.sort();
    symbols
}

fn check_with_object(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = PeFile64::parse(&*bytes).expect("object reads it");
    assert_eq!((file.kind(), file.entry()), (object::ObjectKind::Dynamic, 0x1_8000_0000));
    let base = file.relative_address_base();
    let named = |name: &[u8], address: u64| (String::from_utf8_lossy(name).into_owned(), address - base);
    let symbols = file.symbols().map(|symbol| named(symbol.name_bytes().expect("a name"), symbol.address()));
    assert_eq!(symbols.collect::<Vec<_>>(), expected_symbols(image, &layout));
    let sizes: u64 = file.symbols().map(|symbol| symbol.size()).sum();
    assert_eq!(sizes, image.functions.iter().map(|function| u64::from(function.size)).sum::<u64>());
    let table = file.export_table().expect("readable").expect("exports");
    let exports = table.exports().expect("exports").into_iter().map(|export| match export.target {
        object::read::pe::ExportTarget::Address(address) => {
            (String::from_utf8_lossy(export.name.expect("a name")).into_owned(), address.into())
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(exports.collect::<Vec<(String, u64)>>(), expected_symbols(image, &layout));
    assert!(file.imports().expect("imports").next().is_none());
    check_sections(&file, image, &layout);
    assert!(file.pdb_info().expect("readable").is_some_and(|pdb| pdb.guid() != [0; 16]));
}

fn check_sections(file: &PeFile64, image: &Image, layout: &Layout) {
    let base = file.relative_address_base();
    for (name, address, contents) in
        [(".text", layout.code, &image.code), (".rdata", layout.constants, &image.constants)]
    {
        let section = file.section_by_name(name).expect("a section");
        assert_eq!(section.address() - base, address);
        assert!(section.data().expect("bytes").starts_with(contents));
        assert_eq!(section.size(), contents.len().max(1) as u64);
    }
    let data = file.section_by_name(".data").map_or((layout.data, 0), |data| (data.address() - base, data.size()));
    assert_eq!(data, (layout.data, u64::from(image.data_words) * 8));
}

fn check_with_goblin(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = goblin::pe::PE::parse(&bytes).expect("goblin reads it");
    assert!(file.is_lib && file.is_64 && file.imports.is_empty());
    assert_eq!(u32::from(file.header.coff_header.machine), cpu.machine.machine);
    assert_eq!(file.name, Some(&*format!("{}.dll", image.name)));
    let exports = file.exports.iter().map(|export| {
        assert!(export.reexport.is_none());
        (export.name.expect("a name").to_string(), export.rva as u64)
    });
    assert_eq!(exports.collect::<Vec<_>>(), expected_symbols(image, &layout));
    for section in &file.sections {
        let both = section.characteristics & 0xa000_0000;
        assert!(both != 0xa000_0000, "a section both writable and executable");
        assert_eq!((section.virtual_address % 0x1000, section.pointer_to_raw_data % 0x200), (0, 0));
    }
    let debug = file.debug_data.as_ref().expect("a debug directory");
    assert!(debug.codeview_pdb70_debug_info.as_ref().is_some_and(|info| info.signature != [0; 16]));
    if !image.functions.is_empty() {
        match cpu.name {
            "x64" => check_unwinding(&file, &layout, image),
            _ => check_arm64_unwinding(&file, &bytes, &layout, image),
        }
    }
}

/// What arm64's codes undo, as its manual has it, is the state that the unwind rows give at every byte.
fn check_arm64_unwinding(file: &goblin::pe::PE, bytes: &[u8], layout: &Layout, image: &Image) {
    let word = |rva: usize| {
        let section = file.sections.iter().rfind(|section| section.virtual_address as usize <= rva).expect("a section");
        let at = rva - section.virtual_address as usize + section.pointer_to_raw_data as usize;
        u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    };
    let directories = file.header.optional_header.expect("a header").data_directories;
    let table = directories.get_exception_table().expect("unwind entries");
    let entries = (0..table.size as usize / 8).map(|number| {
        let at = table.virtual_address as usize + 8 * number;
        (word(at), word(at + 4) as usize)
    });
    let entries: Vec<(u32, usize)> = entries.collect();
    for function in &image.functions {
        for offset in (0..function.size).step_by(4) {
            let address = layout.code as u32 + function.offset + offset;
            let (start, codes) = *entries.iter().rfind(|(start, _)| *start <= address).expect("an entry");
            let head = word(codes);
            assert!(address < start + (head & 0x3_ffff) * 4 && head & 0x07fc_0000 == 0);
            let codes = (0..head as usize >> 27).flat_map(|number| word(codes + 4 + 4 * number).to_le_bytes());
            let wanted = function.unwind.iter().rfind(|row| row.offset <= offset);
            let mut wanted = wanted.map_or((0, Vec::new()), |row| (row.cfa_offset, row.saved.clone()));
            wanted.1.sort_unstable();
            assert_eq!(undone(&codes.collect::<Vec<u8>>()), wanted, "{} at {offset}", function.symbol);
        }
    }
}

/// The frame's size, and the registers that are restored with their places below its end.
fn undone(codes: &[u8]) -> (i64, Vec<(u16, i64)>) {
    let (mut at, mut stack, mut saved) = (0, 0i64, Vec::new());
    assert!([0xe4, 0xe5].contains(&codes[0]), "a prologue");
    loop {
        let pair = u16::from_be_bytes([codes[at], codes.get(at + 1).copied().unwrap_or(0)]);
        let place = |stack: i64| stack + i64::from(pair & 0x3f) * 8;
        let register = pair >> 6;
        match codes[at] {
            0xe4 => break,
            0xe5 => at += 1,
            small @ 0..=0x1f => {
                stack += i64::from(small) * 16;
                at += 1;
            }
            record @ 0x40..=0x7f => {
                let record = stack + i64::from(record & 0x3f) * 8;
                saved.extend([(29, record), (30, record + 8)]);
                at += 1;
            }
            0xc0..=0xc7 => {
                stack += i64::from(pair & 0x7ff) * 16;
                at += 2;
            }
            0xc8..=0xcb => {
                let first = 19 + (register & 15);
                saved.extend([(first, place(stack)), (first + 1, place(stack) + 8)]);
                at += 2;
            }
            0xd0..=0xd3 => {
                saved.push((19 + (register & 15), place(stack)));
                at += 2;
            }
            0xd8..=0xd9 => {
                let first = 72 + (register & 7);
                saved.extend([(first, place(stack)), (first + 1, place(stack) + 8)]);
                at += 2;
            }
            0xdc..=0xdd => {
                saved.push((72 + (register & 7), place(stack)));
                at += 2;
            }
            0xe0 => {
                stack += i64::from(u32::from_be_bytes([0, codes[at + 1], codes[at + 2], codes[at + 3]])) * 16;
                at += 4;
            }
            other => panic!("code {other:#x}"),
        }
    }
    let mut saved: Vec<(u16, i64)> = saved.into_iter().map(|(register, place)| (register, place - stack)).collect();
    saved.sort_unstable();
    (stack, saved)
}

/// What x64's codes undo, as goblin decodes them, is the state that the unwind rows give at every byte of every function.
fn check_unwinding(file: &goblin::pe::PE, layout: &Layout, image: &Image) {
    use goblin::pe::exception::{Register, StackFrameOffset, UnwindOperation};
    let table = file.exception_data.as_ref().expect("readable");
    let registers = match X64.machine.unwind.style {
        maru_core::codegen::UnwindStyle::Codes(registers) => registers,
        maru_core::codegen::UnwindStyle::Dwarf => panic!("another style"),
    };
    for function in &image.functions {
        for offset in 0..function.size {
            let address = layout.code as u32 + function.offset + offset;
            let entry = table.find_function(address).expect("readable").expect("an entry");
            let info = table.get_unwind_info(entry, &file.sections).expect("codes");
            assert_eq!((info.size_of_prolog, info.chained_info), (0, None));
            let (mut frame, mut saved) = (8, Vec::new());
            for code in info.unwind_codes() {
                match code.expect("a code").operation {
                    UnwindOperation::Alloc(size) => frame += i64::from(size),
                    UnwindOperation::SaveNonVolatile(Register(number), place) => {
                        saved.push((number, place));
                    }
                    UnwindOperation::SaveXMM(Register(number), place) => saved.push((number | 0x80, place)),
                    other => panic!("{other:?}"),
                }
            }
            let mut saved: Vec<(u16, i64)> = saved
                .into_iter()
                .map(|(number, place)| {
                    let StackFrameOffset::RSP(place) = place else { panic!("{place:?}") };
                    let dwarf = registers.iter().find(|(_, own)| *own == number).expect("a register").0;
                    (dwarf, i64::from(place) - frame)
                })
                .collect();
            saved.sort_unstable();
            let wanted = function.unwind.iter().rfind(|row| row.offset <= offset);
            let mut wanted = wanted.map_or((8, Vec::new()), |row| (row.cfa_offset, row.saved.clone()));
            wanted.1.sort_unstable();
            assert_eq!((frame, saved), wanted, "{} at {offset}", function.symbol);
        }
    }
}

/// Every row of the line table is that of the image.
fn check_lines(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = PeFile64::parse(&*bytes).expect("object reads it");
    let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        let bytes = file.section_by_name(id.name()).and_then(|section| section.data().ok()).unwrap_or_default();
        Ok(gimli::EndianSlice::new(bytes, LittleEndian))
    };
    let dwarf = gimli::Dwarf::load(load).expect("sections");
    let header = dwarf.units().next().expect("readable").expect("one unit");
    let unit = dwarf.unit(header).expect("a unit");
    let mut found = Vec::new();
    let mut rows = unit.line_program.clone().expect("a line program").rows();
    while let Some((_, row)) = rows.next_row().expect("readable") {
        if !row.end_sequence() {
            found.push((row.address(), row.line().map_or(0, |line| line.get())));
        }
    }
    let wanted = image.functions.iter().flat_map(|function| {
        let lines = if function.lines.is_empty() { vec![(0, 0)] } else { function.lines.clone() };
        let base = file.relative_address_base() + layout.code + u64::from(function.offset);
        lines.into_iter().map(move |(offset, line)| (base + u64::from(offset), u64::from(line)))
    });
    assert_eq!(found, wanted.collect::<Vec<_>>());
}

fn check_all(cpu: &Cpu, image: &Image) {
    check_with_object(cpu, image);
    check_with_goblin(cpu, image);
    if !image.source.is_empty() && !image.functions.is_empty() {
        check_lines(cpu, image);
    }
    let (layout, bytes) = cpu.written(image);
    assert_eq!(rules::check(&bytes), []);
    let contents = PE.read(&bytes).expect("our own reader takes it");
    assert_eq!(contents.machine, cpu.machine.machine);
    assert!(bytes[contents.constants.clone()].starts_with(&image.constants));
    assert_eq!(contents.constants.len(), image.constants.len().max(1));
    assert_eq!(contents.constants_address, layout.constants);
    assert!(contents.executable.contains(&layout.code));
    assert!(bytes[contents.executable_offset..].starts_with(&image.code));
    assert!(contents.writable.start == layout.data);
    assert!(contents.writable.end >= layout.data + 8 * u64::from(image.data_words));
}

#[test]
fn the_sample_reads_back() {
    cpus().into_iter().for_each(|cpu| check_all(cpu, &cpu.sample()));
}

#[test]
fn images_of_any_number_of_functions_read_back() {
    for cpu in cpus() {
        check_all(cpu, &Image::new("empty", ""));
        for count in [0, 1, 2, 127, 128, 300, 900] {
            check_all(cpu, &cpu.numbered(count));
        }
    }
}

#[test]
fn names_that_begin_as_others_read_back() {
    let mut image = Image::new("names", "");
    for name in ["a", "ab", "abc", "abcdef", "abcdefgh", "abcdefghi", "abd", "maru_image2", "maru_imag", "é", " ", "_"]
    {
        image.push(name.into(), X64.constant_function(1), X64.placement);
    }
    check_all(&X64, &image);
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    assert_eq!(X64.written(&X64.sample()), X64.written(&X64.sample()));
}

#[test]
fn images_that_differ_in_one_byte_have_different_identities() {
    let identity = |image: &Image| {
        let bytes = X64.written(image).1;
        let file = PeFile64::parse(&*bytes).expect("readable");
        let stamp = u32::from_le_bytes(bytes[HEADER + 8..HEADER + 12].try_into().expect("four bytes"));
        (file.pdb_info().expect("readable").expect("an identifier").guid(), stamp)
    };
    let own = identity(&X64.sample());
    for change in [|image: &mut Image| image.constants[3] ^= 1, |image: &mut Image| image.code[1] ^= 1] {
        let mut other = X64.sample();
        change(&mut other);
        let other = identity(&other);
        assert!(own.0 != other.0 && own.1 != other.1);
    }
}

prop_compose! {
    fn any_function(index: usize)(
        name in "[a-z!?*<>=/+-][ -~]{0,30}",
        words in 1usize..50,
        steps in proptest::collection::vec((0u32..300, 3i64..70_000, proptest::collection::btree_set(0usize..3, 0..3)), 0..6),
        lines in proptest::collection::btree_map(1u32..200, 1u32..100_000, 0..8),
        first_line in 1u32..1000,
    ) -> (String, CompiledFunction) {
        let mut unwind: Vec<UnwindRow> = Vec::new();
        let mut offsets: Vec<u32> = steps.iter().map(|step| step.0 % words as u32 * 4).collect();
        offsets.sort_unstable();
        offsets.dedup();
        for (offset, (_, size, saved)) in offsets.into_iter().zip(steps) {
            let registers = [3, 6, 12];
            let saved = saved.into_iter().zip(2..).map(|(register, slot)| (registers[register], -8 * slot)).collect();
            unwind.push(UnwindRow { offset, cfa_offset: 32 + size * 16, saved });
        }
        let mut line_rows = vec![(0, first_line)];
        line_rows.extend(lines.into_iter().filter(|(offset, _)| (*offset as usize) < words * 4));
        let function = CompiledFunction { bytes: vec![0x90; words * 4], unwind, lines: line_rows, ..Default::default() };
        (format!("{name}#{index}"), function)
    }
}

fn any_image() -> impl Strategy<Value = Image> {
    let functions = prop_oneof![3 => 0usize..20, 1 => 20usize..=200];
    let functions = functions.prop_flat_map(|count| (0..count).map(any_function).collect::<Vec<_>>());
    let constants = proptest::collection::vec(any::<u8>(), 0..3000);
    let source = prop_oneof![Just(""), Just("source.l")];
    (functions, constants, 0u32..3000, source).prop_map(|(functions, constants, data_words, source)| {
        let mut image = Image::new("random", source);
        for (name, function) in functions {
            image.push(name, function, maru_core::format::CodePlacement { alignment: 16, filling: &[0xcc] });
        }
        image.constants = constants;
        image.data_words = data_words;
        image
    })
}

/// The same image with registers that the other CPU saves.
fn for_arm64(mut image: Image) -> Image {
    let rows = image.functions.iter_mut().flat_map(|function| &mut function.unwind);
    for (register, _) in rows.flat_map(|row| &mut row.saved) {
        *register = match *register {
            3 => 19,
            6 => 20,
            _ => 72,
        };
    }
    image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn random_images_read_back(image in any_image()) {
        check_all(&X64, &image);
        check_all(&ARM64, &for_arm64(image));
    }
}
