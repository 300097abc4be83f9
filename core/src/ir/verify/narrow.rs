//! The rules about the width of words: what functions of narrow words have, and what they have not.

use super::*;
use crate::ir::narrow::arithmetic::{extended, has_binary};
use crate::ir::narrow::Carrying;

impl Verifier<'_> {
    /// Whether an operation is one of functions of this width.
    pub(super) fn width(&self, op: &Op) -> Checked {
        if !self.narrow {
            return ensure(!matches!(op, Op::Narrow(_)), || "only functions of narrow words have it".into());
        }
        match op {
            Op::Const(number) => ensure(extended(*number as u32) == *number, || {
                format!("{number} is no constant of 32 bits with its sign extended")
            }),
            Op::Binary(op, ..) if !has_binary(*op) => not_narrow(),
            Op::Overflowing(..) | Op::FloatBits(_) | Op::FloatFromBits(_) | Op::Helper(..) => not_narrow(),
            Op::Load(width, ..) | Op::LoadIndexed(width, ..) => access(*width),
            Op::Store(width, ..) | Op::StoreIndexed(width, ..) => access(*width),
            _ => Ok(()),
        }
    }

    /// Whether the words of a signature are pairs, or whole.
    pub(super) fn halves(&self, signature: &Signature) -> Checked {
        let pairs = signature.result == Type::Pair;
        if !self.narrow {
            return ensure(!pairs, || "only functions of narrow words return pairs".into());
        }
        ensure(signature.result != Type::Word, || "a function of narrow words returns a pair or a double".into())?;
        let words = signature.parameters.iter().filter(|&&of| of == Type::Word).count();
        ensure(words % 2 == 0, || format!("{words} narrow words are not the halves of 64-bit words"))
    }

    pub(super) fn narrow_op(&self, op: &Narrow) -> Checked {
        match op {
            Narrow::Carry(_, a, b) | Narrow::MulWide(_, a, b) | Narrow::FloatFromHalves(a, b) => self.words(&[*a, *b]),
            Narrow::WithCarry(from, a, b, carry) => {
                self.carry(*from, *carry)?;
                self.words(&[*a, *b])
            }
            Narrow::CompareWithBorrow(compare, a, b, borrow) => {
                use Compare::{AtLeast, Below, Ge, Lt};
                ensure(matches!(compare, Lt | Ge | Below | AtLeast), || {
                    format!("a borrow does not tell {}", compare.name())
                })?;
                self.carry(Carrying::Sub, *borrow)?;
                self.words(&[*a, *b])
            }
            Narrow::FloatHalves(a) => self.doubles(&[*a]),
            Narrow::Helper(helper, arguments) => {
                let (expected, found) = (2 * helper.parameters(), arguments.len());
                ensure(expected == found, || format!("{} takes {expected} words, not {found}", helper.name()))?;
                self.words(arguments)
            }
        }
    }

    /// Check a use of a carry: it comes from the operation before.
    fn carry(&self, from: Carrying, carry: Val) -> Checked {
        self.defined(carry, Type::Word)?;
        let before = self.at.and_then(|at| self.function.block(self.block).insts.get(at.checked_sub(1)?));
        let made = before.is_some_and(|before| {
            matches!(before.op, Op::Narrow(Narrow::Carry(op, ..)) if op == from) && before.results[1] == Some(carry)
        });
        ensure(made, || format!("{carry} is no carry of the operation before"))
    }

    pub(super) fn note_carry(&mut self, inst: &Inst) {
        if let (Op::Narrow(Narrow::Carry(..)), Some(carry)) = (&inst.op, inst.results[1]) {
            if let Some(mark) = self.carries.get_mut(carry.0 as usize) {
                *mark = true;
            }
        }
    }

    pub(super) fn return_pair(&self, low: Val, high: Val) -> Checked {
        ensure(self.function.signature.result == Type::Pair, || "the function's result is no pair".into())?;
        self.words(&[low, high])
    }

    pub(super) fn context_offset(&self, offset: i32) -> Checked {
        let size = if self.narrow { 4 } else { 8 };
        ensure(offset >= 0 && offset % size == 0, || format!("{offset} is no offset of a word of the context"))
    }
}

fn not_narrow() -> Checked {
    Err("functions of narrow words do not have it".into())
}

fn access(width: Width) -> Checked {
    ensure(width != Width::Word, || "a narrow word is accessed with width four".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse::parse;

    fn error_in(body: &str) -> String {
        let text = format!("narrow function f(v0: w, v1: w) -> ww {{\nb0:\n{body}\n}}\n");
        let functions = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        verify_unit(&functions).expect_err(&text).message
    }

    #[test]
    fn broken_rules_of_narrow_functions_are_named() {
        let cases = [
            (" v2 = const 0x80000000\n return v2 v1", "2147483648 is no constant of 32 bits with its sign extended"),
            (" v2 = div v0 v1\n return v2 v1", "functions of narrow words do not have it"),
            (" v2 = rotl v0 v1\n return v2 v1", "functions of narrow words do not have it"),
            (" v2, v3 = add.overflow v0 v1\n return v2 v1", "functions of narrow words do not have it"),
            (" v2 = helper poll\n return v2 v1", "functions of narrow words do not have it"),
            (" v2 = load.word [v0]\n return v2 v1", "a narrow word is accessed with width four"),
            (" v2 = load.word [context + 2]\n return v2 v1", "2 is no offset of a word of the context"),
            (" v2, v3 = add.carry v0 v1\n return v2 v3", "v3 is a carry, which only the next operation may take"),
            (
                " v2, v3 = add.carry v0 v1\n v4 = const 1\n v5, v6 = add.with_carry v0 v1 v3\n return v2 v5",
                "v3 is no carry of the operation before",
            ),
            (
                " v2, v3 = add.carry v0 v1\n v5, v6 = sub.with_borrow v0 v1 v3\n return v2 v5",
                "v3 is no carry of the operation before",
            ),
            (
                " v2, v3 = sub.borrow v0 v1\n v5 = compare.le.with_borrow v0 v1 v3\n return v2 v5",
                "a borrow does not tell le",
            ),
            (" v2, v3 = helper.pair set_cell v0 v1\n return v2 v3", "set_cell takes 4 words, not 2"),
            (" return v0", "v0 is of type w, not ww"),
            (" v2 = call f0(v0, v1) -> w\n return v0 v1", "a function of narrow words returns a pair or a double"),
        ];
        for (body, expected) in cases {
            assert_eq!(error_in(body), expected, "{body}");
        }
    }

    #[test]
    fn wide_functions_have_nothing_narrow() {
        let message = |text: &str| {
            let functions = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            verify_unit(&functions).expect_err(text).message
        };
        let wide = "function f(v0: w) -> w {\nb0:\n v1, v2 = mul.wide v0 v0\n return v1\n}\n";
        assert_eq!(message(wide), "only functions of narrow words have it");
        let pair = "function f(v0: w) -> ww {\nb0:\n return v0 v0\n}\n";
        assert_eq!(message(pair), "only functions of narrow words return pairs");
        let odd = "narrow function f(v0: w) -> ww {\nb0:\n return v0 v0\n}\n";
        assert_eq!(message(odd), "1 narrow words are not the halves of 64-bit words");
        let mixed = "function f(v0: w) -> w {\nb0:\n return v0\n}\nnarrow function g() -> d {\nb0:\n unreachable\n}\n";
        assert_eq!(message(mixed), "its words are not as wide as those of the unit's first function");
        let function = &parse("function f() -> d {\nb0:\n unreachable\n}\n").unwrap()[0];
        assert!(verify_narrow(function, &[]).is_err());
    }
}
