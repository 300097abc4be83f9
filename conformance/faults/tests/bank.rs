//! The bank fits the sources of today: a fault whose place is gone would not be looked for by anybody.

use maru_faults::{check_places, find_root, Bank, CATEGORIES};
use std::path::Path;

/// The fewest faults that the bank is to have.
const LEAST: usize = 250;

#[test]
fn every_fault_has_its_place() {
    let root = find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let bank = Bank::read(&root).unwrap_or_else(|problem| panic!("{problem}"));
    check_places(&bank, &root).unwrap_or_else(|problems| panic!("mend the bank:\n{problems}"));
    for category in CATEGORIES {
        assert!(bank.faults.iter().any(|fault| fault.category == category), "{category} has no faults");
    }
    let telling = bank.faults.iter().filter(|fault| fault.equivalent.is_none()).count();
    assert!(telling >= LEAST, "{telling} faults that can be told from the original");
}

#[test]
fn the_template_has_ten_faults_of_the_template() {
    let root = find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let text = std::fs::read_to_string(root.join("conformance/faults/template.txt")).unwrap();
    let mut bank = Bank::default();
    bank.parse("template", &text).unwrap();
    assert_eq!(bank.faults.len(), 10);
    check_places(&bank, &root).unwrap_or_else(|problems| panic!("{problems}"));
}
