//! A command that may use up so much processor time, with all that it starts.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a command ended.
pub(crate) struct Ended {
    /// `None`: its time was up, or it had said what was waited for.
    pub(crate) status: Option<ExitStatus>,
    /// The processor time of all its processes.
    pub(crate) spent: Duration,
    /// What it printed.
    pub(crate) output: String,
}

/// How often a command is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A command that waits, though not for a processor, is given so many times as long by the clock.
const PATIENCE: u32 = 8;

/// Run a command until it ends, has used up its time, or has printed a certain text.
pub(crate) fn run(command: &mut Command, time: Duration, until: Option<&str>, printed: &Path) -> Result<Ended, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", printed.display());
    let file = File::create(printed).map_err(fail)?;
    let errors = file.try_clone().map_err(fail)?;
    command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let group = child.id() as i32;
    let start = Instant::now();
    let mut spent = Duration::ZERO;
    let status = loop {
        // Before it is waited for, since nobody has the times of a process after that.
        spent = spent.max(time_of_group(group).unwrap_or_else(|| start.elapsed()));
        if let Some((status, used)) = ended(group) {
            spent = spent.max(used);
            break Some(status);
        }
        let has_said =
            || until.is_some_and(|text| std::fs::read_to_string(printed).is_ok_and(|all| all.contains(text)));
        if spent > time || start.elapsed() > time * PATIENCE || has_said() {
            break None;
        }
        std::thread::sleep(LOOK);
    };
    // SAFETY: the group was made for this child; signals to a group that is gone do nothing.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    if status.is_none() {
        child.wait().map_err(fail)?;
    }
    let output = String::from_utf8_lossy(&std::fs::read(printed).map_err(fail)?).into_owned();
    Ok(Ended { status, spent, output })
}

/// How a child ended, if it has, and the processor time of it and of those that it waited for.
fn ended(child: i32) -> Option<(ExitStatus, Duration)> {
    let mut status = 0;
    // SAFETY: a structure of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are this function's, and nobody else waits for this child.
    let waited = unsafe { libc::wait4(child, &raw mut status, libc::WNOHANG, &raw mut usage) };
    let time = |time: libc::timeval| Duration::from_micros(time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64);
    (waited == child).then(|| (ExitStatus::from_raw(status), time(usage.ru_utime) + time(usage.ru_stime)))
}

/// The processor time of the processes of a group and of those that they have waited for; `None` where the system does not
/// tell.
fn time_of_group(group: i32) -> Option<Duration> {
    // SAFETY: asks for a number.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    let mut sum = 0;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        let Ok(line) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name of the program, in parentheses, may hold anything.
        let Some((_, fields)) = line.rsplit_once(')') else { continue };
        let fields: Vec<i64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        if fields.get(2) == Some(&i64::from(group)) {
            sum += fields.get(11..15).map_or(0, |times| times.iter().sum::<i64>()) as u64;
        }
    }
    Some(Duration::from_millis(sum * 1000 / ticks))
}
