//! Inline caches: what a place in compiled code found the last time, kept in words of its image's data table.
//!
//! A cache is a run of data words: first what was looked up for (a class; or a callable and the classes of its
//! arguments, as keys), then what was found (a field's offset, a method). Code compares and goes on; if the words are
//! others, a helper does the look-up as the interpreter does it, and fills them anew. Nobody counts on a cache to be
//! filled, so it may be emptied at any time: all caches of methods are when a method is defined, and after each
//! collection those are that mention what died. What they hold is not kept alive by them.
//!
//! Behind them stands one table for all places, which code looks into when its own cache has something else: so a place
//! that meets many classes needs no helper either.

use super::{CellId, Runtime};
use crate::runtime::classes::{chosen_function, dispatched};
use crate::value::{offset, Kind, Value, Word, TAG_IMMEDIATE, TRUE};
use maru_core::abi::{
    image_number, split_cache_place, LookupHash, EMPTY_CACHE, ENTRIES_SHIFT, ENTRY_WORDS, KIND_KEY, METHOD_CACHE_KEYS,
    METHOD_CACHE_OTHERS, MOST_KEYS, TRUE_KEY_SHIFT, TWO_KEYS,
};
use std::cell::Cell;

/// What tells a value's class: values with the same key have the same class. An instance's is its class itself.
/// Compiled code computes the same.
fn class_key(runtime: &Runtime, value: Value) -> Word {
    if !value.is_object() {
        return match value.tag() {
            TAG_IMMEDIATE => TAG_IMMEDIATE | Word::from(value.0 == TRUE) << TRUE_KEY_SHIFT,
            tag => tag,
        };
    }
    match runtime.kind_number(value) {
        kind if kind == Kind::Instance as u8 => runtime.field(value, offset::INSTANCE_CLASS).0,
        kind => Word::from(kind + KIND_KEY),
    }
}

/// A cache that is filled.
#[derive(Clone, Copy, Debug)]
struct Filled {
    image: u32,
    first: u32,
    words: u32,
    /// Whether what it found is a method.
    method: bool,
}

/// The caches that are filled, and the table behind them.
#[derive(Debug, Default)]
pub struct InlineCaches {
    filled: Vec<Filled>,
    /// Made when the first image wants it, for it stays where it is.
    lookups: Box<[Cell<Word>]>,
    /// Whether there is something in it.
    has_lookups: Cell<bool>,
}

impl InlineCaches {
    /// The address of the table for all places.
    pub fn lookups(&mut self) -> usize {
        if self.lookups.is_empty() {
            self.lookups = vec![Cell::new(EMPTY_CACHE); ENTRY_WORDS << ENTRIES_SHIFT].into();
        }
        self.lookups.as_ptr() as usize
    }

    fn remember(&self, callee: Word, key: Word, found: Word) {
        self.set_entry(LookupHash::of(callee, key), [callee, key, found, EMPTY_CACHE]);
    }

    fn remember_two(&self, callee: Word, [first, second]: [Word; 2], found: Word) {
        let callee = callee.wrapping_add(TWO_KEYS as Word);
        let mixed = first ^ second.rotate_left(LookupHash::SECOND_ROTATION);
        self.set_entry(LookupHash::of(callee, mixed), [callee, first, found, second]);
    }

    fn set_entry(&self, offset: Word, words: [Word; ENTRY_WORDS]) {
        let first = offset as usize / size_of::<Word>();
        if let Some(entry) = self.lookups.get(first..first + words.len()) {
            entry.iter().zip(words).for_each(|(place, word)| place.set(word));
            self.has_lookups.set(true);
        }
    }

    fn forget_lookups(&self) {
        if self.has_lookups.replace(false) {
            self.lookups.iter().for_each(|word| word.set(EMPTY_CACHE));
        }
    }
}

impl Runtime {
    /// Have places whose own caches hold something else find something from now on: for a callee (or the name of a field,
    /// or a class) and the key of a class.
    pub(crate) fn remember_lookup(&self, (callee, key, found): (Word, Word, Word)) {
        self.extensions.classes.caches.remember(callee, key, found);
    }

