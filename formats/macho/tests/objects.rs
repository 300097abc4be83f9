//! Relocatable objects: readers that nobody here wrote, LLVM's linker, and what it makes of them.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_core::codegen::FixupTarget;
use maru_core::format::{Image, Linker, ObjectFormat};
use maru_macho::MACHO;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use proptest::prelude::*;

fn object_of(cpu: &Cpu, image: &Image) -> Vec<u8> {
    let bytes = MACHO.write_object(image, &cpu.machine).expect("an object");
    assert!(bytes == MACHO.write_object(image, &cpu.machine).expect("an object"), "the same bytes");
    bytes
}

/// Section, place, type and symbol of each relocation.
fn relocations(bytes: &[u8]) -> Vec<(String, u64, u8, String)> {
    let file = object::File::parse(bytes).expect("an object");
    assert_eq!(file.kind(), object::ObjectKind::Relocatable);
    let mut rows = Vec::new();
    for section in file.sections() {
        for (at, relocation) in section.relocations() {
            let object::RelocationFlags::MachO { r_type, .. } = relocation.flags() else { panic!("of another format") };
            let name = match relocation.target() {
                RelocationTarget::Symbol(symbol) => {
                    file.symbol_by_index(symbol).expect("a symbol").name().expect("a name").to_string()
                }
                _ => String::new(),
            };
            rows.push((section.name().expect("a name").to_string(), at, r_type.0, name));
        }
    }
    rows
}

#[test]
fn fixups_are_relocations_to_symbols() {
    for cpu in cpus() {
        let rows = relocations(&object_of(cpu, &cpu.linkable()));
        let jump = cpu.machine.relocation(CALL).expect("known");
        let expected = ("__text".to_string(), u64::from(jump.field), jump.number as u8, "_maru_leaf".to_string());
        assert!(rows.contains(&expected), "{expected:?} is not among {rows:#?}");
        let operand = cpu.machine.relocation(OPERAND).expect("known");
        let at = 16 + u64::from(operand.field);
        let expected = ("__text".to_string(), at, operand.number as u8, "l_maru_data".to_string());
        assert!(rows.contains(&expected), "{expected:?} is not among {rows:#?}");
        assert!(rows.iter().any(|row| row.0 == "__const" && row.3 == "l_maru_code"), "{rows:#?}");
        assert!(rows.iter().any(|row| row.0 == "__eh_frame" && row.3 == "l_maru_code"), "{rows:#?}");
    }
}

#[test]
fn imports_are_undefined_symbols() {
    for cpu in cpus() {
        let bytes = object_of(cpu, &cpu.importing());
        let rows = relocations(&bytes);
        assert!(rows.contains(&("__data".into(), 24, 0, "_labs".into())), "{rows:#?}");
        assert!(rows.iter().any(|row| row.0 == "__text" && row.3 == "_llabs"), "{rows:#?}");
        let file = object::File::parse(&*bytes).expect("an object");
        let undefined =
            file.symbols().filter(|symbol| symbol.is_undefined()).map(|symbol| symbol.name().expect("a name"));
        assert_eq!(undefined.collect::<Vec<_>>(), ["_labs", "_llabs"]);
        let parsed = goblin::mach::MachO::parse(&bytes, 0).expect("goblin reads it");
        assert_eq!(parsed.header.filetype, goblin::mach::header::MH_OBJECT);
    }
}

#[test]
fn tools_have_no_complaint() {
    for cpu in cpus() {
        let directory = TestDirectory::new();
        let path = directory.file("unit.o", &object_of(cpu, &cpu.importing()));
        let path = path.as_str();
        for (name, arguments) in [
            ("llvm-objdump", vec!["--macho", "-r", "-d", "--private-headers", path]),
            ("llvm-readobj", vec!["--sections", "--symbols", "--relocations", path]),
            ("llvm-dwarfdump", vec!["--verify", path]),
        ] {
            let Some((text, good)) = tool(name, &arguments) else { continue };
            assert!(good && !text.contains("error:") && !text.contains("warning:"), "{name}: {text}");
        }
    }
}

/// A library that LLVM's linker made of an object.
fn linked(cpu: &Cpu, object: &[u8]) -> Option<Vec<u8>> {
    let linker = match Linker::find(MACHO.linkers(&cpu.machine, false), cpu.name) {
        Ok(linker) => linker,
        Err(missing) => {
            not_run(&missing.to_string());
            return None;
        }
    };
    let directory = TestDirectory::new();
    directory.file("unit.o", object);
    let place = directory.path("");
    let place = std::path::Path::new(&place);
    linker.link(place, "unit.o", "unit.dylib").expect("linked");
    Some(std::fs::read(place.join("unit.dylib")).expect("readable"))
}

