//! Libraries that live longer than a process: programs built ahead of time, and saved environments.
//!
//! The library's manifest is Maru data: the trees of all functions, so that everything can also be interpreted, and
//! what ties the code to a runtime (data words, sites, assumptions), by names instead of addresses. Opening a library
//! makes the prototypes anew and links the code to them before anything runs; the image counts as intact as soon as
//! the definitions that its code relies on have been made.

use super::compile::{optimise, set_up_machine};
use super::image::attach;
use super::image::{CompiledUnit, UnitImage};
use super::pipeline::{LibraryParts, Target};
use super::program::BuiltProgram;
use super::CompileFailure;
use super::{HasUnits, Units};
use crate::load::{Cache, CacheKey};
use crate::lower::{linear_text, lower_unit, Assumption, DataWord, Linking, LoweredUnit, LoweringTarget, SiteInfo};
use maru_core::abi::layout::{offset, Kind, Value};
use maru_core::abi::Position;
use maru_core::codegen::{image_stamp, Architecture};
use maru_core::format::ObjectFormat;
use maru_core::ir::passes;
use maru_language::interp::constant_table::{ConstantTable, Constants};
use maru_language::interp::expand::expand_toplevel;
use maru_language::interp::tree_form::{form_to_prototype, prototype_to_form};
use maru_language::interp::tree_text::tree_text;
use maru_language::runtime::tree::{Node, Prototype};
use maru_language::runtime::{CellId, ErrorKind, Failure, JitMode, Outcome, Runtime};
use maru_language::syntax::print;
use maru_language::syntax::Reader;
use std::path::Path;
use std::rc::Rc;

/// First symbol of every manifest, and its version.
const MANIFEST: (&str, i64) = ("maru-library", 4);

/// Why a library could not be made or opened.
pub type Problem = String;

/// What a library holds.
struct Contents {
    /// The environment it is of.
    environment: Value,
    /// Name and text of the source, for messages.
    source: (String, String),
    /// Names that the prototypes are bound to (environments), or nil (programs, whose prototypes are run).
    names: Vec<Value>,
    /// Prototype that are run or bound, in order.
    prototypes: Vec<Rc<Prototype>>,
    /// Data to bind, by name.
    data: Vec<(Value, Value)>,
}

/// Compile a program ahead of time, to the bytes of a library. Definitions are made at once, because macros may need
/// them; nothing else of the program runs.
///
/// # Errors
/// What is wrong with the program, rendered; or what the target or format lacks.
pub fn build_program(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
) -> Result<Vec<u8>, Problem> {
    let contents = read_program(runtime, name, text)?;
    make(runtime, name, &contents, (architecture, format), Units::library)
}

/// The same to the bytes of a relocatable object, of which a linker can make the library.
///
/// # Errors
/// As [`build_program`].
pub fn build_object(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
) -> Result<Vec<u8>, Problem> {
    let contents = read_program(runtime, name, text)?;
    make(runtime, name, &contents, (architecture, format), Units::object)
}

/// What turns optimised IR into a file's bytes.
type Maker = fn(&mut Units, Target, &[maru_core::ir::Function], &LibraryParts) -> Result<Vec<u8>, CompileFailure>;

/// Compile some contents to the bytes of a file.
fn make(
    runtime: &mut Runtime,
    name: &str,
    contents: &Contents,
    (architecture, format): (&'static dyn Architecture, &'static dyn ObjectFormat),
    maker: Maker,
) -> Result<Vec<u8>, Problem> {
    let lowered = lower_contents(runtime, contents, LoweringTarget::of(architecture))?;
    let manifest = manifest(runtime, contents, &lowered)?;
    let target = Target { architecture, format, strategy: runtime.options.strategy };
    let parts = LibraryParts { name, source: &lowered.source, data_words: lowered.data.len(), manifest: &manifest };
    maker(runtime.native.units_mut(), target, &lowered.functions, &parts).map_err(|CompileFailure(message)| message)
}

/// The optimised IR of a program's functions.
///
/// # Errors
/// As [`build_program`].
pub fn program_ir(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    target: LoweringTarget,
) -> Result<Vec<maru_core::ir::Function>, Problem> {
    let contents = read_program(runtime, name, text)?;
    Ok(lower_contents(runtime, &contents, target)?.functions)
}

