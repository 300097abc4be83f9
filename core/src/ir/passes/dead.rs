//! Drops operations and parameters that nobody uses.
//!
//! What has an effect is alive, and so is what something alive uses. A parameter's argument is alive only if the
//! parameter is, so values that go round a loop for nothing go away.

use super::*;

/// Run the pass. All that it drops is one change, for what is dead uses what is dead.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) {
    let alive = alive(function, flow);
    let some_dead = flow.order.iter().any(|&block| {
        let data = function.block(block);
        data.insts.iter().any(|inst| !is_alive(inst, &alive))
            || block != Block(0) && data.parameters.iter().any(|value| !alive[value.0 as usize])
    });
    if some_dead && fuel.spend() {
        drop_operations(function, flow, &alive);
        drop_parameters(function, flow, &alive);
    }
}

/// By value: whether it is used.
fn alive(function: &Function, flow: &ControlFlow) -> Vec<bool> {
    let mut alive = vec![false; function.types.len()];
    // Backwards, uses come before definitions; only edges back are met before it is known what their blocks use.
    let mut edges_back = Vec::new();
    for (position, &block) in flow.order.iter().enumerate().rev() {
        let data = function.block(block);
        data.terminator.own_operands(|value| alive[value.0 as usize] = true);
        for target in data.terminator.targets().filter(|target| !target.arguments.is_empty()) {
            if flow.position(target.block).is_some_and(|to| to <= position) {
                edges_back.push(target);
            }
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
    let mut found = Vec::new();
    for target in edges_back {
        for (parameter, argument) in function.block(target.block).parameters.iter().zip(&target.arguments) {
            if alive[parameter.0 as usize] && !std::mem::replace(&mut alive[argument.0 as usize], true) {
                found.push(*argument);
            }
        }
    }
    if !found.is_empty() {
        follow(function, flow, &mut alive, found);
    }
    alive
}

/// Mark all that the values need which were found alive late.
fn follow(function: &Function, flow: &ControlFlow, alive: &mut [bool], mut found: Vec<Val>) {
    // By value: its block, and the index of its operation or, counted from the parameters' end, of its parameter.
    const PARAMETER: u32 = 1 << 31;
    let mut homes = vec![(Block(0), PARAMETER); alive.len()];
    for &block in &flow.order {
        let data = function.block(block);
        for (n, value) in data.parameters.iter().enumerate() {
            homes[value.0 as usize] = (block, PARAMETER | n as u32);
        }
        for (at, inst) in data.insts.iter().enumerate() {
            inst.results.iter().flatten().for_each(|value| homes[value.0 as usize] = (block, at as u32));
        }
    }
    while let Some(value) = found.pop() {
        let mut need = |value: &Val| {
            if !std::mem::replace(&mut alive[value.0 as usize], true) {
                found.push(*value);
            }
        };
        let (block, at) = homes[value.0 as usize];
        if at & PARAMETER == 0 {
            function.block(block).insts[at as usize].op.operands(need);
            continue;
        }
        let Some(position) = flow.position(block) else { continue };
        for &predecessor in flow.predecessors(position) {
            let terminator = &function.block(flow.order[predecessor as usize]).terminator;
            for target in terminator.targets().filter(|target| target.block == block) {
                need(&target.arguments[(at & !PARAMETER) as usize]);
            }
        }
    }
}

fn is_alive(inst: &Inst, alive: &[bool]) -> bool {
    inst.op.has_effect() || inst.results.iter().flatten().any(|value| alive[value.0 as usize])
}

fn drop_operations(function: &mut Function, flow: &ControlFlow, alive: &[bool]) {
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

fn drop_parameters(function: &mut Function, flow: &ControlFlow, alive: &[bool]) {
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
        for target in data.terminator.targets_mut() {
            parameters::retain(&mut target.arguments, &kept[target.block.0 as usize]);
        }
    }
}
