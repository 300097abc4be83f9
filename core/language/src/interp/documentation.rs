//! What is said of every name that is built in: how it is called, what it does, an example with what that comes to.
//!
//! It stands beside the code: primitives have a text beside the file with their table, core forms beside theirs, and what
//! is written in Maru has comments. A text consists of entries with empty lines between them:
//!
//! ```text
//! (substring string start [end])
//! A new string of the characters from start to before end.
//!   (substring "abcdef" 2 4) ; => "cd"
//! ```
//!
//! First come calls, one for each name that does the same, or a name that is no function's; then a sentence, on any
//! number of lines; then the example, each line of which is indented by two. In a call, `[x]` may be left out, and `x…`
//! stands for any number. In comments a `;` and a space come before all that.

use super::toplevel::PRELUDE;
use crate::runtime::Runtime;
use std::fmt::Write;
use std::sync::OnceLock;

/// The sections, in the order in which the language reference has them.
const SECTIONS: &[(&str, &str)] = &[
    ("Core forms", include_str!("expand/core_forms.txt")),
    ("Functions of functions, and places", PRELUDE),
    ("Kinds of values", include_str!("primitives/types.txt")),
    ("Comparing", include_str!("primitives/compare.txt")),
    ("Numbers", include_str!("primitives/numbers.txt")),
    ("Random numbers", include_str!("primitives/random.txt")),
    ("Pairs and lists", include_str!("primitives/pairs.txt")),
    ("Strings", include_str!("primitives/strings.txt")),
    ("Patterns", include_str!("primitives/patterns.txt")),
    ("Symbols", include_str!("primitives/symbols.txt")),
    ("Arrays", include_str!("primitives/arrays.txt")),
    ("Data", include_str!("primitives/data.txt")),
    ("Tables", include_str!("primitives/tables.txt")),
    ("Environments", include_str!("primitives/environments.txt")),
    ("Classes", include_str!("primitives/classes.txt")),
    ("Errors", include_str!("primitives/errors.txt")),
    ("Evaluating", include_str!("primitives/control.txt")),
    ("Printing", include_str!("primitives/printing.txt")),
    ("Files", include_str!("primitives/files.txt")),
    ("Bytes", include_str!("primitives/binary.txt")),
    ("Directories", include_str!("primitives/directories.txt")),
    ("Other programs", include_str!("primitives/processes.txt")),
    ("Times", include_str!("primitives/times.txt")),
    ("The system", include_str!("primitives/system.txt")),
];

/// The section of what a compiler adds.
const NATIVE_SECTION: &str = "Native code";

/// What is said of one name, or of several that do the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How it is called, a line for each name or way of calling it.
    pub calls: Vec<&'static str>,
    /// What it does.
    pub sentence: String,
    /// Forms with what they come to in comments; they need nothing but what is built in.
    pub example: String,
}

impl Entry {
    /// The names that the entry is about.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.calls.iter().map(|call| name_of(call))
    }

    /// The calls of a name.
    pub fn calls_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.calls.iter().copied().filter(move |call| name_of(call) == name)
    }

    /// The entry as people read it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for call in &self.calls {
            let _ = writeln!(text, "{call}");
        }
        let _ = writeln!(text, "{}", self.sentence);
        for line in self.example.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}

/// Entries about things of a kind.
#[derive(Debug)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// What there is.
    pub entries: Vec<Entry>,
}

/// What is said of what is built into the language and, where a compiler belongs to the run, of what that adds.
pub fn sections(runtime: &Runtime) -> Vec<Section> {
    static OWN: OnceLock<Vec<Section>> = OnceLock::new();
    let own =
        OWN.get_or_init(|| SECTIONS.iter().map(|(title, text)| Section { title, entries: entries(text) }).collect());
    let mut sections: Vec<Section> =
        own.iter().map(|section| Section { title: section.title, entries: section.entries.clone() }).collect();
    let native = entries(runtime.native.code.documentation());
    if !native.is_empty() {
        sections.push(Section { title: NATIVE_SECTION, entries: native });
    }
    sections
}

/// What is said of a name.
pub fn find(runtime: &Runtime, name: &str) -> Option<Entry> {
    let mut all = sections(runtime).into_iter().flat_map(|section| section.entries);
    all.find(|entry| entry.names().any(|found| found == name))
}

/// The name that a line with a call is about.
fn name_of(call: &str) -> &str {
    let inside = call.strip_prefix('(').unwrap_or(call);
    inside.split([' ', ')']).next().unwrap_or(inside)
}

/// Take a text apart. In a text of comments, only those that start as an entry does are entries.
fn entries(text: &'static str) -> Vec<Entry> {
    let is_source = text.starts_with(';');
    let mut entries = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines().chain([""]) {
        let line = match is_source {
            true => line.strip_prefix("; ").unwrap_or(""),
            false => line,
        };
        if !line.is_empty() {
            lines.push(line);
        } else if !lines.is_empty() {
            let lines = std::mem::take(&mut lines);
            if !is_source || lines[0].starts_with('(') {
                entries.push(entry(&lines));
            }
        }
    }
    entries
}

fn entry(lines: &[&'static str]) -> Entry {
    let first = usize::from(!lines[0].starts_with('('));
    let calls = lines.iter().take_while(|line| line.starts_with('(')).count().max(first);
    let sentence: Vec<&str> = lines[calls..].iter().take_while(|line| !line.starts_with("  ")).copied().collect();
    let example = &lines[calls + sentence.len()..];
    let example: Vec<&str> = example.iter().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    Entry { calls: lines[..calls].to_vec(), sentence: sentence.join(" "), example: example.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_comments_are_taken_apart_alike() {
        let text = "(f a [b])\n(g a…)\nDoes it,\ntwice.\n  (f 1) ; => 2\n  (g)\n\n*x*\nA value.\n  *x* ; => 5\n";
        let comments =
            "; A remark.\n\n; (f a [b])\n; (g a…)\n; Does it,\n; twice.\n;   (f 1) ; => 2\n;   (g)\n(define (f a) a)\n";
        let (found, commented) = (entries(text), entries(comments));
        assert_eq!(found.len(), 2);
        assert_eq!(found[..1], commented);
        assert_eq!(found[0].names().collect::<Vec<_>>(), ["f", "g"]);
        assert_eq!((found[0].sentence.as_str(), found[0].example.as_str()), ("Does it, twice.", "(f 1) ; => 2\n(g)"));
        assert_eq!((found[1].names().collect::<Vec<_>>(), found[1].sentence.as_str()), (vec!["*x*"], "A value."));
    }
}
