//! Drops block parameters that always have the same value.
//!
//! The lowering makes a parameter for every live variable; most stand for one value. The analysis is optimistic: it
//! supposes that a parameter is whatever the first predecessor passes until another passes something else, so that
//! parameters going round nested loops unchanged are found too.

use super::*;

/// No value known yet.
const NONE: Val = Val(u32::MAX);

/// Sweeps after which a parameter whose value still changes is taken to be its own. Two or three are usual.
const PATIENCE: usize = 8;

/// Run the pass.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) {
    if flow.order.iter().skip(1).all(|block| function.block(*block).parameters.is_empty()) {
        return;
    }
    let mut same = values_of_parameters(function, flow);
    let mut changed = false;
    for &block in &flow.order[1..] {
        for &parameter in &function.block(block).parameters {
            let value = &mut same[parameter.0 as usize];
            if *value != parameter {
                if fuel.spend() {
                    changed = true;
                } else {
                    *value = parameter;
                }
            }
        }
    }
    if changed {
        // Without fuel for all, a value may stand for a parameter that itself stayed or went.
        resolve(&mut same);
        drop_parameters(function, &same);
    }
}

/// For each value what it is the same as: itself, but for a parameter that always has another's value.
fn values_of_parameters(function: &Function, flow: &ControlFlow) -> Vec<Val> {
    let mut same: Vec<Val> = (0..function.types.len() as u32).map(Val).collect();
    for &block in &flow.order[1..] {
        for &parameter in &function.block(block).parameters {
            same[parameter.0 as usize] = NONE;
        }
    }
    let mut sweeps = 0;
    let mut changed = true;
    while changed {
        changed = false;
        sweeps += 1;
        for (position, &block) in flow.order.iter().enumerate().skip(1) {
            for (n, &parameter) in function.block(block).parameters.iter().enumerate() {
                let before = same[parameter.0 as usize];
                let mut found = met(function, flow, &same, position, n).unwrap_or(parameter);
                // Whatever is not settled soon is given up, so that there is an end.
                if sweeps > PATIENCE && before != NONE && found != before {
                    found = parameter;
                }
                if found != before && (sweeps <= PATIENCE || before != parameter) {
                    changed = true;
                    same[parameter.0 as usize] = found;
                }
            }
        }
    }
    same
}

/// The one value that predecessors pass for parameter `n` of a block, [`NONE`] while nothing is known; `None` if
/// there are several.
fn met(function: &Function, flow: &ControlFlow, same: &[Val], position: usize, n: usize) -> Option<Val> {
    let block = flow.order[position];
    let parameter = function.block(block).parameters[n];
    let mut found = NONE;
    for &predecessor in flow.predecessors(position) {
        let terminator = &function.block(flow.order[predecessor as usize]).terminator;
        for target in terminator.targets().filter(|target| target.block == block) {
            let value = same[target.arguments[n].0 as usize];
            if value == NONE || value == found || value == parameter {
                continue;
            }
            if found != NONE {
                return None;
            }
            found = value;
        }
    }
    Some(found)
}

/// Follow values to the end.
pub(super) fn resolve(same: &mut [Val]) {
    for n in 0..same.len() {
        let mut end = same[n];
        while same[end.0 as usize] != end {
            end = same[end.0 as usize];
        }
        same[n] = end;
    }
}

/// Drop the parameters that are the same as something else, and the arguments for them; use the others instead.
fn drop_parameters(function: &mut Function, same: &[Val]) {
    let kept: Vec<Vec<bool>> = function
        .blocks
        .iter()
        .map(|data| {
            let stays = |parameter: &Val| same[parameter.0 as usize] == *parameter;
            if data.parameters.iter().all(stays) {
                return Vec::new();
            }
            data.parameters.iter().map(stays).collect()
        })
        .collect();
    for (data, kept) in function.blocks.iter_mut().zip(&kept) {
        retain(&mut data.parameters, kept);
    }
    for data in &mut function.blocks {
        for inst in &mut data.insts {
            inst.op.operands_mut(|value| *value = same[value.0 as usize]);
        }
        for target in data.terminator.targets_mut() {
            retain(&mut target.arguments, &kept[target.block.0 as usize]);
        }
        data.terminator.operands_mut(|value| *value = same[value.0 as usize]);
    }
}

/// Keep the elements that are marked; all, if there are no marks.
pub(super) fn retain(values: &mut Vec<Val>, kept: &[bool]) {
    if !kept.is_empty() {
        let mut marks = kept.iter();
        values.retain(|_| *marks.next().expect("a mark for each value"));
    }
}
