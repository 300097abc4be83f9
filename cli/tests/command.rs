//! The command as people call it: exit statuses, messages, output.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own for a test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// The command, with none of its variables set, but that nothing is kept for the next test.
fn maru() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.env("MARU_CACHE_SIZE", "0");
    command
}

/// Run a program's text with flags.
fn run(test: &str, text: &str, flags: &[&str]) -> Output {
    let path = folder(test).join("program.l");
    std::fs::write(&path, text).unwrap();
    maru().arg("run").args(flags).arg(&path).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Check status and parts of the messages. No message may be a panic's.
fn expect(output: &Output, status: i32, parts: &[&str]) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert!(!errors.contains("panicked"), "{errors}");
    for part in parts {
        assert!(errors.contains(part), "'{part}' is missing in: {errors}");
    }
}

const MODES: [&str; 3] = ["off", "auto", "always"];

#[test]
fn the_status_is_the_programs() {
    for mode in MODES {
        expect(&run("good", "(println 1)", &["--jit", mode]), 0, &[]);
        expect(&run("exit", "(define (f) (exit 7)) (f) (println 'never)", &["--jit", mode]), 7, &[]);
        expect(&run("exit-0", "(try (exit) (catch (e) (println 'caught)))", &["--jit", mode]), 0, &[]);
        expect(&run("fails", "(car)", &["--jit", mode]), 1, &["arity"]);
    }
}

#[test]
fn what_was_printed_before_an_error_or_exit_appears() {
    for mode in MODES {
        let output = run("printed", "(print \"first\")\n(exit 3)", &["--jit", mode]);
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("first", Some(3)));
        let output = run("printed", "(print \"first\")\n(error \"stop\")", &["--jit", mode]);
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("first", Some(1)));
    }
}

#[test]
fn errors_show_kind_place_source_and_backtrace() {
    let program = "(define (inner n)\n  (+ 1 (quotient n 0)))\n(define (outer n) (* 2 (inner n)))\n(outer 5)\n";
    let outputs = MODES.map(|mode| run("trace", program, &["--jit", mode]));
    for output in &outputs {
        let place = ["division-by-zero", "program.l:2:8", "(+ 1 (quotient n 0))", "in inner"];
        expect(output, 1, &place);
        assert!(!text(&output.stderr).contains('\x1b'), "colours where there is no terminal");
    }
    let [interpreted, hot, compiled] = outputs.map(|output| text(&output.stderr));
    assert!(interpreted.contains("in outer at "), "{interpreted}");
    assert_eq!(interpreted, hot);
    assert_eq!(interpreted, compiled);
}

#[test]
fn syntax_errors_show_where_a_list_was_opened() {
    expect(
        &run("syntax", "(println 1)\n(define (f)\n  (+ 1", &[]),
        1,
        &["error[syntax]", "program.l:3:7", "the list opened here"],
    );
}

#[test]
fn arguments_reach_the_program() {
    let path = folder("arguments").join("program.l");
    std::fs::write(&path, "#!/usr/bin/env -S maru run\n(dumpln *arguments*)").unwrap();
    let given = ["one", "-2", "--three", "-v", "--help", "--stats", "--jit", "never"];
    let expected = "(\"one\" \"-2\" \"--three\" \"-v\" \"--help\" \"--stats\" \"--jit\" \"never\")\n";
    for words in [&["run"][..], &["run", "--jit", "always"], &[], &["--jit", "off"], &["repl"]] {
        let output = maru().args(words).arg(&path).args(given).stdin(Stdio::null()).output().unwrap();
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), (expected, Some(0)), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
    // Only what follows the file: -h before it is about maru.
    let output = maru().arg("run").arg("-h").arg(&path).output().unwrap();
    assert!(text(&output.stdout).contains("Usage: maru run"), "{output:?}");
}

