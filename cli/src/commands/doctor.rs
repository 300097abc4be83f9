//! `maru doctor`: what this host can do, found out by trying.

use crate::arguments::{Doctor, Execution, Selection};
use crate::trouble::Trouble;
use crate::variables::{Variable, VARIABLES, VARIABLES_OF_TESTS};
use crate::{options, session};
use maru_compiler::load::Candidate;
use maru_compiler::machine::Ability;
use maru_compiler::unit::HasUnits;
use maru_core::codegen::{find_compiler, Architecture, SourceTarget};
use maru_core::format::{identity, Linker};
use maru_core::registry;
use maru_language::runtime::JitMode;
use serde_json::{json, Value};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Tools that tests and people use on what Maru writes, and for what.
const TOOLS: [(&str, &str); 7] = [
    ("gdb", "debugging compiled code"),
    ("lldb", "debugging compiled code"),
    ("perf", "profiling compiled code"),
    ("readelf", "reading libraries"),
    ("objdump", "disassembling libraries"),
    ("llvm-objdump", "disassembling libraries of other CPUs"),
    ("as", "checking encodings"),
];

/// One thing looked at.
struct Finding {
    what: String,
    good: bool,
    detail: String,
}

/// Look at the host.
///
/// # Errors
/// When the environment's settings are wrong, or the findings cannot be printed.
pub fn doctor(arguments: &Doctor) -> Result<ExitCode, Trouble> {
    let sections = [
        ("native code", native_code()?),
        ("other machines", machines()),
        ("linkers for the strategy 'linker'", linkers()),
        ("compilers for targets whose code is text", compilers()),
        ("directories for libraries", directories()),
        ("tools", tools()),
    ];
    let able = sections[0].1.iter().all(|finding| finding.good);
    let text = match arguments.json {
        true => format!("{:#}\n", as_json(&sections)),
        false => as_text(&sections) + &variables_text(),
    };
    super::print(&text)?;
    Ok(ExitCode::from(u8::from(!able)))
}

fn native_code() -> Result<Vec<Finding>, Trouble> {
    let finding = |what: &str, found: Option<&str>| Finding {
        what: what.into(),
        good: found.is_some(),
        detail: found.unwrap_or("no plugin is for this host").into(),
    };
    let (good, detail) = match trial()? {
        Ok(machine) => (true, format!("a function was compiled, loaded and called ({machine})")),
        Err(problem) => (false, problem),
    };
    Ok(vec![
        finding("architecture", registry::host_architecture().map(|found| found.name())),
        finding("format", registry::host_format().map(|found| found.name())),
        Finding { what: "trial".into(), good, detail },
    ])
}

/// Compile a function for this host and call it: what runs native code, or why it does not work.
fn trial() -> Result<Result<String, String>, Trouble> {
    const PROGRAM: &str = "(define (trial n) (if (< n 1) 'native (trial (- n 1)))) (compile-now 'trial) (trial 9)";
    let mut options = options::options(&Selection::default(), &Execution::default())?;
    (options.target, options.format, options.jit) = (None, None, JitMode::Auto);
    session::with_runtime(options, None, |runtime| {
        Ok(match session::evaluate(runtime, "<doctor>", PROGRAM) {
            Ok(_) => Ok(runtime.native.units().machine_name().unwrap_or("no machine").to_string()),
            Err(message) => Err(message),
        })
    })
}

/// What the other kinds of machine run here, and what is missing for it.
fn machines() -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in maru_compiler::machine::machines() {
        let mut pairs = Vec::new();
        let (mut good, mut detail) = (false, String::new());
        for architecture in registry::architectures() {
            for format in registry::formats() {
                match kind.ability(architecture, format) {
                    Ability::Ready(what) => (good, detail) = (true, what),
                    Ability::Missing(what) => detail = what,
                    Ability::Unsupported => continue,
                }
                pairs.push(format!("{} in {}", architecture.name(), format.name()));
            }
        }
        let detail = if pairs.is_empty() { "runs no target here".into() } else { detail };
        let pairs = if pairs.is_empty() { String::new() } else { format!(" ({})", pairs.join(", ")) };
        findings.push(Finding { what: kind.name().into(), good, detail: format!("{detail}{pairs}") });
    }
    findings
}

