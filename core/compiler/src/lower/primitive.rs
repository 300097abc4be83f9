//! Primitives done inline: which does what, and those on pairs and sequences.

use super::emit::slow::{Inline, Miss};
use super::emit::state::{RegisterValue, State, Ty};
use super::emit::Emit;
use super::intrinsic::Intrinsic;
use super::linear::Reg;
use super::operator::Held;
use maru_core::abi::layout::{offset, sequence_header, Kind, NIL, TAG_BITS, TAG_OBJECT, TAG_PAIR};
use maru_core::ir::{Binary, Compare, Condition, Target, Type, Val, Width};

impl Emit<'_, '_> {
    /// Do a primitive inline; its result.
    pub(super) fn primitive(&mut self, mut call: Inline, state: &mut State) -> RegisterValue {
        use Intrinsic::*;
        if call.intrinsic == Direct || self.is_left_to_runtime(&call, state) {
            return self.direct(call, state);
        }
        let mut miss = Miss::default();
        self.expect_primitive(&mut call, &mut miss, state);
        let call = &call;
        match call.intrinsic {
            Arithmetic(op) => self.arithmetic(op, call, miss, state),
            Divide => self.divide(call, miss, state),
            Quotient => self.quotient(call, miss, state),
            Remainder => self.remainder(false, call, miss, state),
            Modulo => self.remainder(true, call, miss, state),
            Bits(op) => self.bits(op, call, miss, state),
            ShiftLeft => self.shift(true, call, miss, state),
            ShiftRight => self.shift(false, call, miss, state),
            Abs => self.absolute(call, miss, state),
            Extreme(least) => self.extreme(least, call, miss, state),
            Sqrt => self.double_result(true, call, miss, state),
            ToDouble => self.double_result(false, call, miss, state),
            Cons => {
                let (car, cdr) = (self.word(state, call.args[0]), self.word(state, call.args[1]));
                let pair = self.cons(car, cdr, call.site, state);
                self.rejoin(call, miss, RegisterValue::word(pair, Ty::Pair), Ty::Pair, state)
            }
            List => self.list(call, miss, state),
            Path(length, steps) => self.path(length, steps, call, miss, state),
            SetPair(cdr) => self.set_pair(cdr, call, miss, state),
            ArrayAt => self.array_at(call, miss, state),
            SetArrayAt => self.set_array_at(call, miss, state),
            StringAt => self.string_at(call, miss, state),
            SetStringAt => self.set_string_at(call, miss, state),
            Length(array) => self.length(array, call, miss, state),
            Table(what) => self.table(what, call, miss, state),
            Search(what) => self.search_list(what, call, miss, state),
            Order(_) | Equal(_) | Sign(_) | Even(_) | Not | Is(_) | Identical => self.tested(call, miss, state),
            NamedField => {
                let place = self.named_field(call, state);
                self.rejoin(call, miss, place, Ty::Unknown, state)
            }
            FieldAt => {
                let place = self.field_at(call, state);
                self.rejoin(call, miss, place, Ty::Unknown, state)
            }
            New(fields) => {
                let place = self.new_instance(call.args, fields, call.site, state);
                self.rejoin(call, miss, place, Ty::Unknown, state)
            }
            Direct => unreachable!("done above"),
        }
    }

    /// Whether the generic version of an operation is a call in the runtime and nothing else. It is where the version
    /// is one that typed code leaves for: that happens seldom, or the code is compiled anew. Not where it is all there
    /// is, nor in a loop, which may go on in it, nor where the interpreter has seen that the types vary.
    pub(super) fn is_left_to_runtime(&self, call: &Inline, state: &State) -> bool {
        use Intrinsic::{FieldAt, Identical, Is, NamedField, New, Not};
        let varies = call.seen.count_ones() > 1;
        let cheap = matches!(call.intrinsic, Not | Identical | Is(_) | NamedField | FieldAt | New(_));
        let in_loop = self.flow.blocks[self.at.0.index()].in_loop;
        state.generic && !self.is_exhausted() && !varies && !cheap && !in_loop
    }

