//! Maru's target for z/Architecture in its 64-bit mode.
//!
//! What is peculiar about this CPU:
//!
//! - The most significant byte comes first: in memory, and in the fields of instructions.
//! - Instructions have two, four or six bytes, and begin at even addresses. Distances are counted in halfwords, from the
//!   start of the instruction; 32 bits of them reach all of an image.
//! - Instructions with places in memory take a base, an index and a displacement of 20 bits with sign; some have a shorter
//!   form with 12 bits without.
//! - Most arithmetic sets the condition code, one of four values; branches name those on which they are taken, as a
//!   mask. Loads, stores and moves leave it alone; so spilled registers may come between a
//!   comparison and its branch. Overflow is the fourth value, and so are doubles that do not compare.
//! - Register 0 in an address means none. It and register 1 are kept for single operations: division and the long product
//!   want a pair of registers.
//! - The long product has no signs, and no instruction tells whether a product overflows.
//! - Counts of shifts are addresses, of which six bits matter: they are taken modulo 64.
//! - What is used came with the z196 (2010), the oldest that common systems for it still run on. Its sums and bitwise
//!   operations have three operands; products and doubles have two.
//! - The heap is shared by code and runtime, so that nothing but a process on this CPU runs it: a whole system of it can be
//!   emulated, but not its code in a process of the other byte order.
//!
//! The manual: z/Architecture Principles of Operation. The C convention: ELF Application Binary Interface, s390x
//! Supplement.

mod abi;
mod encode;
#[cfg(test)]
mod encodings;
mod instruction;
mod select;

use maru_core::codegen::{
    CallLayout, CodeBuffer, FixupKind, Frame, MachInst, MachineIdentity, Native, OutOfRange, RegisterMachine,
    Relocation, Relocations, Selection, Spec, System, TargetTerminator, UnwindConvention, UnwindStyle,
};
use maru_core::ir::{Op, Val};
use regalloc2::Allocation;
use std::sync::LazyLock;

/// The CPU.
pub struct S390x;

/// The target.
pub static TARGET: Native<S390x> = Native(S390x);

maru_core::register_architecture!(TARGET);

/// `EM_S390`; `R_390_RELATIVE`, `_64`, `_32`, `_PC32`; `_PC32DBL` in code.
const ELF: MachineIdentity = MachineIdentity {
    machine: 22,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: false,
    page_size: 0x1000,
    tool_name: "s390x",
    system: System(0),
    relocations: Relocations {
        base: 12,
        address: 22,
        offset: 4,
        distance: 5,
        addend: 0,
        code: &[Relocation {
            kind: instruction::DISTANCE,
            number: 19,
            field: 2,
            width: 4,
            origin: Some(0),
            rest: None,
        }],
    },
    // On entry the frame address lies 160 bytes above the stack pointer: those are the callee's.
    unwind: UnwindConvention {
        code_alignment: 1,
        data_alignment: -8,
        return_address: 14,
        stack_pointer: 15,
        entry_cfa_offset: 160,
        entry_return_address: None,
        style: UnwindStyle::Dwarf,
    },
};

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "s390x",
    synonyms: &["z", "systemz"],
    is_host: cfg!(all(target_arch = "s390x", unix)),
    trap: &[0; 2],
    identities: vec![("elf", ELF)],
    registers: abi::allocatable(),
    frame: abi::FRAME_CONVENTION,
    jump: encode::Opcode::Jump as u16,
});

static LAYOUTS: LazyLock<[CallLayout; 3]> = LazyLock::new(abi::layouts);

impl RegisterMachine for S390x {
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
        instruction::patch(kind, site, from, to)
    }
}
