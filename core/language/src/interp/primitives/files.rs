//! Files and standard streams.

use super::arguments;
use crate::runtime::ports::{Port, Reading, Stream};
use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime, Touch};
use crate::syntax::{Reader, SyntaxErrorKind};
use crate::value::{Kind, Value};
use std::any::Any;
use std::path::Path;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("open", 1, 2, open).touching(Touch::ReadOrWrite),
    PrimitiveInfo::fixed("close", 1, close).touching(Touch::Nothing),
    PrimitiveInfo::optional("getc", 0, 1, getc).touching(Touch::Nothing),
    PrimitiveInfo::optional("getb", 0, 1, getb).touching(Touch::Nothing),
    PrimitiveInfo::optional("read-line", 0, 1, read_line).touching(Touch::Nothing),
    PrimitiveInfo::optional("putc", 1, 2, putc).touching(Touch::Nothing),
    PrimitiveInfo::optional("putb", 1, 2, putb).touching(Touch::Nothing),
    PrimitiveInfo::optional("put-string", 1, 2, put_string).touching(Touch::Nothing),
    PrimitiveInfo::optional("read", 0, 1, read).touching(Touch::Nothing),
    PrimitiveInfo::fixed("read-string", 1, read_string).touching(Touch::Nothing),
    PrimitiveInfo::fixed("file->string", 1, file_to_string).touching(Touch::Read),
    PrimitiveInfo::fixed("string->file", 2, string_to_file).touching(Touch::Write),
    PrimitiveInfo::fixed("file-exists?", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "file-exists?", arguments[0])?;
        let place = runtime.may_read("file-exists?", Path::new(&path))?;
        Ok(Value::boolean(place.exists()))
    })
    .touching(Touch::Read),
    PrimitiveInfo::fixed("delete-file", 1, |runtime, arguments| {
        let path = arguments::text(runtime, "delete-file", arguments[0])?;
        let place = runtime.may_remove("delete-file", Path::new(&path))?;
        std::fs::remove_file(&place).map_err(|fault| fail(runtime, &path, &fault))?;
        Ok(Value::TRUE)
    })
    .touching(Touch::Write),
];

/// Raise `io`.
#[cold]
pub fn fail(runtime: &mut Runtime, path: &str, fault: &std::io::Error) -> Failure {
    match runtime.string(path) {
        Ok(name) => runtime.error(ErrorKind::Io, &format!("{path}: {fault}"), &[name]),
        Err(failure) => failure,
    }
}

/// `(open path [mode])`: a port; the mode is `"r"`, `"w"` or `"a"`.
fn open(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let path = arguments::text(runtime, "open", arguments[0])?;
    let mode = arguments.get(1).map_or(Ok("r".to_string()), |mode| arguments::text(runtime, "open", *mode))?;
    if !["r", "rb", "w", "wb", "a", "ab"].contains(&mode.as_str()) {
        return Err(runtime.type_error("open", "a mode: \"r\", \"w\" or \"a\"", arguments[1]));
    }
    let place = match &mode[..1] {
        "r" => runtime.may_read("open", Path::new(&path))?,
        _ => runtime.may_write("open", Path::new(&path))?,
    };
    let mut opened = Port::open(&path, &place, &mode[..1]);
    if opened.as_ref().is_err_and(is_out_of_files) {
        // Ports that nobody can reach any more keep files open until they are collected.
        runtime.collect();
        opened = Port::open(&path, &place, &mode[..1]);
    }
    let port = opened.map_err(|fault| fail(runtime, &path, &fault))?;
    let index = runtime.extensions.ports.add(port);
    let object = runtime.index_object(Kind::Port, index);
    match object {
        Ok(object) => runtime.extensions.ports.get_mut(index).object = object,
        Err(Failure) => drop(runtime.extensions.ports.remove(index)),
    }
    object
}

/// Whether the process, or the system, has as many files open as it may.
fn is_out_of_files(fault: &std::io::Error) -> bool {
    matches!(fault.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// The entry of a port.
fn port<'a>(runtime: &'a mut Runtime, operation: &str, value: Value) -> Result<&'a mut Port, Failure> {
    if !runtime.is_kind(value, Kind::Port) {
        return Err(runtime.type_error(operation, "a port", value));
    }
    let index = runtime.index(value);
    Ok(runtime.extensions.ports.get_mut(index))
}

