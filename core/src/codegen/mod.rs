//! Targets: what turns IR into machine code.
//!
//! [`Architecture`] is the face that the registry sees. CPUs with registers implement [`RegisterMachine`] instead
//! and are made an `Architecture` by [`Native`], which selects instructions, allocates registers and encodes.

mod allocate;
mod assign;
mod buffer;
mod checked;
mod convention;
mod graph;
mod lines;
mod liveness;
mod locations;
mod machine;
mod native;
mod select;
mod source;

pub use allocate::{thorough_allocation, verify_allocation};
pub use buffer::{CodeBuffer, Label, ShortJump, Shorten};
pub use convention::image_stamp;
pub use machine::{
    CallKind, CallLayout, Frame, FrameConvention, MachInst, RegisterMachine, Spec, StackWords, TargetTerminator,
};
pub use native::Native;
pub use select::Selection;
pub use source::{
    compile_text, find_compiler, source_symbols, SourceTarget, SourceUnit, COMPILER_VARIABLE, DATA_SYMBOL,
    HEADER_SYMBOL,
};

use crate::abi::Fact;
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
    /// What tools that come with the container, such as linkers, call the CPU in their own names and arguments;
    /// empty, if none knows it.
    pub tool_name: &'static str,
    /// The container's numbers of relocations.
    pub relocations: Relocations,
    /// Which of the CPU's systems the container is for: how calls of C functions are made there.
    pub system: System,
    /// How frames are described for unwinders.
    pub unwind: UnwindConvention,
}

/// A system's way of calling C functions on a CPU, by a number of the target's own. System 0 is that of most containers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct System(pub u8);

impl MachineIdentity {
    /// The relocation that does what a kind of fixup asks for; `None` if the container has none.
    pub fn relocation(&self, kind: FixupKind) -> Option<&'static Relocation> {
        self.relocations.code.iter().find(|relocation| relocation.kind == kind)
    }
}

/// A container's numbers of relocations for a CPU: what it calls each way of writing an address that is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocations {
    /// A pointer word: base plus addend.
    pub base: u32,
    /// A pointer word: address of a symbol plus addend.
    pub address: u32,
    /// 32 bits: offset in a section that is not mapped.
    pub offset: u32,
    /// 32 bits: distance from one place to another. The first place is that of the field, unless the container names it
    /// by a relocation of its own, of this number.
    pub distance: u32,
    /// More bits of an addend, where the container keeps addends in fields that may be too narrow; else 0.
    pub addend: u32,
    /// Fields of instructions, by the kinds of fixups.
    pub code: &'static [Relocation],
}

impl Relocations {
    /// Those of a container without relocations: all distances are known when it is written.
    pub const NONE: Relocations = Relocations { base: 0, address: 0, offset: 0, distance: 0, addend: 0, code: &[] };
}

/// What a kind of fixup is: the field that it fills, and the container's number for filling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The kind.
    pub kind: FixupKind,
    /// The container's number.
    pub number: u32,
    /// Where the field starts: bytes from the start of the instruction.
    pub field: u8,
    /// Bytes that the field is in.
    pub width: u8,
    /// The field holds a distance, counted from so many bytes after the start of the instruction; `None`: an address or
    /// a part of one.
    pub origin: Option<u8>,
    /// The rest of the field, if the container has a relocation of its own for that.
    pub rest: Option<Rest>,
}

/// The rest of a field whose parts a container fills in by two relocations: the second names the place of the first in
/// place of what that leads to, because both are parts of one distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The container's number.
    pub number: u32,
    /// Bytes from the start of the instruction.
    pub field: u8,
}

impl Relocation {
    /// What is added to a symbol's address, where containers count distances from the start of the field.
    pub fn addend(&self, fixup: &Fixup) -> i64 {
        fixup.addend + self.origin.map_or(0, |origin| i64::from(self.field) - i64::from(origin))
    }
}

