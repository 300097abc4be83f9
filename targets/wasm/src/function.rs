//! The body of a function: parameters, frame, calls, and the ways out.

use crate::frame::{constants, is_checked, Frame, STACK};
use crate::structure::{self, ENTRY};
use crate::{operation, ARGUMENT_REGISTERS, CODE_SHIFT, MOST_DOUBLES};
use maru_core::abi::{argument_offset, context, word_offset, FIRST_ARGUMENT};
use maru_core::codegen::ListingLine;
use maru_core::ir::flow::ControlFlow;
use maru_core::ir::{
    needed_values, Block, Callee, Condition, Convention, Function, Helper, Op, Target, Terminator, Type, Val, WordWidth,
};
use wasm_encoder::{Encode, Instruction, MemArg, ValType};

/// How many words are parameters, besides the context.
pub const WORDS: usize = FIRST_ARGUMENT + ARGUMENT_REGISTERS;
/// The local that is the context.
const CONTEXT: u32 = 0;
/// Number of the type of all functions.
const TYPE: u32 = 0;
/// Numbers of the imported globals.
const CODE: u32 = 0;
const DATA: u32 = 1;
const FIRST_CODE: u32 = 2;

/// The word of the argument area that double `number` of a call with so many words is in.
pub const fn double_slot(words: usize, number: usize) -> usize {
    (if words > WORDS { words } else { WORDS }) - FIRST_ARGUMENT + number
}

/// A body while it is written.
pub struct Writer<'f> {
    pub function: &'f Function,
    frame: Frame,
    constants: Vec<Option<&'f Op>>,
    needed: Vec<bool>,
    /// The address of the frame.
    stack: u32,
    /// A word to remember for a moment.
    scratch: u32,
    /// The block to go to, in functions that are a switch.
    chooser: Option<u32>,
    bytes: Vec<u8>,
    listing: Vec<ListingLine>,
}

/// The body of a function with its locals, and its text.
///
/// # Errors
/// What it needs that the target does not have.
pub fn body(function: &Function) -> Result<(Vec<u8>, Vec<ListingLine>), String> {
    check(function)?;
    let flow = ControlFlow::of(function);
    let needed = needed_values(function, &flow.order);
    let parameters = 1 + WORDS as u32;
    let mut frame = Frame::of(function, &flow.order, &needed, parameters);
    let first = parameters + frame.types.len() as u32;
    frame.types.extend([ValType::I64, ValType::I64]);
    let mut writer = Writer {
        function,
        constants: constants(function),
        frame,
        needed,
        stack: first,
        scratch: first + 1,
        chooser: None,
        bytes: Vec::new(),
        listing: Vec::new(),
    };
    writer.enter();
    structure::write(&mut writer, &flow);
    writer.emit(&Instruction::End);
    Ok(writer.finish())
}

/// Whether the target has what a function needs.
fn check(function: &Function) -> Result<(), String> {
    if function.word != WordWidth::Eight {
        return Err("this target's words are not narrow".into());
    }
    let ops = function.blocks.iter().flat_map(|block| &block.insts);
    let calls = ops.filter_map(|inst| match &inst.op {
        Op::Call(_, _, signature) => Some(signature),
        _ => None,
    });
    let tails = function.blocks.iter().filter_map(|block| match &block.terminator {
        Terminator::TailCall(_, _, signature) => Some(signature),
        _ => None,
    });
    if function.signature.convention == Convention::Entry && tails.clone().next().is_some() {
        return Err("an entry cannot end in a tail call".into());
    }
    for signature in calls.chain(tails).chain([&function.signature]) {
        let doubles = signature.parameters.iter().filter(|of| **of == Type::Double).count();
        if doubles > MOST_DOUBLES {
            return Err(format!("{doubles} doubles in a call, but at most {MOST_DOUBLES} are passed"));
        }
    }
    Ok(())
}

impl<'f> Writer<'f> {
    /// Write an instruction.
    pub fn emit(&mut self, instruction: &Instruction) {
        let offset = self.bytes.len();
        instruction.encode(&mut self.bytes);
        let bytes = self.bytes[offset..].to_vec();
        self.listing.push(ListingLine { offset: offset as u32, bytes, text: format!("{instruction:?}"), jump: None });
    }

    fn finish(self) -> (Vec<u8>, Vec<ListingLine>) {
        let mut types = self.frame.types;
        if self.chooser.is_some() {
            types.push(ValType::I32);
        }
        let mut groups: Vec<(u32, ValType)> = Vec::new();
        for of in types {
            match groups.last_mut() {
                Some((count, last)) if *last == of => *count += 1,
                _ => groups.push((1, of)),
            }
        }
        let mut body = Vec::new();
        (groups.len() as u32).encode(&mut body);
        for (count, of) in groups {
            count.encode(&mut body);
            of.encode(&mut body);
        }
        body.extend(self.bytes);
        (body, self.listing)
    }

    /// The local that tells the block to go to.
    pub fn chooser(&mut self) -> u32 {
        let local = 1 + WORDS as u32 + self.frame.types.len() as u32;
        *self.chooser.get_or_insert(local)
    }

