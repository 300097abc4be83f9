//! Directories.

use super::{arguments, files};
use crate::runtime::{Outcome, PrimitiveInfo, Runtime};
use crate::value::Value;
use std::path::Path;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("directory-list", 0, 1, directory_list),
    PrimitiveInfo::fixed("make-directory", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "make-directory", arguments[0])?;
        std::fs::create_dir(&path).map_err(|fault| files::fail(runtime, &path, &fault))?;
        Ok(Value::TRUE)
    }),
    PrimitiveInfo::fixed("delete-directory", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "delete-directory", arguments[0])?;
        std::fs::remove_dir(&path).map_err(|fault| files::fail(runtime, &path, &fault))?;
        Ok(Value::TRUE)
    }),
    PrimitiveInfo::fixed("directory?", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "directory?", arguments[0])?;
        Ok(Value::boolean(Path::new(&path).is_dir()))
    }),
    PrimitiveInfo::fixed("current-directory", 0, |runtime, _| match std::env::current_dir() {
        Ok(path) => runtime.string(&path.to_string_lossy()),
        Err(fault) => Err(files::fail(runtime, ".", &fault)),
    }),
];

/// `(directory-list [path])`: the names in a directory, sorted; of the working directory by default.
fn directory_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let path = arguments.first().map_or(Ok(".".into()), |path| arguments::text(runtime, "directory-list", *path))?;
    let names = std::fs::read_dir(&path)
        .and_then(|entries| {
            let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            entries.map(|entry| entry.map(name)).collect::<Result<Vec<String>, _>>()
        })
        .map_err(|fault| files::fail(runtime, &path, &fault));
    let mut names = names?;
    names.sort_unstable();
    let mut list = Value::NIL;
    for name in names.iter().rev() {
        let name = runtime.string(name)?;
        list = runtime.cons(name, list)?;
    }
    Ok(list)
}
