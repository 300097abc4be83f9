//! Building functions: one method an operation, written into a current block.
//!
//! The builder is on the path of every compilation, so it hashes nothing and looks nothing up. What it folds on the
//! way costs no search: operations on known constants, and constants just made in the same block.

use super::arithmetic::{self, Simplified};
use super::*;

/// How many constants of the current block are remembered for reuse.
const REMEMBERED: usize = 8;

/// Builds one function. Values belong to the builder that made them.
#[derive(Clone, Debug)]
pub struct FunctionBuilder {
    function: Function,
    block: Block,
    /// Which blocks have their exit.
    terminated: Vec<bool>,
    /// The number that each word is known to be.
    constants: Vec<Option<i64>>,
    /// Constants made in this block since the last call (a call would spill them), the newest overwriting the
    /// oldest.
    remembered: [(Type, i64, Val); REMEMBERED],
    next_remembered: usize,
    line: u32,
    line_pending: bool,
}

const NOTHING_REMEMBERED: [(Type, i64, Val); REMEMBERED] = [(Type::Word, 0, Val(u32::MAX)); REMEMBERED];

impl FunctionBuilder {
    /// A function whose entry block exists, has its parameters and is current.
    pub fn new(name: &str, signature: Signature) -> FunctionBuilder {
        FunctionBuilder::with_words(WordWidth::Eight, name, signature)
    }

    /// The same with words of this width. Constants of a narrow function are given with their sign extended.
    pub fn with_words(word: WordWidth, name: &str, signature: Signature) -> FunctionBuilder {
        let types = signature.parameters.clone();
        let parameters = (0..types.len() as u32).map(Val).collect();
        let entry =
            BlockData { parameters, insts: Vec::with_capacity(16), terminator: Terminator::Unreachable, cold: false };
        FunctionBuilder {
            block: Block(0),
            terminated: vec![false],
            constants: vec![None; types.len()],
            remembered: NOTHING_REMEMBERED,
            next_remembered: 0,
            line: 0,
            line_pending: false,
            function: Function { name: name.into(), word, signature, blocks: vec![entry], types, lines: Vec::new() },
        }
    }

    /// A new block, not yet reached from anywhere.
    pub fn block(&mut self) -> Block {
        self.add_block(false)
    }

    /// A new block that is unlikely to run.
    pub fn cold_block(&mut self) -> Block {
        self.add_block(true)
    }

    fn add_block(&mut self, cold: bool) -> Block {
        let block = Block(self.function.blocks.len() as u32);
        self.function.blocks.push(BlockData {
            parameters: Vec::new(),
            insts: Vec::new(),
            terminator: Terminator::Unreachable,
            cold,
        });
        self.terminated.push(false);
        block
    }

    /// One more parameter of a block. Every jump to the block, before or after, must pass a value for it.
    pub fn parameter(&mut self, block: Block, of: Type) -> Val {
        assert!(block.0 != 0, "the entry's parameters are the signature's");
        let value = self.value(of, None);
        self.function.blocks[block.0 as usize].parameters.push(value);
        value
    }

    /// The parameters of a block.
    pub fn parameters(&self, block: Block) -> &[Val] {
        &self.function.block(block).parameters
    }

    /// Go on at the end of this block.
    pub fn switch_to(&mut self, block: Block) {
        self.block = block;
        self.line_pending = self.line != 0;
        self.forget_constants();
    }

    /// The block that operations are added to.
    pub fn current_block(&self) -> Block {
        self.block
    }

    /// Whether the current block has its exit; nothing may be added to it then.
    pub fn is_terminated(&self) -> bool {
        self.terminated[self.block.0 as usize]
    }

    /// The source line of what is built from here on; 0 for none.
    pub fn set_line(&mut self, line: u32) {
        if line != self.line {
            self.line = line;
            self.line_pending = true;
        }
    }

    /// The type of a value.
    pub fn type_of(&self, value: Val) -> Type {
        self.function.type_of(value)
    }

