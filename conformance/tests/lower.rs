//! Every target's code for `lower/*.ir` is what its golden files say.

use maru_core::registry;
use maru_targets as _;
use maru_trials::golden;
use std::path::Path;

#[test]
fn listings_are_golden() {
    let bless = std::env::var_os("BLESS").is_some();
    let architectures = registry::architectures();
    assert!(!architectures.is_empty(), "no target is linked");
    let mut different = Vec::new();
    for architecture in architectures {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets").join(architecture.name()).join("golden");
        different.extend(golden::check(architecture, &folder, bless).unwrap_or_else(|error| panic!("{error}")));
    }
    assert!(
        different.is_empty(),
        "BLESS=1 rewrites golden files; read the difference first.\n{}",
        different.join("\n")
    );
}
