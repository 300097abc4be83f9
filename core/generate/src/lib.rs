//! Random functions that verify, terminate, and have one right result, for comparing evaluator, passes and targets.
//!
//! The source of randomness is a plain closure, so that a property tester can shrink: zeros choose what is simplest.
//!
//! What makes results well-defined: functions call only later functions of the unit (or themselves, counting down);
//! loops count; divisors and doubles to be truncated are guarded; a double's bits are looked at only where it is not
//! NaN; loads and stores stay in scratch memory, whose halves hold words and doubles only; addresses are used for
//! nothing but access and calls. What makes them hard: many values are alive from their definition to the end of the
//! function, across calls; block parameters are permuted on the way round a loop; constants and offsets crowd about
//! the limits of instruction encodings.

mod body;
mod control;
mod idioms;
mod world;

pub use world::{mix, World};

use maru_core::abi::context;
use maru_core::ir::evaluate::{Evaluator, Limits};
use maru_core::ir::*;

/// Bytes of the scratch memory. The first half is for words, the second for doubles.
pub const SCRATCH_BYTES: usize = 512;
/// Words of the data table.
pub const DATA_WORDS: u32 = 8;
/// Words of the context that generated functions load and store.
pub const CONTEXT_OFFSETS: [i32; 5] =
    [context::TAIL_CALLEE, context::TAIL_COUNT, context::TAIL_SITE, context::FUEL, context::DEPTH];

/// How large generated units get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Functions besides the entry, at most; at least one.
    pub functions: usize,
    /// Statements of a function, at most; a statement is up to a dozen operations, or a loop around statements.
    pub statements: usize,
    /// Word parameters of a function besides the first two, at most.
    pub word_parameters: usize,
    /// Double parameters of a function, at most.
    pub double_parameters: usize,
    /// Whether some blocks cannot be reached.
    pub unreachable_blocks: bool,
}

impl Default for Size {
    fn default() -> Size {
        Size { functions: 3, statements: 25, word_parameters: 18, double_parameters: 4, unreachable_blocks: false }
    }
}

/// A unit of random functions. Function 0 is of the entry convention and takes the scratch memory's address and
/// two arbitrary words, for which every convention has registers beside the context; see [`World`] for what else it needs.
pub fn unit(random: &mut impl FnMut() -> u64, size: &Size) -> Vec<Function> {
    let mut choices = Choices { random };
    let count = 2 + choices.below(size.functions.max(1));
    let mut signatures =
        vec![Signature { convention: Convention::Entry, parameters: vec![Type::Word; 3], result: Type::Word }];
    signatures.extend((1..count).map(|_| signature(&mut choices, size)));
    // From the last to the first, for a function calls later ones and must know what they cost.
    let mut costs = vec![0; count];
    let mut functions: Vec<Function> = (0..count)
        .rev()
        .map(|number| {
            let unit = body::Unit { signatures: &signatures, costs: &costs, number };
            let (function, cost) = body::function(&mut choices, size, unit);
            costs[number] = cost;
            function
        })
        .collect();
    functions.reverse();
    functions
}

/// The scratch memory's address, a counter, and random parameters.
fn signature(choices: &mut Choices<impl FnMut() -> u64>, size: &Size) -> Signature {
    let words = choices.below(size.word_parameters + 1);
    let doubles = choices.below(size.double_parameters + 1);
    let mut parameters = vec![Type::Word; words];
    for _ in 0..doubles {
        let at = choices.below(parameters.len() + 1);
        parameters.insert(at, Type::Double);
    }
    parameters.splice(0..0, [Type::Word; 2]);
    let result = if choices.one_in(4) { Type::Double } else { Type::Word };
    Signature { convention: Convention::Maru, parameters, result }
}

/// Random choices.
struct Choices<'r, R> {
    random: &'r mut R,
}

impl<R: FnMut() -> u64> Choices<'_, R> {
    /// A number below the limit, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        ((self.random)() % limit as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A constant, likely one about which instruction encodings change.
    fn number(&mut self) -> i64 {
        const EXPONENTS: [u32; 18] = [3, 4, 5, 6, 7, 8, 11, 12, 13, 15, 16, 20, 24, 31, 32, 47, 62, 63];
        const PATTERNS: [u64; 8] = [
            0xff,
            0xffff_ffff,
            0xff00_ff00_ff00_ff00,
            0x5555_5555_5555_5555,
            0x7fff_ffff_ffff_0000,
            0x0000_ffff_0000_0000,
            0x0123_4567_89ab_cdef,
            0xffff_0000_ffff_ffff,
        ];
        match self.below(4) {
            0 => self.below(20) as i64 - 4,
            1 => {
                let power = 1i64 << self.of(&EXPONENTS);
                let near = power.wrapping_add(self.below(3) as i64 - 1);
                if self.one_in(2) {
                    near.wrapping_neg()
                } else {
                    near
                }
            }
            2 => self.of(&PATTERNS) as i64,
            _ => (self.random)() as i64,
        }
    }

    /// The bits of a double, likely a special one.
    fn double_bits(&mut self) -> u64 {
        const SPECIAL: [f64; 16] = [
            0.0,
            1.0,
            -1.0,
            0.5,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            1.5,
            9007199254740993.0,
            9223372036854774784.0,
            -9223372036854775808.0,
            0.1,
        ];
        match self.below(3) {
            0 => self.of(&SPECIAL).to_bits(),
            1 => (self.number() as f64).to_bits(),
            _ => (self.random)(),
        }
    }

    /// An offset for loads and stores, likely about a limit.
    fn offset(&mut self) -> i32 {
        const EXPONENTS: [u32; 8] = [3, 7, 8, 11, 12, 15, 20, 31];
        match self.below(4) {
            0 => 8 * self.below(8) as i32,
            1 => 1 - self.below(300) as i32,
            _ => {
                let power = 1i64 << self.of(&EXPONENTS);
                let near = power + self.of(&[0i64, -8, 8, -1, 1]);
                let signed = if self.one_in(2) { -near } else { near };
                signed.clamp(i32::MIN.into(), i32::MAX.into()) as i32
            }
        }
    }
}

/// Randomness from a list of choices, then zeros.
pub fn choices(list: Vec<u64>) -> impl FnMut() -> u64 {
    let mut list = list.into_iter();
    move || list.next().unwrap_or(0)
}

/// A stream of random numbers.
pub fn stream(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// The result of a unit's entry in a new world, and what it leaves behind.
///
/// # Panics
/// When the unit is wrong, or does not end.
pub fn run(functions: Vec<Function>, seed: u64) -> (u64, Vec<u64>) {
    let limits = Limits { fuel: Some(10_000_000), ..Limits::default() };
    let evaluator = Evaluator::new(functions).unwrap_or_else(|error| panic!("{error}")).with_limits(limits);
    let mut world = World::new(seed);
    let arguments = [world.scratch_address(), seed, seed.wrapping_mul(seed)];
    // SAFETY: generated functions touch only the world that they are given.
    let result = unsafe { evaluator.call(&mut world, FunctionId(0), &arguments) };
    let result = result.unwrap_or_else(|error| panic!("{error}\n{}", print::unit_text(evaluator.functions())));
    (result, world.remains())
}
