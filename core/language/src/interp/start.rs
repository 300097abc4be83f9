//! The start of a run: primitives and prelude.

use super::{define_primitives, helpers, load_prelude};
use crate::runtime::{Failure, Native, Options, Runtime};
use std::ops::Range;

impl Runtime {
    /// A runtime with the prelude loaded, in which everything is interpreted.
    ///
    /// `stack` bounds the stack that it will run on, lowest address first; frames within are roots.
    ///
    /// # Errors
    /// When memory cannot be reserved, or the prelude is broken.
    pub fn new(options: Options, stack: Range<usize>) -> Result<Box<Runtime>, String> {
        Runtime::with_native(options, stack, Native::default())
    }

    /// The same with somebody who makes native code.
    ///
    /// # Errors
    /// As [`Runtime::new`].
    pub fn with_native(options: Options, stack: Range<usize>, native: Native) -> Result<Box<Runtime>, String> {
        let mut runtime = Runtime::empty(options, stack, native)?;
        runtime.context.helpers = helpers::addresses();
        define_primitives(&mut runtime).map_err(|Failure| "memory for the primitives is out".to_string())?;
        load_prelude(&mut runtime)?;
        runtime.prelude_cells = runtime.cells.count();
        runtime.heap.count_outside();
        runtime.refill();
        Ok(runtime)
    }
}
