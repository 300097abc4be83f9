//! Selection: from IR operations of narrow words to the target's opcodes.

use crate::abi::HELPER_SLOTS;
use crate::assemble::{arithmetic, condition, shift, unary, EAX, ECX, EDX};
use crate::encode::{width_variant, Opcode, INDEXED};
use crate::X86;
use maru_core::abi::Context;
use maru_core::codegen::{CallKind, FixupTarget, MachInst, Selection, TargetTerminator};
use maru_core::ir::narrow::{Carrying, Narrow, WideMul};
use maru_core::ir::{Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Helper, Op, Type, Val, Width};
use regalloc2::{Operand, OperandConstraint, OperandKind, OperandPos, PReg, RegClass, VReg};

/// A result, if it is wanted.
type Result = Option<Val>;

/// Select one operation.
pub fn select(machine: &X86, op: &Op, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Op::Const(number) => define(Opcode::Constant.inst().immediate(*number), to, s),
        Op::FloatConst(bits) => float_constant(*bits, to, s),
        Op::Binary(operation, a, b) => binary(*operation, *a, *b, to, s),
        Op::Compare(compare, a, b) => {
            let code = compare_words(*compare, *a, *b, s);
            set(code, to, s);
        }
        Op::HasTag(tags, a) => {
            let code = has_tag(*tags, *a, s);
            set(code, to, s);
        }
        Op::FloatBinary(operation, a, b) => float_binary(*operation, *a, *b, to, s),
        Op::FloatUnary(operation, a) => float_unary(*operation, *a, to, s),
        Op::FloatCompare(compare, a, b) => {
            let code = compare_doubles(*compare, *a, *b, s);
            set(code, to, s);
        }
        Op::IntToFloat(a) => convert(Opcode::WordToDouble, *a, to, s),
        Op::FloatToInt(a) => convert(Opcode::DoubleToWord, *a, to, s),
        Op::Load(width, base, offset) => load(*width, *base, None, *offset, to, s),
        Op::LoadIndexed(width, base, index, offset) => load(*width, *base, Some(*index), *offset, to, s),
        Op::Store(width, value, base, offset) => store(*width, *value, *base, None, *offset, s),
        Op::StoreIndexed(width, value, base, index, offset) => store(*width, *value, *base, Some(*index), *offset, s),
        Op::LoadContext(offset) => define(Opcode::LoadContext.inst().displacement(*offset), to, s),
        Op::StoreContext(value, offset) => {
            into_place([Opcode::StoreContext, Opcode::StoreContextImmediate], *value, *offset, s);
        }
        Op::LoadData(half) => {
            // Words of the table count by halves.
            let inst = Opcode::LoadData.inst().target(FixupTarget::Data(half / 2));
            define(inst.immediate(i64::from(half % 2) * 4), to, s);
        }
        Op::FunctionAddress(id) => {
            define(Opcode::FunctionAddress.inst().target(FixupTarget::Function(*id)), to, s);
        }
        Op::Call(callee, arguments, _) => {
            let (inst, address) = MachInst::reaching(*callee, Opcode::Call.inst(), Opcode::CallAddress.inst());
            let layout = s.layout(machine, CallKind::Maru);
            s.call_with_results(inst, address, arguments, layout, results);
        }
        Op::Narrow(narrow) => select_narrow(machine, narrow, results, s),
        Op::Overflowing(..) | Op::FloatBits(_) | Op::FloatFromBits(_) | Op::Helper(..) => {
            s.fail("functions of narrow words have no such operation");
        }
    }
}

/// What only functions of narrow words have.
fn select_narrow(machine: &X86, op: &Narrow, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Narrow::Carry(Carrying::Add, a, b) => arithmetic_of(arithmetic::ADD, *a, *b, to, s),
        Narrow::Carry(Carrying::Sub, a, b) => arithmetic_of(arithmetic::SUB, *a, *b, to, s),
        Narrow::WithCarry(operation, a, b, carry) => {
            s.take_carry(*carry);
            let variant = if *operation == Carrying::Add { arithmetic::ADC } else { arithmetic::SBB };
            arithmetic_of(variant, *a, *b, to, s);
            if results[1].is_some_and(|flag| s.is_wanted(flag)) {
                set(condition::OVERFLOW, results[1], s);
            }
        }
        Narrow::CompareWithBorrow(compare, a, b, borrow) => {
            s.take_carry(*borrow);
            arithmetic_of(arithmetic::SBB, *a, *b, None, s);
            set(code_of(*compare), to, s);
        }
        Narrow::MulWide(signed, a, b) => multiply_wide(*signed, *a, *b, results, s),
        Narrow::FloatHalves(a) => float_halves(*a, results, s),
        Narrow::FloatFromHalves(low, high) => float_from_halves(*low, *high, to, s),
        Narrow::Helper(helper, arguments) => call_helper(machine, *helper, arguments, results, s),
    }
}

