//! Primitives done inline: type tests, the fast case, and demotion for everything else.

use super::emit::{plain, Emit, Place, State, Ty};
use super::flow::{Reg, Site};
use super::intrinsic::Intrinsic;
use crate::interp::tree::feedback;
use crate::ir::{self, Binary, Compare, Condition, FloatCompare, FloatUnary, Overflowing, Type, Val, Width};
use crate::value::{
    header, offset, Kind, BOOLEAN_SHIFT, DOUBLE_TAGS, FIXNUM_TAGS, NIL, TAG_BITS, TAG_FIXNUM, TAG_IMMEDIATE,
    TAG_OBJECT, TAG_PAIR, WORD_SIZE,
};

/// The types that a numeric operation settles on.
enum Numbers {
    Fixnums(Vec<Val>),
    Doubles(Vec<Val>),
}

impl Emit<'_, '_> {
    /// Do a primitive inline, whose operator is known to be it; its result.
    pub(super) fn primitive(
        &mut self,
        intrinsic: Intrinsic,
        args: &[Reg],
        seen: u8,
        site: Site,
        state: &mut State,
    ) -> Place {
        use Intrinsic::*;
        match intrinsic {
            Arithmetic(op) => self.arithmetic(op, args, seen, state),
            Divide => match self.numbers(args, seen, state) {
                Numbers::Doubles(v) => Place::double(self.b.float_binary(ir::FloatBinary::Div, v[0], v[1])),
                Numbers::Fixnums(v) => self.quotient(v[0], v[1], state),
            },
            Quotient => {
                let v = self.fixnums(args, state);
                self.quotient(v[0], v[1], state)
            }
            Remainder => {
                let v = self.fixnums(args, state);
                self.require_nonzero(v[1], state);
                Place::word(self.b.binary(Binary::Rem, v[0], v[1]), Ty::Fixnum)
            }
            Modulo => {
                let v = self.fixnums(args, state);
                self.modulo(v[0], v[1], state)
            }
            Bits(op) => {
                let v = self.fixnums(args, state);
                Place::word(self.b.binary(op, v[0], v[1]), Ty::Fixnum)
            }
            ShiftLeft => self.shift_left(args, state),
            ShiftRight => self.shift_right(args, state),
            Cons => {
                let (car, cdr) = (self.word(state, args[0]), self.word(state, args[1]));
                Place::word(self.cons(car, cdr, site, state), Ty::Pair)
            }
            Path(length, steps) => self.path(args[0], length, steps, state),
            SetPair(cdr) => {
                let pair = self.pair(args[0], state);
                let value = self.word(state, args[1]);
                self.store_pair(value, pair, cdr);
                self.place(state, args[1])
            }
            ArrayAt => {
                let (address, _) = self.element(args, state);
                Place::word(self.b.load(Width::Word, address, element_offset()), Ty::Unknown)
            }
            SetArrayAt => {
                let (address, _) = self.element(args, state);
                let value = self.word(state, args[2]);
                self.b.store(Width::Word, value, address, element_offset());
                self.place(state, args[2])
            }
            StringAt => self.string_at(args, state),
            Length(array) => {
                let (kind, ty) = if array { (Kind::Array, Ty::Array) } else { (Kind::String, Ty::String) };
                let sequence = self.sequence(args[0], kind, ty, state);
                Place::word(self.load_object(sequence, offset::SEQUENCE_LENGTH), Ty::Fixnum)
            }
            Abs => self.absolute(args, seen, state),
            Sqrt => {
                let number = self.double_of(args[0], state);
                Place::double(self.b.float_unary(FloatUnary::Sqrt, number))
            }
            ToDouble => Place::double(self.double_of(args[0], state)),
            NamedField => self.named_field(args, site, state),
            FieldAt => self.field_at(args, site, state),
            New(fields) => self.new_instance(args, fields, site, state),
            Order(_) | Equal(_) | Sign(_) | Even(_) | Not | IsPair | Identical => {
                let mut learned = None;
                let condition = self.test(intrinsic, args, seen, state, &mut learned);
                Place::word(self.boolean(condition), Ty::Unknown)
            }
        }
    }

