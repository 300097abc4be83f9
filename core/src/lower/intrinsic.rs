//! Primitives that the lowering knows how to do inline, by name.

use crate::ir::{Binary, Compare, FloatBinary, Overflowing};

/// What a primitive does, where compiled code has a fast way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intrinsic {
    /// `+ - *` on any number of arguments from one (`-`: two) up.
    Arithmetic(Overflowing),
    /// `/`: truncates integers.
    Divide,
    /// `quotient`.
    Quotient,
    /// `remainder`, `%`.
    Remainder,
    /// `modulo`.
    Modulo,
    /// `< <= > >=` on two arguments.
    Order(Compare),
    /// `=` and `!=` on two arguments.
    Equal(bool),
    /// `& | ^` on two arguments.
    Bits(Binary),
    /// `<<` by a constant.
    ShiftLeft,
    /// `>>` by a constant.
    ShiftRight,
    /// `zero? positive? negative?`.
    Sign(Compare),
    /// `even?` (true) and `odd?`.
    Even(bool),
    /// `not`, `null?`.
    Not,
    /// `pair?`.
    IsPair,
    /// `eq`.
    Identical,
    /// `cons`.
    Cons,
    /// `car`, `cdr` and their chains: how many steps, and the steps as bits, the first lowest, 1 for cdr.
    Path(u8, u8),
    /// `set-car`, `set-cdr` (true).
    SetPair(bool),
    /// `array-at`.
    ArrayAt,
    /// `set-array-at`.
    SetArrayAt,
    /// `string-at`.
    StringAt,
    /// `array-length` (true), `string-length`.
    Length(bool),
    /// `abs`.
    Abs,
    /// `sqrt`.
    Sqrt,
    /// `exact->inexact`.
    ToDouble,
    /// `%field` and `%set-field`.
    NamedField,
    /// `%field-at` and `%set-field-at`.
    FieldAt,
    /// `new`, for classes that are expected to have that many fields.
    New(usize),
}

impl Intrinsic {
    /// What the primitive of this name does, when called with that many arguments.
    pub fn find(name: &str, arguments: usize) -> Option<Intrinsic> {
        use Intrinsic::*;
        let (intrinsic, accepts) = match name {
            "+" => (Arithmetic(Overflowing::Add), arguments >= 2),
            "-" => (Arithmetic(Overflowing::Sub), arguments >= 2),
            "*" => (Arithmetic(Overflowing::Mul), arguments >= 2),
            "/" => (Divide, arguments == 2),
            "quotient" => (Quotient, arguments == 2),
            "remainder" | "%" => (Remainder, arguments == 2),
            "modulo" => (Modulo, arguments == 2),
            "<" => (Order(Compare::Lt), arguments == 2),
            "<=" => (Order(Compare::Le), arguments == 2),
            ">" => (Order(Compare::Gt), arguments == 2),
            ">=" => (Order(Compare::Ge), arguments == 2),
            "=" => (Equal(true), arguments == 2),
            "!=" => (Equal(false), arguments == 2),
            "&" => (Bits(Binary::And), arguments == 2),
            "|" => (Bits(Binary::Or), arguments == 2),
            "^" => (Bits(Binary::Xor), arguments == 2),
            "<<" => (ShiftLeft, arguments == 2),
            ">>" => (ShiftRight, arguments == 2),
            "zero?" => (Sign(Compare::Eq), arguments == 1),
            "positive?" => (Sign(Compare::Gt), arguments == 1),
            "negative?" => (Sign(Compare::Lt), arguments == 1),
            "even?" => (Even(true), arguments == 1),
            "odd?" => (Even(false), arguments == 1),
            "not" | "null?" => (Not, arguments == 1),
            "pair?" => (IsPair, arguments == 1),
            "eq" | "eq?" => (Identical, arguments == 2),
            "cons" => (Cons, arguments == 2),
            "set-car" => (SetPair(false), arguments == 2),
            "set-cdr" => (SetPair(true), arguments == 2),
            "array-at" => (ArrayAt, arguments == 2),
            "set-array-at" => (SetArrayAt, arguments == 3),
            "string-at" => (StringAt, arguments == 2),
            "array-length" => (Length(true), arguments == 1),
            "string-length" => (Length(false), arguments == 1),
            "abs" => (Abs, arguments == 1),
            "sqrt" => (Sqrt, arguments == 1),
            "exact->inexact" => (ToDouble, arguments == 1),
            "%field" => (NamedField, arguments == 2),
            "%set-field" => (NamedField, arguments == 3),
            "%field-at" => (FieldAt, arguments == 3),
            "%set-field-at" => (FieldAt, arguments == 4),
            "new" => (New(arguments.saturating_sub(1)), arguments >= 1),
            _ => return Intrinsic::path(name).filter(|_| arguments == 1),
        };
        accepts.then_some(intrinsic)
    }

    fn path(name: &str) -> Option<Intrinsic> {
        let steps = name.strip_prefix('c')?.strip_suffix('r')?;
        if steps.is_empty() || steps.len() > 4 || !steps.bytes().all(|step| step == b'a' || step == b'd') {
            return None;
        }
        let bits = steps.bytes().fold(0, |bits, step| bits << 1 | u8::from(step == b'd'));
        Some(Intrinsic::Path(steps.len() as u8, bits))
    }

    /// Whether the result is `#t` or nil, so that a test of it needs no value.
    pub fn is_test(self) -> bool {
        use Intrinsic::*;
        matches!(self, Order(_) | Equal(_) | Sign(_) | Even(_) | Not | IsPair | Identical)
    }

    /// Whether knowing the operands' types helps.
    pub fn wants_types(self) -> bool {
        use Intrinsic::*;
        !matches!(self, Not | Identical | Cons | NamedField | FieldAt | New(_))
    }

    /// The operation on doubles that belongs to an arithmetic operation.
    pub fn on_doubles(op: Overflowing) -> FloatBinary {
        match op {
            Overflowing::Add => FloatBinary::Add,
            Overflowing::Sub => FloatBinary::Sub,
            Overflowing::Mul => FloatBinary::Mul,
        }
    }
}
