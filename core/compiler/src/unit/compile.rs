//! Compiling a unit: tree, IR, machine code, library, loaded image.

use super::image::{attach, CompiledUnit, UnitImage};
use super::kept::KeptUnits;
use super::machine::{Evaluated, EvaluatorMachine, Host};
use super::pipeline::{self, LibraryParts, Made, Target};
use super::statistics::Watch;
use super::strategy::check_strategy;
use super::{collect_images, collect_keeping, HasUnits, Units};
use crate::load::{are_many_open, CacheKey, LoadedImage};
use crate::lower::{
    lower_loop, lower_unit, trampoline_functions, Linking, LoweredUnit, LoweringTarget, ENTER, TRAMPOLINE,
};
use crate::machine::{find_machine, Machine};
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::ir::evaluate::{Evaluator, Limits};
use maru_core::ir::passes::OptimisationFuel;
use maru_core::ir::Function;
use maru_language::runtime::tree::{Node, Prototype};
use maru_language::runtime::{OptimisationLevel, Options, Runtime};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Why a unit could not be compiled or loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileFailure(pub String);

impl<E: std::error::Error> From<E> for CompileFailure {
    fn from(error: E) -> CompileFailure {
        CompileFailure(error.to_string())
    }
}

/// How many argument registers the evaluator pretends to have: few, so that the argument area is used too.
const EVALUATED: LoweringTarget =
    LoweringTarget { argument_registers: 4, little_endian: cfg!(target_endian = "little") };

/// The fuel that the options give the optimiser.
pub(super) fn optimisation_fuel(options: &Options) -> OptimisationFuel {
    if options.level == OptimisationLevel::None {
        return OptimisationFuel::limited(0);
    }
    options.optimisation_fuel.map_or_else(OptimisationFuel::unlimited, OptimisationFuel::limited)
}

/// Compile prototypes with all nested in them, load the code, and let it take over.
pub(super) fn compile(runtime: &mut Runtime, roots: &[Rc<Prototype>], name: &str) -> Result<u32, CompileFailure> {
    collect_images(runtime, roots);
    let lowered = lower_functions(runtime, roots)?;
    let count = lowered.prototypes.len();
    load_lowered(runtime, lowered, count, name)
}

/// Tree to IR, for a unit that another thread compiles.
pub(super) fn lower_functions(runtime: &mut Runtime, roots: &[Rc<Prototype>]) -> Result<LoweredUnit, CompileFailure> {
    set_up_machine(runtime)?;
    let target = lowering_target(runtime)?;
    let mut watch = Watch::start();
    let lowered = lower_unit(runtime, roots, target, Linking::Now);
    watch.lap(&mut runtime.native.units_mut().statistics.lower);
    Ok(lowered)
}

/// The same for a loop, whose function is the last.
pub(super) fn lower_running_loop(
    runtime: &mut Runtime,
    prototype: &Rc<Prototype>,
    node: &Node,
) -> Result<LoweredUnit, CompileFailure> {
    set_up_machine(runtime)?;
    let target = lowering_target(runtime)?;
    let mut watch = Watch::start();
    let lowered = lower_loop(runtime, prototype, node, target);
    watch.lap(&mut runtime.native.units_mut().statistics.lower);
    Ok(lowered)
}

/// Compile one loop of a prototype that the interpreter is running; the number of its image, whose last function
/// it is.
pub(super) fn compile_loop(
    runtime: &mut Runtime,
    prototype: &Rc<Prototype>,
    node: &Node,
) -> Result<u32, CompileFailure> {
    let lowered = lower_running_loop(runtime, prototype, node)?;
    let count = lowered.prototypes.len() - 1;
    load_lowered(runtime, lowered, count, "loop")
}

/// Optimise, compile and load; the first `count` functions become the code of their prototypes.
fn load_lowered(runtime: &mut Runtime, lowered: LoweredUnit, count: usize, name: &str) -> Result<u32, CompileFailure> {
    let LoweredUnit { prototypes, source, functions, data, sites, assumptions } = lowered;
    let parts = LibraryParts { name, source: &source, data_words: data.len(), manifest: &[] };
    let many = runtime.native.units().images.len() > MANY_IMAGES;
    let again = many.then(|| functions.clone());
    let unit = load_functions(runtime, functions, &parts, true).or_else(|failure| {
        // What is dead may have what was missing.
        let Some(functions) = again.filter(|_| failure.0 != pipeline::STOPPED) else { return Err(failure) };
        collect_keeping(runtime, &prototypes);
        load_functions(runtime, functions, &parts, true)
    })?;
    let mut watch = Watch::start();
    let image = UnitImage::new(unit, prototypes, sites, assumptions);
    let number = attach(runtime, image, &data, count);
    watch.lap(&mut runtime.native.units_mut().statistics.attach);
    runtime.native.units_mut().statistics.units += 1;
    Ok(number)
}

