//! `maru disasm`: the machine code of a program's functions.

use crate::arguments::{Disasm, Execution};
use crate::trouble::Trouble;
use crate::{listing, options, program, session};
use maru_compiler::unit;
use std::process::ExitCode;

/// Show the code of a program's functions, or of those with one name.
///
/// # Errors
/// When the call is wrong, there is no such function, or the program cannot be compiled.
pub fn disasm(arguments: &Disasm) -> Result<ExitCode, Trouble> {
    let options = options::options(&arguments.selection, &Execution::default())?;
    let architecture = options::architecture(&options)?;
    let text = program::source(&arguments.file)?;
    let name = arguments.file.display().to_string();
    session::with_runtime(options, None, |runtime| {
        let functions = unit::program_ir(runtime, &name, &text, unit::LoweringTarget::of(architecture))
            .map_err(Trouble::rendered)?;
        let wanted = |function: &&maru_core::ir::Function| {
            arguments.function.as_ref().is_none_or(|wanted| function.name == *wanted)
        };
        let text = listing::listing(architecture, functions.iter().filter(wanted))?;
        match &arguments.function {
            Some(wanted) if text.is_empty() => {
                let mut names: Vec<_> = functions.iter().map(|function| function.name.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                let names = names.join(", ");
                Err(Trouble::wrong_call(format!("{name}: there is no function called '{wanted}'; there are: {names}")))
            }
            _ => super::print(&text).map(|()| ExitCode::SUCCESS),
        }
    })
}
