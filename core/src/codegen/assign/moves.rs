//! Moves that happen at once, in an order that does the same.

use super::state::Location;
use regalloc2::Allocation;

/// Up to this many moves, looking at all of them again and again takes less time than tables.
const FEW: usize = 16;

/// One of the moves: from, to, and the class of what is moved (0 for words).
type Move = (Location, Location, usize);

/// Moves between places; no two have the same destination.
#[derive(Default)]
pub(super) struct ParallelMoves {
    moves: Vec<Move>,
}

/// Where moves may put a value meanwhile.
pub(super) struct Spare {
    /// A register of each class that holds nothing and is no destination.
    pub registers: [Option<Location>; 2],
    /// A register of each class that may be borrowed if nothing is free.
    pub borrowed: [Location; 2],
    /// Two spill slots of nobody's.
    pub slots: [Location; 2],
}

impl ParallelMoves {
    /// Add a move.
    pub fn push(&mut self, from: Location, to: Location, class: usize) {
        if from != to {
            self.moves.push((from, to, class));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }

    /// The registers that are destinations of moves.
    pub fn registers_written(&self) -> impl Iterator<Item = u8> + '_ {
        self.moves.iter().filter_map(|(_, to, _)| to.as_register())
    }

    /// Whether the moves may need another place: not if each destination is free when its turn comes.
    pub fn need_spare(&self) -> bool {
        if self.moves.len() > FEW {
            return true;
        }
        let is_source = |place: Location| self.moves.iter().any(|(from, ..)| *from == place);
        self.moves.iter().any(|(from, to, _)| is_source(*to) || from.is_slot() && to.is_slot())
    }

    /// Whether something moves from slot to slot.
    pub fn through_memory(&self) -> bool {
        self.moves.iter().any(|(from, to, _)| from.is_slot() && to.is_slot())
    }

    /// Emit the moves one by one.
    pub fn resolve(&mut self, spare: &Spare, mut emit: impl FnMut(Allocation, Allocation)) {
        if self.moves.len() > FEW {
            return self.resolve_many(spare, &mut emit);
        }
        loop {
            let before = self.moves.len();
            self.emit_ready(spare, &mut emit);
            if self.moves.is_empty() {
                return;
            }
            if self.moves.len() == before {
                self.open_ring(spare, &mut emit);
            }
        }
    }

    /// The same for many moves.
    fn resolve_many(&mut self, spare: &Spare, emit: &mut impl FnMut(Allocation, Allocation)) {
        let through_memory = self.through_memory();
        let mut ways = Ways::new(&self.moves);
        let mut pending = vec![true; self.moves.len()];
        let free = |((_, index), readers): (&(Location, u32), &u32)| (*readers == 0).then_some(*index);
        let mut ready: Vec<u32> = ways.writers.iter().zip(&ways.readers).filter_map(free).collect();
        for next in 0..self.moves.len() {
            while let Some(index) = ready.pop() {
                let (from, to, class) = self.moves[index as usize];
                pending[index as usize] = false;
                one((from, to, class), spare, emit);
                ready.extend(ways.was_read(from));
            }
            // Only rings are left, in which each place is read once.
            if pending[next] {
                let (from, to, class) = self.moves[next];
                let register = spare.registers[class].filter(|_| !through_memory);
                let meanwhile = register.unwrap_or(spare.slots[0]);
                one((from, meanwhile, class), spare, emit);
                self.moves[next] = (meanwhile, to, class);
                ready.extend(ways.was_read(from));
            }
        }
        while let Some(index) = ready.pop() {
            let (from, to, class) = self.moves[index as usize];
            one((from, to, class), spare, emit);
            ready.extend(ways.was_read(from));
        }
        self.moves.clear();
    }

    /// Emit moves whose destinations nobody reads any more.
    fn emit_ready(&mut self, spare: &Spare, emit: &mut impl FnMut(Allocation, Allocation)) {
        let mut index = 0;
        while let Some((_, to, _)) = self.moves.get(index).copied() {
            if self.moves.iter().any(|(from, ..)| *from == to) {
                index += 1;
            } else {
                one(self.moves.swap_remove(index), spare, emit);
            }
        }
    }

