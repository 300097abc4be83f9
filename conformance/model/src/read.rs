//! From text to forms.

use crate::value::{Pair, Place, Value};
use num_bigint::BigInt;
use num_traits::Num;
use std::cell::RefCell;
use std::rc::Rc;

/// Reads one form after another.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// What could not be read: the model says nothing of texts with errors.
#[derive(Debug)]
pub struct Unreadable;

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Reader<'a> {
        let at = if text.starts_with("#!") { text.find('\n').unwrap_or(text.len()) } else { 0 };
        Reader { text, at }
    }

    /// The next form and its place; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(Value, Place)>, Unreadable> {
        self.skip();
        if self.at == self.text.len() {
            return Ok(None);
        }
        let place = self.place();
        Ok(Some((self.form()?, place)))
    }

    fn place(&self) -> Place {
        Some(self.at as u32)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Result<char, Unreadable> {
        let character = self.peek().ok_or(Unreadable)?;
        self.at += character.len_utf8();
        Ok(character)
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.peek() != Some(';') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn form(&mut self) -> Result<Value, Unreadable> {
        self.skip();
        let start = self.place();
        match self.peek().ok_or(Unreadable)? {
            '(' => {
                self.at += 1;
                self.list(start)
            }
            '\'' => self.prefixed(1, "quote", start),
            '`' => self.prefixed(1, "quasiquote", start),
            ',' if self.rest().starts_with(",@") => self.prefixed(2, "unquote-splicing", start),
            ',' => self.prefixed(1, "unquote", start),
            '"' => self.string(),
            '?' if self.rest().len() > 1 => self.character(),
            ')' | '[' | ']' | '{' | '}' => Err(Unreadable),
            _ => self.atom(),
        }
    }

    fn prefixed(&mut self, length: usize, name: &str, start: Place) -> Result<Value, Unreadable> {
        self.at += length;
        let form = self.form()?;
        let tail = pair(form, Value::Nil, None, start);
        Ok(pair(Value::symbol(name), tail, start, start))
    }

    /// The elements of a list up to its end; `start` is where the list began.
    fn list(&mut self, start: Place) -> Result<Value, Unreadable> {
        let mut elements = Vec::new();
        let mut end = Value::Nil;
        loop {
            self.skip();
            match self.peek().ok_or(Unreadable)? {
                ')' => break self.at += 1,
                '.' if self.rest()[1..].starts_with(|next: char| next.is_whitespace() || next == '(') => {
                    self.at += 1;
                    end = self.form()?;
                    self.skip();
                    if elements.is_empty() || self.take()? != ')' {
                        return Err(Unreadable);
                    }
                    break;
                }
                _ => elements.push((self.place(), self.form()?)),
            }
        }
        let first = elements.len();
        Ok(elements.into_iter().rev().enumerate().fold(end, |rest, (number, (place, form))| {
            let list = if number + 1 == first { start } else { None };
            pair(form, rest, list, place)
        }))
    }

    fn string(&mut self) -> Result<Value, Unreadable> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.take()? {
                '"' => break,
                '\\' => text.push(self.escape()?),
                other => text.push(other),
            }
        }
        Ok(Value::Text(Rc::new(RefCell::new(text))))
    }

    /// Only the escapes that the model's programs have.
    fn escape(&mut self) -> Result<char, Unreadable> {
        Ok(match self.take()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            quoted @ ('"' | '\\') => quoted,
            _ => return Err(Unreadable),
        })
    }

    fn character(&mut self) -> Result<Value, Unreadable> {
        self.at += 1;
        let character = match self.take()? {
            '\\' => self.escape()?,
            other => other,
        };
        match self.peek() {
            Some(next) if !next.is_whitespace() && next != ')' => Err(Unreadable),
            _ => Ok(Value::integer(character as u32)),
        }
    }

    fn atom(&mut self) -> Result<Value, Unreadable> {
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || "()[]{}\"';`,".contains(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        match word {
            "#t" => return Ok(Value::True),
            "#f" => return Ok(Value::Nil),
            "+inf.0" => return Ok(Value::Double(f64::INFINITY)),
            "-inf.0" => return Ok(Value::Double(f64::NEG_INFINITY)),
            "+nan.0" => return Ok(Value::Double(f64::NAN)),
            _ => {}
        }
        let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
        if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            // In octal or in decimal, or of a radix that letters name.
            if !digits.starts_with("0x") {
                return Err(Unreadable);
            }
        }
        if word.starts_with('#') || word.len() > 1 && word.starts_with('|') {
            return Err(Unreadable);
        }
        Ok(number(word).unwrap_or_else(|| Value::symbol(word)))
    }
}

fn pair(first: Value, rest: Value, place: Place, first_place: Place) -> Value {
    let (first, rest) = (RefCell::new(first), RefCell::new(rest));
    Value::Pair(Rc::new(Pair { first, rest, place, first_place }))
}

/// The number that a word is, if it is one.
fn number(word: &str) -> Option<Value> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        let magnitude = BigInt::from_str_radix(hexadecimal, 16).ok()?;
        return Some(Value::integer(if word.starts_with('-') { -magnitude } else { magnitude }));
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.starts_with('.') {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse::<BigInt>().ok().map(Value::integer);
    }
    let floating = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !floating || !digits.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    word.parse().ok().map(Value::Double)
}
