//! Puts the texts of all cases and regressions into the library, so that they are there wherever it runs.

use std::fmt::Write;
use std::path::Path;

fn main() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let mut code = String::new();
    for (folder, name) in [("cases", "CASES"), ("regressions", "REGRESSIONS")] {
        let directory = Path::new(&root).join(folder);
        println!("cargo::rerun-if-changed={}", directory.display());
        let mut files: Vec<_> = std::fs::read_dir(&directory)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "l"));
        files.sort();
        writeln!(code, "/// The files in `{folder}`: names and texts.\npub const {name}: &[(&str, &str)] = &[")
            .unwrap();
        for file in files {
            let short = file.file_name().expect("a file").to_string_lossy();
            writeln!(code, "    (\"{folder}/{short}\", include_str!({:?})),", file.display().to_string()).unwrap();
        }
        code.push_str("];\n");
    }
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("texts.rs"), code).expect("a writable build directory");
}
