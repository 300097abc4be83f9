//! The second stage: slots, captures, boxes, cells; prototypes and their code objects.

use super::check_stack;
use super::expression::{
    Call, Expression, Function, FunctionId, NamedLet, Try, Variable, VariableState, WithEnvironment,
};
use crate::runtime::tree::{self, Capture, NativeState, Node, Prototype, PrototypeKind, Slot};
use crate::runtime::{CellId, Failure, Runtime, Symbol};
use crate::value::{offset, Kind, Value};
use maru_core::abi::Position;
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::rc::Rc;

/// The prototype of a top-level form. `captured` are the variables of an enclosing `with-environment`.
pub(super) fn resolve(
    runtime: &mut Runtime,
    environment: Value,
    position: Position,
    body: &Expression,
    captured: Vec<Variable>,
) -> Result<Rc<Prototype>, Failure> {
    let mut frame = Frame::new(0);
    for (index, variable) in captured.into_iter().enumerate() {
        frame.capture(variable, Capture::Captured(index as u32));
    }
    let mut resolver = Resolver { runtime, environment, frames: vec![frame] };
    let body = resolver.node(body, true)?;
    let outline = Outline { kind: PrototypeKind::TopLevel, name: Value::NIL, position, ..Outline::default() };
    resolver.prototype(outline, body)
}

struct Resolver<'a> {
    runtime: &'a mut Runtime,
    environment: Value,
    /// The function being resolved is the last one, those around it come before it.
    frames: Vec<Frame>,
}

/// A function while it is being resolved.
struct Frame {
    id: FunctionId,
    variables: Vec<Variable>,
    captures: Vec<(Variable, Capture)>,
    /// By address of the variable: its place among the captures.
    capture_numbers: FxHashMap<*const VariableState, u32>,
    constants: Vec<Value>,
    constant_numbers: FxHashMap<Value, u32>,
    cells: Vec<CellId>,
    cell_numbers: FxHashMap<CellId, u32>,
    loops: u32,
}

impl Frame {
    fn new(id: FunctionId) -> Frame {
        Frame {
            id,
            variables: Vec::new(),
            captures: Vec::new(),
            capture_numbers: FxHashMap::default(),
            constants: Vec::new(),
            constant_numbers: FxHashMap::default(),
            cells: Vec::new(),
            cell_numbers: FxHashMap::default(),
            loops: 0,
        }
    }
    /// The slot of a variable of this function, given at its first mention.
    fn slot(&mut self, variable: &Variable) -> Slot {
        if let Some(slot) = variable.slot.get() {
            return slot;
        }
        let slot = self.variables.len() as Slot;
        self.variables.push(variable.clone());
        variable.slot.set(Some(slot));
        slot
    }
    /// One more capture; its number.
    fn capture(&mut self, variable: Variable, source: Capture) -> u32 {
        let number = self.captures.len() as u32;
        self.capture_numbers.insert(Rc::as_ptr(&variable), number);
        self.captures.push((variable, source));
        number
    }
    fn constant(&mut self, value: Value) -> u32 {
        let constants = &mut self.constants;
        *self.constant_numbers.entry(value).or_insert_with(|| {
            constants.push(value);
            constants.len() as u32 - 1
        })
    }
}

/// What a prototype is told besides its body.
struct Outline {
    kind: PrototypeKind,
    name: Value,
    position: Position,
    parameters: u32,
    rest: bool,
    deferred: Value,
}

impl Default for Outline {
    fn default() -> Outline {
        Outline {
            kind: PrototypeKind::Function,
            name: Value::NIL,
            position: Position::UNKNOWN,
            parameters: 0,
            rest: false,
            deferred: Value::NIL,
        }
    }
}

/// Where a variable is found.
enum Found {
    Local(Slot),
    Captured(u32),
}

