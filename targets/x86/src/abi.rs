//! Registers, calls and frames.
//!
//! | register | |
//! |---|---|
//! | ebp | the context, always |
//! | esp | the stack, a multiple of 16 at calls |
//! | eax edx | callee's value, low and high half; result |
//! | ecx ebx | argument count, low and high half |
//! | ebx esi edi | survive runtime helpers, but no Maru call |
//! | xmm0 … xmm7 | arguments that are doubles; xmm0 result; nothing survives |
//!
//! All arguments travel in the context's argument area. C functions find the context and their words on the stack, and
//! return in eax and edx, too.
//!
//! ```text
//!   ┌──────────────────────────┐
//!   │ words, context           │   (entries only: passed by C)
//!   │ return address           │
//!   ├──────────────────────────┤ ← canonical frame address less 4
//!   │ ebx, esi, edi, ebp       │   (entries only)
//!   ├──────────────────────────┤
//!   │ filling                  │
//!   │ spill slot n - 1 … 0     │   each of 8 bytes
//!   └──────────────────────────┘ ← esp
//! ```
//!
//! A function that neither calls nor spills has no frame.

use crate::assemble::*;
use crate::encode::Opcode;
use maru_core::abi::layout::{NIL, WORD_SIZE};
use maru_core::abi::{context, Context};
use maru_core::codegen::{CallLayout, CodeBuffer, Frame, FrameConvention, StackWords, System};
use maru_core::ir::{Convention, Helper};
use regalloc2::{MachineEnv, PReg, PRegSet, RegClass};

/// The register that holds the context.
pub const CONTEXT: u8 = EBP;

/// What functions take for granted on entry. No function uses memory below the stack pointer.
pub const FRAME_CONVENTION: FrameConvention =
    FrameConvention { context: PReg::new(CONTEXT as usize, RegClass::Int), stack_alignment: 16, red_zone: 0 };

/// What C functions preserve, in the order that an entry pushes it.
const SAVED: [u8; 4] = [EBX, ESI, EDI, EBP];
/// Bytes of a return address, and of a saved register.
const POINTER: i64 = 4;
/// Slots at the bottom of the frame for what helpers are passed: the context and up to five words.
pub const HELPER_SLOTS: u32 = 6;

fn word(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Int)
}

fn double(number: u8) -> PReg {
    PReg::new(number as usize, RegClass::Float)
}

fn doubles() -> PRegSet {
    (0..8).map(double).collect()
}

/// Allocatable registers. Those that a helper destroys come first, to keep the others for what lives across one.
pub fn registers() -> MachineEnv {
    let words = |list: [u8; 3]| list.into_iter().map(word).collect();
    MachineEnv {
        preferred_regs_by_class: [words([EAX, ECX, EDX]), doubles(), PRegSet::empty()],
        non_preferred_regs_by_class: [words([EBX, ESI, EDI]), PRegSet::empty(), PRegSet::empty()],
        scratch_by_class: [None; 3],
        fixed_stack_slots: Vec::new(),
    }
}

/// Layouts of Maru calls, entries and helper calls. Words of helpers are put on the stack by the target itself.
pub fn layouts() -> [CallLayout; 3] {
    let layout = |words: &[u8], has_area, stack, number_of_doubles, clobbered: &[u8]| CallLayout {
        words: words.iter().copied().map(word).collect(),
        has_area,
        stack,
        doubles: (0..number_of_doubles).map(double).collect(),
        word_result: word(EAX),
        high_result: Some(word(EDX)),
        double_result: double(0),
        clobbers: clobbered.iter().copied().map(word).collect::<PRegSet>() | doubles(),
    };
    let all = [EAX, ECX, EDX, EBX, ESI, EDI];
    [
        layout(&[EAX, EDX, ECX, EBX], true, None, 8, &all),
        layout(&[], false, Some(StackWords { reserved: 0 }), 0, &all),
        layout(&[], false, None, 0, &[EAX, ECX, EDX]),
    ]
}

/// Bytes of the registers that an entry saves.
fn above(frame: &Frame) -> i64 {
    match frame.convention {
        Convention::Entry => POINTER * SAVED.len() as i64,
        Convention::Maru => 0,
    }
}

