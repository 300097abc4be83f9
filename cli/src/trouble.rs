//! Why a command ends without success: with which status, and with which words.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// The program failed.
const FAILED: u8 = 1;
/// The call was wrong.
const WRONG_CALL: u8 = 2;

/// Say something on standard error. When that is closed or full, there is nobody to tell.
pub fn say(message: impl Display) {
    let _ = std::io::stderr().write_all(format!("maru: {message}\n").as_bytes());
}

/// Why a command ends without success.
#[derive(Debug)]
pub struct Trouble {
    status: u8,
    /// What to print; empty if everything has been said.
    message: String,
}

impl Trouble {
    /// The call was wrong: the message names what, and the way out.
    pub fn wrong_call(message: impl Display) -> Trouble {
        Trouble { status: WRONG_CALL, message: message.to_string() }
    }
    /// What was asked for failed.
    pub fn failed(message: impl Display) -> Trouble {
        Trouble { status: FAILED, message: message.to_string() }
    }
    /// The program is wrong; the message may be one that was rendered for people, with lines of source.
    pub fn rendered(message: String) -> Trouble {
        Trouble { status: FAILED, message }
    }
    /// What it says.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// A result cannot be written.
    pub fn output(path: &Path, error: &std::io::Error) -> Trouble {
        let name = path.display();
        Trouble::failed(match error.kind() {
            ErrorKind::NotFound => format!("{name}: there is no such directory to write to"),
            ErrorKind::IsADirectory => format!("{name}: this is a directory; name a file in it"),
            ErrorKind::PermissionDenied => format!("{name}: no permission to write"),
            _ => format!("{name}: cannot be written: {error}"),
        })
    }
    /// A file named on the command line cannot be used.
    pub fn file(path: &Path, error: &std::io::Error) -> Trouble {
        let name = path.display();
        Trouble::wrong_call(match error.kind() {
            ErrorKind::NotFound => format!("{name}: there is no such file"),
            ErrorKind::IsADirectory => format!("{name}: this is a directory, not a file"),
            ErrorKind::PermissionDenied => format!("{name}: permission denied"),
            _ => format!("{name}: {error}"),
        })
    }
    /// Say it on standard error; the status for the system.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            // What was rendered ends its last line, and says itself that it is an error. When standard error is
            // closed, there is nobody to tell.
            let text = match self.message.strip_suffix('\n') {
                Some(rendered) => format!("{rendered}\n"),
                None => format!("maru: {}\n", self.message),
            };
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        ExitCode::from(self.status)
    }
}
