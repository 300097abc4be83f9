//! A run of the suite: regressions, then case files, then generated programs, on all engines.

use crate::bundle::{self, Bundle};
use crate::cases;
use crate::engine::{plan, Configuration, Mode, Planned};
use crate::fault::Fault;
use crate::generate::{CaseId, Coverage, Dice, Family};
use crate::report::{Failure, Report, Row};
use crate::session::{Session, Shrunk, Verdict};
use crate::worker::Worker;
use indicatif::{ProgressBar, ProgressStyle};
use maru_language::runtime::OptimisationLevel;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

/// Failures that the report shows for one engine and column; all are counted.
const SHOWN: usize = 5;

/// Files that a report is written to.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// As JSON.
    pub json: Option<PathBuf>,
    /// As JUnit XML.
    pub junit: Option<PathBuf>,
    /// As Markdown.
    pub markdown: Option<PathBuf>,
}

impl Written {
    /// Write them.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, report: &Report) -> Result<(), String> {
        let texts = [
            (&self.json, format!("{:#}\n", report.json())),
            (&self.junit, report.junit()),
            (&self.markdown, report.markdown()),
        ];
        for (path, text) in texts {
            if let Some(path) = path {
                std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Conform {
    /// How many programs to generate, over all shards.
    pub cases: u64,
    /// The number that all choices follow from.
    pub seed: u64,
    /// Only this target.
    pub target: Option<String>,
    /// Only this object format.
    pub format: Option<String>,
    /// The most that is done for the speed of compiled code, in whatever mode.
    pub level: OptimisationLevel,
    /// Only these modes besides the interpreter; all if empty.
    pub modes: Vec<Mode>,
    /// Part `i` of `n`, counted from 1.
    pub shard: (u64, u64),
    /// Worker processes.
    pub jobs: usize,
    /// How long one engine may take for one program.
    pub limit: Duration,
    /// Stop generating programs after this time, which starts when the case files are done.
    pub time: Option<Duration>,
    /// Where reports are written.
    pub written: Written,
    /// Where failure bundles go.
    pub bundles: PathBuf,
    /// Save shrunk failures among the source tree's regressions.
    pub save_regressions: bool,
    /// Run the case files and regressions too.
    pub files: bool,
    /// Show progress, if standard error is a terminal.
    pub progress: bool,
    /// The commit of what is tested, for the report.
    pub commit: Option<String>,
    /// Make failing programs small.
    pub shrink: bool,
    /// Stop after the first failure.
    pub fail_fast: bool,
    /// Set from outside, by a handler of signals perhaps: stop soon, and report what had run.
    pub stop: Option<&'static AtomicBool>,
    /// A seeded fault for all engines but the interpreter that the others are compared with. Without modes, that is
    /// one more interpreter.
    pub fault: Option<Fault>,
}

impl Default for Conform {
    fn default() -> Conform {
        Conform {
            cases: 1000,
            seed: 1,
            target: None,
            format: None,
            level: OptimisationLevel::default(),
            modes: Vec::new(),
            shard: (1, 1),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            limit: Duration::from_secs(10),
            time: None,
            written: Written::default(),
            bundles: PathBuf::from("target/conformance"),
            save_regressions: false,
            files: true,
            progress: true,
            commit: None,
            shrink: true,
            fail_fast: false,
            stop: None,
            fault: None,
        }
    }
}

/// What the threads of a run share.
struct Shared<'a> {
    conform: &'a Conform,
    configurations: Vec<Configuration>,
    state: Mutex<State>,
    next: AtomicU64,
    stop: AtomicBool,
    started: Instant,
    /// When the first program was about to be generated.
    generating: OnceLock<Instant>,
    progress: ProgressBar,
}

/// What they find.
struct State {
    /// Rows of the engines that run, in the order of the configurations.
    rows: Vec<Row>,
    failures: Vec<Failure>,
    coverage: Coverage,
    cases: u64,
    mishaps: Vec<String>,
    /// Why the run ended before all cases had run.
    partial: Option<String>,
}

/// Run the suite.
///
/// # Errors
/// When there is no such target or format, or no process for the programs.
pub fn run(conform: &Conform) -> Result<Report, String> {
    let planned = engines(conform)?;
    let runs: Vec<&Planned> = planned.iter().filter(|planned| planned.skipped.is_none()).collect();
    let shared = Shared {
        conform,
        configurations: runs.iter().map(|planned| planned.configuration.clone()).collect(),
        state: Mutex::new(State {
            rows: runs.iter().map(|planned| Row { without_files: !runs_files(conform), ..Row::new(planned) }).collect(),
            failures: Vec::new(),
            coverage: Coverage::default(),
            cases: 0,
            mishaps: Vec::new(),
            partial: None,
        }),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        started: Instant::now(),
        generating: OnceLock::new(),
        progress: progress_bar(conform),
    };
    if runs_files(conform) {
        shared.progress.set_message("case files");
        shared.texts()?;
        shared.progress.set_message("");
    }
    let jobs = conform.jobs.max(1);
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| shared.generated())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    });
    results.into_iter().collect::<Result<(), String>>()?;
    shared.progress.finish_and_clear();
    let report = shared.report(&planned);
    conform.written.write(&report)?;
    Ok(report)
}