/// The IR of a program's functions as it is lowered, and after each pass, as text for people.
///
/// # Errors
/// As [`build_program`].
pub fn program_passes(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    target: LoweringTarget,
) -> Result<String, Problem> {
    let contents = read_program(runtime, name, text)?;
    let prelude = runtime.prelude_cells;
    let mut lowered = lower_unit(runtime, &contents.prototypes, target, Linking::Later(prelude));
    let mut fuel = super::compile::optimisation_fuel(&runtime.options);
    let mut text = String::new();
    for function in &mut lowered.functions {
        text += &format!("# lowered\n{function}\n");
        let mut before = function.to_string();
        passes::optimise_watched(function, &mut fuel, |pass, function| {
            let after = function.to_string();
            text += &match after == before {
                true => format!("# after {pass}: as before\n\n"),
                false => format!("# after {pass}\n{after}\n"),
            };
            before = after;
        });
    }
    Ok(text)
}

/// The linear form of a program's functions, as text for people.
///
/// # Errors
/// As [`build_program`].
pub fn program_linear(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    target: LoweringTarget,
) -> Result<String, Problem> {
    let contents = read_program(runtime, name, text)?;
    let linking = Linking::Later(runtime.prelude_cells);
    Ok(linear_text(runtime, &contents.prototypes, target, linking))
}

/// The resolved trees of a program, as text for people.
///
/// # Errors
/// As [`build_program`].
pub fn program_tree(runtime: &mut Runtime, name: &str, text: &str) -> Result<String, Problem> {
    let contents = read_program(runtime, name, text)?;
    Ok(contents.prototypes.iter().map(|prototype| tree_text(runtime, prototype)).collect())
}

fn rendered(runtime: &mut Runtime) -> Problem {
    let error = runtime.take_failure();
    let message = runtime.field(error, offset::ERROR_MESSAGE);
    let position = Position::from_value(runtime.field(error, offset::ERROR_POSITION));
    let place = runtime.sources.locate(position).map(|(file, line, column)| format!("{file}:{line}:{column}: "));
    place.unwrap_or_default() + &runtime.text(message)
}

fn read_program(runtime: &mut Runtime, name: &str, text: &str) -> Result<Contents, Problem> {
    let source = runtime.sources.add(name, text.to_string());
    let mut reader = Reader::new(source, text);
    let mut prototypes = Vec::new();
    loop {
        let form = match reader.next(runtime) {
            Ok(Some(form)) => form,
            Ok(None) => break,
            Err(error) => {
                let Failure = error.raise(runtime);
                return Err(rendered(runtime));
            }
        };
        runtime.roots.push(form);
        let prototype = expand(runtime, form).map_err(|Failure| rendered(runtime))?;
        runtime.roots.push(prototype.code);
        if is_definition(runtime, &prototype, &prototype.body) {
            let closure = closure_of(runtime, &prototype).map_err(|Failure| rendered(runtime))?;
            maru_language::interp::call(runtime, closure, &[]).map_err(|Failure| rendered(runtime))?;
        } else {
            define_selectors(runtime, &prototype, &prototype.body);
        }
        prototypes.push(prototype);
    }
    let names = vec![Value::NIL; prototypes.len()];
    let environment = runtime.global;
    Ok(Contents { environment, source: (name.into(), text.into()), names, prototypes, data: Vec::new() })
}

/// Expand a form. A macro may need what only the running program has, such as the value of a variable: then the form
/// is evaluated when its turn comes. A malformed form is wrong at any time.
fn expand(runtime: &mut Runtime, form: Value) -> Result<Rc<Prototype>, Failure> {
    let environment = runtime.global;
    expand_toplevel(runtime, form, environment).or_else(|Failure| {
        if runtime.error_kind(runtime.context.failure) == Some(ErrorKind::Syntax) {
            return Err(Failure);
        }
        runtime.take_failure();
        let base = runtime.roots.len();
        let quote = runtime.symbol_value("quote");
        let quoted = runtime.list(&[quote, form])?;
        runtime.roots.push(quoted);
        let eval = runtime.primitive_value("eval").unwrap_or(Value::NIL);
        let later = runtime.list(&[eval, quoted, environment])?;
        runtime.roots.push(later);
        let prototype = expand_toplevel(runtime, later, environment);
        runtime.roots.truncate(base);
        prototype
    })
}

