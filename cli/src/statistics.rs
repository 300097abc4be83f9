//! `--stats`: counts and times of a run. Times are in microseconds.

use crate::arguments::Report;
use maru_compiler::unit::HasUnits;
use maru_language::runtime::Runtime;
use serde_json::{json, Map, Value};
use std::io::Write;
use std::time::Duration;

/// Print the statistics of a run on standard error. When it is closed, there is nobody to tell.
pub fn print(runtime: &Runtime, report: Report, elapsed: Duration) {
    let text = match report {
        Report::Text => as_text(runtime, elapsed),
        Report::Json => format!("{}\n", as_json(runtime, elapsed)),
    };
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Times by phase of compiling, in microseconds.
fn phases(runtime: &Runtime) -> impl Iterator<Item = (&'static str, f64)> {
    runtime.native.units().statistics.phases().into_iter().map(|(name, nanoseconds)| (name, nanoseconds as f64 / 1e3))
}

/// Other times, in microseconds: some contain some of the phases.
fn times(runtime: &Runtime, elapsed: Duration) -> [(&'static str, f64); 4] {
    let collecting = runtime.heap.statistics(&runtime.context).pause_total;
    let units = &runtime.native.units().statistics;
    let stall = Duration::from_nanos(units.longest_stall);
    let work = Duration::from_nanos(units.longest_stall_processor);
    [("collecting", collecting), ("longest stall", stall), ("longest stall processor", work), ("all", elapsed)]
        .map(|(name, time)| (name, time.as_secs_f64() * 1e6))
}

fn counts(runtime: &Runtime) -> [(&'static str, u64); 12] {
    let (units, heap) = (&runtime.native.units().statistics, runtime.heap.statistics(&runtime.context));
    [
        ("units", units.units),
        ("units in background", units.background),
        ("units renewed", units.renewed),
        ("functions", units.functions),
        ("cache hits", units.cache_hits),
        ("cache misses", units.cache_misses),
        ("code bytes", units.code_bytes),
        ("file bytes", units.file_bytes),
        ("invalidated", units.invalidated),
        ("collections", heap.collections as u64),
        ("allocated bytes", heap.allocated_bytes as u64),
        ("live bytes", heap.live_bytes as u64),
    ]
}

fn as_text(runtime: &Runtime, elapsed: Duration) -> String {
    let mut text = String::new();
    for (name, microseconds) in phases(runtime) {
        text.push_str(&format!("stats: {name} {microseconds:.1}\n"));
    }
    for (name, microseconds) in times(runtime, elapsed) {
        text.push_str(&format!("time: {name} {microseconds:.1}\n"));
    }
    for (name, count) in counts(runtime) {
        text.push_str(&format!("count: {name} {count}\n"));
    }
    text
}

fn as_json(runtime: &Runtime, elapsed: Duration) -> Value {
    let key = |name: &str| name.replace([' ', '+'], "_");
    let phases = phases(runtime).map(|(name, time)| (key(name), json!(time)));
    let times = times(runtime, elapsed).into_iter().map(|(name, time)| (key(name), json!(time)));
    let counts = counts(runtime).into_iter().map(|(name, count)| (key(name), json!(count)));
    json!({
        "architecture": runtime.native.units().architecture.map(|architecture| architecture.name()),
        "format": runtime.native.units().format.map(|format| format.name()),
        "machine": runtime.native.units().machine_name(),
        "phases": phases.collect::<Map<_, _>>(),
        "times": times.collect::<Map<_, _>>(),
        "counts": counts.collect::<Map<_, _>>(),
    })
}
