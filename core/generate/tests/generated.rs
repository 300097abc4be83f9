//! Tests of the generator: that what it makes verifies, ends, is read and written, and holds everything.

use maru_core::ir::*;
use maru_generate::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #[test]
    fn units_end_and_their_text_says_all(list in prop::collection::vec(any::<u64>(), 0..3000), seed: u64) {
        let size = Size { unreachable_blocks: true, ..Size::default() };
        let functions = unit(&mut choices(list), &size);
        let text = print::unit_text(&functions);
        let read = parse::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(&read, &functions);
        prop_assert_eq!(print::unit_text(&read), text);
        prop_assert_eq!(run(functions.clone(), seed), run(functions, seed));
    }
}

/// What an operation is: its name, a helper's too, or what a branch tests.
fn kind(text: &str) -> String {
    match text.split_once(' ') {
        Some(("helper", rest)) => format!("helper {}", rest.split(' ').next().unwrap()),
        Some(("branch", rest)) if !rest.starts_with('v') => format!("branch {}", rest.split(' ').next().unwrap()),
        Some((name, _)) => name.into(),
        None => text.into(),
    }
}

#[test]
fn every_operation_is_made() {
    let mut kinds = BTreeSet::new();
    let mut widest = 0;
    for seed in 0..300 {
        for function in unit(&mut stream(seed), &Size::default()) {
            widest = widest.max(function.signature.parameters.len());
            for data in &function.blocks {
                kinds.extend(data.insts.iter().map(|inst| kind(&inst.op.to_string())));
                kinds.insert(kind(&data.terminator.to_string()));
            }
        }
    }
    assert!(widest >= 20, "{widest} parameters");
    let mut expected: Vec<String> =
        ["const", "float", "has_tag", "int_to_float", "float_to_int", "float_bits", "float_from_bits"]
            .iter()
            .chain(&[
                "data",
                "function_address",
                "call",
                "jump",
                "return",
                "tail_call",
                "unreachable",
                "branch",
                "branch has_tag",
            ])
            .map(|name| name.to_string())
            .collect();
    expected.extend(Binary::ALL.iter().map(|op| op.name().to_string()));
    expected.extend(Overflowing::ALL.iter().map(|op| format!("{}.overflow", op.name())));
    expected.extend(Compare::ALL.iter().map(|op| format!("compare.{}", op.name())));
    expected.extend(Compare::ALL.iter().map(|op| format!("branch compare.{}", op.name())));
    expected.extend(FloatCompare::ALL.iter().map(|op| format!("branch float.{}", op.name())));
    expected.extend(FloatBinary::ALL.iter().map(|op| format!("float.{}", op.name())));
    expected.extend(FloatUnary::ALL.iter().map(|op| format!("float.{}", op.name())));
    expected.extend(FloatCompare::ALL.iter().map(|op| format!("float.{}", op.name())));
    expected.extend(
        Width::ALL.iter().flat_map(|width| [format!("load.{}", width.name()), format!("store.{}", width.name())]),
    );
    let helpers = Helper::ALL.iter().filter(|helper| !Helper::ARITHMETIC.contains(helper));
    expected.extend(helpers.map(|helper| format!("helper {}", helper.name())));
    for kind in expected {
        assert!(kinds.contains(&kind), "{kind} is never made");
    }
}

/// Results must depend on what functions do: nearly every unit gives different results for different arguments.
#[test]
fn results_depend_on_arguments() {
    let differing = (0..100).filter(|&seed| {
        let functions = unit(&mut stream(seed), &Size::default());
        run(functions.clone(), 1).0 != run(functions, 2).0
    });
    assert!(differing.count() > 80);
}
