//! What of an instruction set's edges a set of functions touches: a *cell* is an operation with the kind of its operands
//! (in registers, one value twice, a constant on either side) and, of a constant, how wide it is. Every CPU's immediates,
//! displacements and special cases end somewhere between two of these widths.
//!
//! Cells are counted where operations are executed, not where they are written: [`record`] collects what the evaluator
//! runs. Machine code made of the same functions executes the same operations, unless it is wrong.

use super::*;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// Bits after which a class of constants ends: at 2^n - 1 upwards, at -2^n downwards.
const WIDTHS: [u32; 16] = [3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 20, 24, 31, 32, 47, 63];

/// An operation, as far as targets select different code for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Operation {
    /// On words.
    Binary(Binary),
    /// On words, its overflow observed.
    Overflowing(Overflowing),
    /// Of words, as a value.
    Compare(Compare),
    /// Of words, in a branch.
    CompareBranch(Compare),
    /// On doubles.
    FloatBinary(FloatBinary),
    /// Of doubles, as a value.
    FloatCompare(FloatCompare),
    /// Of doubles, in a branch.
    FloatCompareBranch(FloatCompare),
    /// On a double.
    FloatUnary(FloatUnary),
    /// A load at base plus offset.
    Load(Width),
    /// A load at base plus index plus offset.
    LoadIndexed(Width),
    /// A store at base plus offset.
    Store(Width),
    /// A store at base plus index plus offset.
    StoreIndexed(Width),
    /// A store, by what is stored.
    StoredValue(Width),
    /// A tag test as a value.
    HasTag,
    /// A tag test in a branch.
    HasTagBranch,
    /// A branch on a word.
    NonZeroBranch,
    /// A conversion.
    IntToFloat,
    /// A conversion.
    FloatToInt,
}

/// The kinds of an operation's operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Operands {
    /// Values that are no constants.
    Values,
    /// One value for both.
    Same,
    /// A constant first.
    Left(Class),
    /// A constant last: a second operand, an offset, a word that is stored.
    Right(Class),
}

/// How large a constant is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Class {
    /// 0 (of doubles, +0.0), 1 or -1.
    Special(i8),
    /// The first of the widths that holds it, and whether it is negative.
    Width(u8, bool),
    /// A double.
    Double,
}

impl Class {
    /// The class of a constant word.
    pub fn of(number: i64) -> Class {
        if let -1..=1 = number {
            return Class::Special(number as i8);
        }
        let fits = |width: &&u32| number >> **width == number >> 63;
        let width = WIDTHS.iter().find(fits).expect("63 bits and a sign hold every word");
        Class::Width(*width as u8, number < 0)
    }

    fn words() -> impl Iterator<Item = Class> {
        let widths = WIDTHS.iter().flat_map(|width| [false, true].map(|negative| Class::Width(*width as u8, negative)));
        (-1..=1).map(Class::Special).chain(widths)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Class::Special(number) => write!(f, "{number}"),
            Class::Width(width, false) => write!(f, "+{width} bits"),
            Class::Width(width, true) => write!(f, "-{width} bits"),
            Class::Double => f.write_str("constant"),
        }
    }
}

/// An operation with the kinds of its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Cell {
    /// The operation.
    pub operation: Operation,
    /// Its operands.
    pub operands: Operands,
}

impl Cell {
    /// All cells, in an order that depends on nothing but this version of the IR.
    pub fn all() -> &'static [Cell] {
        static ALL: LazyLock<Vec<Cell>> = LazyLock::new(all);
        &ALL
    }

    /// Its number among all.
    pub fn number(self) -> usize {
        static NUMBERS: LazyLock<HashMap<Cell, usize>> =
            LazyLock::new(|| Cell::all().iter().copied().zip(0..).collect());
        NUMBERS[&self]
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.operation {
            Operation::Binary(op) => f.write_str(op.name()),
            Operation::Overflowing(op) => write!(f, "{}.overflow", op.name()),
            Operation::Compare(op) => write!(f, "compare.{}", op.name()),
            Operation::CompareBranch(op) => write!(f, "branch compare.{}", op.name()),
            Operation::FloatBinary(op) => write!(f, "float.{}", op.name()),
            Operation::FloatCompare(op) => write!(f, "float.{}", op.name()),
            Operation::FloatCompareBranch(op) => write!(f, "branch float.{}", op.name()),
            Operation::FloatUnary(op) => write!(f, "float.{}", op.name()),
            Operation::Load(width) => write!(f, "load.{}", width.name()),
            Operation::LoadIndexed(width) => write!(f, "load.{} indexed", width.name()),
            Operation::Store(width) => write!(f, "store.{}", width.name()),
            Operation::StoreIndexed(width) => write!(f, "store.{} indexed", width.name()),
            Operation::StoredValue(width) => write!(f, "store.{} of", width.name()),
            Operation::HasTag => f.write_str("has_tag"),
            Operation::HasTagBranch => f.write_str("branch has_tag"),
            Operation::NonZeroBranch => f.write_str("branch"),
            Operation::IntToFloat => f.write_str("int_to_float"),
            Operation::FloatToInt => f.write_str("float_to_int"),
        }?;
        match self.operands {
            Operands::Values => Ok(()),
            Operands::Same => f.write_str(" of one value"),
            Operands::Left(class) => write!(f, " {class}, value"),
            Operands::Right(class) => write!(f, " value, {class}"),
        }
    }
}

