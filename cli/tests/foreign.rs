//! Code for other CPUs and other systems, on a host that has machines for it, and on one that has not.
//!
//! Where the emulator is not installed the tests that need it say so on standard error; continuous integration sets
//! `MARU_NEED_EMULATOR`, and then that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))\n(println (fib 18))\n\
                       (println (map (lambda (x) (* x 0.5)) '(1 2 3)) *arguments*)\n(exit 3)\n";
const PRINTS: &str = "2584\n(0.5 1.0 1.5)(one)\n";
/// A target that is not this host's.
const OTHER: &str = if cfg!(target_arch = "aarch64") { "x64" } else { "arm64" };
const OWN: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };

/// A folder of its own for a test, with the program in it.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("foreign-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("program.l"), PROGRAM).unwrap();
    folder
}

/// The command in a folder, with none of its variables set but where the emulator is.
fn maru(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        if name != "MARU_UNICORN" {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    maru(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn build(folder: &Path, target: &str, format: &str, file: &str) {
    let output = run(folder, &["build", "program.l", "--target", target, "--format", format, "-o", file]);
    assert!(output.status.success(), "{output:?}");
}

/// What this host does with a target in a format, as `maru targets` says.
fn ability(folder: &Path, target: &str, format: &str) -> String {
    let json: serde_json::Value = serde_json::from_slice(&run(folder, &["targets", "--json"]).stdout).unwrap();
    let all = json["architectures"].as_array().unwrap();
    let own = all.iter().find(|architecture| architecture["name"] == target).unwrap();
    own["formats"][format].as_str().unwrap().into()
}

/// Whether there is an emulator.
fn has_emulator(folder: &Path) -> bool {
    let found = ability(folder, OTHER, "elf") == "emulated";
    assert!(found || std::env::var_os("MARU_NEED_EMULATOR").is_none(), "the emulator is needed and not installed");
    if !found {
        eprintln!("NOT RUN: the emulator is not installed");
    }
    found
}

/// The program ran on the emulator, which was said once.
fn assert_emulated(output: &Output) {
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), (PRINTS, Some(3)), "{output:?}");
    let said = format!("maru: native code for {OTHER} runs on the emulator unicorn: slower than on its own CPU\n");
    assert_eq!(text(&output.stderr), said);
}

/// The call was wrong, and the message has these parts.
fn assert_refused(output: &Output, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let errors = text(&output.stderr);
    assert!(parts.iter().all(|part| errors.contains(part)), "{parts:?} in: {errors}");
}

#[test]
fn a_program_for_another_cpu_runs_on_the_emulator() {
    let folder = folder("source");
    if !has_emulator(&folder) {
        return;
    }
    for mode in ["auto", "always"] {
        let mut command = maru(&folder);
        command.env("MARU_TARGET_ARCH", OTHER).args(["run", "--jit", mode, "program.l", "one"]);
        assert_emulated(&command.output().unwrap());
    }
    // Code was compiled, and for that CPU.
    let report = run(&folder, &["run", "--target", OTHER, "--jit", "always", "--stats=json", "program.l"]);
    let errors = text(&report.stderr);
    let json: serde_json::Value = serde_json::from_str(&errors[errors.find('{').unwrap()..]).unwrap();
    assert!(json["counts"]["functions"].as_u64() > Some(0), "{json}");
}

#[test]
fn without_the_emulator_it_is_said_what_to_install_and_building_works() {
    let folder = folder("missing");
    let without = |arguments: &[&str]| {
        maru(&folder).env("MARU_UNICORN", "/nowhere/libunicorn.so").args(arguments).output().unwrap()
    };
    let way_out = ["pip install unicorn", "libunicorn2", "MARU_UNICORN: /nowhere/libunicorn.so"];
    let output = without(&["run", "--target", OTHER, "program.l"]);
    assert_refused(
        &output,
        &[&way_out[..], &["maru: --target:", "`maru build`, which works anyway", "--jit off"]].concat(),
    );
    let output = without(&["build", "program.l", "--target", OTHER, "-o", "program.so"]);
    assert!(output.status.success(), "{output:?}");
    assert_refused(
        &without(&["run", "program.so"]),
        &[&way_out[..], &["maru: program.so:", "build it again"]].concat(),
    );
    // Nothing native, nothing missing.
    let output = without(&["run", "--target", OTHER, "--jit", "off", "program.l", "one"]);
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (PRINTS, ""));
}

#[test]
fn a_library_for_another_cpu_runs_on_the_emulator_in_every_format() {
    let folder = folder("library");
    if !has_emulator(&folder) {
        return;
    }
    for (format, file) in [("elf", "program.so"), ("macho", "program.dylib"), ("pe", "program.dll")] {
        build(&folder, OTHER, format, file);
        assert_emulated(&run(&folder, &["run", file, "one"]));
        assert_emulated(&run(&folder, &["run", "--target", OTHER, "--format", format, file, "one"]));
    }
}

#[test]
fn a_library_of_this_cpu_in_another_format_runs_where_it_can_be_mapped() {
    let folder = folder("format");
    let other = if cfg!(target_vendor = "apple") { ("elf", "program.so") } else { ("macho", "program.dylib") };
    for (format, file) in [other, ("pe", "program.dll")] {
        build(&folder, OWN, format, file);
        let output = run(&folder, &["run", file, "one"]);
        if ability(&folder, OWN, format) == "runs" {
            assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (PRINTS, ""), "{output:?}");
            assert_eq!(output.status.code(), Some(3));
        } else {
            assert_refused(&output, &[file, "build it again for this host"]);
        }
    }
}

#[test]
fn a_choice_that_is_not_the_librarys_is_refused() {
    let folder = folder("choice");
    build(&folder, OTHER, "elf", "program.so");
    let output = run(&folder, &["run", "--target", OWN, "program.so"]);
    assert_refused(&output, &[&format!("program.so: a library for {OTHER}, but --target says {OWN}")]);
    let output = maru(&folder).env("MARU_TARGET_FORMAT", "macho").args(["run", "program.so"]).output().unwrap();
    assert_refused(&output, &["program.so: a library for elf, but MARU_TARGET_FORMAT says macho"]);
    // A CPU that there is no target for: the number lies in the header's bytes 18 and 19.
    let mut bytes = std::fs::read(folder.join("program.so")).unwrap();
    bytes[18..20].copy_from_slice(&[0xff, 0x7f]);
    std::fs::write(folder.join("unknown.so"), bytes).unwrap();
    assert_refused(&run(&folder, &["run", "unknown.so"]), &["unknown.so"]);
}
