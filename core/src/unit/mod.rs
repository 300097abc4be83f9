//! Environments as units of compilation: heat, compiling, linking, invalidating.

use crate::interp::tree::Template;
use crate::runtime::{Environment, Failure, Options, Runtime};
use crate::value::heap::Marker;
use crate::value::Value;
use std::rc::Rc;

/// What an environment knows of its compilation.
#[derive(Debug, Default)]
pub struct UnitState {
    /// Images made of its functions.
    pub images: Vec<u32>,
}

/// Native code of a run.
pub struct Units {
    /// The bridge from native code into the interpreter, or 0.
    pub bridge: usize,
}

impl Units {
    /// No code yet.
    ///
    /// # Errors
    /// When the options name a target that does not exist.
    pub fn new(_options: &Options) -> Result<Units, String> {
        Ok(Units { bridge: 0 })
    }
}

/// An assumption of these images does not hold any more: their functions go back to the interpreter.
pub fn invalidate(_runtime: &mut Runtime, _images: &[u32]) {}

/// Mark the values that images refer to.
pub fn trace_units(_runtime: &Runtime, _marker: &mut Marker) {}

/// An environment was collected: its images are unloaded.
pub fn environment_died(_runtime: &mut Runtime, _environment: &Environment) {}

/// A function's environment became hot, or a function is called for the first time in the `always` mode: compile
/// the environment, if that is worth while.
pub fn heat(_runtime: &mut Runtime, _template: &Rc<Template>) {}

/// Run native code: the `count` arguments are in the context's argument area.
///
/// # Errors
/// When the code returns with an error on its way.
pub fn run_native(_runtime: &mut Runtime, _callee: Value, _count: i64) -> Result<Value, Failure> {
    Err(Failure)
}
