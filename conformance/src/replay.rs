//! Running one case again, with all engines side by side.

use crate::generate::CaseId;
use crate::outcome::Outcome;
use crate::run::{engines, Conform};
use crate::session::contradiction;
use crate::worker::Worker;
use std::path::Path;

/// What a replay showed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// For people: the program, what each engine showed, and what differs.
    pub text: String,
    /// Whether an engine differs from the interpreter, or the interpreter from what the program was made for.
    pub failed: bool,
}

/// Run a case again: a case number such as `typed:1f`, a file, or the folder of a failure bundle.
///
/// # Errors
/// When there is no such case, target or format.
pub fn replay(conform: &Conform, what: &str) -> Result<Replay, String> {
    let path = Path::new(what);
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let (text, prediction) = if path.is_dir() {
        (read(&path.join("program.l"))?, None)
    } else if path.is_file() {
        (read(path)?, None)
    } else {
        let program = what.parse::<CaseId>()?.program();
        (program.to_string(), Some(program.prediction))
    };
    let planned = engines(conform)?;
    let configurations: Vec<_> =
        planned.into_iter().filter(|planned| planned.skipped.is_none()).map(|planned| planned.configuration).collect();
    let all: Vec<usize> = (0..configurations.len()).collect();
    let observations = Worker::new(configurations.clone(), conform.limit).run(&text, &all, true)?;
    let mut replay = Replay { text: format!("{text}\n"), failed: false };
    if let Some(what) = prediction.and_then(|prediction| contradiction(&prediction, &observations[0])) {
        replay.failed = true;
        replay.text.push_str(&format!("{what}\n"));
    }
    for (configuration, observation) in configurations.iter().zip(&observations) {
        if let Outcome::NoOpinion(_) = observation.outcome {
            replay.text.push_str(&format!("{}: {}\n", configuration.name(), observation.outcome));
            continue;
        }
        match observation.difference(&observations[0]) {
            None if configuration.mode != crate::engine::Mode::Interpreter => {
                replay.text.push_str(&format!("{}: the same\n", configuration.name()));
            }
            None => replay.text.push_str(&format!("{}:\n{observation}\n", configuration.name())),
            Some(difference) => {
                replay.failed = true;
                replay.text.push_str(&format!("{}: {difference}\n{observation}\n", configuration.name()));
            }
        }
    }
    Ok(replay)
}
