//! `maru conform`: the conformance suite, from the command line.

use crate::arguments::Selection;
use crate::trouble::Trouble;
use crate::{interrupt, options};
use clap::{Args, Subcommand, ValueEnum};
use maru_conformance::engine::Mode;
use maru_conformance::{Conform as Suite, Report, Sampling, Written};
use maru_faults::{Bank, Fault, Hunt, Planted, Table};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Arguments of `maru conform`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Conform {
    /// What to do instead.
    #[command(subcommand)]
    action: Option<Action>,
    /// What to run.
    #[command(flatten)]
    scope: Scope,
    /// How many programs to generate [default: 1000; night: as many as the time allows]
    #[arg(long, value_name = "N")]
    cases: Option<u64>,
    /// How much to run
    #[arg(long, value_name = "NAME", default_value = "minutes")]
    profile: Profile,
    /// The hexadecimal number that all choices follow from
    #[arg(long, default_value = "1", value_parser = seed)]
    seed: u64,
    /// Run part I of N
    #[arg(long, value_name = "I/N", value_parser = shard, default_value = "1/1")]
    shard: (u64, u64),
    /// How many processes run programs at the same time [default: as many as processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Stop after this many seconds [default: none; night: 3600]
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    /// Only generated programs: no case files, no regressions
    #[arg(long)]
    no_files: bool,
    /// Stop at the first failure, and leave its program as it is
    #[arg(long)]
    first: bool,
    /// Print all rows, with a column for each family of programs
    #[arg(long)]
    long: bool,
    /// Where the report is written.
    #[command(flatten)]
    reports: Reports,
    /// Where the folders of failures go
    #[arg(long, value_name = "FOLDER", default_value = "target/conformance")]
    bundles: PathBuf,
    /// Keep shrunk failures among the source tree's regressions
    #[arg(long)]
    save_regressions: bool,
}

/// How much to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Profile {
    /// One way of running each target has all programs, each other combination a share of them.
    Minutes,
    /// All programs in all ways.
    Night,
}

/// What to do with the suite besides running it.
#[derive(Subcommand, Debug)]
enum Action {
    /// Run one case again on all engines and show what each did
    Replay {
        /// A case number such as typed:1f, a program's file, or the folder of a failure
        case: String,
        /// What to run.
        #[command(flatten)]
        scope: Scope,
    },
    /// Plant faults in a copy of Maru's own sources, and count which of them the suite finds
    Faults(Faults),
    /// Join the JSON reports of all shards of a run into one matrix
    Merge {
        /// The reports, in any order
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where the report is written.
        #[command(flatten)]
        reports: Reports,
    },
}

/// Which faults are planted and looked for.
#[derive(Args, Debug)]
struct Faults {
    /// Only this fault, or those of this category
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Say which there are
    #[arg(long)]
    list: bool,
    /// How many are looked for at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// How many seconds of processor time each is looked for
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Write what came of each as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Where the report is written, besides standard output.
#[derive(Args, Debug)]
struct Reports {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Reports {
    fn written(&self) -> Written {
        Written { json: self.json.clone(), junit: self.junit.clone(), markdown: self.markdown.clone() }
    }
}

/// What to run.
#[derive(Args, Debug)]
struct Scope {
    /// Which target and format; all that this host can run if unset.
    #[command(flatten)]
    selection: Selection,
    /// Only these ways of running programs, besides the interpreter, which all are compared with
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = mode)]
    modes: Vec<Mode>,
    /// How many seconds of processor time one program may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

/// Seconds of a night.
const NIGHT: u64 = 3600;

/// Run the suite, or one case of it.
///
/// # Errors
/// When the call is wrong, or no process for the programs can be had.
pub fn conform(arguments: &Conform) -> Result<ExitCode, Trouble> {
    survive_closed_pipes();
    match &arguments.action {
        Some(Action::Replay { case, scope }) => replay(case, scope),
        Some(Action::Faults(arguments)) => faults(arguments),
        Some(Action::Merge { files, reports }) => merge(files, &reports.written()),
        None => run(arguments),
    }
}

fn replay(case: &str, scope: &Scope) -> Result<ExitCode, Trouble> {
    let replay = maru_conformance::replay(&suite(scope)?, case).map_err(Trouble::wrong_call)?;
    super::print(&replay.text)?;
    Ok(ExitCode::from(u8::from(replay.failed)))
}

fn merge(files: &[PathBuf], written: &Written) -> Result<ExitCode, Trouble> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| Trouble::file(path, &error))?;
        let name = path.display().to_string();
        let report = Report::from_json(&text).map_err(|problem| Trouble::wrong_call(format!("{name}: {problem}")))?;
        Ok((name, report))
    };
    let reports = files.iter().map(read).collect::<Result<Vec<_>, Trouble>>()?;
    let report = maru_conformance::merge(reports).map_err(Trouble::wrong_call)?;
    written.write(&report).map_err(Trouble::failed)?;
    super::print(&report.text())?;
    Ok(ExitCode::from(u8::from(report.failed())))
}

