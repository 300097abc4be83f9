//! The heap: objects that never move, in holes between survivors.
//!
//! One reserved range of addresses is divided into blocks of 32 KiB, these into granules of 16 bytes. The collector
//! keeps two bits a granule: `mark` (a survivor starts here) and `body` (its further granules). Runs of granules with
//! neither are holes, and allocation is bumping a pointer through a hole:
//!
//! ```text
//!   block    |S b b . . . . S . S b . . . . . . . . .|      S survivor  b its body  . free
//!   holes           [------)  [)    [----------------)
//! ```
//!
//! The pointer and the limit of the hole in use lie in the [`Context`], where native code bumps them inline for
//! objects of up to [`crate::value::INLINE_ALLOCATION_MAX`] bytes. Nothing else is written when an object is born.
//! Where young objects start is found by parsing their hole from its start: a hole is always full of objects and
//! fillers, and headers have a tag that no value has. Whoever allocates therefore writes the header and all slots
//! before the next allocation.
//!
//! Objects above 128 bytes look for a hole that fits before they take a clean block; objects above half a block get
//! blocks of their own.
//!
//! Roots are the business of the caller, who implements [`Roots`]. Precise roots are values; words of stacks and
//! registers are resolved conservatively: any address inside an object, whatever its tag, keeps the object alive.

mod allocate;
mod block;
mod collect;
mod mark;
mod object;
mod region;
mod resolve;
#[cfg(test)]
mod tests;
mod verify;

pub use mark::{Marker, Roots};

use block::{BlockBits, BlockInfo, BLOCK_SIZE, GRANULES};
use maru_core::abi::Context;
use region::{Region, SideTable};
use std::time::Duration;

/// How a heap is made.
#[derive(Clone, Debug)]
pub struct HeapOptions {
    /// Bytes of address space to reserve; halved as long as the system refuses.
    pub reserve: usize,
    /// Where the range should lie; 0 for anywhere. Only a wish.
    pub address_hint: usize,
    /// Bytes that objects and the holes between them may take; 0 for three quarters of the machine's memory.
    pub max_bytes: usize,
    /// Bytes to hand out before the first collection, and at least so many between any two.
    pub initial_budget: usize,
    /// How many percent of the bytes alive may be handed out before the next collection.
    pub growth_percent: usize,
    /// So many allocations are each preceded by a collection, and none of them is inline; the same number again after
    /// each [`Heap::renew_stress`].
    pub stress: u64,
    /// Overwrite freed memory with [`POISON`].
    pub poison: bool,
}

impl Default for HeapOptions {
    fn default() -> HeapOptions {
        HeapOptions {
            reserve: 64 << 30,
            address_hint: 0,
            max_bytes: 0,
            initial_budget: 8 << 20,
            growth_percent: 100,
            stress: 0,
            poison: false,
        }
    }
}

impl HeapOptions {
    /// The options that find most mistakes of callers: collections at every allocation, and poison.
    pub fn stress() -> HeapOptions {
        HeapOptions { stress: u64::MAX, poison: true, ..HeapOptions::default() }
    }

    /// The same for programs that allocate too often for that: collections at so many allocations, then frequent ones.
    pub fn stress_for(allocations: u64) -> HeapOptions {
        HeapOptions { stress: allocations, initial_budget: 1 << 16, growth_percent: 10, ..HeapOptions::stress() }
    }
}

/// What freed words look like when poison is on. As a value it is an immediate that no program can get at.
pub const POISON: u64 = 0xfefe_fefe_fefe_fefe;

/// What must happen before an allocation can succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllocationNeeds {
    /// A collection; afterwards the same request is answered by an address or by `Memory`.
    Collection,
    /// More memory than there is. The heap works on; requests succeed again once enough objects have died.
    Memory,
}

