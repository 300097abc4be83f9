//! The allocator of registers that is used for code made while a program runs: one pass from first to last block.
//!
//! Why not `regalloc2` alone: on typical functions, of which most blocks are cold, its thorough algorithm takes ten
//! times as long as all the rest of the back end, and its quick one keeps whatever lives from block to block in
//! memory. This one takes the [`regalloc2`] description of a function and gives its kind of output, so that its
//! checker verifies what is done here; and what this one has no answer for is left to it.
//!
//! How it works. Blocks come in reverse postorder. The state (which value is in which register, and which spill
//! slots hold their value) is carried from instruction to instruction, and to blocks with one predecessor as it is.
//! Where blocks join, the state of a predecessor that is likely to run is taken, and at the end of the other
//! predecessors, those that lead back included, moves make up the difference. A value is stored when its register is
//! wanted for something else or about to be destroyed, where that happens and not before: so what is cold costs
//! nothing where it is warm. It is in static single assignment form: what its slot holds stays right.
//!
//! The state at the end of a block is what is in registers: whatever else lives on is in its slot. So time and memory
//! are linear in the function's length, but for the sorting of edits, in functions of any shape.
//!
//! Loops that call Maru functions hold what only passes through them in slots. Who must leave a register is the one
//! whose next use is farthest.

mod edges;
mod live;
mod moves;
mod slots;
mod state;

use super::allocate::MachFunction;
use live::Live;
use moves::ParallelMoves;
use regalloc2::{
    Allocation, Edit, Function, Inst, MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, Output,
    ProgPoint, RegClass,
};
use slots::Slots;
use state::{File, Held, Location, Registers, State, NONE, NOWHERE};
use std::ops::Range;

/// Added to the distance of a next use that is not in the block.
const FAR: u32 = 1 << 24;

/// Allocate registers; `None` if the function asks for something unusual.
pub(super) fn assign(function: &MachFunction, environment: &MachineEnv) -> Option<Output> {
    let usual = |operand: &Operand| match operand.constraint() {
        OperandConstraint::Stack | OperandConstraint::Limit(_) => false,
        OperandConstraint::FixedReg(_) => (operand.kind() == OperandKind::Use) == (operand.pos() == OperandPos::Early),
        _ => true,
    };
    if !function.operands.iter().all(usual) {
        return None;
    }
    let mut assigner = Assigner::new(function, File::new(environment));
    for block in 0..function.blocks.len() {
        assigner.block(block);
    }
    Some(assigner.finish())
}

struct Assigner<'f> {
    function: &'f MachFunction,
    file: File,
    live: Live,
    state: State,
    clobbers: Vec<Registers>,
    /// The register that a value should have, for the sake of an instruction ahead.
    hints: Vec<u8>,
    /// The block parameter that a value is passed to, if any.
    passed_to: Vec<u32>,
    /// The register that a block parameter starts in.
    starts_in: Vec<u8>,
    /// The slot of each value, once it has one.
    slot: Vec<u32>,
    slots: Slots,
    spare_slots: Option<[Location; 2]>,
    /// How many warm Maru calls lie before each block.
    calls_before: Vec<u32>,
    /// Values at the end of each block: those in registers that live on; then the arguments of its jump.
    exits: Vec<Held>,
    exit_ranges: Vec<Range<u32>>,
    argument_ranges: Vec<Range<u32>>,
    /// The same for starts of blocks where others join: those in registers that live through, then the parameters.
    entries: Vec<Held>,
    entry_ranges: Vec<Range<u32>>,
    parameter_ranges: Vec<Range<u32>>,
    /// While moves are made between two blocks: the entry that says where the second wants a value.
    wanted_at: Vec<u32>,
    moves: ParallelMoves,
    /// The instruction at hand, and the end of its block.
    position: u32,
    block: usize,
    block_end: u32,
    output: Output,
}

