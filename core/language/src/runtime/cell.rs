//! Cells: one for each name that an environment binds, or that code in it uses.
//!
//! A cell of an environment that does not bind the name itself mirrors the innermost binding in the chain: every
//! write to a binding is handed down to its mirrors. So a variable is read with one load, forward references work,
//! and a nearer definition made later takes effect at once, by turning a mirror into a binding of its own.

use super::{Runtime, Symbol};
use crate::value::{offset, Kind, Value, FIRST_CALLABLE};
use maru_core::abi::{CELL_ENTRY, CELL_VALUE};
use std::mem::offset_of;

/// A cell, by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct CellId(pub u32);

/// A cell. Native code knows the first two words.
#[repr(C)]
#[derive(Debug)]
pub struct Cell {
    /// The value, or the mark of an unbound cell.
    pub value: Value,
    /// Where a call through this cell jumps to; 0 while no native machine is set up.
    pub entry: usize,
    /// Its own number.
    pub id: CellId,
    /// The name.
    pub symbol: Symbol,
    /// The environment it belongs to, by index.
    pub environment: u32,
    /// The same name's cell in the parent environment.
    pub parent: Option<CellId>,
    /// The same name's cells in child environments.
    pub mirrors: Vec<CellId>,
    /// Whether this environment binds the name.
    pub bound: bool,
    /// Whether assignment is an error.
    pub constant: bool,
    /// Images that assumed the value would stay.
    pub dependents: Vec<u32>,
    /// How often such an assumption was broken.
    pub changes: u32,
}

const _: () = assert!(
    offset_of!(Cell, value) == CELL_VALUE as usize && offset_of!(Cell, entry) == CELL_ENTRY as usize,
    "this host lays cells out otherwise than code expects"
);

/// All cells, at stable addresses.
#[derive(Default, Debug)]
pub struct Cells {
    // Boxed, because native code holds their addresses.
    #[allow(clippy::vec_box)]
    all: Vec<Box<Cell>>,
    free: Vec<CellId>,
}

impl Cells {
    /// The cell with this number.
    pub fn get(&self, id: CellId) -> &Cell {
        &self.all[id.0 as usize]
    }
    /// The same, to change it.
    pub fn get_mut(&mut self, id: CellId) -> &mut Cell {
        &mut self.all[id.0 as usize]
    }
    /// Its address, which stays as long as its environment lives.
    pub fn address(&self, id: CellId) -> usize {
        std::ptr::from_ref::<Cell>(&self.all[id.0 as usize]) as usize
    }
    /// Add a cell; its number is set here.
    pub fn add(&mut self, mut cell: Cell) -> CellId {
        cell.id = self.free.pop().unwrap_or(CellId(self.all.len() as u32));
        let id = cell.id;
        match self.all.get_mut(id.0 as usize) {
            Some(place) => **place = cell,
            None => self.all.push(Box::new(cell)),
        }
        id
    }
    /// One more than the highest number of a cell.
    pub fn count(&self) -> u32 {
        self.all.len() as u32
    }
    /// All cells that environments have.
    pub fn ids(&self) -> Vec<CellId> {
        self.all.iter().filter(|cell| cell.environment != DEAD).map(|cell| cell.id).collect()
    }
    /// Give the cells of dead environments back: all at once, since many of them may mirror the same cell.
    pub fn release(&mut self, cells: &[CellId]) {
        let mut parents = Vec::new();
        for id in cells {
            let cell = self.get_mut(*id);
            parents.extend(cell.parent.take());
            cell.value = Value::NIL;
            cell.environment = DEAD;
            cell.mirrors = Vec::new();
            cell.dependents = Vec::new();
        }
        parents.sort_unstable();
        parents.dedup();
        for parent in parents {
            let mut mirrors = std::mem::take(&mut self.get_mut(parent).mirrors);
            mirrors.retain(|mirror| self.get(*mirror).environment != DEAD);
            self.get_mut(parent).mirrors = mirrors;
        }
        self.free.extend(cells);
    }
}

/// The environment of a cell that has none any more.
const DEAD: u32 = u32::MAX;

/// What a cell takes, with its places in tables: about, for the limit of the heap.
pub(super) const CELL_BYTES: usize = size_of::<Cell>() + 64;

impl Runtime {
    /// The cell of a name in an environment, made if there is none yet, and before it those of the environments around it.
    pub fn cell(&mut self, environment: u32, symbol: Symbol) -> CellId {
        let mut without = Vec::new();
        let mut next = Some(environment);
        let mut nearest = None;
        while let (Some(index), None) = (next, nearest) {
            let environment = self.environments.get(index);
            nearest = environment.cells.get(&symbol).copied();
            if nearest.is_none() {
                without.push(index);
            }
            next = environment.parent;
        }
        for environment in without.into_iter().rev() {
            nearest = Some(self.add_cell(environment, symbol, nearest));
        }
        nearest.expect("at least the environment itself has the cell")
    }

