//! `maru build`: from a program's source to a library, or to a stage on the way as text.

use crate::arguments::{Build, Emit, Execution};
use crate::trouble::Trouble;
use crate::{keys, options, program, session};
use maru_compiler::load::write_whole;
use maru_compiler::unit::{self, Artifact};
use maru_core::codegen::Architecture;
use maru_core::format::{self, ObjectFormat};
use maru_language::runtime::{Runtime, Strategy};
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Build a program.
///
/// # Errors
/// When the call is wrong, the program cannot be compiled, or the result cannot be written.
pub fn build(arguments: &Build) -> Result<ExitCode, Trouble> {
    let mut options = options::options(&arguments.selection, &Execution::default())?;
    if arguments.emit == Emit::C {
        options::choose_text(&mut options, "c", "--emit c")?;
    }
    let (architecture, format) = (options::architecture(&options)?, options::format(&options)?);
    let product = match arguments.emit {
        Emit::Lib => Some("library"),
        Emit::Obj => Some("object"),
        Emit::Asm => {
            check_pair(architecture, format)?;
            None
        }
        _ => None,
    };
    if let Some(product) = product {
        if options.strategy == Strategy::Memory {
            return Err(Trouble::wrong_call(format!(
                "build: the strategy 'memory' makes no {product}, it is for `maru run`; choose another one, or none"
            )));
        }
        check_pair(architecture, format)?;
        if arguments.output.is_none() {
            return Err(Trouble::wrong_call(format!("build: say where to write the {product}: -o FILE")));
        }
    }
    if arguments.passes && arguments.emit != Emit::Ir {
        return Err(Trouble::wrong_call("build: --passes is about the intermediate representation: add --emit ir"));
    }
    if let Some(output) = &arguments.output {
        check_apart(&arguments.file, output)?;
    }
    let key = arguments.sign.as_deref().map(keys::secret).transpose()?;
    if key.is_some() && arguments.output.as_deref() == Some(Path::new("-")) {
        return Err(Trouble::wrong_call("build: --sign writes beside the output, which must be a file: -o FILE"));
    }
    let text = program::source(&arguments.file)?;
    let name = arguments.file.display().to_string();
    let bytes = session::with_runtime(options, None, |runtime| {
        emit(runtime, (arguments.emit, arguments.passes), &name, &text, architecture, format)
    })?;
    match arguments.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => write(path, &bytes).map_err(|error| Trouble::output(path, &error))?,
        None => super::print_bytes(&bytes)?,
    }
    if let (Some(key), Some(path)) = (key, arguments.output.as_deref()) {
        super::key::sign_file(&key, path, &bytes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A result must not take the place of the source it is made from.
pub(super) fn check_apart(source: &Path, output: &Path) -> Result<(), Trouble> {
    let places = (source.canonicalize(), output.canonicalize());
    let (Ok(from), Ok(to)) = places else { return Ok(()) };
    if from != to || !from.is_file() {
        return Ok(());
    }
    let name = output.display();
    Err(Trouble::wrong_call(format!("{name}: this is the source, which the result would replace; name another file")))
}

fn check_pair(architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Result<(), Trouble> {
    if format::identity(architecture, format).is_some() {
        return Ok(());
    }
    let (architecture, format) = (architecture.name(), format.name());
    Err(Trouble::wrong_call(format!(
        "the format {format} does not hold code for {architecture}; `maru targets` shows which pairs there are"
    )))
}

/// The bytes of what was asked for.
fn emit(
    runtime: &mut Runtime,
    (emit, passes): (Emit, bool),
    name: &str,
    text: &str,
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
) -> Result<Vec<u8>, Trouble> {
    let target = unit::LoweringTarget::of(architecture);
    let functions = |runtime: &mut Runtime| unit::program_ir(runtime, name, text, target);
    let made = match emit {
        Emit::Lib => unit::build_program(runtime, name, text, architecture, format, Artifact::Library),
        Emit::Obj => unit::build_program(runtime, name, text, architecture, format, Artifact::Object),
        Emit::C => unit::build_program(runtime, name, text, architecture, format, Artifact::Text),
        Emit::Tree => unit::program_tree(runtime, name, text).map(String::into_bytes),
        Emit::Linear => unit::program_linear(runtime, name, text, target).map(String::into_bytes),
        Emit::Ir if passes => unit::program_passes(runtime, name, text, target).map(String::into_bytes),
        Emit::Ir => functions(runtime).map(|functions| {
            let texts = functions.iter().map(ToString::to_string);
            texts.collect::<Vec<_>>().join("\n").into_bytes()
        }),
        Emit::Asm => unit::build_program(runtime, name, text, architecture, format, Artifact::Assembly),
    };
    made.map_err(Trouble::rendered)
}

/// Write a file whole or not at all: a library that is cut short, or is in use, must not be left at its place.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        // A device, a pipe; a directory gives the error that it deserves.
        return std::fs::write(path, bytes);
    }
    if path.file_name().is_none() {
        return std::fs::write(path, bytes);
    }
    write_whole(path, bytes)
}
