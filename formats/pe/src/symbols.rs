//! The symbols of a library: sorted by name for the exports, and as a table for those who list and debug.

use maru_core::format::{FormatError, Image, HEADER_SYMBOL};
use maru_dwarf::Bytes;

/// How many symbols can be exported: their numbers have 16 bits.
const MOST: usize = 0xffff;
/// Bytes of a name that is in its entry.
const SHORT: usize = 8;

/// A symbol.
pub struct Symbol {
    pub name: String,
    /// From the library's base.
    pub address: u64,
    /// Bytes of code; `None`: it is no function.
    pub size: Option<u32>,
}

/// The symbols of an image, sorted by name: all of them are exported.
pub fn symbols(image: &Image, code: u64, constants: u64) -> Result<Vec<Symbol>, FormatError> {
    let refuse = |problem: String| Err(FormatError(format!("{}: {problem}", image.name)));
    let mut all = Vec::with_capacity(image.functions.len() + 1);
    all.push(Symbol { name: HEADER_SYMBOL.into(), address: constants, size: None });
    for function in &image.functions {
        let name = function.symbol.clone();
        if name.is_empty() || name.bytes().any(|byte| byte == 0) {
            return refuse(format!("a symbol cannot be called {name:?}"));
        }
        all.push(Symbol { name, address: code + u64::from(function.offset), size: Some(function.size) });
    }
    if all.len() > MOST {
        return refuse(format!("the format pe has room for {MOST} symbols, there are {}", all.len()));
    }
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = all.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return refuse(format!("two symbols are called {}", pair[0].name));
    }
    Ok(all)
}

/// The pool of names that are too long for their places.
pub struct Pool(Bytes);

impl Pool {
    /// A pool without names: it starts with its size.
    pub fn new() -> Pool {
        Pool(Bytes::from(vec![0; 4]))
    }

    /// What stands for a section's name in eight bytes.
    pub fn section(&mut self, name: &str) -> [u8; SHORT] {
        let text = if name.len() <= SHORT { name.into() } else { format!("/{}", self.add(name)) };
        let mut place = [0; SHORT];
        place[..text.len()].copy_from_slice(text.as_bytes());
        place
    }

    /// What stands for a symbol's name in eight bytes.
    fn symbol(&mut self, name: &str) -> [u8; SHORT] {
        let mut place = [0; SHORT];
        if name.len() <= SHORT {
            place[..name.len()].copy_from_slice(name.as_bytes());
        } else {
            place[4..].copy_from_slice(&self.add(name).to_le_bytes());
        }
        place
    }

    fn add(&mut self, name: &str) -> u32 {
        let at = self.0.position() as u32;
        self.0.raw(name.as_bytes());
        self.0.u8(0);
        at
    }

    /// Append the pool.
    pub fn write(mut self, out: &mut Bytes) {
        self.0.put_u32(0, self.0.position() as u32);
        out.raw(&self.0 .0);
    }
}

/// Append the table: functions in the first section, all else in the second, with the sections' addresses. How many
/// entries there are.
pub fn write_table(symbols: &[Symbol], sections: [u64; 2], pool: &mut Pool, out: &mut Bytes) -> u64 {
    let mut entries = 0;
    for symbol in symbols {
        let is_function = symbol.size.is_some();
        let section = usize::from(!is_function);
        out.raw(&pool.symbol(&symbol.name));
        out.u32((symbol.address - sections[section]) as u32);
        out.u16(section as u16 + 1);
        out.u16(if is_function { 0x20 } else { 0 });
        out.u8(2); // Seen by everybody.
        out.u8(is_function.into());
        if let Some(size) = symbol.size {
            out.u32(0);
            out.u32(size);
            out.zeros(10);
        }
        entries += 1 + u64::from(is_function);
    }
    entries
}
