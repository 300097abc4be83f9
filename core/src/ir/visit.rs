//! Visiting the operands of operations and exits, and what may be done with an operation.

use super::*;

/// A method that visits every operand, by shared or by exclusive reference.
macro_rules! visit_operands {
    ($(#[$doc:meta])* $name:ident $iterate:ident $($mutable:tt)?) => {
        $(#[$doc])*
        pub fn $name(& $($mutable)? self, mut visit: impl FnMut(& $($mutable)? Val)) {
            match self {
                Op::Const(_) | Op::FloatConst(_) | Op::LoadContext(_) | Op::LoadData(_) | Op::FunctionAddress(_) => {}
                Op::HasTag(_, a)
                | Op::FloatUnary(_, a)
                | Op::IntToFloat(a)
                | Op::FloatToInt(a)
                | Op::FloatBits(a)
                | Op::FloatFromBits(a)
                | Op::Load(_, a, _)
                | Op::StoreContext(a, _) => visit(a),
                Op::Binary(_, a, b)
                | Op::Overflowing(_, a, b)
                | Op::Compare(_, a, b)
                | Op::FloatBinary(_, a, b)
                | Op::FloatCompare(_, a, b)
                | Op::LoadIndexed(_, a, b, _)
                | Op::Store(_, a, b, _) => {
                    visit(a);
                    visit(b);
                }
                Op::StoreIndexed(_, a, b, c, _) => {
                    visit(a);
                    visit(b);
                    visit(c);
                }
                Op::Helper(_, arguments) => arguments.$iterate().for_each(visit),
                Op::Call(callee, arguments, _) => {
                    if let Callee::Address(address) = callee {
                        visit(address);
                    }
                    arguments.$iterate().for_each(visit);
                }
                Op::Narrow(op) => op.$name(visit),
            }
        }
    };
}

impl Op {
    visit_operands!(
        /// Visit each operand, in order.
        operands iter
    );
    visit_operands!(
        /// Visit each operand, to change it.
        operands_mut iter_mut mut
    );

    /// Whether it does more than define its results, so that it must stay where it is.
    pub fn has_effect(&self) -> bool {
        matches!(self, Op::Store(..) | Op::StoreIndexed(..) | Op::StoreContext(..)) || self.is_call()
    }

    /// Whether it calls a function or a helper.
    pub fn is_call(&self) -> bool {
        matches!(self, Op::Helper(..) | Op::Call(..) | Op::Narrow(Narrow::Helper(..)))
    }

    /// Whether its results depend on nothing but its operands.
    pub fn is_pure(&self) -> bool {
        !self.has_effect() && !matches!(self, Op::Load(..) | Op::LoadIndexed(..) | Op::LoadContext(_))
    }

    /// Whether it takes no operand and is cheaper made anew than kept across a call.
    pub fn is_constant(&self) -> bool {
        matches!(self, Op::Const(_) | Op::FloatConst(_) | Op::LoadData(_) | Op::FunctionAddress(_))
    }
}

impl Condition {
    /// Visit each operand, in order.
    pub fn operands(&self, mut visit: impl FnMut(&Val)) {
        match self {
            Condition::NonZero(a) | Condition::HasTag(_, a) => visit(a),
            Condition::Compare(_, a, b) | Condition::FloatCompare(_, a, b) => {
                visit(a);
                visit(b);
            }
        }
    }

    /// Visit each operand, to change it.
    pub fn operands_mut(&mut self, mut visit: impl FnMut(&mut Val)) {
        match self {
            Condition::NonZero(a) | Condition::HasTag(_, a) => visit(a),
            Condition::Compare(_, a, b) | Condition::FloatCompare(_, a, b) => {
                visit(a);
                visit(b);
            }
        }
    }
}

impl Terminator {
    /// Where it may go.
    pub fn targets(&self) -> impl DoubleEndedIterator<Item = &Target> {
        let targets = match self {
            Terminator::Jump(target) => [Some(target), None],
            Terminator::Branch(_, then, otherwise) => [Some(then), Some(otherwise)],
            Terminator::Return(_) | Terminator::ReturnPair(..) | Terminator::TailCall(..) | Terminator::Unreachable => {
                [None, None]
            }
        };
        targets.into_iter().flatten()
    }

    /// Where it may go, to change it.
    pub fn targets_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Target> {
        let targets = match self {
            Terminator::Jump(target) => [Some(target), None],
            Terminator::Branch(_, then, otherwise) => [Some(then), Some(otherwise)],
            Terminator::Return(_) | Terminator::ReturnPair(..) | Terminator::TailCall(..) | Terminator::Unreachable => {
                [None, None]
            }
        };
        targets.into_iter().flatten()
    }

    /// Visit each operand that is no argument of a target.
    pub fn own_operands(&self, mut visit: impl FnMut(&Val)) {
        match self {
            Terminator::Jump(_) | Terminator::Unreachable => {}
            Terminator::Branch(condition, ..) => condition.operands(visit),
            Terminator::Return(value) => visit(value),
            Terminator::ReturnPair(low, high) => {
                visit(low);
                visit(high);
            }
            Terminator::TailCall(callee, arguments, _) => {
                if let Callee::Address(address) = callee {
                    visit(address);
                }
                arguments.iter().for_each(visit);
            }
        }
    }

    /// Visit each operand, arguments of targets included, to change it.
    pub fn operands_mut(&mut self, mut visit: impl FnMut(&mut Val)) {
        match self {
            Terminator::Branch(condition, ..) => condition.operands_mut(&mut visit),
            Terminator::Return(value) => visit(value),
            Terminator::ReturnPair(low, high) => {
                visit(low);
                visit(high);
            }
            Terminator::TailCall(callee, arguments, _) => {
                if let Callee::Address(address) = callee {
                    visit(address);
                }
                arguments.iter_mut().for_each(&mut visit);
            }
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
        self.targets_mut().for_each(|target| target.arguments.iter_mut().for_each(&mut visit));
    }
}
