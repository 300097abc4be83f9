//! What was saved is made anew. First all objects, empty; then the trees of functions, which refer to them; then everything
//! is filled in, so that each may refer to each.

use super::{memory, rooted, Problem};
use crate::interp::primitives::{arrays, data, tables};
use crate::runtime::tree::Prototype;
use crate::runtime::{classes, Runtime, Symbol, PRELUDE_NAME};
use crate::value::{offset, Kind, Value};
use maru_core::abi::Position;
use std::rc::Rc;

/// A variable and its value.
pub struct SavedBinding {
    /// The name, a symbol.
    pub name: Value,
    /// The value.
    pub value: Value,
    /// Whether it is a constant.
    pub constant: bool,
}

/// A method for a selector that is not saved.
pub struct SavedMethod {
    /// The selector or multimethod.
    pub generic: Value,
    /// The function.
    pub function: Value,
    /// The classes that it is chosen for.
    pub classes: Vec<Value>,
}

/// The objects of a library that is being opened. They are kept reachable through the runtime's roots.
pub struct Loaded {
    entries: Vec<Value>,
    objects: Vec<Value>,
    /// The numbers here of the texts that positions belong to.
    sources: Vec<u32>,
    environment: Value,
}

/// The object of an entry that is made later, when what it depends on is there.
const NOT_YET: Value = Value::NIL;

impl Loaded {
    /// Make the objects that a table's entries describe, without what they refer to. `environment` is the one that the
    /// library is opened in.
    ///
    /// # Errors
    /// What is wrong with an entry, or what it names that is not there.
    pub fn read(
        runtime: &mut Runtime,
        entries: Vec<Value>,
        sources: &[Value],
        environment: Value,
    ) -> Result<Loaded, Problem> {
        let mut loaded = Loaded { entries, objects: Vec::new(), sources: Vec::new(), environment };
        for source in sources {
            loaded.add_source(runtime, *source)?;
        }
        for entry in loaded.entries.clone() {
            let object = loaded.make(runtime, entry)?;
            runtime.roots.push(object);
            loaded.objects.push(object);
        }
        loaded.find_named(runtime)?;
        loaded.make_classes(runtime)?;
        loaded.set_parents(runtime)?;
        Ok(loaded)
    }

    fn add_source(&mut self, runtime: &mut Runtime, source: Value) -> Result<(), Problem> {
        let [name, text, before] = runtime.list_to_vec(source)[..] else { return Err("a source is incomplete".into()) };
        if !runtime.is_kind(name, Kind::String) || !runtime.is_kind(text, Kind::String) {
            return Err("a source has no text".into());
        }
        let (name, text) = (runtime.text(name), runtime.text(text));
        let before = before.as_fixnum().and_then(|before| u32::try_from(before).ok()).unwrap_or(0);
        self.sources.push(match before {
            _ if name == PRELUDE_NAME => runtime.extensions.prelude,
            0 => runtime.sources.add(&name, text),
            before => runtime.sources.add_piece(&name, text, before),
        });
        Ok(())
    }

    /// The number here of a text.
    ///
    /// # Errors
    /// When there is no such text.
    pub fn source(&self, number: usize) -> Result<u32, Problem> {
        self.sources.get(number).copied().ok_or_else(|| "a source is named that does not exist".to_string())
    }

    /// The position that a word means, in a text with this number.
    ///
    /// # Errors
    /// When it is none.
    pub fn position(&self, runtime: &Runtime, word: Value, source: usize) -> Result<Position, Problem> {
        let (source, offset) = match word {
            _ if word.is_nil() => return Ok(Position::UNKNOWN),
            _ if word.is_pair() => (number(runtime.car(word))?, runtime.car(runtime.cdr(word))),
            _ => (source, word),
        };
        let offset = u32::try_from(number(offset)?).map_err(|_| "a position is too far".to_string())?;
        Ok(Position { source: self.source(source)?, offset })
    }

