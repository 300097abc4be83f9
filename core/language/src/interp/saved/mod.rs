//! What is saved of an environment, or of a built program: all values that it refers to, as data in one table.
//!
//! A value is named by a word: one without identity (nil, `#t`, a small number, a symbol) by itself, everything else by
//! `(number)`, its place in the table. An entry says what is there:
//!
//! ```text
//! (pair word word [position])           position: where the pair stands in a source, if it was read there
//! (array word…)  (data byte…)  (string "text")  (box word)  (form word)
//! (number 1e300)                        an integer or double that is an object
//! (table word word…)                    keys and values, in order
//! (closure tree word…)                  the number of its tree, and what it captures
//! (class name base field…)              all fields, inherited ones first
//! (instance class word…)
//! (error kind message irritants position (frame…))
//! (selector name (parameter…) method…)  and (generic …); a method is (function class…)
//! (below name parent (name word constant)…)   an environment that belongs to the saved one
//! (primitive name)  (built-in name)  (architecture number)
//! (environment)                         the one that is saved, or that the library is opened in
//! (global)                              the one that programs run in
//! (module name…)                        the one that these variables lead to, from the global environment on
//! (named kind environment name field…)  what an environment that is not saved binds
//! ```
//!
//! So what is one object stays one, wherever it occurs, and a value may contain itself.
//!
//! What belongs to the environment is written down as it is ([`Graph`]); what others bind is named, as free variables
//! are (`names`): classes, functions, macros, selectors and environments. Data is written down in any case.

mod graph;
mod names;
mod read;
mod trail;
mod write;

pub use graph::Graph;
pub use read::{Loaded, SavedBinding, SavedMethod};
pub use write::Writer;

use crate::runtime::{Failure, Runtime};
use crate::value::{Kind, Value};

/// Why something cannot be saved or loaded.
pub type Problem = String;

/// Whether there is only one object that looks like this one, in every process.
fn stands_for_itself(runtime: &Runtime, value: Value) -> bool {
    !value.is_pair() && matches!(runtime.kind(value), None | Some(Kind::Symbol))
}

/// What is made is kept reachable through the runtime's roots.
fn rooted(runtime: &mut Runtime, outcome: Result<Value, Failure>) -> Result<Value, Problem> {
    let value = memory(outcome)?;
    runtime.roots.push(value);
    Ok(value)
}

fn memory<T>(outcome: Result<T, Failure>) -> Result<T, Problem> {
    outcome.map_err(|Failure| "memory is used up".to_string())
}
