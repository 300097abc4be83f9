//! Calls: the loop that applies callables, so that calls in tail position take no room, and the ways into and out
//! of native code.
//!
//! The caller leaves callee and arguments on the stack of values; whatever happens, they are gone afterwards.

use super::eval::{eval, make_box, Activation, Exit, Step};
use crate::runtime::tree::{Prototype, PrototypeKind};
use crate::runtime::{ErrorKind, Failure, JitMode, Outcome, PrimitiveInfo, Runtime};
use crate::value::{offset, Kind, Value, EXIT};
use maru_core::abi::{split_count, Position, INTERRUPT_COMPILED, INTERRUPT_MEMORY, MAX_ARGUMENTS, TAIL_CALL_FLAG};
use std::rc::Rc;

/// Raise `stack-overflow` if the machine stack is used up.
#[inline(always)]
pub(super) fn check_stack(runtime: &mut Runtime) -> Result<(), Failure> {
    let marker = 0u8;
    if (&raw const marker as usize) < runtime.context.stack_limit {
        return Err(no_room(runtime));
    }
    Ok(())
}

/// The stack is used up, or an interrupt waits.
#[cold]
#[inline(never)]
fn no_room(runtime: &mut Runtime) -> Failure {
    poll(runtime).err().unwrap_or_else(|| overflow(runtime))
}

#[cold]
fn overflow(runtime: &mut Runtime) -> Failure {
    runtime.extensions.failing_site = Position::UNKNOWN;
    runtime.stack_overflow()
}

/// Serve the context's interrupt word, if it says anything.
///
/// # Errors
/// `interrupt` if somebody asked for it, `out-of-memory` if memory ran out where no error could be raised.
#[inline]
pub fn poll(runtime: &mut Runtime) -> Result<(), Failure> {
    // SAFETY: a field of the live context; a signal handler may have written it.
    if unsafe { std::ptr::read_volatile(&raw const runtime.context.interrupt) } == 0 {
        return Ok(());
    }
    serve_interrupt(runtime)
}

#[cold]
#[inline(never)]
fn serve_interrupt(runtime: &mut Runtime) -> Result<(), Failure> {
    match runtime.context.take_interrupt() {
        INTERRUPT_COMPILED => {
            let code = runtime.native.code;
            code.serve(runtime);
            Ok(())
        }
        INTERRUPT_MEMORY => Err(runtime.out_of_memory()),
        _ => Err(runtime.error(ErrorKind::Interrupt, "interrupted", &[])),
    }
}

/// Count a call or loop turn against the fuel.
#[inline]
pub(super) fn spend_fuel(runtime: &mut Runtime) -> Result<(), Failure> {
    runtime.context.fuel -= 1;
    if runtime.context.fuel >= 0 {
        return Ok(());
    }
    Err(out_of_fuel(runtime))
}

/// Raise `out-of-fuel`. It stays used up: what a handler calls fails again.
#[cold]
pub fn out_of_fuel(runtime: &mut Runtime) -> Failure {
    runtime.context.fuel = 0;
    runtime.error(ErrorKind::OutOfFuel, "the fuel is used up", &[])
}

/// Count a call or loop turn of a prototype that runs in the interpreter.
#[inline]
pub(super) fn count_heat(runtime: &mut Runtime, prototype: &Rc<Prototype>) {
    if runtime.options.jit == JitMode::Off || prototype.native.compiled.get() {
        return;
    }
    prototype.heat.set(prototype.heat.get().saturating_add(1));
    if prototype.native.failure.borrow().is_some() {
        return;
    }
    let threshold = if runtime.options.jit == JitMode::Always { 1 } else { runtime.options.hot_calls };
    let index = runtime.index(prototype.environment);
    let environment = runtime.environments.get_mut(index);
    environment.heat = environment.heat.saturating_add(1);
    if environment.heat >= threshold {
        environment.heat = 0;
        let code = runtime.native.code;
        code.heat(runtime, prototype);
    }
}

/// Call a function of any kind with arguments, from Rust.
///
/// # Errors
/// When the call fails; the error is in the context.
pub fn call(runtime: &mut Runtime, function: Value, arguments: &[Value]) -> Outcome {
    let top = runtime.stack.top;
    runtime.push(function)?;
    for argument in arguments {
        if runtime.push(*argument).is_err() {
            runtime.stack.top = top;
            return Err(Failure);
        }
    }
    run(runtime, function, top + 1)
}

