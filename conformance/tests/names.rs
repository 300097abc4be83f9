//! Every name that the language binds, and every core form, occurs in a file of cases.

use maru_conformance::CASES;
use maru_core::interp;
use maru_core::runtime::{on_large_stack, Options, Runtime};
use maru_core::value::heap::HeapOptions;
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

/// Whether a name is for the prelude's own use.
fn is_internal(name: &str) -> bool {
    name.starts_with('%')
}

/// The names that the global environment binds when a program starts.
fn bound_names() -> BTreeSet<String> {
    on_large_stack(1 << 26, |stack| {
        let mut runtime =
            Runtime::new(Options { heap: HeapOptions::default(), ..Options::default() }, stack).expect("a runtime");
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
