//! Programs by the thousand: typed ones, typed ones with one planted error, variants that must agree, ones without
//! types, ones whose loops change
//! while they run, ones at the boundaries of instructions, and ones of primitives. Every program is a function of its family and one number, which is therefore its identity.

mod boundary;
mod bounded;
mod coverage;
mod dice;
mod forms;
mod idioms;
mod metamorphic;
mod metered;
mod own;
mod planted;
mod primitives;
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
    /// Constants and shapes at the boundaries of what instructions can hold.
    Boundary,
    /// Each primitive, with operands of all kinds.
    Primitives,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 8] = {
        use Family::*;
        [Typed, Planted, Untyped, Metamorphic, Metered, Shifting, Boundary, Primitives]
    };

    /// Its name in reports and case numbers.
    pub fn name(self) -> &'static str {
        match self {
            Family::Typed => "typed",
            Family::Planted => "planted",
            Family::Untyped => "untyped",
            Family::Metamorphic => "metamorphic",
            Family::Metered => "metered",
            Family::Shifting => "shifting",
            Family::Boundary => "boundary",
            Family::Primitives => "primitives",
        }
    }

    /// One of the families that draw all they do, by their shares.
    fn draw(dice: &mut Dice) -> Family {
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

/// So many cases in a row hold one of the boundaries' family. Odd, so that engines which run every second, fourth or
/// eighth case have their share.
const CASES_PER_BOUNDARY: u64 = 5;
/// The bits of a boundary case's number that are its position in the sweep.
const POSITION: u64 = 0xffff_ffff;

/// Cases of a run after which every boundary was met, for then the sweep went through all of them.
pub fn cases_for_boundaries() -> u64 {
    CASES_PER_BOUNDARY * boundary::programs_for_all()
}

impl CaseId {
    /// A run's case of this index. Families are drawn, except for programs at boundaries and of primitives, which are every
    /// fifth: of those a run has one position of the sweep after the other, from where its seed says.
    pub fn of_run(seed: u64, index: u64) -> CaseId {
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(index));
        let swept = match index % CASES_PER_BOUNDARY {
            1 => Some(Family::Boundary),
            3 => Some(Family::Primitives),
            _ => None,
        };
        if let Some(family) = swept {
            let position = (index / CASES_PER_BOUNDARY).wrapping_add(seed.wrapping_mul(0x9e37_79b9)) & POSITION;
            return CaseId { family, seed: (dice.bits() & !POSITION) | position };
        }
        CaseId { family: Family::draw(&mut dice), seed: dice.bits() }
    }

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
            Family::Boundary => boundary::boundary(self.seed & POSITION, &mut dice),
            Family::Primitives => primitives::primitives(self.seed & POSITION, &mut dice),
        };
        // What is to be met at a boundary is what the compiler does when nothing is in its way.
        if !matches!(self.family, Family::Boundary | Family::Primitives) {
            bounded::bound(&mut program, &mut dice);
        }
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
