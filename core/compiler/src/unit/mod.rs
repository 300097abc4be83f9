//! Environments as units of compilation: when to compile (`request`), how (`compile`), what is loaded (`image`),
//! what runs it (`machine`), and taking it back when an assumption breaks.

mod build;
mod compile;
mod image;
mod kept;
mod machine;
mod manifest;
mod native;
mod open;
mod pipeline;
mod primitives;
mod program;
mod queue;
mod renewal;
mod request;
mod running;
mod save;
mod source;
mod statistics;
mod strategy;
mod worker;

pub use crate::lower::LoweringTarget;
pub use build::{
    build_program, open_program, program_ir, program_linear, program_passes, program_tree, program_tree_lines, Artifact,
};
pub use compile::CompileFailure;
pub use image::{CompiledUnit, UnitImage};
pub use kept::why_units;
pub use native::{runtime, HasUnits};
pub use program::BuiltProgram;
pub use request::{compile_environment, compile_function, function_ir, is_environment_compiled, why_not};
pub use save::{load_environment, save_environment, saved_key};
pub use statistics::Statistics;
pub use strategy::{check_strategy, Unable, ASSEMBLER_VARIABLE};

use self::image::{holds, refresh_entries};
use crate::load::ForeignLibrary;
use crate::machine::Machine;
use maru_core::abi::layout::{offset, Value, FAILURE};
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::registry;
use maru_language::runtime::tree::Prototype;
use maru_language::runtime::{CellId, ErrorKind, Failure, Options, Runtime};
use maru_language::value::heap::Marker;
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Native code of a run.
pub struct Units {
    /// The target.
    pub architecture: Option<&'static dyn Architecture>,
    /// The object format.
    pub format: Option<&'static dyn ObjectFormat>,
    /// Entry of the function that goes from the machine into native code.
    enter: usize,
    /// What runs native code; set up when there is some.
    machine: Option<Rc<dyn Machine>>,
    /// Why no machine could be set up.
    unavailable: Option<String>,
    /// Evaluated units, if IR is evaluated in place of running machine code.
    evaluated: Option<Rc<machine::Evaluated>>,
    /// The stubs' image, which must stay loaded.
    stubs: Option<CompiledUnit>,
    /// Loaded images by number; numbers are not used twice.
    images: FxHashMap<u32, UnitImage>,
    /// The number of the next image.
    next_image: u32,
    /// Images that may be made before garbage is collected: what they take is nothing that the heap knows of.
    images_until_collection: usize,
    /// Loops that became native while they ran, or are about to.
    loops: FxHashMap<running::LoopKey, running::RunningLoop>,
    directory: pipeline::SharedDirectory,
    /// Code that is kept from run to run.
    kept: Option<std::sync::Arc<kept::KeptUnits>>,
    /// What there is to be said of directories that are not used.
    pub refused_directories: Vec<String>,
    /// Whether the machine is this host itself, whose code any thread can load.
    is_host: bool,
    /// What waits for another thread to compile it.
    queue: queue::Queue,
    /// Libraries that the program has opened, in order.
    foreign: Vec<ForeignLibrary>,
    /// Transformations that the optimiser may still make.
    optimisation_fuel: maru_core::ir::passes::OptimisationFuel,
    /// Counts and times.
    pub statistics: Statistics,
}

impl Units {
    /// No code yet; target and format are looked up.
    ///
    /// # Errors
    /// When the options name a target or format that does not exist.
    pub fn new(options: &Options) -> Result<Units, String> {
        let architecture = match &options.target {
            Some(name) => Some(registry::find_architecture(name, &options.target_origin)?),
            None => registry::host_architecture(),
        };
        let format = match &options.format {
            Some(name) => Some(registry::find_format(name, &options.format_origin)?),
            None => registry::host_format(),
        };
        Ok(Units {
            architecture,
            format,
            enter: 0,
            machine: None,
            unavailable: None,
            evaluated: None,
            stubs: None,
            images: FxHashMap::default(),
            next_image: 0,
            images_until_collection: LEAST_IMAGES,
            loops: FxHashMap::default(),
            directory: pipeline::SharedDirectory::default(),
            kept: None,
            refused_directories: Vec::new(),
            is_host: false,
            queue: queue::Queue::default(),
            foreign: Vec::new(),
            optimisation_fuel: compile::optimisation_fuel(options),
            statistics: Statistics::default(),
        })
    }

    /// The addresses of all code that is loaded for the program's functions.
    pub fn code(&self) -> Vec<std::ops::Range<usize>> {
        self.images.values().map(|image| image.unit.code()).collect()
    }

    /// The image with a number, if it is still loaded.
    pub fn image(&self, number: u32) -> Option<&UnitImage> {
        self.images.get(&number)
    }

    /// Give an image a number.
    fn add_image(&mut self, image: UnitImage) -> u32 {
        let number = self.next_image;
        self.next_image += 1;
        self.images_until_collection = self.images_until_collection.saturating_sub(1);
        self.images.insert(number, image);
        number
    }
}

/// So many images are made in any case before garbage is collected for their sake.
const LEAST_IMAGES: usize = 2000;

