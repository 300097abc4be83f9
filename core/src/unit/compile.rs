//! Compiling a unit: tree, IR, machine code, library, loaded image.

use super::image::{CompiledUnit, UnitImage};
use super::machine::{Evaluated, EvaluatorMachine, Host};
use super::pipeline::{self, LibraryParts};
use super::statistics::Watch;
use super::Units;
use crate::format::ObjectFormat;
use crate::interp::tree::{Node, Template};
use crate::ir::evaluate::{Evaluator, Limits};
use crate::ir::passes::OptimisationFuel;
use crate::ir::Function;
use crate::lower::{bridge_functions, lower_loop, lower_unit, Linking, LoweredUnit, BRIDGE, ENTER};
use crate::registry::find_machine;
use crate::runtime::{Machine, OptimisationLevel, Options, Runtime};
use crate::target::Architecture;
use std::rc::Rc;

/// Why a unit could not be compiled or loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileFailure(pub String);

impl<E: std::error::Error> From<E> for CompileFailure {
    fn from(error: E) -> CompileFailure {
        CompileFailure(error.to_string())
    }
}

/// How many argument registers the evaluator pretends to have: few, so that the argument area is used too.
const EVALUATED_REGISTERS: usize = 4;

/// The fuel that the options give the optimiser.
pub(super) fn optimisation_fuel(options: &Options) -> OptimisationFuel {
    if options.level == OptimisationLevel::None {
        return OptimisationFuel::limited(0);
    }
    options.optimisation_fuel.map_or_else(OptimisationFuel::unlimited, OptimisationFuel::limited)
}

impl Runtime {
    /// Compile templates with all nested in them, load the code, and let it take over.
    pub(super) fn compile(&mut self, roots: &[Rc<Template>], name: &str) -> Result<u32, CompileFailure> {
        let lowered = self.lower_functions(roots)?;
        let count = lowered.templates.len();
        self.load_lowered(lowered, count, name)
    }

    /// Tree to IR, for a unit that another thread compiles.
    pub(super) fn lower_functions(&mut self, roots: &[Rc<Template>]) -> Result<LoweredUnit, CompileFailure> {
        self.set_up_machine()?;
        let registers = self.argument_registers()?;
        let mut watch = Watch::start();
        let lowered = lower_unit(self, roots, registers, Linking::Now);
        watch.lap(&mut self.units.statistics.lower);
        Ok(lowered)
    }

    /// The same for a loop, whose function is the last.
    pub(super) fn lower_running_loop(
        &mut self,
        template: &Rc<Template>,
        node: &Node,
    ) -> Result<LoweredUnit, CompileFailure> {
        self.set_up_machine()?;
        let registers = self.argument_registers()?;
        let mut watch = Watch::start();
        let lowered = lower_loop(self, template, node, registers);
        watch.lap(&mut self.units.statistics.lower);
        Ok(lowered)
    }

    /// Compile one loop of a template that the interpreter is running; the number of its image, whose last function
    /// it is.
    pub(super) fn compile_loop(&mut self, template: &Rc<Template>, node: &Node) -> Result<u32, CompileFailure> {
        let lowered = self.lower_running_loop(template, node)?;
        let count = lowered.templates.len() - 1;
        self.load_lowered(lowered, count, "loop")
    }

    /// Optimise, compile and load; the first `count` functions become the code of their templates.
    fn load_lowered(&mut self, mut lowered: LoweredUnit, count: usize, name: &str) -> Result<u32, CompileFailure> {
        self.optimise(&mut lowered)?;
        let LoweredUnit { templates, source, functions, data, sites, assumptions } = lowered;
        let unit = self.load_functions(functions, data.len(), name, &source)?;
        let mut watch = Watch::start();
        let image = UnitImage::new(unit, templates, sites, assumptions);
        let number = self.attach(image, &data, count);
        watch.lap(&mut self.units.statistics.attach);
        self.units.statistics.units += 1;
        Ok(number)
    }

    /// How many arguments the code in this run passes in registers.
    pub(crate) fn argument_registers(&self) -> Result<usize, CompileFailure> {
        match (self.options.evaluator, self.units.architecture) {
            (true, _) => Ok(EVALUATED_REGISTERS),
            (false, Some(architecture)) => Ok(architecture.argument_registers()),
            (false, None) => Err(CompileFailure(NO_ARCHITECTURE.into())),
        }
    }

    /// Run the optimiser over a unit, verified before and after if the options say so. Stops at an interrupt.
    pub(crate) fn optimise(&mut self, lowered: &mut LoweredUnit) -> Result<(), CompileFailure> {
        let Runtime { context, units, options, .. } = self;
        let Units { optimisation_fuel, statistics, .. } = units;
        let stop = || context.is_interrupt_requested();
        pipeline::optimise_all(&mut lowered.functions, optimisation_fuel, options.verify_code, statistics, &stop)
    }

