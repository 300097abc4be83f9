//! What was written is read back by readers that nobody here wrote.
#![allow(missing_docs)]

mod common;

use common::*;
use gimli::{BaseAddresses, CfaRule, EhFrame, LittleEndian, RegisterRule, UnwindContext, UnwindSection};
use maru_core::codegen::{CompiledFunction, UnwindRow};
use maru_core::format::{Image, Layout, ObjectFormat};
use maru_macho::{rules, MACHO};
use object::read::macho::{CodeSignature, MachOFile64};
use object::{Endianness, ExportTarget, NameOrOrdinal, Object, ObjectSection, ObjectSegment, ObjectSymbol};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Symbols by name and address, sorted by name.
fn expected_symbols(image: &Image, layout: &Layout) -> Vec<(String, u64)> {
    let mut symbols = vec![("_maru_image".to_string(), layout.constants)];
    for function in &image.functions {
        symbols.push((format!("_{}", function.symbol), layout.code + u64::from(function.offset)));
    }
    symbols.sort();
    symbols
}

fn check_with_object(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = MachOFile64::<Endianness>::parse(&*bytes).expect("object reads it");
    assert_eq!(file.kind(), object::ObjectKind::Dynamic);
    let symbols = file.symbols().map(|symbol| (symbol.name().expect("a name").to_string(), symbol.address()));
    assert_eq!(symbols.collect::<Vec<_>>(), expected_symbols(image, &layout));
    let exports = file.exports().expect("exports").map(|export| export.expect("an export"));
    let exports = exports.map(|export| match (export.name(), export.target()) {
        (NameOrOrdinal::Name(name), ExportTarget::Address { address }) => {
            (String::from_utf8_lossy(name).into_owned(), address)
        }
        other => panic!("{other:?}"),
    });
    let mut exports: Vec<_> = exports.collect();
    exports.sort();
    assert_eq!(exports, expected_symbols(image, &layout));
    assert!(file.imports().expect("imports").next().is_none());
    let text = file.section_by_name("__text").expect("__text");
    assert_eq!((text.address(), text.data().expect("bytes")), (layout.code, &*image.code));
    let constants = file.section_by_name("__const").expect("__const");
    assert_eq!((constants.address(), constants.data().expect("bytes")), (layout.constants, &*image.constants));
    let data = file.section_by_name("__bss").map_or((layout.data, 0), |data| (data.address(), data.size()));
    assert_eq!(data, (layout.data, u64::from(image.data_words) * 8));
    for segment in file.segments() {
        let flags = segment.permissions();
        assert!(!(flags.writable() && flags.executable()));
        assert_eq!((segment.address() % 0x4000, segment.file_range().0 % 0x4000), (0, 0));
    }
    assert!(file.mach_uuid().expect("readable").is_some());
    check_signature(&bytes, &file);
}

/// Every page's digest is the one that the signature lists.
fn check_signature(bytes: &[u8], file: &MachOFile64<Endianness>) {
    let mut commands = file.macho_load_commands().expect("commands");
    let mut found = None;
    while let Some(command) = commands.next().expect("a command") {
        if command.cmd() == object::macho::LC_CODE_SIGNATURE {
            let command: &object::macho::LinkeditDataCommand<Endianness> = command.data().expect("its contents");
            let endian = file.endian();
            found = Some((command.dataoff.get(endian) as usize, command.datasize.get(endian) as usize));
        }
    }
    let (offset, size) = found.expect("a signature");
    assert_eq!((offset + size, offset % 16), (bytes.len(), 0));
    let signature = CodeSignature::parse(&bytes[offset..]).expect("object reads it");
    let mut blobs = signature.blobs();
    let directory = blobs.next().expect("readable").expect("a part");
    let directory = directory.code_directory().expect("readable").expect("a directory");
    assert!(blobs.next().expect("readable").is_none());
    assert_eq!(directory.code_limit(), offset as u64);
    for (number, page) in (0..).zip(bytes[..offset].chunks(4096)) {
        assert_eq!(*Sha256::digest(page), *directory.code_hash(number).expect("a digest"), "page {number}");
    }
    assert!(directory.code_hash(offset.div_ceil(4096) as u32).is_err(), "more digests than pages");
}

fn check_with_goblin(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = goblin::mach::MachO::parse(&bytes, 0).expect("goblin reads it");
    assert!(file.is_64 && file.little_endian);
    assert_eq!((file.header.cputype(), file.header.cpusubtype()), (cpu.machine.machine, cpu.machine.subtype));
    assert_eq!(file.libs[1..], ["/usr/lib/libSystem.B.dylib"]);
    assert!(file.name.is_some_and(|name| name.starts_with("@rpath/maru_") && name.ends_with(".dylib")));
    assert!(file.rpaths.is_empty() && file.imports().expect("imports").is_empty());
    let mut exports: Vec<_> = file.exports().expect("exports").into_iter().map(|e| (e.name, e.offset)).collect();
    exports.sort();
    assert_eq!(exports, expected_symbols(image, &layout));
    let symbols = file.symbols().map(|symbol| symbol.expect("a symbol"));
    let symbols = symbols.map(|(name, entry)| (name.to_string(), entry.n_value));
    assert_eq!(symbols.collect::<Vec<_>>(), expected_symbols(image, &layout));
    let segments = file.segments.iter().map(|segment| (segment.name().expect("a name"), segment.initprot));
    let mut expected = vec![("__TEXT", 5), ("__DATA", 3), ("__DWARF", 1), ("__LINKEDIT", 1)];
    let lines = !image.source.is_empty() && image.functions.iter().any(|function| !function.lines.is_empty());
    expected.retain(|(name, _)| *name != "__DATA" || image.data_words > 0);
    expected.retain(|(name, _)| *name != "__DWARF" || lines);
    assert_eq!(segments.collect::<Vec<_>>(), expected);
}

