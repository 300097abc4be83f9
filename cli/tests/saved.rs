//! A saved environment is never lost: writers and readers at the same time, writers and readers that are killed or refused
//! something at any of their system calls.
//!
//! The last needs `strace`. Every so many system calls are tried; `MARU_EVERY_FAULT=1` tries all of them, and more rounds of
//! writers and readers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// Tries everything, which takes minutes.
fn is_thorough() -> bool {
    std::env::var_os("MARU_EVERY_FAULT").is_some()
}

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("saved-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A program in a folder, with a cache of its own.
fn command(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("MARU_CACHE", folder.join("cache")).env("TMPDIR", folder);
    command.args(arguments).stdin(Stdio::null());
    command
}

const MARU: &str = env!("CARGO_BIN_EXE_maru");

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// A program that saves an environment of two functions that both answer a number.
fn write_saver(folder: &Path, number: u64) {
    write(
        folder,
        "save.l",
        &format!(
            "(define e (make-environment *global-environment*))
             (with-environment e (define (first) {number}) (define (second) {number}))
             (save-compiled-environment e \"kept\")"
        ),
    );
}

const LOADER: &str = "(define e (load-compiled-environment \"kept\"))
    (println ((environment-ref e 'first)) \" \" ((environment-ref e 'second)))";

/// What is saved: the number that both functions answer.
fn saved(folder: &Path) -> Result<u64, String> {
    let output = command(folder, MARU, &["run", "--jit", "off", "load.l"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [first, second] if first == second => Ok(first.parse().unwrap()),
        _ => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// What is left of writers: files that are not the entry and not the lock.
fn leftovers(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("cache")).unwrap();
    entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".new")).count()
}

#[test]
fn two_writers_and_a_reader_lose_and_mix_nothing() {
    let folder = folder("writers");
    let rounds = if is_thorough() { 1000 } else { 100 };
    let writer = |name: &str, number: u64, padding: usize| {
        let text = format!(
            "(define e (make-environment *global-environment*))
             (with-environment e (define (first) {number}) (define (second) {number}) (define text \"{}\"))
             (for (i 0 {rounds}) (save-compiled-environment e \"kept\"))",
            "x".repeat(padding)
        );
        write(&folder, name, &text);
    };
    writer("one.l", 1, 10);
    writer("two.l", 2, 20_000);
    write(
        &folder,
        "read.l",
        &format!(
            "(define lost 0) (define mixed 0)
             (for (i 0 {rounds})
               (try (let ((e (load-compiled-environment \"kept\")))
                      (if (not (eq ((environment-ref e 'first)) ((environment-ref e 'second)))) (set mixed (+ mixed 1))))
                    (catch (e) (if (= lost 0) (println (error-message e))) (set lost (+ lost 1)))))
             (println lost \" lost, \" mixed \" mixed\")"
        ),
    );
    write(&folder, "load.l", LOADER);
    write_saver(&folder, 1);
    assert!(command(&folder, MARU, &["run", "--jit", "off", "save.l"]).status().unwrap().success());
    let start = |name: &str| {
        let mut command = command(&folder, MARU, &["run", "--jit", "off", name]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let writers = [start("one.l"), start("two.l")];
    let read = start("read.l").wait_with_output().unwrap();
    let writers = writers.map(|writer| writer.wait_with_output().unwrap());
    let text = |output: &Output| String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert_eq!(text(&read), "0 lost, 0 mixed\n");
    for writer in &writers {
        assert!(writer.status.success(), "{}", text(writer));
    }
    assert!(saved(&folder).is_ok());
    println!("{rounds} rounds of two writers and a reader: {}", text(&read));
}

/// The system calls of a program: how often each is made.
fn calls(folder: &Path, program: &str) -> BTreeMap<String, usize> {
    let arguments = ["-f", "-o", "calls.txt", MARU, "run", "--jit", "off", program];
    assert!(command(folder, "strace", &arguments).stdout(Stdio::null()).status().unwrap().success());
    let text = std::fs::read_to_string(folder.join("calls.txt")).unwrap();
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        let call = line.split_whitespace().nth(1).and_then(|call| call.split_once('(')).map(|(name, _)| name);
        if let Some(name) =
            call.filter(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'))
        {
            *calls.entry(name.to_string()).or_insert(0) += 1;
        }
    }
    // The first is strace's own, in its child.
    calls.remove("execve");
    calls
}

/// Run a program that something happens to at a system call.
fn run_with(folder: &Path, program: &str, call: &str, what: &str, time: usize) -> ExitStatus {
    let inject = format!("inject={call}:{what}:when={time}");
    let arguments =
        ["10", "strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject, MARU, "run", "--jit", "off", program];
    command(folder, "timeout", &arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
}

const FAULTS: [&str; 6] =
    ["signal=SIGKILL", "error=EIO", "error=ENOSPC", "error=EMFILE", "error=ENOMEM", "error=EINTR"];

#[test]
fn no_fault_at_any_system_call_loses_what_was_saved() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        println!("NOT RUN: there is no strace, so no system call was made to fail; apt-get install strace");
        assert!(std::env::var_os("CI").is_none(), "strace is needed where CI is set");
        return;
    }
    let folder = folder("faults");
    write(&folder, "load.l", LOADER);
    write_saver(&folder, 0);
    assert!(command(&folder, MARU, &["run", "--jit", "off", "save.l"]).status().unwrap().success());
    let mut before = saved(&folder).unwrap();
    let (mut number, mut runs, mut problems) = (0, 0, Vec::new());
    // A prime, so that every fault meets every sort of call.
    let stride = if is_thorough() { 1 } else { 7 };
    for program in ["save.l", "load.l"] {
        let calls = calls(&folder, program);
        let places = calls.iter().flat_map(|(name, count)| (1..=*count).map(move |time| (name, time)));
        let faults = places.flat_map(|place| FAULTS.map(|fault| (place, fault)));
        for ((name, time), fault) in faults.step_by(stride) {
            number += 1;
            runs += 1;
            if program == "save.l" {
                write_saver(&folder, number);
            }
            let status = run_with(&folder, program, name, fault, time);
            match saved(&folder) {
                Ok(now) if now == before && !(program == "save.l" && status.success()) => {}
                Ok(now) if now == number && program == "save.l" => before = now,
                Ok(now) if now == before && program == "load.l" => {}
                other => {
                    problems
                        .push(format!("{program}: {fault} at {name} number {time}, {status}: {other:?}, was {before}"));
                    write_saver(&folder, number);
                    let _ = command(&folder, MARU, &["run", "--jit", "off", "save.l"]).status();
                    before = saved(&folder).unwrap_or(before);
                }
            }
        }
    }
    println!("{runs} runs with a fault: {} lost something\n{}", problems.len(), problems.join("\n"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // What the killed left is removed by the next who saves.
    assert!(command(&folder, MARU, &["run", "--jit", "off", "save.l"]).status().unwrap().success());
    assert_eq!(leftovers(&folder), 0);
}

#[test]
fn a_path_is_a_library_that_can_be_carried() {
    let folder = folder("path");
    write(
        &folder,
        "save.l",
        "(define e (make-environment *global-environment*))
         (with-environment e (define (twice x) (* 2 x)))
         (println (save-compiled-environment e \"./math-env.so\"))
         (println (save-compiled-environment e \"math-env\"))",
    );
    write(
        &folder,
        "load.l",
        "(for-each *arguments*
           (lambda (name) (println ((environment-ref (load-compiled-environment name) 'twice) 21))))",
    );
    let run = |arguments: &[&str]| {
        let output = command(&folder, MARU, arguments).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let shown = run(&["run", "save.l"]);
    let lines: Vec<&str> = shown.lines().collect();
    let [path, entry] = lines[..] else { panic!("{shown}") };
    assert_eq!(path, "./math-env.so");
    assert!(Path::new(entry).is_file(), "{entry}");
    std::fs::rename(folder.join("math-env.so"), folder.join("carried.so")).unwrap();
    assert_eq!(run(&["run", "load.l", "./carried.so", entry, "math-env"]), "42\n42\n42\n");
    let missing = run(&["run", "load.l", "./math-env.so"]);
    assert!(missing.contains("the library cannot be read: No such file"), "{missing}");
    // Every cut and every flip of the entry is refused by its path, too.
    let whole = std::fs::read(entry).unwrap();
    for (name, bytes) in [("cut", &whole[..whole.len() - 1]), ("short", &whole[..500]), ("empty", &[])] {
        std::fs::write(folder.join(name), bytes).unwrap();
        let refused = run(&["run", "load.l", &format!("./{name}")]);
        assert!(refused.starts_with("error[load]: load-compiled-environment"), "{name}: {refused}");
    }
}
