//! Functions split for CPUs of 32 bits compute what they computed before: results, memory, and helpers called in order.
//!
//! `MARU_LEGALISE_UNITS` says how many random units are tried. With `--nocapture`, counts are shown.

mod listings;

use maru_compiler::unit;
use maru_core::abi::layout::Word;
use maru_core::abi::{context, Context};
use maru_core::ir::evaluate::{Environment, EvaluateError, Evaluator, Limits, Window};
use maru_core::ir::passes::legalise::legalise;
use maru_core::ir::verify::{verify_narrow, verify_unit};
use maru_core::ir::*;
use maru_generate::{mix, stream, Size, SCRATCH_BYTES};
use maru_language::runtime::{JitMode, Options};
use maru_language::value::on_large_stack;
use std::collections::BTreeMap;
use std::path::Path;

/// What the programs are lowered for.
const TARGET: unit::LoweringTarget = unit::LoweringTarget { argument_registers: 4, little_endian: true };

/// Words on which halves, carries and signs turn.
const WORDS: [u64; 24] = [
    0,
    1,
    2,
    7,
    8,
    31,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x7fff_ffff_0000_0000,
    0x7fff_ffff_7fff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0x8000_0000_0000_0001,
    0x8000_0000_ffff_ffff,
    0x0123_4567_89ab_cdef,
    0xfedc_ba98_7654_3210,
    0xffff_ffff_0000_0000,
    0xffff_ffff_8000_0000,
    0xffff_ffff_ffff_ffff,
];

const COUNTS: [u64; 16] = [0, 1, 2, 3, 16, 30, 31, 32, 33, 34, 62, 63, 64, 65, 0x1_0000_0000, u64::MAX];

/// Doubles about the limits of conversion.
fn doubles() -> Vec<f64> {
    let mut doubles = vec![0.0, -0.0, 0.1, 0.5, 0.999, 1.5, 5e-324, f64::MIN_POSITIVE, 4503599627370497.5];
    for exponent in [0, 15, 16, 17, 30, 31, 32, 33, 47, 48, 51, 52, 53, 54, 62] {
        let power = (1u64 << exponent) as f64;
        doubles.extend([power, power * 1.5, power - 0.25, power + 0.25, power - 1.0, power + 1.0]);
    }
    doubles.push(9223372036854774784.0);
    let negative: Vec<f64> = doubles.iter().map(|double| -double).collect();
    doubles.extend(negative);
    doubles.push(-9223372036854775808.0);
    doubles
}

const CONTEXT_WORDS: usize = size_of::<Context>() / 8;
const SCRATCH_WORDS: usize = SCRATCH_BYTES / 8;
const ARGUMENT_WORDS: usize = 64;
const DATA_WORDS: usize = 64;

/// What code runs in: memory that begins at an address of 32 bits, helpers that mix their words and are noted.
struct World {
    memory: Vec<Word>,
    /// The address of the memory's first byte, as code sees it.
    start: u32,
    data: Vec<Word>,
    calls: Vec<(String, Vec<Word>)>,
    /// What helpers and foreign code return, made of what they would.
    shape: fn(Word) -> Word,
}

impl World {
    fn new(seed: u64, start: u32) -> World {
        let mut random = stream(seed);
        let mut memory = vec![0; CONTEXT_WORDS + SCRATCH_WORDS + ARGUMENT_WORDS];
        let scratch = &mut memory[CONTEXT_WORDS..CONTEXT_WORDS + SCRATCH_WORDS];
        for (n, word) in scratch.iter_mut().enumerate() {
            *word = if n < SCRATCH_WORDS / 2 { random() } else { ((random() % 1000) as f64).to_bits() };
        }
        let data = (0..DATA_WORDS).map(|_| random()).collect();
        let mut world = World { memory, start, data, calls: Vec::new(), shape: |word| word };
        let arguments = world.address(CONTEXT_WORDS + SCRATCH_WORDS);
        world.memory[context::ARGUMENTS as usize / 8] = arguments;
        world
    }

    fn address(&self, index: usize) -> Word {
        Word::from(self.start) + 8 * index as Word
    }

    fn scratch(&self) -> Word {
        self.address(CONTEXT_WORDS)
    }
}