    /// Do a primitive that answers true or nil, and is known to be called, as a condition. In `learned`: what is known of a register if it
    /// holds.
    pub(super) fn test(
        &mut self,
        intrinsic: Intrinsic,
        args: &[Reg],
        seen: u8,
        state: &mut State,
        learned: &mut Option<(Reg, Ty)>,
    ) -> Condition {
        use Intrinsic::*;
        match intrinsic {
            Order(compare) => {
                if self.are_doubles(args, seen, state) {
                    let v = self.comparable(args, state);
                    return Condition::FloatCompare(on_doubles(compare), v[0], v[1]);
                }
                let v = self.fixnums(args, state);
                Condition::Compare(compare, v[0], v[1])
            }
            Sign(compare) => {
                if self.are_doubles(args, seen, state) {
                    let number = self.double_of(args[0], state);
                    let zero = self.b.fconst(0.0);
                    return Condition::FloatCompare(on_doubles(compare), number, zero);
                }
                let v = self.fixnums(args, state);
                let zero = self.b.iconst(0);
                Condition::Compare(compare, v[0], zero)
            }
            Even(even) => {
                let v = self.fixnums(args, state);
                let low = self.b.binary_immediate(Binary::And, v[0], 1 << TAG_BITS);
                let zero = self.b.iconst(0);
                Condition::Compare(if even { Compare::Eq } else { Compare::Ne }, low, zero)
            }
            Equal(same) => self.equality(args, same, seen, state),
            Not => {
                let value = self.word(state, args[0]);
                let nil = self.b.iconst(NIL as i64);
                Condition::Compare(Compare::Eq, value, nil)
            }
            Identical => self.identity(args, state),
            IsPair => {
                *learned = Some((args[0], Ty::Pair));
                let value = self.word(state, args[0]);
                Condition::HasTag(1 << TAG_PAIR, value)
            }
            _ => unreachable!("only tests come here"),
        }
    }

    /// `#t` or nil.
    fn boolean(&mut self, condition: Condition) -> Val {
        let flag = match condition {
            Condition::Compare(compare, a, b) => self.b.compare(compare, a, b),
            Condition::FloatCompare(compare, a, b) => self.b.float_compare(compare, a, b),
            Condition::HasTag(mask, value) => self.b.has_tag(mask, value),
            Condition::NonZero(value) => value,
        };
        let shifted = self.b.binary_immediate(Binary::Shl, flag, i64::from(BOOLEAN_SHIFT));
        self.b.binary_immediate(Binary::Or, shifted, NIL as i64)
    }

    /// The operands of a comparison of doubles. A fixnum among them must be one that a double holds exactly, since
    /// mathematical values are compared.
    fn comparable(&mut self, args: &[Reg], state: &mut State) -> Vec<Val> {
        const EXACT: i64 = 1 << (f64::MANTISSA_DIGITS as i64 + TAG_BITS as i64);
        for register in args {
            let place = self.place(state, *register);
            let (Some(word), Ty::Fixnum) = (place.word, place.ty) else { continue };
            if self.b.constant_of(word).is_some_and(|word| (-EXACT..=EXACT).contains(&word)) {
                continue;
            }
            let shifted = self.b.binary_immediate(Binary::Add, word, EXACT);
            let bound = self.b.iconst(2 * EXACT);
            let otherwise = self.demote(state);
            self.require(Condition::Compare(Compare::Below, shifted, bound), otherwise);
        }
        args.iter().map(|register| self.double_of(*register, state)).collect()
    }

    // ---- types

    fn ty(&mut self, register: Reg, state: &State) -> Ty {
        self.place(state, register).ty
    }

    /// Whether a numeric operation should be done on doubles: what is known decides, then what was seen, then
    /// whether the function speaks of doubles at all.
    fn are_doubles(&mut self, args: &[Reg], seen: u8, state: &State) -> bool {
        let types: Vec<Ty> = args.iter().map(|r| self.ty(*r, state)).collect();
        if types.contains(&Ty::Double) {
            return true;
        }
        if types.contains(&Ty::Fixnum) {
            return seen & feedback::DOUBLE != 0 && types.contains(&Ty::Unknown);
        }
        if seen != 0 {
            return seen & feedback::DOUBLE != 0 && seen & feedback::FIXNUM == 0;
        }
        self.flow.has_doubles
    }

    fn numbers(&mut self, args: &[Reg], seen: u8, state: &mut State) -> Numbers {
        if self.are_doubles(args, seen, state) {
            Numbers::Doubles(args.iter().map(|r| self.double_of(*r, state)).collect())
        } else {
            Numbers::Fixnums(self.fixnums(args, state))
        }
    }

