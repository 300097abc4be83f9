//! The case files and regressions, on every engine that runs here.

use maru_conformance::report::Cell;
use maru_conformance::{run, Conform, CASES};

#[test]
fn all_case_files_on_all_engines() {
    let conform = Conform { cases: 0, progress: false, ..Conform::default() };
    let report = run(&conform).expect("a run");
    assert!(!report.failed(), "\n{}", report.text());
    let ran = report.rows.iter().filter(|row| row.skipped.is_none());
    for row in ran {
        let Cell::Ran { passed, .. } = row.cell("cases") else { panic!("{} ran no cases", row.configuration.name()) };
        assert!(passed as usize > 10 * CASES.len(), "{}: only {passed} expectations", row.configuration.name());
    }
}