    fn add_cell(&mut self, environment: u32, symbol: Symbol, parent: Option<CellId>) -> CellId {
        let (value, entry) = match parent {
            Some(parent) => (self.cells.get(parent).value, self.cells.get(parent).entry),
            None => (Value::unbound(symbol.0), self.trampoline_entry()),
        };
        let id = self.cells.add(Cell {
            value,
            entry,
            id: CellId(0),
            symbol,
            environment,
            parent,
            mirrors: Vec::new(),
            bound: false,
            constant: false,
            dependents: Vec::new(),
            changes: 0,
        });
        if let Some(parent) = parent {
            self.cells.get_mut(parent).mirrors.push(id);
        }
        self.environments.get_mut(environment).cells.insert(symbol, id);
        self.heap.hold_outside(CELL_BYTES);
        id
    }

    /// Bind a cell's name in its own environment.
    pub fn define_cell(&mut self, id: CellId, value: Value, constant: bool) {
        let cell = self.cells.get_mut(id);
        cell.constant = constant;
        if !std::mem::replace(&mut cell.bound, true) {
            let environment = cell.environment;
            self.environments.get_mut(environment).bound.push(id);
        }
        self.write_cell(id, value);
    }

    /// The cell that binds what this cell refers to, if the name is bound.
    pub fn binding_cell(&self, mut id: CellId) -> Option<CellId> {
        loop {
            let cell = self.cells.get(id);
            if cell.bound {
                return Some(id);
            }
            id = cell.parent?;
        }
    }

    /// Write a value and its entry into a binding and all that mirror it. Images that relied on the old value are
    /// invalidated.
    pub fn write_cell(&mut self, id: CellId, value: Value) {
        let entry = self.entry_of(value);
        self.hand_down(id, value, entry);
    }

    #[inline]
    fn hand_down(&mut self, id: CellId, value: Value, entry: usize) {
        let cell = self.cells.get_mut(id);
        if cell.mirrors.is_empty() && cell.dependents.is_empty() {
            cell.value = value;
            cell.entry = entry;
        } else {
            self.hand_down_to_mirrors(id, value, entry);
        }
    }

    fn hand_down_to_mirrors(&mut self, id: CellId, value: Value, entry: usize) {
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            let cell = self.cells.get_mut(id);
            let changed = cell.value != value;
            cell.value = value;
            cell.entry = entry;
            if changed && !cell.dependents.is_empty() {
                let code = self.native.code;
                code.cell_changed(self, id);
            }
            let mirrors = &self.cells.get(id).mirrors;
            waiting.extend(mirrors.iter().copied().filter(|mirror| !self.cells.get(*mirror).bound));
        }
    }

    /// Bring the entry of a binding, and of what mirrors it, up to date after its function's code changed.
    pub fn refresh_cell(&mut self, id: CellId) {
        let cell = self.cells.get(id);
        if cell.bound || cell.parent.is_none() {
            let value = cell.value;
            let entry = self.entry_of(value);
            if entry != self.cells.get(id).entry {
                self.hand_down(id, value, entry);
            }
        }
    }

    /// A machine was set up: everything that is not native leads to its trampoline.
    pub fn lead_to_trampoline(&mut self) {
        let entry = Value(self.trampoline_entry() as u64);
        self.set_field(self.trampoline_code, offset::CODE_ENTRY, entry);
        for index in self.prototypes.indices() {
            let code = self.prototypes.get(index).code;
            self.set_field(code, offset::CODE_ENTRY, entry);
        }
        self.cells.ids().into_iter().for_each(|cell| self.refresh_cell(cell));
    }

    /// Where native code jumps to in order to call this value.
    pub fn entry_of(&self, value: Value) -> usize {
        if self.is_callable(value) {
            let code = self.field(value, offset::CALLABLE_CODE);
            return self.field(code, offset::CODE_ENTRY).0 as usize;
        }
        self.trampoline_entry()
    }

    /// Whether a value can be called.
    pub fn is_callable(&self, value: Value) -> bool {
        value.is_object() && self.kind_number(value) >= FIRST_CALLABLE
    }

    /// Whether a value is an object of a kind.
    pub fn is_kind(&self, value: Value, kind: Kind) -> bool {
        value.is_object() && self.kind_number(value) == kind as u8
    }
}
