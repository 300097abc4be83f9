//! What was written is read back by readers that nobody here wrote.
#![allow(missing_docs)]

mod common;

use common::*;
use gimli::{BaseAddresses, CfaRule, EhFrame, EhFrameHdr, LittleEndian, RegisterRule, UnwindContext, UnwindSection};
use maru_core::abi::fingerprint;
use maru_core::format::{Image, ObjectFormat};
use maru_elf::ELF;
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol};
use proptest::prelude::*;

/// Symbols by name, address, size: in the order of addresses.
fn expected_symbols(image: &Image, layout: &maru_core::format::Layout) -> Vec<(String, u64, u64)> {
    let mut symbols = vec![("maru_image".to_string(), layout.constants, image.constants.len() as u64)];
    for function in &image.functions {
        symbols.push((function.symbol.clone(), layout.code + u64::from(function.offset), function.size.into()));
    }
    symbols.sort();
    symbols
}

fn check_with_object(image: &Image) {
    let (layout, bytes) = written(image);
    let file = object::File::parse(&*bytes).expect("object reads it");
    assert_eq!(file.kind(), object::ObjectKind::Dynamic);
    for symbols in [file.symbols(), file.dynamic_symbols()] {
        let mut found: Vec<_> = symbols
            .map(|symbol| (symbol.name().expect("a name").to_string(), symbol.address(), symbol.size()))
            .collect();
        found.sort();
        assert_eq!(found, expected_symbols(image, &layout));
    }
    let text = file.section_by_name(".text").expect(".text");
    assert_eq!((text.address(), text.size()), (layout.code, image.code.len() as u64));
    assert_eq!(text.data().expect("bytes").len(), image.code.len());
    let constants = file.section_by_name(".rodata").expect(".rodata");
    assert_eq!((constants.address(), constants.data().expect("bytes")), (layout.constants, &*image.constants));
    let data = file.section_by_name(".bss").expect(".bss");
    assert_eq!((data.address(), data.size()), (layout.data, u64::from(image.data_words) * 8));
    for segment in file.segments() {
        let flags = segment.permissions();
        assert!(!(flags.writable() && flags.executable()));
    }
    let mut zeroed = bytes.clone();
    let id = file.build_id().expect("a note").expect("a build id");
    let at = id.as_ptr() as usize - bytes.as_ptr() as usize;
    zeroed[at..at + 16].fill(0);
    assert_eq!(id, fingerprint(&zeroed).map(u64::to_le_bytes).concat());
}

fn check_with_goblin(image: &Image) {
    let (layout, bytes) = written(image);
    let elf = goblin::elf::Elf::parse(&bytes).expect("goblin reads it");
    assert!(elf.is_lib && elf.is_64 && elf.little_endian && elf.libraries.is_empty() && elf.soname.is_none());
    assert_eq!(elf.header.e_machine, 62);
    assert_eq!(elf.dynrelas.len() + elf.dynrels.len() + elf.pltrelocs.len(), 0);
    assert_eq!(elf.dynsyms.len(), image.functions.len() + 2);
    let hash = elf.section_headers.iter().find(|section| elf.shdr_strtab.get_at(section.sh_name) == Some(".gnu.hash"));
    let hash_at = hash.expect(".gnu.hash").sh_offset as usize;
    for (name, address, size) in expected_symbols(image, &layout) {
        let index = lookup(&bytes[hash_at..], &elf, &name).expect("found by its hash");
        let symbol = elf.dynsyms.get(index).expect("in the table");
        assert_eq!((symbol.st_value, symbol.st_size), (address, size), "{name}");
    }
}

