//! Encoding: from the target's opcodes, with registers allocated, to instructions.

use crate::abi::{self, CONTEXT};
use crate::assemble::{self as a, *};
use maru_core::abi::layout::WORD_SIZE;
use maru_core::codegen::{CodeBuffer, MachInst};
use maru_core::ir::Width;
use regalloc2::{Allocation, RegClass};

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What selection chooses from. All operands are registers, given in order, results last; where there is one, it
        /// is in the register of the first operand.
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
    /// Operand, result in another register.
    Move,
    /// Two operands, result. Variant: operation. Sets flags.
    Arithmetic,
    /// Operand, result; immediate. Variant: operation. Sets flags.
    ArithmeticImmediate,
    /// Two operands, result: product.
    Multiply,
    /// Operand in eax, operand; results in eax and edx. Variant: operation.
    MultiplyWide,
    /// Operand, count in ecx, result. Variant: operation.
    Shift,
    /// Operand, result; immediate: count. Variant: operation.
    ShiftImmediate,
    /// Operand, result. Variant: operation.
    Unary,
    /// Two operands. Sets flags by their difference.
    Compare,
    /// Operand; immediate. Sets flags by their difference.
    CompareImmediate,
    /// Two operands. Sets flags by the bits that they share.
    Test,
    /// Operand; immediate. The same.
    TestImmediate,
    /// Two operands: the bit of the first that the low five bits of the second say.
    BitTest,
    /// Result: 1 if the condition (variant) holds, else 0.
    SetIf,
    /// Branch if the condition (variant) holds.
    JumpIf,
    /// Jump.
    Jump,
    /// Base, perhaps index, result. Variant: width, or 16 more with an index.
    Load,
    /// Value, base, perhaps index. Variant: as for `Load`. A byte is in eax.
    Store,
    /// Base, perhaps index; immediate. Variant: as for `Load`.
    StoreImmediate,
    /// Result.
    LoadContext,
    /// Value.
    StoreContext,
    /// Immediate.
    StoreContextImmediate,
    /// Value: put where a helper finds it on the stack.
    PassWord,
    /// Immediate: the same.
    PassImmediate,
    /// Result: half of a word of the data table; the immediate says how many bytes on.
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
    /// Two doubles, result. Variant: index into `FLOAT_ARITHMETIC`.
    FloatArithmetic,
    /// Two doubles. Sets flags.
    FloatCompare,
    /// Double, result in another register: its square root.
    FloatRoot,
    /// Double, result, a double that is destroyed. Variant 0: the negative; 1: the absolute value.
    FloatSign,
    /// Result: 0.0.
    FloatZero,
    /// Double, result in another register: its upper half, in the lower.
    UpperHalf,
    /// Double, a word as result: the lower half.
    LowerHalfToWord,
    /// Word, a double as result, whose lower half it is; the upper is zero.
    WordToLowerHalf,
    /// Two doubles, result: the lower halves of both.
    JoinHalves,
    /// Word, double as result.
    WordToDouble,
    /// Double, word as result.
    DoubleToWord,
    /// Out of line: the stack has no room. Variant: 1 if there is a callee's value.
    StackOverflow,
}

impl Opcode {
    /// An instruction with this opcode.
    pub fn inst(self) -> MachInst {
        MachInst::new(self as u16)
    }
}

/// Operations on two doubles.
pub const FLOAT_ARITHMETIC: [Double; 4] = [ADDSD, SUBSD, MULSD, DIVSD];

/// A width as a variant.
pub fn width_variant(width: Width) -> u8 {
    match width {
        Width::Byte => 0,
        Width::Four | Width::Word => 1,
        Width::Double => 2,
    }
}
/// Added to a variant where there is an index.
pub const INDEXED: u8 = 16;

/// Number of an allocated register.
pub fn register(allocation: Allocation) -> u8 {
    allocation.as_reg().expect("an operand that is constrained to a register").hw_enc() as u8
}

