//! The driver: makes an [`Architecture`] of a [`RegisterMachine`].
//!
//! ```text
//! IR → selection → virtual registers → allocation → encoding → bytes, fixups, unwind rows, lines
//! ```
//!
//! Cold blocks come last, blocks that turn out empty vanish, and jumps to the next block are left out.

use super::allocate::{allocate, MachFunction};
use super::machine::Transfer;
use super::select::{ARRIVE, FORGET, PARAMETERS, PASS};
use super::*;
use crate::abi::FIRST_ARGUMENT;
use crate::ir::passes::legalise::legalise;
use crate::ir::{Function, Type, WordWidth};
use regalloc2::{Allocation, Block, Ctx, Edit, Inst, Output, ProgPoint, SpillSlot};
use std::cell::RefCell;
use std::time::Instant;

/// An [`Architecture`] made of a [`RegisterMachine`].
pub struct Native<M>(pub M);

thread_local! {
    /// The allocator's working memory, kept from function to function.
    static CONTEXT: RefCell<Ctx> = RefCell::default();
}

impl<M: RegisterMachine> Architecture for Native<M> {
    fn name(&self) -> &'static str {
        self.0.spec().name
    }
    fn synonyms(&self) -> &'static [&'static str] {
        self.0.spec().synonyms
    }
    fn is_host(&self) -> bool {
        self.0.spec().is_host
    }
    fn argument_registers(&self) -> usize {
        let registers = self.0.call_layout(CallKind::Maru).words.len();
        match self.0.word() {
            WordWidth::Eight => registers - FIRST_ARGUMENT,
            WordWidth::Four => registers / 2 - FIRST_ARGUMENT,
        }
    }
    fn convention_facts(&self) -> Vec<Fact> {
        convention::facts(&self.0)
    }
    fn trap(&self) -> &'static [u8] {
        self.0.spec().trap
    }
    fn identity(&self, format: &str) -> Option<&MachineIdentity> {
        self.0.spec().identities.iter().find(|(name, _)| *name == format).map(|(_, identity)| identity)
    }
    fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
        self.compile_for(function, System::default())
    }
    fn compile_for(&self, function: &Function, system: System) -> Result<CompiledFunction, CompileError> {
        if system.0 >= self.0.systems() {
            let message = format!("{} has no system of number {}", self.name(), system.0);
            return Err(CompileError { function: function.name.clone(), message });
        }
        CONTEXT.with_borrow_mut(|context| self.run(function, system, context, false)).map(|(compiled, _)| compiled)
    }
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
        self.0.patch(kind, site, from, to)
    }
    fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
        self.listing_for(function, System::default())
    }
    fn listing_for(&self, function: &Function, system: System) -> Result<Vec<ListingLine>, CompileError> {
        CONTEXT.with_borrow_mut(|context| self.run(function, system, context, true)).map(|(_, listing)| listing)
    }
    fn assembly(&self) -> Option<AssemblySyntax> {
        self.0.assembly()
    }
}

impl<M: RegisterMachine> Native<M> {
    fn run(
        &self,
        function: &Function,
        system: System,
        context: &mut Ctx,
        listing: bool,
    ) -> Result<(CompiledFunction, Vec<ListingLine>), CompileError> {
        let fail = |message| CompileError { function: function.name.clone(), message };
        let start = Instant::now();
        let legal;
        let function = match self.0.word() {
            word if word == function.word => function,
            WordWidth::Four => {
                legal = legalise(function, WordWidth::Four);
                &legal
            }
            WordWidth::Eight => return Err(fail("this target's words are not narrow".into())),
        };
        let selected = Selection::run(&self.0, function, system).map_err(fail)?;
        let selection_done = Instant::now();
        let mut output = allocate(&selected, self.0.registers_on(system), context).map_err(fail)?;
        make_room(&mut output, selected.passed);
        let allocation_done = Instant::now();
        let mut emission = Emission::new(&self.0, &selected, &output, (function, system), listing);
        emission.run().map_err(|error| fail(format!("a jump is too far: {error}")))?;
        let Emission { code, lines, .. } = emission;
        let listing = code.listing();
        let nanoseconds = [
            (selection_done - start).as_nanos() as u64,
            (allocation_done - selection_done).as_nanos() as u64,
            allocation_done.elapsed().as_nanos() as u64,
        ];
        let CodeBuffer { bytes, fixups, unwind, .. } = code;
        Ok((CompiledFunction { bytes, fixups, unwind, lines, nanoseconds }, listing))
    }
}

