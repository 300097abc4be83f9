//! Standard output, buffered; and where printed text goes.

use crate::runtime::{ErrorKind, Failure, Runtime};
use std::io::{IsTerminal, Write};

/// How much text waits before it is written.
const BUFFERED: usize = 1 << 14;
/// The most bytes of output that a string or file may capture, in a heap that is no smaller.
const MAX_CAPTURED: usize = 1 << 28;

/// Text on its way to standard output.
#[derive(Debug, Default)]
pub struct Output {
    waiting: Vec<u8>,
    /// Whether lines are shown as soon as they end; found out at the first output.
    interactive: Option<bool>,
    /// There is no standard output: what is written is lost.
    closed: bool,
    /// Why text was lost, the first time that some was.
    fault: Option<std::io::Error>,
}

impl Output {
    fn write(&mut self, text: &str) {
        self.waiting.extend_from_slice(text.as_bytes());
        let interactive = *self.interactive.get_or_insert_with(|| std::io::stdout().is_terminal());
        if self.waiting.len() >= BUFFERED || interactive && text.contains('\n') {
            self.flush();
        }
    }

    /// Write what waits. What cannot be written is lost, and the fault kept.
    pub fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut output = std::io::stdout().lock();
        let written = match self.closed {
            true => Err(std::io::Error::other("it is closed")),
            false => output.write_all(&self.waiting).and_then(|()| output.flush()),
        };
        self.fault = self.fault.take().or(written.err());
        self.waiting.clear();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What is printed, and goes somewhere else than to standard output.
#[derive(Debug, Default)]
pub struct Capture {
    /// Text as UTF-8, and bytes, if it takes any.
    pub bytes: Vec<u8>,
    /// Whether it is for bytes that are no text.
    pub binary: bool,
}

impl Capture {
    /// What was captured, of one that takes text only.
    pub fn into_text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Runtime {
    /// Print text: to the innermost capture, else to standard output.
    ///
    /// # Errors
    /// `out-of-memory` for captures that become too long.
    pub fn write_output(&mut self, text: &str) -> Result<(), Failure> {
        match self.captures.is_empty() {
            true => self.extensions.output.write(text),
            false => self.capture(text.as_bytes())?,
        }
        Ok(())
    }
    /// Write bytes to the innermost capture, if it takes bytes. Answers whether it does.
    ///
    /// # Errors
    /// As for text.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        let binary = self.captures.last().is_some_and(|capture| capture.binary);
        if binary {
            self.capture(bytes)?;
        }
        Ok(binary)
    }
    fn capture(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let most = MAX_CAPTURED.min(self.heap.max_bytes());
        let Some(capture) = self.captures.last_mut() else { return Ok(()) };
        if capture.bytes.len() + bytes.len() > most {
            let message = format!("more than {most} bytes of output were captured");
            return Err(self.error(ErrorKind::OutOfMemory, &message, &[]));
        }
        capture.bytes.extend_from_slice(bytes);
        Ok(())
    }
    /// Write what waits for standard output: at the end, before standard input is read, and before errors are shown.
    pub fn flush_output(&mut self) {
        self.extensions.output.flush();
    }
    /// The process was started without a standard output: what is printed there is lost, which is a fault.
    pub fn close_output(&mut self) {
        self.extensions.output.closed = true;
    }
    /// Why text for standard output was lost, if some was since this was asked last.
    pub fn take_output_fault(&mut self) -> Option<std::io::Error> {
        self.extensions.output.fault.take()
    }
}
