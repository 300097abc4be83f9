//! Decides tag tests from what is known of a word's low bits.
//!
//! A word's possible tags follow from the operation that made it (shifted left by three it is a fixnum) and, in
//! blocks that only one side of a branch leads to, from what the branch tested.

use super::*;
use crate::ir::arithmetic;

/// The set of all tags.
const ANY: u8 = 0xff;

/// Run the pass. Returns whether a branch was decided, so that control flow changed.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) -> bool {
    if function.word != WordWidth::Eight {
        // The rules are those of 64-bit words.
        return false;
    }
    let count = function.types.len();
    let mut tags = Tags {
        possible: vec![0; count],
        constants: vec![None; count],
        narrowed: Vec::new(),
        replacements: Replacements::new(function),
    };
    let mut decided = false;
    let mut visited = vec![false; flow.order.len()];
    for &position in &flow.preorder {
        let position = position as usize;
        let block = flow.order[position];
        tags.leave(flow, position);
        tags.enter(function, flow, position, &visited);
        visited[position] = true;
        let data = &mut function.blocks[block.0 as usize];
        for inst in &mut data.insts {
            tags.inst(inst, fuel);
        }
        data.terminator.operands_mut(|value| tags.replacements.apply(value));
        tags.pass(function, block);
        let data = &mut function.blocks[block.0 as usize];
        if let Terminator::Branch(condition, then, otherwise) = &mut data.terminator {
            if let Some(holds) = tags.decide(condition).filter(|_| fuel.spend()) {
                let taken = if holds { then } else { otherwise };
                let taken = Target { block: taken.block, arguments: std::mem::take(&mut taken.arguments) };
                data.terminator = Terminator::Jump(taken);
                decided = true;
            }
        }
    }
    decided
}

struct Tags {
    /// By value: the tags it may have here.
    possible: Vec<u8>,
    constants: Vec<Option<i64>>,
    /// What branches told, to be forgotten when the walk leaves the blocks they told it for: position of the first
    /// such block, value, tags before.
    narrowed: Vec<(usize, Val, u8)>,
    replacements: Replacements,
}

impl Tags {
    fn of(&self, value: Val) -> u8 {
        self.possible[value.0 as usize]
    }

    fn set(&mut self, value: Val, tags: u8) {
        self.possible[value.0 as usize] = tags;
    }

    /// Forget what does not hold in the block at a position.
    fn leave(&mut self, flow: &ControlFlow, position: usize) {
        while let Some(&(first, value, before)) = self.narrowed.last() {
            if flow.dominates(first, position) {
                return;
            }
            self.set(value, before);
            self.narrowed.pop();
        }
    }

    /// What the ways into a block tell.
    fn enter(&mut self, function: &Function, flow: &ControlFlow, position: usize, visited: &[bool]) {
        let block = flow.order[position];
        let predecessors = flow.predecessors(position);
        // Parameters have gathered tags from the ends of blocks visited; a block that follows may pass anything.
        if block == Block(0) || predecessors.iter().any(|&predecessor| !visited[predecessor as usize]) {
            for &parameter in &function.block(block).parameters {
                self.set(parameter, ANY);
            }
        }
        if let &[predecessor] = predecessors {
            self.learn(&function.block(flow.order[predecessor as usize]).terminator, block, position);
        }
    }

    /// Give the parameters of a block's successors the tags of the arguments, as they are known at its end.
    fn pass(&mut self, function: &Function, block: Block) {
        for target in function.block(block).terminator.targets() {
            for (&parameter, &argument) in function.block(target.block).parameters.iter().zip(&target.arguments) {
                self.set(parameter, self.of(parameter) | self.of(argument));
            }
        }
    }

    /// What the branch tells that is the only way into a block.
    fn learn(&mut self, terminator: &Terminator, block: Block, position: usize) {
        let Terminator::Branch(condition, then, otherwise) = terminator else { return };
        if then.block == otherwise.block {
            return;
        }
        let holds = then.block == block;
        let (value, tags) = match *condition {
            Condition::HasTag(mask, value) => (value, if holds { mask } else { !mask }),
            Condition::Compare(Compare::Eq, value, other) if holds => (value, self.of(other)),
            Condition::Compare(Compare::Ne, value, other) if !holds => (value, self.of(other)),
            _ => return,
        };
        let before = self.of(value);
        // An empty set: the block is never run, and what it does not matter.
        if before & tags != before && before & tags != 0 {
            self.narrowed.push((position, value, before));
            self.set(value, before & tags);
        }
    }

