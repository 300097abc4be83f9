//! Maru's target for 64-bit ARM.
//!
//! What is peculiar about this CPU:
//!
//! - Every instruction takes 32 bits, has up to three operands, all of them registers, and none changes flags but
//!   those that are asked to. So operands are never copied, and anything may come between comparison and branch.
//! - What immediates an instruction takes depends on its family: 12 bits, perhaps shifted by 12, for sums and
//!   comparisons; repeated runs of ones for bitwise operations; 16 bits at a time for constants.
//! - Offsets in memory are unsigned and count items, or have 9 bits with sign. Larger ones, and those together with
//!   an index, go through x16 and x17, which are never allocated: linkers may destroy them, too, between a call and
//!   its function.
//! - Register 31 is zero or the stack pointer, depending on the place; sums with the stack pointer have a form of
//!   their own. It is a multiple of 16 always, or access through it traps.
//! - Branches on zero and on one bit need no comparison, but reach 1 MiB and 32 KiB only; conditional branches
//!   1 MiB, calls 128 MiB. Too far, a branch jumps over a plain jump. Addresses come in two parts: page and rest.
//! - There is no flag for a product that overflows: the high half is compared with the low half's sign.
//! - Comparing doubles sets flags so that four conditions are false when unordered: "minus" is less, "at most"
//!   (unsigned) is less or equal.
//! - Division has no remainder: product and difference, in one instruction, make it.
//! - x18 belongs to the system on some systems, and is left alone on all. Frames are chained through x29.
//!
//! The manual: Arm Architecture Reference Manual for A-profile. The C convention: Procedure Call Standard for the
//! Arm 64-bit Architecture; helpers take few words, so that all systems agree about them.

mod abi;
mod assemble;
mod encode;
#[cfg(test)]
mod encodings;
mod select;

use maru_core::codegen::{
    AssemblySyntax, CallLayout, CodeBuffer, FixupKind, Frame, MachInst, MachineIdentity, Native, OutOfRange,
    RegisterMachine, Relocation, Relocations, Selection, Spec, System, TargetTerminator, UnwindConvention, UnwindStyle,
};
use maru_core::ir::{Op, Val};
use regalloc2::Allocation;
use std::sync::LazyLock;

/// The CPU.
pub struct Arm64;

/// The target.
pub static TARGET: Native<Arm64> = Native(Arm64);

maru_core::register_architecture!(TARGET);

const UNWIND: UnwindConvention = UnwindConvention {
    code_alignment: 4,
    data_alignment: -8,
    return_address: 30,
    stack_pointer: 31,
    entry_cfa_offset: 0,
    entry_return_address: None,
    style: UnwindStyle::Dwarf,
};

/// Fixups that leave a function: a branch, a page, and what is in the page, as a sum's operand or as a load's. (A call
/// and a jump have the same field and mean the same distance, so they have the same number.)
const fn relocations([branch, page, in_page, in_page_word]: [u32; 4]) -> [Relocation; 4] {
    const fn relocation(kind: FixupKind, number: u32, origin: Option<u8>) -> Relocation {
        Relocation { kind, number, field: 0, width: 4, origin, rest: None }
    }
    [
        relocation(assemble::DISTANCE_26, branch, Some(0)),
        relocation(assemble::PAGE, page, Some(0)),
        relocation(assemble::IN_PAGE, in_page, None),
        relocation(assemble::IN_PAGE_WORD, in_page_word, None),
    ]
}

/// `EM_AARCH64`; `R_AARCH64_RELATIVE`, `_ABS64`, `_ABS32`, `_PREL32`; `_CALL26`, `_ADR_PREL_PG_HI21`,
/// `_ADD_ABS_LO12_NC` and `_LDST64_ABS_LO12_NC` in code. Some systems have pages of 64 KiB.
const ELF: MachineIdentity = MachineIdentity {
    machine: 183,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x10000,
    tool_name: "aarch64",
    system: System(0),
    relocations: Relocations {
        base: 1027,
        address: 257,
        offset: 258,
        distance: 261,
        addend: 0,
        code: &relocations([283, 275, 277, 286]),
    },
    unwind: UNWIND,
};

/// `CPU_TYPE_ARM64`, `CPU_SUBTYPE_ARM64_ALL`; `ARM64_RELOC_UNSIGNED`, `_SUBTRACTOR`, `_ADDEND`; `_BRANCH26`, `_PAGE21`
/// and `_PAGEOFF12` in code.
const MACHO: MachineIdentity = MachineIdentity {
    machine: 0x0100_000c,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x4000,
    tool_name: "arm64",
    system: System(0),
    relocations: Relocations {
        base: 0,
        address: 0,
        offset: 0,
        distance: 1,
        addend: 10,
        code: &relocations([2, 3, 4, 4]),
    },
    unwind: UNWIND,
};

/// `IMAGE_FILE_MACHINE_ARM64`. C functions are called as everywhere; registers by the numbers of instructions, those of
/// doubles plus 128.
const PE: MachineIdentity = MachineIdentity {
    machine: 0xaa64,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x1000,
    tool_name: "arm64",
    system: System(0),
    relocations: Relocations::NONE,
    unwind: UnwindConvention { style: UnwindStyle::Codes(&CODES), ..UNWIND },
};

/// The registers that frames save: x19 … x30 and d8 … d15.
const CODES: [(u16, u8); 20] = {
    let mut codes = [(0, 0); 20];
    let mut at = 0;
    while at < 12 {
        codes[at] = (19 + at as u16, 19 + at as u8);
        at += 1;
    }
    while at < 20 {
        codes[at] = (72 + at as u16 - 12, 0x80 + 8 + at as u8 - 12);
        at += 1;
    }
    codes
};

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "arm64",
    synonyms: &["aarch64"],
    is_host: cfg!(all(target_arch = "aarch64", target_pointer_width = "64", unix)),
    trap: &[0; 4],
    identities: vec![("elf", ELF), ("macho", MACHO), ("pe", PE)],
    registers: abi::allocatable(),
    frame: abi::FRAME_CONVENTION,
    jump: encode::Opcode::Jump as u16,
});

static LAYOUTS: LazyLock<[CallLayout; 3]> = LazyLock::new(abi::layouts);

impl RegisterMachine for Arm64 {
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
    fn assembly(&self) -> Option<AssemblySyntax> {
        Some(AssemblySyntax { prologue: "", prefix: |_| "" })
    }
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
        assemble::patch(kind, site, from, to)
    }
}
