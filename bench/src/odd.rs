//! What an operation costs in compiled code when its operands are not what the compiler would guess: every operation
//! on every pair of kinds of operands, legal or not, in a hot loop.

mod operations;
mod program;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;

use crate::process::{self, Trouble};
use operations::Operation;
use program::Case;
use report::Measured;

/// The settings of `--jit` that are measured.
const MODES: &[&str] = &["always", "auto"];
/// How many cases one process times.
const CASES_A_RUN: usize = 250;

/// The command line of `odd`.
#[derive(Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only cases whose line contains this, such as "(+ A B)" or "nil fixnum"
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Compare with an earlier run's JSON
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How many cases are shown of each sort
    #[arg(long, default_value_t = 40, value_name = "COUNT")]
    top: usize,
    /// Where Maru is
    #[arg(long, value_name = "PATH")]
    maru: Option<PathBuf>,
    /// Seconds that one process may take
    #[arg(long, default_value_t = 60.0, value_parser = crate::positive)]
    timeout: f64,
}

/// Measures and reports.
pub fn show(options: &Options) -> Result<ExitCode, String> {
    let before = match &options.baseline {
        Some(path) => {
            let say = |what: String| format!("{}: {what}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| say(error.to_string()))?;
            Some(report::parse_json(MODES, &text).map_err(say)?)
        }
        None => None,
    };
    let runner = Runner {
        maru: crate::find_maru(options.maru.as_deref())?,
        folder: crate::workspace().join("target/bench/odd"),
        timeout: Duration::from_secs_f64(options.timeout),
    };
    let operations = operations::all();
    let cases = choose(&operations, options.only.as_deref());
    let outcomes = runner.classify(&cases)?;
    let cases = worth_timing(&cases, &outcomes);
    let measured = runner.time(&cases)?;
    match (options.json, before) {
        (true, _) => println!("{:#}", report::render_json(MODES, &measured)),
        (false, Some(before)) => print!("{}", report::render_comparison(MODES, &before, &measured, options.top)),
        (false, None) => print!("{}", report::render(MODES, &measured, options.top)),
    }
    Ok(ExitCode::SUCCESS)
}

/// All cases whose text contains the pattern.
fn choose<'a>(operations: &'a [Operation], only: Option<&str>) -> Vec<Case<'a>> {
    let all = operations
        .iter()
        .flat_map(|operation| operation.pairs().into_iter().map(move |(left, right)| Case { operation, left, right }));
    all.filter(|case| {
        let (left, right) = case.names();
        only.is_none_or(|pattern| format!("{} {left} {right}", case.operation.template).contains(pattern))
    })
    .collect()
}

/// A case and how it ends: `legal`, or the kind of its error.
type Classified<'a> = (Case<'a>, String);

/// What of all cases says something new.
fn worth_timing<'a>(cases: &[Case<'a>], outcomes: &[String]) -> Vec<Classified<'a>> {
    let all: Vec<Classified> = cases.iter().copied().zip(outcomes.iter().cloned()).collect();
    let of_one_operation = all.chunk_by(|a, b| std::ptr::eq(a.0.operation, b.0.operation));
    of_one_operation.flat_map(worth_of_operation).collect()
}

/// Of an operation on two operands these: all legal pairs, if there are illegal ones, and the errors for which one
/// operand alone is at fault, so that another in its place would be legal. Where all pairs are legal (or none) it does
/// not look at its operands: equal kinds, and a fixnum beside each, unless it is one that compares.
fn worth_of_operation<'a>(all: &[Classified<'a>]) -> Vec<Classified<'a>> {
    let legal: Vec<&Classified> = all.iter().filter(|(_, outcome)| outcome == "legal").collect();
    let lefts: BTreeSet<usize> = legal.iter().map(|(case, _)| case.left).collect();
    let rights: BTreeSet<Option<usize>> = legal.iter().map(|(case, _)| case.right).collect();
    let alike = legal.is_empty() || legal.len() == all.len();
    let worth = |(case, outcome): &&Classified<'a>| match case.names() {
        (_, "") => true,
        _ if alike && !case.operation.compares() => {
            let (left, right) = case.names();
            left == right || left == "fixnum" || right == "fixnum"
        }
        _ => outcome == "legal" || lefts.contains(&case.left) || rights.contains(&case.right),
    };
    all.iter().filter(worth).cloned().collect()
}

