//! Resolved trees as text for people: `maru build --emit tree`, and tests.
//!
//! A local variable is written `name/slot`, a captured one `name^index`, one that the expander made `_/slot`; a free
//! variable is its bare name. Constants are quoted unless they are numbers, strings, `()` or `#t`. A lambda's
//! variables follow its name, those in boxes marked `&`; then what it captures. What is nested deeper than the stack
//! allows is left out (`…`).

use crate::runtime::tree::{Capture, Node, Prototype, PrototypeKind, Try};
use crate::runtime::Runtime;
use crate::syntax::print;
use crate::value::Value;
use std::fmt::Write;

/// How wide a line may get before its form is broken up.
const WIDTH: usize = 100;

/// The text of a prototype and all prototypes in it.
pub fn tree_text(runtime: &Runtime, prototype: &Prototype) -> String {
    let mut text = String::new();
    Writer { runtime }.prototype(prototype).layout(0, &mut text);
    text.push('\n');
    text
}

/// A form of the text: an atom, or a list.
enum Form {
    Atom(String),
    /// With its width on one line.
    List(usize, Vec<Form>),
}

impl Form {
    fn width(&self) -> usize {
        match self {
            Form::Atom(text) => text.len(),
            Form::List(width, _) => *width,
        }
    }

    /// Lists too wide for a line are broken: head and first operand, then one operand a line, indented by two.
    fn layout(&self, indentation: usize, text: &mut String) {
        // Very deep trees go on at the same indentation.
        let inner = (indentation + 2).min(2 * WIDTH);
        let forms = match self {
            Form::Atom(atom) => return text.push_str(atom),
            Form::List(_, forms) => forms,
        };
        let fits = indentation + self.width() <= WIDTH;
        text.push('(');
        for (index, form) in forms.iter().enumerate() {
            match index {
                0 => {}
                _ if fits || index == 1 => text.push(' '),
                _ => write!(text, "\n{:1$}", "", inner).unwrap_or_default(),
            }
            form.layout(inner, text);
        }
        text.push(')');
    }
}

struct Writer<'a> {
    runtime: &'a Runtime,
}

fn atom(text: impl Into<String>) -> Form {
    Form::Atom(text.into())
}

fn row(forms: Vec<Form>) -> Form {
    Form::List(1 + forms.iter().map(|form| form.width() + 1).sum::<usize>(), forms)
}

fn list(head: &str, operands: impl IntoIterator<Item = Form>) -> Form {
    row(std::iter::once(atom(head)).chain(operands).collect())
}