    /// The number that a word is known to be.
    pub fn constant_of(&self, value: Val) -> Option<i64> {
        self.constants[value.0 as usize]
    }

    /// The function. Blocks that never got an exit end in [`Terminator::Unreachable`].
    pub fn finish(mut self) -> Function {
        if !self.function.lines.is_sorted() {
            self.function.lines.sort_unstable();
        }
        self.function
    }

    /// Add an operation as it stands, nothing folded; returns its results.
    pub fn push(&mut self, op: Op) -> [Option<Val>; 2] {
        debug_assert!(!self.is_terminated(), "{:?} of {} has its exit", self.block, self.function.name);
        if op.is_call() {
            self.forget_constants();
        }
        let known = if let Op::Const(number) = op { Some(number) } else { None };
        let mut results = [None; 2];
        for (result, &of) in results.iter_mut().zip(op.results()) {
            // Not through `value`: `op` is borrowed for the types.
            *result = Some(Val(self.function.types.len() as u32));
            self.function.types.push(of);
            self.constants.push(known);
        }
        self.note_line();
        self.function.blocks[self.block.0 as usize].insts.push(Inst { op, results });
        results
    }

    fn one(&mut self, op: Op) -> Val {
        let [result, _] = self.push(op);
        result.expect("an operation with a result")
    }

    fn value(&mut self, of: Type, known: Option<i64>) -> Val {
        let value = Val(self.function.types.len() as u32);
        self.function.types.push(of);
        self.constants.push(known);
        value
    }

    fn note_line(&mut self) {
        if self.line_pending {
            self.line_pending = false;
            let at = self.function.blocks[self.block.0 as usize].insts.len() as u32;
            self.function.lines.push((self.block, at, self.line));
        }
    }

    fn forget_constants(&mut self) {
        if self.next_remembered != 0 {
            self.remembered = NOTHING_REMEMBERED;
            self.next_remembered = 0;
        }
    }

    fn constant(&mut self, of: Type, number: i64) -> Val {
        let known = |entry: &&(Type, i64, Val)| (entry.0, entry.1) == (of, number) && entry.2 .0 != u32::MAX;
        if let Some(entry) = self.remembered.iter().find(known) {
            return entry.2;
        }
        let value = self.one(match of {
            Type::Word => Op::Const(number),
            Type::Double => Op::FloatConst(number as u64),
            Type::Pair => unreachable!("no value is a pair"),
        });
        self.remembered[self.next_remembered % REMEMBERED] = (of, number, value);
        self.next_remembered += 1;
        value
    }

    /// An integer constant.
    pub fn iconst(&mut self, number: i64) -> Val {
        self.constant(Type::Word, number)
    }

    /// A double constant.
    pub fn fconst(&mut self, number: f64) -> Val {
        self.constant(Type::Double, number.to_bits() as i64)
    }

    /// An integer operation.
    pub fn binary(&mut self, op: Binary, a: Val, b: Val) -> Val {
        let (known_a, known_b) = (self.constant_of(a), self.constant_of(b));
        if known_a.is_some() || known_b.is_some() {
            let simplify = match self.function.word {
                WordWidth::Eight => arithmetic::simplify_binary,
                WordWidth::Four => narrow::simplify_binary,
            };
            match simplify(op, (a, known_a), (b, known_b)) {
                Some(Simplified::Constant(number)) => return self.iconst(number),
                Some(Simplified::Operand(value)) => return value,
                None => {}
            }
        }
        self.one(Op::Binary(op, a, b))
    }

    /// An integer operation with a constant on the right.
    pub fn binary_immediate(&mut self, op: Binary, a: Val, b: i64) -> Val {
        let b = self.iconst(b);
        self.binary(op, a, b)
    }

    /// An integer operation whose overflow is observed: the wrapped result, and 1 on overflow.
    pub fn overflowing(&mut self, op: Overflowing, a: Val, b: Val) -> (Val, Val) {
        if let (Some(x), Some(y)) = (self.constant_of(a), self.constant_of(b)) {
            let (number, overflow) = arithmetic::overflowing(op, x as u64, y as u64);
            return (self.iconst(number as i64), self.iconst(overflow.into()));
        }
        let [result, overflow] = self.push(Op::Overflowing(op, a, b));
        (result.expect("the result"), overflow.expect("the overflow"))
    }

