//! Allocation: finding holes and blocks for new objects.

use super::block::{BlockState, BLOCK_SIZE, GRANULES, LARGE_OBJECT};
use super::object::write_word;
use super::{AllocationNeeds, Cursor, Heap, Hole, HOLE_CLASSES, REPORT_RESERVE};
use crate::value::{header, Kind, GRANULE, INLINE_ALLOCATION_MAX};
use maru_core::abi::Context;

/// Above this many holes passed over, further ones are forgotten until the next collection.
const SPARE_MAX: usize = 1 << 16;

impl Heap {
    /// Zeroed space for an object of `bytes` bytes (rounded up to the granule). The caller writes the header (of
    /// anything but a pair) before the next allocation; until then the space looks like pairs of zeros.
    #[inline]
    pub fn allocate(&mut self, context: &mut Context, bytes: usize) -> Result<usize, AllocationNeeds> {
        if bytes > self.region.size() {
            return Err(AllocationNeeds::Memory);
        }
        let size = bytes.max(1).next_multiple_of(GRANULE);
        match bump(context, size) {
            Some(address) => {
                clear(address, size);
                Ok(address)
            }
            None => self.allocate_slow(context, size),
        }
    }

    /// The same with anything in it but for the last granule, which is zeroed: for callers that write all of the rest before
    /// the next allocation.
    #[inline]
    pub fn allocate_unfilled(&mut self, context: &mut Context, bytes: usize) -> Result<usize, AllocationNeeds> {
        if bytes > self.region.size() {
            return Err(AllocationNeeds::Memory);
        }
        let size = bytes.max(1).next_multiple_of(GRANULE);
        match bump(context, size) {
            Some(address) => {
                clear(address + size - GRANULE, GRANULE);
                Ok(address)
            }
            None => self.allocate_slow(context, size),
        }
    }

    /// The same right after a collection; never answers that another one is needed.
    pub fn allocate_after_collection(&mut self, context: &mut Context, bytes: usize) -> Result<usize, AllocationNeeds> {
        self.allocate(context, bytes).map_err(|_| AllocationNeeds::Memory)
    }

    #[cold]
    fn allocate_slow(&mut self, context: &mut Context, size: usize) -> Result<usize, AllocationNeeds> {
        if !self.just_collected && (self.stress_left > 0 || self.budget < size as isize) {
            return Err(AllocationNeeds::Collection);
        }
        let taken = self.outside.saturating_add(self.statistics.live_bytes);
        let address = if self.outside > 0 && taken > self.limit() {
            None
        } else if size > LARGE_OBJECT {
            self.allocate_large(size)
        } else if size > INLINE_ALLOCATION_MAX {
            self.allocate_medium(size)
        } else {
            self.allocate_small(context, size)
        };
        match address {
            Some(address) => {
                self.just_collected = false;
                self.stress_left = self.stress_left.saturating_sub(1);
                Ok(address)
            }
            None => Err(self.exhausted(size)),
        }
    }

    /// No hole and no block is left: is it worth while to collect?
    fn exhausted(&mut self, size: usize) -> AllocationNeeds {
        // A full heap of live objects would otherwise be collected again and again for a few holes each time.
        let crowded = self.statistics.live_bytes.saturating_add(self.outside) > self.max_bytes - self.max_bytes / 32
            && self.since_collection < self.max_bytes / 64
            && size <= LARGE_OBJECT;
        if self.just_collected || (crowded && !self.refused && self.stress_left == 0) {
            self.just_collected = false;
            self.refused = true;
            AllocationNeeds::Memory
        } else {
            AllocationNeeds::Collection
        }
    }

    fn allocate_small(&mut self, context: &mut Context, size: usize) -> Option<usize> {
        let rest = Hole { start: context.allocation_pointer, end: context.allocation_limit };
        (context.allocation_pointer, context.allocation_limit) = (0, 0);
        self.pass_over(rest);
        let mut hole = self.next_small_hole(size)?;
        let address = take(&mut hole, size);
        if self.stress_left > 0 {
            self.pass_over(hole);
        } else {
            (context.allocation_pointer, context.allocation_limit) = (hole.start, hole.end);
        }
        Some(address)
    }

    fn next_small_hole(&mut self, size: usize) -> Option<Hole> {
        if size == GRANULE {
            if let Some(hole) = self.spare.pop() {
                return Some(hole);
            }
        }
        loop {
            let mut cursor = self.small;
            let hole = self.next_hole_at(&mut cursor, size);
            self.small = cursor;
            if hole.is_some() {
                return hole;
            }
            self.small = self.next_block(0)?;
        }
    }

    fn allocate_medium(&mut self, size: usize) -> Option<usize> {
        if self.medium_hole.size() < size {
            let rest = std::mem::take(&mut self.medium_hole);
            self.pass_over(rest);
            self.medium_hole = self.next_medium_hole(size)?;
        }
        let address = take(&mut self.medium_hole, size);
        fill(self.medium_hole);
        Some(address)
    }

    fn next_medium_hole(&mut self, size: usize) -> Option<Hole> {
        // Blocks of this class and above surely have a hole that fits.
        let class = (size / GRANULE).next_power_of_two().ilog2() as usize;
        loop {
            let mut cursor = self.medium;
            let hole = self.next_hole_at(&mut cursor, size);
            self.medium = cursor;
            if hole.is_some() {
                return hole;
            }
            self.medium = self.next_block(class)?;
        }
    }

