//! The resolved tree: what the expander makes of a form, the interpreter walks, and the lowering compiles.
//!
//! Every variable has been resolved: a parameter or local variable to a slot of its function's frame, a variable of
//! an outer function to a captured value of the closure, a free variable to a cell of the environment.
//! A variable that is both captured and assigned lives in a box, which closures share; all others are copied.

use crate::runtime::CellId;
use crate::value::Value;
use maru_core::abi::Position;
use std::cell::Cell;
use std::rc::Rc;

/// A slot of a function's frame. Parameters come first, then the rest parameter, then local variables; each
/// variable of a function has its own slot.
pub type Slot = u32;

/// An expression.
#[derive(Debug)]
pub enum Node {
    /// A constant: an index into the prototype's constants.
    Constant(u32),
    /// A variable of this function. If the variable is boxed, the value in the slot is its box, and this is the
    /// box's content.
    Local(Slot),
    /// A variable of an outer function, by index among the closure's captured values; likewise unboxed.
    Captured(u32),
    /// A free variable: an index into the prototype's cells.
    Global(u32, Position),
    /// Give a local variable its first value; a boxed variable gets a fresh box each time. The value is nil.
    Bind(Slot, Box<Node>),
    /// Assign a (boxed or not) variable of this function. The value is the value assigned.
    SetLocal(Slot, Box<Node>),
    /// Assign a captured variable, which is always boxed.
    SetCaptured(u32, Box<Node>),
    /// Assign the innermost binding of a free variable.
    SetGlobal(u32, Box<Node>, Position),
    /// Define in the prototype's environment; true for a constant. The value is the value defined.
    Define(u32, Box<Node>, bool, Position),
    /// Condition, then, else.
    If(Box<Node>, Box<Node>, Box<Node>),
    /// One after another; the value is the last one's. Never empty.
    Sequence(Vec<Node>),
    /// Test, body. The value is nil.
    While(Box<Node>, Box<Node>, Position),
    /// A named let that is only ever called in tail position of its own body: bind the slots, run the body.
    Loop(Box<Loop>),
    /// Rebind the slots of the enclosing loop with this number (all arguments are evaluated first), and run its
    /// body again. Only in tail position of the loop's body.
    Continue(u32, Vec<Node>),
    /// A new closure.
    Lambda(Rc<Prototype>),
    /// Closures that refer to each other by slots that nobody assigns: all are made, then their captures filled.
    /// Then the body.
    Fix(Vec<(Slot, Rc<Prototype>)>, Box<Node>),
    /// Call a function; in tail position if the flag is set.
    Call(Box<Call>),
    /// Evaluate the body; on an error bind it to the slot and evaluate the handler; in any case evaluate the last
    /// part for effect.
    Try(Box<Try>),
    /// Evaluate forms in another environment.
    WithEnvironment(Box<WithEnvironment>),
}

impl Node {
    /// Visit the direct parts of this expression, in order of evaluation. Bodies of closures are not parts.
    pub fn children<'a>(&'a self, each: &mut dyn FnMut(&'a Node)) {
        match self {
            Node::Constant(_) | Node::Local(_) | Node::Captured(_) | Node::Global(..) | Node::Lambda(_) => {}
            Node::Bind(_, value)
            | Node::SetLocal(_, value)
            | Node::SetCaptured(_, value)
            | Node::SetGlobal(_, value, _)
            | Node::Define(_, value, ..) => each(value),
            Node::If(test, then, otherwise) => [test, then, otherwise].into_iter().for_each(|node| each(node)),
            Node::Sequence(nodes) | Node::Continue(_, nodes) => nodes.iter().for_each(each),
            Node::While(test, body, _) => {
                each(test);
                each(body);
            }
            Node::Loop(inner) => {
                inner.bindings.iter().for_each(|(_, value)| each(value));
                each(&inner.body);
            }
            Node::Fix(_, body) => each(body),
            Node::Call(call) => {
                each(&call.function);
                call.arguments.iter().for_each(each);
            }
            Node::Try(inner) => {
                each(&inner.body);
                inner.catch.iter().for_each(|(_, handler)| each(handler));
                inner.finally.iter().for_each(each);
            }
            Node::WithEnvironment(inner) => each(&inner.environment),
        }
    }
}