/// The engines wanted, the interpreter first.
pub(crate) fn engines(conform: &Conform) -> Result<Vec<Planned>, String> {
    let mut planned = plan(conform.target.as_deref(), conform.format.as_deref())?;
    planned.retain(|planned| {
        let mode = planned.configuration.mode;
        let wanted = conform.modes.is_empty() || mode == Mode::Interpreter || conform.modes.contains(&mode);
        // One that would do no more than another does.
        wanted && (mode.level() == OptimisationLevel::Full || mode.level() < conform.level)
    });
    planned.iter_mut().for_each(|planned| planned.configuration.level = conform.level);
    if conform.fault.is_some() {
        if conform.modes.is_empty() {
            planned.truncate(1);
            planned.extend_from_within(..);
        }
        planned.iter_mut().skip(1).for_each(|other| other.configuration.fault = conform.fault);
    }
    Ok(planned)
}

/// Whether case files and regressions are run: of several shards, by the first.
fn runs_files(conform: &Conform) -> bool {
    conform.files && conform.shard.0 == 1
}

fn progress_bar(conform: &Conform) -> ProgressBar {
    if !conform.progress {
        return ProgressBar::hidden();
    }
    // Not drawn where standard error is no terminal.
    let (part, parts) = (conform.shard.0.max(1), conform.shard.1.max(1));
    let bar = ProgressBar::new(conform.cases / parts + u64::from(conform.cases % parts >= part));
    let style = "{bar:30} {pos}/{len} programs, {per_sec}, {eta} left {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

impl Shared<'_> {
    fn worker(&self) -> Worker {
        Worker::new(self.configurations.clone(), self.conform.limit)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A thread that panicked leaves counts that are still true.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Regressions and case files.
    fn texts(&self) -> Result<(), String> {
        let mut worker = self.worker();
        let all: Vec<usize> = (0..self.configurations.len()).collect();
        for (name, text) in REGRESSIONS {
            if self.is_interrupted() {
                return Ok(());
            }
            let observations = worker.run(text, &all, true)?;
            for (engine, observation) in observations.iter().enumerate() {
                let what = observation.difference(&observations[0]);
                self.record(engine, "regressions", name, what);
            }
            self.spend("regressions", worker.take_spent());
        }
        for (number, (name, text)) in CASES.iter().enumerate() {
            if self.is_interrupted() {
                return Ok(());
            }
            let takes_part = |engine: &&usize| number.is_multiple_of(self.configurations[**engine].mode.every_file());
            let engines: Vec<usize> = all.iter().filter(takes_part).copied().collect();
            for (engine, results) in engines.iter().copied().zip(&worker.script(text, &engines)?) {
                let (met, failures) = cases::check(name, text, results);
                self.state().rows[engine].count("cases", met as u64, 0);
                for failure in failures {
                    let case = format!("{}:{}", failure.file, failure.line);
                    let what = format!("expected {}, got {}", failure.expected, failure.got);
                    self.record(engine, "cases", &case, Some(what));
                }
            }
            self.spend("cases", worker.take_spent());
        }
        Ok(())
    }

    /// Count how long the engines took.
    fn spend(&self, column: &'static str, spent: Vec<Duration>) {
        let mut state = self.state();
        for (row, time) in state.rows.iter_mut().zip(spent).filter(|(_, time)| !time.is_zero()) {
            row.spend(column, time);
        }
    }

    /// Whether somebody wants the run to end now; then the report is partial.
    fn is_interrupted(&self) -> bool {
        let interrupted = self.conform.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if interrupted {
            self.state().partial.get_or_insert("interrupted".into());
        }
        interrupted
    }

    /// Whether no more programs are to be generated: interrupted, or the time for it is up.
    fn must_stop(&self) -> bool {
        let start = *self.generating.get_or_init(Instant::now);
        let late = self.conform.time.filter(|time| start.elapsed() > *time);
        if let Some(time) = late {
            self.state().partial.get_or_insert_with(|| format!("the time of {} s was up", time.as_secs()));
        }
        late.is_some() || self.is_interrupted()
    }

    /// Count a check. True if it failed and is one of the first to do so, which the report shows.
    fn record(&self, engine: usize, column: &'static str, case: &str, what: Option<String>) -> bool {
        let mut state = self.state();
        state.rows[engine].count(column, u64::from(what.is_none()), u64::from(what.is_some()));
        let Some(what) = what else { return false };
        let engine = self.configurations[engine].name();
        let same = state.failures.iter().filter(|failure| failure.engine == engine && failure.column == column);
        if same.count() >= SHOWN {
            return false;
        }
        let case = case.to_string();
        state.failures.push(Failure { engine, column, case, what, program: None, bundle: None });
        self.progress.set_message(format!("({} failures)", state.failures.len()));
        true
    }

    /// One thread's share of the generated programs.
    fn generated(&self) -> Result<(), String> {
        let mut session = Session::new(self.worker(), self.configurations.clone());
        let mut coverage = Coverage::default();
        while !self.stop.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.conform.cases || self.must_stop() {
                break;
            }
            let (part, parts) = self.conform.shard;
            if index % parts.max(1) != part.saturating_sub(1) {
                continue;
            }
            if let Err(error) = self.one(&mut session, index, &mut coverage) {
                self.stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
            self.progress.inc(1);
        }
        self.state().coverage.merge(&coverage);
        Ok(())
    }

    fn one(&self, session: &mut Session, index: u64, coverage: &mut Coverage) -> Result<(), String> {
        let mut dice = Dice::new(self.conform.seed.wrapping_mul(0x9e37_79b9).wrapping_add(index));
        let id = CaseId { family: Family::draw(&mut dice), seed: dice.bits() };
        let program = id.program();
        coverage.count(&program);
        let verdicts = session.examine(&program, index)?;
        self.state().cases += 1;
        self.spend(id.family.name(), session.take_spent());
        for verdict in verdicts {
            self.count_compiled(&verdict, id);
            let column = id.family.name();
            let fresh = self.record(verdict.engine, column, &id.to_string(), verdict.what.clone());
            if self.conform.fail_fast && verdict.what.is_some() {
                self.stop.store(true, Ordering::Relaxed);
            }
            if fresh && self.conform.shrink && !self.must_stop() {
                let shrunk = session.shrink(&program, &verdict)?;
                session.take_spent();
                self.keep(id, &program.to_string(), &shrunk, verdict.engine);
            }
        }
        Ok(())
    }

    fn count_compiled(&self, verdict: &Verdict, id: CaseId) {
        let compiled = &verdict.observation.compiled;
        self.state().rows[verdict.engine].units += compiled.units;
        if compiled.files > 0 {
            let good = compiled.files - compiled.bad_files.len() as u64;
            self.state().rows[verdict.engine].count("files", good, 0);
        }
        for bad in &compiled.bad_files {
            self.record(verdict.engine, "files", &id.to_string(), Some(bad.clone()));
        }
    }

    /// Complete the failure of this case and engine, and write its bundle.
    fn keep(&self, id: CaseId, original: &str, shrunk: &Shrunk, engine: usize) {
        let case = id.to_string();
        let bundle = Bundle {
            case: &case,
            configuration: &self.configurations[engine],
            what: &shrunk.what,
            original,
            program: &shrunk.program,
            expected: &shrunk.expected,
            actual: &shrunk.actual,
        };
        let written = bundle.write(&self.conform.bundles);
        let saved = match bundle::regressions().filter(|_| self.conform.save_regressions) {
            Some(directory) => {
                bundle::save_regression(&directory, id.family.name(), &shrunk.what, &shrunk.program).map(|_| ())
            }
            None => Ok(()),
        };
        let mut state = self.state();
        if let Some(error) = written.as_ref().err().or(saved.as_ref().err()) {
            state.mishaps.push(format!("the failure of {case} could not be written down: {error}"));
        }
        let engine = self.configurations[engine].name();
        let mut failures = state.failures.iter_mut();
        if let Some(failure) = failures.find(|failure| failure.case == case && failure.engine == engine) {
            failure.what.clone_from(&shrunk.what);
            failure.program = Some(shrunk.program.clone());
            failure.bundle = written.ok();
        }
    }

    /// The report, with the rows of the engines that were not run as well.
    fn report(&self, planned: &[Planned]) -> Report {
        let state = self.state();
        let mut ran = state.rows.iter();
        let rows = planned.iter().map(|planned| match planned.skipped {
            None => ran.next().cloned().unwrap_or_else(|| Row::new(planned)),
            Some(_) => Row::new(planned),
        });
        let commit = self.conform.commit.as_ref().map(|commit| format!(" ({commit})")).unwrap_or_default();
        Report {
            version: format!("{}{commit}", env!("CARGO_PKG_VERSION")),
            seed: self.conform.seed,
            shard: self.conform.shard,
            wanted: self.conform.cases,
            partial: state.partial.clone(),
            rows: rows.collect(),
            cases: state.cases,
            coverage: state.coverage.clone(),
            failures: state.failures.clone(),
            mishaps: state.mishaps.clone(),
            time: self.started.elapsed(),
        }
    }
}
