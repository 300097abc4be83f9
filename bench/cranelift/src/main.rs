//! `maru-cranelift`: compiles the functions of the benchmark programs by Cranelift and by Maru's own target, from the
//! same IR, and shows what each takes and makes.

#![allow(missing_docs)]

mod program;
mod table;
mod target;
mod translate;

use maru_formats as _;
use maru_targets as _;

use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compares Cranelift with Maru's own target
#[derive(Parser)]
#[command(name = "maru-cranelift", version, args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: Compare,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a program, compiled before its first call
    Run {
        /// The program
        file: PathBuf,
        /// x64, cranelift-speed or cranelift-none
        #[arg(long, default_value = "cranelift-speed")]
        target: String,
    },
}

/// What is compared.
#[derive(Args)]
pub struct Compare {
    /// Only these programs
    #[arg(long, value_delimiter = ',', value_name = "PROGRAM,…")]
    only: Vec<String>,
    /// How often each function is compiled, and each program run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Also run the programs
    #[arg(long)]
    run: bool,
    /// Repeat the work of a program this many times as often
    #[arg(long, default_value_t = 0.2)]
    scale: f64,
    /// Seconds that one run may take
    #[arg(long, default_value_t = 60.0)]
    timeout: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.command {
        Some(Command::Run { file, target }) => program::run(&file, &target),
        None => table::show(&options.compare, &programs()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("maru-cranelift: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Where the programs are.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("programs")
}
