//! Commands of the prompt: `,help`, `,time`, `,disasm` and others. They look at the session and at what becomes of its
//! functions; whatever they say is said on standard output.

use super::documentation;
use crate::listing;
use maru_compiler::unit;
use maru_compiler::unit::HasUnits;
use maru_core::abi::layout::Value;
use maru_core::ir::Function;
use maru_language::interp;
use maru_language::runtime::{Failure, Outcome, Runtime};
use maru_language::syntax::print::{text_within, Style};
use std::fmt::Write;
use std::time::Instant;

/// What a command came to.
pub enum Answer {
    /// Text to show.
    Text(String),
    /// It cannot be done: a message.
    Refused(String),
    /// An error of the language is on its way.
    Failed,
    /// Another environment is the current one from now on.
    Enter(Value),
    /// The session ends.
    Quit,
}

type Run = fn(&mut Runtime, &str, Value) -> Answer;

/// A command: name, what it takes, what it does, how.
struct Command(&'static str, &'static str, &'static str, Run);

/// How many bytes of a value `,time` shows, about.
const LONGEST_VALUE: usize = 1 << 16;

const COMMANDS: &[Command] = &[
    Command("help", "", "show this list", |_, _, _| Answer::Text(help())),
    Command("doc", "NAME", "say what a name means, how it is called, an example", doc),
    Command("apropos", "TEXT", "find names by a part of them or of what they do", apropos),
    Command("macroexpand", "FORM", "show what the macros that a form calls make of it", macroexpand),
    Command("time", "EXPRESSION", "evaluate, and say what that took", time),
    Command("disasm", "FUNCTION", "show a function's machine code", disasm),
    Command("ir", "FUNCTION", "show a function's IR, as lowered and as optimised", ir),
    Command("tree", "FUNCTION", "show a function's resolved tree", tree),
    Command("env", "[ENVIRONMENT]", "show the bindings of the current environment, or of another", env),
    Command("in", "ENVIRONMENT", "make an environment the current one", enter),
    Command("quit", "", "end the session", |_, _, _| Answer::Quit),
];

/// The names of the commands, with their commas.
pub fn names() -> impl Iterator<Item = String> {
    COMMANDS.iter().map(|command| format!(",{}", command.0))
}

/// Carry out a command, given without its comma, in an environment.
pub fn run(runtime: &mut Runtime, line: &str, environment: Value) -> Answer {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let Some(Command(_, takes, _, run)) = COMMANDS.iter().find(|command| command.0 == name) else {
        let all: Vec<String> = names().collect();
        return Answer::Refused(format!("there is no command ,{name}; there are: {}", all.join(" ")));
    };
    if rest.is_empty() && !takes.is_empty() && !takes.starts_with('[') {
        return Answer::Refused(format!(",{name} takes: {takes}"));
    }
    if !rest.is_empty() && takes.is_empty() {
        return Answer::Refused(format!(",{name} takes nothing"));
    }
    run(runtime, rest, environment)
}

fn help() -> String {
    let mut text = String::from("An expression is evaluated, and its value shown. Besides there are:\n");
    for Command(name, takes, does, _) in COMMANDS {
        let call = format!(",{name} {takes}");
        let _ = writeln!(text, "  {call:<22}{does}");
    }
    text.push_str("Ctrl-C stops what runs, or gives up what is typed; Ctrl-D ends the session.\n");
    text
}

fn evaluate(runtime: &mut Runtime, text: &str, environment: Value) -> Outcome {
    interp::evaluate_text(runtime, "<repl>", text, environment)
}

fn doc(runtime: &mut Runtime, name: &str, environment: Value) -> Answer {
    documentation::documentation(runtime, name, environment).map_or_else(Answer::Refused, Answer::Text)
}

fn apropos(runtime: &mut Runtime, text: &str, environment: Value) -> Answer {
    documentation::apropos(runtime, text, environment).map_or_else(Answer::Refused, Answer::Text)
}

fn macroexpand(runtime: &mut Runtime, form: &str, environment: Value) -> Answer {
    if form.is_empty() {
        return Answer::Refused("a form is wanted: ,macroexpand (push list 1)".into());
    }
    // The form may end with a comment.
    match evaluate(runtime, &format!("(macroexpand '{form}\n (current-environment))"), environment) {
        Ok(value) => Answer::Text(format!("{}\n", text_within(runtime, value, Style::Dump, LONGEST_VALUE))),
        Err(Failure) => Answer::Failed,
    }
}

fn time(runtime: &mut Runtime, expression: &str, environment: Value) -> Answer {
    let before = (runtime.heap.statistics(&runtime.context), runtime.native.units().statistics.units);
    let start = Instant::now();
    let outcome = evaluate(runtime, expression, environment);
    let elapsed = start.elapsed();
    let heap = runtime.heap.statistics(&runtime.context);
    let Ok(value) = outcome else { return Answer::Failed };
    let mut answer = format!("{}\n", text_within(runtime, value, Style::Dump, LONGEST_VALUE));
    let allocated = heap.allocated_bytes - before.0.allocated_bytes;
    let collections = heap.collections - before.0.collections;
    let collecting = heap.pause_total - before.0.pause_total;
    let units = runtime.native.units().statistics.units - before.1;
    let _ = writeln!(
        answer,
        "{:.3} ms, {allocated} bytes allocated, {collections} collections ({:.3} ms), {units} units compiled",
        elapsed.as_secs_f64() * 1e3,
        collecting.as_secs_f64() * 1e3
    );
    Answer::Text(answer)
}

/// Do something with the IR of a function that an expression gives.
fn with_ir(
    runtime: &mut Runtime,
    expression: &str,
    environment: Value,
    optimised: bool,
    show: impl FnOnce(&mut Runtime, &[Function]) -> Result<String, String>,
) -> Result<String, Answer> {
    let function = evaluate(runtime, expression, environment).map_err(|Failure| Answer::Failed)?;
    let refused = |problem: String| Answer::Refused(format!("{expression}: {problem}"));
    let functions = unit::function_ir(runtime, function, optimised).map_err(refused)?;
    show(runtime, &functions).map_err(refused)
}

fn disasm(runtime: &mut Runtime, expression: &str, environment: Value) -> Answer {
    let shown = with_ir(runtime, expression, environment, true, |runtime, functions| {
        let architecture =
            runtime.native.units().architecture.ok_or("no target is for this host's CPU; choose one with --target")?;
        listing::listing(architecture, functions).map_err(|trouble| trouble.message().to_string())
    });
    shown.map_or_else(|answer| answer, Answer::Text)
}

fn ir(runtime: &mut Runtime, expression: &str, environment: Value) -> Answer {
    let stage = |runtime: &mut Runtime, title: &str, optimised| {
        with_ir(runtime, expression, environment, optimised, |_, functions| {
            let texts: Vec<String> = functions.iter().map(ToString::to_string).collect();
            Ok(format!("; {title}\n{}", texts.join("\n")))
        })
    };
    let lowered = stage(runtime, "as lowered", false);
    let both = lowered.and_then(|lowered| Ok(format!("{lowered}\n{}", stage(runtime, "as optimised", true)?)));
    both.map_or_else(|answer| answer, Answer::Text)
}

fn tree(runtime: &mut Runtime, expression: &str, environment: Value) -> Answer {
    let Ok(function) = evaluate(runtime, expression, environment) else { return Answer::Failed };
    match runtime.prototype(function).cloned() {
        Some(prototype) => Answer::Text(interp::tree_text::tree_text(runtime, &prototype)),
        None => Answer::Refused(format!("{expression}: not a function written in Maru")),
    }
}

/// The environment that an expression gives.
fn environment_of(runtime: &mut Runtime, expression: &str, environment: Value) -> Result<Value, Answer> {
    let value = evaluate(runtime, expression, environment).map_err(|Failure| Answer::Failed)?;
    match runtime.as_environment(value) {
        Some(_) => Ok(value),
        None => Err(Answer::Refused(format!("{expression}: not an environment"))),
    }
}

fn env(runtime: &mut Runtime, expression: &str, environment: Value) -> Answer {
    let shown = match expression {
        "" => Ok(environment),
        expression => environment_of(runtime, expression, environment),
    };
    match shown {
        Ok(shown) => Answer::Text(bindings(runtime, shown)),
        Err(answer) => answer,
    }
}

/// The bindings of an environment, a line each; of the global one, those that the program made.
fn bindings(runtime: &mut Runtime, environment: Value) -> String {
    const WIDTH: usize = 60;
    let index = runtime.index(environment);
    let own = if environment == runtime.global { runtime.prelude_cells } else { 0 };
    let mut lines = String::new();
    for cell in runtime.environments.get(index).bound.clone() {
        if cell.0 < own {
            continue;
        }
        let cell = runtime.cells.get(cell);
        let (name, value) = (runtime.symbols.name(cell.symbol).to_string(), cell.value);
        let shown = text_within(runtime, value, Style::Dump, 4 * WIDTH);
        let cut = shown.char_indices().nth(WIDTH).map_or(shown.clone(), |(at, _)| format!("{}…", &shown[..at]));
        let _ = writeln!(lines, "{name:<20} {cut}");
    }
    if lines.is_empty() {
        lines.push_str("nothing is defined here\n");
    }
    lines
}

fn enter(runtime: &mut Runtime, expression: &str, environment: Value) -> Answer {
    environment_of(runtime, expression, environment).map_or_else(|answer| answer, Answer::Enter)
}
