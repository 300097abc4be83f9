//! Encoding: from the target's opcodes, with registers allocated, to instruction forms.

use crate::abi::{self, CONTEXT};
use crate::assemble::*;
use maru_core::abi::layout::WORD_SIZE;
use maru_core::codegen::{CodeBuffer, FixupKind, MachInst, OutOfRange, ShortJump, System};
use maru_core::ir::Width;
use regalloc2::Allocation;

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What selection chooses from. Operands are given in order.
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
    /// Result: the immediate. Changes flags if it is 0.
    Constant,
    /// Operand (register), operand, result in the first. Variant: number of the operation.
    Alu,
    /// Operand (register), result in it; immediate. Variant: number of the operation.
    AluImmediate,
    /// Sets flags: operand (register), operand.
    Compare,
    /// Sets flags: operand, immediate.
    CompareImmediate,
    /// Sets flags: word at the base (register), immediate.
    CompareMemory,
    /// Sets flags: operand (register), word of the data table.
    CompareWithData,
    /// Sets flags: word of the context, immediate.
    CompareContext,
    /// Sets flags: operand (register) with itself.
    TestSelf,
    /// Sets flags: low byte of the operand (register) with the immediate.
    TestByte,
    /// Sets carry: bit of the first operand whose number, modulo 32, is the second. Both registers.
    BitTest,
    /// Operand, operand (registers), result: sum with the displacement.
    LeaSum,
    /// Operand (register), result: sum with the displacement.
    LeaOffset,
    /// As `LeaOffset`, low 32 bits only.
    LeaOffset32,
    /// Operand (register), operand, result in the first.
    Multiply,
    /// Operand, result; immediate.
    MultiplyImmediate,
    /// Operand in rax, operand (register), result in rdx: high half; then rax, destroyed.
    MultiplyHigh,
    /// Operand in rax, operand (register), quotient in rax, remainder in rdx.
    Divide,
    /// Operand (register), result in it.
    Negate,
    /// Operand (register), result in it.
    Not,
    /// Operand (register), result in it; immediate. Variant: number of the shift.
    Shift,
    /// Operand (register), count in rcx, result in the first. Variant: number of the shift.
    ShiftByCl,
    /// Result: 1 if the condition (variant) holds, else 0.
    SetIf,
    /// Result: 1 if equal (variant 0) or not (variant 1) after comparing doubles; then a temporary.
    SetFloatEqual,
    /// Branch if the condition (variant) holds.
    JumpIf,
    /// Branch if equal (variant 0) or not (variant 1) after comparing doubles.
    JumpFloatEqual,
    /// Jump.
    Jump,
    /// Base (register), result. Variant: width.
    Load,
    /// Base, index (registers), result. Variant: width.
    LoadIndexed,
    /// Value, base (registers). Variant: width.
    Store,
    /// Value, base, index (registers). Variant: width.
    StoreIndexed,
    /// Base (register); immediate. Variant: width.
    StoreImmediate,
    /// Base, index (registers); immediate. Variant: width.
    StoreImmediateIndexed,
    /// Result.
    LoadContext,
    /// Value (register).
    StoreContext,
    /// Immediate.
    StoreContextImmediate,
    /// Result: word of the data table.
    LoadData,
    /// Result: address of a function.
    FunctionAddress,
    /// Call a function of the unit.
    Call,
    /// Call an address (register).
    CallAddress,
    /// Call the helper whose address lies at the displacement in the context. Variant: the system.
    CallHelper,
    /// Jump to a function of the unit.
    TailCall,
    /// Jump to an address (register).
    TailCallAddress,
    /// Return.
    Return,
    /// Trap.
    Trap,
    /// Result: 0.0.
    FloatZero,
    /// Operand (register), operand, result in the first. Variant: opcode.
    FloatArithmetic,
    /// Operand (register), operand (register), result in the first: bitwise and (variant 0) or exclusive or (1).
    FloatBitwise,
    /// Operand, result.
    FloatSqrt,
    /// Sets flags: operand (register), operand.
    FloatCompare,
    /// Operand, result.
    IntToFloat,
    /// Operand, result.
    FloatToInt,
    /// Operand (register), result.
    FloatBits,
    /// Operand (register), result.
    FloatFromBits,
    /// Out of line: the stack has no room. Immediate: size of the frame. Variant: see `abi`.
    StackOverflow,
}

