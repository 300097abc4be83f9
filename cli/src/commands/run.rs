//! `maru run`: a program, from its source or from a library.

use crate::arguments::Run;
use crate::profile::{self, Sampler};
use crate::program::{self, Program};
use crate::trouble::{self, Trouble};
use crate::{identity, interrupt, keys, options, session, statistics};
use maru_compiler::load::{self, NO_PLACE};
use maru_compiler::unit::{self, HasUnits};
use maru_core::abi::layout::Value;
use maru_language::interp;
use maru_language::runtime::{Failure, Outcome, Runtime, Strategy};
use maru_language::syntax::print::Style;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// What a program is called that stands on the command line.
const WRITTEN: &str = "<command line>";

/// Run a program; its exit status.
///
/// # Errors
/// When the call is wrong or there is no runtime to be had.
pub fn run(arguments: Run) -> Result<ExitCode, Trouble> {
    let start = Instant::now();
    let mut options = options::options(&arguments.selection, &arguments.execution)?;
    options.keep = identity::kept_code()?;
    options.trusted = keys::trusted(&arguments.trust)?;
    options.sandbox = options::grants(&arguments.sandbox)?;
    let (file, given) = arguments.split()?;
    let program = match &file {
        Some(file) => program::read(file, &options.trusted)?,
        None => Program::Source([&arguments.evaluate[..], &arguments.print].concat().join("\n")),
    };
    let name = file.as_ref().map_or(WRITTEN.into(), |file| file.display().to_string());
    match &program {
        Program::Source(_) => options::check_runnable(&options)?,
        Program::Library(..) if options.sandbox.as_ref().is_some_and(|grants| !grants.native) => {
            let message = format!(
                "{name}: a library is machine code, which no sandbox holds; run its source, or add --allow-native"
            );
            return Err(Trouble::wrong_call(message));
        }
        Program::Library(format, architecture, machine, _) => {
            options::fit_library(&mut options, &name, *format, *architecture, *machine)?;
        }
    }
    if arguments.profile.is_some() {
        load::keep_files_for_symbols();
    }
    session::with_runtime(options, arguments.execution.max_stack, |runtime| {
        if let Some(time) = arguments.execution.time {
            interrupt::ask_after(time);
        }
        interp::set_arguments(runtime, given)
            .map_err(|Failure| Trouble::failed("memory for the program's arguments is out"))?;
        let mut sampler = arguments.profile.as_ref().map(|_| Sampler::over(runtime)).transpose()?;
        let outcome = match program {
            Program::Source(text) => interp::run_program(runtime, &name, &text),
            Program::Library(.., bytes) => run_library(runtime, Path::new(&name), &bytes)?,
        };
        let outcome = match arguments.print.is_empty() {
            true => outcome,
            false => outcome.and_then(|value| print(runtime, value)),
        };
        let status = session::conclude(runtime, outcome);
        let is_text = runtime.native.units().architecture.is_some_and(|target| target.source().is_some());
        let is_refused = runtime.native.units().unavailable().is_some_and(|reason| reason.starts_with(NO_PLACE));
        if runtime.options.strategy != Strategy::Direct || is_text || is_refused {
            // Who asks for a strategy wants to know that it fails, and who has a directory that is not his own, that; the
            // program was interpreted.
            runtime
                .native
                .units()
                .unavailable()
                .iter()
                .for_each(|reason| trouble::say(format_args!("nothing was compiled: {reason}")));
        }
        if let Some((sampler, graph)) = sampler.as_mut().zip(arguments.profile.as_ref()) {
            runtime.flush_output();
            profile::write(sampler, runtime, graph)?;
        }
        runtime.native.units().refused_directories.iter().for_each(trouble::say);
        if let Some(report) = arguments.execution.stats {
            runtime.flush_output();
            statistics::print(runtime, report, start.elapsed());
        }
        Ok(status)
    })
}

/// Print what the program came to, as the prompt does.
fn print(runtime: &mut Runtime, value: Value) -> Outcome {
    runtime.roots.push(value);
    let printed = interp::print_value(runtime, value, Style::Dump).and_then(|()| runtime.write_output("\n"));
    runtime.roots.pop();
    printed.map(|()| value)
}

/// Load a library and run its top-level forms, one after another.
fn run_library(runtime: &mut Runtime, path: &Path, bytes: &[u8]) -> Result<Outcome, Trouble> {
    let base = runtime.roots.len();
    let program = unit::open_program(runtime, path, bytes).map_err(Trouble::rendered)?;
    let outcome = interp::in_file(runtime, path, |runtime| program.run(runtime));
    runtime.roots.truncate(base);
    Ok(outcome)
}
