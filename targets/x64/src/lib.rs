//! Maru's target for 64-bit x86.
//!
//! What is peculiar about this CPU:
//!
//! - Two-address instructions: the result replaces the first operand. The allocator is told so, and copies where
//!   the operand lives on; where that would cost a copy, a sum is made by `lea`, which has three operands.
//! - Any instruction may take one operand from memory, so a spilled value need not be reloaded to be used once.
//! - Almost all arithmetic sets condition flags, moves and `lea` do not. So an overflow check is just a jump, as
//!   long as nothing but moves comes between; but zero is loaded by `xor`, and that must come before a comparison.
//! - Immediates have at most 32 bits, sign-extended; 64-bit constants need an instruction of their own.
//! - Shift counts live in cl, dividends in rdx:rax: fixed registers.
//! - Comparing doubles sets the flags of unsigned comparison, and all of zero, parity and carry when unordered. So
//!   "less" is asked as "greater" with operands swapped, and equality looks at two flags.
//! - Only SSE2 is used: every 64-bit x86 has it, and emulators run it.
//! - The instruction cache is coherent, and a distance of 32 bits reaches all of an image: no veneers, one kind of
//!   long fixup.
//!
//! The manual: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. The C conventions: System V
//! Application Binary Interface, AMD64 Architecture Processor Supplement; and Microsoft's "x64 calling convention".

mod abi;
mod assemble;
mod divide;
mod encode;
#[cfg(test)]
mod encodings;
mod select;

use maru_core::codegen::{
    AssemblySyntax, CallLayout, CodeBuffer, FixupKind, Frame, ListingLine, MachInst, MachineIdentity, Native,
    OutOfRange, RegisterMachine, Relocation, Relocations, Selection, Shorten, Spec, System, TargetTerminator,
    UnwindConvention, UnwindStyle,
};
use maru_core::ir::{Op, Val};
use regalloc2::{Allocation, MachineEnv};
use std::sync::LazyLock;

/// The CPU.
pub struct X64;

/// The target.
pub static TARGET: Native<X64> = Native(X64);

maru_core::register_architecture!(TARGET);

const UNWIND: UnwindConvention = UnwindConvention {
    code_alignment: 1,
    data_alignment: -8,
    return_address: 16,
    stack_pointer: 7,
    entry_cfa_offset: 8,
    entry_return_address: Some(-8),
    style: UnwindStyle::Dwarf,
};

/// Every fixup that leaves a function is a distance of 32 bits, which ends its instruction and is counted from there. The
/// kind is how many bytes precede it: one in calls and jumps, more where it is an operand in memory.
const fn relocations(branch: u32, operand: u32) -> [Relocation; 6] {
    let mut all =
        [Relocation { kind: FixupKind(1), number: branch, field: 1, width: 4, origin: Some(5), rest: None }; 6];
    let mut at = 1;
    while at < all.len() {
        let field = at as u8 + 1;
        all[at] = Relocation {
            kind: FixupKind(field),
            number: operand,
            field,
            width: 4,
            origin: Some(field + 4),
            rest: None,
        };
        at += 1;
    }
    all
}

/// `EM_X86_64`; `R_X86_64_RELATIVE`, `_64`, `_32`, `_PC32`; `_PLT32` and `_PC32` in code.
const ELF: MachineIdentity = MachineIdentity {
    machine: 62,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x1000,
    tool_name: "x86_64",
    system: System(0),
    relocations: Relocations { base: 8, address: 1, offset: 10, distance: 2, addend: 0, code: &relocations(4, 2) },
    unwind: UNWIND,
};

/// `CPU_TYPE_X86_64`, `CPU_SUBTYPE_X86_64_ALL`; `X86_64_RELOC_UNSIGNED`, `_SUBTRACTOR`; `_BRANCH` and `_SIGNED` in code.
const MACHO: MachineIdentity = MachineIdentity {
    machine: 0x0100_0007,
    subtype: 3,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x4000,
    tool_name: "x86_64",
    system: System(0),
    relocations: Relocations { base: 0, address: 0, offset: 0, distance: 5, addend: 0, code: &relocations(2, 1) },
    unwind: UNWIND,
};

