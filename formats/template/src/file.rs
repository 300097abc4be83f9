//! The file: where its parts lie, how it is written, how it is read.
//!
//! All numbers have 32 bits, the least significant byte first.
//!
//! | offset | what |
//! |---|---|
//! | 0 | magic |
//! | 8 | digest of all that follows it |
//! | 24 | number of the CPU, bytes in a page |
//! | 32 | constants: address, size |
//! | 40 | code: address, size |
//! | 48 | data: address, size |
//! | 56 | symbols: address, size |
//! | 64 | the symbols: offset in the code, size of the function, bytes of the name, the name |

use maru_core::abi::{fingerprint, WORD_SIZE};
use maru_core::codegen::MachineIdentity;
use maru_core::format::{Contents, FormatError, Image, Layout};
use std::ops::Range;

const MAGIC: [u8; 8] = *b"MARUFILE";
/// What follows it is in the digest.
const DIGEST_END: usize = 24;
/// Where the symbols are.
const HEADER: usize = 64;
/// Alignment of the constants.
const ALIGNMENT: usize = 16;

/// Decide where everything lies.
///
/// # Errors
/// When the image or the CPU is none that the format holds.
pub fn layout(image: &Image, machine: &MachineIdentity) -> Result<Layout, FormatError> {
    image.check_extents()?;
    if machine.pointer_size != 8 || !machine.little_endian {
        return Err(FormatError("the format has 64-bit little-endian CPUs only".into()));
    }
    let page = machine.page_size as usize;
    let constants = (HEADER + symbols(image).len()).next_multiple_of(ALIGNMENT);
    let code = (constants + image.constants.len()).next_multiple_of(page);
    let end = code + image.code.len();
    Ok(Layout {
        code: code as u64,
        constants: constants as u64,
        data: end.next_multiple_of(page) as u64,
        file_size: end as u64,
        ..Layout::default()
    })
}

/// The whole file.
pub fn write(image: &Image, layout: &Layout, machine: &MachineIdentity) -> Vec<u8> {
    let symbols = symbols(image);
    let numbers = [
        u64::from(machine.machine),
        machine.page_size,
        layout.constants,
        image.constants.len() as u64,
        layout.code,
        image.code.len() as u64,
        layout.data,
        WORD_SIZE as u64 * u64::from(image.data_words),
        HEADER as u64,
        symbols.len() as u64,
    ];
    let mut file = vec![0; layout.file_size as usize];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC);
    for (place, number) in numbers.into_iter().enumerate() {
        put(DIGEST_END + 4 * place, &(number as u32).to_le_bytes());
    }
    put(HEADER, &symbols);
    put(layout.constants as usize, &image.constants);
    put(layout.code as usize, &image.code);
    let digest = digest(&file[DIGEST_END..]);
    file[MAGIC.len()..DIGEST_END].copy_from_slice(&digest);
    file
}

/// The table of symbols: all functions, in the order of their code.
fn symbols(image: &Image) -> Vec<u8> {
    let mut table = Vec::new();
    for function in &image.functions {
        for number in [function.offset, function.size, function.symbol.len() as u32] {
            table.extend(number.to_le_bytes());
        }
        table.extend(function.symbol.as_bytes());
    }
    table
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let [low, high] = fingerprint(bytes);
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// What a file says of itself. Addresses are offsets in the file, as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The format's number for the CPU.
    pub machine: u32,
    /// Bytes of a page: code and data start at its multiples.
    pub page: usize,
    /// Read-only bytes, the image's header first.
    pub constants: Range<usize>,
    /// Code.
    pub code: Range<usize>,
    /// The data table, which follows the file.
    pub data: Range<usize>,
    /// Functions: name, and where their code lies.
    pub symbols: Vec<(String, Range<usize>)>,
}

impl Parts {
    /// The same in the words of all formats.
    pub fn contents(self) -> Contents {
        let addresses = |range: Range<usize>| range.start as u64..range.end as u64;
        Contents {
            machine: self.machine,
            constants_address: self.constants.start as u64,
            constants: self.constants,
            executable_offset: self.code.start,
            executable: addresses(self.code),
            is_linked: false,
            writable: addresses(self.data),
        }
    }
}

/// Read a file, without trusting any byte of it.
///
/// # Errors
/// What is wrong with it.
pub fn read(file: &[u8]) -> Result<Parts, String> {
    if !file.starts_with(&MAGIC) {
        return Err("not of this format".into());
    }
    let mut reader = Reader(file.get(MAGIC.len()..).unwrap_or_default());
    let claimed = reader.bytes(DIGEST_END - MAGIC.len())?;
    if claimed != digest(reader.0) {
        return Err("damaged: its digest is another".into());
    }
    let (machine, page) = (reader.number()?, reader.number()? as usize);
    let [constants, code, data, symbols] = [reader.range()?, reader.range()?, reader.range()?, reader.range()?];
    if !page.is_power_of_two() || page < 0x1000 || !code.start.is_multiple_of(page) || !data.start.is_multiple_of(page)
    {
        return Err("code and data do not start at borders of pages".into());
    }
    let in_order = symbols.start == HEADER && symbols.end <= constants.start && constants.end <= code.start;
    if !in_order || code.end != file.len() || data.start != code.end.next_multiple_of(page) {
        return Err("its parts overlap, or lie outside of it".into());
    }
    let mut table = Reader(&file[symbols]);
    let mut symbols = Vec::new();
    while !table.0.is_empty() {
        let (offset, size, length) = (table.number()? as usize, table.number()? as usize, table.number()? as usize);
        let name = std::str::from_utf8(table.bytes(length)?).map_err(|_| "a symbol is no text")?;
        if offset + size > code.len() {
            return Err(format!("the function {name} lies outside of the code"));
        }
        symbols.push((name.to_string(), code.start + offset..code.start + offset + size));
    }
    Ok(Parts { machine, page, constants, code, data, symbols })
}

/// Bytes that have not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or("cut short")?;
        self.0 = rest;
        Ok(bytes)
    }
    fn number(&mut self) -> Result<u32, String> {
        let bytes = self.bytes(4)?.try_into().map_err(|_| "cut short")?;
        Ok(u32::from_le_bytes(bytes))
    }
    /// An address and a size.
    fn range(&mut self) -> Result<Range<usize>, String> {
        let (start, size) = (self.number()? as usize, self.number()? as usize);
        Ok(start..start.checked_add(size).ok_or("a part that ends nowhere")?)
    }
}
