//! `maru cache`: what is kept of compiled code, and why something is not found there.

use crate::arguments::{CacheAction, CacheCommand, Execution};
use crate::trouble::{self, Trouble};
use crate::{identity, options, table};
use maru_compiler::load::{Cache, CacheEntry, EntryKind, CACHE_VARIABLE};
use maru_compiler::unit;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Look at the cache, or clear it.
///
/// # Errors
/// When there is no cache to be had, or the answer cannot be printed.
pub fn cache(command: &CacheCommand) -> Result<ExitCode, Trouble> {
    let place = Cache::usual_place().ok_or_else(|| {
        Trouble::failed(format!(
            "there is no place for the cache: set {CACHE_VARIABLE} to a directory, as an absolute path"
        ))
    })?;
    let mut cache = Cache::open(&place).map_err(Trouble::failed)?;
    for directory in Cache::shared_places() {
        if let Err(problem) = cache.share(&directory) {
            trouble::say(problem);
        }
    }
    match &command.action {
        CacheAction::List => list(&cache),
        CacheAction::Path { name } => path(&cache, name.as_deref()),
        CacheAction::Verify => verify(&cache),
        CacheAction::Why { name } => why(&cache, name),
        CacheAction::Clear => {
            let removed = cache.clear().map_err(|error| Trouble::failed(format!("{}: {error}", place.display())))?;
            super::print(&format!("{removed} removed from {}\n", cache.directory().display()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(cache: &Cache) -> Result<ExitCode, Trouble> {
    let mut rows = vec![["kind", "bytes", "of what", "file"].map(String::from).to_vec()];
    let entries = cache.entries();
    for (directory, entry) in &entries {
        let file = directory.join(&entry.file_name).display().to_string();
        rows.push(vec![kind(entry).into(), entry.size.to_string(), entry.unit.clone(), file]);
    }
    let bytes: u64 = entries.iter().map(|(_, entry)| entry.size).sum();
    let total = format!("{} entries, {bytes} bytes\n", entries.len());
    let listed = if entries.is_empty() { String::new() } else { table::render(&rows) };
    super::print(&(listed + &total))?;
    Ok(ExitCode::SUCCESS)
}

fn kind(entry: &CacheEntry) -> &'static str {
    match entry.kind {
        EntryKind::Saved => "saved environment",
        EntryKind::Unit => "compiled unit",
    }
}

fn path(cache: &Cache, name: Option<&str>) -> Result<ExitCode, Trouble> {
    let path = match name {
        None => cache.directory().to_path_buf(),
        Some(name) => saved(cache, name)?,
    };
    super::print(&format!("{}\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The file of an environment that was saved under a name.
fn saved(cache: &Cache, name: &str) -> Result<PathBuf, Trouble> {
    let entries = cache.entries().into_iter();
    let mut found = entries.filter(|(_, entry)| entry.kind == EntryKind::Saved && entry.unit == name);
    let missing = || Trouble::failed(format!("no environment is saved as \"{name}\"; `maru cache list` shows what is"));
    found.next().map(|(directory, entry)| directory.join(entry.file_name)).ok_or_else(missing)
}

fn verify(cache: &Cache) -> Result<ExitCode, Trouble> {
    let problems = cache.verify();
    let lines: String = problems.iter().map(|(path, problem)| format!("{}: {problem}\n", path.display())).collect();
    let whole = cache.entries().len();
    super::print(&format!("{lines}{whole} whole, {} not\n", problems.len()))?;
    Ok(ExitCode::from(u8::from(!problems.is_empty())))
}

/// Why what was kept of a program, or of a name, is not found.
fn why(cache: &Cache, name: &str) -> Result<ExitCode, Trouble> {
    let mut options = options::options(&Default::default(), &Execution::default())?;
    options.keep = identity::kept_code()?;
    let (architecture, format) = (options::architecture(&options)?, options::format(&options)?);
    let lines = match Path::new(name).is_file() {
        true => unit::why_units(cache, &options, (architecture, format), name),
        false => cache.why(&unit::saved_key(&options, (architecture, format), name)),
    };
    let lines = if lines.is_empty() { vec![format!("\"{name}\" is found")] } else { lines };
    super::print(&(lines.join("\n") + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