/// Run a callee for native code: the `count` arguments are in the context's argument area. A tail call to native
/// code is not made here: `Ok(None)` means that the context names callee, entry and arguments of it.
///
/// # Errors
/// As `call`.
pub fn interpret(runtime: &mut Runtime, callee: Value, count: i64) -> Result<Option<Value>, Failure> {
    let (count, by_tail_call) = split_count(count);
    let site = if by_tail_call { Position::unpack(runtime.context.tail_site) } else { Position::UNKNOWN };
    let count = count as usize;
    if count <= FEW_ARGUMENTS && accepts_directly(runtime, callee, count) {
        return call_from_area(runtime, callee, count, site, by_tail_call).map(Some);
    }
    let top = runtime.stack.top;
    runtime.push(callee)?;
    for index in 0..count {
        // SAFETY: native code stored `count` arguments there.
        let argument = unsafe { *runtime.context.arguments.add(index) };
        if runtime.push(argument).is_err() {
            runtime.stack.top = top;
            return Err(Failure);
        }
    }
    runtime.context.arguments_used = 0;
    run_loop(runtime, callee, top + 1, site, Caller::Native { has_left: by_tail_call })
}

/// Arguments up to which a primitive is called from a copy of them on the machine stack.
const FEW_ARGUMENTS: usize = 8;

/// Call a primitive with arguments of the context's argument area, which is used again by whatever it calls; the copy on
/// the stack is a root. The primitive runs at the level of its caller, which has given that back if it has left.
#[inline]
fn call_from_area(runtime: &mut Runtime, callee: Value, count: usize, site: Position, has_left: bool) -> Outcome {
    let mut copy = [Value::NIL; FEW_ARGUMENTS];
    for (index, place) in copy[..count].iter_mut().enumerate() {
        // SAFETY: native code stored `count` arguments there. It has just done so, word by word, and a wider load than
        // those stores would wait for them.
        *place = unsafe { runtime.context.arguments.add(index).read_volatile() };
    }
    runtime.context.arguments_used = 0;
    let depth = runtime.context.depth;
    runtime.context.depth -= i64::from(has_left);
    let result = (primitive(runtime, callee).function)(runtime, &copy[..count]);
    runtime.context.depth = depth;
    result.map_err(|Failure| {
        runtime.place_error(site);
        Failure
    })
}

/// Run a callee whose arguments lie on the stack of values from `base` to the top, the callee below them.
pub(super) fn run(runtime: &mut Runtime, callee: Value, base: usize) -> Outcome {
    // Only a call from native code comes back without a value.
    run_loop(runtime, callee, base, Position::UNKNOWN, Caller::Interpreter).map(|value| value.unwrap_or(Value::NIL))
}

/// Who waits for the loop of calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Interpreter,
    /// Native code, which makes calls of native code itself; it has given its depth back if it has left by a tail call.
    Native {
        has_left: bool,
    },
}

/// What became of one callee.
enum Next {
    Return(Value),
    /// A tail call, whose callee and arguments are in place.
    Call(Value),
    /// Native code takes over.
    Native,
}

/// Calls the callee, then what it calls in tail position, and so on. `site` is the position of the call if it was
/// a tail call, whose caller is no longer there to say it.
fn run_loop(
    runtime: &mut Runtime,
    mut callee: Value,
    base: usize,
    mut site: Position,
    caller: Caller,
) -> Result<Option<Value>, Failure> {
    let depth = runtime.context.depth;
    if caller == (Caller::Native { has_left: true }) {
        // A primitive takes no level of its own: it runs at that of its caller.
        runtime.context.depth -= 1;
    }
    let result = loop {
        let next = if runtime.is_kind(callee, Kind::Closure) {
            runtime.context.depth = depth;
            run_closure(runtime, callee, base, site, caller)
        } else {
            run_other(runtime, callee, base, site)
        };
        match next {
            Ok(Next::Return(value)) => break Ok(Some(value)),
            Ok(Next::Native) => break Ok(None),
            Ok(Next::Call(next)) => {
                callee = next;
                site = Position::unpack(runtime.context.tail_site);
            }
            Err(Failure) => break Err(Failure),
        }
    };
    runtime.stack.top = base - 1;
    runtime.context.depth = depth;
    result
}

