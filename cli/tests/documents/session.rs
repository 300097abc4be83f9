//! Examples of the command line: a shell's session.

use std::path::Path;
use std::process::{Command, Stdio};

/// Printed between the outputs of commands.
const MARK: &str = "=====next command=====";

/// Run the commands of a session; what is wrong with it.
pub fn run(text: &str, folder: &Path) -> Result<(), String> {
    let steps = steps(text);
    if steps.is_empty() {
        return Err("the session has no command: lines with commands start with '$ '".into());
    }
    let mut script = String::from("exec 2>&1 </dev/null\n");
    for (command, _) in &steps {
        script.push_str(&format!("{command}\nstatus=$?; echo '{MARK}'; (exit $status)\n"));
    }
    let outputs = shell(&script, folder);
    let outputs: Vec<&str> = outputs.split(&format!("{MARK}\n")).collect();
    for (index, (command, expected)) in steps.iter().enumerate() {
        let printed: Vec<&str> = outputs.get(index).map_or(Vec::new(), |output| output.lines().collect());
        if !matches(&printed, expected) {
            let (printed, expected) = (printed.join("\n"), expected.join("\n"));
            return Err(format!("$ {command}\nprints:\n{printed}\nand not, as the document says:\n{expected}"));
        }
    }
    Ok(())
}

/// Run a script in a folder, with the command under test first on the path and none of its variables set.
fn shell(script: &str, folder: &Path) -> String {
    let own = Path::new(env!("CARGO_BIN_EXE_maru")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join(".cache"))
        .env("PATH", format!("{}:{path}", own.display()));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MARU_")) {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Commands, and the lines that each should print.
fn steps(text: &str) -> Vec<(String, Vec<&str>)> {
    let mut steps: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push((command.into(), Vec::new()));
        } else if let Some((command, expected)) = steps.last_mut() {
            match line.strip_prefix("> ").filter(|_| expected.is_empty()) {
                Some(more) => command.push_str(&format!("\n{more}")),
                None => expected.push(line),
            }
        }
    }
    for (_, expected) in &mut steps {
        while expected.last().is_some_and(|line| line.is_empty()) {
            expected.pop();
        }
    }
    steps
}

/// Whether lines are as expected.
fn matches(lines: &[&str], expected: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.iter().all(|line| line.is_empty()),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| matches(&lines[skipped..], rest)),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| line_matches(line, first) && matches(lines, rest))
        }
    }
}

/// Whether a line is as expected, where `…` stands for any text.
fn line_matches(line: &str, expected: &str) -> bool {
    match expected.split_once('…') {
        None => line.trim_end() == expected.trim_end(),
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            (0..=line.len()).any(|at| line.is_char_boundary(at) && line_matches(&line[at..], rest))
        }),
    }
}
