//! Drops operations and parameters that nobody uses.
//!
//! What has an effect is alive, and so is what something alive uses. A parameter's argument is alive only if the
//! parameter is, so values that go round a loop for nothing go away.

use super::*;

/// Run the pass. All that it drops is one change, for what is dead uses what is dead.
pub fn run(function: &mut Function, flow: &Flow, fuel: &mut OptimisationFuel) {
    let alive = alive(function, flow);
    let nothing_dead = flow.order.iter().all(|&block| {
        let data = function.block(block);
        data.insts.iter().all(|inst| is_alive(inst, &alive))
            && (block == Block(0) || data.parameters.iter().all(|value| alive[value.0 as usize]))
    });
    if !nothing_dead && fuel.spend() {
        drop_operations(function, flow, &alive);
        drop_parameters(function, flow, &alive);
    }
}

/// By value: whether it is used.
fn alive(function: &Function, flow: &Flow) -> Vec<bool> {
    let mut alive = vec![false; function.types.len()];
    // Backwards, uses come before definitions; only a parameter can be found alive after its arguments were seen.
    let mut changed = true;
    while changed {
        changed = false;
        for &block in flow.order.iter().rev() {
            let data = function.block(block);
            data.exit.own_operands(|value| alive[value.0 as usize] = true);
            for target in data.exit.targets() {
                for (parameter, argument) in function.block(target.block).parameters.iter().zip(&target.arguments) {
                    alive[argument.0 as usize] |= alive[parameter.0 as usize];
                }
            }
            for inst in data.insts.iter().rev() {
                if is_alive(inst, &alive) {
                    inst.op.operands(|value| alive[value.0 as usize] = true);
                }
            }
        }
        // An edge back to a block already passed: once more if an argument for a parameter alive is not.
        'edges: for &block in &flow.order {
            for target in function.block(block).exit.targets() {
                let parameters = &function.block(target.block).parameters;
                let missed =
                    |(parameter, argument): (&Val, &Val)| alive[parameter.0 as usize] && !alive[argument.0 as usize];
                if parameters.iter().zip(&target.arguments).any(missed) {
                    changed = true;
                    break 'edges;
                }
            }
        }
    }
    alive
}

fn is_alive(inst: &Inst, alive: &[bool]) -> bool {
    inst.op.has_effect() || inst.results.iter().flatten().any(|value| alive[value.0 as usize])
}

fn drop_operations(function: &mut Function, flow: &Flow, alive: &[bool]) {
    let mut lines = std::mem::take(&mut function.lines);
    for &block in &flow.order {
        let insts = &mut function.blocks[block.0 as usize].insts;
        if insts.iter().all(|inst| is_alive(inst, alive)) {
            continue;
        }
        // Where each operation goes; dropped ones where the next goes.
        let mut places = Vec::with_capacity(insts.len() + 1);
        let mut kept = 0;
        insts.retain(|inst| {
            places.push(kept);
            let keep = is_alive(inst, alive);
            kept += u32::from(keep);
            keep
        });
        places.push(kept);
        let first = lines.partition_point(|&(of, ..)| of < block);
        for line in lines[first..].iter_mut().take_while(|line| line.0 == block) {
            line.1 = places[line.1 as usize];
        }
    }
    // Where several lines came together, the last counts.
    lines.dedup_by(|later, earlier| {
        let same = (later.0, later.1) == (earlier.0, earlier.1);
        if same {
            earlier.2 = later.2;
        }
        same
    });
    function.lines = lines;
}

fn drop_parameters(function: &mut Function, flow: &Flow, alive: &[bool]) {
    let block_count = function.blocks.len();
    let mut kept: Vec<Vec<bool>> = Vec::new();
    for &block in &flow.order[1..] {
        let parameters = &mut function.blocks[block.0 as usize].parameters;
        if parameters.iter().all(|value| alive[value.0 as usize]) {
            continue;
        }
        if kept.is_empty() {
            kept = vec![Vec::new(); block_count];
        }
        let marks: Vec<bool> = parameters.iter().map(|value| alive[value.0 as usize]).collect();
        parameters::retain(parameters, &marks);
        kept[block.0 as usize] = marks;
    }
    if kept.is_empty() {
        return;
    }
    for data in &mut function.blocks {
        for target in data.exit.targets_mut() {
            parameters::retain(&mut target.arguments, &kept[target.block.0 as usize]);
        }
    }
}
