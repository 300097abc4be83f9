//! Heap objects in emitted code: loads, stores, inline allocation, boxing.

use super::emit::state::{RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use super::linear::{Reg, Site};
use super::DataWord;
use maru_core::abi::layout::{
    header, offset, Kind, Value, DOUBLE_BIAS, DOUBLE_ROTATE, DOUBLE_TAGS, FIRST_CALLABLE, GRANULE,
    INLINE_ALLOCATION_MAX, NIL, PAIR_CAR, PAIR_CDR, PAIR_SIZE, TAG_OBJECT, TAG_PAIR, WORD_SIZE,
};
use maru_core::abi::{context, word_offset, Position};
use maru_core::ir::{self, Block, Compare, Condition, Helper, Type, Val, Width};
use maru_language::runtime::tree::Prototype;
use std::rc::Rc;

impl Emit<'_, '_> {
    /// A field of an object, which is known to be one.
    pub(super) fn load_object(&mut self, object: Val, offset: i32) -> Val {
        self.b.load(Width::Word, object, offset - TAG_OBJECT as i32)
    }
    /// Store into a field. Every store into an object that may be old goes through here or `store_pair`.
    pub(super) fn store_object(&mut self, value: Val, object: Val, offset: i32) {
        self.b.store(Width::Word, value, object, offset - TAG_OBJECT as i32);
    }
    /// The car, or the cdr, of what is known to be a pair.
    pub(super) fn load_pair(&mut self, pair: Val, cdr: bool) -> Val {
        let offset = if cdr { PAIR_CDR } else { PAIR_CAR };
        self.b.load(Width::Word, pair, offset - TAG_PAIR as i32)
    }
    /// Store into a pair.
    pub(super) fn store_pair(&mut self, value: Val, pair: Val, cdr: bool) {
        let offset = if cdr { PAIR_CDR } else { PAIR_CAR };
        self.b.store(Width::Word, value, pair, offset - TAG_PAIR as i32);
    }

    /// A value that is no pointer.
    pub(super) fn immediate(&mut self, value: Value) -> RegisterValue {
        let word = Some(self.b.iconst(value.0 as i64));
        if let Some(number) = value.as_immediate_double() {
            return RegisterValue { word, double: Some(self.b.fconst(number)), ty: Ty::Double };
        }
        let ty = if value.is_fixnum() { Ty::Fixnum } else { Ty::Unknown };
        RegisterValue { word, double: None, ty }
    }
    /// A constant that is a pointer.
    pub(super) fn constant(&mut self, value: Value) -> RegisterValue {
        let word = self.load_constant(value);
        let ty = match self.unit.runtime.kind(value) {
            _ if value.is_pair() => Ty::Pair,
            Some(Kind::Symbol) => Ty::Symbol,
            Some(Kind::String) => Ty::String,
            Some(Kind::Array) => Ty::Array,
            Some(Kind::Double) => {
                let number = self.unit.runtime.as_double(value).unwrap_or(f64::NAN);
                return RegisterValue { word: Some(word), double: Some(self.b.fconst(number)), ty: Ty::Double };
            }
            _ => Ty::Unknown,
        };
        RegisterValue::word(word, ty)
    }
    /// A constant's word, from the data table.
    pub(super) fn load_constant(&mut self, value: Value) -> Val {
        let word = self.unit.data_word(DataWord::Constant(value));
        let loaded = self.b.load_data(word);
        self.loaded.insert(loaded, word);
        loaded
    }
    /// The same word, for a block that is seldom run: a constant is loaded there anew, so that it need not be at hand
    /// where it is not used otherwise.
    pub(super) fn load_again(&mut self, word: Val) -> Val {
        match self.loaded.get(&word) {
            Some(data) => self.b.load_data(*data),
            None => word,
        }
    }

    /// Memory for that many bytes, taken from the heap's hole; the runtime helps when it is full.
    pub(super) fn allocate(&mut self, bytes: usize, site: Site, state: &State) -> Val {
        let rounded = bytes.next_multiple_of(GRANULE);
        let pointer = self.b.load_context(context::ALLOCATION_POINTER);
        let size = self.b.iconst(rounded as i64);
        let end = self.b.binary(ir::Binary::Add, pointer, size);
        let limit = self.b.load_context(context::ALLOCATION_LIMIT);
        let (fast, slow, join) = (self.b.block(), self.b.cold_block(), self.b.block());
        let address = self.b.parameter(join, Type::Word);
        self.branch(Condition::Compare(Compare::AtLeast, limit, end), plain(fast), plain(slow));
        self.b.switch_to(slow);
        let helped = self.b.helper(Helper::Allocate, &[size]);
        self.check_failure(helped, site, state);
        self.b.jump(join, &[helped]);
        self.b.switch_to(fast);
        self.b.store_context(end, context::ALLOCATION_POINTER);
        self.b.jump(join, &[pointer]);
        self.b.switch_to(join);
        if rounded != bytes {
            let zero = self.b.iconst(0);
            self.b.store(Width::Word, zero, address, (rounded - WORD_SIZE) as i32);
        }
        address
    }
    pub(super) fn tagged(&mut self, address: Val, tag: u64) -> Val {
        self.b.binary_immediate(ir::Binary::Add, address, tag as i64)
    }

    /// A new pair.
    pub(super) fn cons(&mut self, car: Val, cdr: Val, site: Site, state: &State) -> Val {
        let address = self.allocate(PAIR_SIZE, site, state);
        self.b.store(Width::Word, car, address, PAIR_CAR);
        self.b.store(Width::Word, cdr, address, PAIR_CDR);
        self.tagged(address, TAG_PAIR)
    }
    /// A list of a few new pairs, in one piece of memory.
    pub(super) fn list_of(&mut self, words: &[Val], site: Site, state: &State) -> Val {
        let address = self.allocate(words.len() * PAIR_SIZE, site, state);
        for (index, word) in words.iter().enumerate() {
            let at = (index * PAIR_SIZE) as i32;
            let rest = match index + 1 == words.len() {
                true => self.b.iconst(NIL as i64),
                false => self.tagged(address, ((index + 1) * PAIR_SIZE) as u64 + TAG_PAIR),
            };
            self.b.store(Width::Word, *word, address, at + PAIR_CAR);
            self.b.store(Width::Word, rest, address, at + PAIR_CDR);
        }
        self.tagged(address, TAG_PAIR)
    }
    /// A new box.
    pub(super) fn new_box(&mut self, value: Val, state: &State) -> Val {
        let site = self.unit.site(Position::UNKNOWN, 0, None, false);
        let address = self.allocate(2 * WORD_SIZE, site, state);
        let head = self.b.iconst(header(Kind::Box, 2 * WORD_SIZE) as i64);
        self.b.store(Width::Word, head, address, offset::HEADER);
        self.b.store(Width::Word, value, address, offset::BOX_VALUE);
        self.tagged(address, TAG_OBJECT)
    }
    /// A new closure.
    pub(super) fn closure(
        &mut self,
        prototype: &Rc<Prototype>,
        captures: &[Reg],
        site: Site,
        state: &mut State,
    ) -> Val {
        let words: Vec<Val> = captures.iter().map(|r| self.word(state, *r)).collect();
        let code = match self.unit.number_of(prototype) {
            Some(number) => {
                let word = self.unit.data_word(DataWord::Code(number));
                self.b.load_data(word)
            }
            None => self.load_constant(prototype.code),
        };
        let bytes = (2 + words.len()) * WORD_SIZE;
        if bytes > INLINE_ALLOCATION_MAX {
            let count = self.b.iconst(words.len() as i64);
            let closure = self.b.helper(Helper::MakeClosure, &[code, count]);
            self.check_failure(closure, site, state);
            for (index, word) in words.iter().enumerate() {
                self.store_object(*word, closure, offset::CLOSURE_CAPTURES + word_offset(index));
            }
            return closure;
        }
        let address = self.allocate(bytes, site, state);
        let head = self.b.iconst(header(Kind::Closure, bytes) as i64);
        self.b.store(Width::Word, head, address, offset::HEADER);
        self.b.store(Width::Word, code, address, offset::CALLABLE_CODE);
        for (index, word) in words.iter().enumerate() {
            self.b.store(Width::Word, *word, address, offset::CLOSURE_CAPTURES + word_offset(index));
        }
        self.tagged(address, TAG_OBJECT)
    }

    /// A double as a value. Immediate doubles are made inline, unless the place is cold anyway.
    pub(super) fn box_double(&mut self, number: Val, cold: bool) -> Val {
        let bits = self.b.float_bits(number);
        if cold {
            return self.b.helper(Helper::BoxDouble, &[bits]);
        }
        let rotated = self.b.binary_immediate(ir::Binary::Rotl, bits, i64::from(DOUBLE_ROTATE));
        let word = self.b.binary_immediate(ir::Binary::Add, rotated, DOUBLE_BIAS as i64);
        let (boxed, join) = (self.b.cold_block(), self.b.block());
        let result = self.b.parameter(join, Type::Word);
        let done = ir::Target { block: join, arguments: vec![word] };
        self.branch(Condition::HasTag(DOUBLE_TAGS, word), done, plain(boxed));
        self.b.switch_to(boxed);
        let bits = self.b.float_bits(number);
        let object = self.b.helper(Helper::BoxDouble, &[bits]);
        self.b.jump(join, &[object]);
        self.b.switch_to(join);
        result
    }
    /// The number of what is known to be an immediate double.
    pub(super) fn unbox_immediate(&mut self, word: Val) -> Val {
        let rotated = self.b.binary_immediate(ir::Binary::Sub, word, DOUBLE_BIAS as i64);
        let bits = self.b.binary_immediate(ir::Binary::Rotl, rotated, i64::from(64 - DOUBLE_ROTATE));
        self.b.float_from_bits(bits)
    }

    /// Go on if the value can be called, else to a block.
    pub(super) fn require_callable(&mut self, value: Val, refuse: Block) {
        self.require(Condition::HasTag(1 << TAG_OBJECT, value), plain(refuse));
        let kind = self.load_kind(value);
        let first = self.b.iconst(i64::from(FIRST_CALLABLE));
        self.require(Condition::Compare(Compare::Ge, kind, first), plain(refuse));
    }
}