impl Environment for World {
    fn context_address(&mut self) -> Word {
        self.memory.as_mut_ptr() as Word
    }
    fn window(&mut self) -> Window {
        Window { base: (self.memory.as_mut_ptr() as Word).wrapping_sub(self.start.into()), mask: u32::MAX.into() }
    }
    fn helper(&mut self, helper: Helper, arguments: &[Word]) -> Result<Word, EvaluateError> {
        self.calls.push((helper.name().into(), arguments.to_vec()));
        Ok((self.shape)(mix(helper, arguments)))
    }
    fn data(&mut self, _unit: Word, index: u32) -> Result<Word, EvaluateError> {
        Ok(self.data[index as usize % DATA_WORDS])
    }
    fn call_address(&mut self, address: Word, words: &[Word]) -> Result<Word, EvaluateError> {
        // Code is at an address of 32 bits.
        self.calls.push((format!("code at {:#x}", address as u32), words.to_vec()));
        Ok((self.shape)(mix(Helper::Call3, &words[..words.len().min(4)])))
    }
}

/// Functions and what they became, ready to be compared.
struct Both {
    original: Evaluator,
    split: Evaluator,
}

impl Both {
    fn new(functions: Vec<Function>, counts: &mut Counts) -> Both {
        verify_unit(&functions).unwrap_or_else(|error| panic!("{error}"));
        let split = split_all(&functions, counts);
        let evaluator = |functions| Evaluator::new(functions).unwrap_or_else(|error| panic!("{error}"));
        Both { original: evaluator(functions), split: evaluator(split) }
    }

    fn limited(self, limits: Limits) -> Both {
        let split = Limits { fuel: limits.fuel.map(|fuel| 40 * fuel), ..limits };
        Both { original: self.original.with_limits(limits), split: self.split.with_limits(split) }
    }

    /// Run a function both ways. `None` if the original has no result.
    fn run(&self, id: FunctionId, arguments: &[Word], worlds: &mut [World; 2]) -> Option<[Word; 2]> {
        let of = &self.original.functions()[id.0 as usize].signature.parameters;
        let halves = of.iter().zip(arguments).flat_map(|(of, &word)| match of {
            Type::Double => vec![word],
            _ => vec![word & 0xffff_ffff, word >> 32],
        });
        let halves: Vec<Word> = halves.collect();
        // SAFETY: functions reach only the world's memory, as far as their window goes.
        let results = unsafe {
            let expected = self.original.call(&mut worlds[0], id, arguments).ok()?;
            [Ok(expected), self.split.call(&mut worlds[1], id, &halves)]
        };
        Some(results.map(|result| {
            result.unwrap_or_else(|error| {
                let functions = [&self.original, &self.split].map(|of| of.functions()[id.0 as usize].to_string());
                panic!("{error}, given {arguments:x?}\n{}\n{}", functions[0], functions[1])
            })
        }))
    }

    #[track_caller]
    fn check(&self, id: FunctionId, arguments: &[Word], worlds: &mut [World; 2]) -> bool {
        let Some([expected, found]) = self.run(id, arguments, worlds) else { return false };
        let report = || {
            let functions = [&self.original, &self.split].map(|of| of.functions()[id.0 as usize].to_string());
            format!("given {arguments:x?}\n{}\n{}", functions[0], functions[1])
        };
        assert_eq!(found, expected, "result {found:#x}, not {expected:#x}, {}", report());
        assert_eq!(worlds[1].calls, worlds[0].calls, "calls, {}", report());
        assert_eq!(worlds[1].memory[CONTEXT_WORDS..], worlds[0].memory[CONTEXT_WORDS..], "memory, {}", report());
        for offset in maru_generate::CONTEXT_OFFSETS {
            let index = offset as usize / 8;
            assert_eq!(worlds[1].memory[index], worlds[0].memory[index], "context {offset}, {}", report());
        }
        true
    }
}

/// Two worlds that are the same.
fn worlds(seed: u64, start: u32) -> [World; 2] {
    [World::new(seed, start), World::new(seed, start)]
}

/// Where memory begins, in turn: low, across the sign of an address, high.
fn start(n: u64) -> u32 {
    [0x1_0000, 0x7fff_ff00, 0xffff_0000, 0x8000_0000][n as usize % 4]
}

/// What was split, and into what.
#[derive(Default)]
struct Counts {
    functions: usize,
    runs: usize,
    before: BTreeMap<String, usize>,
    after: BTreeMap<String, usize>,
}

