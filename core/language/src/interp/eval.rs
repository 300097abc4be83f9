//! The evaluator: walks the resolved tree. It is the reference for what every other way of running a program does.
//!
//! Frames and arguments lie on the runtime's stack of values, which the collector traces precisely:
//!
//! ```text
//!   … callee  arg0 … argN  [rest]  local …   callee  arg0 …
//!             ^ frame of a function           ^ a call that it is preparing
//! ```
//!
//! A call in tail position does not recur: it leaves callee and arguments on top of the stack and unwinds to the
//! loop in [`super::call`], which moves them over the caller's frame and goes on there.

use super::call;
use crate::runtime::tree::{feedback, Call, Capture, Loop, Node, Prototype, PrototypeKind, Slot, Try, WithEnvironment};
use crate::runtime::{classes, CellId, ErrorKind, Failure, JitMode, Outcome, Runtime, Symbol};
use crate::value::{field, offset, Kind, Value};
use maru_core::abi::Position;
use std::rc::Rc;

/// Why an evaluation did not end with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// An error is on its way.
    Failure,
    /// The same, from a function that has taken the place of this one: a call in tail position of a loop that went on
    /// natively.
    Left,
    /// A call in tail position: the context has callee, count and position; the arguments are on top of the stack,
    /// above the callee.
    Tail,
    /// Another turn of the loop with this label; the values of its variables are on top of the stack.
    Again(u32),
}

impl From<Failure> for Exit {
    fn from(_: Failure) -> Exit {
        Exit::Failure
    }
}

pub(super) type Step = Result<Value, Exit>;

/// A call that is being evaluated.
pub(super) struct Activation<'a> {
    /// The code.
    pub prototype: &'a Rc<Prototype>,
    /// The closure, also on the stack of values below the frame.
    pub closure: Value,
    /// Index of slot 0 on the stack of values.
    pub frame: usize,
}

/// Evaluate a node.
pub(super) fn eval(runtime: &mut Runtime, activation: &Activation, mut node: &Node) -> Step {
    call::check_stack(runtime)?;
    loop {
        match node {
            Node::Constant(index) => return Ok(activation.prototype.constants[*index as usize]),
            Node::Local(slot) => return Ok(local(runtime, activation, *slot)),
            Node::Captured(index) => return Ok(captured(runtime, activation, *index)),
            Node::Global(index, position) => return global(runtime, activation.prototype, *index, *position),
            Node::If(condition, consequence, alternative) => {
                node = if eval(runtime, activation, condition)?.is_true() { consequence } else { alternative };
            }
            Node::Sequence(nodes) => {
                let Some((last, first)) = nodes.split_last() else { return Ok(Value::NIL) };
                for node in first {
                    eval(runtime, activation, node)?;
                }
                node = last;
            }
            Node::Call(call) => return eval_call(runtime, activation, call),
            Node::Bind(slot, value) => {
                let value = eval(runtime, activation, value)?;
                bind(runtime, activation, *slot, value)?;
                return Ok(Value::NIL);
            }
            Node::SetLocal(slot, value) => {
                let value = eval(runtime, activation, value)?;
                set_local(runtime, activation, *slot, value);
                return Ok(value);
            }
            Node::SetCaptured(index, value) => {
                let value = eval(runtime, activation, value)?;
                let variable = raw_captured(runtime, activation, *index);
                runtime.set_field(variable, offset::BOX_VALUE, value);
                return Ok(value);
            }
            Node::SetGlobal(index, value, position) => {
                let value = eval(runtime, activation, value)?;
                let cell = activation.prototype.cells[*index as usize];
                return placed(runtime, *position, |runtime| set_variable(runtime, cell, value));
            }
            Node::Define(index, value, constant, position) => {
                let value = eval(runtime, activation, value)?;
                let cell = activation.prototype.cells[*index as usize];
                return placed(runtime, *position, |runtime| define_variable(runtime, cell, value, *constant));
            }
            Node::While(..) => return eval_while(runtime, activation, node),
            Node::Loop(turns) => return eval_loop(runtime, activation, node, turns),
            Node::Continue(label, values) => {
                for value in values {
                    let value = eval(runtime, activation, value)?;
                    runtime.push(value)?;
                }
                return Err(Exit::Again(*label));
            }
            Node::Lambda(prototype) => {
                return placed(runtime, prototype.position, |runtime| make_closure(runtime, activation, prototype));
            }
            Node::Fix(closures, body) => {
                fix(runtime, activation, closures)?;
                node = body;
            }
            Node::Try(attempt) => return eval_try(runtime, activation, attempt),
            Node::WithEnvironment(with) => return eval_with_environment(runtime, activation, with),
        }
    }
}

