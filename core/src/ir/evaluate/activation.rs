//! One activation of the evaluator: frames, values, and the loop that executes operations.

use super::*;
use crate::ir::arithmetic;
use crate::ir::narrow::arithmetic::joined;

/// A call in progress.
#[derive(Clone, Copy)]
struct Frame {
    /// Index into the activation's units.
    unit: u32,
    function: FunctionId,
    /// Where its values start.
    base: usize,
    /// Where to go on.
    block: Block,
    at: usize,
}

/// Evaluates one call from outside, with all calls that it makes of evaluated functions.
pub(super) struct Activation<'e> {
    pub environment: &'e mut dyn Environment,
    limits: Limits,
    pub context: Word,
    pub window: Window,
    /// The units met so far; the calling evaluator's is the first.
    units: Vec<Arc<Unit>>,
    frames: Vec<Frame>,
    /// Values of all frames, one word each.
    pub values: Vec<Word>,
    pub registers: Registers,
    /// Arguments on their way to block parameters or helpers.
    moved: Vec<Word>,
    fuel: u64,
}

/// How the execution of a block's operations ended.
enum Step {
    /// The current frame goes on, perhaps in another block.
    Continue,
    /// Call this, with the registers set.
    Call(Callee),
    /// Leave the frame, then call.
    TailCall(Callee),
    Return(Word),
}

/// What is at an address.
enum Code {
    /// An evaluated function: index into units.
    Evaluated(u32, FunctionId),
    Foreign(Word),
}

impl<'e> Activation<'e> {
    pub fn new(evaluator: &Evaluator, environment: &'e mut dyn Environment) -> Activation<'e> {
        Activation {
            limits: evaluator.limits,
            context: environment.context_address(),
            window: environment.window(),
            environment,
            units: vec![Arc::clone(&evaluator.unit)],
            frames: Vec::new(),
            values: Vec::new(),
            registers: Registers::default(),
            moved: Vec::new(),
            fuel: evaluator.limits.fuel.unwrap_or(u64::MAX),
        }
    }

    /// Put words into registers, as for a call that passes nothing else.
    pub fn enter_with(&mut self, words: &[Word]) {
        self.registers.words = if self.units[0].is_narrow() { narrow::split(words) } else { words.to_vec() };
    }

    /// Put arguments where a callee finds them.
    ///
    /// # Safety
    /// The context must be one.
    pub unsafe fn pass(&mut self, arguments: impl Iterator<Item = (Word, Type)>, narrow: bool) {
        self.registers.words.clear();
        self.registers.doubles.clear();
        let mut words = 0;
        for (argument, of) in arguments {
            if of == Type::Double {
                self.registers.doubles.push(argument);
                continue;
            }
            // SAFETY: the context has an argument area.
            match unsafe { self.place_in_area(words, narrow) } {
                // SAFETY: as above.
                Some((width, address)) => unsafe { memory::store(width, argument, address) },
                None => self.registers.words.push(argument),
            }
            words += 1;
        }
    }

    /// Width and address of a word parameter that travels in the argument area.
    ///
    /// # Safety
    /// The context must be one.
    unsafe fn place_in_area(&self, word: usize, narrow: bool) -> Option<(Width, Word)> {
        let (whole, half) = if narrow { (word / 2, word % 2) } else { (word, 0) };
        let index = index_in_area(whole, &self.limits)?;
        // SAFETY: the context has an argument area.
        let address = unsafe { argument_address(self.context, self.window, index) };
        Some((if narrow { Width::Four } else { Width::Word }, address + 4 * half as Word))
    }

    /// Run a function of the first unit until it returns; its registers are set.
    ///
    /// # Safety
    /// As for [`Evaluator::call`].
    pub unsafe fn run(&mut self, function: FunctionId) -> Result<Word, EvaluateError> {
        // SAFETY, here and below: the caller vouches for the context and for what the functions do to memory.
        let mut result = unsafe { self.enter(Code::Evaluated(0, function)) }?;
        loop {
            if let Some(word) = result.take() {
                if self.frames.is_empty() {
                    return Ok(word);
                }
                self.resume(word);
            }
            result = match unsafe { self.step() }? {
                Step::Continue => None,
                Step::Return(word) => {
                    self.leave();
                    Some(word)
                }
                Step::Call(callee) => {
                    let code = self.code_of(callee);
                    unsafe { self.enter(code) }?
                }
                Step::TailCall(callee) => {
                    let code = self.code_of(callee);
                    self.leave();
                    unsafe { self.enter(code) }?
                }
            };
        }
    }

    fn leave(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.values.truncate(frame.base);
        }
    }

