//! Selection: from IR operations to the target's opcodes.

use crate::assemble::{alu, condition, shift, sse, RAX, RCX, RDX};
use crate::encode::{width_variant, Opcode};
use crate::{abi, divide, X64};
use maru_core::abi::Context;
use maru_core::codegen::{CallKind, FixupTarget, MachInst, Selection, TargetTerminator};
use maru_core::ir::{
    Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Op, Overflowing, Type, Val, Width,
};
use regalloc2::{Operand, OperandConstraint, OperandKind, OperandPos, VReg};

/// A result, if it is wanted.
pub type Result = Option<Val>;

const SIGN: u64 = 1 << 63;

/// Select one operation.
pub fn select(machine: &X64, op: &Op, results: &[Option<Val>; 2], s: &mut Selection) {
    let to = results[0];
    match op {
        Op::Const(number) => constant(*number, to, s),
        Op::FloatConst(bits) => float_constant(*bits, to, s),
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
        Op::FloatBinary(operation, a, b) => float_binary(*operation, *a, *b, to, s),
        Op::FloatUnary(operation, a) => float_unary(*operation, *a, to, s),
        Op::FloatCompare(compare, a, b) => set_float(*compare, *a, *b, to, s),
        Op::IntToFloat(a) => unary_anywhere(Opcode::IntToFloat, *a, to, s),
        Op::FloatToInt(a) => unary_anywhere(Opcode::FloatToInt, *a, to, s),
        Op::FloatBits(a) => unary(Opcode::FloatBits.inst(), *a, to, s),
        Op::FloatFromBits(a) => unary(Opcode::FloatFromBits.inst(), *a, to, s),
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
            let inst = Opcode::CallHelper.inst().variant(s.system().0);
            let inst = inst.displacement(Context::helper_offset(*helper as usize));
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
pub fn select_terminator(machine: &X64, terminator: &TargetTerminator, s: &mut Selection) {
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

/// The value as an immediate of 32 bits.
fn immediate(value: Val, s: &Selection) -> Option<i64> {
    s.constant(value).filter(|number| i32::try_from(*number).is_ok())
}

fn define(inst: MachInst, to: Result, s: &mut Selection) {
    let to = s.writes(to);
    s.emit(inst, &[to]);
}

fn unary(inst: MachInst, a: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.writes(to)];
    s.emit(inst, &operands);
}

fn unary_anywhere(opcode: Opcode, a: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads_anywhere(a), s.writes(to)];
    s.emit(opcode.inst(), &operands);
}

/// Operand and result in one register.
fn in_place(inst: MachInst, a: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.rewrites(to, 0)];
    s.emit(inst, &operands);
}

/// Two operands, the result in the register of the first.
fn two_address(inst: MachInst, a: Val, b: Val, to: Result, s: &mut Selection) {
    let operands = [s.reads(a), s.reads_anywhere(b), s.rewrites(to, 0)];
    s.emit(inst, &operands);
}

fn constant(number: i64, to: Result, s: &mut Selection) {
    define(Opcode::Constant.inst().immediate(number), to, s);
}

fn float_constant(bits: u64, to: Result, s: &mut Selection) {
    if bits == 0 {
        return define(Opcode::FloatZero.inst(), to, s);
    }
    let word = s.temporary(Type::Word);
    s.emit(Opcode::Constant.inst().immediate(bits as i64), &[Operand::reg_def(word)]);
    let to = s.writes(to);
    s.emit(Opcode::FloatFromBits.inst(), &[Operand::reg_use(word), to]);
}

fn binary(operation: Binary, a: Val, b: Val, to: Result, s: &mut Selection) {
    // Constants to the right, where the CPU takes immediates.
    let commutes = matches!(operation, Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor);
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    match operation {
        Binary::Add => add(a, b, to, s),
        Binary::Sub => subtract(a, b, to, s),
        Binary::Mul => multiply(a, b, to, s),
        Binary::And => bitwise(alu::AND, a, b, to, s),
        Binary::Or => bitwise(alu::OR, a, b, to, s),
        Binary::Xor if s.constant(b) == Some(-1) => in_place(Opcode::Not.inst(), a, to, s),
        Binary::Xor => bitwise(alu::XOR, a, b, to, s),
        Binary::Shl => shift_by(shift::SHL, a, b, to, s),
        Binary::Lshr => shift_by(shift::SHR, a, b, to, s),
        Binary::Ashr => shift_by(shift::SAR, a, b, to, s),
        Binary::Rotl => shift_by(shift::ROL, a, b, to, s),
        Binary::Div => divide::select(false, a, b, to, s),
        Binary::Rem => divide::select(true, a, b, to, s),
    }
}

