//! Examples in Lisp: each form with what is expected of it.

use std::path::Path;
use std::process::Command;

/// What a comment after a form expects.
enum Expectation {
    /// The form's value.
    Value(String),
    /// A line that is printed.
    Line(String),
    /// The kind of error that the form fails with.
    Error(String),
}

/// A top-level form of the text, and the comments that follow it.
struct Form {
    text: String,
    expected: Vec<Expectation>,
}

/// Run a block interpreted and compiled; what is wrong with it.
pub fn run(text: &str, folder: &Path) -> Result<(), String> {
    if let Some(name) = text.lines().next().and_then(|line| line.strip_prefix("; file: ")) {
        std::fs::write(folder.join(name.trim()), text).unwrap();
    }
    let forms = forms(text)?;
    let (program, expected) = program(&forms);
    let path = folder.join("block.l");
    std::fs::write(&path, program).unwrap();
    for mode in ["off", "always"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
        let output = command.current_dir(folder).args(["run", "--jit", mode, "block.l"]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("fails with --jit {mode}:\n{errors}\nafter printing:\n{printed}"));
        }
        if !printed.lines().map(str::trim_end).eq(expected.lines()) {
            return Err(format!("with --jit {mode} it prints:\n{printed}\nand not, as the document says:\n{expected}"));
        }
    }
    Ok(())
}

/// The program that prints what is expected of each form, and what it then should print.
fn program(forms: &[Form]) -> (String, String) {
    let (mut program, mut expected) = (String::new(), String::new());
    for form in forms {
        let lines = form.expected.iter().map(|expectation| match expectation {
            Expectation::Value(text) | Expectation::Line(text) => format!("{text}\n"),
            Expectation::Error(kind) => format!("error: {kind}\n"),
        });
        expected.extend(lines);
        let text = &form.text;
        program.push_str(&match form.expected.last() {
            Some(Expectation::Value(_)) => format!("(dumpln\n{text})\n"),
            Some(Expectation::Error(_)) => {
                format!("(println (try (eval '{text}) \"no error\" (catch (e) (concat-string \"error: \" (symbol->string (error-kind e))))))\n")
            }
            _ => format!("{text}\n"),
        });
    }
    (program, expected)
}

/// Take a text apart.
fn forms(text: &str) -> Result<Vec<Form>, String> {
    let mut forms: Vec<Form> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(forms);
        }
        if let Some(comment) = rest.strip_prefix(';') {
            let (line, after) = comment.split_once('\n').unwrap_or((comment, ""));
            if let (Some(expectation), Some(form)) = (expectation(line.trim()), forms.last_mut()) {
                form.expected.push(expectation);
            }
            rest = after;
            continue;
        }
        let length = form_length(rest).ok_or_else(|| format!("a form is not closed: {rest}"))?;
        forms.push(Form { text: rest[..length].into(), expected: inner_expectations(&rest[..length]) });
        rest = &rest[length..];
    }
}

fn expectation(comment: &str) -> Option<Expectation> {
    let after = |prefix| comment.strip_prefix(prefix).map(|rest: &str| rest.trim().to_string());
    let value = after("=>").map(Expectation::Value);
    value.or_else(|| after("prints:").map(Expectation::Line)).or_else(|| after("error:").map(Expectation::Error))
}

/// Lines that the form says inside of itself that it prints.
fn inner_expectations(form: &str) -> Vec<Expectation> {
    let lines = form.lines().filter_map(|line| line.split_once("; prints:"));
    lines.map(|(_, text)| Expectation::Line(text.trim().into())).collect()
}

/// How many bytes the form at the start of the text has; `None` if it does not end.
fn form_length(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((_, c)) = chars.next() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '"' => loop {
                match chars.next()?.1 {
                    '\\' => drop(chars.next()),
                    '"' => break,
                    _ => {}
                }
            },
            ';' => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            // A character: what follows is no parenthesis. Inside of a name it is a letter.
            '?' if before.is_whitespace() || "()[]{}'`,@".contains(before) => {
                if chars.next_if(|(_, next)| *next == '\\').is_some() {
                    chars.next();
                } else {
                    chars.next_if(|(_, next)| "()[]{}\";".contains(*next));
                }
            }
            _ => {}
        }
        before = c;
        let next = chars.peek().copied();
        let ends = next.is_none_or(|(_, next)| next.is_whitespace() || next == ';') && !"'`,@".contains(c);
        if depth == 0 && ends {
            return Some(next.map_or(text.len(), |(at, _)| at));
        }
    }
    None
}