    fn inst(&mut self, inst: &mut Inst, fuel: &mut OptimisationFuel) {
        inst.op.operands_mut(|value| self.replacements.apply(value));
        let Some(result) = inst.results[0] else { return };
        let tags = match inst.op {
            Op::Const(number) => {
                self.constants[result.0 as usize] = Some(number);
                tag_of(number)
            }
            Op::HasTag(mask, a) => {
                if let Some(holds) = self.test(mask, a).filter(|_| fuel.spend()) {
                    inst.op = Op::Const(holds.into());
                    self.constants[result.0 as usize] = Some(holds.into());
                }
                0b11
            }
            Op::Binary(Binary::And, a, b) if self.is_untagged(a, b) && fuel.spend() => {
                self.replacements.replace(result, a);
                return;
            }
            Op::Binary(op, a, b) => self.binary(op, a, b),
            Op::Overflowing(op, a, b) => {
                if let Some(overflow) = inst.results[1] {
                    self.set(overflow, 0b11);
                }
                self.binary(
                    match op {
                        Overflowing::Add => Binary::Add,
                        Overflowing::Sub => Binary::Sub,
                        Overflowing::Mul => Binary::Mul,
                    },
                    a,
                    b,
                )
            }
            Op::Compare(..) | Op::FloatCompare(..) => 0b11,
            // Functions are aligned.
            Op::FunctionAddress(_) => 0b1,
            _ => ANY,
        };
        self.set(result, tags);
    }

    /// The tags of an operation's result: its low bits depend on those of its operands, but for shifts to the right.
    fn binary(&self, op: Binary, a: Val, b: Val) -> u8 {
        let constant = self.constants[b.0 as usize];
        match (op, constant) {
            (Binary::Shl, Some(count)) if count & 63 >= 3 => return 0b1,
            (Binary::Add | Binary::Sub | Binary::Mul | Binary::And | Binary::Or | Binary::Xor, _) => {}
            _ => return ANY,
        }
        let (left, right) = (self.of(a), self.of(b));
        // A mask leaves few tags of any, and so may a bit that is set.
        if left == ANY && right == ANY || matches!(op, Binary::Add | Binary::Sub | Binary::Xor) && left | right == ANY {
            return ANY;
        }
        let mut tags = 0;
        for x in (0..8).filter(|x| left >> x & 1 != 0) {
            for y in (0..8).filter(|y| right >> y & 1 != 0) {
                let word = arithmetic::binary(op, x, y).expect("an operation that is always defined");
                tags |= tag_of(word as i64);
            }
        }
        tags
    }

    /// Whether `a & b` is `a`, because only bits of a tag are masked, which `a` does not have.
    fn is_untagged(&self, a: Val, b: Val) -> bool {
        let Some(mask) = self.constants[b.0 as usize] else { return false };
        let cleared = !mask;
        let has_none = |tag: i64| self.of(a) >> tag & 1 == 0 || tag & cleared == 0;
        cleared & !7 == 0 && (0..8).all(has_none)
    }

    /// Whether a word has one of the tags, if that is known.
    fn test(&self, mask: u8, value: Val) -> Option<bool> {
        let tags = self.of(value);
        match (tags & mask, tags & !mask) {
            (0, _) => Some(false),
            (_, 0) => Some(true),
            _ => None,
        }
    }

    fn decide(&self, condition: &Condition) -> Option<bool> {
        match *condition {
            Condition::HasTag(mask, value) => self.test(mask, value),
            Condition::NonZero(value) => self.constants[value.0 as usize].map(|number| number != 0),
            Condition::Compare(Compare::Eq, a, b) if self.of(a) & self.of(b) == 0 => Some(false),
            Condition::Compare(Compare::Ne, a, b) if self.of(a) & self.of(b) == 0 => Some(true),
            _ => None,
        }
    }
}

fn tag_of(number: i64) -> u8 {
    1 << (number & 7)
}
