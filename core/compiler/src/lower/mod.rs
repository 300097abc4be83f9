//! Tree to IR: a unit's prototypes become IR functions, with the data words and sites they need.
//!
//! A prototype is first made linear (`linear`, `linearise`); then each block of its flow graph is emitted once for
//! each useful combination of known types of its live registers (`emit`): basic block versioning. An operation whose
//! fast way does not apply does its one step in the runtime and rejoins; see `emit::slow`. Where what follows builds on
//! a type that turns out wrong, a *generic* version of the same place takes over, up to the head of the next loop,
//! which learns types anew; see `emit::versions`.

mod arithmetic;
mod condition;
mod emit;
mod expect;
mod instance;
mod intrinsic;
mod linear;
mod linear_text;
mod linearise;
mod list_search;
mod liveness;
mod meter;
mod object;
mod operator;
mod primitive;
mod quiet;
mod send;
mod table;
mod trampoline;

pub use linear::Site;
pub use linearise::changed_slots;
pub use trampoline::{trampoline_functions, ENTER, TRAMPOLINE};

use maru_core::abi::layout::{offset, Kind, Value};
use maru_core::abi::Position;
use maru_core::codegen::Architecture;
use maru_core::{ir, registry};
use maru_language::runtime::tree::{Capture, Node, Prototype};
use maru_language::runtime::{classes, CellId, Runtime, Symbol};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// A word of the image's data table, filled in when the image is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DataWord {
    /// Address of a word that is 1 while all assumptions of the image hold, then 0. Always data word 0.
    Intact,
    /// The image's number, for error positions. Always word 1.
    Image,
    /// Address of a cell.
    Cell(CellId),
    /// A constant.
    Constant(Value),
    /// The code object of a prototype of the unit.
    Code(u32),
    /// The address of a primitive's function.
    Function(Value),
    /// A word of an inline cache, which code fills by way of the runtime; its own number.
    Cache(u32),
    /// Address of the table that code looks into when its own inline cache has something else.
    Lookups,
}

/// What a cell must hold for the code of a unit to be valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Assumption {
    /// This very value: a primitive or, in code for this process only, a constant that is no pointer.
    Value(Value),
    /// A closure of this function of the unit, which captures nothing.
    Function(u32),
}

/// A place that an error can come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SiteInfo {
    /// Where it stands.
    pub position: Position,
    /// Number of the prototype it belongs to.
    pub prototype: u32,
    /// If that prototype's body was inlined: the call that it stands in place of.
    pub outer: Option<Site>,
    /// Whether the function has left by then: a call in tail position takes its place.
    pub left: bool,
}

/// When the code will be linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linking {
    /// Now, in this process: what is bound stays bound.
    Now,
    /// Later, in another process: only cells below this number, those of the prelude, are sure to be bound.
    Later(u32),
}

/// What lowered code depends on of its target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoweringTarget {
    /// How many arguments travel in registers.
    pub argument_registers: usize,
    /// Whether the least significant byte of a word comes first in memory.
    pub little_endian: bool,
}

impl LoweringTarget {
    /// What code for an architecture depends on.
    pub fn of(architecture: &dyn Architecture) -> LoweringTarget {
        LoweringTarget {
            argument_registers: architecture.argument_registers(),
            little_endian: registry::any_identity(architecture).is_none_or(|identity| identity.little_endian),
        }
    }
}

/// A unit in IR.
pub struct LoweredUnit {
    /// The prototypes, nested ones included, in order of their functions.
    pub prototypes: Vec<Rc<Prototype>>,
    /// The file that its line tables speak of: that of the first prototype.
    pub source: String,
    /// One function a prototype.
    pub functions: Vec<ir::Function>,
    /// The data table.
    pub data: Vec<DataWord>,
    /// RegisterValues that errors can come from.
    pub sites: Vec<SiteInfo>,
    /// What cells must hold for the code to be valid, in order of first use.
    pub assumptions: Vec<(CellId, Assumption)>,
}

/// How often an assumption about a cell may break before it is not made any more.
const CHANGES_TOLERATED: u32 = 3;

/// What the functions of a unit share while they are lowered.
pub(crate) struct UnitContext<'r> {
    pub(crate) runtime: &'r mut Runtime,
    prototypes: Vec<Rc<Prototype>>,
    numbers: FxHashMap<*const Prototype, u32>,
    known_captures: FxHashMap<(u32, u32), u32>,
    data: Vec<DataWord>,
    data_numbers: FxHashMap<DataWord, u32>,
    sites: Vec<SiteInfo>,
    assumptions: Vec<(CellId, Assumption)>,
    /// The same, to find what is there already.
    assumed: FxHashSet<(CellId, Assumption)>,
    /// Functions that are called with doubles.
    expected_doubles: FxHashSet<u32>,
    /// By the name of a field: the one class that has it and where, if it is one; found when first asked for.
    fields: Option<FxHashMap<Symbol, Option<(Value, u32)>>>,
    /// By function: whether it leaves all cells alone.
    quiet: Vec<bool>,
    linking: Linking,
    target: LoweringTarget,
    /// Whether the code counts fuel and depth, exactly as the interpreter does: then nothing is inlined but
    /// primitives, which neither counts.
    metered: bool,
}

