//! Two functions that every machine needs, in IR: from the runtime into native code, and from native code into the
//! interpreter.

use maru_core::abi::layout::TAIL_REQUEST;
use maru_core::abi::{argument_offset, context, FIRST_ARGUMENT};
use maru_core::ir::build::FunctionBuilder;
use maru_core::ir::{
    Callee, Compare, Condition, Convention, Function, Helper, Signature, Target, Terminator, Type, Val, Width,
};

/// Number of the function that the runtime calls to run native code: `enter(context, entry, callee, count)`.
pub const ENTER: usize = 0;
/// Number of the function that native callers of interpreted functions and primitives reach.
pub const TRAMPOLINE: usize = 1;

/// The two functions, for a target with that many argument registers.
pub fn trampoline_functions(argument_registers: usize) -> Vec<Function> {
    vec![enter(argument_registers), trampoline(argument_registers)]
}

fn load_arguments(b: &mut FunctionBuilder, count: usize) -> Vec<Val> {
    let area = b.load_context(context::ARGUMENTS);
    (0..count).map(|index| b.load(Width::Word, area, argument_offset(index))).collect()
}

/// Loads as many arguments as a call may have in registers, whatever the count: the others are where they belong.
fn enter(argument_registers: usize) -> Function {
    let words = vec![Type::Word; 3];
    let signature = Signature { convention: Convention::Entry, parameters: words, result: Type::Word };
    let mut b = FunctionBuilder::new("maru_enter", signature);
    let [entry, callee, count] = b.parameters(b.current_block()).try_into().expect("three parameters");
    let mut arguments = vec![callee, count];
    arguments.extend(load_arguments(&mut b, argument_registers));
    let result = b.call(Callee::Address(entry), &arguments, Type::Word);
    b.ret(result);
    b.finish()
}

/// Hands all argument registers to the interpreter; jumps on if that asks for a tail call.
fn trampoline(argument_registers: usize) -> Function {
    let words = vec![Type::Word; FIRST_ARGUMENT + argument_registers];
    let signature = Signature { convention: Convention::Maru, parameters: words, result: Type::Word };
    let mut b = FunctionBuilder::new("maru_trampoline", signature);
    let parameters = b.parameters(b.current_block()).to_vec();
    let area = b.load_context(context::ARGUMENTS);
    for (index, argument) in parameters[FIRST_ARGUMENT..].iter().enumerate() {
        b.store(Width::Word, *argument, area, argument_offset(index));
    }
    let result = b.helper(Helper::Interpret, &parameters[..FIRST_ARGUMENT]);
    let request = b.iconst(TAIL_REQUEST as i64);
    let (again, done) = (b.block(), b.block());
    b.terminate(Terminator::Branch(
        Condition::Compare(Compare::Eq, result, request),
        Target { block: again, arguments: vec![] },
        Target { block: done, arguments: vec![] },
    ));
    b.switch_to(done);
    b.ret(result);
    b.switch_to(again);
    let entry = b.load_context(context::TAIL_ENTRY);
    let callee = b.load_context(context::TAIL_CALLEE);
    let count = b.load_context(context::TAIL_COUNT);
    let mut arguments = vec![callee, count];
    arguments.extend(load_arguments(&mut b, argument_registers));
    b.tail_call(Callee::Address(entry), &arguments);
    b.finish()
}
