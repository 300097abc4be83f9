//! Directories that nobody else can put anything into.
//!
//! Who can write to a directory from which code is loaded, or to one that it lies in, can make this process run anything.
//! So all directories from the root on are looked at, of the path without symbolic links.

use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The user as whom this process acts.
pub(super) fn user() -> u32 {
    // SAFETY: the function has no preconditions.
    unsafe { libc::geteuid() }
}

/// Make a directory that belongs to this user alone, or check the one that is there.
pub(super) fn make_private(path: &Path) -> Result<(), String> {
    let parent = path.parent().unwrap_or(path);
    check_base(parent)?;
    make(path)?;
    check_own(path, user())
}

/// Make a directory that only this user writes to, or check the one that is there, which others may read. Its path without
/// symbolic links.
pub(super) fn make_own(path: &Path) -> Result<PathBuf, String> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| format!("{} cannot be made: {error}", parent.display()))?;
    check_base(parent)?;
    make(path)?;
    let real = without_links(path)?;
    let facts = directory(&real)?;
    if facts.uid() != user() {
        return Err(format!("{} belongs to the user {}, not to {}", real.display(), facts.uid(), user()));
    }
    check_written_by_none(&real, &facts, false)?;
    check_above(&real)?;
    Ok(real)
}

/// Check a directory that is read only: it is this user's or the system's, as are all that it lies in. Its path without
/// symbolic links.
pub(super) fn check_readable(path: &Path) -> Result<PathBuf, String> {
    if !path.is_absolute() {
        return Err("not an absolute path".into());
    }
    let real = without_links(path)?;
    let facts = directory(&real)?;
    check_owner(&real, &facts)?;
    check_written_by_none(&real, &facts, false)?;
    check_above(&real)?;
    Ok(real)
}

/// Whether a file is what this user or the system alone can have written.
pub(super) fn is_trusted(facts: &Metadata) -> bool {
    facts.is_file() && (facts.uid() == 0 || facts.uid() == user()) && facts.mode() & 0o022 == 0
}

fn make(path: &Path) -> Result<(), String> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(format!("{} cannot be made: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

fn without_links(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

fn directory(path: &Path) -> Result<Metadata, String> {
    let facts = fs::symlink_metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !facts.is_dir() {
        return Err(format!("{}: not a directory", path.display()));
    }
    Ok(facts)
}

/// Others must not be able to put another directory in place of one that lies here.
fn check_base(base: &Path) -> Result<(), String> {
    if !base.is_absolute() {
        return Err("not an absolute path".into());
    }
    let real = base.canonicalize().map_err(|error| error.to_string())?;
    let facts = fs::symlink_metadata(&real).map_err(|error| error.to_string())?;
    if !facts.is_dir() {
        return Err("not a directory".into());
    }
    check_written_by_none(&real, &facts, true).map_err(|_| OTHERS_CAN_RENAME.to_string())?;
    if facts.uid() != 0 && facts.uid() != user() {
        return Err(format!("it belongs to the user {}", facts.uid()));
    }
    check_above(&real)
}

const OTHERS_CAN_RENAME: &str = "others can rename what is in it (writable by others, without the sticky bit)";

/// The same for all directories that one lies in.
fn check_above(real: &Path) -> Result<(), String> {
    for above in real.ancestors().skip(1) {
        let facts = directory(above)?;
        check_owner(above, &facts)?;
        check_written_by_none(above, &facts, true).map_err(|_| format!("{}: {OTHERS_CAN_RENAME}", above.display()))?;
    }
    Ok(())
}

fn check_owner(path: &Path, facts: &Metadata) -> Result<(), String> {
    match facts.uid() {
        0 => Ok(()),
        owner if owner == user() => Ok(()),
        owner => Err(format!("{} belongs to the user {owner}", path.display())),
    }
}

/// Check that no others can write to a directory; or, where that is enough, only such that they cannot rename what is
/// another's.
fn check_written_by_none(path: &Path, facts: &Metadata, sticky_is_enough: bool) -> Result<(), String> {
    // By custom a group with the number of its user is that user's alone.
    let mine = facts.gid() == user() && facts.uid() == user();
    let by_others = if mine { 0o002 } else { 0o022 };
    let sticky = facts.mode() & 0o1000 != 0;
    if facts.mode() & by_others != 0 && !(sticky && sticky_is_enough) {
        let mode = facts.mode() & 0o777;
        return Err(format!("others can write to {} (its permissions are {mode:o}): `chmod go-w` it", path.display()));
    }
    Ok(())
}

/// The directory must be a real one, of this user, and closed to all others.
fn check_own(path: &Path, user: u32) -> Result<(), String> {
    let name = path.display();
    let facts = fs::symlink_metadata(path).map_err(|error| format!("{name}: {error}"))?;
    if facts.is_symlink() {
        return Err(format!("{name} is a symbolic link, which somebody else may have put there: remove it"));
    }
    if !facts.is_dir() {
        return Err(format!("{name} is no directory: remove it"));
    }
    if facts.uid() != user {
        return Err(format!("{name} belongs to the user {}, not to {user}: remove it", facts.uid()));
    }
    if facts.mode() & 0o777 != 0o700 {
        let mode = facts.mode() & 0o777;
        return Err(format!("{name} has the permissions {mode:o}, where only 700 is safe: `chmod 700` it"));
    }
    Ok(())
}
