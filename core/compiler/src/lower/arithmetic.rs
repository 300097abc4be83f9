//! Arithmetic and comparison of numbers, inline: which types an operation is done for, and what becomes of others.
//!
//! An operation on fixnums that is *guessed* has a fixnum as its result, for the code that follows; what is no fixnum
//! leaves for the generic version. One that is not guessed rejoins with a word of any type. An operation on doubles one
//! of which is known to be one has a double as its result in any case, so it always rejoins.

use super::emit::slow::{Inline, Miss};
use super::emit::state::{RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use super::intrinsic::Intrinsic;
use super::linear::Reg;
use maru_core::abi::layout::{DOUBLE_TAGS, FIXNUM_TAGS, TAG_BITS};
use maru_core::abi::number_bits;
use maru_core::ir::{self, Binary, Compare, Condition, FloatUnary, Helper, Overflowing, Target, Type, Val};
use maru_language::runtime::tree::feedback;

/// The types that an operation on numbers is done for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Numbers {
    /// Fixnums inline, everything else in the runtime; if guessed, for the code that follows.
    Fixnums(bool),
    /// Doubles inline.
    Doubles,
    /// Fixnums and doubles inline, with a word as result.
    Mixed,
    /// None: something is known to be no number, or no fixnum where only those are done inline.
    Others,
}

impl Emit<'_, '_> {
    fn ty(&self, register: Reg, state: &State) -> Ty {
        state.places.get(register).map_or(Ty::Unknown, |place| place.ty)
    }

    /// Whether types may be guessed in a call for the code that follows.
    pub(super) fn guesses(&self, call: &Inline, state: &State) -> bool {
        call.held.is_none() && self.may_guess(state)
    }

    /// What to do an operation for: what is known decides, then what was seen.
    pub(super) fn numbers(&self, call: &Inline, state: &State) -> Numbers {
        let types = || call.args.iter().map(|register| self.ty(*register, state));
        let guess = self.guesses(call, state);
        if types().any(|ty| !matches!(ty, Ty::Unknown | Ty::Fixnum | Ty::Double)) {
            return Numbers::Others;
        }
        if types().any(|ty| ty == Ty::Double) {
            // Where the operator may be another, the result may be anything; and integers before the first double are
            // exact.
            let doubles = call.args.len() <= 2 || self.ty(call.args[0], state) == Ty::Double;
            return if call.held.is_none() && doubles { Numbers::Doubles } else { Numbers::Mixed };
        }
        if types().all(|ty| ty == Ty::Fixnum) {
            return Numbers::Fixnums(guess && call.seen & feedback::OTHER == 0);
        }
        let fixnum_known = types().any(|ty| ty == Ty::Fixnum);
        let doubles = call.seen & feedback::DOUBLE != 0;
        let in_loop = self.flow.blocks[self.at.0.index()].in_loop;
        match call.seen {
            _ if doubles && call.args.len() > 2 => Numbers::Mixed,
            _ if doubles && guess && fixnum_known && call.seen & feedback::OTHER == 0 => Numbers::Doubles,
            feedback::DOUBLE if guess => Numbers::Doubles,
            _ if doubles => Numbers::Mixed,
            0 if guess && self.expects_doubles(call) && types().all(|ty| ty == Ty::Unknown) => Numbers::Doubles,
            0 if !guess && self.flow.has_doubles || state.generic && in_loop => Numbers::Mixed,
            _ => Numbers::Fixnums(guess && call.seen & feedback::OTHER == 0),
        }
    }

    /// Whether doubles are what most likely comes to an operation that was never seen running, if nothing is known of
    /// any operand. Two versions of all that follows would be the alternative, or four, or eight; where the guess is wrong
    /// it is made once. Not in code for other processes, which is not made anew.
    fn expects_doubles(&self, call: &Inline) -> bool {
        let computes = matches!(call.intrinsic, Intrinsic::Arithmetic(_) | Intrinsic::Divide);
        call.seen == 0 && computes && self.flow.has_doubles && self.unit.is_made_anew()
    }

