//! Selection: from IR operations to the target's opcodes.

use crate::assemble::{bitmask, condition, float_bits, is_arithmetic};
use crate::encode::{arithmetic, immediate_of, unary_of, width_variant, Opcode};
use crate::Arm64;
use maru_core::abi::Context;
use maru_core::codegen::{CallKind, FixupTarget, MachInst, Selection, TargetTerminator};
use maru_core::ir::{
    Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Op, Overflowing, Type, Val, Width,
};
use regalloc2::{Operand, VReg};

/// A result, if it is wanted.
type Result = Option<Val>;

/// Select one operation.
pub fn select(machine: &Arm64, op: &Op, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Op::Const(number) => define(Opcode::Constant.inst().immediate(*number), to, s),
        Op::FloatConst(bits) => float_constant(*bits, to, s),
        Op::Binary(operation, a, b) => binary(*operation, *a, *b, to, s),
        Op::Overflowing(operation, a, b) => overflowing(*operation, *a, *b, results, s),
        Op::Compare(compare, a, b) => {
            let outcome = compare_words(*compare, *a, *b, s);
            set(outcome, to, s);
        }
        Op::HasTag(tags, a) => {
            let outcome = has_tag(*tags, *a, s);
            set(outcome, to, s);
        }
        Op::FloatBinary(operation, a, b) => two(float_operation(*operation), *a, *b, to, s),
        Op::FloatUnary(operation, a) => unary(float_unary(*operation), *a, to, s),
        Op::FloatCompare(compare, a, b) => {
            let outcome = compare_doubles(*compare, *a, *b, s);
            set(outcome, to, s);
        }
        Op::IntToFloat(a) => unary(unary_of::SCVTF, *a, to, s),
        Op::FloatToInt(a) => unary(unary_of::FCVTZS, *a, to, s),
        Op::FloatBits(a) => unary(unary_of::FMOV_TO, *a, to, s),
        Op::FloatFromBits(a) => unary(unary_of::FMOV_FROM, *a, to, s),
        Op::Load(width, base, offset) => load(*width, *base, None, *offset, to, s),
        Op::LoadIndexed(width, base, index, offset) => load(*width, *base, Some(*index), *offset, to, s),
        Op::Store(width, value, base, offset) => store(*width, *value, *base, None, *offset, s),
        Op::StoreIndexed(width, value, base, index, offset) => store(*width, *value, *base, Some(*index), *offset, s),
        Op::LoadContext(offset) => define(Opcode::LoadContext.inst().displacement(*offset), to, s),
        Op::StoreContext(value, offset) => store_context(*value, *offset, s),
        Op::LoadData(word) => define(Opcode::LoadData.inst().target(FixupTarget::Data(*word)), to, s),
        Op::FunctionAddress(id) => {
            define(Opcode::FunctionAddress.inst().target(FixupTarget::Function(*id)), to, s);
        }
        Op::Helper(helper, arguments) => {
            let inst = Opcode::CallHelper.inst().displacement(Context::helper_offset(*helper as usize));
            let layout = s.layout(machine, CallKind::Helper);
            s.call(inst, None, arguments, layout, to);
        }
        Op::Narrow(_) => s.fail("only CPUs with registers of 32 bits have narrow operations"),
        Op::Call(callee, arguments, _) => {
            let (inst, address) = MachInst::reaching(*callee, Opcode::Call.inst(), Opcode::CallAddress.inst());
            let layout = s.layout(machine, CallKind::Maru);
            s.call(inst, address, arguments, layout, to);
        }
    }
}

/// Select the end of a block.
pub fn select_terminator(machine: &Arm64, terminator: &TargetTerminator, s: &mut Selection) {
    match terminator {
        TargetTerminator::Branch(condition) => branch(*condition, s),
        TargetTerminator::Return(value) => {
            let layout = s.layout(machine, CallKind::Maru);
            s.give_back(Opcode::Return.inst(), *value, layout);
        }
        TargetTerminator::TailCall(callee, arguments, _) => {
            let (inst, address) = MachInst::reaching(*callee, Opcode::TailCall.inst(), Opcode::TailCallAddress.inst());
            let layout = s.layout(machine, CallKind::Maru);
            s.tail_call(inst, address, arguments, layout);
        }
        TargetTerminator::Unreachable => s.stop(Opcode::Trap.inst()),
    }
}

fn define(inst: MachInst, to: Result, s: &mut Selection) {
    let to = s.writes(to);
    s.emit(inst, &[to]);
}

