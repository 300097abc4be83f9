//! Outside tools, where they are installed, accept what was written.
#![allow(missing_docs)]

mod common;

use common::*;

/// A file of the sample and its path as text.
fn sample_file() -> (TestFile, String) {
    let file = TestFile::new(&written(&sample()).1);
    let path = file.path().to_str().expect("a plain path").to_string();
    (file, path)
}

#[test]
fn readelf_has_no_complaint() {
    let (_file, path) = sample_file();
    let Some((text, good)) = tool("readelf", &["-a", "-W", "--debug-dump=info,decodedline,frames", &path]) else {
        return;
    };
    assert!(good, "{text}");
    for line in text.lines() {
        let complaint = ["Warning", "Error", "corrupt", "out of range"].iter().any(|word| line.contains(word));
        assert!(!complaint, "readelf says: {line}\n{text}");
    }
    for expected in ["maru_image", "list->string!", "Build ID: ", "GNU_STACK", "DW_CFA_def_cfa_offset: 48"] {
        assert!(text.contains(expected), "no {expected} in:\n{text}");
    }
}

#[test]
fn objdump_shows_functions_by_name() {
    if !can_run() {
        return;
    }
    let (_file, path) = sample_file();
    let Some((text, good)) = tool("objdump", &["-d", &path]) else { return };
    assert!(good && text.contains("<maru_call>:") && text.contains("call   *%rdi"), "{text}");
}

#[test]
fn elflint_has_no_complaint() {
    let (_file, path) = sample_file();
    let Some((text, good)) = tool("eu-elflint", &["--gnu-ld", &path]) else { return };
    assert!(good, "{text}");
}

#[test]
fn dwarfdump_verifies_the_debugging_sections() {
    let (_file, path) = sample_file();
    let Some((text, good)) = tool("llvm-dwarfdump", &["--verify", &path]) else { return };
    assert!(good && !text.contains("error:") && !text.contains("warning:"), "{text}");
}

#[test]
fn dwarfdump_reads_unwind_entries() {
    let (_file, path) = sample_file();
    let Some((text, good)) = tool("llvm-dwarfdump", &["--eh-frame", &path]) else { return };
    assert!(good, "{text}");
    assert_eq!(text.matches(" FDE cie=").count(), sample().functions.len(), "{text}");
    assert!(text.contains("CFA=RSP+32"), "{text}");
}

#[test]
fn addr2line_finds_source_lines() {
    let (layout, bytes) = written(&sample());
    let file = TestFile::new(&bytes);
    let address = format!("{:#x}", layout.code + u64::from(sample().functions[1].offset) + 4);
    let path = file.path().to_str().expect("a plain path");
    let Some((text, good)) = tool("addr2line", &["-f", "-e", path, &address]) else { return };
    assert!(good && text.contains("maru_call") && text.contains("/nowhere/program.l:6"), "{text}");
}

/// A C program that loads a library and calls the function that is named, or has one call back.
const HOST: &str = r#"
#include <dlfcn.h>
#include <stdio.h>
void called_back(void) { puts("called back"); }
int main(int argc, char **argv) {
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) { puts(dlerror()); return 1; }
    if (argc > 2) ((void (*)(void))dlsym(library, argv[2]))();
    else ((void (*)(void *))dlsym(library, "maru_save"))(called_back);
    return 0;
}
"#;

/// The host program, compiled; `None` without a C compiler.
fn host_program() -> Option<(TestFile, String)> {
    let program = TestFile::new(b"");
    let path = program.path().to_str().expect("a plain path").to_string();
    let source = format!("{path}.c");
    std::fs::write(&source, HOST).expect("a writable temporary directory");
    let compiled = tool("cc", &["-g", "-O0", "-o", &path, &source, "-ldl"]);
    let _ = std::fs::remove_file(&source);
    let (text, good) = compiled?;
    assert!(good, "{text}");
    Some((program, path))
}

#[test]
fn gdb_shows_names_lines_and_the_callers() {
    if !can_run() {
        return;
    }
    let (_file, library) = sample_file();
    let Some((_program, program)) = host_program() else { return };
    let arguments = [
        "-nx",
        "-batch",
        "-ex",
        "set breakpoint pending on",
        "-ex",
        "set debuginfod enabled off",
        "-ex",
        "break program.l:10",
        "-ex",
        "run",
        "-ex",
        "bt",
        "-ex",
        "break called_back",
        "-ex",
        "continue",
        "-ex",
        "bt",
        "--args",
        &program,
        &library,
    ];
    let Some((text, _)) = tool("gdb", &arguments) else { return };
    if text.contains("ptrace: Operation not permitted") || text.contains("Could not trace the inferior") {
        not_run("gdb may not trace processes here");
        return;
    }
    let (at_line, in_callback) = text.split_once("Breakpoint 2, called_back").unwrap_or_else(|| panic!("{text}"));
    assert!(at_line.contains("maru_save () at /nowhere/program.l:10"), "{text}");
    let frames: Vec<&str> = in_callback.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(frames.len(), 3, "{text}");
    assert!(frames[1].contains("maru_save () at /nowhere/program.l:10"), "{text}");
    assert!(frames[2].contains("main ("), "{text}");
}

#[test]
fn perf_attributes_time_to_functions_and_lines() {
    if !can_run() {
        return;
    }
    let (_file, library) = sample_file();
    let Some((_program, program)) = host_program() else { return };
    let data = TestFile::new(b"");
    let data = data.path().to_str().expect("a plain path");
    let record = ["record", "-N", "-q", "-e", "cpu-clock", "-o", data, &program, &library, "maru_busy"];
    let Some((text, good)) = tool("perf", &record) else { return };
    if !good {
        return not_run(&format!("perf may not measure here: {}", text.lines().next().unwrap_or_default()));
    }
    let report = ["report", "--stdio", "-i", data, "--sort", "symbol,srcline"];
    let Some((text, good)) = tool("perf", &report) else { return };
    let busiest = text.lines().find(|line| line.contains('%')).unwrap_or_default();
    assert!(good && busiest.contains("maru_busy") && busiest.contains("program.l:21"), "{text}");
}