    /// Fill a cache of an image, both as code passes them to a helper.
    pub(crate) fn fill_cache(&mut self, image: Word, place: Word, words: &[Word], method: bool) {
        let (number, (first, _)) = (image_number(image), split_cache_place(place));
        let code = self.native.code;
        let Some(before) = code.data_word(self, number, first) else { return };
        code.set_data_words(self, number, first, words);
        if before == EMPTY_CACHE {
            let filled = Filled { image: number, first, words: words.len() as u32, method };
            self.extensions.classes.caches.filled.push(filled);
        }
    }

    /// Empty all caches of methods: one was defined.
    pub(crate) fn forget_methods(&mut self) {
        self.keep_caches(|_, filled| !filled.method);
    }

    /// Empty the caches that mention what the collection in progress has found dead.
    pub(crate) fn sweep_caches(&mut self) {
        self.keep_caches(|runtime, filled| {
            let code = runtime.native.code;
            let mut words = filled.first..filled.first + filled.words;
            words.all(|word| {
                code.data_word(runtime, filled.image, word).is_some_and(|word| runtime.is_alive(Value(word)))
            })
        });
    }

    fn keep_caches(&mut self, keep: impl Fn(&Runtime, &Filled) -> bool) {
        self.extensions.classes.caches.forget_lookups();
        let mut filled = std::mem::take(&mut self.extensions.classes.caches.filled);
        filled.retain(|cache| {
            let kept = keep(self, cache);
            if !kept {
                self.native.code.set_data_words(self, cache.image, cache.first, &[EMPTY_CACHE]);
            }
            kept
        });
        self.extensions.classes.caches.filled = filled;
    }

    /// Whether a word of a cache is no pointer, or one to an object that the collection in progress has found.
    fn is_alive(&self, word: Value) -> bool {
        let is_key = word.0 < Word::from(u8::MAX);
        is_key || !word.is_pointer() || self.heap.is_marked(word)
    }

    /// What a call of `callee` with some arguments goes to: the method, or itself, if it is nothing that chooses among
    /// methods, or finds none, which is an error that it raises itself when it is called.
    pub(crate) fn method_for(&mut self, image: Word, place: Word, callee: Value, arguments: &[Value]) -> Word {
        let Some((method, dispatched)) = chosen_function(self, callee, arguments) else {
            return self.pass_entry(callee);
        };
        let (_, keys) = split_cache_place(place);
        if dispatched <= keys && keys <= arguments.len() {
            let mut words = [0; METHOD_CACHE_OTHERS + MOST_KEYS];
            words[0] = callee.0;
            for (word, argument) in words[METHOD_CACHE_KEYS..].iter_mut().zip(&arguments[..keys]) {
                *word = class_key(self, *argument);
            }
            words[METHOD_CACHE_KEYS + keys] = method.0;
            match keys {
                1 => self.remember_lookup((callee.0, words[1], method.0)),
                2 => self.extensions.classes.caches.remember_two(callee.0, [words[1], words[2]], method.0),
                _ => {}
            }
            self.fill_cache(image, place, &words[..METHOD_CACHE_OTHERS + keys], true);
        }
        self.pass_entry(method)
    }

    /// Leave the entry of a callee in the context, for code that jumps to it.
    fn pass_entry(&mut self, callee: Value) -> Word {
        self.context.tail_entry = self.entry_of(callee);
        callee.0
    }

    /// How many methods there are, if a cell holds a function that chooses among methods.
    pub fn method_count(&self, cell: CellId) -> usize {
        super::classes::method_count(self, self.cells.get(cell).value)
    }

    /// Whether a cell holds a function that chooses among methods; by how many arguments, if so.
    pub fn dispatched_arguments(&self, cell: CellId) -> Option<usize> {
        dispatched(self, self.cells.get(cell).value)
    }
}
