//! `maru completions` and `maru manual`: what a system keeps of a command besides the command, made of the command line's
//! grammar.

use crate::arguments::{Cli, Completions, Manual};
use crate::trouble::Trouble;
use clap::CommandFactory;
use std::process::ExitCode;

/// Write a shell's completions of the command.
///
/// # Errors
/// When they cannot be printed.
pub fn completions(arguments: &Completions) -> Result<ExitCode, Trouble> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "maru", &mut text);
    super::print_bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Write a page of the manual: the command's, or that of one of its commands.
///
/// # Errors
/// When there is no such command, or the page cannot be printed.
pub fn manual(arguments: &Manual) -> Result<ExitCode, Trouble> {
    let mut whole = Cli::command();
    whole.build();
    let command = match &arguments.command {
        None => whole,
        Some(name) => {
            let names: Vec<&str> = whole.get_subcommands().map(clap::Command::get_name).collect();
            let unknown = format!("manual: there is no command '{name}'; there are: {}", names.join(" "));
            whole.find_subcommand(name).cloned().ok_or_else(|| Trouble::wrong_call(unknown))?
        }
    };
    let mut text = Vec::new();
    let made = clap_mangen::Man::new(command).render(&mut text);
    made.map_err(|error| Trouble::failed(format!("the page cannot be made: {error}")))?;
    super::print_bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}
