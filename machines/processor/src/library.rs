//! The emulator's shared library: found and opened when the program runs, so that nothing of it is built in.

use libloading::os::unix;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Names the library's file.
pub(crate) const VARIABLE: &str = "MARU_UNICORN";
/// What to do where there is none.
const INSTALL: &str = "install it with `pip install unicorn` or as Debian's package libunicorn2, or name the file \
                       libunicorn.so.2 in MARU_UNICORN";

/// An engine, as the library calls it.
pub(crate) type Handle = *mut c_void;

macro_rules! interface {
    ($($name:ident: $symbol:literal $type:ty,)*) => {
        /// The functions in use.
        pub(crate) struct Api {
            $(pub(crate) $name: $type,)*
            /// Version and file, for people.
            pub(crate) version: String,
            _library: unix::Library,
        }
        impl Api {
            fn load(library: unix::Library, origin: &str) -> Result<Api, libloading::Error> {
                // SAFETY: the types are those of the library's interface of version 2, which `open` checks.
                unsafe {
                    Ok(Api {
                        $($name: *library.get::<$type>($symbol)?,)*
                        version: origin.to_string(),
                        _library: library,
                    })
                }
            }
        }
    };
}

interface! {
    number: b"uc_version\0" unsafe extern "C" fn(*mut u32, *mut u32) -> u32,
    open: b"uc_open\0" unsafe extern "C" fn(c_int, c_int, *mut Handle) -> c_int,
    close: b"uc_close\0" unsafe extern "C" fn(Handle) -> c_int,
    text: b"uc_strerror\0" unsafe extern "C" fn(c_int) -> *const c_char,
    read: b"uc_reg_read\0" unsafe extern "C" fn(Handle, c_int, *mut u64) -> c_int,
    write: b"uc_reg_write\0" unsafe extern "C" fn(Handle, c_int, *const u64) -> c_int,
    read_many: b"uc_reg_read_batch\0" unsafe extern "C" fn(Handle, *const c_int, *const *mut u64, c_int) -> c_int,
    map: b"uc_mem_map_ptr\0" unsafe extern "C" fn(Handle, u64, usize, u32, *mut c_void) -> c_int,
    start: b"uc_emu_start\0" unsafe extern "C" fn(Handle, u64, u64, u64, usize) -> c_int,
    stop: b"uc_emu_stop\0" unsafe extern "C" fn(Handle) -> c_int,
    hook: b"uc_hook_add\0" unsafe extern "C" fn(Handle, *mut usize, c_int, *const c_void, *mut c_void, u64, u64, ...) -> c_int,
    control: b"uc_ctl\0" unsafe extern "C" fn(Handle, c_int, ...) -> c_int,
}

impl Api {
    /// The library's words for an error.
    pub(crate) fn error(&self, code: c_int) -> String {
        // SAFETY: the library answers a constant text for every number.
        unsafe { CStr::from_ptr((self.text)(code)) }.to_string_lossy().into_owned()
    }
}

/// The library, opened at the first call.
///
/// # Errors
/// What to install, if it is not to be found.
pub(crate) fn api() -> Result<&'static Api, String> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    API.get_or_init(open).as_ref().map_err(Clone::clone)
}

fn open() -> Result<Api, String> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return open_file(&path.to_string_lossy()).map_err(|error| format!("{VARIABLE}: {error}"));
    }
    let packaged = python_packages().into_iter().map(|path| path.display().to_string());
    let usual = ["libunicorn.so.2", "libunicorn.so.3", "libunicorn.2.dylib", "libunicorn.dylib"].map(String::from);
    let found = packaged.chain(usual).find_map(|name| open_file(&name).ok());
    found.ok_or_else(|| format!("the emulator Unicorn is not installed: {INSTALL}"))
}

fn open_file(name: &str) -> Result<Api, String> {
    // SAFETY: the emulator's library runs no code of its own when it is opened but what its C library needs.
    let library = unsafe { unix::Library::open(Some(name), unix::RTLD_NOW | unix::RTLD_LOCAL) };
    let mut api = library.and_then(|library| Api::load(library, name)).map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        format!("{name} is no usable Unicorn ({reason}); {INSTALL}")
    })?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: there is room for both numbers.
    unsafe { (api.number)(&mut major, &mut minor) };
    if major != 2 {
        return Err(format!("{name} is Unicorn {major}.{minor}, but version 2 is needed; {INSTALL}"));
    }
    api.version = format!("Unicorn {major}.{minor}, {name}");
    Ok(api)
}

/// Where Python keeps the emulator's package, newest Python first.
fn python_packages() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let environment = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from).into_iter();
    let beside = std::env::var_os("PATH").into_iter().flat_map(|path| {
        let pythons = std::env::split_paths(&path).map(|folder| folder.join("python3")).collect::<Vec<_>>();
        pythons.into_iter().filter_map(|python| Some(python.canonicalize().ok()?.parent()?.parent()?.to_path_buf()))
    });
    let pyenv = folders(&home.join(".pyenv/versions")).into_iter();
    let usual = [home.join(".local"), "/usr/local".into(), "/usr".into(), "/opt/homebrew".into()];
    let mut found = Vec::new();
    for prefix in environment.chain(beside).chain(pyenv).chain(usual) {
        for python in folders(&prefix.join("lib")) {
            for packages in ["site-packages", "dist-packages"] {
                for file in ["libunicorn.so.2", "libunicorn.2.dylib"] {
                    let path = python.join(packages).join("unicorn/lib").join(file);
                    if path.is_file() && !found.contains(&path) {
                        found.push(path);
                    }
                }
            }
        }
    }
    found
}

/// The folders in a folder, last first.
fn folders(path: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    all.sort_unstable_by(|one, other| other.cmp(one));
    all
}
