//! Loops that become native while they run: the interpreter hands its frame to native code between two turns.

use super::compile::compile_loop;
use super::image::UnitImage;
use super::queue::{compiles_in_background, want_loop};
use super::statistics::Stall;
use super::{CompileFailure, HasUnits};
use crate::lower::changed_slots;
use maru_core::abi::layout::{Value, FAILURE};
use maru_core::abi::MAX_ARGUMENTS;
use maru_language::runtime::tree::{Node, Prototype, PrototypeKind};
use maru_language::runtime::{Failure, Outcome, Runtime};
use rustc_hash::FxHashSet;
use std::rc::Rc;

/// A loop: its node's address and its prototype's code object.
pub(super) type LoopKey = (usize, Value);

/// What has become of a loop that got hot while it ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RunningLoop {
    /// Another thread compiles it.
    Compiling,
    /// It cannot run by itself; forgotten at the next collection.
    Unfit,
    /// It is the last function of the image with this number.
    Native(u32),
}

/// Whether a loop may end by going on with a loop around it, which is another function's business then.
fn goes_on_outside(node: &Node) -> bool {
    let (mut own, mut meant) = (FxHashSet::default(), Vec::new());
    let mut nodes = vec![node];
    while let Some(node) = nodes.pop() {
        match node {
            Node::Loop(turns) => drop(own.insert(turns.label)),
            Node::Continue(label, _) => meant.push(*label),
            _ => {}
        }
        node.children(&mut |child| nodes.push(child));
    }
    meant.iter().any(|label| !own.contains(label))
}

/// Run the rest of a loop natively: `node` is a `While` or `Loop` of the prototype, whose frame starts at index
/// `frame` of the stack of values, between two turns. `None` if the loop cannot be compiled, or is being compiled
/// by another thread: then it is asked for again after the next turn.
pub(crate) fn run_loop(
    runtime: &mut Runtime,
    prototype: &Rc<Prototype>,
    node: &Node,
    closure: Value,
    frame: usize,
) -> Option<Outcome> {
    let size = prototype.frame_size();
    if size > MAX_ARGUMENTS || prototype.native.failure.borrow().is_some() {
        return None;
    }
    let number = match compiled_loop(runtime, prototype, node) {
        Ok(number) => number?,
        // The interrupt is served between this turn and the next.
        Err(_) if runtime.context.is_interrupt_requested() => return None,
        Err(CompileFailure(reason)) => {
            prototype.native.failure.replace(Some(reason));
            return None;
        }
    };
    // A call that leaves the loop in tail position waits here for its end. If it comes to this function again, that
    // must be native by then, or frames would pile up until it is.
    if runtime.options.background && prototype.kind == PrototypeKind::Function && !prototype.native.compiled.get() {
        return None;
    }
    let entry = runtime.native.units().image(number).map(UnitImage::last_entry)?;
    for slot in 0..size {
        // SAFETY: the area has room for `MAX_ARGUMENTS` values.
        unsafe { *runtime.context.arguments.add(slot) = runtime.stack.get(frame + slot) };
    }
    let machine = runtime.native.units().machine.clone()?;
    runtime.enter();
    let enter = runtime.native.units().enter;
    let context = std::ptr::from_mut(&mut *runtime.context);
    // SAFETY: as for `run_native`; the image stays loaded while an address of its code is on the stack.
    let result = unsafe { machine.run(enter, context, entry, closure, 0) };
    for slot in changed_slots(prototype, node) {
        // SAFETY: the code stored the slots it changed there just before it returned.
        let value = unsafe { *runtime.context.arguments.add(slot as usize) };
        runtime.stack.set(frame + slot as usize, value);
    }
    Some(if result == FAILURE { Err(Failure) } else { Ok(Value(result)) })
}

/// The image of a loop; `None` while another thread compiles it.
fn compiled_loop(runtime: &mut Runtime, prototype: &Rc<Prototype>, node: &Node) -> Result<Option<u32>, CompileFailure> {
    let key = (std::ptr::from_ref(node) as usize, prototype.code);
    match runtime.native.units().loops.get(&key) {
        Some(RunningLoop::Compiling | RunningLoop::Unfit) => return Ok(None),
        Some(RunningLoop::Native(number)) => {
            let usable = runtime.native.units().image(*number).is_some_and(|image| image.intact.get() != 0);
            if usable {
                return Ok(Some(*number));
            }
        }
        None => {}
    }
    if goes_on_outside(node) {
        runtime.native.units_mut().loops.insert(key, RunningLoop::Unfit);
        return Ok(None);
    }
    if compiles_in_background(runtime) {
        if want_loop(runtime, key, prototype, node) {
            runtime.native.units_mut().loops.insert(key, RunningLoop::Compiling);
        }
        return Ok(None);
    }
    let stall = Stall::begin();
    let number = compile_loop(runtime, prototype, node);
    runtime.native.units_mut().statistics.note_stall(&stall);
    loop_is_back(runtime, key, number.as_ref().ok().copied());
    number.map(Some)
}

/// A loop was compiled, or nothing came of that.
pub(super) fn loop_is_back(runtime: &mut Runtime, key: LoopKey, number: Option<u32>) {
    match number {
        Some(number) => {
            if let Some(prototype) = runtime.prototype(key.1) {
                prototype.native.has_loops.set(true);
            }
            runtime.native.units_mut().loops.insert(key, RunningLoop::Native(number))
        }
        None => runtime.native.units_mut().loops.remove(&key),
    };
}
