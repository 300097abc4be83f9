//! Operators of calls by name, which are read before the arguments are evaluated.
//!
//! Evaluating an argument may change what a name refers to: the call still reaches what was there first. Reading a
//! cell early would cost a register across the arguments of nearly every call, so the read is put off as far as it
//! goes. The register that stands for an operator is in one of three states:
//!
//! - *in its cell*: nothing ran since that could have changed the cell, so it is read when it is needed;
//! - *assumed*: the unit's assumptions were checked where it was read, so it is what the unit assumes of the cell,
//!   whatever the cell holds by now;
//! - a word, loaded before the first thing that may change the cell.

use super::emit::state::{Leaving, RegisterValue, State, Ty};
use super::emit::Emit;
use super::linear::{Operator, Reg, Site};
use super::{Assumption, DataWord};
use maru_core::abi::{CELL_ENTRY, CELL_VALUE};
use maru_core::ir::{Compare, Condition, Helper, Target, Type, Val, Width};
use maru_language::runtime::CellId;

/// What is at hand of an operator.
#[derive(Clone, Copy)]
pub(super) enum Held {
    /// Its cell still has it.
    InCell,
    /// It is what the unit assumes.
    Assumed,
    /// It is this value.
    Word(Val),
}

impl Ty {
    /// Whether it speaks of an operator that has no word.
    pub(super) fn is_operator(self) -> bool {
        matches!(self, Ty::InCell | Ty::Assumed)
    }
}

impl Emit<'_, '_> {
    /// Where an operator is read.
    pub(super) fn read_operator(&mut self, register: Reg, state: &mut State) {
        let read = self.flow.operators[&register];
        let place = if self.in_memory() {
            RegisterValue::word(self.load_cell(read.cell), Ty::Unknown)
        } else if read.assumption.is_some() && !state.generic {
            self.require_intact(state);
            RegisterValue::operator(Ty::Assumed)
        } else {
            state.pending.push(register);
            RegisterValue::operator(Ty::InCell)
        };
        self.define(state, register, place);
    }

    /// What is at hand of an operator where it is called. It is not needed any more after that.
    pub(super) fn held(&mut self, operator: Operator, state: &mut State) -> Held {
        let Some(register) = operator.early else { return Held::InCell };
        // Calls inside each other take theirs from the end.
        if let Some(at) = state.pending.iter().rposition(|pending| *pending == register) {
            state.pending.remove(at);
        }
        match self.place(state, register) {
            RegisterValue { ty: Ty::InCell, .. } => Held::InCell,
            RegisterValue { ty: Ty::Assumed, .. } => Held::Assumed,
            _ => Held::Word(self.word(state, register)),
        }
    }

    /// Make sure that an operator is what the unit assumes. If that cannot be known here, control goes to the generic
    /// version of this place, and the answer is false.
    pub(super) fn trust(&mut self, operator: Operator, state: &mut State) -> bool {
        match self.held(operator, state) {
            Held::Assumed => {}
            Held::InCell => self.require_intact(state),
            Held::Word(_) => {
                let generic = self.generic_edge(state);
                self.jump(generic);
                return false;
            }
        }
        true
    }

    /// Before anything that may change cells: load the operators that are still in theirs.
    pub(super) fn settle(&mut self, state: &mut State) {
        for register in std::mem::take(&mut state.pending) {
            let word = self.load_cell(self.flow.operators[&register].cell);
            state.places.set(register, RegisterValue::word(word, Ty::Unknown));
        }
    }

    pub(super) fn load_cell(&mut self, cell: CellId) -> Val {
        let address = self.cell_address(cell);
        self.b.load(Width::Word, address, CELL_VALUE)
    }

    /// The word of an operator that has none yet.
    pub(super) fn operator_word(&mut self, register: Reg, ty: Ty, state: &State) -> Val {
        let read = self.flow.operators[&register];
        if self.making_operator {
            // On the way to a handler, because there was no memory for an operator: nothing more can be made there.
            return self.load_cell(read.cell);
        }
        match read.assumption {
            Some(Assumption::Value(value)) if ty == Ty::Assumed => self.load_constant(value),
            // Any closure of the function is as good as the one that was there, for it captures nothing.
            Some(Assumption::Function(number)) if ty == Ty::Assumed => {
                let code = self.unit.data_word(DataWord::Code(number));
                let code = self.b.load_data(code);
                let none = self.b.iconst(0);
                let closure = self.b.helper(Helper::MakeClosure, &[code, none]);
                // The handler may want the same operator as a word.
                self.making_operator = true;
                self.check_failure(closure, read.site, state);
                self.making_operator = false;
                closure
            }
            _ => self.load_cell(read.cell),
        }
    }

    /// What an operator's register is known as where an edge leads to.
    pub(super) fn operator_type(&self, leaving: Leaving, place: RegisterValue, generic: bool) -> Ty {
        match place.ty {
            // Nothing is assumed there; but the assumption holds here and now, so the cell has the value.
            Ty::Assumed if generic && leaving.intact => Ty::InCell,
            Ty::Assumed if generic => Ty::Unknown,
            Ty::Assumed | Ty::InCell => place.ty,
            _ => Ty::Unknown,
        }
    }

    /// The value of an operator that is not assumed, and the address that a call of it goes to.
    pub(super) fn operator_entry(
        &mut self,
        cell: CellId,
        held: Held,
        words: &[Val],
        site: Site,
        state: &State,
    ) -> (Val, Val) {
        let address = self.cell_address(cell);
        let present = self.b.load(Width::Word, address, CELL_VALUE);
        let Held::Word(value) = held else { return (self.b.load(Width::Word, address, CELL_ENTRY), present) };
        let (same, changed, join) = (self.b.block(), self.b.cold_block(), self.b.block());
        let entry = self.b.parameter(join, Type::Word);
        self.branch(
            Condition::Compare(Compare::Eq, present, value),
            Target { block: same, arguments: Vec::new() },
            Target { block: changed, arguments: Vec::new() },
        );
        self.b.switch_to(same);
        let usual = self.b.load(Width::Word, address, CELL_ENTRY);
        self.b.jump(join, &[usual]);
        self.b.switch_to(changed);
        let own = self.entry_of(value, words, site, state);
        self.b.jump(join, &[own]);
        self.b.switch_to(join);
        (entry, value)
    }
}