/// See [`Node::Loop`].
#[derive(Debug)]
pub struct Loop {
    /// Number of the loop, unique in its function.
    pub label: u32,
    /// Slots of the loop's variables, with their first values (all evaluated before any is bound).
    pub bindings: Vec<(Slot, Node)>,
    /// The body; its value is the loop's.
    pub body: Node,
    /// Where the loop stands.
    pub position: Position,
}

/// See [`Node::Call`].
#[derive(Debug)]
pub struct Call {
    /// The operator, evaluated first.
    pub function: Node,
    /// The operands, evaluated left to right.
    pub arguments: Vec<Node>,
    /// Whether the call is in tail position of its function.
    pub tail: bool,
    /// Where the call stands.
    pub position: Position,
    /// What kinds of operands the interpreter has seen here: bits of [`feedback`].
    pub feedback: Cell<u8>,
}

/// Bits of [`Call::feedback`], set by the interpreter for the operands of calls to primitives.
pub mod feedback {
    /// A fixnum was seen.
    pub const FIXNUM: u8 = 1;
    /// A double was seen.
    pub const DOUBLE: u8 = 2;
    /// Something else was seen.
    pub const OTHER: u8 = 4;
}

/// See [`Node::Try`].
#[derive(Debug)]
pub struct Try {
    /// What is tried.
    pub body: Node,
    /// Slot of the handler's variable, and the handler.
    pub catch: Option<(Slot, Node)>,
    /// What is done in any case.
    pub finally: Option<Node>,
    /// Where it stands.
    pub position: Position,
}

/// See [`Node::WithEnvironment`]. The forms are expanded one after another when they are reached, since each may
/// define macros and environments for the next; so every variable in scope is captured, in a box.
#[derive(Debug)]
pub struct WithEnvironment {
    /// The environment.
    pub environment: Node,
    /// The code object (as an index of a constant) of a prototype whose body is not used, whose captures are all
    /// variables in scope, and whose `deferred` holds the forms.
    pub prototype: Rc<Prototype>,
    /// Where it stands.
    pub position: Position,
}

/// A variable of a frame.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name, a symbol; nil for one that the expander made.
    pub name: Value,
    /// Captured and assigned: the slot holds a box.
    pub boxed: bool,
}

/// Where a closure's captured value comes from when the closure is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The slot of the enclosing function (the box itself, if it is boxed).
    Local(Slot),
    /// A captured value of the enclosing function.
    Captured(u32),
}

/// What a prototype is the code of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrototypeKind {
    /// A lambda.
    Function,
    /// A top-level form: no parameters.
    TopLevel,
    /// The body of a `with-environment`: see [`Prototype::deferred`].
    Deferred,
}

/// The code of a lambda, a top-level form or a `with-environment`, shared by all its closures.
#[derive(Debug)]
pub struct Prototype {
    /// What this is.
    pub kind: PrototypeKind,
    /// Name for people, a symbol or nil.
    pub name: Value,
    /// Where it stands.
    pub position: Position,
    /// Number of parameters before the rest parameter.
    pub parameters: u32,
    /// Whether a rest parameter follows them.
    pub rest: bool,
    /// All variables, by slot.
    pub variables: Vec<Variable>,
    /// What closures capture.
    pub captures: Vec<Capture>,
    /// Whether each captured value is a box.
    pub captured_boxed: Vec<bool>,
    /// Name of each captured variable, a symbol.
    pub captured_names: Vec<Value>,
    /// The body.
    pub body: Node,
    /// Constants.
    pub constants: Vec<Value>,
    /// Cells of free variables, in `environment`.
    pub cells: Vec<CellId>,
    /// Number of loops (labels are below it).
    pub loops: u32,
    /// The environment, a value.
    pub environment: Value,
    /// Its code object, a value: closures point to it, native callers find the entry there.
    pub code: Value,
    /// The forms of a `with-environment`: a list.
    pub deferred: Value,
    /// Calls and loop turns that the interpreter counted.
    pub heat: Cell<u32>,
    /// What became of compiling it.
    pub native: NativeState,
}

