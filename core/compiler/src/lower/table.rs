//! Hash tables in emitted code: keys that are there, and most that are not, are found without the runtime.
//!
//! ```text
//!   key ── fixnum, nil …, symbol, instance … ──→ hash of the word ─┐
//!    ├──── string whose hash is known ─────────→ its hash ─────────┴→ probe(place) ── empty ──→ not there
//!    └──── others ──→ runtime                                          │  ↑  └ other key ─→ other hash ─┐
//!                                                                      │  └───────── next place ←───────┘
//!                                                                      └ same key ─→ its entry
//! ```
//!
//! A key that is not there is set in line, too, where the entries have room for it.
//!
//! What has the hash of a key but is another word may still be equal to it: a double, or another string. Strings that the
//! runtime found to be equal share their storage, which shows here; all else is left to the runtime.

use super::emit::slow::{Inline, Miss};
use super::emit::state::{RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use maru_core::abi::layout::{
    field, header, offset, sequence_header, Kind, HEADER_SIZE_SHIFT, NIL, TAG_FIXNUM, TAG_IMMEDIATE, TAG_MASK,
    TAG_OBJECT, WORD_SIZE,
};
use maru_core::abi::{
    HASH_FACTOR, HASH_HALF, HASH_ROUNDS, PLACE_OFFSET_SHIFT, TABLE_COUNT, TABLE_ENTRIES, TABLE_ENTRY_BYTES,
    TABLE_ENTRY_HASH, TABLE_ENTRY_KEY, TABLE_ENTRY_VALUE, TABLE_HEAD_WORDS, TABLE_MASK, TABLE_NEXT,
};
use maru_core::ir::{Binary, Block, Compare, Condition, Target, Type, Val, Width};

/// What is done with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TableUse {
    /// `table-at`: its value, or the default.
    Get,
    /// `set-table-at`.
    Set,
    /// `table-has?`.
    Has,
}

/// The entries of a table while a key is looked for.
struct Search {
    entries: Val,
    /// The number of places of the index less one, as a fixnum.
    mask: Val,
    key: Val,
    /// Whether the key may be a string.
    strings: bool,
    /// The probe of a place, with parameters for its number, a fixnum, and the hash.
    probe: Block,
}

/// Where a search ends.
struct Found {
    /// The offset of the entry with the key, in the block where it was found.
    entry: Val,
    /// The offset of the empty place, in the block where it was not.
    place: Val,
    hash: Val,
}

