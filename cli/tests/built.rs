//! A program that was built does what its source does: the forms of every case file, each printing what it comes to,
//! as one program that is interpreted, and as the library that is built of it. Files with limits are left out: their
//! forms have what they may use each, a program's have it together.

use maru_conformance::CASES;
use maru_language::runtime::Options;
use maru_language::syntax::Reader;
use maru_language::value::on_large_stack;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many files are run at a time.
const WORKERS: usize = 4;

/// The forms of a text, each with the comments behind it.
fn forms(text: &str) -> Vec<(&str, &str)> {
    let ends = on_large_stack(1 << 26, |stack| {
        let mut runtime = maru_compiler::runtime(Options::default(), stack).expect("a runtime");
        let mut reader = Reader::new(0, text);
        let mut ends = Vec::new();
        while reader.next(&mut runtime).ok().flatten().is_some() {
            ends.push(reader.offset());
        }
        ends
    })
    .expect("a stack");
    let starts = [&[0], &ends[..]].concat();
    let ends = [&ends[..], &[text.len()]].concat();
    let starts: Vec<usize> = starts.iter().zip(&ends).map(|(from, to)| start(text, *from, *to)).collect();
    starts.windows(2).zip(&ends).map(|(starts, end)| (&text[starts[0]..*end], &text[*end..starts[1]])).collect()
}

/// Where the form between two ends begins: behind blanks and comments.
fn start(text: &str, mut from: usize, to: usize) -> usize {
    loop {
        let rest = &text[from..to];
        let blank = rest.len() - rest.trim_start().len();
        from += blank;
        if !text[from..to].starts_with(';') {
            return from;
        }
        from += text[from..to].find('\n').unwrap_or(to - from);
    }
}

/// A program that prints what each form of a case file comes to. A definition stands for itself, so that it is made
/// ahead of time where it can be; what cannot be expanded is evaluated, so that the program can go on.
fn program(text: &str) -> String {
    let mut program = String::new();
    for (form, behind) in forms(text) {
        let fails = behind.contains("; error: ");
        let line = if behind.contains("; error: exit") {
            // It ends the program.
            continue;
        } else if form.starts_with("(define") && !fails {
            form.to_string()
        } else {
            let form = if fails { format!("(eval '{form})") } else { form.to_string() };
            let caught = "(if (error? e) (list (error-kind e) (error-irritants e)) (list 'raised e))";
            format!("(dumpln (try {form} (catch (e) {caught})))")
        };
        program += &line;
        program.push('\n');
    }
    program
}

/// The command in a folder, with none of its variables set.
fn maru(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("TMPDIR", folder).args(arguments).stdin(Stdio::null());
    command
}

