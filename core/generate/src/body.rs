//! Writes the body of one random function: values, operations, calls. Statements with control flow are in
//! [`super::control`].

use super::*;

/// Executed operations that one call of a function may cost, its callees included.
const MAX_COST: u64 = 20_000;

/// What a function knows of its unit.
pub(super) struct Unit<'a> {
    pub signatures: &'a [Signature],
    /// By function: executed operations of one call, at most. Known for later functions only.
    pub costs: &'a [u64],
    /// The function's own number.
    pub number: usize,
}

/// A function, and what one call of it costs at most.
pub(super) fn function<R: FnMut() -> u64>(choices: &mut Choices<R>, size: &Size, unit: Unit) -> (Function, u64) {
    let signature = unit.signatures[unit.number].clone();
    let builder = FunctionBuilder::new(&format!("g{}", unit.number), signature.clone());
    let mut body = Body {
        choices,
        size,
        unit,
        builder,
        scratch: Val(0),
        scope: Scope::default(),
        depth: 0,
        times: 1,
        cost: 4,
        line: 0,
    };
    body.write(&signature);
    let cost = body.cost;
    (body.builder.finish(), cost)
}

/// The values that may be used.
#[derive(Default)]
pub(super) struct Scope {
    pub words: Vec<Val>,
    pub doubles: Vec<Val>,
}

pub(super) struct Body<'a, 'r, R> {
    pub choices: &'a mut Choices<'r, R>,
    pub size: &'a Size,
    unit: Unit<'a>,
    pub builder: FunctionBuilder,
    /// The scratch memory's address.
    scratch: Val,
    pub scope: Scope,
    /// How many loops and branches enclose what is being written.
    pub depth: usize,
    /// How often it is executed.
    pub times: u64,
    cost: u64,
    line: u32,
}

impl<R: FnMut() -> u64> Body<'_, '_, R> {
    fn write(&mut self, signature: &Signature) {
        for (n, &of) in signature.parameters.iter().enumerate().skip(1) {
            self.keep(Val(n as u32), of);
        }
        // A function that calls itself counts down in its second parameter.
        let countdown = (self.unit.number != 0 && self.choices.one_in(4)).then(|| {
            let seven = self.constant(7);
            self.word(Op::Binary(Binary::And, Val(1), seven))
        });
        if countdown.is_some() {
            self.times = 8;
        }
        let statements = self.choices.below(self.size.statements + 1);
        self.statements(statements);
        if self.unit.number == 0 {
            // The entry must reach the others.
            self.call();
        }
        self.line();
        match countdown {
            Some(countdown) => self.return_or_repeat(countdown),
            None => self.exit(signature.result),
        }
    }

    /// Return, or call the function itself with a lower count.
    fn return_or_repeat(&mut self, countdown: Val) {
        let (again, done) = (self.builder.block(), self.builder.block());
        self.builder.branch(Condition::NonZero(countdown), again, &[], done, &[]);
        self.builder.switch_to(again);
        let minus_one = self.constant(-1);
        let next = self.word(Op::Binary(Binary::Add, countdown, minus_one));
        let mut arguments = self.arguments(self.unit.number);
        arguments[1] = next;
        self.builder.tail_call(Callee::Function(FunctionId(self.unit.number as u32)), &arguments);
        self.builder.switch_to(done);
        let result = self.result(self.result_type());
        self.builder.ret(result);
    }

    pub fn result_type(&self) -> Type {
        self.unit.signatures[self.unit.number].result
    }

    /// End the function: return what all values amount to, or call a later function last.
    fn exit(&mut self, of: Type) {
        if self.unit.number != 0 && self.choices.one_in(4) {
            if let Some(callee) = self.callee(Some(of)) {
                let arguments = self.arguments(callee);
                let callee = self.callee_operand(callee);
                return self.builder.tail_call(callee, &arguments);
            }
        }
        let result = self.result(of);
        self.builder.ret(result);
    }

    /// A value that depends on all that are in scope.
    fn result(&mut self, of: Type) -> Val {
        if of == Type::Double {
            return self.any_double();
        }
        for _ in 0..self.scope.doubles.len().min(3) {
            self.bits_of_double();
        }
        let doubles = self.scope.doubles.clone();
        for pair in doubles.windows(2) {
            let flag = self.word(Op::FloatCompare(FloatCompare::Lt, pair[0], pair[1]));
            self.scope.words.push(flag);
        }
        let mut mixed = self.constant(0);
        let seven = self.constant(7);
        for value in std::mem::take(&mut self.scope.words) {
            let rotated = self.word(Op::Binary(Binary::Rotl, mixed, seven));
            mixed = self.word(Op::Binary(Binary::Xor, rotated, value));
        }
        mixed
    }

    /// Write statements while there is budget for them.
    pub fn statements(&mut self, count: usize) {
        for _ in 0..count {
            if self.cost + 20 * self.times > MAX_COST {
                return;
            }
            self.line();
            self.statement();
        }
    }