/// A script whose first line says who runs it has options of its own.
#[test]
#[cfg(unix)]
fn scripts_have_options_of_their_own() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("script");
    let path = folder.join("greet");
    let script = "#!/usr/bin/env -S maru run\n\
        (println (cond ((member? \"--help\" *arguments*) \"greet [-v] NAME\") (else *arguments*)))";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let own = Path::new(env!("CARGO_BIN_EXE_maru")).parent().unwrap();
    let places = format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default());
    let call = |given: &[&str]| {
        let output = Command::new(&path).args(given).env("PATH", &places).output().unwrap();
        expect(&output, 0, &[]);
        text(&output.stdout)
    };
    assert_eq!(call(&["--help"]), "greet [-v] NAME\n");
    assert_eq!(call(&["-v", "--stats", "world"]), "(-v --stats world)\n");
}

#[test]
fn expressions_on_the_command_line_run() {
    let call = |words: &[&str]| maru().args(words).output().unwrap();
    for (words, printed) in [
        (&["-e", "(println 1)", "-e", "(println 2)"][..], "1\n2\n"),
        (&["-e", "(+ 1 2)"], ""),
        (&["-p", "(+ 1 2)"], "3\n"),
        (&["-p", "-5"], "-5\n"),
        (&["-p", "(define x 1)", "-p", "(cons x \"a\")"], "(1 . \"a\")\n"),
        (&["--jit", "always", "-p", "*arguments*", "a", "-v"], "(\"a\" \"-v\")\n"),
        (&["run", "-e", "(println *arguments*)", "--", "-v"], "(-v)\n"),
    ] {
        let output = call(words);
        expect(&output, 0, &[]);
        assert_eq!(text(&output.stdout), printed, "{words:?}");
    }
    expect(&call(&["-p", "(car 1 2)"]), 1, &["error[arity]", "<command line>:1:1"]);
    expect(&call(&["-e", "(list 1"]), 1, &["error[syntax]", "<command line>:1:"]);
    expect(&call(&["-p", "(exit 3)"]), 3, &[]);
    expect(&call(&["-e"]), 2, &["EXPRESSION"]);
    expect(&call(&["-e", "1", "-p", "2"]), 2, &["cannot be used with"]);
}

#[test]
fn what_was_meant_is_said() {
    let call = |words: &[&str]| maru().args(words).output().unwrap();
    expect(&call(&["dissasm"]), 2, &["unrecognized subcommand 'dissasm'", "disasm"]);
    expect(&call(&["run", "--fule", "5", "x.l"]), 2, &["--fule", "'--fuel'"]);
    expect(&call(&["--strss", "x.l"]), 2, &["--strss", "'--stress'"]);
    expect(&call(&["run", "--jit", "alwys", "x.l"]), 2, &["alwys", "always"]);
    // A file that is not there is no command.
    expect(&call(&["no-such-file.l"]), 2, &["no-such-file.l: there is no such file"]);
    expect(&call(&["some/where"]), 2, &["some/where: there is no such file"]);
}

#[test]
fn a_prompt_may_begin_with_a_program() {
    let folder = folder("begin");
    let path = folder.join("program.l");
    let ask = |program: &str, asked: &str| {
        std::fs::write(&path, program).unwrap();
        let input = folder.join("input");
        std::fs::write(&input, asked).unwrap();
        let mut command = maru();
        command.arg("repl").arg(&path).stdin(std::fs::File::open(input).unwrap());
        command.output().unwrap()
    };
    let output = ask("(define x 5) (println \"loaded\")", "(+ x 1)");
    expect(&output, 0, &[]);
    assert_eq!(text(&output.stdout), "loaded\n6\n");
    let output = ask("(define x 5) (car 1 2)", "(+ x 1)");
    expect(&output, 1, &["program.l:1:14"]);
    assert_eq!(text(&output.stdout), "6\n");
    assert_eq!(ask("(exit 4)", "(println 1)").status.code(), Some(4));
    expect(&maru().args(["repl", "none.l"]).output().unwrap(), 2, &["none.l: there is no such file"]);
}

