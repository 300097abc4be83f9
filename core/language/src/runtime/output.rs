//! Standard output, buffered; and where printed text goes.
//!
//! Rust's own standard output takes what it cannot write to a file that is not open for writing without a word, and does
//! not tell how much it had written when an output that does not wait is full. So the file itself is written to.

use crate::runtime::{ErrorKind, Failure, Runtime};
use std::fs::File;
use std::io::{ErrorKind as Fault, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

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
    /// Standard output's file, once something was written.
    file: Option<File>,
    /// Why text was lost, the first time that some was.
    fault: Option<std::io::Error>,
}

/// Standard output's file: what is written to it is written at once, after whatever Rust's library has kept back.
///
/// # Errors
/// When the system has none.
pub fn standard_output() -> std::io::Result<File> {
    let mut output = std::io::stdout().lock();
    output.flush()?;
    output.as_fd().try_clone_to_owned().map(File::from)
}

/// Write all of it, also to an output that does not wait until there is room: then it is waited for here.
///
/// # Errors
/// What the system says.
pub fn write_patiently(mut output: impl Write, mut bytes: &[u8]) -> std::io::Result<()> {
    let mut pause = SHORTEST_PAUSE;
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(Fault::WriteZero.into()),
            Ok(count) => (bytes, pause) = (&bytes[count..], SHORTEST_PAUSE),
            Err(error) if error.kind() == Fault::Interrupted => {}
            Err(error) if error.kind() == Fault::WouldBlock => {
                std::thread::sleep(pause);
                pause = LONGEST_PAUSE.min(2 * pause);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Between two attempts to write to an output that is full.
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

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
        let written = match self.closed {
            true => Err(std::io::Error::other("it is closed, or not open for writing")),
            false => self.write_waiting(),
        };
        self.fault = self.fault.take().or(written.err());
        self.waiting.clear();
    }

    fn write_waiting(&mut self) -> std::io::Result<()> {
        if self.file.is_none() {
            // Where there is no descriptor left for it, there is still the way that everybody takes.
            self.file = standard_output().ok();
        }
        match &self.file {
            Some(file) => write_patiently(file, &self.waiting),
            None => {
                let mut output = std::io::stdout().lock();
                write_patiently(&mut output, &self.waiting).and_then(|()| output.flush())
            }
        }
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
