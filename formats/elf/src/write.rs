//! The bytes of the file: what layout made, with code, constants and the build id filled in.

use crate::layout::{BUILD_ID, BUILD_ID_SIZE, CODE_SIZE, CONSTANTS_SIZE};
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
    put(&mut file, layout.constants, &image.constants);
    put(&mut file, layout.code, &image.code);
    let id = build_id(&file);
    put(&mut file, layout.part(BUILD_ID), &id);
    Ok(file)
}

/// The build id of a file whose id is still zero: equal files, and only they, have equal ids.
pub fn build_id(file: &[u8]) -> [u8; BUILD_ID_SIZE] {
    let [low, high] = fingerprint(file);
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

fn put(file: &mut [u8], at: u64, bytes: &[u8]) {
    file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
}
