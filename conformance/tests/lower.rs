//! Every target's code for `lower/*.ir` is what its golden files say.

use maru_conformance::golden;
use maru_core::registry;
use maru_targets as _;

#[test]
fn listings_are_golden() {
    let bless = std::env::var_os("BLESS").is_some();
    let architectures = registry::architectures();
    assert!(!architectures.is_empty(), "no target is linked");
    let mut different = Vec::new();
    for architecture in architectures {
        different.extend(golden::check(architecture, bless).unwrap_or_else(|error| panic!("{error}")));
    }
    assert!(
        different.is_empty(),
        "BLESS=1 rewrites golden files; read the difference first.\n{}",
        different.join("\n")
    );
}