/// What makes libraries of objects, for each pair of target and format.
fn linkers() -> Vec<Finding> {
    let mut findings = Vec::new();
    for architecture in registry::architectures() {
        for format in registry::formats() {
            let what = format!("{} in {}", architecture.name(), format.name());
            let Some(machine) = identity(architecture, format) else { continue };
            let is_host = architecture.is_host() && format.is_host();
            let (good, detail) = match Linker::find(format.linkers(machine, is_host), &what) {
                Ok(linker) => (true, linker.program),
                Err(problem) => (false, problem.to_string()),
            };
            findings.push(Finding { what, good, detail });
        }
    }
    findings
}

/// What compiles text, for each target whose code is that.
fn compilers() -> Vec<Finding> {
    let texts = registry::architectures().into_iter().filter_map(|target| Some((target, target.source()?)));
    let finding = |(target, source): (&dyn Architecture, &dyn SourceTarget)| {
        let (good, detail) = match find_compiler(source) {
            Ok(compiler) => (true, compiler.program),
            Err(missing) => (false, missing),
        };
        Finding { what: target.name().into(), good, detail }
    };
    texts.map(finding).collect()
}

fn directories() -> Vec<Finding> {
    let candidates = Candidate::usual().into_iter().map(|candidate| {
        let base = candidate.base.display().to_string();
        let what = if base == candidate.origin { base } else { format!("{base} (${})", candidate.origin) };
        match candidate.prepare() {
            Ok(path) => Finding { what, good: true, detail: path.display().to_string() },
            Err(problem) => Finding { what, good: false, detail: problem },
        }
    });
    candidates.collect()
}

fn tools() -> Vec<Finding> {
    let found = TOOLS.iter().map(|(tool, purpose)| match find_tool(tool) {
        Some(path) => Finding { what: (*tool).into(), good: true, detail: format!("{} ({purpose})", path.display()) },
        None => Finding { what: (*tool).into(), good: false, detail: format!("not found ({purpose})") },
    });
    found.collect()
}

fn find_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| {
        std::fs::metadata(file).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    })
}

fn as_text(sections: &[(&str, Vec<Finding>)]) -> String {
    let mut text = String::new();
    for (title, findings) in sections {
        text.push_str(&format!("{title}\n"));
        let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
        for Finding { what, good, detail } in findings {
            let mark = if *good { "yes" } else { "no " };
            text.push_str(&format!("  {mark}  {what:<width$}  {}\n", detail.replace('\n', "\n       ")));
        }
    }
    text
}

fn as_json(sections: &[(&str, Vec<Finding>)]) -> Value {
    let section = |(title, findings): &(&str, Vec<Finding>)| {
        let findings = findings
            .iter()
            .map(|finding| json!({ "what": finding.what, "good": finding.good, "detail": finding.detail }));
        (title.replace(' ', "_"), Value::Array(findings.collect()))
    };
    let tables = [("variables", VARIABLES), ("variables_of_tests", VARIABLES_OF_TESTS)];
    let tables = tables.map(|(title, table)| (title.to_string(), table.iter().map(variable_json).collect()));
    Value::Object(sections.iter().map(section).chain(tables).collect())
}

/// A variable's value, if it has one that counts.
fn value_of(variable: &Variable) -> Option<String> {
    let value = std::env::var_os(variable.name)?;
    (!value.is_empty()).then(|| value.display().to_string())
}

fn variable_json(variable: &Variable) -> Value {
    let Variable { name, about, default } = variable;
    json!({ "name": name, "about": about, "default": default, "value": value_of(variable) })
}

fn variables_text() -> String {
    let mut text = String::from("variables\n");
    let width = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    for variable in VARIABLES {
        let Variable { name, about, default } = variable;
        let (mark, state) = match value_of(variable) {
            Some(value) => ("set", value),
            None => ("   ", format!("else {default}")),
        };
        text.push_str(&format!("  {mark}  {name:<width$}  {about}: {state}\n"));
    }
    text
}
