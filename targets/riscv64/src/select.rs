//! Selection: from IR operations to the target's opcodes.

use crate::assemble::{condition, is_immediate};
use crate::encode::{arithmetic, immediate_of, unary_of, width_variant, Opcode};
use crate::Riscv64;
use maru_core::abi::Context;
use maru_core::codegen::{CallKind, FixupTarget, MachInst, Selection, TargetTerminator};
use maru_core::ir::{
    Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Op, Overflowing, Type, Val, Width,
};
use regalloc2::Operand;

/// A result, if it is wanted.
type Result = Option<Val>;

/// Select one operation.
pub fn select(machine: &Riscv64, op: &Op, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Op::Const(number) => define(Opcode::Constant.inst().immediate(*number), to, s),
        Op::FloatConst(bits) => float_constant(*bits, to, s),
        Op::Binary(operation, a, b) => binary(*operation, *a, *b, to, s),
        Op::Overflowing(operation, a, b) => overflowing(*operation, *a, *b, results, s),
        Op::Compare(compare, a, b) => comparison(*compare, *a, *b, to, s),
        Op::HasTag(tags, a) => {
            let outcome = has_tag(*tags, *a, s);
            set(outcome, to, s);
        }
        Op::FloatBinary(operation, a, b) => two(float_operation(*operation), *a, *b, to, s),
        Op::FloatUnary(operation, a) => unary(float_unary(*operation), *a, to, s),
        Op::FloatCompare(compare, a, b) => {
            let (inst, operands, negated) = double_test(*compare, *a, *b, s);
            finish(inst, operands, negated, to, s);
        }
        Op::IntToFloat(a) => unary(unary_of::FCVT_D, *a, to, s),
        Op::FloatToInt(a) => unary(unary_of::FCVT_L, *a, to, s),
        Op::FloatBits(a) => unary(unary_of::FMV_X, *a, to, s),
        Op::FloatFromBits(a) => unary(unary_of::FMV_D, *a, to, s),
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
pub fn select_terminator(machine: &Riscv64, terminator: &TargetTerminator, s: &mut Selection) {
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
fn into_temporary(inst: MachInst, operands: &[Operand], s: &mut Selection) -> Operand {
    let to = s.temporary(Type::Word);
    let mut all = operands.to_vec();
    all.push(Operand::reg_def(to));
    s.emit(inst, &all);
    Operand::reg_use(to)
}

fn with_two(variant: u8, a: Operand, b: Operand, s: &mut Selection) -> Operand {
    into_temporary(Opcode::Arithmetic.inst().variant(variant), &[a, b], s)
}

fn with_number(variant: u8, a: Operand, number: i64, s: &mut Selection) -> Operand {
    into_temporary(Opcode::ArithmeticImmediate.inst().variant(variant).immediate(number), &[a], s)
}

/// The operation that computes a value, if nobody else needs that: then its operands serve in its place.
fn folded(value: Val, s: &Selection) -> Option<Op> {
    s.definition(value).filter(|_| !s.is_wanted(value)).cloned()
}

/// A value's number, if it is an immediate.
fn immediate(value: Val, s: &Selection) -> Option<i64> {
    s.constant(value).filter(|number| is_immediate(*number))
}

fn float_constant(bits: u64, to: Result, s: &mut Selection) {
    if bits == 0 {
        return define(Opcode::FloatZero.inst(), to, s);
    }
    let word = into_temporary(Opcode::Constant.inst().immediate(bits as i64), &[], s);
    let to = s.writes(to);
    s.emit(Opcode::Unary.inst().variant(unary_of::FMV_D), &[word, to]);
}

fn binary(operation: Binary, a: Val, b: Val, to: Result, s: &mut Selection) {
    // Constants to the right, where the CPU takes immediates.
    let commutes = matches!(operation, Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor);
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let number = immediate(b, s);
    match (operation, number) {
        (Binary::Add | Binary::Sub | Binary::Or | Binary::Xor, Some(0)) => unary(unary_of::MV, a, to, s),
        (Binary::Add, Some(number)) => with_immediate(immediate_of::ADDI, a, number, to, s),
        (Binary::Add, None) => two(arithmetic::ADD, a, b, to, s),
        (Binary::Sub, _) => subtract(a, b, to, s),
        (Binary::Mul, _) => multiply(a, b, to, s),
        (Binary::Div, _) => two(arithmetic::DIV, a, b, to, s),
        (Binary::Rem, _) => two(arithmetic::REM, a, b, to, s),
        (Binary::And, Some(number)) => with_immediate(immediate_of::ANDI, a, number, to, s),
        (Binary::And, None) => two(arithmetic::AND, a, b, to, s),
        (Binary::Or, Some(number)) => with_immediate(immediate_of::ORI, a, number, to, s),
        (Binary::Or, None) => two(arithmetic::OR, a, b, to, s),
        (Binary::Xor, Some(-1)) => unary(unary_of::NOT, a, to, s),
        (Binary::Xor, Some(number)) => with_immediate(immediate_of::XORI, a, number, to, s),
        (Binary::Xor, None) => two(arithmetic::XOR, a, b, to, s),
        (Binary::Shl, _) => shift(arithmetic::SLL, immediate_of::SLLI, a, b, to, s),
        (Binary::Lshr, _) => shift(arithmetic::SRL, immediate_of::SRLI, a, b, to, s),
        (Binary::Ashr, _) => shift(arithmetic::SRA, immediate_of::SRAI, a, b, to, s),
        (Binary::Rotl, _) => rotate(a, b, to, s),
    }
}

fn subtract(a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b).map(i64::wrapping_neg) {
        Some(negative) if is_immediate(negative) => with_immediate(immediate_of::ADDI, a, negative, to, s),
        _ if s.constant(a) == Some(0) => unary(unary_of::NEG, b, to, s),
        _ => two(arithmetic::SUB, a, b, to, s),
    }
}

fn multiply(a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b) {
        Some(number) if number as u64 & (number as u64).wrapping_sub(1) == 0 && number != 0 => {
            shift_immediate(immediate_of::SLLI, a, number.trailing_zeros().into(), to, s);
        }
        _ => two(arithmetic::MUL, a, b, to, s),
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
        0 => unary(unary_of::MV, a, to, s),
        _ => with_immediate(variant, a, count, to, s),
    }
}

