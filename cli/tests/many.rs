//! Many compiled environments in a process, and a process that may have little: limits are met by going on, not by ending.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("many-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Run a program, after a command of the shell.
fn run(folder: &Path, before: &str, arguments: &[&str], program: &str) -> Output {
    std::fs::write(folder.join("p.l"), program).unwrap();
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.args(["-c", &format!("{before}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_maru"), "run"]);
    command.args(arguments).arg("p.l").current_dir(folder).env("MARU_CACHE", folder.join("cache"));
    command.env("MARU_CACHE_SIZE", "0").stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes environments, each with a function that was compiled.
const MAKE: &str = "
    (define (make i)
      (let ((e (make-environment *global-environment*)))
        (eval `(define (f x) (+ x ,i)) e)
        (compile-environment e)
        e))
    (define (mappings)
      (let ((port (open \"/proc/self/maps\" \"r\")) (count 0))
        (while (read-line port) (set count (+ count 1)))
        (close port)
        count))";

#[test]
fn thousands_of_environments_live_and_most_of_them_take_no_mappings() {
    let program = format!(
        "{MAKE}
         (define all ())
         (for (i 0 3000) (set all (cons (make i) all)))
         (println (fold + 0 (map (lambda (e) ((environment-ref e 'f) 1)) all)))
         (println (< (mappings) 4000))
         (println (compiled? (environment-ref (car all) 'f)))"
    );
    let output = run(&folder("live"), "true", &["--jit", "off"], &program);
    assert_eq!(text(&output.stdout), "4501500\n#t\n#t\n", "{}", text(&output.stderr));
}

#[test]
fn environments_that_nobody_needs_are_collected_however_little_they_take() {
    let program = format!(
        "{MAKE}
         (define (use i) ((environment-ref (make i) 'f) 1))
         (for (i 0 9000) (use i))
         (println (< (mappings) 4000))"
    );
    let output = run(&folder("dropped"), "true", &["--jit", "off"], &program);
    assert_eq!(text(&output.stdout), "#t\n", "{}", text(&output.stderr));
}

#[test]
fn saved_environments_are_loaded_as_often_as_one_likes() {
    let program = format!(
        "{MAKE}
         (save-compiled-environment (make 5) \"five\")
         (define all ())
         (for (i 0 1000) (set all (cons (load-compiled-environment \"five\") all)))
         (println (fold + 0 (map (lambda (e) ((environment-ref e 'f) 1)) all)))
         (println (compiled? (environment-ref (car all) 'f)) (< (mappings) 4000))"
    );
    let output = run(&folder("loaded"), "true", &[], &program);
    assert_eq!(text(&output.stdout), "6000\n#t#t\n", "{}", text(&output.stderr));
}

#[test]
fn a_process_that_may_have_few_addresses_or_files_runs() {
    let folder = folder("few");
    let program =
        "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (println (fib 20) \" \" (compiled? 'fib))";
    for before in ["ulimit -v 1000000", "ulimit -v 2000000", "ulimit -v 4000000", "ulimit -n 64"] {
        let output = run(&folder, before, &["--jit", "always"], program);
        assert_eq!(text(&output.stdout), "6765 #t\n", "{before}: {}", text(&output.stderr));
    }
    let errors = [
        ("(define (f n) (+ 1 (f n))) (try (f 1) (catch (e) (println (error-kind e))))", "stack-overflow"),
        (
            "(define l ()) (try (while 1 (set l (cons l l))) (catch (e) (set l ()) (println (error-kind e))))",
            "out-of-memory",
        ),
    ];
    for (program, kind) in errors {
        let output = run(&folder, "ulimit -v 1000000", &[], program);
        assert_eq!(text(&output.stdout), format!("{kind}\n"), "{}", text(&output.stderr));
    }
}