fn all() -> Vec<Cell> {
    use Operation::{
        Binary, Compare, CompareBranch, FloatBinary, FloatCompare, FloatCompareBranch, FloatToInt, FloatUnary, HasTag,
        HasTagBranch, IntToFloat, Load, LoadIndexed, NonZeroBranch, Overflowing, Store, StoreIndexed, StoredValue,
    };
    let mut cells = Vec::new();
    let mut add = |operation, operands: &mut dyn Iterator<Item = Operands>| {
        cells.extend(operands.map(|operands| Cell { operation, operands }));
    };
    let two = || [Operands::Values, Operands::Same].into_iter();
    let either = || two().chain(Class::words().flat_map(|class| [Operands::Left(class), Operands::Right(class)]));
    let right = || Class::words().map(Operands::Right);
    let doubles = || {
        let zero = Class::Special(0);
        let constants = [zero, Class::Double].into_iter();
        two().chain(constants.flat_map(|class| [Operands::Left(class), Operands::Right(class)]))
    };
    let value = || std::iter::once(Operands::Values);
    self::Binary::ALL.iter().for_each(|op| add(Binary(*op), &mut either()));
    self::Overflowing::ALL.iter().for_each(|op| add(Overflowing(*op), &mut either()));
    for op in self::Compare::ALL {
        add(Compare(*op), &mut either());
        add(CompareBranch(*op), &mut either());
    }
    self::FloatBinary::ALL.iter().for_each(|op| add(FloatBinary(*op), &mut doubles()));
    for op in self::FloatCompare::ALL {
        add(FloatCompare(*op), &mut doubles());
        add(FloatCompareBranch(*op), &mut doubles());
    }
    self::FloatUnary::ALL.iter().for_each(|op| add(FloatUnary(*op), &mut value()));
    for width in Width::ALL {
        // Offsets have 32 bits.
        let offsets = || right().filter(|operands| !matches!(operands, Operands::Right(Class::Width(32.., _))));
        for operation in [Load(*width), LoadIndexed(*width), Store(*width), StoreIndexed(*width)] {
            add(operation, &mut offsets());
        }
        match width {
            Width::Double => {
                add(StoredValue(*width), &mut doubles().filter(|kinds| matches!(kinds, Operands::Right(_))))
            }
            _ => add(StoredValue(*width), &mut right()),
        }
    }
    for operation in [HasTag, HasTagBranch, NonZeroBranch, IntToFloat, FloatToInt] {
        add(operation, &mut value());
    }
    cells
}

/// What is constant in a function.
#[derive(Debug)]
pub(super) struct Constants {
    words: HashMap<Val, Class>,
}

impl Constants {
    pub(super) fn of(function: &Function) -> Constants {
        let mut words = HashMap::new();
        for inst in function.blocks.iter().flat_map(|block| &block.insts) {
            let class = match inst.op {
                Op::Const(number) => Class::of(number),
                Op::FloatConst(0) => Class::Special(0),
                Op::FloatConst(_) => Class::Double,
                _ => continue,
            };
            words.extend(inst.results[0].map(|result| (result, class)));
        }
        Constants { words }
    }

    /// The kinds of two operands; `None` if both are constants, which nobody selects code for.
    fn kinds(&self, a: Val, b: Val) -> Option<Operands> {
        match (self.words.get(&a), self.words.get(&b)) {
            (None, None) if a == b => Some(Operands::Same),
            (None, None) => Some(Operands::Values),
            (Some(class), None) => Some(Operands::Left(*class)),
            (None, Some(class)) => Some(Operands::Right(*class)),
            (Some(_), Some(_)) => None,
        }
    }

    fn value(&self, a: Val) -> Option<Operands> {
        (!self.words.contains_key(&a)).then_some(Operands::Values)
    }