fn faults(arguments: &Faults) -> Result<ExitCode, Trouble> {
    let here = std::env::current_dir().map_err(|error| Trouble::wrong_call(error.to_string()))?;
    let root = maru_faults::find_root(&here).map_err(Trouble::wrong_call)?;
    let bank = Bank::read(&root).map_err(Trouble::wrong_call)?;
    let faults = match arguments.only.as_slice() {
        [] => bank.faults.clone(),
        names => names
            .iter()
            .map(|name| bank.only(name))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Trouble::wrong_call)?
            .concat(),
    };
    if arguments.list {
        let line = |fault: &Fault| format!("{:<12} {:<60} {}\n", fault.category, fault.name, fault.file);
        super::print(&faults.iter().map(line).collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let planted = Planted::build(&bank, &root).map_err(Trouble::failed)?;
    let time = Duration::from_secs(arguments.seconds);
    let scratch = root.join("target/faults/scratch");
    let hunt = Hunt { faults, time, jobs: arguments.jobs, scratch, stop: Some(interrupt::flag()) };
    let found = maru_faults::hunt(&hunt, &planted, |found| {
        let by = found.by.as_deref().unwrap_or("NOT FOUND");
        eprintln!("{:<60} {:>5.1} s  {by}  {}", found.fault.name, found.spent.as_secs_f64(), found.among);
    });
    let table = Table { found: found.map_err(Trouble::failed)?, time };
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{:#}\n", table.json())).map_err(|error| Trouble::file(path, &error))?;
    }
    super::print(&table.to_string())?;
    Ok(ExitCode::from(u8::from(!table.all_found())))
}

fn run(arguments: &Conform) -> Result<ExitCode, Trouble> {
    let base = suite(&arguments.scope)?;
    let night = arguments.profile == Profile::Night;
    let suite = Suite {
        cases: arguments.cases.unwrap_or(if night { u64::MAX } else { base.cases }),
        sampling: if night { Sampling::Full } else { Sampling::Shares },
        seed: arguments.seed,
        shard: arguments.shard,
        jobs: arguments.jobs.map_or(base.jobs, |jobs| jobs as usize),
        time: arguments.time.or((night && arguments.cases.is_none()).then_some(NIGHT)).map(Duration::from_secs),
        files: !arguments.no_files,
        written: arguments.reports.written(),
        bundles: arguments.bundles.clone(),
        save_regressions: arguments.save_regressions,
        fail_fast: arguments.first,
        shrink: !arguments.first,
        stop: Some(interrupt::flag()),
        ..base
    };
    let report = maru_conformance::run(&suite).map_err(Trouble::wrong_call)?;
    super::print(&if arguments.long { report.long_text() } else { report.text() })?;
    if interrupt::flag().load(Ordering::Relaxed) {
        return Ok(ExitCode::from(interrupt::INTERRUPTED));
    }
    Ok(ExitCode::from(u8::from(report.failed())))
}

fn suite(scope: &Scope) -> Result<Suite, Trouble> {
    let (target, format) = options::names(&scope.selection)?;
    let limit = Duration::from_secs(scope.limit);
    let level = options::level(&scope.selection)?;
    Ok(Suite { target, format, level, modes: scope.modes.clone(), limit, ..Suite::default() })
}

/// A worker that died closes its pipe: that is an error for the suite to see, and not the end of this process.
fn survive_closed_pipes() {
    // SAFETY: no other thread has been started yet, and ignoring a signal needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

fn seed(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| "a seed is a hexadecimal number of at most 16 digits".into())
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(part, all)| Some((part.parse().ok()?, all.parse().ok()?)));
    let valid = parts.filter(|(part, all)| (1..=*all).contains(part));
    valid.ok_or_else(|| "a shard is a part and the number of parts, such as 1/4".into())
}

fn mode(name: &str) -> Result<Mode, String> {
    let found = Mode::ALL.into_iter().find(|mode| mode.name() == name);
    found.ok_or_else(|| format!("there are: {}", Mode::ALL.map(Mode::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_shards() {
        assert_eq!((seed("1f"), seed("0xFF")), (Ok(31), Ok(255)));
        assert!(seed("xyz").is_err());
        assert_eq!(shard("2/4"), Ok((2, 4)));
        assert!(shard("0/4").is_err() && shard("5/4").is_err() && shard("1").is_err());
        assert!(mode("native").is_ok() && mode("other").is_err());
    }
}
