//! Values as text: for people, or such that it reads back.

use crate::value::{Function, Value};

/// Longer texts, and structures that contain themselves, are not the model's to judge.
const LONGEST: usize = 100_000;
/// Structures nested deeper are not either.
const DEEPEST: usize = 500;

/// The text of a value; `None` where the model does not know it.
pub fn text(value: &Value, readable: bool) -> Option<String> {
    let mut printer = Printer { text: String::new(), readable };
    printer.value(value, 0)?;
    Some(printer.text)
}

struct Printer {
    text: String,
    readable: bool,
}

impl Printer {
    fn value(&mut self, value: &Value, depth: usize) -> Option<()> {
        if depth > DEEPEST || self.text.len() > LONGEST {
            return None;
        }
        match value {
            Value::Nil => self.text.push_str("()"),
            Value::True => self.text.push_str("#t"),
            Value::Integer(number) => self.text.push_str(&number.to_string()),
            Value::Double(number) => self.text.push_str(&double(*number)),
            Value::Symbol(name) if self.readable => self.text.push_str(&symbol(name)?),
            Value::Symbol(name) => self.text.push_str(name),
            Value::Text(characters) if self.readable => self.string(&characters.borrow()),
            Value::Text(characters) => self.text.extend(characters.borrow().iter()),
            Value::Pair(_) => return self.list(value, depth),
            Value::Array(elements) => {
                self.text.push_str("#(");
                self.several(&elements.borrow(), depth)?;
                self.text.push(')');
            }
            Value::Data(_) => self.text.push_str("<data>"),
            Value::Table(entries) => {
                self.text.push_str("<table>(");
                for (number, (key, value)) in entries.borrow().iter().enumerate() {
                    if number > 0 {
                        self.text.push(' ');
                    }
                    self.list(&Value::list_onto(vec![key.clone()], value.clone()), depth + 1)?;
                }
                self.text.push(')');
            }
            Value::Primitive(name) => self.named("<subr>", Some(name)),
            Value::Function(function) => {
                self.named("<expr>", function.name.borrow().as_deref());
                self.parameters(function);
            }
            Value::Macro(function) => self.named("<form>", function.name.borrow().as_deref()),
            // What environments are called is not modelled.
            Value::Environment(_) | Value::Error(_) => return None,
            Value::Class(class) => self.text.push_str(&class.name),
            Value::Instance(instance) => {
                self.text.push_str(&instance.class.name);
                self.text.push('(');
                self.several(&instance.fields.borrow(), depth)?;
                self.text.push(')');
            }
            Value::Generic(generic) => {
                let kind = if generic.chosen.is_some() { "<generic>" } else { "<selector>" };
                self.named(kind, Some(&generic.name));
            }
            Value::Accessor(accessor) => {
                self.named("<expr>", Some(&accessor.name));
                self.text.push_str(if accessor.sets { "(object value)" } else { "(object)" });
            }
        }
        Some(())
    }

    fn named(&mut self, kind: &str, name: Option<&str>) {
        self.text.push_str(kind);
        self.text.push_str(name.unwrap_or_default());
    }

    /// `(a b . rest)`.
    fn parameters(&mut self, function: &Function) {
        let mut names: Vec<&str> = function.parameters.iter().map(|name| &**name).collect();
        if let Some(rest) = &function.rest {
            names.extend([".", rest]);
        }
        self.text.push_str(&format!("({})", names.join(" ")));
    }

    fn several(&mut self, values: &[Value], depth: usize) -> Option<()> {
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                self.text.push(' ');
            }
            self.value(value, depth + 1)?;
        }
        Some(())
    }

    fn list(&mut self, list: &Value, depth: usize) -> Option<()> {
        if let Some((mark, form)) = quotation(list) {
            self.text.push_str(mark);
            return self.value(&form, depth + 1);
        }
        self.text.push('(');
        let mut rest = list.clone();
        loop {
            self.value(&rest.first(), depth + 1)?;
            rest = rest.rest();
            match rest {
                Value::Pair(_) => self.text.push(' '),
                Value::Nil => break,
                other => {
                    self.text.push_str(" . ");
                    self.value(&other, depth + 1)?;
                    break;
                }
            }
        }
        self.text.push(')');
        Some(())
    }

    fn string(&mut self, characters: &[char]) {
        self.text.push('"');
        for character in characters {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                '\r' => self.text.push_str("\\r"),
                '\u{1b}' => self.text.push_str("\\e"),
                other if *other < '\u{80}' && other.is_control() => {
                    self.text.push_str(&format!("\\x{:02x}", *other as u32));
                }
                other if other.is_control() => self.text.push_str(&format!("\\u{:04x}", *other as u32)),
                other => self.text.push(*other),
            }
        }
        self.text.push('"');
    }
}

/// `(quote x)` and its kin.
fn quotation(list: &Value) -> Option<(&'static str, Value)> {
    let (elements, end) = list.elements();
    let [Value::Symbol(name), form] = elements.as_slice() else { return None };
    let mark = match &**name {
        "quote" => "'",
        "quasiquote" => "`",
        "unquote" => ",",
        "unquote-splicing" => ",@",
        _ => return None,
    };
    matches!(end, Value::Nil).then(|| (mark, form.clone()))
}

/// A symbol that reads back as itself without bars; others are not modelled.
fn symbol(name: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || "+-*/<>=!?_.&^~%".contains(c);
    let fine = !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    let number_like = name
        .strip_prefix(['-', '+'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c.is_alphabetic()));
    (fine && !number_like && !name.starts_with(['?', '.']) || name == "|").then(|| name.to_string())
}

/// The shortest text that reads back as the same double, with a point or an exponent.
pub fn double(number: f64) -> String {
    match number {
        _ if number.is_nan() => "+nan.0".into(),
        f64::INFINITY => "+inf.0".into(),
        f64::NEG_INFINITY => "-inf.0".into(),
        _ => format!("{number:?}"),
    }
}
