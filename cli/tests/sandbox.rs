//! `maru run --sandbox`: what is granted is there, by whatever way one comes to it, and nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with two folders in it, one of which is granted.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sandbox-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    for inner in ["granted/below", "kept"] {
        std::fs::create_dir_all(folder.join(inner)).unwrap();
    }
    for (name, text) in
        [("granted/a", "(define granted 1)"), ("granted/below/b", "b"), ("kept/secret", "secret"), ("granted-not", "n")]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

/// Exit status and output.
fn maru(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("MARU_CACHE", folder.join("cache")).env("SHOWN", "yes").env("HIDDEN", "no");
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// What a program comes to in a sandbox.
fn value(folder: &Path, flags: &[&str], expression: &str) -> String {
    maru(folder, &[&["run", "--sandbox"], flags, &["-p", expression]].concat()).1
}

#[test]
#[cfg(unix)]
fn only_what_is_granted_is_read_by_any_way() {
    let folder = folder("read");
    std::os::unix::fs::symlink("../kept", folder.join("granted/out")).unwrap();
    std::os::unix::fs::symlink("../kept/secret", folder.join("granted/link")).unwrap();
    std::os::unix::fs::symlink("granted/a", folder.join("in")).unwrap();
    let flags = ["--allow-read", "granted"];
    for path in ["granted/a", "granted/below/b", "./granted/../granted/a", "in", "kept/../granted/a"] {
        let seen = value(&folder, &flags, &format!("(string? (file->string \"{path}\"))"));
        assert_eq!(seen, "#t\n", "{path}");
    }
    for path in [
        "kept/secret",
        "granted/../kept/secret",
        "granted/out/secret",
        "granted/link",
        "granted-not",
        "/etc/passwd",
        ".",
    ] {
        for operation in [
            "(file->string \"P\")",
            "(read-string (open \"P\"))",
            "(load \"P\")",
            "(require \"P\")",
            "(file-exists? \"P\")",
            "(directory-list \"P\")",
            "(directory? \"P\")",
        ] {
            let said = value(&folder, &flags, &operation.replace('P', path));
            assert!(
                said.contains("error[io]") && said.contains("is refused in this sandbox; maru run --allow-read"),
                "{operation} {path}: {said}"
            );
        }
    }
    assert_eq!(value(&folder, &flags, "(progn (load \"granted/a\") granted)"), "1\n");
    assert!(value(&folder, &flags, "(string->file \"x\" \"granted/a\")").contains("--allow-write"));
    assert!(value(&folder, &flags, "(current-directory)").contains("refused"));
    assert_eq!(value(&folder, &["--allow-read", "granted/a"], "(file-exists? \"granted/a\")"), "#t\n");
    let (status, said) = maru(&folder, &["run", "--sandbox", "--allow-read", "nowhere", "-p", "1"]);
    assert!(status == 2 && said.contains("--allow-read nowhere: "), "{said}");
    assert_eq!(maru(&folder, &["run", "--allow-read", "granted", "-p", "1"]).0, 2);
}

#[test]
#[cfg(unix)]
fn only_what_is_granted_is_written() {
    let folder = folder("write");
    std::os::unix::fs::symlink("../kept", folder.join("granted/out")).unwrap();
    std::os::unix::fs::symlink("../kept/new", folder.join("granted/nowhere")).unwrap();
    let flags = ["--allow-write", "granted"];
    for operation in [
        "(string->file \"x\" \"granted/new\")",
        "(close (open \"granted/new2\" \"w\"))",
        "(close (open \"granted/new2\" \"a\"))",
        "(with-output-to-file \"granted/new3\" (print 1))",
        "(make-directory \"granted/d\")",
        "(delete-directory \"granted/d\")",
        "(delete-file \"granted/new\")",
        "(string? (save-compiled-environment (make-environment) \"granted/e.so\"))",
    ] {
        let said = value(&folder, &flags, operation);
        assert!(!said.contains("error"), "{operation}: {said}");
    }
    for path in ["kept/new", "granted/../kept/new", "granted/out/new", "granted/nowhere", "new", "granted/none/new"] {
        for operation in [
            "(string->file \"x\" \"P\")",
            "(open \"P\" \"w\")",
            "(open \"P\" \"a\")",
            "(with-output-to-file \"P\" (print 1))",
            "(make-directory \"P\")",
            "(save-compiled-environment (make-environment) \"./P\")",
        ] {
            let said = value(&folder, &flags, &operation.replace('P', path));
            assert!(said.contains("is refused in this sandbox; maru run --allow-write"), "{operation} {path}: {said}");
        }
        assert!(!folder.join("kept/new").exists());
    }
    assert!(
        value(&folder, &flags, "(delete-file \"kept/secret\")").contains("refused")
            && folder.join("kept/secret").exists()
    );
    // A link is taken away itself, not what it leads to.
    assert_eq!(value(&folder, &flags, "(delete-file \"granted/nowhere\")"), "#t\n");
    assert!(value(&folder, &flags, "(file->string \"granted/a\")").contains("--allow-read"));
}

#[test]
fn programs_variables_and_machine_code_are_granted_one_by_one() {
    let folder = folder("others");
    assert!(value(&folder, &[], "(shell-command \"true\")")
        .contains("running other programs is refused in this sandbox; maru run --allow-run"));
    assert!(value(&folder, &[], "(run-program \"true\")").contains("--allow-run"));
    assert_eq!(value(&folder, &["--allow-run"], "(shell-command \"true\")"), "0\n");
    assert!(value(&folder, &[], "(getenv \"HIDDEN\")")
        .contains("the variable HIDDEN is refused in this sandbox; maru run --allow-env HIDDEN"));
    assert_eq!(
        value(&folder, &["--allow-env", "SHOWN"], "(list (getenv \"SHOWN\") (environment-variables))"),
        "(\"yes\" ((\"SHOWN\" . \"yes\")))\n"
    );
    assert!(value(&folder, &["--allow-env", "SHOWN"], "(setenv \"PATH\" \"x\")").contains("--allow-env PATH"));
    assert!(value(&folder, &[], "(dlopen \"libc.so.6\")")
        .contains("loading machine code is refused in this sandbox; maru run --allow-native"));
    assert_eq!(value(&folder, &["--allow-native"], "(dlopen \"libc.so.6\")"), "1\n");
    assert!(value(&folder, &[], "(load-compiled-environment \"./x.so\")").contains("--allow-native"));
    assert!(value(&folder, &[], "(save-compiled-environment (make-environment) \"name\")").contains("--allow-native"));
    // Flags behind the file are the program's; what the program computes is as ever, compiled or not.
    std::fs::write(
        folder.join("p.l"),
        "(define (f n) (if (= n 0) 0 (+ 1 (f (- n 1))))) (println (f 1000) *arguments*)",
    )
    .unwrap();
    for jit in ["off", "auto", "always"] {
        assert_eq!(
            maru(&folder, &["run", "--sandbox", "--jit", jit, "p.l", "--allow-run"]),
            (0, "1000(--allow-run)\n".into())
        );
    }
    maru(&folder, &["build", "p.l", "-o", "p.so"]);
    let (status, said) = maru(&folder, &["run", "--sandbox", "p.so"]);
    assert!(status == 2 && said.contains("p.so: a library is machine code, which no sandbox holds"), "{said}");
    assert_eq!(maru(&folder, &["run", "--sandbox", "--allow-native", "p.so"]).1, "1000()\n");
}
