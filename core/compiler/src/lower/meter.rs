//! Metered code: counts fuel and depth as the interpreter does, so that both stop at the same point.
//!
//! Every call of a function and every loop turn costs one unit of fuel. A function's depth is taken at its entry and
//! given back wherever it is left: by a return, an error, or a tail call, whose callee takes it again.

use super::emit::state::State;
use super::emit::{plain, Emit};
use super::linear::Site;
use maru_core::abi::context;
use maru_core::abi::layout::FAILURE;
use maru_core::ir::{Binary, Compare, Condition, Helper, Val};

/// What a function counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meter {
    /// Nothing.
    None,
    /// Its loops' turns: it is a part of a function that was entered, and counted, in the interpreter.
    Turns,
    /// Entries, exits, and its loops' turns.
    All,
}

impl Meter {
    pub(super) fn of(metered: bool, is_loop: bool) -> Meter {
        match (metered, is_loop) {
            (false, _) => Meter::None,
            (true, true) => Meter::Turns,
            (true, false) => Meter::All,
        }
    }
}

const FUEL: i32 = context::FUEL;
const DEPTH: i32 = context::DEPTH;

impl Emit<'_, '_> {
    /// Add to one of the context's counters; its new value.
    fn count(&mut self, counter: i32, change: i64) -> Val {
        let old = self.b.load_context(counter);
        let new = self.b.binary_immediate(Binary::Add, old, change);
        self.b.store_context(new, counter);
        new
    }

    /// At a function's start: one call, one level deeper. `arguments` is the argument count.
    pub(super) fn count_entry(&mut self, arguments: Val) {
        if self.meter != Meter::All {
            return;
        }
        let fuel = self.count(FUEL, -1);
        let depth = self.count(DEPTH, -1);
        // The sign of either.
        let least = self.b.binary(Binary::Or, fuel, depth);
        let zero = self.b.iconst(0);
        let (enter, refuse) = (self.b.block(), self.b.cold_block());
        self.branch(Condition::Compare(Compare::Ge, least, zero), plain(enter), plain(refuse));
        self.b.switch_to(refuse);
        let failure = self.b.helper(Helper::EntryLimit, &[arguments]);
        self.b.ret(failure);
        self.b.switch_to(enter);
    }

    /// Where a function is left.
    pub(super) fn count_exit(&mut self) {
        if self.meter == Meter::All {
            self.count(DEPTH, 1);
        }
    }

    /// Return from the function.
    pub(super) fn ret(&mut self, value: Val) {
        self.count_exit();
        self.b.ret(value);
    }

    /// Before a loop turns.
    pub(super) fn count_turn(&mut self, site: Site, state: &State) {
        if self.meter == Meter::None {
            return;
        }
        let fuel = self.count(FUEL, -1);
        let zero = self.b.iconst(0);
        let (refuse, turn) = (self.b.cold_block(), self.b.block());
        self.branch(Condition::Compare(Compare::Ge, fuel, zero), plain(turn), plain(refuse));
        self.b.switch_to(refuse);
        let result = self.b.helper(Helper::TurnLimit, &[]);
        let failure = self.b.iconst(FAILURE as i64);
        let failed = self.failure_edge(site, state);
        self.branch(Condition::Compare(Compare::Ne, result, failure), plain(turn), failed);
        self.b.switch_to(turn);
    }
}
