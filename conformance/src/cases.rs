//! Case files: forms with what they must come to, in comments behind them.
//!
//! ```text
//! (define (twice x) (+ x x))
//! (twice 21)                ; => 42
//! (twice 'a)                ; error: type
//! (error "no" 1 "s")
//! ; error: user (1 "s")
//! (let () (println "hi") 3)
//! ; prints: hi
//! ; => 3
//! ```
//!
//! An expectation belongs to the form before it: it stands on the same line, or on lines of comments right below. A
//! form that is no definition or assignment must have one; a comment that starts like one and is none is a fault of
//! the file. Each file runs in a global environment of its own, and goes on after errors. `error: exit` expects that
//! the program asks to exit, `error: raised 5` that a value is raised that is no error.

use crate::outcome::{FormResult, Outcome};
use std::fmt;

/// A form that did not come to what was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseFailure {
    /// The file's name.
    pub file: String,
    /// The line that the form ends on.
    pub line: usize,
    /// What was expected.
    pub expected: String,
    /// What it came to.
    pub got: String,
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}: expected {}, got {}", self.file, self.line, self.expected, self.got)
    }
}

/// What a form must come to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Expectation {
    Value(String),
    Error(String, Option<String>),
    Prints(String),
}

/// Check what the forms of a file came to. Answers the number of expectations met, and the failures.
pub fn check(file: &str, text: &str, results: &[FormResult]) -> (usize, Vec<CaseFailure>) {
    let mut met = 0;
    let mut failures = Vec::new();
    let mut from = 0;
    let fail = |end: usize, expected: String, got: String| {
        let line = text[..end.min(text.len())].lines().count().max(1);
        CaseFailure { file: file.into(), line, expected, got }
    };
    for result in results {
        let end = result.end.min(text.len());
        if !result.observation.is_defined() {
            failures.push(fail(end, "an end that the language defines".into(), result.observation.outcome.to_string()));
            continue;
        }
        let form = text.get(from..end).unwrap_or("");
        let (expectations, wrong) = expectations(text.get(end..).unwrap_or(""));
        failures.extend(wrong.into_iter().map(|line| fail(end, "an expectation that can be read".into(), line)));
        if expectations.is_empty() {
            let failed = result.observation.outcome != Outcome::Value;
            if failed || !is_definition(form) {
                failures.push(fail(end, "an expectation behind this form".into(), got(result)));
            }
        }
        for expectation in &expectations {
            match differs(expectation, result, &expectations) {
                None => met += 1,
                Some((expected, got)) => failures.push(fail(end, expected, got)),
            }
        }
        from = end;
    }
    if met + failures.len() == 0 {
        failures.push(fail(0, "at least one expectation".into(), "none".into()));
    }
    (met, failures)
}

fn got(result: &FormResult) -> String {
    match (&result.observation.outcome, result.observation.values.first()) {
        (Outcome::Value, Some(value)) => value.clone(),
        (outcome, _) => outcome.to_string(),
    }
}

/// Whether nothing needs to be expected of a form: the last one in this text only defines, assigns or loads.
fn is_definition(text: &str) -> bool {
    let mut form = text;
    // What comes before the form: blank lines and comments.
    loop {
        form = form.trim_start();
        match form.strip_prefix(';') {
            Some(comment) => form = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => break,
        }
    }
    ["(define", "(set", "(require ", "(load ", "(environment-define"].iter().any(|head| form.starts_with(head))
        || form.starts_with("(with-environment") && (form.contains("(define") || form.contains("(set "))
}

