//! The registry: all targets, formats and machines linked into this program, collected through `inventory`, which
//! gives no order; so they are sorted by name.

use crate::format::ObjectFormat;
use crate::runtime::{Ability, MachineKind};
use crate::target::{Architecture, API_VERSION};

/// A registered target.
pub struct ArchitecturePlugin(pub &'static dyn Architecture);
/// A registered object format.
pub struct FormatPlugin(pub &'static dyn ObjectFormat);
/// A registered kind of machine.
pub struct MachinePlugin(pub &'static dyn MachineKind);

inventory::collect!(ArchitecturePlugin);
inventory::collect!(FormatPlugin);
inventory::collect!(MachinePlugin);

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

/// Registers a kind of machine: `maru_core::register_machine!(STATIC);`.
#[macro_export]
macro_rules! register_machine {
    ($plugin:expr) => {
        $crate::inventory::submit! { $crate::registry::MachinePlugin(&$plugin) }
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

/// All kinds of machine, sorted by name. This host itself is none of them.
pub fn machines() -> Vec<&'static dyn MachineKind> {
    let mut all: Vec<_> = inventory::iter::<MachinePlugin>.into_iter().map(|plugin| plugin.0).collect();
    all.sort_by_key(|machine| machine.name());
    all
}

/// The name of this host as a machine, where machines are chosen by name.
pub const HOST: &str = "host";

/// What runs code of an architecture in a format here: this host (`None`) if it can, or else the first kind of
/// machine that is ready; or the kind with a name.
///
/// # Errors
/// A message that says what is missing, and what can be done without it.
pub fn find_machine(
    architecture: &dyn Architecture,
    format: &dyn ObjectFormat,
    wanted: Option<&str>,
) -> Result<Option<&'static dyn MachineKind>, String> {
    let (cpu, container) = (architecture.name(), format.name());
    let host = architecture.is_host() && format.is_host();
    if wanted.map_or(host, |name| name == HOST && host) {
        return Ok(None);
    }
    let mut reasons = Vec::new();
    // A CPU of hardware before one of software.
    let mut all = machines();
    all.sort_by_key(|kind| kind.is_emulator());
    for kind in all.into_iter().filter(|kind| wanted.is_none_or(|name| name == kind.name())) {
        check_version("machine", kind.name(), kind.api_version())?;
        match kind.ability(architecture, format) {
            Ability::Ready(_) => return Ok(Some(kind)),
            Ability::Missing(what) => reasons.push(what),
            Ability::Unsupported => {}
        }
    }
    let reason = match reasons.is_empty() {
        true => {
            wanted.map_or_else(|| "no machine does".into(), |name| format!("there is no machine '{name}' that does"))
        }
        false => reasons.join("; "),
    };
    Err(format!("this host does not run {cpu} code in libraries of the format {container}: {reason}"))
}

fn check_version(what: &str, name: &str, version: u32) -> Result<(), String> {
    if version == API_VERSION {
        return Ok(());
    }
    Err(format!(
        "the {what} plugin '{name}' was built for plugin interface {version}, but this Maru has {API_VERSION}: \
         build it again with this version of maru-core"
    ))
}
