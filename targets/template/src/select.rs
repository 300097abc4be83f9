//! Selection: from IR operations to instructions on virtual registers.
//!
//! [`Selection`] hands out the registers: `reads` of an operand, `writes` for a result. A constant that is asked for
//! with `constant` and taken as an immediate is never loaded. What the operations mean is said once, in
//! `ir/arithmetic.rs`.

use crate::encode::*;
use crate::instruction::*;
use crate::Template;
use maru_core::abi::Context;
use maru_core::codegen::{CallKind, FixupTarget, MachInst, Selection, TargetTerminator};
use maru_core::ir::{
    Binary, Callee, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Op, Overflowing, Type, Val, Width,
};
use maru_core::regalloc2::Operand;

/// A result, if it is wanted.
type Result = Option<Val>;

/// Select one operation. There is no arm for "the others": an operation that is new in the IR does not compile here.
pub fn select(machine: &Template, op: &Op, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Op::Const(number) => define(MachInst::new(CONSTANT).immediate(*number), to, s),
        Op::FloatConst(bits) => float_constant(*bits, to, s),
        Op::Binary(operation, a, b) => binary(*operation, *a, *b, to, s),
        Op::Overflowing(operation, a, b) => overflowing(*operation, *a, *b, results, s),
        Op::Compare(compare, a, b) => plain(comparison(*compare), &[*a, *b], to, s),
        Op::HasTag(tags, a) => with_immediate(TAG, *a, i64::from(*tags), to, s),
        Op::FloatBinary(operation, a, b) => plain(float_binary(*operation), &[*a, *b], to, s),
        Op::FloatUnary(operation, a) => plain(float_unary(*operation), &[*a], to, s),
        Op::FloatCompare(compare, a, b) => plain(float_comparison(*compare), &[*a, *b], to, s),
        Op::IntToFloat(a) => plain(TO_DOUBLE, &[*a], to, s),
        Op::FloatToInt(a) => plain(TO_WORD, &[*a], to, s),
        Op::FloatBits(a) => plain(BITS, &[*a], to, s),
        Op::FloatFromBits(a) => plain(FROM_BITS, &[*a], to, s),
        Op::Load(width, base, offset) => load(LOAD_BYTE, *width, &[*base], *offset, to, s),
        Op::LoadIndexed(width, base, index, offset) => {
            load(LOAD_BYTE_INDEXED, *width, &[*base, *index], *offset, to, s);
        }
        Op::Store(width, value, base, offset) => store(STORE_BYTE, *width, &[*value, *base], *offset, s),
        Op::StoreIndexed(width, value, base, index, offset) => {
            store(STORE_BYTE_INDEXED, *width, &[*value, *base, *index], *offset, s);
        }
        Op::LoadContext(offset) => define(MachInst::new(LOAD_CONTEXT).displacement(*offset), to, s),
        Op::StoreContext(value, offset) => {
            let operands = [s.reads(*value)];
            s.emit(MachInst::new(STORE_CONTEXT).displacement(*offset), &operands);
        }
        Op::LoadData(word) => define(reference(FETCH, FixupTarget::Data(*word)), to, s),
        Op::FunctionAddress(id) => define(reference(ADDRESS, FixupTarget::Function(*id)), to, s),
        Op::Helper(helper, arguments) => {
            let inst = MachInst::new(CALL_HELPER).displacement(Context::helper_offset(*helper as usize));
            let layout = s.layout(machine, CallKind::Helper);
            s.call(inst, None, arguments, layout, to);
        }
        Op::Narrow(_) => s.fail("only CPUs with registers of 32 bits have narrow operations"),
        Op::Call(callee, arguments, _) => {
            let (inst, address) = reach(*callee, CALL, CALL_REGISTER);
            let layout = s.layout(machine, CallKind::Maru);
            s.call(inst, address, arguments, layout, to);
        }
    }
}

/// Select the end of a block.
pub fn select_terminator(machine: &Template, terminator: &TargetTerminator, s: &mut Selection) {
    match terminator {
        TargetTerminator::Branch(condition) => branch(*condition, s),
        TargetTerminator::Return(value) => {
            let layout = s.layout(machine, CallKind::Maru);
            s.give_back(MachInst::new(RETURN), *value, layout);
        }
        TargetTerminator::TailCall(callee, arguments, _) => {
            let (inst, address) = reach(*callee, GO, GO_REGISTER);
            let layout = s.layout(machine, CallKind::Maru);
            s.tail_call(inst, address, arguments, layout);
        }
        TargetTerminator::Unreachable => s.stop(MachInst::new(TRAP)),
    }
}

/// A call or jump to a function of the unit, or to an address, which then is the first operand.
fn reach(callee: Callee, near: u16, register: u16) -> (MachInst, Option<Val>) {
    MachInst::reaching(callee, MachInst::new(REFERENCE).immediate(near.into()), MachInst::new(register))
}

fn reference(instruction: u16, target: FixupTarget) -> MachInst {
    MachInst::new(REFERENCE).immediate(instruction.into()).target(target)
}

/// An instruction without operands.
fn define(inst: MachInst, to: Result, s: &mut Selection) {
    let to = s.writes(to);
    s.emit(inst, &[to]);
}