/// What an operation is: its name, or what a branch tests.
fn kind(text: &str) -> String {
    let mut words = text.split(' ');
    match (words.next().unwrap_or_default(), words.next()) {
        ("branch", Some(test)) if !test.starts_with('v') => format!("branch {test}"),
        ("helper.pair", Some(helper)) if Helper::ARITHMETIC.iter().any(|known| known.name() == helper) => {
            format!("helper.pair {helper}")
        }
        ("load.word", Some("[context")) => "load.word context".into(),
        (name, _) => name.into(),
    }
}

fn count(function: &Function, kinds: &mut BTreeMap<String, usize>) {
    for data in &function.blocks {
        for inst in &data.insts {
            *kinds.entry(kind(&inst.op.to_string())).or_default() += 1;
            if matches!(inst.op, Op::LoadIndexed(..) | Op::StoreIndexed(..)) {
                *kinds.entry(format!("{} indexed", kind(&inst.op.to_string()))).or_default() += 1;
            }
        }
        *kinds.entry(kind(&data.terminator.to_string())).or_default() += 1;
    }
}

/// How many operations one becomes, constants included.
const MOST_OPERATIONS: usize = 32;

/// Split functions; check that they verify, are read as they are written, and are not split again.
fn split_all(functions: &[Function], counts: &mut Counts) -> Vec<Function> {
    let split: Vec<Function> = functions.iter().map(|function| legalise(function, WordWidth::Four)).collect();
    let signatures: Vec<Signature> = split.iter().map(|function| function.signature.clone()).collect();
    for (function, before) in split.iter().zip(functions) {
        verify_narrow(function, &signatures).unwrap_or_else(|error| panic!("{error}\n{before}\n{function}"));
        assert_eq!(legalise(function, WordWidth::Four), *function, "split again");
        let operations = |function: &Function| function.blocks.iter().map(|data| data.insts.len() + 1).sum::<usize>();
        let (most, found) = (MOST_OPERATIONS * operations(before), operations(function));
        assert!(found <= most, "{found} operations, not {most}:\n{before}\n{function}");
        counts.functions += 1;
        count(before, &mut counts.before);
        count(function, &mut counts.after);
    }
    let text = print::unit_text(&split);
    let read = parse::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(print::unit_text(&read), text);
    split
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: '{text}' is no number")),
        Err(_) => default,
    }
}

/// Every operation that a function of 64-bit words may have, and every end of a block.
fn all_kinds() -> Vec<String> {
    let plain =
        "const float has_tag int_to_float float_to_int float_bits float_from_bits data function_address call helper \
        jump return tail_call unreachable branch";
    let mut all: Vec<String> = plain.split_whitespace().map(str::to_string).collect();
    all.extend(["branch has_tag", "load.word context", "store.word indexed", "load.word indexed"].map(String::from));
    all.extend(Binary::ALL.iter().map(|op| op.name().to_string()));
    all.extend(Overflowing::ALL.iter().map(|op| format!("{}.overflow", op.name())));
    for prefix in ["", "branch "] {
        all.extend(Compare::ALL.iter().map(|op| format!("{prefix}compare.{}", op.name())));
        all.extend(FloatCompare::ALL.iter().map(|op| format!("{prefix}float.{}", op.name())));
    }
    all.extend(FloatBinary::ALL.iter().map(|op| format!("float.{}", op.name())));
    all.extend(FloatUnary::ALL.iter().map(|op| format!("float.{}", op.name())));
    all.extend(
        Width::ALL.iter().flat_map(|width| ["load", "store"].map(|access| format!("{access}.{}", width.name()))),
    );
    all
}

/// Every operation that only functions of narrow words have.
const NARROW_KINDS: [&str; 17] = [
    "add.carry",
    "add.with_carry",
    "sub.borrow",
    "sub.with_borrow",
    "compare.lt.with_borrow",
    "compare.ge.with_borrow",
    "compare.below.with_borrow",
    "compare.at_least.with_borrow",
    "mul.wide",
    "mul.wide_signed",
    "float_halves",
    "float_from_halves",
    "helper.pair",
    "helper.pair divide",
    "helper.pair remainder",
    "helper.pair multiply_high",
    "return",
];

