//! Registers, calls and frames.
//!
//! | register | |
//! |---|---|
//! | s11 | the context, always |
//! | sp | the stack, a multiple of 16 |
//! | ra | return address |
//! | a0 | callee's value; result |
//! | t0 | argument count |
//! | a1 … a7 | arguments |
//! | fa0 … fa7 | arguments that are doubles; fa0 result |
//! | s0 … s10, fs0 … fs11 | survive runtime helpers, but no Maru call |
//! | t1 t2 | scratch of single operations |
//! | gp tp | the system's |
//!
//! The first five arguments lie where the C convention wants a helper's words.
//!
//! ```text
//!   ┌──────────────────────────┐ ← canonical frame address
//!   │ s0 … s11, fs0 … fs11     │   (entries only)
//!   ├──────────────────────────┤
//!   │ filling                  │
//!   │ spill slot n - 1 … 0     │
//!   │ ra                       │
//!   └──────────────────────────┘ ← sp
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
pub const CONTEXT: u8 = 27;
/// The register of the callee's value, the first word parameter of a Maru function; of the context, in C.
const CALLEE: u8 = 10;
const COUNT: u8 = 5;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 16, red_zone: 0 };

/// Bytes of a word.
const WORD_BYTES: i64 = WORD_SIZE as i64;
/// Bytes from the stack pointer to the first spill slot.
pub const RECORD: i64 = WORD_BYTES;
/// What C functions preserve, words and doubles alike.
const SAVED: [u8; 12] = [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
const SAVED_SIZE: i64 = 2 * SAVED.len() as i64 * WORD_BYTES;
/// DWARF number of the first double.
const DWARF_DOUBLE: u16 = 32;

fn word(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Int)
}

fn double(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Float)
}

/// Allocatable registers that a helper destroys, and those that it preserves.
fn destroyed() -> [PRegSet; 2] {
    let words = [COUNT].into_iter().chain(CALLEE..18).chain(28..32);
    let doubles = (0..8).chain(10..18).chain(28..32);
    [words.map(word).collect(), doubles.map(double).collect()]
}

fn preserved() -> [PRegSet; 2] {
    let words = SAVED.into_iter().filter(|register| *register != CONTEXT);
    [words.map(word).collect(), SAVED.into_iter().map(double).collect()]
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
    let layout = |arguments: Vec<u8>, doubles: std::ops::Range<u8>, has_area, clobbers| CallLayout {
        words: arguments.into_iter().map(word).collect(),
        has_area,
        stack: None,
        doubles: doubles.map(double).collect(),
        word_result: word(CALLEE),
        high_result: None,
        double_result: double(10),
        clobbers,
    };
    let ([words, doubles], [more_words, more_doubles]) = (destroyed(), preserved());
    let helper = words | doubles;
    let all = helper | more_words | more_doubles;
    [
        layout([CALLEE, COUNT].into_iter().chain(11..18).collect(), 10..18, true, all),
        layout((11..15).collect(), 0..0, false, all),
        layout((11..16).collect(), 0..0, false, helper),
    ]
}

/// Bytes of the frame below the saved registers.
fn size(frame: &Frame) -> i64 {
    let slots = i64::from(frame.spill_slots) * WORD_BYTES;
    if frame.calls || slots > 0 {
        (RECORD + slots + 15) / 16 * 16
    } else {
        0
    }
}

/// Bytes of the registers that an entry saves.
fn above(frame: &Frame) -> i64 {
    match frame.convention {
        Convention::Entry => SAVED_SIZE,
        Convention::Maru => 0,
    }
}

/// The registers that an entry saves: offset from the canonical frame address, DWARF number, number and form of a store
/// and a load.
fn saved() -> impl Iterator<Item = (i64, u16, u8, usize)> {
    let words = SAVED.into_iter().map(|register| (u16::from(register), register, WORD));
    let doubles = SAVED.into_iter().map(|register| (DWARF_DOUBLE + u16::from(register), register, DOUBLE));
    words.chain(doubles).zip(0..).map(|((dwarf, register, form), place)| {
        let offset = place * WORD_BYTES - SAVED_SIZE;
        (offset, dwarf, register, form)
    })
}

