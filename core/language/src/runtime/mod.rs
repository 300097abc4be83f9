//! What interpreter and native code share while a program runs: context, heap objects, symbols, cells,
//! environments, errors, and the helpers that native code calls.

mod activations;
mod cell;
pub mod classes;
mod collect;
mod environment;
mod error;
mod extensions;
mod frames;
mod inline_cache;
mod list;
mod loading;
mod native;
mod object;
mod options;
pub mod output;
pub mod ports;
mod primitive;
mod random;
mod sandbox;
mod sequence;
mod slab;
mod sources;
mod symbol;
pub(crate) mod table;
pub mod tree;

pub use activations::{Activation, Activations};
pub use cell::{Cell, CellId, Cells};
pub use environment::Environment;
pub use error::{Backtrace, ErrorKind, Failure, Frame, Outcome};
pub use extensions::{trace_prototype, Extensions};
pub use frames::ValueStack;
pub use inline_cache::InlineCaches;
pub use list::Pairs;
pub use loading::{Loading, OpenFile};
pub use native::{Native, NativeCode, SiteFrame, SiteFrames};
pub use options::{JitMode, KeptCode, LoweringBounds, OptimisationLevel, Options, PublicKey, Strategy};
pub use output::Output;
pub use output::{standard_output, write_patiently};
pub use ports::{Port, Stream};
pub use primitive::{PrimitiveFunction, PrimitiveInfo};
pub use random::Random;
pub use sandbox::{Grants, Touch};
pub use slab::Slab;
pub use sources::{Source, Sources, PRELUDE_NAME};
pub use symbol::{Symbol, Symbols};

use crate::value::heap::Heap;
use crate::value::number::Digits;
use crate::value::{offset, reserve, Kind, Value};
use maru_core::abi::{Context, Position, MAX_ARGUMENTS};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use tree::Prototype;

/// The state of one running Maru. Not for sharing between threads.
pub struct Runtime {
    /// What native code sees; at a stable address.
    pub context: Box<Context>,
    /// The heap.
    pub heap: Heap,
    /// Symbols.
    pub symbols: Symbols,
    /// Cells of all environments.
    pub cells: Cells,
    /// Where digits of long integers are computed.
    pub digits: Digits,
    /// What environment objects stand for.
    pub environments: Slab<Environment>,
    /// What code objects stand for.
    pub prototypes: Slab<Rc<Prototype>>,
    /// Primitives by number.
    pub primitives: Vec<PrimitiveInfo>,
    /// Their objects: roots, since compiled code asks for them by name whatever a program bound the names to.
    pub primitive_values: Vec<Value>,
    /// Frames and arguments of the interpreter.
    pub stack: ValueStack,
    /// Source texts.
    pub sources: Sources,
    /// Where pairs that were read stand in their text, by address; swept after each collection.
    pub positions: FxHashMap<u64, Position>,
    /// Settings of this run.
    pub options: Options,
    /// Native code, if there is a compiler.
    pub native: Native,
    /// The global environment, a value.
    pub global: Value,
    /// The code object that all primitives, and other callables without a prototype, share.
    pub trampoline_code: Value,
    /// The error raised when memory is out.
    pub memory_error: Value,
    /// Values of Rust code that must stay alive, such as forms being loaded.
    pub roots: Vec<Value>,
    /// Cells below this number belong to the prelude: they are bound in every run.
    pub prelude_cells: u32,
    /// Where printed text goes; `None` is standard output. Inner buffers capture outer output.
    pub captures: Vec<output::Capture>,
    /// Arguments of the program, for `*arguments*`.
    pub arguments: Vec<String>,
    /// Addresses between which native and Rust frames may hold values: base of the stack.
    pub stack_base: usize,
    /// Tables on Rust's side for the language's other indexed objects.
    pub extensions: Extensions,
}

impl Drop for Runtime {
    /// Whoever makes native code must have let go of the context before that is gone.
    fn drop(&mut self) {
        let code = self.native.code;
        code.stop(self);
    }
}

