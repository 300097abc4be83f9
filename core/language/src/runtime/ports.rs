//! Ports: files and standard streams that programs read and write by characters.

use crate::value::Value;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// What a port object stands for.
#[derive(Debug)]
pub struct Port {
    /// Its name, for messages.
    pub name: String,
    /// The stream.
    pub stream: Stream,
    /// Characters read ahead.
    pub ahead: VecDeque<char>,
    /// Forms being read: what the reader has not come to belongs before all else that is left.
    pub reading: Option<Box<dyn Reading>>,
    /// The object. Weak: the object keeps the entry alive.
    pub object: Value,
}

/// The most bytes that are read for one string: no string has more characters.
const LONGEST: usize = 1 << 28;

/// Read all that is left of something. Unlike the library's function it ends when a signal comes, which may ask for an
/// interrupt, and where there is more than a string could hold, such as from a device without end.
pub fn read_to_end(mut input: impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let more = input.fill_buf()?;
        if more.is_empty() {
            return Ok(());
        }
        check_length(bytes.len() + more.len())?;
        bytes.extend_from_slice(more);
        let count = more.len();
        input.consume(count);
    }
}

fn check_length(length: usize) -> std::io::Result<()> {
    match length > LONGEST {
        true => Err(std::io::Error::other(format!("more than {LONGEST} bytes are no string"))),
        false => Ok(()),
    }
}

/// Forms being read from a port: whoever reads them knows how far it has come in the text.
pub trait Reading: Any + Debug {
    /// What is left of the text.
    fn left(&self) -> &str;
}

/// A stream.
#[derive(Debug)]
pub enum Stream {
    /// A file being read.
    Reader(BufReader<File>),
    /// A file being written.
    Writer(BufWriter<File>),
    /// Standard input.
    Input,
    /// Standard output, through the runtime's buffer.
    Output,
    /// Standard error.
    Error,
    /// Nothing any more.
    Closed,
}

impl Port {
    /// A port without an object yet.
    pub fn new(name: &str, stream: Stream) -> Port {
        Port { name: name.into(), stream, ahead: VecDeque::new(), reading: None, object: Value::NIL }
    }

    /// Open a file that lies at a place: `r`, `w` or `a`.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(name: &str, path: &Path, mode: &str) -> std::io::Result<Port> {
        let stream = match mode {
            "w" => Stream::Writer(BufWriter::new(File::create(path)?)),
            "a" => Stream::Writer(BufWriter::new(File::options().append(true).create(true).open(path)?)),
            _ => Stream::Reader(BufReader::new(File::open(path)?)),
        };
        Ok(Port::new(name, stream))
    }

    /// Whoever reads characters goes on where the reader of forms stopped.
    fn stop_reading_forms(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.ahead.extend(reading.left().chars());
        }
    }

    /// The next byte, if there is one. Bytes and characters of one port cannot be mixed.
    pub fn byte(&mut self) -> std::io::Result<Option<u8>> {
        let mut byte = [0];
        let count = match &mut self.stream {
            Stream::Reader(reader) => reader.read(&mut byte)?,
            Stream::Input => std::io::stdin().lock().read(&mut byte)?,
            _ => return Err(std::io::Error::other("not open for reading")),
        };
        Ok((count == 1).then_some(byte[0]))
    }

    /// The next character, if there is one. Bytes that are no UTF-8 become U+FFFD, one each.
    pub fn character(&mut self) -> std::io::Result<Option<char>> {
        self.stop_reading_forms();
        if let Some(character) = self.ahead.pop_front() {
            return Ok(Some(character));
        }
        let Some(first) = self.byte()? else { return Ok(None) };
        let length = match first {
            0..=0x7f => return Ok(Some(char::from(first))),
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return Ok(Some(char::REPLACEMENT_CHARACTER)),
        };
        let mut bytes = vec![first];
        while bytes.len() < length {
            match self.peek_byte()? {
                Some(byte @ 0x80..=0xbf) => {
                    self.byte()?;
                    bytes.push(byte);
                }
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut characters = text.chars();
        let character = characters.next();
        self.ahead.extend(characters);
        Ok(character)
    }

    fn peek_byte(&mut self) -> std::io::Result<Option<u8>> {
        match &mut self.stream {
            Stream::Reader(reader) => Ok(reader.fill_buf()?.first().copied()),
            Stream::Input => Ok(std::io::stdin().lock().fill_buf()?.first().copied()),
            _ => Err(std::io::Error::other("not open for reading")),
        }
    }

    /// The next line without its end, if there is one; and whether it ended as lines do.
    pub fn line(&mut self) -> std::io::Result<(Option<String>, bool)> {
        let mut line = String::new();
        loop {
            match self.character()? {
                Some('\n') => return Ok((Some(line), true)),
                Some(character) => line.push(character),
                None => return Ok(((!line.is_empty()).then_some(line), false)),
            }
            check_length(line.len())?;
        }
    }

    /// All that is left, as text.
    pub fn rest(&mut self) -> std::io::Result<String> {
        self.stop_reading_forms();
        let mut bytes: Vec<u8> = self.ahead.drain(..).collect::<String>().into_bytes();
        match &mut self.stream {
            Stream::Reader(reader) => read_to_end(reader, &mut bytes)?,
            Stream::Input => read_to_end(std::io::stdin().lock(), &mut bytes)?,
            _ => return Err(std::io::Error::other("not open for reading")),
        };
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Write bytes. (Standard output is the runtime's business.)
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Writer(writer) => writer.write_all(bytes),
            Stream::Error => std::io::stderr().lock().write_all(bytes),
            _ => Err(std::io::Error::other("not open for writing")),
        }
    }

    /// Close it; what waits is written.
    pub fn close(&mut self) -> std::io::Result<()> {
        match std::mem::replace(&mut self.stream, Stream::Closed) {
            Stream::Writer(mut writer) => writer.flush(),
            _ => Ok(()),
        }
    }
}
