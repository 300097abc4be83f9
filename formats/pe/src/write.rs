//! The bytes of the file: what layout made, with code, constants, time stamps, identifier and checksum filled in.

use crate::headers::{CHECKSUM, TIME_STAMP};
use crate::layout::{
    CODE_OFFSET, CODE_SIZE, CONSTANTS_OFFSET, CONSTANTS_SIZE, DEBUG_ENTRY, DEBUG_OFFSET, EXPORTS_STAMP, IDENTIFIER,
};
use maru_core::abi::fingerprint;
use maru_core::format::{FormatError, Image, Layout};

/// The whole file.
pub fn write(image: &Image, layout: &Layout) -> Result<Vec<u8>, FormatError> {
    let sizes = [image.code.len() as u64, image.constants.len() as u64];
    if layout.file_size != layout.skeleton.len() as u64
        || sizes != [layout.part(CODE_SIZE), layout.part(CONSTANTS_SIZE)]
    {
        return Err(FormatError(format!("{}: the image changed its size after it was laid out", image.name)));
    }
    let mut file = layout.skeleton.clone();
    put(&mut file, layout.part(CONSTANTS_OFFSET), &image.constants);
    put(&mut file, layout.part(CODE_OFFSET), &image.code);
    let places = IdentityPlaces::new(layout.part(EXPORTS_STAMP), layout.part(DEBUG_OFFSET));
    places.fill(&mut file);
    Ok(file)
}

/// Where in a file lies what follows from its other bytes.
pub struct IdentityPlaces {
    stamps: [u64; 4],
    identifier: u64,
}

impl IdentityPlaces {
    /// In a file whose exports' time stamp and whose debug directory lie at these offsets.
    pub fn new(exports_stamp: u64, debug: u64) -> IdentityPlaces {
        IdentityPlaces {
            stamps: [TIME_STAMP, exports_stamp, debug + 4, debug + DEBUG_ENTRY + 4],
            identifier: debug + IDENTIFIER,
        }
    }

    /// Fill in what follows from all other bytes: equal files, and only they, have equal identities.
    pub fn fill(&self, file: &mut [u8]) {
        for stamp in self.stamps {
            put(file, stamp, &[0; 4]);
        }
        put(file, self.identifier, &[0; 16]);
        put(file, CHECKSUM, &[0; 4]);
        let [low, high] = fingerprint(file);
        for stamp in self.stamps {
            put(file, stamp, &(low as u32).to_le_bytes());
        }
        put(file, self.identifier, &(u128::from(low) | u128::from(high) << 64).to_le_bytes());
        put(file, CHECKSUM, &checksum(file).to_le_bytes());
    }
}

/// The checksum of a file: the sum of its 16-bit words but those of the checksum itself, with what overflows added again,
/// and its length.
pub fn checksum(file: &[u8]) -> u32 {
    let word = |pair: &[u8]| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 8;
    let (before, after) = file.split_at(CHECKSUM as usize);
    let mut sum: u64 = before.chunks(2).chain(after[4..].chunks(2)).map(word).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u32 + file.len() as u32
}

fn put(file: &mut [u8], at: u64, bytes: &[u8]) {
    file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
}
