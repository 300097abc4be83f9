//! The header of an image: the first bytes of its constants, under the symbol [`maru_core::format::HEADER_SYMBOL`].
//!
//! It says where functions, data table and manifest are, as distances from itself, so that nothing needs relocating;
//! and whether the image suits this Maru. Numbers are little-endian; but distances, which a linker may fill in, have the
//! machine's byte order.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 8 | ABI stamp |
//! | 16 | 16 | fingerprint of the manifest |
//! | 32 | 4 | bytes in a word; 256 more if distances have the most significant byte first |
//! | 36 | 4 | bytes of constants, this header and all |
//! | 40 | 4, 4 | distance to the code, its size in bytes |
//! | 48 | 4, 4 | distance to the data table, its size in words |
//! | 56 | 4, 4 | distance to the manifest, its size in bytes |
//! | 64 | 4 | number of functions |
//! | 68 | 4 | number of places that a linker fills in; 0 if the image was linked when it was written |
//! | 72 | 16 | fingerprint of what a linker got; zero likewise |
//! | 88 | 4 each | distances to the functions |
//! | … | 24 each | the places that a linker fills in; see `linkage` |
//! | … | | the manifest |

use super::linkage::{self, LINK_SIZE};
use maru_core::abi::fingerprint;
use maru_core::abi::layout::WORD_SIZE;
use maru_core::codegen::MachineIdentity;
use maru_core::format::{FormatError, Image, ImageFunction, Place};

const MAGIC: [u8; 8] = *b"MARUIMG\0";
/// In the word at 32: distances have the most significant byte first.
const BIG_ENDIAN: u32 = 0x100;
pub(super) const FUNCTIONS: usize = 88;
/// Where the fingerprint of what a linker got lies.
pub(super) const LINKED_FINGERPRINT: usize = 72;
/// Where the distances to code and data lie.
pub(super) const CODE_DISTANCE: usize = 40;
pub(super) const DATA_DISTANCE: usize = 48;
/// Where the size of the code lies.
pub(super) const CODE_SIZE: usize = 44;

/// A header that was checked: what lies where, relative to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageHeader {
    /// Bytes of constants, the header and all.
    pub constants_size: u32,
    /// Distance to the code.
    pub code: i32,
    /// Bytes of code.
    pub code_size: u32,
    /// Distance to the data table.
    pub data: i32,
    /// Words in the data table.
    pub data_words: u32,
    /// Distance to the manifest.
    pub manifest: u32,
    /// Bytes of the manifest.
    pub manifest_size: u32,
    /// Number of functions.
    pub function_count: u32,
    /// Number of places that a linker fills in.
    pub link_count: u32,
    big_endian: bool,
    manifest_fingerprint: [u64; 2],
    pub(super) linked_fingerprint: [u64; 2],
}

/// Why bytes are no header that this Maru can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// They are no header at all.
    Foreign,
    /// They contradict themselves.
    Damaged,
    /// The header is one of another version.
    OtherStamp {
        /// Its stamp.
        found: u64,
        /// The stamp that images for this target have here.
        own: u64,
    },
    /// A linker made something else of the code than linking it to where it lies.
    Relinked,
}

impl ImageHeader {
    /// Bytes of a header without functions: what must be readable to [`ImageHeader::parse`].
    pub const SIZE: usize = FUNCTIONS;

    /// Give an image its header and manifest, which become its constants. Call it when all functions are pushed and
    /// `data_words` is known, before layout; [`Image::link`] fills in the distances. The stamp is that of
    /// images for the code's target, see [`maru_core::codegen::image_stamp`].
    ///
    /// # Errors
    /// When there are constants already, or too much of anything.
    pub fn build(image: &mut Image, manifest: &[u8], stamp: u64) -> Result<(), FormatError> {
        ImageHeader::build_with(image, manifest, stamp, &[])
    }

    /// The same for an image that a linker will link: it also records what the code is before that, and where the linker
    /// will change it, so that what comes back can be checked.
    ///
    /// # Errors
    /// As [`ImageHeader::build`]; or when the container has no relocation for one of the fixups.
    pub fn build_linkable(
        image: &mut Image,
        manifest: &[u8],
        stamp: u64,
        machine: &MachineIdentity,
    ) -> Result<(), FormatError> {
        let links = linkage::links(image, machine)?;
        ImageHeader::build_with(image, manifest, stamp, &links)?;
        let halves = linkage::fingerprint_of(&image.constants, &image.code, |number| image.functions[number].offset);
        let bytes = halves.map(u64::to_le_bytes).concat();
        image.constants[LINKED_FINGERPRINT..FUNCTIONS].copy_from_slice(&bytes);
        Ok(())
    }

    /// The constants of a unit whose code an outside compiler will make: how much there is of it, and where everything
    /// lies, is completed in the library.
    ///
    /// # Errors
    /// As [`ImageHeader::build`].
    pub fn without_places(
        name: &str,
        functions: usize,
        data_words: u32,
        manifest: &[u8],
        stamp: u64,
    ) -> Result<Vec<u8>, FormatError> {
        let nothing =
            ImageFunction { symbol: String::new(), offset: 0, size: 0, unwind: Vec::new(), lines: Vec::new() };
        let mut image = Image { data_words, functions: vec![nothing; functions], ..Image::new(name, "") };
        ImageHeader::build(&mut image, manifest, stamp)?;
        Ok(image.constants)
    }

