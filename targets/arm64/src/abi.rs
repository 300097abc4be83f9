//! Registers, calls and frames.
//!
//! | register | |
//! |---|---|
//! | x28 | the context, always |
//! | sp | the stack, a multiple of 16 |
//! | x29 x30 | frame pointer, return address |
//! | x0 | callee's value; result |
//! | x8 | argument count |
//! | x1 … x7 | arguments |
//! | d0 … d7 | arguments that are doubles; d0 result |
//! | x19 … x27, d8 … d15 | survive runtime helpers, but no Maru call |
//! | x16 x17 | scratch of single operations |
//! | x18 | the system's |
//!
//! The first five arguments lie where the C convention wants a helper's words.
//!
//! ```text
//!   ┌──────────────────────────┐ ← canonical frame address
//!   │ x19 … x28, d8 … d15      │   (entries only)
//!   ├──────────────────────────┤
//!   │ filling                  │
//!   │ spill slot n - 1 … 0     │
//!   ├──────────────────────────┤
//!   │ x29, x30                 │
//!   └──────────────────────────┘ ← sp, x29
//! ```
//!
//! A function that neither calls nor spills has no frame.

use crate::assemble::*;
use crate::encode::Opcode;
use maru_core::abi::layout::{NIL, WORD_SIZE};
use maru_core::abi::{context, Context};
use maru_core::codegen::{CallLayout, CodeBuffer, Frame, FrameConvention, System};
use maru_core::ir::{Convention, Helper};
use regalloc2::{MachineEnv, PReg, PRegSet, RegClass};

/// The register that holds the context.
pub const CONTEXT: u8 = 28;
/// The register of the callee's value, the first word parameter of a Maru function; of the context, in C.
pub const CALLEE: u8 = 0;
const COUNT: u8 = 8;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 16, red_zone: 0 };

/// Bytes from the stack pointer to the first spill slot.
pub const RECORD: i64 = 2 * WORD_SIZE as i64;
/// The largest frame that one instruction makes, with the record in it.
const SMALL: i64 = 496;

/// What C functions preserve, in the order that an entry saves it: pairs of words, then of doubles.
const SAVED_WORDS: [u8; 5] = [19, 21, 23, 25, 27];
const SAVED_DOUBLES: [u8; 4] = [8, 10, 12, 14];
const SAVED_SIZE: i64 = 2 * (SAVED_WORDS.len() + SAVED_DOUBLES.len()) as i64 * WORD_SIZE as i64;
/// DWARF number of the first double.
const DWARF_DOUBLE: u16 = 64;

/// A general register for the allocator.
pub fn word(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Int)
}

fn double(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Float)
}

/// Allocatable registers that a helper destroys, and those that it preserves.
fn destroyed() -> [PRegSet; 2] {
    [(0..16).map(word).collect(), (0..8).chain(16..32).map(double).collect()]
}

fn preserved() -> [PRegSet; 2] {
    [(19..CONTEXT).map(word).collect(), (8..16).map(double).collect()]
}

/// Allocatable registers. Those that a helper destroys come first, to keep the others for what lives across one.
pub fn allocatable() -> MachineEnv {
    let classes = |[words, doubles]: [PRegSet; 2]| [words, doubles, PRegSet::empty()];
    MachineEnv {
        preferred_regs_by_class: classes(destroyed()),
        non_preferred_regs_by_class: classes(preserved()),
        scratch_by_class: [None; 3],
        fixed_stack_slots: Vec::new(),
    }
}

/// Layouts of Maru calls, entries and helper calls.
pub fn layouts() -> [CallLayout; 3] {
    let layout = |arguments: Vec<u8>, doubles: u8, has_area, clobbers| CallLayout {
        words: arguments.into_iter().map(word).collect(),
        has_area,
        stack: None,
        doubles: (0..doubles).map(double).collect(),
        word_result: word(0),
        high_result: None,
        double_result: double(0),
        clobbers,
    };
    let ([words, doubles], [more_words, more_doubles]) = (destroyed(), preserved());
    let helper = words | doubles;
    let all = helper | more_words | more_doubles;
    [
        layout([CALLEE, COUNT].into_iter().chain(1..8).collect(), 8, true, all),
        layout((1..5).collect(), 0, false, all),
        layout((1..6).collect(), 0, false, helper),
    ]
}

/// Bytes of the frame below the saved registers.
fn size(frame: &Frame) -> i64 {
    let slots = i64::from(frame.spill_slots) * WORD_SIZE as i64;
    if frame.calls || slots > 0 {
        RECORD + (slots + 15) / 16 * 16
    } else {
        0
    }
}

/// Where an unwinder finds the saved registers; the frame of `size` bytes is made, or 0.
fn rows(frame: &Frame, size: i64) -> (i64, Vec<(u16, i64)>) {
    let mut rows = Vec::new();
    let above = if frame.convention == Convention::Entry { SAVED_SIZE } else { 0 };
    if above > 0 {
        let words = SAVED_WORDS.iter().flat_map(|first| [*first, first + 1]).map(u16::from);
        let doubles = SAVED_DOUBLES.iter().flat_map(|first| [*first, first + 1]).map(|n| DWARF_DOUBLE + u16::from(n));
        rows.extend(words.chain(doubles).zip((0..).map(|place| place * WORD_SIZE as i64 - above)));
    }
    if size > 0 {
        let record = -(above + size);
        rows.extend([(u16::from(FRAME), record), (u16::from(LINK), record + WORD_SIZE as i64)]);
    }
    (above + size, rows)
}

