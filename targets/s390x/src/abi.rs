//! Registers, calls and frames.
//!
//! | register | |
//! |---|---|
//! | r0 r1 | scratch of single operations |
//! | r2 | callee's value; result |
//! | r7 | argument count |
//! | r3 r4 r5 r6 r8 r9 r10 | arguments |
//! | f0 … f7 | arguments that are doubles; f0 result |
//! | r6 … r12, f8 … f15 | survive runtime helpers, but no Maru call |
//! | r13 | the context, always |
//! | r14 | return address |
//! | r15 | the stack |
//!
//! The first four arguments lie where the C convention wants a helper's words; a fifth lies on the stack. C functions own
//! 160 bytes above the stack pointer that they are called with, where they save registers.
//!
//! ```text
//!   ┌──────────────────────────┐ ← canonical frame address
//!   │ 160 bytes for the callee │   (entries save r6 … r15 there)
//!   ├──────────────────────────┤ ← r15 on entry
//!   │ return address           │   (entries: f8 … f15)
//!   │ spill slot n - 1 … 0     │   the lowest are the callee's, where helpers are called
//!   └──────────────────────────┘ ← r15
//! ```
//!
//! A function that neither calls nor spills has no frame.

use crate::encode::Opcode;
use crate::instruction::*;
use maru_core::abi::layout::{NIL, WORD_SIZE};
use maru_core::abi::{context, Context};
use maru_core::codegen::{CallLayout, CodeBuffer, Frame, FrameConvention, StackWords};
use maru_core::ir::{Convention, Helper};
use regalloc2::{MachineEnv, PReg, PRegSet, RegClass, SpillSlot};

/// Scratch registers. The first cannot be part of an address.
pub const ZERO: u8 = 0;
/// The other one.
pub const SCRATCH: u8 = 1;
/// The register of the callee's value; of the context, in C.
pub const CALLEE: u8 = 2;
/// The register that holds the context.
pub const CONTEXT: u8 = 13;
/// The return address.
pub const LINK: u8 = 14;
/// The stack pointer.
pub const STACK: u8 = 15;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 8, red_zone: 0 };

const MARU_WORDS: [u8; 9] = [CALLEE, 7, 3, 4, 5, 6, 8, 9, 10];
const ENTRY_WORDS: [u8; 4] = [3, 4, 5, 6];
const HELPER_WORDS: [u8; 4] = [3, 4, 5, 6];
const WORD: i64 = WORD_SIZE as i64;
/// Bytes above the stack pointer that a C function owns.
const AREA: i64 = 160;
/// Where in them it saves r6, with those that follow.
const SAVED_WORDS: i64 = 48;
/// The doubles that C functions preserve, with DWARF's numbers.
const SAVED_DOUBLES: [(u8, u16); 8] = [(8, 24), (9, 28), (10, 25), (11, 29), (12, 26), (13, 30), (14, 27), (15, 31)];

fn word(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Int)
}

fn double(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Float)
}

/// Allocatable registers that a helper destroys; and those that it preserves.
fn allocatable_sets() -> [[PRegSet; 2]; 2] {
    [
        [(2..6).map(word).collect(), (0..8).map(double).collect()],
        [(6..CONTEXT).map(word).collect(), (8..16).map(double).collect()],
    ]
}

/// Allocatable registers. Those that a helper destroys come first, to keep the others for what lives across one.
pub fn allocatable() -> MachineEnv {
    let classes = |[words, doubles]: [PRegSet; 2]| [words, doubles, PRegSet::empty()];
    let [destroyed, kept] = allocatable_sets();
    MachineEnv {
        preferred_regs_by_class: classes(destroyed),
        non_preferred_regs_by_class: classes(kept),
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
        word_result: word(2),
        high_result: None,
        double_result: double(0),
        clobbers,
    };
    let [[words, doubles], [kept_words, kept_doubles]] = allocatable_sets();
    let helper = words | doubles;
    let all = helper | kept_words | kept_doubles;
    let stack = Some(StackWords { reserved: (AREA / WORD) as u32 });
    [
        layout(&MARU_WORDS, 8, true, all),
        layout(&ENTRY_WORDS, 0, false, all),
        CallLayout { stack, ..layout(&HELPER_WORDS, 0, false, helper) },
    ]
}

/// Where a spill slot lies.
pub fn slot(slot: SpillSlot) -> i64 {
    slot.index() as i64 * WORD
}

/// Bytes of the spill slots, and of the frame.
fn size(frame: &Frame) -> (i64, i64) {
    let slots = i64::from(frame.spill_slots) * WORD;
    match frame.convention {
        Convention::Entry => (slots, slots + SAVED_DOUBLES.len() as i64 * WORD),
        Convention::Maru if frame.calls => (slots, slots + WORD),
        Convention::Maru => (slots, slots),
    }
}