    /// A primitive whose function is called as it is.
    pub(super) fn direct(&mut self, call: Inline, state: &mut State) -> RegisterValue {
        let words: Vec<Val> = call.args.iter().map(|register| self.word(state, *register)).collect();
        let held = self.held(call.operator, state);
        let quiet = self.unit.holds_quiet(call.operator.cell);
        if quiet && self.may_guess(state) && !matches!(held, Held::Word(_)) {
            if let Held::InCell = held {
                self.require_intact(state);
            }
            let result = self.call_primitive(call.operator, &words, call.site, state);
            return RegisterValue::word(result, Ty::Unknown);
        }
        let callee = match held {
            Held::Word(value) => value,
            Held::InCell => self.load_cell(call.operator.cell),
            Held::Assumed => self.primitive_word(call.operator),
        };
        self.settle(state);
        let result = if call.intrinsic.guesses() {
            self.call_and_note(callee, &words, call.site, state)
        } else {
            self.call_value(callee, &words, call.site, state)
        };
        state.disturb();
        RegisterValue::word(result, Ty::Unknown)
    }

    // ---- pairs

    /// `list` of a few.
    fn list(&mut self, call: &Inline, miss: Miss, state: &mut State) -> RegisterValue {
        let words: Vec<Val> = call.args.iter().map(|register| self.word(state, *register)).collect();
        let list = self.list_of(&words, call.site, state);
        self.rejoin(call, miss, RegisterValue::word(list, Ty::Pair), Ty::Pair, state)
    }