    /// Give the call that the top frame is stopped at its result, and go past it.
    fn resume(&mut self, word: Word) {
        let frame = self.frames.last_mut().expect("a frame to resume");
        let function = &self.units[frame.unit as usize].functions[frame.function.0 as usize];
        let inst = &function.block(frame.block).insts[frame.at];
        frame.at += 1;
        if let [Some(low), Some(high)] = inst.results {
            self.values[frame.base + low.0 as usize] = word & 0xffff_ffff;
            self.values[frame.base + high.0 as usize] = word >> 32;
        } else if let Some(result) = inst.results[0] {
            self.values[frame.base + result.0 as usize] = word;
        }
    }

    fn code_of(&mut self, callee: Callee) -> Code {
        let frame = *self.frames.last().expect("a calling frame");
        let address = match callee {
            Callee::Function(function) => return Code::Evaluated(frame.unit, function),
            Callee::Address(value) => self.values[frame.base + value.0 as usize],
        };
        for (number, unit) in self.units.iter().enumerate() {
            if let Some(function) = unit.function_at(address) {
                return Code::Evaluated(number as u32, function);
            }
        }
        match self.environment.evaluator_at(address) {
            Some(evaluator) => {
                self.units.push(evaluator.unit);
                let number = self.units.len() - 1;
                match self.units[number].function_at(address) {
                    Some(function) => Code::Evaluated(number as u32, function),
                    None => Code::Foreign(address),
                }
            }
            None => Code::Foreign(address),
        }
    }

    /// Make a frame, its parameters taken from where `pass` put them; or call foreign code and have the result.
    unsafe fn enter(&mut self, code: Code) -> Result<Option<Word>, EvaluateError> {
        let (number, id) = match code {
            Code::Evaluated(number, id) => (number, id),
            Code::Foreign(address) => {
                if !self.registers.doubles.is_empty() {
                    return Err(EvaluateError::Environment(format!("doubles passed to foreign code at {address:#x}")));
                }
                let narrow = self.units[0].is_narrow();
                let words = if narrow { narrow::join(&self.registers.words) } else { self.registers.words.clone() };
                return self.environment.call_address(address, &words).map(Some);
            }
        };
        let unit = Arc::clone(&self.units[number as usize]);
        let function = &unit.functions[id.0 as usize];
        let narrow = unit.is_narrow();
        if unit.word != self.units[0].word {
            return Err(EvaluateError::Environment(format!("{} has words of another width", function.name)));
        }
        let base = self.values.len();
        if base + function.types.len() > self.limits.stack_words {
            let words = &self.registers.words;
            let callee = if narrow { narrow::join(words).first().copied() } else { words.first().copied() };
            let callee = callee.unwrap_or(GARBAGE);
            return self.environment.helper(Helper::StackOverflow, &[callee]).map(Some);
        }
        let garbage = if narrow { GARBAGE & 0xffff_ffff } else { GARBAGE };
        self.values.resize(base + function.types.len(), garbage);
        let (mut words, mut doubles) = (0, 0);
        for (&parameter, &of) in function.blocks[0].parameters.iter().zip(&function.signature.parameters) {
            let found = if of == Type::Double {
                doubles += 1;
                self.registers.doubles.get(doubles - 1).copied()
            } else {
                words += 1;
                // SAFETY: the context has an argument area.
                match unsafe { self.place_in_area(words - 1, narrow) } {
                    // SAFETY: as above.
                    Some((width, address)) => Some(unsafe { memory::load(width, address) }),
                    None => self.registers.words.get(words - 1).copied(),
                }
            };
            self.values[base + parameter.0 as usize] = found.unwrap_or(garbage);
        }
        self.frames.push(Frame { unit: number, function: id, base, block: Block(0), at: 0 });
        Ok(None)
    }