/// The state that the unwind rows give for every byte of every function.
fn check_unwinding(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = object::File::parse(&*bytes).expect("object reads it");
    let section = file.section_by_name("__eh_frame").expect("__eh_frame");
    let bases = BaseAddresses::default().set_eh_frame(section.address()).set_text(layout.code);
    let frames = EhFrame::new(section.data().expect("bytes"), LittleEndian);
    let convention = &cpu.machine.unwind;
    let mut context = UnwindContext::new();
    for function in &image.functions {
        for offset in 0..function.size {
            let address = layout.code + u64::from(function.offset + offset);
            let found = frames.fde_for_address(&bases, address, EhFrame::cie_from_offset).expect("an entry");
            assert_eq!(found.initial_address(), layout.code + u64::from(function.offset));
            assert_eq!(found.len(), u64::from(function.size));
            let row = found.unwind_info_for_address(&frames, &bases, &mut context, address).expect("a row");
            let wanted = function.unwind.iter().rfind(|row| row.offset <= offset);
            let cfa_offset = wanted.map_or(convention.entry_cfa_offset, |row| row.cfa_offset);
            let register = gimli::Register(convention.stack_pointer);
            assert_eq!(*row.cfa(), CfaRule::RegisterAndOffset { register, offset: cfa_offset });
            let mut saved = wanted.map_or(Vec::new(), |row| row.saved.clone());
            saved.extend(convention.entry_return_address.map(|at| (convention.return_address, at)));
            saved.sort_unstable();
            let mut rules: Vec<_> = row.registers().map(|(register, rule)| (register.0, rule.clone())).collect();
            rules.sort_by_key(|(register, _)| *register);
            let wanted: Vec<_> = saved.into_iter().map(|(register, at)| (register, RegisterRule::Offset(at))).collect();
            assert_eq!(rules, wanted, "{} at {offset}", function.symbol);
        }
    }
}

/// Every row of the line table is that of the image, and every function has its name.
fn check_lines(cpu: &Cpu, image: &Image) {
    let (layout, bytes) = cpu.written(image);
    let file = object::File::parse(&*bytes).expect("object reads it");
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
        let base = layout.code + u64::from(function.offset);
        lines.into_iter().map(move |(offset, line)| (base + u64::from(offset), u64::from(line)))
    });
    assert_eq!(found, wanted.collect::<Vec<_>>());
}

fn check_all(cpu: &Cpu, image: &Image) {
    check_with_object(cpu, image);
    check_with_goblin(cpu, image);
    check_unwinding(cpu, image);
    if !image.source.is_empty() && !image.functions.is_empty() {
        check_lines(cpu, image);
    }
    let (layout, bytes) = cpu.written(image);
    assert_eq!(rules::check(&bytes), []);
    let contents = MACHO.read(&bytes).expect("our own reader takes it");
    let start = layout.constants as usize;
    assert_eq!(contents.machine, cpu.machine.machine);
    assert_eq!(contents.constants, start..start + image.constants.len());
    assert_eq!(contents.constants_address, layout.constants);
    assert!(image.code.is_empty() || contents.executable.contains(&layout.code));
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
    for name in ["a", "ab", "abc", "abcdef", "abd", "b", "maru_image2", "maru_imag", "é", "\u{ffff}", " ", "_", "__"] {
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
        let file = MachOFile64::<Endianness>::parse(&*bytes).expect("readable");
        let name = goblin::mach::MachO::parse(&bytes, 0).expect("readable").name.map(String::from);
        (file.mach_uuid().expect("readable"), name)
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
        steps in proptest::collection::vec((0u32..300, 1i64..9, proptest::collection::btree_set(0u16..16, 0..6)), 0..6),
        lines in proptest::collection::btree_map(1u32..200, 1u32..100_000, 0..8),
        first_line in 1u32..1000,
    ) -> (String, CompiledFunction) {
        let mut unwind: Vec<UnwindRow> = Vec::new();
        let mut offsets: Vec<u32> = steps.iter().map(|step| step.0 % words as u32 * 4).collect();
        offsets.sort_unstable();
        offsets.dedup();
        for (offset, (_, words, saved)) in offsets.into_iter().zip(steps) {
            let saved = saved.into_iter().zip(2..).map(|(register, slot)| (register, -8 * slot)).collect();
            unwind.push(UnwindRow { offset, cfa_offset: words * 8, saved });
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn random_images_read_back(image in any_image()) {
        cpus().into_iter().for_each(|cpu| check_all(cpu, &image));
    }
}
