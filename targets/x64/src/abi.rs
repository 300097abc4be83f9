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
//! Windows calls C functions in its own way ([`WINDOWS`]); Maru calls are the same there:
//!
//! | | System V | Windows |
//! |---|---|---|
//! | a helper's words after the context | rsi rdx rcx r8 r9 | rdx r8 r9, stack; four words of the caller's frame are the helper's |
//! | the context, for helpers and entries | rdi | rcx |
//! | survive helpers | rbx rbp r12 … r14 | those, rsi rdi, all of xmm6 … xmm15 |
//!
//! The frame has no frame pointer; spill slots are addressed from rsp:
//!
//! ```text
//!           Maru                          Entry
//!   ┌──────────────────────┐      ┌──────────────────────┐ ← canonical frame address, multiple of 16
//!   │ return address       │      │ return address       │
//!   ├──────────────────────┤      │ rbx rbp r12 … r15    │   (Windows: rsi rdi, too)
//!   │ filling              │      │ filling              │
//!   │ spill slot n - 1 … 0 │      │ xmm15 … xmm6         │   (Windows only)
//!   └──────────────────────┘      │ filling, spill slots │
//!                                 └──────────────────────┘ ← rsp, multiple of 16 if the function calls
//! ```
//!
//! Nothing is probed: whoever enters code has the stack committed down to the context's limit.

use crate::assemble::*;
use crate::encode::Opcode;
use maru_core::abi::layout::{NIL, WORD_SIZE};
use maru_core::abi::{context, Context};
use maru_core::codegen::{CallLayout, CodeBuffer, Frame, FrameConvention, StackWords, System};
use maru_core::ir::{Convention, Helper};
use regalloc2::{MachineEnv, PReg, PRegSet, RegClass};
use std::ops::Range;

/// The register that holds the context.
pub const CONTEXT: u8 = R15;
/// The register of the callee's value, the first word parameter of a Maru function.
pub const CALLEE: u8 = RDI;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 16, red_zone: 0 };

const MARU_WORDS: [u8; 8] = [CALLEE, RAX, RSI, RDX, RCX, R8, R9, R10];
const SSE_REGISTERS: u8 = 16;
const SSE_ARGUMENTS: u8 = 8;

/// The system whose number in identities is 1: Windows. 0 is System V, of everybody else.
pub const WINDOWS: System = System(1);

/// How a system calls C functions. Of the registers that a convention destroys, all those that are allocatable.
pub struct CConvention {
    /// The register of the first word: of the context.
    pub context: u8,
    /// Registers of an entry's words after the context.
    entry_words: &'static [u8],
    /// The same of a helper's.
    helper_words: &'static [u8],
    /// Words of the caller's frame that the function called may use, just above the return address. A helper's words for
    /// which there is no register lie above these.
    pub home_words: u32,
    /// What C functions may destroy.
    clobbers: &'static [u8],
    /// What they preserve, in the order that an entry pushes it, with DWARF's numbers. The last is the context's.
    saved: &'static [(u8, u16)],
    /// The first SSE register that they preserve; all that follow are preserved, too.
    first_saved_double: u8,
}

const SYSTEM_V: CConvention = CConvention {
    context: RDI,
    entry_words: &[RSI, RDX, RCX, R8],
    helper_words: &[RSI, RDX, RCX, R8, R9],
    home_words: 0,
    clobbers: &[RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11],
    saved: &[(RBX, 3), (RBP, 6), (R12, 12), (R13, 13), (R14, 14), (R15, 15)],
    first_saved_double: SSE_REGISTERS,
};

const OF_WINDOWS: CConvention = CConvention {
    context: RCX,
    entry_words: &[RDX, R8, R9],
    helper_words: &[RDX, R8, R9],
    home_words: 4,
    clobbers: &[RAX, RCX, RDX, R8, R9, R10, R11],
    saved: &[(RBX, 3), (RBP, 6), (RSI, 4), (RDI, 5), (R12, 12), (R13, 13), (R14, 14), (R15, 15)],
    first_saved_double: 6,
};