fn run_closure(
    runtime: &mut Runtime,
    closure: Value,
    base: usize,
    site: Position,
    caller: Caller,
) -> Result<Next, Failure> {
    let Some(prototype) = runtime.prototype(closure).cloned() else {
        return Err(not_applicable_at(runtime, closure, site));
    };
    if prototype.kind == PrototypeKind::Function || runtime.options.jit == JitMode::Always {
        count_heat(runtime, &prototype);
    }
    if prototype.native.compiled.get() {
        return go_native(runtime, closure, base, site, caller);
    }
    if let Err(Failure) = enter(runtime, closure, &prototype, base) {
        runtime.place_error(site);
        return Err(Failure);
    }
    let activation = Activation { prototype: &prototype, closure, frame: base };
    let result = match runtime.extensions.activations.is_some() {
        false => eval(runtime, &activation, &prototype.body),
        true => eval_noted(runtime, &activation),
    };
    match result {
        Ok(value) => Ok(Next::Return(value)),
        Err(Exit::Tail) => Ok(Next::Call(slide(runtime, base))),
        Err(Exit::Left) => {
            runtime.extensions.failing_site = Position::UNKNOWN;
            Err(Failure)
        }
        Err(Exit::Failure | Exit::Again(_)) => {
            let site = std::mem::replace(&mut runtime.extensions.failing_site, Position::UNKNOWN);
            if prototype.kind == PrototypeKind::Function {
                runtime.pass_frame(prototype.name, site);
            }
            Err(Failure)
        }
    }
}

/// Evaluate a body while a profiler looks on.
#[inline(never)]
fn eval_noted(runtime: &mut Runtime, activation: &Activation) -> Step {
    let marker = 0u8;
    let Some(activations) = runtime.extensions.activations.clone() else {
        return eval(runtime, activation, &activation.prototype.body);
    };
    let name = runtime.as_symbol(activation.prototype.name).map(|symbol| symbol.0);
    activations.enter(&raw const marker as usize, activation.prototype, name);
    let result = eval(runtime, activation, &activation.prototype.body);
    activations.leave();
    result
}

/// Make a frame of the arguments: check their number, collect the rest, box what is boxed, make room for locals.
fn enter(runtime: &mut Runtime, closure: Value, prototype: &Prototype, base: usize) -> Result<(), Failure> {
    poll(runtime)?;
    spend_fuel(runtime)?;
    runtime.context.depth -= 1;
    if runtime.context.depth < 0 {
        return Err(overflow(runtime));
    }
    let count = runtime.stack.top - base;
    let fixed = prototype.parameters as usize;
    if count < fixed || count > fixed && !prototype.rest {
        return Err(wrong_count(runtime, closure, count as i64));
    }
    if prototype.rest {
        // SAFETY: making a list leaves the stack alone.
        let rest = runtime.list(unsafe { runtime.stack.from(base + fixed) })?;
        runtime.stack.top = base + fixed;
        runtime.push(rest)?;
    }
    let filled = runtime.stack.top - base;
    if !runtime.stack.grow(prototype.frame_size() - filled) {
        return Err(overflow(runtime));
    }
    for slot in 0..filled {
        if prototype.variables[slot].boxed {
            let value = runtime.stack.get(base + slot);
            let variable = make_box(runtime, value)?;
            runtime.stack.set(base + slot, variable);
        }
    }
    Ok(())
}

/// Move callee and arguments of a tail call from the top of the stack over the frame of the caller.
fn slide(runtime: &mut Runtime, base: usize) -> Value {
    let count = runtime.context.tail_count as usize;
    let from = runtime.stack.top - count;
    for index in 0..count {
        let argument = runtime.stack.get(from + index);
        runtime.stack.set(base + index, argument);
    }
    let callee = runtime.context.tail_callee;
    runtime.stack.set(base - 1, callee);
    runtime.stack.top = base + count;
    callee
}

/// Arguments go to the argument area; the native code is run, or left to the native code that called.
fn go_native(
    runtime: &mut Runtime,
    closure: Value,
    base: usize,
    site: Position,
    caller: Caller,
) -> Result<Next, Failure> {
    let count = runtime.stack.top - base;
    if count > MAX_ARGUMENTS {
        return Err(too_many(runtime));
    }
    let arguments = runtime.stack.values_from(base);
    // SAFETY: the area has room for `MAX_ARGUMENTS` values.
    unsafe { std::ptr::copy_nonoverlapping(arguments.as_ptr(), runtime.context.arguments, count) };
    runtime.context.arguments_used = count;
    runtime.stack.top = base - 1;
    if caller != Caller::Interpreter {
        let context = &mut runtime.context;
        context.tail_callee = closure;
        context.tail_count = count as i64;
        if site.is_known() {
            context.tail_count |= TAIL_CALL_FLAG;
            context.tail_site = site.pack();
        }
        runtime.context.tail_entry = runtime.entry_of(closure);
        return Ok(Next::Native);
    }
    let code = runtime.native.code;
    let result = code.run(runtime, closure, count as i64);
    result.map(Next::Return).map_err(|Failure| {
        runtime.place_error_of_call(site);
        Failure
    })
}