/// Whether a form only defines functions, constants and macros, so that evaluating it does nothing else.
fn is_definition(runtime: &Runtime, prototype: &Prototype, node: &Node) -> bool {
    match node {
        Node::Define(_, value, ..) => match &**value {
            Node::Lambda(_) | Node::Constant(_) => true,
            Node::Call(call) => {
                called_primitive(runtime, prototype, &call.function) == Some("make-form")
                    && matches!(call.arguments[..], [Node::Lambda(_)])
            }
            _ => false,
        },
        Node::Sequence(nodes) => nodes.iter().all(|node| is_definition(runtime, prototype, node)),
        Node::Constant(_) => true,
        _ => false,
    }
}

/// The name of the primitive that an operator is bound to.
fn called_primitive(runtime: &Runtime, prototype: &Prototype, operator: &Node) -> Option<&'static str> {
    let Node::Global(cell, _) = operator else { return None };
    runtime.primitive_name(runtime.cells.get(prototype.cells[*cell as usize]).value)
}

/// Make the selectors and multimethods that a form defines: the expansion of a method asks by how many classes its
/// selector chooses. What cannot be made is left to the program, which will say so when it runs.
fn define_selectors(runtime: &mut Runtime, prototype: &Prototype, node: &Node) {
    match node {
        Node::Sequence(nodes) => nodes.iter().for_each(|node| define_selectors(runtime, prototype, node)),
        Node::Define(cell, value, ..) => {
            let Node::Call(call) = &**value else { return };
            let name = called_primitive(runtime, prototype, &call.function);
            if !matches!(name, Some("%make-selector" | "%make-multimethod" | "%ensure-multimethod")) {
                return;
            }
            let constant = |node: &Node| match node {
                Node::Constant(index) => Some(prototype.constants[*index as usize]),
                _ => None,
            };
            let Some(arguments) = call.arguments.iter().map(constant).collect::<Option<Vec<Value>>>() else { return };
            let Some(maker) = name.and_then(|name| runtime.primitive_value(name)) else { return };
            match maru_language::interp::call(runtime, maker, &arguments) {
                Ok(made) => runtime.define_cell(prototype.cells[*cell as usize], made, false),
                Err(Failure) => {
                    runtime.take_failure();
                }
            }
        }
        _ => {}
    }
}

fn closure_of(runtime: &mut Runtime, prototype: &Rc<Prototype>) -> Outcome {
    let closure = runtime.object(Kind::Closure, 1)?;
    runtime.set_field(closure, offset::CALLABLE_CODE, prototype.code);
    Ok(closure)
}

fn lower_contents(runtime: &mut Runtime, contents: &Contents, target: LoweringTarget) -> Result<LoweredUnit, Problem> {
    let linking = Linking::Later(runtime.prelude_cells);
    let mut lowered = lower_unit(runtime, &contents.prototypes, target, linking);
    optimise(runtime, &mut lowered).map_err(|CompileFailure(message)| message)?;
    Ok(lowered)
}

// ---- writing manifests

/// All prototypes of some roots, each before those nested in it: the same order whether the trees were expanded or
/// read from a manifest.
pub(super) fn all_prototypes(roots: &[Rc<Prototype>]) -> Vec<Rc<Prototype>> {
    fn visit(prototype: &Rc<Prototype>, all: &mut Vec<Rc<Prototype>>) {
        all.push(prototype.clone());
        walk(&prototype.body, all);
    }
    fn walk(node: &Node, all: &mut Vec<Rc<Prototype>>) {
        match node {
            Node::Lambda(prototype) => visit(prototype, all),
            Node::Fix(functions, _) => functions.iter().for_each(|(_, prototype)| visit(prototype, all)),
            Node::WithEnvironment(inner) => visit(&inner.prototype, all),
            _ => {}
        }
        node.children(&mut |child| walk(child, all));
    }
    let mut all = Vec::new();
    roots.iter().for_each(|root| visit(root, &mut all));
    all
}

/// Builds the lists of a manifest; everything made stays reachable through the runtime's roots.
struct Lists<'r> {
    runtime: &'r mut Runtime,
    table: ConstantTable,
}

