//! Code without a file is seen by debuggers and profilers: names, lines, callers, time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program with a function that works for a while, in a folder of its own.
fn program(test: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("symbols-{test}"));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).expect("a folder");
    let path = place.join("program.l");
    let text = "(define (deepest-one n)\n  (car n))\n(define (calls-it n)\n  (list 1 (deepest-one (list n 2))))\n\
                (define (work n)\n  (let ((s 0)) (while (> n 0) (set s (% (+ s (* n n)) 1000003)) (set n (- n 1))) s))\n\
                (calls-it 5)\n(println (work 30000000))\n";
    std::fs::write(&path, text).expect("written");
    path
}

/// What a tool prints; `None`, with a word why, where it is missing.
fn tool(name: &str, command: &mut Command) -> Option<String> {
    match command.output() {
        Ok(output) => {
            Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
        }
        Err(error) => {
            eprintln!("NOT RUN: {name}: {error}");
            None
        }
    }
}

#[test]
fn a_debugger_sees_names_lines_and_callers() {
    let path = program("debugger");
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "set debuginfod enabled off"]);
    gdb.args(["-ex", "break deepest-one", "-ex", "run", "-ex", "bt 3", "--args", env!("CARGO_BIN_EXE_maru")]);
    gdb.args(["run", "--jit", "always", "-O0", "--strategy", "memory"]).arg(&path);
    let Some(text) = tool("gdb", &mut gdb) else { return };
    if text.contains("ptrace: Operation not permitted") || text.contains("Could not trace the inferior") {
        eprintln!("NOT RUN: gdb may not trace processes here");
        return;
    }
    let frames: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert!(frames.len() >= 3, "{text}");
    assert!(frames[0].contains("deepest-one () at ") && frames[0].ends_with("program.l:2"), "{text}");
    assert!(frames[1].contains("calls-it () at ") && frames[1].ends_with("program.l:4"), "{text}");
    // So the way back is known to the end of native code.
    assert!(frames[2].contains("maru_enter ()"), "{text}");
}

#[test]
fn functions_are_listed_for_profilers() {
    let path = program("list");
    let child = Command::new(env!("CARGO_BIN_EXE_maru"))
        .env("MARU_SYMBOLS", "perf")
        .args(["run", "--jit", "always", "--strategy", "memory"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let list = format!("/tmp/perf-{}.map", child.id());
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success());
    let text = std::fs::read_to_string(&list).expect("the list of functions");
    std::fs::remove_file(&list).expect("removed");
    let line = text.lines().find(|line| line.ends_with(" work")).unwrap_or_else(|| panic!("{text}"));
    let numbers: Vec<u64> =
        line.split(' ').take(2).map(|number| u64::from_str_radix(number, 16).expect("a number")).collect();
    assert!(numbers[0] > 0x1000 && (1..0x10000).contains(&numbers[1]), "{line}");
}

/// What perf says of a run of the command with these words: its report by symbols, busiest first.
fn measured(path: &Path, words: &[&str]) -> Option<String> {
    let data = path.with_file_name("perf.data");
    let mut perf = Command::new("perf");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        perf.env_remove(name);
    }
    perf.args(["record", "-q", "-e", "cpu-clock", "-o"]).arg(&data).args(words).arg(path);
    let text = tool("perf", &mut perf)?;
    if !data.exists() {
        eprintln!("NOT RUN: perf may not measure here: {}", text.lines().next().unwrap_or_default());
        return None;
    }
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--sort", "symbol", "-i"]).arg(&data);
    tool("perf", &mut report)
}

/// The libraries that the command makes are there when perf reads them, without any setting, and top-level forms have
/// names of their own.
#[test]
fn a_profiler_sees_the_functions_of_the_command_itself() {
    let path = program("command");
    let maru = env!("CARGO_BIN_EXE_maru");
    let text =
        "(define (work n)\n  (let ((s 0)) (while (> n 0) (set s (% (+ s (* n n)) 1000003)) (set n (- n 1))) s))\n\
                (define (both n)\n  (list (apply work (list n)) (apply work (list n))))\n(println (both 10000000))\n\
                (let loop ((i 0))\n  (if (< i 30000000) (loop (+ i 1))))\n";
    std::fs::write(&path, text).unwrap();
    let through_shell = format!("{maru} run --jit always \"$0\"; true");
    let calls: [&[&str]; 2] = [&[maru, "run", "--jit", "always"], &["sh", "-c", &through_shell]];
    for words in calls {
        let Some(text) = measured(&path, words) else { return };
        let busiest: Vec<&str> = text.lines().filter(|line| line.contains('%')).take(2).collect();
        for name in ["] work ", "] top-level:6 "] {
            assert!(busiest.iter().any(|line| line.contains(name)), "{name}: {text}");
        }
    }
}

#[test]
fn a_profiler_attributes_time_to_functions() {
    attributes_time("memory");
}

/// The library's file is gone as soon as it is open, unless somebody asks for symbols.
#[test]
fn a_profiler_finds_the_symbols_of_libraries() {
    attributes_time("direct");
}

fn attributes_time(strategy: &str) {
    let path = program(&format!("profiler-{strategy}"));
    let data = path.with_file_name("perf.data");
    let mut perf = Command::new("perf");
    perf.env("MARU_SYMBOLS", "perf").args(["record", "-q", "-e", "cpu-clock", "-o"]).arg(&data);
    perf.env("MARU_TMPDIR", path.parent().expect("a folder"));
    perf.arg(env!("CARGO_BIN_EXE_maru")).args(["run", "--jit", "always", "--strategy", strategy]).arg(&path);
    let Some(text) = tool("perf", &mut perf) else { return };
    if !data.exists() {
        eprintln!("NOT RUN: perf may not measure here: {}", text.lines().next().unwrap_or_default());
        return;
    }
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--sort", "symbol", "-i"]).arg(&data);
    let Some(text) = tool("perf", &mut report) else { return };
    let busiest = text.lines().find(|line| line.contains('%')).unwrap_or_default();
    assert!(busiest.contains("] work "), "{text}");
}