/// The operand that lives on goes second, where it need not be copied. So does the one that is not fresh from a
/// call: it was spilled across, and can stay where it is.
fn sort(a: Val, b: Val, s: &Selection) -> (Val, Val) {
    let from_call = |value| matches!(s.definition(value), Some(Op::Call(..) | Op::Helper(..)));
    let swap = match (s.lives_on(a), s.lives_on(b)) {
        (true, false) => true,
        (false, false) => from_call(b) && (b > a || !from_call(a)),
        _ => false,
    };
    if swap {
        (b, a)
    } else {
        (a, b)
    }
}

fn add(a: Val, b: Val, to: Result, s: &mut Selection) {
    if let Some(number) = immediate(b, s) {
        return add_immediate(a, number, to, s);
    }
    let (a, b) = sort(a, b, s);
    if s.lives_on(a) && s.lives_on(b) {
        let operands = [s.reads(a), s.reads(b), s.writes(to)];
        return s.emit(Opcode::LeaSum.inst(), &operands);
    }
    two_address(Opcode::Alu.inst().variant(alu::ADD), a, b, to, s);
}

fn add_immediate(a: Val, number: i64, to: Result, s: &mut Selection) {
    if s.lives_on(a) || number == 0 {
        unary(Opcode::LeaOffset.inst().displacement(number as i32), a, to, s);
    } else {
        in_place(Opcode::AluImmediate.inst().variant(alu::ADD).immediate(number), a, to, s);
    }
}

fn subtract(a: Val, b: Val, to: Result, s: &mut Selection) {
    match (s.constant(a), s.constant(b)) {
        (_, Some(number)) if i32::try_from(number.wrapping_neg()).is_ok() => {
            add_immediate(a, number.wrapping_neg(), to, s);
        }
        (Some(0), _) => in_place(Opcode::Negate.inst(), b, to, s),
        _ => two_address(Opcode::Alu.inst().variant(alu::SUB), a, b, to, s),
    }
}

fn multiply(a: Val, b: Val, to: Result, s: &mut Selection) {
    match s.constant(b) {
        Some(number) if number > 0 && number & (number - 1) == 0 => {
            shift_immediate(shift::SHL, a, number.trailing_zeros(), to, s);
        }
        Some(number) if i32::try_from(number).is_ok() => multiply_immediate(a, number, to, s),
        _ => {
            let (a, b) = sort(a, b, s);
            two_address(Opcode::Multiply.inst(), a, b, to, s);
        }
    }
}

fn multiply_immediate(a: Val, number: i64, to: Result, s: &mut Selection) {
    let operands = [s.reads_anywhere(a), s.writes(to)];
    s.emit(Opcode::MultiplyImmediate.inst().immediate(number), &operands);
}

fn bitwise(operation: u8, a: Val, b: Val, to: Result, s: &mut Selection) {
    match immediate(b, s) {
        Some(number) => in_place(Opcode::AluImmediate.inst().variant(operation).immediate(number), a, to, s),
        None => {
            let (a, b) = sort(a, b, s);
            two_address(Opcode::Alu.inst().variant(operation), a, b, to, s);
        }
    }
}

fn shift_by(operation: u8, a: Val, count: Val, to: Result, s: &mut Selection) {
    if let Some(count) = s.constant(count) {
        return shift_immediate(operation, a, count as u32 & 63, to, s);
    }
    let count = s.value(count);
    let operands = [s.reads(a), Operand::reg_fixed_use(count, abi::word(RCX)), s.rewrites(to, 0)];
    s.emit(Opcode::ShiftByCl.inst().variant(operation), &operands);
}

fn shift_immediate(operation: u8, a: Val, count: u32, to: Result, s: &mut Selection) {
    match count {
        0 => unary(Opcode::LeaOffset.inst(), a, to, s),
        _ => in_place(Opcode::Shift.inst().variant(operation).immediate(count.into()), a, to, s),
    }
}

