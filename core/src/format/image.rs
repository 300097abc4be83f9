//! The image of a unit: code, constants, data table, symbols; and linking it to a layout, where no other linker does it.

use super::{FormatError, FunctionNames, Layout};
use crate::abi::WORD_SIZE;
use crate::codegen::{Architecture, CompiledFunction, Fixup, FixupTarget, ListingLine, UnwindRow};

pub use crate::codegen::HEADER_SYMBOL;

/// How functions lie in the code section: a container's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePlacement {
    /// Every function starts at a multiple of so many bytes, a power of two.
    pub alignment: u32,
    /// What fills the gaps between functions, over and over.
    pub filling: &'static [u8],
}

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
    /// Places in the constants that hold a signed 32-bit distance from [`HEADER_SYMBOL`] to something, in the machine's byte
    /// order: a linker may fill them in.
    pub distances: Vec<(u32, Place)>,
    /// Whether the machine puts the most significant byte first.
    pub big_endian: bool,
    /// What it needs of other libraries.
    pub imports: Vec<Import>,
    /// The code of the functions as text, in their order, if somebody wants it.
    pub listings: Vec<Vec<ListingLine>>,
}

/// A symbol of another library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its C-level name.
    pub name: String,
    /// The data word that the loader fills with its address, if there is one.
    pub word: Option<u32>,
}