impl Lists<'_> {
    fn list(&mut self, items: &[Value]) -> Result<Value, Problem> {
        let list = self.runtime.list(items).map_err(|Failure| "memory is used up".to_string())?;
        self.runtime.roots.push(list);
        Ok(list)
    }
    fn tagged(&mut self, tag: &str, items: &[Value]) -> Result<Value, Problem> {
        let mut all = vec![self.runtime.symbol_value(tag)];
        all.extend(items);
        self.list(&all)
    }
    fn text(&mut self, text: &str) -> Result<Value, Problem> {
        let string = self.runtime.string(text).map_err(|Failure| "memory is used up".to_string())?;
        self.runtime.roots.push(string);
        Ok(string)
    }
    /// The word for the value of a variable.
    fn binding(&mut self, name: Value, value: Value) -> Result<Value, Problem> {
        self.table.add(self.runtime, value).map_err(|thing| {
            let name = self.runtime.as_symbol(name).map_or("", |name| self.runtime.symbols.name(name));
            format!("'{name}' cannot be saved: it has {thing} in it, which is no data that can be read back")
        })?;
        self.table.word(self.runtime, value)
    }
    fn cell_name(&self, cell: CellId) -> Value {
        self.runtime.symbols.value(self.runtime.cells.get(cell).symbol)
    }
}

fn number(number: usize) -> Value {
    Value::fixnum(number as i64)
}

fn manifest(runtime: &mut Runtime, contents: &Contents, lowered: &LoweredUnit) -> Result<Vec<u8>, Problem> {
    let base = runtime.roots.len();
    let source = contents.prototypes.first().map_or(u32::MAX, |prototype| prototype.position.source);
    let table = ConstantTable::new(contents.environment, source);
    let form = manifest_form(&mut Lists { runtime, table }, contents, lowered);
    let text = form.map(|form| print::text(runtime, form, print::Style::Dump));
    runtime.roots.truncate(base);
    text.map(String::into_bytes)
}

fn manifest_form(lists: &mut Lists, contents: &Contents, lowered: &LoweredUnit) -> Result<Value, Problem> {
    let all = all_prototypes(&contents.prototypes);
    let index = |prototype: &Rc<Prototype>| all.iter().position(|other| Rc::ptr_eq(other, prototype)).unwrap_or(0);
    let mut trees = Vec::new();
    for (prototype, name) in contents.prototypes.iter().zip(&contents.names) {
        let form = prototype_to_form(lists.runtime, prototype, &mut lists.table)?;
        lists.runtime.roots.push(form);
        trees.push(lists.list(&[*name, form])?);
    }
    let mut bindings = Vec::new();
    for (name, value) in &contents.data {
        let value = lists.binding(*name, *value)?;
        bindings.push(lists.list(&[*name, value])?);
    }
    let functions: Vec<Value> = lowered.prototypes.iter().map(|prototype| number(index(prototype))).collect();
    let mut words = Vec::new();
    for word in &lowered.data {
        words.push(match word {
            DataWord::Intact => lists.tagged("intact", &[])?,
            DataWord::Image => lists.tagged("image", &[])?,
            DataWord::Cell(cell) => {
                let name = lists.cell_name(*cell);
                lists.tagged("cell", &[name])?
            }
            DataWord::Code(prototype) => {
                let prototype = number(index(&lowered.prototypes[*prototype as usize]));
                lists.tagged("code", &[prototype])?
            }
            DataWord::Constant(value) => constant_word(lists, &all, *value)?,
            DataWord::Function(value) => {
                let primitive = lists.runtime.primitive_name(*value).ok_or("the code calls what is no primitive")?;
                let primitive = lists.runtime.symbol_value(primitive);
                lists.tagged("primitive", &[primitive])?
            }
            DataWord::Lookups => lists.tagged("lookups", &[])?,
            DataWord::Cache(number) => lists.tagged("cache", &[Value::fixnum(i64::from(*number))])?,
        });
    }
    let mut sites = Vec::new();
    for SiteInfo { position, prototype, outer, left } in &lowered.sites {
        let at = if position.is_known() { number(position.offset as usize) } else { Value::NIL };
        let outer = outer.map_or(Value::NIL, |outer| number(outer as usize));
        sites.push(lists.list(&[at, number(*prototype as usize), outer, Value::boolean(*left)])?);
    }
    let mut assumptions = Vec::new();
    for (cell, assumption) in &lowered.assumptions {
        let name = lists.cell_name(*cell);
        assumptions.push(match assumption {
            Assumption::Value(value) => {
                let primitive = lists.runtime.primitive_name(*value).ok_or("the code assumes what is no primitive")?;
                let primitive = lists.runtime.symbol_value(primitive);
                lists.tagged("primitive", &[name, primitive])?
            }
            Assumption::Function(function) => lists.tagged("function", &[name, number(*function as usize)])?,
        });
    }
    let constants = lists.table.entries(lists.runtime)?;
    let source = [lists.text(&contents.source.0)?, lists.text(&contents.source.1)?];
    let parts = [
        Value::fixnum(MANIFEST.1),
        lists.tagged("source", &source)?,
        lists.tagged("trees", &trees)?,
        lists.tagged("data", &bindings)?,
        lists.tagged("functions", &functions)?,
        lists.tagged("words", &words)?,
        lists.tagged("sites", &sites)?,
        lists.tagged("assumptions", &assumptions)?,
        lists.tagged("metered", &[Value::boolean(lists.runtime.options.is_metered())])?,
        lists.tagged("constants", &constants)?,
    ];
    lists.tagged(MANIFEST.0, &parts)
}

