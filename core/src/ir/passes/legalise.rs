//! Splits 64-bit words into halves, for CPUs whose registers have 32 bits.
//!
//! A word of Maru has 64 bits on every target. [`legalise()`] makes of a function one whose words are narrow
//! ([`WordWidth::Four`]) and that computes the same: it has the operations that [`crate::ir::narrow`] lists, and
//! [`super::super::verify::verify_narrow`] accepts it. It belongs to what a target's driver does before it selects
//! instructions; the other passes come before, for what they know is about whole words. It is a pass of the IR all the
//! same, and stands with these, because it needs to know nothing of targets.
//!
//! # Conventions
//!
//! - **Halves.** A 64-bit word is two narrow words, the low half first: in parameters (of functions and of blocks),
//!   arguments, results, and in memory, where the low half lies at the word's address, the high half four bytes on. A
//!   word in memory is read and written low half first, in two accesses: another thread may see one without the other.
//! - **Addresses** have 32 bits: the upper half of a pointer is zero. Loads, stores and calls look at low halves only;
//!   a sum of base, index and offset is taken modulo 2³². A word with a pointer's tag and a zero upper half is a
//!   pointer, so a collector that scans stacks finds it in the low half, wherever the high half is kept.
//! - **Doubles** stay doubles, in their own registers. As bits in a word they are two halves, like any word.
//! - **Flags** (of comparisons, tags, overflow) are words: the high half is a constant zero.
//! - **The context** is laid out as on every target: its fields have eight bytes.
//! - **Data words** count by halves: `data 2n` is the low half of word `n`, `data 2n+1` its high half.
//! - **Division**, and a product whose overflow is observed and whose operands do not fit 32 bits, are done by helpers
//!   of the runtime that are arithmetic only ([`Helper::ARITHMETIC`]).
//!
//! # What a call layout then sees
//!
//! Narrow words in pairs. Of a Maru call these are: the halves of the callee, the halves of the argument count, the
//! halves of each argument. A target gives registers to the first narrow words, an even number of them, so that no
//! pair is torn; the halves of Maru word `2 + i` past them travel in the argument area, which is laid out as on every
//! target: low half at byte `8 i`, high half at `8 i + 4`. Doubles take the registers of doubles. Runtime helpers and
//! functions of the entry convention are called by C, after whose rules the context comes first and each word of 64
//! bits takes what C gives a `uint64_t` (which may be on the stack, or begin at an even register). A result that is a
//! 64-bit word comes in two registers, the low half in the first, as C returns a `uint64_t`.
//!
//! The pass takes time in proportion to the function's size, and so does what it makes: each operation becomes a
//! bounded number of them.

use super::*;
use crate::ir::flow::ControlFlow;
use crate::ir::narrow::Carrying;

mod calls;
mod compare;
mod doubles;
mod emit;
mod integers;
mod memory;
mod operation;
mod shifts;

/// A 64-bit word in two narrow ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Halves {
    low: Val,
    high: Val,
}

/// What a value of the function became.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parts {
    Word(Halves),
    Double(Val),
    /// It is not defined yet.
    Missing,
}

/// Writes the function of narrow words, block by block.
struct Splitter<'f> {
    function: &'f Function,
    b: FunctionBuilder,
    /// By value of the function.
    parts: Vec<Parts>,
    /// By block of the function; those that cannot be reached have none.
    blocks: Vec<Option<Block>>,
    /// By block that is written: where it belongs in the order of blocks.
    order: Vec<(Block, u32)>,
    /// The block of the function that is being split.
    block: Block,
    /// By narrow value that is written: how many low bits may be set, if that is known to be few.
    bits: Vec<u8>,
}

/// The function with words of this width: as it is if they are that wide, else split. Blocks that cannot be reached are
/// gone afterwards, and so is what nobody uses.
pub fn legalise(function: &Function, word: WordWidth) -> Function {
    if word == WordWidth::Eight || function.word == WordWidth::Four {
        return function.clone();
    }
    let flow = ControlFlow::of(function);
    let mut splitter = Splitter::new(function, &flow);
    for &block in &flow.order {
        splitter.block(block);
    }
    let mut split = splitter.finish();
    let flow = ControlFlow::of(&split);
    dead::run(&mut split, &flow, &mut OptimisationFuel::unlimited());
    drop_carries(&mut split);
    split
}

