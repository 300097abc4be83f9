//! Tests of the heap: a small mutator whose roots are a table, its own stack, and entries outside the heap.

mod faults;
mod limits;
mod roots;
mod structures;

use super::{AllocationNeeds, Heap, HeapOptions, Marker, Roots};
use crate::value::{field, header, spill, stack_address, Kind, Value, Word, PAIR_SIZE};
use maru_core::abi::Context;

/// A program that allocates: a heap, a context, and roots.
struct Mutator {
    heap: Heap,
    context: Box<Context>,
    tables: Tables,
    verify: bool,
}

/// The roots, and what lies outside the heap.
#[derive(Default)]
struct Tables {
    roots: Vec<Value>,
    words: Vec<Word>,
    /// What external objects stand for, by index.
    externals: Vec<Vec<Value>>,
    reported: Vec<(Kind, usize)>,
    stack_base: usize,
    lowest: usize,
}

impl Roots for Tables {
    fn roots(&mut self, marker: &mut Marker) {
        self.roots.iter().for_each(|&value| marker.value(value));
        self.words.iter().for_each(|&word| marker.conservative_word(word));
        if self.stack_base != 0 {
            // SAFETY: the used part of this thread's stack.
            unsafe { marker.conservative_range(self.lowest, self.stack_base) };
        }
    }

    fn external(&mut self, kind: Kind, index: usize, marker: &mut Marker) {
        self.reported.push((kind, index));
        if let Some(values) = self.externals.get(index) {
            values.iter().for_each(|&value| marker.value(value));
        }
    }
}

fn new_context() -> Box<Context> {
    // SAFETY: the context is made of integers and raw pointers.
    unsafe { Box::new(std::mem::MaybeUninit::zeroed().assume_init()) }
}

impl Mutator {
    fn new(options: HeapOptions) -> Mutator {
        let heap = Heap::new(HeapOptions { reserve: 1 << 30, ..options }).unwrap();
        Mutator { heap, context: new_context(), tables: Tables::default(), verify: true }
    }

    /// Frames of this function's callees are roots from now on, while `body` runs.
    fn with_stack(&mut self, body: impl FnOnce(&mut Mutator)) {
        self.tables.stack_base = stack_address() + 1024;
        body(self);
        self.tables.stack_base = 0;
    }

    fn collect(&mut self) {
        spill(|lowest| {
            self.tables.lowest = lowest;
            self.heap.collect(&mut self.context, &mut self.tables);
        });
        self.verify();
    }

    #[track_caller]
    fn verify(&self) {
        if self.verify {
            if let Err(fault) = self.heap.verify(&self.context) {
                panic!("{fault}");
            }
        }
    }

    fn try_allocate(&mut self, bytes: usize) -> Option<usize> {
        match self.heap.allocate(&mut self.context, bytes) {
            Ok(address) => Some(address),
            Err(AllocationNeeds::Memory) => None,
            Err(AllocationNeeds::Collection) => {
                self.collect();
                self.heap.allocate(&mut self.context, bytes).ok()
            }
        }
    }

    fn allocate(&mut self, bytes: usize) -> usize {
        let address = self.try_allocate(bytes).expect("memory");
        assert_eq!(address % 16, 0);
        let words = bytes.next_multiple_of(16) / 8;
        assert!((0..words).all(|index| self.word(address, index) == 0), "fresh memory holds zeros");
        address
    }

    fn word(&self, address: usize, index: usize) -> Word {
        // SAFETY: tests only read inside objects.
        unsafe { *((address + index * 8) as *const Word) }
    }

    fn set_word(&mut self, address: usize, index: usize, word: Word) {
        // SAFETY: tests only write inside objects, or damage the heap on purpose.
        unsafe { *((address + index * 8) as *mut Word) = word };
    }

    fn cons(&mut self, car: Value, cdr: Value) -> Value {
        let address = self.allocate(PAIR_SIZE);
        self.set_word(address, 0, car.0);
        self.set_word(address, 1, cdr.0);
        Value::pair_at(address)
    }

    fn object(&mut self, kind: Kind, fields: &[Value]) -> Value {
        let size = field(fields.len()) as usize;
        let address = self.allocate(size);
        self.set_word(address, 0, header(kind, size));
        for (index, value) in fields.iter().enumerate() {
            self.set_word(address, 1 + index, value.0);
        }
        Value::object_at(address)
    }

    /// An object of a raw kind, all of whose words are made from a seed.
    fn raw(&mut self, bytes: usize, seed: u64) -> Value {
        let size = field(0) as usize + bytes;
        let address = self.allocate(size);
        self.set_word(address, 0, header(Kind::Bytes, size));
        for index in 1..size / 8 {
            self.set_word(address, index, mix(seed + index as u64));
        }
        Value::object_at(address)
    }

    fn slot(&self, object: Value, index: usize) -> Value {
        Value(self.word(object.address(), index))
    }

    fn collections(&self) -> usize {
        self.heap.statistics(&self.context).collections
    }
}

/// A well-mixed function of a number.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
