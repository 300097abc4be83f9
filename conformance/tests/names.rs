//! Every section of the language reference has files of cases, and every name that the language binds and every core
//! form occurs in one. `cases/INDEX.md` lists which; `BLESS=1 cargo test -p maru-conformance --test names` rewrites it.

use maru_conformance::CASES;
use maru_language::interp;
use maru_language::runtime::Options;
use maru_language::value::heap::HeapOptions;
use maru_language::value::on_large_stack;
use std::collections::BTreeSet;

/// Names that say something about targets and about how a program is compiled. Engines answer differently, as they
/// should, and the core alone has no target, so that no case can expect one answer; the language reference has
/// examples of them, which are run.
const ABOUT_TARGETS: &[&str] = &[
    "current-architecture",
    "architectures",
    "<architecture>-name",
    "<architecture>-pointer-size",
    "<architecture>-endianness",
    "compiled?",
    "why-not-compiled",
    "compile-now",
    "mark-compilable",
    "compile-environment",
    "save-compiled-environment",
    "load-compiled-environment",
];

/// The sections of the language reference, with the files that have their cases.
const SECTIONS: &[(&str, &[&str])] = &[
    ("Reading", &["reading.l", "files.l"]),
    ("Values", &["values.l", "names.l"]),
    ("Evaluation", &["operators.l", "changed-while-typed.l", "quiet-calls.l", "control.l"]),
    ("Conditions", &["control.l"]),
    ("Variables", &["closures.l", "control.l"]),
    ("Functions", &["closures.l", "tail-calls.l", "tail-depth.l", "long-functions.l"]),
    ("Loops", &["control.l", "named-let.l", "small-budget.l", "in-memory.l"]),
    ("Macros", &["macros.l"]),
    ("Environments", &["environments.l", "design-environments.l"]),
    ("Classes", &["classes.l", "expected-classes.l", "dispatch.l"]),
    (
        "Selectors and multimethods",
        &["classes.l", "methods.l", "dispatch.l", "send-caches.l", "design-architectures.l"],
    ),
    // Most of its cases are the reference's own examples: what they ask for differs between engines, as it should.
    ("Native code", &["design-usage.l", "design-libraries.l"]),
    ("Numbers", &["numbers.l", "hot-loops.l", "doubles.l"]),
    ("Equality", &["values.l", "pairs.l"]),
    ("Lists", &["pairs.l", "names.l", "list-searches.l"]),
    ("Strings, arrays, data", &["strings.l", "arrays.l"]),
    ("Tables", &["tables.l", "table-keys.l"]),
    ("Errors", &["try.l", "backtraces.l"]),
    ("Input and output", &["output.l", "files.l"]),
    ("The system", &["files.l"]),
    ("Limits", &["limits.l", "tail-depth.l"]),
];

/// Whether a name is for the prelude's own use.
fn is_internal(name: &str) -> bool {
    name.starts_with('%')
}

/// The names that the global environment binds when a program starts.
fn bound_names() -> BTreeSet<String> {
    on_large_stack(1 << 26, |stack| {
        let mut runtime = maru_compiler::runtime(Options { heap: HeapOptions::default(), ..Options::default() }, stack)
            .expect("a runtime");
        let text = "(map car (<environment>-bindings *global-environment*))";
        let environment = runtime.global;
        let names = interp::evaluate_text(&mut runtime, "names.l", text, environment).expect("a list of names");
        let names = runtime.list_to_vec(names);
        let symbols = names.into_iter().filter_map(|name| runtime.as_symbol(name));
        symbols.map(|symbol| runtime.symbols.name(symbol).to_string()).collect()
    })
    .expect("a stack")
}

/// The words of the forms of a file: strings and comments are left out, so that a name in an explanation is none.
fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if !character.is_whitespace() && !"()[]{}\";'`,@".contains(character) {
            word.push(character);
            continue;
        }
        words.insert(std::mem::take(&mut word));
        match character {
            ';' => while characters.next().is_some_and(|character| character != '\n') {},
            '"' => {
                while let Some(character) = characters.next().filter(|character| *character != '"') {
                    if character == '\\' {
                        characters.next();
                    }
                }
            }
            _ => {}
        }
    }
    words.insert(word);
    words
}

