//! Object formats: complete shared libraries from an image.
//!
//! An [`Image`] is the machine code of a unit with what it needs, free of any format. A format decides where
//! everything lies ([`ObjectFormat::layout`]); core then patches the code for those addresses ([`Image::link`]);
//! the format turns the result into bytes ([`ObjectFormat::write`]). So a format never sees a code fixup.

mod image;

pub use image::*;

use crate::target::MachineIdentity;
use std::fmt;

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
    /// What else the format wants to remember between layout and write: named addresses or offsets.
    pub parts: Vec<(&'static str, u64)>,
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

/// A container format for shared libraries.
pub trait ObjectFormat: Sync {
    /// Its name, equal to its folder's: lower case.
    fn name(&self) -> &'static str;
    /// Other names that people use for it.
    fn synonyms(&self) -> &'static [&'static str] {
        &[]
    }
    /// The version of the interface it was built for.
    fn api_version(&self) -> u32 {
        crate::target::API_VERSION
    }
    /// Whether this host's loader opens it.
    fn is_host(&self) -> bool;
    /// The name of a file that holds the library `stem`.
    fn file_name(&self, stem: &str) -> String;
    /// How the format spells the symbol of a C-level name.
    fn symbol(&self, name: &str) -> String;
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
}