    /// `car`, `cdr` and their chains: nil of anything but a pair.
    fn path(&mut self, length: u8, steps: u8, call: &Inline, miss: Miss, state: &mut State) -> RegisterValue {
        let mut value = self.word(state, call.args[0]);
        let known = state.places.get(call.args[0]).is_some_and(|place| place.ty == Ty::Pair);
        let (join, nil) = (self.b.block(), self.b.iconst(NIL as i64));
        let result = self.b.parameter(join, Type::Word);
        for step in 0..length {
            if step > 0 || !known {
                let otherwise = Target { block: join, arguments: vec![nil] };
                self.require(Condition::HasTag(1 << TAG_PAIR, value), otherwise);
            }
            value = self.load_pair(value, steps >> step & 1 != 0);
        }
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Unknown), Ty::Unknown, state)
    }

    /// `set-car` and `set-cdr`: an error for anything but a pair.
    fn set_pair(&mut self, cdr: bool, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let pair = self.word(state, call.args[0]);
        let place = state.places.get(call.args[0]);
        if place.is_none_or(|place| place.ty != Ty::Pair) {
            let otherwise = self.slow(&mut miss);
            self.require(Condition::HasTag(1 << TAG_PAIR, pair), otherwise);
            self.learn(call, call.args[0], pair, Ty::Pair, state);
        }
        let value = self.word(state, call.args[1]);
        self.store_pair(value, pair, cdr);
        self.rejoin(call, miss, RegisterValue::word(value, Ty::Unknown), Ty::Unknown, state)
    }

    // ---- sequences

    /// A register is of a type in all that follows, since the primitive raises an error if it is not.
    fn learn(&mut self, call: &Inline, register: Reg, word: Val, ty: Ty, state: &mut State) {
        // Where a handler of the function's own catches that error, the program goes on with what the register was.
        let is_caught = self.flow.blocks[self.at.0.index()].handler.is_some();
        if call.held.is_none() && !is_caught && self.keeps_knowledge(state) {
            state.places.learn(register, RegisterValue::word(word, ty));
        }
    }

    /// Require an array or string. All of a kind have the same header.
    fn sequence(&mut self, call: &Inline, kind: Kind, ty: Ty, miss: &mut Miss, state: &mut State) -> Val {
        let register = call.args[0];
        let word = self.word(state, register);
        if state.places.get(register).is_none_or(|place| place.ty != ty) {
            let otherwise = self.slow(miss);
            self.require(Condition::HasTag(1 << TAG_OBJECT, word), otherwise.clone());
            let found = self.load_object(word, offset::HEADER);
            let wanted = self.b.iconst(sequence_header(kind) as i64);
            self.require(Condition::Compare(Compare::Eq, found, wanted), otherwise);
            self.learn(call, register, word, ty, state);
        }
        word
    }

    /// An index that lies in a sequence, as a fixnum's word.
    fn index(&mut self, call: &Inline, sequence: Val, miss: &mut Miss, state: &mut State) -> Val {
        // What is no fixnum is out of bounds, or an error.
        let guess = self.guesses(call, state);
        let index = self.fixnums(call, &call.args[1..2], guess, miss, state)[0];
        let length = self.load_object(sequence, offset::SEQUENCE_LENGTH);
        let otherwise = self.slow(miss);
        // Unsigned, so that negative indices are out of bounds too.
        self.require(Condition::Compare(Compare::Below, index, length), otherwise);
        index
    }

    /// The storage of an array's elements, and the offset of one in it, to which `element_offset` must be added.
    fn element(&mut self, call: &Inline, miss: &mut Miss, state: &mut State) -> (Val, Val) {
        let array = self.sequence(call, Kind::Array, Ty::Array, miss, state);
        let index = self.index(call, array, miss, state);
        // A fixnum's word is eight times its number: the byte offset of a slot.
        (self.load_object(array, offset::SEQUENCE_STORAGE), index)
    }

    fn array_at(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let (storage, at) = self.element(call, &mut miss, state);
        let value = self.b.load_indexed(Width::Word, storage, at, element_offset());
        self.rejoin(call, miss, RegisterValue::word(value, Ty::Unknown), Ty::Unknown, state)
    }

    fn set_array_at(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let value = self.word(state, call.args[2]);
        let (storage, at) = self.element(call, &mut miss, state);
        self.b.store_indexed(Width::Word, value, storage, at, element_offset());
        self.rejoin(call, miss, RegisterValue::word(value, Ty::Unknown), Ty::Unknown, state)
    }

    /// The storage of a string's code points, and the offset of one in it.
    fn point(&mut self, call: &Inline, miss: &mut Miss, state: &mut State) -> (Val, Val) {
        let string = self.sequence(call, Kind::String, Ty::String, miss, state);
        let index = self.index(call, string, miss, state);
        let storage = self.load_object(string, offset::SEQUENCE_STORAGE);
        (storage, self.b.binary_immediate(Binary::Lshr, index, 1))
    }

    fn string_at(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let (storage, at) = self.point(call, &mut miss, state);
        let point = self.b.load_indexed(Width::Four, storage, at, offset::BYTES_FIRST - TAG_OBJECT as i32);
        let character = self.b.binary_immediate(Binary::Shl, point, i64::from(TAG_BITS));
        self.rejoin(call, miss, RegisterValue::word(character, Ty::Fixnum), Ty::Unknown, state)
    }

    /// Code points below the surrogates are stored inline, in strings whose hash nobody knows.
    fn set_string_at(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        const SURROGATES: i64 = 0xd800;
        let value = self.word(state, call.args[2]);
        let character = self.fixnums(call, &call.args[2..3], false, &mut miss, state)[0];
        let bound = self.b.iconst(SURROGATES << TAG_BITS);
        let otherwise = self.slow(&mut miss);
        self.require(Condition::Compare(Compare::Below, character, bound), otherwise);
        let (storage, at) = self.point(call, &mut miss, state);
        let string = self.word(state, call.args[0]);
        let hash = self.load_object(string, offset::STRING_HASH);
        let (unknown, otherwise) = (self.b.iconst(0), self.slow(&mut miss));
        self.require(Condition::Compare(Compare::Eq, hash, unknown), otherwise);
        let point = self.b.binary_immediate(Binary::Lshr, character, i64::from(TAG_BITS));
        self.b.store_indexed(Width::Four, point, storage, at, offset::BYTES_FIRST - TAG_OBJECT as i32);
        self.rejoin(call, miss, RegisterValue::word(value, Ty::Unknown), Ty::Unknown, state)
    }

    /// `array-length` and `string-length`: an error for anything else.
    fn length(&mut self, array: bool, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let (kind, ty) = if array { (Kind::Array, Ty::Array) } else { (Kind::String, Ty::String) };
        let sequence = self.sequence(call, kind, ty, &mut miss, state);
        let length = self.load_object(sequence, offset::SEQUENCE_LENGTH);
        self.rejoin(call, miss, RegisterValue::word(length, Ty::Fixnum), Ty::Fixnum, state)
    }
}

/// Offset of the first slot from a storage object's tagged word.
fn element_offset() -> i32 {
    offset::SLOTS_FIRST - TAG_OBJECT as i32
}