/// Two shifts, the second by the opposite count.
fn rotate(a: Val, count: Val, to: Result, s: &mut Selection) {
    let (left, right) = match s.constant(count).map(|count| count & 63) {
        Some(0) => return unary(unary_of::MV, a, to, s),
        Some(count) => {
            let a = s.reads(a);
            (with_number(immediate_of::SLLI, a, count, s), with_number(immediate_of::SRLI, a, 64 - count, s))
        }
        None => {
            let (a, count) = (s.reads(a), s.reads(count));
            let opposite = into_temporary(Opcode::Unary.inst().variant(unary_of::NEG), &[count], s);
            (with_two(arithmetic::SLL, a, count, s), with_two(arithmetic::SRL, a, opposite, s))
        }
    };
    let to = s.writes(to);
    s.emit(Opcode::Arithmetic.inst().variant(arithmetic::OR), &[left, right, to]);
}

/// What a test compares, and how.
struct Outcome {
    condition: u8,
    operands: Operands,
}

/// Two registers, or one and zero. Whether something is below zero or the other way round, nobody asks: these conditions
/// come with two registers only.
enum Operands {
    Two(Operand, Operand),
    /// The second is zero.
    Zero(Operand),
    /// The first is zero.
    FromZero(Operand),
}

fn outcome(condition: u8, a: Operand, b: Operand) -> Outcome {
    Outcome { condition, operands: Operands::Two(a, b) }
}

fn with_zero(condition: u8, a: Operand) -> Outcome {
    Outcome { condition, operands: Operands::Zero(a) }
}

fn overflowing(operation: Overflowing, a: Val, b: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let flag = results[1].filter(|flag| s.is_wanted(*flag));
    let Some(flag) = flag else { return binary(plain(operation), a, b, results[0], s) };
    let result = results[0].unwrap_or_else(|| s.fresh(Type::Word));
    binary(plain(operation), a, b, Some(result), s);
    let outcome = overflow(operation, a, b, result, s);
    set(outcome, Some(flag), s);
}

/// The operation without a look at overflow.
fn plain(operation: Overflowing) -> Binary {
    match operation {
        Overflowing::Add => Binary::Add,
        Overflowing::Sub => Binary::Sub,
        Overflowing::Mul => Binary::Mul,
    }
}

