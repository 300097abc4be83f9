//! A growing buffer of little-endian numbers.

/// Bytes in the making.
#[derive(Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
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
        self.raw(&value.to_le_bytes());
    }
    /// Append 32 bits.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }
    /// Append 64 bits.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
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
        self.put(at, &value.to_le_bytes());
    }
    /// Overwrite bytes.
    pub fn put(&mut self, at: u64, bytes: &[u8]) {
        self.0[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }
}