    /// Whether a value is needed.
    pub fn needs(&self, value: Option<Val>) -> bool {
        value.is_some_and(|value| self.needed[value.0 as usize])
    }

    /// Push a value.
    pub fn value(&mut self, value: Val) {
        match self.constants[value.0 as usize] {
            Some(Op::Const(number)) => self.emit(&Instruction::I64Const(*number)),
            Some(Op::FloatConst(bits)) => self.emit(&Instruction::F64Const(f64::from_bits(*bits).into())),
            _ => self.emit(&Instruction::LocalGet(self.frame.locals[value.0 as usize])),
        }
    }

    /// Push a value as a word: a double's bits.
    fn word(&mut self, value: Val) {
        self.value(value);
        if self.function.type_of(value) == Type::Double {
            self.emit(&Instruction::I64ReinterpretF64);
        }
    }

    /// Pop the result of an operation.
    pub fn define(&mut self, result: Option<Val>) {
        let Some(value) = result.filter(|_| self.needs(result)) else { return self.emit(&Instruction::Drop) };
        self.emit(&Instruction::LocalSet(self.frame.locals[value.0 as usize]));
        self.keep(value);
    }

    /// Write a value into the frame, if it lives across a call.
    fn keep(&mut self, value: Val) {
        let Some(slot) = self.frame.slots[value.0 as usize] else { return };
        self.emit(&Instruction::LocalGet(self.stack));
        self.value(value);
        self.emit(&Instruction::I64Store(place(u64::from(slot) * 8)));
    }

    /// Push an address: base, index, and as much of the offset as no access holds; what it does hold.
    pub fn address(&mut self, base: Val, index: Option<Val>, offset: i32) -> MemArg {
        self.value(base);
        if let Some(index) = index {
            self.value(index);
            self.emit(&Instruction::I64Add);
        }
        self.displacement(offset)
    }

    fn displacement(&mut self, offset: i32) -> MemArg {
        if let Ok(offset) = u64::try_from(offset) {
            return place(offset);
        }
        self.emit(&Instruction::I64Const(offset.into()));
        self.emit(&Instruction::I64Add);
        place(0)
    }

    /// Push the context's address, for an access at an offset.
    pub fn context(&mut self, offset: i32) -> MemArg {
        self.emit(&Instruction::LocalGet(CONTEXT));
        self.displacement(offset)
    }

    /// Push the argument area's address, for an access of one of its words.
    fn area(&mut self, index: usize) -> MemArg {
        let at = self.context(context::ARGUMENTS);
        self.emit(&Instruction::I64Load(at));
        self.displacement(argument_offset(index))
    }

    /// The start: a frame, if there is room for it, and parameters that are in the argument area.
    fn enter(&mut self) {
        if self.frame.size > 0 {
            self.make_frame();
        }
        let function = self.function;
        let (mut words, mut doubles) = (0, 0);
        let all = function.signature.parameters.iter().filter(|of| **of != Type::Double).count();
        for (&value, of) in function.block(ENTRY).parameters.iter().zip(&function.signature.parameters) {
            let index = if *of == Type::Double {
                doubles += 1;
                Some(double_slot(all, doubles - 1))
            } else {
                words += 1;
                (words > WORDS).then(|| words - 1 - FIRST_ARGUMENT)
            };
            if !self.needs(Some(value)) {
                continue;
            }
            let Some(index) = index else {
                self.keep(value);
                continue;
            };
            let at = self.area(index);
            self.emit(&if *of == Type::Double { Instruction::F64Load(at) } else { Instruction::I64Load(at) });
            self.define(Some(value));
        }
    }

    fn make_frame(&mut self) {
        let at = self.context(STACK);
        self.emit(&Instruction::I64Load(at));
        self.emit(&Instruction::I64Const(self.frame.size as i64));
        self.emit(&Instruction::I64Sub);
        self.emit(&Instruction::LocalTee(self.stack));
        if is_checked(self.function) {
            let at = self.context(context::STACK_LIMIT);
            self.emit(&Instruction::I64Load(at));
            self.emit(&Instruction::I64LtU);
            self.emit(&Instruction::If(wasm_encoder::BlockType::Empty));
            self.emit(&Instruction::LocalGet(CONTEXT));
            self.emit(&Instruction::LocalGet(1));
            self.emit(&Instruction::Call(Helper::StackOverflow as u32));
            self.emit(&Instruction::Return);
            self.emit(&Instruction::End);
        } else {
            self.emit(&Instruction::Drop);
        }
        let at = self.context(STACK);
        self.emit(&Instruction::LocalGet(self.stack));
        self.emit(&Instruction::I64Store(at));
        // The unit stays loaded while its code's address is there.
        self.emit(&Instruction::LocalGet(self.stack));
        let at = self.displacement(0);
        self.emit(&Instruction::GlobalGet(CODE));
        self.emit(&Instruction::I64Store(at));
    }

    fn leave_frame(&mut self) {
        if self.frame.size == 0 {
            return;
        }
        let at = self.context(STACK);
        self.emit(&Instruction::LocalGet(self.stack));
        self.emit(&Instruction::I64Const(self.frame.size as i64));
        self.emit(&Instruction::I64Add);
        self.emit(&Instruction::I64Store(at));
    }

