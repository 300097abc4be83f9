//! Facts: the numbers that compiled code and runtime must agree on, each with a name.
//!
//! The constants of this folder are defined by a macro that makes each a fact, so that none can be forgotten; the
//! [stamp](super::abi_stamp) of images is a digest of all of them, and of the facts of a target's convention.

use std::borrow::Cow;

/// A number that compiled code and runtime, or two images of one target, must agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What the number is, in a word that no other fact has.
    pub name: Cow<'static, str>,
    /// The number.
    pub value: u64,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<Cow<'static, str>>, value: u64) -> Fact {
        Fact { name: name.into(), value }
    }
}

/// A fact whose name is known when Maru is compiled.
pub(super) type ConstantFact = (&'static str, u64);

/// Defines constants of a module, or of a type, and `FACTS`, the list of them. The facts' names are the constants' with
/// the given word before them.
macro_rules! facts {
    ($group:literal: $($(#[$attribute:meta])* pub const $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$attribute])* pub const $name: $type = $value;)*
        /// The constants above, by name.
        pub(in crate::abi) const FACTS: &[crate::abi::fact::ConstantFact] =
            &[$((concat!($group, ".", stringify!($name)), $name as u64),)*];
    };
    ($group:literal of Self: $($(#[$attribute:meta])* pub const $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$attribute])* pub const $name: $type = $value;)*
        /// The constants above, by name.
        pub(in crate::abi) const FACTS: &[crate::abi::fact::ConstantFact] =
            &[$((concat!($group, ".", stringify!($name)), Self::$name as u64),)*];
    };
}
pub(super) use facts;

/// All facts of this folder, in the order of their definition.
pub fn abi_facts() -> Vec<Fact> {
    let kinds = super::Kind::ALL.iter().map(|kind| Fact::new(format!("kind.{kind:?}"), *kind as u64));
    let helpers = super::Helper::ALL.iter().flat_map(|helper| {
        let number = Fact::new(format!("helper.{}", helper.name()), *helper as u64);
        [number, Fact::new(format!("helper.{}.parameters", helper.name()), helper.parameters() as u64)]
    });
    let groups = [
        super::layout::FACTS,
        super::layout::offset::FACTS,
        super::call::FACTS,
        super::cell::FACTS,
        super::context::FACTS,
        super::data::FACTS,
        super::interrupt::FACTS,
        super::position::FACTS,
        super::table::FACTS,
        super::cache::FACTS,
        super::LookupHash::FACTS,
        super::helper::FACTS,
        super::number_bits::FACTS,
    ];
    let constants = groups.into_iter().flatten().map(|(name, value)| Fact::new(*name, *value));
    constants.chain(kinds).chain(helpers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for fact in abi_facts() {
            assert!(names.insert(fact.name.clone()), "two facts are called {}", fact.name);
        }
    }

    #[test]
    fn every_constant_of_this_folder_is_a_fact() {
        // Made of constants that are facts: values, lists of kinds and helpers, a number by another name.
        const OTHERS: [&str; 6] = ["NIL", "TRUE", "ALL", "ARITHMETIC", "UNKNOWN", "HELPERS"];
        let facts = abi_facts();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/abi");
        let mut found = 0;
        for entry in fs::read_dir(folder).expect("the folder of this file") {
            let text = fs::read_to_string(entry.expect("an entry").path()).expect("a source file");
            let constants = text.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.split_once(": "));
            for (name, _) in constants.filter(|(name, _)| {
                name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
            }) {
                found += 1;
                let is_fact = facts.iter().any(|fact| fact.name.split('.').next_back() == Some(name));
                assert!(is_fact || OTHERS.contains(&name), "{name} is a constant, but no fact");
            }
        }
        assert!(found > 80, "only {found} constants were found");
    }
}
