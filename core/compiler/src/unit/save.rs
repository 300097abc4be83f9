//! Environments that are compiled ahead of time and kept as libraries: at a path, or in the cache under a name.

use super::build::make;
use super::compile::{compile, set_up_machine};
use super::image::CompiledUnit;
use super::manifest::{Contents, Problem};
use super::open::open_library;
use super::{CompileFailure, HasUnits, Units};
use crate::load::{
    are_many_open, check_signature, library_in, manifest_of, write_whole, Cache, CacheKey, EntryKind, ForeignLibrary,
};
use maru_core::abi::layout::Value;
use maru_core::codegen::{image_stamp, Architecture};
use maru_core::format::ObjectFormat;
use maru_language::interp::saved::Graph;
use maru_language::runtime::{ErrorKind, Failure, JitMode, Options, Outcome, Runtime};
use std::path::{Path, PathBuf};

/// Whether a name is a path, which means the file there. Other names are those of entries of the cache.
fn as_path(name: &str) -> Option<&Path> {
    name.contains('/').then(|| Path::new(name))
}

fn cache_entry(runtime: &mut Runtime, name: &str) -> Result<(Cache, CacheKey), Problem> {
    let place = Cache::usual_place()
        .ok_or("there is no place for the cache: set MARU_CACHE to a directory, as an absolute path")?;
    let mut cache = Cache::open(&place).map_err(|error| error.to_string())?;
    for directory in Cache::shared_places() {
        cache.share(&directory).map_err(|error| error.to_string())?;
    }
    let target = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    Ok((cache, saved_key(&runtime.options, target, name)))
}

/// The key of an environment that is saved under a name by a run with these options.
pub fn saved_key(
    options: &Options,
    (architecture, format): (&dyn Architecture, &dyn ObjectFormat),
    name: &str,
) -> CacheKey {
    let parts = [
        ("name", name.as_bytes()),
        ("architecture", architecture.name().as_bytes()),
        ("format", format.name().as_bytes()),
        ("optimisation level", &[options.level.number()]),
        ("strategy", options.strategy.name().as_bytes()),
    ];
    CacheKey::new(EntryKind::Saved, name, image_stamp(architecture), &parts)
}

/// `(save-compiled-environment env "name")`: compile an environment ahead of time and keep it as a library: at a path, if
/// the name is one, else in the cache. Answers where the library lies. `environment` may be an instance that stands for one.
///
/// # Errors
/// Kind `compile` when something in it cannot be saved, kind `io` when the library cannot be written.
pub fn save_environment(runtime: &mut Runtime, environment: Value, name: &str) -> Outcome {
    let base = runtime.roots.len();
    runtime.roots.push(environment);
    let bytes = environment_library(runtime, environment, name);
    runtime.roots.truncate(base);
    let bytes = bytes.map_err(|problem| runtime.error(ErrorKind::Compile, &problem, &[]))?;
    let stored = store(runtime, name, &bytes);
    let path = stored.map_err(|problem| runtime.error(ErrorKind::Io, &problem, &[]))?;
    runtime.string(&path.to_string_lossy())
}

fn store(runtime: &mut Runtime, name: &str, bytes: &[u8]) -> Result<PathBuf, Problem> {
    if let Some(path) = as_path(name) {
        let written = write_whole(path, bytes);
        return written.map(|()| path.to_path_buf()).map_err(|error| format!("{name}: {error}"));
    }
    let (cache, key) = cache_entry(runtime, name)?;
    cache.store(&key, bytes).map_err(|error| error.to_string())?;
    Ok(cache.path(&key))
}

fn environment_library(runtime: &mut Runtime, environment: Value, name: &str) -> Result<Vec<u8>, Problem> {
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    let addresses = runtime.native.units().foreign.iter().flat_map(ForeignLibrary::addresses).collect();
    let graph = Graph::of_environment(runtime, environment, addresses)?;
    let prototypes = graph.roots().to_vec();
    // Messages name the text that the first function of the environment's own is of.
    let own = prototypes.iter().find(|prototype| prototype.environment == graph.own()).or(prototypes.first());
    let source = own.map_or(u32::MAX, |prototype| prototype.position.source);
    let contents = Contents { source, prototypes, saved: Some((graph, environment)) };
    make(runtime, name, contents, (architecture, format), Units::library)
}

/// `(load-compiled-environment "name")`: a new environment with what was saved under a name.
///
/// # Errors
/// Kind `load` when there is none, or it cannot be used.
pub fn load_environment(runtime: &mut Runtime, name: &str) -> Outcome {
    let base = runtime.roots.len();
    let result = try_load(runtime, name);
    runtime.roots.truncate(base);
    result.map_err(|problem| {
        let message = format!("load-compiled-environment: \"{name}\": {problem}");
        runtime.error(ErrorKind::Load, &message, &[])
    })
}

/// The bytes of a saved library.
fn read(runtime: &mut Runtime, name: &str) -> Result<Vec<u8>, Problem> {
    let Some(path) = as_path(name) else {
        let (cache, key) = cache_entry(runtime, name)?;
        let bytes = cache.find(&key)?;
        check_signature(&runtime.options.trusted, &cache.path(&key), &bytes)?;
        return Ok(bytes);
    };
    let bytes = std::fs::read(path).map_err(|error| format!("the library cannot be read: {error}"))?;
    check_signature(&runtime.options.trusted, path, &bytes)?;
    library_in(&bytes).map(<[u8]>::to_vec)
}

fn try_load(runtime: &mut Runtime, name: &str) -> Result<Value, Problem> {
    let bytes = read(runtime, name)?;
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    set_up_machine(runtime).map_err(|CompileFailure(message)| message)?;
    // Where so many libraries are loaded that more had better lie in memory, the code is made anew of the library's trees.
    let is_made_anew = are_many_open() && runtime.native.units().is_host;
    let (manifest, unit) = if is_made_anew {
        (manifest_of(Path::new(""), &bytes, format, architecture).map_err(|error| error.to_string())?, None)
    } else {
        let image = runtime.native.units_mut().load(format, architecture, Path::new(""), &bytes);
        let image = image.map_err(|error| error.to_string())?;
        (image.manifest().to_vec(), Some(CompiledUnit::Library(image)))
    };
    let memory = |Failure| "memory is used up".to_string();
    let environment = runtime.make_environment(None).map_err(memory)?;
    runtime.roots.push(environment);
    let opened = open_library(runtime, &manifest, unit, environment)?;
    let answer = opened.answer.ok_or("it holds a program, not a saved environment; maru run runs those")?;
    if is_made_anew && runtime.options.jit != JitMode::Off {
        // What cannot be compiled is interpreted, as ever.
        let _ = compile(runtime, &opened.trees, name);
    }
    Ok(answer)
}
