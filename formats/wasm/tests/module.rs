//! Modules: an independent reader finds in them what was put there, every change of a file is found, and so is every file
//! that is no image.

use maru_compiler::load::ImageHeader;
use maru_core::abi::Helper;
use maru_core::codegen::{CompiledFunction, MachineIdentity, Relocations, System, UnwindConvention, UnwindStyle};
use maru_core::format::{CodePlacement, Image, Import, ObjectFormat};
use maru_wasm_format::WASM;
use wasmparser::{Parser, Payload, Validator};

const MACHINE: MachineIdentity = MachineIdentity {
    machine: 1,
    subtype: 7,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x10000,
    tool_name: "",
    relocations: Relocations::NONE,
    system: System(0),
    unwind: UnwindConvention {
        code_alignment: 1,
        data_alignment: -8,
        return_address: 0,
        stack_pointer: 0,
        entry_cfa_offset: 0,
        entry_return_address: None,
        style: UnwindStyle::Dwarf,
    },
};

/// No locals; the constant 5; the end.
const BODY: [u8; 4] = [0, 0x42, 5, 0x0b];

fn image(functions: usize) -> Image {
    let mut image = Image::new("test", "");
    for number in 0..functions {
        let function = CompiledFunction { bytes: BODY.to_vec(), ..CompiledFunction::default() };
        image.push(format!("f{number}"), function, CodePlacement { alignment: 1, filling: &[] });
    }
    image.data_words = 3;
    ImageHeader::build(&mut image, b"a manifest", 77).expect("a header");
    image
}

fn file(image: &Image) -> Vec<u8> {
    let mut image = image.clone();
    let layout = WASM.layout(&image, &MACHINE).expect("laid out");
    for (at, place) in image.distances.clone() {
        if let maru_core::format::Place::Function(number) = place {
            image.constants[at as usize..at as usize + 4].copy_from_slice(&number.to_le_bytes());
        }
    }
    let bytes = WASM.write(&image, &layout, &MACHINE).expect("written");
    assert_eq!(bytes.len() as u64, layout.file_size);
    bytes
}

#[test]
fn an_independent_reader_finds_what_was_written() {
    for count in [0, 1, 2, 200] {
        let image = image(count);
        let bytes = file(&image);
        Validator::new().validate_all(&bytes).expect("valid");
        let (mut exports, mut bodies, mut custom) = (Vec::new(), 0, Vec::new());
        for payload in Parser::new(0).parse_all(&bytes) {
            match payload.expect("readable") {
                Payload::ExportSection(section) => {
                    exports.extend(section.into_iter().map(|export| {
                        let export = export.expect("an export");
                        (export.name.to_string(), export.index)
                    }));
                }
                Payload::CodeSectionEntry(body) => {
                    assert_eq!(&bytes[body.range()], BODY);
                    bodies += 1;
                }
                Payload::CustomSection(section) => custom.push((section.name().to_string(), section.data().len())),
                _ => {}
            }
        }
        let expected: Vec<_> = (0..count).map(|n| (format!("f{n}"), (Helper::ALL.len() + n) as u32)).collect();
        assert_eq!((exports, bodies), (expected, count));
        assert_eq!(custom, [("maru_image".into(), image.constants.len()), ("maru_digest".into(), 16)]);
        let contents = WASM.read(&bytes).expect("read");
        assert_eq!(contents.constants.len(), image.constants.len());
        assert_eq!(&bytes[contents.constants][..8], b"MARUIMG\0");
    }
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    assert_eq!(file(&image(9)), file(&image(9)));
}

#[test]
fn every_change_is_found() {
    let good = file(&image(3));
    assert!(WASM.read(&good).is_ok());
    for length in 0..good.len() {
        assert!(WASM.read(&good[..length]).is_err(), "cut to {length}");
    }
    let mut bytes = good.clone();
    for at in 0..good.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(WASM.read(&bytes).is_err(), "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn other_files_are_refused_with_a_reason() {
    for (bytes, reason) in [
        (&b""[..], "no WebAssembly module"),
        (b"\x7fELF", "no WebAssembly module"),
        (b"\0asm\x0d\0\x01\0", "of version"),
        (b"\0asm\x01\0\0\0", "not those that were written"),
    ] {
        let message = WASM.read(bytes).expect_err("refused").to_string();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    let mut image = image(1);
    image.imports.push(Import { name: "labs".into(), word: None });
    assert!(WASM.layout(&image, &MACHINE).is_err());
}
