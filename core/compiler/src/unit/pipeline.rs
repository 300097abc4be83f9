//! From IR to a loaded library: the part of compiling that knows no runtime, so that any thread can do it.

use super::compile::CompileFailure;
use super::statistics::{Statistics, Watch};
use super::{source, strategy};
use crate::load::{are_many_open, ExecutableDirectory, LoadError, LoadedImage};
use maru_core::codegen::{Architecture, MachineIdentity};
use maru_core::format::{self, Image, ObjectFormat};
use maru_core::ir::flow::ControlFlow;
use maru_core::ir::passes::{optimise, OptimisationFuel};
use maru_core::ir::verify::verify_unit;
use maru_core::ir::{Function, Terminator};
use maru_language::runtime::Strategy;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether to stop: asked between two functions.
pub(super) type Stop<'a> = &'a dyn Fn() -> bool;

/// Why nothing came of a unit that was stopped.
pub(super) const STOPPED: &str = "compiling was interrupted";

/// Run the optimiser over a unit, verified before and after if that is wanted.
pub(super) fn optimise_all(
    functions: &mut [Function],
    fuel: &mut OptimisationFuel,
    verify: bool,
    statistics: &mut Statistics,
    stop: Stop,
) -> Result<(), CompileFailure> {
    if verify {
        verify_unit(functions)?;
        functions.iter().try_for_each(check_ends)?;
    }
    let mut watch = Watch::start();
    for function in functions.iter_mut() {
        go_on(stop)?;
        optimise(function, fuel);
    }
    watch.lap(&mut statistics.passes);
    if verify {
        verify_unit(functions)?;
    }
    Ok(())
}

/// Check that every way through a function that was just lowered ends: an open block counts as one that control does not
/// come to, and the lowering writes no others.
fn check_ends(function: &Function) -> Result<(), CompileFailure> {
    let flow = ControlFlow::of(function);
    match flow.order.iter().find(|block| matches!(function.block(**block).terminator, Terminator::Unreachable)) {
        Some(block) => Err(CompileFailure(format!("{}: control comes to {block}, which has no end", function.name))),
        None => Ok(()),
    }
}

fn go_on(stop: Stop) -> Result<(), CompileFailure> {
    if stop() {
        return Err(CompileFailure(STOPPED.into()));
    }
    Ok(())
}

/// What is made, for whom.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// The CPU.
    pub architecture: &'static dyn Architecture,
    /// The container.
    pub format: &'static dyn ObjectFormat,
    /// How the library is made.
    pub strategy: Strategy,
}

/// What a library is made of, besides its functions.
pub(crate) struct LibraryParts<'a> {
    /// The image's name.
    pub name: &'a str,
    /// The source that its line tables speak of.
    pub source: &'a str,
    /// Words of its data table.
    pub data_words: usize,
    /// The compiler's description of it.
    pub manifest: &'a [u8],
}

/// A unit whose code is made.
pub(super) enum Made {
    /// The bytes of a library.
    Library(Vec<u8>),
    /// An image in memory, where the strategy needs no library.
    Image(LoadedImage),
}

impl Target {
    /// The same, where so much code is loaded that more had better lie in memory.
    pub(super) fn fitting(self, is_host: bool) -> Target {
        let has_code = self.architecture.source().is_none();
        match is_host && has_code && self.strategy == Strategy::Direct && are_many_open() {
            true => Target { strategy: Strategy::Memory, ..self },
            false => self,
        }
    }
}

/// Optimised IR to what the target's strategy makes of it.
pub(super) fn unit(
    target: Target,
    functions: &[Function],
    parts: &LibraryParts,
    statistics: &mut Statistics,
    stop: Stop,
) -> Result<Made, CompileFailure> {
    if target.strategy == Strategy::Memory && target.architecture.source().is_none() {
        return make(target, functions, parts, statistics, stop, strategy::in_memory).map(Made::Image);
    }
    library(target, functions, parts, statistics, stop).map(Made::Library)
}

/// Optimised IR to the bytes of a library.
pub(super) fn library(
    target: Target,
    functions: &[Function],
    parts: &LibraryParts,
    statistics: &mut Statistics,
    stop: Stop,
) -> Result<Vec<u8>, CompileFailure> {
    let bytes = match target.architecture.source() {
        Some(text) => source::library(target, text, functions, parts, statistics)?,
        None => make(target, functions, parts, statistics, stop, strategy::library)?,
    };
    statistics.file_bytes += bytes.len() as u64;
    Ok(bytes)
}

/// Optimised IR to assembly text, whatever the target's strategy is.
pub(super) fn assembly(
    target: Target,
    functions: &[Function],
    parts: &LibraryParts,
    statistics: &mut Statistics,
) -> Result<Vec<u8>, CompileFailure> {
    let target = Target { strategy: Strategy::Assembler, ..target };
    make(target, functions, parts, statistics, &|| false, strategy::assembly)
}

