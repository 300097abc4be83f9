//! Where virtual registers are live, and where they are used next.

use crate::target::allocate::MachFunction;
use regalloc2::{Block, Function, Inst, OperandKind, RegClass};

/// A row of bits for each block.
#[derive(Default)]
pub(super) struct Rows {
    stride: usize,
    words: Vec<u64>,
}

impl Rows {
    fn new(rows: usize, bits: usize) -> Rows {
        let stride = bits.div_ceil(64);
        Rows { stride, words: vec![0; rows * stride] }
    }
    fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.stride..][..self.stride]
    }
    fn set(&mut self, row: usize, bit: usize) {
        self.words[row * self.stride + bit / 64] |= 1 << (bit % 64);
    }
    fn clear(&mut self, row: usize, bit: usize) {
        self.words[row * self.stride + bit / 64] &= !(1 << (bit % 64));
    }
    /// Whether a bit is set.
    pub fn has(&self, row: usize, bit: u32) -> bool {
        self.words[row * self.stride + bit as usize / 64] >> (bit % 64) & 1 != 0
    }
    /// The bits that are set.
    pub fn ones(&self, row: usize) -> impl Iterator<Item = u32> + '_ {
        let words = self.row(row).iter().enumerate();
        words.flat_map(|(index, word)| Ones(*word).map(move |bit| 64 * index as u32 + bit))
    }
}

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
    pub live_in: Rows,
    pub live_out: Rows,
    pub class: Vec<RegClass>,
    /// The last position, in the order of blocks, at which a register is live.
    pub end: Vec<u32>,
    /// Positions of uses, ascending, and where those of each register start.
    uses: Vec<u32>,
    /// The next use of each register that has not been passed.
    cursor: Vec<u32>,
    limit: Vec<u32>,
}

impl Live {
    pub fn new(function: &MachFunction) -> Live {
        let registers = function.register_count;
        let blocks = function.blocks.len();
        let mut live = Live {
            live_in: Rows::new(blocks, registers),
            live_out: Rows::new(blocks, registers),
            class: vec![RegClass::Int; registers],
            end: vec![0; registers],
            uses: Vec::new(),
            cursor: Vec::new(),
            limit: Vec::new(),
        };
        let killed = live.scan(function);
        live.flow(function, &killed);
        live.find_ends(function);
        live
    }

    /// What each block uses of its predecessors' registers (left in `live_in`), and what it defines; also all uses.
    fn scan(&mut self, function: &MachFunction) -> Rows {
        let mut killed = Rows::new(function.blocks.len(), function.register_count);
        let mut counts = vec![0u32; function.register_count + 1];
        for (index, block) in function.blocks.iter().enumerate().rev() {
            for argument in &block.arguments {
                self.live_in.set(index, argument.vreg());
                counts[argument.vreg()] += 1;
            }
            for inst in (block.insts.start..block.insts.end).rev() {
                let operands = function.inst_operands(Inst::new(inst as usize));
                for operand in operands.iter().filter(|o| o.kind() == OperandKind::Def) {
                    let register = operand.vreg().vreg();
                    self.live_in.clear(index, register);
                    killed.set(index, register);
                    self.class[register] = operand.class();
                    self.end[register] = inst;
                }
                for operand in operands.iter().filter(|o| is_use(o)) {
                    self.live_in.set(index, operand.vreg().vreg());
                    counts[operand.vreg().vreg()] += 1;
                }
            }
            for parameter in &block.parameters {
                self.live_in.clear(index, parameter.vreg());
                killed.set(index, parameter.vreg());
                self.class[parameter.vreg()] = parameter.class();
            }
        }
        self.collect_uses(function, counts);
        killed
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

    fn flow(&mut self, function: &MachFunction, killed: &Rows) {
        let stride = self.live_in.stride;
        let mut changed = true;
        while changed {
            changed = false;
            for block in (0..function.blocks.len()).rev() {
                for successor in function.block_succs(Block::new(block)) {
                    let from = successor.index() * stride;
                    for word in 0..stride {
                        let incoming = self.live_in.words[from + word];
                        let at = block * stride + word;
                        if incoming & !self.live_out.words[at] != 0 {
                            self.live_out.words[at] |= incoming;
                            let through = incoming & !killed.words[at];
                            changed |= through & !self.live_in.words[at] != 0;
                            self.live_in.words[at] |= through;
                        }
                    }
                }
            }
        }
    }

    fn find_ends(&mut self, function: &MachFunction) {
        for (index, block) in function.blocks.iter().enumerate() {
            for register in self.live_out.ones(index) {
                let end = &mut self.end[register as usize];
                *end = (*end).max(block.insts.end - 1);
            }
        }
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

fn is_use(operand: &regalloc2::Operand) -> bool {
    operand.kind() == OperandKind::Use && operand.as_fixed_nonallocatable().is_none()
}
