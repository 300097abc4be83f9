//! Resolved trees as data: forms that `dump` can write and the reader can read back.
//!
//! Saved environments and libraries carry functions in this shape, so that what was compiled once can also be
//! interpreted, and so that a function can be told apart from any other by its text.
//!
//! A prototype is `(kind name offset parameters rest variables captures cells constants loops deferred body)`; a
//! node is a list that starts with a short name. Constants, and the forms of a deferred prototype, are words of
//! the table of what is [saved], and so are positions.

use super::expand::register;
use super::saved::{self, Loaded};
use crate::runtime::tree::{
    Call, Capture, Loop, NativeState, Node, Prototype, PrototypeKind, Try, Variable, WithEnvironment,
};
use crate::runtime::{Outcome, Runtime};
use crate::value::{offset, Kind, Value};
use maru_core::abi::Position;
use std::cell::Cell;
use std::rc::Rc;

/// Why a prototype has no such form, or a form is no prototype.
pub type Problem = String;

/// What a prototype is as data. The table has its constants. `source` is the number there of the text that most of its
/// positions belong to.
///
/// # Errors
/// When memory is used up, or the tree is too deep.
pub fn prototype_to_form(
    runtime: &mut Runtime,
    prototype: &Prototype,
    table: &mut saved::Writer,
    source: usize,
) -> Result<Value, Problem> {
    let base = runtime.roots.len();
    let form = Writer { runtime, table, source }.prototype(prototype);
    runtime.roots.truncate(base);
    form
}

/// The prototype that a form is, in an environment, with these constants. `source` is the number there of the text that
/// most of its positions belong to.
///
/// # Errors
/// When the form is no prototype's; what is wrong.
pub fn form_to_prototype(
    runtime: &mut Runtime,
    form: Value,
    constants: &Loaded,
    environment: Value,
    source: usize,
) -> Result<Rc<Prototype>, Problem> {
    let base = runtime.roots.len();
    runtime.roots.extend([form, environment]);
    let prototype = Reader { runtime, constants, environment, source }.prototype(form);
    runtime.roots.truncate(base);
    prototype
}

fn memory(outcome: Outcome) -> Result<Value, Problem> {
    outcome.map_err(|_| "memory is used up".to_string())
}

/// Makes forms. Everything made is kept reachable through the runtime's roots until the end.
struct Writer<'r> {
    runtime: &'r mut Runtime,
    table: &'r mut saved::Writer,
    source: usize,
}

