//! The machines of this process: the host itself, and the IR evaluator.

use super::Units;
use crate::load::{check, LoadError, LoadedImage};
use crate::lower::ENTER;
use crate::machine::{call_enter, Machine};
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::ir::evaluate::{Environment, EvaluateError, Evaluator};
use maru_core::ir::{FunctionId, Helper};
use maru_language::interp::helpers;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// This host.
pub(super) struct Host;

impl Machine for Host {
    fn name(&self) -> &str {
        "host"
    }
    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        // SAFETY: the caller vouches for all of them.
        unsafe { call_enter(enter, context, entry, callee, count) }
    }
}

/// The data table of an evaluated unit.
type DataTable = Rc<Vec<Cell<u64>>>;

/// Evaluates IR in place of machine code: splits faults of the lowering from those of a target.
#[derive(Default)]
pub(super) struct Evaluated {
    /// The units, with their data tables.
    units: RefCell<Vec<(Evaluator, DataTable)>>,
    context: Cell<usize>,
}

impl Evaluated {
    /// Add a unit with that many data words.
    pub(super) fn add(&self, evaluator: Evaluator, words: usize) -> DataTable {
        let data = Rc::new(vec![Cell::new(0); words]);
        self.units.borrow_mut().push((evaluator, data.clone()));
        data
    }
}

/// How one evaluation reaches the machine's units and the runtime.
struct World<'a>(&'a Evaluated);

impl Environment for World<'_> {
    fn context_address(&mut self) -> Word {
        self.0.context.get() as Word
    }
    fn helper(&mut self, helper: Helper, arguments: &[Word]) -> Result<Word, EvaluateError> {
        let context = self.0.context.get();
        // SAFETY: the context is the runtime's, which entered the machine.
        let result = unsafe { helpers::call(helper, context as *mut Context, arguments) };
        self.0.context.set(context);
        Ok(result)
    }
    fn data(&mut self, unit: Word, index: u32) -> Result<Word, EvaluateError> {
        let units = self.0.units.borrow();
        let found = units.iter().find(|(evaluator, _)| evaluator.address(FunctionId(0)) == unit);
        let word = found.and_then(|(_, data)| data.get(index as usize));
        word.map(Cell::get).ok_or_else(|| EvaluateError::Environment(format!("there is no data word {index}")))
    }
    fn evaluator_at(&mut self, address: Word) -> Option<Evaluator> {
        let units = self.0.units.borrow();
        units.iter().find(|(unit, _)| unit.function_at(address).is_some()).map(|(unit, _)| unit.clone())
    }
    fn call_address(&mut self, address: Word, _words: &[Word]) -> Result<Word, EvaluateError> {
        Err(EvaluateError::Environment(format!("a call of {address:#x}, where there is no function")))
    }
}

/// The evaluator as a machine.
pub(super) struct EvaluatorMachine {
    pub(super) evaluated: Rc<Evaluated>,
    pub(super) stubs: Evaluator,
}

impl Machine for EvaluatorMachine {
    fn name(&self) -> &str {
        "evaluator"
    }
    unsafe fn run(&self, _enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        let outer = self.evaluated.context.replace(context as usize);
        let words = [entry as Word, callee.0, count as Word];
        // SAFETY: the caller vouches for the context and the entry; the code was made by the lowering.
        let result = unsafe { self.stubs.call(&mut World(&self.evaluated), FunctionId(ENTER as u32), &words) };
        self.evaluated.context.set(outer);
        match result {
            Ok(word) => word,
            // SAFETY: as above.
            Err(fault) => unsafe { helpers::machine_fault(context, &format!("the IR evaluator stopped: {fault}")) },
        }
    }
}

impl Units {
    /// The name of the machine in use, if one is set up.
    pub fn machine_name(&self) -> Option<&str> {
        self.machine.as_deref().map(Machine::name)
    }
    /// Why no machine could be set up, if none could.
    pub fn unavailable(&self) -> Option<&str> {
        self.unavailable.as_deref()
    }
    /// Memory besides the stack of this thread that native code being run may hold values in.
    pub(crate) fn frames(&self) -> Vec<Range<usize>> {
        self.machine.as_ref().map(|machine| machine.frames()).unwrap_or_default()
    }
    /// Load a library that was just made, on the machine in use.
    ///
    /// # Safety
    /// The bytes must be what a format wrote a moment ago, unchanged.
    ///
    /// # Errors
    /// When the machine or the system refuses it.
    pub(super) unsafe fn load_fresh(
        &mut self,
        format: &dyn ObjectFormat,
        bytes: &[u8],
    ) -> Result<LoadedImage, LoadError> {
        let mapped = self.machine.as_ref().and_then(|machine| machine.load(bytes, Path::new("new code")));
        // SAFETY: by this function's contract.
        mapped.unwrap_or_else(|| unsafe { self.directory.load_fresh(format, bytes, &mut self.statistics) })
    }
    /// Examine a library and load it, on the machine in use.
    ///
    /// # Errors
    /// When it is not for this Maru, or the machine or the system refuses it.
    pub(super) fn load(
        &mut self,
        format: &dyn ObjectFormat,
        architecture: &dyn Architecture,
        path: &Path,
        bytes: &[u8],
    ) -> Result<LoadedImage, LoadError> {
        check(path, bytes, format, architecture)?;
        let mapped = self.machine.as_ref().and_then(|machine| machine.load(bytes, path));
        mapped.unwrap_or_else(|| self.directory.load(format, architecture, bytes, &mut self.statistics))
    }
}
