//! The layers of the project: who may import whom, read from the sources and from cargo.
//!
//! Each folder of core's crates has a list of what it may import; a folder that is on no list fails, so that a new one
//! says where it belongs. A plugin's crate may depend on maru-core, and never, by any way, on the language.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate, and its folders, each with what it may import: its own crate's folders, and folders of other crates.
struct Layers {
    /// The crate as paths name it.
    name: &'static str,
    /// Its folder, from the root of the project.
    folder: &'static str,
    /// Its modules, lowest first: name, and what it may import of its own crate.
    modules: &'static [(&'static str, &'static [&'static str])],
    /// What all of it may import of the project's other crates: a crate, or one module of it.
    others: &'static [&'static str],
}

const LAYERS: [Layers; 3] = [
    Layers {
        name: "maru_core",
        folder: "core",
        modules: &[
            ("abi", &[]),
            ("ir", &["abi"]),
            ("tool", &[]),
            ("codegen", &["abi", "ir", "tool"]),
            ("format", &["abi", "ir", "codegen", "tool"]),
            ("registry", &["abi", "codegen", "format"]),
        ],
        others: &[],
    },
    Layers {
        name: "maru_language",
        folder: "core/language",
        modules: &[
            ("value", &[]),
            ("runtime", &["value"]),
            ("syntax", &["value", "runtime"]),
            ("interp", &["value", "runtime", "syntax"]),
        ],
        others: &["maru_core::abi"],
    },
    Layers {
        name: "maru_compiler",
        folder: "core/compiler",
        modules: &[("load", &[]), ("machine", &["load"]), ("lower", &[]), ("unit", &["load", "machine", "lower"])],
        others: &["maru_core", "maru_language"],
    },
];

/// The folders of plugins, each of which has a folder for every plugin. A crate there that registers nothing is what
/// plugins of that folder share.
const PLUGINS: [&str; 2] = ["targets", "formats"];

/// Crates that plugins are tried with, with what they may depend on of the project's own crates.
const TRIED_WITH: [(&str, &[&str]); 2] =
    [("maru-processor", &["maru-core"]), ("maru-trials", &["maru-core", "maru-generate", "maru-processor"])];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All source files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A source without comments. (A quoted `//` cuts its line short, which hides no import.)
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The first `segments` names of each path in a text that starts with `crate_name::`, also of those in braces.
fn paths(text: &str, crate_name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(&format!("{crate_name}::")) {
        if text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &text[at + crate_name.len() + 2..];
        match rest.strip_prefix('{') {
            None => found.extend([first_name(rest)]),
            Some(list) => found.extend(top_level(list).map(|item| first_name(item.trim()))),
        }
    }
    found
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// The items of a list in braces, whose opening brace is gone, that are in no inner braces.
fn top_level(list: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut end) = (0usize, list.len());
    let mut commas = vec![];
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                end = at;
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => commas.push(at),
            _ => {}
        }
    }
    let starts = std::iter::once(0).chain(commas.clone().into_iter().map(|at| at + 1)).collect::<Vec<_>>();
    let ends = commas.into_iter().chain([end]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(move |(start, end)| list.get(start..end).unwrap_or_default())
}

/// The imports of one source file of a crate that its layers do not allow.
fn offences(layers: &Layers, module: &str, text: &str) -> Vec<String> {
    let text = without_comments(text);
    let Some((_, allowed)) = layers.modules.iter().find(|(name, _)| *name == module) else {
        return vec![format!("the module {module} has no place among the layers")];
    };
    let modules: BTreeSet<_> = layers.modules.iter().map(|(name, _)| *name).collect();
    let own = paths(&text, "crate").into_iter();
    let own = own.filter(|name| modules.contains(&**name) && name != module && !allowed.contains(&&**name));
    let mut all: Vec<String> = own.map(|name| format!("crate::{name}")).collect();
    for other in LAYERS.iter().map(|other| other.name).filter(|other| *other != layers.name) {
        let names = paths(&text, other);
        let is_allowed =
            |name: &String| layers.others.contains(&other) || layers.others.contains(&&*format!("{other}::{name}"));
        all.extend(names.into_iter().filter(|name| !is_allowed(name)).map(|name| format!("{other}::{name}")));
    }
    all
}