impl Writer<'_> {
    fn name(&self, name: Value) -> String {
        self.runtime.as_symbol(name).map_or("_".into(), |symbol| self.runtime.symbols.name(symbol).to_string())
    }

    fn prototype(&self, prototype: &Prototype) -> Form {
        let head = match prototype.kind {
            PrototypeKind::Function => "lambda",
            PrototypeKind::TopLevel => "toplevel",
            PrototypeKind::Deferred => "deferred",
        };
        let mut forms = Vec::new();
        if prototype.kind == PrototypeKind::Function {
            forms.push(atom(self.name(prototype.name)));
        }
        forms.push(row(self.variables(prototype)));
        if !prototype.captures.is_empty() {
            forms.push(list("captures", (0..prototype.captures.len()).map(|index| self.capture(prototype, index))));
        }
        if prototype.kind == PrototypeKind::Deferred {
            forms.push(atom(print::text(self.runtime, prototype.deferred, print::Style::Dump)));
        } else {
            forms.push(self.node(prototype, &prototype.body));
        }
        list(head, forms)
    }

    fn variables(&self, prototype: &Prototype) -> Vec<Form> {
        let fixed = prototype.parameters as usize;
        let mut forms = Vec::new();
        for (slot, variable) in prototype.variables.iter().enumerate() {
            match slot {
                _ if slot == fixed && prototype.rest => forms.push(atom(".")),
                _ if slot == fixed + usize::from(prototype.rest) => forms.push(atom("|")),
                _ => {}
            }
            let mark = if variable.boxed { "&" } else { "" };
            forms.push(atom(format!("{mark}{}", self.name(variable.name))));
        }
        forms
    }

    fn capture(&self, prototype: &Prototype, index: usize) -> Form {
        let name = prototype.captured_names.get(index).map_or("_".into(), |name| self.name(*name));
        let mark = if prototype.captured_boxed.get(index) == Some(&true) { "&" } else { "" };
        atom(match prototype.captures[index] {
            Capture::Local(slot) => format!("{mark}{name}/{slot}"),
            Capture::Captured(outer) => format!("{mark}{name}^{outer}"),
        })
    }

    fn local(&self, prototype: &Prototype, slot: u32) -> Form {
        let name = prototype.variables.get(slot as usize).map_or("_".into(), |variable| self.name(variable.name));
        atom(format!("{name}/{slot}"))
    }

    fn captured(&self, prototype: &Prototype, index: u32) -> Form {
        let name = prototype.captured_names.get(index as usize).map_or("_".into(), |name| self.name(*name));
        atom(format!("{name}^{index}"))
    }

    fn global(&self, prototype: &Prototype, index: u32) -> Form {
        let cell = prototype.cells.get(index as usize).map(|cell| self.runtime.cells.get(*cell).symbol);
        atom(cell.map_or("_", |symbol| self.runtime.symbols.name(symbol)))
    }

    fn constant(&self, prototype: &Prototype, index: u32) -> Form {
        let value = prototype.constants.get(index as usize).copied().unwrap_or(Value::NIL);
        let text = print::text(self.runtime, value, print::Style::Dump);
        let needs_quote = value.is_pair() || self.runtime.as_symbol(value).is_some();
        atom(if needs_quote { format!("'{text}") } else { text })
    }

    fn nodes(&self, prototype: &Prototype, nodes: &[Node]) -> Vec<Form> {
        nodes.iter().map(|node| self.node(prototype, node)).collect()
    }

    fn node(&self, prototype: &Prototype, node: &Node) -> Form {
        if crate::value::stack_address() < self.runtime.context.stack_floor {
            return atom("…");
        }
        let form = |node: &Node| self.node(prototype, node);
        match node {
            Node::Constant(index) => self.constant(prototype, *index),
            Node::Local(slot) => self.local(prototype, *slot),
            Node::Captured(index) => self.captured(prototype, *index),
            Node::Global(index, _) => self.global(prototype, *index),
            Node::Bind(slot, value) => list("bind", [self.local(prototype, *slot), form(value)]),
            Node::SetLocal(slot, value) => list("set", [self.local(prototype, *slot), form(value)]),
            Node::SetCaptured(index, value) => list("set", [self.captured(prototype, *index), form(value)]),
            Node::SetGlobal(index, value, _) => list("set", [self.global(prototype, *index), form(value)]),
            Node::Define(index, value, constant, _) => {
                let head = if *constant { "define-constant" } else { "define" };
                list(head, [self.global(prototype, *index), form(value)])
            }
            Node::If(test, then, otherwise) => list("if", [form(test), form(then), form(otherwise)]),
            Node::Sequence(nodes) => list("sequence", self.nodes(prototype, nodes)),
            Node::While(test, body, _) => list("while", [form(test), form(body)]),
            Node::Loop(turns) => {
                let bindings = turns.bindings.iter();
                let bindings = bindings.map(|(slot, value)| row(vec![self.local(prototype, *slot), form(value)]));
                list("loop", [atom(turns.label.to_string()), row(bindings.collect()), form(&turns.body)])
            }
            Node::Continue(label, values) => {
                let operands = std::iter::once(atom(label.to_string())).chain(self.nodes(prototype, values));
                list("continue", operands)
            }
            Node::Lambda(inner) => self.prototype(inner),
            Node::Fix(functions, body) => {
                let functions = functions.iter();
                let functions =
                    functions.map(|(slot, inner)| row(vec![self.local(prototype, *slot), self.prototype(inner)]));
                list("fix", [row(functions.collect()), form(body)])
            }
            Node::Call(call) => {
                let head = if call.tail { "tail-call" } else { "call" };
                list(head, std::iter::once(form(&call.function)).chain(self.nodes(prototype, &call.arguments)))
            }
            Node::Try(attempt) => self.attempt(prototype, attempt),
            Node::WithEnvironment(with) => {
                list("with-environment", [form(&with.environment), self.prototype(&with.prototype)])
            }
        }
    }

    fn attempt(&self, prototype: &Prototype, attempt: &Try) -> Form {
        let mut forms = vec![self.node(prototype, &attempt.body)];
        if let Some((slot, handler)) = &attempt.catch {
            forms.push(list("catch", [self.local(prototype, *slot), self.node(prototype, handler)]));
        }
        if let Some(finally) = &attempt.finally {
            forms.push(list("finally", [self.node(prototype, finally)]));
        }
        list("try", forms)
    }
}