/// Lower prototypes, and all that are nested in them, as one unit.
pub fn lower_unit(
    runtime: &mut Runtime,
    roots: &[Rc<Prototype>],
    target: LoweringTarget,
    linking: Linking,
) -> LoweredUnit {
    let mut unit = UnitContext::new(runtime, target, linking);
    roots.iter().for_each(|prototype| unit.add(prototype));
    let functions = unit.lower_prototypes();
    unit.finish(functions)
}

/// The linear form of prototypes and all that are nested in them, as text: see `linear_text`.
pub fn linear_text(runtime: &mut Runtime, roots: &[Rc<Prototype>], target: LoweringTarget, linking: Linking) -> String {
    let mut unit = UnitContext::new(runtime, target, linking);
    roots.iter().for_each(|prototype| unit.add(prototype));
    unit.lower_each(|unit, flow, prototype, _| linear_text::text(unit, flow, prototype)).join("\n")
}

/// Lower one loop of a prototype, to take over from the interpreter between two turns, and all prototypes nested in
/// the prototype. The loop's function is the last; it has the prototype's name, but is not the prototype's code.
pub fn lower_loop(
    runtime: &mut Runtime,
    prototype: &Rc<Prototype>,
    node: &Node,
    target: LoweringTarget,
) -> LoweredUnit {
    let mut unit = UnitContext::new(runtime, target, Linking::Now);
    unit.add_nested(&prototype.body);
    let mut functions = unit.lower_prototypes();
    let number = unit.prototypes.len() as u32;
    unit.prototypes.push(prototype.clone());
    unit.find_known_captures(number);
    let all = unit.prototypes.clone();
    let flow = linearise::Linearise::running_loop(&mut unit, &all, prototype, number, node);
    functions.push(emit::Emit::function(&mut unit, &flow, prototype, number, true));
    unit.finish(functions)
}