/// Callees that are no closures.
#[inline(never)]
fn run_other(runtime: &mut Runtime, callee: Value, base: usize, site: Position) -> Result<Next, Failure> {
    let result = if runtime.is_kind(callee, Kind::Primitive) {
        let primitive = primitive(runtime, callee);
        if primitive.spreads {
            spread(runtime, callee, base, site).map(Next::Call)
        } else {
            call_primitive(runtime, callee, primitive, base).map(Next::Return)
        }
    } else if runtime.is_kind(callee, Kind::Selector) || runtime.is_kind(callee, Kind::Generic) {
        choose_method(runtime, callee, base, site).map(Next::Call)
    } else {
        Err(not_applicable(runtime, callee))
    };
    result.map_err(|Failure| {
        runtime.place_error(site);
        Failure
    })
}

/// Whether it is a primitive that is called like any other: all but `apply` are.
pub fn is_plain_primitive(runtime: &Runtime, callee: Value) -> bool {
    runtime.is_kind(callee, Kind::Primitive) && !primitive(runtime, callee).spreads
}

/// Whether compiled code may call a primitive's function itself, with that many arguments.
pub fn accepts_directly(runtime: &Runtime, callee: Value, count: usize) -> bool {
    is_plain_primitive(runtime, callee) && primitive(runtime, callee).accepts(count)
}

/// The address of a primitive's function, which compiled code passes to the runtime to have it called.
pub fn primitive_address(runtime: &Runtime, callee: Value) -> usize {
    primitive(runtime, callee).function as usize
}

/// Call a value with arguments that lie anywhere: a primitive's function without a detour.
#[inline]
pub fn call_directly(runtime: &mut Runtime, callee: Value, arguments: &[Value]) -> Outcome {
    if runtime.is_kind(callee, Kind::Primitive) {
        let info = primitive(runtime, callee);
        if info.accepts(arguments.len()) && !info.spreads {
            return (info.function)(runtime, arguments);
        }
    }
    if callee.as_unbound().is_some() {
        return Err(not_applicable(runtime, callee));
    }
    call(runtime, callee, arguments)
}

/// The entry of a primitive.
#[inline]
pub(super) fn primitive(runtime: &Runtime, callee: Value) -> PrimitiveInfo {
    let number = runtime.field(callee, offset::CALLABLE_INDEX).as_fixnum().unwrap_or(0);
    runtime.primitives[number as usize]
}

/// Call a primitive other than `apply`, whose arguments lie from `base` to the top.
#[inline]
pub(super) fn call_primitive(runtime: &mut Runtime, callee: Value, primitive: PrimitiveInfo, base: usize) -> Outcome {
    // SAFETY: whatever the primitive calls pushes above its arguments, and takes that down again.
    let arguments = unsafe { runtime.stack.from(base) };
    let result = if primitive.accepts(arguments.len()) {
        (primitive.function)(runtime, arguments)
    } else {
        Err(wrong_count(runtime, callee, arguments.len() as i64))
    };
    runtime.stack.top = base - 1;
    result
}

/// The method of a selector or multimethod for the arguments, put in its place.
fn choose_method(runtime: &mut Runtime, callee: Value, base: usize, site: Position) -> Outcome {
    // SAFETY: looking for a method changes no argument on the stack.
    let arguments = unsafe { runtime.stack.from(base) };
    let method = crate::runtime::classes::find_method(runtime, callee, arguments)?;
    runtime.stack.set(base - 1, method);
    runtime.context.tail_site = site.pack();
    Ok(method)
}

/// `apply`'s function and arguments, put in the place of its own.
fn spread(runtime: &mut Runtime, apply: Value, base: usize, site: Position) -> Outcome {
    let count = runtime.stack.top - base;
    if count < 2 {
        return Err(wrong_count(runtime, apply, count as i64));
    }
    let callee = runtime.stack.get(base);
    let given = runtime.stack.get(runtime.stack.top - 1);
    for index in base..runtime.stack.top {
        let value = runtime.stack.get(index);
        runtime.stack.set(index - 1, value);
    }
    // The callee has moved to where `apply` was, the list is forgotten.
    runtime.stack.top -= 2;
    let mut list = given;
    while list.is_pair() {
        if runtime.stack.top - base >= MAX_ARGUMENTS {
            return Err(too_many(runtime));
        }
        let argument = runtime.car(list);
        runtime.push(argument)?;
        list = runtime.cdr(list);
    }
    if !list.is_nil() {
        return Err(runtime.type_error("apply", "a list", given));
    }
    // The position of the function's call is that of the call of `apply`.
    runtime.context.tail_site = site.pack();
    Ok(callee)
}

