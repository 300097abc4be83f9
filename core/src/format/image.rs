//! The image of a unit: code, constants, data table, symbols; and linking it to a layout.

use super::{FormatError, Layout};
use crate::codegen::{Architecture, CompiledFunction, Fixup, FixupTarget, UnwindRow};

/// The symbol under which every library exports its header, the first bytes of the constants.
pub const HEADER_SYMBOL: &str = "maru_image";

/// Alignment in bytes of every function in the code section.
pub const FUNCTION_ALIGNMENT: usize = 16;

/// Distances are signed 32-bit numbers; this leaves room for a format's tables beside code, constants and data.
const LARGEST: u64 = 1 << 30;

/// A function placed in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFunction {
    /// The symbol's name: unique in the image, made of printable characters.
    pub symbol: String,
    /// Offset in the code section.
    pub offset: u32,
    /// Bytes of code.
    pub size: u32,
    /// Unwind rows, offsets relative to the function.
    pub unwind: Vec<UnwindRow>,
    /// Line table: (offset in the function, line).
    pub lines: Vec<(u32, u32)>,
}

/// Machine code with all it needs, in no particular format.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Image {
    /// The library's name, for the formats that record one.
    pub name: String,
    /// Source file that the line tables speak of; empty if there is none.
    pub source: String,
    /// The code of all functions.
    pub code: Vec<u8>,
    /// Read-only bytes; they start with the header that [`HEADER_SYMBOL`] names.
    pub constants: Vec<u8>,
    /// Writable words, all zero in the file: filled in by the runtime after loading.
    pub data_words: u32,
    /// The functions, ascending by offset.
    pub functions: Vec<ImageFunction>,
    /// Fixups, offsets relative to the code section, in ascending order.
    pub fixups: Vec<Fixup>,
    /// Places in the constants that hold a signed 32-bit distance from [`HEADER_SYMBOL`] to something.
    pub distances: Vec<(u32, Place)>,
}

/// A place in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An offset in the code section.
    Code(u32),
    /// An offset in the constants.
    Constants(u32),
    /// A byte offset in the data table.
    Data(u32),
}

impl Image {
    /// An image without functions.
    pub fn new(name: &str, source: &str) -> Image {
        Image { name: name.into(), source: source.into(), ..Image::default() }
    }

    /// Append a function. Call in the order of the unit's function numbers.
    pub fn push(&mut self, symbol: String, function: CompiledFunction, trap: &[u8]) {
        let padded = self.code.len().next_multiple_of(FUNCTION_ALIGNMENT);
        while self.code.len() < padded {
            let byte = trap[self.code.len() % trap.len()];
            self.code.push(byte);
        }
        let offset = self.code.len() as u32;
        self.fixups.extend(function.fixups.into_iter().map(|fixup| Fixup { offset: fixup.offset + offset, ..fixup }));
        self.functions.push(ImageFunction {
            symbol,
            offset,
            size: function.bytes.len() as u32,
            unwind: function.unwind,
            lines: function.lines,
        });
        self.code.extend(function.bytes);
    }

    /// Whether sizes and places of code, constants and functions are those of an image at all.
    ///
    /// # Errors
    /// When functions overlap or lie outside of the code, or the image is too large for distances of 32 bits.
    pub fn check_extents(&self) -> Result<(), FormatError> {
        let refuse = |problem: String| Err(FormatError(format!("{}: {problem}", self.name)));
        if self.code.len() as u64 + self.constants.len() as u64 + 8 * u64::from(self.data_words) > LARGEST {
            return refuse("an image cannot be larger than 1 GiB".into());
        }
        let mut end = 0;
        for function in &self.functions {
            if u64::from(function.offset) < end {
                return refuse(format!("{} overlaps the function before it", function.symbol));
            }
            end = u64::from(function.offset) + u64::from(function.size);
        }
        if end > self.code.len() as u64 {
            return refuse("the last function ends after the code".into());
        }
        Ok(())
    }

    /// Patch code and distances for the addresses of a layout.
    ///
    /// # Errors
    /// When a fixup is out of range; the message names the function.
    pub fn link(&mut self, layout: &Layout, architecture: &dyn Architecture) -> Result<(), FormatError> {
        for fixup in &self.fixups {
            let to = match fixup.target {
                FixupTarget::Function(id) => layout.code + u64::from(self.functions[id.0 as usize].offset),
                FixupTarget::Data(word) => layout.data + 8 * u64::from(word),
            };
            let from = layout.code + u64::from(fixup.offset);
            let site = &mut self.code[fixup.offset as usize..];
            architecture.patch(fixup.kind, site, from, to.wrapping_add_signed(fixup.addend)).map_err(|error| {
                let function = self.functions.iter().rfind(|f| f.offset <= fixup.offset);
                let name = function.map_or("?", |f| f.symbol.as_str());
                FormatError(format!("{name}: address out of range in {}: {error}", self.name))
            })?;
        }
        for &(at, place) in &self.distances {
            let to = match place {
                Place::Code(offset) => layout.code + u64::from(offset),
                Place::Constants(offset) => layout.constants + u64::from(offset),
                Place::Data(offset) => layout.data + u64::from(offset),
            };
            let distance = i32::try_from(to.wrapping_sub(layout.constants) as i64)
                .map_err(|_| FormatError(format!("{}: image larger than 2 GiB", self.name)))?;
            self.constants[at as usize..at as usize + 4].copy_from_slice(&distance.to_le_bytes());
        }
        Ok(())
    }
}
