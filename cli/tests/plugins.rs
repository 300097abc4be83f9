//! Plugins from elsewhere that cannot be had: one with a name that is taken, one that was built against another
//! maru-core.

use maru_core::codegen::MachineIdentity;
use maru_core::format::{Contents, FormatError, Image, Layout, ObjectFormat};
use std::path::Path;
use std::process::Command;

/// A format with the name of another.
struct Second;

static SECOND: Second = Second;
maru_core::register_format!(SECOND);

impl ObjectFormat for Second {
    fn name(&self) -> &'static str {
        "elf"
    }
    fn is_host(&self) -> bool {
        false
    }
    fn file_name(&self, stem: &str) -> String {
        stem.into()
    }
    fn symbol(&self, name: &str) -> String {
        name.into()
    }
    fn layout(&self, _: &Image, _: &MachineIdentity) -> Result<Layout, FormatError> {
        Err(FormatError(String::new()))
    }
    fn write(&self, _: &Image, _: &Layout, _: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        Err(FormatError(String::new()))
    }
    fn read(&self, _: &[u8]) -> Result<Contents, FormatError> {
        Err(FormatError(String::new()))
    }
}

#[test]
fn a_name_that_is_taken_is_refused_and_both_plugins_are_named() {
    use maru as _; // With its own plugins.
    let message = maru_core::registry::check_names().expect_err("two formats are called elf");
    for part in ["two formats are called 'elf'", "maru_elf", "plugins"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(maru_compiler::machine::check_names(), Ok(()));
}

/// Makes a package; only its manifest is read.
fn package(folder: &Path, manifest: &str) {
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/lib.rs"), "").unwrap();
    std::fs::write(folder.join("build.rs"), "fn main() {}").unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
}

/// What cargo says of a program with this Maru's core and a plugin for a core of some version.
fn resolve(version: &str, core: &Path) -> (bool, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins").join(version);
    let _ = std::fs::remove_dir_all(&folder);
    let head = |name: &str, version: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n")
    };
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    package(&folder.join("core"), &(head("maru-core", version) + "links = \"maru-core\"\n"));
    let needs = format!("[dependencies]\nmaru-core = {{ path = {core:?} }}\n");
    package(&folder.join("plugin"), &(head("maru-mine", "1.0.0") + &needs));
    let needs = format!(
        "[dependencies]\nmaru-core = {{ path = {:?} }}\nmaru-mine = {{ path = \"plugin\" }}\n[workspace]\n",
        own.join("core").canonicalize().unwrap()
    );
    package(&folder, &(head("program", "1.0.0") + &needs));
    std::fs::copy(own.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["update", "--workspace", "--offline"]).current_dir(&folder);
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn cargo_refuses_a_plugin_for_another_core_and_names_both_versions() {
    let own = env!("CARGO_PKG_VERSION");
    for version in ["99.1.2", own] {
        let (accepted, said) = resolve(version, Path::new("../core"));
        assert!(!accepted, "two packages maru-core in one program: {said}");
        for part in ["links = \"maru-core\"", own, &format!("maru-core v{version}")] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // It is that which is refused, and nothing else.
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core").canonicalize().unwrap();
    let (accepted, said) = resolve("99.1.2", &core);
    assert!(accepted, "{said}");
}