impl Writer<'_> {
    fn list(&mut self, items: &[Value]) -> Result<Value, Problem> {
        let list = memory(self.runtime.list(items))?;
        self.runtime.roots.push(list);
        Ok(list)
    }
    fn symbol(&mut self, name: &str) -> Value {
        self.runtime.symbol_value(name)
    }
    fn number(number: u32) -> Value {
        Value::fixnum(i64::from(number))
    }
    fn position(&mut self, position: Position) -> Result<Value, Problem> {
        self.table.position(self.runtime, position, self.source)
    }

    fn prototype(&mut self, prototype: &Prototype) -> Result<Value, Problem> {
        let kind = self.symbol(match prototype.kind {
            PrototypeKind::Function => "function",
            PrototypeKind::TopLevel => "top-level",
            PrototypeKind::Deferred => "deferred",
        });
        let mut variables = Vec::new();
        for variable in &prototype.variables {
            variables.push(memory(self.runtime.cons(variable.name, Value::boolean(variable.boxed)))?);
            self.runtime.roots.extend(variables.last());
        }
        let variables = self.list(&variables)?;
        let captures = self.captures(prototype)?;
        let cells: Vec<Value> = prototype
            .cells
            .iter()
            .map(|cell| self.runtime.symbols.value(self.runtime.cells.get(*cell).symbol))
            .collect();
        let cells = self.list(&cells)?;
        let mut constants = Vec::new();
        for constant in &prototype.constants {
            constants.push(self.table.word(self.runtime, *constant)?);
        }
        let constants = self.list(&constants)?;
        let deferred = self.table.word(self.runtime, prototype.deferred)?;
        let position = self.position(prototype.position)?;
        let body = self.node(&prototype.body)?;
        self.list(&[
            kind,
            prototype.name,
            position,
            Writer::number(prototype.parameters),
            Value::boolean(prototype.rest),
            variables,
            captures,
            cells,
            constants,
            Writer::number(prototype.loops),
            deferred,
            body,
        ])
    }

    fn captures(&mut self, prototype: &Prototype) -> Result<Value, Problem> {
        let mut captures = Vec::new();
        for (index, capture) in prototype.captures.iter().enumerate() {
            let (place, number) = match capture {
                Capture::Local(slot) => ("local", *slot),
                Capture::Captured(outer) => ("captured", *outer),
            };
            let place = self.symbol(place);
            let boxed = Value::boolean(prototype.captured_boxed[index]);
            captures.push(self.list(&[place, Writer::number(number), boxed, prototype.captured_names[index]])?);
        }
        self.list(&captures)
    }

    fn node(&mut self, node: &Node) -> Result<Value, Problem> {
        super::call::check_stack(self.runtime).map_err(|_| "the tree is nested too deeply".to_string())?;
        let n = Writer::number;
        let (name, rest) = match node {
            Node::Constant(index) => ("constant", vec![n(*index)]),
            Node::Local(slot) => ("local", vec![n(*slot)]),
            Node::Captured(index) => ("captured", vec![n(*index)]),
            Node::Global(cell, position) => ("global", vec![n(*cell), self.position(*position)?]),
            Node::Bind(slot, value) => ("bind", vec![n(*slot), self.node(value)?]),
            Node::SetLocal(slot, value) => ("set-local", vec![n(*slot), self.node(value)?]),
            Node::SetCaptured(index, value) => ("set-captured", vec![n(*index), self.node(value)?]),
            Node::SetGlobal(cell, value, position) => {
                ("set-global", vec![n(*cell), self.node(value)?, self.position(*position)?])
            }
            Node::Define(cell, value, constant, position) => {
                ("define", vec![n(*cell), self.node(value)?, Value::boolean(*constant), self.position(*position)?])
            }
            Node::If(test, then, otherwise) => ("if", vec![self.node(test)?, self.node(then)?, self.node(otherwise)?]),
            Node::Sequence(nodes) => ("sequence", self.nodes(nodes)?),
            Node::While(test, body, position) => {
                ("while", vec![self.node(test)?, self.node(body)?, self.position(*position)?])
            }
            Node::Loop(inner) => {
                let bindings = self.bindings(&inner.bindings)?;
                ("loop", vec![n(inner.label), bindings, self.node(&inner.body)?, self.position(inner.position)?])
            }
            Node::Continue(label, nodes) => {
                let mut rest = vec![n(*label)];
                rest.extend(self.nodes(nodes)?);
                ("continue", rest)
            }
            Node::Lambda(prototype) => ("lambda", vec![self.prototype(prototype)?]),
            Node::Fix(functions, body) => {
                let mut made = Vec::new();
                for (slot, prototype) in functions {
                    let prototype = self.prototype(prototype)?;
                    made.push(self.list(&[n(*slot), prototype])?);
                }
                ("fix", vec![self.list(&made)?, self.node(body)?])
            }
            Node::Call(call) => {
                let function = self.node(&call.function)?;
                let mut rest = vec![Value::boolean(call.tail), self.position(call.position)?, function];
                rest.extend(self.nodes(&call.arguments)?);
                ("call", rest)
            }
            Node::Try(inner) => {
                let body = self.node(&inner.body)?;
                let catch = match &inner.catch {
                    Some((slot, handler)) => {
                        let handler = self.node(handler)?;
                        self.list(&[n(*slot), handler])?
                    }
                    None => Value::NIL,
                };
                let finally = inner.finally.as_ref().map_or(Ok(Value::NIL), |finally| self.node(finally))?;
                ("try", vec![body, catch, finally, self.position(inner.position)?])
            }
            Node::WithEnvironment(inner) => {
                let environment = self.node(&inner.environment)?;
                (
                    "with-environment",
                    vec![environment, self.prototype(&inner.prototype)?, self.position(inner.position)?],
                )
            }
        };
        let mut items = vec![self.symbol(name)];
        items.extend(rest);
        self.list(&items)
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<Vec<Value>, Problem> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn bindings(&mut self, bindings: &[(u32, Node)]) -> Result<Value, Problem> {
        let mut made = Vec::new();
        for (slot, value) in bindings {
            let value = self.node(value)?;
            made.push(self.list(&[Writer::number(*slot), value])?);
        }
        self.list(&made)
    }
}

/// Makes prototypes. What it reads is reachable as a part of the whole form.
struct Reader<'r> {
    runtime: &'r mut Runtime,
    constants: &'r Loaded,
    environment: Value,
    source: usize,
}

/// The size of what a prototype's nodes may refer to, for checking.
struct Bounds {
    slots: u32,
    captures: u32,
    cells: u32,
    constants: u32,
    loops: u32,
}

