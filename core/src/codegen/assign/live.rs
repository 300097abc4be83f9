//! Where virtual registers are live, and where they are used next.
//!
//! Most values are used in the block that defines them only. For the others, the blocks are found into which they
//! live, by walking back from their uses; a list for each block. All lists together have a length that is limited by a
//! multiple of the function's length, so that time and memory are linear in it whatever its shape. The few values of
//! huge functions that live too long for that live in memory: stored where they are made, loaded in each block that
//! uses them.

use crate::codegen::allocate::MachFunction;
use regalloc2::{Block, Function, Inst, Operand, OperandKind, RegClass};

/// How many blocks a value may live into before it must wait for those that live into fewer.
const SHORT: usize = 64;
/// How many entries the lists may have in all, for each instruction and block; and so many besides.
const ENTRIES: usize = 16;
const MORE_ENTRIES: usize = 1 << 14;
/// No block.
const NOWHERE: u32 = u32::MAX;

/// The bits of a word that are set.
pub(super) struct Ones(pub u64);

impl Iterator for Ones {
    type Item = u32;
    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

/// Liveness of a function. Positions are instruction indices.
pub(super) struct Live {
    pub class: Vec<RegClass>,
    /// The last position, in the order of blocks, at which a register is live.
    pub end: Vec<u32>,
    /// The registers that live into each block, ascending, and where each block's start; one more for the end.
    live_in: Vec<u32>,
    starts: Vec<u32>,
    /// By register: one more than the last block that was asked for and that it lives on after.
    live_out: Vec<u32>,
    /// Registers that live in memory; empty if none does.
    in_memory: Vec<bool>,
    /// Positions of uses, ascending, and where those of each register start.
    uses: Vec<u32>,
    /// The next use of each register that has not been passed.
    cursor: Vec<u32>,
    limit: Vec<u32>,
}

impl Live {
    pub fn new(function: &MachFunction) -> Live {
        let registers = function.register_count;
        let mut live = Live {
            class: vec![RegClass::Int; registers],
            end: vec![0; registers],
            live_in: Vec::new(),
            starts: Vec::new(),
            live_out: vec![0; registers],
            in_memory: Vec::new(),
            uses: Vec::new(),
            cursor: Vec::new(),
            limit: Vec::new(),
        };
        let homes = live.scan(function);
        let mut spread = Spread::new(function);
        live.spread(&mut spread, &homes);
        live.list(function, spread.found);
        live
    }

    /// The block that defines each register; also all uses.
    fn scan(&mut self, function: &MachFunction) -> Vec<u32> {
        let mut homes = vec![NOWHERE; function.register_count];
        let mut counts = vec![0u32; function.register_count + 1];
        for (index, block) in function.blocks.iter().enumerate() {
            for parameter in &block.parameters {
                homes[parameter.vreg()] = index as u32;
                self.class[parameter.vreg()] = parameter.class();
            }
            for inst in block.insts.clone() {
                for operand in function.inst_operands(Inst::new(inst as usize)) {
                    let register = operand.vreg().vreg();
                    if operand.kind() == OperandKind::Def {
                        homes[register] = index as u32;
                        self.class[register] = operand.class();
                        self.end[register] = inst;
                    } else if is_use(operand) {
                        counts[register] += 1;
                    }
                }
            }
            block.arguments.iter().for_each(|argument| counts[argument.vreg()] += 1);
        }
        self.collect_uses(function, counts);
        homes
    }

    fn collect_uses(&mut self, function: &MachFunction, mut counts: Vec<u32>) {
        let mut total = 0;
        for count in &mut counts {
            total += std::mem::replace(count, total);
        }
        self.uses = vec![0; total as usize];
        self.cursor = counts[..counts.len() - 1].to_vec();
        let mut push = |register: usize, position: u32| {
            self.uses[counts[register] as usize] = position;
            self.end[register] = self.end[register].max(position);
            counts[register] += 1;
        };
        for block in &function.blocks {
            for inst in block.insts.clone() {
                for operand in function.inst_operands(Inst::new(inst as usize)).iter().filter(|o| is_use(o)) {
                    push(operand.vreg().vreg(), inst);
                }
            }
            block.arguments.iter().for_each(|argument| push(argument.vreg(), block.insts.end - 1));
        }
        counts.pop();
        self.limit = counts;
    }

    /// Find the blocks that registers live into.
    fn spread(&mut self, spread: &mut Spread, homes: &[u32]) {
        let function = spread.function;
        let mut long = Vec::new();
        for (register, &home) in homes.iter().enumerate() {
            let uses = self.cursor[register] as usize..self.limit[register] as usize;
            let Some(&last) = self.uses[uses.clone()].last() else { continue };
            if home == NOWHERE || last < function.blocks[home as usize].insts.end {
                continue;
            }
            match spread.walk(register as u32, home, &self.uses[uses], SHORT) {
                Some(end) => self.end[register] = self.end[register].max(end),
                None => long.push(register),
            }
        }
        for register in long {
            let uses = self.cursor[register] as usize..self.limit[register] as usize;
            // After the first for which there is no room, no other is tried: that would take time for nothing.
            let end = match self.in_memory.is_empty() {
                true => spread.walk(register as u32, homes[register], &self.uses[uses], usize::MAX),
                false => None,
            };
            match end {
                Some(end) => self.end[register] = self.end[register].max(end),
                None => {
                    self.in_memory.resize(homes.len(), false);
                    self.in_memory[register] = true;
                    self.end[register] = spread.loop_end(self.end[register]);
                }
            }
        }
    }

