//! A name for a template's content: the same tree, made again, has the same digest, in any process.
//!
//! What goes in: structure, slots, names of variables and cells, constants as they are dumped, forms of a
//! `with-environment`, positions with the names of their sources. What does not: numbers of cells, symbols, sources
//! and code objects, what the interpreter counted, the identity of constants.
//! A constant that has no text of its own, such as a function put into the code by a macro, counts by its type and
//! name only.

use crate::runtime::tree::{Call, Capture, Loop, Node, Template, TemplateKind, Try};
use crate::runtime::Runtime;
use crate::syntax::print;
use crate::value::Value;
use maru_core::abi::Position;
use sha2::{Digest, Sha256};

/// The digest of a template and all templates in it.
pub fn digest(runtime: &Runtime, template: &Template) -> [u8; 32] {
    let mut writer = Writer { runtime, bytes: Vec::with_capacity(1024), source: u32::MAX };
    // Trees may be deeper than the stack allows to recur.
    let mut parts = vec![Part::Template(template)];
    while let Some(part) = parts.pop() {
        match part {
            Part::Template(template) => writer.template(template, &mut parts),
            Part::Node(node) => writer.node(node, &mut parts),
        }
    }
    Sha256::digest(&writer.bytes).into()
}

/// What remains to be written.
enum Part<'t> {
    Template(&'t Template),
    Node(&'t Node),
}

/// Writes a tree as bytes from which it could be told apart from every other tree: each part begins with a letter
/// or a count, from which it is known how many parts follow.
struct Writer<'a> {
    runtime: &'a Runtime,
    bytes: Vec<u8>,
    /// The source that positions are in, until another is named.
    source: u32,
}

