//! Relocatable objects: readers that nobody here wrote, a linker, and what it makes of them.
#![allow(missing_docs)]

mod common;

use common::*;
use libloading::os::unix::{Library, Symbol, RTLD_LOCAL, RTLD_NOW};
use maru_core::codegen::{FixupKind, MachineIdentity, Relocation, Relocations, Rest};
use maru_core::format::{Linker, ObjectFormat};
use maru_elf::ELF;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use proptest::prelude::*;
use std::path::PathBuf;

/// Every relocation: section, place, number, what it leads to, addend.
type Row = (String, u64, u32, String, i64);

fn relocations(bytes: &[u8]) -> Vec<Row> {
    let file = object::File::parse(bytes).expect("an object");
    assert_eq!(file.kind(), object::ObjectKind::Relocatable);
    let mut rows = Vec::new();
    for section in file.sections() {
        for (at, relocation) in section.relocations() {
            let object::RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("of another format") };
            let RelocationTarget::Symbol(symbol) = relocation.target() else { panic!("a relocation to nothing") };
            let symbol = file.symbol_by_index(symbol).expect("a symbol");
            let name = match symbol.section_index() {
                Some(section) if symbol.kind() == object::SymbolKind::Section => {
                    file.section_by_index(section).expect("a section").name().expect("a name").to_string()
                }
                _ => symbol.name().expect("a name").to_string(),
            };
            rows.push((section.name().expect("a name").to_string(), at, r_type.0, name, relocation.addend()));
        }
    }
    rows
}

fn object(image: &maru_core::format::Image) -> Vec<u8> {
    let bytes = ELF.write_object(image, &machine()).expect("an object");
    assert!(bytes == ELF.write_object(image, &machine()).expect("an object"), "the same bytes");
    bytes
}

#[test]
fn fixups_and_distances_are_relocations_to_sections() {
    let rows = relocations(&object(&linkable()));
    let row =
        |section: &str, at, number, name: &str, addend| (section.to_string(), at, number, name.to_string(), addend);
    let expected = [
        // Counted from the field, which four bytes follow.
        row(".text", 1, 4, ".text", 32 - 4),
        row(".text", 16 + 3, 2, ".bss", 5 * 8 - 4),
        // Counted from the start of the constants.
        row(".rodata", 0, 2, ".text", 0),
        row(".rodata", 4, 2, ".bss", 4),
        row(".rodata", 8, 2, ".text", 32 + 8),
        row(".rodata", 12, 2, ".rodata", 16 + 12),
    ];
    for row in expected {
        assert!(rows.contains(&row), "{row:?} is not among {rows:#?}");
    }
    assert_eq!(rows.iter().filter(|row| row.0 == ".text").count(), 2);
}

#[test]
fn the_rest_of_a_field_names_the_place_of_the_first() {
    const CODE: &[Relocation] = &[
        Relocation { kind: CALL, number: 19, field: 0, width: 8, origin: Some(0), rest: None },
        Relocation {
            kind: OPERAND,
            number: 23,
            field: 0,
            width: 8,
            origin: Some(0),
            rest: Some(Rest { number: 24, field: 4 }),
        },
    ];
    let machine = machine();
    let machine = MachineIdentity { relocations: Relocations { code: CODE, ..machine.relocations }, ..machine };
    let bytes = ELF.write_object(&linkable(), &machine).expect("an object");
    let rows: Vec<Row> = relocations(&bytes).into_iter().filter(|row| row.0 == ".text").collect();
    let row = |at, number, name: &str, addend| (".text".to_string(), at, number, name.to_string(), addend);
    assert_eq!(rows, [row(0, 19, ".text", 32), row(16, 23, ".bss", 5 * 8), row(20, 24, "", 0)]);
    let file = object::File::parse(&*bytes).expect("an object");
    let place = |symbol: &object::Symbol| symbol.name() == Ok("") && symbol.kind() != object::SymbolKind::Section;
    let places: Vec<u64> = file.symbols().filter(place).map(|symbol| symbol.address()).collect();
    assert_eq!(places, [16], "one symbol, where the first part lies");
}

