//! Tokens: what the reader's text is made of, before lists.

/// A token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Mark(Mark),
    /// A number or a symbol.
    Atom(String),
    /// `|a b|`: a symbol, whatever its name is.
    Name(String),
    /// `?a`: the code point.
    Character(u32),
    String(String),
}

/// Punctuation.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Mark {
    Open(char),
    OpenArray,
    Close(char),
    Quote,
    Quasiquote,
    Unquote,
    Splice,
    Dot,
}

/// Why there is no token here.
#[derive(Debug)]
pub(super) struct TokenError {
    pub message: String,
    pub offset: usize,
    /// More text could make it right.
    pub incomplete: bool,
}

/// Takes a text apart.
#[derive(Debug)]
pub(super) struct Tokens {
    text: Box<str>,
    at: usize,
    start: usize,
    end: usize,
}

/// Whether an atom ends before this character.
pub(crate) fn is_delimiter(character: char) -> bool {
    character.is_whitespace() || matches!(character, '(' | ')' | '[' | ']' | '{' | '}' | '"' | ';' | '\'' | '`' | ',')
}

/// Whether this character after a backslash is the beginning of an escape with a meaning of its own.
fn names_an_escape(character: char) -> bool {
    matches!(character, '0'..='7' | 'n' | 't' | 'r' | 's' | 'e' | 'a' | 'b' | 'v' | 'f' | 'x' | 'u')
}

