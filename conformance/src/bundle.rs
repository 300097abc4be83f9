//! Failure bundles: a folder with all there is to know about a failure; and the regressions that stay.

use crate::engine::Configuration;
use crate::outcome::Observation;
use serde_json::json;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// Everything about one failure.
pub struct Bundle<'a> {
    /// The case.
    pub case: &'a str,
    /// The engine.
    pub configuration: &'a Configuration,
    /// What differed.
    pub what: &'a str,
    /// The program as it was made.
    pub original: &'a str,
    /// The smallest one that fails.
    pub program: &'a str,
    /// What the interpreter showed for the smallest one.
    pub expected: &'a Observation,
    /// What the engine showed.
    pub actual: &'a Observation,
}

impl Bundle<'_> {
    /// Write the bundle into a new folder under `directory`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, directory: &Path) -> std::io::Result<PathBuf> {
        let name: String = format!("{}-{}", self.case, self.configuration.name());
        let folder = directory.join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        std::fs::create_dir_all(&folder)?;
        let configuration = json!({
            "case": self.case,
            "engine": self.configuration.mode.name(),
            "target": self.configuration.target,
            "format": self.configuration.format,
            "machine": self.configuration.machine,
            "what": self.what,
            "version": env!("CARGO_PKG_VERSION"),
            "replay": format!("maru conform replay {}", folder.display()),
        });
        std::fs::write(folder.join("program.l"), self.program)?;
        std::fs::write(folder.join("original.l"), self.original)?;
        std::fs::write(folder.join("expected.txt"), self.expected.to_string())?;
        std::fs::write(folder.join("actual.txt"), self.actual.to_string())?;
        std::fs::write(folder.join("configuration.json"), format!("{configuration:#}\n"))?;
        Ok(folder)
    }
}

/// Where regressions of this source tree are kept; `None` if the tree is not here.
pub fn regressions() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    directory.is_dir().then_some(directory)
}

/// Save a program as a regression, which every run replays first.
///
/// # Errors
/// When it cannot be written.
pub fn save_regression(directory: &Path, family: &str, what: &str, program: &str) -> std::io::Result<PathBuf> {
    let mut hasher = std::hash::DefaultHasher::new();
    program.hash(&mut hasher);
    let path = directory.join(format!("{family}-{:08x}.l", hasher.finish() as u32));
    let what = what.lines().next().unwrap_or("");
    std::fs::write(&path, format!("; {what}\n{program}"))?;
    Ok(path)
}
