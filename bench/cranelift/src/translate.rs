//! Maru's IR to Cranelift's, operation by operation.
//!
//! The conventions are Maru's own, so that the code can run under Maru's runtime: the context in the pinned register;
//! callee, argument count and [`ARGUMENT_REGISTERS`] arguments in registers; arguments past those in the context's
//! argument area. Cranelift's convention `tail` has six registers for words, and none that a callee must save.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    self as clif, types, AbiParam, BlockArg, ExtFuncData, ExternalName, FuncRef, GlobalValueData, InstBuilder,
    MemFlagsData, SigRef, TrapCode, UserExternalName, UserFuncName,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use maru_core::ir::{
    Binary, Block, Callee, Compare, Condition, Convention, Terminator, FloatBinary, FloatCompare, FloatUnary, Function,
    FunctionId, Helper, Inst, Op, Overflowing, Signature, Target, Type, Val, Width,
};
use maru_core::abi::{argument_offset, context, Context, FIRST_ARGUMENT};
use std::collections::HashMap;

/// How many arguments travel in registers, callee and count not included.
pub const ARGUMENT_REGISTERS: usize = 4;
/// Words in registers: callee, count, and arguments.
const REGISTERS: usize = FIRST_ARGUMENT + ARGUMENT_REGISTERS;
/// Doubles in registers.
const DOUBLE_REGISTERS: usize = 8;
/// The name space of the unit's functions, and that of its data words.
pub const FUNCTIONS: u32 = 0;
/// The name space of the image's data words.
pub const DATA: u32 = 1;

/// Translate a function into an empty one of Cranelift's.
///
/// # Errors
/// When it has more doubles as arguments than there are registers.
pub fn translate(
    source: &Function,
    into: &mut clif::Function,
    memory: &mut FunctionBuilderContext,
    configuration: TargetFrontendConfig,
) -> Result<(), String> {
    into.signature = signature_of(&source.signature)?;
    into.name = UserFuncName::default();
    let mut builder = FunctionBuilder::new(into, memory);
    let blocks = source.blocks.iter().map(|_| builder.create_block()).collect();
    let mut translator = Translator {
        source,
        builder,
        values: vec![None; source.types.len()],
        blocks,
        functions: HashMap::new(),
        helpers: HashMap::new(),
        outer_context: None,
    };
    translator.enter()?;
    for block in order(source) {
        translator.block(block)?;
    }
    translator.builder.seal_all_blocks();
    translator.builder.finalize(configuration);
    Ok(())
}

/// The signature as Cranelift sees it: what does not travel in registers is no parameter.
fn signature_of(signature: &Signature) -> Result<clif::Signature, String> {
    let entry = signature.convention == Convention::Entry;
    let mut result = clif::Signature::new(if entry { CallConv::SystemV } else { CallConv::Tail });
    if entry {
        result.params.push(AbiParam::new(types::I64));
    }
    let (mut words, mut doubles) = (0, 0);
    for parameter in &signature.parameters {
        match parameter {
            Type::Double => doubles += 1,
            Type::Word | Type::Pair => words += 1,
        }
        if *parameter == Type::Double || words <= REGISTERS {
            result.params.push(AbiParam::new(type_of(*parameter)));
        }
    }
    if doubles > DOUBLE_REGISTERS {
        return Err("more doubles than registers".into());
    }
    result.returns.push(AbiParam::new(type_of(signature.result)));
    Ok(result)
}

fn type_of(kind: Type) -> clif::Type {
    match kind {
        Type::Word | Type::Pair => types::I64,
        Type::Double => types::F64,
    }
}

/// The blocks that can be reached, each after those that dominate it.
fn order(source: &Function) -> Vec<Block> {
    let mut seen = vec![false; source.blocks.len()];
    let mut finished = Vec::new();
    let mut open = vec![(Block(0), 0)];
    seen[0] = true;
    while let Some((block, next)) = open.pop() {
        match source.block(block).terminator.targets().nth(next) {
            None => finished.push(block),
            Some(target) => {
                open.push((block, next + 1));
                if !std::mem::replace(&mut seen[target.block.0 as usize], true) {
                    open.push((target.block, 0));
                }
            }
        }
    }
    finished.reverse();
    finished
}

struct Translator<'a> {
    source: &'a Function,
    builder: FunctionBuilder<'a>,
    /// The translation of each value defined so far.
    values: Vec<Option<clif::Value>>,
    blocks: Vec<clif::Block>,
    /// References to functions of the unit, by number and signature.
    functions: HashMap<(u32, SigRef), FuncRef>,
    /// The signatures of helpers, by the number of words.
    helpers: HashMap<usize, SigRef>,
    /// In an entry: what the pinned register held for its caller.
    outer_context: Option<clif::Value>,
}

