//! The walks through adding a target and adding a format are walked: the blocks `sh walk` and `console walk` of
//! `targets/README.md` and `formats/README.md`, in their order, in one shell, in an empty folder outside of the source
//! tree.
//!
//! - A line of an `sh walk` block is a command, which must succeed; `cargo test` must have run a test.
//! - A `console walk` block is a session as in all documents: commands with what they print.
//!
//! Builds go into the workspace's target folder, so that what others wrote need not be built once more.

#[path = "documents/block.rs"]
mod block;
#[path = "documents/session.rs"]
mod session;

use block::blocks;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A walk copies a template, changes it, tests it and runs the command with it: that takes so many commands.
const LEAST_COMMANDS: usize = 8;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Where the workspace is built.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

/// The commands of a document as one session.
fn walk(text: &str) -> String {
    let mut session = format!("$ export CARGO_TERM_COLOR=never MARU='{}'\n", root().display());
    session.push_str(&format!("$ export CARGO_TARGET_DIR='{}'\n", target().display()));
    for block in blocks(text) {
        match block.language.as_str() {
            "sh walk" => {
                for line in block.text.lines() {
                    let prints = if line.contains("cargo test") { "…\ntest … ok\n…" } else { "…" };
                    // One step with its status, so that a failure shows the command and all that it printed.
                    session.push_str(&format!("$ {line}\n> echo \"status $?\"\n{prints}\nstatus 0\n"));
                }
            }
            "console walk" => session.push_str(&block.text),
            _ => {}
        }
    }
    session
}

/// Whether a session holds a walk: a document whose blocks are called otherwise would be walked in no time.
///
/// # Errors
/// What is missing.
fn is_a_walk(session: &str) -> Result<(), String> {
    let commands: Vec<&str> = session.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    for needed in ["cp -r", "cargo test", "-- targets", "-- conform"] {
        if !commands.iter().any(|command| command.contains(needed)) {
            return Err(format!("no command has '{needed}' in it"));
        }
    }
    if commands.len() < LEAST_COMMANDS {
        return Err(format!("{} commands are too few", commands.len()));
    }
    Ok(())
}

/// Walk through a document in an empty folder, which is the result.
fn walked(document: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("maru-walk-{}-{}", document.replace('/', "-"), std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let session = walk(&std::fs::read_to_string(root().join(document)).unwrap());
    is_a_walk(&session).unwrap_or_else(|problem| panic!("{document}: {problem}:\n{session}"));
    session::run(&session, &folder).unwrap_or_else(|problem| panic!("{document}: {problem}"));
    folder
}

/// Prints how long it takes from an edited selection to the first trial's result.
fn time_an_edit(copy: &Path) {
    let file = copy.join("src/select.rs");
    let text = std::fs::read_to_string(&file).unwrap();
    let edited = text.replacen("match op {", "match std::hint::black_box(op) {", 1);
    assert_ne!(text, edited);
    std::fs::write(&file, edited).unwrap();
    let start = Instant::now();
    let mut command = Command::new("cargo");
    command.args(["test", "--test", "trials", "operations::binary"]).current_dir(copy);
    let output = command.env("CARGO_TARGET_DIR", target()).output().unwrap();
    let took = start.elapsed();
    assert!(output.status.success(), "{output:?}");
    // Not by a macro, whose output tests keep to themselves.
    let _ = writeln!(std::io::stderr(), "from an edited select.rs to the first trial's result: {took:.1?}");
}

#[test]
fn a_target_is_added_as_its_document_says() {
    let folder = walked("targets/README.md");
    time_an_edit(&folder.join("mine"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_format_is_added_as_its_document_says() {
    std::fs::remove_dir_all(walked("formats/README.md")).unwrap();
}

/// The machinery above must be able to fail.
#[test]
fn wrong_walks_are_found() {
    let folder = std::env::temp_dir();
    session::run(&walk("```sh walk\ncd /\ntrue\n```\n```console walk\n$ pwd\n/\n```\n"), &folder).unwrap();
    for wrong in ["```sh walk\nfalse\n```\n", "```sh walk\n: cargo test\n```\n", "```console walk\n$ echo a\nb\n```\n"]
    {
        assert!(session::run(&walk(wrong), &folder).is_err(), "{wrong}");
    }
    let problem = session::run(&walk("```sh walk\necho why; (exit 3)\n```\n"), &folder).unwrap_err();
    for part in ["$ echo why; (exit 3)", "prints:\nwhy\nstatus 3"] {
        assert!(problem.contains(part), "{part} is missing in: {problem}");
    }
    assert!(is_a_walk(&walk("```sh\ncargo test\n```\n")).is_err());
    assert!(is_a_walk(&walk("```sh walk\ncp -r a b\ncargo test\nmaru -- targets\nmaru -- conform\n```\n")).is_err());
}