    /// Execute the current block from where it stands to a call or to its end.
    unsafe fn step(&mut self) -> Result<Step, EvaluateError> {
        let Frame { unit, function, base, block, at } = *self.frames.last().expect("a frame");
        let unit = Arc::clone(&self.units[unit as usize]);
        if at == 0 {
            unit.enter_block(function, block);
        }
        let function = &unit.functions[function.0 as usize];
        let data = function.block(block);
        for (at, inst) in data.insts.iter().enumerate().skip(at) {
            self.burn()?;
            if let Op::Call(callee, arguments, signature) = &inst.op {
                self.frames.last_mut().expect("a frame").at = at;
                // SAFETY: the context is one.
                unsafe { self.pass_values(base, arguments, signature, unit.is_narrow()) };
                return Ok(Step::Call(*callee));
            }
            if unit.is_narrow() {
                // SAFETY: the caller vouches for memory.
                unsafe { self.execute_narrow(&unit, base, inst, &|what| undefined(function, block, at, what)) }?;
                continue;
            }
            // SAFETY: as above.
            unsafe { self.execute(&unit, base, inst, &|what| undefined(function, block, at, what)) }?;
        }
        self.burn()?;
        match &data.terminator {
            Terminator::Jump(target) => self.go(function, base, target),
            Terminator::Branch(condition, then, otherwise) => {
                let target = if self.holds(base, condition, unit.is_narrow()) { then } else { otherwise };
                self.go(function, base, target);
            }
            Terminator::Return(value) => return Ok(Step::Return(self.values[base + value.0 as usize])),
            Terminator::ReturnPair(low, high) => {
                let half = |value: &Val| self.values[base + value.0 as usize] as u32;
                return Ok(Step::Return(joined(half(low), half(high))));
            }
            Terminator::TailCall(callee, arguments, signature) => {
                // SAFETY: the context is one.
                unsafe { self.pass_values(base, arguments, signature, unit.is_narrow()) };
                return Ok(Step::TailCall(*callee));
            }
            Terminator::Unreachable => return Err(undefined(function, block, data.insts.len(), "unreachable".into())),
        }
        Ok(Step::Continue)
    }

    fn burn(&mut self) -> Result<(), EvaluateError> {
        self.fuel = self.fuel.checked_sub(1).ok_or(EvaluateError::OutOfFuel)?;
        Ok(())
    }

    unsafe fn pass_values(&mut self, base: usize, arguments: &[Val], signature: &Signature, narrow: bool) {
        let mut moved = std::mem::take(&mut self.moved);
        moved.clear();
        moved.extend(arguments.iter().map(|value| self.values[base + value.0 as usize]));
        // SAFETY: the context is one.
        unsafe { self.pass(moved.iter().copied().zip(signature.parameters.iter().copied()), narrow) };
        self.moved = moved;
    }

    /// Go to a block; all arguments are read before any parameter is set.
    fn go(&mut self, function: &Function, base: usize, target: &Target) {
        let values = &mut self.values[base..];
        self.moved.clear();
        self.moved.extend(target.arguments.iter().map(|value| values[value.0 as usize]));
        for (parameter, &word) in function.block(target.block).parameters.iter().zip(&self.moved) {
            values[parameter.0 as usize] = word;
        }
        let frame = self.frames.last_mut().expect("a frame");
        (frame.block, frame.at) = (target.block, 0);
    }

    fn holds(&self, base: usize, condition: &Condition, narrow: bool) -> bool {
        let word = |value: Val| self.values[base + value.0 as usize];
        match *condition {
            Condition::NonZero(a) => word(a) != 0,
            Condition::Compare(op, a, b) if narrow => narrow::compare(op, word(a) as u32, word(b) as u32),
            Condition::Compare(op, a, b) => arithmetic::compare(op, word(a), word(b)),
            Condition::HasTag(mask, a) => arithmetic::has_tag(mask, word(a)),
            Condition::FloatCompare(op, a, b) => {
                arithmetic::float_compare(op, f64::from_bits(word(a)), f64::from_bits(word(b)))
            }
        }
    }

