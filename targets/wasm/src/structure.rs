//! Control flow: from a graph of blocks to nested blocks and loops.

use crate::function::Writer;
use maru_core::ir::flow::ControlFlow;
use maru_core::ir::{Block, Target, Terminator};
use wasm_encoder::{BlockType, Instruction};

/// What a jump may leave or repeat, innermost last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A loop whose header is at this position.
    Loop(usize),
    /// A block that ends where the code of this position starts.
    Before(usize),
    /// Something that no jump is to.
    Other,
}

/// Writes the blocks of a function in an order that its control flow has.
struct Structure<'w, 'f> {
    writer: &'w mut Writer<'f>,
    flow: &'w ControlFlow,
    /// By position: the positions that it dominates immediately, ascending.
    children: Vec<Vec<usize>>,
    scopes: Vec<Scope>,
}

/// Write all blocks.
pub fn write(writer: &mut Writer, flow: &ControlFlow) {
    if !is_reducible(flow) {
        return write_switch(writer, flow);
    }
    let mut children = vec![Vec::new(); flow.order.len()];
    for position in 1..flow.order.len() {
        children[flow.dominator(position)].push(position);
    }
    let mut structure = Structure { writer, flow, children, scopes: Vec::new() };
    structure.tree(0);
    structure.writer.emit(&Instruction::Unreachable);
}

/// Whether every loop is entered at its header only.
fn is_reducible(flow: &ControlFlow) -> bool {
    (0..flow.order.len()).all(|position| {
        let mut before = flow.predecessors(position).iter().map(|&before| before as usize);
        before.all(|before| before < position || flow.dominates(position, before))
    })
}

impl Structure<'_, '_> {
    fn position(&self, target: &Target) -> usize {
        self.flow.position(target.block).expect("a block that can be reached")
    }

    /// Whether a position is a loop's header.
    fn is_header(&self, position: usize) -> bool {
        self.flow.predecessors(position).iter().any(|&before| before as usize >= position)
    }

    /// Whether ways meet at a position: more than one leads there forwards.
    fn is_meeting(&self, position: usize) -> bool {
        self.flow.predecessors(position).iter().filter(|&&before| (before as usize) < position).count() > 1
    }

    /// A position with all that it dominates.
    fn tree(&mut self, position: usize) {
        let is_header = self.is_header(position);
        if is_header {
            self.open(Scope::Loop(position));
        }
        let meetings: Vec<usize> =
            self.children[position].iter().copied().filter(|child| self.is_meeting(*child)).collect();
        // Each ends a block, the last of them the outermost.
        for meeting in meetings.iter().rev() {
            self.open(Scope::Before(*meeting));
        }
        self.block(position);
        for meeting in meetings {
            self.close();
            self.tree(meeting);
        }
        if is_header {
            self.close();
        }
    }

    fn open(&mut self, scope: Scope) {
        self.scopes.push(scope);
        self.writer.emit(&match scope {
            Scope::Loop(_) => Instruction::Loop(BlockType::Empty),
            Scope::Before(_) => Instruction::Block(BlockType::Empty),
            Scope::Other => Instruction::If(BlockType::Empty),
        });
    }

    /// Nothing runs over the end of a scope, but what is behind it must be written for a stack that is as at its start.
    fn close(&mut self) {
        self.scopes.pop();
        self.writer.emit(&Instruction::End);
    }

    /// The operations of a block, and its end.
    fn block(&mut self, position: usize) {
        let block = self.flow.order[position];
        self.writer.operations(block);
        let function = self.writer.function;
        match &function.block(block).terminator {
            Terminator::Jump(target) => self.jump(position, target),
            Terminator::Branch(condition, then, otherwise) => {
                self.writer.condition(condition);
                self.open(Scope::Other);
                self.jump(position, then);
                self.close();
                self.jump(position, otherwise);
            }
            leaves => self.writer.leave(leaves),
        }
    }

    fn jump(&mut self, from: usize, target: &Target) {
        self.writer.pass_to(target);
        let to = self.position(target);
        let scope = if to <= from {
            Scope::Loop(to)
        } else if self.is_meeting(to) {
            Scope::Before(to)
        } else {
            return self.tree(to);
        };
        let depth = self.scopes.iter().rev().position(|open| *open == scope).expect("an open scope");
        self.writer.emit(&Instruction::Br(depth as u32));
    }
}

/// A loop around a switch over all blocks, which a local tells.
fn write_switch(writer: &mut Writer, flow: &ControlFlow) {
    let count = flow.order.len() as u32;
    let chosen = writer.chooser();
    writer.emit(&Instruction::Loop(BlockType::Empty));
    (0..count).for_each(|_| writer.emit(&Instruction::Block(BlockType::Empty)));
    writer.emit(&Instruction::LocalGet(chosen));
    let targets: Vec<u32> = (0..count).collect();
    writer.emit(&Instruction::BrTable(targets.into(), count - 1));
    for (position, &block) in flow.order.iter().enumerate() {
        writer.emit(&Instruction::End);
        writer.operations(block);
        // What is still open: the blocks of later positions, and around them the loop.
        let depth = count - 1 - position as u32;
        let function = writer.function;
        match &function.block(block).terminator {
            Terminator::Jump(target) => switch_to(writer, flow, target, (chosen, depth)),
            Terminator::Branch(condition, then, otherwise) => {
                writer.condition(condition);
                writer.emit(&Instruction::If(BlockType::Empty));
                switch_to(writer, flow, then, (chosen, depth + 1));
                writer.emit(&Instruction::End);
                switch_to(writer, flow, otherwise, (chosen, depth));
            }
            leaves => writer.leave(leaves),
        }
    }
    writer.emit(&Instruction::End);
    writer.emit(&Instruction::Unreachable);
}

fn switch_to(writer: &mut Writer, flow: &ControlFlow, target: &Target, (chosen, depth): (u32, u32)) {
    writer.pass_to(target);
    let position = flow.position(target.block).expect("a block that can be reached");
    writer.emit(&Instruction::I32Const(position as i32));
    writer.emit(&Instruction::LocalSet(chosen));
    writer.emit(&Instruction::Br(depth));
}

/// The entry, whose parameters are the function's.
pub const ENTRY: Block = Block(0);
