//! The commands, one file each.

pub mod build;
pub mod conform;
pub mod disasm;
pub mod doctor;
pub mod repl;
pub mod run;
pub mod targets;

use crate::arguments::Command;
use crate::trouble::Trouble;
use std::io::Write;
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
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Repl(arguments) => repl::repl(&arguments),
    }
}

/// Print a command's answer.
///
/// # Errors
/// When standard output cannot take it: a full disk, a closed file.
pub fn print(text: &str) -> Result<(), Trouble> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Trouble::failed(format!("standard output: {error}")))
}
