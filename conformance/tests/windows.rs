//! Compiled code in a library that another system's loader opens: a program of Windows, made by a compiler for it and
//! run by Wine, loads the library, calls its entry and serves its helpers; and its unwinder goes through the frames.
//!
//! Where Wine or the compiler is missing the test says so.

use maru_conformance as _; // What nobody names is not linked.
use maru_core::abi::{context, Context};
use maru_core::format::{Image, ObjectFormat};
use maru_core::ir::{parse, verify, Helper};
use maru_core::registry;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The entry calls a function that keeps words and doubles alive across a helper of five words and one of none.
const UNIT: &str = "entry function maru_enter(v0: w, v1: w) -> w {
b0:
  v2 = call f1(v0, v0, v1) -> w
  return v2
}
function maru_middle(v0: w, v1: w, v2: w) -> w {
b0:
  v3 = mul v1 v2
  v4 = int_to_float v3
  v5 = helper note_2 v1 v2 v3 v1 v2
  v6 = helper poll
  v7 = float_to_int v4
  v8 = sub v5 v6
  v9 = add v8 v7
  v10 = add v9 v3
  return v10
}
";

/// The program. The numbers before it are where the context has what code looks at.
const PROGRAM: &str = r#"
#include <windows.h>
#include <stdio.h>

static long long words[WORDS];
static void *outer;

/* How many frames there are from here up to the program's own. */
static __attribute__((noinline)) int depth(void) {
    void *frames[32];
    int count = CaptureStackBackTrace(0, 32, frames, NULL);
    for (int number = 0; number < count; number++)
        if (frames[number] == outer) return number;
    return -1;
}

static long long note(void *context, long long a, long long b, long long c, long long d, long long e) {
    printf("note %d %lld %lld %lld %lld %lld\n", context == words, a, b, c, d, e);
    printf("frames %d\n", depth());
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e;
}

static long long poll(void *context) {
    printf("poll %d\n", context == words);
    return 5;
}

/* Its return address is the one that unwinding must find. */
static __attribute__((noinline)) long long call(long long (*enter)(void *, long long, long long), long long a) {
    outer = __builtin_return_address(0);
    long long result = enter(words, a, 7);
    return result + 1;
}

int main(int count, char **arguments) {
    HMODULE library = LoadLibraryA(arguments[1]);
    if (!library) return printf("not loaded: %lu\n", GetLastError());
    words[STACK_LIMIT / 8] = 1;
    words[NOTE / 8] = (long long) note;
    words[POLL / 8] = (long long) poll;
    printf("image %.4s\n", (char *) GetProcAddress(library, "maru_image"));
    printf("result %lld\n", call((void *) GetProcAddress(library, "maru_enter"), 6));
    return 0;
}
"#;

fn not_run(reason: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {reason}");
}

/// A program, by its name or at the place where some systems keep it.
fn find(name: &str, elsewhere: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name)).chain([PathBuf::from(elsewhere)]);
    places.find(|path| path.is_file())
}

/// The unit as a library.
fn library(architecture: &str) -> Vec<u8> {
    let architecture = registry::find_architecture(architecture, "").expect("a target");
    let format: &dyn ObjectFormat = registry::find_format("pe", "").expect("a format");
    let machine = architecture.identity("pe").expect("an identity");
    let functions = parse::parse(UNIT).unwrap_or_else(|error| panic!("{error}"));
    verify::verify_unit(&functions).unwrap_or_else(|error| panic!("{error}"));
    let mut image = Image::new("unit", "");
    let placement = format.code_placement(machine, architecture.trap());
    for function in &functions {
        let compiled = architecture.compile_for(function, machine.system).unwrap_or_else(|error| panic!("{error}"));
        image.push(function.name.clone(), compiled, placement);
    }
    image.constants = b"MARU".to_vec();
    image.data_words = 3;
    let layout = format.layout(&image, machine).expect("a layout");
    image.link(&layout, architecture).expect("linked");
    format.write(&image, &layout, machine).expect("a file")
}

/// Compile the program and run it with the library: what it prints.
fn printed(compiler: &Path, wine: &Path, folder: &Path) -> String {
    let helper = |helper: Helper| Context::helper_offset(helper as usize);
    let numbers = format!(
        "#define WORDS {}\n#define STACK_LIMIT {}\n#define NOTE {}\n#define POLL {}\n",
        size_of::<Context>() / 8,
        context::STACK_LIMIT,
        helper(Helper::Note2),
        helper(Helper::Poll)
    );
    std::fs::write(folder.join("program.c"), numbers + PROGRAM).expect("a writable folder");
    std::fs::write(folder.join("unit.dll"), library("x64")).expect("a writable folder");
    let compiled = Command::new(compiler)
        .args(["-O1", "-o", "program.exe", "program.c"])
        .current_dir(folder)
        .output()
        .expect("a compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let run = Command::new(wine)
        .args(["program.exe", "unit.dll"])
        .current_dir(folder)
        .env("WINEPREFIX", folder.join("prefix"))
        .env("WINEDEBUG", "-all")
        .output()
        .expect("Wine");
    String::from_utf8_lossy(&run.stdout).replace('\r', "")
}

#[test]
fn a_program_of_windows_calls_compiled_code() {
    let Some(compiler) = find("x86_64-w64-mingw32-gcc", "") else { return not_run("no compiler for Windows") };
    let Some(wine) = find("wine64", "/usr/lib/wine/wine64") else { return not_run("wine64 missing") };
    let folder = std::env::temp_dir().join(format!("maru-windows-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a writable folder");
    let text = printed(&compiler, &wine, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let note = 6 + 10 * 7 + 100 * 42 + 1000 * 6 + 10_000 * 7;
    let result = note - 5 + 42 + 42 + 1;
    // Before the program's own: who asks, the helper, two of the library's frames, the function that entered it.
    let expected = format!("image MARU\nnote 1 6 7 42 6 7\nframes 5\npoll 1\nresult {result}\n");
    assert_eq!(text, expected);
}
