//! `maru explore`: a page that shows a program from source to machine code.

use crate::arguments::{Execution, Explore, Selection};
use crate::explore::{page, stages};
use crate::trouble::Trouble;
use crate::{options, program};
use maru_core::codegen::Architecture;
use maru_core::registry;
use maru_language::runtime::Options;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write the page.
///
/// # Errors
/// When the call is wrong, the program cannot be compiled, or the page cannot be written.
pub fn explore(arguments: &Explore) -> Result<ExitCode, Trouble> {
    let selection = Selection { level: arguments.level, ..Selection::default() };
    let options = options::options(&selection, &Execution::default())?;
    let targets = targets(&arguments.target, &options)?;
    let output = arguments.output.clone().unwrap_or_else(|| beside(&arguments.file));
    super::build::check_apart(&arguments.file, &output)?;
    check_kind(&output)?;
    let text = program::source(&arguments.file)?;
    let name = arguments.file.display().to_string();
    let page = page::page(&stages::explore(&name, &text, &targets, options.level)?);
    if output == Path::new("-") {
        super::print(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    super::build::write(&output, page.as_bytes()).map_err(|error| Trouble::output(&output, &error))?;
    super::print(&format!("{}\n", output.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The targets that were named, each once, else the one that programs are compiled for here.
fn targets(named: &[String], options: &Options) -> Result<Vec<&'static dyn Architecture>, Trouble> {
    if named.is_empty() {
        return Ok(vec![options::architecture(options)?]);
    }
    let mut targets: Vec<&'static dyn Architecture> = Vec::new();
    for name in named {
        let target = registry::find_architecture(name, "--target").map_err(Trouble::wrong_call)?;
        if targets.iter().all(|other| other.name() != target.name()) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// A page may take the place of a page, or of an empty file; anything else may be somebody's work.
fn check_kind(output: &Path) -> Result<(), Trouble> {
    if !output.is_file() {
        return Ok(());
    }
    let mut start = [0; page::START.len()];
    let mut read = 0;
    let mut file = File::open(output).map_err(|error| Trouble::file(output, &error))?;
    while read < start.len() {
        match file.read(&mut start[read..]).map_err(|error| Trouble::file(output, &error))? {
            0 => break,
            more => read += more,
        }
    }
    if read == 0 || start == page::START.as_bytes() {
        return Ok(());
    }
    let name = output.display();
    Err(Trouble::wrong_call(format!(
        "{name}: this file is no page of `maru explore`, which would replace it; name another with -o, or remove it"
    )))
}

/// A file in the working directory that is called as the program is.
fn beside(file: &Path) -> PathBuf {
    let name = file.file_stem().filter(|_| file != Path::new("-")).unwrap_or("program".as_ref());
    let mut page = name.to_os_string();
    page.push(".html");
    page.into()
}
