//! What a CPU with registers says about itself: [`RegisterMachine`], and the records that pass between it and the
//! driver, [`super::Native`].

use super::{
    AssemblySyntax, CodeBuffer, FixupKind, FixupTarget, Label, MachineIdentity, OutOfRange, Selection, Shorten, System,
    UnwindConvention,
};
use crate::ir::{Callee, Condition, Convention, Op, Signature, Val, WordWidth};
use regalloc2::{Allocation, MachineEnv, PReg, PRegSet};

/// A CPU with registers.
///
/// The driver selects instructions from the end of a function to its start, so that whoever selects an operation
/// knows whether its results are wanted; it allocates registers, then encodes from start to end.
///
/// Contract: `copy` changes neither condition flags nor any register but its destination, because the allocator
/// puts copies between an instruction that sets flags and the one that reads them.
///
/// Text is written by the same functions that write bytes, through [`CodeBuffer::note`], so that a listing cannot
/// show anything but what was encoded.
pub trait RegisterMachine: Sync {
    /// The data sheet.
    fn spec(&self) -> &Spec;
    /// Where arguments and results go, for each kind of call in the order of [`CallKind`].
    fn call_layouts(&self) -> &[CallLayout; 3];
    /// The same on one of the CPU's systems, where there are several.
    fn call_layouts_on(&self, _system: System) -> &[CallLayout; 3] {
        self.call_layouts()
    }
    /// Allocatable registers on one of the CPU's systems: where one keeps registers that another does not, their order.
    fn registers_on(&self, _system: System) -> &MachineEnv {
        &self.spec().registers
    }
    /// How many systems there are.
    fn systems(&self) -> u8 {
        1
    }
    /// Where arguments and results go in one kind of call.
    fn call_layout(&self, call: CallKind) -> &CallLayout {
        &self.call_layouts()[call as usize]
    }
    /// Select instructions for one operation. The driver calls this only for operations that have an effect or
    /// whose results are wanted. Values come from [`Selection::value`], results go to [`Selection::result`].
    fn select(&self, op: &Op, results: &[Option<Val>; 2], selection: &mut Selection);
    /// Select instructions for the end of a block.
    fn select_terminator(&self, terminator: &TargetTerminator, selection: &mut Selection);
    /// How wide its registers are. The driver hands a machine of narrow words functions that are legalised
    /// ([`crate::ir::passes::legalise`]), and no others.
    fn word(&self) -> WordWidth {
        WordWidth::Eight
    }
    /// Select instructions for the end of a block that returns a 64-bit word in two narrow ones. Only a machine of
    /// narrow words is asked.
    fn select_return_pair(&self, _low: Val, _high: Val, selection: &mut Selection) {
        selection.fail("this target returns no pairs of words");
    }
    /// Write one instruction. `operands` are the allocations of its operands, in the order they were selected in.
    fn encode(&self, inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer);
    /// Write a move between two registers of one class, or between a register and a spill slot.
    fn copy(&self, from: Allocation, to: Allocation, code: &mut CodeBuffer);
    /// Write a load of a word that the caller passed on its stack, by its number among these. Only a target is asked that
    /// has entries with [`CallLayout::stack`].
    fn arrive(&self, _number: u32, _to: Allocation, _frame: &Frame, _code: &mut CodeBuffer) {
        unreachable!("no function of this target finds words on the stack");
    }
    /// Write the start of a function: make the frame, check the stack, and tell the buffer the unwind rows.
    fn enter(&self, frame: &Frame, code: &mut CodeBuffer);
    /// Write the end of the frame, before an instruction that leaves the function, with unwind rows.
    fn leave(&self, frame: &Frame, code: &mut CodeBuffer);
    /// How listings become text that assemblers outside of Maru make the same bytes of; `None`, if they do not.
    fn assembly(&self) -> Option<AssemblySyntax> {
        None
    }
    /// How jumps that were written in a long form are shortened, if they can be without being encoded anew.
    fn short_jumps(&self) -> Option<Shorten> {
        None
    }
    /// Write an address into an instruction: as [`super::Architecture::patch`]. Labels are resolved by it, too,
    /// with offsets in the function in place of addresses.
    ///
    /// # Errors
    /// When it does not fit.
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange>;
}

/// The data sheet of a register machine.
pub struct Spec {
    /// The target's name, equal to its folder's.
    pub name: &'static str,
    /// Other names that people use for it.
    pub synonyms: &'static [&'static str],
    /// Whether this process runs on this CPU, with the calling convention that the target emits.
    pub is_host: bool,
    /// Bytes that fill gaps between functions, and trap if executed.
    pub trap: &'static [u8],
    /// What each supported container format calls it.
    pub identities: Vec<(&'static str, MachineIdentity)>,
    /// Allocatable registers. Class `Int` holds words, class `Float` doubles.
    pub registers: MachineEnv,
    /// What its functions know of stack and context.
    pub frame: FrameConvention,
    /// The opcode of an unconditional jump to its label: without operands, never touches flags.
    pub jump: u16,
}

impl Spec {
    /// How frames are described for unwinders, by the first identity: they all agree.
    pub fn unwind(&self) -> Option<&UnwindConvention> {
        self.identities.first().map(|(_, identity)| &identity.unwind)
    }
}

