//! The programs: one folder each, with an `about.json` and one source for each language.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A benchmark program, as its `about.json` describes it.
#[derive(Debug, Clone)]
pub struct Program {
    /// The folder's name, which is also the stem of every source in it.
    pub name: String,
    /// One line on what it measures.
    pub what: String,
    /// How often compiled systems repeat the work.
    pub count: u32,
    /// How often interpreters do; the time is scaled up.
    pub interpreted_count: u32,
    /// What every system must print.
    pub checksum: String,
    /// Whether the `gcc -O2` budget applies.
    pub typed: bool,
    /// Libraries that the C source links with.
    pub link: Vec<String>,
    folder: PathBuf,
}

impl Program {
    /// The source for a language, or `None` when the program has none.
    pub fn source(&self, extension: &str) -> Option<PathBuf> {
        let path = self.folder.join(format!("{}.{extension}", self.name));
        path.is_file().then_some(path)
    }

    /// Reads the `about.json` of one folder.
    fn read(folder: &Path) -> Result<Program, String> {
        let about_path = folder.join("about.json");
        let say = |what: &str| format!("{}: {what}", about_path.display());
        let text = std::fs::read_to_string(&about_path).map_err(|error| say(&error.to_string()))?;
        let about: Value = serde_json::from_str(&text).map_err(|error| say(&error.to_string()))?;
        let string = |key: &str| {
            about[key].as_str().map(str::to_owned).ok_or_else(|| say(&format!("\"{key}\" must be a string")))
        };
        let count = |key: &str| match about[key].as_u64().and_then(|count| u32::try_from(count).ok()) {
            Some(count) if count > 0 => Ok(count),
            _ => Err(say(&format!("\"{key}\" must be a positive integer"))),
        };
        let link = about["link"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Program {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            what: string("what")?,
            count: count("count")?,
            interpreted_count: count("interpreted-count")?,
            checksum: string("checksum")?,
            typed: about["typed"].as_bool().unwrap_or(false),
            link: link.iter().filter_map(|library| library.as_str().map(str::to_owned)).collect(),
            folder: folder.to_owned(),
        })
    }
}

/// All programs under `root`, by name: the folders that have an `about.json`.
pub fn read_programs(root: &Path) -> Result<Vec<Program>, String> {
    let entries = std::fs::read_dir(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("about.json").is_file())
        .collect();
    folders.sort();
    folders.iter().map(|folder| Program::read(folder)).collect()
}
