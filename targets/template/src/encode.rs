//! Encoding: selected instructions, with their registers allocated, to bytes.
//!
//! Most opcodes of the selection are the CPU's instructions themselves, operands in the order of the table. The others
//! are numbered from 256; each stands for an instruction that needs a label or a fixup, or for several.

use crate::abi::{self, CONTEXT, STACK};
use crate::instruction::*;
use maru_core::codegen::{CodeBuffer, MachInst};
use maru_core::regalloc2::{Allocation, RegClass};

/// Result: the immediate, of any size.
pub const CONSTANT: u16 = 256;
/// Jump to the label.
pub const JUMP: u16 = 257;
/// Operand. Jump to the label if it is not zero.
pub const JUMP_IF: u16 = 258;
/// Result: word of the context at the displacement.
pub const LOAD_CONTEXT: u16 = 259;
/// Operand: stored there.
pub const STORE_CONTEXT: u16 = 260;
/// An instruction, its number in the immediate, that refers to another function or to the data table.
pub const REFERENCE: u16 = 261;
/// Call the helper whose address lies at the displacement in the context.
pub const CALL_HELPER: u16 = 262;
/// Out of line: the stack has no room. Variant: 1 if there is a callee's value.
pub const STACK_OVERFLOW: u16 = 263;

/// Number of an allocated register.
fn register(allocation: &Allocation) -> u8 {
    allocation.as_reg().expect("an operand that is constrained to a register").hw_enc() as u8
}

/// Write one instruction.
pub fn encode(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    let registers: Vec<u8> = operands.iter().map(register).collect();
    let target = || inst.target.expect("an instruction that refers to the image");
    match inst.opcode {
        CONSTANT => constant(code, registers[0], inst.immediate),
        JUMP => put_jump(code, GO, &[], inst.label),
        // The driver asks for the opposite where the label's block comes next.
        JUMP_IF => put_jump(code, if inst.inverted { GO_UNLESS } else { GO_IF }, &registers, inst.label),
        LOAD_CONTEXT => put(code, LOAD, &[registers[0], CONTEXT], inst.displacement),
        STORE_CONTEXT => put(code, STORE, &[registers[0], CONTEXT], inst.displacement),
        REFERENCE => {
            let instruction = inst.immediate as u16;
            put_reference(code, instruction, &registers[..register_count(instruction)], target());
        }
        CALL_HELPER => abi::call_helper(inst.displacement, code),
        STACK_OVERFLOW => abi::stack_overflow(inst.variant == 1, inst.displacement, inst.immediate as i32, code),
        // Operands of calls and returns are arguments and results, in registers that the instruction does not name.
        plain => {
            put(code, plain, &registers[..register_count(plain)], inst.displacement + inst.immediate as i32);
        }
    }
}

/// A constant, in one instruction if it fits its immediate.
pub fn constant(code: &mut CodeBuffer, to: u8, number: i64) {
    put(code, CONST, &[to], number as i32);
    if i64::from(number as i32) != number {
        put(code, HIGH, &[to], (number >> 32) as i32);
    }
}

/// A move between registers, or between a register and a spill slot; never from slot to slot. Nothing else changes.
pub fn copy(from: Allocation, to: Allocation, code: &mut CodeBuffer) {
    let is_double = [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == RegClass::Float));
    let [load, store, plain] = if is_double { [LOAD_DOUBLE, STORE_DOUBLE, FMOVE] } else { [LOAD, STORE, MOVE] };
    match (from.as_stack(), to.as_stack()) {
        (Some(slot), _) => put(code, load, &[register(&to), STACK], abi::slot_offset(slot)),
        (None, Some(slot)) => put(code, store, &[register(&from), STACK], abi::slot_offset(slot)),
        (None, None) => put(code, plain, &[register(&to), register(&from)], 0),
    }
}
