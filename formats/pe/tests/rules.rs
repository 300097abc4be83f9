//! Every rule refuses a file in which its fault is planted; `tests/faults.txt` is the table of all. `BLESS=1` writes
//! it anew.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_core::format::ObjectFormat;
use maru_pe::{rules, PE};
use std::collections::BTreeSet;

/// A fault: what it is, the rule that must refuse it, how it is planted. The checksum is made right again, unless the
/// fault is in it.
type Fault = (&'static str, &'static str, fn(&mut Library));

const HEADER_FAULTS: &[Fault] = &[
    ("no mark of DOS", "headers", |l| l.write(0, b"ZM")),
    ("a header outside of the file", "headers", |l| l.put(0x3c, 0x7fff_fff8)),
    ("a header that is not PE's", "headers", |l| l.write(HEADER, b"NE")),
    ("a header for 32 bits", "headers", |l| l.write(OPTIONAL, &[0x0b, 0x01])),
    ("15 directories", "headers", |l| l.put(OPTIONAL + 108, 15)),
    ("no sections", "headers", |l| l.write(HEADER + 6, &[0, 0])),
    ("the CPU of 32-bit x86", "cpu", |l| l.write(HEADER + 4, &[0x4c, 0x01])),
    ("a main program", "file-kind", |l| l.write(HEADER + 22, &[0x22, 0x00])),
    ("relocations were removed", "file-kind", |l| l.write(HEADER + 22, &[0x23, 0x20])),
    ("for a newer Windows", "versions", |l| l.put(OPTIONAL + 48, 99)),
    ("a driver", "versions", |l| l.write(OPTIONAL + 68, &[1])),
    ("a base within 4 GiB", "base", |l| l.put(OPTIONAL + 28, 0)),
    ("a base at a multiple of 4 KiB", "base", |l| l.put(OPTIONAL + 24, 0x8000_1000)),
    ("a base beyond all addresses", "base", |l| l.put(OPTIONAL + 28, 0x8000_0000)),
    ("sections at multiples of 512", "alignments", |l| l.put(OPTIONAL + 32, 0x200)),
    ("a fixed base", "protections", |l| l.write(OPTIONAL + 70, &[0x20, 0x01])),
    ("data that may be executed", "protections", |l| l.write(OPTIONAL + 70, &[0x60, 0x00])),
    ("a signature is demanded", "protections", |l| l.write(OPTIONAL + 70, &[0xe0, 0x01])),
    ("code that runs on loading", "entry", |l| l.put(OPTIONAL + 16, 0x1000)),
    ("a header larger than it is", "header-size", |l| l.put(OPTIONAL + 60, 0x600)),
    ("a wrong checksum", "checksum", |l| l.add(OPTIONAL + 64, 1)),
    ("no checksum", "checksum", |l| l.put(OPTIONAL + 64, 0)),
];

const SECTION_FAULTS: &[Fault] = &[
    ("a library of a page more", "image-size", |l| l.add(OPTIONAL + 56, 0x1000)),
    ("a gap between sections", "section-order", |l| l.add(l.section(".data") + 12, 0x1000)),
    ("sections overlap in memory", "section-order", |l| l.put(l.section(".rdata") + 12, 0x1000)),
    ("a section of no bytes", "section-order", |l| l.put(l.section(".data") + 8, 0)),
    ("a section at an odd place", "section-order", |l| l.add(l.section(".pdata") + 12, 16)),
    ("sections overlap in the file", "section-offsets", |l| l.add(l.section(".rdata") + 20, -0x200)),
    ("a section after the file", "section-offsets", |l| l.put(l.section(".pdata") + 20, 0x7fff_fe00)),
    ("zeros with a place in the file", "section-offsets", |l| l.put(l.section(".data") + 20, 0x400)),
    ("the file cut short", "section-offsets", |l| l.0.truncate(0x800)),
    ("a section larger in the file", "section-sizes", |l| l.add(l.section(".rdata") + 16, 0x200)),
    ("a section larger in memory", "section-sizes", |l| l.add(l.section(".rdata") + 8, 0x200)),
    ("a section with relocations", "section-sizes", |l| l.write(l.section(".text") + 32, &[1])),
    ("code that may be written", "section-rights", |l| l.put(l.section(".text") + 36, 0xe000_0020)),
    ("constants that may be executed", "section-rights", |l| l.put(l.section(".rdata") + 36, 0x6000_0040)),
    ("data that programs share", "section-rights", |l| l.put(l.section(".data") + 36, 0xd000_0080)),
    ("a second section of code", "section-rights", |l| l.put(l.section(".rdata") + 36, 0x6000_0020)),
    ("a name after a slash that is no number", "section-names", |l| l.write(l.section("/4") + 1, b"x")),
    ("a name outside of the names", "section-names", |l| l.write(l.section("/4") + 1, b"99999")),
];

