//! Signatures of files that hold code, for who runs only what certain people made.
//!
//! The signature of a file lies beside it, in a file of its own: a line of text. It is Ed25519's, of [`PURPOSE`] and the
//! file's bytes, so that a signature that was made for something else means nothing here. What was checked is what is
//! loaded: the bytes are not read again.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use maru_language::runtime::PublicKey;
use std::path::{Path, PathBuf};

/// What is signed in front of a file's bytes.
const PURPOSE: &[u8] = b"maru: a file that holds code, version 1\n";
/// The first word of a signature's file.
const SIGNATURE: &str = "maru-signature";

/// A key that signs; whoever has it can make what others trust.
pub type SecretKey = [u8; 32];

fn message(bytes: &[u8]) -> Vec<u8> {
    [PURPOSE, bytes].concat()
}

/// The key by which others check what a secret key signs.
pub fn public_key(secret: &SecretKey) -> PublicKey {
    SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

/// Whether these bytes are a key: not all are.
pub fn is_key(key: &PublicKey) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak())
}

/// The text of the file that holds the signature of a file's bytes.
pub fn sign(secret: &SecretKey, bytes: &[u8]) -> String {
    let signature = SigningKey::from_bytes(secret).sign(&message(bytes));
    format!("{SIGNATURE} {}\n", hexadecimal(&signature.to_bytes()))
}

/// Where the signature of a file lies.
pub fn signature_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_os_string();
    path.push(".sig");
    path.into()
}

/// Check that a file's bytes were signed with one of the keys that are trusted; nothing is asked if there are none.
///
/// # Errors
/// What is wrong: there is no signature, or it is another's, or of other bytes.
pub fn check_signature(trusted: &[PublicKey], file: &Path, bytes: &[u8]) -> Result<(), String> {
    if trusted.is_empty() {
        return Ok(());
    }
    let path = signature_path(file);
    let text = std::fs::read_to_string(&path).map_err(|fault| {
        format!(
            "it is not signed, and only signed files are trusted: {}: {fault}; maru key sign signs it",
            path.display()
        )
    })?;
    let signature = text.strip_prefix(SIGNATURE).and_then(|digits| from_hexadecimal::<64>(digits.trim()));
    let signature = signature.ok_or_else(|| format!("{} holds no signature; sign the file again", path.display()))?;
    let (message, signature) = (message(bytes), Signature::from_bytes(&signature));
    let mut keys = trusted.iter().filter_map(|key| VerifyingKey::from_bytes(key).ok());
    match keys.any(|key| key.verify_strict(&message, &signature).is_ok()) {
        true => Ok(()),
        false => {
            Err("its signature is by no key that is trusted, or of other bytes; get the file again, or sign it".into())
        }
    }
}

/// Bytes as text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many bytes from text.
pub fn from_hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
