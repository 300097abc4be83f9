//! What looks for a fault of each kind, and in which order: first what runs most programs through the code in question,
//! then the suite as it is by itself.

use crate::plant::Planted;
use std::path::PathBuf;

/// One command that may find a fault.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) command: Finder,
    /// The part of a fault's time that it may take, in hundredths.
    pub(crate) share: u64,
}

/// What is run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Finder {
    /// The suite of this command, with these arguments.
    Conform(PathBuf, Vec<String>),
    /// A target's trials.
    Trials(PathBuf),
}

/// The attempts for a fault of a kind.
pub(crate) fn attempts(category: &str, planted: &Planted) -> Vec<Attempt> {
    let conform = |share, arguments: &str| {
        let arguments = arguments.split_whitespace().map(String::from).collect();
        Attempt { command: Finder::Conform(planted.maru.clone(), arguments), share }
    };
    let trials = |target: &str| {
        planted.trials.get(target).map(|path| Attempt { command: Finder::Trials(path.clone()), share: 40 })
    };
    match category {
        "numbers" | "primitives" | "prelude" | "expander" | "reader" | "interpreter" => {
            vec![conform(60, "--modes model,ir-evaluator"), conform(40, "")]
        }
        "lowering" => vec![
            conform(55, "--modes ir-evaluator"),
            conform(30, "--target x64 --format elf --modes native,native-hot,native-stress,native-O0,native-O1"),
            conform(15, ""),
        ],
        "passes" => {
            let mut attempts =
                vec![conform(30, "--modes ir-evaluator"), conform(30, "--target x64 --format elf --modes native")];
            attempts.extend(trials("x64"));
            attempts
        }
        "allocator" => {
            let mut attempts = vec![conform(30, "--target x64 --format elf --modes native")];
            attempts.extend(trials("arm64").map(|trials| Attempt { share: 30, ..trials }));
            attempts.extend(trials("x64"));
            attempts
        }
        "collector" => vec![conform(60, "--target x64 --format elf --modes interpreter-stress,native-stress"), conform(40, "")],
        "loader" => vec![
            conform(60, "--target x64 --format elf --modes native,native-hot,native-linker,native-assembler,native-memory,native-background"),
            conform(40, ""),
        ],
        "cache" => vec![conform(60, "--target x64 --format elf --modes native,native-hot"), conform(40, "")],
        "c" => {
            let mut attempts = vec![conform(60, "--target c --profile night --modes native-source")];
            attempts.extend(trials("c"));
            attempts
        }
        "wasm-module" => vec![conform(100, "--format wasm --modes native,native-hot")],
        format @ ("elf" | "macho" | "pe") => vec![
            conform(50, &format!("--format {format} --profile night --modes native,native-linker,native-assembler,native-memory")),
            conform(50, &format!("--format {format}")),
        ],
        target => {
            let mut attempts = vec![conform(60, &format!("--target {target} --modes native,native-stress"))];
            attempts.extend(trials(target));
            attempts
        }
    }
}
