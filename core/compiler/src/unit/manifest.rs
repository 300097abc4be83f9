//! Manifests of libraries that live longer than a process, as they are written.
//!
//! A manifest is Maru data: the trees of all functions, so that everything can also be interpreted, and what ties the
//! code to a runtime (data words, sites, assumptions), by names instead of addresses. Its parts, behind its name and
//! version:
//!
//! ```text
//! (program) or (environment word name parent)   what it is; of an environment what loading answers, and where it was
//! (sources (name text lines-before)…)
//! (trees (environment source form)…)            each in its environment; a program's forms are run in order
//! (bindings (name word constant)…)
//! (methods (selector function class…)…)         for selectors that others have
//! (functions tree…) (words …) (sites …) (assumptions …) (metered …)   what the code is tied to
//! (constants …)                                 the table that all words are of
//! ```

use crate::lower::{Assumption, DataWord, LoweredUnit, SiteInfo};
use maru_core::abi::layout::Value;
use maru_core::abi::Position;
use maru_language::interp::saved::{Graph, Writer};
use maru_language::interp::tree_form::prototype_to_form;
use maru_language::runtime::tree::Prototype;
use maru_language::runtime::{CellId, Runtime};
use maru_language::syntax::print;
use std::rc::Rc;

/// First symbol of every manifest, and its version.
pub(super) const MANIFEST: (&str, i64) = ("maru-library", 5);

/// Why a library could not be made or opened.
pub type Problem = String;

/// What a library holds.
pub(super) struct Contents {
    /// Number of the text that it is of.
    pub(super) source: u32,
    /// Trees that are compiled.
    pub(super) prototypes: Vec<Rc<Prototype>>,
    /// Of an environment: all that it holds, and what loading it is to answer, itself or an instance that stands for it.
    pub(super) saved: Option<(Graph, Value)>,
}

/// Builds the lists of a manifest; everything made stays reachable through the runtime's roots.
struct Lists<'r> {
    runtime: &'r mut Runtime,
    writer: Writer,
}

impl Lists<'_> {
    fn list(&mut self, items: &[Value]) -> Result<Value, Problem> {
        self.writer.list(self.runtime, items)
    }
    fn tagged(&mut self, tag: &str, items: &[Value]) -> Result<Value, Problem> {
        self.writer.tagged(self.runtime, tag, items)
    }
    fn cell(&mut self, cell: CellId) -> Result<Value, Problem> {
        self.writer.cell(self.runtime, cell)
    }
    fn position(&mut self, position: Position) -> Result<Value, Problem> {
        self.writer.position(self.runtime, position, 0)
    }
    /// The number of a tree.
    fn tree(&self, prototype: &Rc<Prototype>) -> Result<Value, Problem> {
        self.writer.graph.number_of(prototype).map(number).ok_or_else(|| "a function has no tree".into())
    }
}

fn number(number: usize) -> Value {
    Value::fixnum(number as i64)
}

pub(super) fn manifest(runtime: &mut Runtime, contents: Contents, lowered: &LoweredUnit) -> Result<Vec<u8>, Problem> {
    let base = runtime.roots.len();
    let text = manifest_text(runtime, contents, lowered);
    runtime.roots.truncate(base);
    text.map(String::into_bytes)
}

fn manifest_text(runtime: &mut Runtime, contents: Contents, lowered: &LoweredUnit) -> Result<String, Problem> {
    let global = runtime.global;
    let (graph, answer) = match contents.saved {
        Some((graph, answer)) => (graph, Some(answer)),
        None => (Graph::of_program(runtime, global, &contents.prototypes)?, None),
    };
    let mut lists = Lists { runtime, writer: Writer::new(graph, contents.source) };
    let form = manifest_form(&mut lists, answer, lowered)?;
    Ok(print::text(runtime, form, print::Style::Dump))
}

/// The trees, each with its environment and the number of its text.
fn trees(lists: &mut Lists) -> Result<Vec<Value>, Problem> {
    let mut trees = Vec::new();
    for root in lists.writer.graph.roots().to_vec() {
        let source = lists.writer.source(root.position.source);
        let form = prototype_to_form(lists.runtime, &root, &mut lists.writer, source)?;
        lists.runtime.roots.push(form);
        let environment = lists.writer.word(lists.runtime, root.environment)?;
        trees.push(lists.list(&[environment, number(source), form])?);
    }
    Ok(trees)
}

