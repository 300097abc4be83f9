//! The verifier: whether a function keeps the rules that everything after it relies on.
//!
//! - Every value is defined once, by a parameter or an operation, and its definition dominates every use.
//! - Operands, arguments and results have the types that operation, block, callee or signature ask for.
//! - The entry block is nobody's successor and its parameters are the signature's.
//! - A function of the entry convention takes at most four words, returns a word, and makes no tail call (it must
//!   restore its caller's registers).
//!
//! - Functions of narrow words have the operations that [`super::narrow`] lists, and no others have [`Op::Narrow`]. A
//!   carry is used by the operation after the one that makes it, and nowhere else. 64-bit words are pairs in
//!   signatures, so that the number of narrow words among the parameters is even. All functions of a unit have words
//!   of one width.
//!
//! Blocks that cannot be reached are allowed. Everything is checked in them but dominance.

use super::flow::ControlFlow;
use super::*;

mod narrow;

/// The largest number of words that a function of the entry convention takes after the context.
pub const MAX_ENTRY_PARAMETERS: usize = 4;

/// A rule that a function breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// Name of the function.
    pub function: String,
    /// The block.
    pub block: Block,
    /// Index of the operation in the block, and its text; the index after the last is the exit's. `None`: it is the
    /// block itself.
    pub instruction: Option<(usize, String)>,
    /// The rule.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}, {}", self.function, self.block)?;
        if let Some((index, text)) = &self.instruction {
            write!(f, ", instruction {index} `{text}`")?;
        }
        write!(f, ": {}", self.message)
    }
}
impl std::error::Error for VerifyError {}

/// Check one function. `unit` holds the signatures of all functions of its unit.
///
/// # Errors
/// The first rule found broken.
pub fn verify(function: &Function, unit: &[Signature]) -> Result<(), VerifyError> {
    let mut verifier = Verifier {
        function,
        unit,
        narrow: function.word == WordWidth::Four,
        definitions: Vec::new(),
        carries: Vec::new(),
        flow: None,
        block: Block(0),
        at: None,
    };
    verifier.function().map_err(|message| VerifyError {
        function: function.name.clone(),
        block: verifier.block,
        instruction: verifier.at.map(|at| {
            let data = function.block(verifier.block);
            (at, data.insts.get(at).map_or_else(|| data.terminator.to_string(), Inst::to_string))
        }),
        message,
    })
}

/// Check one function as [`verify()`] does, and that its words are narrow: no 64-bit word is left in it.
///
/// # Errors
/// The first rule found broken.
pub fn verify_narrow(function: &Function, unit: &[Signature]) -> Result<(), VerifyError> {
    if function.word != WordWidth::Four {
        let message = "its words are not narrow".into();
        return Err(VerifyError { function: function.name.clone(), block: Block(0), instruction: None, message });
    }
    verify(function, unit)
}

/// Check all functions of a unit.
///
/// # Errors
/// The first rule found broken.
pub fn verify_unit(functions: &[Function]) -> Result<(), VerifyError> {
    let signatures: Vec<Signature> = functions.iter().map(|function| function.signature.clone()).collect();
    if let Some(other) = functions.iter().find(|function| function.word != functions[0].word) {
        let message = "its words are not as wide as those of the unit's first function".into();
        return Err(VerifyError { function: other.name.clone(), block: Block(0), instruction: None, message });
    }
    functions.iter().try_for_each(|function| verify(function, &signatures))
}

/// Where a value is defined: a block, and how many of its operations come before uses of it may.
type Definition = Option<(Block, usize)>;

type Checked = Result<(), String>;

struct Verifier<'a> {
    function: &'a Function,
    unit: &'a [Signature],
    /// Whether its words are narrow.
    narrow: bool,
    definitions: Vec<Definition>,
    /// In a function of narrow words, by value: whether it is a carry.
    carries: Vec<bool>,
    flow: Option<ControlFlow>,
    /// What is being checked, for the message.
    block: Block,
    at: Option<usize>,
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(message())
    }
}

