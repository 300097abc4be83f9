//! The bytes of the file: what layout made, with code, constants, name, identifier and signature filled in.

use crate::layout::{file_name, CODE_SIZE, CONSTANTS_SIZE, EXECUTABLE_SIZE, NAME_DIGITS, SIGNATURE, UUID};
use crate::signature;
use maru_core::abi::fingerprint;
use maru_core::format::{FormatError, Image, Layout};

/// The whole file.
pub fn write(image: &Image, layout: &Layout) -> Result<Vec<u8>, FormatError> {
    let sizes = [image.code.len() as u64, image.constants.len() as u64];
    let signed = layout.part(SIGNATURE);
    if signed != layout.skeleton.len() as u64 || sizes != [layout.part(CODE_SIZE), layout.part(CONSTANTS_SIZE)] {
        return Err(FormatError(format!("{}: the image changed its size after it was laid out", image.name)));
    }
    let mut file = Vec::with_capacity(layout.file_size as usize);
    file.extend_from_slice(&layout.skeleton);
    put(&mut file, layout.constants, &image.constants);
    put(&mut file, layout.code, &image.code);
    let identity = Identity::of(&file);
    put(&mut file, layout.part(NAME_DIGITS), identity.digits.as_bytes());
    put(&mut file, layout.part(UUID), &identity.uuid);
    let signature = signature::sign(&file, &file_name(&identity.digits), layout.part(EXECUTABLE_SIZE));
    file.extend(signature);
    Ok(file)
}

/// What follows from the bytes of a file: equal files, and only they, have equal ones.
#[derive(PartialEq, Eq)]
pub struct Identity {
    /// The part of the file's name that is its own.
    pub digits: String,
    /// The identifier of `LC_UUID`.
    pub uuid: [u8; 16],
}

impl Identity {
    /// The identity of a file without its signature, in which name and identifier are still zero.
    pub fn of(file: &[u8]) -> Identity {
        let [low, high] = fingerprint(file);
        let number = u128::from(low) | u128::from(high) << 64;
        let mut uuid = number.to_le_bytes();
        // RFC 9562: of a kind that its maker defines.
        uuid[6] = uuid[6] & 0x0f | 0x80;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        Identity { digits: format!("{number:032x}"), uuid }
    }
}

fn put(file: &mut [u8], at: u64, bytes: &[u8]) {
    file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
}