/// `IMAGE_FILE_MACHINE_AMD64`, by the calls of Windows; registers by the numbers of instructions, SSE registers plus 128.
const PE: MachineIdentity = MachineIdentity {
    machine: 0x8664,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x1000,
    tool_name: "x64",
    system: abi::WINDOWS,
    relocations: Relocations::NONE,
    unwind: UnwindConvention {
        style: UnwindStyle::Codes(&[
            (3, 3),
            (4, 6),
            (5, 7),
            (6, 5),
            (12, 12),
            (13, 13),
            (14, 14),
            (15, 15),
            (23, 0x86),
            (24, 0x87),
            (25, 0x88),
            (26, 0x89),
            (27, 0x8a),
            (28, 0x8b),
            (29, 0x8c),
            (30, 0x8d),
            (31, 0x8e),
            (32, 0x8f),
        ]),
        ..UNWIND
    },
};

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "x64",
    synonyms: &["x86-64", "x86_64", "amd64"],
    is_host: cfg!(all(target_arch = "x86_64", target_pointer_width = "64", unix)),
    trap: &[0xcc],
    identities: vec![("elf", ELF), ("macho", MACHO), ("pe", PE)],
    registers: abi::convention(System(0)).allocatable(),
    frame: abi::FRAME_CONVENTION,
    jump: encode::Opcode::Jump as u16,
});

static LAYOUTS: LazyLock<[[CallLayout; 3]; 2]> =
    LazyLock::new(|| [System(0), abi::WINDOWS].map(|system| abi::convention(system).layouts()));
static OF_WINDOWS: LazyLock<MachineEnv> = LazyLock::new(|| abi::convention(abi::WINDOWS).allocatable());

impl RegisterMachine for X64 {
    fn spec(&self) -> &Spec {
        &SPEC
    }
    fn call_layouts(&self) -> &[CallLayout; 3] {
        &LAYOUTS[0]
    }
    fn systems(&self) -> u8 {
        LAYOUTS.len() as u8
    }
    fn call_layouts_on(&self, system: System) -> &[CallLayout; 3] {
        &LAYOUTS[usize::from(system.0)]
    }
    fn registers_on(&self, system: System) -> &MachineEnv {
        if system == abi::WINDOWS {
            &OF_WINDOWS
        } else {
            &SPEC.registers
        }
    }
    fn select(&self, op: &Op, results: &[Option<Val>; 2], selection: &mut Selection) {
        select::select(self, op, results, selection);
    }
    fn select_terminator(&self, terminator: &TargetTerminator, selection: &mut Selection) {
        select::select_terminator(self, terminator, selection);
    }
    fn encode(&self, inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
        encode::encode(inst, operands, code);
    }
    fn copy(&self, from: Allocation, to: Allocation, code: &mut CodeBuffer) {
        encode::copy(from, to, code);
    }
    fn enter(&self, frame: &Frame, code: &mut CodeBuffer) {
        abi::enter(frame, code);
    }
    fn leave(&self, frame: &Frame, code: &mut CodeBuffer) {
        abi::leave(frame, code);
    }
    fn assembly(&self) -> Option<AssemblySyntax> {
        // Jumps have two forms, of which an assembler takes the shorter one wherever it reaches.
        let prefix = |line: &ListingLine| match line.bytes[..] {
            [0xe9, ..] | [0x0f, 0x80..=0x8f, ..] => "{disp32} ",
            _ => "",
        };
        Some(AssemblySyntax { prologue: ".intel_syntax noprefix", prefix })
    }
    fn short_jumps(&self) -> Option<Shorten> {
        Some(encode::shorten)
    }
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
        encode::patch(kind, site, from, to)
    }
}
