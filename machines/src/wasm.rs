//! The machine `wasmi`: WebAssembly modules on an interpreter of theirs, in this process.
//!
//! Modules share memory with the runtime, at its addresses; but the engine can lay its memory over none that is in use. So
//! each access of memory in a module becomes a call of a function of this process when the module is loaded ([`access`]).
//! Functions of all modules are in one table; their addresses are those of memory that is reserved for that and never
//! touched, 16 bytes for each place.
//!
//! What the engine has on its own stack cannot be seen. Modules have frames of their own in memory, of which the context
//! says where they end; those are what the collector looks at, and what the stack's limit is about.

mod access;

use maru_compiler::load::{LoadError, LoadedImage, MappedLibrary};
use maru_compiler::machine::{Ability, Machine, MachineKind};
use maru_compiler::register_machine;
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::ir::Helper;
use maru_language::interp::helpers;
use maru_processor::memory::{Arena, Block};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use wasmi::{
    AsContextMut, Caller, Config, Engine, Extern, Func, Global, Instance, Memory, MemoryType, Module, Mutability,
    Nullable, Ref, RefType, Store, StoreContextMut, Table, TableType, Val,
};

/// The format that the engine reads.
const FORMAT: &str = "wasm";
/// Binary logarithm of the bytes that a place in the table has among code addresses.
const CODE_SHIFT: u32 = 4;
/// How many functions there can be in a run.
const PLACES: usize = 1 << 22;
/// Bytes for the modules' frames; the least of them that is left when the limit is met.
const STACK: usize = 256 << 20;
const STACK_RESERVE: usize = 64 << 10;
/// What the engine may have on its own stack for that: a frame there is larger than one of a module's.
const ENGINE_STACK: usize = 2 << 30;
const ENGINE_DEPTH: usize = 4 << 20;

/// The kind.
struct Wasmi;

static WASMI: Wasmi = Wasmi;
register_machine!(WASMI);

impl MachineKind for Wasmi {
    fn name(&self) -> &'static str {
        "wasmi"
    }
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability {
        let fits = format.name() == FORMAT && maru_core::format::identity(architecture, format).is_some();
        match fits && cfg!(target_pointer_width = "64") && cfg!(target_endian = "little") {
            true => Ability::Ready("the engine wasmi 2".into()),
            false => Ability::Unsupported,
        }
    }
    fn is_emulator(&self) -> bool {
        true
    }
    fn start(&self, _architecture: &dyn Architecture, _format: &dyn ObjectFormat) -> Result<Rc<dyn Machine>, String> {
        Ok(Rc::new(WasmMachine::new()?))
    }
}

/// What host functions know.
#[derive(Default)]
struct Host {
    /// Limits of the stack of this thread and of the modules' stack.
    limits: Cell<[usize; 2]>,
}

/// The machine.
struct WasmMachine {
    store: RefCell<Store<Host>>,
    engine: Engine,
    /// What all modules import, by name: helpers, memory and table, and what accesses of memory have become.
    common: HashMap<&'static str, Extern>,
    table: Table,
    places: Cell<usize>,
    /// Addresses of code.
    code: Block,
    libraries: Arc<Arena>,
    stack: Block,
    /// The context of the run, once there was a call.
    context: Cell<*mut Context>,
}

/// The constants and the data table of a module.
struct Mapped {
    block: Block,
}

impl MappedLibrary for Mapped {
    fn header(&self) -> *const u8 {
        self.block.range().start as *const u8
    }
}

type Words = (i64, i64, i64, i64, i64, i64, i64);

impl WasmMachine {
    fn new() -> Result<WasmMachine, String> {
        let mut config = Config::default();
        config.wasm_memory64(true).wasm_tail_call(true);
        config.set_max_stack_height(ENGINE_STACK).set_max_recursion_depth(ENGINE_DEPTH);
        let engine = Engine::new(&config);
        let mut store = Store::new(&engine, Host::default());
        let problem = |error: wasmi::Error| format!("the engine: {error}");
        let memory = Memory::new(&mut store, MemoryType::new64(0, None)).map_err(problem)?;
        let nobody = Ref::Func(Nullable::Null);
        let table = Table::new(&mut store, TableType::new(RefType::Func, 0, None), nobody).map_err(problem)?;
        let mut common: HashMap<&'static str, Extern> = HashMap::new();
        for helper in Helper::ALL {
            common.insert(helper.name(), helper_function(&mut store, *helper).into());
        }
        common.extend([("memory", Extern::from(memory)), ("functions", Extern::from(table))]);
        common.extend(access::functions(&mut store).into_iter().map(|(name, function)| (name, Extern::from(function))));
        let libraries = Arc::new(Arena::new()?);
        // In reach of distances of 32 bits from all libraries, which the header has.
        let code = Block::within(&libraries, PLACES << CODE_SHIFT)?;
        let stack = Block::new(STACK, true)?;
        let context = Cell::new(std::ptr::null_mut());
        Ok(WasmMachine {
            store: store.into(),
            engine,
            common,
            table,
            places: Cell::new(0),
            code,
            libraries,
            stack,
            context,
        })
    }

