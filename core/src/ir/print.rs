//! The text form of functions, written. [`super::parse`] reads it back; print after parse and parse after print
//! change nothing.
//!
//! ```text
//! function fib(v0: w, v1: w, v2: w) -> w {     ; `entry function` for the entry convention
//! b0:                                          ; the entry: its parameters stand above
//!   v3 = const 2 @12                           ; `@12`: from here on, source line 12
//!   branch has_tag 0x01 v2, b1(v2), b2
//! b1(v4: w):
//!   v5, v6 = sub.overflow v4 v3
//!   branch v6, b2, b3                          ; a word that is not zero
//! b2 cold:
//!   v7 = helper set_cell v2 v3
//!   store.word v7, [v0 + v1 - 8]               ; base, index, offset
//!   v8 = load.word [context + 16]
//!   v9 = data 3                                ; word 3 of the data table
//!   v10 = float 0x3ff8000000000000             ; a double's bits
//!   v11 = call f1(v7, v10) -> w                ; function 1 of the unit, counted from 0
//!   tail_call [v8](v11) -> w
//! b3:
//!   return v5
//! }
//! ```
//!
//! A function of narrow words is a `narrow function`; its own operations are written
//!
//! ```text
//!   v4, v5 = add.carry v0 v2                   ; the carry is used by the next operation, and by no other
//!   v6, v7 = add.with_carry v1 v3 v5           ; sub.borrow and sub.with_borrow likewise
//!   v8 = compare.lt.with_borrow v1 v3 v5
//!   v9, v10 = mul.wide v0 v1                   ; and mul.wide_signed
//!   v11, v12 = float_halves v13
//!   v14 = float_from_halves v11 v12
//!   v15, v16 = helper.pair box_double v11 v12
//!   v17, v18 = call f1(v15, v16) -> ww
//!   return v17 v18
//! ```
//!
//! An operation stands on one line. A comment goes from `;` to the end of the line.

use super::narrow::WideMul;
use super::*;
use std::fmt::{Display, Formatter, Result, Write};

/// The text of all functions of a unit, each under a comment with its number.
pub fn unit_text(functions: &[Function]) -> String {
    let mut text = String::new();
    for (number, function) in functions.iter().enumerate() {
        let gap = if number == 0 { "" } else { "\n" };
        write!(text, "{gap}; f{number}\n{function}").expect("writing to a string");
    }
    text
}

impl Display for Val {
    fn fmt(&self, f: &mut Formatter) -> Result {
        write!(f, "{self:?}")
    }
}

impl Display for Block {
    fn fmt(&self, f: &mut Formatter) -> Result {
        write!(f, "{self:?}")
    }
}

impl Display for FunctionId {
    fn fmt(&self, f: &mut Formatter) -> Result {
        write!(f, "{self:?}")
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter) -> Result {
        f.write_str(match self {
            Type::Word => "w",
            Type::Double => "d",
            Type::Pair => "ww",
        })
    }
}

/// Gives each variant of a plain enumeration its name in text, and finds it by that name.
macro_rules! names {
    ($type:ident: $($variant:ident $text:literal),* $(,)?) => {
        impl $type {
            /// Every variant.
            pub const ALL: &'static [$type] = &[$($type::$variant),*];
            /// The name in IR text.
            pub fn name(self) -> &'static str { match self { $($type::$variant => $text),* } }
            /// The variant of this name.
            pub fn from_name(name: &str) -> Option<$type> {
                match name { $($text => Some($type::$variant),)* _ => None }
            }
        }
    };
}

names!(Binary: Add "add", Sub "sub", Mul "mul", Div "div", Rem "rem", And "and", Or "or", Xor "xor", Shl "shl",
    Lshr "lshr", Ashr "ashr", Rotl "rotl");