const DIRECTORY_FAULTS: &[Fault] = &[
    ("imports", "directories", |l| l.put(OPTIONAL + 112 + 8, 0x2000)),
    ("thread-local data", "directories", |l| l.put(OPTIONAL + 112 + 8 * 9, 0x2000)),
    ("words to be relocated", "directories", |l| l.put(OPTIONAL + 112 + 8 * 5 + 4, 12)),
    ("managed code", "directories", |l| l.put(OPTIONAL + 112 + 8 * 14, 0x2000)),
    ("no exports", "directories", |l| l.write(OPTIONAL + 112, &[0; 8])),
    ("no debug directory", "directories", |l| l.write(OPTIONAL + 112 + 8 * 6, &[0; 8])),
    ("exports in the zeros", "directories", |l| l.put(OPTIONAL + 112, l.get(l.section(".data") + 12))),
    ("exports beyond a section", "directories", |l| l.put(OPTIONAL + 116, 0x1000)),
    ("an export more than there are", "exports", |l| {
        let at = l.directory(0).1;
        l.add(at + 20, 0x4000);
        l.add(at + 24, 0x4000);
    }),
    ("exports without names", "exports", |l| l.add(l.directory(0).1 + 24, -1)),
    ("numbers from two on", "exports", |l| l.put(l.directory(0).1 + 16, 2)),
    ("a table of names elsewhere", "exports", |l| l.put(l.directory(0).1 + 32, 0x1000)),
    ("names not sorted", "exports", |l| {
        let names = l.offset_of(l.get(l.directory(0).1 + 32));
        let (first, second) = (l.get(names), l.get(names + 4));
        l.put(names, second);
        l.put(names + 4, first);
    }),
    ("a name without an end", "exports", |l| {
        let (entry, at) = l.directory(0);
        l.write(at + l.get(entry + 4) as usize - 1, b"x");
    }),
    ("a name of another address", "exports", |l| {
        let ordinals = l.offset_of(l.get(l.directory(0).1 + 36));
        l.write(ordinals, &[1]);
    }),
    ("an export outside of the library", "exports", |l| l.put(l.directory(0).1 + 40, 0x10_0000)),
    ("an export of another library's", "exports", |l| {
        let (entry, at) = l.directory(0);
        l.put(at + 40, l.get(entry) + 40);
    }),
    ("unwind entries cut short", "unwind-entries", |l| l.add(OPTIONAL + 112 + 8 * 3 + 4, -4)),
    ("unwind entries not sorted", "unwind-entries", |l| {
        let at = l.directory(3).1;
        l.put(at, 0x1020);
    }),
    ("an unwind entry outside of the code", "unwind-entries", |l| l.put(l.directory(3).1, 0x2000)),
    ("codes at an odd place", "unwind-codes", |l| {
        let at = l.directory(3).1;
        let codes = if l.0[HEADER + 4] == 0x64 && l.0[HEADER + 5] == 0x86 { at + 8 } else { at + 4 };
        l.add(codes, 2);
    }),
    ("a handler", "unwind-codes", |l| {
        let at = l.codes(0);
        match l.0[HEADER + 5] {
            0x86 => l.write(at, &[0x09]),
            _ => l.add(at, 1 << 20),
        }
    }),
    ("a code that is unknown", "unwind-codes", |l| {
        let at = l.codes(2);
        l.write(at + 5, &[0xff]);
    }),
    ("more codes than there are", "unwind-codes", |l| {
        let at = l.codes(2);
        match l.0[HEADER + 5] {
            0x86 => l.write(at + 2, &[1]),
            _ => l.write(at + 6, &[1, 1]),
        }
    }),
    ("a prologue", "unwind-codes", |l| {
        let at = l.codes(2);
        match l.0[HEADER + 5] {
            0x86 => l.write(at + 4, &[1]),
            _ => l.write(at + 4, &[0xe3]),
        }
    }),
    ("an identifier at two places", "debug", |l| l.add(l.directory(6).1 + 24, 4)),
    ("an identifier of an older kind", "debug", |l| {
        let at = l.directory(6).1;
        l.write(at + 56, b"NB10");
    }),
    ("a debug directory cut short", "debug", |l| l.add(OPTIONAL + 112 + 8 * 6 + 4, -4)),
    ("symbols somewhere else", "symbols", |l| l.add(HEADER + 12, -18)),
    ("a symbol more than there are", "symbols", |l| l.add(HEADER + 16, 1)),
    ("a symbol's name outside of the names", "symbols", |l| l.put(l.symbols() + 4, 0x1_0000)),
    ("a symbol of no section", "symbols", |l| l.write(l.symbols() + 12, &[99])),
    ("a symbol outside of its section", "symbols", |l| l.put(l.symbols() + 8, 0x10_0000)),
    ("names of no size", "symbols", |l| {
        let pool = l.symbols() + 18 * l.get(HEADER + 16) as usize;
        l.put(pool, 0);
    }),
];