fn manifest_form(lists: &mut Lists, answer: Option<Value>, lowered: &LoweredUnit) -> Result<Value, Problem> {
    let trees = trees(lists)?;
    let own = lists.writer.graph.own();
    let (heading, bindings) = match answer {
        None => (lists.tagged("program", &[])?, Vec::new()),
        Some(answer) => {
            let mut words = vec![lists.writer.word(lists.runtime, answer)?];
            words.extend(lists.writer.heading(lists.runtime, own)?);
            (lists.tagged("environment", &words)?, lists.writer.bindings(lists.runtime, own)?)
        }
    };
    let methods = lists.writer.methods(lists.runtime)?;
    let functions = lowered.prototypes.iter().map(|prototype| lists.tree(prototype));
    let functions = functions.collect::<Result<Vec<Value>, Problem>>()?;
    let words = words(lists, lowered)?;
    let sites = sites(lists, lowered)?;
    let assumptions = assumptions(lists, lowered)?;
    let constants = lists.writer.entries(lists.runtime)?;
    let sources = lists.writer.sources(lists.runtime)?;
    let parts = [
        Value::fixnum(MANIFEST.1),
        heading,
        lists.tagged("sources", &sources)?,
        lists.tagged("trees", &trees)?,
        lists.tagged("bindings", &bindings)?,
        lists.tagged("methods", &methods)?,
        lists.tagged("functions", &functions)?,
        lists.tagged("words", &words)?,
        lists.tagged("sites", &sites)?,
        lists.tagged("assumptions", &assumptions)?,
        lists.tagged("metered", &[Value::boolean(lists.runtime.options.is_metered())])?,
        lists.tagged("constants", &constants)?,
    ];
    lists.tagged(MANIFEST.0, &parts)
}

/// The words of the code's data table.
fn words(lists: &mut Lists, lowered: &LoweredUnit) -> Result<Vec<Value>, Problem> {
    let mut words = Vec::new();
    for word in &lowered.data {
        words.push(match word {
            DataWord::Intact => lists.tagged("intact", &[])?,
            DataWord::Image => lists.tagged("image", &[])?,
            DataWord::Cell(cell) => {
                let cell = lists.cell(*cell)?;
                lists.tagged("cell", &[cell])?
            }
            DataWord::Code(prototype) => {
                let prototype = lists.tree(&lowered.prototypes[*prototype as usize])?;
                lists.tagged("code", &[prototype])?
            }
            DataWord::Constant(value) => constant_word(lists, *value)?,
            DataWord::Function(value) => {
                let primitive = lists.runtime.primitive_name(*value).ok_or("the code calls what is no primitive")?;
                let primitive = lists.runtime.symbol_value(primitive);
                lists.tagged("primitive", &[primitive])?
            }
            DataWord::Lookups => lists.tagged("lookups", &[])?,
            DataWord::Cache(number) => lists.tagged("cache", &[Value::fixnum(i64::from(*number))])?,
        });
    }
    Ok(words)
}

/// The places in the code that errors come from.
fn sites(lists: &mut Lists, lowered: &LoweredUnit) -> Result<Vec<Value>, Problem> {
    let mut sites = Vec::new();
    for SiteInfo { position, prototype, outer, left } in &lowered.sites {
        let at = lists.position(*position)?;
        let outer = outer.map_or(Value::NIL, |outer| number(outer.0 as usize));
        sites.push(lists.list(&[at, number(*prototype as usize), outer, Value::boolean(*left)])?);
    }
    Ok(sites)
}

/// What the code relies on.
fn assumptions(lists: &mut Lists, lowered: &LoweredUnit) -> Result<Vec<Value>, Problem> {
    let mut assumptions = Vec::new();
    for (cell, assumption) in &lowered.assumptions {
        let name = lists.cell(*cell)?;
        assumptions.push(match assumption {
            Assumption::Value(value) => {
                let primitive = lists.runtime.primitive_name(*value).ok_or("the code assumes what is no primitive")?;
                let primitive = lists.runtime.symbol_value(primitive);
                lists.tagged("primitive", &[name, primitive])?
            }
            Assumption::Function(function) => lists.tagged("function", &[name, number(*function as usize)])?,
        });
    }
    Ok(assumptions)
}

/// A constant of the code is data, or the code object of a prototype.
fn constant_word(lists: &mut Lists, value: Value) -> Result<Value, Problem> {
    if let Some(tree) = lists.writer.graph.number_of_code(value) {
        return lists.tagged("code", &[number(tree)]);
    }
    let word = lists.writer.constant(lists.runtime, value)?;
    lists.tagged("constant", &[word])
}
