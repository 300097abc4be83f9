//! Assembly text, by every assembler for it that is here: the object that each makes has the bytes of the object that Maru
//! writes itself, but for what a linker fills in; and for a fault planted in the text, linking fails.

use maru_compiler::unit::{self, check_strategy, Artifact};
// What nobody names is not linked: the plugins.
use maru_conformance as _;
use maru_core::codegen::Architecture;
use maru_core::format::{identity, ObjectFormat};
use maru_core::registry;
use maru_core::tool::Tool;
use maru_language::runtime::{Options, Strategy};
use maru_language::value::on_large_stack;
use object::{Object, ObjectSection};
use std::collections::BTreeMap;
use std::path::Path;

type Pair = (&'static dyn Architecture, &'static dyn ObjectFormat);

/// A program with doubles, loops, long jumps, jumps to functions nearby, many arguments, calls of functions, closures and strings.
const PROGRAM: &str = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(define (many a b c d e f g h i j) (list a b c d e f g h i j (lambda (x) (+ x a j))))
(define (sum n) (let ((s 0.5)) (while (> n 0) (set s (+ s (* n 1.25))) (set n (- n 1))) s))
(define (walk list) (if (null? list) 0 (+ (/ (car list) 7) (% (car list) 3) (walk (cdr list)))))
(define (odd n) (if (= n 0) #f (even (- n 1))))
(define (even n) (if (= n 0) #t (odd (- n 1))))
(define (name x) (try (car x) (catch (e) (list \"no\" (error-kind e))) (finally (fib 3))))
(println (fib 10) (many 1 2 3 4 5 6 7 8 9 10) (sum 100) (walk '(7 14 21)) (name 1))
";

fn built((architecture, format): Pair, name: &str, text: &str, artifact: Artifact) -> Vec<u8> {
    let bytes = on_large_stack(64 << 20, |stack| {
        let mut runtime = maru_compiler::runtime(Options::default(), stack).expect("a runtime");
        unit::build_program(&mut runtime, name, text, architecture, format, artifact)
    });
    let place = format!("{} in {}", architecture.name(), format.name());
    bytes.expect("a stack").unwrap_or_else(|problem| panic!("{place}: {problem}"))
}

/// The assemblers that are here for each pair; of the others it is said that they were not tried.
fn assemblers() -> Vec<(Pair, Tool)> {
    let mut found: Vec<(Pair, Tool)> = Vec::new();
    assert!(registry::architectures().iter().any(|architecture| architecture.assembly().is_some()), "no targets");
    for architecture in registry::architectures() {
        for format in registry::formats() {
            let Some(machine) = identity(architecture, format) else { continue };
            if architecture.assembly().is_none() {
                continue;
            }
            for tool in format.assemblers(machine, architecture.is_host() && format.is_host()) {
                match tool.is_here() {
                    true => found.push(((architecture, format), tool)),
                    false => eprintln!("NOT RUN: {} is missing, of {}", tool.program, tool.package),
                }
            }
        }
    }
    found
}

/// The object that an assembler makes of a text.
fn assembled(tool: &Tool, text: &[u8]) -> Vec<u8> {
    let directory = maru_compiler::load::scratch_directory().expect("a directory");
    std::fs::write(directory.path().join("unit.s"), text).expect("written");
    tool.run(directory.path(), &["-o", "unit.o", "unit.s"], "unit.o").unwrap_or_else(|problem| panic!("{problem}"));
    std::fs::read(directory.path().join("unit.o")).expect("readable")
}

/// The bytes of the image's sections that both have, without those that a linker fills in by the object of Maru's own.
fn sections(own: &[u8], other: &[u8]) -> BTreeMap<String, [Vec<u8>; 2]> {
    let [own, other] = [own, other].map(|bytes| object::File::parse(bytes).expect("an object"));
    let mut all = BTreeMap::new();
    for section in own.sections() {
        let name = section.name().expect("a name").to_string();
        let holds_code = [".text", ".rodata", ".eh_frame"].contains(&name.as_str()) || name.starts_with(".debug_");
        let Some(same) = other.section_by_name(&name).filter(|_| holds_code) else { continue };
        let mut pair = [&section, &same].map(|section| section.data().expect("bytes").to_vec());
        // Assemblers fill a section up to its alignment.
        let size = pair[0].len();
        assert!(pair[1].len() >= size && pair[1][size..].iter().all(|byte| *byte == 0), "{name}: another size");
        pair[1].truncate(size);
        for (at, relocation) in section.relocations() {
            let width = usize::from(relocation.size() / 8).max(4);
            pair.iter_mut().for_each(|bytes| bytes[at as usize..(at as usize + width).min(size)].fill(0));
        }
        all.insert(name, pair);
    }
    all
}

#[test]
fn assemblers_make_the_bytes_that_maru_writes() {
    for (pair, tool) in assemblers() {
        let examples = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")).expect("examples");
        let files = examples.map(|entry| entry.expect("an example").path());
        let sources = files.filter(|path| path.extension().is_some_and(|ending| ending == "l"));
        let texts = sources.map(|path| std::fs::read_to_string(path).expect("a text"));
        for text in std::iter::once(PROGRAM.to_string()).chain(texts) {
            let [own, assembly] = [Artifact::Object, Artifact::Assembly].map(|what| built(pair, "p.l", &text, what));
            let compared = sections(&own, &assembled(&tool, &assembly));
            let place = format!("{} in {} by {}", pair.0.name(), pair.1.name(), tool.program);
            assert!([".text", ".rodata", ".eh_frame"].iter().all(|name| compared.contains_key(*name)), "{place}");
            for (name, [own, other]) in compared {
                let at = own.iter().zip(&other).position(|(own, other)| own != other);
                assert!(at.is_none(), "{place}: {name} differs at {at:x?} of {:#x}", own.len());
            }
        }
    }
}

#[test]
fn what_an_assembler_makes_otherwise_is_refused() {
    for architecture in registry::architectures() {
        for format in registry::formats() {
            if check_strategy(Strategy::Assembler, architecture, format).is_err() {
                continue;
            }
            let machine = identity(architecture, format).expect("of a pair");
            let is_host = architecture.is_host() && format.is_host();
            let tool = format.assemblers(machine, is_host).into_iter().find(Tool::is_here).expect("of a pair");
            let text = built((architecture, format), "p.l", PROGRAM, Artifact::Assembly);
            let text = String::from_utf8(text).expect("text");
            let library = |text: &str| {
                let directory = maru_compiler::load::scratch_directory().expect("a directory");
                let object = assembled(&tool, text.as_bytes());
                std::fs::write(directory.path().join("unit.o"), object).expect("written");
                let linker = maru_core::format::Linker::find(format.linkers(machine, is_host), "this pair");
                let name = format.file_name("unit");
                linker.expect("of a pair").link(directory.path(), "unit.o", &name).expect("linked");
                let bytes = std::fs::read(directory.path().join(name)).expect("readable");
                maru_compiler::load::check(Path::new(""), &bytes, format, architecture)
            };
            assert!(library(&text).is_ok(), "{} in {}", architecture.name(), format.name());
            // An instruction there twice.
            let line = text.lines().find(|line| line.contains(" 24") || line.contains("#16")).expect("an instruction");
            assert!(library(&text.replacen(line, &format!("{line}\n{line}"), 1)).is_err(), "{line}");
        }
    }
}