impl Emit<'_, '_> {
    /// A use of a table and a key, which are the first two operands.
    pub(super) fn table(&mut self, what: TableUse, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let words: Vec<Val> = call.args.iter().map(|register| self.word(state, *register)).collect();
        let fixnum = state.places.get(call.args[1]).is_some_and(|place| place.ty == Ty::Fixnum);
        let otherwise = self.slow(&mut miss);
        self.require(Condition::HasTag(1 << TAG_OBJECT, words[0]), otherwise.clone());
        let found = self.load_object(words[0], offset::HEADER);
        let wanted = self.b.iconst(header(Kind::Table, 2 * WORD_SIZE) as i64);
        self.require(Condition::Compare(Compare::Eq, found, wanted), otherwise.clone());
        let search = self.begin_search(words[0], words[1], !fixnum);
        if fixnum {
            self.probe_by_word(&search);
        } else {
            self.probe_by_kind(&search, &otherwise);
        }
        let (absent, join) = (self.b.block(), self.b.block());
        let result = self.b.parameter(join, Type::Word);
        let found = self.search(&search, absent, &otherwise);
        let value = self.use_entry(what, &search, found.entry, &words);
        self.b.jump(join, &[value]);
        self.b.switch_to(absent);
        let default = match what {
            TableUse::Set => self.add_entry(&search, &found, words[2], &otherwise),
            TableUse::Get | TableUse::Has => words.get(2).copied().unwrap_or_else(|| self.b.iconst(NIL as i64)),
        };
        self.b.jump(join, &[default]);
        self.b.switch_to(join);
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Unknown), Ty::Unknown, state)
    }

    fn begin_search(&mut self, table: Val, key: Val, strings: bool) -> Search {
        let entries = self.load_object(table, TABLE_ENTRIES);
        let mask = self.load_object(entries, field(TABLE_MASK));
        let probe = self.b.block();
        Search { entries, mask, key, strings, probe }
    }

    /// Go to the first place of a hash.
    fn begin_probe(&mut self, search: &Search, hash: Val) {
        let at = self.b.binary(Binary::And, hash, search.mask);
        self.b.jump(search.probe, &[at, hash]);
    }

    /// Begin with the hash of a key that is its word's.
    fn probe_by_word(&mut self, search: &Search) {
        let mut hash = self.fold_halves(search.key);
        for _ in 0..HASH_ROUNDS {
            let spread = self.b.binary_immediate(Binary::Mul, hash, HASH_FACTOR as i64);
            hash = self.fold_halves(spread);
        }
        let hash = self.b.binary_immediate(Binary::And, hash, !(TAG_MASK as i64));
        self.begin_probe(search, hash);
    }

    /// A word with its upper half in its lower one, too.
    fn fold_halves(&mut self, word: Val) -> Val {
        let high = self.b.binary_immediate(Binary::Lshr, word, i64::from(HASH_HALF));
        self.b.binary(Binary::Xor, word, high)
    }

    /// Begin with the hash of a key that may be anything.
    fn probe_by_kind(&mut self, search: &Search, otherwise: &Target) {
        let (by_word, object, string, other) = (self.b.block(), self.b.block(), self.b.block(), self.b.block());
        let words = 1 << TAG_FIXNUM | 1 << TAG_IMMEDIATE;
        self.branch(Condition::HasTag(words, search.key), plain(by_word), plain(object));
        self.b.switch_to(object);
        self.require(Condition::HasTag(1 << TAG_OBJECT, search.key), otherwise.clone());
        let kind = self.load_kind(search.key);
        let symbol = self.b.iconst(Kind::Symbol as i64);
        let not_symbol = self.b.block();
        self.branch(Condition::Compare(Compare::Eq, kind, symbol), plain(by_word), plain(not_symbol));
        self.b.switch_to(not_symbol);
        let wanted = self.b.iconst(Kind::String as i64);
        self.branch(Condition::Compare(Compare::Eq, kind, wanted), plain(string), plain(other));
        self.b.switch_to(other);
        let last = self.b.iconst(LAST_BY_CONTENT as i64);
        self.branch(Condition::Compare(Compare::Gt, kind, last), plain(by_word), otherwise.clone());
        self.b.switch_to(string);
        let hash = self.load_object(search.key, offset::STRING_HASH);
        self.require(Condition::NonZero(hash), otherwise.clone());
        self.begin_probe(search, hash);
        self.b.switch_to(by_word);
        self.probe_by_word(search);
    }

    /// Look at places until the key or an empty place is found.
    fn search(&mut self, search: &Search, absent: Block, otherwise: &Target) -> Found {
        let (used, other_key, next, hit) = (self.b.block(), self.b.block(), self.b.block(), self.b.block());
        let number = self.b.parameter(search.probe, Type::Word);
        let hash = self.b.parameter(search.probe, Type::Word);
        self.b.switch_to(search.probe);
        let place = self.b.binary_immediate(Binary::Lshr, number, i64::from(PLACE_OFFSET_SHIFT));
        let entry = self.b.load_indexed(Width::Four, search.entries, place, INDEX);
        self.branch(Condition::NonZero(entry), plain(used), plain(absent));
        self.b.switch_to(next);
        let behind = self.b.binary_immediate(Binary::Add, number, TAG_MASK as i64 + 1);
        let behind = self.b.binary(Binary::And, behind, search.mask);
        self.b.jump(search.probe, &[behind, hash]);
        self.b.switch_to(used);
        let key = self.entry_word(search, entry, TABLE_ENTRY_KEY);
        if search.strings {
            // The text of a key may have changed since it was set: it is not found then, though it is the same object.
            let same_hash = self.b.block();
            let found = self.entry_word(search, entry, TABLE_ENTRY_HASH);
            self.branch(Condition::Compare(Compare::Eq, found, hash), plain(same_hash), plain(next));
            self.b.switch_to(same_hash);
            self.branch(Condition::Compare(Compare::Eq, key, search.key), plain(hit), plain(other_key));
            self.b.switch_to(other_key);
            self.same_string(search.key, key, hit, otherwise);
        } else {
            self.branch(Condition::Compare(Compare::Eq, key, search.key), plain(hit), plain(other_key));
            self.b.switch_to(other_key);
            let found = self.entry_word(search, entry, TABLE_ENTRY_HASH);
            self.branch(Condition::Compare(Compare::Eq, found, hash), otherwise.clone(), plain(next));
        }
        self.b.switch_to(hit);
        Found { entry, place, hash }
    }

    /// Set a key that is not there, if the entries have room for it; its value.
    fn add_entry(&mut self, search: &Search, found: &Found, value: Val, otherwise: &Target) -> Val {
        let entries = search.entries;
        // As a fixnum, the eighth of an offset is that offset.
        let next = self.load_object(entries, field(TABLE_NEXT));
        let head = self.load_object(entries, offset::HEADER);
        let end = self.b.binary_immediate(Binary::Lshr, head, i64::from(HEADER_SIZE_SHIFT));
        self.require(Condition::Compare(Compare::Below, next, end), otherwise.clone());
        let words = [(search.key, TABLE_ENTRY_KEY), (value, TABLE_ENTRY_VALUE), (found.hash, TABLE_ENTRY_HASH)];
        for (word, which) in words {
            self.b.store_indexed(Width::Word, word, entries, next, entry_offset(which));
        }
        self.b.store_indexed(Width::Four, next, entries, found.place, INDEX);
        let behind = self.b.binary_immediate(Binary::Add, next, TABLE_ENTRY_BYTES as i64);
        self.store_object(behind, entries, field(TABLE_NEXT));
        let count = self.load_object(entries, field(TABLE_COUNT));
        let count = self.b.binary_immediate(Binary::Add, count, TAG_MASK as i64 + 1);
        self.store_object(count, entries, field(TABLE_COUNT));
        value
    }

    /// Go on in a block if two different words are strings that share their storage.
    fn same_string(&mut self, key: Val, found: Val, same: Block, otherwise: &Target) {
        let string = self.b.iconst(sequence_header(Kind::String) as i64);
        for word in [found, key] {
            self.require(Condition::HasTag(1 << TAG_OBJECT, word), otherwise.clone());
            let head = self.load_object(word, offset::HEADER);
            self.require(Condition::Compare(Compare::Eq, head, string), otherwise.clone());
        }
        let storages = [key, found].map(|word| self.load_object(word, offset::SEQUENCE_STORAGE));
        let shared = Condition::Compare(Compare::Eq, storages[0], storages[1]);
        self.branch(shared, plain(same), otherwise.clone());
    }

    /// Do what is asked for with the entry of the key; the result.
    fn use_entry(&mut self, what: TableUse, search: &Search, at: Val, words: &[Val]) -> Val {
        match what {
            TableUse::Get => self.entry_word(search, at, TABLE_ENTRY_VALUE),
            TableUse::Has => self.b.iconst(maru_core::abi::layout::TRUE as i64),
            TableUse::Set => {
                self.b.store_indexed(Width::Word, words[2], search.entries, at, entry_offset(TABLE_ENTRY_VALUE));
                words[2]
            }
        }
    }

    fn entry_word(&mut self, search: &Search, at: Val, word: usize) -> Val {
        self.b.load_indexed(Width::Word, search.entries, at, entry_offset(word))
    }
}

/// The last of the kinds whose objects are compared by their contents, some of them; all kinds behind it are compared by
/// identity.
const LAST_BY_CONTENT: u8 = Kind::Data as u8;

/// Offset of the index from the tagged word of the entries.
const INDEX: i32 = field(TABLE_HEAD_WORDS) - TAG_OBJECT as i32;

/// Offset of a word of the entry at offset 0 from the tagged word of the entries.
const fn entry_offset(word: usize) -> i32 {
    (word * WORD_SIZE) as i32 - TAG_OBJECT as i32
}
