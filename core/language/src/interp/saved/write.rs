//! What was found to be saved as data: words and entries.

use super::graph::{Graph, Standing};
use super::{rooted, Problem};
use crate::interp::primitives::{arrays, data};
use crate::runtime::tree::Prototype;
use crate::runtime::{classes, table, CellId, Runtime, Symbol, PRELUDE_NAME};
use crate::value::{offset, Kind, Value};
use maru_core::abi::Position;
use std::rc::Rc;

/// Writes what a graph holds. All lists are kept reachable through the runtime's roots.
pub struct Writer {
    /// What is written.
    pub graph: Graph,
    /// The texts that positions belong to, by their numbers in this process.
    sources: Vec<u32>,
}

impl Writer {
    /// Of a graph; `source` is the number of the text that is written first.
    pub fn new(graph: Graph, source: u32) -> Writer {
        Writer { graph, sources: vec![source] }
    }

    /// A list that begins with a name.
    ///
    /// # Errors
    /// When memory is used up, as of all that follow.
    pub fn tagged(&self, runtime: &mut Runtime, tag: &str, items: &[Value]) -> Result<Value, Problem> {
        let mut all = vec![runtime.symbol_value(tag)];
        all.extend(items);
        self.list(runtime, &all)
    }
    /// A list.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn list(&self, runtime: &mut Runtime, items: &[Value]) -> Result<Value, Problem> {
        let list = runtime.list(items);
        rooted(runtime, list)
    }

    /// The word for a value of the graph.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn word(&self, runtime: &mut Runtime, value: Value) -> Result<Value, Problem> {
        match self.graph.number(value) {
            Some(number) => self.list(runtime, &[Value::fixnum(number as i64)]),
            None => Ok(value),
        }
    }
    fn words(&self, runtime: &mut Runtime, values: &[Value]) -> Result<Vec<Value>, Problem> {
        values.iter().map(|value| self.word(runtime, *value)).collect()
    }

    /// The word for a constant of code, which is entered if the graph does not have it.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub fn constant(&mut self, runtime: &mut Runtime, value: Value) -> Result<Value, Problem> {
        self.graph.add(runtime, value).map_err(|thing| format!("the code has {thing} in it"))?;
        self.word(runtime, value)
    }

    /// A name, if the saved environment has the cell, or else the name and the word for the environment that has.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn cell(&self, runtime: &mut Runtime, cell: CellId) -> Result<Value, Problem> {
        let cell = runtime.cells.get(cell);
        let (name, environment) = (runtime.symbols.value(cell.symbol), cell.environment);
        let environment = runtime.environments.get(environment).value.unwrap_or(Value::NIL);
        if environment == self.graph.own {
            return Ok(name);
        }
        let environment = self.word(runtime, environment)?;
        self.list(runtime, &[name, environment])
    }

    /// The number of a text that positions belong to.
    pub fn source(&mut self, number: u32) -> usize {
        let known = self.sources.iter().position(|source| *source == number);
        known.unwrap_or_else(|| {
            self.sources.push(number);
            self.sources.len() - 1
        })
    }

    /// A position in a text with this number: nil, an offset in it, or the number of another text and an offset.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn position(&mut self, runtime: &mut Runtime, position: Position, source: usize) -> Result<Value, Problem> {
        if !position.is_known() || runtime.sources.get(position.source).is_none() {
            return Ok(Value::NIL);
        }
        let offset = Value::fixnum(i64::from(position.offset));
        match self.source(position.source) {
            own if own == source => Ok(offset),
            other => self.list(runtime, &[Value::fixnum(other as i64), offset]),
        }
    }

    /// The texts that positions belong to: name, text, and how many lines there were before.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn sources(&self, runtime: &mut Runtime) -> Result<Vec<Value>, Problem> {
        let mut all = Vec::new();
        for number in &self.sources {
            let source = runtime.sources.get(*number);
            let (name, text, before) = match source {
                Some(source) if source.name == PRELUDE_NAME => (source.name.clone(), String::new(), 0),
                Some(source) => (source.name.clone(), source.text.clone(), source.before()),
                None => Default::default(),
            };
            let (name, text) = (self.text(runtime, &name)?, self.text(runtime, &text)?);
            all.push(self.list(runtime, &[name, text, Value::fixnum(before.into())])?);
        }
        Ok(all)
    }
    fn text(&self, runtime: &mut Runtime, text: &str) -> Result<Value, Problem> {
        let string = runtime.string(text);
        rooted(runtime, string)
    }

    /// The bindings of an environment: name, word, and whether it is a constant.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn bindings(&self, runtime: &mut Runtime, environment: Value) -> Result<Vec<Value>, Problem> {
        let mut all = Vec::new();
        for cell in runtime.environments.get(runtime.index(environment)).bound.clone() {
            let cell = runtime.cells.get(cell);
            let (name, value, is_constant) = (runtime.symbols.value(cell.symbol), cell.value, cell.constant);
            let word = self.word(runtime, value)?;
            all.push(self.list(runtime, &[name, word, Value::boolean(is_constant)])?);
        }
        Ok(all)
    }

    /// The methods for selectors that are named: selector, function, classes.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn methods(&self, runtime: &mut Runtime) -> Result<Vec<Value>, Problem> {
        let mut all = Vec::new();
        for (generic, method_classes, function) in &self.graph.methods {
            let values: Vec<Value> = [*generic, *function].iter().chain(method_classes).copied().collect();
            let words = self.words(runtime, &values)?;
            all.push(self.list(runtime, &words)?);
        }
        Ok(all)
    }

    /// The table's entries, in order.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn entries(&mut self, runtime: &mut Runtime) -> Result<Vec<Value>, Problem> {
        (0..self.graph.objects.len()).map(|number| self.entry(runtime, number)).collect()
    }

    fn entry(&mut self, runtime: &mut Runtime, number: usize) -> Result<Value, Problem> {
        let (object, standing) = self.graph.objects[number].clone();
        match standing {
            Standing::Own => self.tagged(runtime, "environment", &[]),
            Standing::Global => self.tagged(runtime, "global", &[]),
            Standing::Module(path) => {
                let names = symbols(runtime, &path);
                self.tagged(runtime, "module", &names)
            }
            Standing::Named(environment, name) => self.named(runtime, object, environment, name),
            Standing::Whole => self.whole(runtime, object),
        }
    }

    fn named(&self, runtime: &mut Runtime, object: Value, environment: Value, name: Symbol) -> Result<Value, Problem> {
        let kind = match runtime.kind(object) {
            Some(Kind::Form) => "macro",
            Some(Kind::Class) => "class",
            Some(Kind::Selector | Kind::Generic) => "selector",
            Some(Kind::Instance) => "environment",
            _ => "function",
        };
        let environment = self.word(runtime, environment)?;
        let mut words = vec![runtime.symbol_value(kind), environment, runtime.symbols.value(name)];
        let fields = classes::class(runtime, object).map_or(Vec::new(), |class| class.fields.clone());
        words.extend(symbols(runtime, &fields));
        self.tagged(runtime, "named", &words)
    }

    /// An object with all that it refers to.
    fn whole(&mut self, runtime: &mut Runtime, object: Value) -> Result<Value, Problem> {
        if object.is_pair() {
            let mut words = self.words(runtime, &[runtime.car(object), runtime.cdr(object)])?;
            if let Some(position) = runtime.positions.get(&(object.address() as u64)).copied() {
                words.extend(Some(self.position(runtime, position, 0)?).filter(|word| !word.is_nil()));
            }
            return self.tagged(runtime, "pair", &words);
        }
        let (tag, words) = match runtime.kind(object) {
            Some(Kind::Array) => {
                let elements = arrays::elements(runtime, object).to_vec();
                ("array", self.words(runtime, &elements)?)
            }
            Some(Kind::Data) => {
                let bytes = data::contents(runtime, object);
                ("data", bytes.iter().map(|byte| Value::fixnum(i64::from(*byte))).collect())
            }
            Some(Kind::String) => ("string", vec![object]),
            Some(Kind::Primitive) => {
                let name = runtime.primitive_name(object).unwrap_or_default();
                ("primitive", vec![runtime.symbol_value(name)])
            }
            Some(Kind::Table) => {
                let entries = table::entries(runtime, object);
                let values: Vec<Value> = entries.into_iter().flat_map(|(key, value)| [key, value]).collect();
                ("table", self.words(runtime, &values)?)
            }
            Some(Kind::Box) => ("box", self.words(runtime, &[runtime.slot(object, 0)])?),
            Some(Kind::Form) => ("form", self.words(runtime, &[runtime.slot(object, 0)])?),
            Some(Kind::Architecture) => ("architecture", vec![runtime.slot(object, 0)]),
            Some(Kind::Closure) => ("closure", self.closure(runtime, object)?),
            Some(Kind::Class) => return self.class(runtime, object),
            Some(Kind::Instance) => {
                let slots = runtime.slots(object).to_vec();
                ("instance", self.words(runtime, &slots)?)
            }
            Some(Kind::Error) => ("error", self.error(runtime, object)?),
            Some(Kind::Selector) => ("selector", self.generic(runtime, object)?),
            Some(Kind::Generic) => ("generic", self.generic(runtime, object)?),
            Some(Kind::Environment) => ("below", self.environment(runtime, object)?),
            _ => ("number", vec![object]),
        };
        self.tagged(runtime, tag, &words)
    }

    fn closure(&self, runtime: &mut Runtime, closure: Value) -> Result<Vec<Value>, Problem> {
        let number = runtime.prototype(closure).and_then(|prototype: &Rc<Prototype>| self.graph.number_of(prototype));
        let number = number.ok_or("a function has no tree")?;
        let captured = runtime.slots(closure)[1..].to_vec();
        let mut words = vec![Value::fixnum(number as i64)];
        words.extend(self.words(runtime, &captured)?);
        Ok(words)
    }

    fn class(&self, runtime: &mut Runtime, class: Value) -> Result<Value, Problem> {
        let number = runtime.index(class);
        let described = classes::class(runtime, class).ok_or("a class has no description")?;
        let (name, base, fields) = (described.name, described.base, described.fields.clone());
        let name = runtime.symbols.value(name);
        if classes::is_built_in(number) {
            return self.tagged(runtime, "built-in", &[name]);
        }
        let base = base.map_or(Value::NIL, |base| classes::class_object(runtime, base));
        let mut words = vec![name, self.word(runtime, base)?];
        words.extend(symbols(runtime, &fields));
        self.tagged(runtime, "class", &words)
    }

    fn error(&mut self, runtime: &mut Runtime, error: Value) -> Result<Vec<Value>, Problem> {
        let fields = [offset::ERROR_KIND, offset::ERROR_MESSAGE, offset::ERROR_IRRITANTS];
        let mut words = self.words(runtime, &fields.map(|field| runtime.field(error, field)))?;
        let position = Position::from_value(runtime.field(error, offset::ERROR_POSITION));
        words.push(self.position(runtime, position, 0)?);
        let mut frames = Vec::new();
        for element in runtime.list_to_vec(runtime.field(error, offset::ERROR_BACKTRACE)) {
            if !element.is_pair() {
                frames.push(element);
                continue;
            }
            let name = runtime.car(element);
            let name = if runtime.as_symbol(name).is_some() { name } else { Value::NIL };
            let position = self.position(runtime, Position::from_value(runtime.cdr(element)), 0)?;
            frames.push(self.list(runtime, &[name, position])?);
        }
        words.push(self.list(runtime, &frames)?);
        Ok(words)
    }

    fn generic(&self, runtime: &mut Runtime, generic: Value) -> Result<Vec<Value>, Problem> {
        let described = classes::generic(runtime, generic).ok_or("a selector has no description")?;
        let (name, parameters) = (described.name, described.parameters.clone());
        let parameters = symbols(runtime, &parameters);
        let mut words = vec![runtime.symbols.value(name), self.list(runtime, &parameters)?];
        for (method_classes, function) in classes::methods(runtime, generic) {
            let values: Vec<Value> = [function].into_iter().chain(method_classes).collect();
            let method = self.words(runtime, &values)?;
            words.push(self.list(runtime, &method)?);
        }
        Ok(words)
    }

    fn environment(&self, runtime: &mut Runtime, environment: Value) -> Result<Vec<Value>, Problem> {
        let mut words = self.heading(runtime, environment)?;
        words.extend(self.bindings(runtime, environment)?);
        Ok(words)
    }

    /// Name and parent of an environment.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn heading(&self, runtime: &mut Runtime, environment: Value) -> Result<Vec<Value>, Problem> {
        let described = runtime.environments.get(runtime.index(environment));
        let name = described.name.map_or(Value::NIL, |name| runtime.symbols.value(name));
        let parent = described.parent.and_then(|parent| runtime.environments.get(parent).value);
        Ok(vec![name, self.word(runtime, parent.unwrap_or(Value::NIL))?])
    }
}

fn symbols(runtime: &Runtime, names: &[Symbol]) -> Vec<Value> {
    names.iter().map(|name| runtime.symbols.value(*name)).collect()
}
