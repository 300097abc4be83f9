//! What cannot be written, and files that must not be loaded, are refused with a reason.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_core::abi::fingerprint;
use maru_core::codegen::{MachineIdentity, UnwindRow};
use maru_core::format::{Image, ObjectFormat};
use maru_elf::ELF;
use proptest::prelude::*;

fn layout_problem(image: &Image, machine: &MachineIdentity) -> String {
    ELF.layout(image, machine).expect_err("refused").to_string()
}

#[test]
fn machines_of_other_classes_are_refused() {
    let narrow = MachineIdentity { pointer_size: 2, ..machine() };
    assert!(layout_problem(&sample(), &narrow).contains("not for 16-bit ones"));
    let big = MachineIdentity { little_endian: false, ..machine() };
    let message = ELF.write_object(&sample(), &big).expect_err("refused").to_string();
    assert!(message.contains("distances in another byte order"), "{message}");
    let pages = MachineIdentity { page_size: 3000, ..machine() };
    assert!(layout_problem(&sample(), &pages).contains("page size 0xbb8"));
}

#[test]
fn impossible_symbols_are_refused() {
    for (name, problem) in [
        ("", "cannot be called \"\""),
        ("a\0b", "cannot be called \"a\\0b\""),
        ("maru_leaf", "two symbols are called maru_leaf"),
        ("maru_image", "two symbols are called maru_image"),
    ] {
        let mut image = sample();
        image.push(name.into(), constant_function(1), TRAP);
        assert!(layout_problem(&image, &machine()).contains(problem), "{name}");
    }
}

#[test]
fn impossible_unwind_rows_are_refused() {
    let row = |offset, cfa_offset, saved: &[(u16, i64)]| UnwindRow { offset, cfa_offset, saved: saved.to_vec() };
    for (rows, problem) in [
        (vec![row(3, 16, &[]), row(2, 8, &[])], "offset 2 is out of order"),
        (vec![row(7, 16, &[])], "offset 7 is out of order or out of the function"),
        (vec![row(1, -8, &[])], "below it"),
        (vec![row(1, 16, &[(3, -15)])], "no multiple of -8"),
    ] {
        let mut image = sample();
        image.functions[0].unwind = rows;
        let message = layout_problem(&image, &machine());
        assert!(message.contains(problem) && message.contains("maru_leaf"), "{message}");
    }
}

#[test]
fn an_image_that_grew_after_layout_is_refused() {
    let layout = ELF.layout(&sample(), &machine()).expect("a layout");
    let mut image = sample();
    image.constants.push(0);
    let message = ELF.write(&image, &layout, &machine()).expect_err("refused").to_string();
    assert!(message.contains("changed its size"), "{message}");
}

fn reading_problem(bytes: &[u8]) -> String {
    ELF.read(bytes).expect_err("refused").to_string()
}

#[test]
fn every_truncation_is_found() {
    let bytes = written(&sample()).1;
    ELF.read(&bytes).expect("the whole file is good");
    for length in 0..bytes.len() {
        reading_problem(&bytes[..length]);
    }
    assert!(reading_problem(&bytes[..bytes.len() - 1]).contains("cut short"));
    assert!(reading_problem(b"").contains("no ELF file"));
}

#[test]
fn every_flipped_bit_is_found() {
    let mut bytes = written(&numbered(2)).1;
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        reading_problem(&bytes);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn foreign_files_are_refused() {
    let own = std::fs::read(std::env::current_exe().expect("a path")).expect("readable");
    if own.starts_with(b"\x7fELF") {
        let message = reading_problem(&own);
        assert!(message.contains("no image has a segment of kind"), "{message}");
    }
    assert!(reading_problem(b"#!/bin/sh\nexit 0\n").contains("no ELF file"));
    for path in ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib/libc.so.6"] {
        if let Ok(bytes) = std::fs::read(path) {
            reading_problem(&bytes);
        }
    }
}

/// Give a changed file the build id of its bytes, so that nothing but its tables betrays it.
fn sign(bytes: &mut [u8]) {
    let at = 64 + 6 * 56 + 16;
    bytes[at..at + 16].fill(0);
    let [low, high] = fingerprint(bytes);
    bytes[at..at + 8].copy_from_slice(&low.to_le_bytes());
    bytes[at + 8..at + 16].copy_from_slice(&high.to_le_bytes());
}

#[test]
fn a_library_that_is_writable_and_executable_is_refused() {
    let mut bytes = written(&sample()).1;
    bytes[64 + 4] |= 2;
    sign(&mut bytes);
    assert!(reading_problem(&bytes).contains("both writable and executable"));
}

#[test]
fn a_library_that_would_run_code_when_loaded_is_refused() {
    let good = written(&sample()).1;
    let dynamic = u64::from_le_bytes(good[64 + 2 * 56 + 8..][..8].try_into().expect("8 bytes")) as usize;
    for tag in [1u64, 7, 12, 25, 17] {
        let mut bytes = good.clone();
        bytes[dynamic + 5 * 16..dynamic + 5 * 16 + 8].copy_from_slice(&tag.to_le_bytes());
        sign(&mut bytes);
        let message = reading_problem(&bytes);
        assert!(message.contains("asks the loader for more than to map it"), "{message}");
    }
}

#[test]
fn a_signed_file_is_accepted_again() {
    let mut bytes = written(&sample()).1;
    let before = bytes.clone();
    sign(&mut bytes);
    assert_eq!(bytes, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    /// Whatever the tables say, reading them stays within the file and comes to an end.
    #[test]
    fn damaged_tables_are_read_without_panic(changes in proptest::collection::vec((0usize..2000, any::<u8>()), 1..6)) {
        let mut bytes = written(&numbered(3)).1;
        for (at, value) in changes {
            let length = bytes.len();
            bytes[at % length] = value;
        }
        sign(&mut bytes);
        if let Ok(contents) = ELF.read(&bytes) {
            prop_assert!(contents.constants.end <= bytes.len());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let start = [0x7f, b'E', b'L', b'F', 2, 1, 1];
        let count = bytes.len().min(7);
        bytes[..count].copy_from_slice(&start[..count]);
        prop_assert!(ELF.read(&bytes).is_err());
    }
}