/// Run something that may fail, and say where it stands if it does.
fn placed(runtime: &mut Runtime, position: Position, run: impl FnOnce(&mut Runtime) -> Outcome) -> Step {
    run(runtime).map_err(|Failure| {
        failed_at(runtime, position);
        Exit::Failure
    })
}

/// An error passes a place in the function being evaluated.
#[cold]
pub(super) fn failed_at(runtime: &mut Runtime, position: Position) {
    runtime.place_error(position);
    runtime.extensions.failing_site = position;
}

#[inline]
fn local(runtime: &Runtime, activation: &Activation, slot: Slot) -> Value {
    let value = runtime.stack.get(activation.frame + slot as usize);
    if activation.prototype.variables[slot as usize].boxed {
        return runtime.field(value, offset::BOX_VALUE);
    }
    value
}

#[inline]
fn set_local(runtime: &mut Runtime, activation: &Activation, slot: Slot, value: Value) {
    let place = activation.frame + slot as usize;
    if activation.prototype.variables[slot as usize].boxed {
        let variable = runtime.stack.get(place);
        runtime.set_field(variable, offset::BOX_VALUE, value);
    } else {
        runtime.stack.set(place, value);
    }
}

/// Give a variable its first value; if it is boxed, in a fresh box.
pub(super) fn bind(
    runtime: &mut Runtime,
    activation: &Activation,
    slot: Slot,
    mut value: Value,
) -> Result<(), Failure> {
    if activation.prototype.variables[slot as usize].boxed {
        value = make_box(runtime, value)?;
    }
    runtime.stack.set(activation.frame + slot as usize, value);
    Ok(())
}

/// A fresh box.
pub(super) fn make_box(runtime: &mut Runtime, value: Value) -> Outcome {
    let variable = runtime.object(Kind::Box, 1)?;
    runtime.set_field(variable, offset::BOX_VALUE, value);
    Ok(variable)
}

fn raw_captured(runtime: &Runtime, activation: &Activation, index: u32) -> Value {
    runtime.field(activation.closure, offset::CLOSURE_CAPTURES + field(index as usize) - field(0))
}

#[inline]
fn captured(runtime: &Runtime, activation: &Activation, index: u32) -> Value {
    let value = raw_captured(runtime, activation, index);
    if activation.prototype.captured_boxed[index as usize] {
        return runtime.field(value, offset::BOX_VALUE);
    }
    value
}

#[inline]
fn global(runtime: &mut Runtime, prototype: &Prototype, index: u32, position: Position) -> Step {
    let value = runtime.cells.get(prototype.cells[index as usize]).value;
    if value.as_unbound().is_none() {
        return Ok(value);
    }
    placed(runtime, position, |runtime| Err(unbound(runtime, prototype.cells[index as usize])))
}

/// Raise `unbound` for the variable that a cell stands for.
#[cold]
pub fn unbound(runtime: &mut Runtime, cell: CellId) -> Failure {
    let symbol = runtime.cells.get(cell).symbol;
    unbound_name(runtime, symbol)
}

/// Raise `unbound` for a name.
#[cold]
pub fn unbound_name(runtime: &mut Runtime, symbol: Symbol) -> Failure {
    let name = runtime.symbols.value(symbol);
    let message = format!("unbound variable: {}", runtime.symbols.name(symbol));
    runtime.error(ErrorKind::Unbound, &message, &[name])
}

/// Assign the innermost binding of the variable that a cell stands for.
///
/// # Errors
/// `unbound`, or `type` for a constant.
pub fn set_variable(runtime: &mut Runtime, cell: CellId, value: Value) -> Outcome {
    let Some(binding) = runtime.binding_cell(cell) else { return Err(unbound(runtime, cell)) };
    if runtime.cells.get(binding).constant {
        return Err(constant(runtime, binding, "assigned"));
    }
    runtime.write_cell(binding, value);
    Ok(value)
}

/// Bind a cell's name in its environment.
///
/// # Errors
/// `type` if it is bound there as a constant.
pub fn define_variable(runtime: &mut Runtime, cell: CellId, value: Value, is_constant: bool) -> Outcome {
    let binding = runtime.cells.get(cell);
    if binding.bound && binding.constant {
        return Err(constant(runtime, cell, "defined again"));
    }
    runtime.define_cell(cell, value, is_constant);
    if runtime.is_kind(value, Kind::Environment) {
        let (environment, symbol) = (runtime.index(value), runtime.cells.get(cell).symbol);
        runtime.environments.get_mut(environment).name.get_or_insert(symbol);
    } else {
        let environment = runtime.cells.get(cell).environment;
        classes::settle(runtime, value, environment);
    }
    Ok(value)
}

#[cold]
fn constant(runtime: &mut Runtime, cell: CellId, what: &str) -> Failure {
    let symbol = runtime.cells.get(cell).symbol;
    let name = runtime.symbols.value(symbol);
    let message = format!("a constant cannot be {what}: {}", runtime.symbols.name(symbol));
    runtime.error(ErrorKind::Type, &message, &[name])
}

