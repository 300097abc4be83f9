//! How one comes from a variable to something in its value: for messages that say what cannot be saved.

use crate::runtime::{Runtime, Symbol};
use crate::syntax::print;
use crate::value::{Kind, Value};

/// A step from something to a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The value of a variable.
    Variable(Symbol),
    /// The first part of a pair.
    First,
    /// The rest of a pair.
    Rest,
    /// An element of an array.
    Element(usize),
    /// A key of a table.
    Key,
    /// What a table has for a key.
    ValueOf(Value),
    /// A field of an instance.
    Field(Symbol),
    /// A variable that a function captures: its name, a symbol or nil.
    Captured(Value),
    /// The value of such a variable.
    Content,
    /// The function of a macro.
    Expansion,
    /// The code of a function.
    Code,
    /// The environment of a function, or the one that another has as its parent.
    Environment,
    /// The class of an instance, or above another one.
    Class,
    /// A method of a selector, by its number.
    Method(usize),
    /// A part of an error.
    Irritants,
}

/// Where something that is saved was come upon: in another one, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) holder: Option<usize>,
    pub(super) step: Step,
}

/// The steps in words, from the first on. Those along a list are one, the number of the element.
pub(super) fn in_words(runtime: &Runtime, steps: &[Step]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rests = 0;
    for step in steps {
        if let Step::Rest = step {
            rests += 1;
            continue;
        }
        let passed = std::mem::take(&mut rests);
        match step {
            Step::First => words.push(format!("element {passed}")),
            _ => {
                words.extend((passed > 0).then(|| format!("the rest after {passed} elements")));
                words.push(one(runtime, step));
            }
        }
    }
    words.extend((rests > 0).then(|| format!("the rest after {rests} elements")));
    words.join(", ")
}

fn one(runtime: &Runtime, step: &Step) -> String {
    let name = |symbol: &Symbol| runtime.symbols.name(*symbol).to_string();
    match step {
        Step::Variable(symbol) => format!("'{}'", name(symbol)),
        Step::First | Step::Rest => "a part of the list".into(),
        Step::Element(index) => format!("element {index}"),
        Step::Key => "a key".into(),
        Step::ValueOf(key) if is_short(runtime, *key) => {
            format!("the value of {}", short(&print::text(runtime, *key, print::Style::Dump)))
        }
        Step::ValueOf(_) => "the value of a key".into(),
        Step::Field(symbol) => format!("field {}", name(symbol)),
        Step::Captured(value) => match runtime.as_symbol(*value) {
            Some(symbol) => format!("its variable {}", name(&symbol)),
            None => "its variable".into(),
        },
        Step::Content => String::from("the value"),
        Step::Expansion => "the macro's function".into(),
        Step::Code => "the function's code".into(),
        Step::Environment => "the environment".into(),
        Step::Class => "the class".into(),
        Step::Method(index) => format!("method {index}"),
        Step::Irritants => "the irritants".into(),
    }
}

fn is_short(runtime: &Runtime, key: Value) -> bool {
    !key.is_pair() && matches!(runtime.kind(key), None | Some(Kind::Symbol | Kind::String | Kind::Double))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
