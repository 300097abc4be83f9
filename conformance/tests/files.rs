//! The readers of library files accept what was just compiled, and find damage.

use maru_conformance::files::check_file;
use maru_core::registry;
use maru_language::interp;
use maru_language::runtime::{JitMode, Options};
use maru_language::value::on_large_stack;
use std::sync::Mutex;

static FILES: Mutex<Vec<(Vec<u8>, String)>> = Mutex::new(Vec::new());

/// Libraries made of a small program.
fn libraries() -> Vec<(Vec<u8>, String)> {
    let options = Options {
        jit: JitMode::Always,
        inspect_library: Some(|bytes, format| {
            FILES.lock().expect("no test panics with it").push((bytes.to_vec(), format.to_string()));
        }),
        ..Options::default()
    };
    on_large_stack(64 << 20, |stack| {
        let mut runtime = maru_compiler::runtime(options, stack).expect("a runtime");
        let program = "(define (f x) (if (< x 1) 1 (* x (f (- x 1))))) (f 30)";
        interp::run_program(&mut runtime, "test.l", program).expect("a value");
    })
    .expect("a stack");
    FILES.lock().expect("no test panics with it").clone()
}

#[test]
fn good_files_pass_and_damaged_ones_do_not() {
    assert!(check_file(b"", "elf").is_err());
    assert!(check_file(b"not a library at all, but long enough to look at", "elf").is_err());
    if registry::host_architecture().is_none() || registry::host_format().is_none() {
        return;
    }
    let files = libraries();
    assert!(!files.is_empty(), "nothing was compiled");
    for (bytes, format) in &files {
        assert_eq!(check_file(bytes, format), Ok(()));
        for length in [16, 100, bytes.len() / 2] {
            assert!(check_file(&bytes[..length], format).is_err(), "cut to {length} bytes");
        }
    }
    let (bytes, format) = &files[0];
    if format == "elf" {
        // Program headers of 56 bytes start at 64; the flags are their second word.
        for header in (64..64 + 56 * usize::from(bytes[56])).step_by(56) {
            let mut damaged = bytes.clone();
            damaged[header + 4] |= 3;
            assert!(check_file(&damaged, format).is_err(), "a segment is writable and executable");
        }
        let mut executable = bytes.clone();
        executable[16] = 2;
        assert!(check_file(&executable, format).is_err(), "no shared object");
    }
}
