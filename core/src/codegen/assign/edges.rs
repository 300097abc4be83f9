//! Starts and ends of blocks: what state a block starts with, and moves on the edges that lead to it.

use super::moves::{ParallelMoves, Spare};
use super::state::{Held, Location, Registers, NONE, NOWHERE};
use super::Assigner;
use regalloc2::{Edit, Function, Inst, ProgPoint};

impl Assigner<'_> {
    /// The state at the start of a block.
    pub(super) fn enter(&mut self, block: usize) {
        self.state.clear();
        let function = self.function;
        let predecessors = function.graph.predecessors.of(block);
        let (first_entry, mut first_parameter) = (self.entries.len() as u32, self.entries.len() as u32);
        match predecessors {
            [] => {}
            [only] => {
                for index in self.exit_ranges[only.index()].clone() {
                    let held = self.exits[index as usize];
                    if self.live.lives_into(block, held.value) {
                        self.arrive(held);
                    }
                }
            }
            _ => {
                let cold = &function.graph.cold;
                let before = |index: &usize| *index < block;
                let forward = || predecessors.iter().map(|block| block.index()).filter(before);
                let warm = forward().find(|index| !cold[*index]);
                let base = warm.or_else(|| forward().next()).expect("a reachable block");
                // What is cold leads back to many a block that heads no loop.
                let likely =
                    predecessors.iter().map(|block| block.index()).filter(|index| cold[block] || !cold[*index]);
                let last = likely.max().unwrap_or(block);
                let calls = last >= block && self.calls_before[last + 1] > self.calls_before[block];
                if !calls {
                    self.join(block, base);
                }
                first_parameter = self.entries.len() as u32;
                self.place_parameters(block, base);
                let end = self.entries.len() as u32;
                self.entry_ranges.push(first_entry..first_parameter);
                self.parameter_ranges.push(first_parameter..end);
                for predecessor in forward() {
                    self.connect(predecessor, block);
                }
                return;
            }
        }
        self.entry_ranges.push(first_entry..first_parameter);
        self.parameter_ranges.push(first_parameter..first_parameter);
    }

    /// Take over a value's place.
    fn arrive(&mut self, held: Held) {
        if held.register != NOWHERE {
            self.state.put(held.value, held.register);
            self.state.in_slot[held.value as usize] = held.in_slot;
        }
    }

    /// Values that live into a block where others join are where `base` has them. (In a loop that calls, all are in
    /// slots.)
    fn join(&mut self, block: usize, base: usize) {
        for index in self.exit_ranges[base].clone() {
            let held = self.exits[index as usize];
            if self.live.lives_into(block, held.value) {
                self.arrive(held);
            }
        }
        let function = self.function;
        for predecessor in function.graph.predecessors.of(block).iter().filter(|p| p.index() < block) {
            for index in self.exit_ranges[predecessor.index()].clone() {
                let held = self.exits[index as usize];
                self.state.in_slot[held.value as usize] &= held.in_slot;
            }
        }
        self.entries.extend(self.state.in_registers());
    }

    /// Parameters start where `base` has their arguments, if those die; or in any register; or in slots.
    fn place_parameters(&mut self, block: usize, base: usize) {
        let function = self.function;
        let first_argument = self.argument_ranges[base].start;
        for (index, parameter) in function.blocks[block].parameters.iter().enumerate() {
            let value = parameter.vreg() as u32;
            let mut held = Held { value, register: NOWHERE, in_slot: false };
            if self.live.is_in_memory(value) {
                held.in_slot = true;
                self.slot_of(value);
            } else if self.live.is_used(value) {
                let argument = self.exits[first_argument as usize + index];
                let free = self.state.free;
                held.register = if argument.register != NOWHERE && free.has(argument.register) {
                    argument.register
                } else {
                    self.hinted(value, free).unwrap_or(NOWHERE)
                };
                if held.register == NOWHERE {
                    held.in_slot = true;
                    self.slot_of(value);
                }
            }
            self.starts_in[value as usize] = held.register;
            self.arrive(held);
            self.entries.push(held);
        }
    }

    /// Remember the state at the end of a block, and make it fit blocks that have been entered.
    pub(super) fn leave(&mut self, block: usize) {
        let function = self.function;
        let start = self.exits.len() as u32;
        let lives_on = |held: &Held| self.live.lives_after(block, held.value);
        self.exits.extend(self.state.in_registers().filter(lives_on));
        let middle = self.exits.len() as u32;
        for argument in &function.blocks[block].arguments {
            self.exits.push(self.state.held(argument.vreg() as u32));
        }
        self.exit_ranges.push(start..middle);
        self.argument_ranges.push(middle..self.exits.len() as u32);
        for successor in function.block_succs(regalloc2::Block::new(block)) {
            if successor.index() <= block {
                self.connect(block, successor.index());
            }
        }
    }

    /// Moves at the end of a block that make up the difference to the start of the next.
    fn connect(&mut self, from: usize, to: usize) {
        let mut moves = std::mem::take(&mut self.moves);
        let place = |assigner: &Self, held: Held| match held.register {
            NOWHERE => Location::slot(assigner.slot[held.value as usize]),
            register => Location::register(register),
        };
        self.connect_registers(from, to, &mut moves);
        for (parameter, argument) in self.parameter_ranges[to].clone().zip(self.argument_ranges[from].clone()) {
            let wanted = self.entries[parameter as usize];
            let source = place(self, self.exits[argument as usize]);
            if wanted.register != NOWHERE || wanted.in_slot {
                moves.push(source, place(self, wanted), self.class(wanted.value));
            }
        }
        if !moves.is_empty() {
            let point = ProgPoint::before(Inst::new(self.function.blocks[from].insts.end as usize - 1));
            let spare = self.spare(from, &moves);
            let edits = &mut self.output.edits;
            moves.resolve(&spare, |from, to| edits.push((point, Edit::Move { from, to })));
        }
        self.moves = moves;
    }

    /// Moves of what lives through from one block into the next, and is in a register at either end.
    fn connect_registers(&mut self, from: usize, to: usize, moves: &mut ParallelMoves) {
        for index in self.entry_ranges[to].clone() {
            self.wanted_at[self.entries[index as usize].value as usize] = index;
        }
        for index in self.exit_ranges[from].clone() {
            let held = self.exits[index as usize];
            if !self.live.lives_into(to, held.value) {
                continue;
            }
            let (source, class) = (Location::register(held.register), self.class(held.value));
            let mut store = !held.in_slot;
            let at = std::mem::replace(&mut self.wanted_at[held.value as usize], NONE);
            if at != NONE {
                let wanted = self.entries[at as usize];
                moves.push(source, Location::register(wanted.register), class);
                store &= wanted.in_slot;
            }
            if store {
                let slot = self.slot_of(held.value);
                moves.push(source, slot, class);
            }
        }
        for index in self.entry_ranges[to].clone() {
            let wanted = self.entries[index as usize];
            if std::mem::replace(&mut self.wanted_at[wanted.value as usize], NONE) != NONE {
                let slot = self.slot_of(wanted.value);
                moves.push(slot, Location::register(wanted.register), self.class(wanted.value));
            }
        }
    }

    /// Locations that moves at the end of a block may use.
    fn spare(&mut self, block: usize, moves: &ParallelMoves) -> Spare {
        let borrowed = [0, 1].map(|class| Location::register(self.file.choose(self.file.all, class).unwrap_or(0)));
        if !moves.need_spare() {
            return Spare { registers: [None; 2], borrowed, slots: borrowed };
        }
        let mut busy = Registers::default();
        for index in self.exit_ranges[block].start..self.argument_ranges[block].end {
            let register = self.exits[index as usize].register;
            if register != NOWHERE {
                busy.insert(register);
            }
        }
        moves.registers_written().for_each(|register| busy.insert(register));
        let registers =
            [0, 1].map(|class| self.file.choose(self.file.all.without(busy), class).map(Location::register));
        if registers.iter().all(Option::is_some) && !moves.through_memory() {
            return Spare { registers, borrowed, slots: borrowed };
        }
        let slots = &mut self.slots;
        let new = || [slots.new_slot(), slots.new_slot()].map(Location::slot);
        let slots = *self.spare_slots.get_or_insert_with(new);
        Spare { registers, borrowed, slots }
    }
}
