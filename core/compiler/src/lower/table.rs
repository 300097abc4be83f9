//! Hash tables in emitted code: keys that are there, and most that are not, are found without the runtime.
//!
//! ```text
//!   key ── fixnum, nil …, symbol, instance … ──→ hash of the word ─┐
//!    ├──── string whose hash is known ─────────→ its hash ─────────┴→ probe(place) ── nil ──→ not there
//!    └──── others ──→ runtime                                          │  ↑  └ other hash ─┐
//!                                                                      │  └─ next place ←──┘
//!                                                                      └ same hash ─→ same key? ─→ value
//! ```
//!
//! What has the hash of a key but is another word may still be equal to it: a double, or another string. Strings that the
//! runtime found to be equal share their storage, which shows here; all else is left to the runtime.

use super::emit::slow::{Inline, Miss};
use super::emit::state::{RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use maru_core::abi::layout::{
    header, offset, sequence_header, Kind, HEADER_SIZE_SHIFT, NIL, TAG_FIXNUM, TAG_IMMEDIATE, TAG_MASK, TAG_OBJECT,
    WORD_SIZE,
};
use maru_core::abi::{
    HASH_FACTOR, HASH_HALF, HASH_ROUNDS, PLACE_BYTES, PLACE_HASH, PLACE_KEY, PLACE_VALUE, TABLE_ENTRIES,
};
use maru_core::ir::{Binary, Block, Compare, Condition, Target, Type, Val, Width};

/// What is done with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TableUse {
    /// `table-at`: its value, or the default.
    Get,
    /// `set-table-at`, of a key that is there.
    Set,
    /// `table-has?`.
    Has,
}

/// The entries of a table while a key is looked for.
struct Search {
    entries: Val,
    /// And-ed with a hash, the offset of an entry.
    mask: Val,
    key: Val,
    /// Whether the key may be a string.
    strings: bool,
    /// The probe of a place, with parameters for its offset and the hash.
    probe: Block,
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
        let at = self.search(&search, absent, &otherwise);
        let value = self.use_entry(what, &search, at, &words);
        self.b.jump(join, &[value]);
        self.b.switch_to(absent);
        match what {
            TableUse::Set => self.jump(otherwise),
            TableUse::Get | TableUse::Has => {
                let default = words.get(2).copied().unwrap_or_else(|| self.b.iconst(NIL as i64));
                self.b.jump(join, &[default]);
            }
        }
        self.b.switch_to(join);
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Unknown), Ty::Unknown, state)
    }

    fn begin_search(&mut self, table: Val, key: Val, strings: bool) -> Search {
        let entries = self.load_object(table, TABLE_ENTRIES);
        let head = self.load_object(entries, offset::HEADER);
        let size = self.b.binary_immediate(Binary::Lshr, head, i64::from(HEADER_SIZE_SHIFT));
        // All but the last place, and but what stands before the first one.
        let mask = self.b.binary_immediate(Binary::Sub, size, 2 * PLACE_BYTES as i64);
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

    /// Look at places until the key is found; the offset of its entry.
    fn search(&mut self, search: &Search, absent: Block, otherwise: &Target) -> Val {
        let (same_hash, other_hash, next, hit) = (self.b.block(), self.b.block(), self.b.block(), self.b.block());
        let at = self.b.parameter(search.probe, Type::Word);
        let hash = self.b.parameter(search.probe, Type::Word);
        self.b.switch_to(search.probe);
        let found = self.entry_word(search, at, PLACE_HASH);
        self.branch(Condition::Compare(Compare::Eq, found, hash), plain(same_hash), plain(other_hash));
        self.b.switch_to(other_hash);
        let never = self.b.iconst(NIL as i64);
        self.branch(Condition::Compare(Compare::Eq, found, never), plain(absent), plain(next));
        self.b.switch_to(next);
        let behind = self.b.binary_immediate(Binary::Add, at, PLACE_BYTES as i64);
        let behind = self.b.binary(Binary::And, behind, search.mask);
        self.b.jump(search.probe, &[behind, hash]);
        self.b.switch_to(same_hash);
        let found = self.entry_word(search, at, PLACE_KEY);
        let other = if search.strings { plain(self.b.block()) } else { otherwise.clone() };
        self.branch(Condition::Compare(Compare::Eq, found, search.key), plain(hit), other.clone());
        if search.strings {
            self.b.switch_to(other.block);
            self.same_string(search.key, found, hit, otherwise);
        }
        self.b.switch_to(hit);
        at
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
            TableUse::Get => self.entry_word(search, at, PLACE_VALUE),
            TableUse::Has => self.b.iconst(maru_core::abi::layout::TRUE as i64),
            TableUse::Set => {
                self.b.store_indexed(Width::Word, words[2], search.entries, at, entry_offset(PLACE_VALUE));
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

/// Offset of a word of the entry at offset 0 from the tagged word of the entries.
const fn entry_offset(word: usize) -> i32 {
    (PLACE_BYTES + word * WORD_SIZE) as i32 - TAG_OBJECT as i32
}