    /// Do something with the store: as a part of the call under way, if there is one.
    fn with_store<T>(&self, act: impl FnOnce(StoreContextMut<Host>) -> T) -> T {
        match self.store.try_borrow_mut() {
            Ok(mut store) => act(store.as_context_mut()),
            Err(_) => {
                // SAFETY: the store is borrowed by a call under way only, and that waits for a helper now, whose caller this
                // is: the innermost, which nobody else uses before the helper returns.
                let caller = unsafe { &mut *CALLER.get().cast::<Caller<'static, Host>>() };
                act(caller.as_context_mut())
            }
        }
    }

    /// Put a module's constants into memory, with distances to where functions and data are here.
    fn map(&self, file: &[u8]) -> Result<(Block, usize), String> {
        let format = maru_core::registry::find_format(FORMAT, "a module")?;
        let contents = format.read(file).map_err(|error| error.to_string())?;
        let constants = &file[contents.constants];
        let number = |at: usize| -> Result<usize, String> {
            let bytes = constants.get(at..at + 4).ok_or("the header is cut short")?;
            Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| "no number")?) as usize)
        };
        let (data_words, functions) = (number(52)?, number(64)?);
        let data = constants.len().next_multiple_of(8);
        let block = Block::within(&self.libraries, data + 8 * data_words)?;
        let start = block.range().start;
        let first = self.places.get();
        if first + functions > PLACES {
            return Err("there are too many functions".into());
        }
        let code = self.code.range().start + (first << CODE_SHIFT);
        let mut bytes = constants.to_vec();
        let mut set = |at: usize, address: usize| {
            let distance = i32::try_from(address.wrapping_sub(start) as isize);
            bytes[at..at + 4].copy_from_slice(&distance.map_err(|_| "code lies too far away")?.to_le_bytes());
            Ok::<(), String>(())
        };
        set(40, code)?;
        set(48, start + data)?;
        (0..functions).try_for_each(|number| set(88 + 4 * number, code + (number << CODE_SHIFT)))?;
        bytes[44..48].copy_from_slice(&((functions << CODE_SHIFT) as u32).to_le_bytes());
        // SAFETY: the block is as large, writable, and nobody else's.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start as *mut u8, bytes.len()) };
        let module = Module::new(&self.engine, access::rewritten(file)?).map_err(|error| error.to_string())?;
        self.with_store(|store| self.instantiate(store, &module, (start + data, first, functions)))?;
        self.places.set(first + functions);
        Ok((block, functions))
    }

    fn instantiate(
        &self,
        mut store: StoreContextMut<Host>,
        module: &Module,
        (data, first, functions): (usize, usize, usize),
    ) -> Result<(), String> {
        let all = self.table.size(&store) as usize;
        if first + functions > all {
            let more = (first + functions - all).max(1024) as u64;
            self.table.grow(&mut store, more, Ref::Func(Nullable::Null)).map_err(|error| error.to_string())?;
        }
        let mut provided = self.common.clone();
        let first_code = self.code.range().start;
        for (name, address) in
            [("code", first_code + (first << CODE_SHIFT)), ("data", data), ("first_code", first_code)]
        {
            provided.insert(name, Global::new(&mut store, Val::I64(address as i64), Mutability::Const).into());
        }
        provided.insert("first_place", Global::new(&mut store, Val::I32(first as i32), Mutability::Const).into());
        let wanted = |name: &str| provided.get(name).copied().ok_or_else(|| format!("it imports {name}"));
        let imports = module.imports().map(|import| wanted(import.name())).collect::<Result<Vec<Extern>, String>>()?;
        Instance::new(&mut store, module, &imports).map(drop).map_err(|error| error.to_string())
    }
}