/// The expectations at the start of a text, up to the next form; and lines that only look like expectations.
fn expectations(text: &str) -> (Vec<Expectation>, Vec<String>) {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix(';') else {
            // The first line is the rest of the form's own.
            if number == 0 && line.trim().is_empty() {
                continue;
            }
            break;
        };
        let comment = comment.trim_start_matches(';').trim_start();
        if let Some(value) = comment.strip_prefix("=>") {
            found.push(Expectation::Value(value.trim().into()));
        } else if let Some(error) = comment.strip_prefix("error:") {
            let error = error.trim();
            let (kind, irritants) = match error.split_once(char::is_whitespace) {
                Some((kind, irritants)) => (kind, Some(irritants.trim().to_string())),
                None => (error, None),
            };
            let known = maru_language::runtime::ErrorKind::ALL.iter().any(|known| known.name() == kind);
            if !known && !["exit", "raised"].contains(&kind) {
                wrong.push(line.trim().to_string());
            }
            found.push(Expectation::Error(kind.into(), irritants));
        } else if let Some(output) = comment.strip_prefix("prints:") {
            found.push(Expectation::Prints(output.strip_prefix(' ').unwrap_or(output).into()));
        } else if ["-> ", "= ", "==>", "prints ", "error "].iter().any(|almost| comment.starts_with(almost)) {
            wrong.push(line.trim().to_string());
        }
    }
    (found, wrong)
}

/// What was expected and what came, if they differ.
fn differs(expectation: &Expectation, result: &FormResult, all: &[Expectation]) -> Option<(String, String)> {
    let observation = &result.observation;
    match expectation {
        Expectation::Value(expected) => {
            let same = observation.outcome == Outcome::Value && observation.values.first() == Some(expected);
            (!same).then(|| (expected.clone(), got(result)))
        }
        Expectation::Error(kind, irritants) => {
            let same = match &observation.outcome {
                Outcome::Error { kind: got, irritants: list, .. } => {
                    got == kind && irritants.as_ref().is_none_or(|wanted| wanted == list)
                }
                Outcome::Exit(_) => kind == "exit",
                _ => false,
            };
            let wanted = format!("error {kind} {}", irritants.as_deref().unwrap_or(""));
            (!same).then(|| (wanted.trim().to_string(), got(result)))
        }
        Expectation::Prints(_) => {
            let lines = all.iter().filter_map(|one| match one {
                Expectation::Prints(line) => Some(line.as_str()),
                _ => None,
            });
            let expected = lines.collect::<Vec<_>>().join("\n");
            let printed = observation.output.strip_suffix('\n').unwrap_or(&observation.output);
            (printed != expected).then(|| (format!("to print {expected:?}"), format!("{printed:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Observation;

    fn value(text: &str, form: &str, value: &str) -> FormResult {
        let mut observation = Observation::ended(Outcome::Value);
        observation.values.push(value.into());
        FormResult { end: text.find(form).expect("the form") + form.len(), observation }
    }

    #[test]
    fn what_is_expected_is_found() {
        let text = "; a comment\n(define x 1)\nx ; => 1\n(f)\n; => 2\n; prints: a\n; prints: b\n(g)\n";
        let mut second = value(text, "(f)", "2");
        second.observation.output = "a\nb\n".into();
        let results = [value(text, "(define x 1)", "1"), value(text, "\nx", "1"), second.clone()];
        assert_eq!(check("t", text, &results), (4, vec![]));
        second.observation.output = "a\n".into();
        assert_eq!(check("t", text, &[second]).1.len(), 2);
        let missing = check("t", "(g)\n", &[value("(g)\n", "(g)", "3")]).1;
        assert_eq!(missing[0].expected, "an expectation behind this form");
    }

    #[test]
    fn errors_are_expected_with_or_without_irritants() {
        let text = "(f) ; error: user (1 \"s\")\n(g) ; error: user\n(h) ; error: unheard-of\n";
        let error = |form: &str, irritants: &str| FormResult {
            end: text.find(form).expect("the form") + form.len(),
            observation: Observation::ended(Outcome::Error {
                kind: "user".into(),
                message: String::new(),
                irritants: irritants.into(),
                position: None,
                frames: String::new(),
            }),
        };
        assert_eq!(check("t", text, &[error("(f)", "(1 \"s\")"), error("(g)", "(4)")]), (2, vec![]));
        assert_eq!(check("t", text, &[error("(f)", "(1)")]).1.len(), 1);
        let unknown = check("t", text, &[error("(h)", "()")]).1;
        assert!(unknown[0].expected.contains("can be read"), "{unknown:?}");
    }
}
