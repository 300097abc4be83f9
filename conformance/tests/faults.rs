//! The suite sees faults: an engine with a seeded mistake must be caught within a few hundred programs.

use maru_conformance::fault::Fault;
use maru_conformance::{run, Conform};
use std::path::PathBuf;
use std::time::Duration;

/// Programs within which each fault must be caught.
const CASES: u64 = 1500;

fn conform(fault: Fault) -> Conform {
    Conform {
        cases: CASES,
        fault: Some(fault),
        files: false,
        progress: false,
        jobs: 1,
        limit: Duration::from_secs(4),
        fail_fast: true,
        shrink: false,
        bundles: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bundles"),
        ..Conform::default()
    }
}

#[test]
fn every_seeded_fault_is_caught() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let report = run(&conform(fault)).expect("a run");
        let failures: Vec<String> = report.failures.iter().map(|f| format!("{} {}", f.engine, f.what)).collect();
        match failures.first() {
            Some(first) if first.contains(&format!("{fault:?}")) => {}
            _ => missed.push(format!("{fault:?} in {} cases: {failures:?}", report.cases)),
        }
    }
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
}

#[test]
fn failures_shrink_and_leave_a_bundle() {
    for fault in [Fault::WrongRemainder, Fault::LostIrritants, Fault::Panic] {
        let report = run(&Conform { shrink: true, ..conform(fault) }).expect("a run");
        let failure = report.failures.first().expect("a failure");
        let program = failure.program.as_ref().expect("a program");
        let lines = program.lines().count();
        assert!(lines <= 12, "{fault:?}: {lines} lines are left:\n{program}");
        let bundle = failure.bundle.as_ref().expect("a bundle");
        for file in ["program.l", "original.l", "expected.txt", "actual.txt", "configuration.json"] {
            assert!(bundle.join(file).is_file(), "{file} is missing");
        }
        assert_eq!(std::fs::read_to_string(bundle.join("program.l")).expect("the program"), *program);
        let replayed = maru_conformance::replay(&conform(fault), &bundle.display().to_string()).expect("a replay");
        assert!(replayed.failed, "{fault:?} is not seen again:\n{}", replayed.text);
    }
}

#[test]
fn a_replay_of_a_case_number_is_the_same_program() {
    let text = |what: &str| maru_conformance::replay(&Conform::default(), what).map(|replay| replay.text);
    let number = "planted:1f00ba5";
    assert_eq!(text(number), text(number));
    assert!(text("planted:nonsense").is_err());
}