fn unary(variant: u8, a: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.writes(to)];
    s.emit(Opcode::Unary.inst().variant(variant), &operands);
}

fn two(variant: u8, a: Val, b: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.reads(b), s.writes(to)];
    s.emit(Opcode::Arithmetic.inst().variant(variant), &operands);
}

fn with_immediate(variant: u8, a: Val, number: i64, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.writes(to)];
    s.emit(Opcode::ArithmeticImmediate.inst().variant(variant).immediate(number), &operands);
}

/// Between instructions of one operation: from operands to a register of their own.
fn into_temporary(inst: MachInst, operands: &[Operand], s: &mut Selection) -> VReg {
    let to = s.temporary(Type::Word);
    let mut all = operands.to_vec();
    all.push(Operand::reg_def(to));
    s.emit(inst, &all);
    to
}

/// The operation that computes a value, if nobody else needs that: then its operands serve in its place.
fn folded(value: Val, s: &Selection) -> Option<Op> {
    s.definition(value).filter(|_| !s.is_wanted(value)).cloned()
}

fn float_constant(bits: u64, to: Result, s: &mut Selection) {
    if bits == 0 {
        return define(Opcode::FloatZero.inst(), to, s);
    }
    if let Some(packed) = float_bits(bits) {
        return define(Opcode::FloatImmediate.inst().immediate(packed), to, s);
    }
    let word = into_temporary(Opcode::Constant.inst().immediate(bits as i64), &[], s);
    let to = s.writes(to);
    s.emit(Opcode::Unary.inst().variant(unary_of::FMOV_FROM), &[Operand::reg_use(word), to]);
}

fn binary(operation: Binary, a: Val, b: Val, to: Result, s: &mut Selection) {
    // Constants to the right, where the CPU takes immediates.
    let commutes = matches!(operation, Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor);
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    match operation {
        Binary::Add => add(a, b, to, s),
        Binary::Sub => subtract(a, b, to, s),
        Binary::Mul => multiply(a, b, to, s),
        Binary::Div => two(arithmetic::SDIV, a, b, to, s),
        Binary::Rem => remainder(a, b, to, s),
        Binary::And => bitwise(arithmetic::AND, immediate_of::AND_IMM, a, b, to, s),
        Binary::Or => bitwise(arithmetic::ORR, immediate_of::ORR_IMM, a, b, to, s),
        Binary::Xor if s.constant(b) == Some(-1) => unary(unary_of::MVN, a, to, s),
        Binary::Xor => bitwise(arithmetic::EOR, immediate_of::EOR_IMM, a, b, to, s),
        Binary::Shl => shift(arithmetic::LSL, immediate_of::LSL_IMM, a, b, to, s),
        Binary::Lshr => shift(arithmetic::LSR, immediate_of::LSR_IMM, a, b, to, s),
        Binary::Ashr => shift(arithmetic::ASR, immediate_of::ASR_IMM, a, b, to, s),
        Binary::Rotl => rotate(a, b, to, s),
    }
}

/// A sum's immediate, and whether it is to be subtracted.
fn addend(number: i64) -> Option<(i64, bool)> {
    let negative = number.wrapping_neg();
    match number {
        _ if is_arithmetic(number) => Some((number, false)),
        _ if is_arithmetic(negative) => Some((negative, true)),
        _ => None,
    }
}

fn add(a: Val, b: Val, to: Result, s: &mut Selection) {
    if let Some((number, negative)) = s.constant(b).and_then(addend) {
        let variant = if negative { immediate_of::SUB_IMM } else { immediate_of::ADD_IMM };
        return with_immediate(variant, a, number, to, s);
    }
    for (a, b) in [(a, b), (b, a)] {
        match folded(b, s) {
            Some(Op::Binary(Binary::Mul, c, d)) if s.constant(c).is_none() && s.constant(d).is_none() => {
                return multiply_add(0, c, d, a, to, s);
            }
            Some(Op::Binary(Binary::Shl, shifted, count)) if s.constant(count).is_some() => {
                let count = s.constant(count).unwrap_or_default() & 63;
                let operands = [s.reads(a), s.reads(shifted), s.writes(to)];
                return s.emit(Opcode::AddShifted.inst().immediate(count), &operands);
            }
            _ => {}
        }
    }
    two(arithmetic::ADD, a, b, to, s);
}

/// The third operand plus, or minus (variant 1), the product of the others.
fn multiply_add(variant: u8, a: Val, b: Val, c: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.reads(b), s.reads(c), s.writes(to)];
    s.emit(Opcode::MultiplyAdd.inst().variant(variant), &operands);
}

