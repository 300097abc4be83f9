//! The model as an engine: what the crate `maru-model` says of a program, as an observation.

use crate::engine::Engine;
use crate::limits::Limits;
use crate::outcome::{FormResult, Observation, Outcome, UNKNOWN};
use maru_language::runtime::{JitMode, Options, Runtime};
use maru_model::{End, Meaning};
use std::collections::HashSet;
use std::ops::Range;

/// The model, and the names that Maru binds: only of these may a program mean something that the model does not know.
pub struct Model {
    bound: HashSet<String>,
}

impl Model {
    /// A model for programs of Maru as it is built; its names are asked of a runtime on the stack with these bounds.
    pub fn new(stack: Range<usize>) -> Model {
        let options = Options { jit: JitMode::Off, ..Options::default() };
        let bound = maru_compiler::runtime(options, stack).map_or_else(|_| HashSet::new(), |runtime| names(&runtime));
        Model { bound }
    }

    fn observe(&self, program: &str) -> Observation {
        match Limits::of(program) {
            Ok(Some(limits)) if limits.fuel.is_some() || limits.depth.is_some() => {
                return Observation::ended(Outcome::NoOpinion("it does not count fuel and depth".into()));
            }
            _ => {}
        }
        match maru_model::meaning(program, &|name| self.bound.contains(name)) {
            Ok(meaning) => observation(meaning),
            Err(why) => Observation::ended(Outcome::NoOpinion(why)),
        }
    }
}

/// The names that the global environment binds.
fn names(runtime: &Runtime) -> HashSet<String> {
    let cells = &runtime.environments.get(runtime.global_environment()).bound;
    cells.iter().map(|cell| runtime.symbols.name(runtime.cells.get(*cell).symbol).to_string()).collect()
}

fn observation(meaning: Meaning) -> Observation {
    let known = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.into());
    let error = |kind: &str, irritants, position| {
        let (kind, irritants, message, frames) = (kind.into(), known(irritants), String::new(), String::new());
        Outcome::Error { kind, message, irritants, position, frames }
    };
    let outcome = match meaning.end {
        End::Values => Outcome::Value,
        End::Error { kind, irritants, position } => error(&kind, irritants, position),
        End::Raised(value) => error("raised", value, None),
        End::Exit(status) => Outcome::Exit(status),
    };
    let values = meaning.values.into_iter().map(known).collect();
    Observation { values, output: meaning.output, sketch: true, ..Observation::ended(outcome) }
}

impl Engine for Model {
    fn run(&mut self, program: &str) -> Observation {
        self.observe(program)
    }

    fn script(&mut self, _: &str) -> Vec<FormResult> {
        let why = "files go on after errors";
        vec![FormResult { end: 0, observation: Observation::ended(Outcome::NoOpinion(why.into())) }]
    }

    fn reset(&mut self) {}

    fn abandon(&mut self) {}
}
