//! Every rule refuses a file in which its fault is planted; `tests/faults.txt` is the table of all. `BLESS=1` writes
//! it anew.
#![allow(missing_docs)]

mod common;

use common::dylib::*;
use common::*;
use maru_core::format::ObjectFormat;
use maru_macho::{rules, MACHO};
use std::collections::BTreeSet;

/// A fault: what it is, the rule that must refuse it, how it is planted. The pages' digests are made right again,
/// unless the fault is in them.
type Fault = (&'static str, &'static str, fn(&mut Dylib));

const HEADER_FAULTS: &[Fault] = &[
    ("a byte-swapped magic number", "magic", |d| d.write(0, &[0xfe, 0xed, 0xfa, 0xcf])),
    ("a command more than there are", "commands", |d| d.add(16, 1)),
    ("commands of 8 bytes more than there are", "commands", |d| d.add(20, 8)),
    ("a command of 20 bytes", "commands", |d| d.put(d.command(UUID) + 4, 20)),
    ("a 32-bit CPU", "cpu", |d| d.put(4, 7)),
    ("arm64e, or only newer x86-64", "cpu", |d| d.put(8, if d.get(4) & 0xff == 7 { 8 } else { 2 })),
    ("a main program", "file-type", |d| d.put(12, 2)),
    ("one namespace for all libraries", "flags", |d| d.put(24, 0x0010_0005)),
    ("an unknown LC_REQ_DYLD command", "known-commands", |d| d.append(0x8000_00ff, &[0, 0])),
    ("a table of function starts", "known-commands", |d| d.append(0x26, &[0, 0])),
    ("code over the commands", "commands-mapped", |d| {
        let section = d.segment("__TEXT") + 72;
        d.put(section + 32, 64);
        d.put(section + 48, 64);
    }),
    ("no LC_ID_DYLIB", "install-name", |d| drop(d.remove(d.command(ID_DYLIB)))),
    ("two LC_ID_DYLIB", "install-name", |d| d.double(ID_DYLIB)),
    ("a name of the system's", "install-name", |d| d.write(d.command(ID_DYLIB) + 24, b"/usr/lib/libc.dylib\0")),
    ("a name without an end", "install-name", |d| d.write(d.command(ID_DYLIB) + 24, &[b'x'; 56])),
    ("no LC_UUID", "uuid", |d| drop(d.remove(d.command(UUID)))),
    ("two LC_UUID", "uuid", |d| d.double(UUID)),
    ("an LC_UUID of zeros", "uuid", |d| d.write(d.command(UUID) + 8, &[0; 16])),
    ("platform = iOS", "build-version", |d| d.put(d.command(BUILD_VERSION) + 8, 2)),
    ("an SDK of 26.0", "build-version", |d| d.put(d.command(BUILD_VERSION) + 16, 0x1a_0000)),
    ("no LC_BUILD_VERSION", "build-version", |d| drop(d.remove(d.command(BUILD_VERSION)))),
    ("no libSystem", "libraries", |d| drop(d.remove(d.command(LOAD_DYLIB)))),
    ("libSystem twice", "libraries", |d| d.double(LOAD_DYLIB)),
    ("another library", "libraries", |d| d.write(d.command(LOAD_DYLIB) + 24, b"/usr/lib/libother.dylib\0")),
    ("a weak library", "libraries", |d| d.put(d.command(LOAD_DYLIB), 0x8000_0018)),
    ("two equal LC_RPATH", "rpath", |d| {
        d.append(0x8000_001c, &[12, 0x2e, 0, 0]);
        d.append(0x8000_001c, &[12, 0x2e, 0, 0]);
    }),
];

