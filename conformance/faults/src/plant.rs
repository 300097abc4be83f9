//! A copy of the source tree that has all faults, and is built once: each asks whether it is the one that a process has.

use crate::bank::{Bank, Fault, Form};
use crate::place::{places, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that names a process's fault.
pub(crate) const VARIABLE: &str = "MARU_FAULT";

/// A planted copy.
#[derive(Clone, Debug)]
pub struct Planted {
    /// The command that was built of it.
    pub maru: PathBuf,
    /// The trials of each target, by its name.
    pub trials: BTreeMap<String, PathBuf>,
}

/// Targets whose trials are a test by that name.
const TARGETS: [&str; 4] = ["x64", "arm64", "riscv64", "c"];

/// The root of the source tree that a folder is in.
///
/// # Errors
/// When it is in none.
pub fn find_root(from: &Path) -> Result<PathBuf, String> {
    let found = from.ancestors().find(|folder| folder.join(crate::bank::FOLDER).is_dir());
    found.map(Path::to_path_buf).ok_or_else(|| {
        format!(
            "faults are planted in Maru's own sources, and {} is not inside of them: run this in a source tree, where cargo is at hand",
            from.display()
        )
    })
}

impl Planted {
    /// Plant all faults in a copy of a tree, below its target folder, and build it.
    ///
    /// # Errors
    /// When a fault has no place, a file cannot be read or written, or the copy cannot be built.
    pub fn build(bank: &Bank, root: &Path) -> Result<Planted, String> {
        let folder = root.join("target/faults");
        let copy = folder.join("tree");
        plant(bank, root, &copy)?;
        let build = folder.join("build");
        cargo(&copy, &build, &["build", "--release", "-p", "maru"])?;
        let mut trials = BTreeMap::new();
        for target in TARGETS {
            let package = format!("maru-{target}");
            let messages = cargo(
                &copy,
                &build,
                &["test", "--release", "--no-run", "--message-format=json", "-p", &package, "--test", "trials"],
            )?;
            trials.extend(executable(&messages).map(|path| (target.to_string(), path)));
        }
        Ok(Planted { maru: build.join("release/maru"), trials })
    }
}

/// The executable of the test `trials`, among what cargo says that it built.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_trials = message["target"]["name"] == "trials";
        message["executable"].as_str().filter(|_| is_trials).map(PathBuf::from)
    })
}

