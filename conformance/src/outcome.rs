//! What running a program comes to, as far as it is compared.

use std::fmt;

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All forms were evaluated.
    Value,
    /// An error that nobody caught.
    Error {
        /// Its kind.
        kind: String,
        /// Its message, which is shown but not compared.
        message: String,
        /// Its irritants, dumped.
        irritants: String,
        /// Line and column, if it has a position.
        position: Option<(u32, u32)>,
        /// The backtrace: functions with line and column, innermost first.
        frames: String,
    },
    /// `(exit code)`.
    Exit(i64),
    /// The process died.
    Crash(String),
    /// A panic inside the implementation.
    Panic(String),
    /// Not finished in the time given.
    Hang,
    /// The engine does not know what the program means, and says why: there is nothing to compare.
    NoOpinion(String),
}

/// What can be seen of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    /// The dumped values of the top-level expressions, up to the end or the error.
    pub values: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it printed.
    pub output: String,
    /// The fuel left at the end, of a program with limits.
    pub fuel: Option<i64>,
    /// What was compiled meanwhile; not compared.
    pub compiled: Compiled,
    /// It is seen with the model's eyes: backtraces are not in it, nor positions and values that it does not know.
    pub sketch: bool,
}

/// What stands in a sketch for a value or irritants that are not known.
pub const UNKNOWN: &str = "\u{1}unknown";

/// What an engine compiled for a program.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compiled {
    /// How many units.
    pub units: u64,
    /// Functions that could not be compiled, and why. The language has no such functions.
    pub refused: Vec<String>,
    /// How many library files were examined.
    pub files: u64,
    /// What was wrong with them.
    pub bad_files: Vec<String>,
    /// The cells of [`maru_core::ir::coverage`] that the IR evaluator executed for the first time, if it was that engine.
    pub executed: Vec<u16>,
}

impl Observation {
    /// One of which nothing but the end is known.
    pub fn ended(outcome: Outcome) -> Observation {
        let (values, output) = (Vec::new(), String::new());
        Observation { values, outcome, output, fuel: None, compiled: Compiled::default(), sketch: false }
    }

    /// Whether the language defines such an end: neither a crash, nor a panic, nor a hang.
    pub fn is_defined(&self) -> bool {
        !matches!(self.outcome, Outcome::Crash(_) | Outcome::Panic(_) | Outcome::Hang)
    }

    /// The first difference from what was expected, in words.
    pub fn difference(&self, expected: &Observation) -> Option<String> {
        if !self.is_defined() {
            return Some(self.outcome.to_string());
        }
        if let Outcome::NoOpinion(_) = self.outcome {
            return None;
        }
        if self.sketch {
            return self.completed(expected).difference(expected);
        }
        let pairs = expected.values.iter().zip(&self.values);
        if let Some((at, (wanted, got))) = pairs.enumerate().find(|(_, (wanted, got))| wanted != got) {
            return Some(format!("value {} is {}, not {}", at + 1, shorten(got), shorten(wanted)));
        }
        if !self.outcome.agrees(&expected.outcome) {
            return Some(format!("it ended with {}, not with {}", self.outcome, expected.outcome));
        }
        if self.values.len() != expected.values.len() {
            return Some(format!("there are {} values, not {}", self.values.len(), expected.values.len()));
        }
        if self.output != expected.output {
            return Some(format!("it printed {}, not {}", shorten(&self.output), shorten(&expected.output)));
        }
        if self.fuel != expected.fuel {
            let shown = |fuel: Option<i64>| fuel.map_or("no count".into(), |fuel| fuel.to_string());
            return Some(format!("the fuel left is {}, not {}", shown(self.fuel), shown(expected.fuel)));
        }
        self.compiled.refused.first().map(|refused| format!("not compiled: {refused}"))
    }

    /// A sketch, with what it leaves open taken from an observation that it is compared with.
    fn completed(&self, other: &Observation) -> Observation {
        let mut all = Observation { sketch: false, fuel: other.fuel, ..self.clone() };
        for (value, others) in all.values.iter_mut().zip(&other.values).filter(|(value, _)| *value == UNKNOWN) {
            value.clone_from(others);
        }
        let outcomes = (&mut all.outcome, &other.outcome);
        if let (
            Outcome::Error { irritants, position, frames, .. },
            Outcome::Error { irritants: other_irritants, position: other_position, frames: other_frames, .. },
        ) = outcomes
        {
            if irritants == UNKNOWN {
                irritants.clone_from(other_irritants);
            }
            *position = position.or(*other_position);
            frames.clone_from(other_frames);
        }
        all
    }

