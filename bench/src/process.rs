//! Runs one command with a time limit and keeps what it printed.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a finished command left behind.
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Why a command has no output.
pub enum Trouble {
    /// It could not be started, or its output not be read.
    NotRun(String),
    /// It was ended at the time limit.
    TimedOut,
}

/// Runs the command in `folder`, with `input` as its standard input. The outputs go through files, so that a
/// command's orphaned children cannot keep us waiting for the end of a pipe.
pub fn run(command: &mut Command, input: &str, folder: &Path, limit: Duration) -> Result<Output, Trouble> {
    run_watched(command, input, folder, limit, Duration::from_millis(2), &mut |_| ())
}

/// The same, and looks at the running process, by its number, after each pause.
pub fn run_watched(
    command: &mut Command,
    input: &str,
    folder: &Path,
    limit: Duration,
    pause: Duration,
    look: &mut dyn FnMut(u32),
) -> Result<Output, Trouble> {
    let not_run = |error: std::io::Error| Trouble::NotRun(error.to_string());
    let (out_path, err_path) = (folder.join("stdout.txt"), folder.join("stderr.txt"));
    let mut child = command
        .current_dir(folder)
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(File::create(&out_path).map_err(not_run)?)
        .stderr(File::create(&err_path).map_err(not_run)?)
        .spawn()
        .map_err(not_run)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A command that ends without reading its input has said what is wrong by other means.
        let _ = pipe.write_all(input.as_bytes());
    }
    let status = wait(&mut child, limit, pause, look).map_err(not_run)?.ok_or(Trouble::TimedOut)?;
    let read = |path: &Path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Output { status, out: read(&out_path).map_err(not_run)?, err: read(&err_path).map_err(not_run)? })
}

/// Waits for the end of `child`; `None` when it had to be ended.
fn wait(
    child: &mut Child,
    limit: Duration,
    pause: Duration,
    look: &mut dyn FnMut(u32),
) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        look(child.id());
        std::thread::sleep(pause);
    }
}

/// The most memory that a running process has had so far, in bytes, where the system tells, as Linux does.
pub fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}