    /// Fixnums are required; their words. Known are the types after it only if they are guessed.
    pub(super) fn fixnums(
        &mut self,
        call: &Inline,
        args: &[Reg],
        guess: bool,
        miss: &mut Miss,
        state: &mut State,
    ) -> Vec<Val> {
        let mut unknown: Vec<Reg> = Vec::with_capacity(args.len());
        for register in args {
            if self.ty(*register, state) != Ty::Fixnum && !unknown.contains(register) {
                unknown.push(*register);
            }
        }
        if let Some((first, rest)) = unknown.split_first() {
            let mut tags = self.word(state, *first);
            for register in rest {
                let word = self.word(state, *register);
                tags = self.b.binary(Binary::Or, tags, word);
            }
            let otherwise = match guess && call.seen == 0 && self.flow.has_doubles && call.intrinsic.has_doubles() {
                true => self.doubles_instead(call, &unknown, miss, state),
                false => self.miss(call, miss, guess, state),
            };
            self.require(Condition::HasTag(FIXNUM_TAGS, tags), otherwise);
            if guess {
                for register in unknown {
                    let word = self.word(state, register);
                    state.places.learn(register, RegisterValue::word(word, Ty::Fixnum));
                }
            }
        }
        args.iter().map(|register| self.word(state, *register)).collect()
    }

    /// In code that speaks of doubles and was never seen running, what is no fixnum may well be a double: then a
    /// version of the place that knows so is as good as the one for fixnums.
    fn doubles_instead(&mut self, call: &Inline, registers: &[Reg], miss: &mut Miss, state: &mut State) -> Target {
        let leave = self.leave(call, miss, state);
        if !self.keeps_types(registers) {
            return leave;
        }
        let here = self.b.current_block();
        // Not a cold one: where doubles are all that comes, the way on from here is the usual one.
        let block = self.b.block();
        self.b.switch_to(block);
        let mut known = Vec::with_capacity(registers.len());
        for register in registers {
            let word = self.word(state, *register);
            self.require(Condition::HasTag(DOUBLE_TAGS, word), leave.clone());
            let double = self.unbox_immediate(word);
            known.push((*register, RegisterValue { word: Some(word), double: Some(double), ty: Ty::Double }));
        }
        let (flow_block, index) = self.at;
        let target = self.edge(super::emit::state::Leaving::with(state, &known), flow_block, index, false);
        self.jump(target);
        self.b.switch_to(here);
        plain(block)
    }

    /// The doubles of operands at least one of which is a double, or is guessed to be. For a comparison, an integer
    /// among them must be one that a double holds exactly, since mathematical values are compared.
    pub(super) fn doubles(&mut self, call: &Inline, exact: bool, miss: &mut Miss, state: &mut State) -> Vec<Val> {
        let mut one_known = call.args.iter().any(|register| self.ty(*register, state) == Ty::Double);
        let seen_fixnums = call.seen & feedback::FIXNUM != 0;
        // Settled first: what is guessed to be a double makes the others free to be any number.
        let guessed = |emit: &Self, register: Reg, state: &State| emit.ty(register, state) == Ty::Unknown;
        let expected = call.seen & feedback::DOUBLE != 0 && !seen_fixnums || self.expects_doubles(call);
        let learns = self.guesses(call, state) && expected;
        for register in call.args {
            if guessed(self, *register, state) && (learns || !one_known) {
                let word = self.word(state, *register);
                let leave = self.leave(call, miss, state);
                let double = self.number_or(word, number_bits::DOUBLE, leave);
                state.places.learn(*register, RegisterValue { word: Some(word), double: Some(double), ty: Ty::Double });
                one_known = true;
            }
        }
        call.args.iter().map(|register| self.double_of(*register, exact, miss, state)).collect()
    }

