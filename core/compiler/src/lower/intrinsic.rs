//! Primitives that the lowering knows how to do inline, by name.

use super::condition::TypeTest;
use super::list_search::ListSearch;
use super::table::TableUse;
use maru_core::abi::layout::{Kind, INLINE_ALLOCATION_MAX, PAIR_SIZE};
use maru_core::ir::{Binary, Compare, FloatBinary, Overflowing};

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
    /// `<<`.
    ShiftLeft,
    /// `>>`.
    ShiftRight,
    /// `zero? positive? negative?`.
    Sign(Compare),
    /// `even?` (true) and `odd?`.
    Even(bool),
    /// `not`, `null?`.
    Not,
    /// `pair?`, `symbol?` and others that ask for a type.
    Is(TypeTest),
    /// `eq`.
    Identical,
    /// `cons`.
    Cons,
    /// `list` of a few.
    List,
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
    /// `set-string-at`.
    SetStringAt,
    /// `array-length` (true), `string-length`.
    Length(bool),
    /// `table-at`, `set-table-at`, `table-has?`.
    Table(TableUse),
    /// `assq`, `memq`.
    Search(ListSearch),
    /// `abs`.
    Abs,
    /// `min` (true) and `max` of two.
    Extreme(bool),
    /// `sqrt`.
    Sqrt,
    /// `exact->inexact`.
    ToDouble,
    /// None of these: the primitive's function is called, without a detour through the interpreter.
    Direct,
    /// `%field` and `%set-field`.
    NamedField,
    /// `%field-at` and `%set-field-at`.
    FieldAt,
    /// `new`, for classes that are expected to have that many fields.
    New(usize),
}

/// The longest list that is made inline.
const LONGEST_LIST: usize = INLINE_ALLOCATION_MAX / PAIR_SIZE;

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
            "not" | "null?" | "nil?" => (Not, arguments == 1),
            "pair?" => (Is(TypeTest::Pair), arguments == 1),
            "number?" => (Is(TypeTest::Number), arguments == 1),
            "integer?" | "long?" => (Is(TypeTest::Integer), arguments == 1),
            "double?" => (Is(TypeTest::Double), arguments == 1),
            "eq" | "eq?" => (Identical, arguments == 2),
            "cons" => (Cons, arguments == 2),
            "list" => (List, (1..=LONGEST_LIST).contains(&arguments)),
            "set-car" => (SetPair(false), arguments == 2),
            "set-cdr" => (SetPair(true), arguments == 2),
            "array-at" => (ArrayAt, arguments == 2),
            "set-array-at" => (SetArrayAt, arguments == 3),
            "string-at" => (StringAt, arguments == 2),
            "set-string-at" => (SetStringAt, arguments == 3),
            "array-length" => (Length(true), arguments == 1),
            "string-length" => (Length(false), arguments == 1),
            "table-at" | "table-ref" => (Table(TableUse::Get), (2..=3).contains(&arguments)),
            "set-table-at" => (Table(TableUse::Set), arguments == 3),
            "table-has?" => (Table(TableUse::Has), arguments == 2),
            "assq" => (Search(ListSearch::Association), arguments == 2),
            "memq" => (Search(ListSearch::Member), arguments == 2),
            "abs" => (Abs, arguments == 1),
            "min" => (Extreme(true), arguments == 2),
            "max" => (Extreme(false), arguments == 2),
            "sqrt" => (Sqrt, arguments == 1),
            "exact->inexact" => (ToDouble, arguments == 1),
            "%field" => (NamedField, arguments == 2),
            "%set-field" => (NamedField, arguments == 3),
            "%field-at" => (FieldAt, arguments == 3),
            "%set-field-at" => (FieldAt, arguments == 4),
            "new" => (New(arguments.saturating_sub(1)), arguments >= 1),
            "first" => (Path(1, 0), arguments == 1),
            "second" => (Path(2, 1), arguments == 1),
            _ => {
                let kind = Kind::ALL.into_iter().find(|kind| predicate(*kind) == Some(name));
                let found = kind.map(|kind| Is(TypeTest::Kind(kind)));
                return found.or_else(|| Intrinsic::path(name)).filter(|_| arguments == 1);
            }
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
        matches!(self, Order(_) | Equal(_) | Sign(_) | Even(_) | Not | Is(_) | Identical)
    }

    /// Whether knowing the operands' types helps.
    pub fn wants_types(self) -> bool {
        use Intrinsic::*;
        let any = matches!(self, Not | Identical | Cons | List | Is(_) | Table(_) | Search(_) | Direct);
        !any && !matches!(self, NamedField | FieldAt | New(_))
    }

    /// Whether doubles are done inline.
    pub fn has_doubles(self) -> bool {
        use Intrinsic::*;
        matches!(self, Arithmetic(_) | Divide | Order(_) | Equal(_) | Sign(_) | Abs | Extreme(_) | Sqrt | ToDouble)
    }

    /// Whether the types of its operands are guessed for the code that follows.
    pub fn guesses(self) -> bool {
        use Intrinsic::*;
        let integers = matches!(self, Quotient | Remainder | Modulo | Bits(_) | ShiftLeft | ShiftRight | Even(_));
        integers || self.has_doubles() && !matches!(self, Sqrt | ToDouble)
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

/// The predicate that asks for objects of a kind.
fn predicate(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Symbol => "symbol?",
        Kind::String => "string?",
        Kind::Array => "array?",
        Kind::Data => "data?",
        Kind::Environment => "environment?",
        Kind::Class => "class?",
        Kind::Table => "table?",
        Kind::Form => "form?",
        Kind::Port => "port?",
        Kind::Closure => "expr?",
        Kind::Primitive => "subr?",
        _ => return None,
    })
}
