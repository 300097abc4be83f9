//! Code signatures of Mach-O files: every page must have the hash that the code directory gives it.

use goblin::mach::load_command::CommandVariant;
use goblin::mach::MachO;
use sha2::{Digest, Sha256};

const SUPER_BLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;

/// Check the signature of a file.
///
/// # Errors
/// When there is none, or it is damaged, or does not cover the whole file, or a page has another hash.
pub(crate) fn check(file: &[u8], binary: &MachO) -> Result<(), String> {
    let command = binary.load_commands.iter().find_map(|command| match command.command {
        CommandVariant::CodeSignature(signature) => Some(signature),
        _ => None,
    });
    let command = command.ok_or("it has no code signature")?;
    let end = (command.dataoff as usize).saturating_add(command.datasize as usize);
    let blob = file.get(command.dataoff as usize..end).ok_or("its code signature ends after the file")?;
    if word(blob, 0)? != SUPER_BLOB {
        return Err("its code signature has the wrong magic".into());
    }
    let count = word(blob, 8)? as usize;
    for index in 0..count.min(64) {
        let directory = blob.get(word(blob, 16 + 8 * index)? as usize..).ok_or("a part outside the signature")?;
        if word(directory, 0)? == CODE_DIRECTORY {
            return check_pages(file, directory, command.dataoff as usize);
        }
    }
    Err("its code signature has no code directory".into())
}

fn check_pages(file: &[u8], directory: &[u8], signature: usize) -> Result<(), String> {
    let (hashes, slots, limit) =
        (word(directory, 16)? as usize, word(directory, 28)? as usize, word(directory, 32)? as usize);
    let [size, kind, _, page] = word(directory, 36)?.to_be_bytes();
    if (size, kind) != (32, 2) || page > 16 || limit != signature {
        return Err("its code signature is of another kind, or does not cover the file up to itself".into());
    }
    let pages = file[..limit].chunks(1 << page);
    if pages.len() != slots {
        return Err(format!("its code signature has {slots} hashes for {} pages", pages.len()));
    }
    for (number, page) in pages.enumerate() {
        let hash = directory.get(hashes + 32 * number..hashes + 32 * (number + 1)).ok_or("the hashes are cut short")?;
        if Sha256::digest(page)[..] != *hash {
            return Err(format!("page {number} does not have the hash in the code signature"));
        }
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    let four = bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>());
    four.map(|four| u32::from_be_bytes(*four)).ok_or_else(|| "its code signature is cut short".into())
}
