//! Drops blocks that cannot be reached, skips blocks that only lead on, and joins straight lines.
//!
//! A block that does nothing but jump is skipped; so is one that only tests what a predecessor passes as a constant,
//! which is how `and`, `or` and negated conditions come out of the lowering.

use super::*;
use crate::ir::arithmetic;

/// Blocks with more parameters or operations are not skipped: it would take time, and they are hardly ever empty.
const LARGEST_SKIPPED: usize = 64;

/// Drop blocks that cannot be reached. Returns whether there were any.
pub fn drop_unreachable(function: &mut Function, flow: &ControlFlow) -> bool {
    let some = flow.order.len() < function.blocks.len();
    if some {
        compact(function, &|block| flow.position(block).is_some());
    }
    some
}

/// Run the pass. Returns whether control flow changed.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) -> bool {
    let fresh;
    let changed = drop_unreachable(function, flow);
    let flow = if changed {
        fresh = ControlFlow::of(function);
        &fresh
    } else {
        flow
    };
    let skipped = skip(function, flow, fuel);
    let joined = join(function, fuel, skipped);
    changed | skipped | joined
}

/// Keep only some blocks, among them all that are still referred to, and number them anew.
fn compact(function: &mut Function, keep: &dyn Fn(Block) -> bool) {
    let mut next = 0;
    let numbers: Vec<Block> = (0..function.blocks.len() as u32)
        .map(|block| {
            let number = if keep(Block(block)) { next } else { u32::MAX };
            next += u32::from(number != u32::MAX);
            Block(number)
        })
        .collect();
    let new = |block: Block| numbers[block.0 as usize];
    let mut block = 0;
    function.blocks.retain_mut(|data| {
        block += 1;
        let kept = new(Block(block - 1)).0 != u32::MAX;
        if kept {
            data.terminator.targets_mut().for_each(|target| target.block = new(target.block));
        }
        kept
    });
    function.lines.retain_mut(|line| {
        line.0 = new(line.0);
        line.0 .0 != u32::MAX
    });
}

/// Send edges past blocks that only lead on. Returns whether there were any.
fn skip(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) -> bool {
    let mut changed = same_targets(function, fuel);
    let mut passable = leading_on(function);
    if !passable.contains(&true) {
        return changed;
    }
    let has_own = |data: &BlockData| !data.parameters.is_empty() || !data.insts.is_empty();
    let needed = function.blocks.iter().zip(&passable).any(|(data, &passable)| passable && has_own(data));
    let values = if needed { Values::of(function) } else { Values::default() };
    for (number, data) in function.blocks.iter().enumerate() {
        if !passable[number] {
            continue;
        }
        let own = data.parameters.iter().chain(data.insts.iter().flat_map(|inst| inst.results.iter().flatten()));
        // To go past the test of a loop on the way in would give the loop a second entry.
        let position = flow.position(Block(number as u32)).expect("only blocks that can be reached");
        let mut before = flow.predecessors(position).iter();
        let is_loop = before.any(|&predecessor| flow.dominates(position, predecessor as usize));
        passable[number] = !is_loop && own.into_iter().all(|value| !values.escapes[value.0 as usize]);
    }
    for number in 0..function.blocks.len() {
        let branches = matches!(function.blocks[number].terminator, Terminator::Branch(..));
        for which in 0..1 + usize::from(branches) {
            // Blocks may lead on in a row, but not for ever.
            for _ in 0..8 {
                let Some(target) = function.blocks[number].terminator.targets().nth(which) else { break };
                if !passable[target.block.0 as usize] {
                    break;
                }
                let Some(past) = past(function, &values, target, branches) else { break };
                if !fuel.spend() {
                    return changed;
                }
                *function.blocks[number].terminator.targets_mut().nth(which).expect("as above") = past;
                changed = true;
            }
        }
    }
    changed | same_targets(function, fuel)
}

/// By block: whether it does nothing but jump, or nothing but test a parameter or constant of its own.
fn leading_on(function: &Function) -> Vec<bool> {
    let small = |data: &BlockData| data.parameters.len().max(data.insts.len()) <= LARGEST_SKIPPED;
    let leads_on = |data: &BlockData| match &data.terminator {
        _ if !small(data) => false,
        Terminator::Jump(_) => data.insts.is_empty(),
        Terminator::Branch(condition, ..) => {
            let mut own = false;
            condition.operands(|value| own |= data.parameters.contains(value));
            own && data.insts.iter().all(|inst| matches!(inst.op, Op::Const(_)))
        }
        _ => false,
    };
    let entry_does_not = std::iter::once(false);
    entry_does_not.chain(function.blocks.iter().skip(1).map(leads_on)).collect()
}