    /// As bytes, for a pipe.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields: Vec<String> = match &self.outcome {
            Outcome::Value => vec!["value".into()],
            Outcome::Error { kind, message, irritants, position, frames } => {
                let (line, column) = position.unwrap_or((0, 0));
                vec![
                    "error".into(),
                    kind.clone(),
                    message.clone(),
                    irritants.clone(),
                    line.to_string(),
                    column.to_string(),
                    frames.clone(),
                ]
            }
            Outcome::Exit(code) => vec!["exit".into(), code.to_string()],
            Outcome::Crash(how) => vec!["crash".into(), how.clone()],
            Outcome::Panic(message) => vec!["panic".into(), message.clone()],
            Outcome::Hang => vec!["hang".into()],
            Outcome::NoOpinion(why) => vec!["no opinion".into(), why.clone()],
        };
        let outcome = fields.len();
        fields.push(self.output.clone());
        fields.push(self.fuel.map_or(String::new(), |fuel| fuel.to_string()));
        fields.push(if self.sketch { "sketch" } else { "" }.into());
        fields.push(self.compiled.units.to_string());
        fields.push(self.compiled.refused.join("\n"));
        fields.push(self.compiled.files.to_string());
        fields.push(self.compiled.bad_files.join("\n"));
        fields.push(self.compiled.executed.iter().map(u16::to_string).collect::<Vec<_>>().join(" "));
        fields.extend(self.values.iter().cloned());
        let mut bytes = (outcome as u32).to_le_bytes().to_vec();
        for field in fields {
            bytes.extend((field.len() as u32).to_le_bytes());
            bytes.extend(field.as_bytes());
        }
        bytes
    }

    /// From what `encode` made; `None` if these bytes are something else.
    pub fn decode(bytes: &[u8]) -> Option<Observation> {
        let (count, mut rest) = bytes.split_first_chunk::<4>()?;
        let mut fields = Vec::new();
        while let Some((length, more)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            fields.push(String::from_utf8(more.get(..length)?.to_vec()).ok()?);
            rest = &more[length..];
        }
        let values = fields.split_off(u32::from_le_bytes(*count) as usize);
        let [output, fuel, sketch, units, refused, files, bad_files, executed, values @ ..] = values.as_slice() else {
            return None;
        };
        let fuel = if fuel.is_empty() { None } else { Some(fuel.parse().ok()?) };
        let lines = |text: &str| text.lines().map(String::from).collect();
        let compiled = Compiled {
            units: units.parse().ok()?,
            refused: lines(refused),
            files: files.parse().ok()?,
            bad_files: lines(bad_files),
            executed: executed.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?,
        };
        let field = |at: usize| fields.get(at).cloned();
        let outcome = match fields.first()?.as_str() {
            "value" => Outcome::Value,
            "error" => {
                let position = (field(4)?.parse().ok()?, field(5)?.parse().ok()?);
                let position = (position != (0, 0)).then_some(position);
                let [kind, message, irritants, frames] = [field(1)?, field(2)?, field(3)?, field(6)?];
                Outcome::Error { kind, message, irritants, position, frames }
            }
            "exit" => Outcome::Exit(field(1)?.parse().ok()?),
            "crash" => Outcome::Crash(field(1)?),
            "panic" => Outcome::Panic(field(1)?),
            "hang" => Outcome::Hang,
            "no opinion" => Outcome::NoOpinion(field(1)?),
            _ => return None,
        };
        let (values, output) = (values.to_vec(), output.clone());
        Some(Observation { values, outcome, output, fuel, compiled, sketch: sketch == "sketch" })
    }
}

/// What one form of a text came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormResult {
    /// Byte offset behind the form.
    pub end: usize,
    /// What was seen.
    pub observation: Observation,
}

impl FormResult {
    /// As bytes, for a pipe.
    pub fn encode_all(all: &[FormResult]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for result in all {
            let observation = result.observation.encode();
            bytes.extend((result.end as u64).to_le_bytes());
            bytes.extend((observation.len() as u64).to_le_bytes());
            bytes.extend(observation);
        }
        bytes
    }

    /// From what `encode_all` made; `None` if these bytes are something else.
    pub fn decode_all(mut bytes: &[u8]) -> Option<Vec<FormResult>> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let (end, rest) = bytes.split_first_chunk::<8>()?;
            let (length, rest) = rest.split_first_chunk::<8>()?;
            let length = u64::from_le_bytes(*length) as usize;
            let observation = Observation::decode(rest.get(..length)?)?;
            all.push(FormResult { end: u64::from_le_bytes(*end) as usize, observation });
            bytes = &rest[length..];
        }
        Some(all)
    }
}

