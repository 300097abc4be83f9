//! Tests of the passes: by example, and by evaluating random functions before and after.

use maru_core::ir::flow::ControlFlow;
use maru_core::ir::parse::parse;
use maru_core::ir::passes::*;
use maru_core::ir::verify::{verify, verify_unit};
use maru_core::ir::*;
use maru_generate::{choices, run, stream, unit, Size};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// A pass with its name.
type Pass = (&'static str, fn(&mut Function, &mut OptimisationFuel));

const PASSES: &[Pass] = &[
    ("blocks", |function, fuel| {
        blocks::run(function, &ControlFlow::of(function), fuel);
    }),
    ("parameters", |function, fuel| parameters::run(function, &ControlFlow::of(function), fuel)),
    ("fold", |function, fuel| {
        fold::run(function, &ControlFlow::of(function), fuel);
    }),
    ("tags", |function, fuel| {
        tags::run(function, &ControlFlow::of(function), fuel);
    }),
    ("common", |function, fuel| common::run(function, &ControlFlow::of(function), fuel)),
    ("hoist", |function, fuel| {
        hoist::enter(function, &ControlFlow::of(function), fuel);
        hoist::run(function, &ControlFlow::of(function), fuel);
    }),
    ("sink", |function, fuel| sink::run(function, &ControlFlow::of(function), fuel)),
    ("dead", |function, fuel| dead::run(function, &ControlFlow::of(function), fuel)),
    ("optimise", optimise),
];

/// Run a pass over all functions, with the fuel for each.
fn apply(functions: &[Function], (name, pass): Pass, fuel: u64) -> Vec<Function> {
    let mut changed = functions.to_vec();
    for function in &mut changed {
        // All passes but the first want blocks that cannot be reached gone.
        blocks::run(function, &ControlFlow::of(function), &mut OptimisationFuel::limited(0));
        pass(function, &mut OptimisationFuel::limited(fuel));
    }
    verify_unit(&changed).unwrap_or_else(|error| panic!("after {name}: {error}\n{}", print::unit_text(functions)));
    changed
}

fn check(functions: &[Function], seed: u64, fuel: u64) {
    let expected = run(functions.to_vec(), seed);
    for &pass in PASSES {
        let changed = apply(functions, pass, fuel);
        let found = run(changed, seed);
        assert_eq!(found, expected, "after {} with fuel {fuel}:\n{}", pass.0, print::unit_text(functions));
    }
}

proptest! {
    // Beside the sources, where what was found once is tried first.
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("proptest-regressions/passes.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn passes_keep_results(
        list in prop::collection::vec(any::<u64>(), 0..3000),
        seed: u64,
        fuel in prop_oneof![Just(u64::MAX), 0u64..100],
    ) {
        let size = Size { unreachable_blocks: true, ..Size::default() };
        check(&unit(&mut choices(list), &size), seed, fuel);
    }
}

#[test]
fn passes_keep_results_of_large_units() {
    let size = Size { statements: 60, functions: 4, ..Size::default() };
    for seed in 0..150 {
        check(&unit(&mut stream(seed), &size), seed, u64::MAX);
    }
}

/// The functions of the text after a pass, as text.
fn after(pass: &str, text: &str) -> String {
    let functions = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify_unit(&functions).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let pass = PASSES.iter().find(|(name, _)| *name == pass).unwrap();
    let changed = apply(&functions, *pass, u64::MAX);
    changed.iter().map(Function::to_string).collect()
}

#[track_caller]
fn becomes(pass: &str, before: &str, expected: &str) {
    assert_eq!(after(pass, before), expected);
}

#[test]
fn parameters_that_go_round_nested_loops_unchanged_are_dropped() {
    becomes(
        "parameters",
        "function f(v0: w, v1: w) -> w {
b0:
  jump b1(v0, v1)
b1(v2: w, v3: w):
  jump b2(v2, v3)
b2(v4: w, v5: w):
  v6 = add v4 v5
  branch v6, b2(v4, v6), b3
b3:
  branch v5, b1(v4, v5), b4(v4)
b4(v7: w):
  return v7
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  jump b1(v1)
b1(v3: w):
  jump b2(v3)
b2(v5: w):
  v6 = add v0 v5
  branch v6, b2(v6), b3
b3:
  branch v5, b1(v5), b4
b4:
  return v0
}
",
    );
}

#[test]
fn parameters_that_change_places_stay() {
    let swap = "function f(v0: w, v1: w) -> w {
b0:
  jump b1(v0, v1)
b1(v2: w, v3: w):
  branch v2, b1(v3, v2), b2
b2:
  return v2
}
";
    becomes("parameters", swap, swap);
}

