//! What samples mean: stacks of the program's functions, native and interpreted ones in the order in which they called.

use super::sampler::{Frame, Sample};
use maru_core::abi::Position;
use maru_language::runtime::{Activation, Runtime, Symbol};
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A function that was running, and the line that it was at.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The function.
    pub function: String,
    /// File and line, if they are known.
    pub line: Option<(String, u32)>,
}

/// Code that was there and is not any more: functions of it have no names.
const GONE: &str = "(code that was replaced)";

/// Finds out what addresses and notes mean.
pub struct Names<'r> {
    runtime: &'r Runtime,
    /// Where the code of the program's functions lies.
    code: Vec<Range<usize>>,
    known: HashMap<usize, Option<Place>>,
    /// The directory that this process works in.
    directory: PathBuf,
}

impl Names<'_> {
    /// Of a runtime whose libraries are still loaded, and their code.
    pub fn of(runtime: &Runtime, code: Vec<Range<usize>>) -> Names<'_> {
        let directory = std::env::current_dir().unwrap_or_default();
        Names { runtime, code, known: HashMap::new(), directory }
    }

    /// The program's functions in a sample, the innermost first; none if it was Maru itself that worked.
    pub fn stack(&mut self, sample: &Sample) -> Vec<Place> {
        let mut places: Vec<(usize, Place)> = Vec::new();
        for frame in &sample.frames {
            places.extend(self.native(*frame).map(|place| (frame.end, place)));
        }
        places.extend(sample.notes.iter().map(|note| (note.address, self.interpreted(note))));
        // The stack grows downwards, so what was called by another lies below it.
        places.sort_by_key(|(address, _)| *address);
        places.into_iter().map(|(_, place)| place).collect()
    }

    fn native(&mut self, frame: Frame) -> Option<Place> {
        if frame.code == 0 {
            return None; // the end of the stack
        }
        // Where a call comes back to may be the next line's.
        let address = frame.code.wrapping_sub(1);
        if let Some(known) = self.known.get(&address) {
            return known.clone();
        }
        let (mut found, mut has_name) = (None, false);
        let is_ours = self.code.iter().any(|range| range.contains(&address));
        backtrace::resolve(address as *mut _, |symbol| {
            let Some(name) = symbol.name() else { return };
            has_name = true;
            let line = symbol.filename().zip(symbol.lineno());
            let line = line.map(|(file, line)| (self.shown(file), line));
            let function = String::from_utf8_lossy(name.as_bytes()).into_owned();
            found = found.take().or(Some(Place { function, line }));
        });
        let place = match (is_ours, has_name) {
            (true, _) => Some(found.unwrap_or_else(|| Place { function: "(native code)".into(), line: None })),
            (false, false) if !self.is_of_the_process(address) => Some(Place { function: GONE.into(), line: None }),
            _ => None,
        };
        self.known.insert(address, place.clone());
        place
    }

    /// A file's name as programs are called with it: without the directory that this process works in.
    fn shown(&self, file: &Path) -> String {
        let inside = file.strip_prefix(".").or_else(|_| file.strip_prefix(&self.directory));
        inside.unwrap_or(file).display().to_string()
    }

    /// Whether an address without a name lies in a file that is mapped, or in code of Maru's own or the system's.
    fn is_of_the_process(&self, address: usize) -> bool {
        // SAFETY: the result is filled in by the call, which only looks the address up.
        unsafe {
            let mut found: libc::Dl_info = std::mem::zeroed();
            libc::dladdr(address as *const _, &raw mut found) != 0
        }
    }

    fn interpreted(&self, note: &Activation) -> Place {
        let line_of = |position: Position| {
            let place = self.runtime.sources.locate(position);
            place.map(|(file, line, _)| (file.to_string(), line))
        };
        let what = if note.is_toplevel { "top-level" } else { "lambda" };
        let function = match (note.name, line_of(note.position)) {
            (Some(name), _) => self.runtime.symbols.name(Symbol(name)).to_string(),
            (None, Some((_, line))) => format!("{what}:{line}"),
            (None, None) => what.to_string(),
        };
        Place { function, line: line_of(note.site) }
    }
}
