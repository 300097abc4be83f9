//! The prompt, as a person at a terminal has it, and as a pipe has it.

use rexpect::session::{spawn_command, PtySession};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Milliseconds within which an answer must come; only a test that fails takes so long.
const PATIENCE: u64 = 10_000;

/// The prompt, when it is ready for keys: it is drawn more often than that.
const PROMPT: &str = "\u{1b}[?2004h\u{1b}[?2026h\r\u{1b}[Kmaru>";

fn history(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prompt").join(test);
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("history")
}

fn maru(history: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    command.env("MARU_HISTORY", history).env("TERM", "xterm").env_remove("NO_COLOR");
    command
}

/// A person's session.
fn session(history: &Path) -> PtySession {
    let mut session = spawn_command(maru(history), Some(PATIENCE)).unwrap();
    session.exp_string("Ctrl-D ends the session").unwrap();
    session.exp_string(PROMPT).unwrap();
    session
}

/// Press keys.
fn type_keys(session: &mut PtySession, keys: &str) {
    session.send(keys).unwrap();
    session.flush().unwrap();
}

/// Type a line; what it must be answered with.
fn ask(session: &mut PtySession, line: &str, answers: &[&str]) {
    session.send_line(line).unwrap();
    for answer in answers {
        session.exp_string(answer).unwrap_or_else(|error| panic!("{line}: {answer}: {error}"));
    }
    session.exp_string(PROMPT).unwrap();
}

#[test]
fn expressions_over_several_lines_commands_and_the_end() {
    let history = history("lines");
    let mut session = session(&history);
    session.send_line("(define (twice n)").unwrap();
    session.send_line("(* 2 n))").unwrap();
    session.exp_string("<expr>twice").unwrap();
    session.exp_string(PROMPT).unwrap();
    ask(&mut session, "(twice 21)", &["42"]);
    ask(&mut session, "\"text\"", &["\"text\""]);
    // Errors are coloured, and the session goes on.
    ask(&mut session, "(car 1 2)", &["\u{1b}[", "arity", "^"]);
    ask(&mut session, ",time (twice 4)", &["8", "ms", "bytes allocated"]);
    ask(&mut session, ",env", &["twice"]);
    ask(&mut session, ",disasm twice", &["twice:"]);
    ask(&mut session, ",ir twice", &["as lowered", "function", "as optimised"]);
    ask(&mut session, ",tree twice", &["twice"]);
    ask(&mut session, ",help", &[",time EXPRESSION"]);
    ask(&mut session, ",doc substring", &["(substring string start [end])", "A new string", "=> \"cd\""]);
    ask(&mut session, ",doc twice", &["(twice n)", "Defined at <repl>:"]);
    ask(&mut session, ",doc no-such-name", &["nothing is called no-such-name"]);
    ask(&mut session, ",apropos greatest common", &["(gcd integer"]);
    ask(&mut session, ",apropos twic", &["(twice n)"]);
    ask(&mut session, ",macroexpand (push list 1) ; a comment", &["(set list (cons 1 list))"]);
    ask(&mut session, ",nonsense", &["there is no command ,nonsense", ",quit"]);
    ask(&mut session, "(define e (make-environment *global-environment*))", &["<environment>"]);
    ask(&mut session, ",in e", &[]);
    ask(&mut session, "(define inside 7)", &["7"]);
    ask(&mut session, ",env", &["inside"]);
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
    // The history was kept, for its owner only.
    let kept = std::fs::read_to_string(&history).unwrap();
    assert!(kept.contains("(twice 21)"), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&history).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn names_are_completed_and_earlier_lines_come_back() {
    let history = history("editing");
    let mut first = session(&history);
    type_keys(&mut first, "(string-leng\t \"four\")\r");
    first.exp_string("4").unwrap();
    first.exp_string(PROMPT).unwrap();
    ask(&mut first, "(define my-very-own-name 5)", &["5"]);
    type_keys(&mut first, "my-very-\t\r");
    first.exp_string("5").unwrap();
    first.exp_string(PROMPT).unwrap();
    // Where several names begin alike, each is shown as it is called.
    type_keys(&mut first, "(string-b\t");
    first.exp_string("egins-with?").unwrap();
    type_keys(&mut first, "\u{15}(define (my-very-own-adder a b) (+ a b))\r");
    first.exp_string("<expr>my-very-own-adder(a b)").unwrap();
    first.exp_string(PROMPT).unwrap();
    type_keys(&mut first, "(my-very-own\t\t");
    first.exp_string("(my-very-own-adder a b)").unwrap();
    type_keys(&mut first, "\u{15}");
    ask(&mut first, "(+ 40 3)", &["43"]);
    // Arrow up.
    type_keys(&mut first, "\u{1b}[A\r");
    first.exp_string("43").unwrap();
    first.exp_string(PROMPT).unwrap();
    first.send_line(",quit").unwrap();
    first.exp_eof().unwrap();
    let mut second = session(&history);
    type_keys(&mut second, "\u{1b}[A\u{1b}[A\r");
    second.exp_string("43").unwrap();
}

#[test]
fn an_interrupt_gives_the_prompt_back() {
    let mut session = session(&history("interrupt"));
    ask(&mut session, "(define (f n) (f (+ n 1)))", &["<expr>f"]);
    ask(&mut session, "(compile-now 'f)", &["<expr>f"]);
    for endless in ["(f 1)", "(while 1)", "(let loop () (loop))"] {
        session.send_line(&format!("(string->file \"ready\\n\" \"/dev/stdout\") {endless}")).unwrap();
        session.exp_string("\nready").unwrap();
        session.send_control('c').unwrap();
        session.exp_string("interrupted").unwrap();
        session.exp_string(PROMPT).unwrap();
    }
    // What is being typed is given up.
    type_keys(&mut session, "(car (1");
    session.send_control('c').unwrap();
    session.exp_string(PROMPT).unwrap();
    ask(&mut session, "(compiled? f)", &["#t"]);
}

/// What a pipe gets.
fn piped(text: &str) -> Output {
    let mut child = maru(Path::new(""))
        .arg("repl")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_pipe_gets_values_without_prompts_and_colours() {
    let output = piped("(+ 1\n 2) 'a\n,help\n\"x\"\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("3\na\nAn expression"), "{text}");
    assert!(text.ends_with("\"x\"\n") && !text.contains('\u{1b}') && !text.contains("maru>"), "{text}");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));

    let output = piped("(car 1 2)\n(+ 1 2)\n(list 1");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "3\n");
    for part in ["error[arity]", "<repl>:1:1", "error[syntax]"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert!(!errors.contains('\u{1b}'), "{errors}");
    assert_eq!(piped("(exit 7) (println 'never)").status.code(), Some(7));
}
