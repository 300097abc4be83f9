//! Libraries of targets whose code is text: a compiler outside of Maru makes an object of the text, a linker a library of
//! that, and the header in it is completed, now that everything has its place. What comes out is checked as any library that
//! a linker made.

use super::compile::CompileFailure;
use super::pipeline::{identity, LibraryParts, Target};
use super::statistics::{Statistics, Watch};
use super::strategy::{link, stem, write_part};
use crate::load::{check, complete, scratch_directory, ImageHeader};
use maru_core::codegen::{
    compile_text, find_compiler, image_stamp, source_symbols, SourceTarget, SourceUnit, DATA_SYMBOL,
};
use maru_core::format::FormatError;
use maru_core::ir::Function;
use rustc_hash::FxHashMap;
use std::path::Path;

/// A unit as text.
pub(super) fn text(
    target: Target,
    source: &dyn SourceTarget,
    functions: &[Function],
    parts: &LibraryParts,
) -> Result<String, CompileFailure> {
    let LibraryParts { name, data_words, manifest, .. } = *parts;
    let data_words = data_words as u32;
    let stamp = image_stamp(target.architecture);
    let constants = ImageHeader::without_places(name, functions.len(), data_words, manifest, stamp)?;
    let symbols = source_symbols(functions);
    Ok(source.text(&SourceUnit { name, functions, symbols: &symbols, constants: &constants, data_words })?)
}

/// The bytes of a library.
pub(super) fn library(
    target: Target,
    source: &dyn SourceTarget,
    functions: &[Function],
    parts: &LibraryParts,
    statistics: &mut Statistics,
) -> Result<Vec<u8>, CompileFailure> {
    let Target { architecture, format, .. } = target;
    let machine = identity(architecture, format)?;
    let compiler = find_compiler(source).map_err(CompileFailure)?;
    let mut watch = Watch::start();
    let text = text(target, source, functions, parts)?;
    watch.lap(&mut statistics.select);
    let directory = scratch_directory()?;
    let stem = stem(text.as_bytes());
    let (from, object) = (format!("{stem}.{}", source.extension()), format!("{stem}.o"));
    write_part(&directory, &from, text.as_bytes())?;
    compile_text(&compiler, directory.path(), &from, &object).map_err(CompileFailure)?;
    watch.lap(&mut statistics.encode);
    let (mut bytes, linker) = link(target, machine, directory.path(), &object, &stem)?;
    let contents = format.read(&bytes)?;
    let symbols: FxHashMap<String, u64> = format.symbols(&bytes)?.into_iter().collect();
    let address = |name: &str| {
        let found = symbols.get(name).copied();
        found.ok_or_else(|| {
            FormatError(format!("what {compiler} made has no symbol {name}", compiler = compiler.program))
        })
    };
    let places = source_symbols(functions).iter().map(|symbol| address(symbol)).collect::<Result<Vec<u64>, _>>()?;
    let data = if parts.data_words > 0 { address(DATA_SYMBOL)? } else { contents.writable.start };
    complete(&mut bytes, &contents, &places, data)?;
    check(Path::new(&format!("what {} and {linker} made", compiler.program)), &bytes, format, architecture)?;
    watch.lap(&mut statistics.layout_write);
    statistics.functions += functions.len() as u64;
    statistics.code_bytes += contents.executable.end - contents.executable.start;
    Ok(bytes)
}