/// A constant of the code is data, or the code object of a prototype.
fn constant_word(lists: &mut Lists, all: &[Rc<Prototype>], value: Value) -> Result<Value, Problem> {
    if let Some(prototype) = all.iter().position(|prototype| prototype.code == value) {
        return lists.tagged("code", &[number(prototype)]);
    }
    lists.table.add(lists.runtime, value).map_err(|thing| format!("the code has {thing} in it"))?;
    let word = lists.table.word(lists.runtime, value)?;
    lists.tagged("constant", &[word])
}

// ---- reading manifests

/// A library's manifest, read.
struct Opened {
    /// Number of the source.
    source: u32,
    trees: Vec<(Value, Rc<Prototype>)>,
    data: Vec<(Value, Value)>,
}

/// Read a manifest, make its prototypes in an environment, and link the code to them. They are reachable through the
/// runtime's roots.
fn open_library(
    runtime: &mut Runtime,
    bytes: &[u8],
    unit: CompiledUnit,
    environment: Value,
) -> Result<Opened, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its manifest is no text".to_string())?;
    let source = runtime.sources.add("<manifest>", text.to_string());
    let form = Reader::new(source, text).next(runtime);
    let Ok(Some(form)) = form else { return Err("its manifest is damaged".into()) };
    let base = runtime.roots.len();
    runtime.roots.extend([form, environment]);
    let result = Manifest { runtime, environment }.open(form, unit);
    runtime.roots.truncate(base);
    if let Ok(opened) = &result {
        runtime.roots.extend(opened.trees.iter().map(|(_, prototype)| prototype.code));
        runtime.roots.extend(opened.data.iter().map(|(_, value)| *value));
    }
    result
}

struct Manifest<'r> {
    runtime: &'r mut Runtime,
    environment: Value,
}

