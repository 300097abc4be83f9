//! The IR: functions in static single assignment form, with block parameters in place of phi nodes.
//!
//! It is low-level: every value is a 64-bit word or a double, and memory is addressed by base and offset. What a
//! word means (a tag, a pointer) is known only to the lowering and to the layout module. It has a text form
//! ([`mod@print`], [`parse`]), a [`verify`]er, an [`evaluate`]or, and [`passes`].
//!
//! For CPUs whose registers have 32 bits, [`passes::legalise`] makes a function whose words are that narrow; the
//! operations that only such functions have are in [`narrow`].

pub mod arithmetic;
pub mod build;
pub mod coverage;
pub mod evaluate;
pub mod flow;
pub mod narrow;
mod needed;
pub mod parse;
pub mod passes;
pub mod print;
pub mod verify;
mod visit;

pub use crate::abi::Helper;
pub use build::FunctionBuilder;
pub use narrow::Narrow;
pub use needed::needed_values;

use std::fmt;

/// An SSA value of a function: an index into its `types`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Val(pub u32);
/// A basic block: an index into a function's `blocks`. Block 0 is the entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(pub u32);
/// A function of the same unit: an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}
impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}
impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "f{}", self.0)
    }
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Type {
    /// A word, as wide as [`Function::word`] says: a tagged value, an integer or an address. Text form `w`.
    Word,
    /// An IEEE binary64 number. Text form `d`.
    Double,
    /// A 64-bit word in two narrow ones. No value has this type: only results of narrow functions do. Text form `ww`.
    Pair,
}

/// How wide the words of a function are: its values of type [`Type::Word`]. All functions of a unit agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum WordWidth {
    /// Eight bytes: all that the lowering makes.
    #[default]
    Eight,
    /// Four bytes: what [`passes::legalise`] makes for CPUs with registers of 32 bits.
    Four,
}

/// How a function is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Convention {
    /// Called by Maru code: parameters by the target's own rules, all allocatable registers caller-saved, the
    /// context in its fixed register. Arguments past the registers are words in the context's argument area at
    /// their own index among the word parameters.
    Maru,
    /// Called from the runtime by the host's C convention, as `fn(context, word, …) -> word` with at most four
    /// words after the context. Saves every register that C preserves, and sets up the context's register.
    Entry,
}

/// Parameter and result types.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Signature {
    /// How it is called.
    pub convention: Convention,
    /// Types of the parameters, the same as those of block 0.
    pub parameters: Vec<Type>,
    /// Type of the one result.
    pub result: Type,
}

/// Two-operand integer operations on words. Shift counts are taken modulo 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Binary {
    /// Wrapping sum.
    Add,
    /// Wrapping difference.
    Sub,
    /// Wrapping product.
    Mul,
    /// Signed quotient, truncated. Divisor 0 and MIN / -1 are undefined: whoever emits it excludes them.
    Div,
    /// Signed remainder of the truncated quotient; undefined in the same cases.
    Rem,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left.
    Shl,
    /// Shift right, zeros enter.
    Lshr,
    /// Shift right, the sign enters.
    Ashr,
    /// Rotate left.
    Rotl,
}

/// Operations whose overflow is observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Overflowing {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
}

/// Two-operand operations on doubles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FloatBinary {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
}

/// One-operand operations on doubles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FloatUnary {
    /// Sign changed.
    Neg,
    /// Sign cleared.
    Abs,
    /// Square root, correctly rounded.
    Sqrt,
}

/// Comparisons of words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Different.
    Ne,
    /// Signed less.
    Lt,
    /// Signed less or equal.
    Le,
    /// Signed greater.
    Gt,
    /// Signed greater or equal.
    Ge,
    /// Unsigned less.
    Below,
    /// Unsigned greater or equal.
    AtLeast,
}

impl Compare {
    /// The comparison that holds exactly when this one does not.
    pub fn negate(self) -> Compare {
        use Compare::*;
        match self {
            Eq => Ne,
            Ne => Eq,
            Lt => Ge,
            Le => Gt,
            Gt => Le,
            Ge => Lt,
            Below => AtLeast,
            AtLeast => Below,
        }
    }
}

/// Comparisons of doubles. All but `Ne` are false if an operand is NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FloatCompare {
    /// Equal.
    Eq,
    /// Different, or unordered.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// Width of a memory access of words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Width {
    /// One byte; loads extend with zeros.
    Byte,
    /// Four bytes; loads extend with zeros.
    Four,
    /// A whole word.
    Word,
    /// A double.
    Double,
}

/// Whom a call reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Callee {
    /// A function of the same unit.
    Function(FunctionId),
    /// The address in a word.
    Address(Val),
}

