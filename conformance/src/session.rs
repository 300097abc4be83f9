//! One thread's dealings with generated programs: run them on all engines, judge what comes out, shrink what fails.

use crate::engine::Configuration;
use crate::generate::{Prediction, Program, ProgramTree};
use crate::outcome::{Observation, Outcome};
use crate::worker::Worker;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use std::cell::RefCell;
use std::time::Duration;

/// Programs tried while a failure is shrunk.
const SHRINK_STEPS: u32 = 5000;
/// Milliseconds for it.
const SHRINK_TIME: u32 = 30_000;
/// How long a program may take while a hang is shrunk.
const SHRINK_LIMIT: Duration = Duration::from_secs(1);

/// What one engine came to with one program.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The engine's number.
    pub engine: usize,
    /// What is wrong, if something is.
    pub what: Option<String>,
    /// What the engine showed.
    pub observation: Observation,
    /// It is the interpreter, and what it showed is not what the program was made for.
    contradicts: bool,
}

/// A failure made small.
pub struct Shrunk {
    /// The program.
    pub program: String,
    /// What is wrong with it.
    pub what: String,
    /// What the interpreter shows.
    pub expected: Observation,
    /// What the engine shows.
    pub actual: Observation,
}

/// A worker and the engines that it has.
pub struct Session {
    worker: Worker,
    configurations: Vec<Configuration>,
}

impl Session {
    /// A session; engine 0 is the interpreter.
    pub fn new(worker: Worker, configurations: Vec<Configuration>) -> Session {
        Session { worker, configurations }
    }

    /// What runs programs, for files.
    pub fn worker(&mut self) -> &mut Worker {
        &mut self.worker
    }

    /// How long each engine took since the last call, by its number.
    pub fn take_spent(&mut self) -> Vec<Duration> {
        self.worker.take_spent()
    }

    /// Run a program on all engines whose turn it is.
    ///
    /// # Errors
    /// When there is no process for it.
    pub fn examine(&mut self, program: &Program, index: u64) -> Result<Vec<Verdict>, String> {
        let all = self.configurations.iter().enumerate();
        let engines: Vec<usize> =
            all.filter(|(_, engine)| index.is_multiple_of(engine.every)).map(|(number, _)| number).collect();
        let observations = self.worker.run(&program.to_string(), &engines, false)?;
        let contradiction = match contradiction(&program.prediction, &observations[0]) {
            None => self.twin(program, &observations[0])?,
            some => some,
        };
        let reference = observations[0].clone();
        let verdicts = engines.into_iter().zip(observations).map(|(engine, observation)| {
            let contradicts = engine == 0 && observation.is_defined() && contradiction.is_some();
            let what = match &contradiction {
                Some(what) if contradicts => Some(what.clone()),
                _ => difference(&observation, &reference),
            };
            Verdict { engine, what, observation, contradicts }
        });
        Ok(verdicts.collect())
    }

    /// Compare a variant with the program that it must agree with.
    fn twin(&mut self, program: &Program, observation: &Observation) -> Result<Option<String>, String> {
        let Some(twin) = &program.twin else { return Ok(None) };
        let base = self.worker.run(twin, &[0], false)?.remove(0);
        // The variant defines its constants first.
        let more = observation.values.len().saturating_sub(base.values.len());
        let same = observation.values[more..] == base.values[..] && observation.output == base.output;
        Ok((!same).then(|| format!("the variant differs from the program it was made from:\n{twin}")))
    }

