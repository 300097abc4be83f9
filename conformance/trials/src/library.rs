//! A unit of a target whose code is text: compiled and linked by this host's tools, and opened by its loader.

use maru_core::codegen::{
    compile_text, find_compiler, source_symbols, SourceTarget, SourceUnit, DATA_SYMBOL, HEADER_SYMBOL,
};
use maru_core::ir::Function;
use maru_core::tool::Tool;
use object::{Object, ObjectSymbol};
use std::collections::HashMap;
use std::ffi::{c_void, CString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// An open library, closed when dropped.
pub struct Library {
    handle: *mut c_void,
    /// Addresses of the functions.
    pub functions: Vec<u64>,
    /// The data table.
    pub data: *mut u64,
    /// Bytes of the text.
    pub size: usize,
}

/// A directory of one library, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("maru-trial-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Library {
    /// Compile, link and open a unit.
    ///
    /// # Panics
    /// If a tool is missing or fails.
    pub fn open(source: &dyn SourceTarget, functions: &[Function], data_words: usize) -> Library {
        let symbols = source_symbols(functions);
        let (constants, data_words) = ([0; 8], data_words as u32);
        let unit = SourceUnit { name: "trial", functions, symbols: &symbols, constants: &constants, data_words };
        let text = source.text(&unit).unwrap_or_else(|error| panic!("{error}"));
        let place = Place::new();
        let library = build(source, &text, &place.0).unwrap_or_else(|error| panic!("{error}"));
        let bytes = std::fs::read(&library).expect("the library is read");
        let file = object::File::parse(&*bytes).expect("a library");
        let known: HashMap<&str, u64> =
            file.symbols().filter_map(|symbol| Some((symbol.name().ok()?, symbol.address()))).collect();
        let path = CString::new(library.as_os_str().as_encoded_bytes()).expect("a path");
        let name = CString::new(HEADER_SYMBOL).expect("a name");
        // SAFETY: the library was made of a text that runs nothing when it is loaded.
        let (handle, header) = unsafe {
            let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!handle.is_null(), "the system's loader refuses the library");
            (handle, libc::dlsym(handle, name.as_ptr()))
        };
        let base = (header as u64).wrapping_sub(known[HEADER_SYMBOL]);
        let address = |symbol: &str| base.wrapping_add(known[symbol]);
        let functions = symbols.iter().map(|symbol| address(symbol)).collect();
        let data = address(DATA_SYMBOL) as usize as *mut u64;
        Library { handle, functions, data, size: text.len() }
    }
}

/// The library of a text.
fn build(source: &dyn SourceTarget, text: &str, place: &Path) -> Result<PathBuf, String> {
    let (from, object) = (format!("unit.{}", source.extension()), "unit.o");
    // Some loaders believe that they know a library whose name they have seen, so each has its own directory.
    std::fs::write(place.join(&from), text).map_err(|error| error.to_string())?;
    compile_text(&find_compiler(source)?, place, &from, object)?;
    // The linker itself starts sooner than the compiler that knows all about it.
    let linker = Tool::new("ld", &["-shared", "-z", "noexecstack"], "binutils");
    let other = Tool::new("cc", &["-shared", "-nostdlib"], "a C compiler");
    let linker = if cfg!(target_os = "linux") && linker.is_here() { linker } else { other };
    linker.run(place, &["-o", "unit.so", object], "unit.so")?;
    Ok(place.join("unit.so"))
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: nothing of the library is in use any more.
        unsafe { libc::dlclose(self.handle) };
    }
}
