//! Does nothing: cargo wants it where the manifest has the line `links`, of which the manifest says the reason.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