/// What the heap has done so far.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct HeapStatistics {
    /// Number of collections.
    pub collections: usize,
    /// Bytes of the objects that survived the last collection.
    pub live_bytes: usize,
    /// Bytes handed out for objects since the start, up to what the hole in use has left.
    pub allocated_bytes: usize,
    /// Bytes from the range's base to the end of the last block in use.
    pub extent_bytes: usize,
    /// Time spent in collections.
    pub pause_total: Duration,
    /// The longest collection.
    pub pause_longest: Duration,
    /// The last collection.
    pub pause_last: Duration,
}

/// A run of free bytes.
#[derive(Clone, Copy, Default, Debug)]
struct Hole {
    start: usize,
    end: usize,
}

impl Hole {
    fn size(self) -> usize {
        self.end - self.start
    }
}

/// A block whose holes are being handed out, and the granule from which on they have not been yet.
#[derive(Clone, Copy)]
struct Cursor {
    block: Option<usize>,
    granule: usize,
}

impl Cursor {
    const NONE: Cursor = Cursor { block: None, granule: GRANULES };

    /// Whether a granule lies in a part of the cursor's block that has not been handed out.
    fn holds_back(&self, block: usize, granule: usize) -> bool {
        self.block == Some(block) && granule >= self.granule
    }
}

/// Lists of recyclable blocks: list `k` holds those whose longest hole has at least 2^k granules, but not 2^(k+1).
const HOLE_CLASSES: usize = 12;

/// The heap of one runtime.
pub struct Heap {
    options: HeapOptions,
    /// Allocations that still collect, each of them.
    stress_left: u64,
    max_bytes: usize,
    region: Region,
    bits: SideTable<BlockBits>,
    info: SideTable<BlockInfo>,
    /// Blocks below this one are, or were, in use.
    frontier: usize,

    /// Blocks that small objects take holes from.
    small: Cursor,
    /// Blocks that medium objects take holes from.
    medium: Cursor,
    /// The hole that medium objects bump through; the unused part is a filler.
    medium_hole: Hole,
    /// Holes passed over by requests that did not fit; pairs always fit.
    spare: Vec<Hole>,
    /// Blocks without objects. Entries may be out of date: the state decides.
    free: Vec<u32>,
    recyclable: [Vec<u32>; HOLE_CLASSES],
    /// Where the search for free blocks in a row goes on.
    large_cursor: usize,

    /// Bytes that are held elsewhere on behalf of objects, once they count.
    outside: usize,
    counts_outside: bool,
    /// Bytes that may still be handed out before the next collection.
    budget: isize,
    /// Bytes handed out since the last collection.
    since_collection: usize,
    /// No slow allocation has succeeded since the last collection.
    just_collected: bool,
    /// `AllocationNeeds::Memory` was the last answer, so that the next exhaustion must try a collection.
    refused: bool,
    reserve_open: bool,

    marking: mark::Marking,
    statistics: HeapStatistics,
}

/// Bytes above the limit that are available while a report of exhaustion is made.
const REPORT_RESERVE: usize = 1 << 20;

impl Heap {
    /// Reserves a heap's range of addresses. Fails if there is none to be had.
    pub fn new(options: HeapOptions) -> Result<Heap, String> {
        crate::value::prepare_spill().map_err(|error| format!("no stack for the collector: {error}"))?;
        const SMALLEST: usize = 1 << 20;
        let reserve = crate::value::reserve::share(options.reserve, crate::value::reserve::HEAP_SHARE);
        let mut reserve = reserve.max(SMALLEST).next_multiple_of(BLOCK_SIZE);
        loop {
            if let Some(heap) = Heap::with_reserve(&options, reserve) {
                return Ok(heap);
            }
            if reserve <= SMALLEST {
                let error = std::io::Error::last_os_error();
                return Err(format!("no address space for the heap: {error}"));
            }
            reserve = (reserve / 2).next_multiple_of(BLOCK_SIZE);
        }
    }

