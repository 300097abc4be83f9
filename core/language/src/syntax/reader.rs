//! The reader: from text to forms, which are heap values.
//!
//! Open lists wait on a stack of their own, so that nesting is bounded by memory only. What has been read of them
//! is reachable through the runtime's roots, since a collection may happen at any allocation. Pairs remember where
//! they stand: the first pair of a list its opening parenthesis, a later one the symbol in its car.

use super::token::{Mark, Token, Tokens};
use super::SyntaxError;
use crate::runtime::{Failure, Runtime};
use crate::value::{offset, Value};
use maru_core::abi::Position;

/// Reads one form after another from a text.
#[derive(Debug)]
pub struct Reader {
    source: u32,
    tokens: Tokens,
}

/// A list that is open, or a prefix such as `'` that waits for its operand.
struct Open {
    kind: OpenKind,
    /// Where it opened.
    position: Position,
    /// Its last pair so far; the sentinel pair in front of the list is among the runtime's roots.
    last: Value,
    /// Whether no form has been read into it.
    empty: bool,
    /// The state of a dotted tail.
    tail: Tail,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum OpenKind {
    /// `(`, and also `[` and `{`, whose lists begin with a symbol.
    List(char),
    /// `#(`.
    Array,
    /// `'` and its kin.
    Prefix,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Tail {
    None,
    /// After the dot.
    Wanted,
    /// After what follows the dot.
    Done,
}

/// The name of the form that a prefix abbreviates.
fn prefix_name(mark: Mark) -> Option<&'static str> {
    match mark {
        Mark::Quote => Some("quote"),
        Mark::Quasiquote => Some("quasiquote"),
        Mark::Unquote => Some("unquote"),
        Mark::Splice => Some("unquote-splicing"),
        _ => None,
    }
}

impl Reader {
    /// A reader of a text, which is number `source` among the runtime's sources.
    pub fn new(source: u32, text: &str) -> Reader {
        Reader { source, tokens: Tokens::new(text) }
    }

    /// Byte offset behind what has been read.
    pub fn offset(&self) -> usize {
        self.tokens.offset()
    }

    /// The next form; `None` at the end of the text. The form is not rooted: the caller keeps it reachable.
    ///
    /// # Errors
    /// When the text is malformed, or ends inside a form, or memory is out. The reader is then past the fault.
    pub fn next(&mut self, runtime: &mut Runtime) -> Result<Option<Value>, SyntaxError> {
        let base = runtime.roots.len();
        let result = self.read(runtime, base);
        runtime.roots.truncate(base);
        result
    }

    fn position(&self, offset: usize) -> Position {
        Position { source: self.source, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    fn read(&mut self, runtime: &mut Runtime, base: usize) -> Result<Option<Value>, SyntaxError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let token = match self.tokens.next() {
                Ok(token) => token,
                Err(fault) => {
                    let error = SyntaxError::new(fault.message, self.position(fault.offset));
                    return Err(if fault.incomplete { error.incomplete() } else { error });
                }
            };
            let at = self.position(self.tokens.start());
            let done = match token {
                None if open.is_empty() => return Ok(None),
                None => return Err(self.unclosed(&open)),
                Some(Token::Mark(Mark::Close(close))) => Some(self.close(runtime, &mut open, close, at)?),
                // After a quote it can be nothing but the symbol.
                Some(Token::Mark(Mark::Dot)) if open.last().is_some_and(|open| open.kind == OpenKind::Prefix) => {
                    Some((runtime.intern_value(".").map_err(|Failure| memory(at))?, at))
                }
                Some(Token::Mark(Mark::Dot)) => {
                    dot(&mut open, at)?;
                    None
                }
                Some(Token::Mark(mark)) => {
                    let kind = match mark {
                        Mark::Open(bracket) => OpenKind::List(bracket),
                        Mark::OpenArray => OpenKind::Array,
                        _ => OpenKind::Prefix,
                    };
                    start(runtime, &mut open, kind, prefix_name(mark), at).map_err(|Failure| memory(at))?;
                    None
                }
                Some(Token::Atom(atom)) => Some((super::atom::atom(runtime, &atom).map_err(|Failure| memory(at))?, at)),
                Some(Token::Name(name)) => Some((runtime.intern_value(&name).map_err(|Failure| memory(at))?, at)),
                Some(Token::Character(point)) => Some((Value::fixnum(i64::from(point)), at)),
                Some(Token::String(text)) => Some((runtime.string(&text).map_err(|Failure| memory(at))?, at)),
            };
            if let Some((value, from)) = done {
                if let Some(form) = deliver(runtime, &mut open, base, value, from)? {
                    return Ok(Some(form));
                }
            }
        }
    }

    /// The text ended inside a list or after a prefix.
    fn unclosed(&self, open: &[Open]) -> SyntaxError {
        let end = self.position(self.tokens.end());
        let Some(innermost) = open.last() else { return SyntaxError::new("the text ends".into(), end) };
        if innermost.kind == OpenKind::Prefix {
            return SyntaxError::new("nothing follows this".into(), innermost.position).incomplete();
        }
        SyntaxError::new("the text ends inside a list".into(), end)
            .with("the list opened here", innermost.position)
            .incomplete()
    }