impl Resolver<'_> {
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a function is being resolved")
    }

    /// Where the innermost function finds a variable.
    fn find(&mut self, variable: &Variable) -> Found {
        let level = self.frames.len() - 1;
        if self.frames[level].id == variable.owner.get() {
            return Found::Local(self.frames[level].slot(variable));
        }
        Found::Captured(self.captured(level, variable))
    }

    /// The index of a variable among the captures of the function at a level, which gets it from those around it.
    fn captured(&mut self, level: usize, variable: &Variable) -> u32 {
        // The innermost function on the way out that has it already, or owns it.
        let mut from = level;
        let mut source = loop {
            if let Some(index) = self.capture_index(from, variable) {
                break Capture::Captured(index);
            }
            if self.frames[from].id == variable.owner.get() || from == 0 {
                break Capture::Local(self.frames[from].slot(variable));
            }
            from -= 1;
        };
        for level in from + 1..=level {
            source = Capture::Captured(self.frames[level].capture(variable.clone(), source));
        }
        match source {
            Capture::Captured(index) => index,
            Capture::Local(slot) => slot,
        }
    }

    fn capture_index(&self, level: usize, variable: &Variable) -> Option<u32> {
        self.frames[level].capture_numbers.get(&Rc::as_ptr(variable)).copied()
    }

    fn cell(&mut self, symbol: Symbol) -> u32 {
        let environment = self.runtime.index(self.environment);
        let cell = self.runtime.cell(environment, symbol);
        let frame = self.frame();
        let cells = &mut frame.cells;
        *frame.cell_numbers.entry(cell).or_insert_with(|| {
            cells.push(cell);
            cells.len() as u32 - 1
        })
    }

    fn boxed_node(&mut self, expression: &Expression, tail: bool) -> Result<Box<Node>, Failure> {
        self.node(expression, tail).map(Box::new)
    }

    fn nodes(&mut self, expressions: &[Expression]) -> Result<Vec<Node>, Failure> {
        expressions.iter().map(|expression| self.node(expression, false)).collect()
    }

    /// The node of an expression; `tail` if it is in tail position of its function.
    fn node(&mut self, expression: &Expression, tail: bool) -> Result<Node, Failure> {
        check_stack(self.runtime)?;
        Ok(match expression {
            Expression::Constant(value) => Node::Constant(self.frame().constant(*value)),
            Expression::Variable(variable) => self.variable(variable),
            Expression::Global(symbol, position) => Node::Global(self.cell(*symbol), *position),
            Expression::Bind(variable, value) => {
                let value = self.boxed_node(value, false)?;
                Node::Bind(self.frame().slot(variable), value)
            }
            Expression::Set(variable, value) => {
                let value = self.boxed_node(value, false)?;
                match self.find(variable) {
                    Found::Local(slot) => Node::SetLocal(slot, value),
                    Found::Captured(index) => Node::SetCaptured(index, value),
                }
            }
            Expression::SetGlobal(symbol, value, position) => {
                let value = self.boxed_node(value, false)?;
                Node::SetGlobal(self.cell(*symbol), value, *position)
            }
            Expression::Define(symbol, value, constant, position) => {
                let value = self.boxed_node(value, false)?;
                Node::Define(self.cell(*symbol), value, *constant, *position)
            }
            Expression::If(parts) => Node::If(
                self.boxed_node(&parts[0], false)?,
                self.boxed_node(&parts[1], tail)?,
                self.boxed_node(&parts[2], tail)?,
            ),
            Expression::Sequence(expressions) => {
                let mut nodes = Vec::new();
                self.flatten(expressions, tail, &mut nodes)?;
                match nodes.pop() {
                    Some(only) if nodes.is_empty() => only,
                    last => {
                        nodes.extend(last);
                        Node::Sequence(nodes)
                    }
                }
            }
            Expression::While(test, body, position) => {
                Node::While(self.boxed_node(test, false)?, self.boxed_node(body, false)?, *position)
            }
            Expression::NamedLet(named) => self.named_let(named, tail)?,
            Expression::Lambda(function) => Node::Lambda(self.function(function)?),
            Expression::Fix(functions, body) => self.fix(functions, body, tail)?,
            Expression::Call(call) => self.call(call, tail)?,
            Expression::Try(attempt) => self.attempt(attempt, tail)?,
            Expression::WithEnvironment(with) => self.with_environment(with)?,
        })
    }

    fn variable(&mut self, variable: &Variable) -> Node {
        match self.find(variable) {
            Found::Local(slot) => Node::Local(slot),
            Found::Captured(index) => Node::Captured(index),
        }
    }

    /// The nodes of a sequence, sequences in it opened, values that nobody uses left out.
    fn flatten(&mut self, expressions: &[Expression], tail: bool, nodes: &mut Vec<Node>) -> Result<(), Failure> {
        let last = expressions.len() - 1;
        for (index, expression) in expressions.iter().enumerate() {
            match expression {
                Expression::Sequence(inner) => {
                    check_stack(self.runtime)?;
                    self.flatten(inner, tail && index == last, nodes)?;
                }
                Expression::Constant(_) | Expression::Variable(_) | Expression::Lambda(_) if index < last => {}
                _ => nodes.push(self.node(expression, tail && index == last)?),
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &Call, tail: bool) -> Result<Node, Failure> {
        if let (true, Expression::Variable(variable)) = (call.jump, &call.function) {
            if let Some(label) = variable.looping.label.get() {
                return Ok(Node::Continue(label, self.nodes(&call.arguments)?));
            }
        }
        let function = self.node(&call.function, false)?;
        let arguments = self.nodes(&call.arguments)?;
        Ok(make_call(function, arguments, tail, call.position))
    }

    fn attempt(&mut self, attempt: &Try, tail: bool) -> Result<Node, Failure> {
        let body = self.node(&attempt.body, false)?;
        let catch = match &attempt.catch {
            Some((variable, handler)) => {
                let slot = self.frame().slot(variable);
                // With something left to do after it, the handler is in tail position no more.
                Some((slot, self.node(handler, tail && attempt.finally.is_none())?))
            }
            None => None,
        };
        let finally = attempt.finally.as_ref().map(|finally| self.node(finally, false)).transpose()?;
        Ok(Node::Try(Box::new(tree::Try { body, catch, finally, position: attempt.position })))
    }

    fn named_let(&mut self, named: &NamedLet, tail: bool) -> Result<Node, Failure> {
        let first = self.nodes(&named.first)?;
        if !named.is_loop {
            return self.named_function(named, first, tail);
        }
        let label = self.frame().loops;
        self.frame().loops += 1;
        named.variable.looping.label.set(Some(label));
        let slots: Vec<Slot> = named.function.parameters.iter().map(|parameter| self.frame().slot(parameter)).collect();
        let bindings = slots.into_iter().zip(first).collect();
        let body = self.node(&named.function.body, tail)?;
        Ok(Node::Loop(Box::new(tree::Loop { label, bindings, body, position: named.position })))
    }

    /// A named let whose name is more than a place to jump to.
    fn named_function(&mut self, named: &NamedLet, first: Vec<Node>, tail: bool) -> Result<Node, Failure> {
        let slot = self.frame().slot(&named.variable);
        if !named.variable.assigned.get() {
            let prototype = self.function(&named.function)?;
            let call = make_call(Node::Local(slot), first, tail, named.position);
            return Ok(Node::Fix(vec![(slot, prototype)], Box::new(call)));
        }
        let nil = Node::Constant(self.frame().constant(Value::NIL));
        let prototype = self.function(&named.function)?;
        Ok(Node::Sequence(vec![
            Node::Bind(slot, Box::new(nil)),
            Node::SetLocal(slot, Box::new(Node::Lambda(prototype))),
            make_call(Node::Local(slot), first, tail, named.position),
        ]))
    }

    fn fix(&mut self, functions: &[(Variable, Function)], body: &Expression, tail: bool) -> Result<Node, Failure> {
        let slots: Vec<Slot> = functions.iter().map(|(variable, _)| self.frame().slot(variable)).collect();
        let mut prototypes = Vec::new();
        for (slot, (_, function)) in slots.into_iter().zip(functions) {
            prototypes.push((slot, self.function(function)?));
        }
        Ok(Node::Fix(prototypes, self.boxed_node(body, tail)?))
    }

    fn function(&mut self, function: &Function) -> Result<Rc<Prototype>, Failure> {
        let mut frame = Frame::new(function.id.get());
        function.parameters.iter().chain(&function.rest).for_each(|parameter| {
            frame.slot(parameter);
        });
        self.frames.push(frame);
        let body = self.node(&function.body, true)?;
        let outline = Outline {
            name: function.name,
            position: function.position,
            parameters: function.parameters.len() as u32,
            rest: function.rest.is_some(),
            ..Outline::default()
        };
        self.prototype(outline, body)
    }

    fn with_environment(&mut self, with: &WithEnvironment) -> Result<Node, Failure> {
        let environment = self.node(&with.environment, false)?;
        // A number that owns no variable, so that all are captured.
        self.frames.push(Frame::new(FunctionId::MAX - 1));
        let level = self.frames.len() - 1;
        for variable in &with.variables {
            self.captured(level, variable);
        }
        let nil = self.frame().constant(Value::NIL);
        let outline = Outline {
            kind: PrototypeKind::Deferred,
            position: with.position,
            deferred: with.forms,
            ..Outline::default()
        };
        let prototype = self.prototype(outline, Node::Constant(nil))?;
        let position = with.position;
        Ok(Node::WithEnvironment(Box::new(tree::WithEnvironment { environment, prototype, position })))
    }

    /// Finish the innermost function: its prototype, registered, with its code object, which is a root until the
    /// expansion ends.
    fn prototype(&mut self, outline: Outline, body: Node) -> Result<Rc<Prototype>, Failure> {
        let frame = self.frames.pop().expect("a function is being resolved");
        let code = self.runtime.object(Kind::Code, offset::CODE_FIELDS)?;
        self.runtime.roots.push(code);
        let prototype = Rc::new(Prototype {
            kind: outline.kind,
            name: outline.name,
            position: outline.position,
            parameters: outline.parameters,
            rest: outline.rest,
            variables: frame
                .variables
                .iter()
                .map(|variable| tree::Variable { name: variable.name, boxed: variable.boxed() })
                .collect(),
            captures: frame.captures.iter().map(|(_, source)| *source).collect(),
            captured_boxed: frame.captures.iter().map(|(variable, _)| variable.boxed()).collect(),
            captured_names: frame.captures.iter().map(|(variable, _)| variable.name).collect(),
            body,
            constants: frame.constants,
            cells: frame.cells,
            loops: frame.loops,
            environment: self.environment,
            code,
            deferred: outline.deferred,
            heat: Cell::new(0),
            native: NativeState::default(),
        });
        register(self.runtime, &prototype);
        Ok(prototype)
    }
}

fn make_call(function: Node, arguments: Vec<Node>, tail: bool, position: Position) -> Node {
    let feedback = Cell::new(0);
    Node::Call(Box::new(tree::Call { function, arguments, tail, position, feedback }))
}

/// Enter a prototype into the runtime's table and fill in its code object.
pub(in crate::interp) fn register(runtime: &mut Runtime, prototype: &Rc<Prototype>) {
    let index = runtime.prototypes.add(prototype.clone());
    let code = prototype.code;
    let entry = Value(runtime.trampoline_entry() as u64);
    runtime.set_field(code, offset::CODE_ENTRY, entry);
    runtime.set_field(code, offset::CODE_PROTOTYPE, Value::fixnum(i64::from(index)));
}
