//! Each fault in turn, looked for.

use crate::attempt::{attempts, Attempt, Finder};
use crate::bank::Fault;
use crate::plant::{Planted, VARIABLE};
use crate::process;
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

/// What to look for, and how long.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The faults.
    pub faults: Vec<Fault>,
    /// The processor time that each may take.
    pub time: Duration,
    /// How many are looked for at the same time.
    pub jobs: usize,
    /// A folder for what is written meanwhile.
    pub scratch: PathBuf,
    /// Set from outside: stop soon.
    pub stop: Option<&'static AtomicBool>,
}

/// What came of a fault.
#[derive(Clone, Debug)]
pub struct Found {
    /// The fault.
    pub fault: Fault,
    /// What found it: an engine, or a trial's name; `None` if nothing did.
    pub by: Option<String>,
    /// Among what: a family of programs, the case files, the trials.
    pub among: String,
    /// What was seen.
    pub what: String,
    /// The processor time that it took.
    pub spent: Duration,
}

/// Who found a fault, among what, and what was seen.
struct Finding {
    by: String,
    among: String,
    what: String,
}

/// Time, in seconds of the processor, that each attempt has to show that it finds nothing where nothing is.
const CLEAN: Duration = Duration::from_secs(12);

/// Look for all faults; `seen` is told of each as it is done.
///
/// # Errors
/// When something cannot be run, or finds a fault though none is chosen.
pub fn hunt(hunt: &Hunt, planted: &Planted, seen: impl Fn(&Found) + Sync) -> Result<Vec<Found>, String> {
    check_clean(hunt, planted)?;
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Found)>> = Mutex::new(Vec::new());
    let work = || -> Result<(), String> {
        while !hunt.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(fault) = hunt.faults.get(number) else { break };
            let result = look_for(hunt, planted, fault)?;
            seen(&result);
            found.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((number, result));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..hunt.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })?;
    let mut found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

/// The copy itself must be without fault while none is chosen.
fn check_clean(hunt: &Hunt, planted: &Planted) -> Result<(), String> {
    let mut ran = HashSet::new();
    for fault in &hunt.faults {
        for attempt in attempts(&fault.category, planted) {
            if !ran.insert(attempt.command.clone()) {
                continue;
            }
            if let (Some(Finding { by, what, .. }), _) = run(&attempt, "", CLEAN, &hunt.scratch.join("clean"))? {
                return Err(format!("without any fault, {by} says: {what}"));
            }
        }
    }
    Ok(())
}

fn look_for(hunt: &Hunt, planted: &Planted, fault: &Fault) -> Result<Found, String> {
    let mut spent = Duration::ZERO;
    for attempt in attempts(&fault.category, planted) {
        let time = hunt.time * attempt.share as u32 / 100;
        let (finding, more) = run(&attempt, &fault.name, time, &hunt.scratch.join(&fault.name))?;
        spent += more;
        if let Some(Finding { by, among, what }) = finding {
            return Ok(Found { fault: fault.clone(), by: Some(by), among, what, spent });
        }
    }
    Ok(Found { fault: fault.clone(), by: None, among: String::new(), what: String::new(), spent })
}

/// Run one attempt in a folder of its own; what it found, and how long it took.
fn run(attempt: &Attempt, fault: &str, time: Duration, folder: &Path) -> Result<(Option<Finding>, Duration), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    _ = std::fs::remove_dir_all(folder);
    for inner in ["cache", "libraries"] {
        std::fs::create_dir_all(folder.join(inner)).map_err(fail)?;
    }
    let report = folder.join("report.json");
    let (mut command, until) = match &attempt.command {
        Finder::Conform(maru, arguments) => {
            let mut command = Command::new(maru);
            command.args(["conform", "--first", "--jobs", "1", "--json"]).arg(&report).args(arguments);
            command.args(["--bundles"]).arg(folder.join("bundles"));
            if !arguments.iter().any(|argument| argument == "--profile") {
                command.args(["--cases", "1000000"]);
            }
            (command, None)
        }
        Finder::Trials(path) => {
            let mut command = Command::new(path);
            command.args(["--test-threads", "1"]);
            (command, Some("... FAILED"))
        }
    };
    command.current_dir(folder).env(VARIABLE, fault);
    command.env("MARU_CACHE", folder.join("cache")).env("MARU_TMPDIR", folder.join("libraries"));
    let ended = process::run(&mut command, time, until, &folder.join("printed"))?;
    let finding = match &attempt.command {
        Finder::Conform(..) => of_report(&ended, &report),
        Finder::Trials(_) => of_trials(&ended),
    };
    _ = std::fs::remove_dir_all(folder);
    Ok((finding, ended.spent))
}

/// What a run of the suite found.
fn of_report(ended: &process::Ended, report: &Path) -> Option<Finding> {
    let status = ended.status.filter(|status| !status.success())?;
    let json: Option<Value> = std::fs::read_to_string(report).ok().and_then(|text| serde_json::from_str(&text).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    match json.as_ref().map(|json| &json["failures"][0]) {
        Some(first) if first.is_object() => {
            let what = format!("{}: {}", text(&first["case"]), text(&first["what"]));
            Some(Finding { by: text(&first["engine"]), among: text(&first["column"]), what })
        }
        _ => {
            let last = ended.output.lines().last().unwrap_or_default();
            Some(Finding { by: "the run itself".into(), among: "start".into(), what: format!("{status}: {last}") })
        }
    }
}

/// What a target's trials found.
fn of_trials(ended: &process::Ended) -> Option<Finding> {
    let failed = ended.output.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let crashed = ended.status.filter(|status| !status.success());
    let begun = || ended.output.lines().rev().find_map(|line| line.strip_prefix("test ")).unwrap_or("a trial");
    let by = failed.or_else(|| crashed.map(|_| begun()))?.to_string();
    let what = crashed.map_or_else(|| "failed".into(), |status| status.to_string());
    Some(Finding { by, among: "trials".into(), what })
}
