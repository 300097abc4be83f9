//! Outside tools, where they are installed, accept what was written: for both CPUs.
#![allow(missing_docs)]

mod common;

use common::*;

const SOURCE: &str = "(define (leaf) 42)\n; two\n; three\n; four\n(define (call f)\n  (f))\n";

/// A directory with the sample and its source, and the sample's path.
fn sample_file(cpu: &Cpu) -> (TestDirectory, String) {
    let directory = TestDirectory::new();
    let mut image = cpu.sample();
    image.source = directory.file("program.l", SOURCE.as_bytes());
    let path = directory.file("sample.dll", &cpu.written(&image).1);
    (directory, path)
}

#[test]
fn file_knows_what_it_is() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("file", &["-b", &path]) else { return };
        let name = if cpu.name == "x64" { "x86-64" } else { "Aarch64" };
        assert!(good && text.starts_with("PE32+ executable (DLL)") && text.contains(name), "{text}");
    }
}

#[test]
fn readobj_shows_exports_sections_and_unwind_codes() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let arguments = [
            "--file-headers",
            "--coff-exports",
            "--coff-debug-directory",
            "--sections",
            "--symbols",
            "--unwind",
            &path,
        ];
        let Some((text, good)) = tool("llvm-readobj", &arguments) else { return };
        assert!(good && !text.contains("error") && !text.contains("warning"), "{text}");
        for name in ["maru_image", "list->string!", "maru_leaf2"] {
            assert!(text.contains(&format!("Name: {name}")), "{name} in {text}");
        }
        for part in ["Name: .debug_line", "PDBSignature", "IMAGE_FILE_DLL", "NX_COMPAT", "DYNAMIC_BASE"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let codes: &[&str] = match cpu.name {
            "x64" => &["SAVE_NONVOL reg=RBX, offset=0x20", "ALLOC_SMALL size=40", "StartAddress: maru_leaf "],
            // It shows no codes behind the mark that there is no prologue.
            _ => &["0xe5                ; end_c", "FunctionLength: 8", "ExceptionData: No"],
        };
        for code in codes {
            assert!(text.contains(code), "{code} in {text}");
        }
    }
}

#[test]
fn objdump_shows_functions() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("llvm-objdump", &["-d", &path]) else { return };
        let call = if cpu.name == "x64" { "callq\t*%rcx" } else { "blr\tx0" };
        assert!(good && text.contains("<maru_call>:") && text.contains(call), "{text}");
        let (text, good) = tool("llvm-objdump", &["-p", &path]).expect("the tool was there");
        assert!(good && text.contains("DLL name: sample.dll"), "{text}");
    }
}

#[test]
fn dwarfdump_verifies_lines() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let Some((text, good)) = tool("llvm-dwarfdump", &["--verify", &path]) else { return };
        assert!(good && !text.contains("error:") && !text.contains("warning:"), "{text}");
        let (text, _) = tool("llvm-dwarfdump", &["--debug-line", &path]).expect("the tool was there");
        assert!(text.contains("program.l"), "{text}");
    }
}

/// Link a program that calls a function of the library, by an import library made of its exports: what the linker says,
/// whether it is content, and the program's path. `None` without the tools.
fn link(cpu: &Cpu, directory: &TestDirectory, path: &str, function: &str) -> Option<(String, bool, String)> {
    let (listed, good) = tool("llvm-readobj", &["--coff-exports", path])?;
    assert!(good, "{listed}");
    let names = listed.lines().filter_map(|line| line.trim().strip_prefix("Name: "));
    let definition: String = std::iter::once("LIBRARY sample.dll\nEXPORTS\n".to_string())
        .chain(names.map(|name| format!("  \"{name}\"\n")))
        .collect();
    let definition = directory.file("sample.def", definition.as_bytes());
    let (library, object, program) =
        (directory.path("sample.lib"), directory.path("main.obj"), directory.path("main.exe"));
    let machine = if cpu.name == "x64" { "i386:x86-64" } else { "arm64" };
    let (text, good) = tool("llvm-dlltool", &["-m", machine, "-d", &definition, "-l", &library])?;
    assert!(good, "{text}");
    let body = match cpu.name {
        "x64" => format!("callq {function}\nmovq __imp_maru_image(%rip), %rax\nretq\n"),
        _ => format!("bl {function}\nadrp x0, __imp_maru_image\nldr x0, [x0, :lo12:__imp_maru_image]\nret\n"),
    };
    let source = directory.file("main.s", format!(".globl main\n.p2align 2\nmain:\n{body}").as_bytes());
    let triple = format!("-triple={}-pc-windows-msvc", cpu.triple);
    let (text, good) = tool("llvm-mc", &[&triple, "-filetype=obj", "-o", &object, &source])?;
    assert!(good, "{text}");
    let out = format!("/out:{program}");
    let arguments = ["/entry:main", "/subsystem:console", "/nodefaultlib", &out, &object, &library];
    let (text, good) = tool("lld-link", &arguments)?;
    Some((text, good, program))
}

#[test]
fn a_linker_links_programs_against_its_exports() {
    for cpu in cpus() {
        let (directory, path) = sample_file(cpu);
        let Some((text, good, program)) = link(cpu, &directory, &path, "maru_call") else { return };
        assert!(good, "{text}");
        let bytes = std::fs::read(program).expect("a program");
        let program = goblin::pe::PE::parse(&bytes).expect("readable");
        assert!(program.imports.iter().all(|import| import.dll == "sample.dll"));
        let names: Vec<_> = program.imports.iter().map(|import| import.name.to_string()).collect();
        assert!(
            names.iter().any(|name| name == "maru_call") && names.iter().any(|name| name == "maru_image"),
            "{names:?}"
        );
        let (text, good, _) = link(cpu, &directory, &path, "no_such_function").expect("the tools were there");
        assert!(!good && text.contains("undefined symbol: no_such_function"), "{text}");
    }
}

#[test]
fn lldb_shows_names_lines_and_source() {
    for cpu in cpus() {
        let (_directory, path) = sample_file(cpu);
        let target = format!("target create {path}");
        let mut arguments = vec!["--batch", "--no-lldbinit"];
        for command in [&target, "image lookup -v -n maru_call", "source list -n maru_call"] {
            arguments.extend(["-o", command]);
        }
        let Some((text, good)) = tool("lldb", &arguments) else { return };
        assert!(good && text.contains("sample.dll`maru_call at program.l:5"), "{text}");
        assert!(text.contains("5   \t(define (call f)"), "{text}");
    }
}
