//! Complete dynamic link libraries (PE32+), written without a linker.
//!
//! What is peculiar about the format: sections are what the loader maps, and what it looks up in them is found by
//! *directories*, a table of places at a fixed spot of the header. An address is a distance from the library's base
//! (RVA); in the file, sections begin at multiples of 512 bytes, in memory at those of a page.
//!
//! ```text
//! header       of DOS, which just leads to the next; of the file; directories; table of sections
//! .text        code                                         readable and executable
//! .rdata       constants (`maru_image`)                     readable
//! .xdata       unwind codes                                 readable
//!              exports
//!              what the library is called by debuggers
//! .data        data table: zeros, none in the file          readable and writable
//! .pdata       which unwind codes are whose                 readable
//! .debug_…     line tables, as DWARF; only if there are lines
//!              symbols, their names                         in the file only
//! ```
//!
//! Rules that are easily got wrong, all of them kept here, and all of them in [`rules`]:
//!
//! - Sections follow each other in memory without a gap, in the order of their table.
//! - Exported names ascend by their bytes: the loader searches by halves.
//! - An exported address within the export directory is no address but a text that names another library's function.
//! - Images hold distances only, so no word is relocated, and there is no table of such words. The flag that says
//!   "relocations were removed" must not be set: it would forbid any other base than the one asked for.
//! - Symbols may be 8 bytes long, and sections' names as well; longer names are offsets in a pool, in decimal digits
//!   after a slash for sections.
//! - The time stamp is a part of the library's identity and need not be a time: here it follows from the bytes, which is
//!   said by an entry of the debug directory. So does the identifier (GUID) that debuggers know a library by.
//! - The checksum is over all bytes but its own four.
//! - Windows unwinds by codes, and takes a function apart by its prologue. Here each stretch of code in which the unwind
//!   state is the same has an entry of its own, without a prologue, whose codes undo all of the state (module `unwind`).
//!   So the state is right at every instruction, wherever in a function it changes.
//! - Line tables name addresses with the base that the file asks for added.
//!
//! A library calls C functions, and is called, by the convention of Windows: a target's identity for `pe` names the
//! system whose convention that is. Who maps such a library elsewhere hands it helpers of that convention. Code does
//! not probe the stack: it compares with the context's limit, down to which the one who enters it has the stack
//! committed.
//!
//! The format's manual is Microsoft's "PE Format"; unwind codes: "x64 exception handling", "ARM64 exception handling".

mod exports;
mod headers;
mod layout;
mod read;
pub mod rules;
mod symbols;
mod unwind;
mod write;

use maru_core::codegen::MachineIdentity;
use maru_core::format::{Contents, FormatError, Image, Layout, ObjectFormat};

/// PE: the format of Windows.
pub struct Pe;

/// The plugin.
pub static PE: Pe = Pe;

maru_core::register_format!(PE);

impl ObjectFormat for Pe {
    fn name(&self) -> &'static str {
        "pe"
    }
    fn synonyms(&self) -> &'static [&'static str] {
        &["dll", "pe32+", "coff"]
    }
    fn is_host(&self) -> bool {
        cfg!(windows)
    }
    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.dll")
    }
    fn symbol(&self, name: &str) -> String {
        name.into()
    }
    fn layout(&self, image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
        layout::layout(image, machine)
    }
    fn write(&self, image: &Image, layout: &Layout, _machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        write::write(image, layout)
    }
    fn read(&self, file: &[u8]) -> Result<Contents, FormatError> {
        read::read(file)
    }
}
