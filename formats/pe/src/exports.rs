//! The export directory: addresses, names in the order of their bytes, and which name has which address.

use crate::symbols::Symbol;
use maru_dwarf::Bytes;

/// Bytes of the directory itself.
const DIRECTORY_SIZE: u64 = 40;

/// Append the directory with its tables. The part begins at an address; the library's name is given, and the symbols
/// are sorted by name. The position of the time stamp in what was appended is returned.
pub fn write(symbols: &[Symbol], library: &str, address: u64, out: &mut Bytes) -> u64 {
    let start = out.position();
    let count = symbols.len() as u64;
    let addresses = address + DIRECTORY_SIZE;
    let names = addresses + 4 * count;
    let ordinals = names + 4 * count;
    let texts = ordinals + 2 * count;
    out.u32(0);
    let time_stamp = out.position();
    out.u32(0);
    out.u32(0);
    out.u32(texts as u32);
    out.u32(1);
    out.u32(count as u32);
    out.u32(count as u32);
    for table in [addresses, names, ordinals] {
        out.u32(table as u32);
    }
    for symbol in symbols {
        out.u32(symbol.address as u32);
    }
    let mut text = texts + library.len() as u64 + 1;
    for symbol in symbols {
        out.u32(text as u32);
        text += symbol.name.len() as u64 + 1;
    }
    for number in 0..count {
        out.u16(number as u16);
    }
    for name in std::iter::once(library).chain(symbols.iter().map(|symbol| symbol.name.as_str())) {
        out.raw(name.as_bytes());
        out.u8(0);
    }
    time_stamp - start
}