#[test]
fn random_units_do_the_same() {
    let mut counts = Counts::default();
    let units = number("MARU_LEGALISE_UNITS", 1500);
    for seed in 0..units {
        let size = Size { unreachable_blocks: seed % 2 == 0, ..Size::default() };
        let mut random = stream(seed);
        let both = Both::new(maru_generate::unit(&mut random, &size), &mut counts);
        let limits = Limits { fuel: Some(10_000_000), argument_registers: (seed % 5) as usize, ..Limits::default() };
        let both = both.limited(limits);
        for draw in 0..4 {
            let mut worlds = worlds(seed, start(seed + draw));
            let mut word = || match random() % 4 {
                0 => random(),
                n => WORDS[random() as usize % WORDS.len()].wrapping_add(n - 1),
            };
            let arguments = [worlds[0].scratch(), word(), word()];
            assert!(both.check(FunctionId(0), &arguments, &mut worlds), "a generated unit has a result");
            counts.runs += 1;
        }
    }
    println!("{} functions, {} runs", counts.functions, counts.runs);
    println!("before: {:?}", counts.before);
    println!("after: {:?}", counts.after);
    for kind in all_kinds() {
        assert!(counts.before.contains_key(&kind), "{kind} was never split");
    }
    for kind in NARROW_KINDS {
        assert!(counts.after.contains_key(kind), "{kind} was never made");
    }
}

/// A function of two words, of which either or both may be constants in its text.
struct Form<'a> {
    /// Text with A and B for the words, and what comes of it in R; a branch goes to b1 or b2.
    body: &'a str,
    lefts: &'a [u64],
    rights: &'a [u64],
    /// Whether these operands are allowed.
    defined: fn(u64, u64) -> bool,
}

impl Form<'_> {
    /// Compare for all pairs of operands. Returns how many runs there were.
    fn check(&self, counts: &mut Counts) -> usize {
        let run = |both: &Both, a: u64, b: u64| {
            if (self.defined)(a, b) {
                assert!(both.check(FunctionId(0), &[a, b], &mut worlds(1, start(a))), "{} {a:#x} {b:#x}", self.body);
            }
            usize::from((self.defined)(a, b))
        };
        let variables = self.function("", "v0", "v1", counts);
        let mut runs = 0;
        for &a in self.lefts {
            let constant_left = self.function(&format!("v90 = const {a}\n"), "v90", "v1", counts);
            for &b in self.rights {
                runs += run(&variables, a, b) + run(&constant_left, a, b);
            }
        }
        for &b in self.rights {
            let constant_right = self.function(&format!("v90 = const {b}\n"), "v0", "v90", counts);
            let both_constant = |a: u64, counts: &mut Counts| {
                self.function(&format!("v90 = const {a}\nv91 = const {b}\n"), "v90", "v91", counts)
            };
            for &a in self.lefts {
                runs += run(&constant_right, a, b) + run(&both_constant(a, counts), a, b);
            }
        }
        runs
    }

    fn function(&self, constants: &str, a: &str, b: &str, counts: &mut Counts) -> Both {
        let body = self.body.replace('A', a).replace('B', b);
        let text = format!("function f(v0: w, v1: w) -> w {{\nb0:\n{constants}{body}\n}}\n");
        Both::new(parse::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")), counts)
    }
}

const DIVISIBLE: fn(u64, u64) -> bool = |a, b| b != 0 && !(a == 1 << 63 && b == u64::MAX);

