//! Versions of places: each is emitted once for each useful combination of types, within bounds.
//!
//! A version is *typed* or *generic*. A typed one knows types and guesses them: where a guess fails that later code
//! builds on, control leaves for the generic version of the same place. A generic version guesses nothing: each of its
//! operations tests what it needs, does everything else in the runtime, and goes on. There is one generic version a
//! place, and where a loop begins it leads back to a typed one, which learns anew.
//!
//! Bounds. A block has a few typed versions; beyond them a register's type is forgotten where versions differ in it.
//! All that is emitted is charged to a budget in proportion to the function's size; when it is used up, the rest is
//! emitted once for each block, generic and without places to leave for. Where so many registers live across blocks
//! that passing them on would not be linear, they live in memory: see [`Homes`].

use super::state::{Leaving, Place, Start, State, Ty};
use super::{plain, Emit};
use crate::ir::{Block, Helper, Target, Type, Val, Width};
use crate::lower::flow::{members, BlockId, Flow, Liveness, Reg};
use crate::value::{offset, NIL, TAG_OBJECT};

/// Typed versions of a block's start beyond which types are forgotten where they differ.
const VERSIONS: usize = 4;
/// Typed versions of a block's start beyond which all types are forgotten.
const VERSIONS_AT_MOST: usize = 8;
/// What may be emitted, for each instruction of the flow graph …
const BUDGET: usize = 12;
/// … and besides.
const BUDGET_BASE: usize = 2000;
/// Largest product of blocks and registers for which liveness is computed.
const LIVENESS_LIMIT: usize = 1 << 23;
/// Registers that may live into a block on average, for functions that are not small.
const LIVE_ON_AVERAGE: usize = 12;

/// A version of a flow block from some instruction on.
pub(super) struct Version {
    types: Vec<Ty>,
    intact: bool,
    generic: bool,
    ir: Block,
}

/// The words in memory of registers that live from block to block, in functions where there are too many of them: the
/// slots of an object that the function makes when it is entered.
pub(super) struct Homes {
    /// The slot of each register, if it has one.
    slots: Vec<u32>,
    count: u32,
    /// The object.
    object: Option<Val>,
}

const HOMELESS: u32 = u32::MAX;

/// How the registers of a function go from block to block.
pub(super) enum Passing {
    /// As arguments of edges, with their types.
    Edges(Liveness),
    /// Through memory.
    Memory(Homes),
}

impl Passing {
    /// The way for a function: both take time and memory in proportion to its size.
    pub(super) fn of(flow: &Flow) -> Passing {
        if flow.blocks.len().saturating_mul(flow.registers as usize) <= LIVENESS_LIMIT {
            let liveness = Liveness::of(flow);
            let instructions: usize = flow.blocks.iter().map(|block| 1 + block.instrs.len()).sum();
            if liveness.live_into_blocks() <= LIVE_ON_AVERAGE * instructions + BUDGET_BASE {
                return Passing::Edges(liveness);
            }
        }
        Passing::Memory(Homes::of(flow))
    }
}

impl Homes {
    /// Every register that more than one block speaks of gets a slot.
    fn of(flow: &Flow) -> Homes {
        const NOBODY: u32 = u32::MAX;
        let registers = flow.registers as usize;
        let (mut speaker, mut crosses) = (vec![NOBODY; registers], vec![false; registers]);
        for (number, block) in flow.blocks.iter().enumerate() {
            let mut note = |register: Reg| {
                let first = &mut speaker[register as usize];
                crosses[register as usize] |= *first != NOBODY && *first != number as u32;
                *first = number as u32;
            };
            for instr in &block.instrs {
                instr.uses(&mut note);
                instr.defines().into_iter().for_each(&mut note);
            }
            block.end.uses(&mut note);
            block.end.defines().into_iter().for_each(&mut note);
        }
        for block in &flow.blocks {
            block.site.iter().for_each(|site| crosses[*site as usize] = true);
        }
        // Parameters are bound before the first block.
        let mut homes = Homes { slots: vec![HOMELESS; registers], count: 0, object: None };
        for (register, crosses) in crosses.into_iter().enumerate() {
            if crosses || (register as u32) < flow.parameters {
                homes.slots[register] = homes.count;
                homes.count += 1;
            }
        }
        homes
    }

    fn slot(&self, register: Reg) -> Option<i32> {
        let slot = self.slots[register as usize];
        (slot != HOMELESS).then(|| offset::SLOTS_FIRST - TAG_OBJECT as i32 + 8 * slot as i32)
    }
}

