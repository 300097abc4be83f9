//! Which registers of a flow graph are live at the start of each block, and at places within blocks.
//!
//! Registers are taken one by one: each is followed from its uses back to its definitions. That takes time and memory
//! in proportion to the graph and to what is live into blocks, and it is given up where the latter is too much.
//! Within a block, one way back notes what changes at each instruction; places are then asked for in rising order.

use super::linear::{BlockId, End, Linear, Reg};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The registers live at the start of each block, and a walk through one of the blocks.
pub struct Liveness {
    into: Groups,
    walk: Walk,
    /// What is live at places within blocks that were asked for.
    within: FxHashMap<(BlockId, u32), Vec<Reg>>,
}

/// Numbers in groups, one group after the other.
struct Groups {
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// Pairs of group and member, by group; members stay in order.
    fn of(count: usize, pairs: &[(u32, u32)]) -> Groups {
        let mut starts = vec![0; count + 1];
        pairs.iter().for_each(|(group, _)| starts[*group as usize + 1] += 1);
        for group in 0..count {
            starts[group + 1] += starts[group];
        }
        let (mut next, mut members) = (starts.clone(), vec![0; pairs.len()]);
        for (group, member) in pairs {
            let at = &mut next[*group as usize];
            members[*at as usize] = *member;
            *at += 1;
        }
        Groups { starts, members }
    }

    fn get(&self, group: u32) -> &[u32] {
        &self.members[self.starts[group as usize] as usize..self.starts[group as usize + 1] as usize]
    }
}

/// A number that no block and no register has.
const NONE: u32 = u32::MAX;

/// Where registers are read and written, and how control goes.
struct Graph {
    predecessors: Groups,
    /// The blocks whose errors go to a block.
    protected: Groups,
    /// The blocks that read a register before they write it.
    readers: Groups,
    /// The blocks that write a register, be it on the way out.
    writers: Groups,
}

impl Graph {
    fn of(flow: &Linear) -> Graph {
        let (mut predecessors, mut protected) = (Vec::new(), Vec::new());
        let (mut readers, mut writers) = (Vec::new(), Vec::new());
        // The last block that read, or wrote, each register.
        let (mut read, mut written) = (vec![NONE; flow.registers as usize], vec![NONE; flow.registers as usize]);
        for (number, block) in flow.blocks.iter().enumerate() {
            let number = number as u32;
            predecessors.extend(block.end.successors().map(|to| (to.0, number)));
            protected.extend(block.handler.map(|handler| (handler.0, number)));
            let mut reads = |register: Reg, written: &[u32]| {
                if written[register as usize] != number && read[register as usize] != number {
                    read[register as usize] = number;
                    readers.push((register, number));
                }
            };
            let mut writes = |register: Reg, written: &mut [u32]| {
                if written[register as usize] != number {
                    written[register as usize] = number;
                    writers.push((register, number));
                }
            };
            for instr in &block.instrs {
                instr.uses(|register| reads(register, &written));
                instr.defines().into_iter().for_each(|register| writes(register, &mut written));
            }
            block.end.uses(|register| reads(register, &written));
            block.end.defines().into_iter().for_each(|register| writes(register, &mut written));
        }
        let (blocks, registers) = (flow.blocks.len(), flow.registers as usize);
        Graph {
            predecessors: Groups::of(blocks, &predecessors),
            protected: Groups::of(blocks, &protected),
            readers: Groups::of(registers, &readers),
            writers: Groups::of(registers, &writers),
        }
    }
}

impl Liveness {
    /// What is live into blocks; `None` if that are more registers than `limit`, all blocks together. A handler's
    /// count once for each instruction that may lead there.
    pub fn of(flow: &Linear, limit: usize) -> Option<Liveness> {
        let graph = Graph::of(flow);
        let blocks = flow.blocks.len();
        let (mut live, mut weight) = (Vec::new(), 0);
        // The register that each block was last found to write, and to have live at its start.
        let (mut written, mut reached) = (vec![NONE; blocks], vec![NONE; blocks]);
        let mut work: Vec<u32> = Vec::new();
        for register in 0..flow.registers {
            graph.writers.get(register).iter().for_each(|block| written[*block as usize] = register);
            work.extend(graph.readers.get(register));
            graph.readers.get(register).iter().for_each(|block| reached[*block as usize] = register);
            while let Some(block) = work.pop() {
                live.push((block, register));
                weight += 1;
                for from in graph.predecessors.get(block) {
                    if written[*from as usize] != register && reached[*from as usize] != register {
                        reached[*from as usize] = register;
                        work.push(*from);
                    }
                }
                if flow.blocks[block as usize].site == Some(register) {
                    // It is defined on the way from where the error comes.
                    continue;
                }
                for from in graph.protected.get(block) {
                    weight += flow.blocks[*from as usize].instrs.len() / INSTRUCTIONS_AN_ERROR;
                    if reached[*from as usize] != register {
                        reached[*from as usize] = register;
                        work.push(*from);
                    }
                }
                if weight > limit {
                    return None;
                }
            }
        }
        Some(Liveness { into: Groups::of(blocks, &live), walk: Walk::nowhere(), within: FxHashMap::default() })
    }

    /// The registers live before instruction `index` of a block, ascending.
    pub fn before(&mut self, flow: &Linear, block: BlockId, index: u32) -> Vec<Reg> {
        if index == 0 {
            return self.into.get(block.0).to_vec();
        }
        let Liveness { into, walk, within } = self;
        let live = within.entry((block, index)).or_insert_with(|| {
            if walk.block != block || walk.at > index {
                walk.start(flow, into, block, index);
            }
            walk.advance(index);
            walk.live.iter().copied().collect()
        });
        live.clone()
    }
}