    fn with_reserve(options: &HeapOptions, reserve: usize) -> Option<Heap> {
        let blocks = reserve / BLOCK_SIZE;
        let wanted = if options.max_bytes == 0 { region::default_max_bytes() } else { options.max_bytes };
        Some(Heap {
            max_bytes: wanted.clamp(BLOCK_SIZE, reserve),
            region: Region::reserve(options.address_hint, reserve, BLOCK_SIZE)?,
            bits: SideTable::new(blocks)?,
            info: SideTable::new(blocks)?,
            frontier: 0,
            small: Cursor::NONE,
            medium: Cursor::NONE,
            medium_hole: Hole::default(),
            spare: Vec::new(),
            free: Vec::new(),
            recyclable: Default::default(),
            large_cursor: 0,
            outside: 0,
            counts_outside: false,
            budget: options.initial_budget as isize,
            since_collection: 0,
            just_collected: false,
            refused: false,
            reserve_open: false,
            marking: mark::Marking::default(),
            statistics: HeapStatistics::default(),
            options: options.clone(),
            stress_left: options.stress,
        })
    }

    /// The first address of the reserved range.
    pub fn base(&self) -> usize {
        self.region.base()
    }

    /// Bytes of the reserved range.
    pub fn reserved_bytes(&self) -> usize {
        self.region.size()
    }

    /// Bytes, from the base on, that may be accessed. Grows in large steps; objects lie nowhere else.
    pub fn committed_bytes(&self) -> usize {
        self.region.committed()
    }

    /// The limit on what objects and the holes between them may take.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether so many bytes more may be held elsewhere. A part of the limit is left to objects, so that a program that
    /// cannot have more of the one can still handle the error.
    pub fn has_room_outside(&self, bytes: usize) -> bool {
        !self.counts_outside
            || self.outside + self.statistics.live_bytes + bytes <= self.max_bytes - self.max_bytes / 16
    }

    /// Count bytes that the caller holds elsewhere on behalf of objects. They are part of what the limit allows, and bring
    /// the next collection nearer; where there are too many of them, the next allocation that looks for a hole says so.
    pub fn hold_outside(&mut self, bytes: usize) {
        if !self.counts_outside {
            return;
        }
        self.outside += bytes;
        self.budget = self.budget.saturating_sub_unsigned(bytes);
        self.since_collection += bytes;
    }

    /// After a collection: the objects died that so many of the bytes elsewhere were held for. What is left of them
    /// is granted growth, as objects are.
    pub fn let_go_outside(&mut self, bytes: usize) {
        self.outside = self.outside.saturating_sub(bytes);
        let growth = (self.outside as u128 * self.options.growth_percent as u128 / 100) as usize;
        self.budget = self.budget.saturating_add_unsigned(growth);
    }

    /// From now on bytes elsewhere count: what every run needs is made, and the program's share begins.
    pub fn count_outside(&mut self) {
        self.counts_outside = true;
    }

    /// Let as many allocations collect as the options say, counted from now.
    pub fn renew_stress(&mut self, context: &mut Context) {
        self.stress_left = self.options.stress;
        if self.stress_left > 0 {
            self.retire_holes(context);
        }
    }

    /// What the heap has done so far.
    pub fn statistics(&self, context: &Context) -> HeapStatistics {
        let unused = context.allocation_limit.saturating_sub(context.allocation_pointer);
        HeapStatistics {
            extent_bytes: self.frontier * BLOCK_SIZE,
            allocated_bytes: self.statistics.allocated_bytes.saturating_sub(unused),
            ..self.statistics
        }
    }

    /// Opens or closes a reserve of a megabyte above the limit, for the objects that a report of exhaustion needs.
    pub fn open_reserve(&mut self, open: bool) {
        self.reserve_open = open;
    }

    fn block_address(&self, block: usize) -> usize {
        self.region.base() + block * BLOCK_SIZE
    }

    /// Block and granule of an address, if the address lies in a block that is, or was, in use.
    #[inline(always)]
    fn place_of(&self, address: usize) -> Option<(usize, usize)> {
        let offset = address.wrapping_sub(self.region.base());
        let block = offset / BLOCK_SIZE;
        (block < self.frontier).then_some((block, offset % BLOCK_SIZE / crate::value::GRANULE))
    }
}