/// `(apply function argument… list)`. The loop that calls recognises it and does not get here; only callers of
/// primitives that are not in the loop do.
pub(super) fn apply_primitive(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let top = runtime.stack.top;
    // Any value will do below the arguments: it is replaced by the function.
    runtime.push(Value::NIL)?;
    for argument in arguments {
        runtime.push(*argument)?;
    }
    let callee = spread(runtime, Value::NIL, top + 1, Position::UNKNOWN);
    match callee {
        Ok(callee) => run(runtime, callee, top + 1),
        Err(Failure) => {
            runtime.stack.top = top;
            Err(Failure)
        }
    }
}

#[cold]
fn too_many(runtime: &mut Runtime) -> Failure {
    let message = format!("more than {MAX_ARGUMENTS} arguments");
    runtime.error(ErrorKind::Arity, &message, &[])
}

/// Raise `arity`: a callee was given `count` arguments.
#[cold]
pub fn wrong_count(runtime: &mut Runtime, callee: Value, count: i64) -> Failure {
    let (count, _) = split_count(count);
    let (name, least, most) = signature(runtime, callee);
    let shown = match runtime.as_symbol(name) {
        Some(symbol) => runtime.symbols.name(symbol).to_string(),
        None => "a function".to_string(),
    };
    let wanted = match most {
        Some(most) if most == least => format!("{least}"),
        Some(most) => format!("{least} to {most}"),
        None => format!("at least {least}"),
    };
    let plural = if most == Some(1) || most.is_none() && least == 1 { "" } else { "s" };
    let message = format!("{shown}: wants {wanted} argument{plural}, was given {count}");
    let irritant = if name.is_nil() { callee } else { name };
    runtime.error(ErrorKind::Arity, &message, &[irritant, Value::fixnum(count)])
}

/// Name (a symbol or nil), fewest and most arguments of a callee.
pub(super) fn signature(runtime: &mut Runtime, callee: Value) -> (Value, u32, Option<u32>) {
    if runtime.is_kind(callee, Kind::Primitive) {
        let primitive = primitive(runtime, callee);
        return (runtime.symbol_value(primitive.name), primitive.least, primitive.most);
    }
    match runtime.prototype(callee) {
        Some(prototype) => {
            (prototype.name, prototype.parameters, if prototype.rest { None } else { Some(prototype.parameters) })
        }
        None => (Value::NIL, 0, None),
    }
}

/// Fewest and most arguments of what can be called, a macro among it, as far as it says itself; `None` of all else.
pub fn counts(runtime: &mut Runtime, value: Value) -> Option<(u32, Option<u32>)> {
    let callee = match runtime.is_kind(value, Kind::Form) {
        true => runtime.field(value, offset::FORM_FUNCTION),
        false => value,
    };
    runtime.is_callable(callee).then(|| {
        let (_, least, most) = signature(runtime, callee);
        (least, most)
    })
}

/// Raise `not-applicable`, or `unbound` if the callee is the mark of an unbound cell.
#[cold]
pub fn not_applicable(runtime: &mut Runtime, callee: Value) -> Failure {
    if let Some(symbol) = callee.as_unbound() {
        return super::unbound_name(runtime, crate::runtime::Symbol(symbol));
    }
    runtime.error(ErrorKind::NotApplicable, "not a function", &[callee])
}

fn not_applicable_at(runtime: &mut Runtime, callee: Value, site: Position) -> Failure {
    let failure = not_applicable(runtime, callee);
    runtime.place_error(site);
    failure
}

/// The error on its way, for a handler, which takes it out of the context. `None` if handlers must let it pass: the
/// program has asked to exit.
pub fn catch_failure(runtime: &mut Runtime) -> Option<Value> {
    if runtime.context.failure == Value(EXIT) {
        return None;
    }
    runtime.extensions.failing_site = Position::UNKNOWN;
    let error = runtime.take_failure();
    if error == runtime.memory_error {
        runtime.extensions.memory_ran_out = true;
        clear_left_stack();
    }
    Some(error)
}

/// Overwrite what calls that are over have left below this frame on the machine stack. The collector takes every word
/// there for a value once a new frame covers it, and what used memory up must not be kept by that.
#[cold]
#[inline(never)]
pub(super) fn clear_left_stack() {
    const BYTES: usize = 256 << 10;
    let mut words = [0u8; BYTES];
    std::hint::black_box(&mut words);
}
