//! Calls of selectors and multimethods: the method that an inline cache holds is called in their place.
//!
//! A place compares the callee, and the keys of the arguments that it chooses by, with those of its caches; then, if there
//! are one or two keys, it looks into the table for all places. A helper finds the method for others, and fills one of the
//! caches and the table. Either way the method's closure is called as any other, with the same arguments, in tail position
//! too; what has no method is called itself, by way of the interpreter, and raises the error.

use super::emit::{plain, Emit};
use super::{DataWord, UnitContext};
use maru_core::abi::layout::{offset, Kind, TAG_MASK, TAG_OBJECT, TRUE};
use maru_core::abi::{
    cache_place, context, word_offset, LookupHash, DATA_IMAGE, EMPTY_CACHE, ENTRY_CALLEE, ENTRY_FOUND, ENTRY_KEY,
    ENTRY_SECOND_KEY, KIND_KEY, METHOD_CACHE_KEYS, METHOD_CACHE_OTHERS, MOST_KEYS, TRUE_KEY_SHIFT, TWO_KEYS,
};
use maru_core::ir::{Binary, Block, Compare, Condition, Helper, Target, Type, Val, Width};
use maru_language::runtime::CellId;

/// The most caches that a place has. Where more methods are found, the table for all places serves as well.
const MOST_CACHES: usize = 4;

impl UnitContext<'_> {
    /// By how many of a call's arguments the callee chooses among methods, if that is what a cell's value does at present.
    pub(super) fn keys_of_call(&self, cell: CellId, arguments: usize) -> Option<usize> {
        let keys = self.runtime.dispatched_arguments(cell)?.min(arguments);
        (1..=MOST_KEYS).contains(&keys).then_some(keys)
    }

    /// How many caches a call of what a cell holds has: as many as there are methods to be found, if those are few.
    pub(super) fn caches_of_call(&self, cell: CellId, keys: usize) -> usize {
        let methods = self.runtime.method_count(cell);
        if keys == 1 && methods <= MOST_CACHES {
            methods.max(1)
        } else {
            1
        }
    }
}

impl Emit<'_, '_> {
    /// The address that a call of a value goes to that is expected to be a selector or multimethod, and to choose by so
    /// many of the arguments; and the callee's value. The place has some caches, which are filled one after the other.
    pub(super) fn send(&mut self, callee: Val, words: &[Val], keys: usize, caches: usize) -> (Val, Val) {
        let words_of_keys: Vec<Val> = words[..keys].iter().map(|word| self.class_key(*word)).collect();
        let caches: Vec<u32> = (0..caches).map(|_| self.unit.cache_words(METHOD_CACHE_OTHERS + keys)).collect();
        let (fill, miss, hit) = (self.b.cold_block(), self.b.cold_block(), self.b.block());
        let join = self.b.block();
        let method = self.b.parameter(hit, Type::Word);
        let place = self.b.parameter(fill, Type::Word);
        let (entry, target) = (self.b.parameter(join, Type::Word), self.b.parameter(join, Type::Word));
        for (number, cache) in caches.iter().enumerate() {
            let other = if number + 1 == caches.len() { self.b.cold_block() } else { self.b.block() };
            self.find_in_cache(*cache, callee, &words_of_keys, hit, other);
            self.b.switch_to(other);
        }
        self.require_all_filled(&caches, keys, fill);
        match words_of_keys[..] {
            [key] => {
                let found = self.look_up(callee, key, miss);
                self.b.jump(hit, &[found]);
            }
            [first, second] => {
                let found = self.look_up_two(callee, [first, second], miss);
                self.b.jump(hit, &[found]);
            }
            _ => self.jump(plain(miss)),
        }
        self.b.switch_to(hit);
        let code = self.load_object(method, offset::CALLABLE_CODE);
        let native = self.load_object(code, offset::CODE_ENTRY);
        self.b.jump(join, &[native, method]);
        self.b.switch_to(miss);
        let last = self.b.iconst(cache_place(caches[caches.len() - 1], keys));
        self.b.jump(fill, &[last]);
        self.b.switch_to(fill);
        self.store_arguments(words);
        let image = self.b.load_data(DATA_IMAGE);
        let count = self.b.iconst(words.len() as i64);
        let found = self.b.helper(Helper::FindMethod, &[image, place, callee, count]);
        let native = self.b.load_context(context::TAIL_ENTRY);
        self.b.jump(join, &[native, found]);
        self.b.switch_to(join);
        (entry, target)
    }

    /// Go elsewhere, to where it is filled, if a cache is empty: of what the table for all places has, the place's own
    /// cache would never learn.
    pub(super) fn require_filled(&mut self, cache: u32, miss: Block) {
        let first = self.b.load_data(cache);
        let empty = self.b.iconst(EMPTY_CACHE as i64);
        self.require(Condition::Compare(Compare::Ne, first, empty), plain(miss));
    }

