//! A run of the suite: files and generated programs by turns, on all engines.

use crate::bundle::{self, Bundle};
use crate::cases;
use crate::engine::{plan, Configuration, Mode, Planned};
use crate::fault::Fault;
use crate::generate::{CaseId, Coverage};
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::report::{Failure, Report, Row};
use crate::sampling::Sampling;
use crate::session::{Session, Shrunk, Verdict};
use crate::steps::{Step, Steps};
use crate::worker::Worker;
use maru_language::runtime::OptimisationLevel;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Mutex;
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
    /// How much processor time one engine may take for one program.
    pub limit: Duration,
    /// Stop after this time.
    pub time: Option<Duration>,
    /// Where reports are written.
    pub written: Written,
    /// Where failure bundles go.
    pub bundles: PathBuf,
    /// Save shrunk failures among the source tree's regressions.
    pub save_regressions: bool,
    /// Run the case files and regressions too.
    pub files: bool,
    /// Show progress on standard error: a bar, or a line now and then where it is no terminal.
    pub progress: bool,
    /// The commit of what is tested, for the report.
    pub commit: Option<String>,
    /// Make failing programs small.
    pub shrink: bool,
    /// Stop after the first failure.
    pub fail_fast: bool,
    /// Set from outside, by a handler of signals perhaps: stop soon, and report what had run.
    pub stop: Option<&'static AtomicBool>,
    /// Which programs run on which engines.
    pub sampling: Sampling,
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
            sampling: Sampling::default(),
            fault: None,
        }
    }
}

/// What the threads of a run share.
struct Shared<'a> {
    conform: &'a Conform,
    configurations: Vec<Configuration>,
    state: Mutex<State>,
    /// Files, each with engines to run it on.
    files: Vec<FileStep>,
    steps: Steps,
    /// The number of the next step.
    next: AtomicU64,
    stop: AtomicBool,
    started: Instant,
    progress: Progress,
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
    let configurations: Vec<Configuration> = runs.iter().map(|planned| planned.configuration.clone()).collect();
    let files = if runs_files(conform) { file_steps(&configurations) } else { Vec::new() };
    let steps = Steps::new(files.len() as u64, programs(conform));
    let shared = Shared {
        conform,
        configurations,
        state: Mutex::new(State {
            rows: runs.iter().map(|planned| Row { without_files: !runs_files(conform), ..Row::new(planned) }).collect(),
            failures: Vec::new(),
            coverage: Coverage::default(),
            cases: 0,
            mishaps: Vec::new(),
            partial: None,
        }),
        steps,
        files,
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        started: Instant::now(),
        progress: Progress::new(conform.progress, steps.count()),
    };
    let jobs = conform.jobs.max(1);
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| shared.work())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    });
    results.into_iter().collect::<Result<(), String>>()?;
    shared.progress.finish();
    let report = shared.report(&planned);
    conform.written.write(&report)?;
    Ok(report)
}

