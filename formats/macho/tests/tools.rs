//! Outside tools, where they are installed, accept what was written: for both CPUs.
#![allow(missing_docs)]

mod common;

use common::dylib::{Dylib, DYSYMTAB};
use common::*;

const SOURCE: &str = "(define (leaf) 42)\n; two\n; three\n; four\n(define (call f)\n  (f))\n";

/// A directory with the sample and its source, and the sample's path.
fn sample_file(cpu: &Cpu) -> (TestDirectory, String) {
    let directory = TestDirectory::new();
    let mut image = cpu.sample();
    image.source = directory.file("program.l", SOURCE.as_bytes());
    let path = directory.file("sample.dylib", &cpu.written(&image).1);
    (directory, path)
}

#[test]
fn file_knows_what_it_is() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("file", &["-b", &path]) else { return };
        let expected = format!("Mach-O 64-bit {} dynamically linked shared library", cpu.triple);
        assert!(good && text.starts_with(&expected), "{text}");
    }
}

#[test]
fn objdump_shows_commands_exports_and_functions() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("llvm-objdump", &["--macho", "--private-headers", &path]) else { return };
        assert!(good && !text.contains("error") && !text.contains("past end of file"), "{text}");
        for command in ["LC_ID_DYLIB", "LC_UUID", "LC_BUILD_VERSION", "LC_DYLD_INFO_ONLY", "LC_CODE_SIGNATURE"] {
            assert_eq!(text.matches(&format!("cmd {command}\n")).count(), 1, "{command} in {text}");
        }
        let (text, good) = tool("llvm-objdump", &["--macho", "--exports-trie", &path]).expect("the tool was there");
        assert!(good && text.contains("_maru_image") && text.contains("_list->string!"), "{text}");
        let (text, good) = tool("llvm-objdump", &["--macho", "-d", &path]).expect("the tool was there");
        let call = if cpu.name == "x64" { "callq\t*%rdi" } else { "blr\tx0" };
        assert!(good && text.contains("_maru_call:") && text.contains(call), "{text}");
        let (text, _) = tool("llvm-objdump", &["--macho", "--rebase", "--bind", &path]).expect("the tool was there");
        assert!(!text.contains("__TEXT") && !text.contains("__DATA"), "something is rebased or bound: {text}");
    }
}

#[test]
fn nm_shows_the_symbols() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("llvm-nm", &[&path]) else { return };
        let names: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).map(|(_, name)| name).collect();
        let expected = ["T _list->string!", "T _maru_call", "S _maru_image", "T _maru_leaf", "T _maru_leaf2"];
        assert!(good && names == expected, "{text}");
    }
}

#[test]
fn dwarfdump_verifies_lines_and_reads_unwind_entries() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("llvm-dwarfdump", &["--verify", &path]) else { return };
        assert!(good && !text.contains("error:") && !text.contains("warning:"), "{text}");
        let (text, good) = tool("llvm-dwarfdump", &["--eh-frame", &path]).expect("the tool was there");
        let state = if cpu.name == "x64" { "CFA=RSP+32: RBX=[CFA-16]" } else { "CFA=WSP+16: W29=[CFA-16]" };
        assert_eq!(text.matches(" FDE cie=").count(), cpu.sample().functions.len(), "{text}");
        assert!(good && text.contains(state), "{text}");
    }
}

/// LIEF's checker of layouts: what it says of a file, if it is there.
fn lief(path: &str) -> Option<String> {
    const SCRIPT: &str = "import sys, lief\n\
        library = lief.MachO.parse(sys.argv[1]).at(0)\n\
        print(lief.MachO.check_layout(library), sorted(e.symbol.name for e in library.dyld_info.exports))";
    let (text, good) = tool("python3", &["-c", SCRIPT, path])?;
    if text.contains("No module named") {
        not_run("LIEF missing");
        return None;
    }
    assert!(good, "{text}");
    Some(text)
}