/// Each operation of two words, for all pairs of words on which it turns, each word a variable and a constant.
#[test]
fn each_operation_of_words_does_the_same() {
    let mut counts = Counts::default();
    let mut runs = 0;
    let mut form = |body: &str, rights: &[u64], defined: fn(u64, u64) -> bool| {
        runs += Form { body, lefts: &WORDS, rights, defined }.check(&mut counts);
    };
    for op in Binary::ALL {
        let body = format!("v2 = {} A B\nreturn v2", op.name());
        match op {
            Binary::Div | Binary::Rem => form(&body, &WORDS, DIVISIBLE),
            Binary::Shl | Binary::Lshr | Binary::Ashr | Binary::Rotl => form(&body, &COUNTS, |_, _| true),
            _ => form(&body, &WORDS, |_, _| true),
        }
    }
    for op in Overflowing::ALL {
        let word =
            format!("v2, v3 = {}.overflow A B\nv4 = const 7\nv5 = rotl v2 v4\nv6 = xor v5 v3\nreturn v6", op.name());
        form(&word, &WORDS, |_, _| true);
        let branch = format!("v2, v3 = {}.overflow A B\nbranch v3, b1, b2\nb1:\nreturn v0\nb2:\nreturn v2", op.name());
        form(&branch, &WORDS, |_, _| true);
    }
    for op in Compare::ALL {
        form(&format!("v2 = compare.{} A B\nreturn v2", op.name()), &WORDS, |_, _| true);
        let ways = "b1:\nv2 = const 1\nreturn v2\nb2:\nv3 = const 2\nreturn v3";
        form(&format!("branch compare.{} A B, b1, b2\n{ways}", op.name()), &WORDS, |_, _| true);
    }
    let ways = "b1:\nv8 = const 1\nreturn v8\nb2:\nv9 = const 2\nreturn v9";
    form(&format!("branch A, b1, b2\n{ways}"), &[0], |_, _| true);
    // What has a known half: flags, and bytes.
    form(&format!("v2 = const 255\nv3 = and A v2\nbranch compare.lt v3 B, b1, b2\n{ways}"), &WORDS, |_, _| true);
    form(&format!("v2 = compare.lt A B\nbranch v2, b1, b2\n{ways}"), &WORDS, |_, _| true);
    // What has few bits: they are moved, and added to, up to where they carry.
    for count in [1, 3, 23, 24, 25, 31, 32, 33, 60, 63] {
        for op in ["shl", "lshr", "ashr", "rotl"] {
            let flag = format!("v2 = compare.lt A B\nv3 = const {count}\nv4 = {op} v2 v3");
            form(&format!("{flag}\nv5 = const 58\nv6 = or v4 v5\nreturn v6"), &WORDS[..12], |_, _| true);
            let byte = format!("v2 = const 255\nv3 = and A v2\nv4 = const {count}\nv5 = {op} v3 v4");
            form(&format!("{byte}\nv6 = add v5 v3\nv7 = add v6 B\nreturn v7"), &WORDS, |_, _| true);
        }
    }
    for mask in [0x7fff_ffffu64, 0xffff_ffff, 0x8000_0000] {
        let masked = format!("v2 = const {mask}\nv3 = and A v2\nv4 = and B v2\nv5 = add v3 v4");
        form(&format!("{masked}\nv6 = add v5 v5\nv7 = xor v6 v3\nreturn v7"), &WORDS, |_, _| true);
    }
    for mask in [0x01, 0xfe, 0x80, 0x5a] {
        form(&format!("v2 = has_tag {mask} A\nreturn v2"), &[0], |_, _| true);
        form(&format!("branch has_tag {mask} A, b1, b2\n{ways}"), &[0], |_, _| true);
    }
    println!("{} functions, {runs} runs", counts.functions);
    assert!(runs > 60_000, "{runs} runs");
}

