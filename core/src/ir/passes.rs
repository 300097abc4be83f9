//! Passes: each makes a function smaller or faster and keeps what it computes. [`optimise`] runs them all.
//!
//! | pass | what it does |
//! |---|---|
//! | [`blocks`] | drops blocks that cannot be reached, skips empty ones, joins straight lines |
//! | [`parameters`] | drops block parameters that always have the same value |
//! | [`fold`] | folds constants, simplifies, gives branches the comparison they test |
//! | [`tags`] | decides tag tests from what dominating branches and operations tell |
//! | [`common`] | computes nothing twice |
//! | [`hoist`] | computes before a loop what is the same in each of its turns |
//! | [`sink`] | loads constants that only cold blocks use where they use them |
//! | [`dead`] | drops operations and parameters that nobody uses |
//!
//! [`mod@legalise`] is apart from them: it splits words into halves, for CPUs of 32 bits. [`optimise`] does not run it.
//!
//! All are on the path of every compilation: linear or nearly so, with flat tables and few allocations. They rely on
//! the rules of the verifier. Each change costs a unit of [`OptimisationFuel`], so that a wrong one can be found by
//! bisection.

pub mod blocks;
pub mod common;
pub mod dead;
pub mod fold;
pub mod hoist;
pub mod legalise;
pub mod parameters;
pub mod sink;
pub mod tags;

use super::flow::ControlFlow;
use super::*;

/// How many changes passes may still make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptimisationFuel {
    left: u64,
}

impl OptimisationFuel {
    /// Fuel that does not run out.
    pub fn unlimited() -> OptimisationFuel {
        OptimisationFuel { left: u64::MAX }
    }

    /// Fuel for a number of changes.
    pub fn limited(changes: u64) -> OptimisationFuel {
        OptimisationFuel { left: changes }
    }

    /// How many changes are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Take a unit for a change; without it, the change must not be made.
    pub fn spend(&mut self) -> bool {
        let some = self.left != 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

/// Run all passes. Blocks that cannot be reached are gone afterwards, even without fuel.
pub fn optimise(function: &mut Function, fuel: &mut OptimisationFuel) {
    optimise_watched(function, fuel, |_, _| {});
}

/// The same, showing the function to somebody after each pass, with the pass's name.
pub fn optimise_watched(function: &mut Function, fuel: &mut OptimisationFuel, mut watch: impl FnMut(&str, &Function)) {
    let mut flow = ControlFlow::of(function);
    if blocks::drop_unreachable(function, &flow) {
        flow = ControlFlow::of(function);
    }
    watch("unreachable", function);
    // What a decided branch makes constant can decide another; more than one repetition has hardly any effect.
    for _ in 0..2 {
        parameters::run(function, &flow, fuel);
        watch("parameters", function);
        let folded = fold::run(function, &flow, fuel);
        watch("fold", function);
        let decided = folded | tags::run(function, &flow, fuel);
        watch("tags", function);
        if decided {
            flow = ControlFlow::of(function);
        }
        if blocks::run(function, &flow, fuel) {
            flow = ControlFlow::of(function);
        }
        watch("blocks", function);
        if !decided {
            break;
        }
    }
    common::run(function, &flow, fuel);
    watch("common", function);
    if hoist::enter(function, &flow, fuel) {
        flow = ControlFlow::of(function);
        parameters::run(function, &flow, fuel);
    }
    hoist::run(function, &flow, fuel);
    watch("hoist", function);
    sink::run(function, &flow, fuel);
    watch("sink", function);
    dead::run(function, &flow, fuel);
    watch("dead", function);
    // Blocks may be empty now.
    blocks::run(function, &flow, fuel);
    watch("blocks", function);
}

/// Values that stand for others. Operands are visited after their definitions, so looking up once is enough.
struct Replacements(Vec<Val>);

impl Replacements {
    fn new(function: &Function) -> Replacements {
        Replacements((0..function.types.len() as u32).map(Val).collect())
    }

    fn replace(&mut self, value: Val, by: Val) {
        self.0[value.0 as usize] = by;
    }

    fn of(&self, value: Val) -> Val {
        self.0[value.0 as usize]
    }

    fn apply(&self, value: &mut Val) {
        *value = self.of(*value);
    }
}

/// Operations to put before others: (block, index of the other, operation).
type Insertions = Vec<(Block, u32, Inst)>;

/// Put operations in, and lines where they belong.
fn insert(function: &mut Function, mut insertions: Insertions) {
    if insertions.is_empty() {
        return;
    }
    insertions.sort_by_key(|&(block, at, _)| (block, at));
    // Both ascend. What is put in right before a line's first operation belongs to that line.
    let (mut next, mut before, mut current) = (0, 0, Block(0));
    for line in &mut function.lines {
        if line.0 != current {
            (before, current) = (0, line.0);
        }
        while insertions.get(next).is_some_and(|&(block, at, _)| (block, at) < (line.0, line.1)) {
            before += u32::from(insertions[next].0 == current);
            next += 1;
        }
        line.1 += before;
    }
    let mut insertions = insertions.into_iter().peekable();
    while let Some(&(block, ..)) = insertions.peek() {
        let insts = &mut function.blocks[block.0 as usize].insts;
        let old = std::mem::replace(insts, Vec::with_capacity(insts.len() + 4));
        for (at, inst) in old.into_iter().enumerate() {
            while let Some((_, _, new)) = insertions.next_if(|&(of, before, _)| (of, before) == (block, at as u32)) {
                insts.push(new);
            }
            insts.push(inst);
        }
        while let Some((_, _, new)) = insertions.next_if(|&(of, ..)| of == block) {
            insts.push(new);
        }
    }
}
