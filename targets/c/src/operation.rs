//! The text of operations.

use crate::function::{helper, Writer};
use maru_core::ir::{
    Binary, Compare, Condition, FloatBinary, FloatCompare, FloatUnary, Inst, Op, Overflowing, Type, Val, Width,
};

/// Write an operation. One whose results nobody needs is left out, unless it has an effect.
pub fn operation(writer: &mut Writer, inst: &Inst) {
    let [result, second] = inst.results;
    if !inst.op.has_effect() && !writer.needs(result) && !writer.needs(second) {
        return;
    }
    match &inst.op {
        Op::Overflowing(op, a, b) => overflowing(writer, *op, (*a, *b), result, second),
        Op::Store(width, value, at, offset) => store(writer, *width, *value, &address(*at, None, *offset)),
        Op::StoreIndexed(width, value, at, index, offset) => {
            store(writer, *width, *value, &address(*at, Some(*index), *offset));
        }
        Op::StoreContext(value, offset) => {
            let line = format!("{} = v{};", context(*offset), value.0);
            writer.line(&line);
        }
        Op::Helper(number, arguments) => {
            let words: Vec<String> = arguments.iter().map(|value| format!("v{}", value.0)).collect();
            effect(writer, result, &helper(*number, &words));
        }
        Op::Call(callee, arguments, signature) => {
            let call = writer.call(callee, arguments);
            let call = if signature.result == Type::Double { format!("from_bits({call})") } else { call };
            effect(writer, result, &call);
        }
        Op::FunctionAddress(id) => {
            let name = (writer.names)(*id);
            writer.define(result, &format!("ADDRESS({name})"));
        }
        op => writer.define(result, &expression(op)),
    }
}

/// Something that must be done, whether its result is needed or not.
fn effect(writer: &mut Writer, result: Option<Val>, expression: &str) {
    if writer.needs(result) {
        writer.define(result, expression);
    } else {
        writer.line(&format!("{expression};"));
    }
}

/// An operation whose only effect is its result.
fn expression(op: &Op) -> String {
    match op {
        Op::Const(number) => constant(*number as u64),
        Op::FloatConst(bits) => format!("from_bits({})", constant(*bits)),
        Op::Binary(op, a, b) => binary(*op, *a, *b),
        Op::Compare(op, a, b) => format!("({})", compare(*op, *a, *b)),
        Op::HasTag(mask, a) => format!("({})", has_tag(*mask, *a)),
        Op::FloatBinary(op, a, b) => {
            let sign = match op {
                FloatBinary::Add => '+',
                FloatBinary::Sub => '-',
                FloatBinary::Mul => '*',
                FloatBinary::Div => '/',
            };
            format!("v{} {sign} v{}", a.0, b.0)
        }
        Op::FloatUnary(op, a) => {
            let name = match op {
                FloatUnary::Neg => "negative",
                FloatUnary::Abs => "absolute",
                FloatUnary::Sqrt => "square_root",
            };
            format!("{name}(v{})", a.0)
        }
        Op::FloatCompare(op, a, b) => format!("({})", float_compare(*op, *a, *b)),
        Op::IntToFloat(a) => format!("(double)(int64_t)v{}", a.0),
        Op::FloatToInt(a) => format!("(word)(int64_t)v{}", a.0),
        Op::FloatBits(a) => format!("bits(v{})", a.0),
        Op::FloatFromBits(a) => format!("from_bits(v{})", a.0),
        Op::Load(width, at, offset) => memory(*width, &address(*at, None, *offset)),
        Op::LoadIndexed(width, at, index, offset) => memory(*width, &address(*at, Some(*index), *offset)),
        Op::LoadContext(offset) => context(*offset),
        Op::LoadData(number) => format!("maru_data[{number}]"),
        // Written elsewhere, or refused with the function.
        Op::Overflowing(..)
        | Op::Store(..)
        | Op::StoreIndexed(..)
        | Op::StoreContext(..)
        | Op::FunctionAddress(_)
        | Op::Helper(..)
        | Op::Call(..)
        | Op::Narrow(_) => "0".into(),
    }
}

fn constant(number: u64) -> String {
    match number {
        0..0x1_0000 => format!("UINT64_C({number})"),
        _ => format!("UINT64_C({number:#x})"),
    }
}

/// Base plus index plus offset.
fn address(base: Val, index: Option<Val>, offset: i32) -> String {
    let index = index.map_or(String::new(), |index| format!(" + v{}", index.0));
    match offset {
        0 => format!("v{}{index}", base.0),
        _ if offset < 0 => format!("v{}{index} - {}", base.0, offset.unsigned_abs()),
        _ => format!("v{}{index} + {offset}", base.0),
    }
}