fn subtract(a: Val, b: Val, to: Result, s: &mut Selection) {
    if let Some((number, negative)) = s.constant(b).and_then(addend) {
        let variant = if negative { immediate_of::ADD_IMM } else { immediate_of::SUB_IMM };
        return with_immediate(variant, a, number, to, s);
    }
    match folded(b, s) {
        _ if s.constant(a) == Some(0) => unary(unary_of::NEG, b, to, s),
        Some(Op::Binary(Binary::Mul, c, d)) if s.constant(c).is_none() && s.constant(d).is_none() => {
            multiply_add(1, c, d, a, to, s);
        }
        _ => two(arithmetic::SUB, a, b, to, s),
    }
}

fn multiply(a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b) {
        Some(number) if number > 0 && number & (number - 1) == 0 => {
            shift_immediate(immediate_of::LSL_IMM, a, number.trailing_zeros().into(), to, s);
        }
        _ => two(arithmetic::MUL, a, b, to, s),
    }
}

fn remainder(a: Val, b: Val, to: Result, s: &mut Selection) {
    let (first, second) = (s.reads(a), s.reads(b));
    let quotient = into_temporary(Opcode::Arithmetic.inst().variant(arithmetic::SDIV), &[first, second], s);
    let to = s.writes(to);
    s.emit(Opcode::MultiplyAdd.inst().variant(1), &[Operand::reg_use(quotient), second, first, to]);
}

fn bitwise(variant: u8, immediate: u8, a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b).filter(|number| bitmask(*number as u64).is_some()) {
        Some(number) => with_immediate(immediate, a, number, to, s),
        None => two(variant, a, b, to, s),
    }
}

fn shift(variant: u8, immediate: u8, a: Val, count: Val, to: Result, s: &mut Selection) {
    match s.constant(count) {
        Some(count) => shift_immediate(immediate, a, count & 63, to, s),
        None => two(variant, a, count, to, s),
    }
}

fn shift_immediate(variant: u8, a: Val, count: i64, to: Result, s: &mut Selection) {
    match count {
        0 => unary(unary_of::MOV, a, to, s),
        _ => with_immediate(variant, a, count, to, s),
    }
}

/// To the left is to the right by the opposite.
fn rotate(a: Val, count: Val, to: Result, s: &mut Selection) {
    if let Some(count) = s.constant(count) {
        return shift_immediate(immediate_of::ROR_IMM, a, count.wrapping_neg() & 63, to, s);
    }
    let count = s.reads(count);
    let opposite = into_temporary(Opcode::Unary.inst().variant(unary_of::NEG), &[count], s);
    let operands = [s.reads(a), Operand::reg_use(opposite), s.writes(to)];
    s.emit(Opcode::Arithmetic.inst().variant(arithmetic::ROR), &operands);
}

/// The condition that holds after an overflow.
fn overflow_condition(operation: Overflowing) -> u8 {
    match operation {
        Overflowing::Add | Overflowing::Sub => condition::OVERFLOW,
        Overflowing::Mul => condition::NOT_EQUAL,
    }
}

fn overflowing(operation: Overflowing, a: Val, b: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let fused = s.is_fused(results[1]);
    let flag = results[1].filter(|flag| !fused && s.is_wanted(*flag));
    let commutes = operation != Overflowing::Sub;
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let observed = fused || flag.is_some();
    match operation {
        Overflowing::Mul if observed => multiply_checked(a, b, results[0], s),
        Overflowing::Mul => multiply(a, b, results[0], s),
        Overflowing::Add if !observed => add(a, b, results[0], s),
        Overflowing::Sub if !observed => subtract(a, b, results[0], s),
        _ => sum_checked(operation == Overflowing::Sub, a, b, results[0], s),
    }
    if flag.is_some() {
        set(Outcome::Flags(overflow_condition(operation)), flag, s);
    }
}

fn sum_checked(subtract: bool, a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b).and_then(addend) {
        Some((number, negative)) => {
            let variant = if negative == subtract { immediate_of::ADDS_IMM } else { immediate_of::SUBS_IMM };
            with_immediate(variant, a, number, to, s);
        }
        None => two(if subtract { arithmetic::SUBS } else { arithmetic::ADDS }, a, b, to, s),
    }
}