/// The dynamic loader's way of finding a symbol, over goblin's view of symbols.
fn lookup(table: &[u8], elf: &goblin::elf::Elf, name: &str) -> Option<usize> {
    let word = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().expect("4 bytes"));
    let (buckets, first, words, shift) = (word(0), word(4) as usize, word(8), word(12));
    let hash = name.bytes().fold(5381u32, |hash, byte| (hash << 5).wrapping_add(hash).wrapping_add(byte.into()));
    let bloom = 16 + 8 * (hash / 64 % words) as usize;
    let filter = u64::from(word(bloom)) | u64::from(word(bloom + 4)) << 32;
    if filter >> (hash % 64) & 1 == 0 || filter >> ((hash >> shift) % 64) & 1 == 0 {
        return None;
    }
    let bucket_table = 16 + 8 * words as usize;
    let chains = bucket_table + 4 * buckets as usize;
    let mut index = word(bucket_table + 4 * (hash % buckets) as usize) as usize;
    while index != 0 {
        let entry = word(chains + 4 * (index - first));
        let symbol = elf.dynsyms.get(index)?;
        if entry | 1 == hash | 1 && elf.dynstrtab.get_at(symbol.st_name) == Some(name) {
            return Some(index);
        }
        index = if entry & 1 == 0 { index + 1 } else { 0 };
    }
    None
}

/// The state that the unwind rows give for every byte of every function, found through the sorted table.
fn check_unwinding(image: &Image) {
    let (layout, bytes) = written(image);
    let file = object::File::parse(&*bytes).expect("object reads it");
    let section = |name| {
        let section = file.section_by_name(name).expect(name);
        (section.address(), section.data().expect("bytes"))
    };
    let (frames_at, frames) = section(".eh_frame");
    let (table_at, table) = section(".eh_frame_hdr");
    let bases = BaseAddresses::default().set_eh_frame(frames_at).set_eh_frame_hdr(table_at).set_text(layout.code);
    let frames = EhFrame::new(frames, LittleEndian);
    let header = EhFrameHdr::new(table, LittleEndian).parse(&bases, 8).expect("a header");
    let Some(table) = header.table() else {
        assert!(image.functions.is_empty(), "no table");
        return;
    };
    let mut context = UnwindContext::new();
    for function in &image.functions {
        for offset in 0..function.size {
            let address = layout.code + u64::from(function.offset + offset);
            let found = table.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset).expect("an entry");
            assert_eq!(found.initial_address(), layout.code + u64::from(function.offset));
            assert_eq!(found.len(), u64::from(function.size));
            let row = found.unwind_info_for_address(&frames, &bases, &mut context, address).expect("a row");
            let wanted = function.unwind.iter().rfind(|row| row.offset <= offset);
            let cfa_offset = wanted.map_or(8, |row| row.cfa_offset);
            assert_eq!(*row.cfa(), CfaRule::RegisterAndOffset { register: gimli::Register(7), offset: cfa_offset });
            let mut saved = wanted.map_or(Vec::new(), |row| row.saved.clone());
            saved.push((16, -8));
            saved.sort_unstable();
            let mut rules: Vec<_> = row.registers().map(|(register, rule)| (register.0, rule.clone())).collect();
            rules.sort_by_key(|(register, _)| *register);
            let wanted: Vec<_> = saved.into_iter().map(|(register, at)| (register, RegisterRule::Offset(at))).collect();
            assert_eq!(rules, wanted, "{} at {offset}", function.symbol);
        }
    }
}

/// Every row of the line table is that of the image, and every function has its name.
fn check_lines(image: &Image) {
    let (layout, bytes) = written(image);
    let file = object::File::parse(&*bytes).expect("object reads it");
    let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        let bytes = file.section_by_name(id.name()).and_then(|section| section.data().ok()).unwrap_or_default();
        Ok(gimli::EndianSlice::new(bytes, LittleEndian))
    };
    let dwarf = gimli::Dwarf::load(load).expect("sections");
    let header = dwarf.units().next().expect("readable").expect("one unit");
    let unit = dwarf.unit(header).expect("a unit");
    let mut names = Vec::new();
    let mut entries = unit.entries();
    while let Some(entry) = entries.next_dfs().expect("readable") {
        if entry.tag() == gimli::DW_TAG_subprogram {
            let name = entry.attr_value(gimli::DW_AT_name).expect("a name");
            names.push(dwarf.attr_string(&unit, name).expect("text").to_string_lossy().into_owned());
        }
    }
    assert_eq!(names, image.functions.iter().map(|f| f.symbol.clone()).collect::<Vec<_>>());
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

#[test]
fn the_sample_reads_back() {
    check_with_object(&sample());
    check_with_goblin(&sample());
    check_unwinding(&sample());
    check_lines(&sample());
}