    fn operation(&self, op: &Op, mut see: impl FnMut(Operation, Option<Operands>)) {
        let offset = |offset: i32| Some(Operands::Right(Class::of(offset.into())));
        match op {
            Op::Binary(op, a, b) => see(Operation::Binary(*op), self.kinds(*a, *b)),
            Op::Overflowing(op, a, b) => see(Operation::Overflowing(*op), self.kinds(*a, *b)),
            Op::Compare(op, a, b) => see(Operation::Compare(*op), self.kinds(*a, *b)),
            Op::FloatBinary(op, a, b) => see(Operation::FloatBinary(*op), self.kinds(*a, *b)),
            Op::FloatCompare(op, a, b) => see(Operation::FloatCompare(*op), self.kinds(*a, *b)),
            Op::FloatUnary(op, a) => see(Operation::FloatUnary(*op), self.value(*a)),
            Op::HasTag(_, a) => see(Operation::HasTag, self.value(*a)),
            Op::IntToFloat(a) => see(Operation::IntToFloat, self.value(*a)),
            Op::FloatToInt(a) => see(Operation::FloatToInt, self.value(*a)),
            Op::Load(width, _, by) => see(Operation::Load(*width), offset(*by)),
            Op::LoadIndexed(width, _, _, by) => see(Operation::LoadIndexed(*width), offset(*by)),
            Op::Store(width, value, _, by) | Op::StoreIndexed(width, value, _, _, by) => {
                let indexed = matches!(op, Op::StoreIndexed(..));
                let operation = if indexed { Operation::StoreIndexed } else { Operation::Store };
                see(operation(*width), offset(*by));
                see(Operation::StoredValue(*width), self.words.get(value).map(|class| Operands::Right(*class)));
            }
            _ => {}
        }
    }

    fn condition(&self, condition: &Condition) -> (Operation, Option<Operands>) {
        match *condition {
            Condition::NonZero(a) => (Operation::NonZeroBranch, self.value(a)),
            Condition::Compare(op, a, b) => (Operation::CompareBranch(op), self.kinds(a, b)),
            Condition::HasTag(_, a) => (Operation::HasTagBranch, self.value(a)),
            Condition::FloatCompare(op, a, b) => (Operation::FloatCompareBranch(op), self.kinds(a, b)),
        }
    }
}

/// Cells that were met, by their numbers.
pub type Cells = BTreeSet<u16>;

thread_local! {
    static RECORDED: RefCell<Option<Cells>> = const { RefCell::new(None) };
}

/// Start to collect the cells of what this thread's evaluators execute for the first time.
pub fn record() {
    RECORDED.set(Some(Cells::new()));
}

/// What was collected since the last call, or since [`record`].
pub fn recorded() -> Cells {
    RECORDED.with_borrow_mut(|recorded| recorded.as_mut().map(std::mem::take)).unwrap_or_default()
}

/// A block of a function is executed that was not before.
pub(super) fn executed(function: &Function, block: Block, constants: &Constants) {
    RECORDED.with_borrow_mut(|recorded| {
        let Some(recorded) = recorded else { return };
        let mut see = |operation, operands: Option<Operands>| {
            recorded.extend(operands.map(|operands| Cell { operation, operands }.number() as u16));
        };
        let data = function.block(block);
        data.insts.iter().for_each(|inst| constants.operation(&inst.op, &mut see));
        if let Terminator::Branch(condition, ..) = &data.terminator {
            let (operation, operands) = constants.condition(condition);
            see(operation, operands);
        }
    });
}

/// Whether anybody collects.
pub(super) fn is_recording() -> bool {
    RECORDED.with_borrow(Option::is_some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_end_where_widths_do() {
        for (number, class) in [
            (0, "0"),
            (-1, "-1"),
            (2, "+3 bits"),
            (7, "+3 bits"),
            (8, "+4 bits"),
            (-8, "-3 bits"),
            (-9, "-4 bits"),
            (127, "+7 bits"),
            (128, "+8 bits"),
            (-128, "-7 bits"),
            (-129, "-8 bits"),
            (1 << 31, "+32 bits"),
            (i64::MAX, "+63 bits"),
            (i64::MIN, "-63 bits"),
        ] {
            assert_eq!(Class::of(number).to_string(), class, "{number}");
        }
    }

    #[test]
    fn cells_differ_in_number_and_text() {
        let texts: std::collections::HashSet<String> = Cell::all().iter().map(Cell::to_string).collect();
        assert_eq!(texts.len(), Cell::all().len());
        assert!(Cell::all().iter().enumerate().all(|(number, cell)| cell.number() == number));
    }

    #[test]
    fn only_what_is_executed_is_recorded() {
        let text =
            "function f(v0: w) -> w {\nb0:\n  v1 = const 200\n  v2 = add v0 v1\n  branch compare.lt v2 v0, b1, b2\n\
                    b1:\n  v3 = sub v0 v2\n  return v3\nb2:\n  return v2\n}\n";
        let functions = super::super::parse::parse(text).expect("a function");
        record();
        executed(&functions[0], Block(0), &Constants::of(&functions[0]));
        let names: Vec<String> = recorded().iter().map(|number| Cell::all()[*number as usize].to_string()).collect();
        assert_eq!(names, ["add value, +8 bits", "branch compare.lt"]);
        assert!(recorded().is_empty());
    }
}