/// Collect garbage if that many images were made since the last time that most may be dead. What `prototypes` have is
/// needed.
pub(super) fn collect_images(runtime: &mut Runtime, prototypes: &[Rc<Prototype>]) {
    if runtime.native.units().images_until_collection == 0 {
        collect_keeping(runtime, prototypes);
    }
}

/// Collect garbage; what `prototypes` have is none.
pub(super) fn collect_keeping(runtime: &mut Runtime, prototypes: &[Rc<Prototype>]) {
    let base = runtime.roots.len();
    runtime.roots.extend(prototypes.iter().map(|prototype| prototype.code));
    runtime.collect();
    runtime.roots.truncate(base);
}

/// Run native code: the `count` arguments are in the context's argument area.
///
/// # Errors
/// When the code returns with an error on its way.
pub fn run_native(runtime: &mut Runtime, callee: Value, count: i64) -> Result<Value, Failure> {
    let code = runtime.field(callee, offset::CALLABLE_CODE);
    let entry = runtime.field(code, offset::CODE_ENTRY).0 as usize;
    let units = runtime.native.units();
    let (enter, first) = (units.enter, units.statistics.first_call == 0);
    let Some(machine) = units.machine.clone() else {
        return Err(runtime.error(ErrorKind::Compile, "there is no machine for native code", &[]));
    };
    let start = (first && runtime.options.statistics).then(std::time::Instant::now);
    runtime.enter();
    let context = std::ptr::from_mut(&mut *runtime.context);
    // SAFETY: the context is this runtime's, and the entry belongs to an image that the callee keeps loaded. The
    // runtime is not used through `runtime` until the code returns, only through the context.
    let result = unsafe { machine.run(enter, context, entry, callee, count) };
    if let Some(start) = start {
        runtime.native.units_mut().statistics.first_call = start.elapsed().as_nanos() as u64;
    }
    if result == FAILURE {
        Err(Failure)
    } else {
        Ok(Value(result))
    }
}

/// A cell that images rely on has another value now. Images whose assumptions broke are taken back; an image that
/// was linked before all its functions were defined is complete when the last of them is.
pub fn cell_changed(runtime: &mut Runtime, cell: CellId) {
    let dependents = std::mem::take(&mut runtime.cells.get_mut(cell).dependents);
    let mut kept = Vec::new();
    let mut broken = Vec::new();
    for number in dependents {
        let Some(image) = runtime.native.units().image(number) else { continue };
        match (holds(runtime, image), image.pending.get()) {
            (true, _) => {
                image.pending.set(false);
                image.intact.set(1);
                kept.push(number);
            }
            (false, true) => kept.push(number),
            (false, false) => broken.push(number),
        }
    }
    if !broken.is_empty() {
        runtime.cells.get_mut(cell).changes += 1;
    }
    runtime.cells.get_mut(cell).dependents.extend(kept);
    invalidate(runtime, &broken);
}

/// Images whose assumptions broke: their functions go back to the interpreter, and code that is running notices
/// after its next call.
fn invalidate(runtime: &mut Runtime, images: &[u32]) {
    for number in images {
        let Some(image) = runtime.native.units().image(*number) else { continue };
        image.intact.set(0);
        image.teach();
        for prototype in image.prototypes.clone() {
            if prototype.native.image.get() == *number {
                prototype.native.compiled.set(false);
                prototype.native.image.set(u32::MAX);
                let trampoline = runtime.native.trampoline;
                runtime.set_field(prototype.code, offset::CODE_ENTRY, Value(trampoline as u64));
            }
        }
        runtime.native.units_mut().statistics.invalidated += 1;
    }
    if !images.is_empty() {
        refresh_entries(runtime);
    }
}

/// Mark what native code that is running needs: images whose code the stack has addresses of.
fn trace_running(units: &Units, stack: std::ops::Range<usize>, marker: &mut Marker) {
    let ranges = units.images.values().map(|image| (image.unit.code(), image));
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_by_key(|(range, _)| range.start);
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return };
    let (low, high) = (first.0.start, last.0.end);
    for address in stack.step_by(8) {
        // SAFETY: the range is part of this thread's stack, from the present frame to its base.
        let word = unsafe { *(address as *const usize) };
        if word < low || word >= high {
            continue;
        }
        let after = ranges.partition_point(|(range, _)| range.start <= word);
        if let Some((range, image)) = after.checked_sub(1).map(|index| &ranges[index]) {
            if range.contains(&word) && !image.running.replace(true) {
                image.values.iter().for_each(|value| marker.value(*value));
            }
        }
    }
}

/// Unload images that nothing can call any more.
fn sweep_images(runtime: &mut Runtime) {
    let Units { images, loops, images_until_collection, .. } = runtime.native.units_mut();
    let mut cells = FxHashSet::default();
    images.retain(|_, image| {
        let used = image.traced.replace(false) | image.running.replace(false);
        if !used {
            cells.extend(image.assumptions.iter().map(|(cell, _)| *cell));
        }
        used
    });
    *images_until_collection = images.len().max(LEAST_IMAGES);
    loops.retain(|_, state| match state {
        running::RunningLoop::Native(number) => images.contains_key(number),
        running::RunningLoop::Compiling => true,
        running::RunningLoop::Unfit => false,
    });
    let Runtime { native, cells: all, .. } = runtime;
    for cell in cells {
        all.get_mut(cell).dependents.retain(|number| native.units().image(*number).is_some());
    }
}
