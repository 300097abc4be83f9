//! What is local to a function: which values have locals of their own, and which words lie in its frame in memory.

use crate::function::WORDS;
use maru_core::abi::{context, WORD_SIZE};
use maru_core::ir::{Block, Convention, Function, Op, Terminator, Type, Val};
use wasm_encoder::ValType;

/// The offset in the context of the address below which frames are made.
pub const STACK: i32 = context::PASSING;
/// Frames have no less: so that frames of the engine, which has its own limit, are not much larger than these.
const LEAST_FRAME: usize = 64;

/// Where values are.
pub struct Frame {
    /// By value: its local; `u32::MAX`, if it has none (a constant, or nobody needs it).
    pub locals: Vec<u32>,
    /// By value: its word in the frame, if it lives across a call.
    pub slots: Vec<Option<u32>>,
    /// Types of the locals after the parameters.
    pub types: Vec<ValType>,
    /// Bytes of the frame; 0 if there is none.
    pub size: usize,
}

/// Whether an operation is written anew wherever its result is used.
pub fn is_constant(op: &Op) -> bool {
    matches!(op, Op::Const(_) | Op::FloatConst(_))
}

/// The operation that makes each value, as far as it is a constant.
pub fn constants(function: &Function) -> Vec<Option<&Op>> {
    let mut constants = vec![None; function.types.len()];
    for inst in function.blocks.iter().flat_map(|block| &block.insts).filter(|inst| is_constant(&inst.op)) {
        if let Some(value) = inst.results[0] {
            constants[value.0 as usize] = Some(&inst.op);
        }
    }
    constants
}

/// Where a value is made and used.
#[derive(Clone, Copy)]
struct Uses {
    /// The block that makes it.
    block: u32,
    /// Whether another block uses it, or it is a block's parameter.
    shared: bool,
    /// In its block: where it is made, and used last.
    made: u32,
    last: u32,
}

const NOWHERE: Uses = Uses { block: u32::MAX, shared: false, made: 0, last: 0 };

fn uses(function: &Function, order: &[Block]) -> Vec<Uses> {
    let mut all = vec![NOWHERE; function.types.len()];
    for &block in order {
        for value in &function.block(block).parameters {
            all[value.0 as usize] = Uses { block: block.0, shared: true, ..NOWHERE };
        }
        for (at, inst) in function.block(block).insts.iter().enumerate() {
            for value in inst.results.iter().flatten() {
                let at = at as u32;
                all[value.0 as usize] = Uses { block: block.0, shared: false, made: at, last: at };
            }
        }
    }
    for &block in order {
        let data = function.block(block);
        let mut used = |value: Val, at: usize| {
            let of = &mut all[value.0 as usize];
            of.shared |= of.block != block.0;
            of.last = of.last.max(at as u32);
        };
        for (at, inst) in data.insts.iter().enumerate() {
            inst.op.operands(|value| used(*value, at));
        }
        data.terminator.own_operands(|value| used(*value, data.insts.len()));
        let passed = data.terminator.targets().flat_map(|target| &target.arguments);
        passed.for_each(|value| used(*value, data.insts.len()));
    }
    all
}

impl Frame {
    /// The frame of a function whose first `parameters` locals are taken.
    pub fn of(function: &Function, order: &[Block], needed: &[bool], parameters: u32) -> Frame {
        let constants = constants(function);
        let uses = uses(function, order);
        let count = function.types.len();
        let mut frame = Frame { locals: vec![u32::MAX; count], slots: vec![None; count], types: Vec::new(), size: 0 };
        let has_local = |value: Val| needed[value.0 as usize] && constants[value.0 as usize].is_none();
        for (value, local) in parameter_locals(function) {
            frame.locals[value.0 as usize] = local;
        }
        for (number, of) in uses.iter().enumerate().filter(|(_, of)| of.shared) {
            if frame.locals[number] == u32::MAX && of.block != u32::MAX && has_local(Val(number as u32)) {
                frame.locals[number] = parameters + frame.add(function.types[number]);
            }
        }
        let own = frame.types.len();
        for &block in order {
            frame.share(function, block, &uses, &has_local, (parameters, own));
        }
        frame.find_slots(function, order, &uses, &has_local);
        frame
    }