#[test]
fn every_name_and_core_form_has_a_case() {
    let used: BTreeSet<String> = CASES.iter().flat_map(|(_, text)| words(text)).collect();
    let bound = bound_names();
    assert!(bound.len() > 300, "only {} names are bound", bound.len());
    let wanted = bound.iter().cloned().chain(interp::expand::core_form_names().map(String::from));
    let is_missing =
        |name: &String| !is_internal(name) && !used.contains(name.as_str()) && !ABOUT_TARGETS.contains(&name.as_str());
    let missing: Vec<String> = wanted.filter(is_missing).collect();
    assert!(missing.is_empty(), "no case uses {missing:?}");
    let unbound: Vec<&&str> = ABOUT_TARGETS.iter().filter(|name| !bound.contains(**name)).collect();
    assert!(unbound.is_empty(), "excepted, but not bound: {unbound:?}");
}

fn name_of(file: &'static str) -> &'static str {
    file.strip_prefix("cases/").unwrap_or(file)
}

/// As many files are listed for a name: some are used nearly everywhere.
const LISTED: usize = 4;

/// The list of sections and names with their files.
fn index() -> String {
    let files: Vec<(&str, BTreeSet<String>)> = CASES.iter().map(|(file, text)| (name_of(file), words(text))).collect();
    let mut index = String::from(
        "# Where the language's cases are\n\n\
         Made by `BLESS=1 cargo test -p maru-conformance --test names`, which also tests that nothing is missing.\n\n\
         ## Sections of the language reference\n\n| section | cases |\n|---|---|\n",
    );
    for (section, cases) in SECTIONS {
        let cases = if cases.is_empty() { "the reference's own examples".into() } else { cases.join(", ") };
        index.push_str(&format!("| {section} | {cases} |\n"));
    }
    index.push_str("\n## Names and core forms\n\n| name | cases |\n|---|---|\n");
    let names: BTreeSet<String> =
        bound_names().into_iter().chain(interp::expand::core_form_names().map(String::from)).collect();
    for name in names.into_iter().filter(|name| !is_internal(name)) {
        let cases: Vec<&str> =
            files.iter().filter(|(_, words)| words.contains(&name)).map(|(file, _)| *file).take(LISTED).collect();
        let cases = if cases.is_empty() { "the reference's own examples".into() } else { cases.join(", ") };
        index.push_str(&format!("| `{}` | {cases} |\n", name.replace('|', "\\|")));
    }
    index
}

#[test]
fn the_index_of_cases_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cases/INDEX.md");
    let index = index();
    if std::env::var("BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(path, &index).expect("the index can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == index, "{path} is out of date: BLESS=1 cargo test -p maru-conformance --test names");
}

#[test]
fn every_section_of_the_reference_has_cases() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/LANGUAGE.md");
    let reference = std::fs::read_to_string(reference).expect("the language reference");
    let heading = |line: &str| {
        let name = line.strip_prefix("### ").or_else(|| line.strip_prefix("## "))?;
        Some(name.to_string())
    };
    // The index says again, name by name, what the sections are about; its examples are run.
    let sections = reference.lines().take_while(|line| *line != "## Index").filter_map(heading);
    let sections: Vec<String> = sections.collect();
    let listed: Vec<String> = SECTIONS.iter().map(|(section, _)| section.to_string()).collect();
    assert_eq!(sections, listed);
    let files: BTreeSet<&str> = CASES.iter().map(|(file, _)| name_of(file)).collect();
    let named: BTreeSet<&str> = SECTIONS.iter().flat_map(|(_, files)| files.iter().copied()).collect();
    assert_eq!(named, files, "files that sections name, and files that there are");
}

#[test]
fn names_in_comments_and_strings_do_not_count() {
    let found = words("(car \"cdr \\\" cons\" 'list) ; => reverse\n`(,length)");
    for name in ["car", "list", "length"] {
        assert!(found.contains(name), "{name} is missing from {found:?}");
    }
    for name in ["cdr", "cons", "reverse"] {
        assert!(!found.contains(name), "{name} is in {found:?}");
    }
}
