//! Maru's target for 64-bit RISC-V: RV64GC, the base with multiplication, doubles and short encodings.
//!
//! What is peculiar about this CPU:
//!
//! - There are no flags. A branch compares two registers itself; a comparison as a value is 1 or 0 in a register, and
//!   "less" is the only one there is. So overflow of a sum is seen in the result: it must be less than one operand
//!   exactly when the other is negative.
//! - An immediate has 12 bits with sign, in sums, bitwise operations and offsets alike. A constant comes in pieces of 12
//!   bits that are shifted together, each with a sign that the piece before must make good.
//! - A branch reaches 4 KiB, a jump 1 MiB. Too far, a branch jumps over a jump, and a jump becomes two instructions.
//!   Addresses are counted from the first of two instructions: it adds the high part to its own address, the second has
//!   the low part, with a sign.
//! - Register 0 is zero and may be an operand anywhere.
//! - There are no indices in memory, no rotations, no conditional moves.
//! - Division traps never. Conversions saturate, and what becomes of NaN differs from other CPUs: nobody converts it.
//! - Comparisons of doubles are values, false when unordered; "not equal" is the opposite of "equal".
//! - Frequent instructions have a form of two bytes: the same instruction, chosen when it is written, because its
//!   operands allow it. Instructions are multiples of two bytes therefore.
//! - The global and the thread pointer belong to the system.
//!
//! The manuals: The RISC-V Instruction Set Manual, Volume I; RISC-V ABIs Specification.

mod abi;
mod assemble;
mod compress;
mod encode;
#[cfg(test)]
mod encodings;
mod select;

use maru_core::codegen::{
    CallLayout, CodeBuffer, FixupKind, Frame, MachInst, MachineIdentity, Native, OutOfRange, RegisterMachine,
    Relocation, Relocations, Rest, Selection, Spec, System, TargetTerminator, UnwindConvention, UnwindStyle,
};
use maru_core::ir::{Op, Val};
use regalloc2::Allocation;
use std::sync::LazyLock;

/// The CPU.
pub struct Riscv64;

/// The target.
pub static TARGET: Native<Riscv64> = Native(Riscv64);

maru_core::register_architecture!(TARGET);

const UNWIND: UnwindConvention = UnwindConvention {
    code_alignment: 2,
    data_alignment: -8,
    return_address: 1,
    stack_pointer: 2,
    entry_cfa_offset: 0,
    entry_return_address: None,
    style: UnwindStyle::Dwarf,
};

/// `R_RISCV_CALL_PLT`, which is for two instructions; `_PCREL_HI20` and `_PCREL_LO12_I`, each for one.
const RELOCATIONS: [Relocation; 2] = [
    Relocation { kind: assemble::CALL, number: 19, field: 0, width: 8, origin: Some(0), rest: None },
    Relocation {
        kind: assemble::ADDRESS,
        number: 23,
        field: 0,
        width: 8,
        origin: Some(0),
        rest: Some(Rest { number: 24, field: 4 }),
    },
];

/// `EM_RISCV`, `EF_RISCV_RVC` and `EF_RISCV_FLOAT_ABI_DOUBLE`; `R_RISCV_RELATIVE`, `_64`, `_32`, `_32_PCREL`.
const ELF: MachineIdentity = MachineIdentity {
    machine: 243,
    subtype: 0,
    flags: 0x5,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x1000,
    tool_name: "riscv64",
    system: System(0),
    relocations: Relocations { base: 3, address: 2, offset: 1, distance: 57, addend: 0, code: &RELOCATIONS },
    unwind: UNWIND,
};

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "riscv64",
    synonyms: &["riscv", "rv64"],
    is_host: cfg!(all(target_arch = "riscv64", target_pointer_width = "64", unix)),
    trap: &[0; 2],
    identities: vec![("elf", ELF)],
    registers: abi::allocatable(),
    frame: abi::FRAME_CONVENTION,
    jump: encode::Opcode::Jump as u16,
});

static LAYOUTS: LazyLock<[CallLayout; 3]> = LazyLock::new(abi::layouts);

impl RegisterMachine for Riscv64 {
    fn spec(&self) -> &Spec {
        &SPEC
    }
    fn call_layouts(&self) -> &[CallLayout; 3] {
        &LAYOUTS
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
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
        assemble::patch(kind, site, from, to)
    }
}