/// Select the end of a block.
pub fn select_terminator(machine: &X86, terminator: &TargetTerminator, s: &mut Selection) {
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

/// The context and the words, each half where C looks for it: the context first.
fn call_helper(machine: &X86, helper: Helper, arguments: &[Val], results: &[Option<Val>; 2], s: &mut Selection) {
    s.reserve(HELPER_SLOTS);
    for (argument, place) in arguments.iter().zip(1..) {
        into_place([Opcode::PassWord, Opcode::PassImmediate], *argument, 4 * place, s);
    }
    let inst = Opcode::CallHelper.inst().displacement(Context::helper_offset(helper as usize));
    let layout = s.layout(machine, CallKind::Helper);
    s.call_with_results(inst, None, &[], layout, results);
}

/// Store a word, or a number, at an offset from a fixed register.
fn into_place([word, number]: [Opcode; 2], value: Val, offset: i32, s: &mut Selection) {
    match s.constant(value) {
        Some(constant) => s.emit(number.inst().displacement(offset).immediate(constant), &[]),
        None => {
            let value = s.reads(value);
            s.emit(word.inst().displacement(offset), &[value]);
        }
    }
}

fn define(inst: MachInst, to: Result, s: &mut Selection) {
    let to = s.writes(to);
    s.emit(inst, &[to]);
}

fn convert(opcode: Opcode, a: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.writes(to)];
    s.emit(opcode.inst(), &operands);
}

/// Between instructions of one operation: from operands to a register of their own.
fn into_temporary(kind: Type, inst: MachInst, operands: &[Operand], s: &mut Selection) -> Operand {
    let to = s.temporary(kind);
    let mut all = operands.to_vec();
    all.push(Operand::reg_def(to));
    s.emit(inst, &all);
    Operand::reg_use(to)
}

/// A value's number as an immediate; all constants of narrow words are.
fn immediate(value: Val, s: &Selection) -> Option<i64> {
    s.constant(value)
}

fn arithmetic_of(variant: u8, a: Val, b: Val, to: Result, s: &mut Selection) {
    if let Some(number) = immediate(b, s) {
        let operands = [s.reads(a), s.rewrites(to, 0)];
        return s.emit(Opcode::ArithmeticImmediate.inst().variant(variant).immediate(number), &operands);
    }
    let operands = [s.reads(a), s.reads(b), s.rewrites(to, 0)];
    s.emit(Opcode::Arithmetic.inst().variant(variant), &operands);
}

fn binary(operation: Binary, a: Val, b: Val, to: Result, s: &mut Selection) {
    let commutes = matches!(operation, Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor);
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    match operation {
        Binary::Add => arithmetic_of(arithmetic::ADD, a, b, to, s),
        Binary::Sub if s.constant(a) == Some(0) => one(unary::NEG, b, to, s),
        Binary::Sub => arithmetic_of(arithmetic::SUB, a, b, to, s),
        Binary::And => arithmetic_of(arithmetic::AND, a, b, to, s),
        Binary::Or => arithmetic_of(arithmetic::OR, a, b, to, s),
        Binary::Xor if s.constant(b) == Some(-1) => one(unary::NOT, a, to, s),
        Binary::Xor => arithmetic_of(arithmetic::XOR, a, b, to, s),
        Binary::Mul => {
            let operands = [s.reads(a), s.reads(b), s.rewrites(to, 0)];
            s.emit(Opcode::Multiply.inst(), &operands);
        }
        Binary::Shl => shift_by(shift::SHL, a, b, to, s),
        Binary::Lshr => shift_by(shift::SHR, a, b, to, s),
        Binary::Ashr => shift_by(shift::SAR, a, b, to, s),
        Binary::Div | Binary::Rem | Binary::Rotl => s.fail("functions of narrow words have no such operation"),
    }
}

