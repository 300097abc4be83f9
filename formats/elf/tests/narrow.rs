//! Files for machines whose pointers have 32 bits: the same tables with other sizes.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_core::codegen::{MachineIdentity, UnwindConvention};
use maru_core::format::{Layout, ObjectFormat, HEADER_SYMBOL};
use maru_elf::ELF;
use object::{Object, ObjectSection, ObjectSymbol};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// 32-bit x86.
fn narrow() -> MachineIdentity {
    let unwind = UnwindConvention {
        data_alignment: -4,
        return_address: 8,
        stack_pointer: 4,
        entry_cfa_offset: 4,
        entry_return_address: Some(-4),
        ..machine().unwind
    };
    MachineIdentity { machine: 3, pointer_size: 4, tool_name: "i686", unwind, ..machine() }
}

fn written_narrow() -> (Layout, Vec<u8>) {
    let image = sample();
    let layout = ELF.layout(&image, &narrow()).expect("a layout");
    let file = ELF.write(&image, &layout, &narrow()).expect("a file");
    assert_eq!(file.len() as u64, layout.file_size);
    (layout, file)
}

#[test]
fn we_read_it_back() {
    let (layout, bytes) = written_narrow();
    let contents = ELF.read(&bytes).expect("readable");
    assert_eq!((contents.machine, contents.constants_address, contents.is_linked), (3, layout.constants, false));
    assert_eq!(&bytes[contents.constants], b"MARU constants of the sample");
}

#[test]
fn goblin_reads_it() {
    let (layout, bytes) = written_narrow();
    let elf = goblin::elf::Elf::parse(&bytes).expect("goblin reads it");
    assert!(elf.is_lib && !elf.is_64 && elf.little_endian && elf.libraries.is_empty());
    assert_eq!(elf.header.e_machine, 3);
    assert_eq!(elf.dynrelas.len() + elf.dynrels.len() + elf.pltrelocs.len(), 0);
    let found = elf.dynsyms.iter().find(|symbol| elf.dynstrtab.get_at(symbol.st_name) == Some(HEADER_SYMBOL));
    assert_eq!(found.expect("the header").st_value, layout.constants);
    let loaded: Vec<u32> =
        elf.program_headers.iter().filter(|part| part.p_type == 1).map(|part| part.p_flags).collect();
    assert_eq!(loaded, [5, 6]);
}

#[test]
fn object_finds_symbols_and_sections() {
    let (layout, bytes) = written_narrow();
    let file = object::File::parse(&*bytes).expect("object reads it");
    assert!(!file.is_64());
    let image = sample();
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    expected.insert(HEADER_SYMBOL.into(), (layout.constants, image.constants.len() as u64));
    for function in &image.functions {
        expected.insert(function.symbol.clone(), (layout.code + u64::from(function.offset), function.size.into()));
    }
    let place = |symbol: &object::Symbol| (symbol.address(), symbol.size());
    let named = |symbol: object::Symbol| (symbol.name().expect("a name").to_string(), place(&symbol));
    assert_eq!(file.symbols().map(named).collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(file.dynamic_symbols().map(named).collect::<BTreeMap<_, _>>(), expected);
    let text = file.section_by_name(".text").expect(".text");
    assert_eq!((text.address(), text.size()), (layout.code, image.code.len() as u64));
}

/// Every symbol is found as a loader does it, by the Bloom filter with words of 32 bits as well.
#[test]
fn the_hash_table_leads_to_every_symbol() {
    let image = numbered(300);
    let layout = ELF.layout(&image, &narrow()).expect("a layout");
    let bytes = ELF.write(&image, &layout, &narrow()).expect("a file");
    let file = object::File::parse(&*bytes).expect("object reads it");
    let section = file.section_by_name(".gnu.hash").expect("a hash table");
    let table = section.data().expect("bytes");
    let word = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().expect("four bytes"));
    let [buckets, first, words, shift] = [0, 4, 8, 12].map(word);
    for (index, symbol) in file.dynamic_symbols().enumerate() {
        let name = symbol.name().expect("a name");
        let hash = name.bytes().fold(5381u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(byte.into()));
        let filter = word(16 + 4 * (hash / 32 % words) as usize);
        assert!(filter >> (hash % 32) & 1 == 1 && filter >> ((hash >> shift) % 32) & 1 == 1, "{name}");
        let start = word(16 + 4 * words as usize + 4 * (hash % buckets) as usize);
        let chain = |number: u32| word(16 + 4 * (words + buckets + number - first) as usize);
        let number = (start..).find(|number| chain(*number) | 1 == hash | 1 || chain(*number) & 1 == 1);
        assert!(number.is_some_and(|number| chain(number) | 1 == hash | 1), "{name}");
        assert!(number <= Some(index as u32 + 1));
    }
}

#[test]
fn tools_have_no_complaint() {
    let file = TestFile::new(&written_narrow().1);
    let path = file.path().to_str().expect("a plain path");
    if let Some((text, good)) = tool("readelf", &["-a", "-W", "--debug-dump=info,decodedline,frames", path]) {
        let complaint = ["Warning", "Error", "corrupt", "out of range"].iter().any(|word| text.contains(word));
        assert!(good && !complaint, "{text}");
        for expected in ["ELF32", "Intel 80386", HEADER_SYMBOL, "list->string!", "GNU_STACK"] {
            assert!(text.contains(expected), "no {expected} in:\n{text}");
        }
    }
    if let Some((text, good)) = tool("llvm-dwarfdump", &["--verify", path]) {
        assert!(good && !text.contains("error:") && !text.contains("warning:"), "{text}");
    }
}

#[test]
fn objects_are_refused() {
    let error = ELF.write_object(&linkable(), &narrow()).expect_err("refused").to_string();
    assert!(error.contains("64-bit machines only"), "{error}");
}

#[test]
fn a_file_that_is_cut_is_refused() {
    let (_, bytes) = written_narrow();
    for length in 0..bytes.len() {
        assert!(ELF.read(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Whatever a file says, reading it stays within it and comes to an end; and no change goes unnoticed.
    #[test]
    fn damage_is_noticed(changes in proptest::collection::vec((0usize..20_000, 1u8..), 1..6)) {
        let (_, good) = written_narrow();
        let mut bytes = good.clone();
        for (at, bits) in changes {
            let at = at % bytes.len();
            bytes[at] ^= bits;
        }
        prop_assert!(bytes == good || ELF.read(&bytes).is_err());
    }
}