    fn line(&mut self) {
        if self.choices.one_in(3) {
            self.line += 1;
            self.builder.set_line(self.line);
        }
    }

    fn statement(&mut self) {
        match self.choices.below(30) {
            0..=3 => self.arithmetic(),
            4 => self.burst(),
            5 => self.overflowing(),
            6 => self.comparison(),
            7 | 8 => self.floating(),
            9 => self.conversion(),
            10 | 11 => self.load(),
            12 | 13 => self.store(),
            14 => self.context(),
            15 => self.data(),
            16 | 17 => self.helper(),
            18 => self.call(),
            19 => self.division(),
            20 => self.bits_of_double(),
            21 => self.truncation(),
            22 => self.early_exit(),
            23..=26 => self.idiom(),
            _ if self.depth >= 3 => self.burst(),
            27 | 28 => self.branches(),
            _ => self.counted_loop(),
        }
    }

    // Values.

    pub fn keep(&mut self, value: Val, of: Type) {
        match of {
            Type::Word => self.scope.words.push(value),
            Type::Double => self.scope.doubles.push(value),
            Type::Pair => unreachable!("no value is a pair"),
        }
    }

    fn push(&mut self, op: Op) -> [Option<Val>; 2] {
        self.cost += self.times;
        self.builder.push(op)
    }

    /// Push an operation with one result.
    pub fn word(&mut self, op: Op) -> Val {
        self.push(op)[0].expect("a result")
    }

    /// Push an operation and keep its results for use.
    pub fn define(&mut self, op: Op) {
        for value in self.push(op).into_iter().flatten() {
            self.keep(value, self.builder.type_of(value));
        }
    }

    pub fn constant(&mut self, number: i64) -> Val {
        self.word(Op::Const(number))
    }

    pub fn any_word(&mut self) -> Val {
        if self.scope.words.is_empty() || self.choices.one_in(6) {
            let number = self.choices.number();
            return self.constant(number);
        }
        self.choices.of(&self.scope.words)
    }

    pub fn any_double(&mut self) -> Val {
        if self.scope.doubles.is_empty() || self.choices.one_in(6) {
            let bits = self.choices.double_bits();
            return self.word(Op::FloatConst(bits));
        }
        self.choices.of(&self.scope.doubles)
    }

    pub fn any(&mut self, of: Type) -> Val {
        match of {
            Type::Word => self.any_word(),
            Type::Double => self.any_double(),
            Type::Pair => unreachable!("no value is a pair"),
        }
    }

    pub fn any_type(&mut self) -> Type {
        if self.choices.one_in(4) {
            Type::Double
        } else {
            Type::Word
        }
    }

    // Statements without control flow.

    fn arithmetic(&mut self) {
        let op = self.choices.of(Binary::ALL);
        if matches!(op, Binary::Div | Binary::Rem) {
            return self.division();
        }
        let (a, b) = (self.any_word(), self.any_word());
        self.define(Op::Binary(op, a, b));
    }

    /// Many values at once, so that registers run short.
    fn burst(&mut self) {
        for _ in 0..2 + self.choices.below(10) {
            let number = self.choices.number();
            let (a, b) = (self.any_word(), self.constant(number));
            let op = self.choices.of(&[Binary::Add, Binary::Xor, Binary::Sub, Binary::And, Binary::Or, Binary::Shl]);
            self.define(Op::Binary(op, a, b));
            if self.choices.one_in(4) {
                self.floating();
            }
        }
    }

    fn overflowing(&mut self) {
        let op = self.choices.of(Overflowing::ALL);
        let (a, b) = (self.any_word(), self.any_word());
        self.define(Op::Overflowing(op, a, b));
    }

    fn comparison(&mut self) {
        let a = self.any_word();
        if self.choices.one_in(3) {
            let mask = self.choices.below(256) as u8;
            return self.define(Op::HasTag(mask, a));
        }
        let (op, b) = (self.choices.of(Compare::ALL), self.any_word());
        self.define(Op::Compare(op, a, b));
    }

    fn floating(&mut self) {
        let (a, b) = (self.any_double(), self.any_double());
        let op = match self.choices.below(4) {
            0 | 1 => Op::FloatBinary(self.choices.of(FloatBinary::ALL), a, b),
            2 => Op::FloatUnary(self.choices.of(FloatUnary::ALL), a),
            _ => Op::FloatCompare(self.choices.of(FloatCompare::ALL), a, b),
        };
        self.define(op);
    }

    fn conversion(&mut self) {
        let a = self.any_word();
        let op = if self.choices.one_in(2) { Op::FloatFromBits(a) } else { Op::IntToFloat(a) };
        self.define(op);
    }

