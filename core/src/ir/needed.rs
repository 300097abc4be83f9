//! Which values something depends on, for targets that write no more than that.

use super::{Block, Function, Val};

/// By value: whether an operation with an effect, or the way through the function, depends on it, in these blocks.
pub fn needed_values(function: &Function, order: &[Block]) -> Vec<bool> {
    let mut needed = vec![false; function.types.len()];
    // What each value is made of: an operation's operands, or what blocks pass for a parameter.
    let mut made_of: Vec<Vec<Val>> = vec![Vec::new(); function.types.len()];
    let mut roots = Vec::new();
    for &block in order {
        let data = function.block(block);
        for inst in &data.insts {
            if inst.op.has_effect() {
                inst.op.operands(|value| roots.push(*value));
                continue;
            }
            for result in inst.results.iter().flatten() {
                inst.op.operands(|value| made_of[result.0 as usize].push(*value));
            }
        }
        data.terminator.own_operands(|value| roots.push(*value));
        for target in data.terminator.targets() {
            for (parameter, argument) in function.block(target.block).parameters.iter().zip(&target.arguments) {
                made_of[parameter.0 as usize].push(*argument);
            }
        }
    }
    while let Some(value) = roots.pop() {
        if !std::mem::replace(&mut needed[value.0 as usize], true) {
            roots.append(&mut made_of[value.0 as usize]);
        }
    }
    needed
}
