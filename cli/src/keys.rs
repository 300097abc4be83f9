//! Files with keys: a line of text each, a word that says what it is and the key.

use crate::trouble::Trouble;
use maru_compiler::load::{from_hexadecimal, hexadecimal, is_key, public_key, SecretKey};
use maru_language::runtime::PublicKey;
use std::io::Write;
use std::path::{Path, PathBuf};

const SECRET: &str = "maru-secret-key";
const PUBLIC: &str = "maru-public-key";

fn read(path: &Path, kind: &str, what: &str) -> Result<[u8; 32], Trouble> {
    let text = std::fs::read_to_string(path).map_err(|fault| Trouble::file(path, &fault))?;
    let key = text.strip_prefix(kind).and_then(|digits| from_hexadecimal(digits.trim()));
    key.ok_or_else(|| Trouble::wrong_call(format!("{}: no {what}; `maru key new` makes keys", path.display())))
}

/// The key in a file by which files are signed.
///
/// # Errors
/// When there is none.
pub fn secret(path: &Path) -> Result<SecretKey, Trouble> {
    read(path, SECRET, "key that signs")
}

/// The keys in files by which signatures are checked.
///
/// # Errors
/// When there is none in one of them.
pub fn trusted(paths: &[PathBuf]) -> Result<Vec<PublicKey>, Trouble> {
    let key = |path: &PathBuf| {
        let key = read(path, PUBLIC, "public key")?;
        match is_key(&key) {
            true => Ok(key),
            false => Err(Trouble::wrong_call(format!("{}: these bytes are no key", path.display()))),
        }
    };
    paths.iter().map(key).collect()
}

/// Make a key: a file that only its owner may read, and one for those who check.
///
/// # Errors
/// When there are such files, or they cannot be written.
pub fn make(name: &Path) -> Result<(PathBuf, PathBuf), Trouble> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|fault| Trouble::failed(format!("the system has no random numbers for a key: {fault}")))?;
    let with = |ending: &str| {
        let mut path = name.as_os_str().to_os_string();
        path.push(ending);
        PathBuf::from(path)
    };
    let (private, public) = (with(".key"), with(".pub"));
    write(&private, &format!("{SECRET} {}\n", hexadecimal(&secret)), true)?;
    write(&public, &format!("{PUBLIC} {}\n", hexadecimal(&public_key(&secret))), false)?;
    Ok((private, public))
}

/// Keys that are there are not written over: what they signed would be lost.
fn write(path: &Path, text: &str, is_private: bool) -> Result<(), Trouble> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_private;
    let written =
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|fault| Trouble::output(path, &fault))
}
