//! Values as text.
//!
//! Lists of any length and depth are written without recursion. A structure that contains itself is cut off with
//! `…` where it comes round. Text is made in pieces where it goes somewhere else at once, so that it may be longer than
//! memory.

use super::token::is_delimiter;
use crate::runtime::tree::{Prototype, Variable};
use crate::runtime::{table, Runtime};
use crate::syntax::reads_as_symbol;
use crate::value::number::Number;
use crate::value::{offset, Kind, Value};
use rustc_hash::FxHashSet;
use std::fmt::Write;

/// For whom a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// For people: strings are bare.
    Print,
    /// For the reader: strings are quoted, with escapes.
    Dump,
}

/// The text of a value, cut off after `LONGEST` bytes: a structure that shares its parts may be far longer as text
/// than in memory.
pub fn text(runtime: &Runtime, value: Value, style: Style) -> String {
    text_within(runtime, value, style, LONGEST)
}

/// The most bytes of text that are made of one value at once.
const LONGEST: usize = 1 << 28;

/// The text of a value, cut off with `…` where there is more than about `limit` bytes of it.
pub fn text_within(runtime: &Runtime, value: Value, style: Style, limit: usize) -> String {
    let mut printing = Printing::new(value, style);
    let mut text = String::new();
    printing.write(runtime, &mut text, limit);
    if !printing.is_done() {
        text.push('…');
    }
    text
}

/// What a function takes, as a list of its parameters is written: `(a b . rest)`.
pub fn parameters_text(runtime: &Runtime, prototype: &Prototype) -> String {
    let count = prototype.parameters as usize;
    let name = |variable: &Variable| {
        // Those that the expander made have no names that a program knows.
        runtime.as_symbol(variable.name).map_or("_", |symbol| runtime.symbols.name(symbol))
    };
    let mut text: Vec<&str> = prototype.variables.iter().take(count).map(name).collect();
    if let Some(rest) = prototype.variables.get(count).filter(|_| prototype.rest) {
        text.extend([".", name(rest)]);
    }
    format!("({})", text.join(" "))
}

/// The writing of a value, which can stop and go on. Until it is done the value must not change, nor die.
pub struct Printing {
    style: Style,
    steps: Vec<Step>,
    /// Addresses of the structures whose inside is being written.
    open: FxHashSet<usize>,
}

/// How long the pieces are that a text is made in.
const PIECE: usize = 1 << 14;

impl Printing {
    /// Nothing is written yet.
    pub fn new(value: Value, style: Style) -> Printing {
        Printing { style, steps: vec![Step::Value(value)], open: FxHashSet::default() }
    }

    /// The next piece of the text; none at its end.
    pub fn piece(&mut self, runtime: &Runtime) -> Option<String> {
        let mut text = String::new();
        self.write(runtime, &mut text, PIECE);
        (!text.is_empty()).then_some(text)
    }

    fn is_done(&self) -> bool {
        self.steps.is_empty()
    }

    /// Append to the text until it has some bytes more than `limit`, or there is no more.
    fn write(&mut self, runtime: &Runtime, text: &mut String, limit: usize) {
        let Printing { style, steps, open } = self;
        let mut printer = Printer { runtime, style: *style, text, steps, open };
        while printer.text.len() <= limit {
            let Some(step) = printer.steps.pop() else { return };
            printer.step(step);
        }
    }
}

/// What remains to be written, last one first.
enum Step {
    /// The pairs of a list from here on, of which `count` have been written; some earlier pair, to notice cycles.
    Pairs { rest: Value, earlier: Value, count: usize },
    /// Values from an index on.
    Elements { of: Elements, index: usize },
    /// A value on its own.
    Value(Value),
    /// Keys and values of a table, as pairs.
    Entries(std::vec::IntoIter<(Value, Value)>),
    /// This.
    Text(&'static str),
    /// Close what opened at this address.
    Close(usize, char),
}

/// Values in a row.
#[derive(Clone, Copy)]
enum Elements {
    Array(Value),
    Fields(Value),
}

struct Printer<'a> {
    runtime: &'a Runtime,
    style: Style,
    text: &'a mut String,
    steps: &'a mut Vec<Step>,
    open: &'a mut FxHashSet<usize>,
}

