//! The flow graph: a function's tree made linear, over registers that may be assigned more than once.
//!
//! It knows no types. Each of its blocks may be emitted several times, once for each combination of types that its
//! live registers are known to have, and once without any: see `emit`.

use super::intrinsic::Intrinsic;
use super::Assumption;
use maru_core::abi::layout::Value;
use maru_language::runtime::tree::Prototype;
use maru_language::runtime::CellId;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A register: first the slots of the prototype's frame, then temporaries.
pub type Reg = u32;
/// A block, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

impl BlockId {
    /// Its place among the function's blocks.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for BlockId {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "b{}", self.0)
    }
}

/// A place that an error can come from: an index into the unit's sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Site(pub u32);

/// The operator of a call by name.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// The name's cell.
    pub cell: CellId,
    /// Where evaluating the arguments may change the cell: the register that stands for what it held before.
    pub early: Option<Reg>,
}

/// How an operator is read that is read early.
#[derive(Clone, Copy, Debug)]
pub struct OperatorRead {
    /// The name's cell.
    pub cell: CellId,
    /// What the unit assumes of it.
    pub assumption: Option<Assumption>,
    /// The call.
    pub site: Site,
}

/// Whom a call reaches.
#[derive(Clone, Debug)]
pub enum Callee {
    /// What a cell holds.
    Cell(Operator),
    /// What a cell holds, expected to be a function of this unit without captured values.
    KnownCell(Operator, u32),
    /// What a register holds.
    Register(Reg),
    /// What a register holds, expected to choose among methods by so many of the arguments.
    Chooser(Reg, usize),
    /// A closure of a function of this unit, in a register.
    Known(Reg, u32),
}

/// A call of a primitive that can be done inline.
#[derive(Clone, Debug)]
pub struct PrimitiveCall {
    /// What it does.
    pub intrinsic: Intrinsic,
    /// The operands.
    pub arguments: Vec<Reg>,
    /// By what name it is called.
    pub operator: Operator,
    /// What kinds of operands were seen there.
    pub seen: u8,
    /// The call.
    pub site: Site,
}

/// A call in whose place a function's body stands.
#[derive(Clone, Debug)]
pub struct InlinedCall {
    /// By what name it is called.
    pub operator: Operator,
    /// The arguments.
    pub arguments: Vec<Reg>,
    /// The call.
    pub site: Site,
}

/// An instruction.
#[derive(Clone, Debug)]
pub enum Instr {
    /// Copy.
    Move(Reg, Reg),
    /// A value that is no pointer.
    Immediate(Reg, Value),
    /// A constant that is a pointer.
    Constant(Reg, Value),
    /// A captured value, as it stands in the closure.
    Captured(Reg, u32),
    /// A new box with a value.
    NewBox(Reg, Reg),
    /// A box's value.
    BoxGet(Reg, Reg),
    /// Change a box (first) to a value.
    BoxSet(Reg, Reg),
    /// A free variable's value; the flag says that it is known to be bound.
    Global(Reg, CellId, bool, Site),
    /// The same for a cell that holds a constant, or an array, which the unit relies on.
    Known(Reg, Value, CellId),
    /// Assign a free variable.
    SetGlobal(CellId, Reg, Site),
    /// Define.
    Define(CellId, Reg, bool, Site),
    /// Read a call's operator, before its arguments are evaluated.
    Operator(Reg),
    /// A primitive that can be done inline.
    Primitive(Reg, PrimitiveCall),
    /// A call.
    Call(Reg, Callee, Vec<Reg>, Site),
    /// A new closure with captured values from registers.
    Closure(Reg, Rc<Prototype>, Vec<Reg>, Site),
    /// Change a closure's (first) captured value.
    SetCapture(Reg, u32, Reg),
    /// At the start of a handler: the error that led here. A second flag: also what `catch` must not see.
    Catch(Reg, bool),
    /// Evaluate the deferred forms of a prototype in an environment.
    WithEnvironment(Reg, Reg, Rc<Prototype>, Vec<Reg>, Site),
    /// A loop turn: serve interrupts.
    Poll(Site),
    /// Take a slot over from the interpreter's frame, whose slots are in the argument area.
    FrameLoad(Reg),
    /// Give slots back to the interpreter's frame, by way of the argument area.
    FrameStore(Vec<Reg>),
}

/// The end of a block.
#[derive(Clone, Debug)]
pub enum End {
    /// Go on.
    Jump(BlockId),
    /// Go to the first block if the register is true, else to the second.
    If(Reg, BlockId, BlockId),
    /// The same for a primitive that answers true or nil.
    Test(PrimitiveCall, BlockId, BlockId),
    /// Go to the first block, where a function's body stands in place of a call of the cell, if the unit's
    /// assumptions hold; else make the call, with its result in the register, and go to the second.
    Inline { call: InlinedCall, result: Reg, body: BlockId, after: BlockId },
    /// The same for a call in tail position: the body returns, and so does the call.
    InlineTail(InlinedCall, BlockId),
    /// Return.
    Return(Reg),
    /// Call in tail position.
    TailCall(Callee, Vec<Reg>, Site),
    /// Put a caught error back on its way, from the site in the second register.
    Raise(Reg, Reg),
    /// Not ended yet, or never reached.
    Unreachable,
}