/// Of so many instructions, one is thought to lead to the handler by an edge of its own.
const INSTRUCTIONS_AN_ERROR: usize = 2;

/// What is live at a place within a block, and how that changes from there to the block's end.
struct Walk {
    block: BlockId,
    at: u32,
    live: BTreeSet<Reg>,
    /// Registers that become live or cease to be at instructions, those of the next instruction last …
    changes: Vec<Reg>,
    /// … and where those of each instruction start.
    starts: Vec<usize>,
}

impl Walk {
    fn nowhere() -> Walk {
        Walk { block: BlockId(NONE), at: 0, live: BTreeSet::new(), changes: Vec::new(), starts: Vec::new() }
    }

    /// Go back from the end of a block to an instruction.
    fn start(&mut self, flow: &Linear, into: &Groups, block: BlockId, index: u32) {
        let data = &flow.blocks[block.index()];
        (self.block, self.at) = (block, index);
        self.changes.clear();
        self.starts.clear();
        self.live = data.end.successors().flat_map(|to| into.get(to.0)).copied().collect();
        // The result of a call made in place of an inlined body is defined on the way to the second block; the
        // first block defines it itself before it is read.
        if let End::Inline { result, .. } = data.end {
            self.live.remove(&result);
        }
        // An error may leave for the handler from anywhere, so what that needs is live all through; but the site is
        // defined on the way.
        let handler: &[Reg] = data.handler.map_or(&[], |handler| into.get(handler.0));
        let site = data.handler.and_then(|handler| flow.blocks[handler.index()].site);
        let is_kept = |register: Reg| site != Some(register) && handler.binary_search(&register).is_ok();
        self.live.extend(handler.iter().copied().filter(|register| site != Some(*register)));
        data.end.uses(|register| _ = self.live.insert(register));
        for instr in data.instrs[index as usize..].iter().rev() {
            self.starts.push(self.changes.len());
            if let Some(defined) = instr.defines().filter(|register| !is_kept(*register)) {
                self.changes.extend(self.live.take(&defined));
            }
            instr.uses(|register| {
                if self.live.insert(register) {
                    self.changes.push(register);
                }
            });
        }
    }

    fn advance(&mut self, index: u32) {
        for start in self.starts.drain(self.starts.len() - (index - self.at) as usize..).rev() {
            for register in self.changes.drain(start..) {
                if !self.live.remove(&register) {
                    self.live.insert(register);
                }
            }
        }
        self.at = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::linear::{Instr, LinearBlock};
    use proptest::prelude::*;

    const REGISTERS: Reg = 5;
    const BLOCKS: u32 = 6;

    /// By place and register, whether it is live: by definition, again and again until nothing changes.
    fn by_definition(flow: &Linear) -> Vec<Vec<BTreeSet<Reg>>> {
        let mut live: Vec<_> = flow.blocks.iter().map(|b| vec![BTreeSet::new(); b.instrs.len() + 1]).collect();
        loop {
            let before = live.clone();
            for (number, block) in flow.blocks.iter().enumerate() {
                let handler = block.handler.map(|handler| {
                    let mut into = live[handler.index()][0].clone();
                    flow.blocks[handler.index()].site.iter().for_each(|site| _ = into.remove(site));
                    into
                });
                for index in (0..=block.instrs.len()).rev() {
                    let mut here = BTreeSet::new();
                    match block.instrs.get(index) {
                        Some(instr) => {
                            here.extend(&live[number][index + 1]);
                            instr.defines().iter().for_each(|defined| _ = here.remove(defined));
                            instr.uses(|used| _ = here.insert(used));
                        }
                        None => {
                            block.end.successors().for_each(|to| here.extend(&live[to.index()][0]));
                            block.end.defines().iter().for_each(|defined| _ = here.remove(defined));
                            block.end.uses(|used| _ = here.insert(used));
                        }
                    }
                    here.extend(handler.iter().flatten());
                    live[number][index] = here;
                }
            }
            if live == before {
                return live;
            }
        }
    }

    fn any_block() -> impl Strategy<Value = LinearBlock> {
        let moves = prop::collection::vec((0..REGISTERS, 0..REGISTERS), 0..5);
        let end = (0..4u8, 0..REGISTERS, 0..BLOCKS, 0..BLOCKS);
        let handler = (prop::option::of(0..BLOCKS), prop::option::of(0..REGISTERS));
        (moves, end, handler).prop_map(|(moves, (kind, register, yes, no), (handler, site))| LinearBlock {
            instrs: moves.into_iter().map(|(to, from)| Instr::Move(to, from)).collect(),
            end: match kind {
                0 => End::Jump(BlockId(yes)),
                1 => End::If(register, BlockId(yes), BlockId(no)),
                2 => End::Return(register),
                _ => End::Unreachable,
            },
            handler: handler.map(BlockId),
            is_loop: false,
            in_loop: false,
            site,
        })
    }

    proptest! {
        #[test]
        fn liveness_is_as_defined(
            blocks in prop::collection::vec(any_block(), BLOCKS as usize),
            places in prop::collection::vec((0..BLOCKS, 0..6u32), 20)
        ) {
            let flow = Linear {
                blocks,
                registers: REGISTERS,
                typed: vec![false; REGISTERS as usize],
                has_doubles: false,
                operators: FxHashMap::default(),
                parameters: 0,
            };
            let expected = by_definition(&flow);
            let mut liveness = Liveness::of(&flow, usize::MAX).expect("no limit");
            for (block, index) in places {
                let block = BlockId(block);
                let index = index.min(flow.blocks[block.index()].instrs.len() as u32);
                let found = liveness.before(&flow, block, index);
                let expected: Vec<Reg> = expected[block.index()][index as usize].iter().copied().collect();
                prop_assert_eq!(found, expected, "{}, instruction {}", block, index);
            }
        }
    }
}
