//! Bytes: of instructions as `encodings.txt` has them, and of the functions that golden files are kept for.
//!
//! For a CPU that exists, `encodings.txt` comes from another assembler. Here it was written by hand from the manual.

use maru_core::codegen::CodeBuffer;
use maru_template::instruction::{put, register_count, TABLE};
use maru_template::TARGET;
use maru_trials::golden;
use std::path::Path;

/// Registers of the samples.
const REGISTERS: [u8; 3] = [1, 2, 15];

#[test]
fn every_instruction_has_the_bytes_of_the_manual() {
    let mut lines = include_str!("../encodings.txt").lines();
    for number in 0..TABLE.len() as u16 {
        let mut code = CodeBuffer::new(true);
        put(&mut code, number, &REGISTERS[..register_count(number)], -2);
        let listing = code.listing();
        let bytes: Vec<String> = listing[0].bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = format!("{}  {}", bytes.join(" "), listing[0].text);
        assert_eq!(Some(found.trim_end()), lines.next().map(str::trim_end), "instruction {number}");
    }
    assert_eq!(lines.next(), None, "encodings.txt has a line too many");
}

#[test]
fn functions_are_golden() {
    let bless = std::env::var_os("BLESS").is_some();
    let different =
        golden::check(&TARGET, &Path::new(env!("CARGO_MANIFEST_DIR")).join("golden"), bless).expect("golden files");
    assert!(
        different.is_empty(),
        "BLESS=1 rewrites golden files; read the difference first.\n{}",
        different.join("\n")
    );
}
