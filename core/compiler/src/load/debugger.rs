//! Code without a file, shown to debuggers and profilers; and whether they want the files of code that has some.
//!
//! Debuggers are told through the interface that GDB defines for compilers in the process ("JIT Compilation Interface" in
//! its manual), which LLDB reads too: a list of files in memory, and a function that the debugger stops at when the list
//! changes. Profilers of the perf family read a file `/tmp/perf-PID.map` after the run, and of code in libraries the
//! libraries. Neither is free, so the first is done if a debugger is there when the first image is made, or if
//! `MARU_SYMBOLS` holds `gdb`; the second if it holds `perf`, or if `perf` has begun this process.

use super::memory::Describe;
use maru_core::format::{FormatError, Image};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The variable that names who is to be told, with commas between.
pub const SYMBOLS_VARIABLE: &str = "MARU_SYMBOLS";

/// Who is told of code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Listeners {
    /// Debuggers.
    pub debugger: bool,
    /// Profilers.
    pub profiler: bool,
}

impl Listeners {
    /// Those that a text names.
    ///
    /// # Errors
    /// When it names something else; the message says what there is.
    pub fn parse(text: &str) -> Result<Listeners, String> {
        let mut listeners = Listeners::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "gdb" => listeners.debugger = true,
                "perf" => listeners.profiler = true,
                other => return Err(format!("'{other}' is no reader of symbols; there are: gdb, perf")),
            }
        }
        Ok(listeners)
    }
}

/// Who is told in this process: found out once.
fn listeners() -> Listeners {
    static LISTENERS: OnceLock<Listeners> = OnceLock::new();
    *LISTENERS.get_or_init(|| {
        let named = std::env::var(SYMBOLS_VARIABLE).unwrap_or_default();
        // A program that has the runtime without the command line has nobody who would say that a name is wrong.
        let named = Listeners::parse(&named).unwrap_or_default();
        Listeners { debugger: named.debugger || is_traced(), profiler: named.profiler || is_begun_by_profiler() }
    })
}

/// Whether a profiler of the perf family has begun this process, or what began it.
fn is_begun_by_profiler() -> bool {
    let mut process = std::os::unix::process::parent_id();
    for _ in 0..GENERATIONS {
        let Some((name, parent)) = name_and_parent(process) else { return false };
        if name == "perf" {
            return true;
        }
        process = parent;
    }
    false
}

/// A shell between the profiler and this process, and what that began, are looked at as well.
const GENERATIONS: usize = 4;

/// What a process is called, and who began it.
fn name_and_parent(process: u32) -> Option<(String, u32)> {
    let facts = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // `PID (NAME) STATE PARENT …`, where the name may hold anything.
    let (start, rest) = facts.rsplit_once(')')?;
    let name = start.split_once('(')?.1;
    Some((name.into(), rest.split_whitespace().nth(1)?.parse().ok()?))
}

/// Who looks for the symbols of libraries in their files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileReaders {
    /// Nobody.
    None,
    /// A debugger that has this process, or a part of this process that asked for it.
    WhileItRuns,
    /// Whoever `MARU_SYMBOLS` names, or a profiler that has begun this process: also after the run.
    Afterwards,
}

/// Whether this process itself looks up symbols.
static READ_HERE: AtomicBool = AtomicBool::new(false);

/// Keep the files of libraries that are opened from now on as long as the process runs: a part of it, such as a profiler,
/// wants to know what functions are called.
pub fn keep_files_for_symbols() {
    READ_HERE.store(true, Ordering::Relaxed);
}

/// Who looks for files of libraries: found out once, but for the process's own wishes.
pub(super) fn file_readers() -> FileReaders {
    static READERS: OnceLock<FileReaders> = OnceLock::new();
    let readers = *READERS.get_or_init(|| {
        let named = std::env::var(SYMBOLS_VARIABLE).unwrap_or_default();
        let named = Listeners::parse(&named).unwrap_or_default();
        match listeners() {
            Listeners { profiler: true, .. } => FileReaders::Afterwards,
            _ if named.debugger => FileReaders::Afterwards,
            Listeners { debugger: true, .. } => FileReaders::WhileItRuns,
            _ => FileReaders::None,
        }
    });
    match readers {
        FileReaders::None if READ_HERE.load(Ordering::Relaxed) => FileReaders::WhileItRuns,
        readers => readers,
    }
}

/// Whether a debugger has this process.
fn is_traced() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}

/// Tell of an image whose code lies at an address.
///
/// # Errors
/// When its description cannot be made.
pub(super) fn register(image: &Image, code: u64, describe: Describe) -> Result<Option<Registration>, FormatError> {
    let listeners = listeners();
    if listeners.profiler {
        note_for_profilers(image, code);
    }
    if !listeners.debugger {
        return Ok(None);
    }
    Ok(describe(image, code)?.map(Registration::new))
}

