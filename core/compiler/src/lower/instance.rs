//! Instances in emitted code: access to fields, and new instances, by what an inline cache holds.
//!
//! A place compares the class with that of its cache, and knows the field's offset, or how much to allocate. Anything
//! else is done by a helper, which fills the cache for the next time; both ways join again.

use super::emit::state::{Place, State, Ty};
use super::emit::{plain, Emit};
use super::flow::{Reg, Site};
use maru_core::abi::layout::{
    field, header, offset, offset_of_kind, Kind, Value, INLINE_ALLOCATION_MAX, NIL, TAG_OBJECT, WORD_SIZE,
};
use maru_core::abi::{cache_place, DATA_IMAGE};
use maru_core::ir::{Block, Compare, Condition, Helper, Type, Val, Width};

impl Emit<'_, '_> {
    /// `(%field object name)`; with a value, `(%set-field object name value)`.
    pub(super) fn named_field(&mut self, args: &[Reg], site: Site, state: &mut State) -> Place {
        let words = self.words(args, state);
        let cache = self.unit.cache_words(2);
        let (other, miss, hit) = (self.b.cold_block(), self.b.cold_block(), self.b.block());
        let offset = self.b.parameter(hit, Type::Word);
        let class = self.load_class(words[0], miss);
        let expected = self.b.load_data(cache);
        self.require(Condition::Compare(Compare::Eq, class, expected), plain(other));
        let cached = self.b.load_data(cache + 1);
        self.b.jump(hit, &[cached]);
        self.b.switch_to(other);
        let found = self.look_up(words[1], class, miss);
        self.b.jump(hit, &[found]);
        self.b.switch_to(hit);
        let found = match words.get(2) {
            None => self.b.load_indexed(Width::Word, words[0], offset, 0),
            Some(value) => {
                self.b.store_indexed(Width::Word, *value, words[0], offset, 0);
                *value
            }
        };
        let helper = if words.len() == 2 { Helper::GetField } else { Helper::SetField };
        let result = self.or_help(found, miss, helper, cache_place(cache, 0), &words, site, state);
        self.accessed(args, 2, result, state)
    }

    /// `(%field-at object class index)`; with a value, `(%set-field-at object class index value)`.
    pub(super) fn field_at(&mut self, args: &[Reg], site: Site, state: &mut State) -> Place {
        let words = self.words(args, state);
        let helper = if words.len() == 3 { Helper::GetFieldAt } else { Helper::SetFieldAt };
        let cache = self.unit.cache_words(2);
        let index = self.b.constant_of(words[2]).and_then(|index| Value(index as u64).as_fixnum());
        let Some(index) = index.filter(|index| (0..1 << 16).contains(index)) else {
            // The expansion of a class's definition has constants there.
            let result = self.ask(helper, cache_place(cache, 0), &words, site, state);
            return Place::word(result, Ty::Unknown);
        };
        let at = offset::INSTANCE_FIELDS + field(index as usize) - field(0);
        let (other, miss, hit) = (self.b.cold_block(), self.b.cold_block(), self.b.block());
        let class = self.load_class(words[0], miss);
        for (word, cached) in [class, words[1]].into_iter().zip(cache..) {
            let expected = self.b.load_data(cached);
            self.require(Condition::Compare(Compare::Eq, word, expected), plain(other));
        }
        self.jump(plain(hit));
        self.b.switch_to(other);
        let size = self.look_up(words[1], class, miss);
        let end = self.b.iconst(i64::from(at));
        self.branch(Condition::Compare(Compare::Lt, end, size), plain(hit), plain(miss));
        self.b.switch_to(hit);
        let found = match words.get(3) {
            None => self.load_object(words[0], at),
            Some(value) => {
                self.store_object(*value, words[0], at);
                *value
            }
        };
        let result = self.or_help(found, miss, helper, cache_place(cache, 0), &words, site, state);
        self.accessed(args, 3, result, state)
    }

    /// `(new class value…)`, for classes that are expected to have that many fields.
    pub(super) fn new_instance(&mut self, args: &[Reg], fields: usize, site: Site, state: &mut State) -> Place {
        let words = self.words(args, state);
        let cache = self.unit.cache_words(1);
        let place = cache_place(cache, fields);
        let bytes = (2 + fields) * WORD_SIZE;
        if words.len() - 1 > fields || bytes > INLINE_ALLOCATION_MAX {
            let result = self.ask(Helper::MakeInstance, place, &words, site, state);
            return Place::word(result, Ty::Unknown);
        }
        let miss = self.b.cold_block();
        let class = self.b.load_data(cache);
        self.require(Condition::Compare(Compare::Eq, words[0], class), plain(miss));
        let address = self.allocate(bytes, site, state);
        let head = self.b.iconst(header(Kind::Instance, bytes) as i64);
        self.b.store(Width::Word, head, address, offset::HEADER);
        for index in 0..=fields {
            let word = words.get(index).copied().unwrap_or_else(|| self.b.iconst(NIL as i64));
            self.b.store(Width::Word, word, address, offset::INSTANCE_CLASS + field(index) - field(0));
        }
        let made = self.tagged(address, TAG_OBJECT);
        let result = self.or_help(made, miss, Helper::MakeInstance, place, &words, site, state);
        Place::word(result, Ty::Unknown)
    }

    fn words(&mut self, args: &[Reg], state: &mut State) -> Vec<Val> {
        args.iter().map(|register| self.word(state, *register)).collect()
    }

    /// What an access has as its value: the field, or the value stored, of which more may be known.
    fn accessed(&mut self, args: &[Reg], value: usize, result: Val, state: &mut State) -> Place {
        match args.get(value) {
            None => Place::word(result, Ty::Unknown),
            Some(value) => self.place(state, *value),
        }
    }

    /// The class of an instance; go elsewhere if it is none.
    fn load_class(&mut self, object: Val, miss: Block) -> Val {
        self.require(Condition::HasTag(1 << TAG_OBJECT, object), plain(miss));
        let kind = self.load_kind(object);
        let instance = self.b.iconst(Kind::Instance as i64);
        self.require(Condition::Compare(Compare::Eq, kind, instance), plain(miss));
        self.load_object(object, offset::INSTANCE_CLASS)
    }

    /// The number of the kind of an object.
    pub(super) fn load_kind(&mut self, object: Val) -> Val {
        let at = offset_of_kind(self.unit.target.little_endian) - TAG_OBJECT as i32;
        self.b.load(Width::Byte, object, at)
    }

    /// Join what was found with what a helper answers, in a block for what the cache does not know.
    #[allow(clippy::too_many_arguments)]
    fn or_help(
        &mut self,
        found: Val,
        miss: Block,
        helper: Helper,
        place: i64,
        words: &[Val],
        site: Site,
        state: &State,
    ) -> Val {
        let join = self.b.block();
        let result = self.b.parameter(join, Type::Word);
        self.b.jump(join, &[found]);
        self.b.switch_to(miss);
        let helped = self.ask(helper, place, words, site, state);
        self.b.jump(join, &[helped]);
        self.b.switch_to(join);
        result
    }

    /// Have a helper do it, which may fill the cache at that place.
    fn ask(&mut self, helper: Helper, place: i64, words: &[Val], site: Site, state: &State) -> Val {
        self.store_arguments(words);
        let image = self.b.load_data(DATA_IMAGE);
        let place = self.b.iconst(place);
        let count = self.b.iconst(words.len() as i64);
        let helped = self.b.helper(helper, &[image, place, count]);
        self.check_failure(helped, site, state);
        helped
    }
}
