//! Errors as text for people: what is wrong, the source line with a caret, the backtrace.

use super::{suggestion, SyntaxError};
use crate::runtime::{ErrorKind, Runtime, Sources, PRELUDE_NAME};
use crate::syntax::print;
use crate::value::{offset, Kind, Value};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use maru_core::abi::Position;
use std::fmt::Write;

/// How many characters of an irritant are shown.
const IRRITANT_WIDTH: usize = 200;
/// How many bytes of a message are shown, about.
const LONGEST_MESSAGE: usize = 1 << 16;
/// How many irritants are shown.
const IRRITANTS: usize = 20;
/// How many lines a source excerpt may span before it shows the fault's line only.
const EXCERPT_LINES: u32 = 2000;

/// What is to be shown.
struct Report {
    /// The error's kind.
    kind: String,
    title: String,
    position: Position,
    /// Further places of interest.
    labels: Vec<(Position, String)>,
    /// Functions that the error left, innermost first, each with how many times in a row.
    frames: Vec<(Option<String>, Position, u64)>,
    /// How many more it left.
    dropped: u64,
    /// What may have been meant.
    hint: Option<String>,
}

/// The text of an error value, as an uncaught error is shown: kind and message, the place with its source line, the
/// backtrace. Ends with a line break. With `colour`, for a terminal.
pub fn render_error(runtime: &Runtime, error: Value, colour: bool) -> String {
    report(runtime, error).render(&runtime.sources, colour)
}

/// The text of a syntax error that has not become a value.
pub fn render_syntax_error(runtime: &Runtime, error: &SyntaxError, colour: bool) -> String {
    let report = Report {
        kind: "syntax".into(),
        title: error.message.clone(),
        position: error.position,
        labels: error.also.iter().cloned().collect(),
        ..Report::default()
    };
    report.render(&runtime.sources, colour)
}

fn report(runtime: &Runtime, error: Value) -> Report {
    if !runtime.is_kind(error, Kind::Error) {
        let title = format!("this was raised: {}", shown(runtime, error));
        return Report { kind: "user".into(), title, position: runtime.extensions.raised_at, ..Report::default() };
    }
    let field = |offset| runtime.field(error, offset);
    let title = print::text_within(runtime, field(offset::ERROR_MESSAGE), print::Style::Print, LONGEST_MESSAGE);
    let mut report = Report {
        kind: print::text(runtime, field(offset::ERROR_KIND), print::Style::Print),
        title,
        position: Position::from_value(field(offset::ERROR_POSITION)),
        ..Report::default()
    };
    if !says_its_irritants(&report) {
        add_irritants(runtime, field(offset::ERROR_IRRITANTS), &mut report.title);
    }
    let (frames, dropped) = runtime.frames(error);
    report.dropped = dropped;
    for frame in frames {
        if runtime.is_kind(frame.name, Kind::String) {
            report.labels.push((frame.position, runtime.text(frame.name)));
            continue;
        }
        let symbol = runtime.as_symbol(frame.name).map(|symbol| runtime.symbols.name(symbol).to_string());
        report.frames.push((symbol, frame.position, frame.count));
    }
    if report.kind == ErrorKind::Unbound.name() {
        let name = runtime.car(field(offset::ERROR_IRRITANTS));
        let name = runtime.as_symbol(name).map(|symbol| runtime.symbols.name(symbol).to_string());
        report.hint = name.and_then(|name| suggestion::for_name(runtime, &name));
    }
    report
}

/// Whether the message, or the source line under it, shows already what the irritants are.
fn says_its_irritants(report: &Report) -> bool {
    match report.kind.as_str() {
        "unbound" | "arity" | "io" => true,
        "syntax" => report.position.is_known(),
        _ => false,
    }
}

