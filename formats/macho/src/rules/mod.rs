//! The rules that loaders of macOS 11 to 26, and the tools around them, make for a dynamic library; and a checker of
//! them, which knows nothing of how our files are written: it takes raw bytes apart.
//!
//! A loader gives no reasons worth the name, and which rules it checks depends on its version and on the version that
//! the file declares. Some it does not check at all and falls over what breaks them. Here all are checked, and every
//! one has a name. Where the rules leave a choice, what is checked is the choice that all versions accept.

mod commands;
pub(crate) mod file;
pub(crate) mod linkedit;
mod segments;
mod signature;
pub(crate) mod trie;

use file::{ensure, File, Verdict, View};

/// A rule.
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// Who looks at it: a version of the system from which its loader does, `tools`, or `nobody` where the loader
    /// just falls over.
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

/// All rules. Where a file breaks the first or the second, the others cannot be looked at.
pub static RULES: &[Rule] = &[
    rule("magic", "all", "64-bit little-endian Mach-O", magic),
    rule("commands", "all", "counts and sizes of commands are exact, all are multiples of 8", |_| Ok(())),
    rule("cpu", "all", "x86-64 or arm64, of the common subtype", commands::cpu),
    rule("file-type", "all", "a dynamic library", commands::file_type),
    rule("flags", "nobody", "two-level names, nothing undefined, nothing reexported", commands::flags),
    rule("known-commands", "15.4", "no command that is not needed", commands::known),
    rule("commands-mapped", "all", "commands end before the first section of __TEXT", commands::mapped),
    rule("segment-names", "26", "no two segments have the same name", segments::names),
    rule("segment-order", "11", "segments ascend in file and memory, and do not overlap", segments::order),
    rule("segment-alignment", "nobody", "segments begin at multiples of 16 KiB", segments::alignment),
    rule("segment-sizes", "11", "a segment lies in the file, and is no smaller in memory", segments::sizes),
    rule("text", "11", "__TEXT begins the file, r-x, as large in memory as in the file", segments::text),
    rule("data", "26", "__DATA is rw-; only what is writable is larger in memory", segments::data),
    rule("data-const", "15.4", "__DATA_CONST is rw- and made read-only", segments::data_const),
    rule("other-segments", "15.4", "no other segment is writable or executable", segments::others),
    rule("linkedit", "11", "__LINKEDIT is r--, the last segment, and ends the file", segments::linkedit),
    rule("sections", "15.4", "sections lie in their segments", segments::sections),
    rule("text-section", "nobody", "__text is said to be code", segments::text_section),
    rule("install-name", "15.4", "one LC_ID_DYLIB, not a name of the system's", commands::install_name),
    rule("uuid", "15.4", "one LC_UUID, not zero", commands::uuid),
    rule("build-version", "all", "macOS 11.0 by an SDK of 11.0", commands::build_version),
    rule("libraries", "15.4", "libSystem is needed, once, and nothing else", commands::libraries),
    rule("rpath", "15.4", "no LC_RPATH", commands::rpath),
    rule("fixup-encoding", "11", "one LC_DYLD_INFO_ONLY, no chained fixups", linkedit::fixup_encoding),
    rule("linking-order", "11", "rebase, bind, weak, lazy, exports in this order, each at 8", linkedit::linking_order),
    rule("rebase", "tools", "only words of writable segments are rebased", linkedit::rebase),
    rule("bind", "nobody", "nothing is bound", linkedit::bind),
    rule("exports", "nobody", "a tree; no edge begins as another of its node; addresses are mapped", trie::exports),
    rule("symbols", "11", "one LC_SYMTAB, at 8, before its names", linkedit::symbols),
    rule("symbol-groups", "11", "one LC_DYSYMTAB: local, exported, undefined are all", linkedit::symbol_groups),
    rule("symbol-order", "tools", "exported symbols ascend by name", linkedit::symbol_order),
    rule("symbol-sections", "nobody", "symbols lie in the sections that they name", linkedit::symbol_sections),
    rule("names", "nobody", "names begin with the empty one, have ends and underscores", linkedit::names),
    rule("exported-symbols", "nobody", "the trie exports the symbols, at their addresses", trie::exported_symbols),
    rule("linkedit-order", "tools", "linking, symbols, names, signature: without gaps", linkedit::order),
    rule("signature", "all", "one LC_CODE_SIGNATURE, at 16, the end of __LINKEDIT", signature::place),
    rule("signature-form", "all", "one directory of SHA-256 digests of 4 KiB pages", signature::form),
    rule("signature-cover", "all", "it covers the file up to itself", signature::cover),
    rule("page-digests", "all", "each digest is that of its page", signature::digests),
];

fn magic(file: &File) -> Verdict {
    ensure(file.view.u32(0)? == 0xfeed_facf, || "this is no 64-bit Mach-O file".into())
}

/// All rules that a file breaks, in their order.
pub fn check(bytes: &[u8]) -> Vec<Violation> {
    let violation = |rule: &Rule, problem| Violation { rule: rule.name, problem };
    let empty = File { view: View(bytes), commands_end: 0, commands: Vec::new(), segments: Vec::new() };
    if let Err(problem) = magic(&empty) {
        return vec![violation(&RULES[0], problem)];
    }
    let file = match File::parse(bytes) {
        Ok(file) => file,
        Err(problem) => return vec![violation(&RULES[1], problem)],
    };
    RULES.iter().filter_map(|rule| (rule.check)(&file).err().map(|problem| violation(rule, problem))).collect()
}
