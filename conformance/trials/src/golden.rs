//! Golden listings: each target's code for the functions in `conformance/lower/*.ir`, kept in the target's `golden`
//! folder, one file an input. A new target blesses a folder of its own and touches no shared file.

use maru_core::codegen::Architecture;
use maru_core::ir::{parse, verify};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The folder of inputs.
pub fn inputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lower")
}

/// The text of a listing: all functions of an input, an instruction a line, with offset and bytes.
///
/// # Errors
/// When the input cannot be read, verified or compiled.
pub fn listing(architecture: &dyn Architecture, input: &str) -> Result<String, String> {
    let functions = parse::parse(input).map_err(|error| error.to_string())?;
    verify::verify_unit(&functions).map_err(|error| error.to_string())?;
    let mut text = String::new();
    for function in &functions {
        let lines = architecture.listing(function).map_err(|error| error.to_string())?;
        let _ = writeln!(text, "{}:", function.name);
        for line in lines {
            let bytes: String = line.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(text, "{:04x}  {bytes:<20}  {}", line.offset, line.text);
        }
    }
    Ok(text)
}

/// Compare a target's listings with its golden files, which are in a folder; or write those if `bless`. The result names what differs.
///
/// # Errors
/// When a file cannot be read or written, or an input is wrong.
pub fn check(architecture: &dyn Architecture, golden: &Path, bless: bool) -> Result<Vec<String>, String> {
    let mut different = Vec::new();
    let entries = std::fs::read_dir(inputs()).map_err(|error| error.to_string())?;
    let mut names: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "ir"));
    names.sort();
    for path in &names {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let describe = |error: String| format!("{name}.ir on {}: {error}", architecture.name());
        let input = std::fs::read_to_string(path).map_err(|error| describe(error.to_string()))?;
        let text = listing(architecture, &input).map_err(describe)?;
        let file = golden.join(format!("{name}.txt"));
        if bless {
            std::fs::create_dir_all(golden).map_err(|error| describe(error.to_string()))?;
            std::fs::write(&file, text).map_err(|error| describe(error.to_string()))?;
        } else {
            let expected = std::fs::read_to_string(&file).unwrap_or_default();
            if let Some(line) = first_difference(&expected, &text) {
                different.push(format!("{}: {line}", file.display()));
            }
        }
    }
    different.extend(orphans(golden, &names));
    Ok(different)
}

/// The first line in which two texts differ.
fn first_difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (mut expected, mut found) = (expected.lines(), found.lines());
    for number in 1.. {
        let (old, new) = (expected.next(), found.next());
        if old != new {
            let show = |line: Option<&str>| line.map_or("nothing".into(), |line| format!("`{line}`"));
            return Some(format!("line {number}: expected {}, found {}", show(old), show(new)));
        }
        if old.is_none() {
            break;
        }
    }
    Some("line ends differ".into())
}

/// Golden files whose input is gone.
fn orphans(golden: &Path, inputs: &[PathBuf]) -> Vec<String> {
    let known = |path: &Path| inputs.iter().any(|input| input.file_stem() == path.file_stem());
    let entries = std::fs::read_dir(golden).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| !known(path)).map(|path| format!("{}: its input is gone", path.display())).collect()
}
