//! Folds constants and simplifies operations, among them the ways in and out of tagged words; gives a branch the
//! comparison that its flag comes from; decides branches whose condition is constant.

use super::*;
use known::{Known, Outcome, Table};

mod known;
mod rules;

/// Run the pass. Returns whether a branch was decided, so that control flow changed.
pub fn run(function: &mut Function, flow: &Flow, fuel: &mut OptimisationFuel) -> bool {
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
        data.exit.operands_mut(|value| folder.replacements.apply(value));
        decided |= folder.exit(&mut data.exit);
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
        let Some(result) = inst.results[0] else {
            if let Some(Outcome::Op(op)) = self.table.simplify(&inst.op) {
                if self.fuel.spend() {
                    inst.op = op;
                }
            }
            return;
        };
        // A simplification may allow another; two are enough for all rules there are.
        for _ in 0..2 {
            let Some(outcome) = self.table.simplify(&inst.op) else { break };
            if !self.fuel.spend() {
                break;
            }
            match outcome {
                Outcome::Constant(number) => inst.op = Op::Const(number),
                Outcome::FloatConstant(bits) => inst.op = Op::FloatConst(bits),
                Outcome::Op(op) => inst.op = op,
                Outcome::WithConstant(op, a, number) => {
                    let constant = self.insert_constant(number, place, types);
                    inst.op = Op::Binary(op, a, constant);
                }
                Outcome::Value(value) => {
                    // The operation stays, without uses.
                    self.replacements.replace(result, value);
                    return;
                }
                Outcome::NoOverflow(value) => {
                    self.replacements.replace(result, value);
                    let overflow = inst.results[1].take().expect("two results");
                    *inst = Inst { op: Op::Const(0), results: [Some(overflow), None] };
                    self.table.set(overflow, Known::Constant(0));
                    return;
                }
            }
        }
        self.table.learn(&inst.op, inst.results);
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
    fn exit(&mut self, exit: &mut Exit) -> bool {
        let Exit::Branch(condition, then, otherwise) = exit else { return false };
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
        *exit = Exit::Jump(taken);
        true
    }
}