/// What is known of the instruction at hand.
#[derive(Clone, Copy, Default)]
struct Needs {
    /// Registers that operands are fixed to.
    fixed_uses: Registers,
    /// Registers that hold something else afterwards.
    late: Registers,
    /// Registers that hold operands.
    pinned: Registers,
    /// Registers that hold a copy for this instruction only.
    copies: Registers,
    /// Registers that results take.
    results: Registers,
    reuses: bool,
}

impl<'f> Assigner<'f> {
    fn new(function: &'f MachFunction, file: File) -> Assigner<'f> {
        let (values, blocks) = (function.register_count, function.blocks.len());
        let mut assigner = Assigner {
            function,
            live: Live::new(function),
            state: State::new(values, &file),
            clobbers: function.clobbers.iter().map(Registers::new).collect(),
            hints: vec![NOWHERE; values],
            passed_to: vec![NONE; values],
            starts_in: vec![NOWHERE; values],
            slot: vec![NONE; values],
            slots: Slots::default(),
            spare_slots: None,
            calls_before: Vec::with_capacity(blocks + 1),
            exits: Vec::new(),
            exit_ranges: Vec::with_capacity(blocks),
            argument_ranges: Vec::with_capacity(blocks),
            entries: Vec::new(),
            entry_ranges: Vec::with_capacity(blocks),
            wanted_at: vec![NONE; values],
            parameter_ranges: Vec::with_capacity(blocks),
            moves: ParallelMoves::default(),
            position: 0,
            block: 0,
            block_end: 0,
            output: Output::default(),
            file,
        };
        assigner.find_hints();
        assigner.output.allocs.reserve(function.operands.len());
        assigner.output.inst_alloc_offsets.reserve(function.insts.len());
        assigner
    }

    /// From last to first, so that of several hints the one for the next use remains.
    fn find_hints(&mut self) {
        let function = self.function;
        let mut calls = 0;
        for (index, block) in function.blocks.iter().enumerate() {
            self.calls_before.push(calls);
            let is_call = |inst: &u32| {
                let clobbers = self.clobbers[function.insts[*inst as usize].clobbers as usize];
                self.file.all.0[0] & !clobbers.0[0] == 0
            };
            let warm = !function.graph.cold[index];
            calls += block.insts.clone().filter(|inst| warm && is_call(inst)).count() as u32;
        }
        self.calls_before.push(calls);
        for (index, block) in function.blocks.iter().enumerate().rev() {
            if let [next] = function.graph.successors[index].as_slice() {
                let parameters = &function.blocks[next.index()].parameters;
                for (argument, parameter) in block.arguments.iter().zip(parameters) {
                    self.passed_to[argument.vreg()] = parameter.vreg() as u32;
                    self.hints[argument.vreg()] = self.hints[parameter.vreg()];
                }
            }
            for inst in block.insts.clone().rev() {
                self.hint_operands(function.inst_operands(Inst::new(inst as usize)));
            }
        }
    }

    fn hint_operands(&mut self, operands: &[Operand]) {
        for operand in operands {
            let value = operand.vreg().vreg();
            match (operand.kind(), operand.constraint()) {
                _ if operand.as_fixed_nonallocatable().is_some() => {}
                (OperandKind::Use, OperandConstraint::FixedReg(register)) => {
                    self.hints[value] = register.index() as u8;
                }
                (OperandKind::Def, OperandConstraint::Reuse(index)) => {
                    let source = operands[index].vreg().vreg();
                    if self.hints[source] == NOWHERE {
                        self.hints[source] = self.hints[value];
                    }
                    if self.passed_to[source] == NONE {
                        self.passed_to[source] = self.passed_to[value];
                    }
                }
                _ => {}
            }
        }
    }

    fn block(&mut self, block: usize) {
        let range = self.function.blocks[block].insts.clone();
        self.block = block;
        self.block_end = range.end;
        self.position = range.start;
        self.enter(block);
        self.live.enter(self.function, block);
        for inst in range {
            self.position = inst;
            self.inst(inst);
        }
        self.leave(block);
    }

    fn finish(mut self) -> Output {
        self.output.num_spillslots = self.slots.count() as usize;
        self.output.edits.sort_by_key(|(point, _)| *point);
        self.output
    }

    fn class(&self, value: u32) -> usize {
        usize::from(self.live.class[value as usize] == RegClass::Float)
    }

    /// Whether a value is needed after the instruction at hand.
    fn lives_on(&mut self, value: u32) -> bool {
        let next = self.live.next_use(value, self.position);
        next.is_some_and(|next| next < self.block_end) || self.live.lives_after(self.block, value)
    }

    /// How far away the next use of a value is.
    fn distance(&mut self, value: u32) -> u32 {
        match self.live.next_use(value, self.position) {
            Some(next) if next < self.block_end => next - self.position,
            Some(next) => (next - self.position).saturating_add(FAR),
            None => 2 * FAR,
        }
    }

    /// The slot of a value.
    fn slot_of(&mut self, value: u32) -> Location {
        let index = value as usize;
        if self.slot[index] == NONE {
            self.slot[index] = self.slots.take(self.position, self.live.end[index]);
        }
        Location::slot(self.slot[index])
    }

    /// Move something before the instruction at hand.
    fn emit(&mut self, from: Location, to: Location) {
        self.emit_at(self.position, from, to);
    }

    fn emit_at(&mut self, position: u32, from: Location, to: Location) {
        let point = ProgPoint::before(Inst::new(position as usize));
        self.output.edits.push((point, Edit::Move { from: from.allocation(), to: to.allocation() }));
    }

    /// Have a value's slot hold it.
    fn store(&mut self, value: u32) {
        if !self.state.is_in_slot(value) {
            let register = Location::register(self.state.register[value as usize]);
            let slot = self.slot_of(value);
            self.emit(register, slot);
            self.state.in_slot[value as usize] = true;
        }
    }

    /// Move a value to another register.
    fn relocate(&mut self, value: u32, to: u8) {
        let from = Location::register(self.state.register[value as usize]);
        self.emit(from, Location::register(to));
        self.state.put(value, to);
    }

    /// A value leaves its register, for another that may be had or its slot.
    fn displace(&mut self, value: u32, allowed: Registers) {
        match self.file.choose(self.state.free.intersection(allowed), self.class(value)) {
            Some(register) => self.relocate(value, register),
            None => {
                self.store(value);
                self.state.remove(value);
            }
        }
    }

    /// A free register of a class, not among some; if there is none, the value with the farthest next use leaves.
    fn take(&mut self, class: usize, avoid: Registers) -> Option<u8> {
        if let Some(register) = self.file.choose(self.state.free.without(avoid), class) {
            return Some(register);
        }
        let mut farthest = None;
        let candidates = self.file.all.without(avoid).0[class];
        for bit in live::Ones(candidates) {
            let register = (class as u8) << 6 | bit as u8;
            let value = self.state.occupant[register as usize];
            if value == NONE {
                continue;
            }
            let key = (self.distance(value), self.state.in_slot[value as usize]);
            if farthest.is_none_or(|(best, _)| key > best) {
                farthest = Some((key, value));
            }
        }
        let (_, value) = farthest?;
        let register = self.state.register[value as usize];
        self.store(value);
        self.state.remove(value);
        Some(register)
    }

    fn inst(&mut self, inst: u32) {
        let function = self.function;
        let operands = function.inst_operands(Inst::new(inst as usize));
        let first = self.output.allocs.len();
        self.output.inst_alloc_offsets.push(first as u32);
        self.output.allocs.resize(first + operands.len(), Allocation::none());
        let clobbers = self.clobbers[function.insts[inst as usize].clobbers as usize];
        if operands.is_empty() && clobbers == Registers::default() {
            return;
        }
        let mut needs = self.survey(operands, clobbers, first);
        self.fixed_uses(operands, first, &mut needs);
        self.save_from(&mut needs);
        self.other_uses(operands, first, &mut needs);
        self.choose_results(operands, first, &mut needs);
        self.settle(operands, first, &needs);
    }

    /// Look at all operands; those already where they are fixed to stay.
    fn survey(&mut self, operands: &[Operand], clobbers: Registers, first: usize) -> Needs {
        let mut needs = Needs { late: clobbers, ..Needs::default() };
        for (index, operand) in operands.iter().enumerate() {
            if let Some(register) = operand.as_fixed_nonallocatable() {
                self.output.allocs[first + index] = Allocation::reg(register);
                continue;
            }
            match (operand.constraint(), operand.kind()) {
                (OperandConstraint::FixedReg(register), OperandKind::Def) => needs.late.insert(register.index() as u8),
                (OperandConstraint::FixedReg(register), OperandKind::Use) => {
                    let register = register.index() as u8;
                    needs.fixed_uses.insert(register);
                    if self.state.register[operand.vreg().vreg()] == register {
                        needs.pinned.insert(register);
                        self.output.allocs[first + index] = Location::register(register).allocation();
                    }
                }
                (OperandConstraint::Reuse(_), _) => needs.reuses = true,
                _ => {}
            }
        }
        needs
    }

    /// Bring operands where they are fixed to; who is there leaves.
    fn fixed_uses(&mut self, operands: &[Operand], first: usize, needs: &mut Needs) {
        for (index, operand) in operands.iter().enumerate() {
            let OperandConstraint::FixedReg(register) = operand.constraint() else { continue };
            let done = self.output.allocs[first + index].is_some();
            if done || operand.kind() == OperandKind::Def {
                continue;
            }
            let register = register.index() as u8;
            let occupant = self.state.occupant[register as usize];
            if occupant != NONE {
                let lives_on = self.lives_on(occupant);
                let mut allowed = self.file.all.without(needs.fixed_uses).without(needs.pinned);
                if lives_on {
                    allowed = allowed.without(needs.late);
                }
                self.displace(occupant, allowed);
            }
            if !needs.copies.has(register) {
                let from = self.location(operand.vreg().vreg() as u32);
                self.emit(from, Location::register(register));
                self.state.free.remove(register);
                needs.copies.insert(register);
                needs.pinned.insert(register);
            }
            self.output.allocs[first + index] = Location::register(register).allocation();
        }
    }

    /// Where a value can be read.
    fn location(&mut self, value: u32) -> Location {
        match self.state.register[value as usize] {
            NOWHERE => self.slot_of(value),
            register => Location::register(register),
        }
    }

    /// Values that live on leave the registers that the instruction destroys: for others, or their slots.
    fn save_from(&mut self, needs: &mut Needs) {
        for register in needs.late.without(self.state.free).iter() {
            let value = self.state.occupant[register as usize];
            if value == NONE || !self.lives_on(value) {
                continue;
            }
            let allowed = self.state.free.without(needs.late).without(needs.fixed_uses);
            match self.file.choose(allowed, self.class(value)) {
                Some(to) if !self.state.in_slot[value as usize] => {
                    self.relocate(value, to);
                    if needs.pinned.has(register) {
                        self.state.free.remove(register);
                        needs.copies.insert(register);
                    }
                }
                _ => self.store(value),
            }
        }
    }

    /// Operands that may be in any register, or anywhere.
    fn other_uses(&mut self, operands: &[Operand], first: usize, needs: &mut Needs) {
        for (index, operand) in operands.iter().enumerate() {
            if operand.kind() == OperandKind::Def || self.output.allocs[first + index].is_some() {
                continue;
            }
            let value = operand.vreg().vreg() as u32;
            let late_use = operand.pos() == OperandPos::Late;
            let anywhere = operand.constraint() == OperandConstraint::Any;
            let register = self.state.register[value as usize];
            let place = if register != NOWHERE && !(late_use && needs.late.has(register)) {
                needs.pinned.insert(register);
                Location::register(register)
            } else {
                self.fetch(value, late_use, anywhere, needs)
            };
            self.output.allocs[first + index] = place.allocation();
        }
    }

    /// Bring a value into a register that this instruction does not otherwise use; or its slot will do.
    fn fetch(&mut self, value: u32, late_use: bool, anywhere: bool, needs: &mut Needs) -> Location {
        let class = self.class(value);
        let avoid = needs.fixed_uses.union(needs.pinned);
        let lives_on = self.lives_on(value);
        let safe = self.state.free.without(avoid).without(needs.late);
        let used_again = self.live.next_use(value, self.position).is_some_and(|next| next < self.block_end);
        let chosen = match self.hinted(value, safe) {
            Some(register) if !anywhere || used_again => register,
            _ if anywhere => {
                self.store(value);
                return self.slot_of(value);
            }
            _ => {
                let strict = avoid.union(needs.late);
                let register = self.take(class, if late_use || lives_on { strict } else { avoid });
                let register = register.or_else(|| self.take(class, avoid));
                register.expect("an instruction with fewer operands than there are registers")
            }
        };
        let from = self.location(value);
        self.emit(from, Location::register(chosen));
        self.state.in_slot[value as usize] = self.state.is_in_slot(value);
        self.state.put(value, chosen);
        needs.pinned.insert(chosen);
        Location::register(chosen)
    }

    /// Registers of results.
    fn choose_results(&mut self, operands: &[Operand], first: usize, needs: &mut Needs) {
        // Fixed ones and those of operands are known; the others must not take them.
        for pass in 0..2 {
            for (index, operand) in operands.iter().enumerate().filter(|(_, o)| o.kind() == OperandKind::Def) {
                let register = match operand.constraint() {
                    OperandConstraint::FixedReg(register) if pass == 0 => register.index() as u8,
                    OperandConstraint::Reuse(source) if pass == 0 => {
                        self.reused(operand, operands[source].vreg().vreg() as u32, first + source, needs)
                    }
                    OperandConstraint::FixedReg(_) | OperandConstraint::Reuse(_) => continue,
                    _ if pass == 0 => continue,
                    _ => self.fresh(operand, operands, needs),
                };
                needs.results.insert(register);
                self.output.allocs[first + index] = Location::register(register).allocation();
            }
        }
    }

    /// The register of an operand that the result replaces; a copy of it if the operand lives on.
    fn reused(&mut self, result: &Operand, source: u32, source_index: usize, needs: &mut Needs) -> u8 {
        let allocation = self.output.allocs[source_index];
        let register = allocation.as_reg().expect("an operand whose register is reused").index() as u8;
        if !self.lives_on(source) && self.state.register[source as usize] == register && !needs.late.has(register) {
            return register;
        }
        let taken = needs.fixed_uses.union(needs.pinned).union(needs.late).union(needs.results);
        let chosen = self.hinted(result.vreg().vreg() as u32, self.state.free.without(taken));
        let chosen = chosen.or_else(|| self.take(result.class() as usize, taken));
        let chosen = chosen.expect("an instruction with fewer operands than there are registers");
        self.emit(Location::register(register), Location::register(chosen));
        self.output.allocs[source_index] = Location::register(chosen).allocation();
        needs.pinned.insert(chosen);
        chosen
    }

    /// A register for a result; that of an operand that dies may do.
    fn fresh(&mut self, result: &Operand, operands: &[Operand], needs: &mut Needs) -> u8 {
        self.vacate_for_call(result.vreg().vreg() as u32, needs);
        let mut available = self.state.free;
        let mut taken = needs.late.union(needs.results);
        if result.pos() == OperandPos::Late && !needs.reuses {
            for operand in operands.iter().filter(|o| o.kind() == OperandKind::Use && o.pos() == OperandPos::Early) {
                let value = operand.vreg().vreg() as u32;
                let register = if operand.as_fixed_nonallocatable().is_some() {
                    NOWHERE
                } else {
                    self.state.register[value as usize]
                };
                let late_too = |o: &Operand| o.vreg() == operand.vreg() && o.pos() == OperandPos::Late;
                if register != NOWHERE && !self.lives_on(value) && !operands.iter().any(late_too) {
                    available.insert(register);
                }
            }
        } else {
            taken = taken.union(needs.pinned).union(needs.fixed_uses);
        }
        let chosen = self.hinted(result.vreg().vreg() as u32, available.without(taken));
        let avoid = taken.union(needs.pinned);
        let chosen = chosen.or_else(|| self.take(result.class() as usize, avoid));
        chosen.expect("an instruction with fewer operands than there are registers")
    }

    /// Who is in the register that a call ahead wants a new value in, and will be sent away by that call, goes now, if
    /// nothing needs it until then: so the value need not be moved there.
    fn vacate_for_call(&mut self, value: u32, needs: &Needs) {
        let register = self.hints[value as usize];
        if register == NOWHERE || needs.pinned.union(needs.results).union(needs.copies).has(register) {
            return;
        }
        let occupant = self.state.occupant[register as usize];
        let Some(call) = self.live.next_use(value, self.position).filter(|next| *next < self.block_end) else { return };
        let operands = self.function.inst_operands(Inst::new(call as usize));
        let mut destroyed = self.clobbers[self.function.insts[call as usize].clobbers as usize];
        let mut is_wanted = false;
        for operand in operands {
            match (operand.constraint(), operand.kind()) {
                (OperandConstraint::FixedReg(result), OperandKind::Def) => destroyed.insert(result.index() as u8),
                (OperandConstraint::FixedReg(argument), OperandKind::Use) => {
                    let is_value = operand.vreg().vreg() as u32 == value;
                    is_wanted |= is_value && argument.index() as u8 == register;
                }
                _ => {}
            }
        }
        if occupant == NONE || !is_wanted || !destroyed.has(register) || !self.lives_on(occupant) {
            return;
        }
        if self.live.next_use(occupant, self.position).is_none_or(|next| next > call) {
            let taken = needs.late.union(needs.results).union(needs.fixed_uses);
            self.displace(occupant, self.file.all.without(destroyed).without(taken));
        }
    }

    /// One of some registers for a value: where it is wanted later, if that is among them.
    fn hinted(&self, value: u32, among: Registers) -> Option<u8> {
        let parameter = self.passed_to[value as usize];
        let start = if parameter == NONE { NOWHERE } else { self.starts_in[parameter as usize] };
        let hints = [start, self.hints[value as usize]];
        let hint = hints.into_iter().find(|hint| *hint != NOWHERE && among.has(*hint));
        hint.or_else(|| self.file.choose(among, self.class(value)))
    }

    /// The instruction is done: operands that die leave, results arrive.
    fn settle(&mut self, operands: &[Operand], first: usize, needs: &Needs) {
        for register in needs.copies.iter() {
            if self.state.occupant[register as usize] == NONE {
                self.state.free.insert(register);
            }
        }
        for operand in operands.iter().filter(|o| o.kind() == OperandKind::Use) {
            let value = operand.vreg().vreg() as u32;
            if operand.as_fixed_nonallocatable().is_none() && !self.lives_on(value) {
                self.state.remove(value);
            }
        }
        for register in needs.late.without(self.state.free).iter() {
            let value = self.state.occupant[register as usize];
            if value != NONE {
                self.state.remove(value);
            }
        }
        for (index, operand) in operands.iter().enumerate().filter(|(_, o)| o.kind() == OperandKind::Def) {
            let register = self.output.allocs[first + index].as_reg().expect("a result's register").index() as u8;
            let value = operand.vreg().vreg() as u32;
            self.state.put(value, register);
            self.state.in_slot[value as usize] = false;
            if self.live.is_in_memory(value) {
                let slot = self.slot_of(value);
                self.emit_at(self.position + 1, Location::register(register), slot);
                self.state.in_slot[value as usize] = true;
            }
        }
        for operand in operands.iter().filter(|o| o.kind() == OperandKind::Def) {
            let value = operand.vreg().vreg() as u32;
            if !self.lives_on(value) {
                self.state.remove(value);
            }
        }
    }
}
