//! The rules that loaders of Windows, and the tools around them, make for a library; and a checker of them, which knows
//! nothing of how our files are written: it takes raw bytes apart.
//!
//! A loader gives a number for a reason, and some rules it does not check at all and falls over what breaks them.
//! Here all are checked, and every one has a name. Where the rules leave a choice that our files have no use for, the
//! file must not make it.

pub(crate) mod debug;
pub(crate) mod exports;
pub(crate) mod file;
mod headers;
mod sections;
mod symbols;
mod unwind;

use file::{File, Verdict};

/// A rule.
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// Who looks at it: `loader`, `unwinder`, `debugger`, or `nobody`, where what breaks it would just go wrong.
    pub checked_by: &'static str,
    /// What it demands.
    pub demand: &'static str,
    check: fn(&File) -> Verdict,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong.
    pub problem: String,
}

const fn rule(name: &'static str, checked_by: &'static str, demand: &'static str, check: fn(&File) -> Verdict) -> Rule {
    Rule { name, checked_by, demand, check }
}

/// All rules. Where a file breaks the first, the others cannot be looked at.
pub static RULES: &[Rule] = &[
    rule("headers", "loader", "the headers of DOS and of PE32+, 16 directories, the table of sections", |_| Ok(())),
    rule("cpu", "loader", "x64 or arm64", headers::cpu),
    rule(
        "file-kind",
        "loader",
        "a library for addresses of all sizes, whose relocations were not removed",
        headers::kind,
    ),
    rule("versions", "loader", "for Windows 6.2, of no special subsystem", headers::versions),
    rule("base", "loader", "a preferred base above 4 GiB, a multiple of 64 KiB", headers::base),
    rule("alignments", "loader", "pages of 4 KiB in memory, blocks of 512 bytes in the file", headers::alignments),
    rule("protections", "loader", "any base, no code but code; no more demands", headers::protections),
    rule("entry", "loader", "nothing runs on loading", headers::entry),
    rule("header-size", "loader", "the header's size is that of its parts, rounded", headers::size),
    rule("image-size", "loader", "the library ends with its last section, rounded", sections::image_size),
    rule("section-order", "loader", "sections follow each other in memory without a gap", sections::order),
    rule("section-offsets", "loader", "sections lie in the file, in order, behind the header", sections::offsets),
    rule(
        "section-sizes",
        "loader",
        "a section's size in the file is that in memory, rounded, or none",
        sections::sizes,
    ),
    rule(
        "section-rights",
        "loader",
        "one section is executable, no other is writable and in the file",
        sections::rights,
    ),
    rule("section-names", "debugger", "long names of sections lie in the pool", symbols::section_names),
    rule(
        "directories",
        "loader",
        "exports, unwind entries and the debug directory; nothing else",
        sections::directories,
    ),
    rule(
        "exports",
        "loader",
        "names ascend, each has an address of its own in a section, and none elsewhere",
        exports::exports,
    ),
    rule("unwind-entries", "unwinder", "stretches of code ascend and do not overlap", unwind::entries),
    rule("unwind-codes", "unwinder", "codes are whole, known, and there is no handler", unwind::codes),
    rule("debug", "debugger", "what the debug directory names lies where it says", debug::debug),
    rule(
        "symbols",
        "debugger",
        "symbols and their names lie at the end of the file, in known sections",
        symbols::symbols,
    ),
    rule("checksum", "loader", "the checksum is right", headers::checksum),
];

/// All rules that a file breaks, in their order.
pub fn check(bytes: &[u8]) -> Vec<Violation> {
    let violation = |rule: &Rule, problem| Violation { rule: rule.name, problem };
    let file = match File::parse(bytes) {
        Ok(file) => file,
        Err(problem) => return vec![violation(&RULES[0], problem)],
    };
    RULES.iter().filter_map(|rule| (rule.check)(&file).err().map(|problem| violation(rule, problem))).collect()
}
