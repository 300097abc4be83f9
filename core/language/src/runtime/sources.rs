//! Source texts, by number, and what a position means in them.

use maru_core::abi::Position;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// What the prelude is called in messages.
pub const PRELUDE_NAME: &str = "<prelude>";

/// One source text.
#[derive(Debug)]
pub struct Source {
    /// Name for messages: a file's path as given, or `<repl>` and the like.
    pub name: String,
    /// The text.
    pub text: String,
    /// Byte offsets at which lines start.
    lines: Vec<u32>,
    /// How many lines there were before this text, which is a piece of a longer one.
    before: u32,
}

impl Source {
    /// How many lines there were before this text, which is a piece of a longer one.
    pub fn before(&self) -> u32 {
        self.before
    }
    /// The byte offset at which a line (by its number, which is 1 for the first of a whole text) starts; the text's end for
    /// lines past the last one.
    pub fn line_start(&self, line: u32) -> usize {
        let line = (line as usize).saturating_sub(1 + self.before as usize);
        self.lines.get(line).map_or(self.text.len(), |start| *start as usize)
    }
}

/// Texts after so many have no numbers; see [`Position::to_value`].
const MOST: u32 = 1 << 28;
/// How many texts that came from data are kept, and how many bytes of them: the places in older ones are not known any
/// more.
const PASSING: usize = 1000;
const PASSING_BYTES: usize = 1 << 20;

/// All source texts of a run, by number.
#[derive(Debug, Default)]
pub struct Sources {
    texts: FxHashMap<u32, Source>,
    /// How many there have been.
    count: u32,
    /// The last text of each name.
    latest: FxHashMap<String, u32>,
    /// Texts that came from data, oldest first, and the bytes that they take.
    passing: VecDeque<u32>,
    passing_bytes: usize,
}

impl Sources {
    /// Add a text; its number. The text that was last added under the same name, if it is the same, needs no other.
    pub fn add(&mut self, name: &str, text: String) -> u32 {
        let latest = self.latest.get(name).copied();
        if let Some(number) = latest.filter(|number| self.get(*number).is_some_and(|source| source.text == text)) {
            return number;
        }
        let number = self.insert(name, text, 0);
        self.latest.insert(name.into(), number);
        number
    }
    /// Add a piece of a text; `before` it there were that many lines.
    pub fn add_piece(&mut self, name: &str, text: String, before: u32) -> u32 {
        self.insert(name, text, before)
    }
    fn insert(&mut self, name: &str, text: String, before: u32) -> u32 {
        if self.count == MOST {
            return Position::UNKNOWN.source;
        }
        let mut lines = vec![0];
        lines.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1));
        let number = self.count;
        self.texts.insert(number, Source { name: name.into(), text, lines, before });
        self.count += 1;
        number
    }
    /// Add a text that a program reads as data. There may be any number of them, so that only the latest are kept.
    pub fn add_passing(&mut self, name: &str, text: String) -> u32 {
        self.passing_bytes += text.len();
        let number = self.insert(name, text, 0);
        self.passing.push_back(number);
        while self.passing.len() > 1 && (self.passing.len() > PASSING || self.passing_bytes > PASSING_BYTES) {
            let oldest = self.passing.pop_front().and_then(|number| self.texts.remove(&number));
            self.passing_bytes -= oldest.map_or(0, |source| source.text.len());
        }
        number
    }
    /// How many there are: the next one's number.
    pub fn count(&self) -> u32 {
        self.count
    }
    /// The text with this number.
    pub fn get(&self, source: u32) -> Option<&Source> {
        self.texts.get(&source)
    }
    /// The line of a place, from 1.
    pub fn line(&self, position: Position) -> Option<u32> {
        let source = self.get(position.source)?;
        Some(source.before + source.lines.partition_point(|start| *start <= position.offset) as u32)
    }
    /// File name, line and column (both from 1; columns count characters) of a place.
    pub fn locate(&self, position: Position) -> Option<(&str, u32, u32)> {
        let source = self.get(position.source)?;
        let line = source.lines.partition_point(|start| *start <= position.offset) - 1;
        let start = source.lines[line] as usize;
        let upto = source.text.get(start..position.offset as usize)?;
        Some((&source.name, source.before + line as u32 + 1, upto.chars().count() as u32 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, Sources, PASSING};

    #[test]
    fn only_the_latest_of_passing_texts_are_kept() {
        let mut sources = Sources::default();
        let program = sources.add("a.l", "(a)".into());
        let first = sources.add_passing("<string>", "(b)".into());
        for _ in 0..PASSING {
            sources.add_passing("<string>", "(b)".into());
        }
        assert!(sources.get(program).is_some() && sources.get(first).is_none());
        let long = sources.add_passing("<string>", "x".repeat(2 << 20));
        assert!(sources.get(long).is_some() && sources.get(long - 1).is_none());
        assert_eq!(sources.texts.len(), 2);
    }

    #[test]
    fn the_same_text_is_kept_once() {
        let mut sources = Sources::default();
        let first = sources.add("a.l", "(a)".into());
        assert_eq!(sources.add("a.l", "(a)".into()), first);
        assert_ne!(sources.add("a.l", "(b)".into()), first);
    }

    #[test]
    fn pieces_go_on_counting_lines() {
        let mut sources = Sources::default();
        let piece = sources.add_piece("<repl>", "(a\n b)".into(), 4);
        assert_eq!(sources.locate(Position { source: piece, offset: 4 }), Some(("<repl>", 6, 2)));
        assert_eq!(sources.get(piece).map(|source| source.line_start(6)), Some(3));
    }
}
