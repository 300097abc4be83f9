//! Targets: what turns IR into machine code.
//!
//! [`Architecture`] is the face that the registry sees. CPUs with registers implement [`RegisterMachine`] instead
//! and are made an `Architecture` by [`Native`], which selects instructions, allocates registers and encodes.

mod allocate;
mod assign;
mod buffer;
mod checked;
mod graph;
mod lines;
mod liveness;
mod machine;
mod native;
mod places;
mod select;

pub use allocate::{thorough_allocation, verify_allocation};
pub use buffer::{CodeBuffer, Label, ShortJump, Shorten};
pub use machine::{CallKind, CallLayout, Frame, MachInst, RegisterMachine, Spec, Terminator};
pub use native::Native;
pub use select::Selection;

use crate::abi::API_VERSION;
use crate::ir;
use std::fmt;

/// What one container format calls a machine, and the numbers that format needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineIdentity {
    /// The container's number for the CPU.
    pub machine: u32,
    /// A second number, where the container has one (a CPU subtype); else 0.
    pub subtype: u32,
    /// Flags in the container's header.
    pub flags: u32,
    /// Bytes in a pointer: containers have a class for each.
    pub pointer_size: u8,
    /// Whether the least significant byte comes first.
    pub little_endian: bool,
    /// Largest page size in bytes that a system for this CPU uses: segments are aligned to it.
    pub page_size: u64,
    /// Relocation number of "base plus addend".
    pub relative_relocation: u32,
    /// Relocation number of "address of symbol", for a data word.
    pub symbol_relocation: u32,
    /// How frames are described for unwinders.
    pub unwind: UnwindConvention,
}

/// DWARF's view of the CPU, for unwind rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnwindConvention {
    /// Code alignment factor.
    pub code_alignment: u8,
    /// Data alignment factor.
    pub data_alignment: i8,
    /// DWARF number of the return address's column.
    pub return_address: u16,
    /// DWARF number of the stack pointer.
    pub stack_pointer: u16,
    /// On entry, the canonical frame address is the stack pointer plus this many bytes.
    pub entry_cfa_offset: i64,
    /// On entry, where the return address lies relative to the canonical frame address; `None`: in its register.
    pub entry_return_address: Option<i64>,
}

/// From this code offset on, the canonical frame address is the stack pointer plus `cfa_offset`, and the listed
/// registers (DWARF numbers) are saved at the given offsets from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnwindRow {
    /// First byte of the function's code that the row is true for.
    pub offset: u32,
    /// Bytes from stack pointer to canonical frame address.
    pub cfa_offset: i64,
    /// Saved registers: DWARF number, offset from the canonical frame address.
    pub saved: Vec<(u16, i64)>,
}

/// A kind of fixup, private to the architecture that made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct FixupKind(pub u8);

/// What a fixup points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FixupTarget {
    /// The start of a function of the unit.
    Function(ir::FunctionId),
    /// A word of the image's data table.
    Data(u32),
}

/// A place in code that depends on addresses: resolved by core when the format has laid the image out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixup {
    /// Byte offset in the function's code.
    pub offset: u32,
    /// How to write the address.
    pub kind: FixupKind,
    /// Whose address.
    pub target: FixupTarget,
    /// Added to it.
    pub addend: i64,
}

/// A fixup's value does not fit its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The distance or value that did not fit.
    pub value: i64,
    /// How many bits there were.
    pub bits: u32,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} does not fit {} bits", self.value, self.bits)
    }
}

/// A function's machine code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledFunction {
    /// The instructions.
    pub bytes: Vec<u8>,
    /// Places that depend on addresses.
    pub fixups: Vec<Fixup>,
    /// Unwind rows, ascending by offset; the state on entry is implied.
    pub unwind: Vec<UnwindRow>,
    /// Line table: (code offset, line), ascending by offset.
    pub lines: Vec<(u32, u32)>,
    /// Time spent, for `--stats`: nanoseconds in selection, register allocation, encoding.
    pub nanoseconds: [u64; 3],
}

/// Why a function could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The function.
    pub function: String,
    /// What was wrong.
    pub message: String,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "cannot compile {}: {}", self.function, self.message)
    }
}
impl std::error::Error for CompileError {}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingLine {
    /// Byte offset.
    pub offset: u32,
    /// The instruction's bytes.
    pub bytes: Vec<u8>,
    /// The instruction in the CPU's usual syntax.
    pub text: String,
}

/// A target.
pub trait Architecture: Sync {
    /// Its name, equal to its folder's: lower case.
    fn name(&self) -> &'static str;
    /// Other names that people use for it.
    fn synonyms(&self) -> &'static [&'static str] {
        &[]
    }
    /// The version of the interface it was built for: always `API_VERSION` as seen by the plugin's compiler.
    fn api_version(&self) -> u32 {
        API_VERSION
    }
    /// Bytes in a pointer.
    fn pointer_size(&self) -> u8 {
        8
    }
    /// Whether the least significant byte comes first.
    fn little_endian(&self) -> bool {
        true
    }
    /// Whether this process runs on this CPU.
    fn is_host(&self) -> bool;
    /// How many word arguments travel in registers, callee and argument count not included. (A function that takes
    /// any number of arguments, such as the bridge into the interpreter, needs to know.)
    fn argument_registers(&self) -> usize;
    /// Bytes that fill gaps between functions, and trap if executed.
    fn trap(&self) -> &'static [u8];
    /// What a container format, by name, calls this CPU; `None` for an unsupported pair.
    fn identity(&self, format: &str) -> Option<&MachineIdentity>;
    /// Compile one verified function.
    ///
    /// # Errors
    /// When the function needs what the target does not have; the message says what.
    fn compile(&self, function: &ir::Function) -> Result<CompiledFunction, CompileError>;
    /// Write the address `to` (addend included) into the instruction at the start of `site`, which lies at
    /// address `from`.
    ///
    /// # Errors
    /// When it does not fit.
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange>;
    /// The code of a function as text, for reading and for golden files.
    ///
    /// # Errors
    /// As `compile`.
    fn listing(&self, function: &ir::Function) -> Result<Vec<ListingLine>, CompileError>;
}
