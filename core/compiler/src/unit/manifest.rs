//! Manifests of libraries that live longer than a process, as they are written.
//!
//! A manifest is Maru data: the trees of all functions, so that everything can also be interpreted, and what ties the
//! code to a runtime (data words, sites, assumptions), by names instead of addresses.

use crate::lower::{Assumption, DataWord, LoweredUnit, SiteInfo};
use maru_core::abi::layout::Value;
use maru_language::interp::constant_table::ConstantTable;
use maru_language::interp::tree_form::prototype_to_form;
use maru_language::runtime::tree::{Node, Prototype};
use maru_language::runtime::{CellId, Failure, Runtime};
use maru_language::syntax::print;
use std::rc::Rc;

/// First symbol of every manifest, and its version.
pub(super) const MANIFEST: (&str, i64) = ("maru-library", 4);

/// Why a library could not be made or opened.
pub type Problem = String;

/// What a library holds.
pub(super) struct Contents {
    /// The environment it is of.
    pub(super) environment: Value,
    /// Name and text of the source, for messages.
    pub(super) source: (String, String),
    /// Names that the prototypes are bound to (environments), or nil (programs, whose prototypes are run).
    pub(super) names: Vec<Value>,
    /// Prototype that are run or bound, in order.
    pub(super) prototypes: Vec<Rc<Prototype>>,
    /// Data to bind, by name.
    pub(super) data: Vec<(Value, Value)>,
}

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

pub(super) fn manifest(runtime: &mut Runtime, contents: &Contents, lowered: &LoweredUnit) -> Result<Vec<u8>, Problem> {
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
        let outer = outer.map_or(Value::NIL, |outer| number(outer.0 as usize));
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