impl Opcode {
    /// An instruction with this opcode.
    pub fn inst(self) -> MachInst {
        MachInst::new(self as u16)
    }
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
pub fn register(allocation: Allocation) -> u8 {
    allocation.as_reg().expect("an operand that is constrained to a register").hw_enc() as u8
}

/// A register or the place of a spill slot.
pub fn place(allocation: Allocation) -> Rm {
    match allocation.as_stack() {
        Some(slot) => Rm::Base(RSP, (slot.index() * WORD_SIZE) as i32),
        None => Rm::Reg(register(allocation)),
    }
}

/// Write one instruction.
pub fn encode(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    use Opcode::*;
    let reg = |index: usize| register(operands[index]);
    let rm = |index: usize| place(operands[index]);
    let context = || Rm::Base(CONTEXT, inst.displacement);
    let base = |index: usize| Rm::Base(reg(index), inst.displacement);
    let indexed = |index: usize| indexed(reg(index), reg(index + 1), inst.displacement);
    match Opcode::ALL[inst.opcode as usize] {
        Constant => code.constant(reg(0), inst.immediate),
        Alu => code.alu(inst.variant, reg(0), rm(1)),
        AluImmediate => code.alu_immediate(inst.variant, rm(0), inst.immediate as i32),
        Compare => code.alu(alu::CMP, reg(0), rm(1)),
        CompareImmediate => code.alu_immediate(alu::CMP, rm(0), inst.immediate as i32),
        CompareMemory => code.alu_immediate(alu::CMP, base(0), inst.immediate as i32),
        CompareWithData => code.alu(alu::CMP, reg(0), image(inst)),
        CompareContext => code.alu_immediate(alu::CMP, context(), inst.immediate as i32),
        TestSelf => code.op(TEST, reg(0), rm(0)),
        TestByte => match rm(0) {
            Rm::Reg(RAX) => code.op_immediate(TEST_AL, rm(0), inst.immediate),
            place => code.op_immediate(TEST_IMM_8, place, inst.immediate),
        },
        BitTest => code.op(BT, reg(1), rm(0)),
        LeaSum => code.op(LEA, reg(2), indexed(0)),
        LeaOffset if inst.displacement == 0 => code.op(MOV_TO, reg(0), rm(1)),
        LeaOffset => code.op(LEA, reg(1), base(0)),
        LeaOffset32 => code.op(LEA_32, reg(1), base(0)),
        Multiply => code.op(IMUL, reg(0), rm(1)),
        MultiplyImmediate => {
            let form = if i8::try_from(inst.immediate).is_ok() { IMUL_IMM8 } else { IMUL_IMM32 };
            form.put(code, Operands { reg: reg(1), rm: rm(0), immediate: inst.immediate });
        }
        MultiplyHigh => code.op(IMUL_HIGH, 0, rm(1)),
        Divide => {
            code.plain(CQO);
            code.op(IDIV, 0, rm(1));
        }
        Negate => code.op(NEG, 0, rm(0)),
        Not => code.op(NOT, 0, rm(0)),
        Shift => code.shift(inst.variant, reg(0), inst.immediate as u8),
        ShiftByCl => code.shift_by_cl(inst.variant, reg(0)),
        SetIf => {
            code.set(inst.variant, reg(0));
            code.op(MOVZX, reg(0), rm(0));
        }
        SetFloatEqual => set_float_equal(inst.variant == 1, reg(0), reg(1), code),
        JumpIf => code.jump_if(inst.variant ^ inst.inverted as u8, inst.label),
        JumpFloatEqual => jump_float_equal((inst.variant == 1) == inst.inverted, inst, code),
        Jump => code.jump(inst.label),
        Load => load(inst.variant, reg(1), base(0), code),
        LoadIndexed => load(inst.variant, reg(2), indexed(0), code),
        Store => store(inst.variant, reg(0), base(1), code),
        StoreIndexed => store(inst.variant, reg(0), indexed(1), code),
        StoreImmediate => store_immediate(inst, base(0), code),
        StoreImmediateIndexed => store_immediate(inst, indexed(0), code),
        LoadContext => code.op(MOV_FROM, reg(0), context()),
        StoreContext => code.op(MOV_TO, reg(0), context()),
        StoreContextImmediate => store_immediate(inst, context(), code),
        LoadData => code.op(MOV_FROM, reg(0), image(inst)),
        FunctionAddress => code.op(LEA, reg(0), image(inst)),
        Call => code.reach(true, fixup_target(inst)),
        CallAddress => code.op(CALL, 0, rm(0)),
        CallHelper => abi::call_helper(System(inst.variant), inst.displacement, code),
        TailCall => code.reach(false, fixup_target(inst)),
        TailCallAddress => code.op(JMP, 0, rm(0)),
        Return => code.plain(RET),
        Trap => code.plain(UD2),
        FloatZero => code.op(XORPS, reg(0), rm(0)),
        FloatArithmetic => code.sse(inst.variant, reg(0), rm(1)),
        FloatBitwise => code.op(if inst.variant == 0 { ANDPS } else { XORPS }, reg(0), rm(1)),
        FloatSqrt => code.op(SQRTSD, reg(1), rm(0)),
        FloatCompare => code.op(UCOMISD, reg(0), rm(1)),
        IntToFloat => {
            // The conversion writes only the low half: without this it would wait for the old contents.
            code.op(XORPS, reg(1), rm(1));
            code.op(CVTSI2SD, reg(1), rm(0));
        }
        FloatToInt => code.op(CVTTSD2SI, reg(1), rm(0)),
        FloatBits => code.op(MOVQ_TO, reg(0), rm(1)),
        FloatFromBits => code.op(MOVQ_FROM, reg(1), rm(0)),
        StackOverflow => abi::stack_overflow(inst.variant, inst.immediate, inst.displacement, code),
    }
}

fn fixup_target(inst: &MachInst) -> maru_core::codegen::FixupTarget {
    inst.target.expect("an instruction that refers to the image")
}

fn image(inst: &MachInst) -> Rm {
    Rm::Image(fixup_target(inst))
}

/// A sum of two registers as an address: rsp cannot be the index, and is never allocated; rbp and r13 as base would
/// need a displacement, so they are better the index.
fn indexed(base: u8, index: u8, displacement: i32) -> Rm {
    if displacement == 0 && base & 7 == RBP {
        Rm::Indexed(index, base, displacement)
    } else {
        Rm::Indexed(base, index, displacement)
    }
}

fn load(width: u8, to: u8, from: Rm, code: &mut CodeBuffer) {
    code.op([MOVZX, MOV_FROM_32, MOV_FROM, MOVSD_FROM][width as usize], to, from);
}

fn store(width: u8, value: u8, to: Rm, code: &mut CodeBuffer) {
    code.op([MOV_TO_8, MOV_TO_32, MOV_TO, MOVSD_TO][width as usize], value, to);
}

fn store_immediate(inst: &MachInst, to: Rm, code: &mut CodeBuffer) {
    code.op_immediate([MOV_IMM_8, MOV_IMM_32, MOV_IMM][inst.variant as usize], to, inst.immediate);
}

/// Equal doubles set the zero flag, but so do unordered ones, which set parity too.
fn set_float_equal(negated: bool, to: u8, temporary: u8, code: &mut CodeBuffer) {
    let (zero, parity, join) = match negated {
        false => (condition::EQUAL, condition::NO_PARITY, AND_8),
        true => (condition::NOT_EQUAL, condition::PARITY, OR_8),
    };
    code.set(zero, to);
    code.set(parity, temporary);
    code.op(join, temporary, Rm::Reg(to));
    code.op(MOVZX, to, Rm::Reg(to));
}

/// Jump if the doubles are equal, or if they are not.
fn jump_float_equal(if_equal: bool, inst: &MachInst, code: &mut CodeBuffer) {
    if if_equal {
        let unordered = code.label();
        code.jump_if(condition::PARITY, unordered);
        code.jump_if(condition::EQUAL, inst.label);
        code.bind(unordered);
    } else {
        code.jump_if(condition::NOT_EQUAL, inst.label);
        code.jump_if(condition::PARITY, inst.label);
    }
}

/// A move: never changes flags.
pub fn copy(from: Allocation, to: Allocation, code: &mut CodeBuffer) {
    let is_double = [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == regalloc2::RegClass::Float));
    match (place(from), place(to), is_double) {
        (Rm::Reg(from), to, false) => code.op(MOV_TO, from, to),
        (from, Rm::Reg(to), false) => code.op(MOV_FROM, to, from),
        (from @ Rm::Reg(_), Rm::Reg(to), true) => code.op(MOVAPS, to, from),
        (Rm::Reg(from), to, true) => code.op(MOVSD_TO, from, to),
        (from, Rm::Reg(to), true) => code.op(MOVSD_FROM, to, from),
        _ => unreachable!("the allocator moves nothing from memory to memory"),
    }
}

/// Write a distance into an instruction.
pub fn patch(kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
    let (start, length) = field(kind);
    let distance = to.wrapping_sub(from).wrapping_sub((start + length) as u64) as i64;
    let fits = if length == 1 { i8::try_from(distance).is_ok() } else { i32::try_from(distance).is_ok() };
    if !fits {
        return Err(OutOfRange { value: distance, bits: 8 * length as u32 });
    }
    site[start..start + length].copy_from_slice(&distance.to_le_bytes()[..length]);
    Ok(())
}

/// The short form of a jump with a 32-bit distance.
pub fn shorten(kind: FixupKind, site: &[u8]) -> Option<ShortJump> {
    let (start, length) = field(kind);
    let opcode = match site[start - 1] {
        _ if length != 4 => return None,
        0xe9 => 0xeb,
        conditional => conditional & 0x0f | 0x70,
    };
    let replaces = (start + length) as u8;
    Some(ShortJump { kind: SHORT, bytes: [opcode, 0, 0, 0], length: 2, replaces })
}