impl Manifest<'_> {
    fn part(&self, parts: &[Value], index: usize, tag: &str) -> Result<Vec<Value>, Problem> {
        let part = parts.get(index).copied().unwrap_or(Value::NIL);
        let items = self.runtime.list_to_vec(part);
        match items.split_first() {
            Some((head, rest)) if self.name(*head) == tag => Ok(rest.to_vec()),
            _ => Err(format!("its manifest lacks the part '{tag}'")),
        }
    }
    fn name(&self, value: Value) -> &str {
        self.runtime.as_symbol(value).map_or("", |symbol| self.runtime.symbols.name(symbol))
    }
    fn number(&self, value: Value) -> Result<usize, Problem> {
        let number = value.as_fixnum().and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| "its manifest has no number where one belongs".to_string())
    }
    fn cell(&mut self, name: Value) -> Result<CellId, Problem> {
        let symbol = self.runtime.as_symbol(name).ok_or("its manifest has no symbol where one belongs")?;
        Ok(self.runtime.cell(self.runtime.index(self.environment), symbol))
    }
    fn entry<T: Clone>(all: &[T], index: usize) -> Result<T, Problem> {
        all.get(index).cloned().ok_or_else(|| "its manifest names something that is not there".to_string())
    }

    fn open(&mut self, form: Value, unit: CompiledUnit) -> Result<Opened, Problem> {
        let parts = self.runtime.list_to_vec(form);
        let version = parts.get(1).and_then(|version| version.as_fixnum());
        if parts.is_empty() || self.name(parts[0]) != MANIFEST.0 || version != Some(MANIFEST.1) {
            return Err("its manifest is of another version of Maru; build it again".into());
        }
        let source = self.part(&parts, 2, "source")?;
        let [name, text] = source[..] else { return Err("its manifest names no source".into()) };
        let is_text = |value| self.runtime.is_kind(value, Kind::String);
        if !is_text(name) || !is_text(text) {
            return Err("its manifest names no source".into());
        }
        let (name, text) = (self.runtime.text(name), self.runtime.text(text));
        let source = self.runtime.sources.add(&name, text);
        let entries = self.part(&parts, 10, "constants")?;
        let constants = Constants::read(self.runtime, &entries, self.environment, source)?;
        let mut trees = Vec::new();
        for tree in self.part(&parts, 3, "trees")? {
            let (name, form) = (self.runtime.car(tree), self.runtime.car(self.runtime.cdr(tree)));
            let prototype = form_to_prototype(self.runtime, form, &constants, self.environment, source)?;
            self.runtime.roots.push(prototype.code);
            trees.push((name, prototype));
        }
        let mut data = Vec::new();
        for binding in self.part(&parts, 4, "data")? {
            let (name, word) = (self.runtime.car(binding), self.runtime.car(self.runtime.cdr(binding)));
            data.push((name, constants.value(self.runtime, word)?));
        }
        // The trees are interpreted, or compiled again, where no native code is wanted, and where limits are set
        // that the code does not count.
        let metered = self.part(&parts, 9, "metered")?.first().is_some_and(|metered| metered.is_true());
        if self.runtime.options.jit != JitMode::Off && (metered || !self.runtime.options.is_metered()) {
            let roots: Vec<Rc<Prototype>> = trees.iter().map(|(_, prototype)| prototype.clone()).collect();
            self.link(&parts, &all_prototypes(&roots), &constants, unit, source)?;
        }
        Ok(Opened { source, trees, data })
    }

    fn link(
        &mut self,
        parts: &[Value],
        all: &[Rc<Prototype>],
        constants: &Constants,
        unit: CompiledUnit,
        source: u32,
    ) -> Result<(), Problem> {
        let mut prototypes = Vec::new();
        for function in self.part(parts, 5, "functions")? {
            prototypes.push(Self::entry(all, self.number(function)?)?);
        }
        let mut words = Vec::new();
        for word in self.part(parts, 6, "words")? {
            words.push(self.word(word, all, constants)?);
        }
        if words.len() != unit.data_words() || prototypes.len() != unit.function_count() {
            return Err("its manifest does not describe its code".into());
        }
        let mut sites = Vec::new();
        for site in self.part(parts, 7, "sites")? {
            let items = self.runtime.list_to_vec(site);
            let item = |index: usize| items.get(index).copied().unwrap_or(Value::NIL);
            let (at, prototype) = (item(0), item(1));
            let offset = if at.is_nil() { None } else { Some(self.number(at)? as u32) };
            let position = offset.map_or(Position::UNKNOWN, |offset| Position { source, offset });
            let prototype = self.number(prototype)?;
            Self::entry(&prototypes, prototype)?;
            // An outer site comes before those inside it, so the chain of them ends.
            let outer = if item(2).is_nil() { None } else { Some(self.number(item(2))?) };
            if outer.is_some_and(|outer| outer >= sites.len()) {
                return Err("its manifest has a site that is inside itself".into());
            }
            let (prototype, outer) = (prototype as u32, outer.map(|outer| outer as u32));
            sites.push(SiteInfo { position, prototype, outer, left: item(3).is_true() });
        }
        let mut assumptions = Vec::new();
        for assumption in self.part(parts, 8, "assumptions")? {
            assumptions.push(self.assumption(assumption, &prototypes)?);
        }
        let count = prototypes.len();
        let image = UnitImage::new(unit, prototypes, sites, assumptions);
        attach(self.runtime, image, &words, count);
        Ok(())
    }

    fn word(&mut self, word: Value, all: &[Rc<Prototype>], constants: &Constants) -> Result<DataWord, Problem> {
        let items = self.runtime.list_to_vec(word);
        let item = |index: usize| items.get(index).copied().unwrap_or(Value::NIL);
        let kind = self.name(item(0)).to_string();
        Ok(match kind.as_str() {
            "intact" => DataWord::Intact,
            "image" => DataWord::Image,
            "lookups" => DataWord::Lookups,
            "primitive" => DataWord::Function(self.primitive(item(1))?),
            "cache" => DataWord::Cache(self.number(item(1))? as u32),
            "cell" => DataWord::Cell(self.cell(item(1))?),
            "code" => DataWord::Constant(Self::entry(all, self.number(item(1))?)?.code),
            "constant" => DataWord::Constant(constants.value(self.runtime, item(1))?),
            other => return Err(format!("its manifest has a word of the unknown kind '{other}'")),
        })
    }

    fn assumption(&mut self, form: Value, prototypes: &[Rc<Prototype>]) -> Result<(CellId, Assumption), Problem> {
        let items = self.runtime.list_to_vec(form);
        let item = |index: usize| items.get(index).copied().unwrap_or(Value::NIL);
        let cell = self.cell(item(1))?;
        if self.name(item(0)) == "function" {
            let number = self.number(item(2))?;
            Self::entry(prototypes, number)?;
            return Ok((cell, Assumption::Function(number as u32)));
        }
        Ok((cell, Assumption::Value(self.primitive(item(2))?)))
    }

    /// The primitive of this name, whatever the name is bound to at the moment.
    fn primitive(&self, name: Value) -> Result<Value, Problem> {
        let name = self.name(name);
        self.runtime.primitive_value(name).ok_or_else(|| format!("there is no primitive '{name}'"))
    }
}