/// The engines wanted, the interpreter first.
pub(crate) fn engines(conform: &Conform) -> Result<Vec<Planned>, String> {
    let mut planned = plan(conform.target.as_deref(), conform.format.as_deref(), conform.sampling)?;
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

/// How many of the generated programs are this shard's.
fn programs(conform: &Conform) -> u64 {
    let (part, parts) = (conform.shard.0.max(1), conform.shard.1.max(1));
    conform.cases / parts + u64::from(conform.cases % parts >= part)
}

/// A file on some of the engines.
struct FileStep {
    column: &'static str,
    name: &'static str,
    text: &'static str,
    engines: Vec<usize>,
}

/// Engines that run a file one after another, in one step.
const ENGINES_PER_STEP: usize = 6;

/// All files on the engines whose turn it is. Of the files, too, an engine may have a share only, each another one.
fn file_steps(configurations: &[Configuration]) -> Vec<FileStep> {
    let regressions = REGRESSIONS.iter().map(|file| ("regressions", file));
    let mut steps = Vec::new();
    for (number, (column, (name, text))) in regressions.chain(CASES.iter().map(|file| ("cases", file))).enumerate() {
        // What the model says of a form that others stumble over is nothing that a file expects.
        let has_opinion = |engine: &usize| configurations[*engine].mode != Mode::Model;
        let is_due = |engine: &usize| {
            has_opinion(engine) && (number + engine).is_multiple_of(configurations[*engine].every as usize)
        };
        let due: Vec<usize> = (0..configurations.len()).filter(is_due).collect();
        steps.extend(due.chunks(ENGINES_PER_STEP).map(|engines| FileStep {
            column,
            name,
            text,
            engines: engines.into(),
        }));
    }
    steps
}

impl Shared<'_> {
    fn worker(&self) -> Worker {
        Worker::new(self.configurations.clone(), self.conform.limit)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A thread that panicked leaves counts that are still true.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// One file on some engines.
    fn file(&self, worker: &mut Worker, step: &FileStep) -> Result<(), String> {
        let FileStep { column, name, text, engines } = step;
        if *column == "regressions" {
            return self.regression(worker, step);
        }
        for (engine, results) in engines.iter().zip(worker.script(text, engines)?) {
            let (met, failures) = cases::check(name, text, &results);
            self.count(*engine, column, met as u64);
            for failure in failures {
                let case = format!("{}:{}", failure.file, failure.line);
                let what = format!("expected {}, got {}", failure.expected, failure.got);
                self.record(*engine, column, &case, Some(what));
            }
        }
        self.spend(column, worker.take_spent());
        Ok(())
    }

    /// A program that failed once: compared with the interpreter.
    fn regression(&self, worker: &mut Worker, step: &FileStep) -> Result<(), String> {
        let reference = worker.run(step.text, &[0], true)?.remove(0);
        let observations = worker.run(step.text, &step.engines, true)?;
        for (engine, observation) in step.engines.iter().zip(observations) {
            self.record(*engine, step.column, step.name, observation.difference(&reference));
        }
        self.spend(step.column, worker.take_spent());
        Ok(())
    }

    /// Count checks that passed.
    fn count(&self, engine: usize, column: &'static str, passed: u64) {
        self.state().rows[engine].count(column, passed, 0);
        self.progress.checked(passed);
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

    /// Whether no more steps are to be begun: interrupted, or the time is up.
    fn must_stop(&self) -> bool {
        let late = self.conform.time.filter(|time| self.started.elapsed() > *time);
        if let Some(time) = late {
            self.state().partial.get_or_insert_with(|| format!("the time of {} s was up", time.as_secs()));
        }
        late.is_some() || self.is_interrupted()
    }

    /// Count a check. True if it failed and is one of the first to do so, which the report shows.
    fn record(&self, engine: usize, column: &'static str, case: &str, what: Option<String>) -> bool {
        self.progress.checked(1);
        let mut state = self.state();
        state.rows[engine].count(column, u64::from(what.is_none()), u64::from(what.is_some()));
        let Some(what) = what else { return false };
        if self.conform.fail_fast {
            self.stop.store(true, Ordering::Relaxed);
        }
        let engine = self.configurations[engine].name();
        let same = state.failures.iter().filter(|failure| failure.engine == engine && failure.column == column);
        if same.count() >= SHOWN {
            return false;
        }
        let case = case.to_string();
        state.failures.push(Failure { engine, column, case, what, program: None, bundle: None });
        self.progress.failed();
        true
    }

    /// One thread's share of the steps.
    fn work(&self) -> Result<(), String> {
        let mut session = Session::new(self.worker(), self.configurations.clone());
        let mut coverage = Coverage::default();
        while !self.stop.load(Ordering::Relaxed) && !self.must_stop() {
            let Some(step) = self.steps.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let done = match step {
                Step::File(number) => self.file(session.worker(), &self.files[number as usize]),
                Step::Program(number) => {
                    let (part, parts) = (self.conform.shard.0.max(1), self.conform.shard.1.max(1));
                    self.one(&mut session, number * parts + part - 1, &mut coverage)
                }
            };
            if let Err(error) = done {
                self.stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
            self.progress.step();
        }
        self.state().coverage.merge(&coverage);
        Ok(())
    }

    fn one(&self, session: &mut Session, index: u64, coverage: &mut Coverage) -> Result<(), String> {
        let id = CaseId::of_run(self.conform.seed, index);
        let program = id.program();
        coverage.count(&program);
        let verdicts = session.examine(&program, index)?;
        self.state().cases += 1;
        self.spend(id.family.name(), session.take_spent());
        self.count_executed(&verdicts);
        for verdict in verdicts {
            if let Outcome::NoOpinion(why) = &verdict.observation.outcome {
                self.state().rows[verdict.engine].keep_silent(why);
                continue;
            }
            self.count_compiled(&verdict, id);
            let column = id.family.name();
            let fresh = self.record(verdict.engine, column, &id.to_string(), verdict.what.clone());
            if fresh && self.conform.shrink && !self.must_stop() {
                let shrunk = session.shrink(&program, &verdict)?;
                session.take_spent();
                self.keep(id, &program.to_string(), &shrunk, verdict.engine);
            }
        }
        Ok(())
    }

    /// Count what the evaluator executed of a program for each engine that compiled the same and came to the same end.
    fn count_executed(&self, verdicts: &[Verdict]) {
        let mode = |verdict: &Verdict| self.configurations[verdict.engine].mode;
        let good = || verdicts.iter().filter(|verdict| verdict.what.is_none());
        let Some(evaluated) = good().find(|verdict| mode(verdict) == Mode::Evaluator) else { return };
        let mut state = self.state();
        for verdict in good().filter(|verdict| matches!(mode(verdict), Mode::Evaluator | Mode::Native)) {
            state.rows[verdict.engine].executed.count(&evaluated.observation.compiled.executed);
        }
    }

    fn count_compiled(&self, verdict: &Verdict, id: CaseId) {
        let compiled = &verdict.observation.compiled;
        self.state().rows[verdict.engine].units += compiled.units;
        if compiled.files > 0 {
            let good = compiled.files - compiled.bad_files.len() as u64;
            self.count(verdict.engine, "files", good);
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