#[test]
fn files_that_are_no_programs_are_named() {
    let folder = folder("files");
    let call = |path: &Path| maru().arg("run").arg(path).output().unwrap();
    expect(&call(&folder.join("none.l")), 2, &["none.l: there is no such file"]);
    expect(&call(&folder), 2, &["this is a directory"]);
    std::fs::write(folder.join("latin.l"), b"(println 1)\n(println \"na\xefve\")").unwrap();
    expect(&call(&folder.join("latin.l")), 2, &["latin.l:2: not UTF-8", "0xef"]);
    std::fs::write(folder.join("zero.l"), b"\0\0\0\0").unwrap();
    expect(&call(&folder.join("zero.l")), 2, &["zero.l: neither Maru source", "nor a library"]);
}

#[test]
fn wrong_calls_have_status_2() {
    expect(&maru().arg("--no-such-flag").output().unwrap(), 2, &["--no-such-flag"]);
    expect(&maru().arg("no-such-command").output().unwrap(), 2, &["no-such-command"]);
    expect(&maru().args(["run"]).output().unwrap(), 2, &["FILE"]);
    expect(&run("mode", "1", &["--jit", "sometimes"]), 2, &["sometimes", "always"]);
    expect(&run("heap", "1", &["--max-heap", "lots"]), 2, &["lots", "--max-heap"]);
}

#[test]
fn targets_are_chosen_by_flag_then_variable() {
    let fib = example("fib.l");
    let with = |variable: &str, value: &str, arguments: &[&str]| {
        maru().env(variable, value).arg("run").args(arguments).arg(&fib).output().unwrap()
    };
    let output = with("MARU_TARGET_ARCH", "bogus", &[]);
    expect(&output, 2, &["maru: MARU_TARGET_ARCH: there is no architecture called 'bogus'; there are: "]);
    expect(&with("MARU_TARGET_FORMAT", "bogus", &[]), 2, &["MARU_TARGET_FORMAT: there is no format called 'bogus'"]);
    expect(&with("MARU_TARGET_ARCH", "x64", &["--target", "bogus"]), 2, &["--target: there is no architecture"]);
    expect(&with("MARU_TARGET_FORMAT", "elf", &["--format", "bogus"]), 2, &["--format: there is no format"]);
    expect(&with("MARU_TARGET_ARCH", "", &[]), 0, &[]);
    for synonym in ["x64", "x86-64", "X86_64", "amd64"] {
        expect(&with("MARU_TARGET_ARCH", synonym, &["--jit", "off"]), 0, &[]);
    }
}

#[test]
fn variables_with_values_that_mean_nothing_are_named() {
    for (name, value) in [
        ("MARU_HOT_CALLS", "soon"),
        ("MARU_HOT_CALLS", "0"),
        ("MARU_HOT_CALLS", "4294967296"),
        ("MARU_OPT_FUEL", "1.5"),
        ("MARU_OPT", "3"),
        ("MARU_OPT", "-O1"),
        ("MARU_TMPDIR", "/no/such/directory"),
        ("MARU_TMPDIR", "relative"),
    ] {
        let output = maru().env(name, value).arg("run").arg(example("fib.l")).output().unwrap();
        expect(&output, 2, &[&format!("maru: {name}: '{value}'")]);
    }
    let output = maru()
        .env("MARU_HOT_CALLS", "3")
        .env("MARU_OPT_FUEL", "0")
        .env("MARU_OPT", "1")
        .arg("run")
        .arg(example("fib.l"))
        .output();
    expect(&output.unwrap(), 0, &[]);
}

#[test]
fn the_optimisation_level_is_chosen_by_flag_then_variable() {
    let build = |variable: &str, flags: &[&str]| {
        let mut command = maru();
        command.env("MARU_OPT", variable).arg("build").arg(example("fib.l")).args(["--emit", "ir"]).args(flags);
        let output = command.output().unwrap();
        expect(&output, 0, &[]);
        text(&output.stdout)
    };
    let (least, most) = (build("", &["-O0"]), build("", &["-O", "2"]));
    assert_ne!(least, most);
    assert_eq!((build("0", &[]), build("0", &["-O2"]), build("", &[])), (least, most.clone(), most));
    for level in ["-O0", "-O1", "-O2"] {
        let printed =
            run("levels", "(define (f x) (if (< x 2) x (+ (f (- x 1)) (f (- x 2)))))\n(println (f 20))", &[level]);
        expect(&printed, 0, &[]);
        assert_eq!(text(&printed.stdout), "6765\n");
    }
    expect(&maru().args(["run", "-O3"]).arg(example("fib.l")).output().unwrap(), 2, &["-O"]);
}

