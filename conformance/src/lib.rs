//! The conformance suite: the same programs on every target, with every format, in every way of running them; and
//! they must do what the interpreter does.
//!
//! ```text
//! generate   programs by the thousand: typed, with a planted error, without types, variants that must agree, metered, loops that
//!            change while they run, boundaries of instructions
//! cases      files of forms with what they must come to
//!    ↓ text
//! run → session → worker ⇉ a child process with all engines; it may crash or hang, the run goes on
//!                    engine → evaluate      interpreter, IR evaluator, native code, each also under stress
//!                           → model         a second interpreter, the crate `maru-model`
//!    ↓ observations: values, error, output, what was compiled
//! session    compared with the interpreter, with what was predicted, with the variant; shrunk
//! files      every library file written meanwhile is read back by two independent readers
//! report     a matrix without blank cells; text, JSON, JUnit, Markdown; bundles and regressions
//! ```
//!
//! A target by itself, without a runtime or a program, is what the crate `maru-trials` is for.

// The lists of plugins: what nobody names is not linked.
use maru_formats as _;
use maru_machines as _;
use maru_targets as _;

pub mod bundle;
pub mod cases;
pub mod engine;
mod evaluate;
pub mod executed;
pub mod fault;
pub mod files;
pub mod generate;
pub mod limits;
mod merge;
mod model;
pub mod outcome;
mod progress;
mod replay;
pub mod report;
mod run;
mod sampling;
mod session;
mod steps;
mod worker;

pub use evaluate::script as evaluate_script;
pub use merge::merge;
pub use replay::{replay, Replay};
pub use report::Report;
pub use run::{run, Conform, Written, CASES, REGRESSIONS};
pub use sampling::Sampling;
pub use worker::Worker;

/// How much to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// Among a crate's other tests: all case files and some hundred programs, however long they take.
    Test,
    /// For every change: some minutes at most.
    Pr,
    /// For the night: as many programs as an hour allows.
    Night,
}

/// Check a target, in a test of its own: all that the suite has for it, in this process and its children.
///
/// # Panics
/// If anything failed, or nothing could run the target's code; the message is the report.
pub fn check(target: &str, profile: Profile) {
    check_rows(Conform { target: Some(target.into()), ..Conform::default() }, profile);
}

/// Check a format in the same way: with every target that has it.
///
/// # Panics
/// As [`check`].
pub fn check_format(format: &str, profile: Profile) {
    check_rows(Conform { format: Some(format.into()), ..Conform::default() }, profile);
}

fn check_rows(rows: Conform, profile: Profile) {
    // A test shares its machine with other tests: a program that has to wait must not pass for one without an end.
    let limit = std::time::Duration::from_secs(60);
    let base = Conform { progress: false, limit, ..rows };
    let conform = match profile {
        Profile::Test => Conform { cases: 300, ..base },
        Profile::Pr => Conform { cases: 2000, time: Some(std::time::Duration::from_secs(180)), ..base },
        Profile::Night => Conform {
            cases: u64::MAX,
            time: Some(std::time::Duration::from_secs(3600)),
            sampling: Sampling::Full,
            ..base
        },
    };
    match run(&conform) {
        Ok(report) if report.failed() => panic!("\n{}", report.text()),
        Ok(report) if !report.ran_native() => panic!("nothing here runs the code:\n{}", report.text()),
        Ok(report) => println!("{}", report.text()),
        Err(message) => panic!("{message}"),
    }
}
