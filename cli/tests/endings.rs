//! However a program is asked to end, and whatever becomes of its output: `finally` runs, no file is left, and nothing is
//! lost without a word.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("endings-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The command in a folder, where its private copies lie, too.
fn maru(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("MARU_TMPDIR", folder).env("MARU_CACHE_SIZE", "0");
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A program whose functions are native and which then waits for its end.
const WAITS: &str = "(define (f n) (if (= n 0) 0 (f (- n 1))))
    (try (progn (f 10) (println \"ready\") (string->file \"\" \"ready\") (while 1 (f 10)))
         (finally (println \"tidied\")))";

/// The private copies that are left in a folder.
fn copies(folder: &Path) -> Vec<String> {
    let own = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("maru-"));
    let entries = own.into_iter().flat_map(|own| std::fs::read_dir(own.path()).unwrap().flatten());
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Start a program, send a signal when it is ready; its output.
fn ended_by(folder: &Path, signal: libc::c_int, before: impl FnOnce(&mut Command)) -> Output {
    std::fs::write(folder.join("p.l"), WAITS).unwrap();
    let _ = std::fs::remove_file(folder.join("ready"));
    let mut command = maru(folder, &["run", "--jit", "always", "p.l"]);
    before(&mut command);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !folder.join("ready").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // SAFETY: sends a signal to a process that this test started and has not waited for.
    assert_eq!(unsafe { libc::kill(libc::pid_t::try_from(child.id()).unwrap(), signal) }, 0);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_program_that_is_asked_to_end_tidies_up() {
    let folder = folder("asked");
    for (signal, status) in [(libc::SIGINT, 130), (libc::SIGTERM, 143), (libc::SIGHUP, 129)] {
        let output = ended_by(&folder, signal, |command| {
            // SAFETY: only asks for what the system does by itself, whatever these tests were started to ignore.
            unsafe {
                command.pre_exec(move || {
                    libc::signal(signal, libc::SIG_DFL);
                    Ok(())
                });
            }
        });
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(status), "ready\ntidied\n"),
            "{output:?}"
        );
        assert!(text(&output.stderr).starts_with("error[interrupt]"), "{output:?}");
        assert_eq!(copies(&folder), [""; 0]);
    }
}

#[test]
fn a_program_has_the_time_that_it_is_given() {
    let folder = folder("time");
    std::fs::write(folder.join("p.l"), "(try (while 1) (finally (println \"tidied\")))").unwrap();
    for mode in ["off", "always"] {
        let output = maru(&folder, &["run", "--time", "0.2", "--jit", mode, "p.l"]).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(142), "tidied\n"), "{output:?}");
    }
    // What does not notice is ended all the same.
    std::fs::write(folder.join("q.l"), "(println (string-length (long->string (expt 7 100000000))))").unwrap();
    let output = maru(&folder, &["run", "--time", "0.2", "q.l"]).output().unwrap();
    assert_eq!(output.status.code(), Some(142), "{output:?}");
    std::fs::write(folder.join("r.l"), "(println 1)").unwrap();
    assert!(maru(&folder, &["run", "--time", "60", "r.l"]).status().unwrap().success());
    let wrong = maru(&folder, &["run", "--time", "never", "r.l"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

/// A number that would take more memory than the heap may have is refused before the work is done.
#[test]
fn numbers_are_bounded_by_the_heap() {
    let folder = folder("numbers");
    let program =
        "(for-each (list (lambda () (expt 3 1000000000)) (lambda () (<< 1 500000000)) (lambda () (expt 7 90000000)))
        (lambda (f) (println (try (f) (catch (e) (error-kind e))))))
        (println (% (expt 3 100000) 1000))";
    std::fs::write(folder.join("p.l"), program).unwrap();
    let limited = "ulimit -v 1000000; exec \"$@\"";
    for mode in ["off", "always"] {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            limited,
            "sh",
            env!("CARGO_BIN_EXE_maru"),
            "run",
            "--max-heap",
            "64M",
            "--jit",
            mode,
            "p.l",
        ]);
        let output = command.current_dir(&folder).env("MARU_CACHE_SIZE", "0").output().unwrap();
        let expected = "out-of-memory\nout-of-memory\nout-of-memory\n1\n";
        assert_eq!(text(&output.stdout), expected, "{output:?}");
    }
}

#[test]
fn a_signal_that_was_to_be_ignored_is() {
    let folder = folder("ignored");
    // SAFETY: a handler is chosen between fork and exec, which is allowed there.
    let ignoring = |command: &mut Command| unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            Ok(())
        });
    };
    std::fs::write(
        folder.join("p.l"),
        "(string->file \"\" \"ready\") (let ((i 0)) (while (< i 30000000) (set i (+ i 1)))) (println 'done)",
    )
    .unwrap();
    let mut command = maru(&folder, &["run", "p.l"]);
    ignoring(&mut command);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    while !folder.join("ready").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // SAFETY: as above.
    unsafe { libc::kill(libc::pid_t::try_from(child.id()).unwrap(), libc::SIGHUP) };
    assert_eq!(text(&child.wait_with_output().unwrap().stdout), "done\n");
}

