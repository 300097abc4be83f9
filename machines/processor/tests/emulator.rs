//! The emulator by itself: calls, gates, nesting, limits and faults, on code written by hand.
//!
//! Where the emulator is not installed these tests say so on standard error and check the message; continuous
//! integration sets `MARU_NEED_EMULATOR`, and then that is a failure.

use maru_core::codegen::System;
use maru_processor::{cpu, Emulator, Processor};

/// An emulator, or `None` where there is none to be had.
fn emulator(cpu: &str) -> Option<Emulator> {
    match Emulator::new(cpu::find(cpu, System::default()).expect("a row of the table")) {
        Ok(emulator) => Some(emulator),
        Err(message) => {
            assert!(std::env::var_os("MARU_NEED_EMULATOR").is_none(), "{message}");
            assert!(message.contains("pip install unicorn"), "{message}");
            eprintln!("NOT RUN: {message}");
            None
        }
    }
}

/// Code in memory that stays.
fn place(bytes: &[u8]) -> usize {
    Box::leak(bytes.to_vec().into_boxed_slice()).as_ptr() as usize
}

/// add rax = rdi + rsi; ret
const ADD_X64: &[u8] = &[0x48, 0x8d, 0x04, 0x37, 0xc3];
/// add x0, x0, x1; ret
const ADD_ARM64: &[u8] = &[0x00, 0x00, 0x01, 0x8b, 0xc0, 0x03, 0x5f, 0xd6];
/// add a0, a0, a1; ret
const ADD_RISCV64: &[u8] = &[0x33, 0x05, 0xb5, 0x00, 0x67, 0x80, 0x00, 0x00];
/// push rbx; mov rbx, rdi; mov rdi, rsi; call rbx; inc rax; pop rbx; ret
const CALL_X64: &[u8] = &[0x53, 0x48, 0x89, 0xfb, 0x48, 0x89, 0xf7, 0xff, 0xd3, 0x48, 0xff, 0xc0, 0x5b, 0xc3];
/// stp x29, x30, [sp, #-16]!; mov x9, x0; mov x0, x1; blr x9; add x0, x0, #1; ldp x29, x30, [sp], #16; ret
const CALL_ARM64: &[u8] = &[
    0xfd, 0x7b, 0xbf, 0xa9, 0xe9, 0x03, 0x00, 0xaa, 0xe0, 0x03, 0x01, 0xaa, 0x20, 0x01, 0x3f, 0xd6, 0x00, 0x04, 0x00,
    0x91, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6,
];
/// addi sp, sp, -16; sd ra, 0(sp); mv t0, a0; mv a0, a1; jalr t0; addi a0, a0, 1; ld ra, 0(sp); addi sp, sp, 16; ret
const CALL_RISCV64: &[u8] = &[
    0x13, 0x01, 0x01, 0xff, 0x23, 0x30, 0x11, 0x00, 0x93, 0x02, 0x05, 0x00, 0x13, 0x85, 0x05, 0x00, 0xe7, 0x80, 0x02,
    0x00, 0x13, 0x05, 0x15, 0x00, 0x83, 0x30, 0x01, 0x00, 0x13, 0x01, 0x01, 0x01, 0x67, 0x80, 0x00, 0x00,
];

#[test]
fn every_cpu_of_the_table_adds() {
    for (name, code) in [("x64", ADD_X64), ("arm64", ADD_ARM64), ("riscv64", ADD_RISCV64)] {
        let Some(emulator) = emulator(name) else { return };
        let entry = place(code);
        // SAFETY: the code adds two registers.
        let sum = unsafe { emulator.call(entry, &[40, 2], &mut |_, _| unreachable!("no gate is called")) };
        assert_eq!(sum.expect("a sum"), 42, "{name}");
    }
}

#[test]
fn gates_lead_to_the_host_which_may_run_emulated_code_again() {
    for (name, code) in [("x64", CALL_X64), ("arm64", CALL_ARM64), ("riscv64", CALL_RISCV64)] {
        let Some(emulator) = emulator(name) else { return };
        let entry = place(code);
        assert_eq!(nested(&emulator, entry, 500), 501, "{name}");
        assert!(emulator.frames().is_empty());
    }
}

/// Calls itself through the emulator as often as `depth` says; each level adds one.
fn nested(emulator: &Emulator, entry: usize, depth: u64) -> u64 {
    let gate = emulator.gate(7) as u64;
    let mut serve = |number: usize, words: [u64; 6]| {
        assert_eq!((number, words[0]), (7, depth));
        assert_eq!(emulator.frames().len(), 2);
        if depth == 0 {
            0
        } else {
            nested(emulator, entry, depth - 1)
        }
    };
    // SAFETY: the code calls its first argument with its second.
    unsafe { emulator.call(entry, &[gate, depth], &mut serve) }.expect("a count")
}

