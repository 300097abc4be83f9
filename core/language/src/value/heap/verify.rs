//! The verifier: parses every block and checks that everything fits together.

use super::block::{Bitmap, BlockState, BLOCK_SIZE, LARGE_OBJECT};
use super::object::{read_word, Shape};
use super::{Heap, Hole, POISON};
use crate::value::{Value, Word, GRANULE, HEADER_KIND_SHIFT, TAG_HEADER, WORD_SIZE};
use maru_core::abi::Context;

impl Heap {
    /// Checks bitmaps, headers, sizes, that every pointer in every object leads to the start of an object of the
    /// right sort, and, with poison on, that nobody wrote to freed memory. May be called whenever a collection may.
    pub fn verify(&self, context: &Context) -> Result<(), String> {
        let current = Hole { start: context.allocation_pointer, end: context.allocation_limit };
        let starts = self.collect_starts(current)?;
        for block in 0..self.frontier {
            starts[block].for_each_result(|granule| {
                self.verify_pointers(&starts, self.block_address(block) + granule * GRANULE)
            })?;
        }
        if self.options.poison {
            self.verify_poison()?;
        }
        Ok(())
    }

    /// Where objects start, by block.
    fn collect_starts(&self, current: Hole) -> Result<Vec<Bitmap>, String> {
        let mut starts = vec![Bitmap::new(); self.frontier];
        let mut block = 0;
        while block < self.frontier {
            match self.info[block].state {
                BlockState::Free | BlockState::Fresh => {
                    if !self.bits[block].mark.is_clear() || !self.bits[block].body.is_clear() {
                        return Err(format!("block {block}: free, but with survivors"));
                    }
                    block += 1;
                }
                BlockState::LargeHead => block += self.verify_large(block, &mut starts)?,
                BlockState::LargeRest => return Err(format!("block {block}: the rest of no large object")),
                BlockState::Recyclable | BlockState::InUse | BlockState::Full => {
                    starts[block] = self.verify_block(block, current)?;
                    block += 1;
                }
            }
        }
        Ok(starts)
    }

    fn verify_large(&self, head: usize, starts: &mut [Bitmap]) -> Result<usize, String> {
        let blocks = self.info[head].large as usize;
        let address = self.block_address(head);
        // SAFETY: the first word of a large object is committed.
        let first = unsafe { read_word(address) };
        check_header(address, first)?;
        let size = Shape(first).size();
        if size <= LARGE_OBJECT || size.div_ceil(BLOCK_SIZE) != blocks {
            return Err(format!("object {address:#x}: {size} bytes in {blocks} blocks of their own"));
        }
        for distance in 1..blocks {
            let info = self.info[head + distance];
            if info.state != BlockState::LargeRest || info.large as usize != distance {
                return Err(format!("object {address:#x}: block {distance} is lost"));
            }
        }
        starts[head].set(0);
        Ok(blocks)
    }

    /// Checks the sizes in a block, and answers where its objects start.
    fn verify_block(&self, block: usize, current: Hole) -> Result<Bitmap, String> {
        let base = self.block_address(block);
        let bits = &self.bits[block];
        let (mut starts, mut covered) = (Bitmap::new(), Bitmap::new());
        let (mut body, mut handed_out) = (Bitmap::new(), 0);
        let mut result = Ok(());
        self.parse_block(block, current, &mut |address, first| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| {
                check_header(address, first)?;
                let shape = Shape(first);
                let granule = (address - base) / GRANULE;
                let end = granule + shape.size() / GRANULE;
                if end * GRANULE > BLOCK_SIZE {
                    return Err(format!("object {address:#x}: reaches into the next block"));
                }
                if (granule..end).any(|granule| !covered.set(granule)) {
                    return Err(format!("object {address:#x}: overlaps another"));
                }
                if bits.mark.get(granule) {
                    body.set_range(granule + 1, end);
                    if shape.is_filler() {
                        return Err(format!("object {address:#x}: a filler that survived"));
                    }
                } else {
                    handed_out += shape.size();
                }
                if !shape.is_filler() {
                    starts.set(granule);
                }
                Ok(())
            });
        });
        result?;
        if body != bits.body {
            return Err(format!("block {block}: body bits differ from the sizes of the survivors"));
        }
        self.verify_holes_parsed(block, current, handed_out)?;
        Ok(starts)
    }

    /// The parse of a handed-out hole stops early at a size that makes no sense; then bytes are missing.
    fn verify_holes_parsed(&self, block: usize, current: Hole, parsed: usize) -> Result<(), String> {
        if self.info[block].state != BlockState::InUse {
            return Ok(());
        }
        let (mut granule, mut expected) = (0, 0);
        loop {
            let (start, end) = self.bits[block].hole_from(granule);
            let held_back = self.small.holds_back(block, start) || self.medium.holds_back(block, start);
            if start == end || held_back {
                break;
            }
            expected += (end - start) * GRANULE;
            granule = end;
        }
        let base = self.block_address(block);
        if (base..base + BLOCK_SIZE).contains(&current.start) {
            expected -= current.size();
        }
        if parsed != expected {
            return Err(format!("block {block}: {parsed} bytes of holes parsed, {expected} handed out"));
        }
        Ok(())
    }

    fn verify_pointers(&self, starts: &[Bitmap], address: usize) -> Result<(), String> {
        // SAFETY: an object has at least one word, and its slots are committed.
        let (start, end) = Shape(unsafe { read_word(address) }).slots();
        for slot in start..end {
            // SAFETY: as above.
            let word = unsafe { read_word(address + slot * WORD_SIZE) };
            let value = Value(word);
            if word == POISON {
                return Err(format!("object {address:#x}: slot {slot} is freed memory"));
            }
            if !value.is_pointer() {
                continue;
            }
            let target = value.address();
            let good = target.is_multiple_of(GRANULE)
                && self.place_of(target).is_some_and(|(block, granule)| starts[block].get(granule));
            // SAFETY: only read where an object starts.
            if !good || Shape(unsafe { read_word(target) }).is_pair() != value.is_pair() {
                return Err(format!("object {address:#x}: slot {slot} holds {word:#x}, which leads to no object"));
            }
        }
        Ok(())
    }

    fn verify_poison(&self) -> Result<(), String> {
        for block in 0..self.frontier {
            let state = self.info[block].state;
            let granules: &mut dyn FnMut(usize) -> bool = match state {
                BlockState::Free => &mut |_| true,
                BlockState::Recyclable | BlockState::Full => &mut |granule| !self.bits[block].is_taken(granule),
                BlockState::Fresh | BlockState::InUse | BlockState::LargeHead | BlockState::LargeRest => continue,
            };
            for granule in 0..BLOCK_SIZE / GRANULE {
                let address = self.block_address(block) + granule * GRANULE;
                // SAFETY: the block is committed.
                if granules(granule) && unsafe { [read_word(address), read_word(address + 8)] } != [POISON; 2] {
                    return Err(format!("{address:#x}: somebody wrote to freed memory"));
                }
            }
        }
        Ok(())
    }
}

fn check_header(address: usize, first: Word) -> Result<(), String> {
    let shape = Shape(first);
    if shape.is_pair() {
        return Ok(());
    }
    if first & ((1 << HEADER_KIND_SHIFT) - 1) != TAG_HEADER || shape.kind().is_none() {
        return Err(format!("object {address:#x}: {first:#x} is no header"));
    }
    if shape.stated_size() < WORD_SIZE {
        return Err(format!("object {address:#x}: a size of {}", shape.stated_size()));
    }
    Ok(())
}
