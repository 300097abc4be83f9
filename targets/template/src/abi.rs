//! Registers, calls and frames.
//!
//! | register | |
//! |---|---|
//! | r0 | callee's value; result |
//! | r1 | argument count |
//! | r2 … r5 | arguments; the rest travel in the context's argument area |
//! | f0 … f7 | arguments that are doubles; f0 result |
//! | r8 … r13, f8 … f15 | survive runtime helpers, but no Maru call |
//! | r14 | the context, always: not allocatable |
//! | r15 | the stack |
//!
//! By the CPU's C convention, by which helpers are called and entries are, words travel in r0 … r5 and the result in
//! r0; r8 … r15 and f8 … f15 are preserved. The context is the first word of both.
//!
//! There is a second system, to show how that is said: on it, a helper's words after the first lie on the stack, above two
//! slots that belong to the helper. What is the same on all your CPU's systems needs no record of its own.
//!
//! ```text
//!   ┌──────────────────────────┐ ← canonical frame address
//!   │ return address           │
//!   ├──────────────────────────┤
//!   │ r8 … r14, f8 … f15       │   (entries only)
//!   ├──────────────────────────┤
//!   │ spill slot n - 1 … 0     │
//!   └──────────────────────────┘ ← r15
//! ```

use crate::encode::{constant, STACK_OVERFLOW};
use crate::instruction::*;
use maru_core::abi::layout::{NIL, WORD_SIZE};
use maru_core::abi::{context, Context};
use maru_core::codegen::{CallKind, CallLayout, CodeBuffer, Frame, FrameConvention, MachInst, StackWords, System};
use maru_core::ir::{Convention, Helper};
use maru_core::regalloc2::{MachineEnv, PReg, PRegSet, RegClass, SpillSlot};
use std::ops::Range;

/// The register that holds the context.
pub const CONTEXT: u8 = 14;
/// The stack pointer.
pub const STACK: u8 = 15;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 8, red_zone: 0 };
/// The register of the callee's value, the first word parameter of a Maru function; of the context, in C.
const CALLEE: u8 = 0;

/// The system on which helpers' words lie on the stack, after the first.
pub const ON_STACK: System = System(1);
/// Slots there that belong to the helper.
pub const RESERVED: u32 = 2;

/// What C functions preserve, besides the stack pointer.
pub const SAVED_WORDS: Range<u8> = 8..15;
/// The same of doubles.
pub const SAVED_DOUBLES: Range<u8> = 8..16;
/// DWARF number of the first double: it follows the return address.
const DWARF_DOUBLE: u16 = 17;

fn word(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Int)
}

fn double(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Float)
}

/// Registers that a helper destroys; and those which it preserves, for values that live across one.
fn allocatable_sets() -> [[PRegSet; 2]; 2] {
    [
        [(0..8).map(word).collect(), (0..8).map(double).collect()],
        [(8..CONTEXT).map(word).collect(), (8..16).map(double).collect()],
    ]
}

/// For the allocator. Registers that cost something to use come second: here, those kept for what lives long.
pub fn allocatable() -> MachineEnv {
    let [[words, doubles], [kept_words, kept_doubles]] = allocatable_sets();
    MachineEnv {
        preferred_regs_by_class: [words, doubles, PRegSet::empty()],
        non_preferred_regs_by_class: [kept_words, kept_doubles, PRegSet::empty()],
        scratch_by_class: [None; 3],
        fixed_stack_slots: Vec::new(),
    }
}

/// Layouts of Maru calls, entries and helper calls, for each system.
pub fn layouts() -> [[CallLayout; 3]; 2] {
    let [first, mut second] = [layouts_in_registers(), layouts_in_registers()];
    let helper = &mut second[CallKind::Helper as usize];
    helper.words.truncate(1);
    helper.stack = Some(StackWords { reserved: RESERVED });
    [first, second]
}

fn layouts_in_registers() -> [CallLayout; 3] {
    let layout = |words: Range<u8>, doubles, has_area, clobbers| CallLayout {
        words: words.map(word).collect(),
        has_area,
        stack: None,
        doubles: (0..doubles).map(double).collect(),
        word_result: word(0),
        high_result: None,
        double_result: double(0),
        clobbers,
    };
    let [[words, doubles], [kept_words, kept_doubles]] = allocatable_sets();
    let helper = words | doubles;
    let all = helper | kept_words | kept_doubles;
    [layout(0..6, 8, true, all), layout(1..5, 0, false, all), layout(1..6, 0, false, helper)]
}

