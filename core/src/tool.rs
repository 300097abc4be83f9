//! Programs outside of Maru, such as linkers and compilers: found by their names, and run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// How many lines of what a program says are repeated.
const LINES: usize = 20;

/// A program, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program's name.
    pub program: String,
    /// Its arguments, before those that name files.
    pub arguments: Vec<String>,
    /// Where it comes from: what to install.
    pub package: String,
}

/// What a program is wanted for, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// What it is: `linker`.
    pub sort: &'a str,
    /// What it must work for, or make.
    pub what: &'a str,
    /// The variable that names another program, by its file or as it is called.
    pub variable: &'a str,
    /// What to do where there is none, besides installing one and setting the variable.
    pub otherwise: &'a str,
}

impl Tool {
    /// A program.
    pub fn new(program: &str, arguments: &[&str], package: &str) -> Tool {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Tool { program: program.into(), arguments, package: package.into() }
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

    /// The first of these that is here; the one that the purpose's variable names goes before all, with the arguments of
    /// the one it is another name of, or of the first.
    ///
    /// # Errors
    /// None is here: what to install.
    pub fn find(tools: Vec<Tool>, purpose: &Purpose) -> Result<Tool, String> {
        let Purpose { sort, what, variable, otherwise } = purpose;
        let Some(first) = tools.first() else { return Err(format!("no {sort} is known for {what}")) };
        if let Some(name) = std::env::var_os(variable).filter(|name| !name.is_empty()) {
            let name = name.to_string_lossy().into_owned();
            let file =
                Path::new(&name).file_name().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
            let same = tools.iter().find(|tool| file == tool.program);
            let alike = same.or_else(|| tools.iter().find(|tool| file.starts_with(&tool.program))).unwrap_or(first);
            let chosen = Tool { program: name.clone(), ..alike.clone() };
            if chosen.is_here() {
                return Ok(chosen);
            }
            return Err(format!("{variable}: there is no program '{name}'; name a {sort}, or unset it"));
        }
        tools.iter().find(|tool| tool.is_here()).cloned().ok_or_else(|| {
            let names: Vec<&str> = tools.iter().map(|tool| tool.program.as_str()).collect();
            format!(
                "there is no {sort} here for {what} (looked for {}): install {}, name one in {variable}, or {otherwise}",
                names.join(", "),
                first.package
            )
        })
    }

    /// Run the program in a directory, with more arguments; it must make the file that `product` names there. Files are
    /// named by their names in the directory: programs note what they are given, and where the directory lies must not be
    /// in what they make.
    ///
    /// # Errors
    /// When it cannot be started or fails: what it says.
    pub fn run(&self, directory: &Path, arguments: &[&str], product: &str) -> Result<(), String> {
        let problem = |what: String| format!("{}: {what}", self.program);
        let mut command = Command::new(&self.program);
        command.current_dir(directory).args(&self.arguments).args(arguments).stdin(Stdio::null());
        // What programs say is read by people who may have asked for another language, but repeated in English messages.
        let output = command.env("LC_ALL", "C").output().map_err(|error| problem(error.to_string()))?;
        if output.status.success() && directory.join(product).is_file() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<String> = said.lines().take(LINES).map(|line| format!("\n  {line}")).collect();
        let status = output.status;
        Err(problem(match (status.success(), lines.is_empty()) {
            (true, _) => format!("it succeeded, but did not write {product}"),
            (false, true) => format!("it failed ({status}) and did not say why"),
            (false, false) => format!("it failed ({status}):{}", lines.concat()),
        }))
    }
}