impl Printer<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Value(value) => self.value(value),
            Step::Text(text) => self.text.push_str(text),
            Step::Entries(entries) => self.entries(entries),
            Step::Pairs { rest, earlier, count } => self.pairs(rest, earlier, count),
            Step::Elements { of, index } => self.elements(of, index),
            Step::Close(address, bracket) => {
                self.open.remove(&address);
                if bracket != '\0' {
                    self.text.push(bracket);
                }
            }
        }
    }

    /// Note that a structure is being written; false if it is already, around this place.
    fn enter(&mut self, value: Value) -> bool {
        let fresh = self.open.insert(value.address());
        if !fresh {
            self.text.push('…');
        }
        fresh
    }

    fn value(&mut self, value: Value) {
        if let Some(number) = Number::from_value(value) {
            return self.put(format_args!("{number}"));
        }
        if value.is_pair() {
            return self.list(value);
        }
        match self.runtime.kind(value) {
            Some(kind) => self.object(value, kind),
            None if value.is_nil() => self.text.push_str("()"),
            None if value == Value::TRUE => self.text.push_str("#t"),
            None => self.text.push_str("<mark>"),
        }
    }

    fn put(&mut self, text: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
    }

    fn list(&mut self, list: Value) {
        if !self.enter(list) {
            return;
        }
        let rest = self.runtime.cdr(list);
        if let (Some(prefix), true) = (self.prefix(list), rest.is_pair() && self.runtime.cdr(rest).is_nil()) {
            self.text.push_str(prefix);
            if prefix == "," && self.begins_with_at(self.runtime.car(rest)) {
                self.text.push(' ');
            }
            self.steps.push(Step::Close(list.address(), '\0'));
            self.steps.push(Step::Value(self.runtime.car(rest)));
            return;
        }
        self.text.push('(');
        self.steps.push(Step::Close(list.address(), ')'));
        self.pairs(list, Value::NIL, 0);
    }

    /// What the reader takes for a list with this head.
    fn prefix(&self, list: Value) -> Option<&'static str> {
        let head = self.runtime.as_symbol(self.runtime.car(list))?;
        Some(match self.runtime.symbols.name(head) {
            "quote" => "'",
            "quasiquote" => "`",
            "unquote" => ",",
            "unquote-splicing" => ",@",
            _ => return None,
        })
    }

    /// Whether a value is a symbol that would make `,@` of a comma.
    fn begins_with_at(&self, value: Value) -> bool {
        self.runtime.as_symbol(value).is_some_and(|symbol| self.runtime.symbols.name(symbol).starts_with('@'))
    }

    fn pairs(&mut self, rest: Value, earlier: Value, count: usize) {
        if rest.is_nil() {
            return;
        }
        if count > 0 {
            self.text.push(' ');
        }
        if rest == earlier {
            return self.text.push('…');
        }
        if !rest.is_pair() {
            self.text.push_str(". ");
            return self.steps.push(Step::Value(rest));
        }
        // Brent: the pair remembered moves up whenever the distance to it has doubled.
        let earlier = if count.is_power_of_two() { rest } else { earlier };
        let next = self.runtime.cdr(rest);
        self.steps.push(Step::Pairs { rest: next, earlier, count: count + 1 });
        self.steps.push(Step::Value(self.runtime.car(rest)));
    }

    fn elements(&mut self, of: Elements, index: usize) {
        let values: &[Value] = match of {
            Elements::Array(array) => {
                let storage = self.runtime.field(array, offset::SEQUENCE_STORAGE);
                let length = self.runtime.sequence_length(array);
                self.runtime.slots(storage).get(..length).unwrap_or_default()
            }
            // The fields follow the class.
            Elements::Fields(instance) => self.runtime.slots(instance).get(1..).unwrap_or_default(),
        };
        let Some(value) = values.get(index) else { return };
        if index > 0 {
            self.text.push(' ');
        }
        self.steps.push(Step::Elements { of, index: index + 1 });
        self.steps.push(Step::Value(*value));
    }

    /// The next entry of a table, and then the others.
    fn entries(&mut self, mut entries: std::vec::IntoIter<(Value, Value)>) {
        let Some((key, value)) = entries.next() else { return };
        if entries.len() > 0 {
            self.steps.push(Step::Entries(entries));
            self.steps.push(Step::Text(") "));
        } else {
            self.steps.push(Step::Text(")"));
        }
        self.text.push('(');
        self.steps.push(Step::Pairs { rest: value, earlier: Value::NIL, count: 1 });
        self.steps.push(Step::Value(key));
    }

    fn object(&mut self, value: Value, kind: Kind) {
        let runtime = self.runtime;
        match kind {
            Kind::Table => {
                if self.enter(value) {
                    self.text.push_str("<table>(");
                    self.steps.push(Step::Close(value.address(), ')'));
                    self.steps.push(Step::Entries(table::entries(runtime, value).into_iter()));
                }
            }
            Kind::String if self.style == Style::Dump => self.quoted(value),
            Kind::String => self.text.push_str(&runtime.text(value)),
            Kind::Symbol => {
                let name = runtime.as_symbol(value).map_or("", |symbol| runtime.symbols.name(symbol));
                if self.style == Style::Print || reads_as_symbol(name) {
                    self.text.push_str(name);
                } else {
                    self.name_in_bars(name);
                }
            }
            Kind::Array => {
                if self.enter(value) {
                    self.text.push_str("#(");
                    self.steps.push(Step::Close(value.address(), ')'));
                    self.steps.push(Step::Elements { of: Elements::Array(value), index: 0 });
                }
            }
            Kind::Instance => {
                if self.enter(value) {
                    let class = runtime.field(value, offset::INSTANCE_CLASS);
                    self.opaque(class, Kind::Class);
                    self.text.push('(');
                    self.steps.push(Step::Close(value.address(), ')'));
                    self.steps.push(Step::Elements { of: Elements::Fields(value), index: 0 });
                }
            }
            Kind::Error => self.error(value),
            _ => self.opaque(value, kind),
        }
    }

    /// What has no text that reads back: its type, and its name if it has one.
    fn opaque(&mut self, value: Value, kind: Kind) {
        let type_name = match kind {
            Kind::Closure => "<expr>",
            Kind::Primitive => "<subr>",
            Kind::Form => "<form>",
            Kind::Environment => "<environment>",
            Kind::Data => "<data>",
            Kind::Class => "<class>",
            Kind::Selector => "<selector>",
            Kind::Generic => "<generic>",
            Kind::Port => "<port>",
            Kind::Architecture => "<architecture>",
            Kind::Box => "<box>",
            Kind::Code => "<code>",
            Kind::Bytes | Kind::Slots => "<storage>",
            _ => "<object>",
        };
        let name = self.name(value, kind);
        if kind == Kind::Class && !name.is_empty() {
            return self.text.push_str(&name);
        }
        self.text.push_str(type_name);
        self.text.push_str(&name);
        if kind == Kind::Closure {
            self.parameters(value);
        }
    }

    /// `(a b . rest)`: what a function takes.
    fn parameters(&mut self, function: Value) {
        let Some(prototype) = self.runtime.prototype(function) else { return };
        self.text.push_str(&parameters_text(self.runtime, prototype));
    }

    fn name(&self, value: Value, kind: Kind) -> String {
        let runtime = self.runtime;
        let symbol_name = |name: Value| {
            runtime.as_symbol(name).map_or(String::new(), |symbol| runtime.symbols.name(symbol).to_string())
        };
        match kind {
            Kind::Closure => runtime.prototype(value).map_or(String::new(), |prototype| symbol_name(prototype.name)),
            Kind::Class => crate::runtime::classes::class(runtime, value)
                .map_or(String::new(), |class| runtime.symbols.name(class.name).to_string()),
            Kind::Selector | Kind::Generic => crate::runtime::classes::generic(runtime, value)
                .map_or(String::new(), |generic| runtime.symbols.name(generic.name).to_string()),
            Kind::Form => {
                let function = runtime.field(value, offset::FORM_FUNCTION);
                runtime.kind(function).map_or(String::new(), |kind| self.name(function, kind))
            }
            Kind::Environment => {
                let environment = runtime.as_environment(value).map(|index| runtime.environments.get(index));
                let name = environment.and_then(|environment| environment.name);
                name.map_or(String::new(), |name| runtime.symbols.name(name).to_string())
            }
            Kind::Primitive => {
                let index = runtime.field(value, offset::CALLABLE_INDEX).as_fixnum().unwrap_or(-1);
                let primitive = usize::try_from(index).ok().and_then(|index| runtime.primitives.get(index));
                primitive.map_or(String::new(), |primitive| primitive.name.to_string())
            }
            _ => String::new(),
        }
    }

    /// `<error>kind: message irritant…`.
    fn error(&mut self, error: Value) {
        if !self.enter(error) {
            return;
        }
        let runtime = self.runtime;
        self.text.push_str("<error>");
        let kind = runtime.field(error, offset::ERROR_KIND);
        let name = runtime.as_symbol(kind).map_or("", |symbol| runtime.symbols.name(symbol));
        let message = runtime.field(error, offset::ERROR_MESSAGE);
        let message = if runtime.is_kind(message, Kind::String) { runtime.text(message) } else { String::new() };
        self.put(format_args!("{name}: {message}"));
        let irritants = runtime.field(error, offset::ERROR_IRRITANTS);
        self.steps.push(Step::Close(error.address(), '\0'));
        if irritants.is_pair() {
            self.text.push(' ');
            self.pairs(irritants, Value::NIL, 0);
        }
    }

    /// `|a b|`. What follows the first bar tells it from the symbol `|`, so that it must not look like its end.
    fn name_in_bars(&mut self, name: &str) {
        self.text.push('|');
        for (index, character) in name.chars().enumerate() {
            match character {
                '|' => self.text.push_str("\\|"),
                _ if index == 0 && is_delimiter(character) => self.put(format_args!("\\u{{{:x}}}", character as u32)),
                _ => self.escaped(character),
            }
        }
        self.text.push('|');
    }

    fn quoted(&mut self, string: Value) {
        let length = self.runtime.sequence_length(string);
        let storage = self.runtime.field(string, offset::SEQUENCE_STORAGE);
        self.text.push('"');
        for bytes in self.runtime.bytes(storage).chunks_exact(4).take(length) {
            let point = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            self.escaped(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.text.push('"');
    }

    fn escaped(&mut self, character: char) {
        match character {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            '\n' => self.text.push_str("\\n"),
            '\t' => self.text.push_str("\\t"),
            '\r' => self.text.push_str("\\r"),
            '\u{1b}' => self.text.push_str("\\e"),
            '\0'..='\u{1f}' | '\u{7f}' => self.put(format_args!("\\x{:02x}", character as u32)),
            // Marks that change how the text around them is shown.
            '\u{80}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                self.put(format_args!("\\u{:04x}", character as u32));
            }
            _ => self.text.push(character),
        }
    }
}
