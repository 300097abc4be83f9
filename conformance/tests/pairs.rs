//! Every target writes every example in every format that it has an identity for: readers accept the files, and the
//! format's own checks of distrusted files do. What this host cannot run is looked at all the same.

use maru_compiler::unit;
use maru_conformance::files::check_file;
use maru_core::codegen::{find_compiler, Architecture};
use maru_core::format::{self, ObjectFormat};
use maru_core::registry;
use maru_language::runtime::Options;
use maru_language::value::on_large_stack;
use std::io::Write;
use std::path::Path;

/// The bytes of a program's library.
fn built(
    name: &str,
    text: &str,
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
) -> Vec<u8> {
    let bytes = on_large_stack(64 << 20, |stack| {
        let mut runtime = maru_compiler::runtime(Options::default(), stack).expect("a runtime");
        unit::build_program(&mut runtime, name, text, architecture, format, unit::Artifact::Library)
    });
    bytes.expect("a stack").unwrap_or_else(|problem| {
        panic!("{name} for {} in {}: {problem}", architecture.name(), format.name());
    })
}

/// The examples' names and texts.
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let files = std::fs::read_dir(folder).expect("the examples").map(|entry| entry.expect("an example").path());
    let sources = files.filter(|path| path.extension().is_some_and(|ending| ending == "l"));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    sources.map(|path| (name(&path), std::fs::read_to_string(&path).expect("a text"))).collect()
}

#[test]
fn every_pair_writes_files_that_readers_accept() {
    let examples = examples();
    assert!(!examples.is_empty(), "no examples");
    let mut pairs = 0;
    for architecture in registry::architectures() {
        for format in registry::formats() {
            let Some(identity) = format::identity(architecture, format) else { continue };
            let any = registry::any_identity(architecture).expect("this one");
            assert_eq!((identity.pointer_size, identity.little_endian), (any.pointer_size, any.little_endian));
            pairs += 1;
            if let Some(Err(missing)) = architecture.source().map(find_compiler) {
                let _ = writeln!(std::io::stderr(), "NOT RUN: {missing}");
                continue;
            }
            for (name, text) in &examples {
                let bytes = built(name, text, architecture, format);
                let place = format!("{name} for {} in {}", architecture.name(), format.name());
                assert_eq!(check_file(&bytes, format.name()), Ok(()), "{place}");
                let contents = format.read(&bytes).unwrap_or_else(|problem| panic!("{place}: {problem}"));
                assert_eq!(contents.machine, identity.machine, "{place}");
                assert!(built(name, text, architecture, format) == bytes, "{place}: other bytes the second time");
            }
        }
    }
    assert!(pairs > 0, "no target has an identity for any format");
}