    /// Require fixnums; their words.
    fn fixnums(&mut self, args: &[Reg], state: &mut State) -> Vec<Val> {
        let mut unknown: Vec<Reg> = Vec::with_capacity(args.len());
        for register in args {
            if self.ty(*register, state) != Ty::Fixnum && !unknown.contains(register) {
                unknown.push(*register);
            }
        }
        if let Some((first, rest)) = unknown.split_first() {
            let mut tags = self.word(state, *first);
            for register in rest {
                let word = self.word(state, *register);
                tags = self.b.binary(Binary::Or, tags, word);
            }
            let otherwise = self.demote(state);
            self.require(Condition::HasTag(FIXNUM_TAGS, tags), otherwise);
            for register in unknown {
                let word = self.word(state, register);
                state.places[register as usize] = Some(Place::word(word, Ty::Fixnum));
            }
        }
        args.iter().map(|register| self.word(state, *register)).collect()
    }

    /// Require a number that is a fixnum or an immediate double; its double.
    fn double_of(&mut self, register: Reg, state: &mut State) -> Val {
        let place = self.place(state, register);
        if let Some(double) = place.double {
            return double;
        }
        let word = self.word(state, register);
        if place.ty == Ty::Fixnum {
            let number = self.b.binary_immediate(Binary::Ashr, word, i64::from(TAG_BITS));
            return self.b.int_to_float(number);
        }
        let otherwise = self.demote(state);
        self.require(Condition::HasTag(DOUBLE_TAGS, word), otherwise);
        let double = self.unbox_immediate(word);
        state.places[register as usize] = Some(Place { word: Some(word), double: Some(double), ty: Ty::Double });
        double
    }

    fn pair(&mut self, register: Reg, state: &mut State) -> Val {
        let word = self.word(state, register);
        if self.ty(register, state) != Ty::Pair {
            let otherwise = self.demote(state);
            self.require(Condition::HasTag(1 << TAG_PAIR, word), otherwise);
            state.places[register as usize] = Some(Place::word(word, Ty::Pair));
        }
        word
    }

    /// Require an array or string. All of a kind have the same header.
    fn sequence(&mut self, register: Reg, kind: Kind, ty: Ty, state: &mut State) -> Val {
        let word = self.word(state, register);
        if self.ty(register, state) != ty {
            let otherwise = self.demote(state);
            self.require(Condition::HasTag(1 << TAG_OBJECT, word), otherwise.clone());
            let found = self.load_object(word, offset::HEADER);
            let wanted = self.b.iconst(header(kind, 3 * WORD_SIZE) as i64);
            self.require(Condition::Compare(Compare::Eq, found, wanted), otherwise);
            state.places[register as usize] = Some(Place::word(word, ty));
        }
        word
    }

    // ---- numbers

    fn arithmetic(&mut self, op: Overflowing, args: &[Reg], seen: u8, state: &mut State) -> Place {
        match self.numbers(args, seen, state) {
            Numbers::Doubles(values) => {
                let on_doubles = Intrinsic::on_doubles(op);
                let mut result = values[0];
                for value in &values[1..] {
                    result = self.b.float_binary(on_doubles, result, *value);
                }
                Place::double(result)
            }
            Numbers::Fixnums(values) => {
                let mut result = values[0];
                for value in &values[1..] {
                    result = self.checked(op, result, *value, state);
                }
                Place::word(result, Ty::Fixnum)
            }
        }
    }

    /// An operation on fixnums that demotes on overflow.
    fn checked(&mut self, op: Overflowing, a: Val, b: Val, state: &State) -> Val {
        let b = match op {
            Overflowing::Mul => self.b.binary_immediate(Binary::Ashr, b, i64::from(TAG_BITS)),
            _ => b,
        };
        let otherwise = self.demote(state);
        let (result, overflow) = self.b.overflowing(op, a, b);
        let next = self.b.block();
        self.branch(Condition::NonZero(overflow), otherwise, plain(next));
        self.b.switch_to(next);
        result
    }

    fn require_nonzero(&mut self, divisor: Val, state: &State) {
        if self.b.constant_of(divisor).is_some_and(|divisor| divisor != 0) {
            return;
        }
        let otherwise = self.demote(state);
        self.require(Condition::NonZero(divisor), otherwise);
    }

