//! A library in the host's loader, and the image in it.

use super::copies::WrittenFile;
use super::header::BadHeader;
use super::{linkage, ImageHeader, LoadError, LoadErrorKind};
use libloading::os::unix;
use maru_core::abi::WORD_SIZE;
use maru_core::codegen::{image_stamp, Architecture, MachineIdentity};
use maru_core::format::{identity, Contents, ObjectFormat, HEADER_SYMBOL};
use maru_core::registry;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Open libraries of this process.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// So many libraries are loaded by the system's loader at the same time. Each takes mappings, of which a process has only
/// so many, and makes the loading and closing of all others slower.
const MOST_OPEN: usize = 512;

/// Libraries that this process has opened in all.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// So many libraries are loaded by the system's loader in all: some loaders remember a little of each that was closed.
const MOST_OPENED: usize = 10_000;

/// Whether more code had better lie in memory without a file.
pub(crate) fn are_many_open() -> bool {
    OPEN.load(Ordering::Relaxed) >= MOST_OPEN || OPENED.load(Ordering::Relaxed) >= MOST_OPENED
}

/// An open library. It is closed when dropped: nothing of it may be in use then.
pub struct Library {
    handle: unix::Library,
    path: PathBuf,
}

impl Library {
    /// Open a library by the host's loader, its symbols resolved now and seen by nobody else.
    ///
    /// # Safety
    /// The loader trusts the file: it must have been written by a format of this Maru, whole and unchanged, or have
    /// passed [`check`].
    ///
    /// # Errors
    /// When the loader refuses it.
    pub unsafe fn open(path: &Path) -> Result<Library, LoadError> {
        // SAFETY: as the caller promises, there is nothing in the file that runs or confuses the loader.
        let handle = unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL) };
        match handle {
            Ok(handle) => {
                OPEN.fetch_add(1, Ordering::Relaxed);
                OPENED.fetch_add(1, Ordering::Relaxed);
                Ok(Library { handle, path: path.into() })
            }
            Err(error) => {
                let message = format!(
                    "the system's loader refuses it: {}; if its file system is mounted noexec, set MARU_TMPDIR to a \
                     directory on another",
                    reason(&error)
                );
                Err(LoadError::new(path, LoadErrorKind::Refused, message))
            }
        }
    }

    /// The address of the image's header, if the library has one.
    pub fn header(&self) -> Option<*const u8> {
        // SAFETY: only the symbol's address is taken.
        let symbol = unsafe { self.handle.get::<*const u8>(HEADER_SYMBOL) }.ok()?;
        Some(symbol.as_raw_ptr() as *const u8).filter(|address| !address.is_null())
    }

    /// The file it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The loader's own words.
