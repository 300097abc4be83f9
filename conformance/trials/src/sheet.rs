//! Sheets: functions of many independent items, each of which computes one result that goes to memory, run by the target
//! and by the IR evaluator. Where the two differ, the item is compiled once more by itself, and shown.

use super::{Bench, Loaded};
use crate::differential::{disagreement, evaluate, evaluator, load, run, Ended};
use maru_core::ir::evaluate::Evaluator;
use maru_core::ir::*;
use maru_generate::World;

/// Bytes of inputs at the start of each half of memory.
pub const INPUTS: i32 = 512;
/// Where opaque constants pass through.
const PASSAGE: i32 = INPUTS - 8;
/// What memory holds at first follows from this.
const SEED: u64 = 7;

/// A function under construction. Its parameters are the address of its memory and two arbitrary words. The memory's
/// first half is for words, the second for doubles; each begins with inputs, then come results.
pub struct Sheet {
    /// The function.
    pub builder: FunctionBuilder,
    /// The memory's address.
    pub memory: Val,
    /// The two words.
    pub words: [Val; 2],
    /// Where the half for doubles starts.
    pub half: i32,
    /// The items' names, and where each one's result goes.
    names: Vec<(String, i32)>,
    /// The one item that is wanted, if not all are.
    only: Option<usize>,
}

impl Sheet {
    /// An operation with one result.
    pub fn op(&mut self, op: Op) -> Val {
        self.builder.push(op)[0].expect("an operation with a result")
    }

    /// An operation without a result.
    pub fn effect(&mut self, op: Op) {
        self.builder.push(op);
    }

    /// A constant word.
    pub fn word(&mut self, number: i64) -> Val {
        self.op(Op::Const(number))
    }

    /// A constant double.
    pub fn double(&mut self, bits: u64) -> Val {
        self.op(Op::FloatConst(bits))
    }

    /// A word operation.
    pub fn binary(&mut self, op: Binary, a: Val, b: Val) -> Val {
        self.op(Op::Binary(op, a, b))
    }

    /// A word operation with a constant.
    pub fn binary_with(&mut self, op: Binary, a: Val, number: i64) -> Val {
        let number = self.word(number);
        self.binary(op, a, number)
    }

    /// The number as no target knows it: by way of memory.
    pub fn opaque(&mut self, number: i64) -> Val {
        let known = self.word(number);
        self.effect(Op::Store(Width::Word, known, self.memory, PASSAGE));
        self.op(Op::Load(Width::Word, self.memory, PASSAGE))
    }

    /// One item: what it is called, and what computes its result.
    pub fn item(&mut self, name: impl FnOnce() -> String, compute: impl FnOnce(&mut Sheet) -> Val) {
        let number = self.names.len();
        let place = INPUTS + 8 * number as i32;
        self.names.push((name(), place));
        if self.only.is_some_and(|only| only != number) {
            return;
        }
        let result = compute(self);
        let (width, start) = match self.builder.type_of(result) {
            Type::Double => (Width::Double, self.half),
            _ => (Width::Word, 0),
        };
        self.effect(Op::Store(width, result, self.memory, start + place));
    }

    /// 1 if the condition holds, else 0, by a branch whose first target lies first, or (`turned`) last.
    pub fn branch(&mut self, condition: Condition, turned: bool) -> Val {
        let (first, second) = (self.builder.block(), self.builder.block());
        let (holds, fails) = if turned { (second, first) } else { (first, second) };
        let join = self.builder.block();
        let result = self.builder.parameter(join, Type::Word);
        self.builder.branch(condition, holds, &[], fails, &[]);
        for (block, number) in [(holds, 1), (fails, 0)] {
            self.builder.switch_to(block);
            let number = self.word(number);
            self.builder.jump(join, &[number]);
        }
        self.builder.switch_to(join);
        result
    }
}

/// Build a sheet, or one item of it.
fn build(count: usize, only: Option<usize>, items: &dyn Fn(&mut Sheet)) -> (Function, Vec<(String, i32)>) {
    let parameters = vec![Type::Word; 3];
    let signature = Signature { convention: Convention::Entry, parameters, result: Type::Word };
    let builder = FunctionBuilder::new("sheet", signature);
    let half = INPUTS + 8 * count as i32;
    let mut sheet = Sheet { builder, memory: Val(0), words: [Val(1), Val(2)], half, names: Vec::new(), only };
    items(&mut sheet);
    let zero = sheet.word(0);
    sheet.builder.ret(zero);
    (sheet.builder.finish(), sheet.names)
}

/// Run a sheet both ways on each pair of words.
///
/// # Panics
/// When the target and the evaluator do not agree; the message has the item, both results and the code.
pub fn agree(bench: &Bench, title: &str, words: &[[u64; 2]], items: &dyn Fn(&mut Sheet)) {
    // The first time round counts the items: the half for doubles lies behind their results.
    let count = build(0, Some(usize::MAX), items).1.len();
    let (function, names) = build(count, None, items);
    let functions = [function];
    let room = (INPUTS as usize / 8 + count) * 2;
    let mut pair = Pair::new(bench, &functions, room);
    for &words in words {
        let Some((evaluated, ran)) = pair.differ(words) else { continue };
        let different = (0..room).find(|place| evaluated.1[*place] != ran.1[*place]);
        let item = different.and_then(|place| (place % (room / 2)).checked_sub(INPUTS as usize / 8));
        let name = item.map_or("its result, or memory that it must leave as it is", |item| &names[item].0);
        let title = format!("{title}: {name}, with {:#x} and {:#x}", words[0], words[1]);
        if let Some(item) = item {
            let alone = [build(count, Some(item), items).0];
            if let Some((evaluated, ran)) = Pair::new(bench, &alone, room).differ(words) {
                panic!("{}", disagreement(bench, &alone, &title, &evaluated, &ran));
            }
        }
        panic!("{}", disagreement(bench, &functions, &title, &evaluated, &ran));
    }
}

/// A unit for the evaluator and for the target.
pub(crate) struct Pair<'b> {
    bench: &'b Bench,
    evaluator: Evaluator,
    loaded: Loaded<'b>,
    /// Words of memory.
    room: usize,
}

impl<'b> Pair<'b> {
    /// Verify, compile and load a unit, whose memory has so many words.
    pub(crate) fn new(bench: &'b Bench, functions: &[Function], room: usize) -> Pair<'b> {
        Pair { bench, evaluator: evaluator(bench, functions), loaded: load(bench, functions), room }
    }

    /// Run both; how each ended, if not alike.
    pub(crate) fn differ(&mut self, words: [u64; 2]) -> Option<(Ended, Ended)> {
        let world = || World::with_scratch(SEED, self.room);
        let evaluated = evaluate(&self.evaluator, &mut world(), words).expect("an end in the evaluator's time");
        let ran = run(self.bench, &mut self.loaded, &mut world(), words);
        (evaluated != ran).then_some((evaluated, ran))
    }
}
