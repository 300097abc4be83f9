//! `maru repl`: reads expressions and prints their values. Prompts only where a person types.

use crate::arguments::Repl;
use crate::trouble::Trouble;
use crate::{options, session};
use maru_core::interp;
use maru_core::runtime::{Failure, Outcome, Runtime};
use maru_core::syntax::{Fault, Reader};
use maru_core::value::print::{self, Style};
use maru_core::value::Value;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// Read, evaluate, print, until the input ends.
///
/// # Errors
/// When the call is wrong, input cannot be read, or there is no runtime to be had.
pub fn repl(arguments: &Repl) -> Result<ExitCode, Trouble> {
    let options = options::options(&arguments.selection, &arguments.execution)?;
    options::check_host(&options)?;
    let interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    session::with_runtime(options, arguments.execution.max_stack, |runtime| {
        let mut text = String::new();
        loop {
            if interactive {
                prompt(runtime, if text.is_empty() { "maru> " } else { "...   " });
            }
            let complete = match read_line(&mut text)? {
                true => evaluate_all(runtime, &text, false),
                false => evaluate_all(runtime, &text, true).or(Some(Ended::AtEnd)),
            };
            match complete {
                Some(Ended::Exit) => return Ok(session::conclude(runtime, Ok(Value::NIL))),
                Some(Ended::AtEnd) => break,
                Some(Ended::Line) => text.clear(),
                None => {}
            }
        }
        if interactive {
            prompt(runtime, "\n");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// How far a text was evaluated.
enum Ended {
    /// All of it was.
    Line,
    /// It asked to exit.
    Exit,
    /// There is no more of it.
    AtEnd,
}

fn prompt(runtime: &mut Runtime, text: &str) {
    let _ = runtime.write_output(text);
    runtime.flush_output();
}

/// Append a line; whether there was one.
fn read_line(text: &mut String) -> Result<bool, Trouble> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_until(b'\n', &mut bytes);
    read.map_err(|error| Trouble::failed(format!("standard input: {error}")))?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    Ok(!bytes.is_empty())
}

/// Evaluate the forms of a text and print their values. `None` if the text is incomplete and more may come.
fn evaluate_all(runtime: &mut Runtime, text: &str, last: bool) -> Option<Ended> {
    if !last && is_incomplete(runtime, text) {
        return None;
    }
    let source = runtime.sources.add("<repl>", text.to_string());
    let mut reader = Reader::new(source, text);
    loop {
        let outcome = match reader.next(runtime) {
            Ok(None) => return Some(if last { Ended::AtEnd } else { Ended::Line }),
            Ok(Some(form)) => evaluate(runtime, form),
            Err(fault) => {
                fault.raise(runtime);
                session::show_failure(runtime);
                return Some(if last { Ended::AtEnd } else { Ended::Line });
            }
        };
        if interp::exit_status(runtime).is_some() {
            return Some(Ended::Exit);
        }
        match outcome {
            Ok(value) => show(runtime, value),
            Err(Failure) => session::show_failure(runtime),
        }
    }
}

fn is_incomplete(runtime: &mut Runtime, text: &str) -> bool {
    let mut reader = Reader::new(u32::MAX, text);
    loop {
        match reader.next(runtime) {
            Ok(None) => return false,
            Ok(Some(_)) => {}
            Err(error) => return error.kind == Fault::Incomplete,
        }
    }
}

fn evaluate(runtime: &mut Runtime, form: Value) -> Outcome {
    let environment = runtime.global;
    interp::evaluate_toplevel(runtime, form, environment)
}

fn show(runtime: &mut Runtime, value: Value) {
    let text = print::text(runtime, value, Style::Dump);
    let _ = runtime.write_output(&text);
    let _ = runtime.write_output("\n");
}