/// Sums whose carry nobody takes any more are sums.
fn drop_carries(function: &mut Function) {
    for data in &mut function.blocks {
        for at in 0..data.insts.len() {
            let next = data.insts.get(at + 1);
            let taken = next.is_some_and(|next| matches!(&next.op, Op::Narrow(op) if op.carry().is_some()));
            if let (Op::Narrow(Narrow::Carry(op, a, b)), false) = (&data.insts[at].op, taken) {
                let op = if *op == Carrying::Add { Binary::Add } else { Binary::Sub };
                data.insts[at] = Inst { op: Op::Binary(op, *a, *b), results: [data.insts[at].results[0], None] };
            }
        }
    }
}

impl<'f> Splitter<'f> {
    fn new(function: &'f Function, flow: &ControlFlow) -> Splitter<'f> {
        let signature = calls::signature(&function.signature);
        let mut splitter = Splitter {
            function,
            b: FunctionBuilder::with_words(WordWidth::Four, &function.name, signature),
            parts: vec![Parts::Missing; function.types.len()],
            blocks: vec![None; function.blocks.len()],
            order: vec![(Block(0), 0)],
            block: Block(0),
            bits: Vec::new(),
        };
        splitter.blocks[0] = Some(Block(0));
        let parameters = splitter.b.parameters(Block(0)).to_vec();
        splitter.name_parameters(Block(0), parameters);
        for number in 1..function.blocks.len() as u32 {
            if flow.position(Block(number)).is_some() {
                splitter.declare(Block(number));
            }
        }
        splitter
    }

    /// Make the block that another becomes, with its parameters.
    fn declare(&mut self, block: Block) {
        let new = self.new_block(block, self.function.block(block).cold);
        self.blocks[block.0 as usize] = Some(new);
        let mut parameters = Vec::new();
        for &parameter in &self.function.block(block).parameters {
            match self.function.type_of(parameter) {
                Type::Double => parameters.push(self.b.parameter(new, Type::Double)),
                Type::Word | Type::Pair => {
                    parameters.extend([self.b.parameter(new, Type::Word), self.b.parameter(new, Type::Word)]);
                }
            }
        }
        self.name_parameters(block, parameters);
    }

    /// A new block, which belongs where this one is.
    fn new_block(&mut self, of: Block, cold: bool) -> Block {
        let new = if cold { self.b.cold_block() } else { self.b.block() };
        self.order.push((of, new.0));
        new
    }

    /// Note what a block's parameters became.
    fn name_parameters(&mut self, block: Block, new: Vec<Val>) {
        let mut new = new.into_iter();
        for &parameter in &self.function.block(block).parameters {
            let mut next = || new.next().expect("as many as there are parts");
            self.parts[parameter.0 as usize] = match self.function.type_of(parameter) {
                Type::Double => Parts::Double(next()),
                Type::Word | Type::Pair => Parts::Word(Halves { low: next(), high: next() }),
            };
        }
    }

    fn block(&mut self, block: Block) {
        let data = self.function.block(block);
        self.block = block;
        // No line is taken over from the block before.
        self.b.set_line(0);
        self.b.switch_to(self.blocks[block.0 as usize].expect("a block that can be reached"));
        let lines = &self.function.lines;
        let first = lines.partition_point(|line| line.0 < block);
        let mut lines = lines[first..].iter().take_while(|line| line.0 == block).peekable();
        for (at, inst) in data.insts.iter().enumerate() {
            if let Some(line) = lines.next_if(|line| line.1 as usize == at) {
                self.b.set_line(line.2);
            }
            self.operation(inst);
        }
        if let Some(line) = lines.next() {
            self.b.set_line(line.2);
        }
        self.exit(&data.terminator);
    }

    /// The function, its blocks in the order of those that they come from.
    fn finish(self) -> Function {
        let Splitter { b, order, .. } = self;
        let mut function = b.finish();
        if order.is_sorted() {
            return function;
        }
        let mut sorted: Vec<u32> = (0..order.len() as u32).collect();
        sorted.sort_unstable_by_key(|&block| order[block as usize]);
        let mut numbers = vec![Block(0); order.len()];
        for (number, &block) in sorted.iter().enumerate() {
            numbers[block as usize] = Block(number as u32);
        }
        let empty = || BlockData {
            parameters: Vec::new(),
            insts: Vec::new(),
            terminator: Terminator::Unreachable,
            cold: false,
        };
        function.blocks =
            sorted.iter().map(|&block| std::mem::replace(&mut function.blocks[block as usize], empty())).collect();
        for data in &mut function.blocks {
            data.terminator.targets_mut().for_each(|target| target.block = numbers[target.block.0 as usize]);
        }
        function.lines.iter_mut().for_each(|line| line.0 = numbers[line.0 .0 as usize]);
        function.lines.sort_unstable();
        function
    }
}