#[test]
fn an_empty_image_reads_back() {
    check_with_object(&Image::new("empty", ""));
    check_with_goblin(&Image::new("empty", ""));
    check_unwinding(&Image::new("empty", ""));
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    assert_eq!(written(&sample()), written(&sample()));
}

#[test]
fn images_that_differ_in_one_byte_have_different_build_ids() {
    let id = |image: &Image| {
        let bytes = written(image).1;
        object::File::parse(&*bytes).expect("readable").build_id().expect("a note").expect("an id").to_vec()
    };
    let mut other = sample();
    other.constants[3] ^= 1;
    assert_ne!(id(&sample()), id(&other));
    let mut other = sample();
    other.code[1] ^= 1;
    assert_ne!(id(&sample()), id(&other));
}

#[test]
fn segments_are_aligned_for_the_machines_pages() {
    for page_size in [0x1000, 0x4000, 0x1_0000] {
        let machine = maru_core::codegen::MachineIdentity { page_size, ..machine() };
        let layout = ELF.layout(&sample(), &machine).expect("a layout");
        let bytes = ELF.write(&sample(), &layout, &machine).expect("a file");
        let elf = goblin::elf::Elf::parse(&bytes).expect("readable");
        let loads: Vec<_> =
            elf.program_headers.iter().filter(|p| p.p_type == goblin::elf::program_header::PT_LOAD).collect();
        assert_eq!(loads.len(), 2);
        for load in &loads {
            assert_eq!(load.p_align, page_size);
            assert_eq!(load.p_vaddr % page_size, load.p_offset % page_size);
        }
        assert!(loads[1].p_vaddr / page_size > (loads[0].p_memsz - 1) / page_size, "segments share a page");
    }
}

prop_compose! {
    fn any_function(index: usize)(
        name in "[a-z!?*<>=/+-][ -~]{0,30}",
        size in 1usize..200,
        steps in proptest::collection::vec((0u32..300, 1i64..9, proptest::collection::btree_set(0u16..16, 0..6)), 0..6),
        lines in proptest::collection::btree_map(1u32..200, 1u32..100_000, 0..8),
        first_line in 1u32..1000,
    ) -> (String, maru_core::codegen::CompiledFunction) {
        let mut unwind: Vec<maru_core::codegen::UnwindRow> = Vec::new();
        let mut offsets: Vec<u32> = steps.iter().map(|step| step.0 % size as u32).collect();
        offsets.sort_unstable();
        offsets.dedup();
        for (offset, (_, words, saved)) in offsets.into_iter().zip(steps) {
            let saved = saved.into_iter().zip(2..).map(|(register, slot)| (register, -8 * slot)).collect();
            unwind.push(maru_core::codegen::UnwindRow { offset, cfa_offset: words * 8, saved });
        }
        let mut line_rows = vec![(0, first_line)];
        line_rows.extend(lines.into_iter().filter(|(offset, _)| (*offset as usize) < size));
        let function = maru_core::codegen::CompiledFunction {
            bytes: vec![0x90; size],
            unwind,
            lines: line_rows,
            ..Default::default()
        };
        (format!("{name}#{index}"), function)
    }
}

fn any_image() -> impl Strategy<Value = Image> {
    let functions = prop_oneof![3 => 0usize..20, 1 => 20usize..=200];
    let functions = functions.prop_flat_map(|count| (0..count).map(any_function).collect::<Vec<_>>());
    let constants = proptest::collection::vec(any::<u8>(), 0..3000);
    (functions, constants, 0u32..3000).prop_map(|(functions, constants, data_words)| {
        let mut image = Image::new("random", "source.l");
        for (name, function) in functions {
            image.push(name, function, TRAP);
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
        check_with_object(&image);
        check_with_goblin(&image);
        check_unwinding(&image);
        if !image.functions.is_empty() {
            check_lines(&image);
        }
        let (layout, bytes) = written(&image);
        let contents = ELF.read(&bytes).expect("our own reader takes it");
        let start = layout.constants as usize;
        prop_assert_eq!(contents.constants, start..start + image.constants.len());
        prop_assert_eq!(contents.constants_address, layout.constants);
        prop_assert!(contents.executable.contains(&layout.code));
        prop_assert!(contents.writable.end == layout.data + 8 * u64::from(image.data_words));
    }
}
