//! Selection: from IR operations to the target's opcodes.

use crate::encode::{arithmetic, compares, immediate_compares, in_place, shifts, two, unary, Opcode};
use crate::instruction::{is_near, mask};
use crate::S390x;
use maru_core::abi::Context;
use maru_core::codegen::{CallKind, FixupTarget, MachInst, Selection, TargetTerminator};
use maru_core::ir::{
    Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Op, Overflowing, Type, Val, Width,
};
use regalloc2::{Operand, OperandConstraint, OperandKind, OperandPos};

/// A result, if it is wanted.
type Result = Option<Val>;

/// Select one operation.
pub fn select(machine: &S390x, op: &Op, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Op::Const(number) => define(Opcode::Constant.inst().immediate(*number), to, s),
        Op::FloatConst(bits) => double_constant(*bits, to, s),
        Op::Binary(operation, a, b) => binary(*operation, *a, *b, to, s),
        Op::Overflowing(operation, a, b) => overflowing(*operation, *a, *b, results, s),
        Op::Compare(compare, a, b) => {
            let condition = compare_words(*compare, *a, *b, s);
            set(condition, to, s);
        }
        Op::HasTag(tags, a) => {
            let condition = has_tag(*tags, *a, s);
            set(condition, to, s);
        }
        Op::FloatBinary(operation, a, b) => on_two(double_operation(*operation), *a, *b, to, s),
        Op::FloatUnary(operation, a) => on_one(double_unary(*operation), *a, to, s),
        Op::FloatCompare(compare, a, b) => {
            let condition = compare_doubles(*compare, *a, *b, s);
            set(condition, to, s);
        }
        Op::IntToFloat(a) => on_one(unary::CDGBR, *a, to, s),
        Op::FloatToInt(a) => on_one(unary::CGDBR, *a, to, s),
        Op::FloatBits(a) => on_one(unary::LGDR, *a, to, s),
        Op::FloatFromBits(a) => on_one(unary::LDGR, *a, to, s),
        Op::Load(width, base, offset) => load(*width, *base, None, *offset, to, s),
        Op::LoadIndexed(width, base, index, offset) => load(*width, *base, Some(*index), *offset, to, s),
        Op::Store(width, value, base, offset) => store(*width, *value, *base, None, *offset, s),
        Op::StoreIndexed(width, value, base, index, offset) => store(*width, *value, *base, Some(*index), *offset, s),
        Op::LoadContext(offset) => define(Opcode::LoadContext.inst().displacement(*offset), to, s),
        Op::StoreContext(value, offset) => {
            let operands = [s.reads(*value)];
            s.emit(Opcode::StoreContext.inst().displacement(*offset), &operands);
        }
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
pub fn select_terminator(machine: &S390x, terminator: &TargetTerminator, s: &mut Selection) {
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

/// Operands, then the result.
fn plain(inst: MachInst, values: &[Val], to: Result, s: &mut Selection) {
    let mut operands: Vec<Operand> = values.iter().map(|value| s.reads(*value)).collect();
    operands.push(s.writes(to));
    s.emit(inst, &operands);
}

/// Operands, then the result, which takes the first one's register.
fn rewriting(inst: MachInst, values: &[Val], to: Result, s: &mut Selection) {
    let mut operands: Vec<Operand> = values.iter().map(|value| s.reads(*value)).collect();
    operands.push(s.rewrites(to, 0));
    s.emit(inst, &operands);
}

fn on_one(variant: u8, a: Val, to: Result, s: &mut Selection) {
    plain(Opcode::Unary.inst().variant(variant), &[a], to, s);
}

fn on_two(variant: u8, a: Val, b: Val, to: Result, s: &mut Selection) {
    rewriting(Opcode::Two.inst().variant(variant), &[a, b], to, s);
}

fn in_place_with(variant: u8, a: Val, number: i64, to: Result, s: &mut Selection) {
    rewriting(Opcode::InPlace.inst().variant(variant).immediate(number), &[a], to, s);
}

fn three(variant: u8, a: Val, b: Val, to: Result, s: &mut Selection) {
    plain(Opcode::Arithmetic.inst().variant(variant), &[a, b], to, s);
}

fn double_constant(bits: u64, to: Result, s: &mut Selection) {
    if bits == 0 {
        return define(Opcode::DoubleZero.inst(), to, s);
    }
    let word = s.temporary(Type::Word);
    s.emit(Opcode::Constant.inst().immediate(bits as i64), &[Operand::reg_def(word)]);
    let to = s.writes(to);
    s.emit(Opcode::Unary.inst().variant(unary::LDGR), &[Operand::reg_use(word), to]);
}

fn binary(operation: Binary, a: Val, b: Val, to: Result, s: &mut Selection) {
    let commutes = matches!(operation, Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor);
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let number = s.constant(b);
    match operation {
        Binary::Add => match number {
            Some(number) => add_number(number, a, b, arithmetic::AGRK, to, s),
            None => three(arithmetic::AGRK, a, b, to, s),
        },
        Binary::Sub => match number {
            Some(number) => add_number(number.wrapping_neg(), a, b, arithmetic::SGRK, to, s),
            None if s.constant(a) == Some(0) => on_one(unary::LCGR, b, to, s),
            None => three(arithmetic::SGRK, a, b, to, s),
        },
        Binary::And => match number.and_then(run_of_bits) {
            Some([first, last]) => {
                let run = i64::from(first) | i64::from(last) << 8;
                plain(Opcode::Bits.inst().immediate(run), &[a], to, s);
            }
            None => three(arithmetic::NGRK, a, b, to, s),
        },
        Binary::Or | Binary::Xor => {
            let (form, immediate) = match operation {
                Binary::Or => (arithmetic::OGRK, in_place::OILF),
                _ => (arithmetic::XGRK, in_place::XILF),
            };
            match number.filter(|number| u32::try_from(*number).is_ok()) {
                Some(number) => in_place_with(immediate, a, number, to, s),
                None => three(form, a, b, to, s),
            }
        }
        Binary::Mul => multiply(a, b, to, s),
        Binary::Div => plain(Opcode::Divide.inst(), &[a, b], to, s),
        Binary::Rem => plain(Opcode::Divide.inst().variant(1), &[a, b], to, s),
        Binary::Shl => shift(shifts::SLLG, a, b, to, s),
        Binary::Lshr => shift(shifts::SRLG, a, b, to, s),
        Binary::Ashr => shift(shifts::SRAG, a, b, to, s),
        Binary::Rotl => shift(shifts::RLLG, a, b, to, s),
    }
}

/// The sum with a number; `form` is for one that fits no instruction, and gets it from a register.
fn add_number(number: i64, a: Val, b: Val, form: u8, to: Result, s: &mut Selection) {
    if is_near(number) {
        return plain(Opcode::AddDisplacement.inst().displacement(number as i32), &[a], to, s);
    }
    three(form, a, b, to, s);
}

/// First and last bit, from the highest, if the bits that are set are a run, which may go past the lowest to the highest.
pub fn run_of_bits(number: i64) -> Option<[u8; 2]> {
    let bits = number as u64;
    if bits == 0 {
        return None;
    }
    let is_run = |bits: u64| {
        let low = bits >> bits.trailing_zeros();
        low & low.wrapping_add(1) == 0
    };
    let ends = |bits: u64| [bits.leading_zeros() as u8, 63 - bits.trailing_zeros() as u8];
    if is_run(bits) {
        return Some(ends(bits));
    }
    // What is not set is a run then, and has neither end.
    let [first, last] = Some(!bits).filter(|rest| is_run(*rest)).map(ends)?;
    Some([last + 1, first - 1])
}

fn multiply(a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b) {
        Some(number) if (number as u64).is_power_of_two() => {
            let count = number.trailing_zeros().into();
            plain(Opcode::ShiftImmediate.inst().variant(shifts::SLLG).immediate(count), &[a], to, s);
        }
        Some(number) if i16::try_from(number).is_ok() => in_place_with(in_place::MGHI, a, number, to, s),
        Some(number) if i32::try_from(number).is_ok() => in_place_with(in_place::MSGFI, a, number, to, s),
        _ => on_two(two::MSGR, a, b, to, s),
    }
}

/// The CPU takes counts modulo 64, too.
fn shift(variant: u8, a: Val, count: Val, to: Result, s: &mut Selection) {
    match s.constant(count) {
        Some(number) => plain(Opcode::ShiftImmediate.inst().variant(variant).immediate(number & 63), &[a], to, s),
        None => plain(Opcode::Shift.inst().variant(variant), &[a, count], to, s),
    }
}

/// The condition that holds after an overflow.
fn overflow_condition(operation: Overflowing) -> u8 {
    match operation {
        Overflowing::Add | Overflowing::Sub => mask::OVERFLOW,
        Overflowing::Mul => mask::NOT_EQUAL,
    }
}

fn overflowing(operation: Overflowing, a: Val, b: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let fused = s.is_fused(results[1]);
    let flag = results[1].filter(|flag| !fused && s.is_wanted(*flag));
    if !fused && flag.is_none() {
        let operation = match operation {
            Overflowing::Add => Binary::Add,
            Overflowing::Sub => Binary::Sub,
            Overflowing::Mul => Binary::Mul,
        };
        return binary(operation, a, b, results[0], s);
    }
    let (a, b) = if operation != Overflowing::Sub && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let number = s.constant(b).map(|number| if operation == Overflowing::Sub { number.wrapping_neg() } else { number });
    match (operation, number.filter(|number| i16::try_from(*number).is_ok())) {
        (Overflowing::Mul, _) => {
            // The result's register serves on the way, so it must be none of the operands'.
            let result = s.result(results[0]);
            let result = Operand::new(result, OperandConstraint::Reg, OperandKind::Def, OperandPos::Early);
            let late = |value| Operand::new(value, OperandConstraint::Reg, OperandKind::Use, OperandPos::Late);
            let operands = [late(s.value(a)), late(s.value(b)), result];
            s.emit(Opcode::MultiplyChecked.inst(), &operands);
        }
        (_, Some(number)) => plain(Opcode::AddImmediate.inst().immediate(number), &[a], results[0], s),
        (Overflowing::Add, None) => three(arithmetic::AGRK, a, b, results[0], s),
        (Overflowing::Sub, None) => three(arithmetic::SGRK, a, b, results[0], s),
    }
    if flag.is_some() {
        set(overflow_condition(operation), flag, s);
    }
}

/// 1 or 0.
fn set(condition: u8, to: Result, s: &mut Selection) {
    define(Opcode::SetIf.inst().variant(condition), to, s);
}

fn branch(condition: Condition, s: &mut Selection) {
    let condition = match condition {
        Condition::NonZero(flag) if s.fuse_overflow(flag) => match s.definition(flag) {
            Some(Op::Overflowing(operation, ..)) => overflow_condition(*operation),
            _ => unreachable!("only an overflow is fused"),
        },
        Condition::NonZero(value) => {
            let operand = s.reads(value);
            s.emit(Opcode::CompareImmediate.inst().variant(immediate_compares::CGHI), &[operand]);
            mask::NOT_EQUAL
        }
        Condition::Compare(compare, a, b) => compare_words(compare, a, b, s),
        Condition::HasTag(tags, a) => has_tag(tags, a, s),
        Condition::FloatCompare(compare, a, b) => compare_doubles(compare, a, b, s),
    };
    s.branch(Opcode::JumpIf.inst().variant(condition), &[]);
}

/// The condition that holds if operands compare so, and whether they have no sign then.
fn condition_of(compare: Compare) -> (u8, bool) {
    match compare {
        Compare::Eq => (mask::EQUAL, false),
        Compare::Ne => (mask::NOT_EQUAL, false),
        Compare::Lt => (mask::LESS, false),
        Compare::Le => (mask::LESS_EQUAL, false),
        Compare::Gt => (mask::GREATER, false),
        Compare::Ge => (mask::GREATER_EQUAL, false),
        Compare::Below => (mask::LESS, true),
        Compare::AtLeast => (mask::GREATER_EQUAL, true),
    }
}

/// The condition that holds with operands swapped: "less" and "greater" change places.
fn swapped(condition: u8) -> u8 {
    condition & (mask::EQUAL | mask::OVERFLOW) | (condition & mask::LESS) >> 1 | (condition & mask::GREATER) << 1
}

fn compare_words(compare: Compare, a: Val, b: Val, s: &mut Selection) -> u8 {
    let (condition, unsigned) = condition_of(compare);
    let (a, b, condition) = match s.constant(a).is_some() && s.constant(b).is_none() {
        true => (b, a, swapped(condition)),
        false => (a, b, condition),
    };
    let form = s.constant(b).and_then(|number| match unsigned {
        true => u32::try_from(number).ok().map(|_| (immediate_compares::CLGFI, number)),
        false if i16::try_from(number).is_ok() => Some((immediate_compares::CGHI, number)),
        false => i32::try_from(number).ok().map(|_| (immediate_compares::CGFI, number)),
    });
    match form {
        Some((variant, number)) => {
            let operand = s.reads(a);
            s.emit(Opcode::CompareImmediate.inst().variant(variant).immediate(number), &[operand]);
        }
        None => {
            let operands = [s.reads(a), s.reads(b)];
            let variant = if unsigned { compares::CLGR } else { compares::CGR };
            s.emit(Opcode::Compare.inst().variant(variant), &operands);
        }
    }
    condition
}

/// What a test of some of its bits tells of a tag, as the mask of one value of the condition.
fn tested(bits: u8, tag: u8) -> u8 {
    let highest = 0x80 >> bits.leading_zeros();
    match tag & bits {
        0 => 8,
        all if all == bits => 1,
        some if some & highest == 0 => 4,
        _ => 2,
    }
}

/// Whether a value has one of a set of tags: by a test of some bits of the tag, if that tells; of all, if it is one tag or
/// all but one; else the set is shifted by the tag.
fn has_tag(tags: u8, a: Val, s: &mut Selection) -> u8 {
    let operand = s.reads(a);
    for bits in 1..8 {
        let of = |wanted: bool| {
            let members = (0..8).filter(move |tag| (tags >> tag & 1 == 1) == wanted);
            members.fold(0, |condition, tag| condition | tested(bits, tag))
        };
        if of(true) & of(false) == 0 {
            s.emit(Opcode::Test.inst().immediate(bits.into()), &[operand]);
            return of(true);
        }
    }
    for (tags, condition) in [(tags, mask::EQUAL), (!tags, mask::NOT_EQUAL)] {
        if tags.is_power_of_two() {
            let tag = s.temporary(Type::Word);
            s.emit(Opcode::Bits.inst().immediate(61 | 63 << 8), &[operand, Operand::reg_def(tag)]);
            let compare = Opcode::CompareImmediate.inst().variant(immediate_compares::CGHI);
            s.emit(compare.immediate(tags.trailing_zeros().into()), &[Operand::reg_use(tag)]);
            return condition;
        }
    }
    s.emit(Opcode::TestTag.inst().immediate(tags.into()), &[operand]);
    mask::NOT_EQUAL
}

fn double_operation(operation: FloatBinary) -> u8 {
    match operation {
        FloatBinary::Add => two::ADBR,
        FloatBinary::Sub => two::SDBR,
        FloatBinary::Mul => two::MDBR,
        FloatBinary::Div => two::DDBR,
    }
}

fn double_unary(operation: FloatUnary) -> u8 {
    match operation {
        FloatUnary::Neg => unary::LCDFR,
        FloatUnary::Abs => unary::LPDFR,
        FloatUnary::Sqrt => unary::SQDBR,
    }
}

/// Unordered doubles are different, and nothing else: their condition is the fourth.
fn compare_doubles(compare: FloatCompare, a: Val, b: Val, s: &mut Selection) -> u8 {
    let operands = [s.reads(a), s.reads(b)];
    s.emit(Opcode::Compare.inst().variant(compares::CDBR), &operands);
    match compare {
        FloatCompare::Eq => mask::EQUAL,
        FloatCompare::Ne => mask::NOT_EQUAL,
        FloatCompare::Lt => mask::LESS,
        FloatCompare::Le => mask::LESS_EQUAL,
        FloatCompare::Gt => mask::GREATER,
        FloatCompare::Ge => mask::GREATER_EQUAL,
    }
}

/// Base, index and offset of a place in memory: a sum that nobody else needs is taken apart.
fn address(base: Val, index: Option<Val>, offset: i32, s: &mut Selection) -> (Vec<Operand>, i32) {
    let with_offset = |number: Option<i64>| {
        let sum = number.and_then(|number| number.checked_add(offset.into()));
        sum.and_then(|sum| i32::try_from(sum).ok())
    };
    let folded = s.definition(base).filter(|_| !s.is_wanted(base)).cloned();
    match (index, folded) {
        (Some(index), _) => match with_offset(s.constant(index)) {
            Some(offset) => (vec![s.reads(base)], offset),
            None => (vec![s.reads(base), s.reads(index)], offset),
        },
        (None, Some(Op::Binary(Binary::Add, a, b))) if s.constant(a).is_none() => match with_offset(s.constant(b)) {
            Some(offset) => (vec![s.reads(a)], offset),
            None => (vec![s.reads(a), s.reads(b)], offset),
        },
        _ => (vec![s.reads(base)], offset),
    }
}

fn of_width(opcode: Opcode, width: Width) -> MachInst {
    opcode.inst().variant(match width {
        Width::Byte => 0,
        Width::Four => 1,
        Width::Word => 2,
        Width::Double => 3,
    })
}

fn load(width: Width, base: Val, index: Option<Val>, offset: i32, to: Result, s: &mut Selection) {
    let (mut operands, offset) = address(base, index, offset, s);
    operands.push(s.writes(to));
    s.emit(of_width(Opcode::Load, width).displacement(offset), &operands);
}

fn store(width: Width, value: Val, base: Val, index: Option<Val>, offset: i32, s: &mut Selection) {
    let (address, offset) = address(base, index, offset, s);
    let operands = [vec![s.reads(value)], address].concat();
    s.emit(of_width(Opcode::Store, width).displacement(offset), &operands);
}