names!(Overflowing: Add "add", Sub "sub", Mul "mul");
names!(WideMul: Unsigned "mul.wide", Signed "mul.wide_signed");
names!(Compare: Eq "eq", Ne "ne", Lt "lt", Le "le", Gt "gt", Ge "ge", Below "below", AtLeast "at_least");
names!(FloatBinary: Add "add", Sub "sub", Mul "mul", Div "div");
names!(FloatUnary: Neg "neg", Abs "abs", Sqrt "sqrt");
names!(FloatCompare: Eq "eq", Ne "ne", Lt "lt", Le "le", Gt "gt", Ge "ge");
names!(Width: Byte "byte", Four "four", Word "word", Double "double");

/// A constant: small ones in decimal, others by their bits.
struct Constant(i64);

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter) -> Result {
        if self.0.unsigned_abs() <= 1 << 20 {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:#x}", self.0)
        }
    }
}

/// ` + 8`, ` - 8`, or nothing for 0.
struct Offset(i32);

impl Display for Offset {
    fn fmt(&self, f: &mut Formatter) -> Result {
        match self.0 {
            0 => Ok(()),
            offset if offset < 0 => write!(f, " - {}", offset.unsigned_abs()),
            offset => write!(f, " + {offset}"),
        }
    }
}

/// Values with commas between.
struct List<'a>(&'a [Val]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter) -> Result {
        for (n, value) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{value}")?;
        }
        Ok(())
    }
}