/// What holds if a result overflowed. A sum is less than one operand exactly when the other is negative, a difference is
/// greater than what it was taken from exactly when what was taken is negative, unless they overflowed. A product fits if
/// its high half repeats the sign of the low one.
fn overflow(operation: Overflowing, a: Val, b: Val, result: Val, s: &mut Selection) -> Outcome {
    let commutes = operation != Overflowing::Sub;
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let number = s.constant(b);
    let (first, sum) = (s.reads(a), s.reads(result));
    if operation == Overflowing::Mul {
        let second = s.reads(b);
        let high = with_two(arithmetic::MULH, first, second, s);
        let sign = with_number(immediate_of::SRAI, sum, 63, s);
        return outcome(condition::NOT_EQUAL, high, sign);
    }
    let (low, high) = if operation == Overflowing::Add { (sum, first) } else { (first, sum) };
    match number {
        Some(0..) => outcome(condition::LESS, low, high),
        Some(_) => outcome(condition::LESS, high, low),
        None => {
            let second = s.reads(b);
            let negative = with_number(immediate_of::SLTI, second, 0, s);
            let less = with_two(arithmetic::SLT, low, high, s);
            outcome(condition::NOT_EQUAL, negative, less)
        }
    }
}

/// 1 or 0.
fn set(outcome: Outcome, to: Result, s: &mut Selection) {
    let negated = outcome.condition & 1 == 1;
    if outcome.condition > condition::NOT_EQUAL {
        let signed = outcome.condition < condition::BELOW;
        let less = if signed { arithmetic::SLT } else { arithmetic::SLTU };
        let (inst, operands) = match outcome.operands {
            Operands::Two(a, b) => (Opcode::Arithmetic.inst().variant(less), vec![a, b]),
            Operands::Zero(a) => (Opcode::ArithmeticImmediate.inst().variant(immediate_of::SLTI), vec![a]),
            Operands::FromZero(a) => (Opcode::Unary.inst().variant(unary_of::SGTZ), vec![a]),
        };
        return finish(inst, operands, negated, to, s);
    }
    let difference = match outcome.operands {
        Operands::Two(a, b) => with_two(arithmetic::XOR, a, b, s),
        Operands::Zero(a) | Operands::FromZero(a) => a,
    };
    let variant = if negated { unary_of::SNEZ } else { unary_of::SEQZ };
    let to = s.writes(to);
    s.emit(Opcode::Unary.inst().variant(variant), &[difference, to]);
}

/// A result, or its opposite.
fn finish(inst: MachInst, mut operands: Vec<Operand>, negated: bool, to: Result, s: &mut Selection) {
    if negated {
        let holds = into_temporary(inst, &operands, s);
        let to = s.writes(to);
        let opposite = Opcode::ArithmeticImmediate.inst().variant(immediate_of::XORI).immediate(1);
        return s.emit(opposite, &[holds, to]);
    }
    operands.push(s.writes(to));
    s.emit(inst, &operands);
}

fn branch(condition: Condition, s: &mut Selection) {
    let outcome = match condition {
        Condition::NonZero(flag) => overflow_branch(flag, s).unwrap_or_else(|| {
            let flag = s.reads(flag);
            with_zero(condition::NOT_EQUAL, flag)
        }),
        Condition::Compare(compare, a, b) => compare_words(compare, a, b, s),
        Condition::HasTag(tags, a) => has_tag(tags, a, s),
        Condition::FloatCompare(compare, a, b) => compare_doubles(compare, a, b, s),
    };
    let variant = outcome.condition;
    match outcome.operands {
        Operands::Two(a, b) => s.branch(Opcode::JumpIf.inst().variant(variant), &[a, b]),
        Operands::Zero(a) => s.branch(Opcode::JumpZero.inst().variant(variant), &[a]),
        Operands::FromZero(a) => s.branch(Opcode::JumpFromZero.inst().variant(variant), &[a]),
    }
}

/// A branch on an overflow that nobody else wants to know of: tested by the branch itself.
fn overflow_branch(flag: Val, s: &mut Selection) -> Option<Outcome> {
    let (operation, result) = s.last_overflow(flag)?;
    match *operation {
        Op::Overflowing(operation, a, b) => Some(overflow(operation, a, b, result, s)),
        _ => None,
    }
}

