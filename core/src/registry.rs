//! The registry: all targets and formats linked into this program, collected through `inventory`, which
//! gives no order; so they are sorted by name.

use crate::abi::API_VERSION;
use crate::codegen::Architecture;
use crate::format::ObjectFormat;

/// A registered target.
pub struct ArchitecturePlugin(pub &'static dyn Architecture);
/// A registered object format.
pub struct FormatPlugin(pub &'static dyn ObjectFormat);

inventory::collect!(ArchitecturePlugin);
inventory::collect!(FormatPlugin);

/// Registers a target: `maru_core::register_architecture!(STATIC);`.
#[macro_export]
macro_rules! register_architecture {
    ($plugin:expr) => {
        $crate::inventory::submit! { $crate::registry::ArchitecturePlugin(&$plugin) }
    };
}

/// Registers an object format: `maru_core::register_format!(STATIC);`.
#[macro_export]
macro_rules! register_format {
    ($plugin:expr) => {
        $crate::inventory::submit! { $crate::registry::FormatPlugin(&$plugin) }
    };
}

/// All targets, sorted by name.
pub fn architectures() -> Vec<&'static dyn Architecture> {
    let mut all: Vec<_> = inventory::iter::<ArchitecturePlugin>.into_iter().map(|plugin| plugin.0).collect();
    all.sort_by_key(|architecture| architecture.name());
    all
}

/// All formats, sorted by name.
pub fn formats() -> Vec<&'static dyn ObjectFormat> {
    let mut all: Vec<_> = inventory::iter::<FormatPlugin>.into_iter().map(|plugin| plugin.0).collect();
    all.sort_by_key(|format| format.name());
    all
}

/// The target with this name or synonym, in any case.
///
/// # Errors
/// A message that names what was asked for (and `origin`, where it was asked) and lists what there is.
pub fn find_architecture(name: &str, origin: &str) -> Result<&'static dyn Architecture, String> {
    let wanted = name.to_ascii_lowercase();
    let all = architectures();
    let found = all.iter().find(|a| a.name() == wanted || a.synonyms().contains(&wanted.as_str()));
    let names: Vec<_> = all.iter().map(|a| a.name()).collect();
    let found = found.ok_or_else(|| {
        format!("{origin}: there is no architecture called '{name}'; there are: {}", names.join(", "))
    })?;
    check_version("architecture", found.name(), found.api_version())?;
    Ok(*found)
}

/// The format with this name or synonym, in any case.
///
/// # Errors
/// As [`find_architecture`].
pub fn find_format(name: &str, origin: &str) -> Result<&'static dyn ObjectFormat, String> {
    let wanted = name.to_ascii_lowercase();
    let all = formats();
    let found = all.iter().find(|f| f.name() == wanted || f.synonyms().contains(&wanted.as_str()));
    let names: Vec<_> = all.iter().map(|f| f.name()).collect();
    let found = found
        .ok_or_else(|| format!("{origin}: there is no format called '{name}'; there are: {}", names.join(", ")))?;
    check_version("format", found.name(), found.api_version())?;
    Ok(*found)
}

/// The target for the CPU that this process runs on, if there is one.
pub fn host_architecture() -> Option<&'static dyn Architecture> {
    architectures().into_iter().find(|architecture| architecture.is_host())
}

/// The format that this host's loader opens, if there is one.
pub fn host_format() -> Option<&'static dyn ObjectFormat> {
    formats().into_iter().find(|format| format.is_host())
}

/// Whether a plugin was built for this version of the interface.
///
/// # Errors
/// A message with both versions, if not.
pub fn check_version(what: &str, name: &str, version: u32) -> Result<(), String> {
    if version == API_VERSION {
        return Ok(());
    }
    Err(format!(
        "the {what} plugin '{name}' was built for plugin interface {version}, but this Maru has {API_VERSION}: \
         build it again with this version of maru-core"
    ))
}
