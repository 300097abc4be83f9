//! `maru run --profile`: the busiest function and line are found, interpreted and compiled; and the program does what it does
//! without.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("profile-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(folder: &Path, text: &str, flags: &[&str]) -> Output {
    std::fs::write(folder.join("program.l"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).arg("run").args(flags).arg("program.l").output().unwrap()
}

/// The rows of a table of the report, below the line that ends with its title: shares, and what has them.
fn rows(report: &str, title: &str) -> Vec<(f64, String)> {
    let lines = report.lines().skip_while(|line| !line.ends_with(title)).skip(1);
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some((words.first()?.strip_suffix('%')?.parse().ok()?, words.last()?.to_string()))
    };
    lines.map_while(row).collect()
}

const BUSY: &str = "(define (spin n)
  (let ((s 0))
    (while (> n 0) (set s (% (+ s (* n n)) 1000003)) (set n (- n 1)))
    s))
(define (outer n)
  (list (apply spin (list n))))
(define (small) 5)
(small)
(println (outer COUNT))
";

#[test]
fn the_busiest_function_and_line_are_found() {
    for (mode, count) in [("off", "700000"), ("auto", "30000000"), ("always", "30000000")] {
        let folder = folder(mode);
        let output = run(&folder, &BUSY.replace("COUNT", count), &["--jit", mode, "--profile"]);
        assert!(output.status.success(), "{output:?}");
        let report = String::from_utf8(output.stderr).unwrap();
        let functions = rows(&report, "function");
        assert!(functions[0].1 == "spin" && functions[0].0 > 50.0, "{mode}: {report}");
        assert!(functions.iter().any(|(_, name)| name == "outer"), "{mode}: {report}");
        let lines = rows(&report, "line");
        assert!(lines[0].1 == "program.l:3" && lines[0].0 > 50.0, "{mode}: {report}");
        // Called by `outer`, which a top-level form has called.
        let picture = std::fs::read_to_string(folder.join("profile.svg")).unwrap();
        assert!(picture.contains("<svg") && picture.trim_end().ends_with("</svg>"), "{picture}");
        let height = |name: &str| {
            let title = picture.find(&format!("<title>{name} (")).unwrap_or_else(|| panic!("{mode}: no {name}"));
            let box_of = &picture[title..];
            let y = &box_of[box_of.find(" y=\"").unwrap() + 4..];
            y[..y.find('"').unwrap()].parse::<f64>().unwrap()
        };
        // What was called stands above its caller, that is nearer to the picture's upper edge.
        assert!(height("spin") < height("outer") && height("outer") < height("top-level:9"), "{mode}");
    }
}

/// Status and output are those of the program without a profile; so is what it says, up to the report.
#[test]
fn the_program_does_what_it_does_without() {
    let programs = [
        ("(define (f n) (if (= n 0) 0 (+ 1 (f (- n 1))))) (println (f 400000))", 0),
        ("(define (endless n) (+ 1 (endless n))) (println (try (endless 0) (catch (e) (error-kind e))))", 0),
        ("(define (g n) (if (= n 0) (car 1 2) (list (g (- n 1))))) (g 30)", 1),
        ("(define (h n) (if (= n 0) (exit 7) (list (h (- n 1))))) (h 30)", 7),
        ("(define (each n) (let loop ((i 0) (l ())) (if (< i n) (loop (+ i 1) (cons (array-of i) l)) (length l)))) (println (each 300000))", 0),
        ("(for (i 0 300) (eval (list 'define (list 'k 'x) (list '+ 'x i))) (for (j 0 120) (k j))) (println (k 1))", 0),
    ];
    for (number, (program, status)) in programs.iter().enumerate() {
        for mode in ["off", "auto", "always"] {
            let folder = folder(&format!("same-{number}-{mode}"));
            let plain = run(&folder, program, &["--max-stack", "256M", "--jit", mode]);
            let profiled = run(&folder, program, &["--max-stack", "256M", "--jit", mode, "--profile=p.svg"]);
            assert_eq!((plain.status.code(), profiled.status.code()), (Some(*status), Some(*status)), "{profiled:?}");
            assert_eq!(plain.stdout, profiled.stdout);
            let (said, more) = (String::from_utf8(plain.stderr).unwrap(), String::from_utf8(profiled.stderr).unwrap());
            assert!(more.starts_with(&format!("{said}profile: ")), "{program}: {more}");
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let folder = folder("wrong");
    let output = run(&folder, "1", &["--profile"]);
    assert!(output.status.success(), "{output:?}");
    let busy = BUSY.replace("COUNT", "300000");
    let output = run(&folder, &busy, &["--jit", "off", "--profile=none/p.svg"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none/p.svg: there is no such directory"), "{output:?}");
}
