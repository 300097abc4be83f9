//! Loads and stores: at addresses of 32 bits, words as two halves, the low half first.

use super::*;

/// Bytes from a word's low half to its high half.
const HALF: i32 = 4;

impl Splitter<'_> {
    pub(super) fn load(&mut self, width: Width, base: Val, index: Option<Val>, offset: i32) -> Parts {
        let place = self.place(base, index);
        match width {
            Width::Double => Parts::Double(self.load_at(Width::Double, place, offset)),
            Width::Byte | Width::Four => {
                let low = self.load_at(width, place, offset);
                self.bound(low, if width == Width::Byte { 8 } else { 32 });
                Parts::Word(self.zero_extended(low))
            }
            Width::Word => {
                let low = self.load_at(Width::Four, place, offset);
                // The sum is modulo 2^32 in any case.
                let high = self.load_at(Width::Four, place, offset.wrapping_add(HALF));
                Parts::Word(Halves { low, high })
            }
        }
    }

    pub(super) fn store(&mut self, width: Width, value: Val, base: Val, index: Option<Val>, offset: i32) {
        let place = self.place(base, index);
        match width {
            Width::Double => self.store_at(width, self.double(value), place, offset),
            Width::Byte | Width::Four => self.store_at(width, self.halves(value).low, place, offset),
            Width::Word => {
                let Halves { low, high } = self.halves(value);
                self.store_at(Width::Four, low, place, offset);
                self.store_at(Width::Four, high, place, offset.wrapping_add(HALF));
            }
        }
    }

    pub(super) fn load_context(&mut self, offset: i32) -> Halves {
        Halves { low: self.b.load_context(offset), high: self.b.load_context(offset + HALF) }
    }

    pub(super) fn store_context(&mut self, value: Halves, offset: i32) {
        self.b.store_context(value.low, offset);
        self.b.store_context(value.high, offset + HALF);
    }

    /// The low halves of base and index.
    fn place(&self, base: Val, index: Option<Val>) -> (Val, Option<Val>) {
        (self.halves(base).low, index.map(|index| self.halves(index).low))
    }

    fn load_at(&mut self, width: Width, (base, index): (Val, Option<Val>), offset: i32) -> Val {
        match index {
            Some(index) => self.b.load_indexed(width, base, index, offset),
            None => self.b.load(width, base, offset),
        }
    }

    fn store_at(&mut self, width: Width, value: Val, (base, index): (Val, Option<Val>), offset: i32) {
        match index {
            Some(index) => self.b.store_indexed(width, value, base, index, offset),
            None => self.b.store(width, value, base, offset),
        }
    }
}
