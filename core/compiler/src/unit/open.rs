//! Opening a library: its manifest makes the prototypes anew, and the code is linked to them before anything runs. The
//! image counts as intact as soon as the definitions that its code relies on have been made.

use super::image::{attach, CompiledUnit, UnitImage};
use super::manifest::{Problem, MANIFEST};
use crate::lower::{Assumption, DataWord, Site, SiteInfo};
use maru_core::abi::layout::Value;
use maru_language::interp::saved::Loaded;
use maru_language::interp::tree_form::form_to_prototype;
use maru_language::runtime::tree::{all_prototypes, Prototype};
use maru_language::runtime::{CellId, JitMode, Runtime};
use maru_language::syntax::Reader;
use std::rc::Rc;

/// A library's manifest, read.
pub(super) struct Opened {
    /// Number of the first source.
    pub(super) source: u32,
    /// The trees: of a program, its forms.
    pub(super) trees: Vec<Rc<Prototype>>,
    /// What loading an environment answers; nothing of a program.
    pub(super) answer: Option<Value>,
}

/// Read a manifest, make its prototypes in an environment, and link the code to them, if there is some. They are reachable through the
/// runtime's roots.
pub(super) fn open_library(
    runtime: &mut Runtime,
    bytes: &[u8],
    unit: Option<CompiledUnit>,
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
        runtime.roots.extend(opened.trees.iter().map(|prototype| prototype.code));
        runtime.roots.extend(opened.answer);
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
    fn cell(&mut self, word: Value, constants: &Loaded) -> Result<CellId, Problem> {
        let (name, environment) = match word.is_pair() {
            false => (word, self.environment),
            true => {
                let environment = self.runtime.car(self.runtime.cdr(word));
                (self.runtime.car(word), constants.environment(self.runtime, environment)?)
            }
        };
        let symbol = self.runtime.as_symbol(name).ok_or("its manifest has no symbol where one belongs")?;
        Ok(self.runtime.cell(self.runtime.index(environment), symbol))
    }
    fn entry<T: Clone>(all: &[T], index: usize) -> Result<T, Problem> {
        all.get(index).cloned().ok_or_else(|| "its manifest names something that is not there".to_string())
    }

    fn open(&mut self, form: Value, unit: Option<CompiledUnit>) -> Result<Opened, Problem> {
        let parts = self.runtime.list_to_vec(form);
        let version = parts.get(1).and_then(|version| version.as_fixnum());
        if parts.is_empty() || self.name(parts[0]) != MANIFEST.0 || version != Some(MANIFEST.1) {
            return Err("its manifest is of another version of Maru; build it again".into());
        }
        let sources = self.part(&parts, 3, "sources")?;
        let entries = self.part(&parts, 12, "constants")?;
        let constants = Loaded::read(self.runtime, entries, &sources, self.environment)?;
        let heading = self.part(&parts, 2, "environment").ok();
        if let Some(heading) = &heading {
            self.settle(heading, &constants)?;
        }
        let mut trees = Vec::new();
        for tree in self.part(&parts, 4, "trees")? {
            let [environment, source, form] = self.runtime.list_to_vec(tree)[..] else {
                return Err("its manifest has an incomplete tree".into());
            };
            let environment = constants.environment(self.runtime, environment)?;
            let prototype = form_to_prototype(self.runtime, form, &constants, environment, self.number(source)?)?;
            self.runtime.roots.push(prototype.code);
            trees.push(prototype);
        }
        let all = all_prototypes(&trees);
        constants.fill(self.runtime, &all)?;
        // The trees are interpreted, or compiled again, where no native code is wanted, and where limits are set
        // that the code does not count.
        let metered = self.part(&parts, 11, "metered")?.first().is_some_and(|metered| metered.is_true());
        let is_wanted = self.runtime.options.jit != JitMode::Off && (metered || !self.runtime.options.is_metered());
        if let Some(unit) = unit.filter(|_| is_wanted) {
            self.link(&parts, &all, &constants, unit)?;
        }
        let answer = match &heading {
            Some(heading) => Some(self.bind(&parts, heading, &constants)?),
            None => None,
        };
        Ok(Opened { source: constants.source(0)?, trees, answer })
    }

    /// Give the environment the name and the parent that it had.
    fn settle(&mut self, heading: &[Value], constants: &Loaded) -> Result<(), Problem> {
        let [_, name, parent] = heading[..] else { return Err("its manifest names no environment".into()) };
        let (index, name) = (self.runtime.index(self.environment), self.runtime.as_symbol(name));
        self.runtime.environments.get_mut(index).name = name;
        constants.set_parent(self.runtime, self.environment, parent)
    }

    /// Bind what the environment binds, and add its methods to selectors that others have; what loading answers.
    fn bind(&mut self, parts: &[Value], heading: &[Value], constants: &Loaded) -> Result<Value, Problem> {
        let bindings = self.part(parts, 5, "bindings")?;
        let methods = self.part(parts, 6, "methods")?;
        let (bindings, methods) =
            (constants.bindings(self.runtime, &bindings)?, constants.methods(self.runtime, &methods)?);
        for binding in bindings {
            binding.bind(self.runtime, self.environment);
        }
        for method in methods {
            method.add(self.runtime)?;
        }
        constants.value(self.runtime, heading[0])
    }

    fn link(
        &mut self,
        parts: &[Value],
        all: &[Rc<Prototype>],
        constants: &Loaded,
        unit: CompiledUnit,
    ) -> Result<(), Problem> {
        let mut prototypes = Vec::new();
        for function in self.part(parts, 7, "functions")? {
            prototypes.push(Self::entry(all, self.number(function)?)?);
        }
        let mut words = Vec::new();
        for word in self.part(parts, 8, "words")? {
            words.push(self.word(word, all, constants)?);
        }
        if words.len() != unit.data_words() || prototypes.len() != unit.function_count() {
            return Err("its manifest does not describe its code".into());
        }
        let mut sites = Vec::new();
        for site in self.part(parts, 9, "sites")? {
            let items = self.runtime.list_to_vec(site);
            let item = |index: usize| items.get(index).copied().unwrap_or(Value::NIL);
            let (at, prototype) = (item(0), item(1));
            let position = constants.position(self.runtime, at, 0)?;
            let prototype = self.number(prototype)?;
            Self::entry(&prototypes, prototype)?;
            // An outer site comes before those inside it, so the chain of them ends.
            let outer = if item(2).is_nil() { None } else { Some(self.number(item(2))?) };
            if outer.is_some_and(|outer| outer >= sites.len()) {
                return Err("its manifest has a site that is inside itself".into());
            }
            let (prototype, outer) = (prototype as u32, outer.map(|outer| Site(outer as u32)));
            sites.push(SiteInfo { position, prototype, outer, left: item(3).is_true() });
        }
        let mut assumptions = Vec::new();
        for assumption in self.part(parts, 10, "assumptions")? {
            assumptions.push(self.assumption(assumption, &prototypes, constants)?);
        }
        let count = prototypes.len();
        let image = UnitImage::new(unit, prototypes, sites, assumptions);
        attach(self.runtime, image, &words, count);
        Ok(())
    }

    fn word(&mut self, word: Value, all: &[Rc<Prototype>], constants: &Loaded) -> Result<DataWord, Problem> {
        let items = self.runtime.list_to_vec(word);
        let item = |index: usize| items.get(index).copied().unwrap_or(Value::NIL);
        let kind = self.name(item(0)).to_string();
        Ok(match kind.as_str() {
            "intact" => DataWord::Intact,
            "image" => DataWord::Image,
            "lookups" => DataWord::Lookups,
            "primitive" => DataWord::Function(self.primitive(item(1))?),
            "cache" => DataWord::Cache(self.number(item(1))? as u32),
            "cell" => DataWord::Cell(self.cell(item(1), constants)?),
            "code" => DataWord::Constant(Self::entry(all, self.number(item(1))?)?.code),
            "constant" => DataWord::Constant(constants.value(self.runtime, item(1))?),
            other => return Err(format!("its manifest has a word of the unknown kind '{other}'")),
        })
    }

    fn assumption(
        &mut self,
        form: Value,
        prototypes: &[Rc<Prototype>],
        constants: &Loaded,
    ) -> Result<(CellId, Assumption), Problem> {
        let items = self.runtime.list_to_vec(form);
        let item = |index: usize| items.get(index).copied().unwrap_or(Value::NIL);
        let cell = self.cell(item(1), constants)?;
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
