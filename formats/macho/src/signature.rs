//! The signature: a list of the digests of all pages before it. Its numbers are big-endian.

use object::macho;
use sha2::{Digest, Sha256};

/// Bytes of a page, for the signature: any system takes this size, whatever that of its own pages.
const PAGE_BITS: u8 = 12;
const DIGEST_SIZE: u64 = 32;
/// Bytes of the container's head and its one entry.
const CONTAINER_SIZE: u64 = 20;
/// Bytes of the fixed part of the directory of pages.
const DIRECTORY_SIZE: u64 = 88;
/// The version that has the fields about the executable segment.
const VERSION: u32 = 0x20400;

/// Bytes of the signature of so many bytes by somebody called so.
pub fn size(signed: u64, name: &str) -> u64 {
    CONTAINER_SIZE + DIRECTORY_SIZE + name.len() as u64 + 1 + DIGEST_SIZE * pages(signed)
}

fn pages(signed: u64) -> u64 {
    signed.div_ceil(1 << PAGE_BITS)
}

/// The signature of some bytes, the first `executable` of which are the executable segment.
pub fn sign(bytes: &[u8], name: &str, executable: u64) -> Vec<u8> {
    let signed = bytes.len() as u64;
    let total = size(signed, name) as u32;
    let names = DIRECTORY_SIZE as u32;
    let digests = names + name.len() as u32 + 1;
    let mut out = Vec::with_capacity(total as usize);
    let mut words = |words: &[u32]| words.iter().for_each(|word| out.extend(word.to_be_bytes()));
    words(&[macho::CSMAGIC_EMBEDDED_SIGNATURE, total, 1, 0, CONTAINER_SIZE as u32]);
    let flags = macho::CS_ADHOC.0 | macho::CS_LINKER_SIGNED.0;
    words(&[macho::CSMAGIC_CODEDIRECTORY, total - CONTAINER_SIZE as u32, VERSION, flags, digests, names]);
    words(&[0, pages(signed) as u32, signed as u32]);
    words(&[u32::from_be_bytes([DIGEST_SIZE as u8, macho::CS_HASHTYPE_SHA256.0, 0, PAGE_BITS])]);
    // No scattering, no team, no larger limit; then base, size and flags of the executable segment, 64 bits each.
    words(&[0, 0, 0, 0, 0, 0, 0, 0, (executable >> 32) as u32, executable as u32, 0, 0]);
    out.extend(name.as_bytes());
    out.push(0);
    for page in bytes.chunks(1 << PAGE_BITS) {
        out.extend(Sha256::digest(page));
    }
    out
}