    /// A divisor that is neither 0 nor -1.
    fn divisor(&mut self) -> Val {
        const DIVISORS: [i64; 11] = [1, 2, 3, 8, -2, -3, 10, 1 << 32, i64::MIN, i64::MAX, 7];
        if self.choices.one_in(3) {
            let number = self.choices.number();
            return self.constant(if matches!(number, -1..=0) { 7 } else { number });
        }
        if self.choices.one_in(2) {
            let divisor = self.choices.of(&DIVISORS);
            return self.constant(divisor);
        }
        let a = self.any_word();
        // Positive and odd, or negative and even.
        let (mask, set) = self.choices.of(&[(i64::MAX, 1), (0xff, 1), (!1, i64::MIN)]);
        let (mask, set) = (self.constant(mask), self.constant(set));
        let masked = self.word(Op::Binary(Binary::And, a, mask));
        self.word(Op::Binary(Binary::Or, masked, set))
    }

    fn division(&mut self) {
        let op = self.choices.of(&[Binary::Div, Binary::Rem]);
        let (a, b) = (self.any_word(), self.divisor());
        self.define(Op::Binary(op, a, b));
    }

    fn width(&mut self) -> Width {
        self.choices.of(Width::ALL)
    }

    /// A base, an index or none, and an offset that together lie in the scratch memory's half for the width.
    fn place(&mut self, width: Width) -> (Val, Option<Val>, i32) {
        let half = SCRATCH_BYTES as i64 / 2;
        let bytes = match width {
            Width::Byte => 1,
            Width::Four => 4,
            Width::Word | Width::Double => 8,
        };
        let start = if width == Width::Double { half } else { 0 };
        let indexed = self.choices.one_in(3);
        let inside = if indexed { 0 } else { bytes * self.choices.below((half / bytes) as usize) as i64 };
        let index = indexed.then(|| {
            let (a, mask) = (self.any_word(), self.constant(half - bytes));
            self.word(Op::Binary(Binary::And, a, mask))
        });
        let near = (start + inside) as i32;
        if self.choices.one_in(2) {
            let offset = self.choices.offset();
            let distance = self.constant(i64::from(near) - i64::from(offset));
            return (self.word(Op::Binary(Binary::Add, self.scratch, distance)), index, offset);
        }
        (self.scratch, index, near)
    }

    fn load(&mut self) {
        let width = self.width();
        let (base, index, offset) = self.place(width);
        self.define(match index {
            Some(index) => Op::LoadIndexed(width, base, index, offset),
            None => Op::Load(width, base, offset),
        });
    }

    fn store(&mut self) {
        let width = self.width();
        let value = self.any(if width == Width::Double { Type::Double } else { Type::Word });
        let (base, index, offset) = self.place(width);
        self.define(match index {
            Some(index) => Op::StoreIndexed(width, value, base, index, offset),
            None => Op::Store(width, value, base, offset),
        });
    }

    fn context(&mut self) {
        let offset = self.choices.of(&CONTEXT_OFFSETS);
        if self.choices.one_in(2) {
            let value = self.any_word();
            return self.define(Op::StoreContext(value, offset));
        }
        self.define(Op::LoadContext(offset));
    }

    fn data(&mut self) {
        let n = self.choices.below(DATA_WORDS as usize) as u32;
        self.define(Op::LoadData(n));
    }

    fn helper(&mut self) {
        let mut helper = self.choices.of(Helper::ALL);
        while Helper::ARITHMETIC.contains(&helper) {
            helper = self.choices.of(Helper::ALL);
        }
        let arguments = (0..helper.parameters()).map(|_| self.any_word()).collect();
        self.define(Op::Helper(helper, arguments));
    }

    // Calls.

    /// A later function that can be afforded, with this result.
    fn callee(&mut self, result: Option<Type>) -> Option<usize> {
        let first = self.unit.number + 1;
        let left = self.unit.signatures.len() - first;
        let callee = first + self.choices.below(left.max(1));
        let signature = self.unit.signatures.get(callee)?;
        let cost = self.times * self.unit.costs[callee];
        if self.cost + cost > 2 * MAX_COST || result.is_some_and(|result| result != signature.result) {
            return None;
        }
        self.cost += cost;
        Some(callee)
    }

    fn arguments(&mut self, callee: usize) -> Vec<Val> {
        let types: Vec<Type> = self.unit.signatures[callee].parameters.clone();
        types.iter().enumerate().map(|(n, &of)| if n == 0 { self.scratch } else { self.any(of) }).collect()
    }

    fn callee_operand(&mut self, callee: usize) -> Callee {
        let id = FunctionId(callee as u32);
        if self.choices.one_in(2) {
            return Callee::Address(self.word(Op::FunctionAddress(id)));
        }
        Callee::Function(id)
    }

    fn call(&mut self) {
        let Some(callee) = self.callee(None) else { return };
        let arguments = self.arguments(callee);
        let signature = self.unit.signatures[callee].clone();
        let callee = self.callee_operand(callee);
        self.define(Op::Call(callee, arguments, signature));
    }
}