/// The product fits if its high half repeats the sign of the low one.
fn multiply_checked(a: Val, b: Val, to: Result, s: &mut Selection) {
    let (first, second) = (s.reads(a), s.reads(b));
    let high = into_temporary(Opcode::Arithmetic.inst().variant(arithmetic::SMULH), &[first, second], s);
    let low = s.result(to);
    s.emit(Opcode::Arithmetic.inst().variant(arithmetic::MUL), &[first, second, Operand::reg_def(low)]);
    s.emit(Opcode::CompareSign.inst(), &[Operand::reg_use(high), Operand::reg_use(low)]);
}

/// How the outcome of a test shows.
enum Outcome {
    /// As a condition.
    Flags(u8),
    /// In a register that is zero, or is not.
    Zero(Operand, bool),
    /// In a bit that is zero, or is not.
    Bit(Operand, u8, bool),
}

/// 1 or 0.
fn set(outcome: Outcome, to: Result, s: &mut Selection) {
    match outcome {
        Outcome::Flags(code) => define(Opcode::SetIf.inst().variant(code), to, s),
        Outcome::Zero(operand, zero) => {
            s.emit(Opcode::CompareImmediate.inst(), &[operand]);
            let code = if zero { condition::EQUAL } else { condition::NOT_EQUAL };
            define(Opcode::SetIf.inst().variant(code), to, s);
        }
        Outcome::Bit(operand, bit, false) => {
            let to = s.writes(to);
            s.emit(Opcode::Bit.inst().immediate(bit.into()), &[operand, to]);
        }
        Outcome::Bit(operand, bit, true) => {
            let one = into_temporary(Opcode::Bit.inst().immediate(bit.into()), &[operand], s);
            let inst = Opcode::ArithmeticImmediate.inst().variant(immediate_of::EOR_IMM).immediate(1);
            let to = s.writes(to);
            s.emit(inst, &[Operand::reg_use(one), to]);
        }
    }
}

fn branch(condition: Condition, s: &mut Selection) {
    let outcome = match condition {
        Condition::NonZero(flag) if s.fuse_overflow(flag) => match s.definition(flag) {
            Some(Op::Overflowing(operation, ..)) => Outcome::Flags(overflow_condition(*operation)),
            _ => unreachable!("only an overflow is fused"),
        },
        Condition::NonZero(value) => compare_zero(value, false, s),
        Condition::Compare(compare, a, b) => compare_words(compare, a, b, s),
        Condition::HasTag(tags, a) => has_tag(tags, a, s),
        Condition::FloatCompare(compare, a, b) => compare_doubles(compare, a, b, s),
    };
    match outcome {
        Outcome::Flags(code) => s.branch(Opcode::JumpIf.inst().variant(code), &[]),
        Outcome::Zero(operand, zero) => s.branch(Opcode::JumpZero.inst().variant(zero.into()), &[operand]),
        Outcome::Bit(operand, bit, zero) => {
            s.branch(Opcode::JumpBit.inst().variant(zero.into()).immediate(bit.into()), &[operand]);
        }
    }
}

fn code_of(compare: Compare) -> u8 {
    match compare {
        Compare::Eq => condition::EQUAL,
        Compare::Ne => condition::NOT_EQUAL,
        Compare::Lt => condition::LESS,
        Compare::Le => condition::LESS_EQUAL,
        Compare::Gt => condition::GREATER,
        Compare::Ge => condition::GREATER_EQUAL,
        Compare::Below => condition::BELOW,
        Compare::AtLeast => condition::AT_LEAST,
    }
}

/// The condition that holds with operands swapped.
fn swapped(code: u8) -> u8 {
    match code {
        condition::LESS => condition::GREATER,
        condition::GREATER => condition::LESS,
        condition::LESS_EQUAL => condition::GREATER_EQUAL,
        condition::GREATER_EQUAL => condition::LESS_EQUAL,
        condition::BELOW => condition::ABOVE,
        condition::AT_LEAST => condition::AT_MOST,
        same => same,
    }
}

fn compare_words(compare: Compare, a: Val, b: Val, s: &mut Selection) -> Outcome {
    let swap = s.constant(a).is_some() && s.constant(b).is_none();
    let (a, b) = if swap { (b, a) } else { (a, b) };
    let code = if swap { swapped(code_of(compare)) } else { code_of(compare) };
    match (s.constant(b), code) {
        (Some(0), condition::EQUAL) => return compare_zero(a, true, s),
        (Some(0), condition::NOT_EQUAL) => return compare_zero(a, false, s),
        (Some(0), condition::LESS) => return Outcome::Bit(s.reads(a), 63, false),
        (Some(0), condition::GREATER_EQUAL) => return Outcome::Bit(s.reads(a), 63, true),
        (number, _) => match number.and_then(addend) {
            Some((number, negative)) => {
                let operand = s.reads(a);
                let inst = Opcode::CompareImmediate.inst().variant(negative.into());
                s.emit(inst.immediate(number), &[operand]);
            }
            None => {
                let operands = [s.reads(a), s.reads(b)];
                s.emit(Opcode::Compare.inst(), &operands);
            }
        },
    }
    Outcome::Flags(code)
}

