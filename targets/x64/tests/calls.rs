//! What is peculiar to this CPU about calls: what entries preserve, and where unwinders find frames.
#![cfg(all(target_arch = "x86_64", unix))]

use maru_core::codegen::{Architecture, System};
use maru_trials::{busy_unit, unit, Bench};
use maru_x64::TARGET;

std::arch::global_asm!(
    ".globl maru_x64_test_saved",
    "maru_x64_test_saved:",
    "push rbx; push rbp; push r12; push r13; push r14; push r15; sub rsp, 8",
    "mov rax, rdi; mov rdi, rsi",
    "mov ebx, 11; mov ebp, 12; mov r12d, 13; mov r13d, 14; mov r14d, 15; mov r15d, 16",
    "call rax",
    "mov rax, rbx; imul rax, rax, 100; add rax, rbp; imul rax, rax, 100; add rax, r12; imul rax, rax, 100",
    "add rax, r13; imul rax, rax, 100; add rax, r14; imul rax, rax, 100; add rax, r15",
    "add rsp, 8; pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx; ret",
);

extern "sysv64" {
    fn maru_x64_test_saved(entry: u64, context: u64) -> u64;
}

#[test]
fn entries_preserve_what_c_preserves() {
    let bench = Bench::on_host(&TARGET);
    let mut loaded = bench.load(&busy_unit());
    // SAFETY: the assembly above follows the C convention.
    let registers = unsafe { maru_x64_test_saved(loaded.address(0), &raw mut *loaded.context as u64) };
    assert_eq!(registers, 111213141516);
}

std::arch::global_asm!(
    ".globl maru_x64_test_saved_on_windows",
    "maru_x64_test_saved_on_windows:",
    "push rbx; push rbp; push rsi; push rdi; push r12; push r13; push r14; push r15; sub rsp, 40",
    "mov rax, rcx; mov rcx, rdx",
    "mov ebx, 11; mov ebp, 12; mov esi, 13; mov edi, 14; mov r12d, 15; mov r13d, 16; mov r14d, 17; mov r15d, 18",
    "pcmpeqd xmm6, xmm6; pcmpeqd xmm7, xmm7; pcmpeqd xmm8, xmm8; pcmpeqd xmm9, xmm9; pcmpeqd xmm10, xmm10",
    "pcmpeqd xmm11, xmm11; pcmpeqd xmm12, xmm12; pcmpeqd xmm13, xmm13; pcmpeqd xmm14, xmm14; pcmpeqd xmm15, xmm15",
    "call rax",
    "mov rax, rbx; imul rax, rax, 100; add rax, rbp; imul rax, rax, 100; add rax, rsi; imul rax, rax, 100",
    "add rax, rdi; imul rax, rax, 100; add rax, r12; imul rax, rax, 100; add rax, r13; imul rax, rax, 100",
    "add rax, r14; imul rax, rax, 100; add rax, r15",
    // All of each of the ten registers is ones still, or the number is another.
    "pand xmm6, xmm7; pand xmm8, xmm9; pand xmm10, xmm11; pand xmm12, xmm13; pand xmm14, xmm15",
    "pand xmm6, xmm8; pand xmm10, xmm12; pand xmm6, xmm14; pand xmm6, xmm10",
    "pmovmskb ecx, xmm6; sub ecx, 65535; add rax, rcx",
    "add rsp, 40; pop r15; pop r14; pop r13; pop r12; pop rdi; pop rsi; pop rbp; pop rbx; ret",
);

extern "win64" {
    fn maru_x64_test_saved_on_windows(entry: u64, context: u64) -> u64;
}

#[test]
fn entries_preserve_what_c_preserves_on_windows() {
    let bench = Bench::on_host_as(&TARGET, System(1));
    let mut loaded = bench.load(&busy_unit());
    // SAFETY: the assembly above follows that system's C convention.
    let registers = unsafe { maru_x64_test_saved_on_windows(loaded.address(0), &raw mut *loaded.context as u64) };
    assert_eq!(registers, 1112131415161718);
}

#[test]
fn unwind_rows_and_lines() {
    let text = "entry function t(v0: w) -> w {\nb0:\n  v1 = call f0(v0) -> w @3\n  v2 = add v0 v1 @4\n  return v2\n}\n";
    let text = text.replace("entry ", "");
    let compiled = TARGET.compile(&unit(&text)[0]).expect("code");
    let rows: Vec<_> = compiled.unwind.iter().map(|row| row.cfa_offset).collect();
    assert_eq!(rows, [16, 8, 16, 8]);
    assert!(compiled.unwind.windows(2).all(|rows| rows[0].offset < rows[1].offset));
    let lines: Vec<_> = compiled.lines.iter().map(|line| line.1).collect();
    assert_eq!(lines, [3, 4]);
}