const SEGMENT_FAULTS: &[Fault] = &[
    ("no __TEXT", "text", |d| drop(d.remove(d.segment("__TEXT")))),
    ("__TEXT rwx", "text", |d| d.protect("__TEXT", 7)),
    ("__TEXT larger in memory", "text", |d| d.add(d.segment("__TEXT") + 32, 0x4000)),
    ("__TEXT does not begin the file", "text", |d| d.put(d.segment("__TEXT") + 40, 0x4000)),
    ("__DATA rwx", "data", |d| d.protect("__DATA", 7)),
    ("lines larger in memory", "data", |d| d.put(d.segment("__DWARF") + 48, 0x2000)),
    ("__DATA_CONST stays writable", "data-const", |d| d.write(d.segment("__DATA") + 8, b"__DATA_CONST")),
    ("lines writable", "other-segments", |d| d.protect("__DWARF", 3)),
    ("two __DATA", "segment-names", |d| d.write(d.segment("__DWARF") + 8, b"__DATA\0")),
    ("segments overlap in memory", "segment-order", |d| d.put(d.segment("__DATA") + 24, 0)),
    ("segments overlap in the file", "segment-order", |d| d.put(d.segment("__DWARF") + 40, 0)),
    ("__LINKEDIT at a multiple of 4 KiB", "segment-alignment", |d| d.add(d.segment("__LINKEDIT") + 24, 0x1000)),
    ("lines larger in the file", "segment-sizes", |d| d.put(d.segment("__DWARF") + 32, 0)),
    ("unknown bits of protection", "segment-sizes", |d| d.protect("__DATA", 11)),
    ("the file cut short", "segment-sizes", |d| d.0.truncate(d.0.len() - 1)),
    ("__LINKEDIT rw", "linkedit", |d| d.protect("__LINKEDIT", 3)),
    ("__LINKEDIT first", "linkedit", |d| {
        let command = d.remove(d.segment("__LINKEDIT"));
        d.insert(32, &command);
    }),
    ("bytes after __LINKEDIT", "linkedit", |d| d.0.extend([0; 16])),
    ("__LINKEDIT not rounded in memory", "linkedit", |d| d.add(d.segment("__LINKEDIT") + 32, 0x4000)),
    ("a section larger than its segment", "sections", |d| d.put(d.segment("__TEXT") + 72 + 160 + 40, 0x4000)),
    ("a section of another segment", "sections", |d| d.write(d.segment("__TEXT") + 72 + 80 + 16, b"__DATA\0")),
    ("a section elsewhere in the file", "sections", |d| d.add(d.segment("__TEXT") + 72 + 80 + 48, 16)),
    ("__text not said to be code", "text-section", |d| d.put(d.segment("__TEXT") + 72 + 64, 0)),
];

/// A trie that exports one name, `_`, at an address outside.
const OUTSIDE: &[u8] = &[0, 1, b'_', 0, 5, 5, 0, 0xff, 0xff, 0xff, 0x7f, 0];

const LINKEDIT_FAULTS: &[Fault] = &[
    ("chained fixups besides", "fixup-encoding", |d| d.append(0x8000_0034, &[0, 0])),
    ("no LC_DYLD_INFO_ONLY", "fixup-encoding", |d| drop(d.remove(d.command(DYLD_INFO)))),
    ("exports before rebase", "linking-order", |d| {
        let end = d.trie() as u32 + d.get(d.command(DYLD_INFO) + 44);
        d.put(d.command(DYLD_INFO) + 8, end - 8);
        d.put(d.command(DYLD_INFO) + 12, 8);
    }),
    ("an empty part with a place", "linking-order", |d| d.put(d.command(DYLD_INFO) + 16, d.trie() as u32)),
    ("a rebased word of the code", "rebase", |d| {
        // A pointer; segment 0, offset 0; once; done.
        d.write(d.trie(), &[0x11, 0x20, 0, 0x51, 0]);
        d.put(d.command(DYLD_INFO) + 8, d.trie() as u32);
        d.put(d.command(DYLD_INFO) + 12, 8);
    }),
    ("something bound lazily", "bind", |d| {
        d.put(d.command(DYLD_INFO) + 32, d.trie() as u32);
        d.put(d.command(DYLD_INFO) + 36, 8);
    }),
    ("an edge to the root", "exports", |d| d.write(d.trie() + 4, &[0])),
    ("an edge out of the trie", "exports", |d| d.write(d.trie() + 4, &[0x7f])),
    ("an edge that begins as another", "exports", |d| {
        let node = d.trie() + d.0[d.trie() + 4] as usize;
        assert!(d.0[node + 2..].starts_with(b"list->string!\0"));
        d.write(node + 2, b"maru_");
    }),
    ("an export outside of the library", "exports", |d| d.write(d.trie(), OUTSIDE)),
    ("no LC_SYMTAB", "symbols", |d| drop(d.remove(d.command(SYMTAB)))),
    ("symtab misaligned", "symbols", |d| d.add(d.command(SYMTAB) + 8, 4)),
    ("strings before symtab", "symbols", |d| d.put(d.command(SYMTAB) + 16, d.trie() as u32)),
    ("symbols outside of __LINKEDIT", "symbols", |d| d.put(d.command(SYMTAB) + 8, 0x400)),
    ("no LC_DYSYMTAB", "symbol-groups", |d| drop(d.remove(d.command(DYSYMTAB)))),
    ("dysymtab count short", "symbol-groups", |d| {
        d.add(d.command(DYSYMTAB) + 20, 1u32.wrapping_neg());
        d.add(d.command(DYSYMTAB) + 24, 1u32.wrapping_neg());
    }),
    ("a local relocation", "symbol-groups", |d| d.put(d.command(DYSYMTAB) + 76, 1)),
    ("symbols not sorted", "symbol-order", |d| {
        let table = d.table(SYMTAB, 8);
        let first = d.0[table..table + 16].to_vec();
        d.0.copy_within(table + 16..table + 32, table);
        d.write(table + 16, &first);
    }),
    ("a symbol of another group", "symbol-order", |d| d.write(d.table(SYMTAB, 8) + 4, &[0x0e])),
    ("a symbol of another section", "symbol-sections", |d| d.write(d.table(SYMTAB, 8) + 5, &[3])),
    ("a symbol of no section", "symbol-sections", |d| d.write(d.table(SYMTAB, 8) + 5, &[99])),
    ("names without the empty one", "names", |d| d.write(d.table(SYMTAB, 16), b"xx")),
    ("a name outside of the names", "names", |d| d.put(d.table(SYMTAB, 8), 0x1_0000)),
    ("a name without underscore", "names", |d| d.write(d.table(SYMTAB, 16) + 2, b"x")),
    ("a symbol at another address", "exported-symbols", |d| d.add(d.table(SYMTAB, 8) + 8, 4)),
    ("a gap behind the trie", "linkedit-order", |d| d.add(d.command(DYLD_INFO) + 44, 8u32.wrapping_neg())),
    ("something before the signature", "linkedit-order", |d| {
        d.add(d.command(CODE_SIGNATURE) + 8, 16);
        d.add(d.command(CODE_SIGNATURE) + 12, 16u32.wrapping_neg());
    }),
];

