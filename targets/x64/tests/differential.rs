//! Random functions, evaluated and run: results and what they leave in memory agree. Every allocation is verified.
//!
//! `MARU_UNITS=100000` runs that many units instead of a few hundred.
#![cfg(all(target_arch = "x86_64", unix))]

mod loaded;

use loaded::Loaded;
use maru_core::ir::evaluate::{Environment, EvaluateError, Evaluator, Limits};
use maru_core::ir::generate::{self, mix, Size, World};
use maru_core::ir::{print, Function, FunctionId, Helper};
use maru_core::target::{thorough_allocation, verify_allocation, Architecture};
use maru_x64::TARGET;
use proptest::prelude::*;

/// Helper number `N` in native code. It is given five words, of which the helper's own come first.
extern "sysv64" fn native<const N: usize>(_context: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    // What a C function may destroy is destroyed.
    // SAFETY: the registers are declared as destroyed.
    unsafe {
        std::arch::asm!(
            "mov r10, -1", "mov r11, -1", "pcmpeqd xmm0, xmm0", "movaps xmm7, xmm0", "movaps xmm15, xmm0",
            out("r10") _, out("r11") _, out("xmm0") _, out("xmm7") _, out("xmm15") _,
        );
    }
    mix(Helper::ALL[N], &[a, b, c, d, e])
}

/// Addresses of the native helpers, in order.
fn helpers() -> Vec<usize> {
    macro_rules! natives {
        ($($n:literal)*) => { vec![$(native::<$n> as extern "sysv64" fn(u64, u64, u64, u64, u64, u64) -> u64 as usize),*] };
    }
    let all = natives!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    assert!(Helper::ALL.len() <= all.len(), "more natives are needed");
    all[..Helper::ALL.len()].to_vec()
}

/// Randomness from a list of choices, then zeros.
fn choices(list: Vec<u64>) -> impl FnMut() -> u64 {
    let mut list = list.into_iter();
    move || list.next().unwrap_or(0)
}

/// A stream of random numbers.
fn stream(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Call some blocks cold: that changes their place, and who gets registers, but no result.
fn chill(functions: &mut [Function], random: &mut impl FnMut() -> u64) {
    let one_in = 1 + random() % 5;
    for block in functions.iter_mut().flat_map(|function| &mut function.blocks) {
        block.cold = random() % one_in == 1;
    }
}

/// Run a unit both ways; `None` if it takes too long to evaluate.
fn both(functions: &[Function], seed: u64, helpers: &[usize]) -> Option<[(u64, Vec<u64>); 2]> {
    let arguments = |world: &World| [world.scratch_address(), seed, seed.wrapping_mul(seed), !seed];
    let limits = Limits { argument_registers: TARGET.argument_registers(), fuel: Some(3_000_000), ..Limits::default() };
    let evaluator = Evaluator::new(functions.to_vec()).unwrap_or_else(|error| panic!("{error}")).with_limits(limits);
    let mut world = World::new(seed);
    let words = arguments(&world);
    // SAFETY: generated functions touch only the world that they are given.
    let evaluated = match unsafe { evaluator.call(&mut world, FunctionId(0), &words) } {
        Err(EvaluateError::OutOfFuel) => return None,
        result => (result.unwrap_or_else(|error| panic!("{error}")), world.remains()),
    };
    let mut world = World::new(seed);
    world.set_helpers(helpers);
    let words = arguments(&world);
    let mut loaded = Loaded::new(functions);
    for (index, word) in world.data_words().into_iter().enumerate() {
        loaded.set_data(index, word);
    }
    let result = loaded.run_in(world.context_address(), words);
    Some([evaluated, (result, world.remains())])
}

fn listings(functions: &[Function]) -> String {
    functions.iter().map(|function| format!("{function}\n{}\n", loaded::listing(function))).collect()
}

#[test]
fn random_units_agree() {
    verify_allocation(true);
    let helpers = helpers();
    let units = std::env::var("MARU_UNITS").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    let mut compared = 0;
    for seed in 0..units {
        let size = Size { unreachable_blocks: seed % 2 == 0, ..Size::default() };
        let mut functions = generate::unit(&mut stream(seed), &size);
        chill(&mut functions, &mut stream(!seed));
        thorough_allocation(seed % 8 == 7);
        if let Some([evaluated, run]) = both(&functions, seed, &helpers) {
            assert_eq!(evaluated, run, "seed {seed}\n{}", listings(&functions));
            compared += 1;
        }
    }
    assert!(compared > units / 2, "only {compared} of {units} units ended in time");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn random_units_agree_and_shrink(list in prop::collection::vec(any::<u64>(), 0..2000), seed: u64) {
        verify_allocation(true);
        let functions = generate::unit(&mut choices(list), &Size::default());
        if let Some([evaluated, run]) = both(&functions, seed, &helpers()) {
            prop_assert_eq!(evaluated, run, "{}", print::unit_text(&functions));
        }
    }
}
