//! Libraries that a system's linker makes of objects, Maru's own or those of a compiler, for every pair of target and format
//! that has a linker here: readers accept them, they have the same bytes each time, and no change of code or constants goes
//! unnoticed.

use maru_compiler::load::check;
use maru_compiler::unit;
use maru_conformance::files::check_file;
use maru_core::codegen::{find_compiler, Architecture};
use maru_core::format::{identity, Linker, ObjectFormat};
use maru_core::registry;
use maru_language::runtime::{Options, Strategy};
use maru_language::value::on_large_stack;
use std::io::Write;
use std::path::Path;

const PROGRAM: &str = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(define (each f list) (if (null? list) 'done (begin (f (car list)) (each f (cdr list)))))
(each (lambda (n) (println (fib n) \" \" (* 1.5 n))) '(1 2 3))
";

type Pair = (&'static dyn Architecture, &'static dyn ObjectFormat);

/// The bytes of the program's library, or of its object.
fn built((architecture, format): Pair, object: bool) -> Vec<u8> {
    let bytes = on_large_stack(64 << 20, |stack| {
        let options = Options { strategy: Strategy::Linker, ..Options::default() };
        let mut runtime = maru_compiler::runtime(options, stack).expect("a runtime");
        let artifact = if object { unit::Artifact::Object } else { unit::Artifact::Library };
        unit::build_program(&mut runtime, "program.l", PROGRAM, architecture, format, artifact)
    });
    let place = format!("{} in {}", architecture.name(), format.name());
    bytes.expect("a stack").unwrap_or_else(|problem| panic!("{place}: {problem}"))
}

/// All pairs with a linker; of the others it is said that they were not tried.
fn pairs() -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    for architecture in registry::architectures() {
        for format in registry::formats() {
            let Some(machine) = identity(architecture, format) else { continue };
            let what = format!("{} in {}", architecture.name(), format.name());
            let is_host = architecture.is_host() && format.is_host();
            let linker = Linker::find(format.linkers(machine, is_host), &what).map_err(|error| error.to_string());
            let compiler = architecture.source().map_or(Ok(()), |source| find_compiler(source).map(drop));
            match linker.and(compiler) {
                Ok(_) => pairs.push((architecture, format)),
                Err(missing) => {
                    let _ = writeln!(std::io::stderr(), "NOT RUN: {missing}");
                }
            }
        }
    }
    pairs
}

#[test]
fn readers_accept_what_linkers_make() {
    for pair in pairs() {
        let (architecture, format) = pair;
        let place = format!("{} in {}", architecture.name(), format.name());
        let bytes = built(pair, false);
        assert_eq!(check_file(&bytes, format.name()), Ok(()), "{place}");
        assert!(built(pair, false) == bytes, "{place}: other bytes the second time");
        if architecture.source().is_none() {
            assert!(built(pair, true) == built(pair, true), "{place}: another object the second time");
        }
        let contents =
            check(Path::new(""), &bytes, format, architecture).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(contents.is_linked, "{place}");
    }
}

/// Sign a Mach-O file again whose bytes were changed: so that nothing but the image tells.
fn sign(bytes: &mut [u8]) {
    use goblin::mach::load_command::CommandVariant;
    use sha2::{Digest, Sha256};
    let Ok(goblin::Object::Mach(goblin::mach::Mach::Binary(file))) = goblin::Object::parse(bytes) else { return };
    let place = file.load_commands.iter().find_map(|command| match command.command {
        CommandVariant::CodeSignature(signature) => Some(signature.dataoff as usize),
        _ => None,
    });
    let Some(signature) = place else { return };
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let directory = signature + number(signature + 16);
    let (digests, page) = (directory + number(directory + 16), 1usize << bytes[directory + 39]);
    for number in 0..signature.div_ceil(page) {
        let digest = Sha256::digest(&bytes[number * page..signature.min((number + 1) * page)]);
        bytes[digests + 32 * number..digests + 32 * (number + 1)].copy_from_slice(&digest);
    }
}

#[test]
fn no_change_of_code_or_constants_goes_unnoticed() {
    for pair in pairs() {
        let (architecture, format) = pair;
        let good = built(pair, false);
        let contents = check(Path::new(""), &good, format, architecture).expect("good");
        let word = |at: usize| {
            let at = contents.constants.start + at;
            i32::from_le_bytes(good[at..at + 4].try_into().expect("four bytes"))
        };
        // Distances have the machine's byte order.
        let machine = registry::any_identity(architecture).expect("this one");
        let distance = if machine.little_endian { word(40) } else { word(40).swap_bytes() };
        let code = contents.constants_address.wrapping_add_signed(distance.into()) - contents.executable.start;
        let code = contents.executable_offset + code as usize;
        let changed = contents.constants.clone().chain(code..code + word(44) as usize);
        let place = format!("{} in {}", architecture.name(), format.name());
        let mut bytes = good.clone();
        for (at, bit) in changed.zip((0..8).cycle()) {
            bytes[at] ^= 1 << bit;
            sign(&mut bytes);
            assert!(check(Path::new(""), &bytes, format, architecture).is_err(), "{place}: bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn a_library_of_other_code_is_no_library_of_maru() {
    // Objects of targets whose code is text are their compilers' own.
    for (architecture, format) in pairs().into_iter().filter(|(architecture, _)| architecture.source().is_none()) {
        // What a linker makes of an image that was linked already has nothing to be checked by.
        let machine = identity(architecture, format).expect("of a pair");
        let mut object = built((architecture, format), true);
        let magic = object.windows(8).position(|bytes| bytes == b"MARUIMG\0").expect("a header");
        object[magic + 68..magic + 88].fill(0);
        let directory = maru_compiler::load::scratch_directory().expect("a directory");
        std::fs::write(directory.path().join("unit.o"), &object).expect("written");
        let is_host = architecture.is_host() && format.is_host();
        let linker = Linker::find(format.linkers(machine, is_host), "this pair").expect("of a pair");
        let library = format.file_name("unit");
        linker.link(directory.path(), "unit.o", &library).expect("linked");
        let bytes = std::fs::read(directory.path().join(library)).expect("readable");
        assert!(check(Path::new(""), &bytes, format, architecture).is_err());
    }
}
