//! Signed files: what is signed with a trusted key runs, and nothing else does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with two keys, a program, and a signed library of it.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("signed-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("p.l"), "(println \"runs\")").unwrap();
    for key in ["one", "two"] {
        assert_eq!(maru(&folder, &["key", "new", key]).0, 0);
    }
    assert_eq!(maru(&folder, &["build", "p.l", "-o", "p.so", "--sign", "one.key"]), (0, String::new()));
    folder
}

/// Exit status and output.
fn maru(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("MARU_CACHE", folder.join("cache"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn ran() -> (i32, String) {
    (0, "runs\n".into())
}

#[test]
fn what_is_signed_with_a_trusted_key_runs() {
    let folder = folder("runs");
    assert_eq!(maru(&folder, &["run", "p.so"]), ran());
    assert_eq!(maru(&folder, &["run", "--trust", "one.pub", "p.so"]), ran());
    assert_eq!(maru(&folder, &["run", "--trust", "two.pub", "--trust", "one.pub", "p.so"]), ran());
    assert_eq!(maru(&folder, &["key", "sign", "two.key", "p.l"]), (0, String::new()));
    assert_eq!(maru(&folder, &["run", "--trust", "two.pub", "p.l"]), ran());
}

#[test]
fn everything_else_is_refused() {
    let folder = folder("refused");
    let refused = |arguments: &[&str], message: &str| {
        let (status, said) = maru(&folder, arguments);
        assert!(status == 2 && said.contains(message) && !said.contains("runs"), "{arguments:?}: {status} {said}");
    };
    let other = "its signature is by no key that is trusted, or of other bytes";
    refused(&["run", "--trust", "one.pub", "p.l"], "p.l: it is not signed, and only signed files are trusted");
    refused(&["run", "--trust", "two.pub", "p.so"], other);
    let (whole, signature) =
        (std::fs::read(folder.join("p.so")).unwrap(), std::fs::read_to_string(folder.join("p.so.sig")).unwrap());
    for at in (0..whole.len()).step_by(whole.len() / 20) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(folder.join("p.so"), &flipped).unwrap();
        refused(&["run", "--trust", "one.pub", "p.so"], other);
    }
    std::fs::write(folder.join("p.so"), &whole).unwrap();
    // A digit of the signature is another one.
    for at in [15, 40, 78, 80, 120, 142] {
        let digit = if signature.as_bytes()[at] == b'0' { "1" } else { "0" };
        std::fs::write(folder.join("p.so.sig"), [&signature[..at], digit, &signature[at + 1..]].concat()).unwrap();
        refused(&["run", "--trust", "one.pub", "p.so"], other);
    }
    for text in ["", "maru-signature", "maru-signature 00", "other 00", &signature[1..]] {
        std::fs::write(folder.join("p.so.sig"), text).unwrap();
        refused(&["run", "--trust", "one.pub", "p.so"], "p.so.sig holds no signature");
    }
    std::fs::remove_file(folder.join("p.so.sig")).unwrap();
    refused(&["run", "--trust", "one.pub", "p.so"], "p.so: it is not signed");
}

#[test]
fn machine_code_that_a_program_loads_must_be_signed_too() {
    let folder = folder("loaded");
    let (status, said) =
        maru(&folder, &["-e", "(define e (make-environment)) (save-compiled-environment e \"./e.so\") (save-compiled-environment e \"kept\")"]);
    assert_eq!(status, 0, "{said}");
    for expression in
        ["(load-compiled-environment \"./e.so\")", "(load-compiled-environment \"kept\")", "(dlopen \"./e.so\")"]
    {
        let (status, said) = maru(&folder, &["run", "--trust", "one.pub", "-e", expression]);
        assert!(
            status == 1 && said.contains("error[load]") && said.contains("it is not signed"),
            "{expression}: {said}"
        );
    }
    let (_, said) = maru(&folder, &["run", "--trust", "one.pub", "-e", "(dlopen \"libc.so.6\")"]);
    assert!(said.contains("only signed files are trusted, and the system chooses where it finds this one"), "{said}");
    maru(&folder, &["key", "sign", "one.key", "e.so"]);
    let (status, said) =
        maru(&folder, &["run", "--trust", "one.pub", "-p", "(environment? (load-compiled-environment \"./e.so\"))"]);
    assert_eq!((status, said.as_str()), (0, "#t\n"));
}

#[test]
fn keys_are_made_once_and_kept_secret() {
    let folder = folder("keys");
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder.join("one.key")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_ne!(read("one.key"), read("two.key"));
    assert_ne!(read("one.pub"), read("two.pub"));
    assert!(!read("one.key").contains(&read("one.pub")["maru-public-key ".len()..].trim()[..8]));
    let before = read("one.key");
    let (status, said) = maru(&folder, &["key", "new", "one"]);
    assert!(status != 0 && said.contains("one.key"), "{said}");
    assert_eq!(read("one.key"), before);
    for (arguments, message) in [
        (&["run", "--trust", "one.key", "p.so"][..], "one.key: no public key; `maru key new` makes keys"),
        (&["build", "p.l", "-o", "q.so", "--sign", "one.pub"], "one.pub: no key that signs"),
        (&["build", "p.l", "-o", "-", "--sign", "one.key"], "--sign writes beside the output"),
        (&["run", "--trust", "nowhere", "p.so"], "nowhere"),
    ] {
        let (status, said) = maru(&folder, arguments);
        assert!(status != 0 && said.contains(message), "{arguments:?}: {said}");
    }
    assert!(!folder.join("q.so").exists());
}
