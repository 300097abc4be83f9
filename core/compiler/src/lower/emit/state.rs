//! What is known at a point of the program while it is emitted: types and places of registers.

use crate::lower::linear::Reg;
use maru_core::ir::Val;
use maru_language::runtime::CellId;

/// What is known of a register's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lower) enum Ty {
    Unknown,
    Fixnum,
    /// A double, which is at hand unboxed.
    Double,
    Pair,
    Array,
    String,
    /// Equal to nothing but itself.
    Symbol,
    /// An operator that its cell still holds; it has no word.
    InCell,
    /// An operator that is what the unit assumes of its cell; it has no word.
    Assumed,
}

/// Where a register's value is: as a word, as an unboxed double, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lower) struct RegisterValue {
    pub(in crate::lower) word: Option<Val>,
    pub(in crate::lower) double: Option<Val>,
    pub(in crate::lower) ty: Ty,
}

impl RegisterValue {
    pub(in crate::lower) fn word(word: Val, ty: Ty) -> RegisterValue {
        RegisterValue { word: Some(word), double: None, ty }
    }
    pub(in crate::lower) fn double(double: Val) -> RegisterValue {
        RegisterValue { word: None, double: Some(double), ty: Ty::Double }
    }
    pub(in crate::lower) fn operator(ty: Ty) -> RegisterValue {
        RegisterValue { word: None, double: None, ty }
    }
}

/// The places of all registers. There is one table, filled anew for each block: to make one for every block would
/// take time in proportion to the product of blocks and registers.
pub(in crate::lower) struct RegisterValues {
    table: Vec<Option<RegisterValue>>,
    known: Vec<Reg>,
    /// For each register, the one that it was copied from.
    copied_from: Vec<Reg>,
}

/// What a register was copied from that is no copy.
const NO_REGISTER: Reg = Reg::MAX;

impl RegisterValues {
    pub(in crate::lower) fn new(registers: u32) -> RegisterValues {
        let count = registers as usize;
        RegisterValues { table: vec![None; count], known: Vec::new(), copied_from: vec![NO_REGISTER; count] }
    }
    pub(in crate::lower) fn get(&self, register: Reg) -> Option<RegisterValue> {
        self.table[register as usize]
    }
    pub(in crate::lower) fn set(&mut self, register: Reg, place: RegisterValue) {
        if self.table[register as usize].replace(place).is_none() {
            self.known.push(register);
        }
    }
    /// A register gets what another one holds.
    pub(in crate::lower) fn note_copy(&mut self, to: Reg, from: Reg) {
        self.copied_from[to as usize] = from;
    }
    /// More is known of a register's value. So it is of the variable that it was copied from, if that still holds the
    /// same value.
    pub(in crate::lower) fn learn(&mut self, register: Reg, place: RegisterValue) {
        let before = self.get(register);
        self.set(register, place);
        let variable = self.copied_from[register as usize];
        if before.is_some() && variable != NO_REGISTER && self.get(variable) == before {
            self.set(variable, place);
        }
    }
    /// Know nothing but these.
    fn refill(&mut self, places: &[(Reg, RegisterValue)]) {
        for register in self.known.drain(..) {
            self.table[register as usize] = None;
            self.copied_from[register as usize] = NO_REGISTER;
        }
        places.iter().for_each(|(register, place)| self.set(*register, *place));
    }
}

/// What is known at a point of the program.
pub(in crate::lower) struct State {
    pub(in crate::lower) places: RegisterValues,
    /// Operators that are read already, but still only in their cells.
    pub(in crate::lower) pending: Vec<Reg>,
    /// The unit's assumptions were checked since the last call.
    pub(in crate::lower) intact: bool,
    /// A guess failed on the way here: no types are known, and none are guessed, up to the next loop.
    pub(in crate::lower) generic: bool,
    /// Free variables that were read in this block, with nothing since that may have changed them: the register that
    /// got the value last, and the value's word.
    read: Vec<(CellId, Reg, Val)>,
    /// Objects whose class was looked at in this block: a word that is the class, or no class.
    classes: Vec<(Val, Val)>,
}

/// How many objects' classes are remembered.
const CLASSES: usize = 8;

/// How many free variables are remembered: all of them are looked through at each read.
const READS: usize = 16;

/// What is known at the start of a version of a block.
pub(in crate::lower) struct Start {
    pub(in crate::lower) places: Vec<(Reg, RegisterValue)>,
    pub(in crate::lower) pending: Vec<Reg>,
    pub(in crate::lower) intact: bool,
    pub(in crate::lower) generic: bool,
}

impl State {
    pub(in crate::lower) fn new(registers: u32) -> State {
        State {
            places: RegisterValues::new(registers),
            pending: Vec::new(),
            intact: false,
            generic: false,
            read: Vec::new(),
            classes: Vec::new(),
        }
    }
    /// Code ran that may have changed any cell.
    pub(in crate::lower) fn disturb(&mut self) {
        self.intact = false;
        self.read.clear();
    }
    /// What is known of a free variable's value, if it was read before.
    pub(in crate::lower) fn variable(&self, cell: CellId) -> Option<RegisterValue> {
        let (_, register, word) = *self.read.iter().find(|(read, ..)| *read == cell)?;
        // More may have been learned in that register since; or it may hold something else by now.
        let place = self.places.get(register).filter(|place| place.word == Some(word));
        Some(place.unwrap_or(RegisterValue::word(word, Ty::Unknown)))
    }
    /// A register holds the value of a free variable, which was just read.
    pub(in crate::lower) fn note_variable(&mut self, cell: CellId, register: Reg, word: Val) {
        self.read.retain(|(read, ..)| *read != cell);
        if self.read.len() < READS {
            self.read.push((cell, register, word));
        }
    }
    /// The class of an object, or no class, if it was looked at before.
    pub(in crate::lower) fn class_of(&self, object: Val) -> Option<Val> {
        self.classes.iter().find(|(known, _)| *known == object).map(|(_, class)| *class)
    }
    /// The class of an object, or no class.
    pub(in crate::lower) fn note_class(&mut self, object: Val, class: Val) {
        if self.classes.len() == CLASSES {
            self.classes.remove(0);
        }
        self.classes.push((object, class));
    }
    pub(in crate::lower) fn begin(&mut self, start: Start) {
        self.places.refill(&start.places);
        self.pending = start.pending;
        self.intact = start.intact;
        self.generic = start.generic;
        self.read.clear();
        self.classes.clear();
    }
}

/// What an edge leads away from: a state, with what is known on this edge alone.
#[derive(Clone, Copy)]
pub(in crate::lower) struct Leaving<'s> {
    pub(in crate::lower) state: &'s State,
    /// RegisterValues of some registers on this edge.
    pub(in crate::lower) known: &'s [(Reg, RegisterValue)],
    pub(in crate::lower) intact: bool,
}

impl<'s> Leaving<'s> {
    pub(in crate::lower) fn with(state: &'s State, known: &'s [(Reg, RegisterValue)]) -> Leaving<'s> {
        Leaving { state, known, intact: state.intact }
    }
    pub(in crate::lower) fn place(&self, register: Reg) -> Option<RegisterValue> {
        let known = self.known.iter().find(|(known, _)| *known == register);
        known.map(|(_, place)| *place).or_else(|| self.state.places.get(register))
    }
}

impl<'s> From<&'s State> for Leaving<'s> {
    fn from(state: &'s State) -> Leaving<'s> {
        Leaving::with(state, &[])
    }
}