// ---- programs

/// Open a library that `build_program` made and link its code. The program is reachable through the runtime's roots.
///
/// # Errors
/// Why the file is no such library, or cannot be used here.
pub fn open_program(runtime: &mut Runtime, path: &Path) -> Result<BuiltProgram, Problem> {
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    set_up_machine(runtime).map_err(|CompileFailure(message)| message)?;
    let bytes =
        std::fs::read(path).map_err(|error| format!("{}: the library cannot be read: {error}", path.display()))?;
    let image =
        runtime.native.units_mut().load(format, architecture, path, &bytes).map_err(|error| error.to_string())?;
    let manifest = image.manifest().to_vec();
    let environment = runtime.global;
    let opened = open_library(runtime, &manifest, CompiledUnit::Library(image), environment)
        .map_err(|problem| format!("{}: {problem}", path.display()))?;
    let mut forms = Vec::new();
    for (name, prototype) in opened.trees {
        if !name.is_nil() {
            return Err(format!(
                "{}: holds a saved environment, not a program; (load-compiled-environment name) loads those",
                path.display()
            ));
        }
        let closure = closure_of(runtime, &prototype).map_err(|Failure| rendered(runtime))?;
        runtime.roots.push(closure);
        forms.push((prototype, closure));
    }
    Ok(BuiltProgram { source: opened.source, forms })
}

// ---- environments

fn cache_entry(runtime: &mut Runtime, name: &str) -> Result<(Cache, CacheKey), Problem> {
    let place = Cache::usual_place()
        .ok_or("there is no place for the cache: set MARU_CACHE to a directory, as an absolute path")?;
    let cache = Cache::open(&place).map_err(|error| error.to_string())?;
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    let parts = [
        ("name", name.as_bytes()),
        ("architecture", architecture.name().as_bytes()),
        ("format", format.name().as_bytes()),
        ("optimisation level", &[runtime.options.level.number()]),
        ("strategy", runtime.options.strategy.name().as_bytes()),
    ];
    Ok((cache, CacheKey::new(name, image_stamp(architecture), &parts)))
}

