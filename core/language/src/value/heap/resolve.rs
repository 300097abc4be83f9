//! Conservative pointers: from any address inside an object to the object.

use super::block::{BlockState, BLOCK_SIZE};
use super::object::{read_word, Shape};
use super::{Heap, Hole};
use crate::value::{Word, GRANULE};
use maru_core::abi::Context;

impl Heap {
    /// The address of the object that a word points into, whatever its tag; `None` if it does not. Takes time
    /// proportional to the objects in the hole.
    pub fn resolve(&self, context: &Context, word: Word) -> Option<usize> {
        let address = word as usize;
        let current = Hole { start: context.allocation_pointer, end: context.allocation_limit };
        if (current.start..current.end).contains(&address) {
            return None;
        }
        match self.locate(address)? {
            Location::Object(object) => Some(object),
            Location::Hole(hole) => {
                // The unused part of the hole in use cannot be parsed.
                let holds_current = (hole.start..hole.end).contains(&current.start) && current.start < current.end;
                let parsable = if holds_current { Hole { end: current.start, ..hole } } else { hole };
                let mut objects = Parse(parsable);
                objects.find(|&(object, shape)| address < object + shape.size()).and_then(real)
            }
        }
    }

    /// The same while roots are gathered: all holes have been retired, and marks are about to be cleared. So the
    /// objects of a hole can be noted as if they were survivors, and the hole is parsed only once.
    pub(super) fn resolve_and_note(&mut self, address: usize) -> Option<usize> {
        match self.locate(address)? {
            Location::Object(object) => Some(object),
            Location::Hole(hole) => {
                let block = self.place_of(hole.start)?.0;
                let base = self.block_address(block);
                let mut found = None;
                for (object, shape) in Parse(hole) {
                    if shape.is_filler() {
                        continue;
                    }
                    let granule = (object - base) / GRANULE;
                    self.bits[block].mark.set(granule);
                    self.bits[block].body.set_range(granule + 1, granule + shape.size() / GRANULE);
                    if (object..object + shape.size()).contains(&address) {
                        found = Some(object);
                    }
                }
                found
            }
        }
    }

    fn locate(&self, address: usize) -> Option<Location> {
        let (block, granule) = self.place_of(address)?;
        let info = self.info[block];
        match info.state {
            BlockState::Fresh | BlockState::Free => None,
            BlockState::LargeHead => self.locate_large(block, address),
            BlockState::LargeRest => self.locate_large(block - info.large as usize, address),
            BlockState::Recyclable | BlockState::InUse | BlockState::Full => {
                let bits = &self.bits[block];
                let base = self.block_address(block);
                if bits.is_taken(granule) {
                    return bits.mark.last_set(granule).map(|start| Location::Object(base + start * GRANULE));
                }
                let held_back = self.small.holds_back(block, granule) || self.medium.holds_back(block, granule);
                if info.state != BlockState::InUse || held_back {
                    return None;
                }
                let (start, end) = bits.hole_from(bits.hole_start(granule));
                Some(Location::Hole(Hole { start: base + start * GRANULE, end: base + end * GRANULE }))
            }
        }
    }

    fn locate_large(&self, head: usize, address: usize) -> Option<Location> {
        let object = self.block_address(head);
        // SAFETY: the first word of a large object is committed.
        let size = Shape(unsafe { read_word(object) }).size();
        debug_assert!(size <= self.info[head].large as usize * BLOCK_SIZE);
        (address < object + size).then_some(Location::Object(object))
    }

    /// Calls `visit` with every object of a block, fillers included, that holes or survivors make up.
    pub(super) fn parse_block(&self, block: usize, current: Hole, visit: &mut dyn FnMut(usize, Word)) {
        let base = self.block_address(block);
        let bits = &self.bits[block];
        bits.mark.for_each(|granule| {
            let address = base + granule * GRANULE;
            // SAFETY: a survivor is committed memory.
            visit(address, unsafe { read_word(address) });
        });
        if self.info[block].state != BlockState::InUse {
            return;
        }
        let mut granule = 0;
        loop {
            let (start, end) = bits.hole_from(granule);
            let held_back = self.small.holds_back(block, start) || self.medium.holds_back(block, start);
            if start == end || held_back {
                return;
            }
            granule = end;
            let mut hole = Hole { start: base + start * GRANULE, end: base + end * GRANULE };
            if current.start < current.end && (hole.start..hole.end).contains(&current.start) {
                hole.end = current.start;
            }
            Parse(hole).for_each(|(address, shape)| visit(address, shape.0));
        }
    }
}

enum Location {
    /// The object is known: a survivor or a large object.
    Object(usize),
    /// A hole that has been handed out: it must be parsed.
    Hole(Hole),
}

fn real((object, shape): (usize, Shape)) -> Option<usize> {
    (!shape.is_filler()).then_some(object)
}

/// The objects and fillers in a hole that has been handed out. Ends early at a size that makes no sense.
struct Parse(Hole);

impl Iterator for Parse {
    type Item = (usize, Shape);

    fn next(&mut self) -> Option<(usize, Shape)> {
        let address = self.0.start;
        if address >= self.0.end {
            return None;
        }
        // SAFETY: the address lies in a hole, which is committed, and is a multiple of the granule.
        let shape = Shape(unsafe { read_word(address) });
        let size = shape.size();
        if size == 0 || size > self.0.end - address {
            self.0.start = self.0.end;
            return None;
        }
        self.0.start += size;
        Some((address, shape))
    }
}
