//! Folds constants and simplifies operations, among them the ways in and out of tagged words; gives a branch the
//! comparison that its flag comes from; decides branches whose condition is constant.

use super::*;
use known::{Known, Outcome, Table};

mod known;
mod rules;

/// Run the pass. Returns whether a branch was decided, so that control flow changed.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) -> bool {
    if function.word != WordWidth::Eight {
        // The rules are those of 64-bit words.
        return false;
    }
    let mut folder =
        Folder { table: Table::new(function), replacements: Replacements::new(function), insertions: Vec::new(), fuel };
    let mut decided = false;
    for &position in &flow.preorder {
        let block = flow.order[position as usize];
        let Function { blocks, types, .. } = function;
        let data = &mut blocks[block.0 as usize];
        for (at, inst) in data.insts.iter_mut().enumerate() {
            folder.inst(inst, (block, at as u32), types);
        }
        data.terminator.operands_mut(|value| folder.replacements.apply(value));
        decided |= folder.exit(&mut data.terminator);
    }
    insert(function, folder.insertions);
    decided
}

struct Folder<'f> {
    table: Table,
    replacements: Replacements,
    insertions: Insertions,
    fuel: &'f mut OptimisationFuel,
}

impl Folder<'_> {
    fn inst(&mut self, inst: &mut Inst, place: (Block, u32), types: &mut Vec<Type>) {
        inst.op.operands_mut(|value| self.replacements.apply(value));
        // A simplification may allow another; two are enough for all rules there are.
        for _ in 0..2 {
            let Some(outcome) = self.table.simplify(&inst.op) else { break };
            if !self.fuel.spend() {
                break;
            }
            match outcome {
                Outcome::Constant(number) => inst.op = Op::Const(number),
                Outcome::FloatConstant(bits) => inst.op = Op::FloatConst(bits),
                Outcome::Exchanged => exchange(&mut inst.op),
                Outcome::Flag(condition) => inst.op = flag(condition),
                Outcome::Access(base, index, offset) => access(&mut inst.op, base, index, offset),
                Outcome::WithConstant(op, a, number) => {
                    let constant = self.insert_constant(number, place, types);
                    inst.op = Op::Binary(op, a, constant);
                }
                Outcome::Value(value) => {
                    // The operation stays, without uses.
                    self.replace(inst.results[0], value);
                    return;
                }
                Outcome::NoOverflow(value) => {
                    self.replace(inst.results[0], value);
                    let overflow = inst.results[1].take().expect("two results");
                    *inst = Inst { op: Op::Const(0), results: [Some(overflow), None] };
                    self.table.set(overflow, Known::Constant(0));
                    return;
                }
            }
        }
        self.table.learn(&inst.op, inst.results);
    }

    fn replace(&mut self, result: Option<Val>, by: Val) {
        self.replacements.replace(result.expect("a result"), by);
    }

    fn insert_constant(&mut self, number: i64, (block, at): (Block, u32), types: &mut Vec<Type>) -> Val {
        let value = Val(types.len() as u32);
        types.push(Type::Word);
        self.replacements.0.push(value);
        self.table.push(Known::Constant(number));
        self.insertions.push((block, at, Inst { op: Op::Const(number), results: [Some(value), None] }));
        value
    }

    /// Simplify a branch; returns whether it became a jump.
    fn exit(&mut self, terminator: &mut Terminator) -> bool {
        let Terminator::Branch(condition, then, otherwise) = terminator else { return false };
        let mut decision = None;
        loop {
            let outcome = match self.table.decide(condition) {
                Some(outcome) if self.fuel.spend() => outcome,
                _ => break,
            };
            match outcome {
                rules::Decided::Always(holds) => {
                    decision = Some(holds);
                    break;
                }
                rules::Decided::As(simpler) => *condition = simpler,
                rules::Decided::Unless(simpler) => {
                    *condition = simpler;
                    std::mem::swap(then, otherwise);
                }
            }
        }
        let Some(holds) = decision else { return false };
        let taken =
            std::mem::replace(if holds { then } else { otherwise }, Target { block: Block(0), arguments: vec![] });
        *terminator = Terminator::Jump(taken);
        true
    }
}

/// Exchange the operands of an operation that allows it.
fn exchange(op: &mut Op) {
    if let Op::Binary(_, a, b) | Op::Overflowing(_, a, b) = op {
        std::mem::swap(a, b);
    }
}

/// The operation that gives 1 where a condition holds, else 0.
fn flag(condition: Condition) -> Op {
    match condition {
        Condition::Compare(op, a, b) => Op::Compare(op, a, b),
        Condition::HasTag(mask, a) => Op::HasTag(mask, a),
        Condition::FloatCompare(op, a, b) => Op::FloatCompare(op, a, b),
        Condition::NonZero(_) => unreachable!("no operation makes such a flag"),
    }
}

/// Let a load or store use another place.
fn access(op: &mut Op, base: Val, index: Option<Val>, offset: i32) {
    *op = match (&*op, index) {
        (&(Op::Load(width, ..) | Op::LoadIndexed(width, ..)), None) => Op::Load(width, base, offset),
        (&(Op::Load(width, ..) | Op::LoadIndexed(width, ..)), Some(index)) => {
            Op::LoadIndexed(width, base, index, offset)
        }
        (&(Op::Store(width, value, ..) | Op::StoreIndexed(width, value, ..)), None) => {
            Op::Store(width, value, base, offset)
        }
        (&(Op::Store(width, value, ..) | Op::StoreIndexed(width, value, ..)), Some(index)) => {
            Op::StoreIndexed(width, value, base, index, offset)
        }
        _ => unreachable!("no load or store"),
    };
}
