//! Where the time from a request to callable code goes: the medians of what `maru run --stats` says.
//!
//! Maru prints a line `stats: PHASE MICROSECONDS` for each phase to standard error. Any phase names will do; those of
//! one run that have the same name are added up, since a program may compile more than one environment. Each run finds
//! an empty cache.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{json, Value};

use crate::measure::median;
use crate::process::{self, Trouble};

/// The phases of one run, in the order of their first appearance.
pub type Phases = Vec<(String, f64)>;

/// Runs the program once and reads its phases. The error says what went wrong, for a person.
pub fn run(maru: &Path, program: &Path, folder: &Path, timeout: Duration) -> Result<Phases, String> {
    let cache = folder.join("cache");
    let _ = std::fs::remove_dir_all(&cache);
    make_private_folder(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let mut command = Command::new(maru);
    command.arg("run").args(["--jit", "always", "--stats"]).arg(program).env("XDG_CACHE_HOME", &cache);
    let say = |what: &str| format!("{} in maru: {what}", program.display());
    match process::run(&mut command, "", folder, timeout) {
        Err(Trouble::NotRun(why)) => Err(say(&why)),
        Err(Trouble::TimedOut) => Err(say(&format!("took longer than {} s", timeout.as_secs_f64()))),
        Ok(output) if !output.status.success() => Err(say(output.err.lines().next().unwrap_or("fails"))),
        Ok(output) => match parse(&output.err) {
            phases if phases.is_empty() => Err(say("--stats prints no phases")),
            phases => Ok(phases),
        },
    }
}

/// Makes a folder that only its owner may use: caches are refused elsewhere.
pub fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// The phases in what a run prints. Lines that are no phases are passed over: there are other counts among them.
pub fn parse(text: &str) -> Phases {
    let mut phases = Phases::new();
    for line in text.lines() {
        let Some((name, number)) = line.trim().strip_prefix("stats:").and_then(|rest| rest.trim().rsplit_once(' '))
        else {
            continue;
        };
        let Ok(microseconds) = number.parse::<f64>() else { continue };
        let name = name.trim();
        match phases.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += microseconds,
            None => phases.push((name.to_owned(), microseconds)),
        }
    }
    phases
}

/// The median of each phase over the runs that have it.
pub fn medians(runs: &[Phases]) -> Phases {
    let mut result = Phases::new();
    for (name, _) in runs.iter().flatten() {
        if !result.iter().any(|(known, _)| known == name) {
            let values: Vec<f64> =
                runs.iter().flatten().filter(|(other, _)| other == name).map(|(_, value)| *value).collect();
            result.push((name.clone(), median(&values)));
        }
    }
    result
}

/// The medians as text, with each phase's part of the whole.
pub fn render(phases: &Phases, runs: u32) -> String {
    let sum: f64 = phases.iter().map(|(_, microseconds)| microseconds).sum();
    let width = phases.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("sum".len());
    let mut text = format!("microseconds, median of {runs} runs\n");
    for (name, microseconds) in phases {
        let _ = writeln!(text, "  {name:<width$} {microseconds:>10.1} {:>5.1} %", 100.0 * microseconds / sum.max(1e-9));
    }
    let _ = writeln!(text, "  {:<width$} {sum:>10.1}", "sum");
    text
}

/// The medians for machines.
pub fn render_json(phases: &Phases, runs: u32) -> Value {
    let list: Vec<Value> = phases.iter().map(|(name, value)| json!({ "name": name, "microseconds": value })).collect();
    json!({ "runs": runs, "phases": list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_picked_out_and_added_up() {
        let text = "stats: lower 12.5\nwarning: stats: none\nstats: layout+write 3\n  stats: first call 0.5\n\
                    stats: lower 7.5\nstats: engine auto\nstats:\nstats: 5\n";
        let expected = [("lower", 20.0), ("layout+write", 3.0), ("first call", 0.5)];
        assert_eq!(parse(text), expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn medians_are_by_phase() {
        let runs = ["stats: a 1\nstats: b 5\n", "stats: a 3\n", "stats: a 2\nstats: b 7\n"].map(parse);
        assert_eq!(medians(&runs), [("a".to_owned(), 2.0), ("b".to_owned(), 6.0)]);
    }
}