/// Faults after which nothing is signed again.
const SIGNATURE_FAULTS: &[Fault] = &[
    ("no LC_CODE_SIGNATURE", "signature", |d| drop(d.remove(d.command(CODE_SIGNATURE)))),
    ("a signature at a multiple of 8", "signature", |d| d.add(d.command(CODE_SIGNATURE) + 8, 8)),
    ("a signature that ends early", "signature", |d| d.add(d.command(CODE_SIGNATURE) + 12, 16u32.wrapping_neg())),
    ("digests that are not SHA-256", "signature-form", |d| d.write(d.directory() + 37, &[1])),
    ("digests of 32 KiB", "signature-form", |d| d.write(d.directory() + 39, &[15])),
    ("a signature that claims a certificate", "signature-form", |d| d.write(d.directory() + 12, &[0; 4])),
    ("a signature of another library", "signature-form", |d| d.write(d.directory() + 88, b"x")),
    ("a second directory", "signature-form", |d| d.write(d.directory() - 9, &[2])),
    ("a digest less", "signature-form", |d| {
        let count = d.directory() + 31;
        d.0[count] -= 1;
    }),
    ("a signature of a part", "signature-cover", |d| {
        let limit = d.directory() + 35;
        d.0[limit] -= 16;
    }),
    ("wrong page hash", "page-digests", |d| d.write(d.directory() + 88 + 60, &[0; 32])),
    ("a changed byte of code", "page-digests", |d| d.write(0x900, &[0xee])),
];

/// A line for every fault: what it is, and which rules refuse it.
fn table(cpu: &Cpu) -> String {
    let mut lines = String::new();
    let signed = [HEADER_FAULTS, SEGMENT_FAULTS, LINKEDIT_FAULTS].concat();
    let unsigned = SIGNATURE_FAULTS.iter().map(|fault| (fault, false));
    for (&(fault, rule, plant), sign) in signed.iter().map(|fault| (fault, true)).chain(unsigned) {
        let mut dylib = Dylib::new(cpu);
        plant(&mut dylib);
        if sign {
            dylib.sign();
        }
        let refusals: Vec<_> = rules::check(&dylib.0).into_iter().map(|violation| violation.rule).collect();
        assert!(refusals.contains(&rule), "{fault}: not refused by {rule}, only by {refusals:?}");
        MACHO.read(&dylib.0).expect_err(fault);
        let others: Vec<_> = refusals.into_iter().filter(|other| *other != rule).collect();
        lines.push_str(format!("{fault:<40} {rule:<18} {}", others.join(" ")).trim_end());
        lines.push('\n');
    }
    lines
}

#[test]
fn every_rule_refuses_its_faults() {
    let head = format!("{:<40} {:<18} {}\n\n", "fault", "refused by", "and by");
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
    let all = [HEADER_FAULTS, SEGMENT_FAULTS, LINKEDIT_FAULTS, SIGNATURE_FAULTS].concat();
    let refused: BTreeSet<_> = all.iter().map(|fault| fault.1).collect();
    let rules: BTreeSet<_> = rules::RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(refused, rules);
    assert_eq!(rules.len(), rules::RULES.len(), "two rules have the same name");
}

#[test]
fn files_without_faults_keep_all_rules() {
    for cpu in cpus() {
        assert_eq!(rules::check(&Dylib::new(cpu).0), []);
        for count in [0, 1, 100] {
            assert_eq!(rules::check(&cpu.written(&cpu.numbered(count)).1), []);
        }
    }
}
