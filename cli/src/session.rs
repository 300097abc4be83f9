//! A runtime on the large stack that programs run on, and how a program's end is reported.

use crate::interrupt::{self, Watch};
use crate::streams;
use crate::trouble::Trouble;
use maru_core::abi::layout::Value;
use maru_language::interp;
use maru_language::runtime::{ErrorKind, Failure, Options, Outcome, Runtime};
use maru_language::syntax::render_error;
use maru_language::value::on_large_stack;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Between these lies the size of the stack. A million nested calls in an interpreter that was built without
/// optimisation need half of the least.
const STACK_SIZES: (usize, usize) = (1 << 30, 4 << 30);

/// What the command line can do about errors of the kind `compile`, of which the compiler knows nothing.
const COMPILE_HELP: &str = "\
help: --target or MARU_TARGET_ARCH chooses what is compiled for; with --jit off, nothing is compiled that the program \
does not ask for; `maru build` makes libraries for any target, and `maru targets` lists them
";

/// Runs `body` with a fresh runtime, on a stack of at most `max_stack` bytes. Afterwards the program's output is
/// flushed.
///
/// # Errors
/// When the system refuses memory, or what `body` reports.
pub fn with_runtime<T>(
    options: Options,
    max_stack: Option<usize>,
    body: impl FnOnce(&mut Runtime) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let outcome = on_large_stack(max_stack.unwrap_or_else(stack_size), |stack| {
        let mut runtime = maru_compiler::runtime(options, stack).map_err(Trouble::failed)?;
        if streams::output_is_closed() {
            runtime.close_output();
        }
        let watch = Watch::over(&mut runtime);
        let result = body(&mut runtime);
        drop(watch);
        let result = result?;
        runtime.flush_output();
        match runtime.take_output_fault() {
            Some(error) => Err(Trouble::failed(format!("standard output: {error}"))),
            None => Ok(result),
        }
    });
    outcome.map_err(|error| Trouble::failed(format!("memory for the stack that programs run on: {error}")))?
}

/// An eighth of the machine's memory: a recursion without end must become an error before it becomes a burden.
fn stack_size() -> usize {
    // SAFETY: the function has no preconditions.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    let memory = usize::try_from(pages).unwrap_or(0).saturating_mul(usize::try_from(size).unwrap_or(0));
    (memory / 8).clamp(STACK_SIZES.0, STACK_SIZES.1)
}

/// Evaluate a text in the global environment.
///
/// # Errors
/// The error, for people.
pub fn evaluate(runtime: &mut Runtime, name: &str, text: &str) -> Result<Value, String> {
    interp::run_program(runtime, name, text).map_err(|Failure| failure_text(runtime, false))
}

/// The status of a program that has ended, after an error that ended it was shown.
pub fn conclude(runtime: &mut Runtime, outcome: Outcome) -> ExitCode {
    if let Some(status) = interp::exit_status(runtime) {
        // As the system does: the low eight bits.
        return ExitCode::from(status as u8);
    }
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(Failure) => {
            let interrupted = runtime.error_kind(runtime.context.failure) == Some(ErrorKind::Interrupt);
            show_failure(runtime);
            if interrupted {
                return ExitCode::from(interrupt::status());
            }
            ExitCode::FAILURE
        }
    }
}

/// Show the error on its way on standard error.
pub fn show_failure(runtime: &mut Runtime) {
    runtime.flush_output();
    let mut errors = std::io::stderr().lock();
    let help = match runtime.error_kind(runtime.context.failure) {
        Some(ErrorKind::Compile) => COMPILE_HELP,
        _ => "",
    };
    let text = failure_text(runtime, errors.is_terminal() && shows_colour()) + help;
    // When standard error is closed, there is nobody to tell.
    let _ = errors.write_all(text.as_bytes());
}

/// Whether a terminal should show colours: not where `NO_COLOR` says something, or the terminal is a dumb one.
pub fn shows_colour() -> bool {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

fn failure_text(runtime: &mut Runtime, colour: bool) -> String {
    let error = runtime.take_failure();
    render_error(runtime, error, colour)
}