impl Emit<'_, '_> {
    /// Make the object that registers live in, if they live in memory.
    pub(super) fn make_homes(&mut self) {
        let Passing::Memory(homes) = &self.passing else { return };
        let count = self.b.iconst(i64::from(homes.count));
        let object = self.b.helper(Helper::MakeFrame, &[count]);
        let failure = self.b.iconst(crate::value::FAILURE as i64);
        let (made, failed) = (self.b.block(), self.b.cold_block());
        let condition = crate::ir::Condition::Compare(crate::ir::Compare::Ne, object, failure);
        self.branch(condition, plain(made), plain(failed));
        self.b.switch_to(failed);
        self.ret(object);
        self.b.switch_to(made);
        if let Passing::Memory(homes) = &mut self.passing {
            homes.object = Some(object);
        }
    }

    /// A register's word in memory, loaded here, if it lives there.
    pub(super) fn load_home(&mut self, register: Reg) -> Option<Val> {
        let Passing::Memory(homes) = &self.passing else { return None };
        let (slot, object) = (homes.slot(register)?, homes.object?);
        Some(self.b.load(Width::Word, object, slot))
    }

    /// Store what a register holds now, if it lives in memory.
    pub(super) fn store_home(&mut self, state: &mut State, register: Reg) {
        let Passing::Memory(homes) = &self.passing else { return };
        let (Some(slot), Some(object)) = (homes.slot(register), homes.object) else { return };
        let word = self.word(state, register);
        self.b.store(Width::Word, word, object, slot);
    }

    pub(in crate::lower) fn in_memory(&self) -> bool {
        matches!(self.passing, Passing::Memory(_))
    }

    /// Whether no more than one version of each block is emitted from here on.
    pub(super) fn is_exhausted(&self) -> bool {
        self.budget == 0 || self.in_memory()
    }

    /// Take from what may be emitted.
    pub(super) fn charge(&mut self, amount: usize) {
        self.budget = self.budget.saturating_sub(amount);
    }

    pub(super) fn budget_of(flow: &Flow) -> usize {
        BUDGET_BASE + BUDGET * flow.blocks.iter().map(|block| 1 + block.instrs.len()).sum::<usize>()
    }

    /// An edge to the start of a flow block. A generic state begins to guess again where a loop begins, which is the
    /// only place where that pays.
    pub(in crate::lower) fn edge_to_block(&mut self, leaving: Leaving, to: BlockId) -> Target {
        let generic = leaving.state.generic && !self.flow.blocks[to as usize].is_loop;
        self.edge(leaving, to, 0, generic)
    }

    /// An edge to the generic version of the present place.
    pub(in crate::lower) fn generic_edge(&mut self, state: &State) -> Target {
        let here = self.b.current_block();
        let (block, index) = self.at;
        let target = self.edge(state.into(), block, index, true);
        self.b.switch_to(here);
        target
    }

    /// An edge to a version of a place. Doubles and operators that the version wants as words become words on the
    /// edge, in a block of its own.
    pub(in crate::lower) fn edge(&mut self, leaving: Leaving, block: BlockId, index: u32, generic: bool) -> Target {
        let Passing::Edges(liveness) = &self.passing else { return self.edge_through_memory(leaving, block) };
        let mut set = std::mem::take(&mut self.live_set);
        liveness.before(self.flow, block, index as usize, &mut set);
        let live: Vec<Reg> = members(&set).collect();
        self.live_set = set;
        self.charge(live.len() / 4);
        if index > 0 {
            self.charge(self.flow.blocks[block as usize].instrs.len() - index as usize);
        }
        let (ir, types) = self.version(leaving, block, index, generic, &live);
        let mut arguments = Vec::with_capacity(live.len());
        let mut on_edge = None;
        let here = self.b.current_block();
        for (register, ty) in live.iter().zip(&types).filter(|(_, ty)| !ty.is_operator()) {
            let value = match (leaving.place(*register), ty) {
                (Some(Place { double: Some(double), .. }), Ty::Double) => double,
                (Some(Place { word: Some(word), .. }), _) => word,
                (Some(Place { double: Some(double), .. }), _) => {
                    self.start_edge(&mut on_edge, generic);
                    self.box_double(double, generic)
                }
                (Some(Place { ty, .. }), _) if ty.is_operator() => {
                    self.start_edge(&mut on_edge, generic);
                    self.operator_word(*register, ty, leaving.state)
                }
                // Never assigned on the way here, so never read either.
                (_, _) => self.b.iconst(NIL as i64),
            };
            arguments.push(value);
        }
        let target = Target { block: ir, arguments };
        match on_edge {
            Some(fresh) => {
                self.jump(target);
                self.b.switch_to(here);
                plain(fresh)
            }
            None => target,
        }
    }