/// Where an unwinder finds the saved registers; the frame of `size` bytes is made, or 0.
fn rows(frame: &Frame, size: i64) -> (i64, Vec<(u16, i64)>) {
    let above = above(frame);
    let mut rows = Vec::new();
    if above > 0 {
        rows.extend(saved().map(|(offset, dwarf, ..)| (dwarf, offset)));
    }
    if size > 0 {
        rows.push((u16::from(LINK), -(above + size)));
    }
    (above + size, rows)
}

/// Write the start of a function.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    if frame.convention == Convention::Entry {
        save(code);
    } else if size > 0 {
        check_stack(frame, size, code);
    }
    if size > 0 {
        make(frame, size, code);
    }
    if frame.convention == Convention::Entry {
        registers(code, MV, [CONTEXT, CALLEE]);
    }
}

/// Save what C wants preserved, and say so from the first instruction on.
fn save(code: &mut CodeBuffer) {
    add_number(code, SP, SP, -SAVED_SIZE);
    code.frame_is(SAVED_SIZE, &[]);
    let mut rows = Vec::new();
    for (offset, dwarf, register, form) in saved() {
        access(code, STORES[form], register, SP, SAVED_SIZE + offset, SCRATCH);
        rows.push((dwarf, offset));
        code.frame_is(SAVED_SIZE, &rows);
    }
}

/// Restore it.
fn restore(code: &mut CodeBuffer) {
    for (offset, _, register, form) in saved() {
        access(code, LOADS[form], register, SP, SAVED_SIZE + offset, SCRATCH);
    }
    add_number(code, SP, SP, SAVED_SIZE);
    code.frame_is(0, &[]);
}

/// Make the frame, the return address in it.
fn make(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let (above, outside) = rows(frame, 0);
    add_number(code, SP, SP, -size);
    code.frame_is(above + size, &outside);
    access(code, STORES[WORD], LINK, SP, 0, SCRATCH);
    let (cfa, saved) = rows(frame, size);
    code.frame_is(cfa, &saved);
}

/// Undo it.
fn unmake(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    let (above, outside) = rows(frame, 0);
    access(code, LOADS[WORD], LINK, SP, 0, SCRATCH);
    code.frame_is(above + size, &outside);
    add_number(code, SP, SP, size);
    code.frame_is(above, &outside);
}

/// The frame's lowest address must not lie below the context's limit. Asked before anything is stored there.
fn check_stack(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    add_number(code, SCRATCH_2, SP, -size);
    access(code, LOADS[WORD], SCRATCH, CONTEXT, context::STACK_LIMIT.into(), SCRATCH);
    let overflow = Opcode::StackOverflow.inst().variant(frame.has_callee as u8);
    let overflow = overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize));
    let label = code.out_of_line(overflow);
    jump_if(code, Test { condition: condition::BELOW, operands: [SCRATCH_2, SCRATCH] }, label);
}

/// There is no room for the frame, which is not made yet: return what the helper at an offset in the context returns.
pub fn stack_overflow(has_callee: bool, helper: i64, code: &mut CodeBuffer) {
    let (convention, system) = (Convention::Maru, System(0));
    let frame = Frame { convention, system, spill_slots: 0, calls: true, has_callee };
    code.frame_is(0, &[]);
    make(&frame, size(&frame), code);
    if has_callee {
        registers(code, MV, [CALLEE + 1, CALLEE]);
    } else {
        constant(code, CALLEE + 1, NIL as i64);
    }
    call_helper(helper, code);
    unmake(&frame, size(&frame), code);
    put(code, RET, &[]);
}

/// Call the helper whose address lies at an offset in the context.
pub fn call_helper(offset: i64, code: &mut CodeBuffer) {
    registers(code, MV, [CALLEE, CONTEXT]);
    access(code, LOADS[WORD], SCRATCH, CONTEXT, offset, SCRATCH);
    registers(code, JALR, [SCRATCH]);
}

/// Write the end of the frame.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    if size > 0 {
        unmake(frame, size, code);
    }
    if frame.convention == Convention::Entry {
        restore(code);
    }
}
