//! The dynamic symbols, their names, and the hash table through which the loader finds them.

use crate::class::Class;
use maru_core::format::{FormatError, Image, HEADER_SYMBOL};
use maru_dwarf::Bytes;
use object::elf;

/// Which bit of a hash is the second one in the Bloom filter.
const BLOOM_SHIFT: u32 = 6;

/// A symbol before it becomes an entry.
struct Symbol<'a> {
    name: &'a str,
    hash: u32,
    bucket: u32,
    kind: elf::SymbolType,
    section: u16,
    address: u64,
    size: u64,
}

/// The symbols of an image in the order of their table: the first entry, which is null, left out.
pub struct Symbols<'a> {
    sorted: Vec<Symbol<'a>>,
    buckets: u32,
}

/// What symbols are relative to: the addresses and the section numbers of constants and code.
pub struct Places {
    pub constants: u64,
    pub constants_section: u16,
    pub code: u64,
    pub code_section: u16,
}

impl<'a> Symbols<'a> {
    /// Collect the symbols and sort them as the hash table needs it: by bucket.
    pub fn new(image: &'a Image, places: &Places) -> Result<Symbols<'a>, FormatError> {
        let mut symbols = Symbols::unsorted(image);
        let (section, size) = (places.constants_section, image.constants.len() as u64);
        symbols.push(HEADER_SYMBOL, elf::STT_OBJECT, section, places.constants, size);
        symbols.push_functions(image, places)?;
        symbols.sort(image)
    }

    /// The symbols of the functions alone.
    pub fn of_functions(image: &'a Image, places: &Places) -> Result<Symbols<'a>, FormatError> {
        let mut symbols = Symbols::unsorted(image);
        symbols.push_functions(image, places)?;
        symbols.sort(image)
    }

    fn unsorted(image: &Image) -> Symbols<'a> {
        let sorted = Vec::with_capacity(image.functions.len() + 1);
        Symbols { sorted, buckets: (image.functions.len() as u32 / 2).max(1) }
    }

    fn push(&mut self, name: &'a str, kind: elf::SymbolType, section: u16, address: u64, size: u64) {
        let hash = gnu_hash(name.as_bytes());
        self.sorted.push(Symbol { name, hash, bucket: hash % self.buckets, kind, section, address, size });
    }

    fn push_functions(&mut self, image: &'a Image, places: &Places) -> Result<(), FormatError> {
        for function in &image.functions {
            let name = function.symbol.as_str();
            if name.is_empty() || name.bytes().any(|byte| byte == 0) {
                return Err(FormatError(format!("{}: a symbol cannot be called {name:?}", image.name)));
            }
            let address = places.code + u64::from(function.offset);
            self.push(name, elf::STT_FUNC, places.code_section, address, function.size.into());
        }
        Ok(())
    }

    fn sort(mut self, image: &Image) -> Result<Symbols<'a>, FormatError> {
        self.sorted.sort_unstable_by_key(|symbol| (symbol.bucket, symbol.hash, symbol.name));
        let same = |pair: &&[Symbol]| pair[0].hash == pair[1].hash && pair[0].name == pair[1].name;
        if let Some(pair) = self.sorted.windows(2).find(same) {
            return Err(FormatError(format!("{}: two symbols are called {}", image.name, pair[0].name)));
        }
        Ok(self)
    }

    /// Append the symbol table. The names' offsets are those of [`Symbols::write_names`].
    pub fn write_table(&self, class: Class, out: &mut Bytes) {
        out.zeros(class.symbol() as usize);
        let mut name_offset = 1;
        for symbol in &self.sorted {
            out.u32(name_offset);
            let words = [symbol.address, symbol.size];
            if class == Class::Narrow {
                words.into_iter().for_each(|word| class.put(out, word));
            }
            out.u8((elf::STB_GLOBAL.0 << 4) | symbol.kind.0);
            out.u8(elf::STV_DEFAULT.0);
            out.u16(symbol.section);
            if class == Class::Wide {
                words.into_iter().for_each(|word| class.put(out, word));
            }
            name_offset += symbol.name.len() as u32 + 1;
        }
    }

    /// Append the string table.
    pub fn write_names(&self, out: &mut Bytes) {
        out.u8(0);
        for symbol in &self.sorted {
            out.raw(symbol.name.as_bytes());
            out.u8(0);
        }
    }

    /// Append the hash table: Bloom filter, first symbol of every bucket, and for every symbol its hash with the
    /// lowest bit telling whether it is the last of its bucket.
    pub fn write_hash(&self, class: Class, out: &mut Bytes) {
        let bits = 8 * class.word() as u32;
        let words = (self.sorted.len() / 8).next_power_of_two();
        let mut bloom = vec![0u64; words];
        let mut buckets = vec![0u32; self.buckets as usize];
        for (index, symbol) in self.sorted.iter().enumerate().rev() {
            let word = symbol.hash / bits % words as u32;
            bloom[word as usize] |= 1 << (symbol.hash % bits) | 1 << ((symbol.hash >> BLOOM_SHIFT) % bits);
            buckets[symbol.bucket as usize] = index as u32 + 1;
        }
        for number in [self.buckets, 1, words as u32, BLOOM_SHIFT] {
            out.u32(number);
        }
        bloom.iter().for_each(|&word| class.put(out, word));
        buckets.iter().for_each(|&first| out.u32(first));
        for (symbol, index) in self.sorted.iter().zip(1..) {
            let next = self.sorted.get(index).map(|next| next.bucket);
            out.u32(symbol.hash & !1 | u32::from(next != Some(symbol.bucket)));
        }
    }
}

/// The hash function of `DT_GNU_HASH`.
pub fn gnu_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(byte.into()))
}
