//! The selected function as the checker of allocations sees it: the same instructions, in blocks that are numbered in
//! reverse postorder of the whole graph.
//!
//! The checker visits blocks by number, and again whatever follows a block that turned out other than thought. Where all
//! cold blocks come last, each of them would have it visit most of the function again.

use super::allocate::MachFunction;
use regalloc2::{Block, Function, Inst, InstRange, Operand, PRegSet, RegClass, VReg};

/// See the module.
pub(super) struct CheckedFunction<'f> {
    function: &'f MachFunction,
    /// The block that has each number here.
    blocks: Vec<Block>,
    successors: Vec<Vec<Block>>,
    predecessors: Vec<Vec<Block>>,
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
        CheckedFunction { function, blocks, successors, predecessors }
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
        self.function.num_insts()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> Block {
        Block::new(0)
    }
    fn block_insns(&self, block: Block) -> InstRange {
        self.function.block_insns(self.block(block))
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
        self.function.is_ret(inst)
    }
    fn is_branch(&self, inst: Inst) -> bool {
        self.function.is_branch(inst)
    }
    fn branch_blockparams(&self, block: Block, inst: Inst, successor: usize) -> &[VReg] {
        self.function.branch_blockparams(self.block(block), inst, successor)
    }
    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        self.function.inst_operands(inst)
    }
    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        self.function.inst_clobbers(inst)
    }
    fn num_vregs(&self) -> usize {
        self.function.num_vregs()
    }
    fn spillslot_size(&self, class: RegClass) -> usize {
        self.function.spillslot_size(class)
    }
}