impl Tokens {
    pub fn new(text: &str) -> Tokens {
        let mut tokens = Tokens { text: text.into(), at: 0, start: 0, end: 0 };
        tokens.accept('\u{feff}');
        if tokens.rest().starts_with("#!") {
            tokens.skip_line();
        }
        tokens
    }
    /// Byte offset behind the last token.
    pub fn offset(&self) -> usize {
        self.at
    }
    /// Byte offset at which the token before the last one ended: at the end of the text, the last one there is.
    pub fn end(&self) -> usize {
        self.end
    }
    /// Byte offset of the last token.
    pub fn start(&self) -> usize {
        self.start
    }
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }
    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }
    fn skip_line(&mut self) {
        self.at = self.rest().find('\n').map_or(self.text.len(), |length| self.at + length + 1);
    }
    fn skip_space(&mut self) {
        while let Some(character) = self.peek() {
            if character == ';' {
                self.skip_line();
            } else if character.is_whitespace() {
                self.at += character.len_utf8();
            } else {
                return;
            }
        }
    }
    fn fault<T>(&self, message: impl Into<String>, offset: usize) -> Result<T, TokenError> {
        Err(TokenError { message: message.into(), offset, incomplete: false })
    }
    fn incomplete<T>(&self, message: &str, offset: usize) -> Result<T, TokenError> {
        Err(TokenError { message: message.into(), offset, incomplete: true })
    }

    /// The next token; `None` at the end of the text.
    pub fn next(&mut self) -> Result<Option<Token>, TokenError> {
        self.end = self.at;
        self.skip_space();
        self.start = self.at;
        let Some(character) = self.take() else { return Ok(None) };
        let mark = match character {
            '(' | '[' | '{' => Mark::Open(character),
            ')' | ']' | '}' => Mark::Close(character),
            '\'' => Mark::Quote,
            '`' => Mark::Quasiquote,
            ',' if self.accept('@') => Mark::Splice,
            ',' => Mark::Unquote,
            '#' if self.accept('(') => Mark::OpenArray,
            '"' => return self.string().map(Some),
            '?' => return self.character().map(Some),
            // A bar alone is itself.
            '|' if self.peek().is_some_and(|next| !is_delimiter(next)) => return self.name().map(Some),
            _ => {
                let length = self.rest().find(is_delimiter).unwrap_or(self.rest().len());
                self.at += length;
                let atom = &self.text[self.start..self.at];
                if let Some(message) = super::atom::misleading(atom) {
                    return self.fault(message, self.start);
                }
                if atom != "." {
                    return Ok(Some(Token::Atom(atom.into())));
                }
                Mark::Dot
            }
        };
        Ok(Some(Token::Mark(mark)))
    }

    /// After `?`: a character, or an escape.
    fn character(&mut self) -> Result<Token, TokenError> {
        let point = match self.take() {
            None => return self.incomplete("a character should follow `?`", self.start),
            Some('\\') => self.escaped_character()?,
            Some(character) => character,
        };
        if self.peek().is_some_and(|next| !is_delimiter(next)) {
            let length = self.rest().find(is_delimiter).unwrap_or(self.rest().len());
            self.at += length;
            let text = &self.text[self.start..self.at];
            let message = format!(
                "`{text}` is not one character: a string is written \"{0}\", a symbol of this name `|{text}|`",
                &text[1..]
            );
            return self.fault(message, self.start);
        }
        Ok(Token::Character(u32::from(point)))
    }

    /// After `?\`: the character that the escape means. One that names no escape is itself.
    fn escaped_character(&mut self) -> Result<char, TokenError> {
        match self.peek() {
            Some(character) if character.is_whitespace() => {
                self.fault("`?\\` is no character: a backslash is written `?\\\\`, a space `?\\s`", self.start)
            }
            Some('d') => self.fault("`\\d` is no escape: the character 127 is written `?\\x7f`", self.start),
            Some(character) if !names_an_escape(character) => {
                self.take();
                Ok(character)
            }
            _ => self.escape(),
        }
    }

    /// After `"`.
    fn string(&mut self) -> Result<Token, TokenError> {
        self.quoted('"', "the string that opens here is not closed").map(Token::String)
    }

    /// After `|`.
    fn name(&mut self) -> Result<Token, TokenError> {
        let line = self.rest().find('\n').unwrap_or(self.rest().len());
        let end = self.at + line;
        let unclosed =
            "the symbol that opens here is not closed: a bar opens a name that may hold all characters, up to \
                        the next bar; one that begins with a bar is written `|\\|x|`";
        let name = self.quoted('|', unclosed)?;
        if self.at > end {
            return self.fault(format!("{unclosed}; a line break in it `\\n`"), self.start);
        }
        if self.peek().is_some_and(|next| !is_delimiter(next)) {
            return self.fault("the symbol goes on after the bar that closes it", self.start);
        }
        Ok(Token::Name(name))
    }

    /// The text up to a closing mark.
    fn quoted(&mut self, close: char, unclosed: &str) -> Result<String, TokenError> {
        let mut text = String::new();
        loop {
            match self.take() {
                None => return self.incomplete(unclosed, self.start),
                Some('\\') => text.push(self.escape()?),
                Some(character) if character == close => return Ok(text),
                Some(character) => text.push(character),
            }
        }
    }

    /// After a backslash: the character that the escape means.
    fn escape(&mut self) -> Result<char, TokenError> {
        let at = self.at - 1;
        let Some(character) = self.take() else {
            return self.incomplete("an escape should follow the backslash", at);
        };
        Ok(match character {
            '0'..='7' => self.octal(character, at)?,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            's' => ' ',
            'e' => '\u{1b}',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'x' => self.hexadecimal(2, at)?,
            'u' if self.accept('{') => self.braced(at)?,
            'u' => self.hexadecimal(4, at)?,
            '\\' | '"' | '\'' | '?' | '|' => character,
            '\n' => return self.fault("a line break has no escape: strings may hold it, or `\\n`", at),
            _ => {
                let message = format!("`\\{character}` is no escape; a backslash itself is written `\\\\`");
                return self.fault(message, at);
            }
        })
    }

    /// `\033`: up to three octal digits, the first of which has been taken.
    fn octal(&mut self, first: char, at: usize) -> Result<char, TokenError> {
        let mut point = first.to_digit(8).unwrap_or_default();
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|character| character.to_digit(8)) else { break };
            self.at += 1;
            point = point * 8 + digit;
        }
        match u8::try_from(point) {
            Ok(point) => Ok(char::from(point)),
            Err(_) => self.fault("an octal escape goes up to `\\377`; any character is `\\u{…}`", at),
        }
    }

    fn hexadecimal(&mut self, digits: usize, at: usize) -> Result<char, TokenError> {
        let mut point = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|character| character.to_digit(16)) else {
                let message = format!("the escape wants {digits} hexadecimal digits");
                return if self.peek().is_none() { self.incomplete(&message, at) } else { self.fault(message, at) };
            };
            self.at += 1;
            point = point * 16 + digit;
        }
        match char::from_u32(point) {
            Some(character) => Ok(character),
            None => self
                .fault("half of a UTF-16 surrogate pair is no character; the escape for any character is `\\u{…}`", at),
        }
    }

    /// `\u{1f600}`, after the brace.
    fn braced(&mut self, at: usize) -> Result<char, TokenError> {
        let length = self.rest().find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(self.rest().len());
        let digits = &self.text[self.at..self.at + length];
        let point = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        self.at += length;
        match point {
            Some(point) if self.accept('}') => Ok(point),
            _ if self.peek().is_none() => self.incomplete("the escape is not closed", at),
            _ => self.fault("the escape wants a character's code in hexadecimal digits, and `}`", at),
        }
    }
}