#[test]
fn folders_import_only_what_lies_below_them() {
    let mut all = Vec::new();
    for layers in &LAYERS {
        let source = root().join(layers.folder).join("src");
        let mut files = Vec::new();
        sources(&source, &mut files);
        assert!(files.len() > 10, "{} has sources", source.display());
        for file in files {
            let within = file.strip_prefix(&source).expect("a file of the folder");
            let first = within.iter().next().and_then(|first| first.to_str()).expect("a name");
            let module = first.strip_suffix(".rs").unwrap_or(first);
            if module == "lib" {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("a source");
            let found = offences(layers, module, &text);
            all.extend(
                found.iter().map(|import| format!("{}/src/{} imports {import}", layers.folder, within.display())),
            );
        }
    }
    assert!(all.is_empty(), "against the direction of the layers:\n{}", all.join("\n"));
}

/// The command line has a crate of its own, which says what its flags and variables do about an error.
#[test]
fn messages_of_core_name_no_flag_of_the_command_line() {
    let mut all = Vec::new();
    for layers in &LAYERS {
        let mut files = Vec::new();
        sources(&root().join(layers.folder).join("src"), &mut files);
        for file in files {
            let text = without_comments(&std::fs::read_to_string(&file).expect("a source"));
            let named = ["--jit", "--target", "--format", "--emit", "`maru ", "MARU_TARGET"];
            all.extend(
                named.iter().filter(|name| text.contains(*name)).map(|name| format!("{}: {name}", file.display())),
            );
        }
    }
    assert!(all.is_empty(), "what core's crates do not know of:\n{}", all.join("\n"));
}

/// What keeps the first test from passing whatever is written.
#[test]
fn planted_imports_are_found() {
    let [core, language, compiler] = &LAYERS;
    let planted = [
        (core, "abi", "use crate::format::Image;", "crate::format"),
        (core, "ir", "use crate::{abi::Word, codegen::Native};", "crate::codegen"),
        (core, "codegen", "fn f(_: &maru_language::runtime::Runtime) {}", "maru_language::runtime"),
        (language, "runtime", "use crate::{\n    value::{Kind, Value},\n    interp::call,\n};", "crate::interp"),
        (language, "value", "pub(crate) use crate::runtime::Runtime as R;", "crate::runtime"),
        (language, "interp", "let found = maru_core::registry::formats();", "maru_core::registry"),
        (language, "interp", "use maru_compiler::unit;", "maru_compiler::unit"),
        (compiler, "lower", "use crate::unit::Units;", "crate::unit"),
    ];
    for (layers, module, text, found) in planted {
        assert_eq!(offences(layers, module, text), [found], "{text}");
    }
    assert!(offences(core, "new", "").len() == 1, "a folder without a place");
    let fine = "// crate::format is above\nuse crate::abi::{self, Word};\nuse std::fmt;\nmod unit;";
    assert!(offences(core, "ir", fine).is_empty() && offences(compiler, "unit", "use maru_core::ir;").is_empty());
}

/// The crates of a folder of plugins, of those in this workspace: name, and whether it registers something.
fn plugins(folder: &str) -> Vec<(String, bool)> {
    let mut crates = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).expect("a folder of plugins") {
        let path = entry.expect("an entry").path();
        let Ok(manifest) = std::fs::read_to_string(path.join("Cargo.toml")) else { continue };
        // Those to copy are workspaces of their own.
        if manifest.contains("[workspace]") {
            continue;
        }
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let mut files = Vec::new();
        sources(&path.join("src"), &mut files);
        let registers =
            |file: &PathBuf| std::fs::read_to_string(file).expect("a source").contains("maru_core::register_");
        crates.push((name.expect("a package has a name").to_string(), files.iter().any(registers)));
    }
    crates
}

/// A crate depends on none of the project's own but these.
fn depends_only_on(package: &str, allowed: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--package", package])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("maru-core"), "{tree}");
    let own = names.iter().filter(|name| name.starts_with("maru") && **name != package);
    let foreign: Vec<_> = own.filter(|name| !allowed.contains(*name)).collect();
    assert!(foreign.is_empty(), "{package} depends on {foreign:?}:\n{tree}");
}

#[test]
fn plugins_depend_on_the_contract_alone() {
    for folder in PLUGINS {
        let crates = plugins(folder);
        assert!(crates.iter().filter(|(_, registers)| *registers).count() >= 2, "{folder} has plugins: {crates:?}");
        let shared = crates.iter().filter(|(_, registers)| !registers).map(|(name, _)| name.as_str());
        let for_plugins: Vec<&str> = ["maru-core"].into_iter().chain(shared).collect();
        for (name, registers) in &crates {
            depends_only_on(name, if *registers { &for_plugins } else { &["maru-core"] });
        }
    }
    TRIED_WITH.iter().for_each(|(package, allowed)| depends_only_on(package, allowed));
}
