//! Calls that go wrong in the ways in which newcomers' do, each with the whole text that is shown: what is wrong, where, and
//! where it helps, the way out. Interpreted and compiled, it is the same.

use std::process::Command;

/// A program of one line, and what is said of it, from the kind on; the excerpt of the source stands between.
const WRONG: &[(&str, &str)] = &[
    ("(map '(1 2) car)", "error[type]: map: not a function: (1 2)"),
    ("(filter '(1 2 3) even?)", "error[type]: filter: not a function: (1 2 3)"),
    ("(fold + '(1 2 3) 0)", "error[type]: fold: not a list: 0"),
    ("(for-each println '(1 2))", "error[type]: for-each: not a function: (1 2)"),
    ("(sort < '(3 1 2))", "error[type]: sort: not a function: (3 1 2)"),
    (
        "(string->file \"/tmp/some/file\" \"abc\")",
        "error[type]: string->file: the text comes first, then the path; for a text that looks like a path there is \
         with-output-to-file: \"/tmp/some/file\" \"abc\"",
    ),
    ("(string-lenght \"abc\")", "error[unbound]: unbound variable: string-lenght; did you mean `string-length`?"),
    ("(prinltn 1)", "error[unbound]: unbound variable: prinltn; did you mean `println`?"),
    ("(whlie 1 2)", "error[unbound]: unbound variable: whlie; did you mean `while`?"),
    ("(define (f x) x) (f 1 2)", "error[arity]: f: wants 1 argument, was given 2"),
    ("(car 1 2)", "error[arity]: car: wants 1 argument, was given 2"),
    ("(\"text\" 1)", "error[not-applicable]: not a function: \"text\""),
    ("(+ 1 \"2\")", "error[type]: +: not a number: \"2\""),
    ("(string-length 'abc)", "error[type]: string-length: not a string: abc"),
    ("(/ 10 0)", "error[division-by-zero]: /: division by zero: 10 0"),
    ("(set-array-at (array) -1 'x)", "error[index]: set-array-at: a negative index: -1"),
    ("(open \"/no/such/file\")", "error[io]: /no/such/file: No such file or directory (os error 2)"),
    ("(set nobody 1)", "error[unbound]: unbound variable: nobody"),
    (
        "017",
        "error[syntax]: `017` could be meant in octal or in decimal: in decimal it is written `17`, in octal `0o17`",
    ),
    ("?ab", "error[syntax]: `?ab` is not one character: a string is written \"ab\", a symbol of this name `|?ab|`"),
    ("#true", "error[syntax]: `#true` is written `#t`"),
    ("#\\a", "error[syntax]: `#\\a` is no character: one is written `?a`"),
    ("\"\\d\"", "error[syntax]: `\\d` is no escape; a backslash itself is written `\\\\`"),
    ("(let ((x 1) x)", "error[syntax]: the text ends inside a list"),
    ("(define-class <p> () (x)) (new <p> 1 2)", "error[arity]: new: <p> has 1 fields, was given 2 values"),
    ("(define-class <p> () (x)) (define p (new <p> 1)) (list p.y)", "error[type]: a <p> has no field y: <p>(1) y"),
    (
        "(define-method area <long> () 1) (area \"s\")",
        "error[no-method]: area: no method for (<string>): area <string>",
    ),
    ("(call-next-method)", "error[syntax]: call-next-method: this stands inside of a method only"),
    (
        "(put-u32 1)",
        "error[io]: put-u32: bytes are written to a port, which is the last argument, or inside of \
         with-binary-output-to-file",
    ),
    ("(put-u8 256 (open \"/dev/null\" \"w\"))", "error[type]: put-u8: not an integer of 8 bits: 256"),
    ("(random 0)", "error[type]: random: not an integer from 1 to 1152921504606846975: 0"),
    ("(raise 'done)", "error[user]: this was raised: done"),
];

/// What is said of a program on standard input: the first line, with the advice at the end of the excerpt behind it.
fn said(program: &str, mode: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wrong-{mode}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("wrong.l");
    std::fs::write(&path, format!("{program}\n")).expect("a program");
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    let output = command.current_dir(&folder).args(["run", "--jit", mode, "wrong.l"]).output().expect("maru runs");
    assert_eq!(output.status.code(), Some(1), "{program}: {output:?}");
    let text = String::from_utf8(output.stderr).expect("a text");
    assert!(text.contains(" --> wrong.l:1:"), "{program} has no place: {text}");
    let first = text.lines().next().unwrap_or_default();
    let help = text.lines().find_map(|line| line.split_once("= help: "));
    help.map_or_else(|| first.to_string(), |(_, help)| format!("{first}; {help}"))
}

#[test]
fn wrong_calls_say_what_is_wrong_and_the_way_out() {
    assert!(WRONG.len() >= 25);
    let mut wrong = Vec::new();
    for (program, expected) in WRONG {
        for mode in ["off", "always"] {
            let said = said(program, mode);
            if said != *expected {
                wrong.push(format!("{program} ({mode})\n  {said}\n  is not\n  {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
