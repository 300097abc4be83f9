//! The commands, one file each.

pub mod build;
pub mod cache;
pub mod conform;
pub mod disasm;
pub mod doctor;
pub mod explore;
pub mod key;
pub mod repl;
pub mod run;
pub mod shelf;
pub mod targets;

use crate::arguments::Command;
use crate::streams;
use crate::trouble::Trouble;
use maru_language::runtime::{standard_output, write_patiently};
use std::process::ExitCode;

/// Do what the command line asks for.
///
/// # Errors
/// Why it cannot be done.
pub fn run(command: Command) -> Result<ExitCode, Trouble> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Build(arguments) => build::build(&arguments),
        Command::Targets(arguments) => targets::targets(&arguments),
        Command::Conform(arguments) => conform::conform(&arguments),
        Command::Disasm(arguments) => disasm::disasm(&arguments),
        Command::Explore(arguments) => explore::explore(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Repl(arguments) => repl::repl(&arguments),
        Command::Completions(arguments) => shelf::completions(&arguments),
        Command::Manual(arguments) => shelf::manual(&arguments),
        Command::Key(command) => key::key(&command),
        Command::Cache(command) => cache::cache(&command),
    }
}

/// Print a command's answer.
///
/// # Errors
/// When standard output cannot take it: a full disk, a closed file.
pub fn print(text: &str) -> Result<(), Trouble> {
    print_bytes(text.as_bytes())
}

/// Print a command's answer that need not be text.
///
/// # Errors
/// As `print`.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Trouble> {
    check_output()?;
    let written = standard_output().and_then(|output| write_patiently(output, bytes));
    written.map_err(|error| lost_output(&error))
}

/// Check that there was a standard output for what was printed.
///
/// # Errors
/// When it was closed from the start.
pub fn check_output() -> Result<(), Trouble> {
    match streams::output_is_closed() {
        true => Err(Trouble::failed("standard output: it is closed, or not open for writing")),
        false => Ok(()),
    }
}

/// Standard output cannot take what is printed.
pub fn lost_output(error: &std::io::Error) -> Trouble {
    Trouble::failed(format!("standard output: {error}"))
}
