//! The generator: the same programs for the same numbers, variety, and shrinking that keeps what it must.

use maru_conformance::generate::{CaseId, Family, Prediction, ProgramTree, Programs};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::HashSet;

#[test]
fn programs_follow_from_their_numbers() {
    let mut texts = HashSet::new();
    for family in Family::ALL {
        for seed in 0..50 {
            let id = CaseId { family, seed };
            let text = id.program().to_string();
            assert_eq!(text, id.to_string().parse::<CaseId>().expect("its own name").program().to_string());
            texts.insert(text);
        }
    }
    assert!(texts.len() > 190, "only {} different programs", texts.len());
}

/// Parentheses outside of strings match, and no name is left without a number.
fn is_balanced(text: &str) -> bool {
    let mut depth = 0i64;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => loop {
                match characters.next() {
                    Some('\\') => drop(characters.next()),
                    Some('"') | None => break,
                    Some(_) => {}
                }
            },
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_are_well_formed(program in Programs(Family::Typed)) {
        prop_assert!(is_balanced(&program.to_string()));
        prop_assert_eq!(program.prediction, Prediction::Value);
    }

    #[test]
    fn shrinking_ends_with_next_to_nothing(seed in any::<u64>()) {
        for family in Family::ALL {
            let program = CaseId { family, seed }.program();
            let mut tree = ProgramTree::new(program, false);
            // Everything fails: every step is taken.
            let mut steps = 0;
            while tree.simplify() {
                steps += 1;
                prop_assert!(steps < 20_000, "shrinking does not end");
            }
            let smallest = tree.current().to_string();
            prop_assert!(smallest.lines().count() <= 8, "{}", smallest);
        }
    }

    #[test]
    fn shrinking_gives_up_where_nothing_smaller_fails(seed in any::<u64>()) {
        let program = CaseId { family: Family::Typed, seed }.program();
        let mut tree = ProgramTree::new(program.clone(), false);
        let mut steps = 0;
        if tree.simplify() {
            while tree.complicate() {
                steps += 1;
                prop_assert!(steps < 200_000, "shrinking does not end");
            }
        }
        prop_assert_eq!(tree.current().to_string(), program.to_string());
    }
}
