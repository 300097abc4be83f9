//! What the interpreter keeps on Rust's side for a run, and what the collector must know of it.

use super::classes::{self, Classes};
use super::loading::Loading;
use super::output::Output;
use super::ports::Port;
use super::tree::{Node, Prototype};
use crate::runtime::{Activations, Backtrace, Random, Runtime, Slab};
use crate::value::heap::Marker;
use crate::value::{Kind, Value};
use maru_core::abi::Position;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Tables on Rust's side for the language's indexed objects, and the interpreter's own state.
#[derive(Debug)]
pub struct Extensions {
    /// A handler was told that memory is used up, and what calls have left on the machine stack since may still name
    /// what used it up.
    pub memory_ran_out: bool,
    /// Position of the call, in the function being left, that an error on its way came through.
    pub failing_site: Position,
    /// The error on its way comes out of a running loop by way of a function that the loop's own has left for.
    pub has_left: bool,
    /// Set while compiled code raises what a handler of its own had caught, until the error is on its way again.
    pub raised_again: bool,
    /// What is on its way has left a function since it was raised.
    pub has_passed_frames: bool,
    /// Where the value on its way was raised, if it is no error.
    pub raised_at: Position,
    /// The values that wait for parts that are done in any case, and where they were raised; no roots, as above.
    pub waiting: Vec<(Value, Position)>,
    /// Where the backtrace of the error on its way goes on.
    pub backtrace: Backtrace,
    /// The error on its way that has been at a call in the prelude; nil if it has not. No root, as above.
    pub error_in_prelude: Value,
    /// Number of the prelude's text. Errors have positions in the program, not there.
    pub prelude: u32,
    /// What the program gave to `exit`, once it has asked for it.
    pub exit_status: Option<i32>,
    /// Classes, selectors and multimethods.
    pub classes: Classes,
    /// What ports stand for.
    pub ports: Slab<Port>,
    /// Characters of standard input that were read ahead.
    pub input_ahead: VecDeque<char>,
    /// Standard output, buffered.
    pub output: Output,
    /// Files of the program.
    pub loading: Loading,
    /// Number of the next symbol that `gensym` makes.
    pub next_symbol: u64,
    /// Variables of the environment that the program set, or took away.
    pub variables: BTreeMap<String, Option<String>>,
    /// The words that programs start forms with, which the expander knows.
    pub core_forms: Vec<&'static str>,
    /// Random numbers.
    pub random: Random,
    /// When the run began, for `current-time` and its kin.
    pub started: std::time::Instant,
    /// What the interpreter notes of the functions that it runs, if somebody samples where the time goes.
    pub activations: Option<Arc<Activations>>,
}

impl Default for Extensions {
    fn default() -> Extensions {
        Extensions {
            failing_site: Position::UNKNOWN,
            memory_ran_out: false,
            has_passed_frames: false,
            raised_at: Position::UNKNOWN,
            waiting: Vec::new(),
            has_left: false,
            raised_again: false,
            backtrace: Backtrace::default(),
            error_in_prelude: Value::NIL,
            prelude: u32::MAX,
            exit_status: None,
            classes: Classes::default(),
            ports: Slab::default(),
            input_ahead: VecDeque::new(),
            output: Output::default(),
            loading: Loading::default(),
            next_symbol: 0,
            variables: BTreeMap::new(),
            core_forms: Vec::new(),
            random: Random::default(),
            started: std::time::Instant::now(),
            activations: None,
        }
    }
}

/// Mark the values that a prototype refers to.
pub fn trace_prototype(prototype: &Prototype, marker: &mut Marker) {
    [prototype.name, prototype.environment, prototype.code, prototype.deferred]
        .into_iter()
        .chain(prototype.constants.iter().copied())
        .chain(prototype.captured_names.iter().copied())
        .chain(prototype.variables.iter().map(|variable| variable.name))
        .for_each(|value| marker.value(value));
    let mut nodes = vec![&prototype.body];
    while let Some(node) = nodes.pop() {
        trace_node(node, marker, &mut nodes);
    }
}

/// Mark the code objects that a node holds, whose prototypes the collector then comes to by itself.
fn trace_node<'a>(node: &'a Node, marker: &mut Marker, nodes: &mut Vec<&'a Node>) {
    match node {
        Node::Constant(_) | Node::Local(_) | Node::Captured(_) | Node::Global(..) => {}
        Node::Bind(_, value)
        | Node::SetLocal(_, value)
        | Node::SetCaptured(_, value)
        | Node::SetGlobal(_, value, _)
        | Node::Define(_, value, ..) => nodes.push(value),
        Node::If(condition, consequence, alternative) => nodes.extend([&**condition, consequence, alternative]),
        Node::While(test, body, _) => nodes.extend([&**test, body]),
        Node::Sequence(parts) | Node::Continue(_, parts) => nodes.extend(parts),
        Node::Loop(turns) => {
            nodes.extend(turns.bindings.iter().map(|(_, value)| value));
            nodes.push(&turns.body);
        }
        Node::Lambda(prototype) => marker.value(prototype.code),
        Node::Fix(closures, body) => {
            closures.iter().for_each(|(_, prototype)| marker.value(prototype.code));
            nodes.push(body);
        }
        Node::Call(call) => {
            nodes.push(&call.function);
            nodes.extend(&call.arguments);
        }
        Node::Try(attempt) => {
            nodes.push(&attempt.body);
            nodes.extend(attempt.catch.iter().map(|(_, handler)| handler));
            nodes.extend(&attempt.finally);
        }
        Node::WithEnvironment(with) => {
            nodes.push(&with.environment);
            marker.value(with.prototype.code);
        }
    }
}

/// Mark what is a root among the extensions.
pub fn trace_extensions(runtime: &Runtime, marker: &mut Marker) {
    classes::trace_classes(runtime, marker);
}

/// Mark what the entry refers to that an object of this kind stands for.
pub fn trace_extension(runtime: &Runtime, kind: Kind, index: usize, marker: &mut Marker) {
    classes::trace_entry(runtime, kind, index, marker);
}

/// Drop entries whose objects died: files that nobody can close any more are closed.
pub fn sweep_extensions(runtime: &mut Runtime) {
    classes::sweep_classes(runtime);
    for index in runtime.extensions.ports.indices() {
        let object = runtime.extensions.ports.get(index).object;
        if object != Value::NIL && !runtime.heap.is_marked(object) {
            runtime.extensions.ports.remove(index);
        }
    }
}
