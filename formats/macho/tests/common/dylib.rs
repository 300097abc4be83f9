//! A library whose commands and tables a test changes, without any code of the format.
#![allow(dead_code, missing_docs)] // each test file uses a part

use super::{command, Cpu};

pub const SEGMENT: u32 = 0x19;
pub const SYMTAB: u32 = 0x2;
pub const DYSYMTAB: u32 = 0xb;
pub const LOAD_DYLIB: u32 = 0xc;
pub const ID_DYLIB: u32 = 0xd;
pub const UUID: u32 = 0x1b;
pub const CODE_SIGNATURE: u32 = 0x1d;
pub const BUILD_VERSION: u32 = 0x32;
pub const DYLD_INFO: u32 = 0x8000_0022;

/// Room for more commands, in bytes of code that nothing speaks of.
const ROOM: u32 = 256;

pub struct Dylib(pub Vec<u8>);

impl Dylib {
    /// A good library with room for more commands.
    pub fn new(cpu: &Cpu) -> Dylib {
        let mut image = cpu.sample();
        let room = cpu.placement.filling.repeat(ROOM as usize / cpu.placement.filling.len());
        image.code.splice(0..0, room);
        image.functions.iter_mut().for_each(|function| function.offset += ROOM);
        let mut dylib = Dylib(cpu.written(&image).1);
        let section = dylib.segment("__TEXT") + 72;
        dylib.add(section + 32, ROOM);
        dylib.add(section + 40, ROOM.wrapping_neg());
        dylib.add(section + 48, ROOM);
        // The upper half of the size.
        dylib.put(section + 44, 0);
        dylib.sign();
        dylib
    }

    pub fn sign(&mut self) {
        super::sign(&mut self.0);
    }
    pub fn get(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }
    pub fn put(&mut self, at: usize, number: u32) {
        self.0[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    pub fn add(&mut self, at: usize, number: u32) {
        self.put(at, self.get(at).wrapping_add(number));
    }
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
    /// Where the command of a kind lies.
    pub fn command(&self, kind: u32) -> usize {
        command(&self.0, kind).expect("a command")
    }
    /// Where the command of a segment lies.
    pub fn segment(&self, name: &str) -> usize {
        let mut at = 32;
        while self.get(at) != SEGMENT || !self.0[at + 8..].starts_with(&[name.as_bytes(), &[0]].concat()) {
            at += self.get(at + 4) as usize;
        }
        at
    }
    /// Give a segment both protections.
    pub fn protect(&mut self, segment: &str, protection: u32) {
        let at = self.segment(segment);
        self.put(at + 56, protection);
        self.put(at + 60, protection);
    }
    /// Remove the command at a place; it.
    pub fn remove(&mut self, at: usize) -> Vec<u8> {
        let size = self.get(at + 4) as usize;
        let end = 32 + self.get(20) as usize;
        let removed = self.0[at..at + size].to_vec();
        self.0.copy_within(at + size..end, at);
        self.0[end - size..end].fill(0);
        self.add(16, 1u32.wrapping_neg());
        self.add(20, (size as u32).wrapping_neg());
        removed
    }
    /// Put a command in at a place.
    pub fn insert(&mut self, at: usize, command: &[u8]) {
        let end = 32 + self.get(20) as usize;
        self.0.copy_within(at..end, at + command.len());
        self.write(at, command);
        self.add(16, 1);
        self.add(20, command.len() as u32);
    }
    /// Append a command of a kind with these numbers.
    pub fn append(&mut self, kind: u32, numbers: &[u32]) {
        let size = 8 + 4 * numbers.len() as u32;
        let command = [&[kind, size], numbers].concat().into_iter().flat_map(u32::to_le_bytes);
        self.insert(32 + self.get(20) as usize, &command.collect::<Vec<u8>>());
    }
    /// Do a command twice.
    pub fn double(&mut self, kind: u32) {
        let at = self.command(kind);
        let size = self.get(at + 4) as usize;
        let copy = self.0[at..at + size].to_vec();
        self.insert(at, &copy);
    }
    /// Where a table lies whose offset a command has at a place in it.
    pub fn table(&self, kind: u32, place: usize) -> usize {
        self.get(self.command(kind) + place) as usize
    }
    /// Where the export trie lies.
    pub fn trie(&self) -> usize {
        self.table(DYLD_INFO, 40)
    }
    /// Where the directory of the signature lies.
    pub fn directory(&self) -> usize {
        self.table(CODE_SIGNATURE, 8) + 20
    }
}
