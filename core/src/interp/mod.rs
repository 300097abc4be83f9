//! The reference interpreter: expander, resolved tree, evaluator, primitives, prelude.

pub mod expand;
pub mod tree;
pub mod tree_text;

use crate::runtime::{Failure, Outcome, Runtime};
use crate::value::heap::Marker;
use crate::value::{Kind, Value};
use tree::Template;

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

/// Tables on Rust's side for the language's indexed objects: ports, classes and the like.
#[derive(Default)]
pub struct Extensions {}

/// Make all primitives and bind them in the global environment.
///
/// # Errors
/// When memory is out.
pub fn define_primitives(_runtime: &mut Runtime) -> Result<(), Failure> {
    Ok(())
}

/// Evaluate the prelude in the global environment.
///
/// # Errors
/// A rendered error, which is a fault of this build.
pub fn load_prelude(_runtime: &mut Runtime) -> Result<(), String> {
    Ok(())
}

/// Mark the values that a template refers to.
pub fn trace_template(_template: &Template, _marker: &mut Marker) {}

/// Mark what is a root among the extensions.
pub fn trace_extensions(_runtime: &Runtime, _marker: &mut Marker) {}

/// Mark what the entry refers to that an object of this kind stands for.
pub fn trace_extension(_runtime: &Runtime, _kind: Kind, _index: usize, _marker: &mut Marker) {}

/// Drop entries whose objects died.
pub fn sweep_extensions(_runtime: &mut Runtime) {}

/// Call a function of any kind with arguments, from Rust.
///
/// # Errors
/// When the call fails; the error is in the context.
pub fn call(_runtime: &mut Runtime, _function: Value, _arguments: &[Value]) -> Outcome {
    Err(Failure)
}

/// Run a callee for native code: the `count` arguments are in the context's argument area. A tail call to native
/// code is not made here: `Ok(None)` means that the context names callee, entry and arguments of it.
///
/// # Errors
/// As `call`.
pub fn interpret(_runtime: &mut Runtime, _callee: Value, _count: i64) -> Result<Option<Value>, Failure> {
    Err(Failure)
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
