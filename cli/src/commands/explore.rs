//! `maru explore`: a page that shows a program from source to machine code.

use crate::arguments::{Explore, Selection};
use crate::explore::{page, stages};
use crate::trouble::Trouble;
use crate::{options, program};
use maru_core::codegen::Architecture;
use maru_core::registry;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write the page.
///
/// # Errors
/// When the call is wrong, the program cannot be compiled, or the page cannot be written.
pub fn explore(arguments: &Explore) -> Result<ExitCode, Trouble> {
    let level = options::level(&Selection { level: arguments.level, ..Selection::default() })?;
    let targets = targets(&arguments.target)?;
    let text = program::source(&arguments.file)?;
    let name = arguments.file.display().to_string();
    let page = page::page(&stages::explore(&name, &text, &targets, level)?);
    let output = arguments.output.clone().unwrap_or_else(|| beside(&arguments.file));
    if output == Path::new("-") {
        super::print(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    super::build::check_apart(&arguments.file, &output)?;
    super::build::write(&output, page.as_bytes()).map_err(|error| Trouble::output(&output, &error))?;
    super::print(&format!("{}\n", output.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The targets that were named, else all whose functions have machine code of their own, this host's first.
fn targets(named: &[String]) -> Result<Vec<&'static dyn Architecture>, Trouble> {
    if !named.is_empty() {
        let find = |name: &String| registry::find_architecture(name, "--target").map_err(Trouble::wrong_call);
        return named.iter().map(find).collect();
    }
    let mut all: Vec<_> = registry::architectures().into_iter().filter(|target| target.source().is_none()).collect();
    all.sort_by_key(|target| !target.is_host());
    Ok(all)
}

/// A file in the working directory that is called as the program is.
fn beside(file: &Path) -> PathBuf {
    let name = file.file_stem().filter(|_| file != Path::new("-")).unwrap_or("program".as_ref());
    let mut page = name.to_os_string();
    page.push(".html");
    page.into()
}