/// Put an address that is so far from another register's into a register. The condition code stays.
fn address(code: &mut CodeBuffer, to: u8, base: u8, distance: i64) {
    if is_near(distance) {
        put_place(code, LAY, &[to], Place::at(base, distance as i32));
    } else {
        put_immediate(code, LGFI, &[SCRATCH], distance);
        put_place(code, LAY, &[to], Place { displacement: 0, index: SCRATCH, base });
    }
}

/// The place that is so many bytes above a register's; far ones take the scratch register.
pub fn place(code: &mut CodeBuffer, base: u8, distance: i64) -> Place {
    if is_near(distance) {
        return Place::at(base, distance as i32);
    }
    put_immediate(code, LGFI, &[SCRATCH], distance);
    Place { displacement: 0, index: SCRATCH, base }
}

/// Write the start of a function. Unwinders are told after each instruction that changes what they see.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let (slots, size) = size(frame);
    if frame.convention == Convention::Entry {
        put_place(code, STMG, &[6, STACK], Place::at(STACK, SAVED_WORDS as i32));
        let mut rows: Vec<(u16, i64)> = (6..16).map(|r| (r, i64::from(r) * WORD - AREA)).collect();
        code.frame_is(AREA, &rows);
        address(code, STACK, STACK, -size);
        code.frame_is(AREA + size, &rows);
        for ((register, dwarf), turn) in SAVED_DOUBLES.iter().zip(0..) {
            let at = slots + turn * WORD;
            let place = place(code, STACK, at);
            put_place(code, STDY, &[*register], place);
            rows.push((*dwarf, at - size - AREA));
            code.frame_is(AREA + size, &rows);
        }
        put(code, LGR, &[CONTEXT, CALLEE]);
        return;
    }
    if size == 0 {
        return;
    }
    check_stack(frame, size, code);
    put(code, LGR, &[STACK, SCRATCH]);
    code.frame_is(AREA + size, &[]);
    if frame.calls {
        let place = place(code, STACK, slots);
        put_place(code, STG, &[LINK], place);
        code.frame_is(AREA + size, &[(LINK.into(), -WORD - AREA)]);
    }
}

/// Write the end of the frame, before a return or a tail call.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let (slots, size) = size(frame);
    if frame.convention == Convention::Entry {
        for ((register, _), turn) in SAVED_DOUBLES.iter().zip(0..) {
            let place = place(code, STACK, slots + turn * WORD);
            put_place(code, LDY, &[*register], place);
        }
        let place = place(code, STACK, size + SAVED_WORDS);
        // These have no index.
        let place = match place.index {
            0 => place,
            index => {
                put_place(code, LAY, &[SCRATCH], Place { index, ..place });
                Place::at(SCRATCH, 0)
            }
        };
        put_place(code, LMG, &[6, STACK], place);
        code.frame_is(AREA, &[]);
        return;
    }
    if frame.calls {
        let place = place(code, STACK, slots);
        put_place(code, LG, &[LINK], place);
        code.frame_is(AREA + size, &[]);
    }
    if size > 0 {
        address(code, STACK, STACK, size);
        code.frame_is(AREA, &[]);
    }
}

/// The frame's lowest address must not lie below the context's limit; it stays in the scratch register. Asked before
/// anything is stored there.
fn check_stack(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    address(code, SCRATCH, STACK, -size);
    put_place(code, CLG, &[SCRATCH], Place::at(CONTEXT, context::STACK_LIMIT));
    let overflow = Opcode::StackOverflow.inst().variant(frame.has_callee.into());
    let label = code.out_of_line(overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize)));
    put_jump(code, mask::LESS, label);
}

/// There is no room for the frame, which is not made: return what the helper at an offset in the context returns.
pub fn stack_overflow(has_callee: bool, helper: i32, code: &mut CodeBuffer) {
    code.frame_is(AREA, &[]);
    let size = AREA + WORD;
    address(code, STACK, STACK, -size);
    code.frame_is(AREA + size, &[]);
    put_place(code, STG, &[LINK], Place::at(STACK, AREA as i32));
    code.frame_is(AREA + size, &[(LINK.into(), -WORD - AREA)]);
    if has_callee {
        put(code, LGR, &[HELPER_WORDS[0], CALLEE]);
    } else {
        put_immediate(code, LGHI, &[HELPER_WORDS[0]], NIL as i64);
    }
    call_helper(helper, code);
    put_place(code, LG, &[LINK], Place::at(STACK, AREA as i32));
    code.frame_is(AREA + size, &[]);
    address(code, STACK, STACK, size);
    code.frame_is(AREA, &[]);
    put_branch(code, LINK);
}

/// Call the helper whose address lies at an offset in the context. Its other words are in their places already.
pub fn call_helper(offset: i32, code: &mut CodeBuffer) {
    put(code, LGR, &[CALLEE, CONTEXT]);
    put_place(code, LG, &[SCRATCH], Place::at(CONTEXT, offset));
    put(code, BASR, &[LINK, SCRATCH]);
}
