//! Compiled code is kept from run to run: a second start of a program compiles nothing, and nothing else can tell.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kept-{name}"));
    if folder.exists() {
        allow_all(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Undo what a run of these tests that failed may have left.
fn allow_all(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

/// The command in a folder, with a cache there.
fn maru(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("MARU_CACHE", folder.join("cache")).env("TMPDIR", folder);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Functions that were compiled, units that were found, and units that were not; after what was printed.
fn counts(command: &mut Command) -> (String, [u64; 3]) {
    let output = command.output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    let count = |name: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(&format!("count: {name} ")));
        line.unwrap_or_else(|| panic!("no count of {name} in {report}")).parse().unwrap()
    };
    let shown = String::from_utf8(output.stdout).unwrap();
    (shown, [count("functions"), count("cache hits"), count("cache misses")])
}

const PROGRAM: &str = "
    (define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
    (define-class <point> () (x y))
    (define-selector length-of)
    (define-method length-of <point> () (sqrt (+ (* self.x self.x) (* self.y self.y))))
    (define greeting '(\"hello\" #(1 2.5 100000000000000000000) there))
    (define (greet) greeting)
    (define (make n) (lambda (x) (set n (+ n x)) n))
    (println (fib 20) (greet) ((make 5) 6) (length-of (new <point> 3 4)) (map (lambda (x) (* x x)) '(1 2 3)))";

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("p.l"), text).unwrap();
}

const ALWAYS: [&str; 5] = ["run", "--jit", "always", "--stats", "p.l"];

#[test]
fn a_second_start_compiles_nothing() {
    let folder = folder("second");
    write(&folder, PROGRAM);
    let expected = text(&mut maru(&folder, &["run", "--jit", "off", "p.l"]));
    let (shown, [functions, hits, misses]) = counts(&mut maru(&folder, &ALWAYS));
    assert!(functions > 5 && hits == 0 && misses > 2, "{functions} {hits} {misses}");
    assert_eq!(shown, expected);
    let (shown, again) = counts(&mut maru(&folder, &ALWAYS));
    assert_eq!((shown, again), (expected.clone(), [0, misses, 0]));
    // What is another function, another level or another name is compiled; the rest is not.
    write(&folder, &PROGRAM.replace("(fib 20)", "(fib 21)"));
    let (shown, [functions, hits, _]) = counts(&mut maru(&folder, &ALWAYS));
    assert!(shown.starts_with("10946") && functions > 0 && hits > 1, "{shown} {functions} {hits}");
    write(&folder, PROGRAM);
    let (_, [functions, ..]) = counts(maru(&folder, &ALWAYS).env("MARU_OPT", "1"));
    assert!(functions > 0);
    // Metered code is other code.
    let metered = ["run", "--jit", "always", "--stats", "--fuel", "1000000", "p.l"];
    let (shown, [functions, ..]) = counts(&mut maru(&folder, &metered));
    assert!(functions > 0 && shown == expected, "{functions} {shown}");
}

#[test]
fn what_gets_hot_is_found_again() {
    let folder = folder("hot");
    // One loop gets hot, and nothing else, so that what is compiled does not depend on time.
    write(&folder, "(define (spin n) (let ((i 0)) (while (< i n) (set i (+ i 1))) i)) (println (spin 30000000))");
    let run = ["run", "--stats", "p.l"];
    let (shown, [functions, hits, _]) = counts(&mut maru(&folder, &run));
    assert!(shown == "30000000\n" && functions > 0 && hits == 0, "{functions} {hits}");
    let (shown, [functions, hits, misses]) = counts(&mut maru(&folder, &run));
    assert_eq!((shown.as_str(), functions, misses), ("30000000\n", 0, 0));
    assert!(hits > 0);
}

#[test]
fn damage_is_compiled_again() {
    let folder = folder("damage");
    write(&folder, PROGRAM);
    let (shown, [_, _, misses]) = counts(&mut maru(&folder, &ALWAYS));
    for entry in std::fs::read_dir(folder.join("cache")).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if let Some(byte) = bytes.get_mut(700) {
            *byte ^= 1;
            std::fs::write(entry.path(), bytes).unwrap();
        }
    }
    let (again, [functions, hits, missed]) = counts(&mut maru(&folder, &ALWAYS));
    assert_eq!((again, hits, missed), (shown, 0, misses));
    assert!(functions > 0);
    let (_, counted) = counts(&mut maru(&folder, &ALWAYS));
    assert_eq!(counted, [0, misses, 0]);
}

#[test]
fn twenty_processes_share_it() {
    let folder = folder("twenty");
    write(&folder, PROGRAM);
    let expected = text(&mut maru(&folder, &["run", "--jit", "off", "p.l"]));
    let start = || maru(&folder, &["run", "--jit", "always", "p.l"]).stdout(Stdio::piped()).spawn().unwrap();
    let processes: Vec<_> = (0..20).map(|_| start()).collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
    let verified = text(&mut maru(&folder, &["cache", "verify"]));
    assert!(verified.ends_with(" whole, 0 not\n") && !verified.starts_with('0'), "{verified}");
    assert_eq!(counts(&mut maru(&folder, &ALWAYS)).1[0], 0);
}

#[test]
fn directories_are_read_only_shared_or_refused() {
    let folder = folder("directories");
    write(&folder, PROGRAM);
    counts(&mut maru(&folder, &ALWAYS));
    let mode = |mode| std::fs::set_permissions(folder.join("cache"), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    assert_eq!(counts(&mut maru(&folder, &ALWAYS)).1[0], 0);
    // Another user's cache is empty, and the site's is not.
    let mut other = maru(&folder, &ALWAYS);
    other.env("MARU_CACHE", folder.join("other")).env("MARU_SHARED_CACHE", folder.join("cache"));
    assert_eq!(counts(&mut other).1[0], 0);
    assert_eq!(std::fs::read_dir(folder.join("other")).unwrap().count(), 0);
    mode(0o707);
    let mut command = maru(&folder, &["run", "--jit", "always", "p.l"]);
    let shown = text(&mut command);
    let said = shown.lines().filter(|line| line.contains("compiled code is not kept")).count();
    assert!(said == 1 && shown.contains("chmod go-w") && shown.starts_with("6765"), "{shown}");
    mode(0o700);
    let none = counts(maru(&folder, &ALWAYS).env("MARU_CACHE_SIZE", "0"));
    assert!(none.1[0] > 0 && none.1[1..] == [0, 0], "{none:?}");
    let wrong = text(maru(&folder, &ALWAYS).env("MARU_CACHE_SIZE", "many"));
    assert!(wrong.starts_with("maru: MARU_CACHE_SIZE: 'many': "), "{wrong}");
}

#[test]
fn the_cache_can_be_looked_at() {
    let folder = folder("looked-at");
    write(&folder, PROGRAM);
    let cache = |arguments: &[&str]| text(&mut maru(&folder, &[&["cache"], arguments].concat()));
    assert_eq!(cache(&["list"]), "0 entries, 0 bytes\n");
    assert_eq!(cache(&["why", "p.l"]), "nothing is kept of a source called p.l\n");
    counts(&mut maru(&folder, &ALWAYS));
    let listed = cache(&["list"]);
    assert!(listed.contains("compiled unit") && listed.contains("p.l: fib") && listed.contains(".unit"), "{listed}");
    assert!(cache(&["why", "p.l"]).contains("p.l: fib: found, unless"));
    let other = text(maru(&folder, &["cache", "why", "p.l"]).env("MARU_OPT", "0"));
    assert!(other.contains("p.l: fib: not found, it has another optimisation level"), "{other}");
    write(&folder, "(define e (make-environment)) (save-compiled-environment e \"kept\")");
    text(&mut maru(&folder, &["run", "p.l"]));
    assert!(Path::new(cache(&["path", "kept"]).trim_end()).is_file());
    assert_eq!(cache(&["why", "kept"]), "\"kept\" is found\n");
    assert!(cache(&["why", "other"]).starts_with("it is not in the cache"));
    assert!(cache(&["path", "other"]).contains("no environment is saved as \"other\""));
    assert!(cache(&["clear"]).contains(" removed from "));
    assert_eq!(cache(&["list"]), "0 entries, 0 bytes\n");
    assert_eq!(Path::new(cache(&["path"]).trim_end()), folder.join("cache").canonicalize().unwrap());
}