/// The port that an optional argument names; else a standard stream's.
fn port_or<'a>(
    runtime: &'a mut Runtime,
    operation: &str,
    argument: Option<&Value>,
    standard: &'a mut Port,
) -> Result<&'a mut Port, Failure> {
    match argument {
        Some(value) => port(runtime, operation, *value),
        None => {
            // What was asked for must be on the screen before the answer is awaited.
            runtime.flush_output();
            Ok(standard)
        }
    }
}

/// Do something with a port; a fault of the system's becomes an error.
pub(super) fn on_port<T>(
    runtime: &mut Runtime,
    operation: &str,
    argument: Option<&Value>,
    run: impl FnOnce(&mut Port) -> std::io::Result<T>,
) -> Result<T, Failure> {
    let mut standard = Port::new("standard input", Stream::Input);
    std::mem::swap(&mut standard.ahead, &mut runtime.extensions.input_ahead);
    let port = port_or(runtime, operation, argument, &mut standard);
    let result = port.map(|port| run(port).map_err(|fault| (port.name.clone(), fault)));
    std::mem::swap(&mut standard.ahead, &mut runtime.extensions.input_ahead);
    result?.map_err(|(name, fault)| match fault.kind() {
        // A signal that came while input was awaited.
        std::io::ErrorKind::Interrupted => {
            crate::interp::poll(runtime).err().unwrap_or_else(|| fail(runtime, &name, &fault))
        }
        _ => fail(runtime, &name, &fault),
    })
}

fn close(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    on_port(runtime, "close", arguments.first(), Port::close)?;
    Ok(Value::NIL)
}

/// `(getc [port])`: the next character; nil at the end.
fn getc(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let character = on_port(runtime, "getc", arguments.first(), Port::character)?;
    Ok(character.map_or(Value::NIL, |character| Value::fixnum(i64::from(u32::from(character)))))
}

/// `(getb [port])`: the next byte; nil at the end.
fn getb(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let byte = on_port(runtime, "getb", arguments.first(), Port::byte)?;
    Ok(byte.map_or(Value::NIL, |byte| Value::fixnum(i64::from(byte))))
}

/// `(read-line [port])`: the next line without its end; nil at the end.
fn read_line(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let (line, _) = on_port(runtime, "read-line", arguments.first(), Port::line)?;
    match line {
        Some(line) => runtime.string(&line),
        None => Ok(Value::NIL),
    }
}

/// `(read-string port)`: all that is left.
fn read_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = on_port(runtime, "read-string", arguments.first(), Port::rest)?;
    runtime.string(&text)
}

/// Write text to a port, or where `print` prints.
fn put(runtime: &mut Runtime, operation: &str, text: &str, argument: Option<&Value>) -> Result<(), Failure> {
    match argument {
        None => runtime.write_output(text),
        Some(_) => on_port(runtime, operation, argument, |port| port.write(text.as_bytes())),
    }
}

/// `(putc character [port])`.
fn putc(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let character = arguments::character(runtime, "putc", arguments[0])?;
    put(runtime, "putc", character.encode_utf8(&mut [0; 4]), arguments.get(1))?;
    Ok(arguments[0])
}

/// `(putb byte port)`.
fn putb(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let byte = arguments::integer(runtime, "putb", arguments[0])?;
    let Ok(byte) = u8::try_from(byte) else {
        return Err(runtime.type_error("putb", "a byte", arguments[0]));
    };
    match arguments.get(1) {
        None if runtime.write_bytes(&[byte])? => {}
        None => runtime.write_output(char::from(byte).encode_utf8(&mut [0; 4]))?,
        Some(_) => on_port(runtime, "putb", arguments.get(1), |port| port.write(&[byte]))?,
    }
    Ok(arguments[0])
}

/// `(put-string string [port])`.
fn put_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "put-string", arguments[0])?;
    put(runtime, "put-string", &text, arguments.get(1))?;
    Ok(arguments[0])
}

