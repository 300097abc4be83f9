//! Every command of the walk through this target is run: the `sh` blocks of `targets/README.md`. (Its `console` blocks
//! are run with all other documents.)

use std::path::Path;
use std::process::Command;

const DOCUMENT: &str = include_str!("../../README.md");

/// The lines of the document's `sh` blocks.
fn commands() -> Vec<&'static str> {
    let blocks = DOCUMENT.split("```sh\n").skip(1);
    blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines()).collect()
}

#[test]
fn every_command_of_the_walk_works() {
    let commands = commands();
    assert!(commands.len() >= 5, "{commands:?}");
    for line in commands {
        // This package's tests run the suite beside this one: it is enough that the command finds it.
        let line = if line.contains("--test suite") { format!("{line} -- --list") } else { line.to_string() };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let output = Command::new("sh").arg("-c").arg(&line).current_dir(root).output().expect("a shell");
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "$ {line}\n{printed}\n{errors}");
        // A filter that matches nothing succeeds, too.
        let ran = printed.contains(": test") || printed.lines().any(|line| line.ends_with("... ok"));
        assert!(ran, "$ {line}\nran no test:\n{printed}");
    }
}