/// How a container's unwinders see the CPU, for unwind rows.
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
    /// What a format makes of the rows.
    pub style: UnwindStyle,
}

/// What a format makes of unwind rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnwindStyle {
    /// Call frame instructions, which say all that rows can.
    Dwarf,
    /// Codes of the container's own: what each kind of register has for a number in them, given for DWARF's.
    Codes(&'static [(u16, u8)]),
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
    /// A symbol of another library, by its number among the image's imports.
    Import(u32),
}

/// As listings name it.
impl fmt::Display for FixupTarget {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            FixupTarget::Function(id) => write!(f, "{id:?}"),
            FixupTarget::Data(word) => write!(f, "data{word}"),
            FixupTarget::Import(number) => write!(f, "import{number}"),
        }
    }
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
    /// Locations that depend on addresses.
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
    /// Where in the function it jumps to, if it does: the text ends with that offset.
    pub jump: Option<u32>,
}

/// What makes assembly text of a target's listings, for assemblers outside of Maru.
#[derive(Clone, Copy, Debug)]
pub struct AssemblySyntax {
    /// Directives that come before all code, one a line.
    pub prologue: &'static str,
    /// What an instruction is to begin with so that an assembler encodes it in these bytes and not in fewer; most often
    /// nothing.
    pub prefix: fn(&ListingLine) -> &'static str,
}

fn no_system(target: &str, function: &ir::Function, system: System) -> CompileError {
    let message = format!("{target} has no system of number {}", system.0);
    CompileError { function: function.name.clone(), message }
}

/// A target.
pub trait Architecture: Sync {
    /// Its name, equal to its folder's: lower case.
    fn name(&self) -> &'static str;
    /// Other names that people use for it.
    fn synonyms(&self) -> &'static [&'static str] {
        &[]
    }
    /// Whether this process runs on this CPU.
    fn is_host(&self) -> bool;
    /// How many word arguments travel in registers, callee and argument count not included. (A function that takes
    /// any number of arguments, such as the trampoline into the interpreter, needs to know.)
    fn argument_registers(&self) -> usize;
    /// What images of this target must agree on, with each other and with the machine that runs them, and what
    /// [`crate::abi`] does not say: above all in which registers words travel. Names are unique.
    fn convention_facts(&self) -> Vec<Fact>;
    /// Bytes that fill gaps between functions, and trap if executed.
    fn trap(&self) -> &'static [u8];
    /// What a container format, by name, calls this CPU; `None` for an unsupported pair.
    fn identity(&self, format: &str) -> Option<&MachineIdentity>;
    /// What makes text of whole units, if the target's code is that: then `compile` gives the text of a unit of one function,
    /// for reading, and libraries are made by a compiler outside of Maru.
    fn source(&self) -> Option<&dyn SourceTarget> {
        None
    }
    /// Compile one verified function.
    ///
    /// # Errors
    /// When the function needs what the target does not have; the message says what.
    fn compile(&self, function: &ir::Function) -> Result<CompiledFunction, CompileError>;
    /// The same for one of the CPU's systems; `compile` is for the first.
    ///
    /// # Errors
    /// As `compile`; or when the target has no such system.
    fn compile_for(&self, function: &ir::Function, system: System) -> Result<CompiledFunction, CompileError> {
        if system == System::default() {
            return self.compile(function);
        }
        Err(no_system(self.name(), function, system))
    }
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
    /// The same for one of the CPU's systems; `listing` is for the first.
    ///
    /// # Errors
    /// As `compile_for`.
    fn listing_for(&self, function: &ir::Function, system: System) -> Result<Vec<ListingLine>, CompileError> {
        if system == System::default() {
            return self.listing(function);
        }
        Err(no_system(self.name(), function, system))
    }
    /// How listings become text that assemblers outside of Maru make the same bytes of; `None`, if they do not.
    fn assembly(&self) -> Option<AssemblySyntax> {
        None
    }
}
