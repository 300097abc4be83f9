//! The evaluator: runs functions of the IR as a machine would, with real memory, and needs no machine code.
//!
//! It is what every target is compared with, and it can stand in for one. What lies outside a unit (the context,
//! helpers, the data table, code at other addresses) is the [`Environment`]'s.
//!
//! **Addresses.** [`Evaluator::address`] of a function is a number that no memory has and that looks like a fixnum,
//! as the runtime asks of code addresses. An evaluator knows its own; others go to the environment, which may name
//! another evaluator, so that tail calls between units need no Rust stack either.
//!
//! **Narrow words.** Functions of narrow words are evaluated as by a CPU of 32 bits. The addresses of such functions have
//! 32 bits, and so have those of memory: an environment gives them a [`Window`] of it. 64-bit words that go in or out
//! (arguments of [`Evaluator::enter`], words of helpers, results) are joined and split here.
//!
//! **Parameters** pass as in machine code, so that the runtime's trampolines work. Doubles are passed directly, and so
//! are the first two words (the callee and the count, in calls between Maru functions) and as many words after them
//! as [`Limits::argument_registers`] says. Word `2 + i` for a greater `i` is written by the caller to word `i` of the
//! context's argument area (of narrow words, each to its half), and read from there when the callee is entered. A
//! callee that has more parameters than its caller passed finds [`GARBAGE`] in those without an argument.

use super::verify::{verify_unit, VerifyError};
use super::*;
use crate::abi::{argument_offset, context, Word, FIRST_ARGUMENT};
use activation::Activation;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

mod activation;
mod memory;
mod narrow;

/// What a register holds that nobody set.
pub const GARBAGE: Word = 0x5bad_5bad_5bad_5bad;

/// Addresses of evaluated functions start here: no 64-bit CPU has such addresses in use.
const FIRST_ADDRESS: Word = 0x2000_0000_0000_0000;
/// How far the addresses of two units are apart …
const UNIT_SPACING: Word = 1 << 32;
/// … and of two functions of a unit.
const FUNCTION_SPACING: Word = 16;

/// Where addresses of narrow functions start, how far those of two units are apart at least, and after how many units
/// they repeat.
const FIRST_NARROW_ADDRESS: Word = 0xe000_0000;
const NARROW_UNIT_SPACING: Word = 1 << 12;
const NARROW_UNITS: Word = 1 << 16;

/// Why evaluation stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvaluateError {
    /// An operation was executed where it is undefined.
    Undefined {
        /// The function.
        function: String,
        /// The block.
        block: Block,
        /// Index of the operation; the index after the last is the exit's.
        instruction: usize,
        /// The operation and its operands.
        what: String,
    },
    /// The steps allowed by [`Limits::fuel`] were used up.
    OutOfFuel,
    /// The environment refused something; the message says what.
    Environment(String),
}

impl fmt::Display for EvaluateError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            EvaluateError::Undefined { function, block, instruction, what } => {
                write!(f, "{function}, {block}, instruction {instruction}: undefined: {what}")
            }
            EvaluateError::OutOfFuel => f.write_str("out of fuel"),
            EvaluateError::Environment(message) => f.write_str(message),
        }
    }
}
impl std::error::Error for EvaluateError {}

/// How code's addresses are those of real memory: all but the bits of the mask are cleared, and the base is added. As
/// it is, code sees all memory where it is; with a mask of 32 bits, it can reach nothing else than 2^32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The real address of the window's first byte.
    pub base: Word,
    /// The bits of addresses that count.
    pub mask: Word,
}

impl Default for Window {
    fn default() -> Window {
        Window { base: 0, mask: Word::MAX }
    }
}

impl Window {
    fn real(self, address: Word) -> Word {
        self.base.wrapping_add(address & self.mask)
    }
}

/// What an evaluated function reaches outside its unit. All methods may call evaluators again.
pub trait Environment {
    /// The address of the context: at least a [`crate::abi::Context`] lies there.
    fn context_address(&mut self) -> Word;

