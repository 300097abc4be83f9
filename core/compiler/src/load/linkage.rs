//! What an image says of itself that is linked by a linker outside of Maru: the code as it was before, and each place that
//! the linker fills in, with what belongs there.
//!
//! A linker leaves none of a file's bytes where they were, so no digest of the file can be made before. But what it may
//! do to an image is known: write addresses into the places that the image lists. So whoever is given a library puts back
//! what was there before, compares with the fingerprint that was made then, and links the code to where it lies now by
//! the target's own means, which must come to the bytes of the library. All of constants and code is covered by that.
//!
//! A place takes 24 bytes:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | offset in the code |
//! | 4 | 1 | kind of fixup |
//! | 5 | 1 | what it leads to: 0 a function, 1 a data word, 2 an imported symbol |
//! | 6 | 1, 1 | where the field starts, in bytes from the offset; how many bytes it is in |
//! | 8 | 4 | number of the function, word or symbol |
//! | 12 | 4 | addend |
//! | 16 | 8 | the field before linking |

use super::header::{BadHeader, ImageHeader, CODE_DISTANCE, CODE_SIZE, DATA_DISTANCE, FUNCTIONS, LINKED_FINGERPRINT};
use maru_core::abi::{fingerprint, WORD_SIZE};
use maru_core::codegen::{Architecture, FixupKind, FixupTarget, MachineIdentity, Relocation};
use maru_core::format::{Contents, FormatError, Image};

/// Bytes of a place.
pub(super) const LINK_SIZE: usize = 24;
/// Bytes of the largest field.
const FIELD: usize = 8;

/// The places of an image that was not linked yet.
///
/// # Errors
/// When the container has no relocation for one.
pub(super) fn links(image: &Image, machine: &MachineIdentity) -> Result<Vec<u8>, FormatError> {
    let mut out = Vec::with_capacity(image.fixups.len() * LINK_SIZE);
    for fixup in &image.fixups {
        let problem = |what: &str| {
            FormatError(format!("{}: a fixup of kind {} at {}: {what}", image.name, fixup.kind.0, fixup.offset))
        };
        let relocation = machine.relocation(fixup.kind).ok_or_else(|| problem("no relocation is known for it"))?;
        let start = fixup.offset as usize + usize::from(relocation.field);
        let field = image.code.get(start..start + usize::from(relocation.width)).filter(|field| field.len() <= FIELD);
        let field = field.ok_or_else(|| problem("its field is not in the code"))?;
        let addend = i32::try_from(fixup.addend).map_err(|_| problem("its addend is too large"))?;
        let (target, number) = match fixup.target {
            FixupTarget::Function(id) => (0, id.0),
            FixupTarget::Data(word) => (1, word),
            FixupTarget::Import(number) => (2, number),
        };
        out.extend(fixup.offset.to_le_bytes());
        out.extend([fixup.kind.0, target, relocation.field, relocation.width]);
        out.extend(number.to_le_bytes());
        out.extend(addend.to_le_bytes());
        out.extend(field);
        out.resize(out.len().next_multiple_of(LINK_SIZE), 0);
    }
    Ok(out)
}

/// The fingerprint of constants and code before linking. The distances in the constants count as what is known of them
/// then: of functions, where in the code they lie; of code and data, nothing.
pub(super) fn fingerprint_of(constants: &[u8], code: &[u8], offset: impl Fn(usize) -> u32) -> [u64; 2] {
    let mut whole = constants.to_vec();
    for at in [CODE_DISTANCE, DATA_DISTANCE] {
        whole[at..at + 4].fill(0);
    }
    whole[LINKED_FINGERPRINT..FUNCTIONS].fill(0);
    let count = u32::from_le_bytes([whole[64], whole[65], whole[66], whole[67]]) as usize;
    for (number, entry) in whole[FUNCTIONS..FUNCTIONS + 4 * count].chunks_exact_mut(4).enumerate() {
        entry.copy_from_slice(&offset(number).to_le_bytes());
    }
    whole.extend_from_slice(code);
    // Zero says that there is none.
    let [low, high] = fingerprint(&whole);
    [low | 1, high]
}