/// Encoding of one allocated function.
struct Emission<'a, M> {
    machine: &'a M,
    function: &'a MachFunction,
    output: &'a Output,
    frame: Frame,
    code: CodeBuffer,
    /// Blocks in the order of their code, without those that are empty.
    order: Vec<u32>,
    /// Where a jump to a block leads: past blocks that are empty.
    destination: Vec<u32>,
    /// How jumps are shortened. If that is not known, code is encoded twice.
    shorten: Option<Shorten>,
    /// Offset of each block's instructions in the first of two passes, in order of encoding.
    offsets: Vec<u32>,
    second_pass: bool,
    encoded: usize,
    /// Where the edits of each block start.
    edits: Vec<u32>,
    lines: Vec<(u32, u32)>,
}

impl<'a, M: RegisterMachine> Emission<'a, M> {
    fn new(
        machine: &'a M,
        function: &'a MachFunction,
        output: &'a Output,
        (source, system): (&Function, System),
        listing: bool,
    ) -> Emission<'a, M> {
        let frame = Frame {
            convention: source.signature.convention,
            system,
            spill_slots: output.num_spillslots as u32,
            calls: function.calls,
            has_callee: source.signature.parameters.contains(&Type::Word),
        };
        let mut emission = Emission {
            machine,
            function,
            output,
            frame,
            code: CodeBuffer::new(listing),
            order: Vec::with_capacity(function.blocks.len()),
            destination: (0..function.blocks.len() as u32).collect(),
            shorten: machine.short_jumps(),
            offsets: Vec::new(),
            second_pass: false,
            encoded: 0,
            edits: edits_of_blocks(function, output),
            lines: Vec::new(),
        };
        emission.skip_empty_blocks();
        for cold in [false, true] {
            let blocks = (0..function.blocks.len()).filter(|block| function.graph.cold[*block] == cold);
            let kept = blocks.filter(|block| emission.destination[*block] == *block as u32);
            emission.order.extend(kept.map(|block| block as u32));
        }
        emission
    }

    /// Find where jumps to blocks lead that hold nothing but a jump. The entry stays: it is where code starts.
    fn skip_empty_blocks(&mut self) {
        for block in 1..self.function.blocks.len() {
            if let Some(next) = self.only_jump(block) {
                self.destination[block] = next;
            }
        }
        for block in 1..self.function.blocks.len() {
            let mut to = self.destination[block];
            let mut steps = 0;
            while self.destination[to as usize] != to && steps <= self.function.blocks.len() {
                to = self.destination[to as usize];
                steps += 1;
            }
            // A ring of empty blocks is an endless loop, which must jump somewhere.
            self.destination[block] = if steps > self.function.blocks.len() { block as u32 } else { to };
        }
    }

    fn only_jump(&self, block: usize) -> Option<u32> {
        let [next] = self.function.graph.successors[block].as_slice() else { return None };
        let range = &self.function.blocks[block].insts;
        if range.len() != 1 {
            return None;
        }
        let still = self.edits(block).iter().all(|(_, Edit::Move { from, to })| from == to);
        still.then_some(next.index() as u32)
    }

    /// The moves of a block.
    fn edits(&self, block: usize) -> &'a [(ProgPoint, Edit)] {
        &self.output.edits[self.edits[block] as usize..self.edits[block + 1] as usize]
    }

    fn run(&mut self) -> Result<(), OutOfRange> {
        self.pass();
        match self.shorten {
            _ if !self.code.has_jumps() => {}
            Some(shorten) => {
                let patch = |kind, site: &mut [u8], from, to| self.machine.patch(kind, site, from, to);
                self.code.shorten(shorten, patch);
                self.lines.iter_mut().for_each(|(offset, _)| *offset = self.code.moved(*offset));
            }
            None => {
                self.code.start_second_pass();
                self.second_pass = true;
                self.encoded = 0;
                self.lines.clear();
                self.pass();
            }
        }
        let end = self.code.offset();
        self.code.unwind.retain(|row| row.offset < end);
        self.code.resolve(|kind, site, from, to| self.machine.patch(kind, site, from, to))
    }

    fn pass(&mut self) {
        for _ in 0..self.function.blocks.len() {
            self.code.label();
        }
        self.machine.enter(&self.frame, &mut self.code);
        for position in 0..self.order.len() {
            self.block(position);
        }
        while let Some((label, inst)) = self.code.next_out_of_line() {
            self.code.bind(label);
            self.machine.encode(&inst, &[], &mut self.code);
        }
    }

    fn block(&mut self, position: usize) {
        let block = self.order[position] as usize;
        self.code.bind(Label(block as u32));
        let (function, output) = (self.function, self.output);
        let mut edits = self.edits(block).iter().peekable();
        for index in function.blocks[block].insts.clone() {
            let inst = Inst::new(index as usize);
            let until = ProgPoint::before(inst);
            while let Some((_, Edit::Move { from, to })) = edits.next_if(|(point, _)| *point <= until) {
                if from != to {
                    self.machine.copy(*from, *to, &mut self.code);
                }
            }
            if self.shorten.is_none() {
                self.synchronise();
            }
            self.inst(position, &function.insts[index as usize], output.inst_allocs(inst));
        }
    }

    /// In the first pass remember how far this instruction lies from the start, in the second compare.
    fn synchronise(&mut self) {
        if self.second_pass {
            self.code.shrunk = self.offsets[self.encoded] - self.code.offset();
            self.encoded += 1;
        } else {
            self.offsets.push(self.code.offset());
        }
    }

    fn inst(&mut self, position: usize, inst: &MachInst, operands: &[Allocation]) {
        self.note_line(inst.line);
        match inst.flow {
            Transfer::Next if inst.opcode == PARAMETERS => {}
            Transfer::Next if inst.opcode == PASS => {
                let slot = SpillSlot::new(inst.displacement as usize);
                self.machine.copy(operands[0], Allocation::stack(slot), &mut self.code);
            }
            Transfer::Next if inst.opcode == ARRIVE => {
                self.machine.arrive(inst.displacement as u32, operands[0], &self.frame, &mut self.code);
            }
            Transfer::Next if inst.opcode == FORGET => {
                let context = Allocation::reg(self.machine.spec().frame.context);
                for register in self.function.clobbers[inst.clobbers as usize] {
                    self.machine.copy(context, Allocation::reg(register), &mut self.code);
                }
            }
            Transfer::Next | Transfer::Stop => self.machine.encode(inst, operands, &mut self.code),
            Transfer::Branch => self.branch(position, inst, operands),
            Transfer::Leave => {
                let inside = self.code.unwind.last().cloned();
                self.machine.leave(&self.frame, &mut self.code);
                self.machine.encode(inst, operands, &mut self.code);
                if let Some(row) = inside {
                    self.code.frame_is(row.cfa_offset, &row.saved);
                }
            }
        }
    }

    fn branch(&mut self, position: usize, inst: &MachInst, operands: &[Allocation]) {
        let block = self.order[position] as usize;
        let to = |next: Block| self.destination[next.index()];
        let following = self.order.get(position + 1).copied();
        match self.function.graph.successors[block].as_slice() {
            [next] => self.jump(to(*next), following),
            [holds, fails] => {
                let (holds, fails) = (to(*holds), to(*fails));
                let inverted = following == Some(holds);
                let label = Label(if inverted { fails } else { holds });
                self.machine.encode(&MachInst { label, inverted, ..*inst }, operands, &mut self.code);
                if !inverted {
                    self.jump(fails, following);
                }
            }
            _ => unreachable!("a branch has one or two successors"),
        }
    }

    fn jump(&mut self, to: u32, following: Option<u32>) {
        if following != Some(to) {
            let jump = MachInst { label: Label(to), ..MachInst::new(self.machine.spec().jump) };
            self.machine.encode(&jump, &[], &mut self.code);
        }
    }

    fn note_line(&mut self, line: u32) {
        if line != 0 && self.lines.last().is_none_or(|last| last.1 != line) {
            let offset = self.code.offset();
            match self.lines.last_mut() {
                Some(last) if last.0 == offset => last.1 = line,
                _ => self.lines.push((offset, line)),
            }
        }
    }
}

/// The lowest slots of the frame are for what calls pass: spilled registers go above them.
fn make_room(output: &mut Output, passed: u32) {
    if passed == 0 {
        return;
    }
    let passed = passed as usize;
    let moved = |place: &mut Allocation| {
        if let Some(slot) = place.as_stack() {
            *place = Allocation::stack(SpillSlot::new(slot.index() + passed));
        }
    };
    output.allocs.iter_mut().for_each(moved);
    for (_, Edit::Move { from, to }) in &mut output.edits {
        [from, to].into_iter().for_each(moved);
    }
    output.num_spillslots += passed;
}

/// Where the edits of each block start; one more for the end.
fn edits_of_blocks(function: &MachFunction, output: &Output) -> Vec<u32> {
    let mut starts = Vec::with_capacity(function.blocks.len() + 1);
    let mut edits = output.edits.iter().map(|(point, _)| point.inst().index() as u32).zip(0..).peekable();
    for block in &function.blocks {
        while edits.next_if(|(inst, _)| *inst < block.insts.start).is_some() {}
        starts.push(edits.peek().map_or(output.edits.len() as u32, |(_, index)| *index));
    }
    starts.push(output.edits.len() as u32);
    starts
}