/// Where so much code is loaded, a failure may come from that.
const MANY_IMAGES: usize = 500;

/// What the code in this run is lowered for.
pub(crate) fn lowering_target(runtime: &Runtime) -> Result<LoweringTarget, CompileFailure> {
    match (runtime.options.evaluator, runtime.native.units().architecture) {
        (true, _) => Ok(EVALUATED),
        (false, Some(architecture)) => Ok(LoweringTarget::of(architecture)),
        (false, None) => Err(CompileFailure(NO_ARCHITECTURE.into())),
    }
}

/// Run the optimiser over a unit, verified before and after if the options say so. Stops at an interrupt.
pub(crate) fn optimise(runtime: &mut Runtime, functions: &mut [Function]) -> Result<(), CompileFailure> {
    let Runtime { context, native, options, .. } = runtime;
    let Units { optimisation_fuel, statistics, .. } = native.units_mut();
    let stop = || context.is_interrupt_requested();
    pipeline::optimise_all(functions, optimisation_fuel, options.verify_code, statistics, &stop)
}

pub(super) fn set_up_machine(runtime: &mut Runtime) -> Result<(), CompileFailure> {
    if runtime.native.units().machine.is_some() {
        return Ok(());
    }
    if let Some(reason) = &runtime.native.units().unavailable {
        return Err(CompileFailure(reason.clone()));
    }
    start_machine(runtime).inspect_err(|failure| {
        // An interrupt says nothing on the next attempt.
        runtime.native.units_mut().unavailable = Some(failure.0.clone()).filter(|reason| reason != pipeline::STOPPED);
    })
}

fn start_machine(runtime: &mut Runtime) -> Result<(), CompileFailure> {
    if runtime.options.evaluator {
        let evaluated = Rc::new(Evaluated::default());
        runtime.native.units_mut().evaluated = Some(evaluated.clone());
        let stubs = load_functions(runtime, trampoline_functions(EVALUATED.argument_registers), &STUBS, false)?;
        if let CompiledUnit::Evaluated(stubs, _) = &stubs {
            runtime.native.units_mut().machine = Some(Rc::new(EvaluatorMachine { evaluated, stubs: stubs.clone() }));
        }
        use_stubs(runtime, stubs);
        return Ok(());
    }
    let architecture = runtime.native.units().architecture.ok_or_else(|| CompileFailure(NO_ARCHITECTURE.into()))?;
    let (_, format) = runtime.native.units().target()?;
    let kind = find_machine(architecture, format, runtime.options.machine.as_deref()).map_err(|reason| {
        CompileFailure(format!("{reason}; libraries for {} can be built all the same", architecture.name()))
    })?;
    let strategy = runtime.options.strategy;
    check_strategy(strategy, architecture, format)
        .map_err(|reason| CompileFailure(format!("strategy '{}': {reason}", strategy.name())))?;
    runtime.native.units_mut().is_host = kind.is_none();
    if kind.is_none() {
        let (kept, problems) = KeptUnits::open(&runtime.options, Target { architecture, format, strategy });
        runtime.native.units_mut().kept = kept.map(Arc::new);
        runtime.native.units_mut().refused_directories.extend(problems);
    }
    let machine: Rc<dyn Machine> = match kind {
        None => Rc::new(Host),
        Some(kind) => kind.start(architecture, format).map_err(CompileFailure)?,
    };
    runtime.native.units_mut().machine = Some(machine.clone());
    let functions = trampoline_functions(architecture.argument_registers());
    let stubs = load_functions(runtime, functions, &STUBS, false);
    let stubs = stubs.inspect_err(|_| runtime.native.units_mut().machine = None)?;
    runtime.context.helpers = machine.helpers();
    runtime.native.units_mut().enter = stubs.entry(ENTER);
    use_stubs(runtime, stubs);
    Ok(())
}

fn use_stubs(runtime: &mut Runtime, stubs: CompiledUnit) {
    runtime.native.trampoline = stubs.entry(TRAMPOLINE);
    runtime.native.units_mut().stubs = Some(stubs);
    runtime.lead_to_trampoline();
}

/// What leads from the machine into native code, and from native code to the interpreter.
const STUBS: LibraryParts = LibraryParts { name: "maru-stubs", source: "", data_words: 0, manifest: &[] };

