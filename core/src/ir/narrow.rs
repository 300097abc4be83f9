//! What functions of narrow words have besides the common operations: 64-bit words in two registers of 32 bits.
//!
//! [`super::passes::legalise`] makes such functions. In them, [`Type::Word`] has 32 bits, and the common operations
//! are those of 32 bits. They have these only, so that a target of 32 bits is as small as one of 64:
//!
//! | common operation | in a function of narrow words |
//! |---|---|
//! | `const` | a number of 32 bits, its sign extended to 64 |
//! | `add sub mul and or xor shl lshr ashr` | of 32 bits; counts of shifts are taken modulo 32 |
//! | `compare.*`, `has_tag`, branches | compare words of 32 bits; 1 or 0 is a narrow word |
//! | `float.*` | as ever; 1 or 0 of a comparison is a narrow word |
//! | `int_to_float`, `float_to_int` | from and to signed numbers of 32 bits; undefined outside their range |
//! | `load`, `store` | of widths `byte`, `four` and `double`; addresses are the sum of narrow words, modulo 2³² |
//! | `load`, `store` of the context | four bytes; offsets are multiples of four |
//! | `data n` | four bytes: the low half of data word `n / 2` if `n` is even, else its high half |
//! | `function_address` | a narrow word |
//! | `call`, `tail_call` | a result that is a 64-bit word is a [`Type::Pair`]: two results, the low half first |
//!
//! There is no `div`, `rem`, `rotl`, `*.overflow`, `float_bits`, `float_from_bits` or `helper`.
//!
//! **Carries.** The second result of [`Narrow::Carry`] is used exactly once, by the operation right after. So it need
//! not be a value in a register: it is the CPU's carry flag, which the allocator's copies do not change. A target must
//! load constants between the two without changing flags.

use super::*;

pub mod arithmetic;
pub use arithmetic::simplify_binary;

/// Sum or difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Carrying {
    /// Sum.
    Add,
    /// Difference.
    Sub,
}

/// What a multiplication with a result twice as wide takes its operands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum WideMul {
    /// Numbers without a sign.
    Unsigned,
    /// Signed numbers.
    Signed,
}

/// An operation of functions of narrow words.
#[derive(Clone, PartialEq, Debug)]
pub enum Narrow {
    /// Two results: the wrapped sum or difference, and the carry or borrow out of it. The latter is used by the next
    /// operation and nowhere else.
    Carry(Carrying, Val, Val),
    /// The sum of two words and a carry, or their difference less a borrow. Two results: the wrapped result, and 1 if
    /// the mathematical result, for signed operands, does not fit, else 0.
    WithCarry(Carrying, Val, Val, Val),
    /// 1 if the comparison holds for two 64-bit words, else 0, given their high halves and the borrow of the
    /// difference of their low halves. The comparison is `lt`, `ge`, `below` or `at_least`.
    CompareWithBorrow(Compare, Val, Val, Val),
    /// Two results: low and high half of a product.
    MulWide(WideMul, Val, Val),
    /// Two results: low and high half of a double's bits.
    FloatHalves(Val),
    /// The double whose bits have this low half and this high half.
    FloatFromHalves(Val, Val),
    /// Call a runtime helper with the context and 64-bit words, each given by its low half, then its high half. Two
    /// results: the halves of the word that the helper returns.
    Helper(Helper, Vec<Val>),
}

impl Narrow {
    /// Types of the results.
    pub fn results(&self) -> &'static [Type] {
        match self {
            Narrow::CompareWithBorrow(..) => &[Type::Word],
            Narrow::FloatFromHalves(..) => &[Type::Double],
            _ => &[Type::Word, Type::Word],
        }
    }

    /// The carry that the operation takes, and from what.
    pub fn carry(&self) -> Option<(Carrying, Val)> {
        match *self {
            Narrow::WithCarry(op, _, _, carry) => Some((op, carry)),
            Narrow::CompareWithBorrow(_, _, _, borrow) => Some((Carrying::Sub, borrow)),
            _ => None,
        }
    }
}

/// A method that visits every operand, by shared or by exclusive reference.
macro_rules! visit_operands {
    ($(#[$doc:meta])* $name:ident $iterate:ident $($mutable:tt)?) => {
        $(#[$doc])*
        pub fn $name(& $($mutable)? self, mut visit: impl FnMut(& $($mutable)? Val)) {
            match self {
                Narrow::Carry(_, a, b) | Narrow::MulWide(_, a, b) | Narrow::FloatFromHalves(a, b) => {
                    visit(a);
                    visit(b);
                }
                Narrow::WithCarry(_, a, b, c) | Narrow::CompareWithBorrow(_, a, b, c) => {
                    visit(a);
                    visit(b);
                    visit(c);
                }
                Narrow::FloatHalves(a) => visit(a),
                Narrow::Helper(_, arguments) => arguments.$iterate().for_each(visit),
            }
        }
    };
}

impl Narrow {
    visit_operands!(
        /// Visit each operand, in order.
        operands iter
    );
    visit_operands!(
        /// Visit each operand, to change it.
        operands_mut iter_mut mut
    );
}

impl fmt::Display for Narrow {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Narrow::Carry(Carrying::Add, a, b) => write!(f, "add.carry {a} {b}"),
            Narrow::Carry(Carrying::Sub, a, b) => write!(f, "sub.borrow {a} {b}"),
            Narrow::WithCarry(Carrying::Add, a, b, carry) => write!(f, "add.with_carry {a} {b} {carry}"),
            Narrow::WithCarry(Carrying::Sub, a, b, borrow) => write!(f, "sub.with_borrow {a} {b} {borrow}"),
            Narrow::CompareWithBorrow(op, a, b, borrow) => {
                write!(f, "compare.{}.with_borrow {a} {b} {borrow}", op.name())
            }
            Narrow::MulWide(op, a, b) => write!(f, "{} {a} {b}", op.name()),
            Narrow::FloatHalves(a) => write!(f, "float_halves {a}"),
            Narrow::FloatFromHalves(low, high) => write!(f, "float_from_halves {low} {high}"),
            Narrow::Helper(helper, arguments) => {
                write!(f, "helper.pair {}", helper.name())?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
        }
    }
}
