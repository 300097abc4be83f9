//! A unit that was compiled and loaded: its code, and what ties it to the runtime.

use super::HasUnits;
use crate::load::LoadedImage;
use crate::lower::{Assumption, DataWord, SiteInfo};
use maru_core::abi::layout::{offset, Kind, Value};
use maru_core::abi::{image_word, EMPTY_CACHE};
use maru_core::ir::evaluate::Evaluator;
use maru_language::runtime::tree::{Prototype, PrototypeKind};
use maru_language::runtime::{CellId, Runtime, SiteFrame, SiteFrames};
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::rc::Rc;

/// The code of a unit.
pub enum CompiledUnit {
    /// A library in this process.
    Library(LoadedImage),
    /// Evaluated IR, with its data table.
    Evaluated(Evaluator, Rc<Vec<Cell<u64>>>),
}

impl CompiledUnit {
    /// The entry of a function.
    pub fn entry(&self, number: usize) -> usize {
        match self {
            CompiledUnit::Library(image) => image.function_address(number).unwrap_or(0),
            CompiledUnit::Evaluated(evaluator, _) => {
                evaluator.address(maru_core::ir::FunctionId(number as u32)) as usize
            }
        }
    }
    /// Addresses of the code in this process.
    pub fn code(&self) -> Range<usize> {
        match self {
            CompiledUnit::Library(image) => image.code(),
            CompiledUnit::Evaluated(..) => 0..0,
        }
    }
    /// How many functions it has.
    pub fn function_count(&self) -> usize {
        match self {
            CompiledUnit::Library(image) => image.function_count(),
            CompiledUnit::Evaluated(evaluator, _) => evaluator.functions().len(),
        }
    }
    /// How many data words it has.
    pub fn data_words(&self) -> usize {
        match self {
            CompiledUnit::Library(image) => image.data_words(),
            CompiledUnit::Evaluated(_, data) => data.len(),
        }
    }
    /// A data word.
    ///
    /// # Panics
    /// If there is no such word.
    pub fn data_word(&self, index: usize) -> u64 {
        assert!(index < self.data_words());
        match self {
            // SAFETY: the table has that word; whatever of the image runs waits for the runtime meanwhile.
            CompiledUnit::Library(image) => unsafe { *image.data().add(index) },
            CompiledUnit::Evaluated(_, data) => data[index].get(),
        }
    }
    /// Change a data word.
    ///
    /// # Panics
    /// If there is no such word.
    pub fn set_data(&self, index: usize, word: u64) {
        assert!(index < self.data_words());
        match self {
            // SAFETY: as in `data_word`.
            CompiledUnit::Library(image) => unsafe { *image.data().add(index) = word },
            CompiledUnit::Evaluated(_, data) => data[index].set(word),
        }
    }
}

/// A loaded unit with all that belongs to it.
pub struct UnitImage {
    /// The code.
    pub unit: CompiledUnit,
    /// The prototypes of its functions, by number.
    pub prototypes: Vec<Rc<Prototype>>,
    /// SiteFrames that errors can come from.
    pub sites: Vec<SiteInfo>,
    /// Heap values that the code refers to.
    pub values: Vec<Value>,
    /// What cells must hold.
    pub assumptions: Vec<(CellId, Assumption)>,
    /// 1 while its assumptions hold; the code reads it.
    pub intact: Box<Cell<u64>>,
    /// Linked before everything it relies on is defined.
    pub pending: Cell<bool>,
    /// Reached by the collection in progress.
    pub traced: Cell<bool>,
    /// Found on the stack by the collection in progress.
    pub running: Cell<bool>,
    /// What kinds of operands sites have seen that the code was not made for, by site; see `renewal`.
    pub(super) learned: OnceCell<Box<[Cell<u8>]>>,
    /// How many more of those until the functions are compiled anew.
    pub(super) patience: Cell<u32>,
}

impl UnitImage {
    /// An image that is not attached yet.
    pub(super) fn new(
        unit: CompiledUnit,
        prototypes: Vec<Rc<Prototype>>,
        sites: Vec<SiteInfo>,
        assumptions: Vec<(CellId, Assumption)>,
    ) -> UnitImage {
        let patience = Cell::new(super::renewal::patience(&prototypes));
        UnitImage {
            unit,
            prototypes,
            sites,
            values: Vec::new(),
            assumptions,
            intact: Box::new(Cell::new(0)),
            pending: Cell::new(true),
            traced: Cell::new(false),
            running: Cell::new(false),
            learned: OnceCell::new(),
            patience,
        }
    }