    /// The value that a word names.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&self, runtime: &Runtime, word: Value) -> Result<Value, Problem> {
        if !word.is_pair() {
            return Ok(word);
        }
        let object = self.objects.get(number(runtime.car(word))?).copied();
        object.ok_or_else(|| "a constant is named that does not exist".to_string())
    }
    fn values(&self, runtime: &Runtime, words: &[Value]) -> Result<Vec<Value>, Problem> {
        words.iter().map(|word| self.value(runtime, *word)).collect()
    }
    /// The environment that a word names.
    ///
    /// # Errors
    /// When it names another thing.
    pub fn environment(&self, runtime: &Runtime, word: Value) -> Result<Value, Problem> {
        let value = self.value(runtime, word)?;
        match runtime.is_kind(value, Kind::Environment) {
            true => Ok(value),
            false => Err("something else stands where an environment belongs".into()),
        }
    }

    fn entry(&self, runtime: &Runtime, number: usize) -> (String, Vec<Value>) {
        let mut items = runtime.list_to_vec(self.entries[number]);
        let kind = items.first().copied().unwrap_or(Value::NIL);
        let kind = name(runtime, kind).to_string();
        items.drain(..items.len().min(1));
        (kind, items)
    }

    /// The object of an entry, empty as yet. Those that depend on others are made later.
    fn make(&self, runtime: &mut Runtime, entry: Value) -> Result<Value, Problem> {
        let items = runtime.list_to_vec(entry);
        let (kind, words) = items.split_first().ok_or("a constant's entry is empty")?;
        let kind = name(runtime, *kind).to_string();
        match (kind.as_str(), words) {
            ("pair", [_, _] | [_, _, _]) => memory(runtime.cons(Value::NIL, Value::NIL)),
            ("array", _) => memory(runtime.array(words.len())),
            ("data", _) => {
                let bytes: Option<Vec<u8>> = words.iter().map(|byte| u8::try_from(byte.as_fixnum()?).ok()).collect();
                memory(data::from_bytes(runtime, &bytes.ok_or("what belongs to data is no byte")?))
            }
            ("string" | "number", [value]) => Ok(*value),
            ("box", [_]) => memory(runtime.object(Kind::Box, 1)),
            ("form", [_]) => memory(runtime.object(Kind::Form, 1)),
            ("table", _) if words.len() % 2 == 0 => memory(tables::make_table(runtime)),
            ("closure", [_, captured @ ..]) => {
                let closure = memory(runtime.object(Kind::Closure, 1 + captured.len()))?;
                runtime.set_field(closure, offset::CALLABLE_CODE, runtime.trampoline_code);
                Ok(closure)
            }
            ("instance", [_, fields @ ..]) => {
                let instance = memory(runtime.object(Kind::Instance, 1 + fields.len()))?;
                runtime.set_field(instance, offset::INSTANCE_CLASS, classes::class_object(runtime, 0));
                Ok(instance)
            }
            ("error", [_, _, _, _, _]) => memory(runtime.object(Kind::Error, 5)),
            ("selector", [name, ..]) => self.make_generic(runtime, Kind::Selector, *name, words),
            ("generic", [name, ..]) => self.make_generic(runtime, Kind::Generic, *name, words),
            ("architecture", [number]) => {
                let number = number.as_fixnum().and_then(|number| u32::try_from(number).ok());
                memory(runtime.index_object(Kind::Architecture, number.ok_or("an architecture has no number")?))
            }
            ("below", [name, _, ..]) => {
                let environment = memory(runtime.make_environment(None))?;
                let (index, name) = (runtime.index(environment), runtime.as_symbol(*name));
                runtime.environments.get_mut(index).name = name;
                Ok(environment)
            }
            ("primitive", [value]) => {
                let name = name(runtime, *value);
                runtime.primitive_value(name).ok_or_else(|| format!("there is no primitive '{name}'"))
            }
            ("built-in", [value]) => {
                let name = name(runtime, *value);
                classes::built_in_class(runtime, name).ok_or_else(|| format!("there is no built-in class '{name}'"))
            }
            ("environment", []) => Ok(self.environment),
            ("global", []) => Ok(runtime.global),
            ("module", path) => module(runtime, path),
            ("named", [_, _, _, ..]) | ("class", [_, _, ..]) => Ok(NOT_YET),
            (other, _) => Err(format!("there is no constant of the kind '{other}'")),
        }
    }

    fn make_generic(&self, runtime: &mut Runtime, kind: Kind, name: Value, words: &[Value]) -> Result<Value, Problem> {
        let parameters = runtime.list_to_vec(words.get(1).copied().unwrap_or(Value::NIL));
        let parameters = symbols(runtime, &parameters)?;
        let name = runtime.as_symbol(name).ok_or("a selector has no name")?;
        memory(classes::make_generic(runtime, kind, name, parameters))
    }

    /// Find what other environments bind.
    fn find_named(&mut self, runtime: &mut Runtime) -> Result<(), Problem> {
        for number in 0..self.entries.len() {
            let (kind, words) = self.entry(runtime, number);
            if kind != "named" {
                continue;
            }
            let [what, environment, name, fields @ ..] = &words[..] else { continue };
            let environment = self.environment(runtime, *environment)?;
            let what = self::name(runtime, *what).to_string();
            let value = named(runtime, &what, environment, *name, fields)?;
            runtime.roots.push(value);
            self.objects[number] = value;
        }
        Ok(())
    }

    /// Make classes, each after the one above it.
    fn make_classes(&mut self, runtime: &mut Runtime) -> Result<(), Problem> {
        let mut waiting: Vec<usize> =
            (0..self.entries.len()).filter(|number| self.entry(runtime, *number).0 == "class").collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for number in waiting {
                match self.make_class(runtime, number)? {
                    Some(class) => self.objects[number] = class,
                    None => later.push(number),
                }
            }
            if later.len() == before {
                return Err("a class is below itself".into());
            }
            waiting = later;
        }
        Ok(())
    }

    /// Make a class, if the one above it is there.
    fn make_class(&self, runtime: &mut Runtime, number: usize) -> Result<Option<Value>, Problem> {
        let (_, words) = self.entry(runtime, number);
        let base = self.value(runtime, words[1])?;
        if words[1].is_pair() && base == NOT_YET {
            return Ok(None);
        }
        let name = runtime.as_symbol(words[0]).ok_or("a class has no name")?;
        let fields = symbols(runtime, &words[2..])?;
        let inherited = classes::class_number(runtime, base);
        let inherited = inherited.map_or(0, |base| classes::inherited_count(runtime, base));
        let own = fields.get(inherited..).ok_or("a class lacks fields of the one above it")?;
        let class = classes::make_class(runtime, name, base, own);
        let class = class.map_err(|_| format!("the class {} cannot be made", runtime.symbols.name(name)))?;
        runtime.roots.push(class);
        match classes::class(runtime, class) {
            Some(made) if made.fields == fields => Ok(Some(class)),
            _ => Err(format!("the class {} has other fields than it had", runtime.symbols.name(name))),
        }
    }

    /// Let environments look names up where they did.
    fn set_parents(&self, runtime: &mut Runtime) -> Result<(), Problem> {
        for number in 0..self.entries.len() {
            let (kind, words) = self.entry(runtime, number);
            if kind == "below" {
                self.set_parent(runtime, self.objects[number], words[1])?;
            }
        }
        Ok(())
    }

    /// Let an environment, which nobody has used yet, look names up in the one that a word names.
    ///
    /// # Errors
    /// When that cannot be.
    pub fn set_parent(&self, runtime: &mut Runtime, environment: Value, word: Value) -> Result<(), Problem> {
        let parent = match word.is_nil() {
            true => None,
            false => Some(runtime.index(self.environment(runtime, word)?)),
        };
        runtime.set_environment_parent(runtime.index(environment), parent)
    }

    /// Fill the objects, now that the trees are there; all of them, by number.
    ///
    /// # Errors
    /// What is wrong with an entry.
    pub fn fill(&self, runtime: &mut Runtime, trees: &[Rc<Prototype>]) -> Result<(), Problem> {
        for number in 0..self.entries.len() {
            let (kind, words) = self.entry(runtime, number);
            self.fill_one(runtime, &kind, &words, self.objects[number], trees)?;
        }
        // Keys are looked at when they are put into a table, and must be whole by then.
        for number in 0..self.entries.len() {
            let (kind, words) = self.entry(runtime, number);
            match kind.as_str() {
                "table" => {
                    for (key, value) in
                        self.values(runtime, &words)?.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value))
                    {
                        memory(tables::put(runtime, self.objects[number], key, value))?;
                    }
                }
                "selector" | "generic" => {
                    for method in &words[2..] {
                        let method = self.values(runtime, &runtime.list_to_vec(*method))?;
                        let (function, classes) = method.split_first().ok_or("a method is empty")?;
                        add_method(runtime, self.objects[number], classes, *function)?;
                    }
                }
                "below" => {
                    for binding in self.bindings(runtime, &words[2..])? {
                        binding.bind(runtime, self.objects[number]);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn fill_one(
        &self,
        runtime: &mut Runtime,
        kind: &str,
        words: &[Value],
        object: Value,
        trees: &[Rc<Prototype>],
    ) -> Result<(), Problem> {
        match kind {
            "pair" => {
                let (car, cdr) = (self.value(runtime, words[0])?, self.value(runtime, words[1])?);
                runtime.set_car(object, car);
                runtime.set_cdr(object, cdr);
                if let Some(position) = words.get(2) {
                    let position = self.position(runtime, *position, 0)?;
                    runtime.positions.insert(object.address() as u64, position);
                }
            }
            "array" => {
                for (index, element) in self.values(runtime, words)?.into_iter().enumerate() {
                    arrays::set_element(runtime, object, index, element);
                }
            }
            "box" | "form" => {
                let content = self.value(runtime, words[0])?;
                runtime.set_slot(object, 0, content);
            }
            "closure" => {
                let tree = trees.get(number(words[0])?).ok_or("a function has no tree")?;
                if tree.captures.len() != words.len() - 1 {
                    return Err("a function captures other variables than its tree".into());
                }
                for (index, captured) in self.values(runtime, &words[1..])?.into_iter().enumerate() {
                    if tree.captured_boxed[index] != runtime.is_kind(captured, Kind::Box) {
                        return Err("a function captures a variable in another way than its tree".into());
                    }
                    runtime.set_slot(object, 1 + index, captured);
                }
                runtime.set_field(object, offset::CALLABLE_CODE, tree.code);
            }
            "instance" => {
                let values = self.values(runtime, words)?;
                let class = classes::class(runtime, values[0]).ok_or("an instance is of no class")?;
                if class.fields.len() != values.len() - 1 || classes::is_built_in(runtime.index(values[0])) {
                    return Err("an instance has other fields than its class".into());
                }
                runtime.slots_mut(object).copy_from_slice(&values);
            }
            "error" => self.fill_error(runtime, words, object)?,
            _ => {}
        }
        Ok(())
    }

    fn fill_error(&self, runtime: &mut Runtime, words: &[Value], error: Value) -> Result<(), Problem> {
        let values = self.values(runtime, &words[..3])?;
        let fields = [offset::ERROR_KIND, offset::ERROR_MESSAGE, offset::ERROR_IRRITANTS];
        let is_whole = runtime.as_symbol(values[0]).is_some() && runtime.is_kind(values[1], Kind::String);
        if !is_whole {
            return Err("an error has no kind or no message".into());
        }
        for (field, value) in fields.into_iter().zip(values) {
            runtime.set_field(error, field, value);
        }
        let position = self.position(runtime, words[3], 0)?;
        runtime.set_field(error, offset::ERROR_POSITION, position.to_value());
        let mut frames = Vec::new();
        for frame in runtime.list_to_vec(words[4]) {
            frames.push(match frame.is_pair() {
                true => {
                    let position = self.position(runtime, runtime.car(runtime.cdr(frame)), 0)?;
                    let frame = runtime.cons(runtime.car(frame), position.to_value());
                    rooted(runtime, frame)?
                }
                false => frame,
            });
        }
        let backtrace = memory(runtime.list(&frames))?;
        runtime.set_field(error, offset::ERROR_BACKTRACE, backtrace);
        Ok(())
    }

    /// The bindings that lists of name, word, and whether it is a constant describe.
    ///
    /// # Errors
    /// When one is incomplete.
    pub fn bindings(&self, runtime: &Runtime, bindings: &[Value]) -> Result<Vec<SavedBinding>, Problem> {
        let binding = |binding: &Value| {
            let [name, word, constant] = runtime.list_to_vec(*binding)[..] else {
                return Err("a binding is incomplete".to_string());
            };
            runtime.as_symbol(name).ok_or("a binding has no name")?;
            Ok(SavedBinding { name, value: self.value(runtime, word)?, constant: constant.is_true() })
        };
        bindings.iter().map(binding).collect()
    }

    /// The methods that lists of selector, function and classes describe.
    ///
    /// # Errors
    /// When one is incomplete.
    pub fn methods(&self, runtime: &Runtime, methods: &[Value]) -> Result<Vec<SavedMethod>, Problem> {
        let method = |method: &Value| match self.values(runtime, &runtime.list_to_vec(*method))?[..] {
            [generic, function, ref classes @ ..] => Ok(SavedMethod { generic, function, classes: classes.to_vec() }),
            _ => Err("a method is incomplete".to_string()),
        };
        methods.iter().map(method).collect()
    }
}

impl SavedBinding {
    /// Bind the name in an environment.
    pub fn bind(&self, runtime: &mut Runtime, environment: Value) {
        let Some(symbol) = runtime.as_symbol(self.name) else { return };
        let environment = runtime.index(environment);
        let cell = runtime.cell(environment, symbol);
        runtime.define_cell(cell, self.value, self.constant);
        classes::settle(runtime, self.value, environment);
    }
}

impl SavedMethod {
    /// Add it to its selector.
    ///
    /// # Errors
    /// When the selector does not choose by such classes.
    pub fn add(&self, runtime: &mut Runtime) -> Result<(), Problem> {
        add_method(runtime, self.generic, &self.classes, self.function)
    }
}

fn add_method(runtime: &mut Runtime, generic: Value, classes: &[Value], function: Value) -> Result<(), Problem> {
    let added = classes::add_method(runtime, generic, classes.to_vec(), function);
    added.map(|_| ()).map_err(|_| {
        runtime.take_failure();
        "a method is for other classes than its selector chooses by".to_string()
    })
}

fn number(word: Value) -> Result<usize, Problem> {
    let number = word.as_fixnum().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| "something else stands where a number belongs".to_string())
}

fn name(runtime: &Runtime, value: Value) -> &str {
    runtime.as_symbol(value).map_or("", |symbol| runtime.symbols.name(symbol))
}

fn symbols(runtime: &Runtime, names: &[Value]) -> Result<Vec<Symbol>, Problem> {
    let symbol = |name: &Value| runtime.as_symbol(*name).ok_or_else(|| "a name is no symbol".to_string());
    names.iter().map(symbol).collect()
}

/// The environment that variables lead to, from the global one on.
fn module(runtime: &mut Runtime, path: &[Value]) -> Result<Value, Problem> {
    let mut environment = runtime.global;
    for (index, step) in path.iter().enumerate() {
        let symbol = runtime.as_symbol(*step).ok_or("a variable's name is no symbol")?;
        let value = bound(runtime, environment, symbol);
        environment = value.and_then(|value| runtime.environment_itself(value)).ok_or_else(|| {
            let names: Vec<&str> = path[..=index].iter().map(|name| self::name(runtime, *name)).collect();
            let names = names.join(", in it ");
            format!("it needs the environment {names}, which is not there; define or load that first")
        })?;
    }
    Ok(environment)
}

/// What an environment itself binds a name to.
fn bound(runtime: &Runtime, environment: Value, symbol: Symbol) -> Option<Value> {
    let cell = runtime.environments.get(runtime.index(environment)).cells.get(&symbol)?;
    let cell = runtime.cells.get(*cell);
    cell.bound.then_some(cell.value)
}

/// What an environment that is not saved binds, if it is what it was.
fn named(runtime: &Runtime, what: &str, environment: Value, name: Value, fields: &[Value]) -> Result<Value, Problem> {
    let symbol = runtime.as_symbol(name).ok_or("a variable's name is no symbol")?;
    let shown = runtime.symbols.name(symbol);
    let place = match runtime.environments.get(runtime.index(environment)).name {
        _ if environment == runtime.global => "the global environment".to_string(),
        Some(name) => format!("the environment {}", runtime.symbols.name(name)),
        None => "an environment".into(),
    };
    let Some(value) = bound(runtime, environment, symbol) else {
        return Err(format!("it needs the {what} {shown} of {place}, which is not there; define or load that first"));
    };
    let is_such = match what {
        "macro" => runtime.is_kind(value, Kind::Form),
        "class" => runtime.is_kind(value, Kind::Class),
        "selector" => runtime.is_kind(value, Kind::Selector) || runtime.is_kind(value, Kind::Generic),
        "environment" => runtime.environment_itself(value).is_some(),
        _ => runtime.is_callable(value),
    };
    if !is_such {
        return Err(format!("it needs the {what} {shown} of {place}, which is no {what} here"));
    }
    let here = classes::class(runtime, value).map_or(&[][..], |class| &class.fields);
    let saved = symbols(runtime, fields)?;
    if here != saved {
        let list =
            |fields: &[Symbol]| fields.iter().map(|field| runtime.symbols.name(*field)).collect::<Vec<_>>().join(" ");
        let (here, saved) = (list(here), list(&saved));
        return Err(format!(
            "the class {shown} of {place} has the fields ({here}) here, and had ({saved}) when it was saved"
        ));
    }
    Ok(value)
}