    /// The double of an operand that may be any number; the type of the register is not known after it.
    pub(super) fn double_of(&mut self, register: Reg, exact: bool, miss: &mut Miss, state: &mut State) -> Val {
        /// As a fixnum's word, the first integer from which on a double may not hold all.
        const EXACT: i64 = 1 << (f64::MANTISSA_DIGITS as i64 + TAG_BITS as i64);
        if let Some(double) = state.places.get(register).and_then(|place| place.double) {
            return double;
        }
        let word = self.word(state, register);
        if self.ty(register, state) == Ty::Fixnum {
            if exact && !self.b.constant_of(word).is_some_and(|word| (-EXACT..=EXACT).contains(&word)) {
                let shifted = self.b.binary_immediate(Binary::Add, word, EXACT);
                let bound = self.b.iconst(2 * EXACT);
                let otherwise = self.slow(miss);
                self.require(Condition::Compare(Compare::Below, shifted, bound), otherwise);
            }
            let number = self.b.binary_immediate(Binary::Ashr, word, i64::from(TAG_BITS));
            return self.b.int_to_float(number);
        }
        let otherwise = self.slow(miss);
        self.number_or(word, if exact { number_bits::EXACT } else { number_bits::ANY }, otherwise)
    }

    /// The double of a word: unboxed inline if it is an immediate double, else by the runtime, if it is a number that
    /// `mode` allows.
    fn number_or(&mut self, word: Val, mode: i64, otherwise: Target) -> Val {
        let (immediate, object, join) = (self.b.block(), self.b.cold_block(), self.b.block());
        let result = self.b.parameter(join, Type::Double);
        self.branch(Condition::HasTag(DOUBLE_TAGS, word), plain(immediate), plain(object));
        self.b.switch_to(object);
        let mode = self.b.iconst(mode);
        let bits = self.b.helper(Helper::NumberBits, &[word, mode]);
        let refused = self.b.iconst(number_bits::REFUSED);
        self.require(Condition::Compare(Compare::Ne, bits, refused), otherwise);
        let double = self.b.float_from_bits(bits);
        self.b.jump(join, &[double]);
        self.b.switch_to(immediate);
        let double = self.unbox_immediate(word);
        self.b.jump(join, &[double]);
        self.b.switch_to(join);
        result
    }

    /// An operation that nothing is done inline for: the slow block, if anything led there, is all there is.
    pub(super) fn in_runtime(&mut self, call: &Inline, miss: Miss, state: &mut State) -> RegisterValue {
        if let Some(block) = miss.slow_block() {
            self.b.jump(block, &[]);
            self.b.switch_to(block);
        }
        let word = self.call_runtime(call, state);
        self.after_runtime(call, state);
        RegisterValue::word(word, Ty::Unknown)
    }

    // ---- operations

    /// `+ - *`.
    pub(super) fn arithmetic(
        &mut self,
        op: Overflowing,
        call: &Inline,
        mut miss: Miss,
        state: &mut State,
    ) -> RegisterValue {
        match self.numbers(call, state) {
            Numbers::Doubles => {
                let values = self.doubles(call, false, &mut miss, state);
                let on_doubles = Intrinsic::on_doubles(op);
                let mut result = values[0];
                for value in &values[1..] {
                    result = self.b.float_binary(on_doubles, result, *value);
                }
                self.rejoin_double(call, miss, result, state)
            }
            Numbers::Fixnums(guess) => {
                let values = self.fixnums(call, call.args, guess, &mut miss, state);
                let mut result = values[0];
                for value in &values[1..] {
                    result = self.checked(op, (result, *value), call, guess, &mut miss, state);
                }
                self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
            }
            Numbers::Mixed if call.args.len() == 2 => {
                let overflow = |emit: &mut Self, a: Val, b: Val, miss: &mut Miss, state: &mut State| {
                    emit.checked(op, (a, b), call, false, miss, state)
                };
                self.mixed(call, miss, state, overflow, Intrinsic::on_doubles(op))
            }
            Numbers::Mixed => {
                let values = self.fixnums(call, call.args, false, &mut miss, state);
                let mut result = values[0];
                for value in &values[1..] {
                    result = self.checked(op, (result, *value), call, false, &mut miss, state);
                }
                self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
            }
            Numbers::Others => self.in_runtime(call, miss, state),
        }
    }

