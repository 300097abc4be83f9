//! Every example in the project's documents is run, and must give what the document says.
//!
//! - A `lisp` block is a program. After a form, `; => value` says what it gives (as `dump` shows it), `; error: kind`
//!   that it fails; `; prints: text` says a line that it prints. Such a block is run interpreted and compiled.
//!   If its first line is `; file: name`, the block is also kept as a file for later blocks.
//! - A `console` block is a session: each line after `$ ` is given to a shell (lines after `> ` continue it), and what
//!   it prints must be the lines that follow, where `…` stands for any text, or alone in a line for any lines.
//! - Relative links must lead somewhere.
//!
//! The blocks of a document share a folder, which starts with a copy of `examples/`.

#[path = "documents/block.rs"]
mod block;
#[path = "documents/lisp.rs"]
mod lisp;
#[path = "documents/session.rs"]
mod session;

use block::{blocks, Block};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents: in the root, and at most two folders deep.
fn documents() -> Vec<PathBuf> {
    fn look(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && depth > 0 && name != "target" && !name.starts_with('.') {
                look(&path, depth - 1, found);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    look(&root(), 2, &mut found);
    found.sort();
    found
}

/// A folder for a document's blocks.
fn folder(document: &Path) -> PathBuf {
    let name = document.strip_prefix(root()).unwrap().to_string_lossy().replace('/', "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("documents-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("examples")).unwrap();
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join("examples").join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// Run a document's blocks; what went wrong, and how many were run.
fn run(document: &Path) -> (Vec<String>, usize) {
    let text = std::fs::read_to_string(document).unwrap();
    let folder = folder(document);
    let (mut problems, mut count) = (Vec::new(), 0);
    for Block { language, line, text } in blocks(&text) {
        let outcome = match language.as_str() {
            "lisp" => lisp::run(&text, &folder),
            "console" => session::run(&text, &folder),
            _ => continue,
        };
        count += 1;
        if let Err(problem) = outcome {
            problems.push(format!("{}:{line}: {problem}", document.strip_prefix(root()).unwrap().display()));
        }
    }
    (problems, count)
}

#[test]
fn examples_in_documents_are_true() {
    let documents = documents();
    for needed in ["README.md", "core/LANGUAGE.md"] {
        assert!(documents.iter().any(|path| path.ends_with(needed)), "{needed} is missing");
    }
    let mut problems = Vec::new();
    for document in documents {
        let (found, count) = run(&document);
        problems.extend(found);
        if document.ends_with("LANGUAGE.md") {
            assert!(count >= 20, "only {count} examples of the language were found");
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for (link, _) in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let path = link.split('#').next().unwrap();
            let outside = link.contains("://") || link.starts_with("mailto:") || path.is_empty();
            if !outside && !document.parent().unwrap().join(path).exists() {
                problems.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(problems.is_empty(), "links that lead nowhere:\n{}", problems.join("\n"));
}

/// The machinery above must be able to fail.
#[test]
fn wrong_examples_are_found() {
    let folder = folder(&root().join("wrong.md"));
    for wrong in
        ["(+ 1 2) ; => 4", "(println 1) ; prints: 2", "(car 'a 'b) ; error: type", "(println 5)", "(+ 1", "(car)"]
    {
        assert!(lisp::run(wrong, &folder).is_err(), "{wrong}");
    }
    lisp::run("(+ 1 2) ; => 3\n(println 1) ; prints: 1\n(car) ; error: arity", &folder).unwrap();
    session::run("$ echo one two\none …\n$ printf 'a\\nb\\nc\\n'\na\n…\n$ false\n$ echo $?\n1", &folder).unwrap();
    for wrong in ["$ echo one\ntwo", "$ echo one", "$ true\none", "$ printf 'a\\nb\\n'\na"] {
        assert!(session::run(wrong, &folder).is_err(), "{wrong}");
    }
}
