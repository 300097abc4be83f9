//! The two classes of files: for pointers of 64 and of 32 bits. They have the same tables, with other sizes.

use maru_dwarf::Bytes;
use object::elf;

/// A file's class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Pointers of 64 bits.
    Wide,
    /// Pointers of 32 bits.
    Narrow,
}

impl Class {
    /// That of a machine whose pointers have so many bytes; `None` if there is none.
    pub fn of(pointer_size: u8) -> Option<Class> {
        match pointer_size {
            8 => Some(Class::Wide),
            4 => Some(Class::Narrow),
            _ => None,
        }
    }

    /// That which a file's header names.
    pub fn named(byte: u8) -> Option<Class> {
        [Class::Wide, Class::Narrow].into_iter().find(|class| class.name() == byte)
    }

    /// Its name in a file's header.
    pub fn name(self) -> u8 {
        match self {
            Class::Wide => elf::ELFCLASS64.0,
            Class::Narrow => elf::ELFCLASS32.0,
        }
    }

    /// Bytes of a word: an address, an offset or a size.
    pub fn word(self) -> u64 {
        match self {
            Class::Wide => 8,
            Class::Narrow => 4,
        }
    }

    /// Bytes of the file's header.
    pub fn file_header(self) -> u64 {
        40 + 3 * self.word()
    }

    /// Bytes of an entry of the segment table.
    pub fn segment_header(self) -> u64 {
        8 + 6 * self.word()
    }

    /// Bytes of an entry of the section table.
    pub fn section_header(self) -> u64 {
        16 + 6 * self.word()
    }

    /// Bytes of an entry of a symbol table.
    pub fn symbol(self) -> u64 {
        8 + 2 * self.word()
    }

    /// Bytes of an entry of the dynamic table.
    pub fn dynamic(self) -> u64 {
        2 * self.word()
    }

    /// Append a word.
    pub fn put(self, out: &mut Bytes, value: u64) {
        match self {
            Class::Wide => out.u64(value),
            Class::Narrow => out.u32(value as u32),
        }
    }
}
