//! The conformance suite, as any format's own program gets it: all case files and generated programs, in libraries of
//! this format, compared with the interpreter.

use maru_conformance::{check_format, Profile};
use maru_with_template as _;

#[test]
fn the_suite_finds_nothing() {
    check_format("template", Profile::Test);
}
