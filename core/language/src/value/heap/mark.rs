//! Marking: from the roots to everything that can be reached.
//!
//! Roots are first gathered as one bit an object, so that a million stack words that mean the same object cost one
//! bit; then they are traced block by block. The mark stack is bounded: what finds no room on it is found again by
//! looking for children of marked objects that are not marked themselves.

use super::block::{BlockState, LARGE_OBJECT};
use super::object::{read_word, Shape};
use super::Heap;
use crate::value::{offset, Kind, Value, Word, GRANULE, TAG_MASK, WORD_SIZE};

/// Where a collection starts, and what lies outside the heap on the way.
pub trait Roots {
    /// Names all roots.
    fn roots(&mut self, marker: &mut Marker);

    /// An object that stands for entry `index` of a table of the runtime was reached for the first time: names what
    /// the entry refers to. The kinds are Code, Environment, Class, Port, Selector and Generic. May be told of an
    /// entry twice, and of index 0 for an object whose index has not been written yet.
    fn external(&mut self, kind: Kind, index: usize, marker: &mut Marker);
}

/// Takes the names of roots during a collection.
pub struct Marker<'heap> {
    pub(super) heap: &'heap mut Heap,
    pub(super) gathering: bool,
}

impl Marker<'_> {
    /// Keeps a value alive.
    #[inline]
    pub fn value(&mut self, value: Value) {
        if value.is_pointer() {
            self.heap.add_root(value.address());
        }
    }

    /// Keeps the object alive that a word points into, if it does, whatever its tag. Only in [`Roots::roots`].
    pub fn conservative_word(&mut self, word: Word) {
        assert!(self.gathering, "stacks and registers are named as roots, not on the way");
        if let Some(address) = self.heap.resolve_and_note(word as usize) {
            self.heap.add_root(address);
        }
    }

    /// Treats every word of a range of memory as [`Marker::conservative_word`] does.
    ///
    /// # Safety
    /// The range `start..end` must be readable.
    pub unsafe fn conservative_range(&mut self, start: usize, end: usize) {
        let mut address = start.next_multiple_of(WORD_SIZE);
        let mut previous = 0;
        while address + WORD_SIZE <= end {
            // SAFETY: the caller's promise. Volatile, for these are other functions' frames.
            let word = unsafe { std::ptr::read_volatile(address as *const Word) };
            if word != previous {
                self.conservative_word(word);
                previous = word;
            }
            address += WORD_SIZE;
        }
    }
}

/// Objects that wait to be scanned.
#[derive(Default)]
pub(super) struct Marking {
    stack: Vec<usize>,
    /// Large objects scanned in part: address, and the next slot.
    partial: Vec<(usize, usize)>,
    /// Blocks that have root bits.
    rooted: Vec<u32>,
    pub(super) externals: Vec<(Kind, usize)>,
    /// Something found no room on the stack.
    overflowed: bool,
    /// In tests: a smaller bound of the stack.
    pub(super) stack_max: Option<usize>,
}

/// The most addresses on the mark stack.
const STACK_MAX: usize = 1 << 22;
/// Slots scanned in one go; the rest waits.
const CHUNK: usize = 512;
/// How many objects are on their way from memory to the processor while the oldest is scanned.
const RING: usize = 8;

impl Marking {
    #[inline(always)]
    fn push(&mut self, address: usize) {
        if self.stack.len() < self.stack.capacity() {
            self.stack.push(address);
        } else {
            self.push_growing(address);
        }
    }

    #[cold]
    fn push_growing(&mut self, address: usize) {
        let length = self.stack.len();
        let room = self.stack_max.unwrap_or(STACK_MAX).saturating_sub(length).min(length.max(1024));
        if room == 0 || self.stack.try_reserve_exact(room).is_err() {
            self.overflowed = true;
        } else {
            self.stack.push(address);
        }
    }

    fn push_partial(&mut self, address: usize, slot: usize) {
        if self.partial.len() >= STACK_MAX || self.partial.try_reserve(1).is_err() {
            self.overflowed = true;
        } else {
            self.partial.push((address, slot));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stack.is_empty() && self.partial.is_empty() && self.rooted.is_empty() && self.externals.is_empty()
    }

    /// Gives memory back that only an unusual collection needed.
    pub(super) fn trim(&mut self) {
        self.stack.shrink_to(1 << 16);
        self.partial.shrink_to(1 << 10);
    }
}

impl Heap {
    /// Whether the last collection found the value alive. Meant for sweeping weak tables before the next allocation;
    /// of an object born since, the answer is no. What lies outside the heap is alive.
    pub fn is_marked(&self, value: Value) -> bool {
        if !value.is_pointer() {
            return true;
        }
        match self.place_of(value.address()) {
            Some((block, granule)) => self.bits[block].mark.get(granule),
            None => value.address().wrapping_sub(self.base()) >= self.reserved_bytes(),
        }
    }

    #[inline]
    fn add_root(&mut self, address: usize) {
        let Some((block, granule)) = self.place_of(address) else { return };
        if self.bits[block].root.set(granule) && !self.info[block].rooted {
            self.info[block].rooted = true;
            self.marking.rooted.push(block as u32);
        }
    }

