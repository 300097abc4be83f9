//! What cannot be written, and files that must not be loaded, are refused with a reason.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_core::codegen::{MachineIdentity, UnwindConvention, UnwindRow, UnwindStyle};
use maru_core::format::{Image, Import, ObjectFormat};
use maru_pe::{rules, PE};
use proptest::prelude::*;

fn layout_problem(image: &Image, machine: &MachineIdentity) -> String {
    PE.layout(image, machine).expect_err("refused").to_string()
}

#[test]
fn machines_of_other_classes_are_refused() {
    let machine = &X64.machine;
    let narrow = MachineIdentity { pointer_size: 4, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &narrow).contains("not for 32-bit little-endian ones"));
    let big = MachineIdentity { little_endian: false, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &big).contains("not for 64-bit big-endian ones"));
    let pages = MachineIdentity { page_size: 0x4000, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &pages).contains("page size 0x4000"));
    let unknown = MachineIdentity { machine: 0x5064, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &unknown).contains("no unwind codes for CPU 0x5064"));
    let unwind = UnwindConvention { style: UnwindStyle::Dwarf, ..machine.unwind.clone() };
    let dwarf = MachineIdentity { unwind, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &dwarf).contains("another kind than codes"));
}

#[test]
fn impossible_images_are_refused() {
    for (name, problem) in [
        ("", "cannot be called \"\""),
        ("a\0b", "cannot be called \"a\\0b\""),
        ("maru_leaf", "two symbols are called maru_leaf"),
        ("maru_image", "two symbols are called maru_image"),
    ] {
        let mut image = X64.sample();
        image.push(name.into(), X64.constant_function(1), X64.placement);
        assert!(layout_problem(&image, &X64.machine).contains(problem), "{name}");
    }
    let mut image = X64.sample();
    image.functions[1].offset = 0;
    assert!(layout_problem(&image, &X64.machine).contains("maru_call overlaps the function before it"));
    let mut image = X64.sample();
    image.data_words = 1 << 28;
    assert!(layout_problem(&image, &X64.machine).contains("larger than 1 GiB"));
    let mut image = X64.sample();
    image.imports = vec![Import { name: "labs".into(), word: None }];
    assert!(layout_problem(&image, &X64.machine).contains("labs is imported"));
    assert!(layout_problem(&X64.numbered(0xffff), &X64.machine).contains("room for 65535 symbols, there are 65536"));
}

#[test]
fn unwind_states_without_codes_are_refused() {
    let problem = |cpu: &Cpu, offset, cfa_offset, saved: &[(u16, i64)]| {
        let mut image = cpu.sample();
        image.functions[1].unwind = vec![UnwindRow { offset, cfa_offset, saved: saved.to_vec() }];
        layout_problem(&image, &cpu.machine)
    };
    assert!(problem(&X64, 0, 16, &[(0, -16)]).contains("unwind rows of maru_call: there is no code for register 0"));
    assert!(problem(&X64, 0, 0, &[]).contains("a frame of less than no bytes"));
    assert!(problem(&X64, 0, 16, &[(3, -24)]).contains("below the stack pointer"));
    assert!(problem(&X64, 0, 20, &[]).contains("no multiple of 8"));
    assert!(problem(&X64, 0, 64, &[(23, -24)]).contains("no multiple of 16"));
    assert!(problem(&X64, 99, 16, &[]).contains("do not ascend"));
    assert!(problem(&ARM64, 0, 24, &[]).contains("no multiple of 16"));
    assert!(problem(&ARM64, 2, 16, &[]).contains("a stretch of 2 bytes"));
    assert!(problem(&ARM64, 0, 16, &[(19, 8)]).contains("above the frame"));
    assert!(problem(&ARM64, 0, 16, &[(74, -8)]).contains("no code for register 74"));
}

#[test]
fn an_image_that_grew_after_layout_is_refused() {
    let layout = PE.layout(&X64.sample(), &X64.machine).expect("a layout");
    let mut image = X64.sample();
    image.constants.push(0);
    let message = PE.write(&image, &layout, &X64.machine).expect_err("refused").to_string();
    assert!(message.contains("changed its size"), "{message}");
}

