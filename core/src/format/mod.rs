//! Object formats: complete shared libraries from an image.
//!
//! An [`Image`] is the machine code of a unit with what it needs, free of any format. There are two ways from it to a
//! library:
//!
//! - Written directly: the format decides where everything lies ([`ObjectFormat::layout`]); core patches the code for
//!   those addresses ([`Image::link`]); the format turns the result into bytes ([`ObjectFormat::write`]).
//! - By a system's linker: the format writes a relocatable object ([`ObjectFormat::write_object`]), in which fixups are
//!   relocations by the numbers of [`MachineIdentity::relocations`], and says how a linker is called
//!   ([`ObjectFormat::linkers`]).

pub mod assembly;
mod image;
mod linker;

pub use image::*;
pub use linker::{Linker, LINKER_VARIABLE};

use crate::codegen::{Architecture, AssemblySyntax, MachineIdentity};
use crate::tool::Tool;
use std::fmt;
use std::ops::Range;

/// Where a format puts an image: addresses relative to the library's base, which is 0.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Layout {
    /// Address of the code section.
    pub code: u64,
    /// Address of the constants (read-only bytes).
    pub constants: u64,
    /// Address of the data table (writable words).
    pub data: u64,
    /// Length of the file in bytes.
    pub file_size: u64,
    /// What stands for a function where code or constants name it.
    pub functions: FunctionNames,
    /// What else the format wants to remember between layout and write: named addresses or offsets.
    pub parts: Vec<(&'static str, u64)>,
    /// The file as far as it does not depend on the bytes of code and constants, if the format wants to make its
    /// tables only once: `layout` may leave it here for `write` to copy.
    pub skeleton: Vec<u8>,
}

/// What stands for a function in code and constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FunctionNames {
    /// Its address; in constants, the distance to it.
    #[default]
    Addresses,
    /// Its number among the container's functions, where code has no addresses: that in the image plus this.
    Numbers {
        /// The number of the image's first function.
        first: u32,
    },
}

impl Layout {
    /// A part that `layout` recorded.
    ///
    /// # Panics
    /// If the format never recorded it, which is a bug in the format.
    pub fn part(&self, name: &str) -> u64 {
        self.parts.iter().find(|(part, _)| *part == name).map(|(_, at)| *at).expect("a part that layout recorded")
    }
}

/// Why an image could not be laid out or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError(pub String);

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for FormatError {}

/// What a library file says of itself, found by reading it as data: nothing of it was mapped or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The container's number for the CPU.
    pub machine: u32,
    /// Where in the file the constants lie: the bytes that [`HEADER_SYMBOL`] names.
    pub constants: Range<usize>,
    /// Their address, relative to the library's base.
    pub constants_address: u64,
    /// Addresses that will be executable.
    pub executable: Range<u64>,
    /// Where in the file the bytes of the first of them lie.
    pub executable_offset: usize,
    /// Whether a linker made the file of an object: then nothing in it tells whether all of its bytes are as they were.
    pub is_linked: bool,
    /// Addresses that will be writable.
    pub writable: Range<u64>,
}

/// What a format calls the CPU of a target: as the target says, or else the format; `None` for an unsupported pair.
pub fn identity<'a>(architecture: &'a dyn Architecture, format: &'a dyn ObjectFormat) -> Option<&'a MachineIdentity> {
    architecture.identity(format.name()).or_else(|| format.identity(architecture.name()))
}

/// A container format for shared libraries.
pub trait ObjectFormat: Sync {
    /// Its name, equal to its folder's: lower case.
    fn name(&self) -> &'static str;
    /// Other names that people use for it.
    fn synonyms(&self) -> &'static [&'static str] {
        &[]
    }
    /// What it calls the CPU of a target, by name, that does not list this format ([`Architecture::identity`]): so a
    /// format from elsewhere has code of targets that were there before it.
    fn identity(&self, _architecture: &str) -> Option<&MachineIdentity> {
        None
    }
    /// Whether this host's loader opens it.
    fn is_host(&self) -> bool;
    /// The name of a file that holds the library `stem`.
    fn file_name(&self, stem: &str) -> String;
    /// How the format spells the symbol of a C-level name.
    fn symbol(&self, name: &str) -> String;
    /// How functions lie in the code of a machine, one of whose instructions traps.
    fn code_placement(&self, _machine: &MachineIdentity, trap: &'static [u8]) -> CodePlacement {
        CodePlacement { alignment: 16, filling: trap }
    }
    /// Decide where everything lies. Sizes of the image's sections are final; their bytes need not be.
    ///
    /// # Errors
    /// When the image cannot be expressed in this format.
    fn layout(&self, image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError>;
    /// The whole file. The same image, layout and machine give the same bytes, on any host.
    ///
    /// # Errors
    /// As `layout`.
    fn write(&self, image: &Image, layout: &Layout, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError>;
    /// A relocatable object: the same image for a linker, which decides where everything lies. The image was not linked.
    /// The same image and machine give the same bytes, on any host.
    ///
    /// # Errors
    /// When the image cannot be expressed so, or the format has no objects.
    fn write_object(&self, _image: &Image, _machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
        Err(FormatError(format!("the format {} has no relocatable objects", self.name())))
    }
    /// The same as assembly text, for an assembler that makes such an object of it. The image has listings.
    ///
    /// # Errors
    /// When the image cannot be expressed so, or the format has no such text.
    fn write_assembly(
        &self,
        _image: &Image,
        _syntax: &AssemblySyntax,
        _machine: &MachineIdentity,
    ) -> Result<String, FormatError> {
        Err(FormatError(format!("the format {} has no assembly text", self.name())))
    }
    /// The assemblers that make an object of such text for the machine, the best one first: called with `-o`, the object
    /// and the text's file.
    fn assemblers(&self, _machine: &MachineIdentity, _is_host: bool) -> Vec<Tool> {
        Vec::new()
    }
    /// What tells debuggers of an image that is in memory already, its code at an address: symbols, unwind rows and lines
    /// that are true there. Nobody loads it. `None`, if the format has no such files.
    ///
    /// # Errors
    /// When the image cannot be expressed so.
    fn symbol_file(
        &self,
        _image: &Image,
        _code: u64,
        _machine: &MachineIdentity,
    ) -> Result<Option<Vec<u8>>, FormatError> {
        Ok(None)
    }
    /// The linkers that make a library of an object for the machine, the best one first.
    fn linkers(&self, _machine: &MachineIdentity, _is_host: bool) -> Vec<Linker> {
        Vec::new()
    }
    /// The symbols of a library that a linker made, also those that it does not export, by their C-level names, with their
    /// addresses: where a compiler outside of Maru has put things.
    ///
    /// # Errors
    /// When the file does not say, or the format does not read it.
    fn symbols(&self, _library: &[u8]) -> Result<Vec<(String, u64)>, FormatError> {
        Err(FormatError(format!("the format {} does not read the symbols of other linkers", self.name())))
    }
    /// Examine a file that claims to be a library written by this format, or made of an object by a linker, without
    /// trusting any byte of it.
    ///
    /// # Errors
    /// When the host's loader could stumble over it (it is cut short, or no such file at all), or would do more than
    /// map it (run constructors, load other libraries, make writable code), or it does not export [`HEADER_SYMBOL`].
    fn read(&self, file: &[u8]) -> Result<Contents, FormatError>;
}
