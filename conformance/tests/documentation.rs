//! All that is built in is documented, and what is said of it is true: calls take as many arguments as they say, and
//! each example runs on its own. `BLESS=1 cargo test -p maru-conformance --test documentation` rewrites the index at the
//! end of the language reference, whose examples are run once more with it, interpreted and compiled.

use maru_conformance::cases::{check, CaseFailure};
use maru_conformance::evaluate_script;
use maru_language::interp::documentation::{sections, Entry, Section};
use maru_language::interp::{self, expand::core_form_names};
use maru_language::runtime::{Options, Runtime};
use maru_language::value::heap::HeapOptions;
use maru_language::value::on_large_stack;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Do something with a new runtime.
fn with_runtime<T>(body: impl FnOnce(&mut Runtime) -> T) -> T {
    on_large_stack(1 << 26, |stack| {
        let options = Options { heap: HeapOptions::default(), ..Options::default() };
        body(&mut maru_compiler::runtime(options, stack).expect("a runtime"))
    })
    .expect("a stack")
}

/// Whether a name is for the prelude's own use.
fn is_internal(name: &str) -> bool {
    name.len() > 1 && name.starts_with('%')
}

/// Fewest and most arguments.
type Counts = (u32, Option<u32>);

/// The names that the global environment binds when a program starts, each with the fewest and most arguments if it
/// can be called; without those for the prelude's own use.
fn bound(runtime: &mut Runtime) -> Vec<(String, Option<Counts>)> {
    let index = runtime.global_environment();
    let mut found = Vec::new();
    for cell in runtime.environments.get(index).bound.clone() {
        let cell = runtime.cells.get(cell);
        let (name, value) = (runtime.symbols.name(cell.symbol).to_string(), cell.value);
        if !is_internal(&name) {
            found.push((name, interp::counts(runtime, value)));
        }
    }
    found
}

/// The entries that tell of a name.
fn all(sections: &[Section]) -> impl Iterator<Item = &Entry> {
    sections.iter().flat_map(|section| &section.entries)
}

#[test]
fn every_name_is_documented_once_and_no_other() {
    with_runtime(|runtime| {
        let sections = sections(runtime);
        let documented: Vec<&str> = all(&sections).flat_map(|entry| entry.names().collect::<BTreeSet<_>>()).collect();
        let distinct: BTreeSet<&str> = documented.iter().copied().collect();
        let twice: Vec<_> =
            distinct.iter().filter(|name| documented.iter().filter(|other| other == name).count() > 1).collect();
        assert!(twice.is_empty(), "documented twice: {twice:?}");
        let mut wanted: BTreeSet<String> = bound(runtime).into_iter().map(|(name, _)| name).collect();
        assert!(wanted.len() > 300, "only {} names are bound", wanted.len());
        wanted.extend(core_form_names().map(String::from));
        let missing: Vec<_> = wanted.iter().filter(|name| !distinct.contains(name.as_str())).collect();
        assert!(
            missing.is_empty(),
            "not documented: {missing:?}; the text beside the table that they are in wants an entry"
        );
        let unknown: Vec<_> = distinct.iter().filter(|name| !wanted.contains(**name)).collect();
        assert!(unknown.is_empty(), "documented, but not bound: {unknown:?}");
    });
}

/// What is wrong with an entry, if something is.
fn fault(entry: &Entry) -> Option<&'static str> {
    let sentence = &entry.sentence;
    if entry.calls.iter().any(|call| call.starts_with('(') && !call.ends_with(')')) {
        Some("a call must be closed on its line")
    } else if sentence.is_empty() || !sentence.ends_with('.') {
        Some("a sentence is wanted, with a full stop")
    } else if entry.example.is_empty() {
        Some("an example is wanted, each line indented by two")
    } else if sentence.contains("  ") || sentence.contains("=>") && !sentence.contains("(test =>") {
        Some("the example must be indented by two")
    } else {
        None
    }
}

