//! Programs under limits: every engine must stop at the same point, with the same fuel left.

use super::dice::Dice;
use super::planted::planted;
use super::program::typed;
use super::syntax::{Item, Prediction, Program};
use crate::limits::Limits;

/// A program that limits may stop anywhere, or nowhere.
pub fn metered(dice: &mut Dice) -> Program {
    let mut program = if dice.chance(25) { planted(dice) } else { typed(dice) };
    // Small ones stop most programs, large ones few: there is something to count in between.
    let fuel = *dice.pick(&[10, 40, 160, 640, 2560, 100_000]);
    let depth = *dice.pick(&[3, 6, 12, 24, 100, 10_000]);
    let limits = Limits {
        fuel: dice.chance(80).then(|| dice.between(fuel / 2, fuel) as i64),
        depth: Some(dice.between(depth / 3, depth) as i64),
        ..Limits::default()
    };
    program.items.insert(0, Item::Limits(limits));
    program.prediction = Prediction::None;
    program
}
