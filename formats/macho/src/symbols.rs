//! The symbols of a library and the pool of their names.

use crate::layout::Places;
use maru_core::format::{FormatError, Image, HEADER_SYMBOL};
use maru_dwarf::Bytes;
use object::macho;

/// Bytes of an entry of the symbol table.
pub const SYMBOL_SIZE: u64 = 16;

/// A symbol.
pub struct Symbol {
    /// With the underscore that C names have.
    pub name: String,
    /// The number of the section that it lies in, from 1.
    pub section: u8,
    /// From the library's base.
    pub address: u64,
}

/// The symbols of an image, sorted by name: all of them are exported.
pub fn symbols(image: &Image, places: &Places) -> Result<Vec<Symbol>, FormatError> {
    let mut all = Vec::with_capacity(image.functions.len() + 1);
    let symbol = |name: &str, section, address| Symbol { name: format!("_{name}"), section, address };
    all.push(symbol(HEADER_SYMBOL, places.constants_section, places.constants));
    for function in &image.functions {
        let name = function.symbol.as_str();
        if name.is_empty() || name.bytes().any(|byte| byte == 0) {
            return Err(FormatError(format!("{}: a symbol cannot be called {name:?}", image.name)));
        }
        all.push(symbol(name, places.code_section, places.code + u64::from(function.offset)));
    }
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = all.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(FormatError(format!("{}: two symbols are called {}", image.name, &pair[0].name[1..])));
    }
    Ok(all)
}

/// Append the symbol table. The names' offsets are those of [`write_names`].
pub fn write_table(symbols: &[Symbol], out: &mut Bytes) {
    let mut name_offset = EMPTY_POOL.len() as u32;
    for symbol in symbols {
        out.u32(name_offset);
        out.u8(macho::N_SECT.0 | macho::N_EXT.0);
        out.u8(symbol.section);
        out.u16(0);
        out.u64(symbol.address);
        name_offset += symbol.name.len() as u32 + 1;
    }
}

/// How every pool begins, so that offset 1 is the empty name.
const EMPTY_POOL: &[u8; 2] = b" \0";

/// Append the names.
pub fn write_names(symbols: &[Symbol], out: &mut Bytes) {
    out.raw(EMPTY_POOL);
    for symbol in symbols {
        out.raw(symbol.name.as_bytes());
        out.u8(0);
    }
    out.align(8);
}
