//! A target to copy: the smallest that is complete.
//!
//! Its CPU does not exist. It is what a textbook's CPU is: sixteen registers for words, sixteen for doubles,
//! instructions of eight bytes, no flags. `cpu/` runs its code, so that all of this can be tried anywhere. `program/` is
//! the command `maru` with this target in it; Maru's own command does not know it.
//!
//! When you copy it, this is the place for what is peculiar about your CPU, in prose; and the first thing to write.
//!
//! - Every instruction is one byte of number, three bytes of registers, four bytes of immediate. So there is one form,
//!   and one kind of fixup: a distance from the start of the instruction, which always fits.
//! - Comparisons put 1 or 0 into a register and branches test a register, so copies cannot come in their way.
//! - A call pushes the address after it, a return pops it.
//! - Sums, differences and products have a companion that computes nothing but whether they overflow.
//!
//! The manual: [`instruction`]'s table. The C convention: [`abi`]'s.
//!
//! | file | what you write in it |
//! |---|---|
//! | `lib.rs` | the data sheet and the registration |
//! | `instruction.rs` | the instructions: number, text, bytes; fixups |
//! | `select.rs` | IR operations to instructions on virtual registers |
//! | `encode.rs` | instructions with their registers allocated to bytes |
//! | `abi.rs` | registers, calls, frames |
//! | `cpu/`, `program/src/lib.rs` | nothing, if your CPU is this host's or the emulator knows it |

pub mod abi;
mod encode;
pub mod instruction;
mod select;

use maru_core::codegen::{
    CallLayout, CodeBuffer, FixupKind, Frame, MachInst, MachineIdentity, Native, OutOfRange, RegisterMachine,
    Relocation, Relocations, Selection, Spec, System, TargetTerminator, UnwindConvention, UnwindStyle,
};
use maru_core::ir::{Op, Val};
use maru_core::regalloc2::Allocation;
use std::sync::LazyLock;

/// The CPU.
pub struct Template;

/// The target: `Native` makes an `Architecture` of a `RegisterMachine`.
pub static TARGET: Native<Template> = Native(Template);

maru_core::register_architecture!(TARGET);

/// The number of the CPU in files. Nobody has been given this one.
pub const MACHINE: u32 = 0x4d41;

/// What a container calls the CPU. A format that is not listed in the data sheet is "unsupported", with that reason,
/// wherever pairs are shown.
const ELF: MachineIdentity = MachineIdentity {
    machine: MACHINE,
    subtype: 0,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x1000,
    tool_name: "", // Of a CPU that does not exist, no linker knows.
    system: System(0),
    // Numbers of a manual that nobody has written. A container whose linker does not know the CPU gets along without.
    relocations: Relocations {
        base: 1,
        address: 2,
        offset: 3,
        distance: 4,
        addend: 0,
        code: &[Relocation { kind: instruction::DISTANCE, number: 5, field: 4, width: 4, origin: Some(0), rest: None }],
    },
    // On entry the return address lies on the stack, and the frame begins above it. Columns are numbered as registers.
    unwind: UnwindConvention {
        code_alignment: 8,
        data_alignment: -8,
        return_address: 16,
        stack_pointer: abi::STACK as u16,
        entry_cfa_offset: 8,
        entry_return_address: Some(-8),
        style: UnwindStyle::Dwarf,
    },
};

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "template",
    synonyms: &[],
    // True where this process runs on the CPU: `cfg!(target_arch = "…")`, with the system if the convention depends on it.
    is_host: false,
    trap: &[instruction::TRAP as u8; 8],
    identities: vec![("elf", ELF)],
    registers: abi::allocatable(),
    frame: abi::FRAME_CONVENTION,
    jump: encode::JUMP,
});

static LAYOUTS: LazyLock<[[CallLayout; 3]; 2]> = LazyLock::new(abi::layouts);

impl RegisterMachine for Template {
    fn spec(&self) -> &Spec {
        &SPEC
    }
    fn call_layouts(&self) -> &[CallLayout; 3] {
        &LAYOUTS[0]
    }
    // Two systems, to show it: leave these two out where all agree.
    fn systems(&self) -> u8 {
        2
    }
    fn call_layouts_on(&self, system: System) -> &[CallLayout; 3] {
        &LAYOUTS[usize::from(system.0)]
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
