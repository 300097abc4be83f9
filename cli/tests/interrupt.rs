//! Ctrl-C ends programs that would not end by themselves, however they run and whatever they do.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Says that the program is about to do what is interrupted.
const READY: &str = "(string->file \"ready\\n\" \"/dev/stdout\")";

/// Start a program.
fn start(name: &str, text: &str, mode: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupt");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}-{mode}.l"));
    std::fs::write(&path, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_maru"))
        .args(["run", "--jit", mode])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn interrupt(child: &Child) {
    let id = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: sends a signal to a process that this test started and has not waited for.
    assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
}

fn errors(child: &mut Child) -> String {
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    errors
}

/// Wait until a program waits for input: one that is about to wait would be found by the next signal only.
fn wait_until_asleep(child: &Child) {
    let is_asleep = || {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", child.id())) else { return true };
        // The state is the first word behind the program's name.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    };
    while !is_asleep() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
}

/// Interrupt a program; its status and what it said.
fn interrupted(name: &str, text: &str, mode: &str) -> (Option<i32>, String) {
    let (mut child, mut output) = start(name, text, mode);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "{name} {mode}: {}", errors(&mut child));
    if name == "reading" {
        wait_until_asleep(&child);
    }
    interrupt(&child);
    let errors = errors(&mut child);
    (child.wait().unwrap().code(), errors)
}

#[test]
fn endless_programs_end_with_status_130() {
    for (name, text) in [
        ("while", "(while 1)"),
        ("named-let", "(define (f) (let loop ((i 0)) (loop (+ i 1)))) (f)"),
        ("self", "(define (f) (f)) (f)"),
        ("mutual", "(define (f x) (g x)) (define (g x) (f (+ x 1))) (f 1)"),
        ("apply", "(define (f x) (apply f (list (+ x 1)))) (f 1)"),
        ("selector", "(define-selector f) (define-method f <long> () (f (+ self 1))) (f 1)"),
        ("allocating", "(define (f l) (f (cons 1 2))) (f 1)"),
        ("primitives", "(while 1 (sort (map (lambda (x) (- 0 x)) (iota 1000))))"),
        ("reading", "(read-line)"),
        ("matching", "(string-match (concat-string \"*\" (string 300000 ?a) \"b\") (string 600000 ?a))"),
        ("searching", "(string-index (string 10000000 ?a) (concat-string (string 5000000 ?a) \"b\"))"),
    ] {
        for mode in ["off", "auto", "always"] {
            let (status, errors) = interrupted(name, &format!("{READY}\n{text}"), mode);
            assert_eq!(status, Some(130), "{name} {mode}: {errors}");
            assert!(errors.contains("error[interrupt]: interrupted"), "{name} {mode}: {errors}");
        }
    }
}

#[test]
fn a_handler_sees_the_interrupt_and_the_program_goes_on() {
    for mode in ["off", "always"] {
        let text =
            format!("(define (f) (f)) (exit (if (= (try {READY} (f) (catch (e) (error-kind e))) 'interrupt) 7 8))");
        let (status, errors) = interrupted("caught", &text, mode);
        assert_eq!(status, Some(7), "{mode}: {errors}");
    }
}