/// Write the start of a function.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    if frame.convention == Convention::Entry {
        save(code);
        let (cfa, saved) = rows(frame, 0);
        code.frame_is(cfa, &saved);
    } else if size > 0 {
        check_stack(frame, size, code);
    }
    if size > 0 {
        make(frame, size, code);
    }
    if frame.convention == Convention::Entry {
        registers(code, MOV, [CONTEXT, CALLEE]);
    }
}

/// Save what C wants preserved, and say so from the first instruction on.
fn save(code: &mut CodeBuffer) {
    let mut saved = Vec::new();
    let pairs = SAVED_WORDS.iter().map(|first| (*first, STP, 0));
    let doubles = SAVED_DOUBLES.iter().map(|first| (*first, STP_DOUBLES, DWARF_DOUBLE));
    for (turn, (first, form, dwarf)) in pairs.chain(doubles).enumerate() {
        let offset = turn as i64 * RECORD;
        let (form, offset) = if turn == 0 { (STP_BEFORE, -SAVED_SIZE) } else { (form, offset) };
        put(code, form, &[first.into(), i64::from(first) + 1, SP.into(), offset]);
        let place = turn as i64 * RECORD - SAVED_SIZE;
        let dwarf = dwarf + u16::from(first);
        saved.extend([(dwarf, place), (dwarf + 1, place + WORD_SIZE as i64)]);
        code.frame_is(SAVED_SIZE, &saved);
    }
}

/// Restore it.
fn restore(code: &mut CodeBuffer) {
    let words = SAVED_WORDS.iter().map(|first| (*first, LDP));
    let doubles = SAVED_DOUBLES.iter().map(|first| (*first, LDP_DOUBLES));
    for (turn, (first, form)) in words.chain(doubles).enumerate().skip(1) {
        put(code, form, &[first.into(), i64::from(first) + 1, SP.into(), turn as i64 * RECORD]);
    }
    let first = i64::from(SAVED_WORDS[0]);
    put(code, LDP_AFTER, &[first, first + 1, SP.into(), SAVED_SIZE]);
}

/// Make the frame, the record in it, and let x29 point to that.
fn make(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let (above, outside) = rows(frame, 0);
    let record = [FRAME, LINK, SP].map(i64::from);
    if size <= SMALL {
        put(code, STP_BEFORE, &[record[0], record[1], record[2], -size]);
    } else {
        add_number(code, SP, SP, -size, |code, moved| code.frame_is(above - moved, &outside));
        put(code, STP, &[record[0], record[1], record[2], 0]);
    }
    let (cfa, saved) = rows(frame, size);
    code.frame_is(cfa, &saved);
    registers(code, MOV_SP, [FRAME, SP]);
}

/// Undo it.
fn unmake(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let (above, outside) = rows(frame, 0);
    let record = [FRAME, LINK, SP].map(i64::from);
    if size <= SMALL {
        put(code, LDP_AFTER, &[record[0], record[1], record[2], size]);
        code.frame_is(above, &outside);
    } else {
        put(code, LDP, &[record[0], record[1], record[2], 0]);
        code.frame_is(above + size, &outside);
        add_number(code, SP, SP, size, |code, moved| code.frame_is(above + size - moved, &outside));
    }
}

/// The frame's lowest address must not lie below the context's limit. Asked before anything is stored there.
fn check_stack(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let limit = context::STACK_LIMIT as i64;
    add_number(code, SCRATCH_2, SP, -size, |_, _| ());
    access(code, &LOADS[WORD], SCRATCH, CONTEXT, limit, SCRATCH);
    registers(code, CMP, [SCRATCH_2, SCRATCH]);
    let overflow = Opcode::StackOverflow.inst().variant(frame.has_callee as u8);
    let overflow = overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize));
    let label = code.out_of_line(overflow);
    jump_if(code, Test::Flags(condition::BELOW), label);
}

/// There is no room for the frame, which is not made yet: return what the helper at an offset in the context returns.
pub fn stack_overflow(has_callee: bool, helper: i64, code: &mut CodeBuffer) {
    let (convention, system) = (Convention::Maru, System(0));
    let frame = Frame { convention, system, spill_slots: 0, calls: true, has_callee };
    code.frame_is(0, &[]);
    make(&frame, RECORD, code);
    if has_callee {
        registers(code, MOV, [1, CALLEE]);
    } else {
        constant(code, 1, NIL as i64);
    }
    call_helper(helper, code);
    unmake(&frame, RECORD, code);
    put(code, RET, &[]);
}

/// Call the helper whose address lies at an offset in the context.
pub fn call_helper(offset: i64, code: &mut CodeBuffer) {
    registers(code, MOV, [CALLEE, CONTEXT]);
    access(code, &LOADS[WORD], SCRATCH, CONTEXT, offset, SCRATCH);
    registers(code, BLR, [SCRATCH]);
}

/// Write the end of the frame.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    if size > 0 {
        unmake(frame, size, code);
    }
    if frame.convention == Convention::Entry {
        restore(code);
        code.frame_is(0, &[]);
    }
}