/// Complete the header of a library that an outside compiler made of text: where functions and data table are, and what
/// the code is, by addresses relative to the library's base. All of the code is its own from then on: nothing of it is a
/// place that a linker fills in.
///
/// # Errors
/// When something lies too far away.
pub(crate) fn complete(file: &mut [u8], contents: &Contents, functions: &[u64], data: u64) -> Result<(), FormatError> {
    let too_far = |_| FormatError("a part of the library lies too far from its header".into());
    let distance = |address: u64| {
        let distance = address.wrapping_sub(contents.constants_address) as i64;
        i32::try_from(distance).map(i32::to_le_bytes).map_err(too_far)
    };
    let size = (contents.executable.end - contents.executable.start) as usize;
    let code = file[contents.executable_offset..contents.executable_offset + size].to_vec();
    let constants = &mut file[contents.constants.clone()];
    constants[CODE_DISTANCE..CODE_DISTANCE + 4].copy_from_slice(&distance(contents.executable.start)?);
    constants[CODE_SIZE..CODE_SIZE + 4].copy_from_slice(&(size as u32).to_le_bytes());
    constants[DATA_DISTANCE..DATA_DISTANCE + 4].copy_from_slice(&distance(data)?);
    for (number, address) in functions.iter().enumerate() {
        let at = FUNCTIONS + 4 * number;
        constants[at..at + 4].copy_from_slice(&distance(*address)?);
    }
    let offset = |number: usize| functions[number].wrapping_sub(contents.executable.start) as u32;
    let halves = fingerprint_of(constants, &code, offset).map(u64::to_le_bytes).concat();
    constants[LINKED_FINGERPRINT..FUNCTIONS].copy_from_slice(&halves);
    Ok(())
}

/// A place, read from a library.
struct Link<'a> {
    offset: usize,
    kind: FixupKind,
    target: u8,
    field: std::ops::Range<usize>,
    number: u32,
    addend: i64,
    before: &'a [u8],
}

impl Link<'_> {
    fn parse(bytes: &[u8]) -> Link<'_> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let offset = word(0) as usize;
        let start = offset.saturating_add(bytes[6].into());
        let width = usize::from(bytes[7]).min(FIELD);
        Link {
            offset,
            kind: FixupKind(bytes[4]),
            target: bytes[5],
            field: start..start.saturating_add(width),
            number: word(8),
            addend: i64::from(word(12) as i32),
            before: &bytes[16..16 + width],
        }
    }
}

/// Check that a library's code and constants are those that were compiled, linked to where they lie: the header's
/// address is given.
///
/// # Errors
/// When they are not.
pub(super) fn check(
    header: &ImageHeader,
    constants: &[u8],
    code: &[u8],
    start: u64,
    (architecture, machine): (&dyn Architecture, &MachineIdentity),
) -> Result<(), BadHeader> {
    let from = header.links_at() as usize;
    let links = constants.get(from..from + LINK_SIZE * header.link_count as usize).ok_or(BadHeader::Damaged)?;
    let links = || links.chunks_exact(LINK_SIZE).map(Link::parse);
    let mut before = code.to_vec();
    for link in links() {
        before.get_mut(link.field.clone()).ok_or(BadHeader::Relinked)?.copy_from_slice(link.before);
    }
    let offset = |number: usize| header.function(constants, number as u32).wrapping_sub(header.code) as u32;
    if fingerprint_of(constants, &before, offset) != header.linked_fingerprint {
        return Err(BadHeader::Relinked);
    }
    // From here on the places are known to be those that were written.
    let place = |distance: i32| start.wrapping_add_signed(distance.into());
    for link in links() {
        let to = match link.target {
            0 if link.number < header.function_count => place(header.function(constants, link.number)),
            1 if link.number < header.data_words => {
                place(header.data).wrapping_add(WORD_SIZE as u64 * u64::from(link.number))
            }
            // Nothing that Maru compiles needs another library.
            _ => return Err(BadHeader::Relinked),
        };
        let field = |known: &&Relocation| {
            let start = link.offset + usize::from(known.field);
            link.field == (start..start + usize::from(known.width))
        };
        machine.relocation(link.kind).filter(field).ok_or(BadHeader::Relinked)?;
        let at = place(header.code).wrapping_add(link.offset as u64);
        let site = &mut before[link.offset..];
        let patched = architecture.patch(link.kind, site, at, to.wrapping_add_signed(link.addend));
        patched.map_err(|_| BadHeader::Relinked)?;
    }
    (before == code).then_some(()).ok_or(BadHeader::Relinked)
}
