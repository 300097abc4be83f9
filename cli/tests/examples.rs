//! Every program of `examples/` prints what its `; prints:` comments say, interpreted, compiled when hot and compiled
//! before it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The examples, by name.
fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "l")).collect();
    paths.sort();
    paths
}

/// The lines that an example says it prints: what follows `; prints: `, from top to bottom.
fn expected(path: &Path) -> String {
    if path.file_stem().is_some_and(|stem| stem == "math-env") {
        return format!("832040\n{}\n#t ()\n9592\n", factorial(100));
    }
    let source = std::fs::read_to_string(path).unwrap();
    let lines = source.lines().filter_map(|line| line.split_once("; prints: ").map(|(_, text)| format!("{text}\n")));
    lines.collect()
}

/// The digits of a factorial, by long multiplication.
fn factorial(n: u32) -> String {
    let mut digits = vec![1];
    for factor in 2..=n {
        let mut carry = 0;
        for digit in &mut digits {
            let product = *digit * factor + carry;
            (*digit, carry) = (product % 10, product / 10);
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    digits.iter().rev().map(u32::to_string).collect()
}

#[test]
fn examples_print_what_they_say() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for path in examples() {
        let expected = expected(&path);
        assert!(!expected.is_empty(), "{} does not say what it prints", path.display());
        for mode in ["off", "auto", "always"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
            let output = command.current_dir(folder).arg("run").args(["--jit", mode]).arg(&path).output().unwrap();
            let name = format!("{} --jit {mode}", path.display());
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{name}: {output:?}");
            assert!(output.status.success(), "{name}: {output:?}");
        }
    }
}

#[test]
fn the_factorial_is_right() {
    assert_eq!(factorial(20), "2432902008176640000");
    assert_eq!(factorial(100).len(), 158);
}