fn memory(width: Width, address: &str) -> String {
    let name = match width {
        Width::Byte => "byte",
        Width::Four => "four",
        Width::Word => "word",
        Width::Double => "double",
    };
    format!("AT({name}, {address})")
}

fn store(writer: &mut Writer, width: Width, value: Val, address: &str) {
    let narrow = match width {
        Width::Byte => "(uint8_t)",
        Width::Four => "(uint32_t)",
        Width::Word | Width::Double => "",
    };
    writer.line(&format!("{} = {narrow}v{};", memory(width, address), value.0));
}

fn context(offset: i32) -> String {
    match offset % 8 {
        0 => format!("c[{}]", offset / 8),
        _ => format!("AT(word, ADDRESS(c) + {offset})"),
    }
}

fn binary(op: Binary, a: Val, b: Val) -> String {
    let (a, b) = (a.0, b.0);
    let plain = |sign: &str| format!("v{a} {sign} v{b}");
    match op {
        Binary::Add => plain("+"),
        Binary::Sub => plain("-"),
        Binary::Mul => plain("*"),
        Binary::And => plain("&"),
        Binary::Or => plain("|"),
        Binary::Xor => plain("^"),
        Binary::Div => format!("(word)((int64_t)v{a} / (int64_t)v{b})"),
        Binary::Rem => format!("(word)((int64_t)v{a} % (int64_t)v{b})"),
        Binary::Shl => format!("v{a} << (v{b} & 63)"),
        Binary::Lshr => format!("v{a} >> (v{b} & 63)"),
        Binary::Ashr => format!("(word)((int64_t)v{a} >> (v{b} & 63))"),
        Binary::Rotl => format!("rotated(v{a}, v{b})"),
    }
}

fn overflowing(writer: &mut Writer, op: Overflowing, (a, b): (Val, Val), result: Option<Val>, second: Option<Val>) {
    let (x, y) = (a.0, b.0);
    let (sum, overflow) = match op {
        Overflowing::Add => {
            (format!("v{x} + v{y}"), format!("((v{x} ^ (v{x} + v{y})) & (v{y} ^ (v{x} + v{y}))) >> 63"))
        }
        Overflowing::Sub => (format!("v{x} - v{y}"), format!("((v{x} ^ v{y}) & (v{x} ^ (v{x} - v{y}))) >> 63")),
        Overflowing::Mul => (format!("v{x} * v{y}"), format!("product_overflows(v{x}, v{y})")),
    };
    writer.define(result, &sum);
    writer.define(second, &overflow);
}

/// Whether a comparison of words holds. Of a value with itself the answer is known; compilers would say so.
fn compare(op: Compare, a: Val, b: Val) -> String {
    if a == b {
        let holds = matches!(op, Compare::Eq | Compare::Le | Compare::Ge | Compare::AtLeast);
        return format!("((void)v{}, {})", a.0, u8::from(holds));
    }
    let (sign, signed) = match op {
        Compare::Eq => ("==", false),
        Compare::Ne => ("!=", false),
        Compare::Lt => ("<", true),
        Compare::Le => ("<=", true),
        Compare::Gt => (">", true),
        Compare::Ge => (">=", true),
        Compare::Below => ("<", false),
        Compare::AtLeast => (">=", false),
    };
    let cast = if signed { "(int64_t)" } else { "" };
    format!("{cast}v{} {sign} {cast}v{}", a.0, b.0)
}

fn float_compare(op: FloatCompare, a: Val, b: Val) -> String {
    let sign = match op {
        FloatCompare::Eq => "==",
        FloatCompare::Ne => "!=",
        FloatCompare::Lt => "<",
        FloatCompare::Le => "<=",
        FloatCompare::Gt => ">",
        FloatCompare::Ge => ">=",
    };
    format!("v{} {sign} v{}", a.0, b.0)
}

fn has_tag(mask: u8, value: Val) -> String {
    format!("{mask}u >> (v{} & 7) & 1", value.0)
}

/// What a branch tests.
pub fn condition(condition: &Condition) -> String {
    match *condition {
        Condition::NonZero(a) => format!("v{} != 0", a.0),
        Condition::Compare(op, a, b) => compare(op, a, b),
        Condition::HasTag(mask, a) => has_tag(mask, a),
        Condition::FloatCompare(op, a, b) => float_compare(op, a, b),
    }
}