    fn quotient(&mut self, a: Val, b: Val, state: &State) -> Place {
        self.require_nonzero(b, state);
        let minus_one = -1i64 << TAG_BITS;
        if self.b.constant_of(b).is_none_or(|divisor| divisor == minus_one) {
            // The smallest fixnum divided by -1 is no fixnum.
            let otherwise = self.demote(state);
            let excluded = self.b.iconst(minus_one);
            self.require(Condition::Compare(Compare::Ne, b, excluded), otherwise);
        }
        let quotient = self.b.binary(Binary::Div, a, b);
        Place::word(self.b.binary_immediate(Binary::Shl, quotient, i64::from(TAG_BITS)), Ty::Fixnum)
    }

    fn modulo(&mut self, a: Val, b: Val, state: &State) -> Place {
        self.require_nonzero(b, state);
        let remainder = self.b.binary(Binary::Rem, a, b);
        let (other_sign, adjust, join) = (self.b.block(), self.b.block(), self.b.block());
        let result = self.b.parameter(join, Type::Word);
        let done = ir::Target { block: join, arguments: vec![remainder] };
        self.branch(Condition::NonZero(remainder), plain(other_sign), done.clone());
        self.b.switch_to(other_sign);
        let signs = self.b.binary(Binary::Xor, remainder, b);
        let zero = self.b.iconst(0);
        self.branch(Condition::Compare(Compare::Lt, signs, zero), plain(adjust), done);
        self.b.switch_to(adjust);
        let adjusted = self.b.binary(Binary::Add, remainder, b);
        self.b.jump(join, &[adjusted]);
        self.b.switch_to(join);
        Place::word(result, Ty::Fixnum)
    }

    /// The count is a constant below 61, which the caller has made sure of.
    fn shift_left(&mut self, args: &[Reg], state: &mut State) -> Place {
        let v = self.fixnums(args, state);
        let Some(count) = self.b.constant_of(v[1]) else { return self.demoted_for_good(state) };
        let count = count >> TAG_BITS;
        let shifted = self.b.binary_immediate(Binary::Shl, v[0], count);
        let back = self.b.binary_immediate(Binary::Ashr, shifted, count);
        let otherwise = self.demote(state);
        self.require(Condition::Compare(Compare::Eq, back, v[0]), otherwise);
        Place::word(shifted, Ty::Fixnum)
    }
    fn shift_right(&mut self, args: &[Reg], state: &mut State) -> Place {
        let v = self.fixnums(args, state);
        let Some(count) = self.b.constant_of(v[1]) else { return self.demoted_for_good(state) };
        let shifted = self.b.binary_immediate(Binary::Ashr, v[0], count >> TAG_BITS);
        Place::word(self.b.binary_immediate(Binary::And, shifted, !7), Ty::Fixnum)
    }
    /// Give the operation up to the demoted version; what follows here is never reached.
    fn demoted_for_good(&mut self, state: &State) -> Place {
        let otherwise = self.demote(state);
        self.jump(otherwise);
        let unreached = self.b.cold_block();
        self.b.switch_to(unreached);
        Place::word(self.b.iconst(NIL as i64), Ty::Unknown)
    }

    fn absolute(&mut self, args: &[Reg], seen: u8, state: &mut State) -> Place {
        if self.are_doubles(args, seen, state) {
            if self.ty(args[0], state) == Ty::Double {
                let number = self.double_of(args[0], state);
                return Place::double(self.b.float_unary(FloatUnary::Abs, number));
            }
            return self.demoted_for_good(state);
        }
        let v = self.fixnums(args, state);
        let sign = self.b.binary_immediate(Binary::Ashr, v[0], 63);
        let flipped = self.b.binary(Binary::Xor, v[0], sign);
        Place::word(self.checked(Overflowing::Sub, flipped, sign, state), Ty::Fixnum)
    }

    /// `=`: numbers by value, strings by content, everything else by identity.
    fn equality(&mut self, args: &[Reg], same: bool, seen: u8, state: &mut State) -> Condition {
        let compare = if same { Compare::Eq } else { Compare::Ne };
        if self.are_doubles(args, seen, state) {
            let v = self.comparable(args, state);
            return Condition::FloatCompare(if same { FloatCompare::Eq } else { FloatCompare::Ne }, v[0], v[1]);
        }
        let (a, b) = (self.word(state, args[0]), self.word(state, args[1]));
        // One that is equal to nothing but itself decides; else both must be such as identity is right for.
        let symbols = [args[0], args[1]].map(|register| self.ty(register, state) == Ty::Symbol);
        let immediates = [a, b].map(|word| self.b.constant_of(word).is_some_and(is_identity));
        if !symbols.contains(&true) && !immediates.contains(&true) {
            let mask = 1 << TAG_FIXNUM | 1 << TAG_PAIR | 1 << TAG_IMMEDIATE;
            for (register, word) in [(args[0], a), (args[1], b)] {
                if !matches!(self.ty(register, state), Ty::Fixnum | Ty::Pair) {
                    let otherwise = self.demote(state);
                    self.require(Condition::HasTag(mask, word), otherwise);
                }
            }
        }
        Condition::Compare(compare, a, b)
    }