impl Outcome {
    /// Whether two ends are the same, as far as the language promises it: not in an error's message, and not in the
    /// backtrace where the machine's own limits decide how deep it is.
    pub fn agrees(&self, other: &Outcome) -> bool {
        match (self, other) {
            (
                Outcome::Error { kind, irritants, position, frames, .. },
                Outcome::Error { kind: kind2, irritants: irritants2, position: position2, frames: frames2, .. },
            ) => {
                let by_machine = matches!(kind.as_str(), "stack-overflow" | "out-of-memory" | "interrupt");
                let same = kind == kind2 && irritants == irritants2 && position == position2;
                same && (by_machine || frames == frames2)
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Value => f.write_str("a value"),
            Outcome::Error { kind, message, irritants, position, frames } => {
                write!(f, "error {kind} {}", shorten(irritants))?;
                if let Some((line, column)) = position {
                    write!(f, " at {line}:{column}")?;
                }
                if !frames.is_empty() {
                    write!(f, " in {}", shorten(frames))?;
                }
                write!(f, " ({})", shorten(message))
            }
            Outcome::Exit(code) => write!(f, "exit {code}"),
            Outcome::Crash(how) => write!(f, "a crash: {how}"),
            Outcome::Panic(message) => write!(f, "a panic: {}", shorten(message)),
            Outcome::Hang => f.write_str("no end in the time given"),
            Outcome::NoOpinion(why) => write!(f, "no opinion: {why}"),
        }
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for value in &self.values {
            writeln!(f, "=> {value}")?;
        }
        for line in self.output.lines() {
            writeln!(f, "prints: {line}")?;
        }
        writeln!(f, "ends with {}", self.outcome)?;
        match self.fuel {
            Some(fuel) => writeln!(f, "fuel left: {fuel}"),
            None => Ok(()),
        }
    }
}

/// The start of a long text.
pub fn shorten(text: &str) -> String {
    const KEPT: usize = 200;
    match text.char_indices().nth(KEPT) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: &str, position: Option<(u32, u32)>, message: &str) -> Observation {
        let (kind, message, irritants) = (kind.to_string(), message.to_string(), "(1 \"a\nb\")".to_string());
        let outcome = Outcome::Error { kind, message, irritants, position, frames: "f 3:9".into() };
        let compiled = Compiled {
            units: 2,
            refused: vec!["f1: no reason".into()],
            files: 1,
            bad_files: Vec::new(),
            executed: vec![3, 700],
        };
        let values = vec!["(1 2)".into(), String::new()];
        Observation { values, outcome, output: "λ\n".into(), fuel: Some(5), compiled, sketch: false }
    }

    #[test]
    fn survives_the_pipe() {
        let ends = [
            Outcome::Value,
            Outcome::Exit(-3),
            Outcome::Crash("signal 11".into()),
            Outcome::Hang,
            Outcome::NoOpinion("a".into()),
        ];
        let all = ends.map(Observation::ended).into_iter();
        for observation in all.chain([error("type", Some((3, 9)), "no"), error("type", None, "no")]) {
            assert_eq!(Observation::decode(&observation.encode()), Some(observation));
        }
        assert_eq!(Observation::decode(&[9, 9, 9]), None);
    }

    #[test]
    fn a_sketch_is_compared_as_far_as_it_goes() {
        let plain = |observation: Observation| Observation { compiled: Compiled::default(), ..observation };
        let base = plain(error("type", Some((3, 9)), "no"));
        let sketch = |values: &[&str], irritants: &str, position| {
            let (kind, message, irritants) = ("type".into(), String::new(), irritants.to_string());
            let outcome = Outcome::Error { kind, message, irritants, position, frames: String::new() };
            let values = values.iter().map(|value| value.to_string()).collect();
            Observation { values, outcome, output: "λ\n".into(), sketch: true, ..Observation::ended(Outcome::Value) }
        };
        assert_eq!(sketch(&[UNKNOWN, ""], UNKNOWN, None).difference(&base), None);
        assert_eq!(sketch(&["(1 2)", UNKNOWN], "(1 \"a\nb\")", Some((3, 9))).difference(&base), None);
        assert!(sketch(&["(1 3)", UNKNOWN], UNKNOWN, None).difference(&base).is_some());
        assert!(sketch(&[UNKNOWN, ""], "(2)", None).difference(&base).is_some());
        assert!(sketch(&[UNKNOWN, ""], UNKNOWN, Some((4, 1))).difference(&base).is_some());
        assert!(sketch(&[UNKNOWN], UNKNOWN, None).difference(&base).is_some(), "a value is missing");
    }

    #[test]
    fn differences_are_seen_and_messages_are_not() {
        let without = |observation: Observation| Observation { compiled: Compiled::default(), ..observation };
        let base = without(error("type", Some((3, 9)), "no"));
        assert_eq!(without(error("type", Some((3, 9)), "other words")).difference(&base), None);
        assert!(error("type", Some((3, 9)), "no").difference(&base).is_some(), "something was not compiled");
        assert!(error("index", Some((3, 9)), "no").difference(&base).is_some());
        assert!(error("type", Some((3, 8)), "no").difference(&base).is_some());
        let outcome = match base.outcome.clone() {
            Outcome::Error { kind, message, irritants, position, .. } => {
                Outcome::Error { kind, message, irritants, position, frames: "g 3:9".into() }
            }
            other => other,
        };
        assert!(Observation { outcome, ..base.clone() }.difference(&base).is_some());
        assert!(Observation { output: "λ".into(), ..base.clone() }.difference(&base).is_some());
        assert!(Observation { values: vec!["(1 2)".into()], ..base.clone() }.difference(&base).is_some());
        assert!(Observation { fuel: Some(4), ..base.clone() }.difference(&base).is_some());
        let hang = Observation::ended(Outcome::Hang);
        assert!(hang.difference(&hang).is_some(), "two hangs do not agree");
    }
}
