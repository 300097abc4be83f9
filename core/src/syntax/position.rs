//! Positions in source texts.

use crate::value::Value;

/// A place in a source text: the number of the text and a byte offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Index into [`Sources`]; `u32::MAX` for a place that is not known.
    pub source: u32,
    /// Byte offset.
    pub offset: u32,
}

impl Position {
    /// A place that is not known.
    pub const UNKNOWN: Position = Position { source: u32::MAX, offset: 0 };

    /// Whether the place is known.
    pub fn is_known(self) -> bool {
        self.source != u32::MAX
    }
    /// As one word.
    pub fn pack(self) -> u64 {
        u64::from(self.source) << 32 | u64::from(self.offset)
    }
    /// From one word.
    pub fn unpack(word: u64) -> Position {
        Position { source: (word >> 32) as u32, offset: word as u32 }
    }
    /// As a fixnum, for error objects; nil if unknown. (Sources number less than 2^28.)
    pub fn to_value(self) -> Value {
        if self.is_known() {
            Value::fixnum(self.pack() as i64)
        } else {
            Value::NIL
        }
    }
    /// From what `to_value` made.
    pub fn from_value(value: Value) -> Position {
        value.as_fixnum().map_or(Position::UNKNOWN, |number| Position::unpack(number as u64))
    }
}

/// One source text.
#[derive(Debug)]
pub struct Source {
    /// Name for messages: a file's path as given, or `<repl>` and the like.
    pub name: String,
    /// The text.
    pub text: String,
    /// Byte offsets at which lines start.
    lines: Vec<u32>,
}

impl Source {
    /// The byte offset at which a line (from 1) starts; the text's end for lines past the last one.
    pub fn line_start(&self, line: u32) -> usize {
        let line = (line as usize).saturating_sub(1);
        self.lines.get(line).map_or(self.text.len(), |start| *start as usize)
    }
}

/// All source texts of a run, by number.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Add a text; its number.
    pub fn add(&mut self, name: &str, text: String) -> u32 {
        let mut lines = vec![0];
        lines.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1));
        self.all.push(Source { name: name.into(), text, lines });
        self.all.len() as u32 - 1
    }
    /// How many there are: the next one's number.
    pub fn count(&self) -> u32 {
        self.all.len() as u32
    }
    /// The text with this number.
    pub fn get(&self, source: u32) -> Option<&Source> {
        self.all.get(source as usize)
    }
    /// The line of a place, from 1.
    pub fn line(&self, position: Position) -> Option<u32> {
        let source = self.get(position.source)?;
        Some(source.lines.partition_point(|start| *start <= position.offset) as u32)
    }
    /// File name, line and column (both from 1; columns count characters) of a place.
    pub fn locate(&self, position: Position) -> Option<(&str, u32, u32)> {
        let source = self.get(position.source)?;
        let line = source.lines.partition_point(|start| *start <= position.offset) - 1;
        let start = source.lines[line] as usize;
        let upto = source.text.get(start..position.offset as usize)?;
        Some((&source.name, line as u32 + 1, upto.chars().count() as u32 + 1))
    }
}
