//! Encoding: from the target's opcodes, with registers allocated, to instruction forms.

use crate::abi::{self, CONTEXT, RECORD};
use crate::assemble::*;
use maru_core::abi::layout::WORD_SIZE;
use maru_core::codegen::{CodeBuffer, MachInst};
use maru_core::ir::Width;
use regalloc2::{Allocation, RegClass};

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What selection chooses from. All operands are registers, given in order, the result last.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum Opcode { $($(#[$doc])* $name,)* }
        impl Opcode {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$name,)*];
        }
    };
}

opcodes! {
    /// Result: the immediate.
    Constant,
    /// Two operands, result. Variant: index into `ARITHMETIC`.
    Arithmetic,
    /// Operand, result; immediate. Variant: index into `ARITHMETIC_IMMEDIATE`.
    ArithmeticImmediate,
    /// Operand, result. Variant: index into `UNARY`.
    Unary,
    /// Two operands. Branch if the condition (variant) holds.
    JumpIf,
    /// Operand. Branch if the condition (variant) holds between it and zero.
    JumpZero,
    /// Operand. Branch if the condition (variant) holds between zero and it.
    JumpFromZero,
    /// Jump.
    Jump,
    /// Base, result. Variant: width.
    Load,
    /// Value, base. Variant: width.
    Store,
    /// Base. Variant: width. Zero is stored.
    StoreZero,
    /// Result.
    LoadContext,
    /// Value.
    StoreContext,
    /// Zero is stored.
    StoreZeroContext,
    /// Result: word of the data table.
    LoadData,
    /// Result: address of a function.
    FunctionAddress,
    /// Call a function of the unit.
    Call,
    /// Call an address.
    CallAddress,
    /// Call the helper whose address lies at the displacement in the context.
    CallHelper,
    /// Jump to a function of the unit.
    TailCall,
    /// Jump to an address.
    TailCallAddress,
    /// Return.
    Return,
    /// Trap.
    Trap,
    /// Result: 0.0.
    FloatZero,
    /// Out of line: the stack has no room. Variant: 1 if there is a callee's value.
    StackOverflow,
}

impl Opcode {
    /// An instruction with this opcode.
    pub fn inst(self) -> MachInst {
        MachInst::new(self as u16)
    }
}

macro_rules! family {
    ($(#[$doc:meta])* $table:ident, $module:ident: $($name:ident,)*) => {
        $(#[$doc])*
        pub const $table: &[Form] = &[$($name,)*];
        /// Indices into the table of the same forms.
        pub mod $module {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Index { $($name,)* }
            $(pub const $name: u8 = Index::$name as u8;)*
        }
    };
}

family! {
    /// Two operands and a result.
    ARITHMETIC, arithmetic:
    ADD, SUB, AND, OR, XOR, SLL, SRL, SRA, SLT, SLTU, MUL, MULH, DIV, REM, FADD, FSUB, FMUL, FDIV, FEQ, FLT, FLE,
}
family! {
    /// An operand, an immediate and a result.
    ARITHMETIC_IMMEDIATE, immediate_of:
    ADDI, ANDI, ORI, XORI, SLTI, SLTIU, SLLI, SRLI, SRAI,
}
family! {
    /// An operand and a result.
    UNARY, unary_of:
    NEG, NOT, MV, SEQZ, SNEZ, SGTZ, FNEG, FABS, FSQRT, FMV_X, FMV_D, FCVT_D, FCVT_L,
}

/// A width as a variant.
pub fn width_variant(width: Width) -> u8 {
    match width {
        Width::Byte => 0,
        Width::Four => 1,
        Width::Word => 2,
        Width::Double => 3,
    }
}

/// Number of an allocated register.
fn register(allocation: Allocation) -> u8 {
    allocation.as_reg().expect("an operand that is constrained to a register").hw_enc() as u8
}

/// Write one instruction.
pub fn encode(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    use Opcode::*;
    let reg = |index: usize| register(operands[index]);
    let variant = inst.variant as usize;
    let offset = i64::from(inst.displacement);
    let target = || inst.target.expect("an instruction that refers to the image");
    match Opcode::ALL[inst.opcode as usize] {
        Constant => constant(code, reg(0), inst.immediate),
        Arithmetic => registers(code, ARITHMETIC[variant], [reg(2), reg(0), reg(1)]),
        ArithmeticImmediate => immediate(code, ARITHMETIC_IMMEDIATE[variant], reg(1), reg(0), inst.immediate),
        Unary => registers(code, UNARY[variant], [reg(1), reg(0)]),
        JumpIf => branch([reg(0), reg(1)], inst, code),
        JumpZero => branch([reg(0), ZERO], inst, code),
        JumpFromZero => branch([ZERO, reg(0)], inst, code),
        Jump => jump(code, inst.label),
        Load => access(code, LOADS[variant], reg(1), reg(0), offset, SCRATCH),
        Store => access(code, STORES[variant], reg(0), reg(1), offset, SCRATCH),
        StoreZero => access(code, STORES[variant], ZERO, reg(0), offset, SCRATCH),
        LoadContext => access(code, LOADS[WORD], reg(0), CONTEXT, offset, SCRATCH),
        StoreContext => access(code, STORES[WORD], reg(0), CONTEXT, offset, SCRATCH),
        StoreZeroContext => access(code, STORES[WORD], ZERO, CONTEXT, offset, SCRATCH),
        LoadData => image(code, reg(0), target(), true),
        FunctionAddress => image(code, reg(0), target(), false),
        Call => reach(code, true, target()),
        CallAddress => registers(code, JALR, [reg(0)]),
        CallHelper => abi::call_helper(offset, code),
        TailCall => reach(code, false, target()),
        TailCallAddress => registers(code, JR, [reg(0)]),
        Return => put(code, RET, &[]),
        Trap => put(code, UNIMP, &[]),
        FloatZero => registers(code, FMV_D, [reg(0), ZERO]),
        StackOverflow => abi::stack_overflow(variant == 1, offset, code),
    }
}

fn branch(operands: [u8; 2], inst: &MachInst, code: &mut CodeBuffer) {
    let test = Test { condition: inst.variant, operands };
    jump_if(code, if inst.inverted { test.opposite() } else { test }, inst.label);
}

/// A move.
pub fn copy(from: Allocation, to: Allocation, code: &mut CodeBuffer) {
    let is_double = [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == RegClass::Float));
    let width = if is_double { DOUBLE } else { WORD };
    let offset = |slot: regalloc2::SpillSlot| RECORD + (slot.index() * WORD_SIZE) as i64;
    match (from.as_stack(), to.as_stack()) {
        (None, None) => registers(code, if is_double { FMV } else { MV }, [register(to), register(from)]),
        (Some(slot), None) => access(code, LOADS[width], register(to), SP, offset(slot), SCRATCH),
        (None, Some(slot)) => access(code, STORES[width], register(from), SP, offset(slot), SCRATCH),
        _ => unreachable!("the allocator moves nothing from memory to memory"),
    }
}