/// A place in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An offset in the code section.
    Code(u32),
    /// A function, by its number.
    Function(u32),
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
    pub fn push(&mut self, symbol: String, function: CompiledFunction, placement: CodePlacement) {
        let gap = self.code.len()..self.code.len().next_multiple_of(placement.alignment as usize);
        let filling = placement.filling;
        self.code.extend(gap.map(|at| filling.get(at % filling.len().max(1)).copied().unwrap_or(0)));
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
        if self.code.len() as u64 + self.constants.len() as u64 + WORD_SIZE as u64 * u64::from(self.data_words)
            > LARGEST
        {
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
    /// When a fixup is out of range, or leads to a symbol of another library; the message names the function.
    pub fn link(&mut self, layout: &Layout, architecture: &dyn Architecture) -> Result<(), FormatError> {
        for fixup in &self.fixups {
            let problem = |what: String| {
                let function = self.functions.iter().rfind(|f| f.offset <= fixup.offset);
                let name = function.map_or("?", |f| f.symbol.as_str());
                FormatError(format!("{name}: {what} in {}", self.name))
            };
            let to = match fixup.target {
                FixupTarget::Function(id) => self.function(id.0, layout),
                FixupTarget::Data(word) => layout.data + WORD_SIZE as u64 * u64::from(word),
                FixupTarget::Import(number) => {
                    let name = self.imports.get(number as usize).map_or("?", |import| import.name.as_str());
                    return Err(problem(format!(
                        "the code reaches {name}, a symbol of another library, which only a system's linker can do"
                    )));
                }
            };
            let from = layout.code + u64::from(fixup.offset);
            let site = &mut self.code[fixup.offset as usize..];
            architecture
                .patch(fixup.kind, site, from, to.wrapping_add_signed(fixup.addend))
                .map_err(|error| problem(format!("address out of range: {error}")))?;
        }
        for at in 0..self.distances.len() {
            let (at, place) = self.distances[at];
            let value = match place {
                Place::Function(number) if layout.functions != FunctionNames::Addresses => {
                    self.function(number, layout) as i64
                }
                _ => self.address(place, layout).wrapping_sub(layout.constants) as i64,
            };
            let value =
                i32::try_from(value).map_err(|_| FormatError(format!("{}: image larger than 2 GiB", self.name)))?;
            let bytes = if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
            self.constants[at as usize..at as usize + 4].copy_from_slice(&bytes);
        }
        Ok(())
    }

    /// What stands for a function in code.
    fn function(&self, number: u32, layout: &Layout) -> u64 {
        match layout.functions {
            FunctionNames::Addresses => layout.code + u64::from(self.functions[number as usize].offset),
            FunctionNames::Numbers { first } => u64::from(first) + u64::from(number),
        }
    }

    /// The address of a place.
    fn address(&self, place: Place, layout: &Layout) -> u64 {
        match place {
            Place::Code(offset) => layout.code + u64::from(offset),
            Place::Function(number) => layout.code + u64::from(self.functions[number as usize].offset),
            Place::Constants(offset) => layout.constants + u64::from(offset),
            Place::Data(offset) => layout.data + u64::from(offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::{CompileError, FixupKind, ListingLine, MachineIdentity, OutOfRange};
    use crate::ir::{Function, FunctionId};

    /// A CPU whose only kind of fixup is a word that holds an address, or what stands for one.
    struct Words;

    impl Architecture for Words {
        fn name(&self) -> &'static str {
            "words"
        }
        fn is_host(&self) -> bool {
            false
        }
        fn argument_registers(&self) -> usize {
            0
        }
        fn trap(&self) -> &'static [u8] {
            &[1, 2, 3]
        }
        fn convention_facts(&self) -> Vec<crate::abi::Fact> {
            Vec::new()
        }
        fn identity(&self, _: &str) -> Option<&MachineIdentity> {
            None
        }
        fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
            Err(CompileError { function: function.name.clone(), message: "nothing is compiled here".into() })
        }
        fn patch(&self, _: FixupKind, site: &mut [u8], _: u64, to: u64) -> Result<(), OutOfRange> {
            site[..8].copy_from_slice(&to.to_le_bytes());
            Ok(())
        }
        fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
            self.compile(function).map(|_| Vec::new())
        }
    }

    /// Two functions of a word each, the first of which holds what stands for a target.
    fn image(target: FixupTarget, placement: CodePlacement) -> Image {
        let mut image = Image::new("test", "");
        let fixups = vec![Fixup { offset: 0, kind: FixupKind(0), target, addend: 0 }];
        let function = CompiledFunction { bytes: vec![0; 8], fixups, ..CompiledFunction::default() };
        image.push("first".into(), function, placement);
        let function = CompiledFunction { bytes: vec![9; 8], ..CompiledFunction::default() };
        image.push("second".into(), function, placement);
        image.constants = vec![0; 8];
        image.distances = vec![(4, Place::Function(1))];
        image
    }

    const TIGHT: CodePlacement = CodePlacement { alignment: 1, filling: &[] };

    fn linked(functions: FunctionNames) -> (u64, i32) {
        let mut image = image(FixupTarget::Function(FunctionId(1)), TIGHT);
        let layout = Layout { code: 0x100, constants: 0x1000, functions, ..Layout::default() };
        image.link(&layout, &Words).expect("linked");
        let word = u64::from_le_bytes(image.code[..8].try_into().expect("a word"));
        (word, i32::from_le_bytes(image.constants[4..].try_into().expect("four bytes")))
    }

    #[test]
    fn functions_are_named_by_addresses_or_by_numbers() {
        assert_eq!(linked(FunctionNames::Addresses), (0x108, 0x108 - 0x1000));
        assert_eq!(linked(FunctionNames::Numbers { first: 40 }), (41, 41));
    }

    #[test]
    fn alignment_and_filling_are_the_containers() {
        let target = FixupTarget::Data(0);
        let trap = Words.trap();
        assert_eq!(image(target, TIGHT).code.len(), 16);
        let wide = image(target, CodePlacement { alignment: 12, filling: trap });
        assert_eq!(wide.code[8..], [3, 1, 2, 3, 9, 9, 9, 9, 9, 9, 9, 9]);
        let zeros = image(target, CodePlacement { alignment: 16, filling: &[] });
        assert_eq!((zeros.functions[1].offset, &zeros.code[8..16]), (16, &[0; 8][..]));
    }

    #[test]
    fn an_import_needs_another_linker() {
        let mut image = image(FixupTarget::Import(0), TIGHT);
        image.imports = vec![Import { name: "labs".into(), word: None }];
        let message = image.link(&Layout::default(), &Words).expect_err("refused").to_string();
        assert!(message.contains("first: the code reaches labs"), "{message}");
    }
}
