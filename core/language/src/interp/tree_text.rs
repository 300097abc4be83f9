//! Resolved trees as text for people: `maru build --emit tree`, and tests.
//!
//! A local variable is written `name/slot`, a captured one `name^index`, one that the expander made `_/slot`; a free
//! variable is its bare name. Constants are quoted unless they are numbers, strings, `()` or `#t`. A lambda's
//! variables follow its name, those in boxes marked `&`; then what it captures. What is nested deeper than the stack
//! allows is left out (`…`).

use crate::runtime::tree::{Capture, Node, Template, TemplateKind, Try};
use crate::runtime::Runtime;
use crate::syntax::print;
use crate::value::Value;
use std::fmt::Write;

/// How wide a line may get before its form is broken up.
const WIDTH: usize = 100;

/// The text of a template and all templates in it.
pub fn tree_text(runtime: &Runtime, template: &Template) -> String {
    let mut text = String::new();
    Writer { runtime }.template(template).layout(0, &mut text);
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

    fn template(&self, template: &Template) -> Form {
        let head = match template.kind {
            TemplateKind::Function => "lambda",
            TemplateKind::TopLevel => "toplevel",
            TemplateKind::Deferred => "deferred",
        };
        let mut forms = Vec::new();
        if template.kind == TemplateKind::Function {
            forms.push(atom(self.name(template.name)));
        }
        forms.push(row(self.variables(template)));
        if !template.captures.is_empty() {
            forms.push(list("captures", (0..template.captures.len()).map(|index| self.capture(template, index))));
        }
        if template.kind == TemplateKind::Deferred {
            forms.push(atom(print::text(self.runtime, template.deferred, print::Style::Dump)));
        } else {
            forms.push(self.node(template, &template.body));
        }
        list(head, forms)
    }

    fn variables(&self, template: &Template) -> Vec<Form> {
        let fixed = template.parameters as usize;
        let mut forms = Vec::new();
        for (slot, variable) in template.variables.iter().enumerate() {
            match slot {
                _ if slot == fixed && template.rest => forms.push(atom(".")),
                _ if slot == fixed + usize::from(template.rest) => forms.push(atom("|")),
                _ => {}
            }
            let mark = if variable.boxed { "&" } else { "" };
            forms.push(atom(format!("{mark}{}", self.name(variable.name))));
        }
        forms
    }

    fn capture(&self, template: &Template, index: usize) -> Form {
        let name = template.captured_names.get(index).map_or("_".into(), |name| self.name(*name));
        let mark = if template.captured_boxed.get(index) == Some(&true) { "&" } else { "" };
        atom(match template.captures[index] {
            Capture::Local(slot) => format!("{mark}{name}/{slot}"),
            Capture::Captured(outer) => format!("{mark}{name}^{outer}"),
        })
    }

    fn local(&self, template: &Template, slot: u32) -> Form {
        let name = template.variables.get(slot as usize).map_or("_".into(), |variable| self.name(variable.name));
        atom(format!("{name}/{slot}"))
    }

    fn captured(&self, template: &Template, index: u32) -> Form {
        let name = template.captured_names.get(index as usize).map_or("_".into(), |name| self.name(*name));
        atom(format!("{name}^{index}"))
    }

    fn global(&self, template: &Template, index: u32) -> Form {
        let cell = template.cells.get(index as usize).map(|cell| self.runtime.cells.get(*cell).symbol);
        atom(cell.map_or("_", |symbol| self.runtime.symbols.name(symbol)))
    }

    fn constant(&self, template: &Template, index: u32) -> Form {
        let value = template.constants.get(index as usize).copied().unwrap_or(Value::NIL);
        let text = print::text(self.runtime, value, print::Style::Dump);
        let needs_quote = value.is_pair() || self.runtime.as_symbol(value).is_some();
        atom(if needs_quote { format!("'{text}") } else { text })
    }

    fn nodes(&self, template: &Template, nodes: &[Node]) -> Vec<Form> {
        nodes.iter().map(|node| self.node(template, node)).collect()
    }

    fn node(&self, template: &Template, node: &Node) -> Form {
        if crate::value::stack_address() < self.runtime.context.stack_floor {
            return atom("…");
        }
        let form = |node: &Node| self.node(template, node);
        match node {
            Node::Constant(index) => self.constant(template, *index),
            Node::Local(slot) => self.local(template, *slot),
            Node::Captured(index) => self.captured(template, *index),
            Node::Global(index, _) => self.global(template, *index),
            Node::Bind(slot, value) => list("bind", [self.local(template, *slot), form(value)]),
            Node::SetLocal(slot, value) => list("set", [self.local(template, *slot), form(value)]),
            Node::SetCaptured(index, value) => list("set", [self.captured(template, *index), form(value)]),
            Node::SetGlobal(index, value, _) => list("set", [self.global(template, *index), form(value)]),
            Node::Define(index, value, constant, _) => {
                let head = if *constant { "define-constant" } else { "define" };
                list(head, [self.global(template, *index), form(value)])
            }
            Node::If(test, then, otherwise) => list("if", [form(test), form(then), form(otherwise)]),
            Node::Sequence(nodes) => list("sequence", self.nodes(template, nodes)),
            Node::While(test, body, _) => list("while", [form(test), form(body)]),
            Node::Loop(turns) => {
                let bindings = turns.bindings.iter();
                let bindings = bindings.map(|(slot, value)| row(vec![self.local(template, *slot), form(value)]));
                list("loop", [atom(turns.label.to_string()), row(bindings.collect()), form(&turns.body)])
            }
            Node::Continue(label, values) => {
                let operands = std::iter::once(atom(label.to_string())).chain(self.nodes(template, values));
                list("continue", operands)
            }
            Node::Lambda(inner) => self.template(inner),
            Node::Fix(functions, body) => {
                let functions = functions.iter();
                let functions =
                    functions.map(|(slot, inner)| row(vec![self.local(template, *slot), self.template(inner)]));
                list("fix", [row(functions.collect()), form(body)])
            }
            Node::Call(call) => {
                let head = if call.tail { "tail-call" } else { "call" };
                list(head, std::iter::once(form(&call.function)).chain(self.nodes(template, &call.arguments)))
            }
            Node::Try(attempt) => self.attempt(template, attempt),
            Node::WithEnvironment(with) => {
                list("with-environment", [form(&with.environment), self.template(&with.template)])
            }
        }
    }

    fn attempt(&self, template: &Template, attempt: &Try) -> Form {
        let mut forms = vec![self.node(template, &attempt.body)];
        if let Some((slot, handler)) = &attempt.catch {
            forms.push(list("catch", [self.local(template, *slot), self.node(template, handler)]));
        }
        if let Some(finally) = &attempt.finally {
            forms.push(list("finally", [self.node(template, finally)]));
        }
        list("try", forms)
    }
}
