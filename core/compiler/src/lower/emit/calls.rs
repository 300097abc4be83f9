//! Calls: how a callee is reached, what a call in tail position leaves behind.

use super::state::State;
use super::{plain, Emit};
use crate::lower::linear::{Callee, Reg, Site};
use crate::lower::meter::Meter;
use crate::lower::operator::Held;
use crate::lower::SiteInfo;
use maru_core::abi::layout::{offset, Kind, FAILURE, NIL, TAG_OBJECT};
use maru_core::abi::{argument_offset, context, DATA_IMAGE, SOURCE_SHIFT, TAIL_CALL_FLAG};
use maru_core::ir::{self, Compare, Condition, FunctionId, Helper, Type, Val, Width};

impl Emit<'_, '_> {
    pub(in crate::lower) fn argument_area(&mut self) -> Val {
        self.b.load_context(context::ARGUMENTS)
    }

    pub(in crate::lower) fn store_arguments(&mut self, words: &[Val]) {
        let area = self.argument_area();
        for (index, word) in words.iter().enumerate() {
            self.b.store(Width::Word, *word, area, argument_offset(index));
        }
    }

    /// Check, once after each call, that the unit's assumptions hold.
    pub(in crate::lower) fn require_intact(&mut self, state: &mut State) {
        if !state.intact {
            let otherwise = self.generic_edge(state);
            self.check_intact(otherwise);
            state.intact = true;
        }
    }

    pub(in crate::lower) fn call(&mut self, callee: &Callee, args: &[Reg], site: Site, state: &mut State) -> Val {
        let mut words: Vec<Val> = args.iter().map(|r| self.word(state, *r)).collect();
        // `apply` is a primitive, but leaves its place to what it calls.
        let applies = matches!(callee, Callee::Cell(operator) if self.unit.holds_apply(operator.cell));
        let keeps_cells = state.intact && self.is_quiet_call(callee, state);
        let (callee, value) = self.resolve(callee, &words, site, state);
        let count = self.b.iconst(words.len() as i64);
        words.splice(0..0, [value, count]);
        let result = self.b.call(callee, &words, Type::Word);
        match callee {
            ir::Callee::Address(_) if self.unit.sites[site.0 as usize].left && !applies => {
                self.check_failure_of(value, result, site, state);
            }
            _ => self.check_failure(result, site, state),
        }
        if !keeps_cells {
            state.disturb();
        }
        result
    }

    /// Whether a call reaches a quiet function if the unit's assumptions hold.
    fn is_quiet_call(&self, callee: &Callee, state: &State) -> bool {
        match callee {
            Callee::KnownCell(_, number) | Callee::Known(_, number) => !state.generic && self.unit.is_quiet(*number),
            _ => false,
        }
    }

    /// The same as `check_failure` for a call in tail position that is none here: a primitive takes nobody's place, so
    /// that an error out of one comes through the function; only then is it known which it was.
    fn check_failure_of(&mut self, callee: Val, result: Val, site: Site, state: &State) {
        let failure = self.b.iconst(FAILURE as i64);
        let (failed, next) = (self.b.cold_block(), self.b.block());
        self.branch(Condition::Compare(Compare::Ne, result, failure), plain(next), plain(failed));
        self.b.switch_to(failed);
        let left = self.failure_edge(site, state);
        self.require(Condition::HasTag(1 << TAG_OBJECT, callee), left.clone());
        let is_primitive = self.has_kind(callee, Kind::Primitive);
        let site = self.staying(site);
        let stayed = self.failure_edge(site, state);
        self.branch(is_primitive, stayed, left);
        self.b.switch_to(next);
    }

    /// The site of the same call, if it takes nobody's place.
    fn staying(&mut self, site: Site) -> Site {
        let SiteInfo { position, prototype, outer, .. } = self.unit.sites[site.0 as usize];
        self.unit.site(position, prototype, outer, false)
    }