impl Verifier<'_> {
    fn function(&mut self) -> Checked {
        self.signature()?;
        self.definitions()?;
        self.targets()?;
        self.lines()?;
        self.flow = Some(ControlFlow::of(self.function));
        self.each_block(|verifier, data| {
            for (at, inst) in data.insts.iter().enumerate() {
                verifier.at = Some(at);
                verifier.width(&inst.op)?;
                verifier.op(&inst.op)?;
            }
            verifier.at = Some(data.insts.len());
            verifier.exit(&data.terminator)
        })
    }

    fn each_block(&mut self, mut check: impl FnMut(&mut Self, &BlockData) -> Checked) -> Checked {
        let function = self.function;
        for (number, data) in function.blocks.iter().enumerate() {
            self.block = Block(number as u32);
            self.at = None;
            check(self, data)?;
        }
        Ok(())
    }

    fn signature(&mut self) -> Checked {
        let Function { signature, blocks, .. } = self.function;
        ensure(!blocks.is_empty(), || "there is no entry block".into())?;
        if signature.convention == Convention::Entry {
            let count = signature.parameters.len() / if self.narrow { 2 } else { 1 };
            ensure(count <= MAX_ENTRY_PARAMETERS, || {
                format!("an entry function takes at most four words, not {count}")
            })?;
            let words = signature.parameters.iter().all(|&of| of == Type::Word);
            ensure(words && signature.result != Type::Double, || "an entry function takes and returns words".into())?;
        }
        self.halves(signature)?;
        let parameters = &blocks[0].parameters;
        ensure(parameters.len() == signature.parameters.len(), || {
            format!("the entry has {} parameters, the signature {}", parameters.len(), signature.parameters.len())
        })
    }

    /// Note all definitions, and check their number and types.
    fn definitions(&mut self) -> Checked {
        self.definitions = vec![None; self.function.types.len()];
        if self.narrow {
            self.carries = vec![false; self.function.types.len()];
        }
        let entry_types = &self.function.signature.parameters;
        self.each_block(|verifier, data| {
            for (n, &value) in data.parameters.iter().enumerate() {
                verifier.define(value, 0)?;
                if verifier.block == Block(0) {
                    verifier.has_type(value, entry_types[n])?;
                }
            }
            for (at, inst) in data.insts.iter().enumerate() {
                verifier.at = Some(at);
                verifier.note_carry(inst);
                let types = inst.op.results();
                for n in 0..2 {
                    match (inst.results[n], types.get(n)) {
                        (Some(value), Some(&of)) => {
                            verifier.define(value, at + 1)?;
                            verifier.has_type(value, of)?;
                        }
                        (None, None) => {}
                        _ => return Err(format!("it should have {} results", types.len())),
                    }
                }
            }
            Ok(())
        })
    }

    fn define(&mut self, value: Val, from: usize) -> Checked {
        let block = self.block;
        let Some(definition) = self.definitions.get_mut(value.0 as usize) else {
            return Err(format!("{value} has no type"));
        };
        ensure(definition.is_none(), || format!("{value} is defined twice"))?;
        ensure(self.function.type_of(value) != Type::Pair, || format!("{value} is of type ww, which no value has"))?;
        *definition = Some((block, from));
        Ok(())
    }

    fn has_type(&self, value: Val, of: Type) -> Checked {
        let found = self.function.type_of(value);
        ensure(found == of, || format!("{value} is of type {found}, not {of}"))
    }

    /// Check that all targets exist, which control flow analysis takes for granted.
    fn targets(&mut self) -> Checked {
        self.each_block(|verifier, data| {
            verifier.at = Some(data.insts.len());
            for target in data.terminator.targets() {
                ensure((target.block.0 as usize) < verifier.function.blocks.len(), || {
                    format!("there is no block {}", target.block)
                })?;
                ensure(target.block != Block(0), || "nothing may jump to the entry block".into())?;
            }
            Ok(())
        })
    }

    fn lines(&mut self) -> Checked {
        let function = self.function;
        for (n, &(block, at, _)) in function.lines.iter().enumerate() {
            let exists = function.blocks.get(block.0 as usize).is_some_and(|data| at as usize <= data.insts.len());
            ensure(exists, || format!("a line is given for instruction {at} of {block}, which does not exist"))?;
            let before = n.checked_sub(1).map(|n| function.lines[n]);
            let ascending = before.is_none_or(|(b, i, _)| (b, i) < (block, at));
            ensure(ascending, || format!("lines do not ascend at instruction {at} of {block}"))?;
        }
        Ok(())
    }

    /// Check a use: its type, and that its definition comes before.
    fn used(&self, value: Val, of: Type) -> Checked {
        let carry = self.narrow && self.carries.get(value.0 as usize) == Some(&true);
        ensure(!carry, || format!("{value} is a carry, which only the next operation may take"))?;
        self.defined(value, of)
    }

    fn defined(&self, value: Val, of: Type) -> Checked {
        let definition = self.definitions.get(value.0 as usize).copied().flatten();
        let Some((block, from)) = definition else {
            return Err(format!("{value} is not defined"));
        };
        self.has_type(value, of)?;
        let before = if block == self.block {
            from <= self.at.unwrap_or(0)
        } else {
            let flow = self.flow.as_ref().expect("flow comes before uses");
            match (flow.position(block), flow.position(self.block)) {
                (Some(above), Some(below)) => flow.dominates(above, below),
                (None, Some(_)) => false,
                (_, None) => true,
            }
        };
        ensure(before, || format!("the definition of {value} in {block} does not dominate its use"))
    }

    fn words(&self, values: &[Val]) -> Checked {
        values.iter().try_for_each(|&value| self.used(value, Type::Word))
    }

    fn doubles(&self, values: &[Val]) -> Checked {
        values.iter().try_for_each(|&value| self.used(value, Type::Double))
    }

    fn op(&self, op: &Op) -> Checked {
        match op {
            Op::Const(_) | Op::FloatConst(_) | Op::LoadData(_) => Ok(()),
            Op::Binary(_, a, b) | Op::Overflowing(_, a, b) | Op::Compare(_, a, b) => self.words(&[*a, *b]),
            Op::HasTag(_, a) | Op::IntToFloat(a) | Op::FloatFromBits(a) | Op::Load(_, a, _) => self.words(&[*a]),
            Op::FloatBinary(_, a, b) | Op::FloatCompare(_, a, b) => self.doubles(&[*a, *b]),
            Op::FloatUnary(_, a) | Op::FloatToInt(a) | Op::FloatBits(a) => self.doubles(&[*a]),
            Op::LoadIndexed(_, base, index, _) => self.words(&[*base, *index]),
            Op::Store(width, value, base, _) => {
                self.used(*value, stored(*width))?;
                self.words(&[*base])
            }
            Op::StoreIndexed(width, value, base, index, _) => {
                self.used(*value, stored(*width))?;
                self.words(&[*base, *index])
            }
            Op::LoadContext(offset) => self.context_offset(*offset),
            Op::StoreContext(value, offset) => {
                self.context_offset(*offset)?;
                self.words(&[*value])
            }
            Op::FunctionAddress(id) => self.signature_of(*id).map(|_| ()),
            Op::Helper(helper, arguments) => {
                let (expected, found) = (helper.parameters(), arguments.len());
                ensure(expected == found, || format!("{} takes {expected} words, not {found}", helper.name()))?;
                self.words(arguments)
            }
            Op::Call(callee, arguments, signature) => self.call(callee, arguments, signature),
            Op::Narrow(op) => self.narrow_op(op),
        }
    }

    fn signature_of(&self, id: FunctionId) -> Result<&Signature, String> {
        self.unit.get(id.0 as usize).ok_or_else(|| format!("the unit has no function {id}"))
    }

    fn call(&self, callee: &Callee, arguments: &[Val], signature: &Signature) -> Checked {
        ensure(signature.convention == Convention::Maru, || "calls are of the Maru convention".into())?;
        self.halves(signature)?;
        match callee {
            Callee::Address(address) => self.words(&[*address])?,
            Callee::Function(id) => {
                let own = self.signature_of(*id)?;
                ensure(own == signature, || format!("the signature of {id} is another"))?;
            }
        }
        self.arguments(arguments, &signature.parameters)
    }

    fn arguments(&self, arguments: &[Val], types: &[Type]) -> Checked {
        let (found, expected) = (arguments.len(), types.len());
        ensure(found == expected, || format!("{found} arguments for {expected} parameters"))?;
        arguments.iter().zip(types).try_for_each(|(&argument, &of)| self.used(argument, of))
    }

    fn exit(&self, terminator: &Terminator) -> Checked {
        match terminator {
            Terminator::Jump(_) | Terminator::Unreachable => {}
            Terminator::Branch(condition, ..) => match condition {
                Condition::NonZero(a) | Condition::HasTag(_, a) => self.words(&[*a])?,
                Condition::Compare(_, a, b) => self.words(&[*a, *b])?,
                Condition::FloatCompare(_, a, b) => self.doubles(&[*a, *b])?,
            },
            Terminator::Return(value) => self.used(*value, self.function.signature.result)?,
            Terminator::ReturnPair(low, high) => self.return_pair(*low, *high)?,
            Terminator::TailCall(callee, arguments, signature) => {
                let own = &self.function.signature;
                ensure(own.convention == Convention::Maru, || "an entry function makes no tail call".into())?;
                ensure(signature.result == own.result, || "the callee's result is of another type".into())?;
                self.call(callee, arguments, signature)?;
            }
        }
        for target in terminator.targets() {
            let parameters = &self.function.block(target.block).parameters;
            let types: Vec<Type> = parameters.iter().map(|&value| self.function.type_of(value)).collect();
            self.arguments(&target.arguments, &types).map_err(|message| format!("to {}: {message}", target.block))?;
        }
        Ok(())
    }
}