#[test]
fn entries_are_whole() {
    with_runtime(|runtime| {
        let sections = sections(runtime);
        let wrong: Vec<String> =
            all(&sections).filter_map(|entry| Some(format!("{:?}: {}", entry.calls, fault(entry)?))).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// How many arguments a call says that it takes.
fn said(call: &str) -> Option<Counts> {
    let inside = call.strip_prefix('(')?.strip_suffix(')')?;
    let parameters: Vec<&str> = inside.split(' ').skip(1).collect();
    let is_any = |parameter: &&&str| parameter.ends_with('…');
    let is_optional = |parameter: &&&str| parameter.starts_with('[');
    let any = parameters.iter().filter(is_any).count();
    let optional = parameters.iter().filter(is_optional).count();
    let least = parameters.len() - any - optional;
    Some((least as u32, (any == 0).then_some((least + optional) as u32)))
}

#[test]
fn calls_say_how_many_arguments_are_taken() {
    with_runtime(|runtime| {
        let bound = bound(runtime);
        let core: BTreeSet<&str> = core_form_names().collect();
        let mut wrong = Vec::new();
        let sections = sections(runtime);
        for (name, counts) in bound.iter().filter(|(name, _)| !core.contains(name.as_str())) {
            let calls: Vec<&str> = all(&sections).flat_map(|entry| entry.calls_of(name)).collect();
            for call in calls {
                let right = match (said(call), counts) {
                    (None, None) => true,
                    // A list of further arguments may be one that knows itself how many it wants.
                    (Some((least, most)), Some(counts)) => {
                        least == counts.0 && (counts.1.is_none() || most == counts.1)
                    }
                    _ => false,
                };
                if !right {
                    wrong.push(format!("{call} takes {counts:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn every_example_comes_to_what_it_says() {
    let entries: Vec<Entry> = with_runtime(|runtime| sections(runtime)).into_iter().flat_map(|s| s.entries).collect();
    let mut wrong = Vec::new();
    for entry in entries {
        let text = format!("{}\n", entry.example);
        let results = with_runtime(|runtime| evaluate_script(runtime, &text, None));
        let (met, failures) = check(entry.calls[0], &text, &results);
        // What only prepares the next form needs to expect nothing, unless it fails.
        let is_preparation =
            |f: &&CaseFailure| f.expected == "an expectation behind this form" && !f.got.starts_with("error");
        let failures: Vec<&CaseFailure> = failures.iter().filter(|f| !is_preparation(f)).collect();
        wrong.extend(failures.iter().map(ToString::to_string));
        if met == 0 && failures.is_empty() {
            wrong.push(format!("{}: nothing is expected of the example", entry.calls[0]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the index starts with.
const HEADING: &str = "## Index\n";

/// The index: all sections, each a block of examples with what is said in comments.
fn index(sections: &[Section]) -> String {
    let mut text = format!(
        "{HEADING}\nAll that is built in. `(documentation 'name)` has each entry, and so has `,doc name` at the prompt; \
         `,apropos text`\nfinds names. In the first line of each, `[x]` may be left out, and `x…` stands for any number.\n"
    );
    for Section { title, entries } in sections {
        let _ = write!(text, "\n### {title}\n\n```lisp\n");
        let examples = entries.iter().map(|entry| {
            let calls: Vec<String> = entry.calls.iter().map(|call| format!("; {call}\n")).collect();
            format!("{}; {}\n{}\n", calls.concat(), entry.sentence, entry.example)
        });
        text.push_str(&examples.collect::<Vec<_>>().join("\n"));
        text.push_str("```\n");
    }
    text
}

#[test]
fn the_reference_ends_with_the_index() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/LANGUAGE.md");
    let reference = std::fs::read_to_string(path).expect("the language reference");
    let start = reference.find(HEADING).unwrap_or(reference.len());
    let wanted = format!("{}{}", &reference[..start], with_runtime(|runtime| index(&sections(runtime))));
    if std::env::var("BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(path, &wanted).expect("the reference can be written");
        return;
    }
    assert!(
        reference == wanted,
        "the index is out of date: BLESS=1 cargo test -p maru-conformance --test documentation"
    );
}
