//! Compiling a unit: tree, IR, machine code, library, loaded image.

use super::image::{CompiledUnit, UnitImage};
use super::machine::{Evaluated, EvaluatorMachine, Host};
use super::Units;
use crate::format::{Image, ObjectFormat};
use crate::interp::tree::{Node, Template};
use crate::ir::evaluate::{Evaluator, Limits};
use crate::ir::passes::{optimise, OptimisationFuel};
use crate::ir::verify::verify_unit;
use crate::ir::Function;
use crate::load::ImageHeader;
use crate::lower::{bridge_functions, lower_loop, lower_unit, Linking, LoweredUnit, BRIDGE, ENTER};
use crate::registry::find_machine;
use crate::runtime::{Machine, Options, Runtime};
use crate::target::{Architecture, MachineIdentity};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use std::time::Instant;

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
    options.optimisation_fuel.map_or_else(OptimisationFuel::unlimited, OptimisationFuel::limited)
}

/// Measures phases.
struct Watch(Instant);

impl Watch {
    fn start() -> Watch {
        Watch(Instant::now())
    }
    /// Add the time since the last call to a phase.
    fn lap(&mut self, phase: &mut u64) {
        let now = Instant::now();
        *phase += (now - self.0).as_nanos() as u64;
        self.0 = now;
    }
}

impl Runtime {
    /// Compile templates with all nested in them, load the code, and let it take over.
    pub(super) fn compile(&mut self, roots: &[Rc<Template>], name: &str) -> Result<u32, CompileFailure> {
        self.set_up_machine()?;
        let registers = self.argument_registers()?;
        let mut watch = Watch::start();
        let lowered = lower_unit(self, roots, registers, Linking::Now);
        watch.lap(&mut self.units.statistics.lower);
        let count = lowered.templates.len();
        self.load_lowered(lowered, count, name)
    }

    /// Compile one loop of a template that the interpreter is running; the number of its image, whose last function
    /// it is.
    pub(super) fn compile_loop(&mut self, template: &Rc<Template>, node: &Node) -> Result<u32, CompileFailure> {
        self.set_up_machine()?;
        let registers = self.argument_registers()?;
        let mut watch = Watch::start();
        let lowered = lower_loop(self, template, node, registers);
        watch.lap(&mut self.units.statistics.lower);
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

    /// Run the optimiser over a unit, verified before and after if the options say so.
    pub(crate) fn optimise(&mut self, lowered: &mut LoweredUnit) -> Result<(), CompileFailure> {
        if self.options.verify_code {
            verify_unit(&lowered.functions)?;
        }
        let mut watch = Watch::start();
        for function in &mut lowered.functions {
            optimise(function, &mut self.units.optimisation_fuel);
        }
        watch.lap(&mut self.units.statistics.passes);
        if self.options.verify_code {
            verify_unit(&lowered.functions)?;
        }
        Ok(())
    }

    pub(super) fn set_up_machine(&mut self) -> Result<(), CompileFailure> {
        if self.units.machine.is_some() {
            return Ok(());
        }
        if let Some(reason) = &self.units.unavailable {
            return Err(CompileFailure(reason.clone()));
        }
        self.start_machine().inspect_err(|failure| self.units.unavailable = Some(failure.0.clone()))
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
        self.units.statistics.functions += functions.len() as u64;
        if let Some(evaluated) = &self.units.evaluated {
            let limits = Limits { argument_registers: EVALUATED_REGISTERS, stack_words: 1 << 28, ..Limits::default() };
            let evaluator = Evaluator::new(functions)?.with_limits(limits);
            let data = evaluated.add(evaluator.clone(), data_words);
            return Ok(CompiledUnit::Evaluated(evaluator, data));
        }
        let (architecture, format) = self.units.target()?;
        let bytes = self.units.library(architecture, format, &functions, data_words, (name, source), &[])?;
        if let Some(inspect) = self.options.inspect_library {
            inspect(&bytes, format.name());
        }
        // SAFETY: the bytes are what the format wrote a moment ago.
        let image = unsafe { self.units.load_fresh(format, &bytes) }?;
        self.units.statistics.file = self.units.directory.time_writing.as_nanos() as u64;
        self.units.statistics.dlopen = self.units.directory.time_opening.as_nanos() as u64;
        Ok(CompiledUnit::Library(image))
    }
}

const NO_ARCHITECTURE: &str =
    "no target for this host's CPU is linked into this maru; `maru targets` lists those that are";

/// What the format calls the target.
fn identity(
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
) -> Result<&'static MachineIdentity, CompileFailure> {
    let identity = architecture.identity(format.name());
    identity.ok_or_else(|| CompileFailure(format!("{} does not hold code for {}", format.name(), architecture.name())))
}

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
        let machine = identity(architecture, format)?;
        let mut image = Image::new(name, &absolute(source));
        let mut symbols = FxHashMap::default();
        for function in functions {
            let compiled = architecture.compile(function)?;
            let [select, allocate, encode] = compiled.nanoseconds;
            self.statistics.select += select;
            self.statistics.allocate += allocate;
            self.statistics.encode += encode;
            let symbol = unique_symbol(&mut symbols, &function.name);
            image.push(symbol, compiled, architecture.trap());
        }
        let mut watch = Watch::start();
        image.data_words = data_words as u32;
        ImageHeader::build(&mut image, manifest)?;
        let layout = format.layout(&image, machine)?;
        image.link(&layout, architecture)?;
        let bytes = format.write(&image, &layout, machine)?;
        watch.lap(&mut self.statistics.layout_write);
        self.statistics.code_bytes += image.code.len() as u64;
        self.statistics.file_bytes += bytes.len() as u64;
        Ok(bytes)
    }
}

/// Debuggers look for sources by absolute paths. What is no file, such as the text of a prompt, keeps its name.
fn absolute(source: &str) -> String {
    match std::path::absolute(source) {
        Ok(path) if path.is_file() => path.display().to_string(),
        _ => source.to_string(),
    }
}

/// A symbol for a function: its name, with a number if another function of the image has it. What is taken comes with
/// the number to be tried next.
fn unique_symbol(taken: &mut FxHashMap<String, u32>, name: &str) -> String {
    let Some(mut number) = taken.get(name).copied() else {
        taken.insert(name.to_string(), 1);
        return name.to_string();
    };
    let symbol = loop {
        let symbol = format!("{name}.{number}");
        number += 1;
        if !taken.contains_key(&symbol) {
            break symbol;
        }
    };
    taken.insert(name.to_string(), number);
    taken.insert(symbol.clone(), 1);
    symbol
}
