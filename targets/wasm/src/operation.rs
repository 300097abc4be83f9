//! The instructions of operations.

use crate::function::Writer;
use maru_core::ir::{
    Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Inst, Op, Overflowing, Val, Width,
};
use wasm_encoder::{BlockType, Instruction, MemArg, ValType};

/// Write an operation. One whose results nobody needs is left out, unless it has an effect.
pub fn write(writer: &mut Writer, inst: &Inst) {
    let [result, second] = inst.results;
    if !inst.op.has_effect() && !writer.needs(result) && !writer.needs(second) {
        return;
    }
    match &inst.op {
        Op::Const(_) | Op::FloatConst(_) => return,
        Op::Store(width, value, at, offset) => return store(writer, *width, *value, (*at, None, *offset)),
        Op::StoreIndexed(width, value, at, index, offset) => {
            return store(writer, *width, *value, (*at, Some(*index), *offset));
        }
        Op::StoreContext(value, offset) => {
            let at = writer.context(*offset);
            writer.value(*value);
            return writer.emit(&Instruction::I64Store(at));
        }
        Op::Overflowing(op, a, b) => return overflowing(writer, *op, (*a, *b), (result, second)),
        Op::Binary(op, a, b) => two(writer, *a, *b, &binary(*op)),
        Op::Compare(op, a, b) => {
            two(writer, *a, *b, &compare(*op));
            writer.emit(&Instruction::I64ExtendI32U);
        }
        Op::HasTag(mask, a) => has_tag(writer, *mask, *a),
        Op::FloatBinary(op, a, b) => two(writer, *a, *b, &float_binary(*op)),
        Op::FloatUnary(op, a) => {
            let instruction = match op {
                FloatUnary::Neg => Instruction::F64Neg,
                FloatUnary::Abs => Instruction::F64Abs,
                FloatUnary::Sqrt => Instruction::F64Sqrt,
            };
            one(writer, *a, &instruction);
        }
        Op::FloatCompare(op, a, b) => {
            two(writer, *a, *b, &float_compare(*op));
            writer.emit(&Instruction::I64ExtendI32U);
        }
        Op::IntToFloat(a) => one(writer, *a, &Instruction::F64ConvertI64S),
        // Nothing is promised outside of the range, but it may be computed before it is known that it is not wanted.
        Op::FloatToInt(a) => one(writer, *a, &Instruction::I64TruncSatF64S),
        Op::FloatBits(a) => one(writer, *a, &Instruction::I64ReinterpretF64),
        Op::FloatFromBits(a) => one(writer, *a, &Instruction::F64ReinterpretI64),
        Op::Load(width, at, offset) => load(writer, *width, (*at, None, *offset)),
        Op::LoadIndexed(width, at, index, offset) => load(writer, *width, (*at, Some(*index), *offset)),
        Op::LoadContext(offset) => {
            let at = writer.context(*offset);
            writer.emit(&Instruction::I64Load(at));
        }
        Op::LoadData(word) => writer.data(*word),
        Op::FunctionAddress(id) => writer.function_address(id.0),
        Op::Helper(helper, arguments) => writer.helper(*helper, arguments),
        Op::Call(callee, arguments, signature) => writer.call(callee, arguments, signature.result),
        // Refused with the function.
        Op::Narrow(_) => return writer.emit(&Instruction::Unreachable),
    }
    writer.define(result);
}

fn one(writer: &mut Writer, a: Val, instruction: &Instruction) {
    writer.value(a);
    writer.emit(instruction);
}

fn two(writer: &mut Writer, a: Val, b: Val, instruction: &Instruction) {
    writer.value(a);
    writer.value(b);
    writer.emit(instruction);
}

fn load(writer: &mut Writer, width: Width, (at, index, offset): (Val, Option<Val>, i32)) {
    let place = writer.address(at, index, offset);
    let access: fn(MemArg) -> Instruction<'static> = match width {
        Width::Byte => Instruction::I64Load8U,
        Width::Four => Instruction::I64Load32U,
        Width::Word => Instruction::I64Load,
        Width::Double => Instruction::F64Load,
    };
    writer.emit(&access(place));
}

fn store(writer: &mut Writer, width: Width, value: Val, (at, index, offset): (Val, Option<Val>, i32)) {
    let place = writer.address(at, index, offset);
    writer.value(value);
    let access: fn(MemArg) -> Instruction<'static> = match width {
        Width::Byte => Instruction::I64Store8,
        Width::Four => Instruction::I64Store32,
        Width::Word => Instruction::I64Store,
        Width::Double => Instruction::F64Store,
    };
    writer.emit(&access(place));
}

fn binary(op: Binary) -> Instruction<'static> {
    match op {
        Binary::Add => Instruction::I64Add,
        Binary::Sub => Instruction::I64Sub,
        Binary::Mul => Instruction::I64Mul,
        Binary::Div => Instruction::I64DivS,
        Binary::Rem => Instruction::I64RemS,
        Binary::And => Instruction::I64And,
        Binary::Or => Instruction::I64Or,
        Binary::Xor => Instruction::I64Xor,
        Binary::Shl => Instruction::I64Shl,
        Binary::Lshr => Instruction::I64ShrU,
        Binary::Ashr => Instruction::I64ShrS,
        Binary::Rotl => Instruction::I64Rotl,
    }
}

