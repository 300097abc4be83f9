//! The code for the functions that every target compiles, as it was read once; `BLESS=1` writes it anew.

use maru_trials::golden;
use std::path::Path;

#[test]
fn listings_are_golden() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let bless = std::env::var_os("BLESS").is_some();
    let different = golden::check(&maru_x86::TARGET, &folder, bless).unwrap_or_else(|error| panic!("{error}"));
    assert!(different.is_empty(), "{}", different.join("\n"));
}