    /// Execute one operation that is no call.
    unsafe fn execute(
        &mut self,
        unit: &Unit,
        base: usize,
        inst: &Inst,
        undefined: &dyn Fn(String) -> EvaluateError,
    ) -> Result<(), EvaluateError> {
        let values = &self.values[base..];
        let word = |value: Val| values[value.0 as usize];
        let window = self.window;
        let double = |value: Val| f64::from_bits(values[value.0 as usize]);
        let with_operands = |a: u64, b: u64| undefined(format!("{} ({:#x}, {:#x})", inst.op, a, b));
        let result = match &inst.op {
            Op::Const(number) => *number as Word,
            Op::FloatConst(bits) => *bits,
            Op::Binary(op, a, b) => {
                let (a, b) = (word(*a), word(*b));
                arithmetic::binary(*op, a, b).ok_or_else(|| with_operands(a, b))?
            }
            Op::Overflowing(op, a, b) => {
                let (result, overflow) = arithmetic::overflowing(*op, word(*a), word(*b));
                self.define(base, inst.results[1], overflow.into());
                result
            }
            Op::Compare(op, a, b) => arithmetic::compare(*op, word(*a), word(*b)).into(),
            Op::HasTag(mask, a) => arithmetic::has_tag(*mask, word(*a)).into(),
            Op::FloatBinary(op, a, b) => arithmetic::float_binary(*op, double(*a), double(*b)).to_bits(),
            Op::FloatUnary(op, a) => arithmetic::float_unary(*op, double(*a)).to_bits(),
            Op::FloatCompare(op, a, b) => arithmetic::float_compare(*op, double(*a), double(*b)).into(),
            Op::IntToFloat(a) => (word(*a) as i64 as f64).to_bits(),
            Op::FloatToInt(a) => {
                let number = arithmetic::float_to_int(double(*a));
                number.ok_or_else(|| undefined(format!("{} ({:?})", inst.op, double(*a))))? as Word
            }
            Op::FloatBits(a) | Op::FloatFromBits(a) => word(*a),
            // SAFETY, for all accesses: the caller vouches for memory.
            Op::Load(width, at, offset) => unsafe { memory::load(*width, window.real(place(word(*at), 0, *offset))) },
            Op::LoadIndexed(width, at, index, offset) => unsafe {
                memory::load(*width, window.real(place(word(*at), word(*index), *offset)))
            },
            Op::LoadContext(offset) => unsafe { memory::load(Width::Word, place(self.context, 0, *offset)) },
            Op::Store(width, value, at, offset) => {
                unsafe { memory::store(*width, word(*value), window.real(place(word(*at), 0, *offset))) };
                return Ok(());
            }
            Op::StoreIndexed(width, value, at, index, offset) => {
                unsafe { memory::store(*width, word(*value), window.real(place(word(*at), word(*index), *offset))) };
                return Ok(());
            }
            Op::StoreContext(value, offset) => {
                unsafe { memory::store(Width::Word, word(*value), place(self.context, 0, *offset)) };
                return Ok(());
            }
            Op::LoadData(n) => self.environment.data(unit.base, *n)?,
            Op::FunctionAddress(id) => unit.base + FUNCTION_SPACING * Word::from(id.0),
            Op::Helper(helper, arguments) => {
                self.moved.clear();
                self.moved.extend(arguments.iter().map(|value| self.values[base + value.0 as usize]));
                self.environment.helper(*helper, &self.moved)?
            }
            Op::Call(..) => unreachable!("calls are made by the caller"),
            Op::Narrow(_) => unreachable!("refused by the verifier"),
        };
        self.define(base, inst.results[0], result);
        Ok(())
    }

    pub(super) fn define(&mut self, base: usize, result: Option<Val>, word: Word) {
        if let Some(result) = result {
            self.values[base + result.0 as usize] = word;
        }
    }
}

/// Base plus index plus offset, wrapping.
fn place(base: Word, index: Word, offset: i32) -> Word {
    base.wrapping_add(index).wrapping_add_signed(offset.into())
}

fn undefined(function: &Function, block: Block, instruction: usize, what: String) -> EvaluateError {
    EvaluateError::Undefined { function: function.name.clone(), block, instruction, what }
}
