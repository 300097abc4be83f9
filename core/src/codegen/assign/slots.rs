//! Spill slots: dealt out for stretches of code, used again afterwards.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The slots of a function.
#[derive(Default)]
pub(super) struct Slots {
    count: u32,
    /// Slots in use, with the last position at which each is, that which is free first on top.
    taken: BinaryHeap<Reverse<(u32, u32)>>,
    /// Slots not in use, the lowest on top.
    free: BinaryHeap<Reverse<u32>>,
}

impl Slots {
    /// A slot to be used from a position, which must not decrease from call to call, until another.
    pub fn take(&mut self, from: u32, until: u32) -> u32 {
        while let Some(Reverse((end, slot))) = self.taken.peek().copied() {
            if end >= from {
                break;
            }
            self.taken.pop();
            self.free.push(Reverse(slot));
        }
        let slot = match self.free.pop() {
            Some(Reverse(slot)) => slot,
            None => self.new_slot(),
        };
        self.taken.push(Reverse((until, slot)));
        slot
    }

    /// A slot that was never in use and never will be by others.
    pub fn new_slot(&mut self) -> u32 {
        self.count += 1;
        self.count - 1
    }

    /// How many slots there are.
    pub fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn slots_are_used_again_but_not_at_once() {
        let mut slots = Slots::default();
        assert_eq!([slots.take(0, 9), slots.take(1, 4), slots.take(2, 5)], [0, 1, 2]);
        assert_eq!(slots.take(4, 6), 3);
        assert_eq!([slots.take(6, 20), slots.take(6, 20)], [1, 2]);
        assert_eq!([slots.new_slot(), slots.take(30, 30)], [4, 0]);
        assert_eq!(slots.count(), 5);
    }
}
