//! The suite from the command line: reports, shards that are joined, runs that end early.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own for a test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("conform-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// `maru conform` in a folder, with none of its variables set.
fn conform(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).arg("conform").args(arguments).stdin(Stdio::null());
    command
}

/// A few programs on two engines.
const FEW: [&str; 5] = ["--modes", "ir-evaluator", "--no-files", "--cases", "30"];

fn run(folder: &Path, arguments: &[&str]) -> Output {
    conform(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cell<'j>(report: &'j Value, engine: &str, column: &str) -> &'j Value {
    let row = report["rows"].as_array().unwrap().iter().find(|row| row["engine"] == engine).unwrap();
    row["cells"].as_array().unwrap().iter().find(|cell| cell["column"] == column).unwrap()
}

#[test]
fn reports_say_how_fast_each_engine_is() {
    let folder = folder("rates");
    let output = run(&folder, &[&FEW[..], &["--json", "r.json", "--markdown", "r.md"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&folder.join("r.json"));
    for engine in ["interpreter", "ir-evaluator"] {
        assert!(cell(&report, engine, "typed")["per_second"].as_f64().unwrap() > 0.0, "{report}");
    }
    assert!(report["rows"][0]["programs_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(report["partial"], Value::Null);
    assert!(text(&output.stdout).contains("programs/s"));
    let markdown = std::fs::read_to_string(folder.join("r.md")).unwrap();
    assert!(markdown.contains("| programs/s |"), "{markdown}");
    // No bar where there is no terminal, but a line now and then.
    assert!(text(&output.stderr).lines().all(|line| line.starts_with("conform: ")), "{output:?}");
}

#[test]
fn shards_are_joined_into_the_matrix_of_the_whole() {
    let folder = folder("shards");
    let whole = run(&folder, &[&FEW[..], &["--json", "whole.json"]].concat());
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    for shard in ["1", "2", "3"] {
        let (part, file) = (format!("{shard}/3"), format!("{shard}.json"));
        let output = run(&folder, &[&FEW[..], &["--shard", &part, "--json", &file]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let merged = run(&folder, &["merge", "3.json", "1.json", "2.json", "--json", "merged.json"]);
    assert_eq!(merged.status.code(), Some(0), "{merged:?}");
    assert!(text(&merged.stdout).contains("30 generated cases (seed 1, shard 1/1)"), "{merged:?}");
    let (whole, merged) = (json(&folder.join("whole.json")), json(&folder.join("merged.json")));
    assert_eq!(whole["cases"], merged["cases"]);
    for engine in ["interpreter", "ir-evaluator"] {
        for column in ["typed", "planted", "untyped", "metamorphic", "metered"] {
            let passed = |report| cell(report, engine, column)["passed"].clone();
            assert_eq!(passed(&whole), passed(&merged), "{engine} {column}");
        }
    }
}

#[test]
fn what_cannot_be_joined_is_named() {
    let folder = folder("mismatch");
    let shard = |part: &str, seed: &str, file: &str| {
        let more = ["--shard", part, "--seed", seed, "--json", file];
        assert!(run(&folder, &[&FEW[..], &more].concat()).status.success());
    };
    shard("1/2", "1", "one.json");
    shard("2/2", "1", "two.json");
    shard("2/2", "ff", "other.json");
    std::fs::write(folder.join("no.json"), "{}").unwrap();
    for (files, message) in [
        (&["one.json", "other.json"][..], "one.json and other.json are not of one run: their seed is 1 and ff"),
        (&["one.json", "two.json", "two.json"], "two.json and two.json are both of shard 2/2"),
        (&["two.json"], "shard 1/2 is missing beside two.json"),
        (&["no.json"], "no.json: the report has no 'version'"),
        (&["none.json"], "none.json: there is no such file"),
    ] {
        let output = run(&folder, &[&["merge"], files].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(message), "'{message}' is missing in {output:?}");
    }
}

#[test]
fn a_run_whose_time_is_up_says_what_had_run() {
    let folder = folder("time");
    let endless = ["--modes", "ir-evaluator", "--no-files", "--cases", "1000000000", "--time", "1"];
    let output = run(&folder, &[&endless[..], &["--json", "r.json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("PARTIAL, 1000000000 cases were asked for: the time of 1 s was up"));
    let report = json(&folder.join("r.json"));
    assert_eq!(report["partial"], "the time of 1 s was up");
    assert!(report["cases"].as_u64().unwrap() > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_says_what_had_run() {
    let folder = folder("interrupt");
    let endless = ["--modes", "ir-evaluator", "--no-files", "--cases", "1000000000", "--json", "r.json"];
    let mut command = conform(&folder, &endless);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = libc::pid_t::try_from(child.id()).unwrap();
    wait_for_handler(id);
    // SAFETY: sends a signal to a process that this test started and has not waited for.
    assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let report = json(&folder.join("r.json"));
    assert_eq!(report["partial"], "interrupted");
    assert_eq!(report["wanted"], 1_000_000_000);
    assert!(text(&output.stdout).contains("PARTIAL"), "{output:?}");
}

/// Wait until the process has a handler for interrupts.
#[cfg(target_os = "linux")]
fn wait_for_handler(id: libc::pid_t) {
    let handles = |status: String| {
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask of signals");
        u64::from_str_radix(caught.trim(), 16).expect("a mask of signals") & 1 << (libc::SIGINT - 1) != 0
    };
    while !std::fs::read_to_string(format!("/proc/{id}/status")).is_ok_and(handles) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn faults_are_planted_in_sources_only() {
    let outside = std::env::temp_dir();
    let output = run(&outside, &["faults", "--list"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("source tree"), "{output:?}");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = |only: &[&str]| run(sources, &[&["faults", "--list"], only].concat());
    let all = text(&listed(&[]).stdout);
    assert!(all.lines().count() >= 250, "{all}");
    let numbers = text(&listed(&["--only", "numbers"]).stdout);
    assert!(!numbers.is_empty() && numbers.lines().all(|line| line.starts_with("numbers ")), "{numbers}");
    let output = listed(&["--only", "nothing"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("'nothing' is neither a fault nor one of the kinds: numbers"), "{output:?}");
}
