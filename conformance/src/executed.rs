//! What of the IR's edges ([`maru_core::ir::coverage`]) the code of each engine executed, and what it must have.
//!
//! Known is what the IR evaluator executed of a program. An engine that compiles each function before its first call, at
//! the same level, makes machine code of the same IR and, if it comes to the same end, executed the same operations. That is
//! counted rather than instructions: counters in machine code would be every target's own work, and would change what is
//! tested.

use maru_core::abi::layout::TAG_BITS;
use maru_core::ir;
use maru_core::ir::coverage::{Cell, Class, Operands, Operation};
use std::collections::BTreeMap;

/// In how many programs each cell was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    counts: BTreeMap<u16, u64>,
}

impl Executed {
    /// Count the cells of a program.
    pub fn count(&mut self, cells: &[u16]) {
        for cell in cells {
            *self.counts.entry(*cell).or_default() += 1;
        }
    }

    /// Add another run's counts.
    pub fn merge(&mut self, other: &Executed) {
        for (cell, count) in &other.counts {
            *self.counts.entry(*cell).or_default() += count;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many cells were executed.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Each cell that was executed, or must be, with the number of programs.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let all = Cell::all().iter().zip(0u16..);
        let count = |number: u16| self.counts.get(&number).copied().unwrap_or(0);
        let shown = all.filter(|(cell, number)| is_wanted(cell) || count(*number) > 0);
        shown.map(|(cell, number)| (cell.to_string(), count(number))).collect()
    }

    /// The counts of a report, by the names that it has them under.
    pub fn from_counts(count: impl Fn(&str) -> u64) -> Executed {
        let all = Cell::all().iter().zip(0u16..).map(|(cell, number)| (number, count(&cell.to_string())));
        Executed { counts: all.filter(|(_, count)| *count > 0).collect() }
    }

    /// What must be executed, and was not.
    pub fn missing(&self) -> Vec<String> {
        let wanted = Cell::all().iter().filter(|cell| is_wanted(cell));
        wanted.filter(|cell| !self.counts.contains_key(&(cell.number() as u16))).map(Cell::to_string).collect()
    }
}

/// How many cells must be executed.
pub fn wanted() -> usize {
    Cell::all().iter().filter(|cell| is_wanted(cell)).count()
}

/// Whether a run that is large enough must have executed a cell: where the lowering emits the operation for operands whose
/// types are known only when the program runs, and programs at boundaries have the constant.
fn is_wanted(cell: &Cell) -> bool {
    use Operation::{
        Binary, Compare, CompareBranch, FloatBinary, FloatCompare, FloatCompareBranch, FloatUnary, HasTag,
        HasTagBranch, IntToFloat, NonZeroBranch, Overflowing, StoredValue,
    };
    let ordered = |op| !matches!(op, ir::Compare::Below | ir::Compare::AtLeast);
    match (cell.operation, cell.operands) {
        (Overflowing(_), Operands::Values) => true,
        (Overflowing(_), Operands::Right(class)) => is_of_fixnum(class),
        (Overflowing(op), Operands::Left(class)) => op == ir::Overflowing::Sub && is_of_fixnum(class),
        (Binary(ir::Binary::And | ir::Binary::Or | ir::Binary::Xor), Operands::Right(class)) => is_of_fixnum(class),
        (Binary(ir::Binary::Div | ir::Binary::Rem), Operands::Left(class) | Operands::Right(class)) => {
            is_of_fixnum(class)
        }
        (Binary(ir::Binary::And | ir::Binary::Div | ir::Binary::Shl | ir::Binary::Ashr), Operands::Values) => true,
        (Compare(op) | CompareBranch(op), Operands::Values) => ordered(op),
        (Compare(op) | CompareBranch(op), Operands::Right(class)) => ordered(op) && is_of_fixnum(class),
        (FloatBinary(_), operands) => {
            matches!(operands, Operands::Values | Operands::Left(Class::Double) | Operands::Right(Class::Double))
        }
        (FloatCompare(_) | FloatCompareBranch(_), operands) => operands == Operands::Right(Class::Double),
        (FloatUnary(op), _) => op != ir::FloatUnary::Neg,
        (StoredValue(ir::Width::Word), Operands::Right(class)) => is_of_fixnum(class),
        (HasTag | HasTagBranch | NonZeroBranch | IntToFloat, _) => true,
        _ => false,
    }
}

/// Whether a class holds words of several fixnums, which begin with the zeros of the tag.
fn is_of_fixnum(class: Class) -> bool {
    matches!(class, Class::Width(width, _) if u32::from(width) > TAG_BITS + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let mut executed = Executed::default();
        assert_eq!(executed.missing().len(), wanted());
        let all: Vec<u16> = (0..Cell::all().len() as u16).collect();
        executed.count(&all[1..]);
        executed.count(&all[1..]);
        assert!(executed.missing().len() <= 1);
        assert_eq!(Executed::from_counts(|cell| executed.counts().get(cell).copied().unwrap_or(0)), executed);
        let multiplication = Cell::all().iter().find(|cell| cell.to_string() == "mul.overflow value, +8 bits");
        let number = multiplication.expect("a cell of this name").number() as u16;
        executed.counts.remove(&number);
        assert!(executed.missing().contains(&"mul.overflow value, +8 bits".to_string()));
    }
}
