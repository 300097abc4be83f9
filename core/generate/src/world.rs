//! The world that generated functions run in: a context, scratch memory, a data table, and helpers that only mix
//! their arguments.

use super::{DATA_WORDS, SCRATCH_BYTES};
use maru_core::abi::{context, Context, Word, WORD_SIZE};
use maru_core::ir::evaluate::{Environment, EvaluateError};
use maru_core::ir::Helper;
use std::cell::UnsafeCell;

/// Words in the argument area: more than any generated call passes.
const ARGUMENT_WORDS: usize = 64;

/// Memory and helpers for one run of a generated unit. Two worlds made with the same seed are equal, so what an
/// evaluator and what machine code leave in them can be compared.
pub struct World {
    context: Box<[UnsafeCell<Word>]>,
    scratch: Box<[UnsafeCell<Word>]>,
    arguments: Box<[UnsafeCell<Word>]>,
    data: Box<[UnsafeCell<Word>]>,
}

/// What every helper returns in a [`World`]: a word that depends on the helper and on each argument.
pub fn mix(helper: Helper, arguments: &[Word]) -> Word {
    let start = (helper as Word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let step = |mixed: Word, word: &Word| (mixed ^ word).rotate_left(23).wrapping_mul(0x2545_f491_4f6c_dd1d);
    arguments.iter().take(helper.parameters()).fold(start, step)
}

fn words(count: usize) -> Box<[UnsafeCell<Word>]> {
    (0..count).map(|_| UnsafeCell::new(0)).collect()
}

/// The number of the word at a byte offset.
fn word_number(offset: i32) -> usize {
    offset as usize / WORD_SIZE
}

fn address(words: &[UnsafeCell<Word>]) -> Word {
    words.as_ptr() as Word
}

fn read(words: &[UnsafeCell<Word>]) -> Vec<Word> {
    // SAFETY: nobody writes meanwhile, for `World` is not shared between threads.
    words.iter().map(|word| unsafe { *word.get() }).collect()
}

impl World {
    /// A world whose scratch memory and data table depend on the seed. The scratch memory's half for doubles holds
    /// small integers.
    pub fn new(seed: Word) -> World {
        World::with_scratch(seed, SCRATCH_BYTES / WORD_SIZE)
    }

    /// The same with so many words of scratch memory.
    pub fn with_scratch(seed: Word, count: usize) -> World {
        let mut world = World {
            context: words(context::CONTEXT_SIZE / WORD_SIZE),
            scratch: words(count),
            arguments: words(ARGUMENT_WORDS),
            data: words(DATA_WORDS as usize),
        };
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state ^ state >> 29
        };
        let half = world.scratch.len() / 2;
        for (n, word) in world.scratch.iter_mut().enumerate() {
            *word.get_mut() = if n < half { random() } else { ((random() % 1000) as f64).to_bits() };
        }
        world.data.iter_mut().for_each(|word| *word.get_mut() = random());
        let arguments = address(&world.arguments);
        *world.context[word_number(context::ARGUMENTS)].get_mut() = arguments;
        world
    }

    /// Put the addresses of native helpers into the context, for machine code.
    pub fn set_helpers(&mut self, addresses: &[usize]) {
        let first = word_number(Context::helper_offset(0));
        for (word, &address) in self.context[first..].iter_mut().zip(addresses) {
            *word.get_mut() = address as Word;
        }
    }

    /// How many words [`World::copy_to`] takes.
    pub fn words(&self) -> usize {
        self.context.len() + self.scratch.len() + self.arguments.len()
    }

    /// Copy it to where code reaches it, with the address of the argument area that is true there. The addresses of the
    /// copies of context and scratch memory.
    pub fn copy_to(&self, memory: &mut [Word]) -> [Word; 2] {
        let start = memory.as_ptr() as Word;
        let [context, scratch] = [self.context.len(), self.scratch.len()];
        let all = [&self.context, &self.scratch, &self.arguments].map(|part| read(part)).concat();
        memory[..all.len()].copy_from_slice(&all);
        memory[word_number(context::ARGUMENTS)] = start + (WORD_SIZE * (context + scratch)) as Word;
        [start, start + (WORD_SIZE * context) as Word]
    }

    /// Take over what code has left in a copy.
    pub fn copy_from(&mut self, memory: &[Word]) {
        let arguments = address(&self.arguments);
        let parts = [&mut self.context, &mut self.scratch, &mut self.arguments];
        let own = parts.into_iter().flat_map(|part| part.iter_mut());
        own.zip(memory).for_each(|(word, copy)| *word.get_mut() = *copy);
        *self.context[word_number(context::ARGUMENTS)].get_mut() = arguments;
    }

    /// The address of the scratch memory, the first parameter of a generated unit's entry.
    pub fn scratch_address(&self) -> Word {
        address(&self.scratch)
    }

    /// The data table.
    pub fn data_words(&self) -> Vec<Word> {
        read(&self.data)
    }

    /// A word of the argument area.
    pub fn argument(&self, index: usize) -> Word {
        // SAFETY: as in `read`.
        unsafe { *self.arguments[index].get() }
    }

    /// Set a word of the argument area.
    pub fn set_argument(&mut self, index: usize, word: Word) {
        *self.arguments[index].get_mut() = word;
    }

    /// What a run leaves behind: scratch memory, every NaN in its half for doubles made the same, and the context's
    /// words that generated functions write.
    pub fn remains(&self) -> Vec<Word> {
        let mut remains = read(&self.scratch);
        let half = remains.len() / 2;
        for word in &mut remains[half..] {
            if f64::from_bits(*word).is_nan() {
                *word = f64::NAN.to_bits();
            }
        }
        let context = read(&self.context);
        remains.extend(super::CONTEXT_OFFSETS.iter().map(|&offset| context[word_number(offset)]));
        remains
    }
}

impl Environment for World {
    fn context_address(&mut self) -> Word {
        address(&self.context)
    }
    fn helper(&mut self, helper: Helper, arguments: &[Word]) -> Result<Word, EvaluateError> {
        Ok(mix(helper, arguments))
    }
    fn data(&mut self, _unit: Word, index: u32) -> Result<Word, EvaluateError> {
        let word = self.data.get(index as usize);
        // SAFETY: as in `read`.
        word.map(|word| unsafe { *word.get() })
            .ok_or_else(|| EvaluateError::Environment(format!("the data table has no word {index}")))
    }
    fn call_address(&mut self, address: Word, _words: &[Word]) -> Result<Word, EvaluateError> {
        Err(EvaluateError::Environment(format!("there is no code at {address:#x}")))
    }
}
