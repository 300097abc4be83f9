//! The constants of saved trees, as data: one table for all prototypes of a library.
//!
//! A constant is named by a word: an atom without identity (nil, `#t`, a small number, a symbol) by itself,
//! everything else by `(number)`, its place in the table. An entry says what is there:
//!
//! ```text
//! (pair word word [offset])   offset: where the pair stands in the source, if it was read there
//! (array word…)
//! (data byte…)
//! (string "text")
//! (number 1e300)              an integer or double that is an object
//! (primitive name)
//! (environment)               the one that the library is opened in
//! (global)                    the one that programs run in
//! ```
//!
//! So what is one object stays one, wherever it occurs, and a constant may contain itself. An environment is never
//! copied: the one being saved is the one that the library will be opened in.

use super::primitives::{arrays, data};
use super::tree_form::Problem;
use crate::runtime::{classes, Outcome, Runtime};
use crate::syntax::print;
use crate::value::{Kind, Value};
use maru_core::abi::Position;
use rustc_hash::FxHashMap;

/// Collects the constants of trees. The constants are kept reachable by whoever has the trees.
pub struct ConstantTable {
    environment: Value,
    source: u32,
    numbers: FxHashMap<Value, usize>,
    objects: Vec<Value>,
}

impl ConstantTable {
    /// A table for what is saved of an environment. `source` is the number of the text it came from.
    pub fn new(environment: Value, source: u32) -> ConstantTable {
        ConstantTable { environment, source, numbers: FxHashMap::default(), objects: Vec::new() }
    }

    /// Enter a constant and all that it refers to.
    ///
    /// # Errors
    /// When the constant is, or has in it, something that a library cannot hold: what that is, in words.
    pub fn add(&mut self, runtime: &Runtime, constant: Value) -> Result<(), String> {
        let mut next = self.objects.len();
        self.enter(runtime, constant)?;
        // What an object refers to is entered behind it, until there is nothing new.
        while let Some(object) = self.objects.get(next) {
            for part in parts(runtime, *object) {
                self.enter(runtime, part)?;
            }
            next += 1;
        }
        Ok(())
    }

    /// Give an object a number.
    fn enter(&mut self, runtime: &Runtime, value: Value) -> Result<(), String> {
        if stands_for_itself(runtime, value) || self.numbers.contains_key(&value) {
            return Ok(());
        }
        let can_be_saved = match runtime.kind(value) {
            _ if value.is_pair() => true,
            Some(Kind::Big | Kind::Double | Kind::String | Kind::Array | Kind::Data | Kind::Primitive) => true,
            Some(Kind::Environment) => value == self.environment || value == runtime.global,
            _ => false,
        };
        if !can_be_saved {
            return Err(shown(runtime, value));
        }
        self.numbers.insert(value, self.objects.len());
        self.objects.push(value);
        Ok(())
    }

    /// The word for a constant that was added, kept reachable through the runtime's roots.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn word(&self, runtime: &mut Runtime, value: Value) -> Result<Value, Problem> {
        match self.numbers.get(&value) {
            Some(number) => rooted_list(runtime, &[Value::fixnum(*number as i64)]),
            None => Ok(value),
        }
    }

    /// The table's entries, in order; kept reachable through the runtime's roots.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn entries(&self, runtime: &mut Runtime) -> Result<Vec<Value>, Problem> {
        self.objects.iter().map(|object| self.entry(runtime, *object)).collect()
    }

    fn entry(&self, runtime: &mut Runtime, object: Value) -> Result<Value, Problem> {
        let mut words = Vec::new();
        for part in parts(runtime, object) {
            words.push(self.word(runtime, part)?);
        }
        let kind = match runtime.kind(object) {
            _ if object.is_pair() => {
                let position = runtime.positions.get(&(object.address() as u64));
                let here = position.filter(|position| position.is_known() && position.source == self.source);
                words.extend(here.map(|position| Value::fixnum(i64::from(position.offset))));
                "pair"
            }
            Some(Kind::Array) => "array",
            Some(Kind::Data) => {
                words.extend(data::contents(runtime, object).iter().map(|byte| Value::fixnum(i64::from(*byte))));
                "data"
            }
            Some(Kind::String) => {
                words.push(object);
                "string"
            }
            Some(Kind::Primitive) => {
                let name = runtime.primitive_name(object).unwrap_or_default();
                words.push(runtime.symbol_value(name));
                "primitive"
            }
            Some(Kind::Environment) if object == self.environment => "environment",
            Some(Kind::Environment) => "global",
            _ => {
                words.push(object);
                "number"
            }
        };
        words.insert(0, runtime.symbol_value(kind));
        rooted_list(runtime, &words)
    }
}

fn rooted_list(runtime: &mut Runtime, items: &[Value]) -> Result<Value, Problem> {
    let list = memory(runtime.list(items))?;
    runtime.roots.push(list);
    Ok(list)
}