/// A block.
#[derive(Clone, Debug)]
pub struct LinearBlock {
    /// Instructions.
    pub instrs: Vec<Instr>,
    /// The end.
    pub end: End,
    /// Where errors go; `None`: out of the function.
    pub handler: Option<BlockId>,
    /// Whether it is the head of a loop.
    pub is_loop: bool,
    /// Whether it lies in a loop: its code may go on for long without being entered anew.
    pub in_loop: bool,
    /// For the start of a handler that puts the error back on its way: the register that gets the number of the site
    /// that the error came from, a fixnum, on each edge from there.
    pub site: Option<Reg>,
}

/// A function.
#[derive(Debug)]
pub struct Linear {
    /// Blocks; the first is the entry.
    pub blocks: Vec<LinearBlock>,
    /// Number of registers.
    pub registers: u32,
    /// For each register, whether a primitive that wants types uses it.
    pub typed: Vec<bool>,
    /// Whether doubles occur in the function's text.
    pub has_doubles: bool,
    /// The registers that stand for operators.
    pub operators: FxHashMap<Reg, OperatorRead>,
    /// The first registers, which are bound before the entry: the parameters, with the rest parameter.
    pub parameters: u32,
}

impl Instr {
    /// The register it writes.
    pub fn defines(&self) -> Option<Reg> {
        use Instr::*;
        match *self {
            Move(d, _)
            | Immediate(d, _)
            | Constant(d, _)
            | Captured(d, _)
            | NewBox(d, _)
            | BoxGet(d, _)
            | Global(d, ..)
            | Known(d, ..)
            | Operator(d)
            | Primitive(d, ..)
            | Call(d, ..)
            | Closure(d, ..)
            | Catch(d, _)
            | FrameLoad(d)
            | WithEnvironment(d, ..) => Some(d),
            BoxSet(..) | SetGlobal(..) | Define(..) | SetCapture(..) | Poll(_) | FrameStore(_) => None,
        }
    }
    /// Where it stands.
    pub fn site(&self) -> Option<Site> {
        use Instr::*;
        match *self {
            Global(.., site)
            | SetGlobal(.., site)
            | Define(.., site)
            | Primitive(_, PrimitiveCall { site, .. })
            | Call(.., site)
            | Closure(.., site)
            | WithEnvironment(.., site)
            | Poll(site) => Some(site),
            _ => None,
        }
    }
    /// The registers it reads.
    pub fn uses(&self, mut each: impl FnMut(Reg)) {
        use Instr::*;
        match self {
            Move(_, s) | NewBox(_, s) | BoxGet(_, s) | SetGlobal(_, s, _) | Define(_, s, ..) => each(*s),
            BoxSet(a, b) | SetCapture(a, _, b) => {
                each(*a);
                each(*b);
            }
            Closure(_, _, args, _) => args.iter().for_each(|r| each(*r)),
            Primitive(_, PrimitiveCall { operator, arguments, .. }) => {
                operator.uses(&mut each);
                arguments.iter().for_each(|r| each(*r));
            }
            Call(_, callee, args, _) => {
                callee.uses(&mut each);
                args.iter().for_each(|r| each(*r));
            }
            WithEnvironment(_, environment, _, args, _) => {
                each(*environment);
                args.iter().for_each(|r| each(*r));
            }
            FrameStore(slots) => slots.iter().for_each(|r| each(*r)),
            Immediate(..) | Constant(..) | Captured(..) | Global(..) | Known(..) | Operator(_) | Catch(..)
            | Poll(_) | FrameLoad(_) => {}
        }
    }
}

impl Operator {
    fn uses(&self, each: &mut impl FnMut(Reg)) {
        self.early.iter().for_each(|r| each(*r));
    }
}

impl Callee {
    fn uses(&self, each: &mut impl FnMut(Reg)) {
        match self {
            Callee::Register(r) | Callee::Chooser(r, _) | Callee::Known(r, _) => each(*r),
            Callee::Cell(operator) | Callee::KnownCell(operator, _) => operator.uses(each),
        }
    }
}

impl End {
    /// The registers it reads.
    pub fn uses(&self, mut each: impl FnMut(Reg)) {
        match self {
            End::If(r, ..) | End::Return(r) => each(*r),
            End::Raise(error, site) => {
                each(*error);
                each(*site);
            }
            End::Test(PrimitiveCall { operator, arguments, .. }, ..)
            | End::Inline { call: InlinedCall { operator, arguments, .. }, .. }
            | End::InlineTail(InlinedCall { operator, arguments, .. }, _) => {
                operator.uses(&mut each);
                arguments.iter().for_each(|r| each(*r));
            }
            End::TailCall(callee, args, _) => {
                callee.uses(&mut each);
                args.iter().for_each(|r| each(*r));
            }
            End::Jump(_) | End::Unreachable => {}
        }
    }
    /// The register it writes on the way to its second block.
    pub fn defines(&self) -> Option<Reg> {
        match self {
            End::Inline { result, .. } => Some(*result),
            _ => None,
        }
    }
    /// Where it goes.
    pub fn successors(&self) -> impl Iterator<Item = BlockId> {
        let (first, second) = match self {
            End::Jump(to) | End::InlineTail(_, to) => (Some(*to), None),
            End::If(_, yes, no) | End::Test(_, yes, no) | End::Inline { body: yes, after: no, .. } => {
                (Some(*yes), Some(*no))
            }
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }
}
