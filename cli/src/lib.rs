//! The `maru` command: run, build and examine programs, list targets, run the conformance suite.
//!
//! It is a library, so that whoever has a plugin of their own makes a command that knows it, besides all that Maru
//! comes with:
//!
//! ```no_run
//! # mod maru_mine {}
//! use maru_mine as _; // What nobody names is not linked.
//! fn main() -> std::process::ExitCode {
//!     maru::main()
//! }
//! ```

mod arguments;
mod commands;
mod explore;
mod identity;
mod interrupt;
mod keys;
mod listing;
mod options;
mod profile;
mod program;
mod prompt;
mod session;
mod statistics;
mod streams;
mod table;
mod trouble;
mod variables;

// The lists of plugins that Maru comes with.
use maru_formats as _;
use maru_machines as _;
use maru_targets as _;

use std::process::ExitCode;
use trouble::Trouble;

/// The whole command: what this process was called with is done; the status to end with.
pub fn main() -> ExitCode {
    die_of_closed_pipes();
    let outcome = check_plugins().and_then(|()| arguments::parse()).and_then(commands::run);
    outcome.unwrap_or_else(|trouble| trouble.report())
}

/// Plugins come from wherever this program's author took them.
fn check_plugins() -> Result<(), Trouble> {
    let names = maru_core::registry::check_names().and_then(|()| maru_compiler::machine::check_names());
    names.map_err(Trouble::wrong_call)
}

/// A process that writes to a pipe which nobody reads any more should end without a word, as others do. Rust asks
/// the system to report an error instead, which an endless program would have to look for.
fn die_of_closed_pipes() {
    // SAFETY: nothing else has been started yet, and the default action needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