fn overflowing(operation: Overflowing, a: Val, b: Val, results: &[Option<Val>; 2], s: &mut Selection) {
    let flag = results[1].filter(|flag| !s.is_fused(Some(*flag)) && s.is_wanted(*flag));
    let commutes = operation != Overflowing::Sub;
    let (a, b) = if commutes && s.constant(a).is_some() { (b, a) } else { (a, b) };
    let number = immediate(b, s);
    let (a, b) = if commutes && number.is_none() { sort(a, b, s) } else { (a, b) };
    let variant = if operation == Overflowing::Add { alu::ADD } else { alu::SUB };
    match (operation, number) {
        (Overflowing::Mul, Some(number)) => multiply_immediate(a, number, results[0], s),
        (Overflowing::Mul, None) => two_address(Opcode::Multiply.inst(), a, b, results[0], s),
        (_, Some(number)) => {
            in_place(Opcode::AluImmediate.inst().variant(variant).immediate(number), a, results[0], s);
        }
        (_, None) => two_address(Opcode::Alu.inst().variant(variant), a, b, results[0], s),
    }
    if flag.is_some() {
        set(condition::OVERFLOW, flag, s);
    }
}

fn set(condition: u8, to: Result, s: &mut Selection) {
    define(Opcode::SetIf.inst().variant(condition), to, s);
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
        Compare::AtLeast => condition::ABOVE_EQUAL,
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
        condition::ABOVE_EQUAL => condition::BELOW_EQUAL,
        same => same,
    }
}

/// Set flags; the condition to ask for.
fn compare_words(compare: Compare, a: Val, b: Val, s: &mut Selection) -> u8 {
    let swap = immediate(a, s).is_some() && immediate(b, s).is_none();
    let (a, b) = if swap { (b, a) } else { (a, b) };
    match immediate(b, s) {
        Some(0) => {
            let operand = s.reads(a);
            s.emit(Opcode::TestSelf.inst(), &[operand]);
        }
        Some(number) => {
            let operand = s.reads_anywhere(a);
            s.emit(Opcode::CompareImmediate.inst().immediate(number), &[operand]);
        }
        None => {
            let operands = [s.reads(a), s.reads_anywhere(b)];
            s.emit(Opcode::Compare.inst(), &operands);
        }
    }
    let code = code_of(compare);
    if swap {
        swapped(code)
    } else {
        code
    }
}

/// Set flags; the condition to ask for. One tag, or all but one, is subtracted and the low bits tested; a set is
/// looked up in a word that repeats it, so that the value itself is the bit's number.
fn has_tag(tags: u8, a: Val, s: &mut Selection) -> u8 {
    let (single, code) = match tags.count_ones() {
        1 => (tags.trailing_zeros(), condition::EQUAL),
        7 => (tags.trailing_ones(), condition::NOT_EQUAL),
        _ => {
            let set = s.temporary(Type::Word);
            let repeated = u32::from_le_bytes([tags; 4]);
            s.emit(Opcode::Constant.inst().immediate(repeated.into()), &[Operand::reg_def(set)]);
            let operands = [Operand::reg_use(set), s.reads(a)];
            s.emit(Opcode::BitTest.inst(), &operands);
            return condition::BELOW;
        }
    };
    let mut operand = s.reads(a);
    if single != 0 {
        let difference = s.temporary(Type::Word);
        let inst = Opcode::LeaOffset32.inst().displacement(-(single as i32));
        s.emit(inst, &[operand, Operand::reg_def(difference)]);
        operand = Operand::reg_use(difference);
    }
    s.emit(Opcode::TestByte.inst().immediate(7), &[operand]);
    code
}

fn branch(condition: Condition, s: &mut Selection) {
    let code = match condition {
        Condition::NonZero(flag) if s.fuse_overflow(flag) => condition::OVERFLOW,
        Condition::NonZero(value) if compare_memory(value, 0, s) => condition::NOT_EQUAL,
        Condition::NonZero(value) => {
            let operand = s.reads(value);
            s.emit(Opcode::TestSelf.inst(), &[operand]);
            condition::NOT_EQUAL
        }
        Condition::Compare(compare, a, b) => match immediate(b, s) {
            Some(number) if compare_memory(a, number, s) => code_of(compare),
            None if immediate(a, s).is_none() && compare_with_data(a, b, s) => code_of(compare),
            None if immediate(a, s).is_none() && compare_with_data(b, a, s) => swapped(code_of(compare)),
            _ => compare_words(compare, a, b, s),
        },
        Condition::HasTag(tags, a) => has_tag(tags, a, s),
        Condition::FloatCompare(compare, a, b) => match compare_doubles(compare, a, b, s) {
            FloatTest::Code(code) => code,
            FloatTest::Equality(variant) => return s.branch(Opcode::JumpFloatEqual.inst().variant(variant), &[]),
        },
    };
    s.branch(Opcode::JumpIf.inst().variant(code), &[]);
}