fn eval_call(runtime: &mut Runtime, activation: &Activation, call: &Call) -> Step {
    let callee = eval(runtime, activation, &call.function)?;
    runtime.push(callee)?;
    let base = runtime.stack.top;
    for argument in &call.arguments {
        let value = eval(runtime, activation, argument)?;
        runtime.push(value)?;
    }
    if let Some(activations) = &runtime.extensions.activations {
        activations.calls_at(call.position);
    }
    let result = if runtime.is_kind(callee, Kind::Primitive) {
        note_operands(runtime, call, base);
        let primitive = call::primitive(runtime, callee);
        if !primitive.spreads {
            call::call_primitive(runtime, callee, primitive, base)
        } else {
            return eval_apply(runtime, call, callee, base);
        }
    } else if call.tail {
        return Err(leave_by_tail_call(runtime, callee, base, call.position));
    } else {
        call::run(runtime, callee, base)
    };
    result.map_err(|Failure| {
        failed_at(runtime, call.position);
        Exit::Failure
    })
}

fn leave_by_tail_call(runtime: &mut Runtime, callee: Value, base: usize, position: Position) -> Exit {
    let context = &mut runtime.context;
    context.tail_callee = callee;
    context.tail_count = (runtime.stack.top - base) as i64;
    context.tail_site = position.pack();
    Exit::Tail
}

/// A call of `apply`, which is a tail call of its function if it is in tail position.
#[inline(never)]
fn eval_apply(runtime: &mut Runtime, call: &Call, callee: Value, base: usize) -> Step {
    if call.tail {
        return Err(leave_by_tail_call(runtime, callee, base, call.position));
    }
    placed(runtime, call.position, |runtime| call::run(runtime, callee, base))
}

/// Note what kinds of operands a primitive is called with.
fn note_operands(runtime: &Runtime, call: &Call, base: usize) {
    // SAFETY: nothing is pushed or set while they are looked at.
    let operands = unsafe { runtime.stack.from(base) }.iter();
    let seen = operands.fold(call.feedback.get(), |seen, operand| seen | kind_of_operand(runtime, *operand));
    call.feedback.set(seen);
}

/// What an operand is, as a bit of [`feedback`].
pub fn kind_of_operand(runtime: &Runtime, operand: Value) -> u8 {
    match operand {
        operand if operand.is_fixnum() => feedback::FIXNUM,
        operand if runtime.as_double(operand).is_some() => feedback::DOUBLE,
        _ => feedback::OTHER,
    }
}

#[inline(never)]
fn eval_while(runtime: &mut Runtime, activation: &Activation, node: &Node) -> Step {
    let Node::While(test, body, position) = node else { return Ok(Value::NIL) };
    let mut turns: u32 = 0;
    if let Some(outcome) = go_on_natively(runtime, activation, node, turns) {
        return outcome;
    }
    while eval(runtime, activation, test)?.is_true() {
        eval(runtime, activation, body)?;
        turn(runtime, activation, *position)?;
        turns = turns.saturating_add(1);
        if let Some(outcome) = go_on_natively(runtime, activation, node, turns) {
            return outcome;
        }
    }
    Ok(Value::NIL)
}

/// Between two turns of a loop.
fn turn(runtime: &mut Runtime, activation: &Activation, position: Position) -> Result<(), Exit> {
    let turned = call::poll(runtime).and_then(|()| call::spend_fuel(runtime));
    if turned.is_err() {
        failed_at(runtime, position);
        return Err(Exit::Failure);
    }
    call::count_heat(runtime, activation.prototype);
    Ok(())
}

/// The rest of a loop that has become hot, done by native code. `None` if it is not hot yet, or cannot be compiled.
fn go_on_natively(runtime: &mut Runtime, activation: &Activation, node: &Node, turns: u32) -> Option<Step> {
    // Where one loop of a function is native already, the others follow soon: those around it are next.
    let others = activation.prototype.native.has_loops.get();
    let wanted = match runtime.options.jit {
        JitMode::Off => return None,
        JitMode::Auto if others => turns.min(2),
        JitMode::Auto => runtime.options.hot_calls.max(1),
        JitMode::Always => 1,
    };
    // A loop that another thread compiles is asked for again and again.
    let asks_again = runtime.options.background || others;
    if turns < wanted || turns > wanted && !asks_again {
        return None;
    }
    let code = runtime.native.code;
    let outcome = code.run_loop(runtime, activation.prototype, node, activation.closure, activation.frame)?;
    // A top-level form is no frame, whether or not it has left.
    let is_function = activation.prototype.kind == PrototypeKind::Function;
    let has_left = std::mem::take(&mut runtime.extensions.has_left) && is_function;
    Some(outcome.map_err(|Failure| if has_left { Exit::Left } else { Exit::Failure }))
}

