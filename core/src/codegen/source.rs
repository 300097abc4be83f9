//! Targets whose code is text: a compiler outside of Maru makes machine code of it.
//!
//! Such a target takes a whole unit, because its text has things that functions share. The compiler decides where
//! everything lies, as a linker does. What core must find again in a library that was made so are the image's header, under
//! [`HEADER_SYMBOL`], the data table, under [`DATA_SYMBOL`], and each function, under the symbol that it was given.

use super::CompileError;
use crate::ir::Function;
use crate::tool::{Purpose, Tool};
use std::path::Path;

/// The symbol under which every library exports its header, the first bytes of the constants.
pub const HEADER_SYMBOL: &str = "maru_image";
/// The symbol of the data table in texts.
pub const DATA_SYMBOL: &str = "maru_data";
/// The variable that names another compiler, by its file or as it is called.
pub const COMPILER_VARIABLE: &str = "MARU_CC";

/// A unit, as text is made of it.
#[derive(Clone, Copy, Debug)]
pub struct SourceUnit<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// The functions, verified.
    pub functions: &'a [Function],
    /// What each is called in the text: letters, digits and underscores.
    pub symbols: &'a [String],
    /// The constants, which start with the header. They are completed when everything has its place.
    pub constants: &'a [u8],
    /// Words of the data table, which is zero at first and is written from outside.
    pub data_words: u32,
}

/// What an [`super::Architecture`] has whose code is text.
pub trait SourceTarget: Sync {
    /// The language's name, for people.
    fn language(&self) -> &'static str;
    /// What names of files with such text end in, without a dot.
    fn extension(&self) -> &'static str;
    /// The text of a unit.
    ///
    /// # Errors
    /// When a function needs what the target does not have; the message says what.
    fn text(&self, unit: &SourceUnit) -> Result<String, CompileError>;
    /// The compilers that make an object of a text, the best one first: before `-o OBJECT TEXT`.
    fn compilers(&self) -> Vec<Tool>;
}

/// The compiler for a target's texts: the one that [`COMPILER_VARIABLE`] names, or else the first that is here.
///
/// # Errors
/// None is here: what to install.
pub fn find_compiler(target: &dyn SourceTarget) -> Result<Tool, String> {
    let purpose = Purpose {
        sort: "compiler",
        what: target.language(),
        variable: COMPILER_VARIABLE,
        otherwise: "choose a target that makes machine code itself",
    };
    Tool::find(target.compilers(), &purpose)
}

/// Make an object of a text, both by their names in a directory.
///
/// # Errors
/// When the program cannot be started or fails: what it says.
pub fn compile_text(compiler: &Tool, directory: &Path, text: &str, object: &str) -> Result<(), String> {
    let compiled = compiler.run(directory, &["-o", object, text], object);
    compiled.map_err(|problem| format!("the compiler {problem}"))
}

/// What the functions of a unit are called in texts: their names as far as a name can be in one, and their numbers.
pub fn source_symbols(functions: &[Function]) -> Vec<String> {
    let symbol = |(number, function): (usize, &Function)| {
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let name: String = function.name.chars().take(40).map(letter).collect();
        format!("maru_{name}_{number}")
    };
    functions.iter().enumerate().map(symbol).collect()
}
