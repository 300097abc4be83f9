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
    /// Operand, operand shifted left by the immediate, result: sum.
    AddShifted,
    /// Two operands, a third, result: product added to the third, or subtracted from it (variant 1).
    MultiplyAdd,
    /// Operand, result. Variant: index into `UNARY`.
    Unary,
    /// Sets flags: two operands.
    Compare,
    /// Sets flags: operand, immediate, which is subtracted, or added if variant is 1.
    CompareImmediate,
    /// Sets flags to unequal if a product overflowed: its high half, its low half.
    CompareSign,
    /// Sets flags: bits that two operands share.
    Test,
    /// Sets flags: bits of the operand that the immediate has, too.
    TestImmediate,
    /// Result: 1 if the condition (variant) holds, else 0.
    SetIf,
    /// Operand, result: the bit (immediate).
    Bit,
    /// Branch if the condition (variant) holds.
    JumpIf,
    /// Operand. Branch if it is not zero (variant 0), or is (1).
    JumpZero,
    /// Operand. Branch if a bit (immediate) is not zero (variant 0), or is (1).
    JumpBit,
    /// Jump.
    Jump,
    /// Base, result. Variant: width.
    Load,
    /// Base, index, result. Variant: width; immediate: 1 if the index counts items.
    LoadIndexed,
    /// Value, base. Variant: width.
    Store,
    /// Value, base, index. Variant: width; immediate: 1 if the index counts items.
    StoreIndexed,
    /// Base. Variant: width. Zero is stored.
    StoreZero,
    /// Base, index. As `StoreIndexed`; zero is stored.
    StoreZeroIndexed,
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
    /// Result: a double of 8 bits, the immediate.
    FloatImmediate,
    /// Sets flags: two operands.
    FloatCompare,
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
    ADD, SUB, ADDS, SUBS, AND, ORR, EOR, LSL, LSR, ASR, ROR, MUL, SMULH, SDIV, FADD, FSUB, FMUL, FDIV,
}
family! {
    /// An operand, an immediate and a result.
    ARITHMETIC_IMMEDIATE, immediate_of:
    ADD_IMM, SUB_IMM, ADDS_IMM, SUBS_IMM, AND_IMM, ORR_IMM, EOR_IMM, LSL_IMM, LSR_IMM, ASR_IMM, ROR_IMM,
}
family! {
    /// An operand and a result.
    UNARY, unary_of:
    NEG, MVN, MOV, FNEG, FABS, FSQRT, FMOV_TO, FMOV_FROM, SCVTF, FCVTZS,
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
        AddShifted => {
            put(code, ADD_SHIFTED, &[reg(2).into(), reg(0).into(), reg(1).into(), inst.immediate]);
        }
        MultiplyAdd => registers(code, [MADD, MSUB][variant], [reg(3), reg(0), reg(1), reg(2)]),
        Unary => registers(code, UNARY[variant], [reg(1), reg(0)]),
        Compare => registers(code, CMP, [reg(0), reg(1)]),
        CompareImmediate => put(code, [CMP_IMM, CMN_IMM][variant], &[reg(0).into(), inst.immediate]),
        CompareSign => put(code, CMP_SIGN, &[reg(0).into(), reg(1).into(), 63]),
        Test => registers(code, TST, [reg(0), reg(1)]),
        TestImmediate => put(code, TST_IMM, &[reg(0).into(), inst.immediate]),
        SetIf => registers(code, CSET, [reg(0), inst.variant]),
        Bit => immediate(code, UBFX_1, reg(1), reg(0), inst.immediate),
        JumpIf => branch(crate::assemble::Test::Flags(inst.variant), inst, code),
        JumpZero => branch(crate::assemble::Test::Zero(reg(0), variant == 1), inst, code),
        JumpBit => branch(crate::assemble::Test::Bit(reg(0), inst.immediate as u8, variant == 1), inst, code),
        Jump => jump(code, inst.label),
        Load => access(code, &LOADS[variant], reg(1), reg(0), offset, SCRATCH),
        LoadIndexed => indexed(&LOADS[variant], reg(2), [reg(0), reg(1)], inst, code),
        Store => access(code, &STORES[variant], reg(0), reg(1), offset, SCRATCH),
        StoreIndexed => indexed(&STORES[variant], reg(0), [reg(1), reg(2)], inst, code),
        StoreZero => access(code, &STORES[variant], ZERO, reg(0), offset, SCRATCH),
        StoreZeroIndexed => indexed(&STORES[variant], ZERO, [reg(0), reg(1)], inst, code),
        LoadContext => access(code, &LOADS[WORD], reg(0), CONTEXT, offset, SCRATCH),
        StoreContext => access(code, &STORES[WORD], reg(0), CONTEXT, offset, SCRATCH),
        StoreZeroContext => access(code, &STORES[WORD], ZERO, CONTEXT, offset, SCRATCH),
        LoadData => image(code, reg(0), target(), true),
        FunctionAddress => image(code, reg(0), target(), false),
        Call => reach(code, true, target()),
        CallAddress => registers(code, BLR, [reg(0)]),
        CallHelper => abi::call_helper(offset, code),
        TailCall => reach(code, false, target()),
        TailCallAddress => registers(code, BR, [reg(0)]),
        Return => put(code, RET, &[]),
        Trap => put(code, UDF, &[0]),
        FloatZero => registers(code, FMOV_FROM, [reg(0), ZERO]),
        FloatImmediate => put(code, FMOV_IMM, &[reg(0).into(), inst.immediate]),
        FloatCompare => registers(code, FCMP, [reg(0), reg(1)]),
        StackOverflow => abi::stack_overflow(variant == 1, offset, code),
    }
}

fn branch(test: Test, inst: &MachInst, code: &mut CodeBuffer) {
    jump_if(code, if inst.inverted { test.opposite() } else { test }, inst.label);
}

/// Load or store at base plus index plus offset. With an offset, the sum of base and index goes to a scratch register.
fn indexed(form: &Access, register: u8, [base, index]: [u8; 2], inst: &MachInst, code: &mut CodeBuffer) {
    let items = inst.immediate == 1;
    if inst.displacement == 0 {
        return access_indexed(code, form, register, base, index, items);
    }
    if items {
        put(code, ADD_SHIFTED, &[SCRATCH, base, index, form.scale].map(i64::from));
    } else {
        registers(code, ADD, [SCRATCH, base, index]);
    }
    access(code, form, register, SCRATCH, inst.displacement.into(), SCRATCH_2);
}

/// A move.
pub fn copy(from: Allocation, to: Allocation, code: &mut CodeBuffer) {
    let is_double = [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == RegClass::Float));
    let width = if is_double { DOUBLE } else { WORD };
    let offset = |slot: regalloc2::SpillSlot| RECORD + (slot.index() * WORD_SIZE) as i64;
    match (from.as_stack(), to.as_stack()) {
        (None, None) => registers(code, if is_double { FMOV } else { MOV }, [register(to), register(from)]),
        (Some(slot), None) => access(code, &LOADS[width], register(to), SP, offset(slot), SCRATCH),
        (None, Some(slot)) => access(code, &STORES[width], register(from), SP, offset(slot), SCRATCH),
        _ => unreachable!("the allocator moves nothing from memory to memory"),
    }
}