/// Conversions between words and doubles.
#[test]
fn each_conversion_does_the_same() {
    let mut counts = Counts::default();
    let both = |text: &str, counts: &mut Counts| {
        Both::new(parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")), counts)
    };
    let to_double =
        both("function f(v0: w) -> w {\nb0:\nv1 = int_to_float v0\nv2 = float_bits v1\nreturn v2\n}", &mut counts);
    let to_double_result = both("function f(v0: w) -> d {\nb0:\nv1 = int_to_float v0\nreturn v1\n}", &mut counts);
    let to_word = both("function f(v0: d) -> w {\nb0:\nv1 = float_to_int v0\nreturn v1\n}", &mut counts);
    let there_and_back =
        both("function f(v0: w) -> w {\nb0:\nv1 = float_from_bits v0\nv2 = float_bits v1\nreturn v2\n}", &mut counts);
    let mut words: Vec<u64> = WORDS.to_vec();
    // About where a sum of halves that are doubles is rounded.
    for exponent in 50..64 {
        let power = 1u64 << exponent;
        let near = [0, 1, 2, 3, 0x3ff, 0x400, 0x401, 0x7ff, 0x8000_0000, 0xffff_ffff];
        words.extend(near.iter().flat_map(|more| [power + more, power - more, (power + more).wrapping_neg()]));
    }
    let mut random = stream(5);
    words.extend((0..2000).map(|n| random() >> (n % 64)));
    let id = FunctionId(0);
    for &word in &words {
        for both in [&to_double, &to_double_result, &there_and_back] {
            assert!(both.check(id, &[word], &mut worlds(1, 0x1_0000)));
        }
        // A double that a word is, or nearly is, is truncated too.
        let double = word as i64 as f64;
        if double < 9223372036854775808.0 {
            assert!(to_word.check(id, &[double.to_bits()], &mut worlds(1, 0x1_0000)));
        }
    }
    for double in doubles() {
        assert!(to_word.check(id, &[double.to_bits()], &mut worlds(1, 0x1_0000)), "{double}");
    }
    for n in 0..2000 {
        let double = (random() as i64 as f64) * 0.5f64.powi(n % 70);
        assert!(to_word.check(id, &[double.to_bits()], &mut worlds(1, 0x1_0000)), "{double}");
    }
}

/// Loads and stores of each width, at addresses that are sums on each side of limits.
#[test]
fn each_access_does_the_same() {
    let mut counts = Counts::default();
    let offsets = [0i64, 4, -4, 0x7fff_ffff, -0x8000_0000, 0x7fff_fffc, 127];
    for (width, of) in [("byte", "w"), ("four", "w"), ("word", "w"), ("double", "d")] {
        for offset in offsets {
            let sign = if offset < 0 { '-' } else { '+' };
            let at = |base: &str| format!("[{base} {sign} {}]", offset.abs());
            for (index, place) in [(0u64, at("v0")), (24, at("v0 + v1"))] {
                let result = if of == "d" { "v4 = float_bits v3\nreturn v4" } else { "return v3" };
                let text = format!(
                    "function f(v0: w, v1: w, v2: {of}) -> w {{\nb0:\nv3 = load.{width} {place}\nstore.{width} v2, {place}\n{result}\n}}"
                );
                let both =
                    Both::new(parse::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")), &mut counts);
                for (n, &value) in WORDS.iter().enumerate() {
                    let mut worlds = worlds(n as u64, start(n as u64));
                    let base = (worlds[0].scratch() + 16 + 8 * n as u64).wrapping_sub(offset as u64);
                    // Upper halves of base and index do not matter.
                    let upper = (n as u64 % 3) << 32;
                    assert!(both.check(FunctionId(0), &[base.wrapping_add(upper), index, value], &mut worlds));
                }
            }
        }
    }
}

/// Memory of 2^32 bytes that is there as soon as it is touched, so that code may use any address.
struct AnyMemory {
    base: *mut libc::c_void,
}

const ANY_MEMORY_BYTES: usize = (1 << 32) + (1 << 16);

impl AnyMemory {
    fn new() -> AnyMemory {
        let (access, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE);
        // SAFETY: a new mapping at no particular address.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), ANY_MEMORY_BYTES, access, flags, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED, "no room for 2^32 bytes of addresses");
        AnyMemory { base }
    }

    /// Zeros everywhere, but for a page of words that look like values.
    fn clear(&mut self, seed: u64) {
        // SAFETY: the mapping is ours, and nobody refers to its contents.
        unsafe { libc::madvise(self.base, ANY_MEMORY_BYTES, libc::MADV_DONTNEED) };
        let mut random = stream(seed);
        for word in self.page() {
            *word = like_a_value(random());
        }
    }

    fn page(&mut self) -> &mut [Word] {
        // SAFETY: the page is in the mapping, and `self` is borrowed for as long as it is used.
        unsafe { std::slice::from_raw_parts_mut(self.base.cast::<u8>().add(PAGE as usize).cast(), 512) }
    }
}

impl Drop for AnyMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours.
        unsafe { libc::munmap(self.base, ANY_MEMORY_BYTES) };
    }
}

/// Where the page of words is.
const PAGE: Word = 0x2_0000;

/// A word as code meets them: a pointer into the page with some tag, a small fixnum, an immediate, or any.
fn like_a_value(random: Word) -> Word {
    let number = random >> 8;
    match random % 8 {
        0..=3 => PAGE + (number % 4000),
        4 => (number % 100) << 3,
        5 => ((number % 100) << 3).wrapping_neg(),
        6 => number % 64,
        _ => number << 3,
    }
}

/// An environment whose memory is any memory.
struct Anywhere<'m> {
    memory: &'m mut AnyMemory,
    world: World,
}

