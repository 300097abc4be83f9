//! Programs by the thousand: typed ones, typed ones with one planted error, variants that must agree, ones without
//! types, and ones whose loops change while they run. Every program is a function of its family and one number, which is therefore its identity.

mod bounded;
mod coverage;
mod dice;
mod forms;
mod idioms;
mod metamorphic;
mod metered;
mod own;
mod planted;
mod program;
mod shifting;
mod shrink;
mod swarm;
mod syntax;
mod text;
mod typed;
mod untyped;
mod values;

pub use coverage::{Coverage, CASES_FOR_COVERAGE};
pub use dice::Dice;
pub use shrink::ProgramTree;
pub use syntax::{Form, Item, Prediction, Program};

use proptest::prelude::Rng;
use proptest::strategy::{NewTree, Strategy};
use proptest::test_runner::TestRunner;
use std::fmt;
use std::str::FromStr;

/// How a program is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Well-typed.
    Typed,
    /// Well-typed, with one error whose kind is known.
    Planted,
    /// Without types.
    Untyped,
    /// A variant of a well-typed program that must agree with it.
    Metamorphic,
    /// Well-typed or with a planted error, under limits of fuel and depth that may stop it anywhere.
    Metered,
    /// Loops that change while they run: types, operators, classes.
    Shifting,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 6] =
        [Family::Typed, Family::Planted, Family::Untyped, Family::Metamorphic, Family::Metered, Family::Shifting];

    /// Its name in reports and case numbers.
    pub fn name(self) -> &'static str {
        match self {
            Family::Typed => "typed",
            Family::Planted => "planted",
            Family::Untyped => "untyped",
            Family::Metamorphic => "metamorphic",
            Family::Metered => "metered",
            Family::Shifting => "shifting",
        }
    }

    /// One of the families, by their shares.
    pub fn draw(dice: &mut Dice) -> Family {
        dice.weighted(&[
            (48, Family::Typed),
            (22, Family::Planted),
            (12, Family::Untyped),
            (6, Family::Metamorphic),
            (12, Family::Metered),
            (24, Family::Shifting),
        ])
    }
}

/// What a case is made from: `typed:1f00ba5`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct CaseId {
    /// Its family.
    pub family: Family,
    /// The number that all its choices follow from.
    pub seed: u64,
}

impl CaseId {
    /// The case's program.
    pub fn program(self) -> Program {
        let mut dice = Dice::new(self.seed);
        let mut program = match self.family {
            Family::Typed => program::typed(&mut dice),
            Family::Planted => planted::planted(&mut dice),
            Family::Untyped => untyped::untyped(&mut dice),
            Family::Metamorphic => metamorphic::metamorphic(&mut dice),
            Family::Metered => metered::metered(&mut dice),
            Family::Shifting => shifting::shifting(&mut dice),
        };
        bounded::bound(&mut program, &mut dice);
        program
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{:x}", self.family.name(), self.seed)
    }
}

impl FromStr for CaseId {
    type Err = String;

    fn from_str(text: &str) -> Result<CaseId, String> {
        let wrong = || format!("'{text}' is no case: a case is FAMILY:NUMBER, such as typed:1f00ba5");
        let (family, seed) = text.split_once(':').ok_or_else(wrong)?;
        let family = Family::ALL.into_iter().find(|known| known.name() == family).ok_or_else(wrong)?;
        let seed = u64::from_str_radix(seed, 16).map_err(|_| wrong())?;
        Ok(CaseId { family, seed })
    }
}

/// Programs of a family, for use with proptest; they shrink to small programs of the same types.
#[derive(Clone, Copy, Debug)]
pub struct Programs(pub Family);

impl Strategy for Programs {
    type Tree = ProgramTree;
    type Value = Program;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let id = CaseId { family: self.0, seed: runner.rng().next_u64() };
        Ok(ProgramTree::new(id.program(), true))
    }
}
