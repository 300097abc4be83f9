//! `maru run`: a program, from its source or from a library.

use crate::arguments::Run;
use crate::program::{self, Program};
use crate::trouble::Trouble;
use crate::{options, session, statistics};
use maru_core::format::ObjectFormat;
use maru_core::interp;
use maru_core::runtime::{Failure, Outcome, Runtime};
use maru_core::unit;
use maru_core::value::Value;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Run a program; its exit status.
///
/// # Errors
/// When the call is wrong or there is no runtime to be had.
pub fn run(arguments: Run) -> Result<ExitCode, Trouble> {
    let start = Instant::now();
    let options = options::options(&arguments.selection, &arguments.execution)?;
    options::check_host(&options)?;
    let program = program::read(&arguments.file)?;
    let name = arguments.file.display().to_string();
    if let Program::Library(format) = program {
        check_loadable(&name, format)?;
    }
    session::with_runtime(options, arguments.execution.max_stack, |runtime| {
        interp::set_arguments(runtime, arguments.arguments)
            .map_err(|Failure| Trouble::failed("memory for the program's arguments is out"))?;
        let outcome = match program {
            Program::Source(text) => interp::run_program(runtime, &name, &text),
            Program::Library(_) => run_library(runtime, &arguments.file)?,
        };
        let status = session::conclude(runtime, outcome);
        if let Some(report) = arguments.execution.stats {
            runtime.flush_output();
            statistics::print(runtime, report, start.elapsed());
        }
        Ok(status)
    })
}

/// This host's loader opens libraries of its own format only.
fn check_loadable(name: &str, format: &dyn ObjectFormat) -> Result<(), Trouble> {
    if format.is_host() {
        return Ok(());
    }
    let format = format.name();
    Err(Trouble::wrong_call(format!(
        "{name}: a library in the format {format}, which this host's loader does not open; build it for this host"
    )))
}

/// Load a library and run its top-level forms, one after another.
fn run_library(runtime: &mut Runtime, path: &Path) -> Result<Outcome, Trouble> {
    let base = runtime.roots.len();
    let forms = unit::open_program(runtime, path).map_err(Trouble::rendered)?;
    runtime.roots.extend(&forms);
    let outcome = interp::in_file(runtime, path, |runtime| {
        forms.iter().try_fold(Value::NIL, |_, form| interp::call(runtime, *form, &[]))
    });
    runtime.roots.truncate(base);
    Ok(outcome)
}
