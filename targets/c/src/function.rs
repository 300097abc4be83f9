//! The text of a function: blocks are labels, values are variables.

use crate::operation::{condition, operation};
use crate::pressure::most_alive;
use crate::{ARGUMENT_REGISTERS, MOST_DOUBLES};
use maru_core::abi::{argument_offset, context, FIRST_ARGUMENT, WORD_SIZE};
use maru_core::codegen::CompileError;
use maru_core::ir::flow::ControlFlow;
use maru_core::ir::{
    needed_values, Block, Callee, Convention, Function, FunctionId, Helper, Op, Signature, Target, Terminator, Type,
    Val, WordWidth,
};
use std::fmt::Write as _;

/// How many words are parameters.
pub const WORDS: usize = FIRST_ARGUMENT + ARGUMENT_REGISTERS;
/// Byte offset in the context of the function that was left to be called; the callee's value and the argument count follow.
pub const PENDING: i32 = context::PASSING;
/// A function with no more values alive at once, that calls nobody, needs no room on the stack to speak of.
const FEW_VALUES: usize = 64;

/// A function's name in the text.
pub type Names<'a> = &'a dyn Fn(FunctionId) -> String;

/// The word of the argument area that double `number` of a call with so many words is in.
pub const fn double_slot(words: usize, number: usize) -> usize {
    (if words > WORDS { words } else { WORDS }) - FIRST_ARGUMENT + number
}

/// A function's text while it is written.
pub struct Writer<'f> {
    pub function: &'f Function,
    pub names: Names<'f>,
    pub out: String,
    /// By value: whether something that is written needs it.
    needed: Vec<bool>,
}

/// The declaration of a function, without what ends it.
pub fn prototype(function: &Function, symbol: &str) -> String {
    let words = match function.signature.convention {
        Convention::Maru => WORDS,
        Convention::Entry => function.signature.parameters.len(),
    };
    let parameters: String = (0..words).map(|number| format!(", word p{number}")).collect();
    format!("static KEPT word {symbol}(context *c{parameters})")
}

/// The whole text of a function.
///
/// # Errors
/// When it needs what the target does not have.
pub fn definition(function: &Function, names: Names, symbol: &str) -> Result<String, CompileError> {
    let fail = |message: String| CompileError { function: function.name.clone(), message };
    check(function).map_err(fail)?;
    let flow = ControlFlow::of(function);
    let needed = needed_values(function, &flow.order);
    let mut writer = Writer { function, names, out: format!("{}\n{{\n", prototype(function, symbol)), needed };
    writer.enter(&flow);
    for (position, &block) in flow.order.iter().enumerate() {
        if position > 0 || !flow.predecessors(0).is_empty() {
            let _ = writeln!(writer.out, "b{}:;", block.0);
        }
        let data = function.block(block);
        for inst in &data.insts {
            operation(&mut writer, inst);
        }
        writer.leave(&data.terminator);
    }
    writer.out.push_str("}\n");
    Ok(writer.out)
}

/// Whether the target has what a function needs.
fn check(function: &Function) -> Result<(), String> {
    if function.word != WordWidth::Eight {
        return Err("this target's words are not narrow".into());
    }
    let calls = function.blocks.iter().flat_map(|block| {
        let calls = block.insts.iter().filter_map(|inst| match &inst.op {
            Op::Call(_, _, signature) => Some(signature),
            _ => None,
        });
        let tail = match &block.terminator {
            Terminator::TailCall(_, _, signature) => Some(signature),
            _ => None,
        };
        calls.chain(tail)
    });
    for signature in calls.chain([&function.signature]) {
        let doubles = signature.parameters.iter().filter(|of| **of == Type::Double).count();
        if doubles > MOST_DOUBLES {
            return Err(format!("{doubles} doubles in a call, but at most {MOST_DOUBLES} are passed"));
        }
    }
    let is_tail = |terminator: &Terminator| matches!(terminator, Terminator::TailCall(..));
    let entry = function.signature.convention == Convention::Entry;
    if entry && function.blocks.iter().any(|block| is_tail(&block.terminator)) {
        return Err("an entry cannot end in a tail call".into());
    }
    Ok(())
}