#[test]
fn a_linker_makes_a_library_that_is_read() {
    for cpu in cpus() {
        let image = cpu.linkable();
        let Some(bytes) = linked(cpu, &object_of(cpu, &image)) else { return };
        let contents = MACHO.read(&bytes).expect("one of a linker's");
        assert!(contents.is_linked && contents.machine == cpu.machine.machine);
        let constants = &bytes[contents.constants.clone()];
        let place = |at: usize| {
            let distance = i32::from_le_bytes(constants[at..at + 4].try_into().expect("four bytes"));
            contents.constants_address.wrapping_add_signed(distance.into())
        };
        let [code, data, leaf] = [place(0), place(4), place(8)];
        assert!(contents.executable.contains(&code) && contents.writable.contains(&data));
        assert_eq!((leaf - code, place(12) - contents.constants_address), (32, 16));
        // The first segment begins the file, so addresses are offsets.
        let word = |at: u64| u32::from_le_bytes(bytes[at as usize..at as usize + 4].try_into().expect("four bytes"));
        if cpu.name == "x64" {
            assert_eq!(u64::from(word(code + 1)), leaf - (code + 5));
            assert_eq!(u64::from(word(code + 16 + 3)), data + 40 - (code + 16 + 7));
        } else {
            assert_eq!(u64::from(word(code) & 0x3ff_ffff), (leaf - code) / 4);
            let pages = u64::from(word(code + 16) >> 29 & 3) | u64::from(word(code + 16) >> 5 & 0x7_ffff) << 2;
            assert_eq!(pages, (data + 40) / 4096 - (code + 16) / 4096);
        }
    }
}

#[test]
fn what_has_no_relocation_is_refused() {
    for cpu in cpus() {
        let mut image = cpu.linkable();
        image.fixups[0].kind = maru_core::codegen::FixupKind(9);
        let message = MACHO.write_object(&image, &cpu.machine).expect_err("refused").to_string();
        assert!(message.contains("no relocation for fixups of kind 9"), "{message}");
        let mut image = cpu.importing();
        image.imports[0].name = "maru_leaf".into();
        let message = MACHO.write_object(&image, &cpu.machine).expect_err("refused").to_string();
        assert!(message.contains("defined as well"), "{message}");
        let message = MACHO.layout(&cpu.importing(), &cpu.machine).expect_err("refused").to_string();
        assert!(message.contains("made by a linker"), "{message}");
    }
    // Addends of one of the CPUs have 24 bits.
    let mut image = ARM64.linkable();
    (image.data_words, image.fixups[1].target) = (2_000_000, FixupTarget::Data(1_048_576));
    let message = MACHO.write_object(&image, &ARM64.machine).expect_err("refused").to_string();
    assert!(message.contains("more than a relocation can say"), "{message}");
}

/// A library that a linker made, kept for all tests of damage.
fn good_library() -> Option<&'static [u8]> {
    static LIBRARY: std::sync::OnceLock<Option<Vec<u8>>> = std::sync::OnceLock::new();
    LIBRARY.get_or_init(|| linked(&X64, &object_of(&X64, &X64.linkable()))).as_deref()
}

#[test]
fn damage_of_a_linked_library_is_found() {
    let Some(good) = good_library() else { return };
    for length in (0..good.len()).step_by(5) {
        assert!(MACHO.read(&good[..length]).is_err(), "{length} of {} bytes", good.len());
    }
    let signature =
        goblin::mach::MachO::parse(good, 0).expect("goblin reads it").load_commands.iter().find_map(|command| {
            match command.command {
                goblin::mach::load_command::CommandVariant::CodeSignature(signature) => Some(signature.dataoff),
                _ => None,
            }
        });
    let mut bytes = good.to_vec();
    for bit in (0..signature.expect("signed") as usize * 8).step_by(13) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(MACHO.read(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Whatever the tables say, reading them stays within the file and comes to an end.
    #[test]
    fn damaged_tables_are_read_without_panic(changes in proptest::collection::vec((0usize..20_000, any::<u8>()), 1..6)) {
        if let Some(good) = good_library() {
            let mut bytes = good.to_vec();
            for (at, value) in changes {
                let range = if value % 2 == 0 { 0x400 } else { bytes.len() };
                bytes[at % range] = value;
            }
            if let Ok(contents) = MACHO.read(&bytes) {
                prop_assert!(contents.constants.end <= bytes.len());
            }
        }
    }
}