pub(super) fn reason(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

/// A library that a machine mapped by itself; unmapped when dropped.
pub trait MappedLibrary: Send + Sync {
    /// The address of the image's header.
    fn header(&self) -> *const u8;
}

/// Where an image is from.
enum Source {
    Opened(Library),
    Mapped { _memory: Box<dyn MappedLibrary>, path: PathBuf },
}

/// An image in memory, ready to be called. Its library is closed when it is dropped.
pub struct LoadedImage {
    header: ImageHeader,
    start: *const u8,
    // Closed before the file is removed: fields are dropped in this order.
    library: Source,
    file: Option<WrittenFile>,
}

// SAFETY: the pointer is to constants, which nobody writes; the data table is handed out as a raw pointer only.
unsafe impl Send for LoadedImage {}
// SAFETY: as above.
unsafe impl Sync for LoadedImage {}

impl LoadedImage {
    /// Find and check the image in a library.
    ///
    /// # Errors
    /// When there is none, or this Maru cannot use it.
    pub fn from_library(library: Library) -> Result<LoadedImage, LoadError> {
        let path = library.path().to_path_buf();
        let start = library.header().ok_or_else(|| explain(&path, BadHeader::Foreign))?;
        LoadedImage::at(start, Source::Opened(library), &path)
    }

    /// Check the image in a library that a machine mapped. The path is for messages.
    ///
    /// # Errors
    /// When this Maru cannot use it.
    pub fn from_mapping(memory: Box<dyn MappedLibrary>, path: &Path) -> Result<LoadedImage, LoadError> {
        LoadedImage::at(memory.header(), Source::Mapped { _memory: memory, path: path.into() }, path)
    }

    fn at(start: *const u8, library: Source, path: &Path) -> Result<LoadedImage, LoadError> {
        // SAFETY: a library in whose file this symbol was found, or that a format wrote, has at least the pages of
        // the symbol mapped; an image's constants are followed by tables that are larger than a header.
        let header = ImageHeader::parse(unsafe { std::slice::from_raw_parts(start, ImageHeader::SIZE) }, None);
        let header = header.map_err(|bad| explain(path, bad))?;
        let image = LoadedImage { header, start, library, file: None };
        header.check(image.constants()).map_err(|bad| explain(path, bad))?;
        Ok(image)
    }

    /// Keep the file that the library was loaded from as long as the image lives.
    pub(super) fn keep(mut self, file: WrittenFile) -> LoadedImage {
        self.file = Some(file);
        self
    }

    fn constants(&self) -> &[u8] {
        // SAFETY: an image with the right magic and stamp has this many bytes of constants mapped, and the library
        // is open as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.start, self.header.constants_size as usize) }
    }

    /// How many functions there are.
    pub fn function_count(&self) -> usize {
        self.header.function_count as usize
    }

    /// The address of a function by its number in the unit; `None` if there is no such function.
    pub fn function_address(&self, number: usize) -> Option<usize> {
        let number = u32::try_from(number).ok().filter(|number| *number < self.header.function_count)?;
        let distance = self.header.function(self.constants(), number);
        Some((self.start as usize).wrapping_add_signed(distance as isize))
    }

    /// The data table. Until somebody fills it in, its words are zero.
    pub fn data(&self) -> *mut u64 {
        self.start.wrapping_offset(self.header.data as isize) as *mut u64
    }

    /// How many words the data table has.
    pub fn data_words(&self) -> usize {
        self.header.data_words as usize
    }

    /// The addresses of the code, for telling whether an address is in this image.
    pub fn code(&self) -> std::ops::Range<usize> {
        let start = (self.start as usize).wrapping_add_signed(self.header.code as isize);
        start..start + self.header.code_size as usize
    }

    /// The compiler's description of the image.
    pub fn manifest(&self) -> &[u8] {
        self.header.manifest(self.constants())
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        match &self.library {
            Source::Opened(library) => library.path(),
            Source::Mapped { path, .. } => path,
        }
    }
}

fn explain(path: &Path, bad: BadHeader) -> LoadError {
    match bad {
        BadHeader::Foreign => LoadError::new(path, LoadErrorKind::NotOurs, "this library was not made by Maru"),
        BadHeader::Damaged => LoadError::new(path, LoadErrorKind::NotOurs, "the library's header is damaged; build it again"),
        BadHeader::Relinked => LoadError::new(
            path,
            LoadErrorKind::NotOurs,
            "the library's code is not what Maru compiled, linked to where it lies: the file is damaged, or its linker \
             changes instructions (--no-relax keeps most from it); link it again, or build it again",
        ),
        BadHeader::OtherStamp { found, own } => {
            let message = format!(
                "the library was made by another version of Maru (its stamp is {found:016x}, this Maru's is \
                 {own:016x}); build it again"
            );
            LoadError::new(path, LoadErrorKind::OtherVersion, message)
        }
    }
}

/// Examine a file's bytes without mapping or running any of it: whether the host's loader can be trusted with it,
/// and whether it holds an image for this machine and this version of Maru. The path is for messages.
///
/// # Errors
/// When it does not.
pub fn check(
    path: &Path,
    file: &[u8],
    format: &dyn ObjectFormat,
    architecture: &dyn Architecture,
) -> Result<Contents, LoadError> {
    let not_ours = |message: String| LoadError::new(path, LoadErrorKind::NotOurs, message);
    let machine = identity(architecture, format).ok_or_else(|| {
        not_ours(format!("the format {} does not hold code for {}", format.name(), architecture.name()))
    })?;
    let mut contents =
        format.read(file).map_err(|error| not_ours(format!("{error}; if Maru made this file, build it again")))?;
    if contents.machine != machine.machine {
        return Err(not_ours(format!(
            "the library is for another CPU ({} by the numbers of the format {}; this one is {}); build it again for \
             this one",
            contents.machine,
            format.name(),
            machine.machine
        )));
    }
    let constants = file.get(contents.constants.clone()).unwrap_or_default();
    let header = ImageHeader::parse(constants, Some(image_stamp(architecture))).map_err(|bad| explain(path, bad))?;
    let own = header.constants_size as usize;
    if contents.is_linked && own < constants.len() {
        // A linker may have put more behind them.
        contents.constants.end = contents.constants.start + own;
    }
    let constants = &file[contents.constants.clone()];
    header.check(constants).map_err(|bad| explain(path, bad))?;
    let place = |distance: i32, size: u64| {
        let start = contents.constants_address.checked_add_signed(distance.into());
        start.and_then(|start| Some(start..start.checked_add(size)?))
    };
    let inside = |part: Option<std::ops::Range<u64>>, whole: &std::ops::Range<u64>| {
        part.is_some_and(|part| part.start >= whole.start && part.end <= whole.end)
    };
    let code = place(header.code, header.code_size.into());
    let data = place(header.data, WORD_SIZE as u64 * u64::from(header.data_words));
    // An empty table lies wherever a linker puts what has no size.
    let has_data = header.data_words > 0;
    if !inside(code, &contents.executable) || has_data && !inside(data, &contents.writable) {
        return Err(explain(path, BadHeader::Damaged));
    }
    if !contents.is_linked && header.is_linkable() {
        return Err(explain(path, BadHeader::Damaged));
    }
    if contents.is_linked {
        check_linked(path, file, &contents, &header, (architecture, machine))?;
    }
    Ok(contents)
}

/// The manifest in a library's bytes, which are examined, and not loaded.
///
/// # Errors
/// As [`check`].
pub(crate) fn manifest_of(
    path: &Path,
    file: &[u8],
    format: &dyn ObjectFormat,
    architecture: &dyn Architecture,
) -> Result<Vec<u8>, LoadError> {
    let contents = check(path, file, format, architecture)?;
    let constants = file.get(contents.constants).unwrap_or_default();
    let header = ImageHeader::parse(constants, Some(image_stamp(architecture))).map_err(|bad| explain(path, bad))?;
    Ok(header.manifest(constants).to_vec())
}

/// The target whose code a library holds, by the number of its CPU; where several targets have that, by its stamp, or else
/// the one that makes machine code itself. `None`: there is no such target.
pub fn architecture_of(
    file: &[u8],
    format: &dyn ObjectFormat,
    contents: &Contents,
) -> Option<&'static dyn Architecture> {
    let mut all = registry::architectures();
    all.retain(|architecture| {
        identity(*architecture, format).is_some_and(|identity| identity.machine == contents.machine)
    });
    all.sort_by_key(|architecture| architecture.source().is_some());
    let constants = file.get(contents.constants.clone()).unwrap_or_default();
    let is_its =
        |architecture: &&&dyn Architecture| ImageHeader::parse(constants, Some(image_stamp(**architecture))).is_ok();
    all.iter().find(is_its).or(all.first()).copied()
}

/// A library that a linker made: no digest is of the whole file, but the image tells what its code must be.
fn check_linked(
    path: &Path,
    file: &[u8],
    contents: &Contents,
    header: &ImageHeader,
    target: (&dyn Architecture, &MachineIdentity),
) -> Result<(), LoadError> {
    if !header.is_linkable() {
        let message = "a linker made this library, but not of an object that Maru wrote; build it again";
        return Err(LoadError::new(path, LoadErrorKind::NotOurs, message));
    }
    let constants = &file[contents.constants.clone()];
    let from_start = contents.constants_address.wrapping_add_signed(header.code.into()) - contents.executable.start;
    let start = contents.executable_offset.saturating_add(from_start as usize);
    let code = file.get(start..start.saturating_add(header.code_size as usize));
    let code = code.ok_or_else(|| explain(path, BadHeader::Damaged))?;
    linkage::check(header, constants, code, contents.constants_address, target).map_err(|bad| explain(path, bad))
}