/// Status, output and messages of a run.
fn observed(folder: &Path, arguments: &[&str]) -> String {
    // Endless recursion ends sooner.
    let run = [&["run", "--max-stack", "512M"], arguments].concat();
    let output = maru(folder, &run).output().unwrap();
    let text = |bytes: &[u8]| without_time(&String::from_utf8_lossy(bytes));
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// A text in which file names with the time in them are the same at any time.
fn without_time(text: &str) -> String {
    let mut parts = text.split("/maru-case-");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| text + "/maru-case-" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// What differs between a case file's program and its library.
fn differences(folder: &Path, name: &str, text: &str) -> Vec<String> {
    let (source, library) = (format!("{name}.l"), format!("{name}.so"));
    std::fs::write(folder.join(&source), program(text)).unwrap();
    let expected = observed(folder, &["--jit", "off", &source]);
    let built = maru(folder, &["build", &source, "-o", &library]).output().unwrap();
    if !built.status.success() {
        return vec![format!("{name}: it cannot be built: {}", String::from_utf8_lossy(&built.stderr))];
    }
    let modes = [&[&library[..]][..], &["--jit", "off", &library]];
    let mut differences = Vec::new();
    for mode in modes {
        let got = observed(folder, mode);
        if got != expected {
            let line = got.lines().zip(expected.lines()).find(|(got, expected)| got != expected);
            let (got, expected) = line.unwrap_or((&got, &expected));
            differences.push(format!("{name}, {}: {got}\n    instead of {expected}", mode.join(" ")));
        }
    }
    differences
}

#[test]
fn case_files_built_do_what_their_source_does() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("built");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let cases: Vec<_> = CASES.iter().filter(|(_, text)| !text.starts_with("; limits:")).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut found = Vec::new();
        while let Some((name, text)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(differences(&folder, Path::new(name).file_stem().unwrap().to_str().unwrap(), text));
        }
        found
    };
    let found: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Build a program and run it; what it prints, and so must its source.
fn prints(name: &str, text: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("built-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("p.l"), text).unwrap();
    let built = maru(&folder, &["build", "p.l", "-o", "p.so"]).output().unwrap();
    if !built.status.success() {
        return String::from_utf8(built.stderr).unwrap();
    }
    let expected = observed(&folder, &["--jit", "off", "p.l"]);
    for run in [&["p.so"][..], &["--jit", "off", "p.so"]] {
        assert_eq!(observed(&folder, run), expected);
    }
    expected
}

#[test]
fn constants_keep_their_identity() {
    let program = "
        (define (array) #(1 2.5 \"x\" (a #(b)) 100000000000000000000))
        (dumpln (eq (array) (array)) (array))
        (define-form twice () (let ((l (list 1 2))) `(list ',l (lambda () ',l))))
        (let ((r (twice))) (dumpln (eq (car r) ((cadr r)))))
        (define-form again () ''(same))
        (define (first) (again))
        (define (second) (again))
        (dumpln (eq (first) (second)))
        (define-form circle () (let ((l (list 1 2))) (set-cdr (cdr l) l) (list 'quote l)))
        (define (round) (circle))
        (dumpln (eq (round) (cddr (round))))
        (define-form shared () (let ((l (list 1))) (for (i 0 60) (set l (list l l))) (list 'quote l)))
        (define (once) (shared))
        (dumpln (eq (car (once)) (cadr (once))))
        (define-form deep () (let ((l ())) (for (i 0 5000) (set l (list l))) (list 'quote l)))
        (dumpln (pair? (deep)))
        (define-form bytes () (let ((d (data 3))) (set-byte-at d 1 77) d))
        (dumpln (byte-at (bytes) 1) (data-length (bytes)))
        (define-form primitive () car)
        (dumpln ((primitive) '(5)))";
    let shown = prints("identity", program);
    assert_eq!(shown.matches("#t").count(), 6, "{shown}");
    assert!(shown.contains("77") && shown.ends_with("5\n"), "{shown}");
}

#[test]
fn the_environment_of_a_program_is_the_one_it_runs_in() {
    let program = "
        (define x 5)
        (define (here) (current-environment))
        (dumpln (eq (here) *global-environment*))
        (dumpln (eval '(+ x 1)))
        (define-form where () (list 'quote (list (current-environment))))
        (dumpln (eq (car (where)) (here)))
        (eval '(error \"with its place\"))";
    let shown = prints("environment", program);
    assert!(shown.contains("p.l:8:16"), "{shown}");
}

#[test]
fn what_a_library_cannot_hold_is_named() {
    for (thing, shown) in [
        ("(make-table)", "<table>()"),
        ("(lambda (x) x)", "<expr>(x)"),
        ("(make-environment)", "an environment that is not its own"),
        ("(list 1 (try (car 1 2) (catch (e) e)))", "an instance of <error>"),
    ] {
        let program = format!("(define-form thing () (list 'quote {thing}))\n(define (f) (thing))");
        let message = prints("unsaved", &program);
        let expected = format!("p.l:2:1: 'f' cannot be saved: its code has {shown} in it");
        assert!(message.contains(&expected), "{message}");
        assert!(message.contains("let the macro that put it there write a form"), "{message}");
    }
}

#[test]
fn macros_may_come_while_a_program_runs() {
    let program = "
        (string->file \"(define-form double (x) `(* 2 ,x))\" \"macros.l\")
        (define (early x) (triple x))
        (load \"macros.l\")
        (dumpln (double 4))
        (if #t (define-form triple (x) `(* 3 ,x)))
        (define (f n) (if (= n 0) (double 0) (+ (triple n) (f (- n 1)))))
        (define (g n) (list (f n) (double n)))
        (dumpln (g 4))
        (dumpln (try (early 1) (catch (e) (error-kind e))))
        (define e (make-environment))
        (define-form there () (list 'quote e))
        (dumpln (eq (there) e))
        (define x (f 2))
        (define-form value () x)
        (dumpln (value) (try (triple 'a) (catch (e) (error-where e))))
        (define-form bad () (raise 'bad))
        (bad)";
    let shown = prints("macros", program);
    assert!(shown.contains("8\n(30 8)\nnot-applicable\n#t\n9(\"p.l\" 16 "), "{shown}");
}