/// What all functions of a target take for granted on entry, besides where arguments are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameConvention {
    /// The register that holds the context, always.
    pub context: PReg,
    /// Bytes that the stack pointer is a multiple of at a call.
    pub stack_alignment: u32,
    /// Bytes below the stack pointer that a function may use without a frame, and that nobody overwrites.
    pub red_zone: u32,
}

/// Kinds of calls, each with its own layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallKind {
    /// [`Convention::Maru`]: called by Maru code.
    Maru,
    /// [`Convention::Entry`]: called by the runtime.
    Entry,
    /// A call of a runtime helper by the C convention. The context is not among the words.
    Helper,
}

impl From<Convention> for CallKind {
    fn from(convention: Convention) -> CallKind {
        match convention {
            Convention::Maru => CallKind::Maru,
            Convention::Entry => CallKind::Entry,
        }
    }
}

/// Where arguments and results of a kind of call go.
pub struct CallLayout {
    /// Registers of the word arguments, in order.
    pub words: Vec<PReg>,
    /// Whether further words travel in the context's argument area: word argument `n` at index
    /// `n -` [`crate::abi::FIRST_ARGUMENT`], because callee and argument count are no arguments to a program.
    pub has_area: bool,
    /// How further words travel on the stack, if they do.
    pub stack: Option<StackWords>,
    /// Registers of the arguments that are doubles, in order; there is no room for more.
    pub doubles: Vec<PReg>,
    /// Register of a result that is a word; of its low half, where words are narrow.
    pub word_result: PReg,
    /// Register of its high half, where words are narrow.
    pub high_result: Option<PReg>,
    /// Register of a result that is a double.
    pub double_result: PReg,
    /// Registers that the call destroys, those of results included.
    pub clobbers: PRegSet,
}

/// Words of a call that lie on the stack: a word in each slot of the caller's frame from slot 0 on, which must be where
/// the stack pointer is. Entries find their words there, by [`RegisterMachine::arrive`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackWords {
    /// Slots before the first of them: for what the target itself passes, or for the callee to save registers in.
    pub reserved: u32,
}

/// How a block ends, as the target sees it. Jumps are the driver's business.
#[derive(Debug)]
pub enum TargetTerminator<'f> {
    /// Go to the instruction's label if the condition holds, else on. Made by [`Selection::branch`].
    Branch(Condition),
    /// Return a value. Made by [`Selection::exit`].
    Return(Val),
    /// Jump to a function once the frame is left. Made by [`Selection::tail_call`].
    TailCall(Callee, &'f [Val], &'f Signature),
    /// Trap. Made by [`Selection::exit`].
    Unreachable,
}

/// What the driver needs to know about where an instruction leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Transfer {
    /// On.
    #[default]
    Next,
    /// To one or two blocks.
    Branch,
    /// Out of the function, after the frame was left.
    Leave,
    /// Nowhere.
    Stop,
}

/// One selected instruction: an opcode private to the target, with operands in the [`Selection`]'s arena. It may
/// stand for several instructions of the CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachInst {
    /// The target's opcode.
    pub opcode: u16,
    /// The target's own: a condition, a member of a family of operations, a width.
    pub variant: u8,
    /// The driver wants a branch to go to its label when the condition does *not* hold.
    pub inverted: bool,
    /// An offset in memory.
    pub displacement: i32,
    /// An immediate operand.
    pub immediate: i64,
    /// What a fixup points to.
    pub target: Option<FixupTarget>,
    /// Where a branch or jump goes; set by the driver.
    pub label: Label,
    pub(super) flow: Transfer,
    /// Index into the selection's sets of clobbered registers.
    pub(super) clobbers: u8,
    /// Source line, or 0.
    pub(super) line: u32,
    pub(super) first_operand: u32,
    pub(super) operands: u16,
}

impl MachInst {
    /// An instruction with this opcode and nothing else.
    pub fn new(opcode: u16) -> MachInst {
        MachInst { opcode, ..MachInst::default() }
    }
    /// With a variant.
    pub fn variant(self, variant: u8) -> MachInst {
        MachInst { variant, ..self }
    }
    /// With an immediate.
    pub fn immediate(self, immediate: i64) -> MachInst {
        MachInst { immediate, ..self }
    }
    /// With an offset.
    pub fn displacement(self, displacement: i32) -> MachInst {
        MachInst { displacement, ..self }
    }
    /// An instruction that calls or jumps to a function: `function` if it is one of the unit, else `address`, whose first
    /// operand is where it goes.
    pub fn reaching(callee: Callee, function: MachInst, address: MachInst) -> (MachInst, Option<Val>) {
        match callee {
            Callee::Function(id) => (function.target(FixupTarget::Function(id)), None),
            Callee::Address(value) => (address, Some(value)),
        }
    }
    /// With the target of a fixup.
    pub fn target(self, target: FixupTarget) -> MachInst {
        MachInst { target: Some(target), ..self }
    }
}

/// The frame of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// How it is called.
    pub convention: Convention,
    /// On which system.
    pub system: System,
    /// Words to which registers are spilled, after those in which calls pass words. Slot 0 lies lowest.
    pub spill_slots: u32,
    /// Whether it calls anything: then the stack must be aligned and have room.
    pub calls: bool,
    /// Whether the first word parameter exists: in a Maru function, it is the callee's value.
    pub has_callee: bool,
}