#[test]
fn faults_name_what_happened_and_leave_the_emulator_usable() {
    // mov rax, [rdi]; ret and ldr x0, [x0]; ret
    // A CPU, code that reads, code that is none, code that adds.
    type Codes<'a> = (&'a str, [&'a [u8]; 3]);
    let reads: [Codes; 2] = [
        ("x64", [&[0x48, 0x8b, 0x07, 0xc3], &[0x0f, 0x0b], ADD_X64]),
        ("arm64", [&[0x00, 0x00, 0x40, 0xf9, 0xc0, 0x03, 0x5f, 0xd6], &[0, 0, 0, 0], ADD_ARM64]),
    ];
    for (name, [read, illegal, add]) in reads {
        let Some(emulator) = emulator(name) else { return };
        let word = Box::new(77u64);
        let call = |code: &[u8], words: &[u64]| {
            // SAFETY: the code reads a word, or stops.
            unsafe { emulator.call(place(code), words, &mut |_, _| 0) }
        };
        assert_eq!(call(read, &[std::ptr::from_ref(&*word) as u64]).expect("a word"), 77);
        let fault = call(read, &[8]).expect_err("nothing is there");
        assert!(fault.what.contains("invalid read of 8 bytes at 0x8 (this process has nothing there)"), "{fault}");
        assert_eq!(fault.bytes[..3], read[..3], "{fault}");
        let fault = call(illegal, &[]).expect_err("no instruction");
        assert_eq!(fault.bytes[..2], illegal[..2], "{fault}");
        assert_eq!(call(add, &[1, 2]).expect("a sum"), 3, "{name}");
    }
}

#[test]
fn endless_code_is_stopped() {
    let Some(emulator) = emulator("x64") else { return };
    emulator.limit(10_000).expect("a limit");
    // jmp to itself
    let entry = place(&[0xeb, 0xfe]);
    // SAFETY: the code only jumps.
    let fault = unsafe { emulator.call(entry, &[], &mut |_, _| 0) }.expect_err("no end");
    assert!(fault.what.contains("longer"), "{fault}");
    assert_eq!(fault.counter, entry as u64);
}

#[test]
fn changed_code_is_seen() {
    let Some(emulator) = emulator("arm64") else { return };
    let code: &'static mut [u8] = Box::leak(ADD_ARM64.to_vec().into_boxed_slice());
    let range = code.as_ptr() as usize..code.as_ptr() as usize + code.len();
    // SAFETY: the code adds or subtracts two registers.
    let call = || unsafe { emulator.call(range.start, &[9, 4], &mut |_, _| 0) }.expect("a number");
    assert_eq!(call(), 13);
    // SAFETY: the byte lies in memory that stays, and no code runs.
    unsafe { ((range.start + 3) as *mut u8).write_volatile(0xcb) };
    emulator.code_changed(range.clone());
    assert_eq!(call(), 5);
}

/// Code and what it calls may lie in mappings of their own, as a library's segments do.
#[test]
fn changed_code_is_seen_in_every_mapping_of_a_library() {
    const PAGE: usize = 4096;
    let Some(emulator) = emulator("arm64") else { return };
    // SAFETY: a new mapping of two pages, which stays; code is written before the first page becomes read-only.
    let first = unsafe {
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
        let first = libc::mmap(std::ptr::null_mut(), 2 * PAGE, writable, flags, -1, 0) as usize;
        std::ptr::copy_nonoverlapping(CALL_ARM64.as_ptr(), first as *mut u8, CALL_ARM64.len());
        std::ptr::copy_nonoverlapping(ADD_ARM64.as_ptr(), (first + PAGE) as *mut u8, ADD_ARM64.len());
        assert_eq!(libc::mprotect(first as *mut libc::c_void, PAGE, libc::PROT_READ), 0);
        first
    };
    let second = first + PAGE;
    emulator.code_changed(first..second + PAGE);
    // SAFETY: the code calls what adds or subtracts two registers, and adds one.
    let call = || unsafe { emulator.call(first, &[second as u64, 4], &mut |_, _| 0) }.expect("a number");
    assert_eq!(call(), 9);
    // SAFETY: the second page is writable still, and no code runs.
    unsafe { ((second + 3) as *mut u8).write_volatile(0xcb) };
    emulator.code_changed(first..second + PAGE);
    assert_eq!(call(), 1);
}