#[test]
fn what_a_killed_process_left_is_gone_after_the_next_start() {
    let folder = folder("killed");
    for _ in 0..5 {
        let output = ended_by(&folder, libc::SIGKILL, |_| {});
        assert_eq!(output.status.signal(), Some(libc::SIGKILL));
    }
    // The next start has more to write than the killed had, so that it looks.
    std::fs::write(folder.join("q.l"), "(define (g) 1) (g)").unwrap();
    assert!(maru(&folder, &["run", "--jit", "always", "q.l"]).status().unwrap().success());
    assert_eq!(copies(&folder), [""; 0]);
}

#[test]
fn a_form_that_stands_for_very_many_is_bounded() {
    let folder = folder("expansion");
    let program = "(define (dag n) (if (= n 0) 1 (let ((x (dag (- n 1)))) (list '+ x x))))
        (println (try (eval (dag 40)) (catch (e) (error-kind e)))) (println (eval (dag 12)))";
    std::fs::write(folder.join("p.l"), program).unwrap();
    for jit in ["off", "auto"] {
        let output = maru(&folder, &["run", "--jit", jit, "--max-heap", "64M", "p.l"]).output().unwrap();
        assert_eq!(text(&output.stdout), "out-of-memory\n4096\n", "{}", text(&output.stderr));
    }
    let endless = "(define (dag n) (if (= n 0) 1 (let ((x (dag (- n 1)))) (list '+ x x)))) (eval (dag 40))";
    let output = maru(&folder, &["run", "--time", "0.2", "-e", endless]).output().unwrap();
    assert!(text(&output.stderr).contains("error[interrupt]"), "{:?} {}", output.status, text(&output.stderr));
}

#[test]
fn a_sweep_leaves_what_is_in_use_by_this_or_another_version() {
    let folder = folder("swept");
    std::fs::write(folder.join("q.l"), "(define (g) 1) (g)").unwrap();
    let start = || assert!(maru(&folder, &["run", "--jit", "always", "q.l"]).status().unwrap().success());
    start();
    let entries = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let own =
        entries.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("maru-")).unwrap();
    let file = |name: &str| std::fs::File::create(own.join(name)).unwrap();
    // Other versions hold no locks: what they have written lately may be in use.
    file("77-0-1.so");
    let day_before_yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(48 * 3600);
    file("78-0-1.so").set_modified(day_before_yesterday).unwrap();
    file("locked-79-0-1.so");
    let held = file("locked-80-0-1.so");
    held.lock().unwrap();
    file("notes.txt");
    start();
    let mut left = copies(&folder);
    left.sort();
    assert_eq!(left, ["77-0-1.so", "locked-80-0-1.so", "notes.txt"]);
    drop(held);
    start();
    assert!(!copies(&folder).contains(&"locked-80-0-1.so".to_string()));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let folder = folder("output");
    std::fs::write(folder.join("p.l"), "(println \"text\")").unwrap();
    for arguments in [&["run", "p.l"][..], &["build", "p.l", "--emit", "ir"], &["targets"], &["cache", "path"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let read_only = std::fs::File::open(folder.join("p.l")).unwrap();
        for (output, what) in [(full, "No space left"), (read_only, "not open for writing")] {
            let output =
                maru(&folder, arguments).env("MARU_CACHE", folder.join("cache")).stdout(output).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?} {output:?}");
            assert!(text(&output.stderr).contains(what), "{arguments:?} {output:?}");
        }
    }
}

