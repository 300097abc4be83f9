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
use maru_core::abi::Position;
use std::fmt::Write;

/// How wide a line may get before its form is broken up.
const WIDTH: usize = 100;

/// The text of a prototype and all prototypes in it.
pub fn tree_text(runtime: &Runtime, prototype: &Prototype) -> String {
    let mut output = Output::default();
    Writer { runtime }.prototype(prototype).layout(0, &mut output);
    output.text.push('\n');
    output.text
}

/// A line of a tree's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TreeLine {
    /// The line of the source that the first call or function in it stands on, if there is one.
    pub source: Option<u32>,
    /// The line.
    pub text: String,
}

/// The same text by lines, each with its place in the source: what comes of several lines of the source takes several.
pub fn tree_lines(runtime: &Runtime, prototype: &Prototype) -> Vec<TreeLine> {
    let mut output = Output { by_lines: true, ..Output::default() };
    Writer { runtime }.prototype(prototype).layout(0, &mut output);
    let mut places = output.places.iter().peekable();
    let (mut lines, mut end) = (Vec::new(), 0);
    for text in output.text.split_inclusive('\n') {
        end += text.len();
        let mut source = None;
        while let Some((_, line)) = places.next_if(|(at, _)| *at < end) {
            source = source.or(Some(*line));
        }
        lines.push(TreeLine { source, text: text.trim_end_matches('\n').into() });
    }
    lines
}

/// Text, and where in it what stands on some line of the source begins, in order.
#[derive(Default)]
struct Output {
    text: String,
    places: Vec<(usize, u32)>,
    /// What stands on several lines of the source is broken up.
    by_lines: bool,
}

/// Where a form stands in the source.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// Its own line, if it says so.
    line: Option<u32>,
    /// The first and the last line of all that is in it and says so.
    all: Option<(u32, u32)>,
}

impl Extent {
    /// One around two.
    fn around(a: Option<(u32, u32)>, b: Option<(u32, u32)>) -> Option<(u32, u32)> {
        match (a, b) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            _ => a.or(b),
        }
    }
}

/// A form of the text: an atom, or a list.
enum Form {
    Atom(String),
    /// With its width on one line.
    List(usize, Vec<Form>, Extent),
}

impl Form {
    fn width(&self) -> usize {
        match self {
            Form::Atom(text) => text.len(),
            Form::List(width, ..) => *width,
        }
    }

    /// Lists too wide for a line are broken: head and first operand, then one operand a line, indented by two.
    fn layout(&self, indentation: usize, output: &mut Output) {
        // Very deep trees go on at the same indentation.
        let inner = (indentation + 2).min(2 * WIDTH);
        let forms = match self {
            Form::Atom(atom) => return output.text.push_str(atom),
            Form::List(_, forms, extent) => {
                output.places.extend(extent.line.map(|line| (output.text.len(), line)));
                forms
            }
        };
        let is_on_one_line = !output.by_lines || self.extent().is_none_or(|(first, last)| first == last);
        let fits = is_on_one_line && indentation + self.width() <= WIDTH;
        output.text.push('(');
        for (index, form) in forms.iter().enumerate() {
            match index {
                0 => {}
                _ if fits || index == 1 => output.text.push(' '),
                _ => write!(output.text, "\n{:1$}", "", inner).unwrap_or_default(),
            }
            form.layout(inner, output);
        }
        output.text.push(')');
    }

    /// The first and the last line of the source that it stands on.
    fn extent(&self) -> Option<(u32, u32)> {
        match self {
            Form::Atom(_) => None,
            Form::List(_, _, extent) => extent.all,
        }
    }

    /// The same form, which stands on a line.
    fn at(self, line: Option<u32>) -> Form {
        match self {
            Form::List(width, forms, extent) => {
                let all = Extent::around(extent.all, line.map(|line| (line, line)));
                Form::List(width, forms, Extent { line, all })
            }
            atom => atom,
        }
    }
}

struct Writer<'a> {
    runtime: &'a Runtime,
}

fn atom(text: impl Into<String>) -> Form {
    Form::Atom(text.into())
}

fn row(forms: Vec<Form>) -> Form {
    let width = 1 + forms.iter().map(|form| form.width() + 1).sum::<usize>();
    let all = forms.iter().map(Form::extent).fold(None, Extent::around);
    Form::List(width, forms, Extent { line: None, all })
}

fn list(head: &str, operands: impl IntoIterator<Item = Form>) -> Form {
    row(std::iter::once(atom(head)).chain(operands).collect())
}

impl Writer<'_> {
    fn line(&self, position: Position) -> Option<u32> {
        self.runtime.sources.locate(position).map(|(_, line, _)| line)
    }

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
        list(head, forms).at(self.line(prototype.position))
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
                let forms = std::iter::once(form(&call.function)).chain(self.nodes(prototype, &call.arguments));
                list(head, forms).at(self.line(call.position))
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