impl Runtime {
    /// A runtime in which nothing is bound yet.
    ///
    /// # Errors
    /// When memory cannot be reserved.
    pub(crate) fn empty(
        options: Options,
        stack: std::ops::Range<usize>,
        native: Native,
    ) -> Result<Box<Runtime>, String> {
        let heap = Heap::new(options.heap.clone())?;
        let arguments = reserve::reserve_words(MAX_ARGUMENTS)?;
        // Room for the frames that report an overflow, and for the system's own use of the stack.
        let reserve = ((stack.end - stack.start) / 16).clamp(64 << 10, 8 << 20);
        let context = Box::new(Context {
            allocation_pointer: 0,
            allocation_limit: 0,
            stack_limit: stack.start + reserve,
            interrupt: 0,
            failure: Value::NIL,
            tail_entry: 0,
            tail_callee: Value::NIL,
            tail_count: 0,
            tail_site: Position::UNKNOWN.pack(),
            arguments: arguments.cast(),
            arguments_used: 0,
            runtime: std::ptr::null_mut(),
            fuel: i64::MAX,
            depth: i64::MAX,
            helpers: [0; Context::HELPERS],
            stack_floor: stack.start + reserve,
            passing: [0; 4],
        });
        let mut runtime = Box::new(Runtime {
            context,
            heap,
            symbols: Symbols::default(),
            cells: Cells::default(),
            digits: Digits::default(),
            environments: Slab::default(),
            prototypes: Slab::default(),
            primitives: Vec::new(),
            primitive_values: Vec::new(),
            stack: ValueStack::new(options.value_stack)?,
            sources: Sources::default(),
            positions: FxHashMap::default(),
            native,
            options,
            global: Value::NIL,
            trampoline_code: Value::NIL,
            memory_error: Value::NIL,
            roots: Vec::new(),
            prelude_cells: 0,
            captures: Vec::new(),
            arguments: Vec::new(),
            stack_base: stack.end,
            extensions: Extensions::default(),
        });
        runtime.enter();
        runtime.boot().map_err(|Failure| "memory for the first objects is out".to_string())?;
        Ok(runtime)
    }

    /// Let the context lead here: before code is entered, since a runtime may have moved.
    pub fn enter(&mut self) {
        self.context.runtime = std::ptr::from_mut(self).cast();
    }

    /// Give the program the fuel and depth that the options grant, as if nothing had been used yet, and put the heap
    /// under stress again, if the options do.
    pub fn refill(&mut self) {
        self.context.fuel = self.options.fuel.unwrap_or(i64::MAX);
        self.context.depth = self.options.max_depth.unwrap_or(i64::MAX);
        self.heap.renew_stress(&mut self.context);
    }

    fn boot(&mut self) -> Result<(), Failure> {
        let trampoline = self.object(Kind::Code, offset::CODE_FIELDS)?;
        self.set_field(trampoline, offset::CODE_ENTRY, Value(0));
        self.set_field(trampoline, offset::CODE_PROTOTYPE, Value::fixnum(-1));
        self.trampoline_code = trampoline;
        let error = self.object(Kind::Error, 5)?;
        let kind = self.symbol_value(ErrorKind::OutOfMemory.name());
        let message = self.string("memory is used up: the heap has reached its limit")?;
        self.set_field(error, offset::ERROR_KIND, kind);
        self.set_field(error, offset::ERROR_MESSAGE, message);
        self.memory_error = error;
        self.global = self.make_environment(None)?;
        Ok(())
    }

    /// The index of the global environment.
    pub fn global_environment(&self) -> u32 {
        self.index(self.global)
    }

    /// The primitive that a name is bound to at the start.
    pub fn primitive_value(&self, name: &str) -> Option<Value> {
        let number = self.primitives.iter().position(|primitive| primitive.name == name)?;
        self.primitive_values.get(number).copied()
    }

    /// The table's entry of a primitive; none for other values.
    pub fn primitive_info(&self, value: Value) -> Option<&PrimitiveInfo> {
        if !self.is_kind(value, Kind::Primitive) {
            return None;
        }
        let index = self.field(value, offset::CALLABLE_INDEX).as_fixnum()?;
        self.primitives.get(index as usize)
    }

    /// A primitive's own name; none for other values.
    pub fn primitive_name(&self, value: Value) -> Option<&'static str> {
        self.primitive_info(value).map(|primitive| primitive.name)
    }

    /// The prototype that a closure or code object belongs to; none for other values.
    pub fn prototype(&self, closure: Value) -> Option<&Rc<Prototype>> {
        let code = match self.kind(closure)? {
            Kind::Closure => self.field(closure, offset::CALLABLE_CODE),
            Kind::Code => closure,
            _ => return None,
        };
        let index = self.field(code, offset::CODE_PROTOTYPE).as_fixnum()?;
        self.prototypes.find(u32::try_from(index).ok()?)
    }
}
