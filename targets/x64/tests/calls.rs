//! What is peculiar to this CPU about calls: what entries preserve, and where unwinders find frames.
#![cfg(all(target_arch = "x86_64", unix))]

use maru_core::codegen::Architecture;
use maru_processor::Host;
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
    let bench = Bench { architecture: &TARGET, processor: Box::new(Host) };
    let mut loaded = bench.load(&busy_unit());
    // SAFETY: the assembly above follows the C convention.
    let registers = unsafe { maru_x64_test_saved(loaded.address(0), &raw mut *loaded.context as u64) };
    assert_eq!(registers, 111213141516);
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