    /// The same where registers live in memory: all are there already but what is known on this edge alone.
    fn edge_through_memory(&mut self, leaving: Leaving, block: BlockId) -> Target {
        let target = match self.versions.get(&(block, 0)).and_then(|known| known.first()) {
            Some(version) => version.ir,
            None => {
                let ir = self.b.block();
                let start = Start { places: Vec::new(), pending: Vec::new(), intact: false, generic: true };
                let version = Version { types: Vec::new(), intact: false, generic: true, ir };
                self.versions.entry((block, 0)).or_default().push(version);
                self.work.push((block, 0, start, ir));
                ir
            }
        };
        let Passing::Memory(homes) = &self.passing else { return plain(target) };
        for (register, place) in leaving.known {
            if let (Some(word), Some(slot), Some(object)) = (place.word, homes.slot(*register), homes.object) {
                self.b.store(Width::Word, word, object, slot);
            }
        }
        plain(target)
    }

    /// What is emitted next stands on an edge.
    fn start_edge(&mut self, on_edge: &mut Option<Block>, generic: bool) {
        if on_edge.is_none() {
            let fresh = if generic { self.b.cold_block() } else { self.b.block() };
            self.b.switch_to(fresh);
            *on_edge = Some(fresh);
        }
    }

    /// The version of a place that fits a state: an equal one, a new one, or one that knows less.
    fn version(
        &mut self,
        leaving: Leaving,
        block: BlockId,
        index: u32,
        generic: bool,
        live: &[Reg],
    ) -> (Block, Vec<Ty>) {
        let generic = generic || self.is_exhausted();
        let mut types: Vec<Ty> = live.iter().map(|r| self.type_of(leaving, *r, generic)).collect();
        let mut intact = leaving.intact && !generic;
        let known = self.versions.entry((block, index)).or_default();
        let fits = |v: &&Version| v.generic == generic && v.types == types && (!v.intact || intact);
        if let Some(version) = known.iter().filter(fits).max_by_key(|version| version.intact) {
            return (version.ir, types);
        }
        let typed = known.iter().filter(|v| !v.generic).count();
        if typed >= VERSIONS && !generic {
            let forget_all = typed >= VERSIONS_AT_MOST;
            for (at, ty) in types.iter_mut().enumerate().filter(|(_, ty)| !ty.is_operator()) {
                let differs = known.iter().any(|v| !v.generic && v.types[at] != *ty);
                if differs || forget_all {
                    *ty = Ty::Unknown;
                }
            }
            intact = false;
            let fits = |v: &&Version| !v.generic && v.types == types && !v.intact;
            if let Some(version) = known.iter().find(fits) {
                return (version.ir, types);
            }
        }
        let ir = self.new_version(block, index, generic, intact, live, &types);
        (ir, types)
    }

    fn new_version(
        &mut self,
        block: BlockId,
        index: u32,
        generic: bool,
        intact: bool,
        live: &[Reg],
        types: &[Ty],
    ) -> Block {
        let cold = generic && !self.is_exhausted();
        let ir = if cold { self.b.cold_block() } else { self.b.block() };
        let mut start = Start { places: Vec::with_capacity(live.len()), pending: Vec::new(), intact, generic };
        for (register, ty) in live.iter().zip(types) {
            let place = if ty.is_operator() {
                start.pending.extend((*ty == Ty::InCell).then_some(*register));
                Place::operator(*ty)
            } else if *ty == Ty::Double {
                Place::double(self.b.parameter(ir, Type::Double))
            } else {
                Place::word(self.b.parameter(ir, Type::Word), *ty)
            };
            start.places.push((*register, place));
        }
        let version = Version { types: types.to_vec(), intact, generic, ir };
        self.versions.entry((block, index)).or_default().push(version);
        self.charge(self.flow.blocks[block as usize].instrs.len() - index as usize + 1);
        self.work.push((block, index, start, ir));
        ir
    }

    fn type_of(&self, leaving: Leaving, register: Reg, generic: bool) -> Ty {
        match leaving.place(register) {
            Some(place) if place.ty.is_operator() => self.operator_type(leaving, place, generic),
            Some(place) if !generic && self.flow.typed[register as usize] => match place.ty {
                Ty::Double if place.double.is_none() => Ty::Unknown,
                ty => ty,
            },
            _ => Ty::Unknown,
        }
    }
}
