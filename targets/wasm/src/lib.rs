//! WebAssembly as a target: no registers, no addresses of code, structured control flow.
//!
//! A module is a unit. What it imports, in this order, the format of the same name writes and an engine provides:
//!
//! | import | what |
//! |---|---|
//! | functions 0… | the runtime's helpers by their numbers: of the context and some words |
//! | memory 0 | all memory of the process, at its own addresses of 64 bits |
//! | table 0 | functions of all modules |
//! | global 0 | where the unit's code seems to lie: functions are 16 bytes apart, in the order of their numbers |
//! | global 1 | the address of the data table |
//! | global 2 | where code seems to start at all: the function at an address is in the table at a 16th of the distance |
//!
//! So code addresses are words like any others, no memory has them in use, and they look like fixnums.
//!
//! **Calls.** All functions have one type: the context, the callee's value, the argument count and [`ARGUMENT_REGISTERS`]
//! arguments; the result is a word. Words past them are in the argument area at their own index, doubles behind the words.
//! An entry has the same type: its words come first. Tail calls are those of the proposal.
//!
//! **Values** are locals, one for each value that more than one block knows; others share locals. Constants are written
//! where they are used.
//!
//! **The stack.** The engine's frames cannot be seen by the collector. So a function that calls has a frame in memory, below
//! the address in [`context::PASSING`](maru_core::abi::context::PASSING): the unit's code address, which keeps the unit
//! loaded, then every word that lives across a call, written when it is made. Objects do not move, so none is read again.
//! The frame's address is what is compared with the stack's limit.
//!
//! **Control flow** is structured by the dominator tree: loops become loops, blocks where ways meet end a block, all others
//! are written where they are jumped to (Ramsey: "Beyond Relooper"). A function with loops that have two entries becomes a
//! loop around a switch over all blocks.

mod frame;
mod function;
mod operation;
mod structure;

use maru_core::abi::{fingerprint, Fact};
use maru_core::codegen::{
    Architecture, CompileError, CompiledFunction, FixupKind, ListingLine, MachineIdentity, OutOfRange, Relocations,
    System, UnwindConvention, UnwindStyle,
};
use maru_core::ir::Function;

/// How many arguments are parameters, callee and argument count not included.
pub const ARGUMENT_REGISTERS: usize = 4;
/// Binary logarithm of the distance of functions.
pub const CODE_SHIFT: u32 = 4;
/// How many doubles a call may have: as on other targets.
const MOST_DOUBLES: usize = 8;

/// The target.
pub struct Wasm;

/// The one that is registered.
pub static TARGET: Wasm = Wasm;
maru_core::register_architecture!(TARGET);

/// What the format calls it: the version of modules, and how many parameters all functions have.
static IDENTITY: MachineIdentity = MachineIdentity {
    machine: 1,
    subtype: 1 + function::WORDS as u32,
    flags: 0,
    pointer_size: 8,
    little_endian: true,
    page_size: 0x10000,
    tool_name: "",
    relocations: Relocations::NONE,
    system: System(0),
    unwind: UnwindConvention {
        code_alignment: 1,
        data_alignment: -8,
        return_address: 0,
        stack_pointer: 0,
        entry_cfa_offset: 0,
        entry_return_address: None,
        style: UnwindStyle::Dwarf,
    },
};

impl Architecture for Wasm {
    fn name(&self) -> &'static str {
        "wasm"
    }
    fn synonyms(&self) -> &'static [&'static str] {
        &["wasm64", "webassembly"]
    }
    fn is_host(&self) -> bool {
        false
    }
    fn argument_registers(&self) -> usize {
        ARGUMENT_REGISTERS
    }
    fn convention_facts(&self) -> Vec<Fact> {
        vec![
            Fact::new("target.name", fingerprint(self.name().as_bytes())[0]),
            Fact::new("target.argument_registers", ARGUMENT_REGISTERS as u64),
            Fact::new("target.code_shift", CODE_SHIFT.into()),
            Fact::new("target.stack", frame::STACK as u64),
            Fact::new("target.first_double", function::double_slot(0, 0) as u64),
        ]
    }
    fn trap(&self) -> &'static [u8] {
        &[]
    }
    fn identity(&self, format: &str) -> Option<&MachineIdentity> {
        (format == "wasm").then_some(&IDENTITY)
    }
    fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
        let fail = |message| CompileError { function: function.name.clone(), message };
        let bytes = function::body(function).map_err(fail)?.0;
        Ok(CompiledFunction { bytes, ..CompiledFunction::default() })
    }
    fn patch(&self, _: FixupKind, _: &mut [u8], _: u64, to: u64) -> Result<(), OutOfRange> {
        // Functions are called by their numbers, which are known.
        Err(OutOfRange { value: to as i64, bits: 0 })
    }
    fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
        let fail = |message| CompileError { function: function.name.clone(), message };
        Ok(function::body(function).map_err(fail)?.1)
    }
}
