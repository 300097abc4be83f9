//! Trials of random functions, evaluated and run: results and what they leave in memory agree. Every allocation is
//! verified.
//!
//! `MARU_UNITS=100000` runs that many units instead of a few hundred.

use super::Bench;
use maru_core::codegen::{thorough_allocation, verify_allocation};
use maru_core::ir::evaluate::{Environment, EvaluateError, Evaluator, Limits};
use maru_core::ir::{print, Function, FunctionId, Helper};
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

/// Run a unit both ways; `None` if it takes too long to evaluate.
fn both(bench: &Bench, functions: &[Function], seed: u64) -> Option<[(u64, Vec<u64>); 2]> {
    let arguments = |world: &World| [world.scratch_address(), seed, seed.wrapping_mul(seed)];
    let argument_registers = bench.architecture.argument_registers();
    let limits = Limits { argument_registers, fuel: Some(3_000_000), ..Limits::default() };
    let evaluator = Evaluator::new(functions.to_vec()).unwrap_or_else(|error| panic!("{error}")).with_limits(limits);
    let mut world = World::new(seed);
    let words = arguments(&world);
    // SAFETY: generated functions touch only the world that they are given.
    let evaluated = match unsafe { evaluator.call(&mut world, FunctionId(0), &words) } {
        Err(EvaluateError::OutOfFuel) => return None,
        result => (result.unwrap_or_else(|error| panic!("{error}")), world.remains()),
    };
    let mut world = World::new(seed);
    world.set_helpers(&bench.helpers());
    let words = arguments(&world);
    let mut loaded = bench.load_functions(functions);
    for helper in Helper::ALL {
        loaded = loaded.helper(*helper, |_, words| {
            destroy();
            mix(*helper, &words[1..])
        });
    }
    for (index, word) in world.data_words().into_iter().enumerate() {
        loaded.set_data(index, word);
    }
    let result = loaded.run_in(world.context_address(), [words[0], words[1], words[2], 0]);
    Some([evaluated, (result, world.remains())])
}

fn listings(bench: &Bench, functions: &[Function]) -> String {
    functions.iter().map(|function| format!("{function}\n{}\n", bench.listing(function))).collect()
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
            assert_eq!(evaluated, run, "seed {seed}\n{}", listings(bench, &functions));
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
            prop_assert_eq!(evaluated, run, "{}", print::unit_text(&functions));
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
