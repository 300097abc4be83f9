//! Runs the conformance cases of the language in the interpreter.
//!
//! A case file is a program whose top-level forms are followed, on the same or the next lines, by what they come to:
//! `; => value` (as `dump` has it), `; error: kind` or `; error: kind (irritants)`, `; prints: line` (once a line).

use maru_core::abi::layout::{offset, Value};
use maru_language::interp;
use maru_language::runtime::{JitMode, Options, Runtime};
use maru_language::syntax::print::{text, Style};
use maru_language::syntax::Reader;
use maru_language::value::heap::HeapOptions;
use maru_language::value::on_large_stack;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a form is expected to come to.
#[derive(Default, Debug, PartialEq, Eq)]
struct Expectation {
    value: Option<String>,
    error: Option<String>,
    prints: Vec<String>,
}

impl Expectation {
    /// From the comments behind a form.
    fn parse(comments: &str) -> Expectation {
        let mut expectation = Expectation::default();
        for line in comments.lines() {
            let Some((_, comment)) = line.split_once(';') else { continue };
            let comment = comment.trim();
            if let Some(value) = comment.strip_prefix("=> ") {
                expectation.value = Some(value.trim().into());
            } else if let Some(error) = comment.strip_prefix("error: ") {
                expectation.error = Some(error.trim().into());
            } else if let Some(line) = comment.strip_prefix("prints:") {
                expectation.prints.push(line.strip_prefix(' ').unwrap_or(line).into());
            }
        }
        expectation
    }
    fn is_empty(&self) -> bool {
        *self == Expectation::default()
    }
}

/// Run one form and compare; what is wrong, if anything.
fn check(runtime: &mut Runtime, form: Value, expected: &Expectation) -> Result<(), String> {
    runtime.captures.push(Default::default());
    let environment = runtime.global;
    let outcome = interp::evaluate_toplevel(runtime, form, environment);
    let printed = runtime.captures.pop().unwrap_or_default().into_text();
    assert_eq!(runtime.stack.top, 0, "values are left on the stack");
    let found = match outcome {
        Ok(value) => Ok(text(runtime, value, Style::Dump)),
        Err(_) => Err(error_text(runtime, expected)),
    };
    match (&found, &expected.value, &expected.error) {
        (Ok(value), Some(wanted), None) if value == wanted => {}
        (Ok(_), None, None) => {}
        (Err(error), None, Some(wanted)) if error == wanted => {}
        _ => return Err(format!("expected {expected:?}, found {found:?}")),
    }
    let lines: Vec<&str> = printed.lines().collect();
    if !expected.prints.is_empty() && lines != expected.prints {
        return Err(format!("expected output {:?}, found {lines:?}", expected.prints));
    }
    Ok(())
}

fn error_text(runtime: &mut Runtime, expected: &Expectation) -> String {
    let error = runtime.take_failure();
    if interp::exit_status(runtime).is_some() {
        runtime.extensions.exit_status = None;
        return "exit".into();
    }
    let Some(kind) = runtime.error_kind(error) else {
        return format!("raised {}", text(runtime, error, Style::Dump));
    };
    let irritants = runtime.field(error, offset::ERROR_IRRITANTS);
    let with_irritants = expected.error.as_ref().is_none_or(|wanted| wanted.contains(' '));
    match with_irritants {
        true => format!("{} {}", kind.name(), text(runtime, irritants, Style::Dump)),
        false => kind.name().to_string(),
    }
}

fn run_file(options: Options, path: &Path) -> Vec<String> {
    let program = std::fs::read_to_string(path).expect("a case file");
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    // Endless recursion touches all of its stack; only one file needs a large one.
    let size = if name == "tail-calls.l" { 3 << 29 } else { 1 << 28 };
    let options = Options { fuel: limit(&program, "fuel"), max_depth: limit(&program, "depth"), ..options };
    on_large_stack(size, |stack| {
        let mut runtime = maru_compiler::runtime(options, stack).expect("a runtime");
        run_cases(&mut runtime, &name, &program)
    })
    .expect("a stack")
}

/// A limit that the first line sets for each form: `; limits: fuel=1000 depth=50`.
fn limit(program: &str, name: &str) -> Option<i64> {
    let settings = program.lines().next()?.strip_prefix("; limits:")?;
    let number = settings.split_whitespace().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='))?;
    Some(number.parse().expect("a limit's number"))
}

fn run_cases(runtime: &mut Runtime, name: &str, program: &str) -> Vec<String> {
    let source = runtime.sources.add(name, program.into());
    let mut reader = Reader::new(source, program);
    let mut faults = Vec::new();
    let mut cases = 0;
    loop {
        let form = match reader.next(runtime) {
            Ok(Some(form)) => form,
            Ok(None) => break,
            Err(fault) => {
                faults.push(format!("{name}: {}", fault.message));
                break;
            }
        };
        runtime.refill();
        let expected = Expectation::parse(&program[comments_behind(program, reader.offset())]);
        cases += usize::from(!expected.is_empty());
        if let Err(fault) = check(runtime, form, &expected) {
            let line = program[..reader.offset()].lines().count();
            faults.push(format!("{name}:{line}: {}: {fault}", text(runtime, form, Style::Dump)));
        }
    }
    if cases == 0 {
        faults.push(format!("{name}: no form has an expectation"));
    }
    faults
}

/// The rest of the line behind a form, and the lines behind it that are comments only.
fn comments_behind(program: &str, start: usize) -> Range<usize> {
    let mut end = start + program[start..].find('\n').unwrap_or(program.len() - start);
    while let Some(line) = program[end..].strip_prefix('\n').and_then(|rest| rest.lines().next()) {
        if !line.trim_start().starts_with("; ") {
            break;
        }
        end += 1 + line.len();
    }
    start..end
}

fn case_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "l"))
        .collect();
    files.sort();
    assert!(files.len() >= 12, "case files are missing: {files:?}");
    files
}

fn interpreter() -> Options {
    Options { jit: JitMode::Off, ..Options::default() }
}

#[test]
fn all_cases_in_the_interpreter() {
    let faults: Vec<String> = case_files().iter().flat_map(|path| run_file(interpreter(), path)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Each form's first allocations are each preceded by a collection; some forms allocate millions of times.
/// `MARU_STRESS=1000` makes it a thousand a form.
#[test]
fn all_cases_under_stress() {
    let allocations = std::env::var("MARU_STRESS").map_or(100, |number| number.parse().expect("MARU_STRESS: a number"));
    let options = Options { heap: HeapOptions::stress_for(allocations), verify_heap: true, ..interpreter() };
    let faults: Vec<String> = case_files().iter().flat_map(|path| run_file(options.clone(), path)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// All functions and top-level forms compiled before they first run, their IR evaluated: no target is needed for that.
#[test]
fn all_cases_compiled_and_evaluated() {
    let options = Options { jit: JitMode::Always, evaluator: true, ..interpreter() };
    // A million calls that wait for one another are more than the evaluator has room for.
    let files = case_files().into_iter().filter(|path| !path.ends_with("tail-calls.l"));
    let faults: Vec<String> = files.flat_map(|path| run_file(options.clone(), &path)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