    /// The places that a site of the code stands for, innermost first: its own, then those of the calls that inlined
    /// bodies stand in place of.
    pub(super) fn places(&self, site: u32) -> SiteFrames {
        let mut places = Vec::with_capacity(1);
        let mut next = Some(site);
        while let Some(site) = next.and_then(|site| self.sites.get(site as usize)) {
            let prototype = &self.prototypes[site.prototype as usize];
            let is_function = prototype.kind == PrototypeKind::Function;
            let name = (is_function && !site.left).then_some(prototype.name);
            places.push(SiteFrame { position: site.position, name, has_left: is_function && site.left });
            next = site.outer.map(|outer| outer.0);
        }
        places
    }

    /// The entry of the last function, which a loop's image has the loop in.
    pub(super) fn last_entry(&self) -> usize {
        self.unit.entry(self.prototypes.len() - 1)
    }
}

/// Tie loaded code to the runtime and let the code objects and cells of its first `count` functions lead to it.
pub(super) fn attach(runtime: &mut Runtime, image: UnitImage, data: &[DataWord], count: usize) -> u32 {
    let number = tie(runtime, image, data);
    lead_to(runtime, number, &Vec::from_iter(0..count));
    number
}

/// Tie loaded code to the runtime: fill in its data table and register its assumptions.
pub(super) fn tie(runtime: &mut Runtime, mut image: UnitImage, data: &[DataWord]) -> u32 {
    let number = runtime.native.units().next_image;
    for (index, word) in data.iter().enumerate() {
        let value = match *word {
            DataWord::Intact => image.intact.as_ptr() as u64,
            DataWord::Image => image_word(number),
            DataWord::Cell(cell) => runtime.cells.address(cell) as u64,
            DataWord::Constant(value) => {
                image.values.push(value);
                value.0
            }
            DataWord::Code(prototype) => image.prototypes[prototype as usize].code.0,
            DataWord::Function(primitive) => {
                image.values.push(primitive);
                maru_language::interp::primitive_address(runtime, primitive) as u64
            }
            DataWord::Cache(_) => EMPTY_CACHE,
            DataWord::Lookups => runtime.extensions.classes.caches.lookups() as u64,
        };
        image.unit.set_data(index, value);
    }
    image.values.extend(image.prototypes.iter().map(|prototype| prototype.code));
    for (cell, _) in &image.assumptions {
        runtime.cells.get_mut(*cell).dependents.push(number);
    }
    if holds(runtime, &image) {
        image.pending.set(false);
        image.intact.set(1);
    }
    runtime.native.units_mut().add_image(image)
}

/// Let the code objects and cells of functions of an image lead to its code.
pub(super) fn lead_to(runtime: &mut Runtime, number: u32, functions: &[usize]) {
    let Some(image) = runtime.native.units().image(number) else { return };
    let places = functions.iter().map(|function| (image.prototypes[*function].clone(), image.unit.entry(*function)));
    let mut environments = Vec::new();
    for (prototype, entry) in Vec::from_iter(places) {
        runtime.set_field(prototype.code, offset::CODE_ENTRY, Value(entry as u64));
        prototype.native.compiled.set(true);
        prototype.native.image.set(number);
        prototype.native.failure.replace(None);
        let environment = runtime.index(prototype.environment);
        if environments.last() != Some(&environment) {
            environments.push(environment);
        }
    }
    environments.into_iter().for_each(|environment| refresh_environment(runtime, environment));
}

/// Whether all assumptions of an image hold.
pub(super) fn holds(runtime: &Runtime, image: &UnitImage) -> bool {
    image.assumptions.iter().all(|(cell, assumption)| is_true(runtime, image, *cell, *assumption))
}

/// The cells that do not hold what an image assumes.
pub(super) fn broken_assumptions(runtime: &Runtime, image: &UnitImage) -> Vec<CellId> {
    let broken = |(cell, assumption): &(CellId, Assumption)| !is_true(runtime, image, *cell, *assumption);
    image.assumptions.iter().filter(|assumption| broken(assumption)).map(|(cell, _)| *cell).collect()
}

fn is_true(runtime: &Runtime, image: &UnitImage, cell: CellId, assumption: Assumption) -> bool {
    let value = runtime.cells.get(cell).value;
    match assumption {
        Assumption::Value(expected) => value == expected,
        Assumption::Function(number) => {
            runtime.is_kind(value, Kind::Closure)
                && runtime.field(value, offset::CALLABLE_CODE) == image.prototypes[number as usize].code
        }
    }
}

/// Bring the entries of an environment's own bindings up to date.
fn refresh_environment(runtime: &mut Runtime, environment: u32) {
    let cells = runtime.environments.get(environment).bound.clone();
    cells.into_iter().for_each(|cell| runtime.refresh_cell(cell));
}

/// Bring the entries of all cells up to date.
pub(super) fn refresh_entries(runtime: &mut Runtime) {
    runtime.cells.ids().into_iter().for_each(|cell| runtime.refresh_cell(cell));
}
