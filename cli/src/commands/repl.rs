//! `maru repl`: reads expressions and prints their values; at a terminal, with all that a person expects there.
//!
//! Its exit status is 0 where somebody typed, for he has seen what failed; and 1 if an expression from a pipe failed.

use crate::arguments::Repl;
use crate::prompt::command::{self, Answer};
use crate::prompt::documentation::{self, Completion};
use crate::prompt::input::{Input, Person, Typed};
use crate::trouble::{self, Trouble};
use crate::{identity, options, program, session};
use maru_core::abi::layout::Value;
use maru_language::interp;
use maru_language::runtime::{Failure, Outcome, Runtime};
use maru_language::syntax::print::Style;
use maru_language::syntax::Reader;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Read, evaluate, print, until the input ends.
///
/// # Errors
/// When the call is wrong, input cannot be read, or there is no runtime to be had.
pub fn repl(arguments: &Repl) -> Result<ExitCode, Trouble> {
    let mut options = options::options(&arguments.selection, &arguments.execution)?;
    options.keep = identity::kept_code()?;
    options::check_runnable(&options)?;
    let (file, given) = arguments.split()?;
    let first = match &file {
        Some(file) => Some((file.display().to_string(), program::source(file)?)),
        None => None,
    };
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut input = match is_terminal {
        true => Input::Person(Box::new(Person::new(session::shows_colour())?)),
        false => Input::Lines(0),
    };
    session::with_runtime(options, arguments.execution.max_stack, |runtime| {
        let root = runtime.roots.len();
        let global = runtime.global;
        runtime.roots.push(global);
        let mut session = Session { runtime, root, failed: false };
        if input.is_person() {
            session.say("Maru. ,help says what there is; Ctrl-D ends the session.\n");
        }
        session.begin(first, given)?;
        loop {
            if interp::exit_status(session.runtime).is_some() {
                break;
            }
            let (text, before) = match input.next(|| session.names())? {
                Typed::Text(text, before) => (text, before),
                Typed::Abandoned => continue,
                Typed::Wrong(what) => {
                    session.failed = true;
                    session.runtime.flush_output();
                    trouble::say(what);
                    continue;
                }
                Typed::End => break,
            };
            session.runtime.refill();
            if session.answer(&text, before) {
                break;
            }
            session.runtime.flush_output();
        }
        if let Some(status) = interp::exit_status(session.runtime) {
            return Ok(ExitCode::from(status as u8));
        }
        Ok(if session.failed && !input.is_person() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    })
}

/// What lasts from one text to the next.
struct Session<'r> {
    runtime: &'r mut Runtime,
    /// The current environment is this one of the runtime's roots.
    root: usize,
    /// Something failed.
    failed: bool,
}

impl Session<'_> {
    /// Run a program whose definitions shall be there; the session goes on if it fails.
    fn begin(&mut self, first: Option<(String, String)>, given: Vec<String>) -> Result<(), Trouble> {
        let Some((name, text)) = first else { return Ok(()) };
        interp::set_arguments(self.runtime, given)
            .map_err(|Failure| Trouble::failed("memory for the program's arguments is out"))?;
        let outcome = interp::run_program(self.runtime, &name, &text);
        if outcome.is_err() && interp::exit_status(self.runtime).is_none() {
            self.fail();
        }
        self.runtime.flush_output();
        Ok(())
    }

    fn environment(&self) -> Value {
        self.runtime.roots[self.root]
    }

    /// Names that can be completed.
    fn names(&self) -> Vec<Completion> {
        let commands = command::names().map(|name| Completion { name, call: None });
        documentation::completions(self.runtime, self.environment()).into_iter().chain(commands).collect()
    }

    fn say(&mut self, text: &str) {
        // A fault of the output is reported when the session ends.
        let _ = self.runtime.write_output(text);
    }

    fn fail(&mut self) {
        self.failed = true;
        session::show_failure(self.runtime);
    }

    /// Do what a text asks for, before which there were some lines; whether it ends the session.
    fn answer(&mut self, text: &str, before: u32) -> bool {
        if let Some(line) = text.trim_start().strip_prefix(',').filter(|line| line.starts_with(char::is_alphabetic)) {
            return self.command(line);
        }
        let source = self.runtime.sources.add_piece("<repl>", text.to_string(), before);
        let mut reader = Reader::new(source, text);
        loop {
            let outcome = match reader.next(self.runtime) {
                Ok(None) => return false,
                Ok(Some(form)) => self.evaluate(form),
                Err(fault) => {
                    fault.raise(self.runtime);
                    self.fail();
                    return false;
                }
            };
            if interp::exit_status(self.runtime).is_some() {
                return true;
            }
            match outcome.and_then(|value| self.show(value)) {
                Ok(()) => self.say("\n"),
                Err(Failure) => self.fail(),
            }
        }
    }

    /// Print a value, which may have more text than anybody wants to see: an interrupt ends it.
    fn show(&mut self, value: Value) -> Result<(), Failure> {
        let base = self.runtime.roots.len();
        self.runtime.roots.push(value);
        let result = interp::print_value(self.runtime, value, Style::Dump);
        self.runtime.roots.truncate(base);
        result
    }

    fn evaluate(&mut self, form: Value) -> Outcome {
        let environment = self.environment();
        interp::evaluate_toplevel(self.runtime, form, environment)
    }

    fn command(&mut self, line: &str) -> bool {
        let environment = self.environment();
        match command::run(self.runtime, line, environment) {
            Answer::Text(text) => self.say(&text),
            Answer::Enter(environment) => self.runtime.roots[self.root] = environment,
            Answer::Quit => return true,
            Answer::Failed if interp::exit_status(self.runtime).is_some() => return true,
            Answer::Failed => self.fail(),
            Answer::Refused(message) => {
                self.failed = true;
                self.runtime.flush_output();
                trouble::say(message);
            }
        }
        false
    }
}