fn one(variant: u8, a: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.rewrites(to, 0)];
    s.emit(Opcode::Unary.inst().variant(variant), &operands);
}

fn shift_by(variant: u8, a: Val, count: Val, to: Result, s: &mut Selection) {
    match s.constant(count).map(|count| count & 31) {
        Some(0) => convert(Opcode::Move, a, to, s),
        Some(count) => {
            let operands = [s.reads(a), s.rewrites(to, 0)];
            s.emit(Opcode::ShiftImmediate.inst().variant(variant).immediate(count), &operands);
        }
        None => {
            let count = s.value(count);
            let operands = [s.reads(a), fixed_use(count, ECX), s.rewrites(to, 0)];
            s.emit(Opcode::Shift.inst().variant(variant), &operands);
        }
    }
}

fn fixed_use(register: VReg, number: u8) -> Operand {
    Operand::reg_fixed_use(register, PReg::new(number as usize, RegClass::Int))
}

fn fixed_def(register: VReg, number: u8) -> Operand {
    let constraint = OperandConstraint::FixedReg(PReg::new(number as usize, RegClass::Int));
    Operand::new(register, constraint, OperandKind::Def, OperandPos::Late)
}

fn multiply_wide(signed: WideMul, a: Val, b: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let variant = if signed == WideMul::Signed { unary::IMUL } else { unary::MUL };
    let (first, second) = (s.value(a), s.reads(b));
    let (low, high) = (s.result(results[0]), s.result(results[1]));
    let operands = [fixed_use(first, EAX), second, fixed_def(low, EAX), fixed_def(high, EDX)];
    s.emit(Opcode::MultiplyWide.inst().variant(variant), &operands);
}

/// 1 or 0.
fn set(code: u8, to: Result, s: &mut Selection) {
    define(Opcode::SetIf.inst().variant(code), to, s);
}

