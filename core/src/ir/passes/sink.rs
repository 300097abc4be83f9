//! Loads constants where they are used, if that is in cold blocks alone.
//!
//! What only slow paths speak of (names, functions of the runtime, sites) is loaded where the lowering comes across it, which
//! is often where code is likely to run. Each cold block loads what it needs itself; where nothing else needs it, the load
//! that was there is dead.

use super::*;

/// Run the pass.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) {
    let mut loads = loads_in_warm_blocks(function, flow);
    if loads.iter().all(Option::is_none) {
        return;
    }
    for &block in flow.order.iter().filter(|block| !function.block(**block).cold) {
        let data = function.block(block);
        let mut keep = |value: &Val| loads[value.0 as usize] = None;
        data.insts.iter().for_each(|inst| inst.op.operands(&mut keep));
        data.terminator.own_operands(&mut keep);
        data.terminator.targets().for_each(|target| target.arguments.iter().for_each(&mut keep));
    }
    let mut insertions = Insertions::new();
    let mut own: Vec<(Val, Val)> = Vec::new();
    for &block in &flow.order {
        let types = &mut function.types;
        let data = &mut function.blocks[block.0 as usize];
        if !data.cold {
            continue;
        }
        own.clear();
        let mut load_here = |value: &mut Val| {
            let Some(word) = loads.get(value.0 as usize).copied().flatten() else { return };
            if let Some((_, new)) = own.iter().find(|(old, _)| old == value) {
                *value = *new;
            } else if fuel.spend() {
                let new = Val(types.len() as u32);
                types.push(Type::Word);
                insertions.push((block, 0, Inst { op: Op::LoadData(word), results: [Some(new), None] }));
                own.push((*value, new));
                *value = new;
            }
        };
        data.insts.iter_mut().for_each(|inst| inst.op.operands_mut(&mut load_here));
        data.terminator.operands_mut(&mut load_here);
    }
    insert(function, insertions);
}

/// By value: the word of the data table that it is, if it is loaded in a block that is likely to run.
fn loads_in_warm_blocks(function: &Function, flow: &ControlFlow) -> Vec<Option<u32>> {
    let mut loads = vec![None; function.types.len()];
    for &block in flow.order.iter().filter(|block| !function.block(**block).cold) {
        for inst in &function.block(block).insts {
            if let (Op::LoadData(word), Some(result)) = (&inst.op, inst.results[0]) {
                loads[result.0 as usize] = Some(*word);
            }
        }
    }
    loads
}
