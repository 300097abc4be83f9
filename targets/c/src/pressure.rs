//! How many values of a function are alive at once: about what its frame must hold.

use maru_core::ir::{Block, Function};

/// The most values alive at once, if the blocks run in this order: each from where it is made to its last use. (Values that
/// a loop carries around count up to their last use in the text only: this is an estimate.)
pub fn most_alive(function: &Function, order: &[Block]) -> usize {
    let mut last_use = vec![0usize; function.types.len()];
    let mut made = vec![usize::MAX; function.types.len()];
    let mut now = 0;
    for &block in order {
        let data = function.block(block);
        data.parameters.iter().for_each(|value| made[value.0 as usize] = now);
        for inst in &data.insts {
            now += 1;
            inst.op.operands(|value| last_use[value.0 as usize] = now);
            inst.results.iter().flatten().for_each(|value| made[value.0 as usize] = now);
        }
        now += 1;
        data.terminator.own_operands(|value| last_use[value.0 as usize] = now);
        let passed = data.terminator.targets().flat_map(|target| &target.arguments);
        passed.for_each(|value| last_use[value.0 as usize] = now);
    }
    let mut changes = vec![0i64; now + 2];
    for (made, last) in made.iter().zip(&last_use).filter(|(made, last)| made < last) {
        changes[*made] += 1;
        changes[*last] -= 1;
    }
    let mut alive = 0;
    changes.iter().fold(0, |most, change| {
        alive += change;
        most.max(alive)
    }) as usize
}
