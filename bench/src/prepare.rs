//! Makes a program ready to run in one system: puts its source together and compiles it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::catalogue::Program;
use crate::measure::Cell;
use crate::process::{self, Output, Trouble};
use crate::system::{Installed, System};

/// A program that is ready to run.
pub struct Prepared {
    command: Vec<String>,
    folder: PathBuf,
    /// How often it repeats the work.
    pub count: u32,
}

/// Where things are and how long they may take.
pub struct Surroundings<'a> {
    /// The folder of the programs, with the preludes.
    pub programs: &'a Path,
    /// The folder for what is made on the way.
    pub work: &'a Path,
    /// The limit for one run, and for one compilation.
    pub timeout: Duration,
    /// By how much every count is multiplied.
    pub scale: f64,
}

/// Writes the source that the system gets, and compiles it if there is something to compile. The error is what the
/// table shows in place of a time.
pub fn prepare(
    program: &Program,
    system: &System,
    installed: &Installed,
    around: &Surroundings,
) -> Result<Prepared, Cell> {
    let failed = |what: String| Cell::Failed(what);
    let Some(original) = program.source(system.extension) else {
        return Err(Cell::NotApplicable(format!("no program in {}", system.extension)));
    };
    let folder = around.work.join(system.name).join(&program.name);
    std::fs::create_dir_all(&folder).map_err(|error| failed(format!("{}: {error}", folder.display())))?;
    let count = if system.interpreted { program.interpreted_count } else { program.count };
    let count = ((f64::from(count) * around.scale).round() as u32).max(1);
    let source = folder.join(format!("{}.{}", program.name, system.extension));
    write_source(&source, &original, system, count, around).map_err(failed)?;
    let output = folder.join(format!("{}.compiled", program.name));
    let fill = |text: &str| {
        text.replace("{executable}", &installed.path.to_string_lossy())
            .replace("{source}", &source.to_string_lossy())
            .replace("{output}", &output.to_string_lossy())
    };
    if let Some(step) = &system.compile {
        let mut arguments: Vec<String> =
            step.command.iter().filter(|word| **word != "{link}").map(|w| fill(w)).collect();
        if step.command.contains(&"{link}") {
            arguments.extend(program.link.iter().map(|library| format!("-l{library}")));
        }
        let _ = std::fs::remove_file(&output);
        let result = process::run(&mut command(&arguments), &fill(step.input), &folder, around.timeout);
        let result = finished(result, around.timeout).map_err(compiling)?;
        if !output.is_file() {
            return Err(compiling(Cell::Failed(complaint(&result))));
        }
    }
    Ok(Prepared { command: system.run.iter().map(|word| fill(word)).collect(), folder, count })
}

/// Runs a prepared program once.
pub fn run(prepared: &Prepared, timeout: Duration) -> Result<Output, Cell> {
    finished(process::run(&mut command(&prepared.command), "", &prepared.folder, timeout), timeout)
}

/// Preludes, count and program, in one file.
fn write_source(
    path: &Path,
    original: &Path,
    system: &System,
    count: u32,
    around: &Surroundings,
) -> Result<(), String> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let mut text = String::new();
    for (index, name) in system.preludes.iter().enumerate() {
        // A module's or program's head must come first, and C reads from top to bottom.
        if index == 1 || system.preludes.len() == 1 {
            text.push_str(&system.count_definition.replace("{count}", &count.to_string()));
            text.push('\n');
        }
        text.push_str(&read(&around.programs.join("prelude").join(name))?);
    }
    text.push_str(&read(original)?);
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Sorts out everything but a good end.
fn finished(result: Result<Output, Trouble>, limit: Duration) -> Result<Output, Cell> {
    match result {
        Err(Trouble::TimedOut) => Err(Cell::TimedOut(limit)),
        Err(Trouble::NotRun(why)) => Err(Cell::Failed(why)),
        Ok(output) => match inapplicable(&output) {
            Some(reason) => Err(Cell::NotApplicable(reason)),
            None if output.status.success() => Ok(output),
            None => Err(Cell::Failed(complaint(&output))),
        },
    }
}

/// A program that cannot be written in a language says so in a line `n/a: reason`, when compiled or when run.
fn inapplicable(output: &Output) -> Option<String> {
    let mut lines = output.out.lines().chain(output.err.lines());
    lines.find_map(|line| line.split_once("n/a: ").map(|(_, reason)| reason.trim().to_owned()))
}

/// What a failed command says in one line: the first that speaks of an error, or the first that has words; how it ended
/// if it says nothing. A line that announces the next one comes with it.
fn complaint(output: &Output) -> String {
    let has_words = |line: &&str| line.chars().any(char::is_alphabetic);
    let lines: Vec<&str> = output.err.lines().chain(output.out.lines()).map(str::trim).filter(has_words).collect();
    let of_error = |line: &&str| line.to_lowercase().contains("error");
    let Some(index) = lines.iter().position(of_error).or((!lines.is_empty()).then_some(0)) else {
        return output.status.to_string();
    };
    match lines.get(index + 1) {
        Some(next) if lines[index].ends_with(':') => format!("{} {next}", lines[index]),
        _ => lines[index].to_owned(),
    }
}

fn compiling(cell: Cell) -> Cell {
    match cell {
        Cell::Failed(why) => Cell::Failed(format!("compiling: {why}")),
        other => other,
    }
}