fn branch(condition: Condition, s: &mut Selection) {
    let code = match condition {
        Condition::NonZero(value) => {
            let value = s.reads(value);
            s.emit(Opcode::Test.inst(), &[value, value]);
            condition::NOT_EQUAL
        }
        Condition::Compare(compare, a, b) => compare_words(compare, a, b, s),
        Condition::HasTag(tags, a) => has_tag(tags, a, s),
        Condition::FloatCompare(compare, a, b) => compare_doubles(compare, a, b, s),
    };
    s.branch(Opcode::JumpIf.inst().variant(code), &[]);
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

fn compare_words(compare: Compare, a: Val, b: Val, s: &mut Selection) -> u8 {
    let first = s.reads(a);
    match immediate(b, s) {
        Some(0) if matches!(compare, Compare::Eq | Compare::Ne) => s.emit(Opcode::Test.inst(), &[first, first]),
        Some(number) => s.emit(Opcode::CompareImmediate.inst().immediate(number), &[first]),
        None => {
            let second = s.reads(b);
            s.emit(Opcode::Compare.inst(), &[first, second]);
        }
    }
    code_of(compare)
}

/// Whether a value has one of a set of tags: a bit tells, or the set, repeated, has a bit for the low five of the value.
fn has_tag(tags: u8, a: Val, s: &mut Selection) -> u8 {
    let value = s.reads(a);
    for bit in [1, 2, 4] {
        let with_bit = (0..8u8).filter(|tag| tag & bit != 0).fold(0, |set, tag| set | 1 << tag);
        if tags == with_bit || tags == !with_bit {
            s.emit(Opcode::TestImmediate.inst().immediate(bit.into()), &[value]);
            return if tags == with_bit { condition::NOT_EQUAL } else { condition::EQUAL };
        }
    }
    let set = i64::from(i32::from_le_bytes([tags; 4]));
    let set = into_temporary(Type::Word, Opcode::Constant.inst().immediate(set), &[], s);
    s.emit(Opcode::BitTest.inst(), &[set, value]);
    condition::BELOW
}

/// "Greater" is false when unordered, and so "less" is asked with operands swapped.
fn compare_doubles(compare: FloatCompare, a: Val, b: Val, s: &mut Selection) -> u8 {
    let (code, a, b) = match compare {
        FloatCompare::Eq => (condition::SAME, a, b),
        FloatCompare::Ne => (condition::NOT_SAME, a, b),
        FloatCompare::Gt => (condition::ABOVE, a, b),
        FloatCompare::Ge => (condition::AT_LEAST, a, b),
        FloatCompare::Lt => (condition::ABOVE, b, a),
        FloatCompare::Le => (condition::AT_LEAST, b, a),
    };
    let operands = [s.reads(a), s.reads(b)];
    s.emit(Opcode::FloatCompare.inst(), &operands);
    code
}

fn float_binary(operation: FloatBinary, a: Val, b: Val, to: Result, s: &mut Selection) {
    let variant = match operation {
        FloatBinary::Add => 0,
        FloatBinary::Sub => 1,
        FloatBinary::Mul => 2,
        FloatBinary::Div => 3,
    };
    let operands = [s.reads(a), s.reads(b), s.rewrites(to, 0)];
    s.emit(Opcode::FloatArithmetic.inst().variant(variant), &operands);
}

fn float_unary(operation: FloatUnary, a: Val, to: Result, s: &mut Selection) {
    let variant = match operation {
        FloatUnary::Sqrt => return convert(Opcode::FloatRoot, a, to, s),
        FloatUnary::Neg => 0,
        FloatUnary::Abs => 1,
    };
    let mask = s.temporary(Type::Double);
    let mask = Operand::new(mask, OperandConstraint::Reg, OperandKind::Def, OperandPos::Early);
    let operands = [s.reads(a), s.rewrites(to, 0), mask];
    s.emit(Opcode::FloatSign.inst().variant(variant), &operands);
}

fn float_constant(bits: u64, to: Result, s: &mut Selection) {
    if bits == 0 {
        return define(Opcode::FloatZero.inst(), to, s);
    }
    let [low, high] = [bits as i32, (bits >> 32) as i32].map(|half| {
        let word = into_temporary(Type::Word, Opcode::Constant.inst().immediate(half.into()), &[], s);
        into_temporary(Type::Double, Opcode::WordToLowerHalf.inst(), &[word], s)
    });
    let to = s.rewrites(to, 0);
    s.emit(Opcode::JoinHalves.inst(), &[low, high, to]);
}

fn float_halves(a: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let a = s.reads(a);
    let low = Operand::reg_def(s.result(results[0]));
    s.emit(Opcode::LowerHalfToWord.inst(), &[a, low]);
    let upper = into_temporary(Type::Double, Opcode::UpperHalf.inst(), &[a], s);
    let high = s.writes(results[1]);
    s.emit(Opcode::LowerHalfToWord.inst(), &[upper, high]);
}

fn float_from_halves(low: Val, high: Val, to: Result, s: &mut Selection) {
    let [low, high] = [low, high].map(|half| {
        let half = s.reads(half);
        into_temporary(Type::Double, Opcode::WordToLowerHalf.inst(), &[half], s)
    });
    let to = s.rewrites(to, 0);
    s.emit(Opcode::JoinHalves.inst(), &[low, high, to]);
}

/// Base and index, after what the instruction reads before them, and the variant.
fn place(width: Width, base: Val, index: Option<Val>, operands: &mut Vec<Operand>, s: &mut Selection) -> u8 {
    operands.push(s.reads(base));
    let variant = width_variant(width);
    match index {
        Some(index) => {
            operands.push(s.reads(index));
            variant + INDEXED
        }
        None => variant,
    }
}

fn load(width: Width, base: Val, index: Option<Val>, offset: i32, to: Result, s: &mut Selection) {
    let mut operands = Vec::with_capacity(3);
    let variant = place(width, base, index, &mut operands, s);
    operands.push(s.writes(to));
    s.emit(Opcode::Load.inst().variant(variant).displacement(offset), &operands);
}

fn store(width: Width, value: Val, base: Val, index: Option<Val>, offset: i32, s: &mut Selection) {
    let mut operands = Vec::with_capacity(3);
    if let Some(number) = s.constant(value).filter(|_| width != Width::Double) {
        let variant = place(width, base, index, &mut operands, s);
        let inst = Opcode::StoreImmediate.inst().variant(variant).displacement(offset).immediate(number);
        return s.emit(inst, &operands);
    }
    let register = s.value(value);
    operands.push(if width == Width::Byte { fixed_use(register, EAX) } else { Operand::reg_use(register) });
    let variant = place(width, base, index, &mut operands, s);
    s.emit(Opcode::Store.inst().variant(variant).displacement(offset), &operands);
}
