//! Versions of places: each is emitted once for each useful combination of types, within bounds.
//!
//! A version is *typed* or *generic*. A typed one knows types and guesses them: where a guess fails that later code
//! builds on, control leaves for the generic version of the same place. A generic version guesses nothing: each of its
//! operations tests what it needs, does everything else in the runtime, and goes on. There is one generic version of a
//! place, and where a loop begins it leads back to a typed one if the values at hand have its types.
//!
//! Bounds. A block has a few typed versions; beyond them a register's type is forgotten where versions differ in it.
//! All that is emitted is charged to a budget in proportion to the function's size; when it is used up, the rest is
//! emitted once for each block, generic and without places to leave for. Where so many registers live across blocks
//! that passing them on would not be linear, they live in memory: see [`Homes`].

use super::state::{Leaving, RegisterValue, Start, State, Ty};
use super::{plain, Emit};
use crate::lower::linear::{BlockId, Linear, Reg};
use crate::lower::liveness::Liveness;
use maru_core::abi::layout::{offset, Kind, DOUBLE_TAGS, FIXNUM_TAGS, NIL, TAG_OBJECT, TAG_PAIR};
use maru_core::abi::{word_offset, DATA_INTACT};
use maru_core::ir::{Block, Condition, Helper, Target, Type, Val, Width};
use maru_language::runtime::{OptimisationLevel, Options};

/// Typed versions of a block's start beyond which types are forgotten where they differ.
const VERSIONS: usize = 4;
/// Typed versions of a block's start beyond which all types are forgotten.
const VERSIONS_AT_MOST: usize = 6;
/// What may be emitted, for each instruction of the flow graph …
const BUDGET: usize = 12;
/// … and besides.
const BUDGET_BASE: usize = 400;
/// How many registers an edge carries cheaply.
const CHEAP: usize = 8;
/// Largest product of blocks and registers for which registers are passed on edges: beyond it, more versions of the
/// blocks are not worth the time.
const PASSING_LIMIT: usize = 1 << 23;
/// Registers that may live into a block on average, for functions that are not small.
const LIVE_ON_AVERAGE: usize = 12;

/// A version of a flow block from some instruction on.
pub(super) struct Version {
    types: Vec<Ty>,
    intact: bool,
    generic: bool,
    ir: Block,
}

/// A version that fits.
struct Found {
    ir: Block,
    types: Vec<Ty>,
    /// The unit's assumptions must be checked on the way there.
    check: bool,
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
    /// The way for a function, which is memory if that is asked for: both take time and memory in proportion to its size.
    pub(super) fn of(flow: &Linear, in_memory: bool) -> Passing {
        if !in_memory && flow.blocks.len().saturating_mul(flow.registers as usize) <= PASSING_LIMIT {
            let instructions: usize = flow.blocks.iter().map(|block| 1 + block.instrs.len()).sum();
            if let Some(liveness) = Liveness::of(flow, LIVE_ON_AVERAGE * instructions + BUDGET_BASE) {
                return Passing::Edges(liveness);
            }
        }
        Passing::Memory(Homes::of(flow))
    }
}

impl Homes {
    /// Every register that more than one block speaks of gets a slot.
    fn of(flow: &Linear) -> Homes {
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
        (slot != HOMELESS).then(|| offset::SLOTS_FIRST - TAG_OBJECT as i32 + word_offset(slot as usize))
    }
}

impl Emit<'_, '_> {
    /// Find the parameters that nothing is assigned to.
    pub(super) fn find_lasting(&mut self, state: &State) {
        let Passing::Edges(_) = self.passing else { return };
        self.lasting = (0..self.flow.parameters).map(|slot| state.places.get(slot)?.word).collect();
        for block in &self.flow.blocks {
            let defined = block.instrs.iter().filter_map(|instr| instr.defines());
            for register in defined.chain(block.end.defines()).chain(block.site) {
                if let Some(lasting) = self.lasting.get_mut(register as usize) {
                    *lasting = None;
                }
            }
        }
    }

    /// The word of a register that is a parameter which nothing is assigned to.
    fn lasting_word(&self, register: Reg) -> Option<Val> {
        self.lasting.get(register as usize).copied().flatten()
    }

    /// Whether edges carry a register's value to a version that knows it as of this type.
    fn is_carried(&self, register: Reg, ty: Ty) -> bool {
        !ty.is_operator() && (ty == Ty::Double || self.lasting_word(register).is_none())
    }