    fn add(&mut self, of: Type) -> u32 {
        self.types.push(if of == Type::Double { ValType::F64 } else { ValType::I64 });
        self.types.len() as u32 - 1
    }

    /// Locals for the values that only one block knows: a local is free again after the last use.
    fn share(
        &mut self,
        function: &Function,
        block: Block,
        uses: &[Uses],
        has_local: &dyn Fn(Val) -> bool,
        (parameters, own): (u32, usize),
    ) {
        let data = function.block(block);
        let mut ends: Vec<Vec<Val>> = vec![Vec::new(); data.insts.len() + 1];
        let mut free: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
        // Those that values of other blocks have in turn are free in this one.
        for (number, of) in self.types.iter().enumerate().skip(own) {
            free[usize::from(*of == ValType::F64)].push(number as u32 + parameters);
        }
        for (at, inst) in data.insts.iter().enumerate() {
            for &value in inst.results.iter().flatten() {
                let of = uses[value.0 as usize];
                if of.shared || !has_local(value) {
                    continue;
                }
                let double = function.type_of(value) == Type::Double;
                let local = free[usize::from(double)].pop();
                let local = local.unwrap_or_else(|| parameters + self.add(function.type_of(value)));
                self.locals[value.0 as usize] = local;
                ends[of.last as usize].push(value);
            }
            for value in std::mem::take(&mut ends[at]) {
                let double = function.type_of(value) == Type::Double;
                free[usize::from(double)].push(self.locals[value.0 as usize]);
            }
        }
    }

    /// Words for what lives across calls.
    fn find_slots(&mut self, function: &Function, order: &[Block], uses: &[Uses], has_local: &dyn Fn(Val) -> bool) {
        let mut calls = false;
        let mut words = 1;
        for &block in order {
            let data = function.block(block);
            calls |= data.insts.iter().any(|inst| inst.op.is_call());
            calls |= matches!(data.terminator, Terminator::TailCall(..));
        }
        if !calls {
            return;
        }
        let calls_of = |block: Block| -> Vec<u32> {
            let insts = function.block(block).insts.iter().enumerate();
            insts.filter(|(_, inst)| inst.op.is_call()).map(|(at, _)| at as u32).collect()
        };
        let all_calls: Vec<Vec<u32>> = (0..function.blocks.len() as u32).map(|block| calls_of(Block(block))).collect();
        for (number, of) in uses.iter().enumerate() {
            let value = Val(number as u32);
            if of.block == u32::MAX || function.types[number] == Type::Double || !has_local(value) {
                continue;
            }
            let across = || {
                let calls = &all_calls[of.block as usize];
                let next = calls.partition_point(|call| *call <= of.made);
                calls.get(next).is_some_and(|call| *call < of.last)
            };
            if of.shared || across() {
                self.slots[number] = Some(words);
                words += 1;
            }
        }
        self.size = (words as usize * WORD_SIZE).max(LEAST_FRAME).next_multiple_of(16);
    }
}

/// The function's parameters that are parameters of the engine's function, with their locals.
fn parameter_locals(function: &Function) -> impl Iterator<Item = (Val, u32)> + '_ {
    let words = function.blocks[0].parameters.iter().zip(&function.signature.parameters);
    let words = words.filter(|(_, of)| **of != Type::Double).map(|(value, _)| *value);
    // The context is the first.
    words.take(WORDS).zip(1..)
}

/// Whether a function's frame is compared with the limit.
pub fn is_checked(function: &Function) -> bool {
    function.signature.convention == Convention::Maru
}
