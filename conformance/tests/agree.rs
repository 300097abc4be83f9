//! Generated programs on every engine that runs here: a short run of what `maru conform` does at length.

use maru_conformance::engine::Mode;
use maru_conformance::{run, Conform, Report};

fn assert_good(conform: &Conform) -> Report {
    let report = run(conform).expect("a run");
    assert!(!report.failed(), "\n{}", report.text());
    report
}

#[test]
fn all_engines_agree() {
    let conform = Conform { cases: 120, seed: 11, files: false, progress: false, jobs: 1, ..Conform::default() };
    let report = assert_good(&conform);
    for row in report.rows.iter().filter(|row| row.skipped.is_none() && row.configuration.mode.compiles()) {
        assert!(row.units > 0, "{} compiled nothing", row.configuration.name());
    }
}

#[test]
fn the_interpreter_does_what_programs_were_made_for_and_everything_wanted_comes_up() {
    let modes = vec![Mode::Interpreter];
    assert_good(&Conform { cases: 800, modes, files: false, progress: false, jobs: 1, ..Conform::default() });
}

#[test]
fn shards_share_the_cases() {
    let shard = |part| {
        let modes = vec![Mode::Interpreter];
        let shard = (part, 3);
        assert_good(&Conform { cases: 20, modes, shard, files: false, progress: false, jobs: 2, ..Conform::default() })
    };
    let counts: Vec<u64> = (1..=3).map(|part| shard(part).cases).collect();
    assert_eq!(counts, [7, 7, 6]);
}
