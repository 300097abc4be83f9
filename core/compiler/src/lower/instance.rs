//! Instances in emitted code: access to fields, and new instances, by what an inline cache holds.
//!
//! A place compares the class with that of its cache, and knows the field's offset, or how much to allocate. Anything
//! else is done by a helper, which fills the cache for the next time; both ways join again.
//!
//! An instance keeps its class. So a later access to the same object, in the same block, takes the class that the first
//! one found: a word that is the object's class or, after a detour, no class at all, which no cache holds.
//!
//! Where one class alone has a field of the name by the time of compiling, the place asks for that class first.

use super::emit::slow::Inline;
use super::emit::state::{RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use super::linear::{Reg, Site};
use maru_core::abi::layout::{
    field, header, offset, offset_of_kind, Kind, Value, INLINE_ALLOCATION_MAX, NIL, TAG_OBJECT, WORD_SIZE,
};
use maru_core::abi::{cache_place, DATA_IMAGE};
use maru_core::ir::{Block, Compare, Condition, Helper, Type, Val, Width};

/// Where an access goes that its cache has nothing for.
struct Missed {
    block: Block,
    /// What does it there.
    helper: Helper,
    /// The cache, as the helper wants it.
    place: i64,
}

impl Emit<'_, '_> {
    /// `(%field object name)`; with a value, `(%set-field object name value)`.
    pub(super) fn named_field(&mut self, call: &Inline, state: &mut State) -> RegisterValue {
        let (args, site) = (call.args, call.site);
        let words = self.words(args, state);
        let cache = self.unit.cache_words(2);
        let (other, miss) = (self.b.cold_block(), self.b.cold_block());
        let guess = self.expected_field(words[1]);
        let hit = if guess.is_some() { self.b.cold_block() } else { self.b.block() };
        let offset = self.b.parameter(hit, Type::Word);
        let known = state.class_of(words[0]);
        let class = known.unwrap_or_else(|| self.load_class(words[0], miss));
        let guessed = guess.map(|guess| self.field_of_expected(guess, class, &words));
        let expected = self.b.load_data(cache);
        self.require(Condition::Compare(Compare::Eq, class, expected), plain(other));
        let cached = self.b.load_data(cache + 1);
        self.b.jump(hit, &[cached]);
        self.b.switch_to(other);
        let class_there = self.class_again(words[0], class, known, miss);
        self.require_filled(cache, miss);
        let name = self.load_again(words[1]);
        let found = self.look_up(name, class_there, miss);
        self.b.jump(hit, &[found]);
        self.b.switch_to(hit);
        let found = match words.get(2) {
            None => self.b.load_indexed(Width::Word, words[0], offset, 0),
            Some(value) => {
                self.b.store_indexed(Width::Word, *value, words[0], offset, 0);
                *value
            }
        };
        let found = guessed.map_or(found, |join| {
            self.b.jump(join, &[found]);
            self.b.switch_to(join);
            self.b.parameters(join)[0]
        });
        let helper = if words.len() == 2 { Helper::GetField } else { Helper::SetField };
        let missed = Missed { block: miss, helper, place: cache_place(cache, 0) };
        let learned = learned_class(call, class, known);
        let result = self.or_help(found, missed, learned, &words, site, state);
        self.accessed(args, 2, result, state)
    }

    /// The one class that has a field of this name, and where: in this process, where no other is known so far.
    fn expected_field(&mut self, name: Val) -> Option<(Value, i32)> {
        let word = *self.loaded.get(&name)?;
        let (class, index) = self.unit.only_class_with(word)?;
        Some((class, offset::INSTANCE_FIELDS + field(index as usize) - field(0)))
    }

    /// Access a field of an instance of an expected class, and go to a block with its value; go on where the class is
    /// another.
    fn field_of_expected(&mut self, (expected, at): (Value, i32), class: Val, words: &[Val]) -> Block {
        let (direct, join, others) = (self.b.block(), self.b.block(), self.b.cold_block());
        self.b.parameter(join, Type::Word);
        let expected = self.load_constant(expected);
        self.branch(Condition::Compare(Compare::Eq, class, expected), plain(direct), plain(others));
        self.b.switch_to(direct);
        let value = match words.get(2) {
            None => self.load_object(words[0], at),
            Some(value) => {
                self.store_object(*value, words[0], at);
                *value
            }
        };
        self.b.jump(join, &[value]);
        self.b.switch_to(others);
        join
    }

    /// `(%field-at object class index)`; with a value, `(%set-field-at object class index value)`.
    pub(super) fn field_at(&mut self, call: &Inline, state: &mut State) -> RegisterValue {
        let (args, site) = (call.args, call.site);
        let words = self.words(args, state);
        let helper = if words.len() == 3 { Helper::GetFieldAt } else { Helper::SetFieldAt };
        let cache = self.unit.cache_words(2);
        let index = self.b.constant_of(words[2]).and_then(|index| Value(index as u64).as_fixnum());
        let Some(index) = index.filter(|index| (0..1 << 16).contains(index)) else {
            // The expansion of a class's definition has constants there.
            let result = self.ask(helper, cache_place(cache, 0), &words, site, state);
            return RegisterValue::word(result, Ty::Unknown);
        };
        let at = offset::INSTANCE_FIELDS + field(index as usize) - field(0);
        let (other, miss, hit) = (self.b.cold_block(), self.b.cold_block(), self.b.block());
        let known = state.class_of(words[0]);
        let class = known.unwrap_or_else(|| self.load_class(words[0], miss));
        for (word, cached) in [class, words[1]].into_iter().zip(cache..) {
            let expected = self.b.load_data(cached);
            self.require(Condition::Compare(Compare::Eq, word, expected), plain(other));
        }
        self.jump(plain(hit));
        self.b.switch_to(other);
        let class_there = self.class_again(words[0], class, known, miss);
        self.require_filled(cache, miss);
        let size = self.look_up(words[1], class_there, miss);
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
        let missed = Missed { block: miss, helper, place: cache_place(cache, 0) };
        let learned = learned_class(call, class, known);
        let result = self.or_help(found, missed, learned, &words, site, state);
        self.accessed(args, 3, result, state)
    }

    /// `(new class value…)`, for classes that are expected to have that many fields.
    pub(super) fn new_instance(&mut self, args: &[Reg], fields: usize, site: Site, state: &mut State) -> RegisterValue {
        let words = self.words(args, state);
        let cache = self.unit.cache_words(1);
        let place = cache_place(cache, fields);
        let bytes = (2 + fields) * WORD_SIZE;
        if words.len() - 1 > fields || bytes > INLINE_ALLOCATION_MAX {
            let result = self.ask(Helper::MakeInstance, place, &words, site, state);
            return RegisterValue::word(result, Ty::Unknown);
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
        let missed = Missed { block: miss, helper: Helper::MakeInstance, place };
        let result = self.or_help(made, missed, None, &words, site, state);
        RegisterValue::word(result, Ty::Unknown)
    }

    fn words(&mut self, args: &[Reg], state: &mut State) -> Vec<Val> {
        args.iter().map(|register| self.word(state, *register)).collect()
    }

    /// What an access has as its value: the field, or the value stored, of which more may be known.
    fn accessed(&mut self, args: &[Reg], value: usize, result: Val, state: &mut State) -> RegisterValue {
        match args.get(value) {
            None => RegisterValue::word(result, Ty::Unknown),
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

    /// The class of an object for the tables, in the block for what the place's own cache does not know: what was known
    /// of it may be that it is unknown.
    fn class_again(&mut self, object: Val, class: Val, known: Option<Val>, miss: Block) -> Val {
        match known {
            Some(_) => self.load_class(object, miss),
            None => class,
        }
    }

    /// Join what was found with what a helper answers, in a block for what the cache does not know. Where the class of
    /// the first operand was found out, it is known from here on, as far as it can be: after the helper, that it is none.
    fn or_help(
        &mut self,
        found: Val,
        missed: Missed,
        class: Option<Val>,
        words: &[Val],
        site: Site,
        state: &mut State,
    ) -> Val {
        /// What no class and no empty cache is.
        const NO_CLASS: i64 = 0;
        let join = self.b.block();
        let result = self.b.parameter(join, Type::Word);
        let known = class.map(|_| self.b.parameter(join, Type::Word));
        let arguments: Vec<Val> = std::iter::once(found).chain(class).collect();
        self.b.jump(join, &arguments);
        self.b.switch_to(missed.block);
        let words: Vec<Val> = words.iter().map(|word| self.load_again(*word)).collect();
        let helped = self.ask(missed.helper, missed.place, &words, site, state);
        let none = class.map(|_| self.b.iconst(NO_CLASS));
        let arguments: Vec<Val> = std::iter::once(helped).chain(none).collect();
        self.b.jump(join, &arguments);
        self.b.switch_to(join);
        known.into_iter().for_each(|class| state.note_class(words[0], class));
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

/// The class that is known of an object after an access, if it was not before. What a slow block rejoins from tells
/// nothing.
fn learned_class(call: &Inline, class: Val, known: Option<Val>) -> Option<Val> {
    Some(class).filter(|_| known.is_none() && call.held.is_none())
}
