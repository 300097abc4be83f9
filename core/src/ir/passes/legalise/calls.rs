//! Calls and the ends of blocks: what goes from one place to another, as pairs of halves.

use super::*;

/// A signature whose words are pairs.
pub(super) fn signature(of: &Signature) -> Signature {
    let mut parameters = Vec::with_capacity(2 * of.parameters.len());
    for &parameter in &of.parameters {
        match parameter {
            Type::Double => parameters.push(Type::Double),
            Type::Word | Type::Pair => parameters.extend([Type::Word; 2]),
        }
    }
    let result = if of.result == Type::Double { Type::Double } else { Type::Pair };
    Signature { convention: of.convention, parameters, result }
}

impl Splitter<'_> {
    pub(super) fn helper(&mut self, helper: Helper, arguments: &[Val]) -> Halves {
        let arguments = self.all_parts(arguments);
        self.pair(Op::Narrow(Narrow::Helper(helper, arguments)))
    }

    pub(super) fn helper_of_halves(&mut self, helper: Helper, arguments: &[Halves]) -> Halves {
        let arguments = arguments.iter().flat_map(|word| [word.low, word.high]).collect();
        self.pair(Op::Narrow(Narrow::Helper(helper, arguments)))
    }

    pub(super) fn call(&mut self, callee: Callee, arguments: &[Val], of: &Signature) -> Parts {
        let op = Op::Call(self.callee(callee), self.all_parts(arguments), signature(of));
        match of.result {
            Type::Double => Parts::Double(self.b.push(op)[0].expect("a result")),
            Type::Word | Type::Pair => Parts::Word(self.pair(op)),
        }
    }

    fn callee(&self, callee: Callee) -> Callee {
        match callee {
            Callee::Function(id) => Callee::Function(id),
            Callee::Address(address) => Callee::Address(self.halves(address).low),
        }
    }

    pub(super) fn exit(&mut self, terminator: &Terminator) {
        let terminator = match terminator {
            Terminator::Jump(to) => Terminator::Jump(self.target(to)),
            Terminator::Branch(condition, then, otherwise) => {
                let condition = self.condition(condition);
                Terminator::Branch(condition, self.target(then), self.target(otherwise))
            }
            Terminator::Return(value) => match self.parts[value.0 as usize] {
                Parts::Double(double) => Terminator::Return(double),
                _ => {
                    let Halves { low, high } = self.halves(*value);
                    Terminator::ReturnPair(low, high)
                }
            },
            Terminator::TailCall(callee, arguments, of) => {
                Terminator::TailCall(self.callee(*callee), self.all_parts(arguments), signature(of))
            }
            Terminator::Unreachable => Terminator::Unreachable,
            Terminator::ReturnPair(..) => unreachable!("the function's words are not narrow"),
        };
        self.b.terminate(terminator);
    }

    fn target(&self, target: &Target) -> Target {
        let block = self.blocks[target.block.0 as usize].expect("a block that can be reached");
        Target { block, arguments: self.all_parts(&target.arguments) }
    }
}