    /// Forgets what survived the last collection.
    pub(super) fn clear_marks(&mut self) {
        for block in 0..self.frontier {
            if !self.is_free(block) && self.info[block].state != BlockState::LargeRest {
                self.bits[block].mark.clear();
                self.bits[block].body.clear();
            }
        }
    }

    /// Marks everything reachable from the roots named so far.
    pub(super) fn trace_roots(&mut self) {
        while let Some(block) = self.marking.rooted.pop() {
            let block = block as usize;
            self.info[block].rooted = false;
            let roots = self.bits[block].root.clone();
            self.bits[block].root.clear();
            let base = self.block_address(block);
            roots.for_each(|granule| {
                self.mark_object(base + granule * GRANULE);
                self.drain();
            });
        }
        while self.marking.overflowed {
            self.marking.overflowed = false;
            self.trace_forgotten();
        }
    }

    /// Traces the children of all marked objects that are not marked themselves, after the mark stack was full.
    fn trace_forgotten(&mut self) {
        for block in 0..self.frontier {
            if self.is_free(block) || self.info[block].state == BlockState::LargeRest {
                continue;
            }
            let marks = self.bits[block].mark.clone();
            let base = self.block_address(block);
            marks.for_each(|granule| self.trace_children(base + granule * GRANULE));
        }
    }

    fn trace_children(&mut self, address: usize) {
        // SAFETY: a marked object is committed memory, and so are its slots.
        let (start, end) = Shape(unsafe { read_word(address) }).slots();
        for slot in start..end {
            // SAFETY: as above.
            let child = Value(unsafe { read_word(address + slot * WORD_SIZE) });
            if !self.is_marked(child) {
                self.mark_object(child.address());
                self.drain();
            }
        }
    }

    fn drain(&mut self) {
        // Objects pass through a small ring between the stack and the scan. Reading the first word on entry starts
        // the fetch from memory several objects ahead.
        let mut ring = [(0, 0); RING];
        let (mut head, mut count) = (0, 0);
        loop {
            while count < RING {
                let Some(address) = self.marking.stack.pop() else { break };
                // SAFETY: only addresses of objects inside the committed range are pushed.
                ring[(head + count) % RING] = (address, unsafe { read_word(address) });
                count += 1;
            }
            if count == 0 {
                match self.marking.partial.pop() {
                    Some((address, slot)) => self.scan_slots(address, slot),
                    None => return,
                }
                continue;
            }
            let (address, first) = ring[head];
            head = (head + 1) % RING;
            count -= 1;
            self.mark_with_shape(address, Shape(first));
        }
    }

    fn mark_object(&mut self, address: usize) {
        if self.place_of(address).is_some() {
            // SAFETY: blocks in use are committed.
            self.mark_with_shape(address, Shape(unsafe { read_word(address) }));
        }
    }

    #[inline(always)]
    fn mark_with_shape(&mut self, address: usize, shape: Shape) {
        let Some((block, granule)) = self.place_of(address) else { return };
        let bits = &mut self.bits[block];
        if !bits.mark.set(granule) {
            return;
        }
        if shape.is_pair() {
            // The car is scanned before the cdr, so that long lists need no stack.
            // SAFETY: a pair has two words.
            let (car, cdr) = unsafe { (read_word(address), read_word(address + WORD_SIZE)) };
            self.push_child(cdr);
            self.push_child(car);
            return;
        }
        let size = shape.size();
        if size <= LARGE_OBJECT {
            bits.body.set_range(granule + 1, granule + size / GRANULE);
        }
        if shape.is_external() {
            self.report_external(address, shape);
        }
        let (start, end) = shape.slots();
        if start < end {
            self.scan_slots(address, start);
        }
    }

    /// Pushes the children in a chunk of an object's slots; the rest waits.
    fn scan_slots(&mut self, address: usize, start: usize) {
        // SAFETY: the address is that of an object, whose slots lie in committed memory.
        let (_, end) = Shape(unsafe { read_word(address) }).slots();
        let stop = end.min(start.saturating_add(CHUNK));
        if stop < end {
            self.marking.push_partial(address, stop);
        }
        for slot in (start..stop).rev() {
            // SAFETY: as above.
            self.push_child(unsafe { read_word(address + slot * WORD_SIZE) });
        }
    }

    #[inline(always)]
    fn push_child(&mut self, word: Word) {
        if Value(word).is_pointer() {
            let address = (word & !TAG_MASK) as usize;
            if self.place_of(address).is_some() {
                self.marking.push(address);
            }
        }
    }

    fn report_external(&mut self, address: usize, shape: Shape) {
        let Some(kind) = shape.kind() else { return };
        let field = match kind {
            Kind::Code => offset::CODE_PROTOTYPE,
            Kind::Selector | Kind::Generic => offset::CALLABLE_INDEX,
            _ => offset::INDEX,
        };
        // SAFETY: the field lies in the object.
        let index = Value(unsafe { read_word(address + field as usize) }).as_fixnum();
        if let Some(index) = index.and_then(|index| usize::try_from(index).ok()) {
            self.marking.externals.push((kind, index));
        }
    }
}
