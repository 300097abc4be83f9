//! A second meaning of Maru programs: an interpreter written from the language's reference, in the plainest way, that
//! shares no code with Maru's own. Where both say the same, a fault would have to be made twice.
//!
//! ```text
//! read       text → forms, each with its place
//! interpret  evaluation: forms, scopes, calls
//! forms      the language's own forms: binding, control, templates, classes
//! primitives the functions that are built in; number: arithmetic
//! print      values → text
//! ```
//!
//! It need not know everything: of what it was not taught it has no opinion, and says why. It may be slow.

mod environment;
mod forms;
mod interpret;
mod number;
mod primitives;
mod print;
mod read;
mod value;

use interpret::{Machine, Stop};
use value::Value;

/// How a program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With the values of all its forms.
    Values,
    /// With an error that nobody catches.
    Error {
        /// Its kind.
        kind: String,
        /// Its irritants, dumped, if they are known.
        irritants: Option<String>,
        /// Line and column, if they are known.
        position: Option<(u32, u32)>,
    },
    /// With a value raised that is no error, dumped.
    Raised(Option<String>),
    /// It asks to end with this status.
    Exit(i64),
}

/// What a program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The values of its forms up to the end, dumped; `None` where the model cannot write one.
    pub values: Vec<Option<String>>,
    /// What it prints.
    pub output: String,
    /// How it ends.
    pub end: End,
}

/// The names of all functions that the model knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    primitives::names()
}

/// What a program does, read form by form and evaluated in an environment of its own; `is_bound` says whether Maru binds
/// a name, which the model may know nothing of.
///
/// # Errors
/// No opinion, and why.
pub fn meaning(text: &str, is_bound: &dyn Fn(&str) -> bool) -> Result<Meaning, String> {
    let mut machine = Machine::new(text, is_bound);
    let mut reader = read::Reader::new(text);
    let mut values = Vec::new();
    let end = loop {
        let form = match reader.next() {
            Ok(Some(form)) => form,
            Ok(None) => break End::Values,
            Err(read::Unreadable) => return Err("it is written in a way that the model does not read".into()),
        };
        machine.rewind(0, 1);
        let here = machine.here.clone();
        match machine.evaluate(&form.0, form.1, &here) {
            Ok(value) => values.push(print::text(&value, true)),
            Err(Stop::NoOpinion(why)) => return Err(why),
            Err(Stop::Exit(status)) => break End::Exit(status),
            Err(Stop::Raised(value)) => break raised(&machine, &value),
        }
    };
    machine.rewind(0, 1);
    Ok(Meaning { values, output: machine.output.pop().unwrap_or_default(), end })
}

fn raised(machine: &Machine, value: &Value) -> End {
    let Value::Error(fault) = value else { return End::Raised(print::text(value, true)) };
    let irritants = fault.irritants.as_ref().and_then(|irritants| print::text(irritants, true));
    let position = fault.place.get().map(|place| machine.line_and_column(place));
    End::Error { kind: fault.kind.into(), irritants, position }
}
