//! Narrower bounds of the lowering for some programs, so that small functions meet what else only large ones do: they
//! run out of versions in the middle, or keep their variables in memory. Nothing of that can be seen.

use super::dice::Dice;
use super::syntax::{Item, Program};
use crate::limits::Limits;

/// So many of a hundred programs get narrower bounds.
const SHARE: u32 = 25;

/// Give a program such bounds, or leave it as it is.
pub fn bound(program: &mut Program, dice: &mut Dice) {
    if !dice.chance(SHARE) {
        return;
    }
    if !matches!(program.items.first(), Some(Item::Limits(_))) {
        program.items.insert(0, Item::Limits(Limits::default()));
    }
    let Some(Item::Limits(limits)) = program.items.first_mut() else { return };
    match dice.below(4) {
        0 => limits.memory = true,
        1 => limits.budget = Some(dice.below(12)),
        _ => limits.budget = Some(dice.below(150)),
    }
}