/// How a system calls C functions.
pub fn convention(system: System) -> &'static CConvention {
    if system == WINDOWS {
        &OF_WINDOWS
    } else {
        &SYSTEM_V
    }
}

/// DWARF's number of the first SSE register.
const DWARF_DOUBLE: u16 = 17;
/// Bytes of an SSE register.
const SSE_SIZE: i64 = 16;

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

impl CConvention {
    /// Allocatable registers that a call destroys, words and doubles; and those that it preserves.
    fn registers(&self) -> [[PRegSet; 2]; 2] {
        let kept: PRegSet =
            self.saved.iter().map(|(register, _)| *register).filter(|r| *r != CONTEXT).map(word).collect();
        let doubles = |numbers: Range<u8>| numbers.map(double).collect::<PRegSet>();
        let first = self.first_saved_double;
        [[words(self.clobbers), doubles(0..first)], [kept, doubles(first..SSE_REGISTERS)]]
    }

    /// Allocatable registers. Those that a helper destroys come first, to keep the others for what lives across one.
    pub fn allocatable(&self) -> MachineEnv {
        let classes = |[words, doubles]: [PRegSet; 2]| [words, doubles, PRegSet::empty()];
        let [destroyed, kept] = self.registers();
        MachineEnv {
            preferred_regs_by_class: classes(destroyed),
            non_preferred_regs_by_class: classes(kept),
            scratch_by_class: [None; 3],
            fixed_stack_slots: Vec::new(),
        }
    }

    /// Layouts of Maru calls, entries and helper calls.
    pub fn layouts(&self) -> [CallLayout; 3] {
        let layout = |arguments: &[u8], doubles: u8, has_area, clobbers| CallLayout {
            words: arguments.iter().map(|number| word(*number)).collect(),
            has_area,
            stack: None,
            doubles: (0..doubles).map(double).collect(),
            word_result: word(RAX),
            high_result: None,
            double_result: double(0),
            clobbers,
        };
        let [[words, doubles], [kept_words, kept_doubles]] = self.registers();
        let helper = words | doubles;
        let all = helper | kept_words | kept_doubles;
        let stack = (self.home_words > 0).then_some(StackWords { reserved: self.home_words });
        [
            layout(&MARU_WORDS, SSE_ARGUMENTS, true, all),
            layout(self.entry_words, 0, false, all),
            CallLayout { stack, ..layout(self.helper_words, 0, false, helper) },
        ]
    }
}

/// What an entry saves. A Maru function saves nothing.
fn saved(frame: &Frame) -> (&'static [(u8, u16)], Range<u8>) {
    let convention = convention(frame.system);
    match frame.convention {
        Convention::Maru => (&[], 0..0),
        Convention::Entry => (convention.saved, convention.first_saved_double..SSE_REGISTERS),
    }
}

/// Where above rsp the SSE registers lie that are saved, and bytes between rsp and rsp on entry (or below the general
/// registers that are saved).
fn size(frame: &Frame) -> (i64, i64) {
    let word = WORD_SIZE as i64;
    let slots = i64::from(frame.spill_slots) * word;
    let (registers, doubles) = saved(frame);
    if !frame.calls && doubles.is_empty() {
        return (slots, slots);
    }
    let above = word * (1 + registers.len() as i64);
    let first = if doubles.is_empty() { slots } else { (slots + SSE_SIZE - 1) / SSE_SIZE * SSE_SIZE };
    let end = first + SSE_SIZE * doubles.len() as i64;
    (first, (above + end + 15) / 16 * 16 - above)
}

/// Where the general registers lie that are saved, relative to the canonical frame address.
fn rows(frame: &Frame) -> Vec<(u16, i64)> {
    let places = (2..).map(|place| -(WORD_SIZE as i64) * place);
    saved(frame).0.iter().map(|(_, dwarf)| *dwarf).zip(places).collect()
}

