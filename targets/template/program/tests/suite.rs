//! The conformance suite, as any target's own crate gets it: all case files and generated programs, compared with the
//! interpreter.

use maru_conformance::{check, Profile};
use maru_with_template as _;

#[test]
fn the_suite_finds_nothing() {
    check("template", Profile::Test);
}