#[test]
fn imports_are_undefined_symbols() {
    let bytes = object(&importing());
    let rows = relocations(&bytes);
    assert!(rows.contains(&(".data".into(), 24, 1, "labs".into(), 0)), "{rows:#?}");
    assert!(rows.iter().any(|row| row.0 == ".text" && row.3 == "llabs" && row.4 == -4), "{rows:#?}");
    let file = object::File::parse(&*bytes).expect("an object");
    let undefined = file.symbols().filter(|symbol| symbol.is_undefined()).map(|symbol| symbol.name().expect("a name"));
    assert_eq!(undefined.filter(|name| !name.is_empty()).collect::<Vec<_>>(), ["labs", "llabs"]);
    let parsed = goblin::elf::Elf::parse(&bytes).expect("goblin reads it");
    assert_eq!(parsed.header.e_type, goblin::elf::header::ET_REL);
}

#[test]
fn functions_are_symbols_with_sizes() {
    let image = linkable();
    let bytes = object(&image);
    let file = object::File::parse(&*bytes).expect("an object");
    for function in &image.functions {
        let symbol = file.symbol_by_name(&function.symbol).expect("a symbol");
        assert_eq!((symbol.address(), symbol.size()), (function.offset.into(), function.size.into()));
        assert_eq!(symbol.is_global(), !["odd@name", "_init"].contains(&function.symbol.as_str()));
    }
}

#[test]
fn tools_have_no_complaint() {
    let file = TestFile::new(&object(&importing()));
    let path = file.path().to_str().expect("a plain path");
    if let Some((text, good)) = tool("readelf", &["-a", "-W", "--debug-dump=info,decodedline,frames", path]) {
        let complaint = ["Warning", "Error", "corrupt", "out of range"].iter().find(|word| text.contains(**word));
        assert!(good && complaint.is_none(), "{complaint:?}: {text}");
    }
    if let Some((text, good)) = tool("llvm-dwarfdump", &["--verify", path]) {
        assert!(good && !text.contains("error:") && !text.contains("warning:"), "{text}");
    }
    if let Some((text, good)) = tool("eu-elflint", &["--gnu-ld", path]) {
        assert!(good, "{text}");
    }
}

/// A library that the system's linker made of an object.
fn linked(object: &[u8]) -> Option<(Vec<u8>, Library)> {
    let linkers = ELF.linkers(&machine(), true);
    let linker = match Linker::find(linkers, "this host") {
        Ok(linker) if can_run() => linker,
        Ok(_) => return None,
        Err(missing) => {
            not_run(&missing.to_string());
            return None;
        }
    };
    let place = TestFile::new(b"");
    let directory: PathBuf = place.path().with_extension("parts");
    std::fs::create_dir(&directory).expect("a directory");
    std::fs::write(directory.join("unit.o"), object).expect("written");
    let result = linker.link(&directory, "unit.o", "unit.so");
    let bytes = std::fs::read(directory.join("unit.so"));
    // SAFETY: the libraries here run nothing when they are loaded.
    let library = unsafe { Library::open(Some(directory.join("unit.so")), RTLD_NOW | RTLD_LOCAL) };
    std::fs::remove_dir_all(&directory).expect("removed");
    result.expect("linked");
    Some((bytes.expect("readable"), library.expect("the loader takes it")))
}

#[test]
fn a_linker_makes_a_library_that_is_read_and_called() {
    let Some((bytes, library)) = linked(&object(&linkable())) else { return };
    let contents = ELF.read(&bytes).expect("one of a linker's");
    assert!(contents.is_linked && contents.machine == 62);
    assert_eq!(contents.constants.len(), 32);
    // SAFETY: the functions have these types; the header has so many bytes, and behind its distances lies what they say.
    unsafe {
        let jump: Symbol<extern "C" fn() -> u32> = library.get("maru_jump").expect("exported");
        let load: Symbol<extern "C" fn() -> u64> = library.get("maru_load").expect("exported");
        let header: Symbol<*const u8> = library.get("maru_image").expect("exported");
        let header = header.as_raw_ptr() as *const u8;
        let distance = |at: usize| header.offset((header.add(at) as *const i32).read() as isize);
        assert_eq!(jump(), 42);
        assert_eq!(load(), 0);
        *(distance(4) as *mut u64).add(5) = 77;
        assert_eq!(load(), 77);
        assert_eq!(distance(8), library.get::<*const u8>("maru_leaf").expect("exported").as_raw_ptr() as *const u8);
        assert_eq!(distance(12), header.add(16));
        assert_eq!(distance(0), *jump as *const u8);
        assert!(library.get::<*const u8>("_init").is_err());
    }
}

