//! Searches of short lists by identity in emitted code: `assq` and `memq`.
//!
//! Words are compared, which is identity for all but doubles that are objects: those are left to the runtime, and so is a
//! list that goes on after a number of steps; it may lead back into itself.

use super::emit::slow::{Inline, Miss};
use super::emit::state::{RegisterValue, State, Ty};
use super::emit::{plain, Emit};
use maru_core::abi::layout::{Kind, NIL, TAG_OBJECT, TAG_PAIR};
use maru_core::ir::{Binary, Block, Compare, Condition, Target, Type, Val};

/// How many pairs are looked at before the runtime takes over, which begins anew.
const MOST_STEPS: i64 = 50;

/// What a list is searched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListSearch {
    /// `assq`: an element that is a pair whose car is the key.
    Association,
    /// `memq`: the list from the key on.
    Member,
}

impl Emit<'_, '_> {
    /// A search of the second operand for the first.
    pub(super) fn search_list(
        &mut self,
        what: ListSearch,
        call: &Inline,
        mut miss: Miss,
        state: &mut State,
    ) -> RegisterValue {
        let (key, list) = (self.word(state, call.args[0]), self.word(state, call.args[1]));
        let otherwise = self.slow(&mut miss);
        let known = state.places.get(call.args[0]).is_some_and(|place| has_identity(place.ty));
        if !known && self.b.constant_of(key).is_none() {
            self.require_no_boxed_double(key, &otherwise);
        }
        let join = self.b.block();
        let result = self.b.parameter(join, Type::Word);
        let nil = self.b.iconst(NIL as i64);
        let most = self.b.iconst(MOST_STEPS);
        let head = self.b.block();
        let at = self.b.parameter(head, Type::Word);
        let left = self.b.parameter(head, Type::Word);
        self.b.jump(head, &[list, most]);
        self.b.switch_to(head);
        self.require(Condition::HasTag(1 << TAG_PAIR, at), Target { block: join, arguments: vec![nil] });
        self.require(Condition::NonZero(left), otherwise);
        let element = self.load_pair(at, false);
        let next = self.b.block();
        self.compare_element(what, key, at, element, next, join);
        self.b.switch_to(next);
        let rest = self.load_pair(at, true);
        let left = self.b.binary_immediate(Binary::Sub, left, 1);
        self.b.jump(head, &[rest, left]);
        self.b.switch_to(join);
        self.rejoin(call, miss, RegisterValue::word(result, Ty::Unknown), Ty::Unknown, state)
    }

    /// Go to one block with what was found, if an element is it, else to the other.
    fn compare_element(&mut self, what: ListSearch, key: Val, at: Val, element: Val, next: Block, join: Block) {
        let (found, compared) = match what {
            ListSearch::Association => {
                self.require(Condition::HasTag(1 << TAG_PAIR, element), plain(next));
                (element, self.load_pair(element, false))
            }
            ListSearch::Member => (at, element),
        };
        let found = Target { block: join, arguments: vec![found] };
        self.branch(Condition::Compare(Compare::Eq, compared, key), found, plain(next));
    }

    /// Go elsewhere with a double that is an object.
    fn require_no_boxed_double(&mut self, key: Val, otherwise: &Target) {
        let (object, begin) = (self.b.block(), self.b.block());
        self.branch(Condition::HasTag(1 << TAG_OBJECT, key), plain(object), plain(begin));
        self.b.switch_to(object);
        let kind = self.load_kind(key);
        let double = self.b.iconst(Kind::Double as i64);
        self.branch(Condition::Compare(Compare::Ne, kind, double), plain(begin), otherwise.clone());
        self.b.switch_to(begin);
    }
}

/// Whether values of a type are compared by their words.
fn has_identity(ty: Ty) -> bool {
    matches!(ty, Ty::Fixnum | Ty::Pair | Ty::Array | Ty::String | Ty::Symbol)
}