/// Bytes of the frame below the saved registers. With those and the return address, it is a multiple of 16.
fn size(frame: &Frame) -> i64 {
    let slots = i64::from(frame.spill_slots) * WORD_SIZE as i64;
    let outside = above(frame) + POINTER;
    if frame.calls || slots > 0 {
        (slots + outside + 15) / 16 * 16 - outside
    } else {
        0
    }
}

/// Canonical frame address and saved registers, once so many were pushed and a frame of `size` bytes is made.
fn frame_is(pushed: usize, size: i64, code: &mut CodeBuffer) {
    let rows: Vec<(u16, i64)> =
        SAVED[..pushed].iter().zip(2..).map(|(register, place)| (u16::from(*register), -POINTER * place)).collect();
    code.frame_is(POINTER * (1 + pushed as i64) + size, &rows);
}

/// Write the start of a function.
pub fn enter(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    let pushed = if frame.convention == Convention::Entry { SAVED.len() } else { 0 };
    for (register, turn) in SAVED[..pushed].iter().zip(1..) {
        push(code, *register);
        frame_is(turn, 0, code);
    }
    if frame.convention == Convention::Maru && size > 0 {
        check_stack(frame, size, code);
    }
    if size > 0 {
        add_number(code, ESP, -size);
        frame_is(pushed, size, code);
    }
    if frame.convention == Convention::Entry {
        // The first thing that C passed.
        load(code, CONTEXT, &Memory::at(ESP, size + above(frame) + POINTER));
    }
}

/// Write a load of half a word that C passed, after the context.
pub fn arrive(number: u32, to: u8, frame: &Frame, code: &mut CodeBuffer) {
    let offset = size(frame) + above(frame) + POINTER + POINTER + POINTER * i64::from(number);
    load(code, to, &Memory::at(ESP, offset));
}

/// Write the end of the frame.
pub fn leave(frame: &Frame, code: &mut CodeBuffer) {
    let size = size(frame);
    let pushed = if frame.convention == Convention::Entry { SAVED.len() } else { 0 };
    if size > 0 {
        add_number(code, ESP, size);
        frame_is(pushed, 0, code);
    }
    for turn in (0..pushed).rev() {
        pop(code, SAVED[turn]);
        frame_is(turn, 0, code);
    }
}

/// The frame's lowest address must not lie below the context's limit. No argument is in the register that is used.
fn check_stack(frame: &Frame, size: i64, code: &mut CodeBuffer) {
    lea(code, ESI, &Memory::at(ESP, -size));
    compare_with(code, ESI, &Memory::at(CONTEXT, context::STACK_LIMIT.into()));
    let overflow = Opcode::StackOverflow.inst().variant(frame.has_callee as u8);
    let overflow = overflow.displacement(Context::helper_offset(Helper::StackOverflow as usize));
    let label = code.out_of_line(overflow);
    jump_if(code, condition::BELOW, label);
}

/// There is no room for the frame, which is not made yet: return what the helper at an offset in the context returns.
pub fn stack_overflow(has_callee: bool, helper: i64, code: &mut CodeBuffer) {
    let (convention, system) = (Convention::Maru, System(0));
    let frame = Frame { convention, system, spill_slots: HELPER_SLOTS, calls: true, has_callee };
    frame_is(0, 0, code);
    add_number(code, ESP, -size(&frame));
    frame_is(0, size(&frame), code);
    if has_callee {
        store(code, &Memory::at(ESP, POINTER), EAX);
        store(code, &Memory::at(ESP, 2 * POINTER), EDX);
    } else {
        store_number(code, &Memory::at(ESP, POINTER), NIL as i32);
        store_number(code, &Memory::at(ESP, 2 * POINTER), (NIL >> 32) as i32);
    }
    call_helper(helper, code);
    leave(&frame, code);
    return_(code);
}

/// Call the helper whose address lies at an offset in the context. Its words are on the stack.
pub fn call_helper(offset: i64, code: &mut CodeBuffer) {
    store(code, &Memory::at(ESP, 0), CONTEXT);
    call_memory(code, &Memory::at(CONTEXT, offset));
}
