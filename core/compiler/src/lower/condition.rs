//! Primitives that answer true or nil, as conditions.

use super::arithmetic::Numbers;
use super::emit::slow::{Inline, Miss};
use super::emit::state::{Leaving, RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use super::intrinsic::Intrinsic;
use super::linear::{BlockId, Reg};
use maru_core::abi::layout::{
    header, offset, Kind, BOOLEAN_SHIFT, DOUBLE_TAGS, FIXNUM_TAGS, NIL, TAG_BITS, TAG_FIXNUM, TAG_IMMEDIATE,
    TAG_OBJECT, TAG_PAIR, WORD_SIZE,
};
use maru_core::ir::{Binary, Compare, Condition, FloatCompare, Target, Type, Val};
use maru_language::runtime::tree::feedback;

impl Emit<'_, '_> {
    /// Go to one of two blocks, as a primitive answers.
    pub(super) fn test(&mut self, mut call: Inline, yes: BlockId, no: BlockId, state: &mut State) {
        if self.is_left_to_runtime(&call, state) {
            let place = self.direct(call, state);
            let value = self.place_word(place, true);
            return self.branch_on(value, yes, no, state);
        }
        let mut miss = Miss::default();
        self.expect_primitive(&mut call, &mut miss, state);
        let kind = match call.intrinsic {
            Intrinsic::Is(TypeTest::Kind(kind)) => Some((kind, self.word(state, call.args[0]))),
            _ => None,
        };
        let number = match call.intrinsic {
            Intrinsic::Is(what) => what.number().map(|numbers| (numbers, self.word(state, call.args[0]))),
            _ => None,
        };
        let condition = match (kind, number) {
            (Some((_, word)), _) => Some(Condition::HasTag(1 << TAG_OBJECT, word)),
            (None, Some(_)) => None,
            (None, None) => Some(self.condition(&call, &mut miss, state)),
        };
        let learned = self.learned(&call, state);
        let here = self.b.current_block();
        let when_true = self.edge_to_block(Leaving::with(state, learned.as_slice()), yes);
        let when_false = self.edge_to_block((&*state).into(), no);
        self.b.switch_to(here);
        match (kind, number, condition) {
            (Some((kind, word)), _, Some(condition)) => {
                self.require(condition, when_false.clone());
                let same = self.has_kind(word, kind);
                self.branch(same, when_true, when_false);
            }
            (_, Some((numbers, word)), _) => self.branch_on_number(numbers, word, &when_true, &when_false),
            (_, _, condition) => {
                let condition = condition.unwrap_or(Condition::NonZero(self.b.iconst(0)));
                self.branch(condition, when_true, when_false);
            }
        }
        if let Some(slow) = miss.slow_block() {
            self.b.switch_to(slow);
            let value = self.call_runtime(&call, state);
            self.after_runtime(&call, state);
            self.branch_on(value, yes, no, state);
        }
    }

    /// Go to one of two blocks, as a word is true or nil.
    pub(super) fn branch_on(&mut self, value: Val, yes: BlockId, no: BlockId, state: &State) {
        let here = self.b.current_block();
        let yes = self.edge_to_block(state.into(), yes);
        let no = self.edge_to_block(state.into(), no);
        self.b.switch_to(here);
        let nil = self.b.iconst(NIL as i64);
        self.branch(Condition::Compare(Compare::Ne, value, nil), yes, no);
    }

    /// What a test that holds tells of its operand.
    fn learned(&mut self, call: &Inline, state: &State) -> Option<(Reg, RegisterValue)> {
        let ty = match call.intrinsic {
            Intrinsic::Is(TypeTest::Pair) => Ty::Pair,
            Intrinsic::Is(TypeTest::Kind(Kind::Symbol)) => Ty::Symbol,
            _ => return None,
        };
        if self.in_memory() || state.generic {
            return None;
        }
        let place = state.places.get(call.args[0])?;
        (place.ty == Ty::Unknown).then_some((call.args[0], RegisterValue { ty, ..place }))
    }

    /// The value of a primitive that answers true or nil.
    pub(super) fn tested(&mut self, call: &Inline, mut miss: Miss, state: &mut State) -> RegisterValue {
        let condition = self.condition(call, &mut miss, state);
        let flag = self.boolean(condition);
        self.rejoin(call, miss, RegisterValue::word(flag, Ty::Unknown), Ty::Unknown, state)
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

    /// What is tested, where the fast way applies.
    fn condition(&mut self, call: &Inline, miss: &mut Miss, state: &mut State) -> Condition {
        match call.intrinsic {
            Intrinsic::Order(compare) => self.order(compare, None, call, miss, state),
            Intrinsic::Sign(compare) => {
                let zero = self.b.iconst(0);
                self.order(compare, Some(zero), call, miss, state)
            }
            Intrinsic::Even(even) => {
                let guess = self.integers(call, state) == Some(true);
                let v = self.fixnums(call, call.args, guess, miss, state);
                let low = self.b.binary_immediate(Binary::And, v[0], 1 << TAG_BITS);
                let zero = self.b.iconst(0);
                Condition::Compare(if even { Compare::Eq } else { Compare::Ne }, low, zero)
            }
            Intrinsic::Equal(same) => self.equality(call, same, miss, state),
            Intrinsic::Not => {
                let value = self.word(state, call.args[0]);
                let nil = self.b.iconst(NIL as i64);
                Condition::Compare(Compare::Eq, value, nil)
            }
            Intrinsic::Identical => self.identity(call.args, miss, state),
            Intrinsic::Is(what) => self.is(what, call.args[0], state),
            _ => unreachable!("only tests come here"),
        }
    }

    /// An order of two numbers, or of one and zero.
    fn order(
        &mut self,
        compare: Compare,
        zero: Option<Val>,
        call: &Inline,
        miss: &mut Miss,
        state: &mut State,
    ) -> Condition {
        let numbers = self.numbers(call, state);
        if numbers == Numbers::Doubles {
            let v = self.doubles(call, true, miss, state);
            let second = v.get(1).copied().unwrap_or_else(|| self.b.fconst(0.0));
            return Condition::FloatCompare(on_doubles(compare), v[0], second);
        }
        let guess = numbers == Numbers::Fixnums(true);
        let v = self.fixnums(call, call.args, guess, miss, state);
        Condition::Compare(compare, v[0], zero.unwrap_or_else(|| v[1]))
    }

    /// `=`: numbers by value, strings by content, everything else by identity.
    fn equality(&mut self, call: &Inline, same: bool, miss: &mut Miss, state: &mut State) -> Condition {
        let compare = if same { Compare::Eq } else { Compare::Ne };
        let types = [0, 1].map(|index| state.places.get(call.args[index]).map_or(Ty::Unknown, |place| place.ty));
        let numbers = self.numbers(call, state);
        if numbers == Numbers::Doubles {
            let v = self.doubles(call, true, miss, state);
            return Condition::FloatCompare(if same { FloatCompare::Eq } else { FloatCompare::Ne }, v[0], v[1]);
        }
        let (a, b) = (self.word(state, call.args[0]), self.word(state, call.args[1]));
        // One that is equal to nothing but itself decides.
        let own = |ty: &Ty| matches!(ty, Ty::Symbol | Ty::Pair | Ty::Array);
        let immediates = [a, b].map(|word| self.b.constant_of(word).is_some_and(is_identity));
        if types.iter().any(own) || immediates.contains(&true) {
            return Condition::Compare(compare, a, b);
        }
        if call.seen == feedback::FIXNUM {
            let guess = numbers == Numbers::Fixnums(true);
            let v = self.fixnums(call, call.args, guess, miss, state);
            return Condition::Compare(compare, v[0], v[1]);
        }
        self.equality_of_any(call, [a, b], types, miss);
        Condition::Compare(compare, a, b)
    }

    /// Make sure that two words are equal only if they are the same: if one is equal to nothing but itself, or both are
    /// fixnums.
    fn equality_of_any(&mut self, call: &Inline, words: [Val; 2], types: [Ty; 2], miss: &mut Miss) {
        let otherwise = self.slow(miss);
        let mask = 1 << TAG_FIXNUM | 1 << TAG_PAIR | 1 << TAG_IMMEDIATE;
        let compare = self.b.block();
        if types[0] != Ty::Fixnum {
            let (plain_tag, other) = (self.b.block(), self.b.block());
            self.branch(Condition::HasTag(mask, words[0]), plain(plain_tag), plain(other));
            self.b.switch_to(other);
            if call.seen & feedback::OTHER != 0 || call.seen == 0 {
                self.require(Condition::HasTag(1 << TAG_OBJECT, words[0]), otherwise.clone());
                let found = self.load_object(words[0], offset::HEADER);
                let symbol = self.b.iconst(header(Kind::Symbol, 2 * WORD_SIZE) as i64);
                self.branch(Condition::Compare(Compare::Eq, found, symbol), plain(compare), otherwise.clone());
            } else {
                self.jump(otherwise.clone());
            }
            self.b.switch_to(plain_tag);
        }
        match types[1] {
            Ty::Fixnum => self.jump(plain(compare)),
            _ => self.branch(Condition::HasTag(mask, words[1]), plain(compare), otherwise),
        }
        self.b.switch_to(compare);
    }

    /// `eq`: doubles that are objects are compared by the runtime, everything else by its word.
    fn identity(&mut self, args: &[Reg], miss: &mut Miss, state: &mut State) -> Condition {
        let (a, b) = (self.word(state, args[0]), self.word(state, args[1]));
        let known = |register: Reg| {
            state.places.get(register).is_some_and(|place| !matches!(place.ty, Ty::Unknown | Ty::Double))
        };
        let known = known(args[0]) || known(args[1]);
        let constant = [a, b].map(|word| self.b.constant_of(word).is_some());
        if !known && !constant.contains(&true) {
            let (objects, compare) = (self.b.block(), self.b.block());
            self.branch(Condition::HasTag(!(1u8 << TAG_OBJECT), a), plain(compare), plain(objects));
            self.b.switch_to(objects);
            let found = self.load_object(a, offset::HEADER);
            let double = self.b.iconst(header(Kind::Double, 2 * WORD_SIZE) as i64);
            let otherwise = self.slow(miss);
            self.branch(Condition::Compare(Compare::Ne, found, double), plain(compare), otherwise);
            self.b.switch_to(compare);
        }
        Condition::Compare(Compare::Eq, a, b)
    }

    /// Whether an object is of a kind.
    pub(in crate::lower) fn has_kind(&mut self, object: Val, kind: Kind) -> Condition {
        let found = self.load_kind(object);
        let wanted = self.b.iconst(kind as i64);
        Condition::Compare(Compare::Eq, found, wanted)
    }

    /// Go to one of two targets, as a word is a number of some sort.
    fn branch_on_number(&mut self, (tags, kinds): Numeric, word: Val, yes: &Target, no: &Target) {
        let (object, other) = (self.b.block(), self.b.block());
        self.branch(Condition::HasTag(tags, word), yes.clone(), plain(other));
        self.b.switch_to(other);
        self.branch(Condition::HasTag(1 << TAG_OBJECT, word), plain(object), no.clone());
        self.b.switch_to(object);
        for (index, kind) in kinds.iter().enumerate() {
            let same = self.has_kind(word, *kind);
            let last = index + 1 == kinds.len();
            let otherwise = if last { no.clone() } else { plain(self.b.block()) };
            self.branch(same, yes.clone(), otherwise.clone());
            if !last {
                self.b.switch_to(otherwise.block);
            }
        }
    }

    /// Whether a word is a number of some sort.
    fn is_number(&mut self, numbers: Numeric, word: Val) -> Condition {
        let join = self.b.block();
        let flag = self.b.parameter(join, Type::Word);
        let [no, yes] = [0, 1].map(|flag| Target { block: join, arguments: vec![self.b.iconst(flag)] });
        self.branch_on_number(numbers, word, &yes, &no);
        self.b.switch_to(join);
        Condition::NonZero(flag)
    }

    /// A predicate of a type.
    fn is(&mut self, what: TypeTest, register: Reg, state: &mut State) -> Condition {
        let word = self.word(state, register);
        let kind = match what {
            TypeTest::Pair => return Condition::HasTag(1 << TAG_PAIR, word),
            TypeTest::Kind(kind) => kind,
            TypeTest::Number | TypeTest::Integer | TypeTest::Double => {
                return self.is_number(what.number().unwrap_or_default(), word);
            }
        };
        let (object, join) = (self.b.block(), self.b.block());
        let flag = self.b.parameter(join, Type::Word);
        let no = self.b.iconst(0);
        let otherwise = Target { block: join, arguments: vec![no] };
        self.branch(Condition::HasTag(1 << TAG_OBJECT, word), plain(object), otherwise);
        self.b.switch_to(object);
        let same = match self.has_kind(word, kind) {
            Condition::Compare(compare, a, b) => self.b.compare(compare, a, b),
            _ => unreachable!("kinds are compared"),
        };
        self.b.jump(join, &[same]);
        self.b.switch_to(join);
        Condition::NonZero(flag)
    }
}

/// A sort of numbers: the tags of those that are no objects, and the kinds of the others.
type Numeric = (u8, &'static [Kind]);

/// A type that a predicate asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeTest {
    /// `pair?`
    Pair,
    /// Objects of a kind.
    Kind(Kind),
    /// `number?`
    Number,
    /// `integer?`
    Integer,
    /// `double?`
    Double,
}

impl TypeTest {
    /// The sort of numbers that is asked for.
    fn number(self) -> Option<Numeric> {
        match self {
            TypeTest::Number => Some((FIXNUM_TAGS | DOUBLE_TAGS, &[Kind::Big, Kind::Double])),
            TypeTest::Integer => Some((FIXNUM_TAGS, &[Kind::Big])),
            TypeTest::Double => Some((DOUBLE_TAGS, &[Kind::Double])),
            TypeTest::Pair | TypeTest::Kind(_) => None,
        }
    }
}

/// Whether a constant word is a value that is equal only to itself, by the language's `=`.
fn is_identity(word: i64) -> bool {
    word as u64 & maru_core::abi::layout::TAG_MASK == TAG_IMMEDIATE
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