/// Optimised IR to the bytes of a relocatable object.
pub(super) fn object(
    target: Target,
    functions: &[Function],
    parts: &LibraryParts,
    statistics: &mut Statistics,
) -> Result<Vec<u8>, CompileFailure> {
    if target.architecture.source().is_some() {
        let name = target.architecture.name();
        return Err(CompileFailure(format!("objects of {name} are made by its compiler, of the unit's text")));
    }
    let bytes = make(target, functions, parts, statistics, &|| false, strategy::object)?;
    statistics.file_bytes += bytes.len() as u64;
    Ok(bytes)
}

/// Optimised IR to the text of a target whose code is that.
pub(super) fn text(target: Target, functions: &[Function], parts: &LibraryParts) -> Result<Vec<u8>, CompileFailure> {
    let architecture = target.architecture;
    let text = architecture.source().ok_or_else(|| {
        CompileFailure(format!("the code of {} is no text that a compiler reads", architecture.name()))
    })?;
    source::text(target, text, functions, parts).map(String::into_bytes)
}

/// What an image ends as, with the compiler's description of it.
type Finish<T> = fn(Image, &[u8], Target, &MachineIdentity) -> Result<T, CompileFailure>;

fn make<T>(
    target: Target,
    functions: &[Function],
    parts: &LibraryParts,
    statistics: &mut Statistics,
    stop: Stop,
    finish: Finish<T>,
) -> Result<T, CompileFailure> {
    let Target { architecture, format, .. } = target;
    let machine = identity(architecture, format)?;
    let big_endian = !machine.little_endian;
    let mut image = Image { big_endian, ..Image::new(parts.name, &absolute(parts.source)) };
    let placement = format.code_placement(machine, architecture.trap());
    let mut symbols = FxHashMap::default();
    for function in functions {
        go_on(stop)?;
        let compiled = architecture.compile_for(function, machine.system)?;
        let [select, allocate, encode] = compiled.nanoseconds;
        statistics.select += select;
        statistics.allocate += allocate;
        statistics.encode += encode;
        if target.strategy == Strategy::Assembler {
            image.listings.push(architecture.listing_for(function, machine.system)?);
        }
        let symbol = unique_symbol(&mut symbols, &function.name);
        image.push(symbol, compiled, placement);
    }
    let mut watch = Watch::start();
    image.data_words = parts.data_words as u32;
    statistics.code_bytes += image.code.len() as u64;
    let made = finish(image, parts.manifest, target, machine)?;
    watch.lap(&mut statistics.layout_write);
    statistics.functions += functions.len() as u64;
    Ok(made)
}

/// What the format calls the target.
pub(super) fn identity(
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
) -> Result<&'static MachineIdentity, CompileFailure> {
    let identity = format::identity(architecture, format);
    identity.ok_or_else(|| CompileFailure(format!("{} does not hold code for {}", format.name(), architecture.name())))
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

/// The directory that all threads of a run load from, one after another.
#[derive(Clone, Default)]
pub(super) struct SharedDirectory(Arc<Mutex<ExecutableDirectory>>);

impl SharedDirectory {
    /// The directory, for as long as the guard lives. It is whole even if a thread that had it has panicked.
    pub(super) fn lock(&self) -> MutexGuard<'_, ExecutableDirectory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Examine a library, write it to a file and load it.
    ///
    /// # Errors
    /// As for [`ExecutableDirectory::load`].
    pub(super) fn load(
        &self,
        format: &dyn ObjectFormat,
        architecture: &dyn Architecture,
        bytes: &[u8],
        statistics: &mut Statistics,
    ) -> Result<LoadedImage, LoadError> {
        self.timed(statistics, |directory| directory.load(format, architecture, bytes))
    }

    /// Write a library that was just made to a file and load it.
    ///
    /// # Safety
    /// The bytes must be what a format wrote a moment ago, unchanged.
    ///
    /// # Errors
    /// As for [`ExecutableDirectory::load_fresh`].
    pub(super) unsafe fn load_fresh(
        &self,
        format: &dyn ObjectFormat,
        bytes: &[u8],
        statistics: &mut Statistics,
    ) -> Result<LoadedImage, LoadError> {
        // SAFETY: by this function's contract.
        self.timed(statistics, |directory| unsafe { directory.load_fresh(format, bytes) })
    }

    /// Load something, and note how long it took.
    fn timed(
        &self,
        statistics: &mut Statistics,
        load: impl FnOnce(&mut ExecutableDirectory) -> Result<LoadedImage, LoadError>,
    ) -> Result<LoadedImage, LoadError> {
        let mut directory = self.lock();
        let (writing, opening) = (directory.time_writing, directory.time_opening);
        let image = load(&mut directory);
        statistics.file += (directory.time_writing - writing).as_nanos() as u64;
        statistics.dlopen += (directory.time_opening - opening).as_nanos() as u64;
        image
    }
}