/// Make branches jumps whose ways are the same.
fn same_targets(function: &mut Function, fuel: &mut OptimisationFuel) -> bool {
    let mut changed = false;
    for data in &mut function.blocks {
        if let Terminator::Branch(_, then, otherwise) = &mut data.terminator {
            if then == otherwise && fuel.spend() {
                data.terminator =
                    Terminator::Jump(Target { block: then.block, arguments: std::mem::take(&mut then.arguments) });
                changed = true;
            }
        }
    }
    changed
}

/// What is known of values; needed only to go past blocks that have values of their own.
#[derive(Default)]
struct Values {
    constants: Vec<Option<i64>>,
    /// Whether a value is used in another block than its own.
    escapes: Vec<bool>,
}

impl Values {
    fn of(function: &Function) -> Values {
        let count = function.types.len();
        let mut constants = vec![None; count];
        let mut homes = vec![u32::MAX; count];
        for (number, data) in function.blocks.iter().enumerate() {
            data.parameters.iter().for_each(|value| homes[value.0 as usize] = number as u32);
            for inst in &data.insts {
                inst.results.iter().flatten().for_each(|value| homes[value.0 as usize] = number as u32);
                if let (Op::Const(constant), Some(result)) = (&inst.op, inst.results[0]) {
                    constants[result.0 as usize] = Some(*constant);
                }
            }
        }
        let mut escapes = vec![false; count];
        for (number, data) in function.blocks.iter().enumerate() {
            let mut used = |value: &Val| escapes[value.0 as usize] |= homes[value.0 as usize] != number as u32;
            data.insts.iter().for_each(|inst| inst.op.operands(&mut used));
            data.terminator.own_operands(&mut used);
            data.terminator.targets().for_each(|target| target.arguments.iter().for_each(&mut used));
        }
        Values { constants, escapes }
    }
}

/// Where an edge may go instead of to a block that only leads on.
fn past(function: &Function, values: &Values, edge: &Target, from_branch: bool) -> Option<Target> {
    let data = function.block(edge.block);
    let outside = |value: Val| match data.parameters.iter().position(|&parameter| parameter == value) {
        Some(n) => edge.arguments[n],
        None => value,
    };
    let next = match &data.terminator {
        Terminator::Jump(next) => {
            // Arguments on the way of a branch need code on that way: leave it there.
            if from_branch && !next.arguments.is_empty() {
                return None;
            }
            next
        }
        Terminator::Branch(condition, then, otherwise) => {
            let constant = |value: Val| values.constants[outside(value).0 as usize].map(|number| number as u64);
            let holds = match *condition {
                Condition::NonZero(a) => constant(a)? != 0,
                Condition::Compare(op, a, b) => arithmetic::compare(op, constant(a)?, constant(b)?),
                Condition::HasTag(mask, a) => arithmetic::has_tag(mask, constant(a)?),
                Condition::FloatCompare(..) => return None,
            };
            if holds {
                then
            } else {
                otherwise
            }
        }
        _ => return None,
    };
    let made_there = |value: &Val| data.insts.iter().any(|inst| inst.results[0] == Some(*value));
    if next.block == edge.block || next.arguments.iter().any(made_there) {
        return None;
    }
    Some(Target { block: next.block, arguments: next.arguments.iter().map(|&value| outside(value)).collect() })
}