    /// A closing bracket: the list, and where it opened.
    fn close(
        &self,
        runtime: &mut Runtime,
        open: &mut Vec<Open>,
        close: char,
        at: Position,
    ) -> Result<(Value, Position), SyntaxError> {
        let Some(innermost) = open.last() else {
            return Err(SyntaxError::new(format!("no list is open that this `{close}` could close"), at));
        };
        let wanted = match innermost.kind {
            OpenKind::Prefix => {
                let error = SyntaxError::new(format!("a form is missing before this `{close}`"), at);
                return Err(error.with("it should follow this", innermost.position));
            }
            OpenKind::List('[') => ']',
            OpenKind::List('{') => '}',
            _ => ')',
        };
        if close != wanted {
            let error = SyntaxError::new(format!("`{close}` where `{wanted}` would close the list"), at);
            return Err(error.with("the list opened here", innermost.position));
        }
        if innermost.tail == Tail::Wanted {
            return Err(SyntaxError::new("a form is missing between the dot and this".into(), at));
        }
        let (kind, position) = (innermost.kind, innermost.position);
        open.pop();
        // The sentinel is the last root; it keeps the list reachable while an array is made of it.
        let sentinel = runtime.roots.last().copied().unwrap_or(Value::NIL);
        let list = runtime.cdr(sentinel);
        let value =
            if kind == OpenKind::Array { array_of(runtime, list).map_err(|Failure| memory(position))? } else { list };
        runtime.roots.pop();
        Ok((value, position))
    }
}

fn memory(position: Position) -> SyntaxError {
    SyntaxError::new("memory is used up while reading".into(), position).memory()
}

/// Open a list or prefix.
fn start(
    runtime: &mut Runtime,
    open: &mut Vec<Open>,
    kind: OpenKind,
    prefix: Option<&str>,
    position: Position,
) -> Result<(), Failure> {
    let sentinel = runtime.cons(Value::NIL, Value::NIL)?;
    runtime.roots.push(sentinel);
    let mut last = sentinel;
    let name = match kind {
        OpenKind::List('[') => Some("bracket"),
        OpenKind::List('{') => Some("brace"),
        _ => prefix,
    };
    if let Some(name) = name {
        let symbol = runtime.symbol_value(name);
        last = append(runtime, sentinel, sentinel, symbol, position)?;
    }
    open.push(Open { kind, position, last, empty: true, tail: Tail::None });
    Ok(())
}

/// Add an element behind a list's last pair.
fn append(
    runtime: &mut Runtime,
    sentinel: Value,
    last: Value,
    element: Value,
    position: Position,
) -> Result<Value, Failure> {
    let pair = runtime.cons(element, Value::NIL)?;
    // A list that stands in the car knows its own position.
    if last == sentinel || !element.is_pair() {
        runtime.positions.insert(pair.address() as u64, position);
    }
    runtime.set_cdr(last, pair);
    Ok(pair)
}

/// A form is complete: it goes into the innermost open list, or is the result.
fn deliver(
    runtime: &mut Runtime,
    open: &mut Vec<Open>,
    base: usize,
    mut value: Value,
    mut from: Position,
) -> Result<Option<Value>, SyntaxError> {
    loop {
        let depth = open.len();
        let Some(innermost) = open.last_mut() else { return Ok(Some(value)) };
        let sentinel = runtime.roots[base + depth - 1];
        match innermost.tail {
            Tail::Done => return Err(SyntaxError::new("more than one form after the dot".into(), from)),
            Tail::Wanted => {
                runtime.set_cdr(innermost.last, value);
                innermost.tail = Tail::Done;
                return Ok(None);
            }
            Tail::None => {}
        }
        // A list's first pair stands where the list opened, the others where their elements do.
        let position = if innermost.last == sentinel { innermost.position } else { from };
        let pair = append(runtime, sentinel, innermost.last, value, position).map_err(|Failure| memory(from))?;
        innermost.last = pair;
        innermost.empty = false;
        if innermost.kind != OpenKind::Prefix {
            return Ok(None);
        }
        value = runtime.cdr(sentinel);
        from = innermost.position;
        open.pop();
        runtime.roots.pop();
    }
}

/// A dot: what follows is the tail of the innermost list.
fn dot(open: &mut [Open], at: Position) -> Result<(), SyntaxError> {
    match open.last_mut() {
        Some(list) if matches!(list.kind, OpenKind::List(_)) && list.tail == Tail::None && !list.empty => {
            list.tail = Tail::Wanted;
            Ok(())
        }
        _ => Err(SyntaxError::new("a dot is no form: it stands before the last element of a list".into(), at)),
    }
}

fn array_of(runtime: &mut Runtime, list: Value) -> Result<Value, Failure> {
    let length = runtime.list_length(list);
    let array = runtime.array(length)?;
    let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
    let mut rest = list;
    for index in 0..length {
        let element = runtime.car(rest);
        runtime.set_slot(storage, index, element);
        rest = runtime.cdr(rest);
    }
    Ok(array)
}