/// The comparison with operands swapped.
fn swapped(compare: Compare) -> Option<Compare> {
    Some(match compare {
        Compare::Eq => Compare::Eq,
        Compare::Ne => Compare::Ne,
        Compare::Lt => Compare::Gt,
        Compare::Le => Compare::Ge,
        Compare::Gt => Compare::Lt,
        Compare::Ge => Compare::Le,
        Compare::Below | Compare::AtLeast => return None,
    })
}

/// A constant goes to the right, where it can.
fn ordered(compare: Compare, a: Val, b: Val, s: &Selection) -> (Compare, Val, Val) {
    match swapped(compare).filter(|_| s.constant(a).is_some() && s.constant(b).is_none()) {
        Some(compare) => (compare, b, a),
        None => (compare, a, b),
    }
}

/// A comparison as a value: with an immediate, if there is one.
fn comparison(compare: Compare, a: Val, b: Val, to: Result, s: &mut Selection) {
    let (compare, a, b) = ordered(compare, a, b, s);
    let (variant, number, negated) = match (compare, immediate(b, s)) {
        (Compare::Lt, Some(number)) => (immediate_of::SLTI, number, false),
        (Compare::Ge, Some(number)) => (immediate_of::SLTI, number, true),
        (Compare::Le, Some(number)) => (immediate_of::SLTI, number + 1, false),
        (Compare::Gt, Some(number)) => (immediate_of::SLTI, number + 1, true),
        (Compare::Below, Some(number)) => (immediate_of::SLTIU, number, false),
        (Compare::AtLeast, Some(number)) => (immediate_of::SLTIU, number, true),
        (Compare::Eq | Compare::Ne, Some(number)) if number != 0 => {
            let a = s.reads(a);
            let difference = with_number(immediate_of::XORI, a, number, s);
            let condition = if compare == Compare::Eq { condition::EQUAL } else { condition::NOT_EQUAL };
            return set(with_zero(condition, difference), to, s);
        }
        _ => {
            let outcome = compare_words(compare, a, b, s);
            return set(outcome, to, s);
        }
    };
    if !is_immediate(number) {
        let outcome = compare_words(compare, a, b, s);
        return set(outcome, to, s);
    }
    let a = s.reads(a);
    finish(Opcode::ArithmeticImmediate.inst().variant(variant).immediate(number), vec![a], negated, to, s);
}

fn compare_words(compare: Compare, a: Val, b: Val, s: &mut Selection) -> Outcome {
    let (compare, a, b) = ordered(compare, a, b, s);
    let is_zero = s.constant(b) == Some(0);
    // There is only "less" and its opposite: the others take their operands in the other order.
    let (code, turned) = match compare {
        Compare::Eq => (condition::EQUAL, false),
        Compare::Ne => (condition::NOT_EQUAL, false),
        Compare::Lt => (condition::LESS, false),
        Compare::Ge => (condition::AT_LEAST, false),
        Compare::Gt => (condition::LESS, true),
        Compare::Le => (condition::AT_LEAST, true),
        Compare::Below => (condition::BELOW, false),
        Compare::AtLeast => (condition::NOT_BELOW, false),
    };
    let first = s.reads(a);
    match (is_zero && code < condition::BELOW, turned) {
        (true, false) => with_zero(code, first),
        (true, true) => Outcome { condition: code, operands: Operands::FromZero(first) },
        (false, _) => {
            let second = s.reads(b);
            if turned {
                outcome(code, second, first)
            } else {
                outcome(code, first, second)
            }
        }
    }
}

/// Low bits that tell tags apart.
const TAG_BITS: [u8; 7] = [1, 2, 4, 3, 5, 6, 7];

/// Bits of the tag and what they must be, if a set of tags can be told so.
fn tag_pattern(tags: u8) -> Option<(u8, u8)> {
    let set = |bits: u8, value: u8| (0..8u8).filter(|tag| tag & bits == value).fold(0, |set, tag| set | 1 << tag);
    let mut all = TAG_BITS.iter().flat_map(|bits| (0..8).map(move |value| (*bits, value)));
    all.find(|(bits, value)| value & !bits == 0 && set(*bits, *value) == tags)
}