    /// The memory that code loads from and stores to, the argument area included, but not the context.
    fn window(&mut self) -> Window {
        Window::default()
    }

    /// Call a runtime helper with these words.
    ///
    /// # Errors
    /// To stop evaluation; an error of the program is a result, `FAILURE`.
    fn helper(&mut self, helper: Helper, arguments: &[Word]) -> Result<Word, EvaluateError>;

    /// Word `index` of the data table of the unit whose first function has the address `unit`.
    ///
    /// # Errors
    /// When there is no such word.
    fn data(&mut self, unit: Word, index: u32) -> Result<Word, EvaluateError>;

    /// The evaluator that an address belongs to which is not of the calling unit.
    fn evaluator_at(&mut self, _address: Word) -> Option<Evaluator> {
        None
    }

    /// Call code that is no evaluated function. `words` are those passed in registers.
    ///
    /// # Errors
    /// When there is no such code.
    fn call_address(&mut self, address: Word, words: &[Word]) -> Result<Word, EvaluateError>;
}

/// What evaluation is limited by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many word arguments travel in registers, as [`crate::codegen::Architecture::argument_registers`].
    pub argument_registers: usize,
    /// How many words of values the nested calls of one [`Evaluator::call`] may hold; a call past it returns what
    /// `Helper::StackOverflow` returns.
    pub stack_words: usize,
    /// How many operations and exits one [`Evaluator::call`] may execute.
    pub fuel: Option<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { argument_registers: 4, stack_words: 1 << 24, fuel: None }
    }
}

/// Evaluates the functions of one unit. Cheap to clone: clones are the same unit, at the same addresses.
#[derive(Clone, Debug)]
pub struct Evaluator {
    unit: Arc<Unit>,
    limits: Limits,
}

/// Verified functions and where they seem to lie.
#[derive(Debug)]
struct Unit {
    functions: Vec<Function>,
    /// Address of function 0.
    base: Word,
    /// How wide the words of all functions are.
    word: WordWidth,
    /// Of each function, which blocks were executed while somebody recorded [`coverage`], and what is constant in it.
    executed: Vec<(Vec<AtomicBool>, OnceLock<coverage::Constants>)>,
}

impl Unit {
    fn is_narrow(&self) -> bool {
        self.word == WordWidth::Four
    }

    /// A block is entered.
    fn enter_block(&self, function: FunctionId, block: Block) {
        let (blocks, constants) = &self.executed[function.0 as usize];
        let executed = &blocks[block.0 as usize];
        if !executed.load(Ordering::Relaxed) && coverage::is_recording() {
            executed.store(true, Ordering::Relaxed);
            let function = &self.functions[function.0 as usize];
            coverage::executed(function, block, constants.get_or_init(|| coverage::Constants::of(function)));
        }
    }

    fn function_at(&self, address: Word) -> Option<FunctionId> {
        let distance = address.wrapping_sub(self.base);
        let index = distance / FUNCTION_SPACING;
        let found = distance.is_multiple_of(FUNCTION_SPACING) && index < self.functions.len() as Word;
        found.then_some(FunctionId(index as u32))
    }
}

/// What travels in registers to a callee.
#[derive(Clone, Debug, Default)]
struct Registers {
    words: Vec<Word>,
    /// Bits of doubles.
    doubles: Vec<Word>,
}

