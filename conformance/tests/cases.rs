//! The case files and regressions, interpreted and compiled for every target that runs here, and a share of them in its
//! other formats. The other ways
//! of running them, under stress and compiled when hot, are `maru conform`'s, which `./test` runs as well.

use maru_conformance::engine::Mode;
use maru_conformance::report::Cell;
use maru_conformance::{run, Conform, CASES};

#[test]
fn all_case_files_in_every_cell() {
    let modes = vec![Mode::Interpreter, Mode::Native];
    let conform = Conform { cases: 0, modes, progress: false, ..Conform::default() };
    let report = run(&conform).expect("a run");
    assert!(!report.failed(), "\n{}", report.text());
    let ran = report.rows.iter().filter(|row| row.skipped.is_none());
    for row in ran {
        let Cell::Ran { passed, .. } = row.cell("cases") else { panic!("{} ran no cases", row.configuration.name()) };
        let least = if row.configuration.every == 1 { 10 * CASES.len() } else { 1 };
        assert!(passed as usize >= least, "{}: only {passed} expectations", row.configuration.name());
    }
}