    /// Only rings are left. Take a value out of one, which makes its place free; the whole ring will be emitted
    /// before no destination is free again.
    fn open_ring(&mut self, spare: &Spare, emit: &mut impl FnMut(Allocation, Allocation)) {
        let (from, _, class) = self.moves[0];
        let register = spare.registers[class].filter(|_| !self.through_memory());
        let meanwhile = register.unwrap_or(spare.slots[0]);
        one((from, meanwhile, class), spare, emit);
        self.moves.iter_mut().filter(|(source, ..)| *source == from).for_each(|(source, ..)| *source = meanwhile);
    }
}

/// For many moves: who reads and who writes each place.
struct Ways {
    /// Destinations, ascending, with the move that writes each.
    writers: Vec<(Location, u32)>,
    /// By place in `writers`: how many moves, not yet emitted, read it.
    readers: Vec<u32>,
}

impl Ways {
    fn new(moves: &[Move]) -> Ways {
        let mut writers: Vec<_> = moves.iter().zip(0..).map(|((_, to, _), index)| (*to, index)).collect();
        writers.sort_unstable();
        let mut ways = Ways { readers: vec![0; writers.len()], writers };
        for (from, ..) in moves {
            if let Some(place) = ways.place(*from) {
                ways.readers[place] += 1;
            }
        }
        ways
    }

    fn place(&self, location: Location) -> Option<usize> {
        self.writers.binary_search_by_key(&location, |(place, _)| *place).ok()
    }

    /// A place is read once less; the move that writes it, if that may go ahead now.
    fn was_read(&mut self, from: Location) -> Option<u32> {
        let place = self.place(from)?;
        self.readers[place] -= 1;
        (self.readers[place] == 0).then_some(self.writers[place].1)
    }
}

/// One move; from slot to slot through a register.
fn one((from, to, class): Move, spare: &Spare, emit: &mut impl FnMut(Allocation, Allocation)) {
    let [source, target] = [from, to].map(Location::allocation);
    if !(from.is_slot() && to.is_slot()) {
        return emit(source, target);
    }
    match spare.registers[class] {
        Some(register) => {
            emit(source, register.allocation());
            emit(register.allocation(), target);
        }
        None => {
            let [register, slot] = [spare.borrowed[class], spare.slots[1]].map(Location::allocation);
            emit(register, slot);
            emit(source, register);
            emit(register, target);
            emit(slot, register);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// All ways to fill four places (two registers, two slots) from four: each destination ends up with its source.
    #[test]
    fn all_small_sets_of_moves() {
        let place = |n: u32| if n < 2 { Location::register(n as u8) } else { Location::slot(n) };
        for choice in 0..5u32.pow(4) {
            for (free_register, many) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut moves = ParallelMoves::default();
                let mut expected: HashMap<Allocation, u32> = (0..4).map(|n| (place(n).allocation(), n)).collect();
                for to in 0..4 {
                    let from = choice / 5u32.pow(to) % 5;
                    if from < 4 {
                        moves.push(place(from), place(to), 0);
                        expected.insert(place(to).allocation(), from);
                    }
                }
                let spare = Spare {
                    registers: [free_register.then(|| Location::register(9)), None],
                    borrowed: [Location::register(5), Location::register(70)],
                    slots: [Location::slot(20), Location::slot(21)],
                };
                let mut held: HashMap<Allocation, u32> = (0..4).map(|n| (place(n).allocation(), n)).collect();
                held.insert(Location::register(5).allocation(), 55);
                let mut emit = |from: Allocation, to: Allocation| {
                    assert!(from.is_reg() || to.is_reg(), "from memory to memory");
                    held.insert(to, held[&from]);
                };
                if many {
                    moves.resolve_many(&spare, &mut emit);
                } else {
                    moves.resolve(&spare, &mut emit);
                }
                for (place, value) in expected {
                    assert_eq!(held[&place], value, "moves {choice}");
                }
                assert_eq!(held[&Location::register(5).allocation()], 55, "what was borrowed is given back");
            }
        }
    }
}