    /// The next hole of the cursor's block with room for `size` bytes; shorter ones on the way are passed over.
    fn next_hole_at(&mut self, cursor: &mut Cursor, size: usize) -> Option<Hole> {
        let block = cursor.block?;
        while cursor.granule < GRANULES {
            let (start, end) = self.bits[block].hole_from(cursor.granule);
            cursor.granule = end;
            if start == end {
                break;
            }
            let base = self.block_address(block);
            let hole = Hole { start: base + start * GRANULE, end: base + end * GRANULE };
            self.count(hole.size());
            if hole.size() >= size {
                return Some(hole);
            }
            self.pass_over(hole);
        }
        None
    }

    /// A block to take holes from: one whose longest hole is of the class or above, or else a clean one.
    fn next_block(&mut self, class: usize) -> Option<Cursor> {
        let recycled = self.recyclable[class.min(HOLE_CLASSES)..].iter_mut().find_map(Vec::pop);
        let block = match recycled {
            Some(block) => block as usize,
            None => self.clean_block()?,
        };
        self.info[block].state = BlockState::InUse;
        Some(Cursor { block: Some(block), granule: 0 })
    }

    fn clean_block(&mut self) -> Option<usize> {
        while let Some(block) = self.free.pop() {
            let block = block as usize;
            if block < self.frontier && self.is_free(block) {
                return Some(block);
            }
        }
        let block = self.frontier;
        self.grow(1)?;
        Some(block)
    }

    pub(super) fn is_free(&self, block: usize) -> bool {
        matches!(self.info[block].state, BlockState::Free | BlockState::Fresh)
    }

    /// What objects, and what is held for them elsewhere, may take now.
    fn limit(&self) -> usize {
        self.max_bytes.saturating_add(if self.reserve_open { REPORT_RESERVE } else { 0 })
    }

    /// Moves the frontier by a number of blocks, which are committed.
    fn grow(&mut self, blocks: usize) -> Option<()> {
        let end = (self.frontier + blocks).checked_mul(BLOCK_SIZE)?;
        if end.saturating_add(self.outside) > self.limit() || !self.region.commit(end) {
            return None;
        }
        self.frontier += blocks;
        Some(())
    }

    fn allocate_large(&mut self, size: usize) -> Option<usize> {
        let blocks = size.div_ceil(BLOCK_SIZE);
        let first = match self.free_run(self.large_cursor, blocks) {
            Some(first) => first,
            None => self.grow_for_run(blocks).or_else(|| self.free_run(0, blocks))?,
        };
        self.large_cursor = first + blocks;
        let address = self.block_address(first);
        for block in first..first + blocks {
            if self.info[block].state != BlockState::Fresh {
                let bytes = (size - (block - first) * BLOCK_SIZE).min(BLOCK_SIZE);
                // SAFETY: the block is free and committed.
                unsafe { std::ptr::write_bytes(self.block_address(block) as *mut u8, 0, bytes) };
            }
            self.info[block].state = BlockState::LargeRest;
            self.info[block].large = (block - first) as u32;
        }
        self.info[first].state = BlockState::LargeHead;
        self.info[first].large = blocks as u32;
        self.count(blocks * BLOCK_SIZE);
        Some(address)
    }

    /// The first of `count` free blocks in a row, searched from block `from` on.
    fn free_run(&self, from: usize, count: usize) -> Option<usize> {
        let mut length = 0;
        for block in from..self.frontier {
            length = if self.is_free(block) { length + 1 } else { 0 };
            if length == count {
                return Some(block + 1 - count);
            }
        }
        None
    }

    /// Moves the frontier so that `count` free blocks lie before it; those free already count.
    fn grow_for_run(&mut self, count: usize) -> Option<usize> {
        let free = (0..self.frontier).rev().take(count - 1).take_while(|&block| self.is_free(block)).count();
        let first = self.frontier - free;
        self.grow(count - free)?;
        Some(first)
    }

    fn count(&mut self, bytes: usize) {
        self.budget -= bytes as isize;
        self.since_collection += bytes;
        self.statistics.allocated_bytes += bytes;
    }

    /// Keeps a hole for pairs. Its memory can be parsed from now on.
    fn pass_over(&mut self, hole: Hole) {
        fill(hole);
        if hole.size() > 0 && self.spare.len() < SPARE_MAX {
            self.spare.push(hole);
        }
    }

    /// Takes the hole in use back from the context, so that all memory that was handed out can be parsed.
    pub(super) fn retire_holes(&mut self, context: &mut Context) {
        fill(Hole { start: context.allocation_pointer, end: context.allocation_limit });
        (context.allocation_pointer, context.allocation_limit) = (0, 0);
        self.medium_hole = Hole::default();
        self.spare.clear();
    }
}

/// The next bytes of the hole in use, if it has so many.
#[inline(always)]
fn bump(context: &mut Context, size: usize) -> Option<usize> {
    let address = context.allocation_pointer;
    if size > LARGE_OBJECT || address + size > context.allocation_limit {
        return None;
    }
    context.allocation_pointer = address + size;
    Some(address)
}

fn take(hole: &mut Hole, size: usize) -> usize {
    let address = hole.start;
    hole.start += size;
    clear(address, size);
    address
}

/// Makes part of a hole zero.
#[inline(always)]
fn clear(address: usize, size: usize) {
    // SAFETY: holes are committed and hold no objects. Pairs are by far the most frequent: no call for them.
    unsafe {
        if size == GRANULE {
            *(address as *mut [u64; 2]) = [0; 2];
        } else {
            std::ptr::write_bytes(address as *mut u8, 0, size);
        }
    }
}

/// Makes a hole parsable.
fn fill(hole: Hole) {
    if hole.start < hole.end {
        // SAFETY: the hole is committed, holds no object, and is at least a granule long.
        unsafe { write_word(hole.start, header(Kind::Filler, hole.size())) };
    }
}
