//! The systems that run the programs: how each is found, how it compiles and how it runs.
//!
//! In the commands, `{executable}`, `{source}`, `{output}` and `{link}` are replaced.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A system that can run the programs.
pub struct System {
    /// Its column.
    pub name: &'static str,
    /// Its package and setting, for the head of the table.
    pub about: &'static str,
    /// What its executable may be called, best name first. Maru's own is looked for elsewhere as well.
    executables: &'static [&'static str],
    /// Asks for the version.
    version: &'static [&'static str],
    /// What the answer to that must contain: other programs carry these names too.
    version_mark: &'static str,
    /// The language of its sources.
    pub extension: &'static str,
    /// Files of `programs/prelude/` that come before the program; the count comes after the first.
    pub preludes: &'static [&'static str],
    /// The definition of the repeat count, with `{count}` in it.
    pub count_definition: &'static str,
    /// Compiles `{source}` to `{output}`, when that is a step of its own.
    pub compile: Option<Step>,
    /// Runs the program.
    pub run: &'static [&'static str],
    /// Whether it gets the smaller count.
    pub interpreted: bool,
}

/// One command of a system.
pub struct Step {
    /// The command.
    pub command: &'static [&'static str],
    /// Its standard input.
    pub input: &'static str,
}

/// A system that this machine has.
pub struct Installed {
    /// The executable.
    pub path: PathBuf,
    /// What it says of its version.
    pub version: String,
}

const fn maru(name: &'static str, about: &'static str, run: &'static [&'static str], interpreted: bool) -> System {
    System {
        name,
        about,
        executables: &["maru"],
        version: &["--version"],
        version_mark: "",
        extension: "l",
        preludes: &["maru.l"],
        count_definition: "(define repeat-count {count})",
        compile: None,
        run,
        interpreted,
    }
}

/// Every system, in the order of the columns; ratios are to the first that is there.
pub static SYSTEMS: &[System] = &[
    maru("maru", "compiled before it runs", &["{executable}", "run", "--jit", "always", "{source}"], false),
    maru("maru-auto", "compiled when hot", &["{executable}", "run", "--jit", "auto", "{source}"], false),
    maru("maru-interpreted", "the interpreter", &["{executable}", "run", "--jit", "off", "{source}"], true),
    System {
        name: "chez",
        about: "package chezscheme; compile-program",
        executables: &["chezscheme", "scheme", "chez"],
        version: &["--version"],
        version_mark: ".",
        extension: "scm",
        preludes: &["chez.scm", "measure.scm"],
        count_definition: "(define repeat-count {count})",
        compile: Some(Step { command: &["{executable}", "-q"], input: "(compile-program \"{source}\" \"{output}\")" }),
        run: &["{executable}", "--program", "{output}"],
        interpreted: false,
    },
    System {
        name: "sbcl",
        about: "package sbcl; speed 2, safety 1",
        executables: &["sbcl"],
        version: &["--version"],
        version_mark: "SBCL",
        extension: "lisp",
        preludes: &["sbcl.lisp"],
        count_definition: "(defparameter *repeat-count* {count})",
        compile: Some(Step {
            command: &[
                "{executable}",
                "--noinform",
                "--no-sysinit",
                "--no-userinit",
                "--non-interactive",
                "--eval",
                "(compile-file \"{source}\" :output-file \"{output}\")",
            ],
            input: "",
        }),
        run: &["{executable}", "--script", "{output}"],
        interpreted: false,
    },
    System {
        name: "luajit",
        about: "package luajit",
        executables: &["luajit"],
        version: &["-v"],
        version_mark: "LuaJIT",
        extension: "lua",
        preludes: &["luajit.lua"],
        count_definition: "repeat_count = {count}",
        compile: None,
        run: &["{executable}", "{source}"],
        interpreted: false,
    },
    System {
        name: "guile",
        about: "package guile-3.0; compiled, -O3",
        executables: &["guile-3.0", "guile3.0", "guile"],
        version: &["--version"],
        version_mark: "Guile",
        extension: "scm",
        preludes: &["guile.scm", "measure.scm"],
        count_definition: "(define repeat-count {count})",
        compile: Some(Step {
            command: &[
                "{executable}",
                "--no-auto-compile",
                "-c",
                "(use-modules (system base compile)) \
                 (compile-file \"{source}\" #:output-file \"{output}\" #:optimization-level 3)",
            ],
            input: "",
        }),
        run: &["{executable}", "--no-auto-compile", "-c", "(load-compiled \"{output}\")"],
        interpreted: false,
    },
    System {
        name: "gambit",
        about: "package gambc; gsc -exe, block, safe",
        executables: &["gsc", "gambitc", "gsc-gambit"],
        version: &["-v"],
        version_mark: "v4",
        extension: "scm",
        preludes: &["gambit.scm", "measure.scm"],
        count_definition: "(define repeat-count {count})",
        compile: Some(Step { command: &["{executable}", "-exe", "-o", "{output}", "{source}"], input: "" }),
        run: &["{output}"],
        interpreted: false,
    },
    System {
        name: "node",
        about: "package nodejs",
        executables: &["node", "nodejs"],
        version: &["--version"],
        version_mark: "v",
        extension: "js",
        preludes: &["node.js"],
        count_definition: "const repeatCount = {count};",
        compile: None,
        run: &["{executable}", "{source}"],
        interpreted: false,
    },
    System {
        name: "gcc",
        about: "package gcc; -O2",
        executables: &["gcc"],
        version: &["--version"],
        version_mark: "",
        extension: "c",
        preludes: &["gcc.c"],
        count_definition: "#define REPEAT_COUNT {count}L",
        compile: Some(Step {
            // Contraction would give doubles that no other system computes.
            command: &[
                "{executable}",
                "-O2",
                "-std=gnu11",
                "-ffp-contract=off",
                "-o",
                "{output}",
                "{source}",
                "{link}",
            ],
            input: "",
        }),
        run: &["{output}"],
        interpreted: false,
    },
];

impl System {
    /// Looks for the system on this machine. `maru` is where the caller says Maru is, if it says so.
    pub fn find(&self, maru: Option<&Path>) -> Option<Installed> {
        match (self.is_maru(), maru) {
            (true, Some(path)) => self.try_executable(path),
            (true, None) => maru_places().iter().find_map(|path| self.try_executable(path)),
            (false, _) => self.executables.iter().find_map(|name| self.try_executable(Path::new(name))),
        }
    }

    /// Whether this is a way of running Maru itself.
    pub fn is_maru(&self) -> bool {
        self.executables == ["maru"]
    }

    fn try_executable(&self, path: &Path) -> Option<Installed> {
        let output = Command::new(path).args(self.version).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("version unknown");
        // LuaJIT goes on with its copyright, Gambit with every option of its configuration.
        let version = line.split(" -- ").next().unwrap_or(line).split(" \"").next().unwrap_or(line).trim().to_owned();
        version.contains(self.version_mark).then(|| Installed { path: path.to_owned(), version })
    }
}

/// Where Maru's own executable may be: beside this one, in the workspace's release folder, on the search path. One
/// beside an unoptimised harness is itself unoptimised, and not worth timing.
fn maru_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let (false, Ok(own)) = (cfg!(debug_assertions), std::env::current_exe()) {
        places.push(own.with_file_name(format!("maru{}", std::env::consts::EXE_SUFFIX)));
    }
    places.push(crate::workspace().join("target/release").join(format!("maru{}", std::env::consts::EXE_SUFFIX)));
    places.push(PathBuf::from("maru"));
    places
}
