//! What the prompt says of names: `,doc`, `,apropos`, and how each name that can be completed is called.
//!
//! A definition of the program's own hides what is said of the name that is built in.

use maru_core::abi::layout::{Kind, Value};
use maru_language::interp::documentation::{self, Entry};
use maru_language::interp::expand::core_form_names;
use maru_language::runtime::{Runtime, Symbol};
use maru_language::syntax::print::{parameters_text, text_within, Style};
use std::fmt::Write;

/// How many bytes of a value are shown, about.
const LONGEST_VALUE: usize = 200;

/// A name that can be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is typed.
    pub name: String,
    /// How it is called, if it can be.
    pub call: Option<String>,
}

/// The names that an environment, a value, knows, those of the core forms among them.
pub fn completions(runtime: &Runtime, environment: Value) -> Vec<Completion> {
    let sections = documentation::sections(runtime);
    let entries: Vec<&Entry> = sections.iter().flat_map(|section| &section.entries).collect();
    let index = runtime.index(environment);
    let symbols = runtime.names_in(index).into_iter();
    let bound = symbols.map(|symbol| {
        let name = runtime.symbols.name(symbol).to_string();
        let call = own_call(runtime, environment, symbol).or_else(|| built_in_call(&entries, &name));
        Completion { name, call }
    });
    let core = core_form_names().map(|name| Completion { name: name.to_string(), call: built_in_call(&entries, name) });
    bound.filter(|completion| !completion.name.starts_with('%') || completion.name == "%").chain(core).collect()
}

fn built_in_call(entries: &[&Entry], name: &str) -> Option<String> {
    let entry = entries.iter().find(|entry| entry.names().any(|found| found == name))?;
    entry.calls_of(name).next().filter(|call| call.starts_with('(')).map(String::from)
}

/// How a function of the program's own is called.
fn own_call(runtime: &Runtime, environment: Value, symbol: Symbol) -> Option<String> {
    let value = runtime.value_in(runtime.index(environment), symbol)?;
    let function = match runtime.is_kind(value, Kind::Form) {
        true => runtime.field(value, maru_core::abi::layout::offset::FORM_FUNCTION),
        false => value,
    };
    let prototype = runtime.prototype(function)?;
    if prototype.position.source == runtime.extensions.prelude {
        return None;
    }
    let parameters = parameters_text(runtime, prototype);
    let (parameters, name) = (parameters.trim_start_matches('('), runtime.symbols.name(symbol));
    let space = if parameters == ")" { "" } else { " " };
    Some(format!("({name}{space}{parameters}"))
}

/// `,doc NAME`.
///
/// # Errors
/// When there is nothing of that name.
pub fn documentation(runtime: &mut Runtime, name: &str, environment: Value) -> Result<String, String> {
    let symbol = runtime.symbol(name);
    if let Some(call) = own_call(runtime, environment, symbol) {
        return Ok(format!("{call}\n{}\n", defined_at(runtime, environment, symbol)));
    }
    let value = runtime.value_in(runtime.index(environment), symbol);
    match (documentation::find(runtime, name), value) {
        (Some(entry), _) => Ok(entry.text()),
        (None, Some(value)) => Ok(format!("{name} is {}\n", text_within(runtime, value, Style::Dump, LONGEST_VALUE))),
        (None, None) => Err(format!("nothing is called {name}; ,apropos {name} looks for it in other names")),
    }
}

fn defined_at(runtime: &Runtime, environment: Value, symbol: Symbol) -> String {
    let value = runtime.value_in(runtime.index(environment), symbol);
    let prototype = value.and_then(|value| runtime.prototype(value));
    match prototype.and_then(|prototype| runtime.sources.locate(prototype.position)) {
        Some((file, line, column)) => format!("Defined at {file}:{line}:{column}."),
        None => "Defined by the program.".into(),
    }
}

/// `,apropos TEXT`: what is built in and has the text in its name or in what is said of it, and names of the program's.
///
/// # Errors
/// When nothing has.
pub fn apropos(runtime: &mut Runtime, text: &str, environment: Value) -> Result<String, String> {
    let wanted = text.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let mut answer = String::new();
    let mut own: Vec<Completion> = completions(runtime, environment);
    own.retain(|completion| has(&completion.name));
    own.sort_by(|a, b| a.name.cmp(&b.name));
    for Completion { name, call } in own {
        if documentation::find(runtime, &name).is_none() {
            let _ = writeln!(answer, "{}", call.unwrap_or(name));
        }
    }
    for entry in documentation::sections(runtime).iter().flat_map(|section| &section.entries) {
        let named: Vec<&str> = entry.calls.iter().copied().filter(|call| has(call)).collect();
        let shown = if named.is_empty() { &entry.calls[..1] } else { &named[..] };
        if !named.is_empty() || has(&entry.sentence) {
            let _ = writeln!(answer, "{}\n    {}", shown.join(" "), entry.sentence);
        }
    }
    match answer.is_empty() {
        true => Err(format!("nothing that is built in or defined has '{text}' in its name or in what is said of it")),
        false => Ok(answer),
    }
}