#[inline(never)]
fn eval_loop(runtime: &mut Runtime, activation: &Activation, node: &Node, turns: &Loop) -> Step {
    let base = runtime.stack.top;
    for (_, value) in &turns.bindings {
        let value = eval(runtime, activation, value)?;
        runtime.push(value)?;
    }
    let mut count: u32 = 0;
    loop {
        // The values are the last ones pushed; below them may be what an unfinished inner loop left.
        let values = runtime.stack.top - turns.bindings.len();
        for (index, (slot, _)) in turns.bindings.iter().enumerate() {
            let value = runtime.stack.get(values + index);
            bind(runtime, activation, *slot, value)?;
        }
        runtime.stack.top = base;
        if let Some(outcome) = go_on_natively(runtime, activation, node, count) {
            return outcome;
        }
        match eval(runtime, activation, &turns.body) {
            Err(Exit::Again(label)) if label == turns.label => turn(runtime, activation, turns.position)?,
            result => return result,
        }
        count = count.saturating_add(1);
    }
}

#[inline(never)]
fn make_closure(runtime: &mut Runtime, activation: &Activation, prototype: &Prototype) -> Outcome {
    let closure = runtime.object(Kind::Closure, 1 + prototype.captures.len())?;
    runtime.set_field(closure, offset::CALLABLE_CODE, prototype.code);
    fill_captures(runtime, activation, closure, prototype);
    Ok(closure)
}

fn fill_captures(runtime: &mut Runtime, activation: &Activation, closure: Value, prototype: &Prototype) {
    for (index, capture) in prototype.captures.iter().enumerate() {
        let value = capture_value(runtime, activation, *capture);
        runtime.set_field(closure, offset::CLOSURE_CAPTURES + field(index) - field(0), value);
    }
}

fn capture_value(runtime: &Runtime, activation: &Activation, capture: Capture) -> Value {
    match capture {
        Capture::Local(slot) => runtime.stack.get(activation.frame + slot as usize),
        Capture::Captured(index) => raw_captured(runtime, activation, index),
    }
}

#[inline(never)]
fn fix(runtime: &mut Runtime, activation: &Activation, closures: &[(Slot, Rc<Prototype>)]) -> Result<(), Failure> {
    for (slot, prototype) in closures {
        let closure = runtime.object(Kind::Closure, 1 + prototype.captures.len())?;
        runtime.set_field(closure, offset::CALLABLE_CODE, prototype.code);
        runtime.stack.set(activation.frame + *slot as usize, closure);
    }
    for (slot, prototype) in closures {
        let closure = runtime.stack.get(activation.frame + *slot as usize);
        fill_captures(runtime, activation, closure, prototype);
    }
    Ok(())
}

#[inline(never)]
fn eval_try(runtime: &mut Runtime, activation: &Activation, attempt: &Try) -> Step {
    let top = runtime.stack.top;
    let depth = runtime.context.depth;
    let mut result = eval(runtime, activation, &attempt.body);
    if let (Err(Exit::Failure), Some((slot, handler))) = (result, &attempt.catch) {
        runtime.stack.top = top;
        runtime.context.depth = depth;
        if let Some(error) = call::catch_failure(runtime) {
            result = match bind(runtime, activation, *slot, error) {
                Ok(()) => eval(runtime, activation, handler),
                Err(Failure) => Err(Exit::Failure),
            };
        }
    }
    let Some(finally) = &attempt.finally else { return result };
    runtime.stack.top = top;
    runtime.context.depth = depth;
    // What the body came to waits on the stack of values, in sight of the collector.
    let (waiting, site) = match result {
        Ok(value) => (value, Position::UNKNOWN),
        Err(_) => (runtime.wait(), runtime.extensions.failing_site),
    };
    runtime.push(waiting)?;
    eval(runtime, activation, finally)?;
    runtime.stack.top = top;
    if result.is_err() {
        runtime.extensions.failing_site = site;
        runtime.go_on(waiting);
    }
    result
}

#[inline(never)]
fn eval_with_environment(runtime: &mut Runtime, activation: &Activation, with: &WithEnvironment) -> Step {
    let environment = eval(runtime, activation, &with.environment)?;
    let top = runtime.stack.top;
    runtime.push(environment)?;
    let base = runtime.stack.top;
    for capture in &with.prototype.captures {
        let value = capture_value(runtime, activation, *capture);
        runtime.push(value)?;
    }
    // SAFETY: the values stay where they are until the body is done.
    let captured = unsafe { runtime.stack.from(base) };
    let result = placed(runtime, with.position, |runtime| {
        super::toplevel::with_environment(runtime, environment, &with.prototype, captured)
    })?;
    runtime.stack.top = top;
    Ok(result)
}
