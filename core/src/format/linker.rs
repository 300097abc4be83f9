//! Calling a system's linker: a program outside of Maru, found by its name.

use super::FormatError;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The variable that names another linker, by its file or as it is called.
pub const LINKER_VARIABLE: &str = "MARU_LINKER";
/// How many lines of what a linker says are repeated.
const LINES: usize = 20;

/// A linker, and how it makes a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linker {
    /// The program's name.
    pub program: String,
    /// Its arguments, before `-o LIBRARY OBJECT`.
    pub arguments: Vec<String>,
    /// Where it comes from: what to install.
    pub package: String,
}

impl Linker {
    /// A linker.
    pub fn new(program: &str, arguments: &[&str], package: &str) -> Linker {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Linker { program: program.into(), arguments, package: package.into() }
    }

    /// Whether there is such a program here.
    pub fn is_here(&self) -> bool {
        let is_program = |file: &Path| {
            let facts = std::fs::metadata(file);
            facts.is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
        };
        if self.program.contains('/') {
            return is_program(Path::new(&self.program));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|folder| is_program(&folder.join(&self.program)));
        found
    }

    /// The first of these that is here; the one that [`LINKER_VARIABLE`] names goes before all, with the arguments of
    /// the one it is another name of, or of the first.
    ///
    /// # Errors
    /// None is here: what to install.
    pub fn find(linkers: Vec<Linker>, what: &str) -> Result<Linker, FormatError> {
        let Some(first) = linkers.first() else {
            return Err(FormatError(format!("no linker is known that makes libraries of {what}")));
        };
        if let Some(name) = std::env::var_os(LINKER_VARIABLE).filter(|name| !name.is_empty()) {
            let name = name.to_string_lossy().into_owned();
            let file =
                Path::new(&name).file_name().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
            let same = linkers.iter().find(|linker| file == linker.program);
            let alike =
                same.or_else(|| linkers.iter().find(|linker| file.starts_with(&linker.program))).unwrap_or(first);
            let chosen = Linker { program: name.clone(), ..alike.clone() };
            if chosen.is_here() {
                return Ok(chosen);
            }
            return Err(FormatError(format!(
                "{LINKER_VARIABLE}: there is no program '{name}'; name a linker, or unset it"
            )));
        }
        let found = linkers.iter().find(|linker| linker.is_here()).cloned();
        found.ok_or_else(|| {
            let names: Vec<&str> = linkers.iter().map(|linker| linker.program.as_str()).collect();
            FormatError(format!(
                "there is no linker here for {what} (looked for {}): install {}, name one in {LINKER_VARIABLE}, or use \
                 the strategy 'direct', which needs none",
                names.join(", "),
                first.package
            ))
        })
    }

    /// Make a library of an object, both by their names in a directory: linkers note what they are given, and where the
    /// directory lies must not be in the file.
    ///
    /// # Errors
    /// When the program cannot be started or fails: what it says.
    pub fn link(&self, directory: &Path, object: &str, library: &str) -> Result<(), FormatError> {
        let problem = |what: String| FormatError(format!("the linker {}: {what}", self.program));
        let mut command = Command::new(&self.program);
        command.current_dir(directory).args(&self.arguments).args(["-o", library, object]).stdin(Stdio::null());
        // What linkers say is read by people who may have asked for another language, but repeated in English messages.
        let output = command.env("LC_ALL", "C").output().map_err(|error| problem(error.to_string()))?;
        if output.status.success() && directory.join(library).is_file() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<String> = said.lines().take(LINES).map(|line| format!("\n  {line}")).collect();
        let status = output.status;
        Err(problem(match (status.success(), lines.is_empty()) {
            (true, _) => "it succeeded, but wrote no library".into(),
            (false, true) => format!("it failed ({status}) and did not say why"),
            (false, false) => format!("it failed ({status}):{}", lines.concat()),
        }))
    }
}