#[test]
fn what_goes_round_for_nothing_is_dead() {
    becomes(
        "dead",
        "function f(v0: w, v1: w) -> w {
b0:
  v2 = const 1 @1
  v3 = add v0 v1 @2
  jump b1(v0, v3, v2) @3
b1(v4: w, v5: w, v6: w):
  v7 = mul v5 v5 @4
  v8 = sub v4 v6 @5
  store.word v4, [v1] @6
  v9 = load.word [v1]
  branch v8, b1(v8, v7, v6), b2
b2:
  v10 = helper poll
  return v4
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  v2 = const 1 @1
  jump b1(v0, v2) @3
b1(v4: w, v6: w):
  v8 = sub v4 v6 @5
  store.word v4, [v1] @6
  branch v8, b1(v8, v6), b2
b2:
  v10 = helper poll
  return v4
}
",
    );
}

#[test]
fn a_double_boxed_and_unboxed_is_itself() {
    becomes(
        "optimise",
        "function f(v0: d) -> d {
b0:
  v1 = float_bits v0
  v2 = const 4
  v3 = rotl v1 v2
  v4 = const 1
  v5 = add v3 v4
  v6 = sub v5 v4
  v7 = const 60
  v8 = rotl v6 v7
  v9 = float_from_bits v8
  v10 = float.add v9 v0
  return v10
}
",
        "function f(v0: d) -> d {
b0:
  v10 = float.add v0 v0
  return v10
}
",
    );
}

#[test]
fn branches_test_what_their_boolean_was_made_of() {
    becomes(
        "optimise",
        "function f(v0: w, v1: w) -> w {
b0:
  v2 = compare.lt v0 v1
  v3 = const 3
  v4 = shl v2 v3
  v5 = const 6
  v6 = or v4 v5
  branch compare.eq v6 v5, b1, b2
b1:
  return v0
b2:
  return v1
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  branch compare.lt v0 v1, b2, b1
b1:
  return v0
b2:
  return v1
}
",
    );
}

#[test]
fn addresses_and_constants_are_folded() {
    becomes(
        "optimise",
        "function f(v0: w, v1: w) -> w {
b0:
  v2 = const -3
  v3 = add v0 v2
  v4 = const 16
  v5 = load.word [v3 + 8]
  v6 = load.word [v3 + v4 - 2]
  v7 = const 8
  v8 = mul v7 v5
  v9 = sub v3 v2
  v10, v11 = add.overflow v8 v9
  v12, v13 = sub.overflow v10 v11
  store.word v12, [v1 + v6 + 2147483647]
  return v13
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  v5 = load.word [v0 + 5]
  v6 = load.word [v0 + 11]
  v14 = const 3
  v8 = shl v5 v14
  v10, v11 = add.overflow v8 v0
  v12, v13 = sub.overflow v10 v11
  store.word v12, [v1 + v6 + 2147483647]
  return v13
}
",
    );
}

#[test]
fn tag_tests_are_decided_where_a_branch_told_the_tag() {
    becomes(
        "optimise",
        "function f(v0: w, v1: w) -> w {
b0:
  branch has_tag 0x01 v0, b1, b4
b1:
  v2 = const 8
  v3 = add v0 v2
  branch has_tag 0x01 v3, b2, b3
b2:
  v4 = has_tag 0x80 v3
  v5 = shl v1 v2
  v6 = add v4 v5
  branch has_tag 0x07 v6, b5(v6), b3
b3:
  v7 = helper set_cell v0 v1
  return v7
b4:
  branch has_tag 0x01 v0, b3, b5(v0)
b5(v8: w):
  branch has_tag 0x01 v8, b3, b6
b6:
  return v8
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  branch has_tag 0x01 v0, b1, b3
b1:
  v2 = const 8
  v5 = shl v1 v2
  jump b4(v5)
b2:
  v7 = helper set_cell v0 v1
  return v7
b3:
  jump b4(v0)
b4(v8: w):
  branch has_tag 0x01 v8, b2, b5
b5:
  return v8
}
",
    );
}

/// A shift by two leaves bit 2 open; an or with the flag's own bit set says nothing of the flag.
#[test]
fn what_is_nearly_a_fixnum_or_a_boolean_is_none() {
    let text = "function f(v0: w, v1: w) -> w {
b0:
  v2 = const 2
  v3 = shl v0 v2
  v4 = has_tag 0x01 v3
  v5 = compare.lt v0 v1
  v6 = const 3
  v7 = shl v5 v6
  v8 = const 14
  v9 = or v7 v8
  v10 = compare.ne v9 v8
  v11 = add v10 v4
  return v11
}
";
    becomes("fold", text, text);
    becomes("tags", text, text);
}

#[test]
fn facts_end_where_ways_join() {
    let text = "function f(v0: w, v1: w) -> w {
b0:
  branch has_tag 0x01 v0, b1, b2
b1:
  v2 = helper poll
  jump b2
b2:
  v3 = has_tag 0x01 v0
  return v3
}
";
    becomes("tags", text, text);
}

