//! A format to copy: the least that holds code.
//!
//! No system's loader opens it. `program/` is the command `maru` with this format in it, and a loader for it: with a
//! format that the host's loader opens, [`ObjectFormat::is_host`] says so, and there is nothing to load.
//!
//! When you copy it, this is the place for what is peculiar about your format, in prose and as a drawing: what its
//! loaders insist on, and what is easily got wrong.
//!
//! ```text
//! offset 0    magic, digest of all that follows                ┐
//!             numbers of the CPU and of pages                  │ readable;
//!             places: constants, code, data, symbols           │ offset in the file = address
//!             symbols: offset in the code, size, name          │
//!             constants (`maru_image` is their start)          ┘
//! page        code                                               readable and executable
//! page        (data table: zeros, not in the file)               readable and writable
//! ```
//!
//! - Code and data start at borders of pages, so that nothing is both writable and executable.
//! - The digest tells a damaged file; it is the file's identity, too.
//! - There is nothing to relocate and nothing that runs when the file is loaded: images hold distances only.
//! - Frames and lines are left out, for nobody unwinds by this format. One that debuggers read has both: see `formats/dwarf`.
//!
//! | file | what you write in it |
//! |---|---|
//! | `lib.rs` | the registration, the CPUs that the format has numbers for |
//! | `file.rs` | layout, writing, reading |
//! | `program/src/lib.rs` | a loader; nothing, if this host has one |

pub mod file;

use maru_core::codegen::{MachineIdentity, Relocations, System, UnwindConvention, UnwindStyle};
use maru_core::format::{Contents, FormatError, Image, Layout, ObjectFormat};

/// The format.
pub struct Template;

/// The plugin.
pub static TEMPLATE: Template = Template;

maru_core::register_format!(TEMPLATE);

/// The CPUs that the format has numbers for, by the names of their targets. Maru's own targets do not list a format
/// from elsewhere; a target that does, says its number itself.
static CPUS: [(&str, MachineIdentity); 2] = [("x64", cpu(1, 0x1000)), ("arm64", cpu(2, 0x10000))];

const fn cpu(machine: u32, page_size: u64) -> MachineIdentity {
    MachineIdentity {
        machine,
        subtype: 0,
        flags: 0,
        pointer_size: 8,
        little_endian: true,
        page_size,
        tool_name: "",
        relocations: Relocations::NONE,
        system: System(0),
        // Not written, not needed.
        unwind: UnwindConvention {
            code_alignment: 1,
            data_alignment: -8,
            return_address: 0,
            stack_pointer: 0,
            entry_cfa_offset: 0,
            entry_return_address: None,
            style: UnwindStyle::Dwarf,
        },
    }
}

impl ObjectFormat for Template {
    fn name(&self) -> &'static str {
        "template"
    }
    fn identity(&self, architecture: &str) -> Option<&MachineIdentity> {
        CPUS.iter().find(|(name, _)| *name == architecture).map(|(_, identity)| identity)
    }
    fn is_host(&self) -> bool {
        false
    }
    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.template")
    }
    fn symbol(&self, name: &str) -> String {
        name.to_string()
    }
    fn layout(&self, image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
        file::layout(image, machine)
    }
    fn write(&self, image: &Image, layout: &Layout, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        Ok(file::write(image, layout, machine))
    }
    fn read(&self, file: &[u8]) -> Result<Contents, FormatError> {
        file::read(file).map(|parts| parts.contents()).map_err(FormatError)
    }
}