impl Environment for Anywhere<'_> {
    fn context_address(&mut self) -> Word {
        self.world.context_address()
    }
    fn window(&mut self) -> Window {
        Window { base: self.memory.base as Word, mask: u32::MAX.into() }
    }
    fn helper(&mut self, helper: Helper, arguments: &[Word]) -> Result<Word, EvaluateError> {
        self.world.helper(helper, arguments)
    }
    fn data(&mut self, unit: Word, index: u32) -> Result<Word, EvaluateError> {
        self.world.data(unit, index).map(like_a_value)
    }
    fn call_address(&mut self, address: Word, words: &[Word]) -> Result<Word, EvaluateError> {
        self.world.call_address(address, words)
    }
}

/// What a run in any memory came to: the result, what was called, the context, the page.
type Left = (Result<Word, EvaluateError>, Vec<(String, Vec<Word>)>, Vec<Word>, Vec<Word>);

fn run_anywhere(evaluator: &Evaluator, id: FunctionId, arguments: &[Word], memory: &mut AnyMemory, seed: u64) -> Left {
    memory.clear(seed);
    let mut world = World::new(seed, 0x1_0000);
    world.shape = like_a_value;
    let arguments_field = context::ARGUMENTS as usize / 8;
    // In the middle of nothing: arguments past the registers.
    world.memory[arguments_field] = 0x4000_0000;
    let mut anywhere = Anywhere { memory, world };
    // SAFETY: all addresses that code can make are in the mapping, the context apart, whose offsets are fields'.
    let result = unsafe { evaluator.call(&mut anywhere, id, arguments) };
    let Anywhere { memory, world } = anywhere;
    // Addresses of functions differ; their numbers do not.
    let common = |word: &Word| evaluator.function_at(*word).map_or(*word, |id| 0xf000 + Word::from(id.0));
    let all = |words: &[Word]| words.iter().map(common).collect::<Vec<_>>();
    let calls = world.calls.iter().map(|(name, words)| (name.clone(), all(words))).collect();
    (result.map(|word| common(&word)), calls, all(&world.memory[..CONTEXT_WORDS]), all(memory.page()))
}

/// Compare all functions of a unit, given words that look like values. Returns how many runs had a result.
fn check_anywhere(
    name: &str,
    functions: Vec<Function>,
    counts: &mut Counts,
    memory: &mut AnyMemory,
    draws: u64,
) -> usize {
    let limits = Limits { fuel: Some(20_000), stack_words: 1 << 16, ..Limits::default() };
    let both = Both::new(functions, counts).limited(limits);
    let mut finished = 0;
    for (number, function) in both.original.functions().iter().enumerate() {
        let id = FunctionId(number as u32);
        for draw in 0..draws {
            let mut random = stream(draw + 1000 * number as u64);
            let parameters = &function.signature.parameters;
            let arguments: Vec<Word> = parameters.iter().map(|_| like_a_value(random())).collect();
            let halves = parameters.iter().zip(&arguments).flat_map(|(of, &word)| match of {
                Type::Double => vec![word],
                _ => vec![word & 0xffff_ffff, word >> 32],
            });
            let halves: Vec<Word> = halves.collect();
            let expected = run_anywhere(&both.original, id, &arguments, memory, draw);
            if expected.0.is_err() {
                continue;
            }
            let found = run_anywhere(&both.split, id, &halves, memory, draw);
            let split = &both.split.functions()[number];
            assert_eq!(found.0, expected.0, "result in {name} given {arguments:x?}\n{function}\n{split}");
            assert_eq!(found.1, expected.1, "calls in {name} given {arguments:x?}\n{function}\n{split}");
            assert!(found.2 == expected.2, "context in {name} given {arguments:x?}\n{function}\n{split}");
            // It stores addresses of functions, which differ, where no aligned word is.
            let memory_differs = name.ends_with("image.ir");
            assert!(
                memory_differs || found.3 == expected.3,
                "memory in {name} given {arguments:x?}\n{function}\n{split}"
            );
            finished += 1;
        }
    }
    finished
}

/// The contents of all files of the conformance suite's folder with this extension, with their names.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("conformance").join(folder));
    let path = path.into_iter().find(|path| path.is_dir()).expect("the conformance suite");
    let mut found: Vec<_> = std::fs::read_dir(path)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a text")))
        .collect();
    found.sort();
    found
}

