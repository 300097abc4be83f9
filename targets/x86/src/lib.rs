//! Maru's target for 32-bit x86.
//!
//! What is peculiar about this CPU:
//!
//! - Its words have 32 bits, Maru's have 64: functions are split into halves before instructions are selected
//!   ([`maru_core::ir::narrow`]).
//! - There are eight registers, of which one is the stack pointer and one holds the context. So arguments travel in the
//!   context's argument area, all but the callee and the argument count.
//! - Two-address instructions: the result replaces the first operand. The allocator is told so.
//! - Arithmetic sets condition flags, moves do not: so a carry stays in the flags from one half to the next.
//! - Only four registers have names for their lowest byte, so a byte is stored from a fixed one.
//! - Nothing is addressed by its distance from the code but jumps and calls. Other distances are counted from the return
//!   address of a call of the next instruction, taken off the stack.
//! - Shift counts live in cl, wide products in edx:eax: fixed registers.
//! - Comparing doubles sets the flags of unsigned comparison, and all of zero, parity and carry when unordered. So
//!   "less" is asked as "greater" with operands swapped, and equality looks at two flags.
//! - Only SSE2 is used.
//! - C functions find their words on the stack.
//!
//! The manual: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. The C convention: System V
//! Application Binary Interface, Intel386 Architecture Processor Supplement.

mod abi;
mod assemble;
mod encode;
#[cfg(test)]
mod encodings;
mod select;

use maru_core::codegen::{
    CallKind, CallLayout, CodeBuffer, FixupKind, Frame, MachInst, Native, OutOfRange, RegisterMachine, Selection, Spec,
    TargetTerminator,
};
use maru_core::ir::{Op, Val, WordWidth};
use regalloc2::Allocation;
use std::sync::LazyLock;

/// The CPU.
pub struct X86;

/// The target.
pub static TARGET: Native<X86> = Native(X86);

maru_core::register_architecture!(TARGET);

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "x86",
    synonyms: &["i386", "i686", "ia32"],
    // The runtime's own process has pointers of 64 bits.
    is_host: false,
    trap: &[0xcc],
    identities: Vec::new(),
    registers: abi::registers(),
    frame: abi::FRAME_CONVENTION,
    jump: encode::Opcode::Jump as u16,
});

static LAYOUTS: LazyLock<[CallLayout; 3]> = LazyLock::new(abi::layouts);

impl RegisterMachine for X86 {
    fn spec(&self) -> &Spec {
        &SPEC
    }
    fn call_layouts(&self) -> &[CallLayout; 3] {
        &LAYOUTS
    }
    fn word(&self) -> WordWidth {
        WordWidth::Four
    }
    fn select(&self, op: &Op, results: &[Option<Val>; 2], selection: &mut Selection) {
        select::select(self, op, results, selection);
    }
    fn select_terminator(&self, terminator: &TargetTerminator, selection: &mut Selection) {
        select::select_terminator(self, terminator, selection);
    }
    fn select_return_pair(&self, low: Val, high: Val, selection: &mut Selection) {
        let layout = selection.layout(self, CallKind::Maru);
        selection.give_back_pair(encode::Opcode::Return.inst(), [low, high], layout);
    }
    fn encode(&self, inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
        encode::encode(inst, operands, code);
    }
    fn copy(&self, from: Allocation, to: Allocation, code: &mut CodeBuffer) {
        encode::copy(from, to, code);
    }
    fn arrive(&self, number: u32, to: Allocation, frame: &Frame, code: &mut CodeBuffer) {
        abi::arrive(number, encode::register(to), frame, code);
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