impl<'r> UnitContext<'r> {
    fn new(runtime: &'r mut Runtime, target: LoweringTarget, linking: Linking) -> UnitContext<'r> {
        let mut unit = UnitContext {
            metered: runtime.options.is_metered(),
            runtime,
            prototypes: Vec::new(),
            numbers: FxHashMap::default(),
            known_captures: FxHashMap::default(),
            data: Vec::new(),
            data_numbers: FxHashMap::default(),
            sites: Vec::new(),
            assumptions: Vec::new(),
            assumed: FxHashSet::default(),
            expected_doubles: FxHashSet::default(),
            quiet: Vec::new(),
            fields: None,
            linking,
            target,
        };
        unit.data_word(DataWord::Intact);
        unit.data_word(DataWord::Image);
        unit
    }

    fn lower_prototypes(&mut self) -> Vec<ir::Function> {
        self.lower_each(|unit, flow, prototype, number| emit::Emit::function(unit, flow, prototype, number, false))
    }

    /// Make each prototype linear, and something of that.
    fn lower_each<T>(
        &mut self,
        make: impl Fn(&mut UnitContext<'r>, &linear::Linear, &Rc<Prototype>, u32) -> T,
    ) -> Vec<T> {
        let count = self.prototypes.len() as u32;
        (0..count).for_each(|number| self.find_known_captures(number));
        self.find_expected_doubles();
        let all = self.prototypes.clone();
        let linear = |number: u32| linearise::Linearise::prototype(self, &all, &all[number as usize], number);
        let flows: Vec<linear::Linear> = (0..count).map(linear).collect();
        self.find_quiet(&flows);
        (0..count).zip(flows).map(|(number, flow)| make(self, &flow, &all[number as usize], number)).collect()
    }

    fn finish(self, functions: Vec<ir::Function>) -> LoweredUnit {
        let position = self.prototypes.first().map_or(Position::UNKNOWN, |prototype| prototype.position);
        let source = self.runtime.sources.get(position.source).map_or(String::new(), |source| source.name.clone());
        LoweredUnit {
            prototypes: self.prototypes,
            source,
            functions,
            data: self.data,
            sites: self.sites,
            assumptions: self.assumptions,
        }
    }

    fn add(&mut self, prototype: &Rc<Prototype>) {
        if self.numbers.contains_key(&Rc::as_ptr(prototype)) {
            return;
        }
        self.numbers.insert(Rc::as_ptr(prototype), self.prototypes.len() as u32);
        self.prototypes.push(prototype.clone());
        self.add_nested(&prototype.body);
    }

    fn add_nested(&mut self, node: &Node) {
        match node {
            Node::Lambda(prototype) => self.add(prototype),
            Node::Fix(bindings, _) => bindings.iter().for_each(|(_, prototype)| self.add(prototype)),
            _ => {}
        }
        node.children(&mut |child| self.add_nested(child));
    }

    /// Note which captured values of other prototypes are functions bound by a `Fix` of this one.
    fn find_known_captures(&mut self, number: u32) {
        let prototype = self.prototypes[number as usize].clone();
        let mut slots = FxHashMap::default();
        self.collect_fixed(&prototype.body, &mut slots);
        self.note_captures(&prototype.body, number, &slots);
    }
    fn collect_fixed(&self, node: &Node, slots: &mut FxHashMap<u32, u32>) {
        if let Node::Fix(bindings, _) = node {
            for (slot, prototype) in bindings {
                slots.extend(self.number_of(prototype).map(|number| (*slot, number)));
            }
        }
        node.children(&mut |child| self.collect_fixed(child, slots));
    }
    fn note_captures(&mut self, node: &Node, number: u32, slots: &FxHashMap<u32, u32>) {
        let nested: Vec<&Rc<Prototype>> = match node {
            Node::Lambda(prototype) => vec![prototype],
            Node::Fix(bindings, _) => bindings.iter().map(|(_, prototype)| prototype).collect(),
            _ => Vec::new(),
        };
        for prototype in nested {
            let Some(inner) = self.number_of(prototype) else { continue };
            for (index, capture) in prototype.captures.iter().enumerate() {
                let known = match capture {
                    Capture::Local(slot) => slots.get(slot).copied(),
                    // Enclosing prototypes have lower numbers, so theirs are known by now.
                    Capture::Captured(outer) => self.known_captures.get(&(number, *outer)).copied(),
                };
                self.known_captures.extend(known.map(|known| ((inner, index as u32), known)));
            }
        }
        node.children(&mut |child| self.note_captures(child, number, slots));
    }

    pub(crate) fn number_of(&self, prototype: &Rc<Prototype>) -> Option<u32> {
        self.numbers.get(&Rc::as_ptr(prototype)).copied()
    }
    pub(crate) fn known_capture(&self, number: u32, index: u32) -> Option<u32> {
        self.known_captures.get(&(number, index)).copied()
    }
    /// The number of a data word, added if it is new.
    pub(crate) fn data_word(&mut self, word: DataWord) -> u32 {
        let data = &mut self.data;
        *self.data_numbers.entry(word).or_insert_with(|| {
            data.push(word);
            data.len() as u32 - 1
        })
    }
    /// New data words for an inline cache; the number of the first.
    pub(crate) fn cache_words(&mut self, count: usize) -> u32 {
        let first = self.data.len() as u32;
        self.data.extend((0..count as u32).map(|word| DataWord::Cache(first + word)));
        first
    }
    pub(crate) fn site(&mut self, position: Position, prototype: u32, outer: Option<Site>, left: bool) -> Site {
        let site = SiteInfo { position, prototype, outer, left };
        if self.sites.last() != Some(&site) {
            self.sites.push(site);
        }
        Site(self.sites.len() as u32 - 1)
    }
    /// Whether the code is made anew if what it guesses turns out wrong.
    pub(crate) fn is_made_anew(&self) -> bool {
        self.linking == Linking::Now
    }
    /// Whether a cell is bound when the code runs. A bound cell stays bound.
    pub(crate) fn is_bound(&self, cell: CellId) -> bool {
        let bound = self.runtime.cells.get(cell).value.as_unbound().is_none();
        bound
            && match self.linking {
                Linking::Now => true,
                Linking::Later(prelude) => self.runtime.binding_cell(cell).is_some_and(|cell| cell.0 < prelude),
            }
    }
    /// The name of the primitive that a cell holds.
    pub(crate) fn primitive_name(&self, cell: CellId) -> Option<&'static str> {
        self.runtime.primitive_name(self.runtime.cells.get(cell).value)
    }
    /// What a cell holds, if it is bound to a constant that is no pointer; the unit then relies on it. Not for other
    /// processes, which may bind the name to something else.
    pub(crate) fn constant(&mut self, cell: CellId) -> Option<Value> {
        let binding = self.runtime.binding_cell(cell)?;
        let value = self.runtime.cells.get(cell).value;
        let usable = self.linking == Linking::Now && self.runtime.cells.get(binding).constant && !value.is_pointer();
        if usable && value.as_unbound().is_none() {
            self.assume(cell).map(|_| value)
        } else {
            None
        }
    }
    /// The array that a cell holds, if what the unit would rely on with that was never seen to change. In this process
    /// only, likewise. So its kind is known, and it is at hand without the cell.
    pub(crate) fn lasting_array(&mut self, cell: CellId) -> Option<Value> {
        let value = self.runtime.cells.get(cell).value;
        let changes = self.runtime.cells.get(cell).changes > 0;
        let usable = self.linking == Linking::Now && !changes && self.runtime.is_kind(value, Kind::Array);
        usable.then(|| self.assume(cell))?.map(|_| value)
    }
    /// The one class that has a field whose name a data word is, and the field's index, if the code is for this process.
    pub(crate) fn only_class_with(&mut self, word: u32) -> Option<(Value, u32)> {
        let DataWord::Constant(name) = self.data[word as usize] else { return None };
        let name = self.runtime.as_symbol(name).filter(|_| self.linking == Linking::Now)?;
        let fields = self.fields.get_or_insert_with(|| classes::fields_of_one_class(self.runtime));
        fields.get(&name).copied().flatten()
    }
    /// Whether an array begins with a double.
    pub(crate) fn begins_with_double(&self, array: Value) -> bool {
        let first = self.runtime.slots(self.runtime.field(array, offset::SEQUENCE_STORAGE)).first();
        first.is_some_and(|first| self.runtime.as_double(*first).is_some())
    }
    /// Whether a cell holds a primitive at present after whose calls assumptions still hold.
    pub(crate) fn holds_quiet(&self, cell: CellId) -> bool {
        self.runtime.primitive_info(self.runtime.cells.get(cell).value).is_some_and(|primitive| primitive.quiet)
    }
    /// Whether a cell holds `apply` at present.
    pub(crate) fn holds_apply(&self, cell: CellId) -> bool {
        let value = self.runtime.cells.get(cell).value;
        self.runtime.is_kind(value, Kind::Primitive) && !maru_language::interp::is_plain_primitive(self.runtime, value)
    }
    /// Rely on a cell keeping the primitive that it holds, unless it changes too often for that.
    pub(crate) fn assume(&mut self, cell: CellId) -> Option<Assumption> {
        let value = self.runtime.cells.get(cell).value;
        self.rely_on(cell, Assumption::Value(value))
    }
    fn rely_on(&mut self, cell: CellId, assumption: Assumption) -> Option<Assumption> {
        if self.runtime.cells.get(cell).changes >= CHANGES_TOLERATED {
            return None;
        }
        if self.assumed.insert((cell, assumption)) {
            self.assumptions.push((cell, assumption));
        }
        Some(assumption)
    }
    /// The function of this unit that a cell holds a closure of, without captured values, taking that many
    /// arguments; the unit then relies on it.
    pub(crate) fn known_function(&mut self, cell: CellId, arguments: usize) -> Option<(u32, Assumption)> {
        let value = self.runtime.cells.get(cell).value;
        if !self.runtime.is_kind(value, Kind::Closure) {
            return None;
        }
        let prototype = self.runtime.prototype(value)?;
        let number = self.number_of(prototype)?;
        let usable = prototype.captures.is_empty() && self.accepts(number, arguments);
        let assumption = if usable { self.rely_on(cell, Assumption::Function(number)) } else { None };
        Some((number, assumption?))
    }
    /// The number of the function of this unit that a cell holds, if its body may stand in place of calls with that
    /// many arguments.
    pub(crate) fn inlinable(&self, cell: CellId, arguments: usize) -> Option<u32> {
        let value = self.runtime.cells.get(cell).value;
        if self.metered || !self.runtime.is_kind(value, Kind::Closure) {
            return None;
        }
        let prototype = self.runtime.prototype(value)?;
        let number = self.number_of(prototype)?;
        (prototype.captures.is_empty() && self.accepts(number, arguments)).then_some(number)
    }
    /// Rely on a cell keeping the function of this unit that it holds.
    pub(crate) fn rely_on_function(&mut self, cell: CellId) -> Option<Assumption> {
        let value = self.runtime.cells.get(cell).value;
        let number = self.runtime.prototype(value).and_then(|prototype| self.number_of(prototype));
        self.rely_on(cell, Assumption::Function(number?))
    }
    /// Whether a function of the unit takes exactly that many arguments.
    pub(crate) fn accepts(&self, number: u32, arguments: usize) -> bool {
        let prototype = &self.prototypes[number as usize];
        !prototype.rest && prototype.parameters as usize == arguments
    }
}