    /// Make the object that registers live in, if they live in memory.
    pub(super) fn make_homes(&mut self) {
        let Passing::Memory(homes) = &self.passing else { return };
        let count = self.b.iconst(i64::from(homes.count));
        let object = self.b.helper(Helper::MakeFrame, &[count]);
        let failure = self.b.iconst(maru_core::abi::layout::FAILURE as i64);
        let (made, failed) = (self.b.block(), self.b.cold_block());
        let condition = maru_core::ir::Condition::Compare(maru_core::ir::Compare::Ne, object, failure);
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
    pub(in crate::lower) fn is_exhausted(&self) -> bool {
        self.budget == 0 || self.in_memory()
    }

    /// Take from what may be emitted.
    pub(super) fn charge(&mut self, amount: usize) {
        self.budget = self.budget.saturating_sub(amount);
    }

    pub(super) fn budget_of(flow: &Linear, options: &Options) -> usize {
        if options.level == OptimisationLevel::None {
            return 0;
        }
        let size = || flow.blocks.iter().map(|block| 1 + block.instrs.len()).sum::<usize>();
        options.bounds.budget.unwrap_or_else(|| BUDGET_BASE + BUDGET * size())
    }

    /// An edge to the start of a flow block. A generic state begins to guess again where a loop begins, which is the
    /// only place where that pays: if what is at hand fits the typed version there, or if there is none yet.
    pub(in crate::lower) fn edge_to_block(&mut self, leaving: Leaving, to: BlockId) -> Target {
        let is_loop = self.flow.blocks[to.index()].is_loop;
        if leaving.state.generic && is_loop && !self.in_memory() {
            if let Some(target) = self.edge_into_typed(leaving, to) {
                return target;
            }
        }
        self.edge(leaving, to, 0, leaving.state.generic && !is_loop)
    }

    /// An edge from a generic state to the typed version of a loop's head, with tests of the types that it wants; the
    /// generic version is for all else.
    fn edge_into_typed(&mut self, leaving: Leaving, to: BlockId) -> Option<Target> {
        let version = self.versions.get(&(to, 0))?.iter().rev().find(|version| !version.generic)?;
        let (ir, types) = (version.ir, version.types.clone());
        let live = self.live_at(to, 0);
        let fits = |(register, ty): (&Reg, &Ty)| {
            let place = leaving.place(*register);
            let known = place.filter(|place| place.ty.is_operator());
            known.map(|place| self.operator_type(leaving, place, false)) == Some(*ty).filter(|ty| ty.is_operator())
        };
        if !live.iter().zip(&types).all(fits) {
            return None;
        }
        let here = self.b.current_block();
        let fresh = self.b.cold_block();
        let otherwise = self.edge(leaving, to, 0, true);
        self.b.switch_to(fresh);
        self.check_intact(otherwise.clone());
        let mut arguments = Vec::with_capacity(live.len());
        for (register, ty) in live.iter().zip(&types).filter(|(_, ty)| !ty.is_operator()) {
            let place = leaving.place(*register).unwrap_or(RegisterValue { word: None, double: None, ty: Ty::Unknown });
            let value = self.as_type(place, *ty, &otherwise);
            if self.is_carried(*register, *ty) {
                arguments.push(value);
            }
        }
        self.jump(Target { block: ir, arguments });
        self.b.switch_to(here);
        Some(plain(fresh))
    }

    /// The value of a place as a type wants it, tested here.
    fn as_type(&mut self, place: RegisterValue, ty: Ty, otherwise: &Target) -> Val {
        if let (Ty::Double, Some(double)) = (ty, place.double) {
            return double;
        }
        let word = self.place_word(place, true);
        if ty == place.ty && ty != Ty::Double {
            return word;
        }
        let kind = match ty {
            Ty::Double => {
                self.require(Condition::HasTag(DOUBLE_TAGS, word), otherwise.clone());
                return self.unbox_immediate(word);
            }
            Ty::Fixnum | Ty::Pair => {
                let tags = if ty == Ty::Fixnum { FIXNUM_TAGS } else { 1 << TAG_PAIR };
                self.require(Condition::HasTag(tags, word), otherwise.clone());
                return word;
            }
            Ty::Array => Kind::Array,
            Ty::String => Kind::String,
            Ty::Symbol => Kind::Symbol,
            Ty::Unknown | Ty::InCell | Ty::Assumed => return word,
        };
        self.require(Condition::HasTag(1 << TAG_OBJECT, word), otherwise.clone());
        let condition = self.has_kind(word, kind);
        self.require(condition, otherwise.clone());
        word
    }

    /// Go elsewhere if the unit's assumptions do not hold any more.
    pub(in crate::lower) fn check_intact(&mut self, otherwise: Target) {
        let word = self.b.load_data(DATA_INTACT);
        let intact = self.b.load(Width::Word, word, 0);
        self.require(Condition::NonZero(intact), otherwise);
    }

    /// The registers that live into a place.
    fn live_at(&mut self, block: BlockId, index: u32) -> Vec<Reg> {
        let Passing::Edges(liveness) = &mut self.passing else { return Vec::new() };
        liveness.before(self.flow, block, index)
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
        if self.in_memory() {
            return self.edge_through_memory(leaving, block);
        }
        let live = self.live_at(block, index);
        // Where an edge leaves from within a block, the other end is mostly its alone.
        // Few registers are passed in registers of the machine, so many are dear.
        let carried = live.len() + live.len().saturating_sub(CHEAP);
        self.charge(if index > 0 { carried } else { live.len() / 4 });
        let Found { ir, types, check } = self.version(leaving, block, index, generic, &live);
        let mut arguments = Vec::with_capacity(live.len());
        let mut on_edge = None;
        let here = self.b.current_block();
        for (register, ty) in live.iter().zip(&types) {
            if !self.is_carried(*register, *ty) {
                continue;
            }
            let value = match (leaving.place(*register), ty) {
                (Some(RegisterValue { double: Some(double), .. }), Ty::Double) => double,
                (Some(RegisterValue { word: Some(word), .. }), _) => word,
                (Some(RegisterValue { double: Some(double), .. }), _) => {
                    self.start_edge(&mut on_edge, generic);
                    self.box_double(double, generic)
                }
                (Some(RegisterValue { ty, .. }), _) if ty.is_operator() => {
                    self.start_edge(&mut on_edge, generic);
                    self.operator_word(*register, ty, leaving.state)
                }
                // Never assigned on the way here, so never read either.
                (_, _) => self.b.iconst(NIL as i64),
            };
            arguments.push(value);
        }
        let target = Target { block: ir, arguments };
        if check {
            self.start_edge(&mut on_edge, generic);
            let edge = self.b.current_block();
            let otherwise = self.edge(leaving, block, index, true);
            self.b.switch_to(edge);
            self.check_intact(otherwise);
        }
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

    /// Whether one more version of the present place would know the types of some registers.
    pub(in crate::lower) fn keeps_types(&self, registers: &[Reg]) -> bool {
        let known = self.versions.get(&self.at).map_or(0, |known| known.iter().filter(|v| !v.generic).count());
        known < VERSIONS && !self.is_exhausted() && registers.iter().all(|r| self.flow.typed[*r as usize])
    }

    /// The version of a place that fits a state: an equal one, a new one, or one that knows less.
    fn version(&mut self, leaving: Leaving, block: BlockId, index: u32, generic: bool, live: &[Reg]) -> Found {
        let generic = generic || self.is_exhausted();
        let mut types: Vec<Ty> = live.iter().map(|r| self.type_of(leaving, *r, generic)).collect();
        let known = self.versions.entry((block, index)).or_default();
        let fits = |v: &&Version, types: &[Ty]| v.generic == generic && v.types == types;
        if let Some(version) = known.iter().find(|v| fits(v, &types)) {
            return Found { ir: version.ir, types, check: version.intact && !leaving.intact };
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
            if let Some(version) = known.iter().find(|v| fits(v, &types)) {
                return Found { ir: version.ir, types, check: version.intact && !leaving.intact };
            }
        }
        // What is checked before a loop need not be checked in each turn.
        let check = !generic && !leaving.intact && self.flow.blocks[block.index()].is_loop && index == 0;
        let ir = self.new_version(block, index, generic, !generic && (leaving.intact || check), live, &types);
        Found { ir, types, check }
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
                RegisterValue::operator(*ty)
            } else if *ty == Ty::Double {
                let double = self.b.parameter(ir, Type::Double);
                RegisterValue { word: self.lasting_word(*register), ..RegisterValue::double(double) }
            } else {
                let word = self.lasting_word(*register);
                RegisterValue::word(word.unwrap_or_else(|| self.b.parameter(ir, Type::Word)), *ty)
            };
            start.places.push((*register, place));
        }
        let version = Version { types: types.to_vec(), intact, generic, ir };
        self.versions.entry((block, index)).or_default().push(version);
        // Generic ones are charged as they are emitted, for they end where the next one begins.
        let rest = self.flow.blocks[block.index()].instrs.len() - index as usize;
        self.charge(if generic { 1 } else { 1 + rest });
        // Typed versions first: generic ones look for those that they may lead back to.
        let work = if generic { &mut self.generic_work } else { &mut self.work };
        work.push((block, index, start, ir));
        ir
    }

    /// The next version to emit.
    pub(super) fn next_work(&mut self) -> Option<(BlockId, u32, Start, Block)> {
        self.work.pop().or_else(|| self.generic_work.pop())
    }

    /// Whether a version that began at `index` goes on in the generic version of the present place: where there is one
    /// already, or where nothing more may be emitted for guesses to leave for.
    pub(super) fn goes_on_elsewhere(&self, index: u32, state: &State) -> bool {
        match state.generic {
            true => self.at.1 > index && self.joins_generic(),
            false => self.is_exhausted(),
        }
    }

    /// Whether a generic version begins at the present place.
    fn joins_generic(&self) -> bool {
        self.versions.get(&self.at).is_some_and(|known| known.iter().any(|version| version.generic))
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