/// The functions that targets are tested with.
#[test]
fn functions_for_targets_do_the_same() {
    let (mut counts, mut memory) = (Counts::default(), AnyMemory::new());
    let files = files("lower", "ir");
    let finished: usize = files
        .into_iter()
        .map(|(name, text)| {
            let functions = parse::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            check_anywhere(&name, functions, &mut counts, &mut memory, 20)
        })
        .sum();
    println!("{} functions, {finished} runs with a result", counts.functions);
    assert!(finished > 300, "{finished} runs");
}

/// What the lowering makes of programs of the conformance suite.
#[test]
fn lowered_programs_do_the_same() {
    let (mut counts, mut memory) = (Counts::default(), AnyMemory::new());
    let (mut finished, mut refused) = (0, 0);
    for (name, text) in files("cases", "l") {
        let options = Options { jit: JitMode::Off, ..Options::default() };
        let functions = on_large_stack(1 << 28, |stack| {
            let mut runtime = maru_compiler::runtime(options, stack).expect("a runtime");
            unit::program_ir(&mut runtime, "case.l", &text, TARGET).ok()
        });
        match functions.expect("a stack") {
            Some(functions) => finished += check_anywhere(&name, functions, &mut counts, &mut memory, 3),
            None => refused += 1,
        }
    }
    println!("{} functions, {finished} runs with a result, {refused} programs refused", counts.functions);
    println!("before: {:?}\nafter: {:?}", counts.before, counts.after);
    assert!(counts.functions > 300 && finished > 300, "{} functions, {finished} runs", counts.functions);
}

#[test]
#[ignore = "a measurement"]
fn time_for_functions_of_growing_size() {
    for shape in ["straight", "branches", "products"] {
        let mut last = 0.0;
        for exponent in 0..8 {
            let count = 1000usize << exponent;
            let words = Signature { convention: Convention::Maru, parameters: vec![Type::Word; 2], result: Type::Word };
            let mut b = FunctionBuilder::new("f", words);
            let mut last_value = Val(0);
            for _ in 0..count {
                match shape {
                    "straight" => last_value = b.binary(Binary::Add, last_value, Val(1)),
                    "products" => last_value = b.overflowing(Overflowing::Mul, last_value, Val(1)).0,
                    _ => {
                        let (then, join) = (b.block(), b.block());
                        let next = b.parameter(join, Type::Word);
                        b.branch(Condition::Compare(Compare::Lt, last_value, Val(1)), then, &[], join, &[last_value]);
                        b.switch_to(then);
                        let sum = b.binary(Binary::Add, last_value, Val(1));
                        b.jump(join, &[sum]);
                        b.switch_to(join);
                        last_value = next;
                    }
                }
            }
            b.ret(last_value);
            let function = b.finish();
            let start = std::time::Instant::now();
            let split = legalise(&function, WordWidth::Four);
            let time = start.elapsed().as_secs_f64() * 1e6;
            println!("{shape} {count}: {time:.0} µs, ratio {:.2}, {} values", time / last, split.types.len());
            last = time;
        }
    }
}

/// Shifts of what is known to have few bits, twice, to where a bit enters the high half.
#[test]
fn what_has_few_bits_is_shifted_as_ever() {
    let mut counts = Counts::default();
    let sources = ["v3 = compare.below v1 v0", "v3 = load.byte [v0]", "v9 = const 255\nv3 = and v1 v9"];
    let seconds = || (22..32).flat_map(|second| ["shl", "rotl"].map(|op| (op, second)));
    for source in sources {
        for (first, count) in ["shl", "lshr"].iter().flat_map(|op| [0, 1, 3, 6, 7].map(|count| (op, count))) {
            for (second, then) in seconds() {
                let text = format!(
                    "function f(v0: w, v1: w) -> w {{\nb0:\n{source}\nv4 = const {count}\nv5 = {first} v3 v4\n\
                     v6 = const {then}\nv7 = {second} v5 v6\nv8 = add v5 v5\nv10 = {second} v8 v6\nv11 = sub v7 v10\n\
                     return v11\n}}"
                );
                let both =
                    Both::new(parse::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")), &mut counts);
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut worlds = worlds(1, 0x1_0000);
                    let scratch = worlds[0].scratch();
                    for world in &mut worlds {
                        world.memory[CONTEXT_WORDS] = byte;
                    }
                    assert!(both.check(FunctionId(0), &[scratch, byte], &mut worlds));
                }
            }
        }
    }
}