/// `message: irritant irritant`.
fn add_irritants(runtime: &Runtime, mut irritants: Value, title: &mut String) {
    for index in 0..IRRITANTS {
        if !irritants.is_pair() {
            return;
        }
        if index == 0 && !title.ends_with([':', ',']) {
            title.push(':');
        }
        title.push(' ');
        title.push_str(&shown(runtime, runtime.car(irritants)));
        irritants = runtime.cdr(irritants);
    }
    if irritants.is_pair() {
        title.push_str(" …");
    }
}

/// A value as part of a message: not too long.
fn shown(runtime: &Runtime, value: Value) -> String {
    let text = print::text_within(runtime, value, print::Style::Dump, 4 * IRRITANT_WIDTH);
    match text.char_indices().nth(IRRITANT_WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Default for Report {
    fn default() -> Report {
        Report {
            kind: String::new(),
            title: String::new(),
            position: Position::UNKNOWN,
            labels: Vec::new(),
            frames: Vec::new(),
            dropped: 0,
            hint: None,
        }
    }
}

impl Report {
    fn render(&self, sources: &Sources, colour: bool) -> String {
        let renderer = if colour { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        let title = Level::ERROR.primary_title(self.title.as_str()).id(self.kind.as_str());
        let excerpt = self.excerpt(sources);
        let mut group = match excerpt {
            Some(excerpt) => title.element(excerpt),
            None => Group::with_title(title),
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        let mut text = renderer.render(&[group]);
        text.push('\n');
        self.backtrace(sources, &mut text);
        text
    }

    /// The part of the source that the positions are in, with carets and labels.
    fn excerpt<'a>(&'a self, sources: &'a Sources) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
        let (path, line, _) = sources.locate(self.position)?;
        let source = sources.get(self.position.source)?;
        let labels: Vec<_> = self
            .labels
            .iter()
            .filter(|(position, _)| position.source == self.position.source)
            .filter_map(|(position, label)| Some((*position, sources.locate(*position)?.1, label)))
            .filter(|(_, at, _)| at.abs_diff(line) < EXCERPT_LINES)
            .collect();
        let lines = labels.iter().map(|(_, line, _)| *line).chain([line]);
        let (first, last) = lines.fold((line, line), |(first, last), line| (first.min(line), last.max(line)));
        let (start, end) = (source.line_start(first), source.line_start(last + 1));
        let text = source.text.get(start..end)?.trim_end_matches('\n');
        let span = |position: Position| {
            let at = (position.offset as usize - start).min(text.len());
            at..at + token_length(&text[at..])
        };
        let mut snippet = Snippet::source(text).path(path).line_start(first as usize);
        snippet = snippet.annotation(AnnotationKind::Primary.span(span(self.position)));
        for (position, _, label) in labels {
            snippet = snippet.annotation(AnnotationKind::Context.span(span(position)).label(label.as_str()));
        }
        Some(snippet)
    }

    /// One line for each function; equal ones in a row together. Where in the prelude its functions were says nothing.
    fn backtrace(&self, sources: &Sources, text: &mut String) {
        let mut lines: Vec<(String, u64)> = Vec::new();
        for (name, position, count) in &self.frames {
            let mut line = format!("  in {}", name.as_deref().unwrap_or("a function without a name"));
            match sources.locate(*position) {
                Some((path, row, column)) if path != PRELUDE_NAME => line += &format!(" at {path}:{row}:{column}"),
                _ => {}
            }
            match lines.last_mut() {
                Some((last, times)) if *last == line => *times += count,
                _ => lines.push((line, *count)),
            }
        }
        for (line, count) in lines {
            text.push_str(&line);
            if count > 1 {
                // Writing to a string cannot fail.
                let _ = write!(text, " ({count} times)");
            }
            text.push('\n');
        }
        if self.dropped > 0 {
            let _ = writeln!(text, "  and {} more", self.dropped);
        }
    }
}

/// How many bytes of the text to underline: a symbol or number as a whole, of anything else one character.
fn token_length(text: &str) -> usize {
    match text.find(super::token::is_delimiter) {
        Some(0) => text.chars().next().map_or(0, char::len_utf8),
        Some(length) => length,
        None => text.len(),
    }
}