fn float_binary(op: FloatBinary) -> Instruction<'static> {
    match op {
        FloatBinary::Add => Instruction::F64Add,
        FloatBinary::Sub => Instruction::F64Sub,
        FloatBinary::Mul => Instruction::F64Mul,
        FloatBinary::Div => Instruction::F64Div,
    }
}

fn compare(op: Compare) -> Instruction<'static> {
    match op {
        Compare::Eq => Instruction::I64Eq,
        Compare::Ne => Instruction::I64Ne,
        Compare::Lt => Instruction::I64LtS,
        Compare::Le => Instruction::I64LeS,
        Compare::Gt => Instruction::I64GtS,
        Compare::Ge => Instruction::I64GeS,
        Compare::Below => Instruction::I64LtU,
        Compare::AtLeast => Instruction::I64GeU,
    }
}

fn float_compare(op: FloatCompare) -> Instruction<'static> {
    match op {
        FloatCompare::Eq => Instruction::F64Eq,
        FloatCompare::Ne => Instruction::F64Ne,
        FloatCompare::Lt => Instruction::F64Lt,
        FloatCompare::Le => Instruction::F64Le,
        FloatCompare::Gt => Instruction::F64Gt,
        FloatCompare::Ge => Instruction::F64Ge,
    }
}

/// The bit of the mask that the tag chooses, as a word.
fn has_tag(writer: &mut Writer, mask: u8, value: Val) {
    writer.emit(&Instruction::I64Const(mask.into()));
    writer.value(value);
    writer.emit(&Instruction::I64Const(7));
    writer.emit(&Instruction::I64And);
    writer.emit(&Instruction::I64ShrU);
    writer.emit(&Instruction::I64Const(1));
    writer.emit(&Instruction::I64And);
}

fn overflowing(writer: &mut Writer, op: Overflowing, (a, b): (Val, Val), (result, second): (Option<Val>, Option<Val>)) {
    let instruction = match op {
        Overflowing::Add => Instruction::I64Add,
        Overflowing::Sub => Instruction::I64Sub,
        Overflowing::Mul => Instruction::I64Mul,
    };
    two(writer, a, b, &instruction);
    let scratch = writer.remember();
    let whole = Instruction::LocalGet(scratch);
    writer.emit(&Instruction::Drop);
    if writer.needs(second) {
        match op {
            Overflowing::Add | Overflowing::Sub => {
                // The result's sign is not that of the first operand, and …
                writer.value(a);
                writer.emit(&whole);
                writer.emit(&Instruction::I64Xor);
                if op == Overflowing::Add {
                    // … not that of the second.
                    writer.value(b);
                    writer.emit(&whole);
                } else {
                    // … the operands' signs differ.
                    writer.value(a);
                    writer.value(b);
                }
                writer.emit(&Instruction::I64Xor);
                writer.emit(&Instruction::I64And);
                writer.emit(&Instruction::I64Const(63));
                writer.emit(&Instruction::I64ShrU);
            }
            Overflowing::Mul => product_overflows(writer, (a, b), &whole),
        }
        // The result may take an operand's local.
        writer.define(second);
    }
    if writer.needs(result) {
        writer.emit(&whole);
        writer.define(result);
    }
}

/// Whether a product, of which the low word is at hand, does not fit: divided by an operand, it is not the other one.
fn product_overflows(writer: &mut Writer, (a, b): (Val, Val), product: &Instruction) {
    let choice = BlockType::Result(ValType::I64);
    writer.value(a);
    writer.emit(&Instruction::I64Eqz);
    writer.emit(&Instruction::If(choice));
    writer.emit(&Instruction::I64Const(0));
    writer.emit(&Instruction::Else);
    writer.value(a);
    writer.emit(&Instruction::I64Const(-1));
    writer.emit(&Instruction::I64Eq);
    writer.emit(&Instruction::If(choice));
    // The least number has no opposite, and no division by -1 either.
    writer.value(b);
    writer.emit(&Instruction::I64Const(i64::MIN));
    writer.emit(&Instruction::I64Eq);
    writer.emit(&Instruction::I64ExtendI32U);
    writer.emit(&Instruction::Else);
    writer.emit(product);
    writer.value(a);
    writer.emit(&Instruction::I64DivS);
    writer.value(b);
    writer.emit(&Instruction::I64Ne);
    writer.emit(&Instruction::I64ExtendI32U);
    writer.emit(&Instruction::End);
    writer.emit(&Instruction::End);
}

/// Push whether a condition holds.
pub fn condition(writer: &mut Writer, condition: &Condition) {
    match *condition {
        Condition::NonZero(a) => {
            writer.value(a);
            writer.emit(&Instruction::I64Const(0));
            writer.emit(&Instruction::I64Ne);
        }
        Condition::Compare(op, a, b) => two(writer, a, b, &compare(op)),
        Condition::HasTag(mask, a) => {
            has_tag(writer, mask, a);
            writer.emit(&Instruction::I32WrapI64);
        }
        Condition::FloatCompare(op, a, b) => two(writer, a, b, &float_compare(op)),
    }
}