/// `(read [port-or-string])`: the next form; nil at the end. What follows the form stays to be read.
fn read(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    match arguments.first() {
        None => read_input(runtime),
        Some(string) if runtime.is_kind(*string, Kind::String) => {
            let text = runtime.text(*string);
            let source = runtime.sources.add_passing("<string>", text.clone());
            next_form(runtime, &mut Reader::new(source, &text))
        }
        Some(value) => read_port(runtime, *value),
    }
}

fn next_form(runtime: &mut Runtime, reader: &mut Reader) -> Outcome {
    match reader.next(runtime) {
        Ok(form) => Ok(form.unwrap_or(Value::NIL)),
        Err(fault) => Err(fault.raise(runtime)),
    }
}

/// Forms being read from a port.
#[derive(Debug)]
struct FormsOfText {
    reader: Reader,
    text: String,
}

impl Reading for FormsOfText {
    fn left(&self) -> &str {
        self.text.get(self.reader.offset()..).unwrap_or_default()
    }
}

/// The next form of a file. The file's text is read at once, and kept by the port.
fn read_port(runtime: &mut Runtime, value: Value) -> Outcome {
    let found = port(runtime, "read", value)?;
    let reading: Option<Box<dyn Any>> = found.reading.take().map(|reading| reading as Box<dyn Any>);
    let mut reading = match reading.and_then(|reading| reading.downcast::<FormsOfText>().ok()) {
        Some(reading) => reading,
        None => {
            let (name, text) = (found.name.clone(), on_port(runtime, "read", Some(&value), Port::rest)?);
            let source = runtime.sources.add_passing(&name, text.clone());
            Box::new(FormsOfText { reader: Reader::new(source, &text), text })
        }
    };
    let form = next_form(runtime, &mut reading.reader);
    port(runtime, "read", value)?.reading = Some(reading);
    form
}

/// The next form of standard input: as many lines are read as it takes.
fn read_input(runtime: &mut Runtime) -> Outcome {
    let mut text = String::new();
    loop {
        let (line, goes_on) = on_port(runtime, "read", None, Port::line)?;
        text.push_str(line.as_deref().unwrap_or_default());
        text.push_str(if goes_on { "\n" } else { "" });
        let source = runtime.sources.count();
        let mut reader = Reader::new(source, &text);
        let form = reader.next(runtime);
        let incomplete = match &form {
            Ok(form) => form.is_none(),
            Err(fault) => fault.kind == SyntaxErrorKind::Incomplete,
        };
        if incomplete && goes_on {
            continue;
        }
        let end = reader.offset().min(text.len());
        runtime.extensions.input_ahead.extend(text[end..].chars());
        runtime.sources.add_passing("<standard input>", text);
        return form.map(|form| form.unwrap_or(Value::NIL)).map_err(|fault| fault.raise(runtime));
    }
}

fn file_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let path = arguments::text(runtime, "file->string", arguments[0])?;
    let place = runtime.may_read("file->string", Path::new(&path))?;
    let text = Port::open(&path, &place, "r").and_then(|mut port| port.rest());
    let text = text.map_err(|fault| fail(runtime, &path, &fault))?;
    runtime.string(&text)
}

/// Whether a text is rather a path than what a file is to hold: a word with a folder in front, or a short ending.
fn looks_like_path(text: &str) -> bool {
    let ending =
        text.rsplit_once('.').is_some_and(|(name, ending)| !name.is_empty() && (1..=4).contains(&ending.len()));
    !text.contains(char::is_whitespace) && !text.contains(['(', '"']) && (text.contains('/') || ending)
}

/// `(string->file string path)`.
fn string_to_file(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "string->file", arguments[0])?;
    let path = arguments::text(runtime, "string->file", arguments[1])?;
    if path.contains('\n') || looks_like_path(&text) && !path.contains(['/', '.']) {
        let message = "string->file: the text comes first, then the path; for a text that looks like a path there is \
                       with-output-to-file";
        return Err(runtime.error(ErrorKind::Type, message, arguments));
    }
    let place = runtime.may_write("string->file", Path::new(&path))?;
    std::fs::write(&place, text).map_err(|fault| fail(runtime, &path, &fault))?;
    Ok(Value::TRUE)
}