/// Set flags from a word in memory, if that is where the value comes from and nobody else wants it.
fn compare_memory(value: Val, number: i64, s: &mut Selection) -> bool {
    if !s.is_last(value) {
        return false;
    }
    match s.definition(value) {
        Some(Op::Load(Width::Word, base, offset)) => {
            let (base, _, offset) = address(*base, None, *offset, s);
            let operand = s.reads(base);
            s.emit(Opcode::CompareMemory.inst().displacement(offset).immediate(number), &[operand]);
            true
        }
        Some(Op::LoadContext(offset)) => {
            s.emit(Opcode::CompareContext.inst().displacement(*offset).immediate(number), &[]);
            true
        }
        _ => false,
    }
}

/// Set flags from a word and one of the data table, if that is where the second comes from and nobody else wants it. (To
/// take a word of an object from memory in the comparison, too, made no loop faster and some slower.)
fn compare_with_data(value: Val, other: Val, s: &mut Selection) -> bool {
    if value == other || !s.is_last(other) {
        return false;
    }
    let Some(Op::LoadData(word)) = s.definition(other) else { return false };
    let operand = s.reads(value);
    s.emit(Opcode::CompareWithData.inst().target(FixupTarget::Data(*word)), &[operand]);
    true
}

/// What to ask for after comparing doubles.
enum FloatTest {
    Code(u8),
    /// Variant of the opcodes that look at two flags.
    Equality(u8),
}

/// Set flags. Unordered sets carry, so "above" is false then.
fn compare_doubles(compare: FloatCompare, a: Val, b: Val, s: &mut Selection) -> FloatTest {
    let (a, b, test) = match compare {
        FloatCompare::Eq => (a, b, FloatTest::Equality(0)),
        FloatCompare::Ne => (a, b, FloatTest::Equality(1)),
        FloatCompare::Lt => (b, a, FloatTest::Code(condition::ABOVE)),
        FloatCompare::Le => (b, a, FloatTest::Code(condition::ABOVE_EQUAL)),
        FloatCompare::Gt => (a, b, FloatTest::Code(condition::ABOVE)),
        FloatCompare::Ge => (a, b, FloatTest::Code(condition::ABOVE_EQUAL)),
    };
    let operands = [s.reads(a), s.reads_anywhere(b)];
    s.emit(Opcode::FloatCompare.inst(), &operands);
    test
}

fn set_float(compare: FloatCompare, a: Val, b: Val, to: Result, s: &mut Selection) {
    match compare_doubles(compare, a, b, s) {
        FloatTest::Code(code) => set(code, to, s),
        FloatTest::Equality(variant) => {
            let temporary = s.temporary(Type::Word);
            let operands = [s.writes(to), Operand::reg_def(temporary)];
            s.emit(Opcode::SetFloatEqual.inst().variant(variant), &operands);
        }
    }
}

fn float_binary(operation: FloatBinary, a: Val, b: Val, to: Result, s: &mut Selection) {
    let (opcode, commutes) = match operation {
        FloatBinary::Add => (sse::ADD, true),
        FloatBinary::Sub => (sse::SUB, false),
        FloatBinary::Mul => (sse::MUL, true),
        FloatBinary::Div => (sse::DIV, false),
    };
    let (a, b) = if commutes { sort(a, b, s) } else { (a, b) };
    two_address(Opcode::FloatArithmetic.inst().variant(opcode), a, b, to, s);
}

fn float_unary(operation: FloatUnary, a: Val, to: Result, s: &mut Selection) {
    let (variant, mask) = match operation {
        FloatUnary::Sqrt => return unary_anywhere(Opcode::FloatSqrt, a, to, s),
        FloatUnary::Abs => (0, !SIGN),
        FloatUnary::Neg => (1, SIGN),
    };
    let bits = s.fresh(Type::Double);
    s.before(Op::FloatConst(mask), [Some(bits), None]);
    let operands = [s.reads(a), s.reads(bits), s.rewrites(to, 0)];
    s.emit(Opcode::FloatBitwise.inst().variant(variant), &operands);
}