/// Run cargo in the copy; what it prints. What it does is shown as it does it.
fn cargo(copy: &Path, build: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(copy).stderr(std::process::Stdio::inherit());
    command.env("CARGO_TARGET_DIR", build).env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    let output = command.output().map_err(|error| format!("cargo, which builds the planted copy: {error}"))?;
    if !output.status.success() {
        return Err(format!("the planted copy in {} cannot be built", copy.display()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Write the copy. Files that are as they should be are left alone, so that they need not be built again.
fn plant(bank: &Bank, root: &Path, copy: &Path) -> Result<(), String> {
    let mut planted: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut crates: BTreeSet<PathBuf> = BTreeSet::new();
    for (file, (text, places)) in places(bank, root)? {
        let path = PathBuf::from(file);
        crates.insert(library(&path, root)?);
        match &places.first().and_then(|place| place.faults[0].reader.clone()) {
            Some((reader, code)) => {
                let reader = PathBuf::from(reader);
                let text = planted.remove(&reader).map_or_else(|| read(&root.join(&reader)), Ok)?;
                planted.insert(reader, reading(&text, code, &places)?);
            }
            None => _ = planted.insert(path, replaced(&text, &places)),
        }
    }
    for library in crates {
        let text = planted.remove(&library).map_or_else(|| read(&root.join(&library)), Ok)?;
        // Every place has one more pair of parentheses than it needs.
        planted.insert(library, format!("#![allow(warnings)]\n{text}\n{MODULE}"));
    }
    let mut kept = BTreeSet::new();
    copy_folder(root, Path::new(""), copy, &planted, &mut kept)?;
    remove_others(copy, Path::new(""), &kept)
}

/// What each crate with faults gets.
const MODULE: &str = r#"
#[doc(hidden)]
pub mod maru_planted {
    //! Which fault this process has.
    use std::sync::OnceLock;
    fn chosen() -> &'static str {
        static CHOSEN: OnceLock<String> = OnceLock::new();
        CHOSEN.get_or_init(|| std::env::var("MARU_FAULT").unwrap_or_default())
    }
    #[inline]
    pub fn is(number: u64) -> bool {
        static NUMBER: OnceLock<u64> = OnceLock::new();
        *NUMBER.get_or_init(|| {
            chosen().bytes().fold(0xcbf29ce484222325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100000001b3))
        }) == number
    }
    pub fn text(original: &'static str, faults: &[(u64, &str, &str)]) -> &'static str {
        match faults.iter().find(|(number, ..)| is(*number)) {
            Some((_, old, new)) => Box::leak(original.replacen(old, new, 1).into_boxed_str()),
            None => original,
        }
    }
}
"#;

/// The number of a fault in planted code. It follows from the name, so that a fault more leaves other files as they are.
fn number(fault: &Fault) -> u64 {
    fault
        .name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// A file's text with all its faults.
fn replaced(text: &str, places: &[Place]) -> String {
    let mut result = String::new();
    let mut end = 0;
    for Place { range, faults } in places {
        result.push_str(&text[end..range.start]);
        end = range.end;
        if faults[0].form == Form::Arm {
            faults.iter().for_each(|fault| result.push_str(&arm(fault)));
            result.push_str(&text[range.clone()]);
            continue;
        }
        let old = &text[range.clone()];
        let around = Around::of(faults[0].form, old);
        result.push_str(&old[..around.before]);
        result.push_str(around.open);
        for fault in faults {
            let new = &fault.new[around.before..fault.new.len() - around.behind];
            result.push_str(&format!("if crate::maru_planted::is({}) {{ {new} }} else ", number(fault)));
        }
        result.push_str(&format!("{{ {} }}", &old[around.before..old.len() - around.behind]));
        result.push_str(around.close);
        result.push_str(&old[old.len() - around.behind..]);
    }
    result.push_str(&text[end..]);
    result
}

/// What stands around the expression in the text of a fault, and stays.
struct Around {
    before: usize,
    behind: usize,
    open: &'static str,
    close: &'static str,
}

impl Around {
    fn of(form: Form, old: &str) -> Around {
        let (mut before, mut behind) = (0, 0);
        if form == Form::Statement {
            return Around { before, behind, open: "", close: "" };
        }
        if old.starts_with("if ") && old.ends_with(" {") {
            (before, behind) = ("if ".len(), " {".len());
        } else {
            if old.starts_with("let ") {
                before = old.find(" = ").map_or(0, |at| at + " = ".len());
            }
            behind = usize::from(old.ends_with(';'));
        }
        Around { before, behind, open: "(", close: ")" }
    }
}

/// An arm that is taken if its fault is chosen, before the one that is there.
fn arm(fault: &Fault) -> String {
    let (pattern, value) = fault.new.split_once(" => ").unwrap_or((&fault.new, "()"));
    let (pattern, and) = pattern
        .split_once(" if ")
        .map_or((pattern, String::new()), |(pattern, guard)| (pattern, format!(" && ({guard})")));
    format!("{pattern} if crate::maru_planted::is({}){and} => {value}, ", number(fault))
}

/// The code that reads a text, which is replaced as it is read.
fn reading(text: &str, code: &str, places: &[Place]) -> Result<String, String> {
    let plain = code.replace(['[', ']'], "");
    if text.matches(&plain).count() != 1 {
        return Err(format!("there is not one place with {plain}"));
    }
    let faults = places.iter().flat_map(|place| &place.faults);
    let faults: String =
        faults.map(|fault| format!("({}, {:?}, {:?}),\n", number(fault), fault.old, fault.new)).collect();
    let replacing = code.replace('[', "crate::maru_planted::text(").replace(']', &format!(", &[{faults}])"));
    Ok(text.replace(&plain, &replacing))
}

/// The `lib.rs` of the crate that a file is of.
fn library(file: &Path, root: &Path) -> Result<PathBuf, String> {
    let mut folders = file.ancestors().skip(1);
    let found = folders.find(|folder| root.join(folder).join("src/lib.rs").is_file());
    found.map(|folder| folder.join("src/lib.rs")).ok_or_else(|| format!("{} is of no crate", file.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn is_left_out(name: &str) -> bool {
    name == "target" || name.starts_with('.')
}

fn copy_folder(
    root: &Path,
    folder: &Path,
    copy: &Path,
    planted: &BTreeMap<PathBuf, String>,
    kept: &mut BTreeSet<PathBuf>,
) -> Result<(), String> {
    let fail = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(copy.join(folder)).map_err(|error| fail(folder, error))?;
    for entry in fs::read_dir(root.join(folder)).map_err(|error| fail(folder, error))? {
        let entry = entry.map_err(|error| fail(folder, error))?;
        let path = folder.join(entry.file_name());
        if is_left_out(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| fail(&path, error))?;
        if kind.is_dir() {
            copy_folder(root, &path, copy, planted, kept)?;
            continue;
        }
        let wanted = match planted.get(&path) {
            Some(text) => text.clone().into_bytes(),
            None => fs::read(root.join(&path)).map_err(|error| fail(&path, error))?,
        };
        let to = copy.join(&path);
        if !fs::read(&to).is_ok_and(|present| present == wanted) {
            fs::write(&to, wanted).map_err(|error| fail(&to, error))?;
        }
        kept.insert(path);
    }
    Ok(())
}

/// What the tree does not have any more leaves the copy, too.
fn remove_others(copy: &Path, folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", copy.join(folder).display());
    for entry in fs::read_dir(copy.join(folder)).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = folder.join(entry.file_name());
        if entry.file_type().map_err(fail)?.is_dir() {
            remove_others(copy, &path, kept)?;
        } else if !kept.contains(&path) && path != Path::new("Cargo.lock") {
            fs::remove_file(copy.join(&path)).map_err(fail)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_choices() {
        let fault = |name: &str, new: &str| Fault {
            name: name.into(),
            category: "numbers".into(),
            file: "f".into(),
            reader: None,
            form: Form::Expression,
            old: "a + b".into(),
            new: new.into(),
            equivalent: None,
        };
        let (one, two) = (fault("one", "a - b"), fault("two", "a"));
        let text = replaced("let x = a + b;", &[Place { range: 8..13, faults: vec![&one, &two] }]);
        let condition = |fault: &Fault| format!("crate::maru_planted::is({})", number(fault));
        let (one, two) = (condition(&one), condition(&two));
        assert_eq!(text, format!("let x = (if {one} {{ a - b }} else if {two} {{ a }} else {{ a + b }});"));
    }

    #[test]
    fn a_folder_outside_of_the_sources_is_refused() {
        assert!(find_root(Path::new("/")).unwrap_err().contains("source tree"));
        assert!(find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).is_ok());
    }
}
