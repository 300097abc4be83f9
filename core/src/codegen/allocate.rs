//! Register allocation: the selected function as `regalloc2` sees it, for every target.
//!
//! Its description of a function and of an allocation, and its checker, are used for all functions; its algorithm for
//! those that [`super::assign`] does not take.

use super::assign::assign;
use super::checked::CheckedFunction;
use super::graph::Graph;
use super::machine::Transfer;
use super::MachInst;
use regalloc2::checker::Checker;
use regalloc2::{
    Block, Ctx, Function, Inst, InstRange, MachineEnv, Operand, Output, PRegSet, RegClass, RegallocOptions, VReg,
};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// A block of selected instructions.
#[derive(Debug, Default)]
pub(super) struct MachBlock {
    pub insts: Range<u32>,
    pub parameters: Vec<VReg>,
    /// Arguments of the jump at its end.
    pub arguments: Vec<VReg>,
}

/// A selected function.
#[derive(Debug)]
pub(super) struct MachFunction {
    /// In the order of the graph's nodes.
    pub blocks: Vec<MachBlock>,
    pub insts: Vec<MachInst>,
    pub graph: Graph,
    /// Whether it calls anything.
    pub calls: bool,
    /// Slots at the bottom of the frame in which calls pass words.
    pub passed: u32,
    pub operands: Vec<Operand>,
    pub clobbers: Vec<PRegSet>,
    pub register_count: usize,
}

impl MachFunction {
    fn inst(&self, inst: Inst) -> &MachInst {
        &self.insts[inst.index()]
    }
}

impl Function for MachFunction {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> Block {
        Block::new(0)
    }
    fn block_insns(&self, block: Block) -> InstRange {
        let range = &self.blocks[block.index()].insts;
        InstRange::new(Inst::new(range.start as usize), Inst::new(range.end as usize))
    }
    fn block_succs(&self, block: Block) -> &[Block] {
        self.graph.successors[block.index()].as_slice()
    }
    fn block_preds(&self, block: Block) -> &[Block] {
        self.graph.predecessors.of(block.index())
    }
    fn block_params(&self, block: Block) -> &[VReg] {
        &self.blocks[block.index()].parameters
    }
    fn is_ret(&self, inst: Inst) -> bool {
        matches!(self.inst(inst).flow, Transfer::Leave | Transfer::Stop)
    }
    fn is_branch(&self, inst: Inst) -> bool {
        self.inst(inst).flow == Transfer::Branch
    }
    fn branch_blockparams(&self, block: Block, _: Inst, _: usize) -> &[VReg] {
        &self.blocks[block.index()].arguments
    }
    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        let inst = self.inst(inst);
        &self.operands[inst.first_operand as usize..][..inst.operands as usize]
    }
    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        self.clobbers[self.inst(inst).clobbers as usize]
    }
    fn num_vregs(&self) -> usize {
        self.register_count
    }
    fn spillslot_size(&self, _: RegClass) -> usize {
        1
    }
}

/// Most instructions of a function whose allocation is verified: the checker keeps a table of all places for each block.
const LARGEST_VERIFIED: usize = 30_000;

static VERIFY: AtomicBool = AtomicBool::new(cfg!(debug_assertions));

/// Whether every allocation is verified by an independent checker, at the cost of compile time. At the start it is
/// where debug assertions are on. Huge functions are exempt: the checker's time is not linear.
pub fn verify_allocation(on: bool) {
    VERIFY.store(on, Ordering::Relaxed);
}

static THOROUGH: AtomicBool = AtomicBool::new(false);

/// Whether `regalloc2`'s thorough algorithm allocates for all functions: to compare with.
pub fn thorough_allocation(on: bool) {
    THOROUGH.store(on, Ordering::Relaxed);
}

/// Allocate registers. The context is reused from function to function.
pub(super) fn allocate(function: &MachFunction, registers: &MachineEnv, context: &mut Ctx) -> Result<Output, String> {
    let verify = VERIFY.load(Ordering::Relaxed);
    let assigned = if THOROUGH.load(Ordering::Relaxed) { None } else { assign(function, registers) };
    let output = match assigned {
        Some(output) => output,
        None => {
            let options = RegallocOptions { validate_ssa: verify, ..RegallocOptions::default() };
            regalloc2::run_with_ctx(function, registers, &options, context)
                .map_err(|error| format!("register allocation failed: {error}"))?;
            std::mem::take(&mut context.output)
        }
    };
    if verify && function.insts.len() <= LARGEST_VERIFIED {
        let checked = CheckedFunction::new(function);
        let mut checker = Checker::new(&checked, registers);
        checker.prepare(&checked.renumbered(&output));
        checker.run().map_err(|errors| format!("wrong register allocation: {errors:?}"))?;
    }
    Ok(output)
}
