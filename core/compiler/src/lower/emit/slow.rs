//! Where the fast way of an operation does not apply: it is done in the runtime, and control rejoins the fast way.
//!
//! ```text
//!   test ──── holds ──→ fast way ──→ join(result)
//!     └── fails ──→ (cold) call in the runtime ──→ join(result)
//! ```
//!
//! What is known of other registers is kept. Only an operation that settles the type of its result for the code that
//! follows (see `arithmetic`) leaves for the generic version of its place instead.

use super::state::{RegisterValue, State, Ty};
use super::{plain, Emit};
use crate::lower::intrinsic::Intrinsic;
use crate::lower::linear::{Operator, PrimitiveCall, Reg, Site};
use crate::lower::operator::Held;
use crate::lower::DataWord;
use maru_core::abi::layout::NIL;
use maru_core::abi::{number_bits, DATA_IMAGE};
use maru_core::ir::{Block, Compare, Condition, Helper, Target, Type, Val};
use maru_language::runtime::OptimisationLevel;

/// A call of a primitive that is done inline.
#[derive(Clone, Copy)]
pub(in crate::lower) struct Inline<'f> {
    pub(in crate::lower) intrinsic: Intrinsic,
    pub(in crate::lower) args: &'f [Reg],
    pub(in crate::lower) operator: Operator,
    /// What the interpreter has seen of the operands.
    pub(in crate::lower) seen: u8,
    pub(in crate::lower) site: Site,
    /// What is at hand of the operator; `None`: it is the primitive.
    pub(in crate::lower) held: Option<Held>,
}

impl<'f> Inline<'f> {
    /// A call, of whose operator nothing is at hand.
    pub(in crate::lower) fn of(call: &'f PrimitiveCall) -> Inline<'f> {
        let PrimitiveCall { intrinsic, ref arguments, operator, seen, site } = *call;
        Inline { intrinsic, args: arguments, operator, seen, site, held: None }
    }
}

/// Where control goes when the fast way does not apply.
#[derive(Default)]
pub(in crate::lower) struct Miss {
    /// The block that calls the runtime and rejoins.
    slow: Option<Block>,
    /// The edge to the generic version of the place.
    leave: Option<Target>,
}

impl Miss {
    /// The slow block, if anything leads there.
    pub(in crate::lower) fn slow_block(&self) -> Option<Block> {
        self.slow
    }
}

impl Emit<'_, '_> {
    /// Where to go when the fast way does not apply but the code that follows can do with any result.
    pub(in crate::lower) fn slow(&mut self, miss: &mut Miss) -> Target {
        plain(match miss.slow {
            Some(block) => block,
            None => *miss.slow.insert(self.b.cold_block()),
        })
    }

    /// Where to go when what is guessed for the code that follows does not hold.
    pub(in crate::lower) fn leave(&mut self, call: &Inline, miss: &mut Miss, state: &State) -> Target {
        if let Some(target) = &miss.leave {
            return target.clone();
        }
        let mut target = self.generic_edge(state);
        if self.flow.blocks[self.at.0.index()].in_loop && call.args.len() <= 2 {
            // Elsewhere the generic version notes what comes.
            let here = self.b.current_block();
            let block = self.b.cold_block();
            self.b.switch_to(block);
            let first = self.word_apart(state, call.args[0]);
            let second = call.args.get(1).map_or(first, |register| self.word_apart(state, *register));
            let (image, site) = (self.b.load_data(DATA_IMAGE), self.b.iconst(i64::from(call.site.0)));
            self.b.helper(Helper::Deviated, &[image, site, first, second]);
            self.jump(target);
            self.b.switch_to(here);
            target = plain(block);
        }
        miss.leave.insert(target).clone()
    }

    /// Whether types may be guessed here for the code that follows: there must be a generic version to leave for.
    pub(in crate::lower) fn may_guess(&self, state: &State) -> bool {
        self.keeps_knowledge(state) && self.unit.runtime.options.level == OptimisationLevel::Full
    }

    /// Whether what is known of registers here is of use to the code that follows.
    pub(in crate::lower) fn keeps_knowledge(&self, state: &State) -> bool {
        !state.generic && !self.is_exhausted()
    }

    /// Where to go when an operation turns out not to be the guessed one: out, or to the slow block.
    pub(in crate::lower) fn miss(&mut self, call: &Inline, miss: &mut Miss, guess: bool, state: &State) -> Target {
        if guess {
            self.leave(call, miss, state)
        } else {
            self.slow(miss)
        }
    }

    /// Make sure that an operator is the primitive that the unit assumes. `held` stays in the call where that is not
    /// sure, so that the slow block calls what the operator is.
    pub(in crate::lower) fn expect_primitive(&mut self, call: &mut Inline, miss: &mut Miss, state: &mut State) {
        let held = self.held(call.operator, state);
        let guess = self.may_guess(state);
        if !guess || matches!(held, Held::Word(_)) || !call.intrinsic.has_doubles() {
            // The slow block needs them, and is reached from here on.
            call.args.iter().for_each(|register| _ = self.word(state, *register));
        }
        match held {
            Held::Assumed => return,
            Held::InCell if guess => {
                self.require_intact(state);
                return;
            }
            Held::InCell if state.intact => return,
            Held::InCell => {
                self.settle(state);
                let otherwise = self.slow(miss);
                self.check_intact(otherwise);
            }
            Held::Word(value) => {
                self.settle(state);
                let primitive = self.primitive_word(call.operator);
                let otherwise = self.slow(miss);
                self.require(Condition::Compare(Compare::Eq, value, primitive), otherwise);
            }
        }
        call.held = Some(held);
    }