/// Where a spill slot lies above the stack pointer.
pub fn slot_offset(slot: SpillSlot) -> i32 {
    (slot.index() * WORD_SIZE) as i32
}

/// Bytes of the spill slots.
fn slots(frame: &Frame) -> i32 {
    frame.spill_slots as i32 * WORD_SIZE as i32
}

/// What an entry saves: the instructions that store and load it, the register, its DWARF number.
fn saved() -> impl Iterator<Item = (u16, u16, u8, u16)> {
    let words = SAVED_WORDS.map(|register| (STORE, LOAD, register, register.into()));
    words.chain(SAVED_DOUBLES.map(|register| (STORE_DOUBLE, LOAD_DOUBLE, register, DWARF_DOUBLE + u16::from(register))))
}

/// Bytes of the frame below the return address.
fn size(frame: &Frame) -> i32 {
    let registers = if frame.convention == Convention::Entry { saved().count() } else { 0 };
    slots(frame) + (registers * WORD_SIZE) as i32
}

/// Write the start of a function. Unwinders are told after each instruction that moves the stack pointer.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    if frame.convention == Convention::Maru && (frame.calls || size > 0) {
        check_stack(frame, size, code);
    }
    if size > 0 {
        put(code, ADD_IMM, &[STACK, STACK], -size);
        code.frame_is(i64::from(size) + 8, &[]);
    }
    if frame.convention == Convention::Entry {
        let mut rows = Vec::new();
        for (turn, (store, _, register, dwarf)) in saved().enumerate() {
            let offset = slots(frame) + (turn * WORD_SIZE) as i32;
            put(code, store, &[register, STACK], offset);
            rows.push((dwarf, i64::from(offset - size) - 8));
        }
        code.frame_is(i64::from(size) + 8, &rows);
        put(code, MOVE, &[CONTEXT, CALLEE], 0);
    }
}

/// Write the end of the frame, before a return or a tail call.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    if frame.convention == Convention::Entry {
        for (turn, (_, load, register, _)) in saved().enumerate() {
            put(code, load, &[register, STACK], slots(frame) + (turn * WORD_SIZE) as i32);
        }
    }
    if size > 0 {
        put(code, ADD_IMM, &[STACK, STACK], size);
        code.frame_is(8, &[]);
    }
}

/// The frame's lowest address must not lie below the context's limit. Asked before anything is stored there. No
/// register survives a Maru call, so those that hold no argument are free here.
fn check_stack(frame: &Frame, size: i32, code: &mut CodeBuffer) {
    let [lowest, limit] = [6, 7];
    put(code, ADD_IMM, &[lowest, STACK], -size);
    put(code, LOAD, &[limit, CONTEXT], context::STACK_LIMIT);
    put(code, BELOW, &[lowest, lowest, limit], 0);
    let room = if frame.system == ON_STACK { RESERVED as usize * WORD_SIZE } else { 0 };
    let overflow = MachInst::new(STACK_OVERFLOW).variant(frame.has_callee.into()).immediate(room as i64);
    let label = code.out_of_line(overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize)));
    put_jump(code, GO_IF, &[lowest], label);
}

/// There is no room for the frame, which is not made yet: return what the helper at an offset in the context returns. So
/// many bytes of the stack are the helper's.
pub fn stack_overflow(has_callee: bool, helper: i32, room: i32, code: &mut CodeBuffer) {
    code.frame_is(8, &[]);
    if room > 0 {
        put(code, ADD_IMM, &[STACK, STACK], -room);
        code.frame_is(8 + i64::from(room), &[]);
    }
    if has_callee {
        put(code, MOVE, &[1, CALLEE], 0);
    } else {
        constant(code, 1, NIL as i64);
    }
    call_helper(helper, code);
    if room > 0 {
        put(code, ADD_IMM, &[STACK, STACK], room);
        code.frame_is(8, &[]);
    }
    put(code, RETURN, &[], 0);
}

/// Call the helper whose address lies at an offset in the context. Its words are in their registers already; r7 holds
/// none of them, and a helper destroys it.
pub fn call_helper(offset: i32, code: &mut CodeBuffer) {
    put(code, MOVE, &[CALLEE, CONTEXT], 0);
    put(code, LOAD, &[7, CONTEXT], offset);
    put(code, CALL_REGISTER, &[7], 0);
}