    /// `eq`: numbers that are objects are compared by the runtime, everything else by its word.
    fn identity(&mut self, args: &[Reg], state: &mut State) -> Condition {
        let (a, b) = (self.word(state, args[0]), self.word(state, args[1]));
        let known = [args[0], args[1]].map(|register| !matches!(self.ty(register, state), Ty::Unknown | Ty::Double));
        let constant = [a, b].map(|word| self.b.constant_of(word).is_some());
        if !known.contains(&true) && !constant.contains(&true) {
            let (objects, compare) = (self.b.block(), self.b.block());
            let no_object = !(1u8 << TAG_OBJECT);
            self.branch(Condition::HasTag(no_object, a), plain(compare), plain(objects));
            self.b.switch_to(objects);
            let otherwise = self.demote(state);
            self.branch(Condition::HasTag(no_object, b), plain(compare), otherwise);
            self.b.switch_to(compare);
        }
        Condition::Compare(Compare::Eq, a, b)
    }

    // ---- pairs and sequences

    fn path(&mut self, register: Reg, length: u8, steps: u8, state: &mut State) -> Place {
        let mut value = self.pair(register, state);
        for step in 0..length {
            if step > 0 {
                let otherwise = self.demote(state);
                self.require(Condition::HasTag(1 << TAG_PAIR, value), otherwise);
            }
            value = self.load_pair(value, steps >> step & 1 != 0);
        }
        Place::word(value, Ty::Unknown)
    }

    /// The address (to which `element_offset` must be added) of an array's element, and the array's index.
    fn element(&mut self, args: &[Reg], state: &mut State) -> (Val, Val) {
        let array = self.sequence(args[0], Kind::Array, Ty::Array, state);
        let index = self.fixnums(&args[1..2], state)[0];
        let length = self.load_object(array, offset::SEQUENCE_LENGTH);
        let otherwise = self.demote(state);
        // Unsigned, so that negative indices are out of bounds too.
        self.require(Condition::Compare(Compare::Below, index, length), otherwise);
        let storage = self.load_object(array, offset::SEQUENCE_STORAGE);
        // A fixnum's word is eight times its number: the byte offset of a slot.
        (self.b.binary(Binary::Add, storage, index), index)
    }

    fn string_at(&mut self, args: &[Reg], state: &mut State) -> Place {
        let string = self.sequence(args[0], Kind::String, Ty::String, state);
        let index = self.fixnums(&args[1..2], state)[0];
        let length = self.load_object(string, offset::SEQUENCE_LENGTH);
        let otherwise = self.demote(state);
        self.require(Condition::Compare(Compare::Below, index, length), otherwise);
        let storage = self.load_object(string, offset::SEQUENCE_STORAGE);
        let at = self.b.binary_immediate(Binary::Lshr, index, 1);
        let point = self.b.load_indexed(Width::Four, storage, at, offset::BYTES_FIRST - TAG_OBJECT as i32);
        Place::word(self.b.binary_immediate(Binary::Shl, point, i64::from(TAG_BITS)), Ty::Fixnum)
    }
}

/// Offset of the first slot from a storage object's tagged word.
fn element_offset() -> i32 {
    offset::SLOTS_FIRST - TAG_OBJECT as i32
}

/// Whether a constant word is a value that is equal only to itself, by the language's `=`.
fn is_identity(word: i64) -> bool {
    word as u64 & crate::value::TAG_MASK == TAG_IMMEDIATE
}

fn on_doubles(compare: Compare) -> FloatCompare {
    match compare {
        Compare::Lt => FloatCompare::Lt,
        Compare::Le => FloatCompare::Le,
        Compare::Gt => FloatCompare::Gt,
        Compare::Ge => FloatCompare::Ge,
        Compare::Ne => FloatCompare::Ne,
        _ => FloatCompare::Eq,
    }
}