    /// An operation on two numbers of any types: on fixnums, on two doubles, on a double and another number; the
    /// result is a word.
    fn mixed(
        &mut self,
        call: &Inline,
        mut miss: Miss,
        state: &mut State,
        on_fixnums: impl FnOnce(&mut Self, Val, Val, &mut Miss, &mut State) -> Val,
        on_doubles: ir::FloatBinary,
    ) -> RegisterValue {
        let [a, b] = [call.args[0], call.args[1]].map(|register| self.word(state, register));
        let (fixnums, others, join) = (self.b.block(), self.b.block(), self.b.block());
        let result = self.b.parameter(join, Type::Word);
        let tags = self.b.binary(Binary::Or, a, b);
        self.branch(Condition::HasTag(FIXNUM_TAGS, tags), plain(fixnums), plain(others));
        self.b.switch_to(fixnums);
        let number = on_fixnums(self, a, b, &mut miss, state);
        self.b.jump(join, &[number]);
        self.b.switch_to(others);
        let (left, right, compute) = (self.b.block(), self.b.cold_block(), self.b.block());
        let (x, y) = (self.b.parameter(compute, Type::Double), self.b.parameter(compute, Type::Double));
        self.branch(Condition::HasTag(DOUBLE_TAGS, a), plain(left), plain(right));
        let otherwise = self.slow(&mut miss);
        self.b.switch_to(left);
        let first = self.unbox_immediate(a);
        let second = self.number_or(b, number_bits::ANY, otherwise.clone());
        self.b.jump(compute, &[first, second]);
        self.b.switch_to(right);
        self.require(Condition::HasTag(DOUBLE_TAGS, b), otherwise.clone());
        let second = self.unbox_immediate(b);
        let first = self.number_or(a, number_bits::ANY, otherwise);
        self.b.jump(compute, &[first, second]);
        self.b.switch_to(compute);
        let number = self.b.float_binary(on_doubles, x, y);
        let word = self.box_double(number, false);
        self.b.jump(join, &[word]);
        self.b.switch_to(join);
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Unknown), Ty::Unknown, state)
    }

    /// An operation on fixnums whose overflow misses.
    fn checked(
        &mut self,
        op: Overflowing,
        (a, b): (Val, Val),
        call: &Inline,
        guess: bool,
        miss: &mut Miss,
        state: &State,
    ) -> Val {
        let b = match op {
            Overflowing::Mul => self.b.binary_immediate(Binary::Ashr, b, i64::from(TAG_BITS)),
            _ => b,
        };
        let otherwise = self.miss(call, miss, guess, state);
        let (result, overflow) = self.b.overflowing(op, a, b);
        let next = self.b.block();
        self.branch(Condition::NonZero(overflow), otherwise, plain(next));
        self.b.switch_to(next);
        result
    }

    /// `/`: truncates integers.
    pub(super) fn divide(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        match self.numbers(call, state) {
            Numbers::Doubles => {
                let v = self.doubles(call, false, &mut miss, state);
                let result = self.b.float_binary(ir::FloatBinary::Div, v[0], v[1]);
                self.rejoin_double(call, miss, result, state)
            }
            Numbers::Mixed => {
                let quotient = |emit: &mut Self, a: Val, b: Val, miss: &mut Miss, state: &mut State| {
                    emit.quotient_of((a, b), call, false, miss, state)
                };
                self.mixed(call, miss, state, quotient, ir::FloatBinary::Div)
            }
            Numbers::Fixnums(guess) => self.quotient_on(guess, call, miss, state),
            Numbers::Others => self.in_runtime(call, miss, state),
        }
    }

    /// `quotient`.
    pub(super) fn quotient(&mut self, call: &Inline, miss: Miss, state: &mut State) -> RegisterValue {
        match self.integers(call, state) {
            Some(guess) => self.quotient_on(guess, call, miss, state),
            None => self.in_runtime(call, miss, state),
        }
    }

    /// Whether fixnums are done inline by an operation that has no fast way for doubles; if they are, whether they are
    /// guessed.
    pub(super) fn integers(&self, call: &Inline, state: &State) -> Option<bool> {
        match self.numbers(call, state) {
            Numbers::Fixnums(guess) => Some(guess),
            Numbers::Mixed => Some(false),
            _ => None,
        }
    }

    fn quotient_on(&mut self, guess: bool, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let v = self.fixnums(call, call.args, guess, &mut miss, state);
        let quotient = self.quotient_of((v[0], v[1]), call, guess, &mut miss, state);
        self.rejoin(call, miss, RegisterValue::word(quotient, Ty::Fixnum), Ty::Unknown, state)
    }

    fn quotient_of(&mut self, (a, b): (Val, Val), call: &Inline, guess: bool, miss: &mut Miss, state: &State) -> Val {
        self.require_nonzero(b, call, guess, miss, state);
        let minus_one = -1i64 << TAG_BITS;
        if self.b.constant_of(b).is_none_or(|divisor| divisor == minus_one) {
            // The smallest fixnum divided by -1 is no fixnum.
            let otherwise = self.miss(call, miss, guess, state);
            let excluded = self.b.iconst(minus_one);
            self.require(Condition::Compare(Compare::Ne, b, excluded), otherwise);
        }
        let quotient = self.b.binary(Binary::Div, a, b);
        self.b.binary_immediate(Binary::Shl, quotient, i64::from(TAG_BITS))
    }

    fn require_nonzero(&mut self, divisor: Val, call: &Inline, guess: bool, miss: &mut Miss, state: &State) {
        if self.b.constant_of(divisor).is_some_and(|divisor| divisor != 0) {
            return;
        }
        let otherwise = self.miss(call, miss, guess, state);
        self.require(Condition::NonZero(divisor), otherwise);
    }

    /// `remainder` and `modulo`.
    pub(super) fn remainder(
        &mut self,
        modulo: bool,
        call: &Inline,
        mut miss: Miss,
        state: &mut State,
    ) -> RegisterValue {
        let Some(guess) = self.integers(call, state) else { return self.in_runtime(call, miss, state) };
        let v = self.fixnums(call, call.args, guess, &mut miss, state);
        self.require_nonzero(v[1], call, guess, &mut miss, state);
        let mut result = self.b.binary(Binary::Rem, v[0], v[1]);
        if modulo {
            result = self.with_sign_of(result, v[1]);
        }
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
    }

    /// A remainder, made to have the divisor's sign.
    fn with_sign_of(&mut self, remainder: Val, divisor: Val) -> Val {
        let (other_sign, adjust, join) = (self.b.block(), self.b.block(), self.b.block());
        let result = self.b.parameter(join, Type::Word);
        let done = Target { block: join, arguments: vec![remainder] };
        self.branch(Condition::NonZero(remainder), plain(other_sign), done.clone());
        self.b.switch_to(other_sign);
        let signs = self.b.binary(Binary::Xor, remainder, divisor);
        let zero = self.b.iconst(0);
        self.branch(Condition::Compare(Compare::Lt, signs, zero), plain(adjust), done);
        self.b.switch_to(adjust);
        let adjusted = self.b.binary(Binary::Add, remainder, divisor);
        self.b.jump(join, &[adjusted]);
        self.b.switch_to(join);
        result
    }

    /// `& | ^`.
    pub(super) fn bits(&mut self, op: Binary, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let Some(guess) = self.integers(call, state) else { return self.in_runtime(call, miss, state) };
        let v = self.fixnums(call, call.args, guess, &mut miss, state);
        let result = self.b.binary(op, v[0], v[1]);
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
    }

    /// `<<` and `>>`: a count from 0 to 60 is done inline.
    pub(super) fn shift(&mut self, left: bool, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        const COUNTS: i64 = 61;
        let Some(guess) = self.integers(call, state) else { return self.in_runtime(call, miss, state) };
        let v = self.fixnums(call, call.args, guess, &mut miss, state);
        let constant = self.b.constant_of(v[1]).filter(|count| (0..COUNTS << TAG_BITS).contains(count));
        if constant.is_none() {
            let bound = self.b.iconst(COUNTS << TAG_BITS);
            let otherwise = self.slow(&mut miss);
            self.require(Condition::Compare(Compare::Below, v[1], bound), otherwise);
        }
        let count = match constant {
            Some(count) => self.b.iconst(count >> TAG_BITS),
            None => self.b.binary_immediate(Binary::Ashr, v[1], i64::from(TAG_BITS)),
        };
        let result = if left {
            let shifted = self.b.binary(Binary::Shl, v[0], count);
            let back = self.b.binary(Binary::Ashr, shifted, count);
            let otherwise = self.miss(call, &mut miss, guess, state);
            self.require(Condition::Compare(Compare::Eq, back, v[0]), otherwise);
            shifted
        } else {
            let shifted = self.b.binary(Binary::Ashr, v[0], count);
            self.b.binary_immediate(Binary::And, shifted, -1 << TAG_BITS)
        };
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
    }

    /// `abs`.
    pub(super) fn absolute(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        match self.numbers(call, state) {
            Numbers::Doubles => {
                let v = self.doubles(call, false, &mut miss, state);
                let result = self.b.float_unary(FloatUnary::Abs, v[0]);
                self.rejoin_double(call, miss, result, state)
            }
            Numbers::Others => self.in_runtime(call, miss, state),
            numbers => {
                let guess = numbers == Numbers::Fixnums(true);
                let v = self.fixnums(call, call.args, guess, &mut miss, state);
                let sign = self.b.binary_immediate(Binary::Ashr, v[0], 63);
                let flipped = self.b.binary(Binary::Xor, v[0], sign);
                let result = self.checked(Overflowing::Sub, (flipped, sign), call, guess, &mut miss, state);
                self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
            }
        }
    }

    /// `min` and `max` of two: of equal doubles, and where there is a NaN, the runtime decides.
    pub(super) fn extreme(&mut self, least: bool, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        match self.numbers(call, state) {
            Numbers::Others => self.in_runtime(call, miss, state),
            Numbers::Doubles => {
                let v = self.doubles(call, true, &mut miss, state);
                let compare = |less| if less { ir::FloatCompare::Lt } else { ir::FloatCompare::Gt };
                let (other, join) = (self.b.block(), self.b.block());
                let result = self.b.parameter(join, Type::Double);
                let first = Target { block: join, arguments: vec![v[0]] };
                let second = Target { block: join, arguments: vec![v[1]] };
                self.branch(Condition::FloatCompare(compare(least), v[0], v[1]), first, plain(other));
                self.b.switch_to(other);
                let otherwise = self.slow(&mut miss);
                self.branch(Condition::FloatCompare(compare(!least), v[0], v[1]), second, otherwise);
                self.b.switch_to(join);
                self.rejoin_double(call, miss, result, state)
            }
            numbers => {
                let guess = numbers == Numbers::Fixnums(true);
                let v = self.fixnums(call, call.args, guess, &mut miss, state);
                let join = self.b.block();
                let result = self.b.parameter(join, Type::Word);
                let compare = if least { Compare::Le } else { Compare::Ge };
                let first = Target { block: join, arguments: vec![v[0]] };
                let second = Target { block: join, arguments: vec![v[1]] };
                self.branch(Condition::Compare(compare, v[0], v[1]), first, second);
                self.b.switch_to(join);
                self.rejoin(call, miss, RegisterValue::word(result, Ty::Fixnum), Ty::Unknown, state)
            }
        }
    }

    /// `sqrt` and `exact->inexact`: a double in any case.
    pub(super) fn double_result(
        &mut self,
        root: bool,
        call: &Inline,
        mut miss: Miss,
        state: &mut State,
    ) -> RegisterValue {
        if call.held.is_some() || !matches!(self.ty(call.args[0], state), Ty::Unknown | Ty::Fixnum | Ty::Double) {
            return self.in_runtime(call, miss, state);
        }
        // Roots of integers that no double holds are more exact than roots of the nearest double.
        let number = self.double_of(call.args[0], true, &mut miss, state);
        let result = if root { self.b.float_unary(FloatUnary::Sqrt, number) } else { number };
        self.rejoin_double(call, miss, result, state)
    }
}
