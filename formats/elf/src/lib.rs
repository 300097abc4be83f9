//! Complete ELF shared libraries, written without a linker.
//!
//! What is peculiar about the format: one file is seen in two ways. The *loader* reads the segment table and the
//! dynamic table and never looks at a section; *debuggers and profilers* look for sections and symbols, and find a
//! library without sections nameless. So both tables are written. What the loader maps:
//!
//! ```text
//! offset 0   file header, segment table               ┐
//!            build id                                 │ first segment, readable and executable;
//!            constants (`maru_image` is their start)  │ offset in the file = address
//!            code                                     │
//!            symbols, names, hash table               │
//!            unwind entries and their sorted table    ┘
//!            dynamic table                            ┐ second segment, readable and writable;
//!            (data table: zeros, not in the file)     ┘ address = offset + one page
//!            symbols again, line tables, names of sections, section table: not mapped
//! ```
//!
//! Rules that are easily got wrong, all of them kept here:
//!
//! - An address and its offset in the file agree modulo the page size. The page size is the largest that any system
//!   for the CPU uses, for a file outlives the machine that it was made on.
//! - Without a `PT_GNU_STACK` entry some loaders make every stack of the process executable, and newer ones refuse
//!   the file.
//! - Loaders of the GNU C library up to 2.34 write into the dynamic table, so it lies in the writable segment.
//! - There must be a hash table; `DT_GNU_HASH` alone is understood by both GNU and musl loaders. Its symbols are
//!   sorted by bucket.
//! - There is nothing to relocate, no other library is needed, nothing runs when the file is loaded: images hold
//!   distances only. There is no `DT_SONAME` either, because a loader that finds a name it knows returns the library
//!   that it already has.
//! - Debuggers take the range of an unwind entry for the bounds of a function, so there is one for each.
//! - The build id is a fingerprint of the file, so that profilers, which keep copies of what they saw by their build
//!   ids, never confuse two images, and [`ObjectFormat::read`] finds damage.
//!
//! The format's manual: <https://gabi.xinuos.com/>; what is peculiar to Linux:
//! <https://refspecs.linuxfoundation.org/lsb.shtml>; unwind entries and line tables: <https://dwarfstd.org/>.

mod assembly;
mod class;
mod headers;
mod layout;
mod linked;
mod object;
mod read;
mod symbol_file;
mod symbols;
mod write;

use maru_core::codegen::{AssemblySyntax, MachineIdentity};
use maru_core::format::{Contents, FormatError, Image, Layout, Linker, ObjectFormat};
use maru_core::tool::Tool;

/// ELF: the format of Linux, the BSDs and most other systems with Unix ancestors.
pub struct Elf;

/// The plugin.
pub static ELF: Elf = Elf;

maru_core::register_format!(ELF);

impl ObjectFormat for Elf {
    fn name(&self) -> &'static str {
        "elf"
    }
    fn synonyms(&self) -> &'static [&'static str] {
        &["so", "elf64", "elf32"]
    }
    fn is_host(&self) -> bool {
        cfg!(all(unix, not(target_vendor = "apple"), target_pointer_width = "64"))
    }
    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.so")
    }
    fn symbol(&self, name: &str) -> String {
        name.to_string()
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
    fn write_assembly(
        &self,
        image: &Image,
        syntax: &AssemblySyntax,
        machine: &MachineIdentity,
    ) -> Result<String, FormatError> {
        assembly::write(image, syntax, machine)
    }
    fn assemblers(&self, machine: &MachineIdentity, is_host: bool) -> Vec<Tool> {
        assembly::assemblers(machine, is_host)
    }
    fn symbol_file(&self, image: &Image, code: u64, machine: &MachineIdentity) -> Result<Option<Vec<u8>>, FormatError> {
        symbol_file::write(image, code, machine).map(Some)
    }
    fn symbols(&self, library: &[u8]) -> Result<Vec<(String, u64)>, FormatError> {
        linked::symbols(&read::View::new(library)).map_err(FormatError)
    }
    fn read(&self, file: &[u8]) -> Result<Contents, FormatError> {
        read::read(file)
    }
}