#[test]
fn lief_finds_the_layout_right() {
    for cpu in cpus() {
        let (directory, path) = sample_file(cpu);
        let Some(text) = lief(&path) else { return };
        let names = "['_list->string!', '_maru_call', '_maru_image', '_maru_leaf', '_maru_leaf2']";
        assert!(text.starts_with("(True, '')") && text.contains(names), "{text}");
        for count in [0, 1, 700] {
            let path = directory.file("numbered.dylib", &cpu.written(&cpu.numbered(count)).1);
            let text = lief(&path).expect("LIEF was there");
            assert!(text.starts_with("(True, '')"), "{count} functions: {text}");
        }
        let mut faulty = Dylib::new(cpu);
        faulty.remove(faulty.command(DYSYMTAB));
        let text = lief(&directory.file("faulty.dylib", &faulty.0)).expect("LIEF was there");
        assert!(text.starts_with("(False"), "LIEF takes a library without LC_DYSYMTAB: {text}");
    }
}

/// The system's library, as far as a linker wants to know it.
const SYSTEM: &str = "--- !tapi-tbd\n\
    tbd-version: 4\n\
    targets: [ x86_64-macos, arm64-macos ]\n\
    install-name: '/usr/lib/libSystem.B.dylib'\n\
    exports:\n  - targets: [ x86_64-macos, arm64-macos ]\n    symbols: [ dyld_stub_binder ]\n...\n";

/// Link a program that calls a function of a library and takes the address of its image: what the linker says,
/// whether it is content, and the program's path. `None` without the tools.
fn link(cpu: &Cpu, directory: &TestDirectory, library: &str, function: &str) -> Option<(String, bool, String)> {
    let body = match cpu.name {
        "x64" => format!("callq {function}\nmovq _maru_image@GOTPCREL(%rip), %rax\nretq\n"),
        _ => format!("bl {function}\nadrp x0, _maru_image@GOTPAGE\nldr x0, [x0, _maru_image@GOTPAGEOFF]\nret\n"),
    };
    let source = directory.file("main.s", format!(".globl _main\n.p2align 2\n_main:\n{body}").as_bytes());
    let (object, program) = (directory.path("main.o"), directory.path("main"));
    let triple = format!("-triple={}-apple-macos11", cpu.triple);
    let (text, good) = tool("llvm-mc", &[&triple, "-filetype=obj", "-o", &object, &source])?;
    assert!(good, "{text}");
    let system = directory.file("libSystem.tbd", SYSTEM.as_bytes());
    let arguments = ["-arch", cpu.triple, "-platform_version", "macos", "11.0", "11.0", "-o", &program];
    let (text, good) = tool("ld64.lld", &[&arguments[..], &[&object, library, &system]].concat())?;
    Some((text, good, program))
}

#[test]
fn a_linker_links_programs_against_it() {
    for cpu in cpus() {
        let (directory, library) = sample_file(cpu);
        let Some((text, good, program)) = link(cpu, &directory, &library, "_maru_call") else { return };
        assert!(good && !text.contains("warning"), "{text}");
        let bytes = std::fs::read(program).expect("a program");
        let program = goblin::mach::MachO::parse(&bytes, 0).expect("readable");
        let imports = program.imports().expect("imports");
        let imports: Vec<_> = imports.iter().filter(|import| import.dylib.starts_with("@rpath/maru_")).collect();
        let names: Vec<_> = imports.iter().map(|import| import.name).collect();
        assert!(names.contains(&"_maru_call") && names.contains(&"_maru_image"), "{names:?}");
        let (text, good, _) = link(cpu, &directory, &library, "_no_such_function").expect("the tools were there");
        assert!(!good && text.contains("undefined symbol: _no_such_function"), "{text}");
    }
}

#[test]
fn lldb_shows_names_lines_and_source() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let target = format!("target create {path}");
        let mut arguments = vec!["--batch", "--no-lldbinit"];
        for command in
            [&target, "image lookup -v -n maru_call", "source list -n maru_call", "image dump line-table program.l"]
        {
            arguments.extend(["-o", command]);
        }
        let Some((text, good)) = tool("lldb", &arguments) else { return };
        assert!(good && text.contains("sample.dylib`maru_call at program.l:5"), "{text}");
        assert!(text.contains("5   \t(define (call f)"), "{text}");
        assert!(text.contains("program.l:43"), "no line of maru_leaf: {text}");
        let layout = cpu.written(&cpu.sample()).0;
        let function = &cpu.sample().functions[1];
        let start = layout.code + u64::from(function.offset);
        let range = format!("range = [{start:#018x}-{:#018x})", start + u64::from(function.size));
        assert!(text.contains(&range), "not {range}: {text}");
    }
}
