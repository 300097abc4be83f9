//! The harness with a made-up system: a shell script that stands in for `maru`.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Answers by the mode it is called with and by what the program says for that mode: `always: echo …`.
const STAND_IN: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "stand-in 1"; exit 0; fi
for last; do :; done
eval "$(sed -n "s/^$3: //p" "$last")"
"#;

/// A folder with the stand-in and the given programs: name and source.
fn folder_with(programs: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let stand_in = write("maru", STAND_IN);
    std::fs::set_permissions(stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    write("programs/prelude/maru.l", "; prelude\n");
    for (name, source) in programs {
        let about = r#"{ "what": "a test", "count": 40, "interpreted-count": 4, "checksum": "42" }"#;
        write(&format!("programs/{name}/about.json"), about);
        write(&format!("programs/{name}/{name}.l"), source);
    }
    folder
}

fn bench(folder: &Path, arguments: &[&str]) -> Output {
    let path = |name: &str| folder.join(name).into_os_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru-bench"));
    command.arg("--maru").arg(path("maru")).arg("--programs").arg(path("programs")).arg("--work").arg(path("work"));
    command.args(["--systems", "maru,maru-auto,maru-interpreted"]).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

const GOOD: &str = "always: echo checksum: 42; echo time: 0.5\nauto: echo checksum: 42; echo time: 1\n\
                    off: echo checksum: 42; echo time: 2\n";

#[test]
fn times_are_compared_and_the_interpreter_scaled() {
    let folder = folder_with(&[("good", GOOD)]);
    let output = bench(folder.path(), &["--json", "--runs", "2"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&output);
    let systems = &report["programs"][0]["systems"];
    assert_eq!(systems["maru"]["seconds"], 0.5);
    assert_eq!(systems["maru"]["runs"].as_array().unwrap().len(), 2);
    assert_eq!(systems["maru-auto"]["ratio"], 2.0);
    // A tenth of the count in 2 s is 20 s for all of it.
    assert_eq!(systems["maru-interpreted"]["seconds"], 20.0);
    assert_eq!(systems["maru-interpreted"]["scaled"], true);
    assert_eq!(report["programs"][0]["native-against-interpreted"], 40.0);
    let source = std::fs::read_to_string(folder.path().join("work/maru-interpreted/good/good.l")).unwrap();
    assert!(source.starts_with("(define repeat-count 4)\n; prelude\n"), "{source}");
}

#[test]
fn a_wrong_checksum_is_shown_and_fails_the_run() {
    let folder = folder_with(&[("good", GOOD), ("wrong", &GOOD.replacen("42", "41", 1))]);
    let output = bench(folder.path(), &["--runs", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("WRONG: 41"), "{text}");
    assert!(text.contains("wrong in maru: WRONG: prints 41, should print 42"), "{text}");
    // Chosen alone, the good program still passes.
    assert_eq!(bench(folder.path(), &["--runs", "1", "--only", "good"]).status.code(), Some(0));
}

#[test]
fn failures_stay_in_their_cells() {
    let source = "always: echo 'unbound: no such name' >&2; exit 1\nauto: exec sleep 30\noff: echo n/a: not here\n";
    let folder = folder_with(&[("bad", source)]);
    let output = bench(folder.path(), &["--json", "--runs", "1", "--timeout", "0.3"]);
    assert_eq!(output.status.code(), Some(0));
    let systems = json(&output)["programs"][0]["systems"].take();
    assert_eq!(systems["maru"]["status"], "failed");
    assert_eq!(systems["maru"]["reason"], "unbound: no such name");
    assert_eq!(systems["maru-auto"]["status"], "timed-out");
    assert_eq!(systems["maru-interpreted"]["status"], "not-applicable");
    assert_eq!(systems["maru-interpreted"]["reason"], "not here");
}

#[test]
fn output_without_checksum_or_time_is_a_failure() {
    let folder = folder_with(&[("bad", "always: echo time: 1\nauto: echo checksum: 42\noff: echo checksum: 42")]);
    let systems = json(&bench(folder.path(), &["--json"]))["programs"][0]["systems"].take();
    assert_eq!(systems["maru"]["reason"], "prints no checksum");
    assert_eq!(systems["maru-auto"]["reason"], "prints no time");
}

#[test]
fn wrong_calls_are_refused() {
    let folder = folder_with(&[("good", GOOD)]);
    let output = bench(folder.path(), &["--only", "absent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no program is called absent; there are good"));
    let output = bench(folder.path(), &["--runs", "0"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn phases_are_read_from_standard_error() {
    let folder = folder_with(&[]);
    let program = folder.path().join("program.l");
    // The second run would see what the first left in the cache.
    let source = "always: echo stats: lower 40.5 >&2; echo stats: first call 9.5 >&2; echo stats: x y >&2; \
                  mkdir \"$XDG_CACHE_HOME/image\"\n";
    std::fs::write(&program, source).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru-bench"));
    command.arg("phases").arg(&program).args(["--json", "--runs", "3", "--maru"]).arg(folder.path().join("maru"));
    let output = command.output().unwrap();
    let expected = serde_json::json!([
        { "name": "lower", "microseconds": 40.5 },
        { "name": "first call", "microseconds": 9.5 },
    ]);
    assert_eq!(json(&output)["phases"], expected, "{output:?}");
}
