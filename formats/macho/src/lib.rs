//! Complete Mach-O dynamic libraries, written without a linker.
//!
//! What is peculiar about the format: a header and *load commands* say all; each part of the file is named by the
//! command that describes it. What debuggers and the loader look up lies in the last segment, `__LINKEDIT`, which the
//! file ends with, and the last thing in that is a signature over all before it: without it, arm64 kernels kill the
//! process that touches the pages. It needs no key ("ad hoc"): it lists the SHA-256 digest of each 4 KiB page.
//!
//! ```text
//! offset 0   header, load commands       ┐
//!            code                        │ __TEXT, readable and executable;
//!            constants (`maru_image`)    │ offset in the file = address
//!            unwind entries              ┘
//!            (data table: zeros, none in the file)    __DATA, readable and writable
//!            line tables                   __DWARF, readable; only if there are lines
//!            export trie                 ┐
//!            symbols, their names        │ __LINKEDIT, readable
//!            signature                   ┘
//! ```
//!
//! Rules that are easily got wrong, all of them kept here, and all of them in [`rules`]:
//!
//! - Segments are aligned to 16 KiB, the largest page of any system that reads the format. The loader does not check
//!   it; mapping just fails.
//! - Newer loaders check more, keyed to the version of the system's interface (SDK) that the file declares. So every
//!   known rule is kept, and the oldest version declared that knows arm64: 11.0.
//! - `LC_DYLD_INFO_ONLY` is understood by every version since 10.6, chained fixups by fewer. Images hold distances
//!   only, so there is nothing to rebase or bind: only the export trie is there.
//! - In a trie no edge of a node may be the beginning of another: the loader takes the first that matches.
//! - Every file has a name of its own in `LC_ID_DYLIB` and an identifier of its own in `LC_UUID`, for loader and
//!   debuggers believe that they know a library whose name or identifier they have seen. Both are made from the
//!   file's bytes.
//! - The system's library is named although nothing is taken from it: newer rules ask for it.
//! - Symbols have no sizes. C names have an underscore before them, in the trie as well.
//! - Line tables lie in the library (as Go has shipped them for years), mapped like any segment: a segment that is in
//!   the file but not in memory is legal, but the loader maps it all the same.
//!
//! The format's manuals are Apple's headers `mach-o/loader.h` and `kern/cs_blobs.h`; unwind entries and line tables:
//! <https://dwarfstd.org/>.

mod commands;
mod exports;
mod layout;
mod linked;
mod object;
mod read;
pub mod rules;
mod signature;
mod symbols;
mod write;

use maru_core::codegen::MachineIdentity;
use maru_core::format::{Contents, FormatError, Image, Layout, Linker, ObjectFormat};

/// Mach-O: the format of macOS and its relatives.
pub struct MachO;

/// The plugin.
pub static MACHO: MachO = MachO;

maru_core::register_format!(MACHO);

impl ObjectFormat for MachO {
    fn name(&self) -> &'static str {
        "macho"
    }
    fn synonyms(&self) -> &'static [&'static str] {
        &["mach-o", "dylib"]
    }
    fn is_host(&self) -> bool {
        cfg!(target_os = "macos")
    }
    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.dylib")
    }
    fn symbol(&self, name: &str) -> String {
        format!("_{name}")
    }
    fn layout(&self, image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
        layout::layout(image, machine)
    }
    fn write(&self, image: &Image, layout: &Layout, _machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        write::write(image, layout)
    }
    fn write_object(&self, image: &Image, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        object::write(image, machine)
    }
    fn linkers(&self, machine: &MachineIdentity, is_host: bool) -> Vec<Linker> {
        linked::linkers(machine, is_host)
    }
    fn read(&self, file: &[u8]) -> Result<Contents, FormatError> {
        read::read(file)
    }
}