    /// 1 if a comparison of words holds, else 0.
    pub fn compare(&mut self, op: Compare, a: Val, b: Val) -> Val {
        if let (Some(x), Some(y)) = (self.constant_of(a), self.constant_of(b)) {
            return self.iconst(arithmetic::compare(op, x as u64, y as u64).into());
        }
        self.one(Op::Compare(op, a, b))
    }

    /// 1 if a word has one of the tags of the mask, else 0.
    pub fn has_tag(&mut self, mask: u8, a: Val) -> Val {
        if let Some(word) = self.constant_of(a) {
            return self.iconst(arithmetic::has_tag(mask, word as u64).into());
        }
        self.one(Op::HasTag(mask, a))
    }

    /// An operation on doubles.
    pub fn float_binary(&mut self, op: FloatBinary, a: Val, b: Val) -> Val {
        self.one(Op::FloatBinary(op, a, b))
    }

    /// An operation on a double.
    pub fn float_unary(&mut self, op: FloatUnary, a: Val) -> Val {
        self.one(Op::FloatUnary(op, a))
    }

    /// 1 if a comparison of doubles holds, else 0.
    pub fn float_compare(&mut self, op: FloatCompare, a: Val, b: Val) -> Val {
        self.one(Op::FloatCompare(op, a, b))
    }

    /// The double nearest to a signed word.
    pub fn int_to_float(&mut self, a: Val) -> Val {
        self.one(Op::IntToFloat(a))
    }

    /// A double, known to be in range, truncated to a signed word.
    pub fn float_to_int(&mut self, a: Val) -> Val {
        self.one(Op::FloatToInt(a))
    }

    /// A double's bits.
    pub fn float_bits(&mut self, a: Val) -> Val {
        self.one(Op::FloatBits(a))
    }

    /// The double with these bits.
    pub fn float_from_bits(&mut self, a: Val) -> Val {
        self.one(Op::FloatFromBits(a))
    }

    /// Load from base plus offset.
    pub fn load(&mut self, width: Width, base: Val, offset: i32) -> Val {
        self.one(Op::Load(width, base, offset))
    }

    /// Load from base plus index (in bytes) plus offset.
    pub fn load_indexed(&mut self, width: Width, base: Val, index: Val, offset: i32) -> Val {
        self.one(Op::LoadIndexed(width, base, index, offset))
    }

    /// Store a value to base plus offset.
    pub fn store(&mut self, width: Width, value: Val, base: Val, offset: i32) {
        self.push(Op::Store(width, value, base, offset));
    }

    /// Store a value to base plus index plus offset.
    pub fn store_indexed(&mut self, width: Width, value: Val, base: Val, index: Val, offset: i32) {
        self.push(Op::StoreIndexed(width, value, base, index, offset));
    }

    /// Load a word of the context.
    pub fn load_context(&mut self, offset: i32) -> Val {
        self.one(Op::LoadContext(offset))
    }

    /// Store to a word of the context.
    pub fn store_context(&mut self, value: Val, offset: i32) {
        self.push(Op::StoreContext(value, offset));
    }

    /// Load word `n` of the image's data table.
    pub fn load_data(&mut self, n: u32) -> Val {
        self.one(Op::LoadData(n))
    }

    /// The address of a function of the unit.
    pub fn function_address(&mut self, function: FunctionId) -> Val {
        self.one(Op::FunctionAddress(function))
    }

    /// Call a runtime helper.
    pub fn helper(&mut self, helper: Helper, arguments: &[Val]) -> Val {
        self.one(Op::Helper(helper, arguments.to_vec()))
    }

    /// The signature of a call with these arguments.
    pub fn call_signature(&self, arguments: &[Val], result: Type) -> Signature {
        let parameters = arguments.iter().map(|&argument| self.type_of(argument)).collect();
        Signature { convention: Convention::Maru, parameters, result }
    }