/// Whether a value has one of a set of tags. If no pattern of bits tells, the set is shifted by the tag.
fn has_tag(tags: u8, a: Val, s: &mut Selection) -> Outcome {
    let operand = s.reads(a);
    for (tags, code) in [(tags, condition::EQUAL), (!tags, condition::NOT_EQUAL)] {
        let Some((bits, value)) = tag_pattern(tags) else { continue };
        let low = with_number(immediate_of::ANDI, operand, bits.into(), s);
        return match value {
            0 => with_zero(code, low),
            // One bit that is set.
            _ if bits.is_power_of_two() => with_zero(code ^ 1, low),
            _ => {
                let difference = with_number(immediate_of::ADDI, low, -i64::from(value), s);
                with_zero(code, difference)
            }
        };
    }
    let tag = with_number(immediate_of::ANDI, operand, 7, s);
    let set = into_temporary(Opcode::Constant.inst().immediate(tags.into()), &[], s);
    let shifted = with_two(arithmetic::SRL, set, tag, s);
    let bit = with_number(immediate_of::ANDI, shifted, 1, s);
    with_zero(condition::NOT_EQUAL, bit)
}

/// A comparison as an instruction that answers 1 or 0, and whether its opposite is meant: "not equal" is the opposite of
/// "equal"; the others are false when unordered, and so are never negated.
fn double_test(compare: FloatCompare, a: Val, b: Val, s: &mut Selection) -> (MachInst, Vec<Operand>, bool) {
    let (a, b) = (s.reads(a), s.reads(b));
    let (variant, operands) = match compare {
        FloatCompare::Eq | FloatCompare::Ne => (arithmetic::FEQ, vec![a, b]),
        FloatCompare::Lt => (arithmetic::FLT, vec![a, b]),
        FloatCompare::Le => (arithmetic::FLE, vec![a, b]),
        FloatCompare::Gt => (arithmetic::FLT, vec![b, a]),
        FloatCompare::Ge => (arithmetic::FLE, vec![b, a]),
    };
    (Opcode::Arithmetic.inst().variant(variant), operands, compare == FloatCompare::Ne)
}

fn compare_doubles(compare: FloatCompare, a: Val, b: Val, s: &mut Selection) -> Outcome {
    let (inst, operands, negated) = double_test(compare, a, b, s);
    let holds = into_temporary(inst, &operands, s);
    with_zero(if negated { condition::EQUAL } else { condition::NOT_EQUAL }, holds)
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

/// The register and the offset of a place in memory: an index is added, a sum with a constant that nobody else needs is
/// taken apart.
fn address(base: Val, index: Option<Val>, offset: i32, s: &mut Selection) -> (Operand, i32) {
    let with_offset = |number: Option<i64>| {
        let sum = number.and_then(|number| number.checked_add(offset.into()));
        sum.and_then(|sum| i32::try_from(sum).ok())
    };
    match (index, folded(base, s)) {
        (Some(index), _) => {
            if let Some(offset) = with_offset(s.constant(index)) {
                return (s.reads(base), offset);
            }
            let (base, index) = (s.reads(base), s.reads(index));
            (with_two(arithmetic::ADD, base, index, s), offset)
        }
        (None, Some(Op::Binary(Binary::Add, a, b))) if s.constant(a).is_none() => match with_offset(s.constant(b)) {
            Some(offset) => (s.reads(a), offset),
            None => (s.reads(base), offset),
        },
        _ => (s.reads(base), offset),
    }
}

fn load(width: Width, base: Val, index: Option<Val>, offset: i32, to: Result, s: &mut Selection) {
    let (base, offset) = address(base, index, offset, s);
    let to = s.writes(to);
    s.emit(Opcode::Load.inst().variant(width_variant(width)).displacement(offset), &[base, to]);
}

/// Zero comes from the zero register; that of a double has the same bits.
fn store(width: Width, value: Val, base: Val, index: Option<Val>, offset: i32, s: &mut Selection) {
    let (base, offset) = address(base, index, offset, s);
    if s.constant(value) == Some(0) || s.float_constant(value) == Some(0) {
        let width = if width == Width::Double { Width::Word } else { width };
        return s.emit(Opcode::StoreZero.inst().variant(width_variant(width)).displacement(offset), &[base]);
    }
    let value = s.reads(value);
    s.emit(Opcode::Store.inst().variant(width_variant(width)).displacement(offset), &[value, base]);
}

fn store_context(value: Val, offset: i32, s: &mut Selection) {
    if s.constant(value) == Some(0) {
        return s.emit(Opcode::StoreZeroContext.inst().displacement(offset), &[]);
    }
    let value = s.reads(value);
    s.emit(Opcode::StoreContext.inst().displacement(offset), &[value]);
}
