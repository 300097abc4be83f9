//! Trials of random functions, evaluated and run: results and what they leave in memory agree. Every allocation is
//! verified.
//!
//! `MARU_UNITS=100000` runs that many units instead of a few hundred.

use super::{Bench, Loaded};
use maru_core::codegen::{thorough_allocation, verify_allocation};
use maru_core::ir::evaluate::{EvaluateError, Evaluator, Limits};
use maru_core::ir::{Function, FunctionId, Helper};
use maru_generate::{choices, mix, stream, Size, World};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Call some blocks cold: that changes their place, and who gets registers, but no result.
fn chill(functions: &mut [Function], random: &mut impl FnMut() -> u64) {
    let one_in = 1 + random() % 5;
    for block in functions.iter_mut().flat_map(|function| &mut function.blocks) {
        block.cold = random() % one_in == 1;
    }
}

/// How a run ended: the result, and what it left behind.
pub(crate) type Ended = (u64, Vec<u64>);

fn arguments(scratch: u64, [a, b]: [u64; 2]) -> [u64; 4] {
    [scratch, a, b, !a]
}

/// An evaluator that passes arguments as the target does.
///
/// # Panics
/// When the unit is wrong.
pub(crate) fn evaluator(bench: &Bench, functions: &[Function]) -> Evaluator {
    let argument_registers = bench.architecture.argument_registers();
    let limits = Limits { argument_registers, fuel: Some(3_000_000), ..Limits::default() };
    Evaluator::new(functions.to_vec()).unwrap_or_else(|error| panic!("{error}")).with_limits(limits)
}

/// What the evaluator comes to; `None` if that takes too long.
pub(crate) fn evaluate(evaluator: &Evaluator, world: &mut World, words: [u64; 2]) -> Option<Ended> {
    let words = arguments(world.scratch_address(), words);
    // The first function has as many parameters as it wants of them.
    let count = evaluator.functions()[0].signature.parameters.len();
    // SAFETY: the functions touch only the world that they are given.
    match unsafe { evaluator.call(world, FunctionId(0), &words[..count]) } {
        Err(EvaluateError::OutOfFuel) => None,
        result => Some((result.unwrap_or_else(|error| panic!("{error}")), world.remains())),
    }
}

/// Compile and load a unit, with helpers as a [`World`] has them.
pub(crate) fn load<'b>(bench: &'b Bench, functions: &[Function]) -> Loaded<'b> {
    let mut loaded = bench.load_functions(functions);
    for helper in Helper::ALL.iter().filter(|helper| !Helper::ARITHMETIC.contains(helper)) {
        loaded = loaded.helper(*helper, |_, words| {
            destroy();
            mix(*helper, &words[1..])
        });
    }
    loaded
}

/// What the target's code comes to.
pub(crate) fn run(bench: &Bench, loaded: &mut Loaded, world: &mut World, words: [u64; 2]) -> Ended {
    world.set_helpers(&bench.helpers());
    let mut memory = bench.memory(world.words());
    let [context, scratch] = world.copy_to(&mut memory);
    let words = arguments(scratch, words);
    for (index, word) in world.data_words().into_iter().enumerate() {
        loaded.set_data(index, word);
    }
    let result = loaded.run_in(context, words);
    world.copy_from(&memory);
    (result, world.remains())
}

/// Run a unit both ways, the evaluator first; `None` if it takes too long to evaluate.
fn both(bench: &Bench, functions: &[Function], seed: u64) -> Option<[Ended; 2]> {
    let words = [seed, seed.wrapping_mul(seed)];
    let evaluated = evaluate(&evaluator(bench, functions), &mut World::new(seed), words)?;
    Some([evaluated, run(bench, &mut load(bench, functions), &mut World::new(seed), words)])
}

/// What a failed trial says: who computed what, and of which code.
pub(crate) fn disagreement(
    bench: &Bench,
    functions: &[Function],
    title: &str,
    evaluated: &Ended,
    ran: &Ended,
) -> String {
    let name = bench.architecture.name();
    let place = (0..evaluated.1.len()).find(|place| evaluated.1[*place] != ran.1[*place]);
    let (what, right, wrong) = match place {
        Some(place) if evaluated.0 == ran.0 => (format!("word {place} of memory"), evaluated.1[place], ran.1[place]),
        _ => ("the result".into(), evaluated.0, ran.0),
    };
    let code: String = functions.iter().map(|function| format!("{function}\n{}\n", bench.listing(function))).collect();
    format!("{title}\nthe target {name} computed {wrong:#x}, the IR evaluator {right:#x} ({what})\n{code}")
}

/// What a C function may destroy is destroyed, if this CPU runs the code. An emulator's processor does so itself.
fn destroy() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the registers are declared as destroyed.
    unsafe {
        std::arch::asm!(
            "mov r10, -1", "mov r11, -1", "pcmpeqd xmm0, xmm0", "movaps xmm7, xmm0", "movaps xmm15, xmm0",
            out("r10") _, out("r11") _, out("xmm0") _, out("xmm7") _, out("xmm15") _,
        );
    }
}

/// Some hundred random units.
pub fn random_units_agree(bench: &Bench) {
    verify_allocation(true);
    let units = std::env::var("MARU_UNITS").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    let mut compared = 0;
    for seed in 0..units {
        let size = Size { unreachable_blocks: seed % 2 == 0, ..Size::default() };
        let mut functions = maru_generate::unit(&mut stream(seed), &size);
        chill(&mut functions, &mut stream(!seed));
        thorough_allocation(seed % 8 == 7);
        if let Some([evaluated, run]) = both(bench, &functions, seed) {
            let title = || disagreement(bench, &functions, &format!("seed {seed}"), &evaluated, &run);
            assert!(evaluated == run, "{}", title());
            compared += 1;
        }
    }
    assert!(compared > units / 2, "only {compared} of {units} units ended in time");
}

/// Fewer, but a failure is made small.
pub fn random_units_agree_and_shrink(bench: &Bench) {
    verify_allocation(true);
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let inputs = (prop::collection::vec(any::<u64>(), 0..2000), any::<u64>());
    let result = TestRunner::new(config).run(&inputs, |(list, seed)| {
        let functions = maru_generate::unit(&mut choices(list), &Size::default());
        if let Some([evaluated, run]) = both(bench, &functions, seed) {
            prop_assert!(evaluated == run, "{}", disagreement(bench, &functions, "a random unit", &evaluated, &run));
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
