//! Every variable of the process's environment that Maru reads is in one table, which `maru doctor` shows and the README
//! has. `BLESS=1 cargo test -p maru --test variables` rewrites the README's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names in quotes that no user sets: one that a test sets for its own child, and a part of a name.
const NO_SETTINGS: [&str; 2] = ["MARU_LOADER_TEST_CHILD", "MARU_TARGET"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the doctor says: its variables and those of tests, each with name, state, meaning and default.
fn told() -> serde_json::Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    let output = command.env("MARU_OPT", "1").env_remove("MARU_CC").args(["doctor", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn names(table: &serde_json::Value) -> BTreeSet<String> {
    table.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_string()).collect()
}

/// The names in quotes in all sources below a folder.
fn read_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            read_in(&path, found);
        } else if name.ends_with(".rs") && name != "variables.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let is_letter = |c: char| c.is_ascii_uppercase() || c == '_';
            let words = text.split('"').filter(|word| word.len() > 5 && word.starts_with("MARU_"));
            found.extend(words.filter(|word| word.chars().all(is_letter)).map(String::from));
        }
    }
}

#[test]
fn every_variable_that_is_read_is_listed_and_no_other() {
    let told = told();
    let listed: BTreeSet<String> = &names(&told["variables"]) | &names(&told["variables_of_tests"]);
    let mut read = BTreeSet::new();
    read_in(&root(), &mut read);
    assert!(read.len() > 10, "the search has a fault: {read:?}");
    read.retain(|name| !NO_SETTINGS.contains(&name.as_str()));
    let missing: Vec<_> = read.difference(&listed).collect();
    assert!(missing.is_empty(), "read, but not in cli/src/variables.rs: {missing:?}");
    let unknown: Vec<_> = listed.difference(&read).collect();
    assert!(unknown.is_empty(), "in cli/src/variables.rs, but read nowhere: {unknown:?}");
}

#[test]
fn the_doctor_shows_what_is_set() {
    let told = told();
    let row =
        |name: &str| told["variables"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(row("MARU_OPT")["value"], "1");
    assert!(row("MARU_CC")["value"].is_null());
    let output = Command::new(env!("CARGO_BIN_EXE_maru")).env("MARU_OPT", "1").arg("doctor").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("set  MARU_OPT ") && text.contains("MARU_HISTORY"), "{text}");
}

/// Between these lines of the README stands the table.
const MARKS: [&str; 2] = ["<!-- variables -->\n", "<!-- end of variables -->\n"];

#[test]
fn the_readme_has_the_table() {
    let mut table = String::from("| variable | what it says | otherwise |\n|---|---|---|\n");
    for row in told()["variables"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap();
        table.push_str(&format!("| `{}` | {} | {} |\n", text("name"), text("about"), text("default")));
    }
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(MARKS[0]).expect("the README has marks for the table");
    let (_, after) = rest.split_once(MARKS[1]).expect("the README has marks for the table");
    let wanted = format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1]);
    if std::env::var("BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(readme == wanted, "the README's table is out of date: BLESS=1 cargo test -p maru --test variables");
}