    fn build_with(image: &mut Image, manifest: &[u8], stamp: u64, links: &[u8]) -> Result<(), FormatError> {
        let problem = |what: &str| FormatError(format!("{}: {what}", image.name));
        if !image.constants.is_empty() {
            return Err(problem("the header must be the first of the constants"));
        }
        let links_at = FUNCTIONS + 4 * image.functions.len();
        let manifest_at = (links_at + links.len()).next_multiple_of(8);
        let too_large = |_| problem("too large for one image");
        let constants_size = u32::try_from(manifest_at + manifest.len()).map_err(too_large)?;
        let code_size = u32::try_from(image.code.len()).map_err(too_large)?;

        let mut bytes = Vec::with_capacity(constants_size as usize);
        bytes.extend(MAGIC);
        bytes.extend(stamp.to_le_bytes());
        bytes.extend(fingerprint(manifest).iter().flat_map(|half| half.to_le_bytes()));
        let words = [
            WORD_SIZE as u32 | if image.big_endian { BIG_ENDIAN } else { 0 },
            constants_size,
            0,
            code_size,
            0,
            image.data_words,
            manifest_at as u32,
            manifest.len() as u32,
            image.functions.len() as u32,
            (links.len() / LINK_SIZE) as u32,
        ];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.resize(links_at, 0);
        bytes.extend(links);
        bytes.resize(manifest_at, 0);
        bytes.extend(manifest);
        image.constants = bytes;

        image.distances.extend([(CODE_DISTANCE as u32, Place::Code(0)), (DATA_DISTANCE as u32, Place::Data(0))]);
        let functions = 0..image.functions.len() as u32;
        image.distances.extend(functions.map(|number| (FUNCTIONS as u32 + 4 * number, Place::Function(number))));
        Ok(())
    }

    /// Check the start of some constants; against a stamp, unless they were examined before or made here.
    ///
    /// # Errors
    /// When this Maru cannot use an image with them.
    pub fn parse(constants: &[u8], stamp: Option<u64>) -> Result<ImageHeader, BadHeader> {
        let start: &[u8; FUNCTIONS] = constants.first_chunk().ok_or(BadHeader::Foreign)?;
        let word = |at: usize| u32::from_le_bytes([start[at], start[at + 1], start[at + 2], start[at + 3]]);
        let double = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if start[..8] != MAGIC {
            return Err(BadHeader::Foreign);
        }
        let found = double(8);
        if let Some(own) = stamp.filter(|own| *own != found) {
            return Err(BadHeader::OtherStamp { found, own });
        }
        let big_endian = word(32) & BIG_ENDIAN != 0;
        let distance = |at: usize| distance(big_endian, start, at);
        let header = ImageHeader {
            constants_size: word(36),
            code: distance(CODE_DISTANCE),
            code_size: word(44),
            data: distance(DATA_DISTANCE),
            data_words: word(52),
            manifest: word(56),
            manifest_size: word(60),
            function_count: word(64),
            link_count: word(68),
            big_endian,
            manifest_fingerprint: [double(16), double(24)],
            linked_fingerprint: [double(LINKED_FINGERPRINT), double(LINKED_FINGERPRINT + 8)],
        };
        let table_end = header.links_at() + LINK_SIZE as u64 * u64::from(header.link_count);
        let manifest_end = u64::from(header.manifest) + u64::from(header.manifest_size);
        let consistent = word(32) & !BIG_ENDIAN == WORD_SIZE as u32
            && table_end.next_multiple_of(8) == header.manifest.into()
            && manifest_end == header.constants_size.into()
            && (header.is_linkable() || header.link_count == 0);
        consistent.then_some(header).ok_or(BadHeader::Damaged)
    }

    /// Check what a header promises of the constants that it stands in: that the manifest is whole and that all
    /// functions lie in the code.
    ///
    /// # Errors
    /// When something does not.
    pub fn check(&self, constants: &[u8]) -> Result<(), BadHeader> {
        if constants.len() != self.constants_size as usize {
            return Err(BadHeader::Damaged);
        }
        let code = i64::from(self.code)..i64::from(self.code) + i64::from(self.code_size);
        let inside = (0..self.function_count).all(|number| code.contains(&self.function(constants, number).into()));
        let whole = fingerprint(self.manifest(constants)) == self.manifest_fingerprint;
        (inside && whole).then_some(()).ok_or(BadHeader::Damaged)
    }

    /// Whether the image was made to be linked by a linker.
    pub fn is_linkable(&self) -> bool {
        self.linked_fingerprint != [0; 2]
    }

    /// Where the places lie that a linker fills in.
    pub(super) fn links_at(&self) -> u64 {
        FUNCTIONS as u64 + 4 * u64::from(self.function_count)
    }