/// What became of compiling a prototype.
#[derive(Debug, Default)]
pub struct NativeState {
    /// Whether the code object's entry is native code of this prototype.
    pub compiled: Cell<bool>,
    /// The image that holds the code: an index, or `u32::MAX`.
    pub image: Cell<u32>,
    /// Whether it waits to be compiled, or is being compiled, by another thread.
    pub waiting: Cell<bool>,
    /// How often it was compiled anew because guesses of its code had failed.
    pub renewals: Cell<u32>,
    /// Whether a loop of it has become native while the rest was interpreted.
    pub has_loops: Cell<bool>,
    /// Why it was not compiled, if that was tried in vain.
    pub failure: std::cell::RefCell<Option<String>>,
}

impl Prototype {
    /// Slots of a frame.
    pub fn frame_size(&self) -> usize {
        self.variables.len()
    }
}

/// All prototypes of some roots, each before those nested in it: the same order whether the trees were expanded or read
/// from a library.
pub fn all_prototypes(roots: &[Rc<Prototype>]) -> Vec<Rc<Prototype>> {
    fn visit(prototype: &Rc<Prototype>, all: &mut Vec<Rc<Prototype>>) {
        all.push(prototype.clone());
        walk(&prototype.body, all);
    }
    fn walk(node: &Node, all: &mut Vec<Rc<Prototype>>) {
        match node {
            Node::Lambda(prototype) => visit(prototype, all),
            Node::Fix(functions, _) => functions.iter().for_each(|(_, prototype)| visit(prototype, all)),
            Node::WithEnvironment(inner) => visit(&inner.prototype, all),
            _ => {}
        }
        node.children(&mut |child| walk(child, all));
    }
    let mut all = Vec::new();
    roots.iter().for_each(|root| visit(root, &mut all));
    all
}

impl Drop for Prototype {
    /// Takes the tree apart without recursion: prototypes are dropped at the end of a collection, which runs on a
    /// small stack, and a tree may be as deep as the stack that it was made on is large.
    fn drop(&mut self) {
        let mut nodes = vec![std::mem::replace(&mut self.body, Node::Constant(0))];
        while let Some(node) = nodes.pop() {
            node.open(&mut nodes);
        }
    }
}

impl Node {
    /// Moves the children of a node that is not needed any more to a list.
    fn open(self, nodes: &mut Vec<Node>) {
        let close = |prototype: Rc<Prototype>, nodes: &mut Vec<Node>| {
            if let Some(mut prototype) = Rc::into_inner(prototype) {
                nodes.push(std::mem::replace(&mut prototype.body, Node::Constant(0)));
            }
        };
        match self {
            Node::Constant(_) | Node::Local(_) | Node::Captured(_) | Node::Global(..) => {}
            Node::Bind(_, value)
            | Node::SetLocal(_, value)
            | Node::SetCaptured(_, value)
            | Node::SetGlobal(_, value, _)
            | Node::Define(_, value, ..) => nodes.push(*value),
            Node::If(test, then, otherwise) => nodes.extend([*test, *then, *otherwise]),
            Node::While(test, body, _) => nodes.extend([*test, *body]),
            Node::Sequence(parts) | Node::Continue(_, parts) => nodes.extend(parts),
            Node::Loop(turns) => {
                nodes.extend(turns.bindings.into_iter().map(|(_, value)| value));
                nodes.push(turns.body);
            }
            Node::Lambda(prototype) => close(prototype, nodes),
            Node::Fix(functions, body) => {
                functions.into_iter().for_each(|(_, prototype)| close(prototype, nodes));
                nodes.push(*body);
            }
            Node::Call(call) => {
                nodes.push(call.function);
                nodes.extend(call.arguments);
            }
            Node::Try(attempt) => {
                nodes.push(attempt.body);
                nodes.extend(attempt.catch.map(|(_, handler)| handler));
                nodes.extend(attempt.finally);
            }
            Node::WithEnvironment(with) => {
                nodes.push(with.environment);
                close(with.prototype, nodes);
            }
        }
    }
}
