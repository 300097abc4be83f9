//! Files of a program: what a relative name means in them, which of them are being evaluated, and which have been.

use super::toplevel::evaluate_text;
use crate::runtime::{ErrorKind, Failure, OpenFile, Outcome, Runtime};
use crate::value::Value;
use std::path::Path;

/// Do something as part of a file's evaluation.
pub fn in_file<T>(runtime: &mut Runtime, name: &Path, run: impl FnOnce(&mut Runtime) -> T) -> T {
    let file = OpenFile::new(name);
    let depth = runtime.extensions.loading.open.len();
    runtime.extensions.loading.open.push(file);
    let result = run(runtime);
    runtime.extensions.loading.open.truncate(depth);
    result
}

/// Evaluate a file in an environment, a value.
///
/// # Errors
/// `io` if it cannot be read, `load` if it is no text or is being loaded already, and what its forms raise.
pub fn load(runtime: &mut Runtime, name: &str, environment: Value) -> Outcome {
    let name = runtime.extensions.loading.resolve(name);
    let place = runtime.may_read("load", &name)?;
    load_resolved(runtime, &name, &place, environment)
}

/// The same, unless the file was required before or is being loaded already; whether it was loaded now.
///
/// # Errors
/// As `load`.
pub fn require(runtime: &mut Runtime, name: &str, environment: Value) -> Result<bool, Failure> {
    let name = runtime.extensions.loading.resolve(name);
    let place = runtime.may_read("require", &name)?;
    let identity = OpenFile::identity_of(&name);
    let loading = &mut runtime.extensions.loading;
    if loading.required.contains(&identity) || loading.is_open(&identity) {
        return Ok(false);
    }
    // Noted first, and forgotten if loading fails.
    loading.required.push(identity.clone());
    let result = load_resolved(runtime, &name, &place, environment);
    if result.is_err() {
        runtime.extensions.loading.required.retain(|required| *required != identity);
    }
    result.map(|_| true)
}

/// `place` is where the file lies that has the name.
fn load_resolved(runtime: &mut Runtime, name: &Path, place: &Path, environment: Value) -> Outcome {
    let shown = name.display().to_string();
    if runtime.extensions.loading.is_open(&OpenFile::identity_of(name)) {
        return Err(cycle(runtime, name));
    }
    let bytes = match std::fs::read(place) {
        Ok(bytes) => bytes,
        Err(fault) => return Err(fail(runtime, ErrorKind::Io, &shown, &fault.to_string())),
    };
    match String::from_utf8(bytes) {
        Ok(text) => in_file(runtime, name, |runtime| evaluate_text(runtime, &shown, &text, environment)),
        Err(fault) => {
            let offset = fault.utf8_error().valid_up_to();
            Err(fail(runtime, ErrorKind::Load, &shown, &format!("not UTF-8 text, from byte {offset} on")))
        }
    }
}

#[cold]
fn fail(runtime: &mut Runtime, kind: ErrorKind, name: &str, fault: &str) -> Failure {
    match runtime.string(name) {
        Ok(irritant) => runtime.error(kind, &format!("{name}: {fault}"), &[irritant]),
        Err(failure) => failure,
    }
}

/// Raise `load`: evaluating a file came back to it.
#[cold]
fn cycle(runtime: &mut Runtime, name: &Path) -> Failure {
    let identity = OpenFile::identity_of(name);
    let open = runtime.extensions.loading.open.iter().skip_while(|file| file.identity != identity);
    let mut chain: Vec<String> = open.map(|file| file.name.display().to_string()).collect();
    let shown = name.display().to_string();
    chain.push(shown.clone());
    fail(runtime, ErrorKind::Load, &shown, &format!("is being loaded already: {}", chain.join(" loads ")))
}