    /// The distance to a function that exists.
    pub(super) fn function(&self, constants: &[u8], number: u32) -> i32 {
        distance(self.big_endian, constants, FUNCTIONS + 4 * number as usize)
    }

    /// The manifest in the constants.
    pub(super) fn manifest<'a>(&self, constants: &'a [u8]) -> &'a [u8] {
        &constants[self.manifest as usize..self.constants_size as usize]
    }
}

/// The distance at an offset that exists.
fn distance(big_endian: bool, constants: &[u8], at: usize) -> i32 {
    let bytes = [constants[at], constants[at + 1], constants[at + 2], constants[at + 3]];
    if big_endian {
        i32::from_be_bytes(bytes)
    } else {
        i32::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maru_core::format::Layout;

    /// An image of two functions, its header linked for a made-up layout.
    fn constants(manifest: &[u8]) -> Vec<u8> {
        let mut image = Image::new("test", "");
        image.code = vec![0; 48];
        for offset in [0, 32] {
            let symbol = format!("f{offset}");
            image.functions.push(ImageFunction { symbol, offset, size: 16, unwind: vec![], lines: vec![] });
        }
        image.data_words = 5;
        ImageHeader::build(&mut image, manifest, STAMP).expect("built");
        let layout = Layout { constants: 0x1000, code: 0x800, data: 0x5000, ..Layout::default() };
        image.link(&layout, &NoArchitecture).expect("linked");
        image.constants
    }

    struct NoArchitecture;
    impl maru_core::codegen::Architecture for NoArchitecture {
        fn name(&self) -> &'static str {
            "none"
        }
        fn is_host(&self) -> bool {
            false
        }
        fn argument_registers(&self) -> usize {
            0
        }
        fn convention_facts(&self) -> Vec<maru_core::abi::Fact> {
            Vec::new()
        }
        fn trap(&self) -> &'static [u8] {
            &[0]
        }
        fn identity(&self, _: &str) -> Option<&maru_core::codegen::MachineIdentity> {
            None
        }
        fn compile(
            &self,
            _: &maru_core::ir::Function,
        ) -> Result<maru_core::codegen::CompiledFunction, maru_core::codegen::CompileError> {
            unreachable!("nothing is compiled here")
        }
        fn patch(
            &self,
            _: maru_core::codegen::FixupKind,
            _: &mut [u8],
            _: u64,
            _: u64,
        ) -> Result<(), maru_core::codegen::OutOfRange> {
            Ok(())
        }
        fn listing(
            &self,
            _: &maru_core::ir::Function,
        ) -> Result<Vec<maru_core::codegen::ListingLine>, maru_core::codegen::CompileError> {
            unreachable!("nothing is listed here")
        }
    }

    const STAMP: u64 = 0x1234_5678_9abc_def0;

    fn parse(constants: &[u8]) -> Result<ImageHeader, BadHeader> {
        ImageHeader::parse(constants, Some(STAMP))
    }

    #[test]
    fn a_header_says_what_was_built() {
        let constants = constants(b"manifest");
        let header = parse(&constants).expect("good");
        header.check(&constants).expect("consistent");
        assert_eq!((header.code, header.code_size), (-0x800, 48));
        assert_eq!((header.data, header.data_words), (0x4000, 5));
        assert_eq!(header.function_count, 2);
        assert_eq!(header.function(&constants, 1), -0x800 + 32);
        assert_eq!(header.manifest(&constants), b"manifest");
    }

    #[test]
    fn a_header_must_come_first() {
        let mut image = Image::new("test", "");
        image.constants.push(1);
        let error = ImageHeader::build(&mut image, b"", STAMP).expect_err("refused");
        assert!(error.to_string().contains("first"));
    }

    #[test]
    fn other_bytes_are_no_header() {
        assert_eq!(parse(b""), Err(BadHeader::Foreign));
        assert_eq!(parse(&[0; 100]), Err(BadHeader::Foreign));
        let mut other = constants(b"");
        other[8] ^= 1;
        assert_eq!(parse(&other), Err(BadHeader::OtherStamp { found: STAMP ^ 1, own: STAMP }));
    }

    #[test]
    fn every_truncation_and_every_damage_to_sizes_and_manifest_is_found() {
        let good = constants(b"some manifest");
        let usable = |bytes: &[u8]| parse(bytes).and_then(|header| header.check(bytes)).is_ok();
        assert!(usable(&good));
        assert!((0..good.len()).all(|length| !usable(&good[..length])));
        // The fingerprint of what a linker got is looked at with the file, which is a linker's or is not.
        let checked = (0..40).chain(56..LINKED_FINGERPRINT).chain(FUNCTIONS + 8..good.len());
        for at in checked {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << bit;
                assert!(!usable(&bytes), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_function_outside_of_the_code_is_found() {
        let mut bytes = constants(b"");
        bytes[FUNCTIONS + 4..FUNCTIONS + 8].copy_from_slice(&(-0x800i32 + 48).to_le_bytes());
        let header = parse(&bytes).expect("the start is good");
        assert_eq!(header.check(&bytes), Err(BadHeader::Damaged));
    }
}
