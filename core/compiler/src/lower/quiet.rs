//! Which functions of a unit leave all cells alone: code that calls one finds its assumptions as they were.
//!
//! A function is quiet if it neither assigns nor defines a free variable, calls only quiet primitives, and calls only
//! quiet functions of its unit, by names that the unit relies on. All are supposed to be quiet until one is found that
//! is not; then so are its callers. While the unit's assumptions hold, which is what a caller makes sure of, the names
//! refer to those functions also where a guess of types has failed.

use super::intrinsic::Intrinsic;
use super::linear::{Callee, End, InlinedCall, Instr, Linear};
use super::UnitContext;
use maru_language::runtime::CellId;

/// What a function does with cells.
enum Conduct {
    /// It may change some.
    Loud,
    /// It leaves them alone if these functions do.
    Quiet(Vec<u32>),
}

impl UnitContext<'_> {
    /// Find the quiet functions among those with these flow graphs.
    pub(super) fn find_quiet(&mut self, flows: &[Linear]) {
        let conducts: Vec<Conduct> = flows.iter().map(|flow| self.conduct(flow)).collect();
        let mut callers = vec![Vec::new(); flows.len()];
        let mut loud = Vec::new();
        for (number, conduct) in conducts.iter().enumerate() {
            match conduct {
                Conduct::Loud => loud.push(number),
                Conduct::Quiet(callees) => callees.iter().for_each(|callee| callers[*callee as usize].push(number)),
            }
        }
        self.quiet = vec![true; flows.len()];
        while let Some(number) = loud.pop() {
            if std::mem::replace(&mut self.quiet[number], false) {
                loud.append(&mut callers[number]);
            }
        }
    }

    /// Whether a function of the unit is known to be quiet.
    pub(super) fn is_quiet(&self, number: u32) -> bool {
        self.quiet.get(number as usize).is_some_and(|quiet| *quiet)
    }

    fn conduct(&self, flow: &Linear) -> Conduct {
        let mut callees = Vec::new();
        for block in &flow.blocks {
            let quiet = block.instrs.iter().all(|instr| self.instr_is_quiet(instr, &mut callees));
            if !quiet || !self.end_is_quiet(&block.end, &mut callees) {
                return Conduct::Loud;
            }
        }
        callees.sort_unstable();
        callees.dedup();
        Conduct::Quiet(callees)
    }

    fn instr_is_quiet(&self, instr: &Instr, callees: &mut Vec<u32>) -> bool {
        match instr {
            Instr::SetGlobal(..) | Instr::Define(..) | Instr::WithEnvironment(..) => false,
            Instr::Primitive(_, call) => self.primitive_is_quiet(call.intrinsic, call.operator.cell),
            Instr::Call(_, callee, ..) => callee_is_quiet(callee, callees),
            Instr::Move(..)
            | Instr::Immediate(..)
            | Instr::Constant(..)
            | Instr::Captured(..)
            | Instr::NewBox(..)
            | Instr::BoxGet(..)
            | Instr::BoxSet(..)
            | Instr::Global(..)
            | Instr::Known(..)
            | Instr::Operator(_)
            | Instr::Closure(..)
            | Instr::SetCapture(..)
            | Instr::Catch(..)
            | Instr::Poll(_)
            | Instr::FrameLoad(_)
            | Instr::FrameStore(_) => true,
        }
    }

    fn end_is_quiet(&self, end: &End, callees: &mut Vec<u32>) -> bool {
        match end {
            End::Test(call, ..) => self.primitive_is_quiet(call.intrinsic, call.operator.cell),
            // Where the body does not stand in place of it, the function is called.
            End::Inline { call, .. } | End::InlineTail(call, _) => self.inlined_is_quiet(call, callees),
            End::TailCall(callee, ..) => callee_is_quiet(callee, callees),
            End::Jump(_) | End::If(..) | End::Return(_) | End::Raise(..) | End::Unreachable => true,
        }
    }

    fn primitive_is_quiet(&self, intrinsic: Intrinsic, cell: CellId) -> bool {
        intrinsic != Intrinsic::Direct || self.holds_quiet(cell)
    }

    fn inlined_is_quiet(&self, call: &InlinedCall, callees: &mut Vec<u32>) -> bool {
        let value = self.runtime.cells.get(call.operator.cell).value;
        let number = self.runtime.prototype(value).and_then(|prototype| self.number_of(prototype));
        callees.extend(number);
        number.is_some()
    }
}

fn callee_is_quiet(callee: &Callee, callees: &mut Vec<u32>) -> bool {
    match callee {
        Callee::KnownCell(_, number) | Callee::Known(_, number) => {
            callees.push(*number);
            true
        }
        Callee::Cell(_) | Callee::Register(_) | Callee::Chooser(..) => false,
    }
}
