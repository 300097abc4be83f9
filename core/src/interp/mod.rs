//! The reference interpreter: expander, resolved tree, evaluator, primitives, prelude.

mod call;
mod eval;
pub mod expand;
mod extensions;
mod output;
mod ports;
mod primitives;
mod toplevel;
pub mod tree;
pub mod tree_text;

pub use call::{call, catch_failure, interpret, not_applicable, poll, wrong_count};
pub use eval::{define_variable, set_variable, unbound};
pub use extensions::{sweep_extensions, trace_extension, trace_extensions, trace_template, Extensions};
pub use output::Output;
pub use ports::{Port, Stream};
pub use primitives::define_primitives;
pub use toplevel::{evaluate_toplevel, load_file, load_prelude, run_program, set_arguments, with_environment};

use crate::runtime::{Outcome, Runtime};
use crate::value::Value;

/// A primitive's code. Arguments stay reachable during the call; their number has been checked.
pub type PrimitiveFunction = fn(&mut Runtime, &[Value]) -> Outcome;

/// A primitive.
#[derive(Clone, Copy)]
pub struct PrimitiveInfo {
    /// The name it is bound to in the global environment.
    pub name: &'static str,
    /// Fewest arguments.
    pub least: u32,
    /// Most arguments; `None`: any number.
    pub most: Option<u32>,
    /// Its code.
    pub function: PrimitiveFunction,
}

impl PrimitiveInfo {
    /// A primitive that takes a fixed number of arguments.
    const fn fixed(name: &'static str, count: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least: count, most: Some(count), function }
    }
    /// A primitive that takes some optional arguments.
    const fn optional(name: &'static str, least: u32, most: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: Some(most), function }
    }
    /// A primitive that takes any number of arguments from `least` on.
    const fn variadic(name: &'static str, least: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: None, function }
    }
}

// Placeholders until the evaluator lands.
#[allow(missing_docs, unused_variables)]
mod placeholders {
    use super::*;
    use crate::runtime::{CellId, Symbol};
    use std::rc::Rc;
    pub fn set_variable(runtime: &mut Runtime, cell: CellId, value: Value) -> Outcome {
        Err(Failure)
    }
    pub fn define_variable(runtime: &mut Runtime, cell: CellId, value: Value, constant: bool) -> Outcome {
        Err(Failure)
    }
    pub fn wrong_count(runtime: &mut Runtime, callee: Value, count: i64) -> Failure {
        Failure
    }
    pub fn not_applicable(runtime: &mut Runtime, callee: Value) -> Failure {
        Failure
    }
    pub fn unbound_name(runtime: &mut Runtime, symbol: Symbol) -> Failure {
        Failure
    }
    pub fn catch_failure(runtime: &mut Runtime) -> Option<Value> {
        None
    }
    pub fn poll(runtime: &mut Runtime) -> Result<(), Failure> {
        Ok(())
    }
    pub fn with_environment(
        runtime: &mut Runtime,
        environment: Value,
        deferred: &Rc<Template>,
        captured: &[Value],
    ) -> Outcome {
        Err(Failure)
    }
}
pub use placeholders::*;