#[test]
fn targets_are_listed() {
    let output = maru().arg("targets").output().unwrap();
    expect(&output, 0, &[]);
    assert!(text(&output.stdout).contains("architecture"));
    let output = maru().args(["targets", "--json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> =
        json["architectures"].as_array().unwrap().iter().map(|found| found["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"x64"), "{names:?}");
    assert!(names.is_sorted(), "{names:?}");
    let x64 = &json["architectures"][names.iter().position(|name| *name == "x64").unwrap()];
    assert_eq!((x64["pointer_size"].as_u64(), x64["byte_order"].as_str()), (Some(8), Some("little")));
    let expected = if cfg!(all(target_arch = "x86_64", target_os = "linux")) { "runs" } else { "builds" };
    assert_eq!(x64["formats"]["elf"], expected);
}

#[test]
fn what_cannot_be_compiled_here_is_said_with_the_flags_that_help() {
    let other = if cfg!(target_arch = "aarch64") { "x64" } else { "arm64" };
    let program = "(for-each (architectures) (lambda (each) (compile-environment (make-environment) each)))";
    let output = run("compile-help", program, &[]);
    expect(&output, 1, &["error[compile]", &format!("not for {other}"), "help: --target or MARU_TARGET_ARCH"]);
    let output = run("no-compile-help", "(car 1 2)", &[]);
    expect(&output, 1, &["error[arity]"]);
    assert!(!text(&output.stderr).contains("--target"), "{output:?}");
}

/// Where nothing can be executed from any directory, the error names each of them, the variable that names another, and
/// the flag with which none is needed.
#[test]
#[cfg(target_os = "linux")]
fn where_no_directory_will_do_the_ways_out_are_said() {
    let folder = folder("noexec");
    if ["/tmp", "/dev/shm"].iter().any(|covered| folder.starts_with(covered)) {
        eprintln!("NOT RUN: the command itself lies where the file systems would be mounted");
        return;
    }
    let (program, library, place) = (folder.join("program.l"), folder.join("program.so"), folder.join("place"));
    std::fs::write(&program, "(define (f x) (+ x 1)) (compile-now f)").unwrap();
    std::fs::create_dir(&place).unwrap();
    expect(&maru().arg("build").arg(&program).arg("-o").arg(&library).output().unwrap(), 0, &[]);
    // File systems that this command alone sees.
    let script = r#"
        for each in "$1" /dev/shm /tmp; do mount -t tmpfs -o noexec,mode=755 none "$each" || exit 99; done
        exec "$2" run "$3""#;
    let run = |file: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        command.arg(&place).arg(env!("CARGO_BIN_EXE_maru")).arg(file);
        command.env("MARU_TMPDIR", &place).env_remove("XDG_RUNTIME_DIR").env_remove("TMPDIR").output()
    };
    let possible = Command::new("unshare")
        .args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        eprintln!("NOT RUN: file systems cannot be mounted here");
        return;
    }
    let named = format!("{} ($MARU_TMPDIR): its file system is mounted noexec", place.display());
    let common = [&named, "/dev/shm: its file system", "/tmp: its file system", "set MARU_TMPDIR to a directory"];
    let output = run(&program).unwrap();
    expect(&output, 1, &common);
    expect(&output, 1, &["error[compile]", "help: ", "with --jit off, nothing is compiled"]);
    // A library is native code: no flag helps.
    let output = run(&library).unwrap();
    expect(&output, 1, &common);
    assert!(!text(&output.stderr).contains("--jit"), "{output:?}");
}

#[test]
fn a_closed_pipe_ends_the_program_without_a_word() {
    let path = folder("pipe").join("endless.l");
    std::fs::write(&path, "(let loop ((i 0)) (println i) (loop (+ i 1)))").unwrap();
    for mode in MODES {
        let mut command = maru();
        command.arg("run").args(["--jit", mode]).arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut start = [0; 4];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        assert_eq!(&start, b"0\n1\n");
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = maru().arg("targets").stdout(full()).output().unwrap();
    expect(&output, 1, &["standard output"]);
    let output = maru().arg("run").arg(example("fib.l")).stdout(full()).output().unwrap();
    expect(&output, 1, &["standard output"]);
}

#[test]
fn built_programs_run() {
    let folder = folder("build");
    for name in ["fib.l", "tables.l", "errors.l", "text.l"] {
        let library = folder.join(name).with_extension("so");
        let output = maru().arg("build").arg(example(name)).arg("-o").arg(&library).output().unwrap();
        expect(&output, 0, &[]);
        let built = maru().arg("run").arg(&library).output().unwrap();
        expect(&built, 0, &[]);
        let interpreted = maru().arg("run").args(["--jit", "off"]).arg(example(name)).output().unwrap();
        assert_eq!(text(&built.stdout), text(&interpreted.stdout), "{name}");
    }
    let leftovers: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(leftovers.len(), 4, "{leftovers:?}");
}

#[test]
fn the_same_source_gives_the_same_library() {
    let folder = folder("same");
    let build = |name: &str| {
        let path = folder.join(name);
        expect(&maru().arg("build").arg(example("fib.l")).arg("-o").arg(&path).output().unwrap(), 0, &[]);
        std::fs::read(path).unwrap()
    };
    assert_eq!(build("a.so"), build("b.so"));
}

#[test]
fn builds_that_cannot_be_written_leave_nothing() {
    let folder = folder("unwritable");
    let build = |path: &Path| maru().arg("build").arg(example("fib.l")).arg("-o").arg(path).output().unwrap();
    expect(&build(&folder.join("none/fib.so")), 1, &["there is no such directory"]);
    expect(&build(&folder), 1, &["this is a directory"]);
    #[cfg(target_os = "linux")]
    expect(&build(Path::new("/dev/full")), 1, &["/dev/full"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    expect(&maru().arg("build").arg(example("fib.l")).output().unwrap(), 2, &["-o FILE"]);
}

#[test]
fn damaged_libraries_are_refused() {
    let folder = folder("damaged");
    let path = folder.join("fib.so");
    expect(&maru().arg("build").arg(example("fib.l")).arg("-o").arg(&path).output().unwrap(), 0, &[]);
    let bytes = std::fs::read(&path).unwrap();
    for length in [bytes.len() / 2, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let output = maru().arg("run").arg(&path).output().unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{output:?}");
        assert!(text(&output.stderr).contains("fib.so"), "{output:?}");
    }
}

#[test]
fn stages_are_shown() {
    let emit = |what: &str| {
        let output = maru().arg("build").arg(example("fib.l")).args(["--emit", what]).output().unwrap();
        expect(&output, 0, &[]);
        text(&output.stdout)
    };
    assert!(emit("tree").contains("fib"));
    let linear = emit("linear");
    assert!(
        linear.contains("linear fib: 1 parameter") && linear.contains("if < [Order(Lt)] r0 r1 ? b1 : b2"),
        "{linear}"
    );
    assert!(emit("ir").contains("function"));
    let passes = maru().arg("build").arg(example("fib.l")).args(["--emit", "ir", "--passes"]).output().unwrap();
    let passes = String::from_utf8(passes.stdout).unwrap();
    assert!(passes.starts_with("# lowered\nfunction") && passes.contains("# after common\nfunction"), "{passes}");
    let refused = maru().arg("build").arg(example("fib.l")).args(["--emit", "tree", "--passes"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("add --emit ir"));
    assert!(emit("asm").contains("fib"));
    let output = maru().arg("disasm").arg(example("fib.l")).arg("fib").output().unwrap();
    expect(&output, 0, &[]);
    assert!(text(&output.stdout).starts_with("fib"), "{output:?}");
    let output = maru().arg("disasm").arg(example("fib.l")).arg("nothing").output().unwrap();
    expect(&output, 2, &["there is no function called 'nothing'", "fib"]);
}

#[test]
fn statistics_go_to_standard_error() {
    let output = maru().arg("run").args(["--stats", "--jit", "always"]).arg(example("fib.l")).output().unwrap();
    expect(&output, 0, &["stats: lower ", "stats: dlopen ", "count: functions ", "time: all "]);
    assert!(!text(&output.stdout).contains("stats"));
    let output = maru().arg("run").args(["--stats=json", "--jit", "always"]).arg(example("fib.l")).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(json["counts"]["functions"].as_u64() > Some(0), "{json}");
    assert!(json["phases"]["lower"].as_f64() > Some(0.0), "{json}");
}

#[test]
fn stress_and_verification_change_no_result() {
    let output = run("stress", "(println (map (lambda (x) (* x x)) '(1 2 3)))", &["--stress", "--verify"]);
    assert_eq!(text(&output.stdout), "(1 4 9)\n", "{output:?}");
}

#[test]
fn piped_input_is_evaluated_without_prompts() {
    let session = "(define (f n)\n  (* n\n     2))\n(f 21) (car)\n\"text\"\n(exit 4)\n(println 'never)\n";
    let path = folder("repl").join("input");
    std::fs::write(&path, session).unwrap();
    for arguments in [&[][..], &["repl"][..]] {
        let output = maru().args(arguments).stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
        expect(&output, 4, &["arity", "<repl>"]);
        let lines: Vec<String> = text(&output.stdout).lines().skip(1).map(String::from).collect();
        assert_eq!(lines, ["42", "\"text\""], "{output:?}");
    }
}

#[test]
fn the_doctor_looks_at_the_host() {
    let output = maru().arg("doctor").output().unwrap();
    assert!(text(&output.stdout).contains("native code"), "{output:?}");
    let output = maru().args(["doctor", "--json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let trial = json["native_code"].as_array().unwrap().last().unwrap();
    let able = cfg!(all(target_arch = "x86_64", target_os = "linux"));
    assert_eq!(trial["good"], able, "{json}");
    assert_eq!(output.status.success(), able);
}

#[test]
fn a_build_does_not_replace_its_source() {
    let path = folder("replace").join("program.l");
    std::fs::write(&path, "(println 1)").unwrap();
    let output = maru().arg("build").arg(&path).arg("-o").arg(&path).output().unwrap();
    expect(&output, 2, &["program.l: this is the source"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "(println 1)");
}

#[test]
fn errors_that_cannot_be_shown_are_no_panic() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let path = folder("unshown").join("commands");
    std::fs::write(&path, ",nonsense\n(+ 1 2)\n").unwrap();
    let input = std::fs::File::open(&path).unwrap();
    let output = maru().arg("repl").stdin(input).stderr(full).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), "3\n"));
}

#[test]
fn expressions_that_are_no_text_are_refused() {
    let path = folder("no-text").join("input");
    std::fs::write(&path, b"(+ 1 2)\n(println \"\xff\")\n").unwrap();
    let output = maru().stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    expect(&output, 1, &["not UTF-8 text: byte 0xff"]);
    assert_eq!(text(&output.stdout), "3\n");
}

/// The command, run by a shell that prepares its surroundings; `$0` is the command.
fn shell(script: &str, folder: &Path) -> Output {
    let mut command = Command::new("sh");
    command.current_dir(folder).args(["-c", script, env!("CARGO_BIN_EXE_maru")]).output().unwrap()
}

#[test]
fn output_that_is_lost_is_a_fault() {
    let place = folder("lost");
    std::fs::write(place.join("good.l"), "(println 1)").unwrap();
    std::fs::write(place.join("silent.l"), "(+ 1 2)").unwrap();
    expect(&shell("$0 run good.l >&-", &place), 1, &["standard output: it is closed"]);
    expect(&shell("$0 run silent.l >&-", &place), 0, &[]);
    expect(&shell("$0 run good.l >/dev/null", &place), 0, &[]);
    expect(&shell("$0 targets >&-", &place), 1, &["standard output: it is closed"]);
    for flag in ["--help", "--version", "run --help"] {
        expect(&shell(&format!("$0 {flag} >/dev/full"), &place), 1, &["standard output:"]);
        expect(&shell(&format!("$0 {flag} >&-"), &place), 1, &["standard output: it is closed"]);
        expect(&shell(&format!("$0 {flag}"), &place), 0, &[]);
    }
}

#[test]
fn a_result_named_by_a_dash_goes_to_standard_output() {
    let place = folder("dash");
    std::fs::write(place.join("program.l"), "(define (f x) x)").unwrap();
    let output = shell("$0 build program.l --emit ir -o -", &place);
    expect(&output, 0, &[]);
    assert!(text(&output.stdout).contains("function"), "{output:?}");
    assert!(!place.join("-").exists());
}

#[test]
fn arguments_that_are_no_text_are_named() {
    let output = shell(r#"$0 run x.l "$(printf 'a\377b')""#, &folder("argument"));
    expect(&output, 2, &["not UTF-8 text: the argument \"a\\xFFb\""]);
}

#[test]
fn lines_of_piped_input_are_counted_from_its_start() {
    let output = shell("printf '(define (f x)\\n  (car x\\n    x))\\n\\n(f 1)\\n' | $0", &folder("lines"));
    expect(&output, 1, &["<repl>:2:3", "in f", "2 |   (car x"]);
}

#[test]
fn relative_names_mean_files_beside_the_program() {
    let place = folder("beside");
    std::fs::create_dir_all(place.join("parts/more")).unwrap();
    std::fs::write(place.join("parts/main.l"), "(load \"more/one.l\") (println (later \"main.l\"))").unwrap();
    std::fs::write(place.join("parts/more/one.l"), "(require \"two.l\") (define (later name) (require name))").unwrap();
    std::fs::write(place.join("parts/more/two.l"), "(println 'two) (require \"../main.l\") (require \"one.l\")")
        .unwrap();
    for mode in MODES {
        let output = shell(&format!("$0 run --jit {mode} parts/main.l"), &place);
        expect(&output, 0, &[]);
        assert_eq!(text(&output.stdout), "two\n()\n");
    }
    let output = shell("$0 run --jit off - < parts/main.l", &place);
    expect(&output, 1, &["more/one.l: No such file"]);
    std::fs::write(place.join("parts/more/two.l"), "(load \"../main.l\")").unwrap();
    expect(&shell("$0 run parts/main.l", &place), 1, &["error[load]", "parts/more/../main.l", "one.l loads"]);
}

#[test]
fn what_is_held_for_objects_counts_towards_the_heap() {
    for (name, text_of_program) in [
        ("environments", "(let ((all ())) (while #t (set all (cons (make-environment) all))))"),
        ("chain", "(let ((e ())) (while #t (set e (make-environment e)) (environment-define e 'x 1)))"),
        ("symbols", "(while #t (gensym))"),
        ("names", "(let ((s \"long\")) (while #t (set s (concat-string s s)) (string->symbol s)))"),
    ] {
        let program = format!("(println (try {text_of_program} (catch (e) (error-kind e))))");
        let output = run(&format!("held-{name}"), &program, &["--max-heap", "16M"]);
        assert_eq!(text(&output.stdout), "out-of-memory\n", "{name}: {output:?}");
    }
    let dropped = "(for (i 0 300000) (let ((e (make-environment))) (environment-define e 'x i))) (println 'done)";
    let output = run("held-dropped", dropped, &["--max-heap", "16M"]);
    assert_eq!(text(&output.stdout), "done\n", "{output:?}");
}

#[test]
fn ports_that_nobody_can_reach_are_closed_when_files_run_out() {
    let place = folder("ports");
    std::fs::write(
        place.join("program.l"),
        "(for (i 0 1000) (open \"/dev/null\")) (println 'done)\n\
         (let ((all ())) (println (try (while #t (set all (cons (open \"/dev/null\") all))) (catch (e) (error-kind e)))))",
    )
    .unwrap();
    let output = shell("ulimit -n 64; $0 run program.l", &place);
    assert_eq!(text(&output.stdout), "done\nio\n", "{output:?}");
}

#[test]
fn a_strategy_that_there_is_not_is_named() {
    let output = maru().env("MARU_STRATEGY", "magic").arg("run").arg(example("fib.l")).output().unwrap();
    expect(
        &output,
        2,
        &["maru: MARU_STRATEGY: there is no strategy called 'magic'; there are: direct, linker, assembler, memory, c"],
    );
}

#[test]
fn linkers_that_are_missing_or_fail_are_named() {
    let built = std::env::temp_dir().join(format!("maru-linker-test-{}", std::process::id()));
    let with_linker = |linker: &str, command: &str| {
        let mut maru = maru();
        maru.env("MARU_LINKER", linker).arg(command).args(["--strategy", "linker"]).arg(example("fib.l"));
        if command == "build" {
            maru.arg("-o").arg(&built);
        }
        maru.output().unwrap()
    };
    let missing = with_linker("no-such-linker", "run");
    expect(&missing, 2, &["MARU_LINKER: there is no program 'no-such-linker'"]);
    let failing = with_linker("false", "build");
    expect(&failing, 1, &["the linker false: it failed"]);
    assert!(!built.exists());
    let mut maru = maru();
    let output = maru.arg("build").arg(example("fib.l")).args(["--emit", "obj"]).output().unwrap();
    expect(&output, 2, &["say where to write the object"]);
}

#[test]
fn compilers_that_are_missing_or_fail_are_named() {
    let built = std::env::temp_dir().join(format!("maru-compiler-test-{}", std::process::id()));
    let with_compiler = |compiler: &str, arguments: &[&str]| {
        let mut maru = maru();
        maru.env("MARU_CC", compiler).args(arguments).arg(example("fib.l"));
        if arguments[0] == "build" {
            maru.arg("-o").arg(&built);
        }
        maru.output().unwrap()
    };
    let missing = with_compiler("no-such-compiler", &["run", "--strategy", "c"]);
    expect(&missing, 2, &["strategy 'c': MARU_CC: there is no program 'no-such-compiler'"]);
    let failing = with_compiler("false", &["build", "--target", "c"]);
    expect(&failing, 1, &["the compiler false: it failed"]);
    assert!(!built.exists());
    let interpreted = with_compiler("false", &["run", "--strategy", "c", "--jit", "always"]);
    assert_eq!(interpreted.status.code(), Some(0), "{interpreted:?}");
    assert!(text(&interpreted.stderr).contains("nothing was compiled: the compiler false"), "{interpreted:?}");
    let two = with_compiler("cc", &["run", "--strategy", "c", "--target", "x64"]);
    expect(&two, 2, &["--strategy c: --target says x64; leave one of them out"]);
}

#[test]
fn a_library_of_a_compiler_is_run_as_what_it_is() {
    let built = std::env::temp_dir().join(format!("maru-compiled-test-{}.so", std::process::id()));
    let output = maru().args(["build", "--target", "c"]).arg(example("fib.l")).arg("-o").arg(&built).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let run = |arguments: &[&str]| maru().arg("run").args(arguments).arg(&built).output().unwrap();
    let expected = maru().arg("run").args(["--jit", "off"]).arg(example("fib.l")).output().unwrap();
    let output = run(&[]);
    assert_eq!((&output.stdout, output.status.code()), (&expected.stdout, Some(0)), "{output:?}");
    expect(&run(&["--target", "x64"]), 2, &["a library for c, but --target says x64"]);
    std::fs::remove_file(built).unwrap();
}
