//! Calling a system's linker.

use super::FormatError;
use crate::tool::{Purpose, Tool};
use std::path::Path;

/// The variable that names another linker, by its file or as it is called.
pub const LINKER_VARIABLE: &str = "MARU_LINKER";

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
        Linker::of(Tool::new(program, arguments, package))
    }

    fn of(Tool { program, arguments, package }: Tool) -> Linker {
        Linker { program, arguments, package }
    }

    fn tool(&self) -> Tool {
        let Linker { program, arguments, package } = self.clone();
        Tool { program, arguments, package }
    }

    /// Whether there is such a program here.
    pub fn is_here(&self) -> bool {
        self.tool().is_here()
    }

    /// The first of these that is here; the one that [`LINKER_VARIABLE`] names goes before all, with the arguments of
    /// the one it is another name of, or of the first.
    ///
    /// # Errors
    /// None is here: what to install.
    pub fn find(linkers: Vec<Linker>, what: &str) -> Result<Linker, FormatError> {
        if linkers.is_empty() {
            return Err(FormatError(format!("no linker is known that makes libraries of {what}")));
        }
        let tools = linkers.iter().map(Linker::tool).collect();
        let otherwise = "use the strategy 'direct', which needs none";
        let purpose = Purpose { sort: "linker", what, variable: LINKER_VARIABLE, otherwise };
        Tool::find(tools, &purpose).map(Linker::of).map_err(FormatError)
    }

    /// Make a library of an object, both by their names in a directory.
    ///
    /// # Errors
    /// When the program cannot be started or fails: what it says.
    pub fn link(&self, directory: &Path, object: &str, library: &str) -> Result<(), FormatError> {
        let linked = self.tool().run(directory, &["-o", library, object], library);
        linked.map_err(|problem| FormatError(format!("the linker {problem}")))
    }
}
