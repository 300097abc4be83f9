//! The registry: all targets and formats linked into this program, collected through `inventory`, which
//! gives no order; so they are sorted by name.
//!
//! Each plugin is built against the one `maru-core` of the program: another would have a registry of its own, where
//! nobody looks. That there is no other, the line `links` in this crate's manifest ensures.

use crate::codegen::{Architecture, MachineIdentity};
use crate::format::{self, ObjectFormat};

/// A registered target.
pub struct ArchitecturePlugin {
    /// The target.
    pub architecture: &'static dyn Architecture,
    /// The module that registered it, for messages.
    pub origin: &'static str,
}

/// A registered object format.
pub struct FormatPlugin {
    /// The format.
    pub format: &'static dyn ObjectFormat,
    /// The module that registered it, for messages.
    pub origin: &'static str,
}

inventory::collect!(ArchitecturePlugin);
inventory::collect!(FormatPlugin);

/// Registers a target: `maru_core::register_architecture!(STATIC);`.
#[macro_export]
macro_rules! register_architecture {
    ($plugin:expr) => {
        $crate::inventory::submit! {
            $crate::registry::ArchitecturePlugin { architecture: &$plugin, origin: module_path!() }
        }
    };
}

/// Registers an object format: `maru_core::register_format!(STATIC);`.
#[macro_export]
macro_rules! register_format {
    ($plugin:expr) => {
        $crate::inventory::submit! {
            $crate::registry::FormatPlugin { format: &$plugin, origin: module_path!() }
        }
    };
}

/// All targets, sorted by name.
pub fn architectures() -> Vec<&'static dyn Architecture> {
    let plugins = inventory::iter::<ArchitecturePlugin>.into_iter();
    let mut all: Vec<_> = plugins.map(|plugin| plugin.architecture).collect();
    all.sort_by_key(|architecture| architecture.name());
    all
}

/// All formats, sorted by name.
pub fn formats() -> Vec<&'static dyn ObjectFormat> {
    let mut all: Vec<_> = inventory::iter::<FormatPlugin>.into_iter().map(|plugin| plugin.format).collect();
    all.sort_by_key(|format| format.name());
    all
}

/// Whether each name, and each synonym, stands for one plugin. Whoever runs programs asks this first: with two plugins
/// of one name, which of them is found is left to chance.
///
/// # Errors
/// A message that names the name and the modules of both plugins.
pub fn check_names() -> Result<(), String> {
    let targets = inventory::iter::<ArchitecturePlugin>.into_iter();
    let targets = targets.map(|plugin| (plugin.architecture.name(), plugin.architecture.synonyms(), plugin.origin));
    check_distinct("target", targets)?;
    let formats = inventory::iter::<FormatPlugin>.into_iter();
    check_distinct("format", formats.map(|plugin| (plugin.format.name(), plugin.format.synonyms(), plugin.origin)))
}

/// Whether names and synonyms are distinct: of plugins of one sort, each with the module that registered it.
///
/// # Errors
/// As [`check_names`].
pub fn check_distinct(
    sort: &str,
    plugins: impl Iterator<Item = (&'static str, &'static [&'static str], &'static str)>,
) -> Result<(), String> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (name, synonyms, origin) in plugins {
        for name in std::iter::once(name).chain(synonyms.iter().copied()) {
            if let Some((_, other)) = seen.iter().find(|(seen, _)| *seen == name) {
                let mut origins = [*other, origin];
                origins.sort_unstable();
                let [one, other] = origins;
                return Err(format!(
                    "two {sort}s are called '{name}', that of {one} and that of {other}: rename one, or leave its \
                     crate out"
                ));
            }
            seen.push((name, origin));
        }
    }
    Ok(())
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
    found
        .copied()
        .ok_or_else(|| format!("{origin}: there is no architecture called '{name}'; there are: {}", names.join(", ")))
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
    found
        .copied()
        .ok_or_else(|| format!("{origin}: there is no format called '{name}'; there are: {}", names.join(", ")))
}

/// The target for the CPU that this process runs on, if there is one. One that makes machine code itself: others need a
/// compiler, and are for those who ask for them.
pub fn host_architecture() -> Option<&'static dyn Architecture> {
    architectures().into_iter().find(|architecture| architecture.is_host() && architecture.source().is_none())
}

/// The format that this host's loader opens, if there is one.
pub fn host_format() -> Option<&'static dyn ObjectFormat> {
    formats().into_iter().find(|format| format.is_host())
}

/// What one of the formats calls a CPU, for what is the same in all of them: pointer size and byte order. `None` if no
/// format that is linked has the CPU.
pub fn any_identity(architecture: &dyn Architecture) -> Option<&MachineIdentity> {
    formats().into_iter().find_map(|format| format::identity(architecture, format))
}

#[cfg(test)]
mod tests {
    use super::check_distinct;

    #[test]
    fn a_name_or_synonym_of_two_plugins_is_refused_with_both_origins() {
        let plugins = [("one", &["uno", "1"][..], "first"), ("two", &["dos"][..], "second")];
        assert_eq!(check_distinct("target", plugins.into_iter()), Ok(()));
        for (name, synonyms) in [("two", &[][..]), ("three", &["uno"][..]), ("dos", &["drei"][..])] {
            let message = check_distinct("target", plugins.into_iter().chain([(name, synonyms, "third")])).unwrap_err();
            assert!(message.contains("third") && message.contains("two targets are called"), "{message}");
        }
    }
}