/// `(save-compiled-environment env "name")`: compile an environment ahead of time and keep it in the cache under a
/// name. Answers the environment.
///
/// # Errors
/// Kind `compile` when something in it cannot be saved, kind `io` when the cache cannot be written.
pub fn save_environment(runtime: &mut Runtime, environment: u32, name: &str) -> Outcome {
    let base = runtime.roots.len();
    let bytes = environment_library(runtime, environment, name);
    runtime.roots.truncate(base);
    let bytes = bytes.map_err(|problem| runtime.error(ErrorKind::Compile, &problem, &[]))?;
    let stored = cache_entry(runtime, name)
        .and_then(|(cache, key)| cache.store(&key, &bytes).map_err(|error| error.to_string()));
    stored.map_err(|problem| runtime.error(ErrorKind::Io, &problem, &[]))?;
    Ok(runtime.environments.get(environment).value.unwrap_or(Value::NIL))
}

fn environment_library(runtime: &mut Runtime, environment: u32, name: &str) -> Result<Vec<u8>, Problem> {
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    let contents = read_environment(runtime, environment)?;
    make(runtime, name, &contents, (architecture, format), Units::library)
}

fn read_environment(runtime: &mut Runtime, environment: u32) -> Result<Contents, Problem> {
    let value = runtime.environments.get(environment).value.unwrap_or(Value::NIL);
    let mut contents = Contents {
        environment: value,
        source: Default::default(),
        names: Vec::new(),
        prototypes: Vec::new(),
        data: Vec::new(),
    };
    let mut source = None;
    for cell in runtime.environments.get(environment).bound.clone() {
        let cell = runtime.cells.get(cell);
        let (name, value) = (runtime.symbols.value(cell.symbol), cell.value);
        let shown = runtime.symbols.name(cell.symbol).to_string();
        if let Some(prototype) = runtime.prototype(value).filter(|_| runtime.is_kind(value, Kind::Closure)) {
            if !prototype.captures.is_empty() {
                return Err(format!("'{shown}' cannot be saved: it is a closure with variables of its own"));
            }
            if *source.get_or_insert(prototype.position.source) != prototype.position.source {
                return Err(format!("'{shown}' cannot be saved: the environment's functions come from several files"));
            }
            contents.names.push(name);
            contents.prototypes.push(prototype.clone());
        } else {
            contents.data.push((name, value));
        }
    }
    if let Some(text) = source.and_then(|source| runtime.sources.get(source)) {
        contents.source = (text.name.clone(), text.text.clone());
    }
    Ok(contents)
}

/// `(load-compiled-environment "name")`: a new environment with what was saved under a name.
///
/// # Errors
/// Kind `load` when there is none, or it cannot be used.
pub fn load_environment(runtime: &mut Runtime, name: &str) -> Outcome {
    let base = runtime.roots.len();
    let result = try_load(runtime, name);
    runtime.roots.truncate(base);
    result.map_err(|problem| {
        let message = format!("load-compiled-environment: \"{name}\": {problem}");
        runtime.error(ErrorKind::Load, &message, &[])
    })
}

fn try_load(runtime: &mut Runtime, name: &str) -> Result<Value, Problem> {
    let (cache, key) = cache_entry(runtime, name)?;
    let bytes = cache.find(&key)?;
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    set_up_machine(runtime).map_err(|CompileFailure(message)| message)?;
    let image = runtime
        .native
        .units_mut()
        .load(format, architecture, Path::new(""), &bytes)
        .map_err(|error| error.to_string())?;
    let manifest = image.manifest().to_vec();
    let memory = |Failure| "memory is used up".to_string();
    let environment = runtime.make_environment(Some(runtime.global_environment())).map_err(memory)?;
    runtime.roots.push(environment);
    let index = runtime.index(environment);
    let opened = open_library(runtime, &manifest, CompiledUnit::Library(image), environment)?;
    for (name, prototype) in &opened.trees {
        let closure = closure_of(runtime, prototype).map_err(memory)?;
        bind(runtime, index, *name, closure);
    }
    for (name, value) in &opened.data {
        bind(runtime, index, *name, *value);
    }
    Ok(environment)
}

fn bind(runtime: &mut Runtime, environment: u32, name: Value, value: Value) {
    if let Some(symbol) = runtime.as_symbol(name) {
        let cell = runtime.cell(environment, symbol);
        runtime.define_cell(cell, value, false);
    }
}