impl Bounds {
    fn check(number: u32, bound: u32, what: &str) -> Result<u32, Problem> {
        if number < bound {
            Ok(number)
        } else {
            Err(format!("{what} {number} does not exist"))
        }
    }
}

impl Reader<'_> {
    fn items<const N: usize>(&self, form: Value, what: &str) -> Result<[Value; N], Problem> {
        let items = self.runtime.list_to_vec(form);
        items.try_into().map_err(|_| format!("a {what} has not {N} parts"))
    }
    fn number(&self, value: Value) -> Result<u32, Problem> {
        let number = value.as_fixnum().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| "a number is expected".to_string())
    }
    fn position(&self, value: Value) -> Result<Position, Problem> {
        self.constants.position(self.runtime, value, self.source)
    }
    fn name(&self, value: Value) -> &str {
        self.runtime.as_symbol(value).map_or("", |symbol| self.runtime.symbols.name(symbol))
    }

    fn prototype(&mut self, form: Value) -> Result<Rc<Prototype>, Problem> {
        let [kind, name, position, parameters, rest, variables, captures, cells, constants, loops, deferred, body] =
            self.items(form, "prototype")?;
        let kind = match self.name(kind) {
            "function" => PrototypeKind::Function,
            "top-level" => PrototypeKind::TopLevel,
            "deferred" => PrototypeKind::Deferred,
            other => return Err(format!("there is no kind of prototype called '{other}'")),
        };
        let variables: Vec<Variable> = self
            .runtime
            .list_to_vec(variables)
            .into_iter()
            .map(|pair| Variable { name: self.runtime.car(pair), boxed: self.runtime.cdr(pair).is_true() })
            .collect();
        let parameters = self.number(parameters)?;
        if (parameters + u32::from(rest.is_true())) as usize > variables.len() {
            return Err("there are more parameters than variables".into());
        }
        let mut sources = Vec::new();
        let (mut captured_boxed, mut captured_names) = (Vec::new(), Vec::new());
        for capture in self.runtime.list_to_vec(captures) {
            let [place, number, boxed, name] = self.items(capture, "capture")?;
            let number = self.number(number)?;
            sources.push(match self.name(place) {
                "local" => Capture::Local(number),
                _ => Capture::Captured(number),
            });
            captured_boxed.push(boxed.is_true());
            captured_names.push(name);
        }
        let names = self.runtime.list_to_vec(cells);
        let environment = self.runtime.index(self.environment);
        let mut cells = Vec::new();
        for name in names {
            let symbol = self.runtime.as_symbol(name).ok_or("a cell's name is no symbol")?;
            cells.push(self.runtime.cell(environment, symbol));
        }
        let words = self.runtime.list_to_vec(constants).into_iter();
        let constants: Result<Vec<Value>, Problem> =
            words.map(|word| self.constants.value(self.runtime, word)).collect();
        let constants = constants?;
        let deferred = self.constants.value(self.runtime, deferred)?;
        let loops = self.number(loops)?;
        let bounds = Bounds {
            slots: variables.len() as u32,
            captures: sources.len() as u32,
            cells: cells.len() as u32,
            constants: constants.len() as u32,
            loops,
        };
        let body = self.node(body, &bounds)?;
        let position = self.position(position)?;
        let code = memory(self.runtime.object(Kind::Code, offset::CODE_FIELDS))?;
        self.runtime.roots.push(code);
        let prototype = Rc::new(Prototype {
            kind,
            name,
            position,
            parameters,
            rest: rest.is_true(),
            variables,
            captures: sources,
            captured_boxed,
            captured_names,
            body,
            constants,
            cells,
            loops,
            environment: self.environment,
            code,
            deferred,
            heat: Cell::new(0),
            native: NativeState::default(),
        });
        register(self.runtime, &prototype);
        Ok(prototype)
    }

    fn node(&mut self, form: Value, bounds: &Bounds) -> Result<Node, Problem> {
        super::call::check_stack(self.runtime).map_err(|_| "the tree is nested too deeply".to_string())?;
        let items = self.runtime.list_to_vec(form);
        let (head, rest) = items.split_first().ok_or("a node is empty")?;
        let head = self.name(*head).to_string();
        let part = |index: usize| rest.get(index).copied().ok_or_else(|| format!("{head} lacks a part"));
        let slot = |reader: &Self, value| Bounds::check(reader.number(value)?, bounds.slots, "variable");
        let cell = |reader: &Self, value| Bounds::check(reader.number(value)?, bounds.cells, "cell");
        let capture = |reader: &Self, value| Bounds::check(reader.number(value)?, bounds.captures, "captured variable");
        let label = |reader: &Self, value| Bounds::check(reader.number(value)?, bounds.loops, "loop");
        Ok(match head.as_str() {
            "constant" => Node::Constant(Bounds::check(self.number(part(0)?)?, bounds.constants, "constant")?),
            "local" => Node::Local(slot(self, part(0)?)?),
            "captured" => Node::Captured(capture(self, part(0)?)?),
            "global" => Node::Global(cell(self, part(0)?)?, self.position(part(1)?)?),
            "bind" => Node::Bind(slot(self, part(0)?)?, self.boxed(part(1)?, bounds)?),
            "set-local" => Node::SetLocal(slot(self, part(0)?)?, self.boxed(part(1)?, bounds)?),
            "set-captured" => Node::SetCaptured(capture(self, part(0)?)?, self.boxed(part(1)?, bounds)?),
            "set-global" => {
                Node::SetGlobal(cell(self, part(0)?)?, self.boxed(part(1)?, bounds)?, self.position(part(2)?)?)
            }
            "define" => {
                let value = self.boxed(part(1)?, bounds)?;
                Node::Define(cell(self, part(0)?)?, value, part(2)?.is_true(), self.position(part(3)?)?)
            }
            "if" => {
                let test = self.boxed(part(0)?, bounds)?;
                Node::If(test, self.boxed(part(1)?, bounds)?, self.boxed(part(2)?, bounds)?)
            }
            "sequence" if !rest.is_empty() => Node::Sequence(self.nodes(rest, bounds)?),
            "while" => {
                let test = self.boxed(part(0)?, bounds)?;
                Node::While(test, self.boxed(part(1)?, bounds)?, self.position(part(2)?)?)
            }
            "loop" => {
                let mut bindings = Vec::new();
                for binding in self.runtime.list_to_vec(part(1)?) {
                    let [place, value] = self.items(binding, "binding")?;
                    bindings.push((slot(self, place)?, self.node(value, bounds)?));
                }
                let body = self.node(part(2)?, bounds)?;
                let position = self.position(part(3)?)?;
                Node::Loop(Box::new(Loop { label: label(self, part(0)?)?, bindings, body, position }))
            }
            "continue" => Node::Continue(label(self, part(0)?)?, self.nodes(&rest[1..], bounds)?),
            "lambda" => Node::Lambda(self.prototype(part(0)?)?),
            "fix" => {
                let mut functions = Vec::new();
                for function in self.runtime.list_to_vec(part(0)?) {
                    let [place, prototype] = self.items(function, "function")?;
                    functions.push((slot(self, place)?, self.prototype(prototype)?));
                }
                Node::Fix(functions, self.boxed(part(1)?, bounds)?)
            }
            "call" => {
                let (tail, position) = (part(0)?.is_true(), self.position(part(1)?)?);
                let function = self.node(part(2)?, bounds)?;
                let arguments = self.nodes(&rest[3..], bounds)?;
                Node::Call(Box::new(Call { function, arguments, tail, position, feedback: Cell::new(0) }))
            }
            "try" => {
                let body = self.node(part(0)?, bounds)?;
                let catch = match part(1)? {
                    nothing if nothing.is_nil() => None,
                    catch => {
                        let [place, handler] = self.items(catch, "handler")?;
                        Some((slot(self, place)?, self.node(handler, bounds)?))
                    }
                };
                let finally = match part(2)? {
                    nothing if nothing.is_nil() => None,
                    finally => Some(self.node(finally, bounds)?),
                };
                Node::Try(Box::new(Try { body, catch, finally, position: self.position(part(3)?)? }))
            }
            "with-environment" => {
                let environment = self.node(part(0)?, bounds)?;
                let prototype = self.prototype(part(1)?)?;
                let position = self.position(part(2)?)?;
                Node::WithEnvironment(Box::new(WithEnvironment { environment, prototype, position }))
            }
            other => return Err(format!("there is no node called '{other}'")),
        })
    }

    fn boxed(&mut self, form: Value, bounds: &Bounds) -> Result<Box<Node>, Problem> {
        self.node(form, bounds).map(Box::new)
    }
    fn nodes(&mut self, forms: &[Value], bounds: &Bounds) -> Result<Vec<Node>, Problem> {
        forms.iter().map(|form| self.node(*form, bounds)).collect()
    }
}