fn memory(outcome: Outcome) -> Result<Value, Problem> {
    outcome.map_err(|_| "memory is used up".to_string())
}

/// Whether there is only one object that looks like this one, in every process.
fn stands_for_itself(runtime: &Runtime, value: Value) -> bool {
    !value.is_pair() && matches!(runtime.kind(value), None | Some(Kind::Symbol))
}

/// The values that an object refers to.
fn parts(runtime: &Runtime, object: Value) -> Vec<Value> {
    if object.is_pair() {
        return vec![runtime.car(object), runtime.cdr(object)];
    }
    match runtime.kind(object) {
        Some(Kind::Array) => arrays::elements(runtime, object).to_vec(),
        _ => Vec::new(),
    }
}

/// What a thing is called in a message: by its text, unless that may have no end.
fn shown(runtime: &Runtime, value: Value) -> String {
    match runtime.kind(value) {
        Some(Kind::Instance | Kind::Error) => {
            format!("an instance of {}", classes::class_name(runtime, classes::class_of(runtime, value)))
        }
        Some(Kind::Environment) => "an environment that is not its own".into(),
        _ => print::text(runtime, value, print::Style::Dump),
    }
}

/// The constants of a library that is being opened.
pub struct Constants {
    objects: Vec<Value>,
}

impl Constants {
    /// Make the constants that a table's entries describe. They are kept reachable through the runtime's roots.
    /// `source` is the number of the text that pairs stand in.
    ///
    /// # Errors
    /// What is wrong with an entry.
    pub fn read(
        runtime: &mut Runtime,
        entries: &[Value],
        environment: Value,
        source: u32,
    ) -> Result<Constants, Problem> {
        let mut constants = Constants { objects: Vec::with_capacity(entries.len()) };
        // All are made before any is filled: each may refer to each.
        for entry in entries {
            let object = make(runtime, *entry, environment)?;
            runtime.roots.push(object);
            constants.objects.push(object);
        }
        for (entry, object) in entries.iter().zip(&constants.objects) {
            constants.fill(runtime, *entry, *object, source)?;
        }
        Ok(constants)
    }

    /// The constant that a word names.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&self, runtime: &Runtime, word: Value) -> Result<Value, Problem> {
        if !word.is_pair() {
            return Ok(word);
        }
        let number = runtime.car(word).as_fixnum().and_then(|number| usize::try_from(number).ok());
        let object = number.and_then(|number| self.objects.get(number)).copied();
        object.ok_or_else(|| "a constant is named that does not exist".to_string())
    }

    fn fill(&self, runtime: &mut Runtime, entry: Value, object: Value, source: u32) -> Result<(), Problem> {
        let words = runtime.list_to_vec(runtime.cdr(entry));
        if object.is_pair() {
            let (car, cdr) = (self.value(runtime, words[0])?, self.value(runtime, words[1])?);
            runtime.set_car(object, car);
            runtime.set_cdr(object, cdr);
            let offset = words.get(2).and_then(|offset| offset.as_fixnum());
            if let Some(offset) = offset.and_then(|offset| u32::try_from(offset).ok()) {
                runtime.positions.insert(object.address() as u64, Position { source, offset });
            }
        } else if runtime.is_kind(object, Kind::Array) {
            for (index, word) in words.iter().enumerate() {
                let element = self.value(runtime, *word)?;
                arrays::set_element(runtime, object, index, element);
            }
        }
        Ok(())
    }
}

/// The object of an entry; pairs and arrays are empty as yet.
fn make(runtime: &mut Runtime, entry: Value, environment: Value) -> Result<Value, Problem> {
    let items = runtime.list_to_vec(entry);
    let (kind, words) = items.split_first().ok_or("a constant's entry is empty")?;
    let name = |value| runtime.as_symbol(value).map_or("", |symbol| runtime.symbols.name(symbol));
    match (name(*kind), words) {
        ("pair", [_, _] | [_, _, _]) => memory(runtime.cons(Value::NIL, Value::NIL)),
        ("array", _) => memory(runtime.array(words.len())),
        ("data", _) => {
            let bytes: Option<Vec<u8>> = words.iter().map(|byte| u8::try_from(byte.as_fixnum()?).ok()).collect();
            memory(data::from_bytes(runtime, &bytes.ok_or("what belongs to data is no byte")?))
        }
        ("string" | "number", [value]) => Ok(*value),
        ("primitive", [value]) => {
            let name = name(*value);
            runtime.primitive_value(name).ok_or_else(|| format!("there is no primitive '{name}'"))
        }
        ("environment", []) => Ok(environment),
        ("global", []) => Ok(runtime.global),
        (other, _) => Err(format!("there is no constant of the kind '{other}'")),
    }
}
