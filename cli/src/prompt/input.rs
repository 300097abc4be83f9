//! Where the prompt's texts come from: a person at a terminal, with line editing, history and completion; or a pipe or
//! file, line by line.

use super::documentation::Completion;
use crate::trouble::{self, Trouble};
use maru_language::syntax::is_incomplete;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter, MatchingBracketHighlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, ColorMode, CompletionType, Config, Context, Editor, Helper};
use std::borrow::Cow;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// What comes in.
pub enum Typed {
    /// Whole forms, or what will never be any; and how many lines of the same text came before.
    Text(String, u32),
    /// Bytes that are no text; why. What comes after them is read as ever.
    Wrong(String),
    /// What was typed so far is given up.
    Abandoned,
    /// There is no more.
    End,
}

/// Where texts come from.
pub enum Input {
    /// A person.
    Person(Box<Person>),
    /// Standard input as it comes; how many lines have come.
    Lines(u32),
}

impl Input {
    /// The next text. `names` are offered to complete what is typed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next(&mut self, names: impl FnOnce() -> Vec<Completion>) -> Result<Typed, Trouble> {
        match self {
            Input::Person(person) => person.next(names()),
            Input::Lines(count) => next_lines(count),
        }
    }

    /// Whether somebody waits for answers.
    pub fn is_person(&self) -> bool {
        matches!(self, Input::Person(_))
    }
}

/// As many lines of standard input as make whole forms.
fn next_lines(lines: &mut u32) -> Result<Typed, Trouble> {
    let mut bytes = Vec::new();
    let before = *lines;
    loop {
        let read = std::io::stdin().lock().read_until(b'\n', &mut bytes);
        let count = read.map_err(|error| Trouble::failed(format!("standard input: {error}")))?;
        *lines += u32::from(count > 0);
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let byte = bytes[error.valid_up_to()];
                let what =
                    format!("standard input:{lines}: not UTF-8 text: byte {byte:#04x}; expressions must be UTF-8");
                return Ok(Typed::Wrong(what));
            }
        };
        match count {
            0 if bytes.is_empty() => return Ok(Typed::End),
            0 => return Ok(Typed::Text(text.into(), before)),
            _ if is_incomplete(text) => {}
            _ => return Ok(Typed::Text(text.into(), before)),
        }
    }
}

/// A person at a terminal.
pub struct Person {
    editor: Editor<Assistant, DefaultHistory>,
    /// Where the history is kept, if anywhere.
    history: Option<PathBuf>,
}

impl Person {
    /// Prepare line editing. `colour`: whether the terminal shows colours.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn new(colour: bool) -> Result<Person, Trouble> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .color_mode(if colour { ColorMode::Enabled } else { ColorMode::Disabled })
            .behavior(Behavior::PreferTerm)
            .auto_add_history(true)
            .build();
        let failed = |error: ReadlineError| Trouble::failed(format!("the terminal cannot be set up: {error}"));
        let mut editor = Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Assistant { names: Vec::new(), brackets: MatchingBracketHighlighter::new() }));
        let history = history_file();
        if let Some(path) = history.as_ref().filter(|path| path.exists()) {
            if let Err(error) = editor.load_history(path) {
                trouble::say(format_args!("the history cannot be read: {}: {error}", path.display()));
            }
        }
        Ok(Person { editor, history })
    }

    fn next(&mut self, names: Vec<Completion>) -> Result<Typed, Trouble> {
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.names = names;
        }
        match self.editor.readline("maru> ") {
            Ok(text) => Ok(Typed::Text(text, 0)),
            Err(ReadlineError::Interrupted) => Ok(Typed::Abandoned),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                Ok(Typed::Wrong("what was typed is not UTF-8 text; expressions must be".into()))
            }
            Err(error) => Err(Trouble::failed(format!("the terminal: {error}"))),
        }
    }
}

impl Drop for Person {
    /// The history outlives the session, however it ends.
    fn drop(&mut self) {
        let Some(path) = &self.history else { return };
        if let Err(error) = save_history(&mut self.editor, path) {
            trouble::say(format_args!("the history cannot be kept: {}: {error}", path.display()));
        }
    }
}

/// Only its owner may read it (the library makes the file so).
fn save_history(editor: &mut Editor<Assistant, DefaultHistory>, path: &Path) -> rustyline::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    editor.append_history(path)
}

/// `$MARU_HISTORY`, else `maru/history` in `$XDG_STATE_HOME` or `~/.local/state`; empty: none is kept.
fn history_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("MARU_HISTORY") {
        return (!path.is_empty()).then(|| PathBuf::from(path));
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    Some(state.join("maru/history"))
}

/// Helps while a line is edited.
struct Assistant {
    /// Names to complete.
    names: Vec<Completion>,
    brackets: MatchingBracketHighlighter,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let is_end = |character: char| character.is_whitespace() || "()[]{}\"';`".contains(character);
        let start = line[..at].rfind(is_end).map_or(0, |end| end + 1);
        let typed = &line[start..at];
        if typed.is_empty() {
            return Ok((start, Vec::new()));
        }
        let mut found: Vec<&Completion> = self.names.iter().filter(|known| known.name.starts_with(typed)).collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let pair = |known: &Completion| Pair {
            display: known.call.clone().unwrap_or_else(|| known.name.clone()),
            replacement: known.name.clone(),
        };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(match is_incomplete(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        self.brackets.highlight(line, at)
    }
    fn highlight_char(&self, line: &str, at: usize, kind: CmdKind) -> bool {
        self.brackets.highlight_char(line, at, kind)
    }
}
