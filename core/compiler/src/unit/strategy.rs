//! Strategies: the ways from an image to a library.
//!
//! | strategy | the library |
//! |---|---|
//! | `direct` | is written whole: the format lays the image out, its code is linked to that, the format writes it |
//! | `linker` | is made by a system's linker of a relocatable object that the format writes |
//! | `assembler` | is made likewise, of an object that an assembler makes of text |
//! | the name of a target whose code is text | is made by the system's compiler of the text, and its linker: see `source` |
//! | `memory` | is none: the image is linked to where it is put in this process's memory |

use super::compile::CompileFailure;
use super::pipeline::Target;
use crate::load::{check, place, scratch_directory, ImageHeader, LoadedImage, ScratchDirectory};
use maru_core::abi::fingerprint;
use maru_core::codegen::{find_compiler, image_stamp, Architecture, MachineIdentity};
use maru_core::format::{self, Image, Linker, ObjectFormat};
use maru_core::tool::{Purpose, Tool};
use maru_language::runtime::Strategy;
use std::fmt;
use std::path::Path;

/// Why a strategy is of no use for a target and a format here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unable {
    /// There is no such thing anywhere; why.
    Unsupported(String),
    /// Something is not installed: what, and how it can be.
    Missing(String),
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (Unable::Unsupported(reason) | Unable::Missing(reason)) = self;
        f.write_str(reason)
    }
}

/// Whether a strategy brings code of a target to life here, in a format that holds it.
///
/// # Errors
/// When it does not.
pub fn check_strategy(
    strategy: Strategy,
    architecture: &dyn Architecture,
    format: &dyn ObjectFormat,
) -> Result<(), Unable> {
    let Some(machine) = format::identity(architecture, format) else {
        let (cpu, container) = (architecture.name(), format.name());
        return Err(Unable::Unsupported(format!("{container} has no number for {cpu}")));
    };
    let is_host = architecture.is_host() && format.is_host();
    if let Some(source) = architecture.source() {
        find_compiler(source).map_err(Unable::Missing)?;
    }
    match strategy {
        Strategy::Direct if architecture.source().is_none() => Ok(()),
        Strategy::Memory | Strategy::Assembler if architecture.source().is_some() => Err(Unable::Unsupported(format!(
            "the code of {} is text, of which its compiler makes libraries",
            architecture.name()
        ))),
        Strategy::Direct | Strategy::Linker | Strategy::Assembler => {
            let what = format!("{} in the format {}", architecture.name(), format.name());
            let linkers = format.linkers(machine, is_host);
            if linkers.is_empty() {
                return Err(Unable::Unsupported(format!("no linker is known that makes libraries of {what}")));
            }
            Linker::find(linkers, &what).map_err(|missing| Unable::Missing(missing.to_string()))?;
            if strategy != Strategy::Assembler {
                return Ok(());
            }
            if architecture.assembly().is_none() || format.assemblers(machine, is_host).is_empty() {
                return Err(Unable::Unsupported(format!("there is no assembly text of {what}")));
            }
            find_assembler(architecture, format, machine).map(|_| ()).map_err(Unable::Missing)
        }
        Strategy::Memory if is_host => Ok(()),
        Strategy::Memory => Err(Unable::Unsupported(
            "only code that this host runs itself is put into its memory; other machines take code from libraries"
                .into(),
        )),
    }
}

/// A library of an image, by the strategy asked for.
pub(super) fn library(
    image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    match target.strategy {
        // What is saved is a file, whatever the program itself runs from.
        Strategy::Direct | Strategy::Memory => direct(image, manifest, target, machine),
        Strategy::Linker => {
            let object = object(image, manifest, target, machine)?;
            let directory = scratch_directory()?;
            let stem = stem(&object);
            write_part(&directory, &format!("{stem}.o"), &object)?;
            link_checked(&directory, &stem, target, machine)
        }
        Strategy::Assembler => {
            let text = assembly(image, manifest, target, machine)?;
            let directory = scratch_directory()?;
            let stem = stem(&text);
            let [from, to] = ["s", "o"].map(|ending| format!("{stem}.{ending}"));
            write_part(&directory, &from, &text)?;
            let assembler = find_assembler(target.architecture, target.format, machine).map_err(CompileFailure)?;
            let assembled = assembler.run(directory.path(), &["-o", &to, &from], &to);
            assembled.map_err(|problem| CompileFailure(format!("the assembler {problem}")))?;
            link_checked(&directory, &stem, target, machine)
        }
    }
}