#[test]
fn an_output_that_does_not_wait_gets_everything() {
    let folder = folder("patient");
    std::fs::write(folder.join("p.l"), "(for (i 0 20000) (println \"a line of some length: \" i))").unwrap();
    let mut ends = [0; 2];
    // SAFETY: the array has room for both descriptors, which are owned from here on.
    let (mut reader, writer) = unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        assert_eq!(libc::fcntl(ends[1], libc::F_SETFL, libc::O_NONBLOCK), 0);
        (std::fs::File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    let mut child = maru(&folder, &["run", "p.l"]).stdout(writer).spawn().unwrap();
    // The pipe is full long before somebody reads.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!((read.lines().count(), read.lines().last()), (20000, Some("a line of some length: 19999")));
}

#[test]
fn the_prompt_survives_what_is_no_text() {
    let folder = folder("prompt");
    let mut child =
        maru(&folder, &["repl"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"(+ 1 2)\n\"\xff\"\n(+ 3 4)\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), "3\n7\n"));
    assert!(text(&output.stderr).starts_with("maru: standard input:2: not UTF-8 text: byte 0xff"), "{output:?}");
}

#[test]
fn an_empty_or_foreign_library_is_refused() {
    let folder = folder("foreign");
    for (name, bytes) in [("empty.so", &b""[..]), ("text.so", b"(println 1)"), ("foreign.so", b"\x7fELF\0\0\0\0")] {
        std::fs::write(folder.join(name), bytes).unwrap();
        let output = maru(&folder, &["run", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        assert!(text(&output.stderr).contains("library"), "{output:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_result_is_written_to_a_file_that_nobody_else_has_made() {
    let folder = folder("exclusive");
    std::fs::write(folder.join("p.l"), "(println 1)").unwrap();
    std::fs::write(folder.join("victim"), "untouched").unwrap();
    // Files of the name that it used to write to first, whatever its number is.
    for number in 1..40_000 {
        let _ = symlink("victim", folder.join(format!(".p.so.{number}")));
    }
    let output = maru(&folder, &["build", "p.l", "-o", "p.so"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(folder.join("victim")).unwrap(), "untouched");
    assert!(folder.join("p.so").symlink_metadata().unwrap().is_file());
}

#[test]
fn a_directory_that_is_not_ours_is_said_once() {
    let folder = folder("squatted");
    std::fs::write(folder.join("p.l"), "(define (f n) (if (= n 0) 'done (f (- n 1)))) (println (f 1000) (f 1000))")
        .unwrap();
    let squatted = folder.join("squatted");
    std::fs::create_dir(&squatted).unwrap();
    std::fs::set_permissions(&squatted, std::fs::Permissions::from_mode(0o777)).unwrap();
    // No other place is left, either.
    let script =
        "exec unshare -rm sh -c 'mount --bind \"$0\" /dev/shm && mount --bind \"$0\" /tmp && exec \"$@\"' \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(&squatted).arg(env!("CARGO_BIN_EXE_maru")).args(["run", "p.l"]);
    command.current_dir(&folder).env("MARU_CACHE_SIZE", "0").env("MARU_TMPDIR", &squatted).env_remove("TMPDIR");
    let output = command.env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null()).output().unwrap();
    if text(&output.stderr).contains("unshare") || text(&output.stderr).contains("mount") {
        println!("NOT RUN: no file system can be mounted here: {}", text(&output.stderr));
        return;
    }
    assert_eq!(text(&output.stdout), "donedone\n");
    let said = BufReader::new(&output.stderr[..]).lines().filter(|line| {
        line.as_ref().is_ok_and(|line| line.contains("nothing was compiled: there is no directory from which code"))
    });
    assert_eq!(said.count(), 1, "{}", text(&output.stderr));
}