/// Join blocks with their only successors, where they are the only predecessors. Returns whether there were any.
/// If `unreachable`, there may be blocks that cannot be reached; they go in any case.
fn join(function: &mut Function, fuel: &mut OptimisationFuel, unreachable: bool) -> bool {
    let reachable = if unreachable { reachable(function) } else { vec![true; function.blocks.len()] };
    let mut predecessors = vec![0u32; function.blocks.len()];
    for number in (0..function.blocks.len()).filter(|&number| reachable[number]) {
        function.blocks[number].terminator.targets().for_each(|target| predecessors[target.block.0 as usize] += 1);
    }
    let is_only_way = |number: usize, next: usize| next != number && next != 0 && predecessors[next] == 1;
    // Begun where no other block can be joined to the first: so all operations move once.
    let mut is_first = reachable.clone();
    for number in (0..function.blocks.len()).filter(|&number| reachable[number]) {
        if let Terminator::Jump(target) = &function.blocks[number].terminator {
            let next = target.block.0 as usize;
            is_first[next] &= !is_only_way(number, next);
        }
    }
    let mut joiner: Option<Joiner> = None;
    for number in (0..function.blocks.len()).filter(|&number| is_first[number]) {
        while let Terminator::Jump(target) = &function.blocks[number].terminator {
            let next = target.block.0 as usize;
            if !is_only_way(number, next) || !fuel.spend() {
                break;
            }
            joiner.get_or_insert_with(|| Joiner::new(function)).join(function, number, next);
        }
    }
    if let Some(joiner) = &joiner {
        joiner.finish(function);
    }
    if joiner.is_some() || unreachable {
        let is_taken = |block: usize| joiner.as_ref().is_some_and(|joiner| joiner.taken[block]);
        compact(function, &|block| reachable[block.0 as usize] && !is_taken(block.0 as usize));
    }
    joiner.is_some()
}

fn reachable(function: &Function) -> Vec<bool> {
    let mut reachable = vec![false; function.blocks.len()];
    let mut stack = vec![Block(0)];
    while let Some(block) = stack.pop() {
        if !std::mem::replace(&mut reachable[block.0 as usize], true) {
            stack.extend(function.block(block).terminator.targets().map(|target| target.block));
        }
    }
    reachable
}

struct Joiner {
    /// By block: whether its operations are now another's.
    taken: Vec<bool>,
    /// By block: the blocks whose operations were put after its own, in order.
    followers: Vec<Vec<Block>>,
    /// By block: how many operations it had.
    lengths: Vec<u32>,
    /// Parameters that are gone, and what they stood for.
    replaced: Vec<(Val, Val)>,
}

impl Joiner {
    fn new(function: &Function) -> Joiner {
        Joiner {
            taken: vec![false; function.blocks.len()],
            followers: vec![Vec::new(); function.blocks.len()],
            lengths: function.blocks.iter().map(|data| data.insts.len() as u32).collect(),
            replaced: Vec::new(),
        }
    }

    fn join(&mut self, function: &mut Function, block: usize, next: usize) {
        let next_data = &mut function.blocks[next];
        let parameters = std::mem::take(&mut next_data.parameters);
        let mut insts = std::mem::take(&mut next_data.insts);
        let terminator = std::mem::replace(&mut next_data.terminator, Terminator::Unreachable);
        let data = &mut function.blocks[block];
        if let Terminator::Jump(target) = std::mem::replace(&mut data.terminator, terminator) {
            self.replaced.extend(parameters.into_iter().zip(target.arguments));
        }
        data.insts.append(&mut insts);
        let mut followers = std::mem::take(&mut self.followers[next]);
        self.followers[block].push(Block(next as u32));
        self.followers[block].append(&mut followers);
        self.taken[next] = true;
    }

    /// Bring operands and lines in order.
    fn finish(&self, function: &mut Function) {
        if !self.replaced.is_empty() {
            let mut replacements = Replacements::new(function);
            for &(parameter, argument) in &self.replaced {
                replacements.replace(parameter, argument);
            }
            parameters::resolve(&mut replacements.0);
            for data in &mut function.blocks {
                data.insts.iter_mut().for_each(|inst| inst.op.operands_mut(|value| replacements.apply(value)));
                data.terminator.operands_mut(|value| replacements.apply(value));
            }
        }
        if !function.lines.is_empty() {
            function.lines = self.lines(&function.lines);
        }
    }

    fn lines(&self, old: &[(Block, u32, u32)]) -> Vec<(Block, u32, u32)> {
        let mut lines: Vec<(Block, u32, u32)> = Vec::with_capacity(old.len());
        for block in (0..self.taken.len() as u32).map(Block).filter(|block| !self.taken[block.0 as usize]) {
            let mut before = 0;
            for part in std::iter::once(block).chain(self.followers[block.0 as usize].iter().copied()) {
                let first = old.partition_point(|&(of, ..)| of < part);
                for &(_, at, line) in old[first..].iter().take_while(|line| line.0 == part) {
                    let place = (block, before + at);
                    // The line of a jump that is gone gives way to that of what it led to.
                    match lines.last_mut() {
                        Some(last) if (last.0, last.1) == place => last.2 = line,
                        _ => lines.push((place.0, place.1, line)),
                    }
                }
                before += self.lengths[part.0 as usize];
            }
        }
        lines
    }
}