thread_local! {
    /// What the innermost call under way goes on in, while it waits for a helper.
    static CALLER: Cell<*mut ()> = const { Cell::new(std::ptr::null_mut()) };
}

/// A helper as the engine calls it.
fn helper_function(store: &mut Store<Host>, helper: Helper) -> Func {
    match helper.parameters() {
        0 => Func::wrap(store, move |mut caller: Caller<Host>, c: i64| serve(&mut caller, helper, c, &[])),
        1 => Func::wrap(store, move |mut caller: Caller<Host>, c: i64, a: i64| serve(&mut caller, helper, c, &[a])),
        2 => Func::wrap(store, move |mut caller: Caller<Host>, c: i64, a: i64, b: i64| {
            serve(&mut caller, helper, c, &[a, b])
        }),
        3 => Func::wrap(store, move |mut caller: Caller<Host>, c: i64, a: i64, b: i64, d: i64| {
            serve(&mut caller, helper, c, &[a, b, d])
        }),
        4 => Func::wrap(store, move |mut caller: Caller<Host>, c: i64, a: i64, b: i64, d: i64, e: i64| {
            serve(&mut caller, helper, c, &[a, b, d, e])
        }),
        _ => Func::wrap(store, move |mut caller: Caller<Host>, c: i64, a: i64, b: i64, d: i64, e: i64, f: i64| {
            serve(&mut caller, helper, c, &[a, b, d, e, f])
        }),
    }
}

/// The runtime runs on the host's stack, modules on their own: each has its limit.
fn serve(caller: &mut Caller<Host>, helper: Helper, context: i64, words: &[i64]) -> i64 {
    let context = context as *mut Context;
    let limits = caller.data().limits.get();
    let words: Vec<Word> = words.iter().map(|word| *word as Word).collect();
    let outer = CALLER.replace(std::ptr::from_mut(caller).cast());
    // SAFETY: compiled code passes its context, and what the helper asks for.
    let result = unsafe {
        (*context).stack_limit = limits[0];
        let result = helpers::call(helper, context, &words);
        (*context).stack_limit = limits[1];
        result
    };
    CALLER.set(outer);
    result as i64
}

impl Machine for WasmMachine {
    fn name(&self) -> &str {
        WASMI.name()
    }

    fn load(&self, file: &[u8], path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        let mapped = self.map(file).map_err(|problem| LoadError::refused(path, problem));
        Some(mapped.and_then(|(block, _)| LoadedImage::from_mapping(Box::new(Mapped { block }), path)))
    }

    fn frames(&self) -> Vec<Range<usize>> {
        let context = self.context.get();
        if context.is_null() {
            return Vec::new();
        }
        // SAFETY: the context is the runtime's that the machine belongs to, which asks.
        let top = unsafe { (*context).passing[0] } as usize;
        let stack = self.stack.range();
        if top == 0 {
            return Vec::new();
        }
        std::iter::once(top.max(stack.start)..stack.end).collect()
    }

    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        self.context.set(context);
        let stack = self.stack.range();
        // SAFETY: the context is live by the contract.
        let (host_limit, outer) = unsafe { ((*context).stack_limit, (*context).passing[0]) };
        let own_limit = stack.start + STACK_RESERVE;
        // SAFETY: as above; nothing else uses the context between modules and the runtime.
        unsafe {
            (*context).stack_limit = own_limit;
            if outer == 0 {
                (*context).passing[0] = stack.end as Word;
            }
        }
        let place = (enter.wrapping_sub(self.code.range().start)) >> CODE_SHIFT;
        let words: Words = (context as i64, entry as i64, callee.0 as i64, count, 0, 0, 0);
        let result = self.with_store(|mut store| {
            store.data().limits.set([host_limit, own_limit]);
            let Some(Ref::Func(Nullable::Val(function))) = self.table.get(&store, place as u64) else {
                return Err(format!("there is no function at {enter:#x}"));
            };
            let function = function.typed::<Words, i64>(&store).map_err(|error| error.to_string())?;
            function.call(&mut store, words).map_err(|error| error.to_string())
        });
        // SAFETY: as above.
        unsafe {
            (*context).stack_limit = host_limit;
            (*context).passing[0] = outer;
        }
        match result {
            Ok(word) => word as Word,
            // SAFETY: the context is live.
            Err(fault) => unsafe { helpers::machine_fault(context, &format!("a module failed: {fault}")) },
        }
    }
}