fn stored(width: Width) -> Type {
    match width {
        Width::Byte | Width::Four | Width::Word => Type::Word,
        Width::Double => Type::Double,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        let functions = parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        verify_unit(&functions).expect_err(text).to_string()
    }

    /// The error of a function `f` with parameters v0: w and v1: d.
    fn error_in(body: &str) -> String {
        errors(&format!("function f(v0: w, v1: d) -> w {{\n{body}\n}}\n"))
    }

    #[test]
    fn broken_rules_are_named_with_their_place() {
        let cases = [
            ("b0:\n v2 = add v0 v1\n return v2", "f, b0, instruction 0 `v2 = add v0 v1`: v1 is of type d, not w"),
            ("b0:\n return v1", "f, b0, instruction 0 `return v1`: v1 is of type d, not w"),
            (
                "b0:\n v2 = add v3 v0\n v3 = const 1\n return v2",
                "f, b0, instruction 0 `v2 = add v3 v0`: the definition of v3 in b0 does not dominate its use",
            ),
            (
                "b0:\n branch v0, b1, b2\nb1:\n v2 = const 1\n jump b2\nb2:\n return v2",
                "f, b2, instruction 0 `return v2`: the definition of v2 in b1 does not dominate its use",
            ),
            (
                "b0:\n jump b2\nb1:\n v2 = const 1\n jump b2\nb2:\n return v2",
                "f, b2, instruction 0 `return v2`: the definition of v2 in b1 does not dominate its use",
            ),
            ("b0:\n jump b0(v0, v1)", "f, b0, instruction 0 `jump b0(v0, v1)`: nothing may jump to the entry block"),
            ("b0:\n jump b7", "f, b0, instruction 0 `jump b7`: there is no block b7"),
            (
                "b0:\n jump b1(v0)\nb1:\n return v0",
                "f, b0, instruction 0 `jump b1(v0)`: to b1: 1 arguments for 0 parameters",
            ),
            (
                "b0:\n jump b1(v1)\nb1(v2: w):\n return v2",
                "f, b0, instruction 0 `jump b1(v1)`: to b1: v1 is of type d, not w",
            ),
            (
                "b0:\n v2 = helper box_double\n return v2",
                "f, b0, instruction 0 `v2 = helper box_double`: box_double takes 1 words, not 0",
            ),
            (
                "b0:\n v2 = call f0(v0) -> w\n return v2",
                "f, b0, instruction 0 `v2 = call f0(v0) -> w`: the signature of f0 is another",
            ),
            (
                "b0:\n v2 = call f1(v0) -> w\n return v2",
                "f, b0, instruction 0 `v2 = call f1(v0) -> w`: the unit has no function f1",
            ),
            (
                "b0:\n tail_call [v0]() -> d",
                "f, b0, instruction 0 `tail_call [v0]() -> d`: the callee's result is of another type",
            ),
            (
                "b0:\n store.double v0, [v0]\n return v0",
                "f, b0, instruction 0 `store.double v0, [v0]`: v0 is of type w, not d",
            ),
            (
                "b0:\n v2 = load.word [context + 4]\n return v2",
                "f, b0, instruction 0 `v2 = load.word [context + 4]`: 4 is no offset of a word of the context",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(error_in(body), expected);
        }
    }

    #[test]
    fn entry_functions_are_restricted() {
        let five = "entry function e(v0: w, v1: w, v2: w, v3: w, v4: w) -> w {\nb0:\n return v0\n}";
        assert_eq!(errors(five), "e, b0: an entry function takes at most four words, not 5");
        let double = "entry function e(v0: d) -> w {\nb0:\n unreachable\n}";
        assert_eq!(errors(double), "e, b0: an entry function takes and returns words");
        let tail = "entry function e(v0: w) -> w {\nb0:\n tail_call [v0]() -> w\n}";
        assert!(errors(tail).ends_with("an entry function makes no tail call"));
        let called = "entry function e() -> w {\nb0:\n v0 = call f0() -> w\n return v0\n}";
        assert!(errors(called).ends_with("the signature of f0 is another"));
    }

    #[test]
    fn what_the_text_cannot_say_is_checked_too() {
        let good = "function f(v0: w) -> w {\nb0:\n v1 = const 1\n return v1\n}";
        let function = parse::parse(good).unwrap().remove(0);
        let message = |change: fn(&mut Function)| {
            let mut changed = function.clone();
            change(&mut changed);
            let signature = changed.signature.clone();
            verify(&changed, &[signature]).expect_err("broken").message
        };
        assert_eq!(verify_unit(std::slice::from_ref(&function)), Ok(()));
        assert_eq!(message(|f| f.types[1] = Type::Double), "v1 is of type d, not w");
        assert_eq!(message(|f| f.types.truncate(1)), "v1 has no type");
        assert_eq!(message(|f| f.blocks[0].insts[0].results[0] = Some(Val(0))), "v0 is defined twice");
        assert_eq!(message(|f| f.blocks[0].insts[0].results[1] = Some(Val(0))), "it should have 1 results");
        assert_eq!(message(|f| f.blocks[0].terminator = Terminator::Return(Val(9))), "v9 is not defined");
        assert_eq!(message(|f| f.blocks.clear()), "there is no entry block");
        assert_eq!(message(|f| f.signature.parameters.clear()), "the entry has 1 parameters, the signature 0");
        assert_eq!(
            message(|f| f.lines = vec![(Block(0), 1, 3), (Block(0), 0, 4)]),
            "lines do not ascend at instruction 0 of b0"
        );
        assert_eq!(
            message(|f| f.lines = vec![(Block(0), 2, 3)]),
            "a line is given for instruction 2 of b0, which does not exist"
        );
    }

    #[test]
    fn blocks_that_cannot_be_reached_are_allowed() {
        let text = "function f(v0: w) -> w {\nb0:\n return v0\nb1:\n v1 = const 1\n jump b2\nb2:\n v2 = add v1 v0\n return v2\n}";
        assert_eq!(verify_unit(&parse::parse(text).unwrap()), Ok(()));
        let undefined = "function f(v0: w) -> w {\nb0:\n return v0\nb1:\n v2 = add v1 v0\n v1 = const 1\n return v2\n}";
        assert!(errors(undefined).ends_with("does not dominate its use"));
    }
}