    /// Go on with what a cache has found for a callee and keys, or where it has something else.
    fn find_in_cache(&mut self, cache: u32, callee: Val, keys: &[Val], hit: Block, other: Block) {
        for (word, at) in keys.iter().zip(cache + METHOD_CACHE_KEYS as u32..).chain([(&callee, cache)]) {
            let expected = self.b.load_data(at);
            self.require(Condition::Compare(Compare::Eq, *word, expected), plain(other));
        }
        let cached = self.b.load_data(cache + (METHOD_CACHE_KEYS + keys.len()) as u32);
        self.b.jump(hit, &[cached]);
    }

    /// Go to where a cache is filled with the first one of a place that is empty, if there is one: of what the table for
    /// all places has, the place's own caches would never learn.
    fn require_all_filled(&mut self, caches: &[u32], keys: usize, fill: Block) {
        for cache in caches {
            let first = self.b.load_data(*cache);
            let empty = self.b.iconst(EMPTY_CACHE as i64);
            let place = self.b.iconst(cache_place(*cache, keys));
            let otherwise = Target { block: fill, arguments: vec![place] };
            self.require(Condition::Compare(Compare::Ne, first, empty), otherwise);
        }
    }

    /// What the table for all places has for something and the key of a class; go elsewhere if it has nothing.
    pub(super) fn look_up(&mut self, callee: Val, key: Val, miss: Block) -> Val {
        let (table, at) = self.entry(callee, key);
        self.require_entry(table, at, &[(ENTRY_CALLEE, callee), (ENTRY_KEY, key)], miss);
        self.b.load_indexed(Width::Word, table, at, word_offset(ENTRY_FOUND))
    }

    /// The same for the keys of two classes.
    fn look_up_two(&mut self, callee: Val, [first, second]: [Val; 2], miss: Block) -> Val {
        let marked = self.b.binary_immediate(Binary::Add, callee, TWO_KEYS);
        let rotated = self.b.binary_immediate(Binary::Rotl, second, i64::from(LookupHash::SECOND_ROTATION));
        let mixed = self.b.binary(Binary::Xor, first, rotated);
        let (table, at) = self.entry(marked, mixed);
        self.require_entry(table, at, &[(ENTRY_CALLEE, marked), (ENTRY_KEY, first), (ENTRY_SECOND_KEY, second)], miss);
        self.b.load_indexed(Width::Word, table, at, word_offset(ENTRY_FOUND))
    }

    /// The table for all places, and the offset of an entry in it.
    fn entry(&mut self, callee: Val, key: Val) -> (Val, Val) {
        let rotated = self.b.binary_immediate(Binary::Rotl, key, i64::from(LookupHash::ROTATION));
        let mixed = self.b.binary(Binary::Xor, callee, rotated);
        let spread = self.b.binary_immediate(Binary::Mul, mixed, LookupHash::FACTOR as i64);
        let high = self.b.binary_immediate(Binary::Lshr, spread, i64::from(LookupHash::SHIFT));
        let at = self.b.binary_immediate(Binary::And, high, LookupHash::MASK as i64);
        let word = self.unit.data_word(DataWord::Lookups);
        (self.b.load_data(word), at)
    }

    /// Go elsewhere unless an entry has these words.
    fn require_entry(&mut self, table: Val, at: Val, words: &[(usize, Val)], miss: Block) {
        for (index, wanted) in words {
            let found = self.b.load_indexed(Width::Word, table, at, word_offset(*index));
            self.require(Condition::Compare(Compare::Eq, found, *wanted), plain(miss));
        }
    }

    /// The key of a value's class, as the runtime's inline caches have it.
    fn class_key(&mut self, value: Val) -> Val {
        let (object, other) = (self.b.block(), self.b.block());
        let (instance, join) = (self.b.block(), self.b.block());
        let key = self.b.parameter(join, Type::Word);
        self.branch(Condition::HasTag(1 << TAG_OBJECT, value), plain(object), plain(other));
        self.b.switch_to(object);
        let kind = self.load_kind(value);
        let of_kind = self.b.binary_immediate(Binary::Add, kind, i64::from(KIND_KEY));
        let wanted = self.b.iconst(Kind::Instance as i64);
        let no_instance = Target { block: join, arguments: vec![of_kind] };
        self.branch(Condition::Compare(Compare::Eq, kind, wanted), plain(instance), no_instance);
        self.b.switch_to(instance);
        let class = self.load_object(value, offset::INSTANCE_CLASS);
        self.b.jump(join, &[class]);
        self.b.switch_to(other);
        let tag = self.b.binary_immediate(Binary::And, value, TAG_MASK as i64);
        let yes = self.b.iconst(TRUE as i64);
        let is_true = self.b.compare(Compare::Eq, value, yes);
        let shifted = self.b.binary_immediate(Binary::Shl, is_true, i64::from(TRUE_KEY_SHIFT));
        let of_tag = self.b.binary(Binary::Or, tag, shifted);
        self.b.jump(join, &[of_tag]);
        self.b.switch_to(join);
        key
    }
}
