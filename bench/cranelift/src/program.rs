//! The benchmark programs: their text, their IR, and running them.

use maru_language::interp;
use maru_core::codegen::Architecture;
use maru_core::ir::Function;
use maru_language::value::on_large_stack;
use maru_language::runtime::{Failure, JitMode, Options, Runtime};
use maru_language::syntax::render_error;
use maru_compiler::unit;
use std::path::{Path, PathBuf};

/// Bytes of stack for a program.
const STACK: usize = 1 << 30;

/// A program of `bench/programs`.
pub struct Program {
    /// Its folder's name.
    pub name: String,
    folder: PathBuf,
    /// How often it repeats its work for the other systems.
    count: f64,
}

/// The programs with these names, or all.
///
/// # Errors
/// What cannot be read.
pub fn read(root: &Path, names: &[String]) -> Result<Vec<Program>, String> {
    let say = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let entries = std::fs::read_dir(root).map_err(|error| say(root, &error))?;
    let mut programs = Vec::new();
    for folder in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let about = folder.join("about.json");
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !about.is_file() || !(names.is_empty() || names.contains(&name)) {
            continue;
        }
        let text = std::fs::read_to_string(&about).map_err(|error| say(&about, &error))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| say(&about, &error))?;
        let count = value["count"].as_f64().ok_or_else(|| say(&about, &"there is no count"))?;
        programs.push(Program { name, folder, count });
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

impl Program {
    /// Its source, with what the harness puts before it.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub fn text(&self, scale: f64) -> Result<String, String> {
        let read =
            |path: PathBuf| std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()));
        let prelude = read(self.folder.with_file_name("prelude").join("maru.l"))?;
        let source = read(self.folder.join(format!("{}.l", self.name)))?;
        let count = (self.count * scale).round().max(1.0);
        Ok(format!("(define repeat-count {count:.0})\n{prelude}{source}"))
    }

    /// The optimised IR of all its functions.
    ///
    /// # Errors
    /// When it cannot be read or compiled.
    pub fn functions(&self, architecture: &dyn Architecture) -> Result<Vec<Function>, String> {
        let text = self.text(1.0)?;
        with_runtime(Options::default(), |runtime| unit::program_ir(runtime, &self.name, &text, unit::LoweringTarget::of(architecture)))
    }
}

/// Run a program compiled for a target; it prints what it prints.
///
/// # Errors
/// The error that ends it.
pub fn run(path: &Path, target: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let options = Options {
        jit: JitMode::Always,
        target: Some(target.to_owned()),
        target_origin: "--target".to_owned(),
        ..Options::default()
    };
    with_runtime(options, |runtime| match interp::run_program(runtime, &path.display().to_string(), &text) {
        Ok(_) => {
            runtime.flush_output();
            Ok(())
        }
        Err(Failure) => {
            let error = runtime.take_failure();
            Err(render_error(runtime, error, false))
        }
    })
}

fn with_runtime<T>(options: Options, body: impl FnOnce(&mut Runtime) -> Result<T, String>) -> Result<T, String> {
    let outcome = on_large_stack(STACK, |stack| {
        let mut runtime = maru_compiler::runtime(options, stack).map_err(|error| error.to_string())?;
        body(&mut runtime)
    });
    outcome.map_err(|error| error.to_string())?
}
