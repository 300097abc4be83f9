//! Strategies: the ways from an image to a library.
//!
//! | strategy | the library |
//! |---|---|
//! | `direct` | is written whole: the format lays the image out, its code is linked to that, the format writes it |
//! | `linker` | is made by a system's linker of a relocatable object that the format writes |

use super::compile::CompileFailure;
use super::pipeline::Target;
use crate::load::{check, scratch_directory, ImageHeader};
use maru_core::abi::fingerprint;
use maru_core::codegen::{image_stamp, MachineIdentity};
use maru_core::format::{Image, Linker};
use maru_language::runtime::Strategy;
use std::path::Path;

/// A library of an image, by the strategy asked for.
pub(super) fn library(
    image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    match target.strategy {
        Strategy::Direct => direct(image, manifest, target, machine),
        Strategy::Linker => by_linker(image, manifest, target, machine),
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

fn by_linker(
    image: Image,
    manifest: &[u8],
    target: Target,
    machine: &MachineIdentity,
) -> Result<Vec<u8>, CompileFailure> {
    let Target { architecture, format, .. } = target;
    let what = format!("{} in the format {}", architecture.name(), format.name());
    let is_host = architecture.is_host() && format.is_host();
    let linker = Linker::find(format.linkers(machine, is_host), &what)?;
    let object = object(image, manifest, target, machine)?;
    let directory = scratch_directory()?;
    // Some loaders believe that they know a library whose name they have seen, so each has its own.
    let stem = format!("unit_{:016x}", fingerprint(&object)[0]);
    let (from, to) = (format!("{stem}.o"), format.file_name(&stem));
    let io = |name: &str, error: std::io::Error| CompileFailure(format!("{name}: {error}"));
    std::fs::write(directory.path().join(&from), object).map_err(|error| io(&from, error))?;
    linker.link(directory.path(), &from, &to)?;
    let bytes = std::fs::read(directory.path().join(&to)).map_err(|error| io(&to, error))?;
    // Whoever loads what was just made trusts it; this was not made here.
    check(Path::new(&format!("what {} made", linker.program)), &bytes, format, architecture)?;
    Ok(bytes)
}