/// Write the start of a function.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let word = WORD_SIZE as i64;
    let (registers, doubles) = saved(frame);
    let mut rows = rows(frame);
    for (count, (register, _)) in (1..).zip(registers) {
        code.op(PUSH, *register, Rm::Reg(*register));
        code.frame_is(word * (1 + count as i64), &rows[..count]);
    }
    let (first, size) = size(frame);
    let frame_address = word * (1 + rows.len() as i64) + size;
    if size > 0 {
        code.alu_immediate(alu::SUB, Rm::Reg(RSP), size as i32);
        code.frame_is(frame_address, &rows);
    }
    for (register, place) in doubles.zip((first..).step_by(SSE_SIZE as usize)) {
        code.op(MOVAPS_TO, register, Rm::Base(RSP, place as i32));
        rows.push((DWARF_DOUBLE + u16::from(register), place - frame_address));
        code.frame_is(frame_address, &rows);
    }
    if frame.convention == Convention::Entry {
        code.op(MOV_TO, convention(frame.system).context, Rm::Reg(CONTEXT));
    } else if size > 0 {
        check_stack(frame, size, code);
    }
}

/// The frame's lowest address must not lie below the context's limit.
fn check_stack(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let overflow = Opcode::StackOverflow.inst().immediate(size).variant(overflow_variant(frame));
    let overflow = overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize));
    code.alu(alu::CMP, RSP, Rm::Base(CONTEXT, context::STACK_LIMIT));
    let label = code.out_of_line(overflow);
    code.jump_if(condition::BELOW, label);
}

/// What the code that a full stack leads to must know: whether there is a callee's value, and the system.
fn overflow_variant(frame: &Frame) -> u8 {
    u8::from(frame.has_callee) | frame.system.0 << 1
}

/// The stack has no room for a frame of a size, which is made. Return what the helper at an offset in the context returns.
pub fn stack_overflow(variant: u8, size: i64, helper: i32, code: &mut CodeBuffer) {
    let word = WORD_SIZE as i64;
    let (has_callee, system) = (variant & 1 == 1, System(variant >> 1));
    let convention = convention(system);
    // Just what the call needs.
    let kept = word * (1 + i64::from(convention.home_words));
    if size != kept {
        code.alu_immediate(alu::ADD, Rm::Reg(RSP), (size - kept) as i32);
        code.frame_is(word + kept, &[]);
    }
    let callee = convention.helper_words[0];
    if has_callee {
        code.op(MOV_TO, CALLEE, Rm::Reg(callee));
    } else {
        code.constant(callee, NIL as i64);
    }
    call_helper(system, helper, code);
    code.alu_immediate(alu::ADD, Rm::Reg(RSP), kept as i32);
    code.frame_is(word, &[]);
    code.plain(RET);
}

/// Call the helper whose address lies at an offset in the context. Its other words are in their places already.
pub fn call_helper(system: System, offset: i32, code: &mut CodeBuffer) {
    code.op(MOV_TO, CONTEXT, Rm::Reg(convention(system).context));
    code.op(CALL, 0, Rm::Base(CONTEXT, offset));
}

/// Write the end of the frame.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let word = WORD_SIZE as i64;
    let (registers, doubles) = saved(frame);
    let mut rows = rows(frame);
    let (first, size) = size(frame);
    for (register, place) in doubles.zip((first..).step_by(SSE_SIZE as usize)) {
        code.op(MOVAPS, register, Rm::Base(RSP, place as i32));
    }
    if size > 0 {
        code.alu_immediate(alu::ADD, Rm::Reg(RSP), size as i32);
        code.frame_is(word * (1 + rows.len() as i64), &rows);
    }
    for (register, _) in registers.iter().rev() {
        code.op(POP, *register, Rm::Reg(*register));
        rows.pop();
        code.frame_is(word * (1 + rows.len() as i64), &rows);
    }
}
