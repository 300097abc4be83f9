//! Directories.

use super::{arguments, files};
use crate::runtime::{Outcome, PrimitiveInfo, Runtime, Touch};
use crate::value::Value;
use std::path::Path;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("directory-list", 0, 1, directory_list).touching(Touch::Read),
    PrimitiveInfo::fixed("make-directory", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "make-directory", arguments[0])?;
        let place = runtime.may_write("make-directory", Path::new(&path))?;
        std::fs::create_dir(&place).map_err(|fault| files::fail(runtime, &path, &fault))?;
        Ok(Value::TRUE)
    })
    .touching(Touch::Write),
    PrimitiveInfo::fixed("delete-directory", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "delete-directory", arguments[0])?;
        let place = runtime.may_remove("delete-directory", Path::new(&path))?;
        std::fs::remove_dir(&place).map_err(|fault| files::fail(runtime, &path, &fault))?;
        Ok(Value::TRUE)
    })
    .touching(Touch::Write),
    PrimitiveInfo::fixed("directory?", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "directory?", arguments[0])?;
        let place = runtime.may_read("directory?", Path::new(&path))?;
        Ok(Value::boolean(place.is_dir()))
    })
    .touching(Touch::Read),
    PrimitiveInfo::fixed("current-directory", 0, current_directory).touching(Touch::Read),
];

fn current_directory(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    runtime.may_read("current-directory", Path::new("."))?;
    match std::env::current_dir() {
        Ok(path) => runtime.string(&path.to_string_lossy()),
        Err(fault) => Err(files::fail(runtime, ".", &fault)),
    }
}

/// `(directory-list [path])`: the names in a directory, sorted; of the working directory by default.
fn directory_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let path = arguments.first().map_or(Ok(".".into()), |path| arguments::text(runtime, "directory-list", *path))?;
    let place = runtime.may_read("directory-list", Path::new(&path))?;
    let names = std::fs::read_dir(&place)
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