impl Display for Callee {
    fn fmt(&self, f: &mut Formatter) -> Result {
        match self {
            Callee::Function(id) => write!(f, "{id}"),
            Callee::Address(value) => write!(f, "[{value}]"),
        }
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter) -> Result {
        match self {
            Op::Const(number) => write!(f, "const {}", Constant(*number)),
            Op::FloatConst(bits) => write!(f, "float {bits:#018x}"),
            Op::Binary(op, a, b) => write!(f, "{} {a} {b}", op.name()),
            Op::Overflowing(op, a, b) => write!(f, "{}.overflow {a} {b}", op.name()),
            Op::Compare(op, a, b) => write!(f, "compare.{} {a} {b}", op.name()),
            Op::HasTag(mask, a) => write!(f, "has_tag {mask:#04x} {a}"),
            Op::FloatBinary(op, a, b) => write!(f, "float.{} {a} {b}", op.name()),
            Op::FloatUnary(op, a) => write!(f, "float.{} {a}", op.name()),
            Op::FloatCompare(op, a, b) => write!(f, "float.{} {a} {b}", op.name()),
            Op::IntToFloat(a) => write!(f, "int_to_float {a}"),
            Op::FloatToInt(a) => write!(f, "float_to_int {a}"),
            Op::FloatBits(a) => write!(f, "float_bits {a}"),
            Op::FloatFromBits(a) => write!(f, "float_from_bits {a}"),
            Op::Load(width, base, offset) => write!(f, "load.{} [{base}{}]", width.name(), Offset(*offset)),
            Op::LoadIndexed(width, base, index, offset) => {
                write!(f, "load.{} [{base} + {index}{}]", width.name(), Offset(*offset))
            }
            Op::Store(width, value, base, offset) => {
                write!(f, "store.{} {value}, [{base}{}]", width.name(), Offset(*offset))
            }
            Op::StoreIndexed(width, value, base, index, offset) => {
                write!(f, "store.{} {value}, [{base} + {index}{}]", width.name(), Offset(*offset))
            }
            Op::LoadContext(offset) => write!(f, "load.word [context{}]", Offset(*offset)),
            Op::StoreContext(value, offset) => write!(f, "store.word {value}, [context{}]", Offset(*offset)),
            Op::LoadData(n) => write!(f, "data {n}"),
            Op::FunctionAddress(id) => write!(f, "function_address {id}"),
            Op::Helper(helper, arguments) => {
                write!(f, "helper {}", helper.name())?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
            Op::Call(callee, arguments, signature) => {
                write!(f, "call {callee}({}) -> {}", List(arguments), signature.result)
            }
            Op::Narrow(op) => op.fmt(f),
        }
    }
}

impl Display for Inst {
    fn fmt(&self, f: &mut Formatter) -> Result {
        match self.results {
            [Some(first), Some(second)] => write!(f, "{first}, {second} = {}", self.op),
            [Some(first), None] => write!(f, "{first} = {}", self.op),
            _ => write!(f, "{}", self.op),
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter) -> Result {
        if self.arguments.is_empty() {
            return write!(f, "{}", self.block);
        }
        write!(f, "{}({})", self.block, List(&self.arguments))
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter) -> Result {
        match *self {
            Condition::NonZero(value) => write!(f, "{value}"),
            Condition::Compare(op, a, b) => Op::Compare(op, a, b).fmt(f),
            Condition::HasTag(mask, a) => Op::HasTag(mask, a).fmt(f),
            Condition::FloatCompare(op, a, b) => Op::FloatCompare(op, a, b).fmt(f),
        }
    }
}

impl Display for Terminator {
    fn fmt(&self, f: &mut Formatter) -> Result {
        match self {
            Terminator::Jump(target) => write!(f, "jump {target}"),
            Terminator::Branch(condition, then, otherwise) => write!(f, "branch {condition}, {then}, {otherwise}"),
            Terminator::Return(value) => write!(f, "return {value}"),
            Terminator::ReturnPair(low, high) => write!(f, "return {low} {high}"),
            Terminator::TailCall(callee, arguments, signature) => {
                write!(f, "tail_call {callee}({}) -> {}", List(arguments), signature.result)
            }
            Terminator::Unreachable => f.write_str("unreachable"),
        }
    }
}

/// Whether a function's name needs no quotes.
pub(super) fn is_plain_name(name: &str) -> bool {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(start) && name.chars().all(|c| start(c) || c.is_ascii_digit() || c == '.')
}

fn name(f: &mut Formatter, name: &str) -> Result {
    if is_plain_name(name) {
        return f.write_str(name);
    }
    f.write_char('"')?;
    for c in name.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// Parameters with their types.
fn parameters(f: &mut Formatter, function: &Function, parameters: &[Val]) -> Result {
    for (n, &value) in parameters.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        write!(f, "{comma}{value}: {}", function.type_of(value))?;
    }
    Ok(())
}

impl Display for Function {
    fn fmt(&self, f: &mut Formatter) -> Result {
        if self.signature.convention == Convention::Entry {
            f.write_str("entry ")?;
        }
        if self.word == WordWidth::Four {
            f.write_str("narrow ")?;
        }
        f.write_str("function ")?;
        name(f, &self.name)?;
        f.write_char('(')?;
        parameters(f, self, &self.blocks[0].parameters)?;
        writeln!(f, ") -> {} {{", self.signature.result)?;
        let mut lines = self.lines.iter().peekable();
        for (number, data) in self.blocks.iter().enumerate() {
            let block = Block(number as u32);
            write!(f, "{block}")?;
            if number != 0 && !data.parameters.is_empty() {
                f.write_char('(')?;
                parameters(f, self, &data.parameters)?;
                f.write_char(')')?;
            }
            f.write_str(if data.cold { " cold:\n" } else { ":\n" })?;
            let mut line_at = |f: &mut Formatter, at: usize| match lines.peek() {
                Some(&&(of, index, line)) if (of, index as usize) == (block, at) => {
                    lines.next();
                    write!(f, " @{line}")
                }
                _ => Ok(()),
            };
            for (at, inst) in data.insts.iter().enumerate() {
                write!(f, "  {inst}")?;
                line_at(f, at)?;
                if let Op::FloatConst(bits) = inst.op {
                    write!(f, " ; {:?}", f64::from_bits(bits))?;
                }
                f.write_char('\n')?;
            }
            write!(f, "  {}", data.terminator)?;
            line_at(f, data.insts.len())?;
            f.write_char('\n')?;
        }
        f.write_str("}\n")
    }
}