impl Writer<'_> {
    fn letter(&mut self, letter: u8) {
        self.bytes.push(letter);
    }
    fn number(&mut self, number: u32) {
        self.bytes.extend(number.to_le_bytes());
    }
    fn count(&mut self, count: usize) {
        self.bytes.extend((count as u64).to_le_bytes());
    }
    fn flag(&mut self, flag: bool) {
        self.bytes.push(u8::from(flag));
    }
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend(text.as_bytes());
    }
    fn value(&mut self, value: Value) {
        let text = print::text(self.runtime, value, print::Style::Dump);
        self.text(&text);
    }
    fn position(&mut self, position: Position) {
        if position.source != self.source {
            self.source = position.source;
            let name = self.runtime.sources.get(position.source).map_or("", |source| source.name.as_str());
            self.letter(b'@');
            self.text(name);
        }
        self.letter(b':');
        self.number(position.offset);
    }

    fn template<'t>(&mut self, template: &'t Template, parts: &mut Vec<Part<'t>>) {
        self.letter(match template.kind {
            TemplateKind::Function => b'F',
            TemplateKind::TopLevel => b'T',
            TemplateKind::Deferred => b'D',
        });
        self.value(template.name);
        self.position(template.position);
        self.number(template.parameters);
        self.flag(template.rest);
        self.count(template.variables.len());
        for variable in &template.variables {
            self.value(variable.name);
            self.flag(variable.boxed);
        }
        self.count(template.captures.len());
        for (index, capture) in template.captures.iter().enumerate() {
            match capture {
                Capture::Local(slot) => (self.letter(b'l'), self.number(*slot)),
                Capture::Captured(outer) => (self.letter(b'c'), self.number(*outer)),
            };
            self.flag(template.captured_boxed[index]);
            self.value(template.captured_names[index]);
        }
        self.count(template.constants.len());
        template.constants.iter().for_each(|constant| self.value(*constant));
        self.count(template.cells.len());
        for cell in &template.cells {
            let name = self.runtime.cells.get(*cell).symbol;
            self.text(self.runtime.symbols.name(name));
        }
        self.number(template.loops);
        self.value(template.deferred);
        parts.push(Part::Node(&template.body));
    }

    fn numbered(&mut self, letter: u8, number: u32) {
        self.letter(letter);
        self.number(number);
    }

    fn counted<'t>(&mut self, nodes: &'t [Node], parts: &mut Vec<Part<'t>>) {
        self.count(nodes.len());
        parts.extend(nodes.iter().map(Part::Node));
    }

    /// Write a node without its children, which become parts to be written.
    fn node<'t>(&mut self, node: &'t Node, parts: &mut Vec<Part<'t>>) {
        match node {
            Node::Constant(index) => self.numbered(b'k', *index),
            Node::Local(slot) => self.numbered(b'l', *slot),
            Node::Captured(index) => self.numbered(b'c', *index),
            Node::Global(index, position) => {
                self.numbered(b'g', *index);
                self.position(*position);
            }
            Node::Bind(slot, value) => {
                self.numbered(b'b', *slot);
                parts.push(Part::Node(value));
            }
            Node::SetLocal(slot, value) => {
                self.numbered(b's', *slot);
                parts.push(Part::Node(value));
            }
            Node::SetCaptured(index, value) => {
                self.numbered(b'S', *index);
                parts.push(Part::Node(value));
            }
            Node::SetGlobal(index, value, position) => {
                self.numbered(b'G', *index);
                self.position(*position);
                parts.push(Part::Node(value));
            }
            Node::Define(index, value, constant, position) => {
                self.numbered(if *constant { b'K' } else { b'd' }, *index);
                self.position(*position);
                parts.push(Part::Node(value));
            }
            Node::If(test, then, otherwise) => {
                self.letter(b'i');
                parts.extend([test, then, otherwise].map(|node| Part::Node(node)));
            }
            Node::Sequence(nodes) => {
                self.letter(b'q');
                self.counted(nodes, parts);
            }
            Node::While(test, body, position) => {
                self.letter(b'w');
                self.position(*position);
                parts.extend([test, body].map(|node| Part::Node(node)));
            }
            Node::Loop(turns) => self.turns(turns, parts),
            Node::Continue(label, values) => {
                self.numbered(b'n', *label);
                self.counted(values, parts);
            }
            Node::Lambda(template) => {
                self.letter(b'f');
                parts.push(Part::Template(template));
            }
            Node::Fix(functions, body) => {
                self.letter(b'x');
                self.count(functions.len());
                for (slot, template) in functions {
                    self.number(*slot);
                    parts.push(Part::Template(template));
                }
                parts.push(Part::Node(body));
            }
            Node::Call(call) => self.call(call, parts),
            Node::Try(attempt) => self.attempt(attempt, parts),
            Node::WithEnvironment(with) => {
                self.letter(b'e');
                self.position(with.position);
                parts.extend([Part::Node(&with.environment), Part::Template(&with.template)]);
            }
        }
    }

    fn turns<'t>(&mut self, turns: &'t Loop, parts: &mut Vec<Part<'t>>) {
        self.numbered(b'o', turns.label);
        self.position(turns.position);
        self.count(turns.bindings.len());
        for (slot, value) in &turns.bindings {
            self.number(*slot);
            parts.push(Part::Node(value));
        }
        parts.push(Part::Node(&turns.body));
    }

    fn call<'t>(&mut self, call: &'t Call, parts: &mut Vec<Part<'t>>) {
        self.letter(if call.tail { b't' } else { b'a' });
        self.position(call.position);
        parts.push(Part::Node(&call.function));
        self.counted(&call.arguments, parts);
    }

    fn attempt<'t>(&mut self, attempt: &'t Try, parts: &mut Vec<Part<'t>>) {
        self.letter(b'y');
        self.position(attempt.position);
        parts.push(Part::Node(&attempt.body));
        self.flag(attempt.catch.is_some());
        if let Some((slot, handler)) = &attempt.catch {
            self.number(*slot);
            parts.push(Part::Node(handler));
        }
        self.flag(attempt.finally.is_some());
        parts.extend(attempt.finally.iter().map(Part::Node));
    }
}