    pub(super) fn set_up_machine(&mut self) -> Result<(), CompileFailure> {
        if self.units.machine.is_some() {
            return Ok(());
        }
        if let Some(reason) = &self.units.unavailable {
            return Err(CompileFailure(reason.clone()));
        }
        self.start_machine().inspect_err(|failure| {
            // An interrupt says nothing on the next attempt.
            self.units.unavailable = Some(failure.0.clone()).filter(|reason| reason != pipeline::STOPPED);
        })
    }

    fn start_machine(&mut self) -> Result<(), CompileFailure> {
        if self.options.evaluator {
            let evaluated = Rc::new(Evaluated::default());
            self.units.evaluated = Some(evaluated.clone());
            let stubs = self.load_functions(bridge_functions(EVALUATED_REGISTERS), 0, "maru-stubs", "")?;
            if let CompiledUnit::Evaluated(stubs, _) = &stubs {
                self.units.machine = Some(Rc::new(EvaluatorMachine { evaluated, stubs: stubs.clone() }));
            }
            self.use_stubs(stubs);
            return Ok(());
        }
        let architecture = self.units.architecture.ok_or_else(|| CompileFailure(NO_ARCHITECTURE.into()))?;
        let (_, format) = self.units.target()?;
        let kind = find_machine(architecture, format, self.options.machine.as_deref()).map_err(|reason| {
            let name = architecture.name();
            CompileFailure(format!("{reason}; `maru build --target {name}` makes libraries for it all the same"))
        })?;
        self.units.is_host = kind.is_none();
        let machine: Rc<dyn Machine> = match kind {
            None => Rc::new(Host),
            Some(kind) => kind.start(architecture).map_err(CompileFailure)?,
        };
        self.units.machine = Some(machine.clone());
        let functions = bridge_functions(architecture.argument_registers());
        let stubs = self.load_functions(functions, 0, "maru-stubs", "");
        let stubs = stubs.inspect_err(|_| self.units.machine = None)?;
        self.context.helpers = machine.helpers();
        self.units.enter = stubs.entry(ENTER);
        self.use_stubs(stubs);
        Ok(())
    }

    fn use_stubs(&mut self, stubs: CompiledUnit) {
        self.units.bridge = stubs.entry(BRIDGE);
        self.units.stubs = Some(stubs);
        self.bridge_everything();
    }

    /// Optimised IR to a loaded unit.
    fn load_functions(
        &mut self,
        functions: Vec<Function>,
        data_words: usize,
        name: &str,
        source: &str,
    ) -> Result<CompiledUnit, CompileFailure> {
        if let Some(evaluated) = &self.units.evaluated {
            self.units.statistics.functions += functions.len() as u64;
            let limits = Limits { argument_registers: EVALUATED_REGISTERS, stack_words: 1 << 28, ..Limits::default() };
            let evaluator = Evaluator::new(functions)?.with_limits(limits);
            let data = evaluated.add(evaluator.clone(), data_words);
            return Ok(CompiledUnit::Evaluated(evaluator, data));
        }
        let (architecture, format) = self.units.target()?;
        let parts = LibraryParts { name, source, data_words, manifest: &[] };
        let Runtime { context, units, .. } = self;
        let stop = || context.is_interrupt_requested();
        let bytes = pipeline::library(architecture, format, &functions, &parts, &mut units.statistics, &stop)?;
        if let Some(inspect) = self.options.inspect_library {
            inspect(&bytes, format.name());
        }
        // SAFETY: the bytes are what the format wrote a moment ago.
        let image = unsafe { self.units.load_fresh(format, &bytes) }?;
        Ok(CompiledUnit::Library(image))
    }
}

const NO_ARCHITECTURE: &str =
    "no target for this host's CPU is linked into this maru; `maru targets` lists those that are";

impl Units {
    /// Target and format of this run.
    pub(crate) fn target(&self) -> Result<(&'static dyn Architecture, &'static dyn ObjectFormat), CompileFailure> {
        let architecture = self.architecture.ok_or_else(|| CompileFailure(NO_ARCHITECTURE.into()))?;
        let format = self.format.ok_or_else(|| {
            CompileFailure("no object format for this host is linked into this maru; see `maru targets`".into())
        })?;
        Ok((architecture, format))
    }

    /// Optimised IR to the bytes of a library with a name, made of a source.
    pub(crate) fn library(
        &mut self,
        architecture: &'static dyn Architecture,
        format: &'static dyn ObjectFormat,
        functions: &[Function],
        data_words: usize,
        (name, source): (&str, &str),
        manifest: &[u8],
    ) -> Result<Vec<u8>, CompileFailure> {
        let parts = LibraryParts { name, source, data_words, manifest };
        pipeline::library(architecture, format, functions, &parts, &mut self.statistics, &|| false)
    }
}