    pub(in crate::lower) fn primitive_word(&mut self, operator: Operator) -> Val {
        let value = self.unit.runtime.cells.get(operator.cell).value;
        self.load_constant(value)
    }

    /// The rest of an operation whose fast way gave a place: the slow block, if anything led there, and the join.
    /// `slow` is the type of what the primitive answers in all other cases, if it answers.
    pub(in crate::lower) fn rejoin(
        &mut self,
        call: &Inline,
        miss: Miss,
        fast: RegisterValue,
        slow: Ty,
        state: &mut State,
    ) -> RegisterValue {
        let Some(block) = miss.slow else { return fast };
        let word = self.place_word(fast, state.generic);
        let join = self.b.block();
        let result = self.b.parameter(join, Type::Word);
        self.b.jump(join, &[word]);
        self.b.switch_to(block);
        let called = self.call_runtime(call, state);
        self.b.jump(join, &[called]);
        self.b.switch_to(join);
        self.after_runtime(call, state);
        let same = slow == fast.ty && call.held.is_none() && fast.ty != Ty::Double;
        RegisterValue::word(result, if same { slow } else { Ty::Unknown })
    }

    /// The same for an operation that answers a double whatever its operands are, if it answers.
    pub(in crate::lower) fn rejoin_double(
        &mut self,
        call: &Inline,
        miss: Miss,
        fast: Val,
        state: &mut State,
    ) -> RegisterValue {
        let Some(block) = miss.slow else { return RegisterValue::double(fast) };
        let join = self.b.block();
        let result = self.b.parameter(join, Type::Double);
        self.b.jump(join, &[fast]);
        self.b.switch_to(block);
        let called = self.call_runtime(call, state);
        let any = self.b.iconst(number_bits::ANY);
        let bits = self.b.helper(Helper::NumberBits, &[called, any]);
        let called = self.b.float_from_bits(bits);
        self.b.jump(join, &[called]);
        self.b.switch_to(join);
        self.after_runtime(call, state);
        RegisterValue::double(result)
    }

    /// After a join with a slow block: what it may have changed.
    pub(in crate::lower) fn after_runtime(&mut self, call: &Inline, state: &mut State) {
        // An operator that is not the primitive may have run any code.
        if call.held.is_some() {
            state.disturb();
        }
    }

    /// Do an operation in the runtime; its result. The operands' words are made here and not noted: this block does
    /// not lead everywhere that the state does.
    pub(in crate::lower) fn call_runtime(&mut self, call: &Inline, state: &mut State) -> Val {
        let words: Vec<Val> = call.args.iter().map(|register| self.word_apart(state, *register)).collect();
        let callee = match call.held {
            None | Some(Held::Assumed) => return self.call_primitive(call.operator, &words, call.site, state),
            Some(Held::Word(value)) => value,
            Some(Held::InCell) => self.load_cell(call.operator.cell),
        };
        self.call_value(callee, &words, call.site, state)
    }

    /// Call the function of the primitive that an operator is known to be.
    pub(in crate::lower) fn call_primitive(
        &mut self,
        operator: Operator,
        words: &[Val],
        site: Site,
        state: &State,
    ) -> Val {
        let helper = match words.len() {
            1 => Helper::Primitive1,
            2 => Helper::Primitive2,
            3 => Helper::Primitive3,
            _ => {
                let callee = self.primitive_word(operator);
                return self.call_value(callee, words, site, state);
            }
        };
        let value = self.unit.runtime.cells.get(operator.cell).value;
        let function = self.unit.data_word(DataWord::Function(value));
        let mut arguments = vec![self.b.load_data(function)];
        arguments.extend(words);
        let result = self.b.helper(helper, &arguments);
        self.check_failure(result, site, state);
        result
    }

    /// Call a value through the runtime.
    pub(in crate::lower) fn call_value(&mut self, callee: Val, words: &[Val], site: Site, state: &State) -> Val {
        let result = match *words {
            [a] => self.b.helper(Helper::Call1, &[callee, a]),
            [a, b] => self.b.helper(Helper::Call2, &[callee, a, b]),
            [a, b, c] => self.b.helper(Helper::Call3, &[callee, a, b, c]),
            _ => {
                self.store_arguments(words);
                let count = self.b.iconst(words.len() as i64);
                self.b.helper(Helper::CallValue, &[callee, count])
            }
        };
        self.check_failure(result, site, state);
        result
    }

    /// The same, where typed code may have left because it guessed wrongly: the runtime notes what came.
    pub(in crate::lower) fn call_and_note(&mut self, callee: Val, words: &[Val], site: Site, state: &State) -> Val {
        let helper = match words.len() {
            1 => Helper::Note1,
            2 => Helper::Note2,
            _ => return self.call_value(callee, words, site, state),
        };
        let mut arguments = vec![callee];
        arguments.extend(words);
        arguments.push(self.b.load_data(DATA_IMAGE));
        arguments.push(self.b.iconst(i64::from(site.0)));
        let result = self.b.helper(helper, &arguments);
        self.check_failure(result, site, state);
        result
    }

    /// The word of a place, boxed here if need be.
    pub(in crate::lower) fn place_word(&mut self, place: RegisterValue, cold: bool) -> Val {
        match (place.word, place.double) {
            (Some(word), _) => word,
            (None, Some(double)) => self.box_double(double, cold),
            (None, None) => self.b.iconst(NIL as i64),
        }
    }

    /// A register's word, for a block that does not lead everywhere that the state does.
    pub(in crate::lower) fn word_apart(&mut self, state: &State, register: Reg) -> Val {
        match state.places.get(register) {
            Some(place) => self.place_word(place, true),
            None => self.load_home(register).unwrap_or_else(|| self.b.iconst(NIL as i64)),
        }
    }
}
