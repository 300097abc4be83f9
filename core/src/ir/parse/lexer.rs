//! Splits IR text into tokens. Line ends are tokens, for an operation ends with its line.

use super::{ParseError, Parsed};

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'t> {
    /// A name: letters, digits, `_` and `.`.
    Word(&'t str),
    /// Digits, or `0x` and hexadecimal digits.
    Number(u64),
    /// A name in quotes.
    Quoted(String),
    Punctuation(char),
    /// `->`
    Arrow,
    LineEnd,
    End,
}

/// All tokens of a text, and how many are read.
pub(super) struct Tokens<'t> {
    /// Token, line, column.
    tokens: Vec<(Token<'t>, usize, usize)>,
    next: usize,
}

impl<'t> Tokens<'t> {
    pub fn new(text: &'t str) -> Parsed<Tokens<'t>> {
        let mut tokens = Vec::new();
        for (number, line) in text.lines().enumerate() {
            Line { text: line, at: 0, number: number + 1 }.tokens(&mut tokens)?;
            tokens.push((Token::LineEnd, number + 1, line.chars().count() + 1));
        }
        tokens.push((
            Token::End,
            text.lines().count().max(1),
            text.lines().last().map_or(1, |l| l.chars().count() + 1),
        ));
        Ok(Tokens { tokens, next: 0 })
    }

    pub fn peek(&self) -> Token<'t> {
        self.tokens[self.next].0.clone()
    }

    /// The token after the next.
    pub fn peek_second(&self) -> Token<'t> {
        self.tokens.get(self.next + 1).map_or(Token::End, |token| token.0.clone())
    }

    pub fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        // The end stays.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub fn at_end(&self) -> bool {
        self.tokens[self.next].0 == Token::End
    }

    pub fn skip_line_ends(&mut self) {
        while self.tokens[self.next].0 == Token::LineEnd {
            self.next += 1;
        }
    }

    /// The end of a line, and empty lines after it.
    pub fn expect_line_end(&mut self) -> Parsed<()> {
        if !matches!(self.peek(), Token::LineEnd | Token::End) {
            return self.fail_here("expected the end of the line".into());
        }
        self.skip_line_ends();
        Ok(())
    }

    /// Take this character if it is next.
    pub fn take(&mut self, c: char) -> bool {
        let found = self.tokens[self.next].0 == Token::Punctuation(c);
        self.next += usize::from(found);
        found
    }

    pub fn expect(&mut self, c: char) -> Parsed<()> {
        if self.take(c) {
            return Ok(());
        }
        self.fail_here(format!("expected '{c}'"))
    }

    /// Take this word if it is next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.tokens[self.next].0 == Token::Word(word);
        self.next += usize::from(found);
        found
    }

    pub fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.take_word(word) {
            return Ok(());
        }
        self.fail_here(format!("expected '{word}'"))
    }

    /// Line and column of the next token.
    pub fn place_here(&self) -> (usize, usize) {
        let &(_, line, column) = &self.tokens[self.next];
        (line, column)
    }

    /// Line and column of the token just taken.
    pub fn place_before(&self) -> (usize, usize) {
        let &(_, line, column) = &self.tokens[self.next.saturating_sub(1)];
        (line, column)
    }

    pub fn fail_here<T>(&self, message: String) -> Parsed<T> {
        let (line, column) = self.place_here();
        Err(ParseError { line, column, message })
    }

    pub fn fail_before<T>(&self, message: String) -> Parsed<T> {
        // At the end nothing was taken.
        let (line, column) = if self.at_end() { self.place_here() } else { self.place_before() };
        Err(ParseError { line, column, message })
    }
}

/// One line while it is split.
struct Line<'t> {
    text: &'t str,
    /// Byte offset.
    at: usize,
    number: usize,
}

impl<'t> Line<'t> {
    fn tokens(mut self, tokens: &mut Vec<(Token<'t>, usize, usize)>) -> Parsed<()> {
        while let Some(c) = self.text[self.at..].chars().next() {
            let start = self.at;
            let token = match c {
                ';' => return Ok(()),
                ' ' | '\t' => {
                    self.at += 1;
                    continue;
                }
                'a'..='z' | 'A'..='Z' | '_' => Token::Word(self.run()),
                '0'..='9' => self.number()?,
                '"' => self.quoted()?,
                '-' if self.text[start..].starts_with("->") => {
                    self.at += 2;
                    Token::Arrow
                }
                '(' | ')' | '[' | ']' | '{' | '}' | ',' | ':' | '=' | '+' | '-' | '@' => {
                    self.at += 1;
                    Token::Punctuation(c)
                }
                _ => return self.fail(start, format!("unexpected character {c:?}")),
            };
            tokens.push((token, self.number, self.column(start)));
        }
        Ok(())
    }

    fn column(&self, at: usize) -> usize {
        self.text[..at].chars().count() + 1
    }

    fn fail<T>(&self, at: usize, message: String) -> Parsed<T> {
        Err(ParseError { line: self.number, column: self.column(at), message })
    }

    /// Letters, digits, `_` and `.` from here on.
    fn run(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn number(&mut self) -> Parsed<Token<'t>> {
        let start = self.at;
        let run = self.run();
        let number = match run.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => run.parse(),
        };
        number.map(Token::Number).or_else(|_| self.fail(start, format!("'{run}' is no number of 64 bits")))
    }

    fn quoted(&mut self) -> Parsed<Token<'t>> {
        let start = self.at;
        let mut name = String::new();
        let mut rest = self.text[start + 1..].char_indices();
        while let Some((at, c)) = rest.next() {
            match c {
                '"' => {
                    self.at = start + 1 + at + 1;
                    return Ok(Token::Quoted(name));
                }
                '\\' => match rest.next() {
                    Some((_, c @ ('"' | '\\'))) => name.push(c),
                    Some((_, 'u')) => {
                        let digits: String = rest.by_ref().skip(1).map(|(_, c)| c).take_while(|&c| c != '}').collect();
                        let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                        match code {
                            Some(c) => name.push(c),
                            None => return self.fail(start, "no such character".into()),
                        }
                    }
                    _ => return self.fail(start, "an escape is \\\", \\\\ or \\u{…}".into()),
                },
                c => name.push(c),
            }
        }
        self.fail(start, "the name's closing quote is missing".into())
    }
}