/// IR to a loaded unit: one that was kept, or else one that is compiled, optimised if that is wanted.
fn load_functions(
    runtime: &mut Runtime,
    mut functions: Vec<Function>,
    parts: &LibraryParts,
    optimised: bool,
) -> Result<CompiledUnit, CompileFailure> {
    let (key, found) = match find_kept(runtime, &functions, parts) {
        (_, Some(image)) => return Ok(CompiledUnit::Library(image)),
        (key, None) => (key, runtime.native.units().kept.clone()),
    };
    if optimised {
        optimise(runtime, &mut functions)?;
    }
    let units = runtime.native.units_mut();
    if let Some(evaluated) = &units.evaluated {
        units.statistics.functions += functions.len() as u64;
        let limits =
            Limits { argument_registers: EVALUATED.argument_registers, stack_words: 1 << 28, ..Limits::default() };
        let evaluator = Evaluator::new(functions)?.with_limits(limits);
        let data = evaluated.add(evaluator.clone(), parts.data_words);
        return Ok(CompiledUnit::Evaluated(evaluator, data));
    }
    let (architecture, format) = runtime.native.units().target()?;
    let Runtime { context, native, options, .. } = runtime;
    let stop = || context.is_interrupt_requested();
    let is_host = native.units().is_host;
    let target = Target { architecture, format, strategy: options.strategy }.fitting(is_host);
    let made = pipeline::unit(target, &functions, parts, &mut native.units_mut().statistics, &stop)?;
    let bytes = match made {
        Made::Library(bytes) => bytes,
        Made::Image(image) => return Ok(CompiledUnit::Library(image)),
    };
    if let Some(inspect) = runtime.options.inspect_library {
        inspect(&bytes, format.name());
    }
    // SAFETY: the bytes are what the format wrote a moment ago.
    let image = unsafe { runtime.native.units_mut().load_fresh(format, &bytes) }?;
    if let Some((key, kept)) = key.zip(found) {
        kept.keep_later(key, bytes);
    }
    Ok(CompiledUnit::Library(image))
}

/// The key of a unit where code is kept, and the unit, if it was kept and can be loaded.
fn find_kept(
    runtime: &mut Runtime,
    functions: &[Function],
    parts: &LibraryParts,
) -> (Option<CacheKey>, Option<LoadedImage>) {
    let units = runtime.native.units_mut();
    let (Some(kept), Ok((architecture, format))) = (units.kept.clone(), units.target()) else { return (None, None) };
    if are_many_open() {
        return (None, None);
    }
    let target = Target { architecture, format, strategy: runtime.options.strategy };
    let mut watch = Watch::start();
    let key = kept.key(target, functions, parts);
    let bytes = kept.find(&key);
    watch.lap(&mut units.statistics.look_up);
    let image = bytes.and_then(|bytes| units.load(format, architecture, Path::new("kept code"), &bytes).ok());
    units.statistics.note_look_up(image.is_some());
    (Some(key), image)
}

const NO_ARCHITECTURE: &str = "no target for this host's CPU is linked into this program";

impl Units {
    /// Target and format of this run.
    pub(crate) fn target(&self) -> Result<(&'static dyn Architecture, &'static dyn ObjectFormat), CompileFailure> {
        let architecture = self.architecture.ok_or_else(|| CompileFailure(NO_ARCHITECTURE.into()))?;
        let format = self
            .format
            .ok_or_else(|| CompileFailure("no object format for this host is linked into this program".into()))?;
        Ok((architecture, format))
    }

    /// Optimised IR to the bytes of a library.
    pub(crate) fn library(
        &mut self,
        target: Target,
        functions: &[Function],
        parts: &LibraryParts,
    ) -> Result<Vec<u8>, CompileFailure> {
        pipeline::library(target, functions, parts, &mut self.statistics, &|| false)
    }

    /// Optimised IR to assembly text.
    pub(crate) fn assembly(
        &mut self,
        target: Target,
        functions: &[Function],
        parts: &LibraryParts,
    ) -> Result<Vec<u8>, CompileFailure> {
        pipeline::assembly(target, functions, parts, &mut self.statistics)
    }

    /// Optimised IR to the bytes of a relocatable object.
    pub(crate) fn object(
        &mut self,
        target: Target,
        functions: &[Function],
        parts: &LibraryParts,
    ) -> Result<Vec<u8>, CompileFailure> {
        pipeline::object(target, functions, parts, &mut self.statistics)
    }

    /// Optimised IR to text.
    pub(crate) fn text(
        &mut self,
        target: Target,
        functions: &[Function],
        parts: &LibraryParts,
    ) -> Result<Vec<u8>, CompileFailure> {
        pipeline::text(target, functions, parts)
    }
}