impl Evaluator {
    /// An evaluator for a unit.
    ///
    /// # Errors
    /// When a function breaks a rule of the verifier.
    pub fn new(functions: Vec<Function>) -> Result<Evaluator, VerifyError> {
        static NEXT_UNIT: AtomicU64 = AtomicU64::new(0);
        static NEXT_NARROW_UNIT: AtomicU64 = AtomicU64::new(0);
        verify_unit(&functions)?;
        let word = functions.first().map_or(WordWidth::Eight, |function| function.word);
        let base = match word {
            WordWidth::Eight => FIRST_ADDRESS + UNIT_SPACING * NEXT_UNIT.fetch_add(1, Ordering::Relaxed),
            WordWidth::Four => {
                let places = (functions.len() as u64 * FUNCTION_SPACING).div_ceil(NARROW_UNIT_SPACING);
                let place = NEXT_NARROW_UNIT.fetch_add(places, Ordering::Relaxed) % NARROW_UNITS;
                FIRST_NARROW_ADDRESS + NARROW_UNIT_SPACING * place
            }
        };
        let blocks =
            |function: &Function| (function.blocks.iter().map(|_| AtomicBool::new(false)).collect(), OnceLock::new());
        let executed = functions.iter().map(blocks).collect();
        Ok(Evaluator { unit: Arc::new(Unit { functions, base, word, executed }), limits: Limits::default() })
    }

    /// The same unit with other limits.
    pub fn with_limits(self, limits: Limits) -> Evaluator {
        Evaluator { limits, ..self }
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The functions.
    pub fn functions(&self) -> &[Function] {
        &self.unit.functions
    }

    /// The address of a function.
    pub fn address(&self, function: FunctionId) -> Word {
        self.unit.base + FUNCTION_SPACING * Word::from(function.0)
    }

    /// The function at an address, if it is one of this unit.
    pub fn function_at(&self, address: Word) -> Option<FunctionId> {
        self.unit.function_at(address)
    }

    /// Call a function with a word for every parameter (the bits, for a double); the result is a word likewise. A pair
    /// is joined.
    ///
    /// # Errors
    /// When evaluation stops without a result.
    ///
    /// # Safety
    /// The context must be one. The memory that the functions load from and store to, given these arguments, must
    /// be readable and writable; verification does not look at addresses.
    pub unsafe fn call(
        &self,
        environment: &mut dyn Environment,
        function: FunctionId,
        arguments: &[Word],
    ) -> Result<Word, EvaluateError> {
        let mut activation = Activation::new(self, environment);
        let parameters = &self.unit.functions[function.0 as usize].signature.parameters;
        if parameters.len() != arguments.len() {
            return Err(EvaluateError::Environment(format!(
                "{} takes {} parameters, not {}",
                self.unit.functions[function.0 as usize].name,
                parameters.len(),
                arguments.len()
            )));
        }
        // SAFETY: the caller vouches for the context and for what the functions do.
        unsafe {
            activation.pass(arguments.iter().copied().zip(parameters.iter().copied()), self.unit.is_narrow());
            activation.run(function)
        }
    }

    /// Enter a function as machine code is entered: with words in registers; arguments past them have been put into
    /// the context's argument area.
    ///
    /// # Errors
    /// When evaluation stops without a result.
    ///
    /// # Safety
    /// As for [`Evaluator::call`].
    pub unsafe fn enter(
        &self,
        environment: &mut dyn Environment,
        function: FunctionId,
        words: &[Word],
    ) -> Result<Word, EvaluateError> {
        let mut activation = Activation::new(self, environment);
        activation.enter_with(words);
        // SAFETY: as above.
        unsafe { activation.run(function) }
    }
}

/// The index among arguments of a word parameter that travels in the argument area.
fn index_in_area(word: usize, limits: &Limits) -> Option<usize> {
    let argument = word.checked_sub(FIRST_ARGUMENT)?;
    (argument >= limits.argument_registers).then_some(argument)
}

/// The address of word `index` of the argument area.
///
/// # Safety
/// A context with an argument area must lie at the address.
unsafe fn argument_address(at: Word, window: Window, index: usize) -> Word {
    let field = at + context::ARGUMENTS as Word;
    // SAFETY: the field is part of the context that the caller vouches for.
    let area = unsafe { memory::load(Width::Word, field) };
    window.real(area) + argument_offset(index) as Word
}
