//! What the system around the program is like: its names, and times.

use crate::runtime::{Outcome, PrimitiveInfo, Runtime, Touch};
use crate::value::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("uname", 0, uname).touching(Touch::Nothing),
    PrimitiveInfo::fixed("current-time", 0, current_time).touching(Touch::Nothing),
    PrimitiveInfo::fixed("run-time", 0, |runtime, _| {
        let seconds = runtime.extensions.started.elapsed().as_secs_f64();
        runtime.double(seconds)
    })
    .touching(Touch::Nothing),
];

/// `(uname)`: the names of the system, of its release and of the machine, with spaces between them.
fn uname(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let text = system_names().unwrap_or_else(|| format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    runtime.string(&text)
}

/// What the system calls itself.
#[cfg(unix)]
fn system_names() -> Option<String> {
    let names = rustix::system::uname();
    let [system, release, machine] =
        [names.sysname(), names.release(), names.machine()].map(|name| name.to_string_lossy());
    Some(format!("{system} {release} {machine}"))
}

/// What the system calls itself.
#[cfg(not(unix))]
fn system_names() -> Option<String> {
    None
}

/// Seconds since 1970, as a double.
fn current_time(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64());
    runtime.double(seconds)
}