fn reading_problem(bytes: &[u8]) -> String {
    PE.read(bytes).expect_err("refused").to_string()
}

#[test]
fn every_truncation_is_found() {
    let bytes = X64.written(&X64.numbered(2)).1;
    PE.read(&bytes).expect("the whole file is good");
    for length in 0..bytes.len() {
        reading_problem(&bytes[..length]);
        // With a checksum that is right again.
        let mut shorter = bytes[..length].to_vec();
        sum(&mut shorter);
        reading_problem(&shorter);
    }
    assert!(reading_problem(&bytes[..bytes.len() - 1]).contains("cut short"));
    assert!(reading_problem(b"").contains("as programs of Windows do"));
    let longer = [&*bytes, &[0]].concat();
    assert!(reading_problem(&longer).contains("does not end with the names"));
}

#[test]
fn every_flipped_bit_is_found() {
    for cpu in cpus() {
        let mut bytes = cpu.written(&cpu.numbered(2)).1;
        for byte in 0..bytes.len() {
            for bit in 0..8 {
                bytes[byte] ^= 1 << bit;
                reading_problem(&bytes);
                bytes[byte] ^= 1 << bit;
            }
        }
        PE.read(&bytes).expect("good again");
    }
}

#[test]
fn foreign_files_are_refused() {
    for bytes in [&b"#!/bin/sh\nexit 0\n"[..], b"\x7fELF\x02\x01\x01", b"MZ", b"MZ\x90\0", &[0; 100]] {
        reading_problem(bytes);
    }
}

/// A good file in which nothing but the identity is another's.
#[test]
fn a_library_that_another_tool_summed_anew_is_refused() {
    let mut library = Library::new(&X64);
    let code = library.offset_of(0x1000);
    library.0[code + 1] ^= 1;
    library.sum();
    assert_eq!(rules::check(&library.0), []);
    assert!(reading_problem(&library.0).contains("its bytes are not those that were written"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    /// Whatever the tables say, looking at them stays within the file and comes to an end.
    #[test]
    fn damaged_tables_are_read_without_panic(
        changes in proptest::collection::vec((0usize..10_000, any::<u8>()), 1..6),
        headers in any::<bool>(),
    ) {
        let mut bytes = X64.written(&X64.numbered(3)).1;
        for (at, value) in changes {
            let at = if headers { at % 0x300 } else { at % bytes.len() };
            bytes[at] = value;
        }
        sum(&mut bytes);
        if let Ok(contents) = PE.read(&bytes) {
            prop_assert!(contents.constants.end <= bytes.len());
        }
    }

    /// Numbers in headers and tables made extreme: the ones that break additions.
    #[test]
    fn extreme_numbers_are_read_without_panic(
        changes in proptest::collection::vec((0usize..2000, 0usize..8), 1..4),
        headers in any::<bool>(),
    ) {
        const EXTREMES: [u32; 8] = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_fffe, 0xffff_ffff];
        let mut library = Library::new(if changes.len() == 1 { &X64 } else { &ARM64 });
        let tables = library.directory(0).1 - 0x60;
        for (word, extreme) in changes {
            let at = if headers { 0x3c + 4 * (word % 170) } else { tables + 4 * word };
            library.put(at.min(library.0.len() - 4), EXTREMES[extreme]);
        }
        library.sum();
        let _ = rules::check(&library.0);
        if let Ok(contents) = PE.read(&library.0) {
            prop_assert!(contents.constants.end <= library.0.len());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let start = [b'M', b'Z'];
        let count = bytes.len().min(2);
        bytes[..count].copy_from_slice(&start[..count]);
        if bytes.len() > 0x48 {
            bytes[0x3c..0x44].copy_from_slice(b"\x40\0\0\0PE\0\0");
        }
        prop_assert!(PE.read(&bytes).is_err());
    }
}
