//! What stands beside the code: licences, the list of changes, completions for shells, the manual; and that every public
//! crate could be published.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn maru(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_maru")).args(words).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_shell_has_completions_that_it_can_read() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = text(&maru(&["completions", shell]));
        for word in ["disasm", "doctor", "strategy"] {
            assert!(completions.contains(word), "{shell}: {word}");
        }
        if shell == "bash" {
            let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("completions.bash");
            std::fs::write(&place, &completions).unwrap();
            let read = Command::new("bash").arg("-n").arg(&place).output().unwrap();
            assert!(read.status.success(), "{read:?}");
        }
    }
    let wrong = maru(&["completions", "basch"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("'bash'"), "{wrong:?}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let page = text(&maru(&["manual"]));
    assert!(page.contains(".TH") && page.contains("maru\\-run(1)"), "{page}");
    let page = text(&maru(&["manual", "run"]));
    assert!(page.contains(".TH") && page.contains("fuel"), "{page}");
    let wrong = maru(&["manual", "runn"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("there is no command 'runn'; there are: run"), "{wrong:?}");
}

#[test]
fn licences_and_changes_are_there() {
    let read =
        |name: &str| std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(read("LICENSE-MIT").starts_with("MIT License"));
    assert!(read("LICENSE-APACHE").contains("Apache License"));
    assert!(read("CONTRIBUTING.md").contains("CHANGELOG.md"));
    let version = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&version), "the list of changes has no {version}");
}

/// What cargo knows of the project's own crates.
fn crates() -> Vec<serde_json::Value> {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root());
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let mut crates = metadata["packages"].as_array().unwrap().clone();
    crates.retain(|package| package["publish"].as_array().is_none_or(|registries| !registries.is_empty()));
    crates
}

/// A registry refuses a crate without these, and one that needs another by its path alone.
#[test]
fn every_public_crate_could_be_published() {
    let crates = crates();
    assert!(crates.len() > 15, "only {} crates", crates.len());
    let is_public = |name: &str| crates.iter().any(|package| package["name"] == name);
    let mut problems = Vec::new();
    for package in &crates {
        let name = package["name"].as_str().unwrap();
        for field in ["description", "license"] {
            if package[field].as_str().is_none_or(str::is_empty) {
                problems.push(format!("{name} has no {field}"));
            }
        }
        if package["keywords"].as_array().unwrap().is_empty() || package["categories"].as_array().unwrap().is_empty() {
            problems.push(format!("{name} has no keywords or categories"));
        }
        for needed in package["dependencies"].as_array().unwrap() {
            let other = needed["name"].as_str().unwrap();
            if needed["path"].is_null() {
                continue;
            }
            if needed["req"] != format!("^{}", env!("CARGO_PKG_VERSION")) {
                problems.push(format!("{name} needs {other} without this version: {}", needed["req"]));
            }
            if !is_public(other) {
                problems.push(format!("{name} needs {other}, which is not public"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
