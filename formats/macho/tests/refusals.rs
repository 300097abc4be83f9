//! What cannot be written, and files that must not be loaded, are refused with a reason.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_core::codegen::{MachineIdentity, UnwindRow};
use maru_core::format::{Image, ObjectFormat};
use maru_macho::{rules, MACHO};
use proptest::prelude::*;

fn layout_problem(image: &Image, machine: &MachineIdentity) -> String {
    MACHO.layout(image, machine).expect_err("refused").to_string()
}

#[test]
fn machines_of_other_classes_are_refused() {
    let machine = &X64.machine;
    let narrow = MachineIdentity { pointer_size: 4, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &narrow).contains("not for 32-bit little-endian ones"));
    let big = MachineIdentity { little_endian: false, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &big).contains("not for 64-bit big-endian ones"));
    let pages = MachineIdentity { page_size: 0x1_0000, ..machine.clone() };
    assert!(layout_problem(&X64.sample(), &pages).contains("page size 0x10000"));
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
    let mut image = ARM64.sample();
    image.functions[0].unwind = vec![UnwindRow { offset: 3, cfa_offset: 16, saved: Vec::new() }];
    let message = layout_problem(&image, &ARM64.machine);
    assert!(message.contains("unwind rows of maru_leaf") && message.contains("no multiple of 4"), "{message}");
    let mut image = X64.sample();
    image.functions[1].offset = 0;
    assert!(layout_problem(&image, &X64.machine).contains("maru_call overlaps the function before it"));
    let mut image = X64.sample();
    image.data_words = 1 << 28;
    assert!(layout_problem(&image, &X64.machine).contains("larger than 1 GiB"));
}

#[test]
fn an_image_that_grew_after_layout_is_refused() {
    let layout = MACHO.layout(&X64.sample(), &X64.machine).expect("a layout");
    let mut image = X64.sample();
    image.constants.push(0);
    let message = MACHO.write(&image, &layout, &X64.machine).expect_err("refused").to_string();
    assert!(message.contains("changed its size"), "{message}");
}

fn reading_problem(bytes: &[u8]) -> String {
    MACHO.read(bytes).expect_err("refused").to_string()
}

#[test]
fn every_truncation_is_found() {
    let bytes = X64.written(&X64.numbered(2)).1;
    MACHO.read(&bytes).expect("the whole file is good");
    for length in 0..bytes.len() {
        reading_problem(&bytes[..length]);
    }
    assert!(reading_problem(&bytes[..bytes.len() - 1]).contains("cut short"));
    assert!(reading_problem(b"").contains("magic"));
    let longer = [&*bytes, &[0]].concat();
    assert!(reading_problem(&longer).contains("__LINKEDIT ends at"));
}

#[test]
fn every_flipped_bit_is_found() {
    for cpu in cpus() {
        let mut bytes = cpu.written(&cpu.numbered(2)).1;
        // Most of the first 16 KiB is padding, which is signed as the rest is: some bits of it are enough.
        let looked_at = (0..0x1000).chain((0x1000..0x4000).step_by(97)).chain(0x4000..bytes.len());
        for byte in looked_at {
            for bit in 0..8 {
                bytes[byte] ^= 1 << bit;
                reading_problem(&bytes);
                bytes[byte] ^= 1 << bit;
            }
        }
        MACHO.read(&bytes).expect("good again");
    }
}

#[test]
fn foreign_files_are_refused() {
    for bytes in [&b"#!/bin/sh\nexit 0\n"[..], b"\x7fELF\x02\x01\x01", b"\xcf\xfa\xed\xfe", &[0; 100]] {
        reading_problem(bytes);
    }
}

/// A good file in which nothing but the identity is another's.
#[test]
fn a_library_that_another_tool_signed_anew_is_refused() {
    let mut bytes = X64.written(&X64.sample()).1;
    let code = MACHO.layout(&X64.sample(), &X64.machine).expect("a layout").code as usize;
    bytes[code + 1] ^= 1;
    sign(&mut bytes);
    assert_eq!(rules::check(&bytes), []);
    assert!(reading_problem(&bytes).contains("its bytes are not those that were written"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    /// Whatever the tables say, looking at them stays within the file and comes to an end.
    #[test]
    fn damaged_tables_are_read_without_panic(
        changes in proptest::collection::vec((0usize..2000, any::<u8>()), 1..6),
        high in any::<bool>(),
    ) {
        let mut bytes = X64.written(&X64.numbered(3)).1;
        for (at, value) in changes {
            let at = if high { 0x4000 + at % (bytes.len() - 0x4000) } else { at };
            bytes[at] = value;
        }
        sign(&mut bytes);
        if let Ok(contents) = MACHO.read(&bytes) {
            prop_assert!(contents.constants.end <= bytes.len());
        }
    }

    /// Numbers of commands and symbols made extreme: the ones that break additions.
    #[test]
    fn extreme_numbers_are_read_without_panic(
        changes in proptest::collection::vec((0usize..700, 0usize..8), 1..4),
        table in any::<bool>(),
    ) {
        const EXTREMES: [u32; 8] = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_fffe, 0xffff_ffff];
        let mut bytes = X64.written(&X64.sample()).1;
        for (word, extreme) in changes {
            let at = if table { (0x8000 + 4 * word).min(bytes.len() - 4) } else { 4 * (word % 330) };
            bytes[at..at + 4].copy_from_slice(&EXTREMES[extreme].to_le_bytes());
        }
        sign(&mut bytes);
        if let Ok(contents) = MACHO.read(&bytes) {
            prop_assert!(contents.constants.end <= bytes.len());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let start = [0xcf, 0xfa, 0xed, 0xfe];
        let count = bytes.len().min(4);
        bytes[..count].copy_from_slice(&start[..count]);
        prop_assert!(MACHO.read(&bytes).is_err());
    }
}