    /// Call by the Maru convention.
    pub fn call(&mut self, callee: Callee, arguments: &[Val], result: Type) -> Val {
        let signature = self.call_signature(arguments, result);
        self.one(Op::Call(callee, arguments.to_vec(), signature))
    }

    /// End the block.
    pub fn terminate(&mut self, terminator: Terminator) {
        debug_assert!(!self.is_terminated(), "{:?} of {} has its exit", self.block, self.function.name);
        self.note_line();
        self.terminated[self.block.0 as usize] = true;
        self.function.blocks[self.block.0 as usize].terminator = terminator;
    }

    /// Go on at another block.
    pub fn jump(&mut self, block: Block, arguments: &[Val]) {
        self.terminate(Terminator::Jump(Target { block, arguments: arguments.to_vec() }));
    }

    /// Go on at one of two blocks: the first if the condition holds.
    pub fn branch(
        &mut self,
        condition: Condition,
        then: Block,
        then_arguments: &[Val],
        otherwise: Block,
        otherwise_arguments: &[Val],
    ) {
        self.terminate(Terminator::Branch(
            condition,
            Target { block: then, arguments: then_arguments.to_vec() },
            Target { block: otherwise, arguments: otherwise_arguments.to_vec() },
        ));
    }

    /// Return a value.
    pub fn ret(&mut self, value: Val) {
        self.terminate(Terminator::Return(value));
    }

    /// Leave the frame and jump to a function whose result is of this function's type.
    pub fn tail_call(&mut self, callee: Callee, arguments: &[Val]) {
        let signature = self.call_signature(arguments, self.function.signature.result);
        self.terminate(Terminator::TailCall(callee, arguments.to_vec(), signature));
    }

    /// End a block that is never left.
    pub fn unreachable(&mut self) {
        self.terminate(Terminator::Unreachable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> Signature {
        Signature { convention: Convention::Maru, parameters: vec![Type::Word; count], result: Type::Word }
    }

    #[test]
    fn constants_are_reused_within_a_block_and_folded() {
        let mut b = FunctionBuilder::new("f", words(1));
        let (x, two) = (Val(0), b.iconst(2));
        assert_eq!(b.iconst(2), two);
        let four = b.binary(Binary::Add, two, two);
        assert_eq!(b.constant_of(four), Some(4));
        assert_eq!(b.binary_immediate(Binary::Add, x, 0), x);
        let (difference, overflow) = b.overflowing(Overflowing::Sub, two, four);
        assert_eq!((b.constant_of(difference), b.constant_of(overflow)), (Some(-2), Some(0)));
        let doubled = b.fconst(0.0);
        assert_eq!(b.type_of(doubled), Type::Double);
        let zero = b.iconst(0);
        assert_eq!(b.type_of(zero), Type::Word);
        let next = b.block();
        b.jump(next, &[]);
        assert!(b.is_terminated());
        b.switch_to(next);
        assert_ne!(b.iconst(2), two, "another block makes its own");
    }

    #[test]
    fn a_call_ends_the_reuse_of_constants() {
        let mut b = FunctionBuilder::new("f", words(1));
        let two = b.iconst(2);
        b.helper(Helper::SetCell, &[Val(0), two]);
        assert_ne!(b.iconst(2), two);
    }

    #[test]
    fn lines_are_noted_where_they_change_and_in_every_block() {
        let mut b = FunctionBuilder::new("f", words(1));
        let (first, second) = (b.block(), b.block());
        b.set_line(7);
        b.set_line(8);
        let x = b.binary(Binary::Mul, Val(0), Val(0));
        b.set_line(8);
        b.branch(Condition::NonZero(x), second, &[], first, &[]);
        b.switch_to(second);
        b.ret(x);
        b.switch_to(first);
        b.set_line(9);
        b.ret(Val(0));
        let lines = b.finish().lines;
        assert_eq!(lines, [(Block(0), 0, 8), (Block(1), 0, 9), (Block(2), 0, 8)]);
    }
}