/// Base, index and offset, where sums with constants are taken apart if nobody else needs them.
fn address(base: Val, index: Option<Val>, offset: i32, s: &Selection) -> (Val, Option<Val>, i32) {
    let Some(Op::Binary(Binary::Add, sum, number)) = s.definition(base).filter(|_| !s.is_wanted(base)) else {
        return fold_index(base, index, offset, s);
    };
    let folded = s.constant(*number).and_then(|number| number.checked_add(offset.into()));
    match folded.and_then(|offset| i32::try_from(offset).ok()) {
        Some(offset) if s.constant(*sum).is_none() => fold_index(*sum, index, offset, s),
        _ => fold_index(base, index, offset, s),
    }
}

fn fold_index(base: Val, index: Option<Val>, offset: i32, s: &Selection) -> (Val, Option<Val>, i32) {
    let number = index.and_then(|index| s.constant(index));
    match number.and_then(|number| number.checked_add(offset.into())).map(i32::try_from) {
        Some(Ok(offset)) => (base, None, offset),
        _ => (base, index, offset),
    }
}

fn load(width: Width, base: Val, index: Option<Val>, offset: i32, to: Result, s: &mut Selection) {
    let (base, index, offset) = address(base, index, offset, s);
    let variant = width_variant(width);
    match index {
        None => unary(Opcode::Load.inst().variant(variant).displacement(offset), base, to, s),
        Some(index) => {
            let operands = [s.reads(base), s.reads(index), s.writes(to)];
            s.emit(Opcode::LoadIndexed.inst().variant(variant).displacement(offset), &operands);
        }
    }
}

fn store(width: Width, value: Val, base: Val, index: Option<Val>, offset: i32, s: &mut Selection) {
    let (base, index, offset) = address(base, index, offset, s);
    let variant = width_variant(width);
    let inst = |plain: Opcode, indexed: Opcode| {
        let opcode = if index.is_some() { indexed } else { plain };
        opcode.inst().variant(variant).displacement(offset)
    };
    let number = store_immediate(width, value, s);
    let mut operands: [Operand; 3] = [Operand::reg_use(VReg::invalid()); 3];
    let mut count = 0;
    let mut push = |operand| {
        operands[count] = operand;
        count += 1;
    };
    if number.is_none() {
        push(s.reads(value));
    }
    push(s.reads(base));
    if let Some(index) = index {
        push(s.reads(index));
    }
    match number {
        None => s.emit(inst(Opcode::Store, Opcode::StoreIndexed), &operands[..count]),
        Some(number) => {
            let inst = inst(Opcode::StoreImmediate, Opcode::StoreImmediateIndexed).immediate(number);
            s.emit(inst, &operands[..count]);
        }
    }
}

/// The value as the immediate of a store.
fn store_immediate(width: Width, value: Val, s: &Selection) -> Option<i64> {
    match width {
        Width::Byte => s.constant(value).map(|number| i64::from(number as u8)),
        Width::Four => s.constant(value).map(|number| i64::from(number as u32)),
        Width::Word => immediate(value, s),
        Width::Double => None,
    }
}

fn store_context(value: Val, offset: i32, s: &mut Selection) {
    match immediate(value, s) {
        Some(number) => {
            let inst = Opcode::StoreContextImmediate.inst().variant(width_variant(Width::Word));
            s.emit(inst.displacement(offset).immediate(number), &[]);
        }
        None => {
            let value = s.reads(value);
            s.emit(Opcode::StoreContext.inst().displacement(offset), &[value]);
        }
    }
}

/// An operand read while results are being written, wherever it is.
pub fn reads_late(value: VReg) -> Operand {
    Operand::new(value, OperandConstraint::Any, OperandKind::Use, OperandPos::Late)
}

/// Operands of the instructions that work on rdx:rax: dividend or factor, the other operand, what rax holds then,
/// what rdx holds then.
pub fn wide_operands(a: VReg, b: VReg, rax: VReg, rdx: VReg) -> [Operand; 4] {
    [
        Operand::reg_fixed_use(a, abi::word(RAX)),
        reads_late(b),
        Operand::reg_fixed_def(rax, abi::word(RAX)),
        Operand::reg_fixed_def(rdx, abi::word(RDX)),
    ]
}
