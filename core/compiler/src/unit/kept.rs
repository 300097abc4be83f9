//! Code of units, kept from run to run.
//!
//! The key of a unit is made of its IR as it is lowered, before the optimiser: what the trees say, what they rely on, and
//! what is known of the kinds of operands (the profile) has become part of that. Besides, of all that decides what is made
//! of the IR: the compiler itself, target, format, level, the name and the source that its tables speak of. What ties
//! the code to a run is no part of the library: the data table is filled in by the run that loads it. So what is found is
//! what compiling would have made, and nothing but time can tell the difference.

use super::pipeline::{LibraryParts, Target};
use crate::load::{Cache, CacheKey, EntryKind};
use maru_core::abi::fingerprint;
use maru_core::codegen::{image_stamp, Architecture};
use maru_core::format::ObjectFormat;
use maru_core::ir::Function;
use maru_language::runtime::{OptimisationLevel, Options, Strategy};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};

/// Libraries that wait to be written take so many bytes at most.
const WAITING_BYTES: usize = 4 << 20;

/// The kept code of a run: for all its threads.
pub(super) struct KeptUnits {
    cache: Cache,
    compiler: String,
    level: OptimisationLevel,
    /// What is kept when the program ends, so that it need not wait for a disk.
    waiting: Mutex<Vec<(CacheKey, Vec<u8>)>>,
}

/// What is written goes into a digest.
struct Digested(Sha256);

impl fmt::Write for Digested {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

impl KeptUnits {
    /// The kept code that a run with these options may use, if it keeps any; and what is to be said of directories that are
    /// not used.
    pub(super) fn open(options: &Options, target: Target) -> (Option<KeptUnits>, Vec<String>) {
        let Some(keep) = &options.keep else { return (None, Vec::new()) };
        // Tools that are not part of this program may make other libraries tomorrow. Limits of the optimiser and checks of
        // what the compiler does are for who looks at the compiler.
        let is_ours = target.strategy == Strategy::Direct && target.architecture.source().is_none();
        let is_plain = options.optimisation_fuel.is_none() && !options.verify_code && options.inspect_library.is_none();
        let Some(place) = Cache::usual_place().filter(|_| is_ours && is_plain) else { return (None, Vec::new()) };
        let mut cache = match Cache::open(&place) {
            Ok(cache) => cache,
            Err(error) => return (None, vec![format!("compiled code is not kept: {error}")]),
        };
        cache.set_limit(keep.limit);
        let shared = Cache::shared_places().into_iter();
        let problems = shared.filter_map(|directory| cache.share(&directory).err()).map(|error| error.to_string());
        let problems = problems.collect();
        let waiting = Mutex::default();
        let kept = KeptUnits { cache, compiler: keep.compiler.clone(), level: options.level, waiting };
        (Some(kept), problems)
    }

    /// The key of a unit, from its IR before it is optimised.
    pub(super) fn key(&self, target: Target, functions: &[Function], parts: &LibraryParts) -> CacheKey {
        let mut code = Digested(Sha256::new());
        for function in functions {
            // Writing into a digest does not fail.
            let _ = write!(code, "{function}");
        }
        let code = code.0.finalize();
        let key = [
            ("code", code.as_slice()),
            ("data words", &(parts.data_words as u64).to_le_bytes()),
            ("name", parts.name.as_bytes()),
            ("source", parts.source.as_bytes()),
            ("compiler", self.compiler.as_bytes()),
            ("architecture", target.architecture.name().as_bytes()),
            ("format", target.format.name().as_bytes()),
            ("optimisation level", &[self.level.number()]),
        ];
        let unit = match parts.source {
            "" => parts.name.to_string(),
            source => format!("{source}: {}", parts.name),
        };
        CacheKey::new(EntryKind::Unit, &unit, image_stamp(target.architecture), &key)
    }

    /// The library of a unit, if it was kept.
    pub(super) fn find(&self, key: &CacheKey) -> Option<Vec<u8>> {
        self.cache.find(key).ok()
    }

    /// Keep a library now. If it cannot be written, it will be compiled again.
    pub(super) fn keep(&self, key: &CacheKey, library: &[u8]) {
        let _ = self.cache.store(key, library);
    }

    /// Keep a library when the program ends.
    pub(super) fn keep_later(&self, key: CacheKey, library: Vec<u8>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((key, library));
        let is_much = waiting.iter().map(|(_, library)| library.len()).sum::<usize>() > WAITING_BYTES;
        let ready = if is_much { std::mem::take(&mut *waiting) } else { Vec::new() };
        drop(waiting);
        ready.iter().for_each(|(key, library)| self.keep(key, library));
    }
}

impl Drop for KeptUnits {
    fn drop(&mut self) {
        let waiting = std::mem::take(self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner));
        waiting.iter().for_each(|(key, library)| self.keep(key, library));
    }
}

/// Why the units of a program are not found, as far as that can be told without running it: for each that was kept of a
/// source with this name, what was different when it was.
pub fn why_units(
    cache: &Cache,
    options: &Options,
    (architecture, format): (&dyn Architecture, &dyn ObjectFormat),
    source: &str,
) -> Vec<String> {
    let compiler = options.keep.as_ref().map_or("", |keep| &keep.compiler);
    let known = [
        ("compiler", compiler.as_bytes()),
        ("architecture", architecture.name().as_bytes()),
        ("format", format.name().as_bytes()),
        ("optimisation level", &[options.level.number()]),
    ];
    let units = cache.entries().into_iter().map(|(_, entry)| entry);
    let units = units.filter(|entry| entry.kind == EntryKind::Unit && entry.unit.starts_with(&format!("{source}: ")));
    let mut lines = Vec::new();
    for entry in units {
        let has_another =
            |(name, bytes): &&(&str, &[u8])| entry.fact(&name.replace(' ', "-")) != Some(fingerprint(bytes)[0]);
        let different: Vec<&str> = known.iter().filter(has_another).map(|(name, _)| *name).collect();
        lines.push(match different.is_empty() {
            true => format!("{}: found, unless its functions or the kinds of their operands have changed", entry.unit),
            false => format!("{}: not found, it has another {}", entry.unit, different.join(", ")),
        });
    }
    if lines.is_empty() {
        lines.push(format!("nothing is kept of a source called {source}"));
    }
    lines
}