impl Writer<'_> {
    /// Write a line.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "    {text}");
    }

    /// Whether a value is needed.
    pub fn needs(&self, value: Option<Val>) -> bool {
        value.is_some_and(|value| self.needed[value.0 as usize])
    }

    fn type_name(&self, value: Val) -> &'static str {
        match self.function.type_of(value) {
            Type::Double => "double",
            _ => "word",
        }
    }

    /// Define a value, if it is needed.
    pub fn define(&mut self, result: Option<Val>, expression: &str) {
        if let Some(value) = result.filter(|_| self.needs(result)) {
            let line = format!("{} v{} = {expression};", self.type_name(value), value.0);
            self.line(&line);
        }
    }

    /// The start of the function: parameters that are in the argument area, and room on the stack.
    fn enter(&mut self, flow: &ControlFlow) {
        let function = self.function;
        for &block in &flow.order[1..] {
            for value in function.block(block).parameters.iter().filter(|value| self.needed[value.0 as usize]) {
                let _ = writeln!(self.out, "    {} v{};", self.type_name(*value), value.0);
            }
        }
        let (mut words, mut doubles, mut used) = (0, 0, vec![false; WORDS]);
        let all = function.signature.parameters.iter().filter(|of| **of != Type::Double).count();
        for (&value, of) in function.block(Block(0)).parameters.iter().zip(&function.signature.parameters) {
            let expression = match of {
                Type::Double => {
                    doubles += 1;
                    format!("from_bits({})", area(double_slot(all, doubles - 1)))
                }
                _ => {
                    words += 1;
                    match words - 1 {
                        word if word < WORDS => format!("p{word}"),
                        word => area(word - FIRST_ARGUMENT),
                    }
                }
            };
            if self.needs(Some(value)) && *of != Type::Double && words <= WORDS {
                used[words - 1] = true;
            }
            self.define(Some(value), &expression);
        }
        let parameters = match function.signature.convention {
            Convention::Maru => WORDS,
            Convention::Entry => all,
        };
        self.line("(void)c;");
        for number in (0..parameters).filter(|number| !used[*number]) {
            self.line(&format!("(void)p{number};"));
        }
        if function.signature.convention == Convention::Maru {
            self.check_stack(most_alive(function, &flow.order));
        }
    }

    fn check_stack(&mut self, alive: usize) {
        let calls = |block: &Block| {
            let data = self.function.block(*block);
            matches!(data.terminator, Terminator::TailCall(..)) || data.insts.iter().any(|inst| inst.op.is_call())
        };
        let order = (0..self.function.blocks.len() as u32).map(Block);
        if alive <= FEW_VALUES && !order.into_iter().any(|block| calls(&block)) {
            return;
        }
        let overflow = helper(Helper::StackOverflow, &["p0".into()]);
        let size = alive * WORD_SIZE;
        self.line(&format!("if (UNLIKELY(ADDRESS(__builtin_frame_address(0)) - {size} < c[STACK_LIMIT]))"));
        self.line(&format!("    return {overflow};"));
    }

    /// The end of a block.
    fn leave(&mut self, terminator: &Terminator) {
        match terminator {
            Terminator::Jump(target) => self.go("", target),
            Terminator::Branch(test, then, otherwise) => {
                let cold = |target: &Target| self.function.block(target.block).cold;
                let test = condition(test);
                let test = if cold(then) && !cold(otherwise) { format!("UNLIKELY({test})") } else { test };
                self.line(&format!("if ({test}) {{"));
                self.go("    ", then);
                self.line("}");
                self.go("", otherwise);
            }
            Terminator::Return(value) => {
                let result = self.as_word(*value);
                self.line(&format!("return {result};"));
            }
            Terminator::TailCall(callee, arguments, signature) => self.tail_call(callee, arguments, signature),
            Terminator::ReturnPair(..) | Terminator::Unreachable => self.line("UNREACHABLE;"),
        }
    }

    /// Set a block's parameters, all at once, and go there.
    fn go(&mut self, indent: &str, target: &Target) {
        let parameters = &self.function.block(target.block).parameters;
        let moves = parameters.iter().zip(&target.arguments);
        let moves: Vec<(Val, Val)> =
            moves.map(|(to, from)| (*to, *from)).filter(|(to, from)| to != from && self.needs(Some(*to))).collect();
        let is_read = |(number, (to, _)): (usize, &(Val, Val))| moves[number + 1..].iter().any(|(_, from)| from == to);
        let in_turn = !moves.iter().enumerate().any(is_read);
        if in_turn {
            moves.iter().for_each(|(to, from)| self.line(&format!("{indent}v{} = v{};", to.0, from.0)));
        } else {
            self.line(&format!("{indent}{{"));
            for (to, from) in &moves {
                let of = self.type_name(*to);
                self.line(&format!("{indent}    {of} t{} = v{};", to.0, from.0));
            }
            moves.iter().for_each(|(to, _)| self.line(&format!("{indent}    v{0} = t{0};", to.0)));
            self.line(&format!("{indent}}}"));
        }
        self.line(&format!("{indent}goto b{};", target.block.0));
    }

    /// A value as a word: a double's bits.
    pub fn as_word(&self, value: Val) -> String {
        match self.function.type_of(value) {
            Type::Double => format!("bits(v{})", value.0),
            _ => format!("v{}", value.0),
        }
    }

    /// The words of a call that are parameters, after those which are not were stored.
    fn pass(&mut self, arguments: &[Val]) -> Vec<String> {
        let is_double = |value: &&Val| self.function.type_of(**value) == Type::Double;
        let words: Vec<String> = arguments.iter().filter(|value| !is_double(value)).map(|&v| self.as_word(v)).collect();
        let doubles: Vec<String> = arguments.iter().filter(is_double).map(|&v| self.as_word(v)).collect();
        for (number, word) in words.iter().enumerate().skip(WORDS) {
            self.line(&format!("{} = {word};", area(number - FIRST_ARGUMENT)));
        }
        for (number, double) in doubles.iter().enumerate() {
            self.line(&format!("{} = {double};", area(double_slot(words.len(), number))));
        }
        let zero = || "0".to_string();
        words.into_iter().chain(std::iter::repeat_with(zero)).take(WORDS).collect()
    }

    /// The expression of a call.
    pub fn call(&mut self, callee: &Callee, arguments: &[Val]) -> String {
        let words = self.pass(arguments).join(", ");
        let function = match callee {
            Callee::Function(id) => (self.names)(*id),
            Callee::Address(address) => format!("((maru_function *)(uintptr_t)v{})", address.0),
        };
        format!("called(c, {function}(c, {words}))")
    }

    fn tail_call(&mut self, callee: &Callee, arguments: &[Val], _: &Signature) {
        let words = self.pass(arguments);
        for (number, word) in words.iter().enumerate().skip(FIRST_ARGUMENT) {
            // What a call does not pass, nobody may rely on.
            if word != "0" {
                self.line(&format!("{} = {word};", area(number - FIRST_ARGUMENT)));
            }
        }
        let function = match callee {
            Callee::Function(id) => format!("ADDRESS({})", (self.names)(*id)),
            Callee::Address(address) => format!("v{}", address.0),
        };
        self.line(&format!("c[PENDING + 1] = {};", words[0]));
        self.line(&format!("c[PENDING + 2] = {};", words[1]));
        self.line(&format!("c[PENDING] = {function};"));
        self.line("return 0;");
    }
}

/// A word of the argument area.
fn area(index: usize) -> String {
    format!("AT(word, c[ARGUMENTS] + {})", argument_offset(index))
}

/// The expression of a helper's call.
pub fn helper(helper: Helper, words: &[String]) -> String {
    let words: String = words.iter().map(|word| format!(", {word}")).collect();
    let count = helper.parameters();
    format!("((helper_{count} *)(uintptr_t)c[HELPERS + {}])(c{words})", helper as usize)
}