fn all() -> Vec<Fault> {
    [HEADER_FAULTS, SECTION_FAULTS, DIRECTORY_FAULTS].concat()
}

/// A line for every fault: what it is, and which rules refuse it.
fn table(cpu: &Cpu) -> String {
    let mut lines = String::new();
    for (fault, rule, plant) in all() {
        let mut library = Library::new(cpu);
        plant(&mut library);
        if rule != "checksum" {
            library.sum();
        }
        let refusals: Vec<_> = rules::check(&library.0).into_iter().map(|violation| violation.rule).collect();
        assert!(refusals.contains(&rule), "{fault}: not refused by {rule}, only by {refusals:?}");
        PE.read(&library.0).expect_err(fault);
        let others: Vec<_> = refusals.into_iter().filter(|other| *other != rule).collect();
        lines.push_str(format!("{fault:<40} {rule:<16} {}", others.join(" ")).trim_end());
        lines.push('\n');
    }
    lines
}

#[test]
fn every_rule_refuses_its_faults() {
    let head = format!("{:<40} {:<16} {}\n\n", "fault", "refused by", "and by");
    let text = head + &table(&X64);
    let arm64 = table(&ARM64);
    assert!(text.ends_with(&arm64), "not the same for both CPUs:\n{text}\n{arm64}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &text).expect("a writable folder");
    }
    let blessed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text == blessed, "tests/faults.txt is not up to date; BLESS=1 writes it anew:\n{text}");
    println!("{text}");
}

#[test]
fn every_rule_has_a_fault() {
    let refused: BTreeSet<_> = all().iter().map(|fault| fault.1).collect();
    let rules: BTreeSet<_> = rules::RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(refused, rules);
    assert_eq!(rules.len(), rules::RULES.len(), "two rules have the same name");
}

#[test]
fn files_without_faults_keep_all_rules() {
    for cpu in cpus() {
        assert_eq!(rules::check(&Library::new(cpu).0), []);
        for count in [0, 1, 100] {
            assert_eq!(rules::check(&cpu.written(&cpu.numbered(count)).1), []);
        }
    }
}