#[test]
fn nothing_is_computed_twice_and_constants_do_not_cross_calls() {
    becomes(
        "common",
        "function f(v0: w, v1: w) -> w {
b0:
  v2 = const 5
  v3 = add v0 v1
  v4 = add v1 v0
  v5 = const 5
  v6 = helper set_cell v4 v5
  v7 = const 5
  v8 = sub v0 v1
  v9 = load.word [v0]
  branch v6, b1, b2
b1:
  v10 = const 5
  v11 = sub v0 v1
  v12 = load.word [v0]
  v13 = sub v1 v0
  v14 = helper set_cell v10 v11
  return v14
b2:
  v15 = sub v1 v0
  v16 = const 7
  branch v15, b3, b4
b3:
  v17 = const 7
  v18 = const 9
  jump b4
b4:
  v19 = const 9
  v20 = const 7
  return v20
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  v2 = const 5
  v3 = add v0 v1
  v4 = add v1 v0
  v5 = const 5
  v6 = helper set_cell v3 v2
  v7 = const 5
  v8 = sub v0 v1
  v9 = load.word [v0]
  branch v6, b1, b2
b1:
  v10 = const 5
  v11 = sub v0 v1
  v12 = load.word [v0]
  v13 = sub v1 v0
  v14 = helper set_cell v7 v8
  return v14
b2:
  v15 = sub v1 v0
  v16 = const 7
  branch v15, b3, b4
b3:
  v17 = const 7
  v18 = const 9
  jump b4
b4:
  v19 = const 9
  v20 = const 7
  return v20
}
",
    );
}

#[test]
fn blocks_that_lead_on_are_skipped_and_lines_joined() {
    becomes(
        "blocks",
        "function f(v0: w, v1: w) -> w {
b0:
  branch v0, b1, b2 @1
b1:
  v2 = const 6 @2
  jump b3(v2) @3
b2:
  v3 = const 14 @4
  jump b3(v3) @5
b3(v4: w):
  v5 = const 6 @6
  branch compare.ne v4 v5, b4, b5 @7
b4:
  jump b6 @8
b5:
  return v0 @9
b6:
  v6 = add v0 v1 @10
  return v6
}
",
        "function f(v0: w, v1: w) -> w {
b0:
  branch v0, b1, b2 @1
b1:
  v2 = const 6 @2
  return v0 @9
b2:
  v3 = const 14 @4
  v6 = add v0 v1 @10
  return v6
}
",
    );
}

#[test]
fn loops_of_nothing_stay() {
    let text = "function f(v0: w) -> w {
b0:
  branch v0, b1, b2
b1:
  jump b1
b2:
  jump b2
}
";
    becomes("blocks", text, text);
}

#[test]
fn without_fuel_only_unreachable_blocks_go() {
    let text = "function f(v0: w) -> w {
b0:
  jump b2(v0)
b1:
  jump b2(v0)
b2(v1: w):
  v2 = add v1 v1
  return v1
}
";
    let mut function = parse(text).unwrap().remove(0);
    let mut fuel = OptimisationFuel::limited(0);
    optimise(&mut function, &mut fuel);
    verify(&function, &[]).unwrap();
    let expected = "function f(v0: w) -> w {\nb0:\n  jump b1(v0)\nb1(v1: w):\n  v2 = add v1 v1\n  return v1\n}\n";
    assert_eq!(function.to_string(), expected);
    let mut fuel = OptimisationFuel::limited(100);
    optimise(&mut function, &mut fuel);
    assert_eq!(function.to_string(), "function f(v0: w) -> w {\nb0:\n  return v0\n}\n");
    assert!(fuel.left() < 100);
}

/// How long the whole pipeline takes: run in release mode, with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn time_of_the_pipeline() {
    let size = Size { statements: 40, ..Size::default() };
    let functions: Vec<Function> = (0..400)
        .flat_map(|seed| unit(&mut stream(seed), &size))
        .filter(|function| (250..350).contains(&function.blocks.iter().map(|data| data.insts.len()).sum::<usize>()))
        .collect();
    let mut best = [std::time::Duration::MAX; 2];
    for _ in 0..20 {
        let mut copies = functions.clone();
        let start = std::time::Instant::now();
        copies.iter_mut().for_each(|function| optimise(function, &mut OptimisationFuel::unlimited()));
        best[0] = best[0].min(start.elapsed());
        let start = std::time::Instant::now();
        copies.iter_mut().for_each(|function| optimise(function, &mut OptimisationFuel::unlimited()));
        best[1] = best[1].min(start.elapsed());
    }
    let count = functions.len() as u32;
    println!("{count} functions: {:?} each, {:?} once more", best[0] / count, best[1] / count);
}