/// Whether a value is zero, or is not. Bits that an operand shares with another need not be computed.
fn compare_zero(a: Val, zero: bool, s: &mut Selection) -> Outcome {
    let Some(Op::Binary(Binary::And, x, y)) = folded(a, s) else { return Outcome::Zero(s.reads(a), zero) };
    let (x, y) = if s.constant(x).is_some() { (y, x) } else { (x, y) };
    match s.constant(y).map(|number| number as u64) {
        Some(bits) if bits.is_power_of_two() => return Outcome::Bit(s.reads(x), bits.trailing_zeros() as u8, zero),
        Some(bits) if bitmask(bits).is_some() => test_bits(x, bits as i64, s),
        _ => {
            let operands = [s.reads(x), s.reads(y)];
            s.emit(Opcode::Test.inst(), &operands);
        }
    }
    Outcome::Flags(if zero { condition::EQUAL } else { condition::NOT_EQUAL })
}

fn test_bits(a: Val, bits: i64, s: &mut Selection) {
    let operand = s.reads(a);
    s.emit(Opcode::TestImmediate.inst().immediate(bits), &[operand]);
}

/// Low bits that are a bitmask immediate.
const TAG_BITS: [u8; 6] = [1, 2, 4, 3, 6, 7];

/// Bits of the tag and what they must be, if a set of tags can be told so.
fn tag_pattern(tags: u8) -> Option<(u8, u8)> {
    let set = |bits: u8, value: u8| (0..8u8).filter(|tag| tag & bits == value).fold(0, |set, tag| set | 1 << tag);
    let all = TAG_BITS.iter().flat_map(|bits| (0..8).map(move |value| (*bits, value)));
    all.into_iter().find(|(bits, value)| value & !bits == 0 && set(*bits, *value) == tags)
}

/// Whether a value has one of a set of tags. If no pattern of bits tells, a word that repeats the set is shifted by
/// the value itself.
fn has_tag(tags: u8, a: Val, s: &mut Selection) -> Outcome {
    for (tags, holds) in [(tags, true), (!tags, false)] {
        let equal = if holds { condition::EQUAL } else { condition::NOT_EQUAL };
        match tag_pattern(tags) {
            Some((bits, value)) if bits.is_power_of_two() => {
                return Outcome::Bit(s.reads(a), bits.trailing_zeros() as u8, (value == 0) == holds);
            }
            Some((bits, 0)) => {
                test_bits(a, bits.into(), s);
                return Outcome::Flags(equal);
            }
            Some((bits, value)) => {
                let low = low_bits(a, bits, s);
                let inst = Opcode::CompareImmediate.inst().immediate(value.into());
                s.emit(inst, &[Operand::reg_use(low)]);
                return Outcome::Flags(equal);
            }
            None => {}
        }
    }
    let repeated = u64::from_le_bytes([tags; 8]);
    let short = bitmask(repeated).is_some();
    let word = if short { repeated } else { tags.into() };
    let set = into_temporary(Opcode::Constant.inst().immediate(word as i64), &[], s);
    let count = if short { s.reads(a) } else { Operand::reg_use(low_bits(a, 7, s)) };
    let inst = Opcode::Arithmetic.inst().variant(arithmetic::LSR);
    let bit = into_temporary(inst, &[Operand::reg_use(set), count], s);
    Outcome::Bit(Operand::reg_use(bit), 0, false)
}

fn low_bits(a: Val, bits: u8, s: &mut Selection) -> VReg {
    let operand = s.reads(a);
    let inst = Opcode::ArithmeticImmediate.inst().variant(immediate_of::AND_IMM).immediate(bits.into());
    into_temporary(inst, &[operand], s)
}