/// One operation. The number of results is given by [`Op::results`].
#[derive(Clone, PartialEq, Debug)]
pub enum Op {
    /// An integer constant.
    Const(i64),
    /// A double constant, by its bits.
    FloatConst(u64),
    /// Integer operation.
    Binary(Binary, Val, Val),
    /// Two results: the wrapped result, and 1 if the mathematical result does not fit 64 bits, else 0.
    Overflowing(Overflowing, Val, Val),
    /// 1 if it holds, else 0.
    Compare(Compare, Val, Val),
    /// 1 if bit `value & 7` of the mask is set, else 0: "has one of these tags".
    HasTag(u8, Val),
    /// Operation on doubles.
    FloatBinary(FloatBinary, Val, Val),
    /// Operation on a double.
    FloatUnary(FloatUnary, Val),
    /// 1 if it holds, else 0.
    FloatCompare(FloatCompare, Val, Val),
    /// The double nearest to a signed word.
    IntToFloat(Val),
    /// A double truncated to a signed word. Undefined outside its range: whoever emits it excludes that.
    FloatToInt(Val),
    /// A double's bits as a word.
    FloatBits(Val),
    /// The double with these bits.
    FloatFromBits(Val),
    /// Load from base plus offset.
    Load(Width, Val, i32),
    /// Load from base plus index (in bytes) plus offset.
    LoadIndexed(Width, Val, Val, i32),
    /// Store a value (first operand) to base plus offset. No result.
    Store(Width, Val, Val, i32),
    /// Store a value (first operand) to base plus index plus offset. No result.
    StoreIndexed(Width, Val, Val, Val, i32),
    /// Load a word of the context.
    LoadContext(i32),
    /// Store to a word of the context. No result.
    StoreContext(Val, i32),
    /// Load word `n` of the image's data table.
    LoadData(u32),
    /// The address of a function of the unit.
    FunctionAddress(FunctionId),
    /// Call a runtime helper with the context and these words (at most five).
    Helper(Helper, Vec<Val>),
    /// Call by the Maru convention.
    Call(Callee, Vec<Val>, Signature),
    /// An operation that only functions of narrow words have.
    Narrow(Narrow),
}

impl Op {
    /// Types of the results, given the function for operand types.
    pub fn results(&self) -> &[Type] {
        use Type::*;
        match self {
            Op::Store(..) | Op::StoreIndexed(..) | Op::StoreContext(..) => &[],
            Op::Overflowing(..) => &[Word, Word],
            Op::FloatConst(_)
            | Op::FloatBinary(..)
            | Op::FloatUnary(..)
            | Op::IntToFloat(_)
            | Op::FloatFromBits(_)
            | Op::Load(Width::Double, ..)
            | Op::LoadIndexed(Width::Double, ..) => &[Double],
            Op::Call(_, _, signature) if signature.result == Double => &[Double],
            Op::Call(_, _, signature) if signature.result == Pair => &[Word, Word],
            Op::Narrow(op) => op.results(),
            _ => &[Word],
        }
    }
}

/// An operation with its results.
#[derive(Clone, PartialEq, Debug)]
pub struct Inst {
    /// What it does.
    pub op: Op,
    /// The values it defines: none, one, or two.
    pub results: [Option<Val>; 2],
}

/// A jump to a block with arguments for its parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// The block.
    pub block: Block,
    /// One value for each of its parameters.
    pub arguments: Vec<Val>,
}

/// What a branch tests.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Condition {
    /// A word that is not zero.
    NonZero(Val),
    /// A comparison of words.
    Compare(Compare, Val, Val),
    /// A tag test, as in [`Op::HasTag`].
    HasTag(u8, Val),
    /// A comparison of doubles.
    FloatCompare(FloatCompare, Val, Val),
}

/// How a block ends.
#[derive(Clone, PartialEq, Debug)]
pub enum Terminator {
    /// Go on elsewhere.
    Jump(Target),
    /// Go to the first target if the condition holds, else to the second.
    Branch(Condition, Target, Target),
    /// Return a value.
    Return(Val),
    /// Return a 64-bit word from a function of narrow words: its low half, its high half.
    ReturnPair(Val, Val),
    /// Leave the frame, then jump to a function of the Maru convention.
    TailCall(Callee, Vec<Val>, Signature),
    /// Never reached; traps if it is.
    Unreachable,
}

/// A basic block.
#[derive(Clone, PartialEq, Debug)]
pub struct BlockData {
    /// Parameters, defined on entry.
    pub parameters: Vec<Val>,
    /// Operations in order.
    pub insts: Vec<Inst>,
    /// The end.
    pub terminator: Terminator,
    /// Unlikely to run: placed after the others.
    pub cold: bool,
}

/// A function.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    /// Its name, for symbols and listings.
    pub name: String,
    /// How wide its words are.
    pub word: WordWidth,
    /// How it is called, and with what.
    pub signature: Signature,
    /// Blocks; the first is the entry and its parameters are the function's.
    pub blocks: Vec<BlockData>,
    /// Type of each value.
    pub types: Vec<Type>,
    /// Source positions for line tables: (block, index of instruction, line), ascending.
    pub lines: Vec<(Block, u32, u32)>,
}

impl Function {
    /// The type of a value.
    pub fn type_of(&self, value: Val) -> Type {
        self.types[value.0 as usize]
    }
    /// A block.
    pub fn block(&self, block: Block) -> &BlockData {
        &self.blocks[block.0 as usize]
    }
}
