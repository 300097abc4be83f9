//! Collections: mark, then find the holes.

use super::block::{BlockState, BLOCK_SIZE, GRANULES};
use super::mark::{Marker, Roots};
use super::{Cursor, Heap, POISON};
use crate::value::{GRANULE, WORD_SIZE};
use maru_core::abi::Context;
use std::time::Instant;

/// Blocks with fewer free granules than this are left alone.
const WORTH_RECYCLING: usize = 64;
/// Free blocks in a row that are worth a system call.
const WORTH_RELEASING: usize = 32;
/// Bytes of free blocks that are never given back.
const KEEP_FREE: usize = 64 << 20;

impl Heap {
    /// Frees everything that cannot be reached from the roots. Nothing moves.
    ///
    /// Registers are roots as well: call this through [`crate::value::spill`], which puts them on the stack, and
    /// name the stack in [`Roots::roots`].
    pub fn collect(&mut self, context: &mut Context, roots: &mut dyn Roots) {
        let start = Instant::now();
        self.retire_holes(context);
        roots.roots(&mut Marker { heap: self, gathering: true });
        self.clear_marks();
        self.trace_roots();
        while let Some((kind, index)) = self.marking.externals.pop() {
            roots.external(kind, index, &mut Marker { heap: self, gathering: false });
            self.trace_roots();
        }
        debug_assert!(self.marking.is_empty());
        self.marking.trim();
        self.sweep();
        self.just_collected = true;
        self.refused = false;
        self.since_collection = 0;
        let pause = start.elapsed();
        self.statistics.collections += 1;
        self.statistics.pause_total += pause;
        self.statistics.pause_longest = self.statistics.pause_longest.max(pause);
        self.statistics.pause_last = pause;
    }

    /// Sorts the blocks by what is left of them.
    fn sweep(&mut self) {
        self.free.clear();
        self.recyclable.iter_mut().for_each(Vec::clear);
        self.large_cursor = 0;
        (self.small, self.medium) = (Cursor::NONE, Cursor::NONE);
        let mut live = 0;
        // Downwards, so that the lists, which are popped from the end, yield low blocks first.
        for block in (0..self.frontier).rev() {
            match self.info[block].state {
                BlockState::LargeHead => live += self.sweep_large(block),
                BlockState::Recyclable | BlockState::InUse | BlockState::Full => live += self.sweep_block(block),
                BlockState::Free | BlockState::Fresh | BlockState::LargeRest => (),
            }
        }
        self.statistics.live_bytes = live;
        let growth = (live as u128 * self.options.growth_percent as u128 / 100) as usize;
        self.budget = self.options.initial_budget.max(growth).min(isize::MAX as usize) as isize;
        self.release_surplus();
        self.free.extend((0..self.frontier as u32).rev().filter(|&block| {
            let state = self.info[block as usize].state;
            matches!(state, BlockState::Free | BlockState::Fresh)
        }));
    }

    /// Answers how many bytes of the block are alive.
    fn sweep_block(&mut self, block: usize) -> usize {
        let bits = &self.bits[block];
        let taken = bits.count_taken();
        self.info[block].state = if taken == 0 {
            BlockState::Free
        } else if GRANULES - taken < WORTH_RECYCLING {
            BlockState::Full
        } else {
            let longest = self.longest_hole(block);
            self.recyclable[longest.ilog2() as usize].push(block as u32);
            BlockState::Recyclable
        };
        if self.options.poison {
            self.poison_holes(block);
        }
        taken * GRANULE
    }

    fn longest_hole(&self, block: usize) -> usize {
        let (mut granule, mut longest) = (0, 0);
        while granule + longest < GRANULES {
            let (start, end) = self.bits[block].hole_from(granule);
            longest = longest.max(end - start);
            granule = end;
        }
        longest
    }

    fn sweep_large(&mut self, head: usize) -> usize {
        let blocks = self.info[head].large as usize;
        if self.bits[head].mark.get(0) {
            return blocks * BLOCK_SIZE;
        }
        for block in head..head + blocks {
            self.info[block].state = BlockState::Free;
            if self.options.poison {
                self.poison_holes(block);
            }
        }
        if blocks >= WORTH_RELEASING && !self.options.poison {
            self.release(head, blocks);
        }
        0
    }

    /// Gives the memory of free blocks back, unless the next collection is likely to find them in use.
    fn release_surplus(&mut self) {
        if self.options.poison {
            return;
        }
        let keep = KEEP_FREE.max(self.budget as usize) / BLOCK_SIZE;
        let mut surplus =
            (0..self.frontier).filter(|&block| self.info[block].state == BlockState::Free).count().saturating_sub(keep);
        let mut end = self.frontier;
        while end > 0 && surplus > 0 {
            let start = (0..end).rev().take_while(|&block| self.info[block].state == BlockState::Free).last();
            let Some(start) = start else {
                end -= 1;
                continue;
            };
            if end - start >= WORTH_RELEASING {
                self.release(start, end - start);
            }
            surplus = surplus.saturating_sub(end - start);
            end = start;
        }
        while self.frontier > 0 && self.info[self.frontier - 1].state == BlockState::Fresh {
            self.frontier -= 1;
        }
    }

    fn release(&mut self, first: usize, blocks: usize) {
        if self.region.release(self.block_address(first), blocks * BLOCK_SIZE) {
            for block in first..first + blocks {
                self.info[block].state = BlockState::Fresh;
            }
        }
    }

    fn poison_holes(&mut self, block: usize) {
        let base = self.block_address(block);
        let mut granule = 0;
        loop {
            let (start, end) = self.bits[block].hole_from(granule);
            if start == end {
                return;
            }
            let words = (end - start) * GRANULE / WORD_SIZE;
            // SAFETY: a hole is committed and holds no object.
            unsafe { std::slice::from_raw_parts_mut((base + start * GRANULE) as *mut u64, words) }.fill(POISON);
            granule = end;
        }
    }
}