    /// The operations of a block.
    pub fn operations(&mut self, block: Block) {
        let function = self.function;
        if block != ENTRY {
            for &value in &function.block(block).parameters {
                if self.needs(Some(value)) {
                    self.keep(value);
                }
            }
        }
        for inst in &function.block(block).insts {
            operation::write(self, inst);
        }
    }

    /// Push whether a condition holds.
    pub fn condition(&mut self, condition: &Condition) {
        operation::condition(self, condition);
    }

    /// Set the parameters of a block, all at once.
    pub fn pass_to(&mut self, target: &Target) {
        let parameters = &self.function.block(target.block).parameters;
        let moves: Vec<(Val, Val)> = parameters.iter().copied().zip(target.arguments.iter().copied()).collect();
        let moves: Vec<(Val, Val)> =
            moves.into_iter().filter(|(to, from)| to != from && self.needs(Some(*to))).collect();
        moves.iter().for_each(|(_, from)| self.value(*from));
        for (to, _) in moves.iter().rev() {
            self.emit(&Instruction::LocalSet(self.frame.locals[to.0 as usize]));
        }
    }

    /// The end of a block that leaves the function.
    pub fn leave(&mut self, terminator: &Terminator) {
        match terminator {
            Terminator::Return(value) => {
                self.leave_frame();
                self.word(*value);
                self.emit(&Instruction::Return);
            }
            Terminator::TailCall(callee, arguments, _) => {
                self.pass(arguments);
                self.leave_frame();
                match callee {
                    Callee::Function(id) => self.emit(&Instruction::ReturnCall(number(id.0))),
                    Callee::Address(address) => {
                        self.table_index(*address);
                        self.emit(&Instruction::ReturnCallIndirect { type_index: TYPE, table_index: 0 });
                    }
                }
            }
            _ => self.emit(&Instruction::Unreachable),
        }
    }

    /// Push the arguments of a call; those that are no parameters are stored.
    fn pass(&mut self, arguments: &[Val]) {
        let is_double = |value: &Val| self.function.type_of(*value) == Type::Double;
        let (doubles, words): (Vec<Val>, Vec<Val>) = arguments.iter().copied().partition(is_double);
        for (index, word) in words.iter().enumerate().skip(WORDS) {
            let at = self.area(index - FIRST_ARGUMENT);
            self.value(*word);
            self.emit(&Instruction::I64Store(at));
        }
        for (index, double) in doubles.iter().enumerate() {
            let at = self.area(double_slot(words.len(), index));
            self.value(*double);
            self.emit(&Instruction::F64Store(at));
        }
        self.emit(&Instruction::LocalGet(CONTEXT));
        for index in 0..WORDS {
            match words.get(index) {
                Some(word) => self.value(*word),
                None => self.emit(&Instruction::I64Const(0)),
            }
        }
    }

    /// Push the place in the table of the function at an address.
    fn table_index(&mut self, address: Val) {
        self.value(address);
        self.emit(&Instruction::GlobalGet(FIRST_CODE));
        self.emit(&Instruction::I64Sub);
        self.emit(&Instruction::I64Const(CODE_SHIFT.into()));
        self.emit(&Instruction::I64ShrU);
        self.emit(&Instruction::I32WrapI64);
    }

    /// A call.
    pub fn call(&mut self, callee: &Callee, arguments: &[Val], result: Type) {
        self.pass(arguments);
        match callee {
            Callee::Function(id) => self.emit(&Instruction::Call(number(id.0))),
            Callee::Address(address) => {
                self.table_index(*address);
                self.emit(&Instruction::CallIndirect { type_index: TYPE, table_index: 0 });
            }
        }
        if result == Type::Double {
            self.emit(&Instruction::F64ReinterpretI64);
        }
    }

    /// A call of a helper.
    pub fn helper(&mut self, helper: Helper, arguments: &[Val]) {
        self.emit(&Instruction::LocalGet(CONTEXT));
        arguments.iter().for_each(|value| self.value(*value));
        self.emit(&Instruction::Call(helper as u32));
    }

    /// Push a word of the data table.
    pub fn data(&mut self, word: u32) {
        self.emit(&Instruction::GlobalGet(DATA));
        let at = self.displacement(word_offset(word as usize));
        self.emit(&Instruction::I64Load(at));
    }

    /// Push the address of a function.
    pub fn function_address(&mut self, function: u32) {
        self.emit(&Instruction::GlobalGet(CODE));
        self.emit(&Instruction::I64Const(i64::from(function) << CODE_SHIFT));
        self.emit(&Instruction::I64Add);
    }

    /// Remember the word on the stack, and leave it there.
    pub fn remember(&mut self) -> u32 {
        self.emit(&Instruction::LocalTee(self.scratch));
        self.scratch
    }
}

/// A function's number in the module: imports come first.
fn number(function: u32) -> u32 {
    Helper::ALL.len() as u32 + function
}

/// An access at a displacement, wherever it lies.
fn place(offset: u64) -> MemArg {
    MemArg { offset, align: 0, memory_index: 0 }
}
