//! A growing buffer of numbers in the byte order of a machine.

use maru_core::codegen::MachineIdentity;

/// Which byte of a number comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ByteOrder {
    /// The least significant one.
    #[default]
    Little,
    /// The most significant one.
    Big,
}

impl ByteOrder {
    /// That of a machine.
    pub fn of(machine: &MachineIdentity) -> ByteOrder {
        if machine.little_endian {
            ByteOrder::Little
        } else {
            ByteOrder::Big
        }
    }

    /// The bytes of a number, which are given with the least significant one first; or the way back.
    pub fn arranged<const N: usize>(self, mut bytes: [u8; N]) -> [u8; N] {
        if self == ByteOrder::Big {
            bytes.reverse();
        }
        bytes
    }
}

/// How a machine writes numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbers {
    /// Which byte comes first.
    pub order: ByteOrder,
    /// Bytes of an address.
    pub address_size: u8,
}

impl Numbers {
    /// Those of machines with addresses of 64 bits that put the least significant byte first.
    pub const LITTLE_WIDE: Numbers = Numbers { order: ByteOrder::Little, address_size: 8 };

    /// Those of a machine.
    pub fn of(machine: &MachineIdentity) -> Numbers {
        Numbers { order: ByteOrder::of(machine), address_size: machine.pointer_size }
    }
}

/// Bytes in the making; of numbers, the least significant byte first unless it was asked for another order.
#[derive(Default)]
pub struct Bytes(pub Vec<u8>, ByteOrder);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(bytes, ByteOrder::Little)
    }
}

impl Bytes {
    /// Nothing yet, in an order.
    pub fn in_order(order: ByteOrder) -> Bytes {
        Bytes(Vec::new(), order)
    }
    /// Where the next byte goes.
    pub fn position(&self) -> u64 {
        self.0.len() as u64
    }
    /// Append zeros up to a multiple of `alignment`; the position reached.
    pub fn align(&mut self, alignment: u64) -> u64 {
        let aligned = self.position().next_multiple_of(alignment);
        self.0.resize(aligned as usize, 0);
        aligned
    }
    /// Append zeros.
    pub fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }
    /// Append bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    /// Append 8 bits.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    /// Append 16 bits.
    pub fn u16(&mut self, value: u16) {
        self.raw(&self.1.arranged(value.to_le_bytes()));
    }
    /// Append 32 bits.
    pub fn u32(&mut self, value: u32) {
        self.raw(&self.1.arranged(value.to_le_bytes()));
    }
    /// Append 64 bits.
    pub fn u64(&mut self, value: u64) {
        self.raw(&self.1.arranged(value.to_le_bytes()));
    }
    /// Append the signed 32-bit distance between two addresses; an image is smaller than 2 GiB.
    pub fn distance(&mut self, from: u64, to: u64) {
        self.u32(to.wrapping_sub(from) as u32);
    }
    /// Append an unsigned number in base 128.
    pub fn uleb(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }
    /// Append a signed number in base 128.
    pub fn sleb(&mut self, mut value: i64) {
        while !(-0x40..0x40).contains(&value) {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8 & 0x7f);
    }
    /// Overwrite 32 bits.
    pub fn put_u32(&mut self, at: u64, value: u32) {
        self.put(at, &self.1.arranged(value.to_le_bytes()));
    }
    /// Overwrite bytes.
    pub fn put(&mut self, at: u64, bytes: &[u8]) {
        self.0[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }
}