/// Where and for how long Maru runs.
struct Runner {
    maru: PathBuf,
    folder: PathBuf,
    timeout: Duration,
}

impl Runner {
    /// What the interpreter makes of each case.
    fn classify(&self, cases: &[Case]) -> Result<Vec<String>, String> {
        let lines = self.run("classify", &program::classify(cases), "off")?;
        let outcome = |number: usize| {
            let found = lines.get(&number.to_string()).cloned();
            found.ok_or_else(|| format!("{}: the interpreter does not survive it", cases[number].operation.template))
        };
        (0..cases.len()).map(outcome).collect()
    }

    /// Times all cases in all modes, a number of them in one process.
    fn time(&self, cases: &[Classified]) -> Result<Vec<Measured>, String> {
        let mut measured: Vec<Measured> = cases.iter().map(|(case, outcome)| unmeasured(case, outcome)).collect();
        let numbered: Vec<(usize, Case, bool)> =
            cases.iter().enumerate().map(|(number, (case, outcome))| (number, *case, outcome != "legal")).collect();
        for chunk in numbered.chunks(CASES_A_RUN) {
            let text = program::time(chunk);
            for (mode, name) in MODES.iter().enumerate() {
                let lines = self.run(name, &text, name)?;
                let time = |key: &str| lines.get(key).and_then(|text| text.parse::<f64>().ok());
                let empty = time("empty").ok_or("the program that times says nothing")?;
                for (number, _, _) in chunk {
                    measured[*number].times[mode] =
                        time(&number.to_string()).map(|nanoseconds| (nanoseconds - empty).max(0.0));
                }
            }
        }
        Ok(measured)
    }

    /// Runs a program and reads its lines: a key, a space and a value. A program that ends early says less.
    fn run(&self, name: &str, text: &str, mode: &str) -> Result<BTreeMap<String, String>, String> {
        let cache = self.folder.join("cache");
        let _ = std::fs::remove_dir_all(&cache);
        crate::phases::make_private_folder(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
        let path = self.folder.join(format!("{name}.l"));
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = command(&self.maru, &path, mode, &cache);
        let output = match process::run(&mut command, "", &self.folder, self.timeout) {
            Ok(output) => output,
            Err(Trouble::NotRun(why)) => return Err(why),
            Err(Trouble::TimedOut) => {
                eprintln!("maru-bench: {}: took longer than {} s", path.display(), self.timeout.as_secs_f64());
                return Ok(BTreeMap::new());
            }
        };
        if !output.status.success() {
            eprintln!("maru-bench: {}: {}", path.display(), output.err.lines().next().unwrap_or("fails"));
        }
        let lines = output.out.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }
}

fn command(maru: &Path, program: &Path, mode: &str, cache: &Path) -> Command {
    let mut command = Command::new(maru);
    command.arg("run").args(["--jit", mode]).arg(program).env("XDG_CACHE_HOME", cache);
    command
}

fn unmeasured(case: &Case, outcome: &str) -> Measured {
    let (left, right) = case.names();
    Measured {
        operation: case.operation.template.clone(),
        operands: (left.to_owned(), right.to_owned()),
        outcome: outcome.to_owned(),
        times: vec![None; MODES.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_operand_are_timed() {
        let operations = operations::all();
        let cases = choose(&operations, Some("(array-at A B)"));
        assert_eq!(cases.len(), operations::OPERANDS.len() * operations::OPERANDS.len());
        let outcome = |case: &Case| match case.names() {
            ("array", "fixnum" | "zero") => "legal".to_owned(),
            _ => "type".to_owned(),
        };
        let outcomes: Vec<String> = cases.iter().map(outcome).collect();
        let chosen = worth_timing(&cases, &outcomes);
        let has = |left: &str, right: &str| chosen.iter().any(|(case, _)| case.names() == (left, right));
        assert!(has("array", "fixnum") && has("array", "nil") && has("nil", "zero"));
        assert!(!has("nil", "string"));
    }
}
