//! The example that writes a library of macOS by itself writes one that keeps every rule of the format's own checker, for
//! both architectures; another reader finds in it what it says.

use object::{Object, ObjectSymbol};
use std::process::Command;

/// The bytes of the library that the example writes under a name of its own.
fn library(architecture: &str) -> Vec<u8> {
    let name = format!("test-{architecture}-{}", std::process::id());
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/dylib.l");
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    command.args(["run", "--jit", "off", example, &name]).env("MARU_TARGET_ARCH", architecture);
    let output = command.output().expect("maru runs");
    assert!(output.status.success(), "{output:?}");
    let path = format!("/tmp/maru-{name}.dylib");
    let bytes = std::fs::read(&path).expect("the library");
    std::fs::remove_file(&path).expect("the library can be removed");
    bytes
}

#[test]
fn a_library_written_by_a_program_keeps_all_rules_of_the_format() {
    for (architecture, expected) in [("arm64", object::Architecture::Aarch64), ("x64", object::Architecture::X86_64)] {
        let bytes = library(architecture);
        let broken = maru_macho::rules::check(&bytes);
        assert!(broken.is_empty(), "{architecture}: {broken:?}");
        let file = object::File::parse(&*bytes).expect("a file that can be read");
        assert_eq!((file.kind(), file.architecture()), (object::ObjectKind::Dynamic, expected));
        let symbols: Vec<_> =
            file.symbols().map(|symbol| (symbol.name().unwrap().to_string(), symbol.address())).collect();
        assert_eq!(symbols, [("_answer".to_string(), 1024), ("_nothing".to_string(), 1032)]);
        let mut damaged = bytes.clone();
        damaged[1024] ^= 1;
        let broken: Vec<_> = maru_macho::rules::check(&damaged).iter().map(|violation| violation.rule).collect();
        assert_eq!(broken, ["page-digests"], "{architecture}");
    }
}
