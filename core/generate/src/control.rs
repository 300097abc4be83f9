//! Statements with control flow: branches that join, loops that count, guarded operations, ways out.

use super::body::Body;
use super::*;

impl<R: FnMut() -> u64> Body<'_, '_, R> {
    fn condition(&mut self) -> Condition {
        match self.choices.below(4) {
            0 => Condition::NonZero(self.any_word()),
            1 => Condition::Compare(self.choices.of(Compare::ALL), self.any_word(), self.any_word()),
            2 => Condition::HasTag(self.mask(), self.tested_word()),
            _ => Condition::FloatCompare(self.choices.of(FloatCompare::ALL), self.any_double(), self.any_double()),
        }
    }

    /// A word to test the tag of: often one of the first, so that the same is tested again.
    fn tested_word(&mut self) -> Val {
        match self.scope.words.get(self.choices.below(4)) {
            Some(&word) => word,
            None => self.any_word(),
        }
    }

    /// Write something whose values are out of scope afterwards.
    fn nested<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let (words, doubles) = (self.scope.words.len(), self.scope.doubles.len());
        self.depth += 1;
        let result = write(self);
        self.depth -= 1;
        self.scope.words.truncate(words);
        self.scope.doubles.truncate(doubles);
        result
    }

    fn new_block(&mut self) -> Block {
        if self.choices.one_in(4) {
            self.builder.cold_block()
        } else {
            self.builder.block()
        }
    }

    fn any_values(&mut self, types: &[Type]) -> Vec<Val> {
        types.iter().map(|&of| self.any(of)).collect()
    }

    /// Add parameters to a block, without keeping them.
    fn parameters(&mut self, block: Block, types: &[Type]) -> Vec<Val> {
        types.iter().map(|&of| self.builder.parameter(block, of)).collect()
    }

    fn keep_all(&mut self, values: &[Val]) {
        for &value in values {
            self.keep(value, self.builder.type_of(value));
        }
    }

    fn any_types(&mut self, limit: usize) -> Vec<Type> {
        (0..self.choices.below(limit)).map(|_| self.any_type()).collect()
    }

    /// Two ways that join again; one or both may be empty.
    pub fn branches(&mut self) {
        let condition = self.condition();
        let types = self.any_types(7);
        let join = self.builder.block();
        let parameters = self.parameters(join, &types);
        let ways = self.choices.below(4);
        let mut starts = [join, join];
        let mut arguments = [Vec::new(), Vec::new()];
        for way in 0..2 {
            if ways >> way & 1 == 0 {
                arguments[way] = self.any_values(&types);
            } else {
                starts[way] = self.new_block();
            }
        }
        self.builder.branch(condition, starts[0], &arguments[0], starts[1], &arguments[1]);
        for start in starts.into_iter().filter(|&start| start != join) {
            self.builder.switch_to(start);
            let values = self.nested(|body| {
                let count = body.choices.below(6);
                body.statements(count);
                body.any_values(&types)
            });
            self.builder.jump(join, &values);
        }
        if self.size.unreachable_blocks && self.choices.one_in(4) {
            let lost = self.builder.block();
            self.builder.switch_to(lost);
            let values = self.nested(|body| body.any_values(&types));
            self.builder.jump(join, &values);
        }
        self.builder.switch_to(join);
        self.keep_all(&parameters);
    }

    /// A loop that is left after a few turns; its test comes first or last.
    pub fn counted_loop(&mut self) {
        let turns = 1 + self.choices.below(4) as u64;
        let mut types = self.any_types(9);
        types.insert(0, Type::Word);
        let mut initial = self.any_values(&types);
        initial[0] = self.constant(turns as i64);
        let head = self.builder.block();
        let parameters = self.parameters(head, &types);
        self.builder.jump(head, &initial);
        self.builder.switch_to(head);
        let done = self.builder.block();
        let test_first = self.choices.one_in(2);
        if test_first {
            let inside = self.builder.block();
            self.builder.branch(Condition::NonZero(parameters[0]), inside, &[], done, &[]);
            self.builder.switch_to(inside);
        }
        self.times *= turns;
        self.nested(|body| {
            body.keep_all(&parameters);
            let count = body.choices.below(6);
            body.statements(count);
            let minus_one = body.constant(-1);
            let count = body.word(Op::Binary(Binary::Add, parameters[0], minus_one));
            let next = body.next_turn(count, &parameters, &types);
            if test_first {
                body.builder.jump(head, &next);
            } else {
                body.builder.branch(Condition::NonZero(count), head, &next, done, &[]);
            }
        });
        self.times /= turns;
        self.builder.switch_to(done);
        self.keep_all(&parameters);
    }

    /// Arguments for the next turn: parameters in another order, as they are, or new values.
    fn next_turn(&mut self, count: Val, parameters: &[Val], types: &[Type]) -> Vec<Val> {
        let mut next = vec![count];
        for at in 1..parameters.len() {
            let same_type = |of: Type| move |&n: &usize| types[n] == of;
            let others: Vec<usize> = (1..parameters.len()).filter(same_type(types[at])).collect();
            next.push(match self.choices.below(3) {
                0 => self.any(types[at]),
                // The next of the same type, cyclically: together they rotate.
                1 => {
                    let place = others.iter().position(|&n| n == at).expect("itself");
                    parameters[others[(place + 1) % others.len()]]
                }
                _ => parameters[self.choices.of(&others)],
            });
        }
        next
    }

    /// The bits of a double that is not NaN.
    pub fn bits_of_double(&mut self) {
        let double = self.any_double();
        let (number, join) = (self.builder.block(), self.builder.block());
        let bits = self.builder.parameter(join, Type::Word);
        let instead = self.any_word();
        let condition = Condition::FloatCompare(FloatCompare::Eq, double, double);
        self.builder.branch(condition, number, &[], join, &[instead]);
        self.builder.switch_to(number);
        let found = self.word(Op::FloatBits(double));
        self.builder.jump(join, &[found]);
        self.builder.switch_to(join);
        self.scope.words.push(bits);
    }

    /// A double truncated, if it is in range.
    pub fn truncation(&mut self) {
        let double = self.any_double();
        let limit = self.choices.of(&[9223372036854775808.0f64, 9007199254740992.0, 2147483648.0, 100.0]);
        let size = self.word(Op::FloatUnary(FloatUnary::Abs, double));
        let limit = self.word(Op::FloatConst(limit.to_bits()));
        let (inside, outside, join) = (self.builder.block(), self.builder.cold_block(), self.builder.block());
        let truncated = self.builder.parameter(join, Type::Word);
        let condition = Condition::FloatCompare(FloatCompare::Lt, size, limit);
        self.builder.branch(condition, inside, &[], outside, &[]);
        self.builder.switch_to(inside);
        let found = self.word(Op::FloatToInt(double));
        self.builder.jump(join, &[found]);
        self.builder.switch_to(outside);
        let instead = self.any_word();
        self.builder.jump(join, &[instead]);
        self.builder.switch_to(join);
        self.scope.words.push(truncated);
    }

    /// A way out of the function in the middle of it, perhaps one that is never taken.
    pub fn early_exit(&mut self) {
        let (out, on) = (self.builder.cold_block(), self.builder.block());
        if self.choices.one_in(3) {
            let (a, zero) = (self.any_word(), self.constant(0));
            self.builder.branch(Condition::Compare(Compare::Below, a, zero), out, &[], on, &[]);
            self.builder.switch_to(out);
            self.builder.unreachable();
        } else {
            let condition = self.condition();
            self.builder.branch(condition, out, &[], on, &[]);
            self.builder.switch_to(out);
            let of = self.result_type();
            let result = self.nested(|body| body.any(of));
            self.builder.ret(result);
        }
        self.builder.switch_to(on);
    }
}