#[test]
fn imported_functions_are_called() {
    let Some((bytes, library)) = linked(&object(&importing())) else { return };
    for name in ["maru_through_word", "maru_directly"] {
        // SAFETY: both jump to functions of this type.
        let function: Symbol<extern "C" fn(i64) -> i64> = unsafe { library.get(name) }.expect("exported");
        assert_eq!((function(-5), function(i64::MIN + 1)), (5, i64::MAX), "{name}");
    }
    let message = ELF.read(&bytes).expect_err("Maru's own code imports nothing").to_string();
    assert!(message.contains("asks the loader for more than to map it"), "{message}");
}

#[test]
fn what_has_no_relocation_is_refused() {
    let mut image = linkable();
    image.fixups[0].kind = FixupKind(9);
    let message = ELF.write_object(&image, &machine()).expect_err("refused").to_string();
    assert!(message.contains("no relocation for fixups of kind 9"), "{message}");
    let narrow = MachineIdentity { pointer_size: 4, ..machine() };
    let message = ELF.write_object(&linkable(), &narrow).expect_err("refused").to_string();
    assert!(message.contains("64-bit"), "{message}");
    let mut image = importing();
    image.imports[0].name = "maru_leaf".into();
    let message = ELF.write_object(&image, &machine()).expect_err("refused").to_string();
    assert!(message.contains("defined as well"), "{message}");
    let mut image = importing();
    image.imports[0].word = Some(9);
    let message = ELF.write_object(&image, &machine()).expect_err("refused").to_string();
    assert!(message.contains("labs is not in the data table"), "{message}");
    let message = ELF.layout(&importing(), &machine()).expect_err("refused").to_string();
    assert!(message.contains("made by a linker"), "{message}");
}

/// A library that a linker made, kept for all tests of damage.
fn good_library() -> Option<&'static [u8]> {
    static LIBRARY: std::sync::OnceLock<Option<Vec<u8>>> = std::sync::OnceLock::new();
    LIBRARY.get_or_init(|| linked(&object(&linkable())).map(|(bytes, _)| bytes)).as_deref()
}

#[test]
fn a_linked_library_that_is_cut_within_its_segments_is_refused() {
    let Some(bytes) = good_library() else { return };
    let parsed = goblin::elf::Elf::parse(bytes).expect("goblin reads it");
    let end = parsed.program_headers.iter().map(|header| header.p_offset + header.p_filesz).max().expect("segments");
    for length in 0..end as usize {
        assert!(ELF.read(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn a_linked_library_that_asks_for_more_is_refused() {
    let Some(bytes) = good_library() else { return };
    let parsed = goblin::elf::Elf::parse(bytes).expect("goblin reads it");
    let header = |kind| {
        let at = parsed.program_headers.iter().position(|header| header.p_type == kind).expect("such a segment");
        64 + 56 * at
    };
    use goblin::elf::program_header as segment;
    let change = |at: usize, value: u32| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        ELF.read(&bytes).expect_err("refused").to_string()
    };
    assert!(change(header(segment::PT_LOAD) + 4, 7).contains("writable and executable"));
    assert!(change(header(segment::PT_GNU_STACK) + 4, 7).contains("segment"));
    assert!(change(header(segment::PT_GNU_STACK), segment::PT_INTERP).contains("no image has a segment"));
    let dynamic =
        parsed.program_headers.iter().find(|header| header.p_type == segment::PT_DYNAMIC).expect("there is one");
    for (tag, word) in [(1, "-nostdlib"), (12, "-nostdlib"), (25, "-nostdlib"), (14, "-soname"), (7, "fills in")] {
        let message = change(dynamic.p_offset as usize, tag);
        assert!(message.contains("asks the loader for more") && message.contains(word), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    /// Whatever the tables say, reading them stays within the file and comes to an end.
    #[test]
    fn damaged_tables_are_read_without_panic(changes in proptest::collection::vec((0usize..20_000, any::<u8>()), 1..6)) {
        if let Some(good) = good_library() {
            let mut bytes = good.to_vec();
            // Half of the changes go where most tables are.
            for (at, value) in changes {
                let range = if value % 2 == 0 { 0x300 } else { bytes.len() };
                bytes[at % range] = value;
            }
            if let Ok(contents) = ELF.read(&bytes) {
                prop_assert!(contents.constants.end <= bytes.len());
            }
        }
    }
}
