//! Registers, calls and frames.
//!
//! | register | |
//! |---|---|
//! | r15 | the context, always |
//! | rsp | the stack |
//! | rdi | callee's value |
//! | rax | argument count; result |
//! | rsi rdx rcx r8 r9 r10 | arguments |
//! | xmm0-7 | arguments that are doubles; xmm0 result |
//! | rbx rbp r12 r13 r14 | survive runtime helpers, but no Maru call |
//!
//! The first five arguments lie where the C convention wants a helper's words, so that the slow path of a function
//! of its own parameters moves nothing.
//!
//! The frame has no frame pointer; spill slots are addressed from rsp:
//!
//! ```text
//!           Maru                          Entry
//!   ┌──────────────────────┐      ┌──────────────────────┐ ← canonical frame address, multiple of 16
//!   │ return address       │      │ return address       │
//!   ├──────────────────────┤      │ rbx rbp r12 … r15    │
//!   │ filling              │      ├──────────────────────┤
//!   │ spill slot n - 1 … 0 │      │ filling, spill slots │
//!   └──────────────────────┘      └──────────────────────┘ ← rsp, multiple of 16 if the function calls
//! ```

use crate::assemble::*;
use crate::encode::Opcode;
use maru_core::abi::layout::WORD_SIZE;
use maru_core::abi::{context, Context};
use maru_core::codegen::{CallLayout, CodeBuffer, Frame, FrameConvention};
use maru_core::ir::{Convention, Helper};
use regalloc2::{MachineEnv, PReg, PRegSet, RegClass};

/// The register that holds the context.
pub const CONTEXT: u8 = R15;
/// The register of the callee's value, the first word parameter of a Maru function.
pub const CALLEE: u8 = RDI;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 16, red_zone: 0 };

const MARU_WORDS: [u8; 8] = [CALLEE, RAX, RSI, RDX, RCX, R8, R9, R10];
const ENTRY_WORDS: [u8; 4] = [RSI, RDX, RCX, R8];
const HELPER_WORDS: [u8; 5] = [RSI, RDX, RCX, R8, R9];
/// What C functions may destroy. All SSE registers, too.
const C_CLOBBERS: [u8; 9] = [RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11];
/// What C functions preserve, in the order that an entry pushes them.
const C_SAVED: [u8; 6] = [RBX, RBP, R12, R13, R14, R15];
/// DWARF numbers of the same.
const C_SAVED_DWARF: [u16; 6] = [3, 6, 12, 13, 14, 15];
const SSE_REGISTERS: u8 = 16;
const SSE_ARGUMENTS: u8 = 8;

/// A general register for the allocator.
pub fn word(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Int)
}

fn double(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Float)
}

fn words(numbers: &[u8]) -> PRegSet {
    numbers.iter().map(|number| word(*number)).collect()
}

fn doubles() -> PRegSet {
    (0..SSE_REGISTERS).map(double).collect()
}

/// Allocatable registers. Those that a helper destroys come first, to keep the others for what lives across one.
pub fn registers() -> MachineEnv {
    MachineEnv {
        preferred_regs_by_class: [words(&C_CLOBBERS), doubles(), PRegSet::empty()],
        non_preferred_regs_by_class: [words(&C_SAVED[..5]), PRegSet::empty(), PRegSet::empty()],
        scratch_by_class: [None; 3],
        fixed_stack_slots: Vec::new(),
    }
}

/// Layouts of Maru calls, entries and helper calls.
pub fn layouts() -> [CallLayout; 3] {
    let layout = |arguments: &[u8], doubles: u8, has_area, clobbers| CallLayout {
        words: arguments.iter().map(|number| word(*number)).collect(),
        has_area,
        stack: None,
        doubles: (0..doubles).map(double).collect(),
        word_result: word(RAX),
        double_result: double(0),
        clobbers,
    };
    let helper = words(&C_CLOBBERS) | doubles();
    let all = words(&C_SAVED[..5]) | helper;
    [
        layout(&MARU_WORDS, SSE_ARGUMENTS, true, all),
        layout(&ENTRY_WORDS, 0, false, all),
        layout(&HELPER_WORDS, 0, false, helper),
    ]
}

/// Bytes between rsp on entry (or below the saved registers) and rsp in the function.
fn size(frame: &Frame) -> i64 {
    let word = WORD_SIZE as i64;
    let slots = i64::from(frame.spill_slots) * word;
    if !frame.calls {
        return slots;
    }
    let above = word * (1 + saved(frame).len() as i64);
    (above + slots + 15) / 16 * 16 - above
}

fn saved(frame: &Frame) -> &'static [u8] {
    match frame.convention {
        Convention::Maru => &[],
        Convention::Entry => &C_SAVED,
    }
}

/// Write the start of a function.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let word = WORD_SIZE as i64;
    let mut rows = Vec::new();
    for (register, dwarf) in saved(frame).iter().zip(C_SAVED_DWARF) {
        code.op(PUSH, *register, Rm::Reg(*register));
        rows.push((dwarf, -word * (2 + rows.len() as i64)));
        code.frame_is(word * (1 + rows.len() as i64), &rows);
    }
    let size = size(frame);
    if size > 0 {
        code.alu_immediate(alu::SUB, Rm::Reg(RSP), size as i32);
        code.frame_is(word * (1 + rows.len() as i64) + size, &rows);
    }
    if frame.convention == Convention::Entry {
        code.op(MOV_TO, RDI, Rm::Reg(CONTEXT));
    } else if size > 0 {
        check_stack(frame, size, code);
    }
}

/// The frame's lowest address must not lie below the context's limit.
fn check_stack(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let overflow = Opcode::StackOverflow.inst().immediate(size).variant(frame.has_callee as u8);
    let overflow = overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize));
    code.alu(alu::CMP, RSP, Rm::Base(CONTEXT, context::STACK_LIMIT));
    let label = code.out_of_line(overflow);
    code.jump_if(condition::BELOW, label);
}

/// Write the end of the frame.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let word = WORD_SIZE as i64;
    let saved = saved(frame);
    let mut rows: Vec<_> = (0..saved.len()).map(|n| (C_SAVED_DWARF[n], -word * (2 + n as i64))).collect();
    let size = size(frame);
    if size > 0 {
        code.alu_immediate(alu::ADD, Rm::Reg(RSP), size as i32);
        code.frame_is(word * (1 + rows.len() as i64), &rows);
    }
    for register in saved.iter().rev() {
        code.op(POP, *register, Rm::Reg(*register));
        rows.pop();
        code.frame_is(word * (1 + rows.len() as i64), &rows);
    }
}