fn direct(
    mut image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    ImageHeader::build(&mut image, manifest, image_stamp(target.architecture))?;
    let layout = target.format.layout(&image, machine)?;
    image.link(&layout, target.architecture)?;
    Ok(target.format.write(&image, &layout, machine)?)
}

/// An image in this process's memory, ready to be called.
pub(super) fn in_memory(
    mut image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<LoadedImage, CompileFailure> {
    let Target { architecture, format, .. } = target;
    ImageHeader::build(&mut image, manifest, image_stamp(architecture))?;
    Ok(place(image, architecture, &|image, code| format.symbol_file(image, code, machine))?)
}

/// A relocatable object of an image.
pub(super) fn object(
    mut image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    ImageHeader::build_linkable(&mut image, manifest, image_stamp(target.architecture), machine)?;
    Ok(target.format.write_object(&image, machine)?)
}

/// Assembly text of an image, of which an assembler makes the same object.
pub(super) fn assembly(
    mut image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    let Target { architecture, format, .. } = target;
    let syntax = architecture.assembly().ok_or_else(|| {
        CompileFailure(format!("the target {} has no text that assemblers understand", architecture.name()))
    })?;
    ImageHeader::build_linkable(&mut image, manifest, image_stamp(architecture), machine)?;
    Ok(format.write_assembly(&image, &syntax, machine)?.into_bytes())
}

/// The variable that names another assembler, by its file or as it is called.
pub const ASSEMBLER_VARIABLE: &str = "MARU_ASSEMBLER";

fn find_assembler(
    architecture: &dyn Architecture,
    format: &dyn ObjectFormat,
    machine: &MachineIdentity,
) -> Result<Tool, String> {
    let what = format!("{} in the format {}", architecture.name(), format.name());
    let otherwise = "use the strategy 'direct', which needs none";
    let purpose = Purpose { sort: "assembler", what: &what, variable: ASSEMBLER_VARIABLE, otherwise };
    Tool::find(format.assemblers(machine, architecture.is_host() && format.is_host()), &purpose)
}

/// What the files of a unit are called, on the way to a library. Some loaders believe that they know a library whose name
/// they have seen, so each has its own.
pub(super) fn stem(contents: &[u8]) -> String {
    format!("unit_{:016x}", fingerprint(contents)[0])
}

pub(super) fn write_part(directory: &ScratchDirectory, name: &str, contents: &[u8]) -> Result<(), CompileFailure> {
    let written = std::fs::write(directory.path().join(name), contents);
    written.map_err(|error| CompileFailure(format!("{name}: {error}")))
}

/// The bytes of a library that a linker makes of an object in a directory, if it is what was compiled.
fn link_checked(
    directory: &ScratchDirectory,
    stem: &str,
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    let (bytes, linker) = link(target, machine, directory.path(), &format!("{stem}.o"), stem)?;
    // Whoever loads what was just made trusts it; this was not made here. That its code is what we compiled is seen then.
    check(Path::new(&format!("what {linker} made")), &bytes, target.format, target.architecture)?;
    Ok(bytes)
}

/// Link an object that is in a directory; the library's bytes, and the linker's name.
pub(super) fn link(
    target: Target,
    machine: &MachineIdentity,
    directory: &Path,
    object: &str,
    stem: &str,
) -> Result<(Vec<u8>, String), CompileFailure> {
    let Target { architecture, format, .. } = target;
    let what = format!("{} in the format {}", architecture.name(), format.name());
    let is_host = architecture.is_host() && format.is_host();
    let linker = Linker::find(format.linkers(machine, is_host), &what)?;
    let library = format.file_name(stem);
    linker.link(directory, object, &library)?;
    let bytes =
        std::fs::read(directory.join(&library)).map_err(|error| CompileFailure(format!("{library}: {error}")))?;
    Ok((bytes, linker.program))
}
