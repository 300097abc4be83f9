//! Compiling while the program goes on: that it comes to an end, that the program sees nothing of it, and for how long
//! the program stands still.
//!
//! `cargo test --release -p maru --test background -- --nocapture` prints the longest stall with 2,000 functions.

use maru_targets as _;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for a test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("background-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Run a program's text; nothing but the libraries it makes lies in the folder that is given them.
fn run(test: &str, text: &str, arguments: &[&str]) -> (Output, PathBuf) {
    let folder = folder(test);
    let (path, libraries) = (folder.join("program.l"), folder.join("libraries"));
    std::fs::create_dir_all(&libraries).unwrap();
    std::fs::write(&path, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.env("MARU_TMPDIR", &libraries);
    (command.arg("run").args(arguments).arg(&path).output().unwrap(), libraries)
}

fn is_native_here() -> bool {
    maru_core::registry::host_architecture().is_some()
}

/// A program with many functions, each called in every round. `done` is asked after each round.
fn many_functions(count: usize, rounds: usize, done: &str) -> String {
    let mut text = String::from("(define all ())\n");
    for number in 0..count {
        let (rest, step) = (number % 3, number % 7);
        let _ = writeln!(
            text,
            "(define (f{number} n)
               (let loop ((i 0) (sum {number}))
                 (if (= i n)
                     (if (> sum 1000000) (- sum {number}) sum)
                     (loop (+ i 1) (+ sum (if (= (modulo i 3) {rest}) (* i 2) (- i {step})))))))
             (set all (cons f{number} all))"
        );
    }
    let _ = writeln!(
        text,
        "(define (sum-all functions total)
           (if (pair? functions) (sum-all (cdr functions) (+ total ((car functions) 5))) total))
         (define (done?) {done})
         (let ((round 0))
           (while (and (< round {rounds}) (not (done?)))
             (sum-all all 0)
             (set round (+ round 1))))
         (println (sum-all all 0))
         (println (done?))"
    );
    text
}

fn times(output: &Output, wanted: &str) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.contains(wanted)).collect::<Vec<_>>().join(", ")
}

#[test]
fn two_thousand_functions_become_native_while_the_program_goes_on() {
    if !is_native_here() {
        return;
    }
    // All of them are native in the end, however long that takes.
    let done = "(let loop ((l all)) (if (pair? l) (and (compiled? (car l)) (loop (cdr l))) #t))";
    let text = many_functions(2000, 1_000_000, done);
    let (output, libraries) = run("many", &text, &["--jit", "auto", "--stats"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2005686\n#t\n", "{output:?}");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    println!("2,000 functions: {}, {}", times(&output, "stall"), times(&output, "units in background"));
    assert_no_files(&libraries);
    let (output, _) = run("many-off", &many_functions(2000, 1, "#t"), &["--jit", "off"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2005686\n#t\n", "{output:?}");
}

#[test]
fn a_program_that_ends_in_the_midst_of_compiling_leaves_nothing_behind() {
    for rounds in [1, 2, 5] {
        for end in ["(exit 0)", "(error \"enough\")", ""] {
            let text = many_functions(300, rounds, "()") + end;
            let (output, libraries) = run(&format!("end-{rounds}-{}", end.len()), &text, &["--jit", "auto"]);
            assert_eq!(output.status.code(), Some(i32::from(end.contains("error"))), "{output:?}");
            assert_no_files(&libraries);
        }
    }
}

fn assert_no_files(libraries: &Path) {
    for folder in std::fs::read_dir(libraries).unwrap().flatten() {
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn functions_that_were_never_called_are_not_compiled() {
    if !is_native_here() {
        return;
    }
    let text = "(define (used n) (+ n 1))
        (define (unused n) (+ n 2))
        (let loop ((i 0)) (if (compiled? used) () (loop (used i))))
        (println (list (compiled? used) (compiled? unused) (why-not-compiled unused)))
        (let loop ((i 0)) (if (compiled? unused) () (loop (unused i))))
        (println (unused 40))";
    let (output, _) = run("unused", text, &["--jit", "auto"]);
    let expected = "(#t () its environment is not hot yet)\n42\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
}

#[test]
fn definitions_that_change_while_their_users_are_compiled_are_seen() {
    let text = "(define (step n) (+ n 1))
        (define (twice n) (step (step n)))
        (define seen ())
        (let ((round 0))
          (while (< round 300)
            (let ((by round))
              (set step (lambda (n) (+ n by)))
              (let ((i 0)) (while (< i 60) (twice i) (set i (+ i 1))))
              (if (= (twice 0) (* 2 round)) () (set seen (cons round seen))))
            (set round (+ round 1))))
        (println seen)";
    for mode in ["off", "auto", "always"] {
        let (output, _) = run(&format!("change-{mode}"), text, &["--jit", mode]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "()\n", "{mode}: {output:?}");
    }
}