    /// Make a failing program small.
    pub fn shrink(&mut self, program: &Program, verdict: &Verdict) -> Result<Shrunk, String> {
        let text = program.to_string();
        let engines = [0, verdict.engine];
        let engines = if verdict.engine == 0 { &engines[..1] } else { &engines[..] };
        let what = verdict.what.clone().unwrap_or_default();
        let again = self.worker.run(&text, engines, true)?;
        let Some(class) = Class::of(program, verdict, &again) else {
            let what = format!("{what} (only after other programs in the same runtime)");
            return Ok(Shrunk { program: text, what, expected: again[0].clone(), actual: verdict.observation.clone() });
        };
        let limit = self.worker.limit;
        if class.is_hang() {
            // Each program that still fails takes all the time that it is given.
            self.worker.limit = limit.min(SHRINK_LIMIT);
        }
        let worker = RefCell::new(&mut self.worker);
        let fails = |smaller: Program| match worker.borrow_mut().run(&smaller.to_string(), engines, false) {
            Ok(observations) if class.holds(&observations) => Err(TestCaseError::fail("it still fails")),
            _ => Ok(()),
        };
        let mut smallest = program.clone();
        if class.may_shrink() {
            let mut runner = TestRunner::new(Config {
                failure_persistence: None,
                verbose: 0,
                max_shrink_iters: SHRINK_STEPS,
                max_shrink_time: SHRINK_TIME,
                ..Config::default()
            });
            let tree = ProgramTree::new(program.clone(), verdict.contradicts);
            if let Err(TestError::Fail(_, smaller)) = runner.run_one(tree, fails) {
                smallest = smaller;
            }
        }
        self.worker.limit = limit;
        let program = smallest.to_string();
        let observations = self.worker.run(&program, engines, true)?;
        let what = match observations.get(1) {
            Some(actual) => difference(actual, &observations[0]).unwrap_or(what),
            None => what,
        };
        let (expected, actual) = (observations[0].clone(), observations[observations.len() - 1].clone());
        Ok(Shrunk { program, what, expected, actual })
    }
}

/// How an engine's observation differs from the interpreter's. If the interpreter itself has no defined end, there is
/// nothing to compare with, and that is the interpreter's failure.
fn difference(observation: &Observation, reference: &Observation) -> Option<String> {
    if observation.is_defined() && !reference.is_defined() {
        return None;
    }
    observation.difference(reference)
}

/// What an observation has against a prediction.
pub fn contradiction(prediction: &Prediction, observation: &Observation) -> Option<String> {
    let Observation { outcome, values, .. } = observation;
    match prediction {
        Prediction::None => None,
        Prediction::Value => {
            (*outcome != Outcome::Value).then(|| format!("it must end with values, but ended with {outcome}"))
        }
        Prediction::Error(kind, irritants) => {
            let right = match outcome {
                Outcome::Error { kind: got, irritants: list, .. } => {
                    got == kind && irritants.as_ref().is_none_or(|wanted| wanted == list)
                }
                _ => false,
            };
            let wanted = irritants.as_deref().unwrap_or("");
            (!right).then(|| format!("it must end with error {kind} {wanted}, but ended with {outcome}"))
        }
        Prediction::LastStarts(start) => {
            let right = *outcome == Outcome::Value && values.last().is_some_and(|value| value.starts_with(start));
            let last = values.last().map_or("nothing", String::as_str);
            (!right).then(|| format!("its last value must start with {start}, but it is {last}, and the end {outcome}"))
        }
    }
}

/// What must stay true of a failure while its program gets smaller.
enum Class {
    /// The engine crashes, panics or hangs.
    Undefined(std::mem::Discriminant<Outcome>),
    /// The engine differs from the interpreter.
    Differs,
    /// The interpreter ends with an error of this kind, which it must not.
    Error(String),
    /// The interpreter does not end as predicted; a smaller program would have another prediction.
    Fixed,
}

impl Class {
    /// The class of a failure, if it happens with fresh engines as well.
    fn of(program: &Program, verdict: &Verdict, again: &[Observation]) -> Option<Class> {
        let actual = again.last()?;
        if !actual.is_defined() {
            return Some(Class::Undefined(std::mem::discriminant(&actual.outcome)));
        }
        if verdict.engine != 0 {
            return difference(actual, &again[0]).map(|_| Class::Differs);
        }
        let typed = program.prediction == Prediction::Value && program.twin.is_none();
        match &actual.outcome {
            Outcome::Error { kind, .. } if typed => Some(Class::Error(kind.clone())),
            _ => verdict.contradicts.then_some(Class::Fixed),
        }
    }

    fn is_hang(&self) -> bool {
        matches!(self, Class::Undefined(how) if *how == std::mem::discriminant(&Outcome::Hang))
    }

    fn may_shrink(&self) -> bool {
        !matches!(self, Class::Fixed)
    }

    fn holds(&self, observations: &[Observation]) -> bool {
        let Some(actual) = observations.last() else { return false };
        match self {
            Class::Undefined(how) => std::mem::discriminant(&actual.outcome) == *how,
            Class::Differs => actual.is_defined() && difference(actual, &observations[0]).is_some(),
            Class::Error(kind) => matches!(&actual.outcome, Outcome::Error { kind: got, .. } if got == kind),
            Class::Fixed => false,
        }
    }
}