/// Write one instruction.
pub fn encode(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    use Opcode::*;
    let reg = |index: usize| register(operands[index]);
    let (variant, number) = (inst.variant, inst.immediate as i32);
    let offset = i64::from(inst.displacement);
    let target = || inst.target.expect("an instruction that refers to the image");
    match Opcode::ALL[inst.opcode as usize] {
        Constant => constant(code, reg(0), number),
        Move => mov(code, reg(1), reg(0)),
        Arithmetic => a::arithmetic(code, variant, reg(2), reg(1)),
        ArithmeticImmediate => arithmetic_number(code, variant, reg(1), number),
        Multiply => multiply(code, reg(2), reg(1)),
        MultiplyWide => unary(code, variant, reg(1)),
        Shift => a::shift(code, variant, reg(2)),
        ShiftImmediate => shift_number(code, variant, reg(1), number as u8),
        Unary => unary(code, variant, reg(1)),
        Compare => a::arithmetic(code, a::arithmetic::CMP, reg(0), reg(1)),
        CompareImmediate => arithmetic_number(code, a::arithmetic::CMP, reg(0), number),
        Test => test(code, reg(0), reg(1)),
        TestImmediate => test_number(code, reg(0), number),
        BitTest => bit_test(code, reg(0), reg(1)),
        SetIf => set_if(code, variant, reg(0)),
        JumpIf => jump_if(code, if inst.inverted { variant ^ 1 } else { variant }, inst.label),
        Jump => jump(code, inst.label),
        Load | Store | StoreImmediate => memory(inst, operands, code),
        LoadContext => load(code, reg(0), &Memory::at(CONTEXT, offset)),
        StoreContext => store(code, &Memory::at(CONTEXT, offset), reg(0)),
        StoreContextImmediate => store_number(code, &Memory::at(CONTEXT, offset), number),
        PassWord => store(code, &Memory::at(ESP, offset), reg(0)),
        PassImmediate => store_number(code, &Memory::at(ESP, offset), number),
        LoadData => image(code, reg(0), target(), inst.immediate, true),
        FunctionAddress => image(code, reg(0), target(), 0, false),
        Call => reach(code, true, target()),
        CallAddress => call_register(code, reg(0)),
        CallHelper => abi::call_helper(offset, code),
        TailCall => reach(code, false, target()),
        TailCallAddress => jump_register(code, reg(0)),
        Return => return_(code),
        Trap => trap(code),
        StackOverflow => abi::stack_overflow(variant == 1, offset, code),
        FloatArithmetic | FloatCompare | FloatRoot | FloatSign | FloatZero | UpperHalf | LowerHalfToWord
        | WordToLowerHalf | JoinHalves | WordToDouble | DoubleToWord => double(inst, operands, code),
    }
}

/// Loads and stores.
fn memory(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    let reg = |index: usize| register(operands[index]);
    let opcode = Opcode::ALL[inst.opcode as usize];
    let first = usize::from(opcode == Opcode::Store);
    let indexed = inst.variant & INDEXED != 0;
    let place = Memory { base: reg(first), index: indexed.then(|| reg(first + 1)), offset: inst.displacement.into() };
    let result = 1 + usize::from(indexed);
    match (opcode, inst.variant & !INDEXED) {
        (Opcode::Load, 0) => load_byte(code, reg(result), &place),
        (Opcode::Load, 1) => load(code, reg(result), &place),
        (Opcode::Load, _) => load_double(code, reg(result), &place),
        (Opcode::Store, 0) => store_byte(code, &place),
        (Opcode::Store, 1) => store(code, &place, reg(0)),
        (Opcode::Store, _) => store_double(code, &place, reg(0)),
        (_, 0) => store_byte_number(code, &place, inst.immediate as u8),
        (_, _) => store_number(code, &place, inst.immediate as i32),
    }
}

/// Instructions with doubles.
fn double(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    use Opcode::*;
    let reg = |index: usize| register(operands[index]);
    match Opcode::ALL[inst.opcode as usize] {
        FloatArithmetic => doubles(code, FLOAT_ARITHMETIC[inst.variant as usize], reg(2), reg(1)),
        FloatCompare => doubles(code, UCOMISD, reg(0), reg(1)),
        FloatRoot => doubles(code, SQRTSD, reg(1), reg(0)),
        FloatSign => {
            // All ones, of which the sign is left, or all but the sign.
            doubles(code, PCMPEQD, reg(2), reg(2));
            let negative = inst.variant == 0;
            let (operation, count) = if negative { (6, 63) } else { (2, 1) };
            shift_double(code, operation, reg(2), count);
            doubles(code, if negative { XORPD } else { ANDPD }, reg(1), reg(2));
        }
        FloatZero => doubles(code, XORPD, reg(0), reg(0)),
        UpperHalf => upper_half(code, reg(1), reg(0)),
        LowerHalfToWord => lower_half_to_word(code, reg(1), reg(0)),
        WordToLowerHalf => word_to_lower_half(code, reg(1), reg(0)),
        JoinHalves => doubles(code, PUNPCKLDQ, reg(2), reg(1)),
        WordToDouble => word_to_double(code, reg(1), reg(0)),
        DoubleToWord => double_to_word(code, reg(1), reg(0)),
        other => unreachable!("{other:?} has no doubles"),
    }
}

/// A move.
pub fn copy(from: Allocation, to: Allocation, code: &mut CodeBuffer) {
    let is_double = [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == RegClass::Float));
    let place = |slot: regalloc2::SpillSlot| Memory::at(ESP, (slot.index() * WORD_SIZE) as i64);
    match (from.as_stack(), to.as_stack(), is_double) {
        (None, None, false) => mov(code, register(to), register(from)),
        (None, None, true) => doubles(code, MOVAPD, register(to), register(from)),
        (Some(slot), None, false) => load(code, register(to), &place(slot)),
        (Some(slot), None, true) => load_double(code, register(to), &place(slot)),
        (None, Some(slot), false) => store(code, &place(slot), register(from)),
        (None, Some(slot), true) => store_double(code, &place(slot), register(from)),
        _ => unreachable!("the allocator moves nothing from memory to memory"),
    }
}