    /// Put what was found into lists.
    fn list(&mut self, function: &MachFunction, found: Vec<(u32, u32)>) {
        let blocks = function.blocks.len();
        self.starts = vec![0; blocks + 1];
        self.live_in = vec![0; found.len()];
        for (block, _) in &found {
            self.starts[*block as usize] += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        for (block, register) in found.into_iter().rev() {
            let start = &mut self.starts[block as usize];
            *start -= 1;
            self.live_in[*start as usize] = register;
        }
        for block in 0..blocks {
            let list = &mut self.live_in[self.starts[block] as usize..self.starts[block + 1] as usize];
            if !list.is_sorted() {
                list.sort_unstable();
            }
        }
    }

    fn live_into(&self, block: usize) -> &[u32] {
        &self.live_in[self.starts[block] as usize..self.starts[block + 1] as usize]
    }

    /// Whether a register lives into a block, other than in memory.
    pub fn lives_into(&self, block: usize, register: u32) -> bool {
        self.live_into(block).binary_search(&register).is_ok()
    }

    /// From here on, [`Live::lives_after`] is asked for this block.
    pub fn enter(&mut self, function: &MachFunction, block: usize) {
        for successor in function.block_succs(Block::new(block)) {
            let list = self.starts[successor.index()] as usize..self.starts[successor.index() + 1] as usize;
            for register in &self.live_in[list] {
                self.live_out[*register as usize] = block as u32 + 1;
            }
        }
    }

    /// Whether a register lives on after the block that was entered last, other than in memory.
    pub fn lives_after(&self, block: usize, register: u32) -> bool {
        self.live_out[register as usize] == block as u32 + 1
    }

    /// Whether a register lives in memory: it is stored where it is made and loaded where it is used.
    pub fn is_in_memory(&self, register: u32) -> bool {
        !self.in_memory.is_empty() && self.in_memory[register as usize]
    }

    /// The first use of a register after a position; positions asked for must not decrease.
    pub fn next_use(&mut self, register: u32, after: u32) -> Option<u32> {
        let index = register as usize;
        while self.cursor[index] < self.limit[index] {
            let position = self.uses[self.cursor[index] as usize];
            if position > after {
                return Some(position);
            }
            self.cursor[index] += 1;
        }
        None
    }

    /// Whether anything uses a register at all.
    pub fn is_used(&self, register: u32) -> bool {
        self.cursor[register as usize] < self.limit[register as usize]
    }
}

/// Finds the blocks that registers live into.
struct Spread<'f> {
    function: &'f MachFunction,
    /// The block of each instruction.
    block_of: Vec<u32>,
    /// The last walk that came to each block.
    walks: Vec<u32>,
    walk: u32,
    /// Blocks, with a register that lives into them.
    found: Vec<(u32, u32)>,
    room: usize,
    /// The last block that a loop goes on to that the block is in; made when it is asked for first.
    loops: Vec<u32>,
    work: Vec<u32>,
}

impl<'f> Spread<'f> {
    fn new(function: &'f MachFunction) -> Spread<'f> {
        let mut block_of = vec![0; function.insts.len()];
        for (index, block) in function.blocks.iter().enumerate() {
            block_of[block.insts.start as usize..block.insts.end as usize].fill(index as u32);
        }
        Spread {
            function,
            block_of,
            walks: vec![0; function.blocks.len()],
            walk: 0,
            found: Vec::new(),
            room: ENTRIES * (function.insts.len() + function.blocks.len()) + MORE_ENTRIES,
            loops: Vec::new(),
            work: Vec::new(),
        }
    }

    /// From the uses of a register back to the block that defines it; the last position at which it lives. `None` if
    /// it lives into too many blocks.
    fn walk(&mut self, register: u32, home: u32, uses: &[u32], limit: usize) -> Option<u32> {
        self.walk += 1;
        let first = self.found.len();
        let room = self.room.min(first.saturating_add(limit));
        let mut end = 0;
        for position in uses {
            self.visit(self.block_of[*position as usize], home, register);
            while let Some(block) = self.work.pop() {
                for predecessor in self.function.graph.predecessors.of(block as usize) {
                    end = end.max(self.function.blocks[predecessor.index()].insts.end - 1);
                    self.visit(predecessor.index() as u32, home, register);
                    if self.found.len() > room {
                        self.found.truncate(first);
                        self.work.clear();
                        return None;
                    }
                }
            }
        }
        Some(end)
    }

    fn visit(&mut self, block: u32, home: u32, register: u32) {
        if block != home && std::mem::replace(&mut self.walks[block as usize], self.walk) != self.walk {
            self.found.push((block, register));
            self.work.push(block);
        }
    }

    /// The last position of all loops that the position is in.
    fn loop_end(&mut self, position: u32) -> u32 {
        if self.loops.is_empty() {
            self.find_loops();
        }
        let last = self.loops[self.block_of[position as usize] as usize];
        position.max(self.function.blocks[last as usize].insts.end - 1)
    }

    /// Loops are taken to be all that lies between a block and the last one that leads back to it.
    fn find_loops(&mut self) {
        let blocks = self.function.blocks.len();
        self.loops = (0..blocks as u32).collect();
        let mut last = 0;
        for block in 0..blocks {
            let back = self.function.graph.predecessors.of(block).iter().map(|block| block.index() as u32);
            last = last.max(block as u32).max(back.max().unwrap_or(0));
            self.loops[block] = last;
        }
        for block in (0..blocks).rev() {
            let last = self.loops[block] as usize;
            self.loops[block] = self.loops[last];
        }
    }
}

fn is_use(operand: &Operand) -> bool {
    operand.kind() == OperandKind::Use && operand.as_fixed_nonallocatable().is_none()
}