/// Unordered clears minus and zero and sets carry and overflow.
fn compare_doubles(compare: FloatCompare, a: Val, b: Val, s: &mut Selection) -> Outcome {
    let operands = [s.reads(a), s.reads(b)];
    s.emit(Opcode::FloatCompare.inst(), &operands);
    Outcome::Flags(match compare {
        FloatCompare::Eq => condition::EQUAL,
        FloatCompare::Ne => condition::NOT_EQUAL,
        FloatCompare::Lt => condition::MINUS,
        FloatCompare::Le => condition::AT_MOST,
        FloatCompare::Gt => condition::GREATER,
        FloatCompare::Ge => condition::GREATER_EQUAL,
    })
}

fn float_operation(operation: FloatBinary) -> u8 {
    match operation {
        FloatBinary::Add => arithmetic::FADD,
        FloatBinary::Sub => arithmetic::FSUB,
        FloatBinary::Mul => arithmetic::FMUL,
        FloatBinary::Div => arithmetic::FDIV,
    }
}

fn float_unary(operation: FloatUnary) -> u8 {
    match operation {
        FloatUnary::Neg => unary_of::FNEG,
        FloatUnary::Abs => unary_of::FABS,
        FloatUnary::Sqrt => unary_of::FSQRT,
    }
}

/// A place in memory: base, index, whether that counts items, offset.
struct Address {
    base: Val,
    index: Option<Val>,
    items: bool,
    offset: i32,
}

/// The parts of an address, where sums that nobody else needs are taken apart.
fn address(width: Width, base: Val, index: Option<Val>, offset: i32, s: &Selection) -> Address {
    let plain = Address { base, index, items: false, offset };
    let with_offset = |base, index, number: Option<i64>| {
        let sum = number.and_then(|number| number.checked_add(offset.into()));
        sum.and_then(|sum| i32::try_from(sum).ok()).map(|offset| Address { base, index, items: false, offset })
    };
    let mut address = match (folded(base, s), index) {
        _ if index.is_some_and(|index| s.constant(index).is_some()) => {
            with_offset(base, None, index.and_then(|index| s.constant(index))).unwrap_or(plain)
        }
        (Some(Op::Binary(Binary::Add, a, b)), _) if s.constant(b).is_some() && s.constant(a).is_none() => {
            with_offset(a, index, s.constant(b)).unwrap_or(plain)
        }
        (Some(Op::Binary(Binary::Add, a, b)), None) if offset == 0 => Address { base: a, index: Some(b), ..plain },
        _ => plain,
    };
    let scale = [0, 2, 3, 3][width_variant(width) as usize];
    if let Some(Op::Binary(Binary::Shl, count, by)) = address.index.and_then(|index| folded(index, s)) {
        if scale > 0 && s.constant(by) == Some(scale) {
            address = Address { index: Some(count), items: true, ..address };
        }
    }
    address
}

/// An access to memory: `operands` come first.
fn access(
    plain: Opcode,
    indexed: Opcode,
    width: Width,
    at: &Address,
    mut operands: Vec<Operand>,
    to: Option<Operand>,
    s: &mut Selection,
) {
    operands.push(s.reads(at.base));
    if let Some(index) = at.index {
        operands.push(s.reads(index));
    }
    operands.extend(to);
    let opcode = if at.index.is_some() { indexed } else { plain };
    let inst = opcode.inst().variant(width_variant(width)).displacement(at.offset);
    s.emit(inst.immediate(at.items.into()), &operands);
}

fn load(width: Width, base: Val, index: Option<Val>, offset: i32, to: Result, s: &mut Selection) {
    let at = address(width, base, index, offset, s);
    let to = s.writes(to);
    access(Opcode::Load, Opcode::LoadIndexed, width, &at, Vec::new(), Some(to), s);
}

/// Zero comes from the zero register; that of a double has the same bits.
fn store(width: Width, value: Val, base: Val, index: Option<Val>, offset: i32, s: &mut Selection) {
    let at = address(width, base, index, offset, s);
    if s.constant(value) == Some(0) || s.float_constant(value) == Some(0) {
        let width = if width == Width::Double { Width::Word } else { width };
        return access(Opcode::StoreZero, Opcode::StoreZeroIndexed, width, &at, Vec::new(), None, s);
    }
    let value = s.reads(value);
    access(Opcode::Store, Opcode::StoreIndexed, width, &at, vec![value], None, s);
}

fn store_context(value: Val, offset: i32, s: &mut Selection) {
    if s.constant(value) == Some(0) {
        return s.emit(Opcode::StoreZeroContext.inst().displacement(offset), &[]);
    }
    let value = s.reads(value);
    s.emit(Opcode::StoreContext.inst().displacement(offset), &[value]);
}
