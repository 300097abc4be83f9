//! The selected function as the checker of allocations sees it: the same blocks and instructions, numbered in reverse
//! postorder of the whole graph.
//!
//! The checker visits blocks by number, and again whatever follows a block that turned out other than thought. Where all
//! cold blocks come last, each of them would have it visit most of the function again.

use super::allocate::MachFunction;
use regalloc2::{Block, Function, Inst, InstPosition, InstRange, Operand, Output, PRegSet, ProgPoint, RegClass, VReg};

/// See the module.
pub(super) struct CheckedFunction<'f> {
    function: &'f MachFunction,
    /// The block that has each number here.
    blocks: Vec<Block>,
    successors: Vec<Vec<Block>>,
    predecessors: Vec<Vec<Block>>,
    /// The instruction that has each number here.
    instructions: Vec<Inst>,
    /// The instructions of each block, by their numbers here.
    ranges: Vec<InstRange>,
}

impl<'f> CheckedFunction<'f> {
    pub fn new(function: &'f MachFunction) -> CheckedFunction<'f> {
        let blocks = reverse_postorder(function);
        let mut numbers = vec![Block::invalid(); function.num_blocks()];
        for (number, block) in blocks.iter().enumerate() {
            numbers[block.index()] = Block::new(number);
        }
        let renumbered = |blocks: &[Block]| blocks.iter().map(|block| numbers[block.index()]).collect();
        let successors = blocks.iter().map(|block| renumbered(function.block_succs(*block))).collect();
        let predecessors = blocks.iter().map(|block| renumbered(function.block_preds(*block))).collect();
        let mut instructions = Vec::with_capacity(function.num_insts());
        let mut range = |block: &Block| {
            let first = Inst::new(instructions.len());
            instructions.extend(function.block_insns(*block).iter());
            InstRange::new(first, Inst::new(instructions.len()))
        };
        let ranges = blocks.iter().map(&mut range).collect();
        CheckedFunction { function, blocks, successors, predecessors, instructions, ranges }
    }

    /// What the allocator said, in the numbers that instructions have here.
    pub fn renumbered(&self, output: &Output) -> Output {
        let mut numbers = vec![Inst::invalid(); self.function.num_insts()];
        let (mut allocations, mut offsets) = (Vec::with_capacity(output.allocs.len()), Vec::new());
        for (number, instruction) in self.instructions.iter().enumerate() {
            numbers[instruction.index()] = Inst::new(number);
            offsets.push(allocations.len() as u32);
            allocations.extend(output.inst_allocs(*instruction));
        }
        let moved = |point: ProgPoint| {
            let number = numbers[point.inst().index()];
            match point.pos() {
                InstPosition::Before => ProgPoint::before(number),
                InstPosition::After => ProgPoint::after(number),
            }
        };
        let mut edits: Vec<_> = output.edits.iter().map(|(point, edit)| (moved(*point), edit.clone())).collect();
        // Those of one place stay in order.
        edits.sort_by_key(|(point, _)| *point);
        Output { allocs: allocations, inst_alloc_offsets: offsets, edits, ..output.clone() }
    }

    fn instruction(&self, number: Inst) -> Inst {
        self.instructions[number.index()]
    }

    fn block(&self, number: Block) -> Block {
        self.blocks[number.index()]
    }
}

/// All blocks, of which each can be reached, each before those that only it leads to.
fn reverse_postorder(function: &MachFunction) -> Vec<Block> {
    let mut order = Vec::with_capacity(function.num_blocks());
    let mut seen = vec![false; function.num_blocks()];
    let mut stack = vec![(function.entry_block(), 0)];
    seen[0] = true;
    while let Some((block, turn)) = stack.last_mut() {
        let next = function.block_succs(*block).get(*turn).copied();
        *turn += 1;
        match next {
            Some(next) if !std::mem::replace(&mut seen[next.index()], true) => stack.push((next, 0)),
            Some(_) => {}
            None => {
                order.push(*block);
                stack.pop();
            }
        }
    }
    order.reverse();
    order
}

impl Function for CheckedFunction<'_> {
    fn num_insts(&self) -> usize {
        self.instructions.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> Block {
        Block::new(0)
    }
    fn block_insns(&self, block: Block) -> InstRange {
        self.ranges[block.index()]
    }
    fn block_succs(&self, block: Block) -> &[Block] {
        &self.successors[block.index()]
    }
    fn block_preds(&self, block: Block) -> &[Block] {
        &self.predecessors[block.index()]
    }
    fn block_params(&self, block: Block) -> &[VReg] {
        self.function.block_params(self.block(block))
    }
    fn is_ret(&self, inst: Inst) -> bool {
        self.function.is_ret(self.instruction(inst))
    }
    fn is_branch(&self, inst: Inst) -> bool {
        self.function.is_branch(self.instruction(inst))
    }
    fn branch_blockparams(&self, block: Block, inst: Inst, successor: usize) -> &[VReg] {
        self.function.branch_blockparams(self.block(block), self.instruction(inst), successor)
    }
    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        self.function.inst_operands(self.instruction(inst))
    }
    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        self.function.inst_clobbers(self.instruction(inst))
    }
    fn num_vregs(&self) -> usize {
        self.function.num_vregs()
    }
    fn spillslot_size(&self, class: RegClass) -> usize {
        self.function.spillslot_size(class)
    }
}