/// Append the functions to the file that profilers read. That it cannot be written is no reason not to run.
fn note_for_profilers(image: &Image, code: u64) {
    let mut lines = String::new();
    for function in &image.functions {
        let start = code + u64::from(function.offset);
        let _ = writeln!(lines, "{start:x} {:x} {}", function.size, function.symbol);
    }
    let path = format!("/tmp/perf-{}.map", std::process::id());
    // The place is everybody's: what another has put there under this name is not followed.
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path);
    let _ = file.and_then(|mut file| file.write_all(lines.as_bytes()));
}

/// An entry of the list, as GDB's manual defines it.
#[repr(C)]
struct CodeEntry {
    next: *mut CodeEntry,
    previous: *mut CodeEntry,
    file: *const u8,
    size: u64,
}

/// What leads to the list.
#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut CodeEntry,
    first: *mut CodeEntry,
}

const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

/// The debugger finds it by this name.
#[no_mangle]
#[used]
static mut __jit_debug_descriptor: Descriptor =
    Descriptor { version: 1, action: 0, relevant: ptr::null_mut(), first: ptr::null_mut() };

/// The debugger stops here, reads the descriptor, and goes on.
#[no_mangle]
#[inline(never)]
extern "C" fn __jit_debug_register_code() {
    // What is read here must not be thought to be unread by the compiler.
    std::hint::black_box(&raw const __jit_debug_descriptor);
}

/// Whoever changes the list holds it.
static LIST: Mutex<()> = Mutex::new(());

/// A file that debuggers know; forgotten when dropped.
pub(super) struct Registration {
    entry: *mut CodeEntry,
    _file: Vec<u8>,
}

// SAFETY: the entry is touched by whoever holds the list's lock only.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

impl Registration {
    fn new(file: Vec<u8>) -> Registration {
        let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = CodeEntry {
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
            file: file.as_ptr(),
            size: file.len() as u64,
        };
        let entry = Box::into_raw(Box::new(entry));
        // SAFETY: the list is ours as long as the lock is held; its entries live until they are taken out of it.
        unsafe {
            let list = &raw mut __jit_debug_descriptor;
            (*entry).next = (*list).first;
            if let Some(next) = (*list).first.as_mut() {
                next.previous = entry;
            }
            (*list).first = entry;
            announce(list, REGISTER, entry);
        }
        Registration { entry, _file: file }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: as in `new`; the entry is in the list, made by a box, and nobody else has it after this.
        unsafe {
            let list = &raw mut __jit_debug_descriptor;
            let CodeEntry { next, previous, .. } = *self.entry;
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => (*list).first = next,
            }
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
            announce(list, UNREGISTER, self.entry);
            drop(Box::from_raw(self.entry));
        }
    }
}

/// Tell the debugger what happened to an entry.
///
/// # Safety
/// The caller holds the list.
unsafe fn announce(list: *mut Descriptor, action: u32, entry: *mut CodeEntry) {
    // SAFETY: the caller holds the list.
    unsafe {
        (*list).action = action;
        (*list).relevant = entry;
        __jit_debug_register_code();
        (*list).action = 0;
        (*list).relevant = ptr::null_mut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_symbols_are_named() {
        assert_eq!(Listeners::parse(""), Ok(Listeners::default()));
        assert_eq!(Listeners::parse("perf, gdb"), Ok(Listeners { debugger: true, profiler: true }));
        assert_eq!(Listeners::parse("lldb").unwrap_err(), "'lldb' is no reader of symbols; there are: gdb, perf");
    }

    /// The files in the list, as a debugger walks it.
    fn listed() -> Vec<Vec<u8>> {
        let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = Vec::new();
        // SAFETY: the list does not change while the lock is held, and its files live as long as their entries.
        unsafe {
            let list = &raw const __jit_debug_descriptor;
            let (mut entry, mut before) = ((*list).first, ptr::null_mut());
            while let Some(present) = entry.as_ref() {
                assert_eq!(present.previous, before);
                files.push(std::slice::from_raw_parts(present.file, present.size as usize).to_vec());
                (entry, before) = (present.next, entry);
            }
        }
        files
    }

    #[test]
    fn the_list_holds_what_is_registered() {
        let mut all: Vec<Registration> = (0..3).map(|number| Registration::new(vec![number; 4])).collect();
        assert_eq!(listed(), [[2; 4], [1; 4], [0; 4]]);
        all.remove(1);
        assert_eq!(listed(), [[2; 4], [0; 4]]);
        all.remove(1);
        assert_eq!(listed(), [[0; 4]]);
        all.clear();
        assert!(listed().is_empty());
    }
}