impl Translator<'_> {
    fn value(&self, value: Val) -> clif::Value {
        self.values[value.0 as usize].expect("a definition dominates its uses")
    }

    fn constant(&mut self, number: i64) -> clif::Value {
        self.builder.ins().iconst(types::I64, number)
    }

    fn context(&mut self) -> clif::Value {
        self.builder.ins().get_pinned_reg(types::I64)
    }

    fn load_context(&mut self, offset: i32) -> clif::Value {
        let context = self.context();
        self.builder.ins().load(types::I64, MemFlagsData::trusted(), context, offset)
    }

    /// The block before block 0: takes the parameters, and looks for room on the stack.
    fn enter(&mut self) -> Result<(), String> {
        let start = self.builder.create_block();
        self.builder.append_block_params_for_function_params(start);
        self.builder.switch_to_block(start);
        let mut given = self.builder.block_params(start).to_vec().into_iter();
        if self.source.signature.convention == Convention::Entry {
            self.outer_context = Some(self.context());
            let context = given.next().expect("the context");
            self.builder.ins().set_pinned_reg(context);
        }
        let mut words = 0;
        let mut arguments: Vec<clif::Value> = Vec::new();
        for parameter in &self.source.signature.parameters {
            words += usize::from(*parameter == Type::Word);
            arguments.push(match parameter {
                Type::Word if words > REGISTERS => {
                    let area = self.load_context(context::ARGUMENTS);
                    let offset = argument_offset(words - 1 - FIRST_ARGUMENT);
                    self.builder.ins().load(types::I64, MemFlagsData::trusted(), area, offset)
                }
                _ => given.next().expect("as many as the signature has"),
            });
        }
        self.check_stack(&arguments)?;
        let arguments: Vec<BlockArg> = arguments.into_iter().map(BlockArg::Value).collect();
        let first = self.blocks[0];
        self.builder.ins().jump(first, &arguments);
        Ok(())
    }

    /// A function with a frame must find room for it.
    fn check_stack(&mut self, arguments: &[clif::Value]) -> Result<(), String> {
        let calls = |inst: &Inst| matches!(inst.op, Op::Helper(..) | Op::Call(..));
        let has_frame = self.source.blocks.iter().any(|block| block.insts.iter().any(calls));
        if !has_frame || self.source.signature.convention == Convention::Entry {
            return Ok(());
        }
        let pointer = self.builder.ins().get_stack_pointer(types::I64);
        let limit = self.load_context(context::STACK_LIMIT);
        let below = self.builder.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
        let (overflow, go_on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(overflow);
        self.builder.ins().brif(below, overflow, &[], go_on, &[]);
        self.builder.switch_to_block(overflow);
        let callee = match self.source.signature.parameters.first() {
            Some(Type::Word) => arguments[0],
            _ => self.constant(0),
        };
        let failure = self.helper(Helper::StackOverflow, &[callee]);
        let failure = match self.source.signature.result {
            Type::Word | Type::Pair => failure,
            Type::Double => self.builder.ins().bitcast(types::F64, MemFlagsData::new(), failure),
        };
        self.builder.ins().return_(&[failure]);
        self.builder.switch_to_block(go_on);
        Ok(())
    }

    fn block(&mut self, block: Block) -> Result<(), String> {
        let data = self.source.block(block);
        let own = self.blocks[block.0 as usize];
        if data.cold {
            self.builder.set_cold_block(own);
        }
        self.builder.switch_to_block(own);
        for parameter in &data.parameters {
            let value = self.builder.append_block_param(own, type_of(self.source.type_of(*parameter)));
            self.values[parameter.0 as usize] = Some(value);
        }
        for inst in &data.insts {
            let results = self.operation(&inst.op)?;
            for (defined, value) in inst.results.iter().zip(results) {
                if let Some(defined) = defined {
                    self.values[defined.0 as usize] = value;
                }
            }
        }
        self.exit(&data.terminator)
    }

    /// Its results, two at most.
    fn operation(&mut self, op: &Op) -> Result<[Option<clif::Value>; 2], String> {
        let one = match op {
            Op::Overflowing(operation, a, b) => return Ok(self.overflowing(*operation, *a, *b)),
            Op::Store(width, value, base, offset) => {
                let base = self.value(*base);
                self.store(*width, *value, base, *offset);
                return Ok([None; 2]);
            }
            Op::StoreIndexed(width, value, base, index, offset) => {
                let address = self.sum(*base, *index);
                self.store(*width, *value, address, *offset);
                return Ok([None; 2]);
            }
            Op::StoreContext(value, offset) => {
                let context = self.context();
                self.store(Width::Word, *value, context, *offset);
                return Ok([None; 2]);
            }
            Op::Load(width, base, offset) => {
                let base = self.value(*base);
                self.load(*width, base, *offset)
            }
            Op::LoadIndexed(width, base, index, offset) => {
                let address = self.sum(*base, *index);
                self.load(*width, address, *offset)
            }
            Op::LoadContext(offset) => self.load_context(*offset),
            Op::LoadData(word) => self.load_data(*word),
            Op::FunctionAddress(id) => self.function_address(*id),
            Op::Helper(helper, arguments) => {
                let arguments: Vec<clif::Value> = arguments.iter().map(|value| self.value(*value)).collect();
                self.helper(*helper, &arguments)
            }
            Op::Narrow(_) => return Err("its words are narrow".into()),
            Op::Call(callee, arguments, signature) => self.call(*callee, arguments, signature)?,
            _ => self.pure(op),
        };
        Ok([Some(one), None])
    }

    /// An operation of numbers and nothing else, with one result.
    fn pure(&mut self, op: &Op) -> clif::Value {
        match op {
            Op::Const(number) => self.constant(*number),
            Op::FloatConst(bits) => self.builder.ins().f64const(f64::from_bits(*bits)),
            Op::Binary(operation, a, b) => self.binary(*operation, *a, *b),
            Op::FloatBinary(operation, a, b) => self.float_binary(*operation, *a, *b),
            Op::FloatUnary(operation, a) => {
                let a = self.value(*a);
                match operation {
                    FloatUnary::Neg => self.builder.ins().fneg(a),
                    FloatUnary::Abs => self.builder.ins().fabs(a),
                    FloatUnary::Sqrt => self.builder.ins().sqrt(a),
                }
            }
            Op::Compare(compare, a, b) => self.as_word(Condition::Compare(*compare, *a, *b)),
            Op::HasTag(tags, a) => self.as_word(Condition::HasTag(*tags, *a)),
            Op::FloatCompare(compare, a, b) => self.as_word(Condition::FloatCompare(*compare, *a, *b)),
            Op::IntToFloat(a) => {
                let a = self.value(*a);
                self.builder.ins().fcvt_from_sint(types::F64, a)
            }
            Op::FloatToInt(a) => {
                let a = self.value(*a);
                self.builder.ins().fcvt_to_sint_sat(types::I64, a)
            }
            Op::FloatBits(a) => {
                let a = self.value(*a);
                self.builder.ins().bitcast(types::I64, MemFlagsData::new(), a)
            }
            Op::FloatFromBits(a) => {
                let a = self.value(*a);
                self.builder.ins().bitcast(types::F64, MemFlagsData::new(), a)
            }
            other => unreachable!("{other:?} is translated elsewhere"),
        }
    }

    fn binary(&mut self, operation: Binary, a: Val, b: Val) -> clif::Value {
        let (a, b) = (self.value(a), self.value(b));
        let ins = self.builder.ins();
        match operation {
            Binary::Add => ins.iadd(a, b),
            Binary::Sub => ins.isub(a, b),
            Binary::Mul => ins.imul(a, b),
            Binary::Div => ins.sdiv(a, b),
            Binary::Rem => ins.srem(a, b),
            Binary::And => ins.band(a, b),
            Binary::Or => ins.bor(a, b),
            Binary::Xor => ins.bxor(a, b),
            Binary::Shl => ins.ishl(a, b),
            Binary::Lshr => ins.ushr(a, b),
            Binary::Ashr => ins.sshr(a, b),
            Binary::Rotl => ins.rotl(a, b),
        }
    }

    fn float_binary(&mut self, operation: FloatBinary, a: Val, b: Val) -> clif::Value {
        let (a, b) = (self.value(a), self.value(b));
        let ins = self.builder.ins();
        match operation {
            FloatBinary::Add => ins.fadd(a, b),
            FloatBinary::Sub => ins.fsub(a, b),
            FloatBinary::Mul => ins.fmul(a, b),
            FloatBinary::Div => ins.fdiv(a, b),
        }
    }

    fn overflowing(&mut self, operation: Overflowing, a: Val, b: Val) -> [Option<clif::Value>; 2] {
        let (a, b) = (self.value(a), self.value(b));
        let ins = self.builder.ins();
        let (result, overflow) = match operation {
            Overflowing::Add => ins.sadd_overflow(a, b),
            Overflowing::Sub => ins.ssub_overflow(a, b),
            Overflowing::Mul => ins.smul_overflow(a, b),
        };
        let overflow = self.builder.ins().uextend(types::I64, overflow);
        [Some(result), Some(overflow)]
    }

    /// A condition as an 8-bit truth value, or a word that is not zero.
    fn condition(&mut self, condition: Condition) -> clif::Value {
        match condition {
            Condition::NonZero(a) => self.value(a),
            Condition::Compare(compare, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                self.builder.ins().icmp(comparison(compare), a, b)
            }
            Condition::FloatCompare(compare, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                self.builder.ins().fcmp(float_comparison(compare), a, b)
            }
            Condition::HasTag(tags, a) => self.has_tag(tags, a),
        }
    }

    fn has_tag(&mut self, tags: u8, a: Val) -> clif::Value {
        let a = self.value(a);
        let (tag, compare) = match tags.count_ones() {
            1 => (tags.trailing_zeros(), IntCC::Equal),
            7 => (tags.trailing_ones(), IntCC::NotEqual),
            _ => {
                // A shift count is taken modulo 64, and the set is repeated in the word.
                let set = self.constant(i64::from_le_bytes([tags; 8]));
                let shifted = self.builder.ins().ushr(set, a);
                let bit = self.constant(1);
                return self.builder.ins().band(shifted, bit);
            }
        };
        let (mask, tag) = (self.constant(7), self.constant(tag.into()));
        let own = self.builder.ins().band(a, mask);
        self.builder.ins().icmp(compare, own, tag)
    }

    /// 1 or 0.
    fn as_word(&mut self, condition: Condition) -> clif::Value {
        let truth = self.condition(condition);
        match self.builder.func.dfg.value_type(truth) {
            types::I64 => truth,
            _ => self.builder.ins().uextend(types::I64, truth),
        }
    }

    fn sum(&mut self, base: Val, index: Val) -> clif::Value {
        let (base, index) = (self.value(base), self.value(index));
        self.builder.ins().iadd(base, index)
    }

    fn load(&mut self, width: Width, address: clif::Value, offset: i32) -> clif::Value {
        let flags = MemFlagsData::trusted();
        let ins = self.builder.ins();
        match width {
            Width::Byte => ins.uload8(types::I64, flags, address, offset),
            Width::Four => ins.uload32(flags, address, offset),
            Width::Word => ins.load(types::I64, flags, address, offset),
            Width::Double => ins.load(types::F64, flags, address, offset),
        }
    }

    fn store(&mut self, width: Width, value: Val, address: clif::Value, offset: i32) {
        let value = self.value(value);
        let flags = MemFlagsData::trusted();
        let ins = self.builder.ins();
        match width {
            Width::Byte => ins.istore8(flags, value, address, offset),
            Width::Four => ins.istore32(flags, value, address, offset),
            Width::Word | Width::Double => ins.store(flags, value, address, offset),
        };
    }

    fn load_data(&mut self, word: u32) -> clif::Value {
        let name = self.builder.func.declare_imported_user_function(UserExternalName { namespace: DATA, index: word });
        let symbol = self.builder.func.create_global_value(GlobalValueData::Symbol {
            name: ExternalName::User(name),
            offset: 0.into(),
            colocated: true,
            tls: false,
        });
        let address = self.builder.ins().symbol_value(types::I64, symbol);
        self.builder.ins().load(types::I64, MemFlagsData::trusted(), address, 0)
    }

    fn function(&mut self, id: FunctionId, signature: SigRef) -> FuncRef {
        let func = &mut self.builder.func;
        *self.functions.entry((id.0, signature)).or_insert_with(|| {
            let name = func.declare_imported_user_function(UserExternalName { namespace: FUNCTIONS, index: id.0 });
            let name = ExternalName::User(name);
            func.import_function(ExtFuncData { name, signature, colocated: true, patchable: false })
        })
    }

    fn function_address(&mut self, id: FunctionId) -> clif::Value {
        let signature = self.builder.import_signature(clif::Signature::new(CallConv::Tail));
        let function = self.function(id, signature);
        self.builder.ins().func_addr(types::I64, function)
    }

    fn helper(&mut self, helper: Helper, arguments: &[clif::Value]) -> clif::Value {
        let signature = match self.helpers.get(&arguments.len()) {
            Some(signature) => *signature,
            None => {
                let mut signature = clif::Signature::new(CallConv::SystemV);
                signature.params = vec![AbiParam::new(types::I64); 1 + arguments.len()];
                signature.returns.push(AbiParam::new(types::I64));
                let signature = self.builder.import_signature(signature);
                self.helpers.insert(arguments.len(), signature);
                signature
            }
        };
        let context = self.context();
        let address = self.load_context(Context::helper_offset(helper as usize));
        let all: Vec<clif::Value> = std::iter::once(context).chain(arguments.iter().copied()).collect();
        let call = self.builder.ins().call_indirect(signature, address, &all);
        self.builder.inst_results(call)[0]
    }

    /// The arguments that travel in registers; the others are stored in the argument area.
    fn pass(&mut self, arguments: &[Val], signature: &Signature) -> Vec<clif::Value> {
        let mut words = 0;
        let mut passed = Vec::new();
        for (argument, kind) in arguments.iter().zip(&signature.parameters) {
            words += usize::from(*kind == Type::Word);
            if *kind == Type::Double || words <= REGISTERS {
                passed.push(self.value(*argument));
            } else {
                let area = self.load_context(context::ARGUMENTS);
                self.store(Width::Word, *argument, area, argument_offset(words - 1 - FIRST_ARGUMENT));
            }
        }
        passed
    }

    fn call(&mut self, callee: Callee, arguments: &[Val], signature: &Signature) -> Result<clif::Value, String> {
        let passed = self.pass(arguments, signature);
        let signature = signature_of(signature)?;
        let signature = self.builder.import_signature(signature);
        let call = match callee {
            Callee::Function(id) => {
                let function = self.function(id, signature);
                self.builder.ins().call(function, &passed)
            }
            Callee::Address(address) => {
                let address = self.value(address);
                self.builder.ins().call_indirect(signature, address, &passed)
            }
        };
        Ok(self.builder.inst_results(call)[0])
    }

    fn exit(&mut self, terminator: &Terminator) -> Result<(), String> {
        match terminator {
            Terminator::Jump(target) => {
                let (block, arguments) = self.target(target);
                self.builder.ins().jump(block, &arguments);
            }
            Terminator::Branch(condition, then, otherwise) => {
                let condition = self.condition(*condition);
                let (then, then_arguments) = self.target(then);
                let (otherwise, arguments) = self.target(otherwise);
                self.builder.ins().brif(condition, then, &then_arguments, otherwise, &arguments);
            }
            Terminator::Return(value) => {
                if let Some(outer) = self.outer_context {
                    self.builder.ins().set_pinned_reg(outer);
                }
                let value = self.value(*value);
                self.builder.ins().return_(&[value]);
            }
            Terminator::ReturnPair(..) => return Err("its words are narrow".into()),
            Terminator::TailCall(callee, arguments, signature) => self.tail_call(*callee, arguments, signature)?,
            Terminator::Unreachable => {
                self.builder.ins().trap(TrapCode::unwrap_user(1));
            }
        }
        Ok(())
    }

    fn tail_call(&mut self, callee: Callee, arguments: &[Val], signature: &Signature) -> Result<(), String> {
        let passed = self.pass(arguments, signature);
        let signature = signature_of(signature)?;
        let signature = self.builder.import_signature(signature);
        match callee {
            Callee::Function(id) => {
                let function = self.function(id, signature);
                self.builder.ins().return_call(function, &passed);
            }
            Callee::Address(address) => {
                let address = self.value(address);
                self.builder.ins().return_call_indirect(signature, address, &passed);
            }
        }
        Ok(())
    }

    fn target(&self, target: &Target) -> (clif::Block, Vec<BlockArg>) {
        let arguments = target.arguments.iter().map(|value| BlockArg::Value(self.value(*value))).collect();
        (self.blocks[target.block.0 as usize], arguments)
    }
}

fn comparison(compare: Compare) -> IntCC {
    match compare {
        Compare::Eq => IntCC::Equal,
        Compare::Ne => IntCC::NotEqual,
        Compare::Lt => IntCC::SignedLessThan,
        Compare::Le => IntCC::SignedLessThanOrEqual,
        Compare::Gt => IntCC::SignedGreaterThan,
        Compare::Ge => IntCC::SignedGreaterThanOrEqual,
        Compare::Below => IntCC::UnsignedLessThan,
        Compare::AtLeast => IntCC::UnsignedGreaterThanOrEqual,
    }
}

fn float_comparison(compare: FloatCompare) -> FloatCC {
    match compare {
        FloatCompare::Eq => FloatCC::Equal,
        FloatCompare::Ne => FloatCC::NotEqual,
        FloatCompare::Lt => FloatCC::LessThan,
        FloatCompare::Le => FloatCC::LessThanOrEqual,
        FloatCompare::Gt => FloatCC::GreaterThan,
        FloatCompare::Ge => FloatCC::GreaterThanOrEqual,
    }
}
