//! The stamp of images: one number for all that native code and runtime must agree on.

use super::fact::{abi_facts, Fact};
use super::fingerprint;
use std::sync::LazyLock;

/// Number of the layout of an image's header and manifest, a part of the stamp.
const IMAGE_VERSION: u64 = 3;

/// What images of a target and the runtime must agree on, as one number: a digest of all [facts](abi_facts), of those of
/// the target's convention, and of the version of Maru.
pub fn abi_stamp(convention: &[Fact]) -> u64 {
    static OWN: LazyLock<u64> = LazyLock::new(|| {
        let versions = [
            Fact::new("version.image", IMAGE_VERSION),
            Fact::new("version.maru", fingerprint(env!("CARGO_PKG_VERSION").as_bytes())[0]),
        ];
        stamp_of(0, versions.iter().chain(&abi_facts()))
    });
    stamp_of(*OWN, convention)
}

/// The digest of some facts, in their order, and of what was digested before them.
pub fn stamp_of<'f>(before: u64, facts: impl IntoIterator<Item = &'f Fact>) -> u64 {
    let mut bytes = before.to_le_bytes().to_vec();
    for fact in facts {
        bytes.extend((fact.name.len() as u64).to_le_bytes());
        bytes.extend(fact.name.as_bytes());
        bytes.extend(fact.value.to_le_bytes());
    }
    fingerprint(&bytes)[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_changes_the_stamp() {
        let facts = abi_facts();
        let stamp = stamp_of(0, &facts);
        for index in 0..facts.len() {
            let mut others = facts.clone();
            others[index].value ^= 1;
            assert_ne!(stamp_of(0, &others), stamp, "{} changed", facts[index].name);
            others[index].value ^= 1;
            others[index].name.to_mut().push('x');
            assert_ne!(stamp_of(0, &others), stamp, "{} was renamed", facts[index].name);
            others.remove(index);
            assert_ne!(stamp_of(0, &others), stamp, "{} is missing", facts[index].name);
        }
        assert_ne!(stamp_of(1, &facts), stamp);
    }
}