    pub(in crate::lower) fn tail_call(&mut self, callee: &Callee, args: &[Reg], site: Site, state: &mut State) {
        let mut words: Vec<Val> = args.iter().map(|r| self.word(state, *r)).collect();
        let (target, value) = self.resolve(callee, &words, site, state);
        // A callee that refuses the call has no caller to ask for the position; functions known to accept it
        // need none, unless they may find a limit reached.
        let count = match target {
            ir::Callee::Function(_) if self.meter == Meter::None => words.len() as i64,
            _ => {
                let image = self.b.load_data(DATA_IMAGE);
                let shift = self.b.iconst(SOURCE_SHIFT.into());
                let image = self.b.binary(ir::Binary::Shl, image, shift);
                // A callee that takes no place has the function's frame in its backtrace.
                let site = self.staying(site);
                let site = self.b.iconst(i64::from(site.0));
                let packed = self.b.binary(ir::Binary::Or, image, site);
                self.b.store_context(packed, context::TAIL_SITE);
                words.len() as i64 | TAIL_CALL_FLAG
            }
        };
        let count = self.b.iconst(count);
        words.splice(0..0, [value, count]);
        self.count_exit();
        self.b.tail_call(target, &words);
    }

    /// Make sure that a function expected to be called is; the answer is false as in `trust`.
    pub(in crate::lower) fn trust_callee(&mut self, callee: &Callee, state: &mut State) -> bool {
        match callee {
            Callee::KnownCell(operator, _) if !state.generic => self.trust(*operator, state),
            _ => true,
        }
    }

    /// The address or function that a call goes to, and the callee's value. A function that was expected is trusted.
    fn resolve(&mut self, callee: &Callee, words: &[Val], site: Site, state: &mut State) -> (ir::Callee, Val) {
        let held = match callee {
            Callee::KnownCell(operator, _) | Callee::Cell(operator) => self.held(*operator, state),
            _ => Held::InCell,
        };
        self.settle(state);
        match callee {
            Callee::KnownCell(_, number) if !state.generic => {
                // It captures nothing, so it never looks at its closure.
                let nil = self.b.iconst(NIL as i64);
                (ir::Callee::Function(FunctionId(*number)), nil)
            }
            Callee::KnownCell(operator, _) | Callee::Cell(operator) => {
                if let Some(keys) = self.unit.keys_of_call(operator.cell, words.len()) {
                    let value = match held {
                        Held::Word(word) => word,
                        _ => self.load_cell(operator.cell),
                    };
                    let caches = self.unit.caches_of_call(operator.cell, keys);
                    let (entry, value) = self.send(value, words, keys, caches);
                    return (ir::Callee::Address(entry), value);
                }
                let (entry, value) = self.operator_entry(operator.cell, held, words, site, state);
                (ir::Callee::Address(entry), value)
            }
            Callee::Known(register, number) => {
                let value = self.word(state, *register);
                (ir::Callee::Function(FunctionId(*number)), value)
            }
            Callee::Chooser(register, keys) => {
                let value = self.word(state, *register);
                let (entry, value) = self.send(value, words, *keys, 1);
                (ir::Callee::Address(entry), value)
            }
            Callee::Register(register) => {
                let value = self.word(state, *register);
                let entry = self.entry_of(value, words, site, state);
                (ir::Callee::Address(entry), value)
            }
        }
    }

    /// The entry of a value that is called; what cannot be called is an error here.
    pub(in crate::lower) fn entry_of(&mut self, value: Val, words: &[Val], site: Site, state: &State) -> Val {
        let refuse = self.b.cold_block();
        self.require_callable(value, refuse);
        let next = self.b.current_block();
        self.b.switch_to(refuse);
        self.store_arguments(words);
        let count = self.b.iconst(words.len() as i64);
        self.b.helper(Helper::NotCallable, &[value, count]);
        let failed = self.failure_edge(site, state);
        self.jump(failed);
        self.b.switch_to(next);
        let code = self.load_object(value, offset::CALLABLE_CODE);
        self.load_object(code, offset::CODE_ENTRY)
    }
}
