//! The stamp of images: one number for all that native code and runtime must agree on.

use super::{fingerprint, WORD_SIZE};

/// Number of the layout of an image's header, a part of the stamp.
const HEADER_VERSION: u64 = 2;

/// What native code and runtime must agree on, as one number: changed by any change of the files that define
/// values, the context and the helpers, and by the version of Maru.
pub const fn abi_stamp() -> u64 {
    const STAMP: u64 = {
        let parts = [
            HEADER_VERSION,
            WORD_SIZE as u64,
            std::mem::size_of::<super::Context>() as u64,
            fingerprint(env!("CARGO_PKG_VERSION").as_bytes())[0],
            fingerprint(include_bytes!("layout.rs"))[0],
            fingerprint(include_bytes!("context.rs"))[0],
            fingerprint(include_bytes!("helper.rs"))[0],
            fingerprint(include_bytes!("table.rs"))[0],
        ];
        let mut stamp = 0;
        let mut index = 0;
        while index < parts.len() {
            let pair = stamp as u128 | (parts[index] as u128) << 64;
            stamp = fingerprint(&pair.to_le_bytes())[0];
            index += 1;
        }
        stamp
    };
    STAMP
}