/// An instruction with operands and a result.
fn plain(instruction: u16, values: &[Val], to: Result, s: &mut Selection) {
    let mut operands = vec![s.writes(to)];
    operands.extend(values.iter().map(|value| s.reads(*value)));
    s.emit(MachInst::new(instruction), &operands);
}

fn with_immediate(instruction: u16, a: Val, immediate: i64, to: Result, s: &mut Selection) {
    let operands = [s.writes(to), s.reads(a)];
    s.emit(MachInst::new(instruction).immediate(immediate), &operands);
}

/// There is no instruction for it: the bits are made as a word. `before` has the IR selected in front of this.
fn float_constant(bits: u64, to: Result, s: &mut Selection) {
    let word = s.fresh(Type::Word);
    s.before(Op::Const(bits as i64), [Some(word), None]);
    plain(FROM_BITS, &[word], to, s);
}

fn binary(operation: Binary, a: Val, b: Val, to: Result, s: &mut Selection) {
    // Constants to the right, where the CPU takes immediates.
    let commutes = matches!(operation, Binary::Add | Binary::And);
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let immediate = s.constant(b).filter(|number| i32::try_from(*number).is_ok());
    match (operation, immediate) {
        (Binary::Add, Some(number)) => return with_immediate(ADD_IMM, a, number, to, s),
        (Binary::And, Some(number)) => return with_immediate(AND_IMM, a, number, to, s),
        _ => {}
    }
    let instruction = match operation {
        Binary::Add => ADD,
        Binary::Sub => SUB,
        Binary::Mul => MUL,
        Binary::Div => DIV,
        Binary::Rem => REM,
        Binary::And => AND,
        Binary::Or => OR,
        Binary::Xor => XOR,
        Binary::Shl => SHL,
        Binary::Lshr => LSHR,
        Binary::Ashr => ASHR,
        Binary::Rotl => ROTL,
    };
    plain(instruction, &[a, b], to, s);
}

/// Result and flag are computed apart, each if it is wanted. A CPU with flags fuses the branch (`fuse_overflow`).
fn overflowing(operation: Overflowing, a: Val, b: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let (flag, wrapped) = match operation {
        Overflowing::Add => (ADD_OVERFLOWS, ADD),
        Overflowing::Sub => (SUB_OVERFLOWS, SUB),
        Overflowing::Mul => (MUL_OVERFLOWS, MUL),
    };
    for (instruction, result) in [(flag, results[1]), (wrapped, results[0])] {
        if result.is_some_and(|result| s.is_wanted(result)) {
            plain(instruction, &[a, b], result, s);
        }
    }
}

fn comparison(compare: Compare) -> u16 {
    match compare {
        Compare::Eq => EQ,
        Compare::Ne => NE,
        Compare::Lt => LT,
        Compare::Le => LE,
        Compare::Gt => GT,
        Compare::Ge => GE,
        Compare::Below => BELOW,
        Compare::AtLeast => AT_LEAST,
    }
}

fn float_binary(operation: FloatBinary) -> u16 {
    match operation {
        FloatBinary::Add => FADD,
        FloatBinary::Sub => FSUB,
        FloatBinary::Mul => FMUL,
        FloatBinary::Div => FDIV,
    }
}

fn float_unary(operation: FloatUnary) -> u16 {
    match operation {
        FloatUnary::Neg => FNEG,
        FloatUnary::Abs => FABS,
        FloatUnary::Sqrt => FSQRT,
    }
}

/// Unordered doubles are different, and nothing else.
fn float_comparison(compare: FloatCompare) -> u16 {
    match compare {
        FloatCompare::Eq => FEQ,
        FloatCompare::Ne => FNE,
        FloatCompare::Lt => FLT,
        FloatCompare::Le => FLE,
        FloatCompare::Gt => FGT,
        FloatCompare::Ge => FGE,
    }
}

/// Branch on a register: that of the value, or one that a comparison writes first.
fn branch(condition: Condition, s: &mut Selection) {
    let tested = match condition {
        Condition::NonZero(value) => value,
        Condition::Compare(compare, a, b) => computed(Op::Compare(compare, a, b), s),
        Condition::HasTag(tags, a) => computed(Op::HasTag(tags, a), s),
        Condition::FloatCompare(compare, a, b) => computed(Op::FloatCompare(compare, a, b), s),
    };
    let operands = [s.reads(tested)];
    s.branch(MachInst::new(JUMP_IF), &operands);
}

/// The value of an operation that is selected before the one at hand.
fn computed(op: Op, s: &mut Selection) -> Val {
    let value = s.fresh(Type::Word);
    s.before(op, [Some(value), None]);
    value
}

/// Instructions for the four widths follow each other.
fn of_width(first: u16, width: Width) -> u16 {
    first
        + match width {
            Width::Byte => 0,
            Width::Four => 1,
            Width::Word => 2,
            Width::Double => 3,
        }
}

fn load(first: u16, width: Width, address: &[Val], offset: i32, to: Result, s: &mut Selection) {
    let mut operands = vec![s.writes(to)];
    operands.extend(address.iter().map(|value| s.reads(*value)));
    s.emit(MachInst::new(of_width(first, width)).displacement(offset), &operands);
}

fn store(first: u16, width: Width, values: &[Val], offset: i32, s: &mut Selection) {
    let operands: Vec<Operand> = values.iter().map(|value| s.reads(*value)).collect();
    s.emit(MachInst::new(of_width(first, width)).displacement(offset), &operands);
}
