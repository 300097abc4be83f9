//! Selection: from the IR to instructions on virtual registers.
//!
//! Blocks are visited in postorder and operations from last to first, so all uses of a value outside loops are seen
//! before its definition. Three things follow for free: operations whose results nobody asked for are left out;
//! a constant that every user took as an immediate never exists; and a target that folds one operation into another
//! just asks for the operands of the former instead of its result. Instructions are collected in reverse and turned
//! around at the end.
//!
//! A constant that must be in a register is loaded anew for each use, just before it.

use super::allocate::{MachBlock, MachFunction};
use super::graph::{targets, Graph, Node};
use super::lines::Lines;
use super::liveness::Liveness;
use super::locations::{Location, Locations};
use super::machine::{TargetTerminator, Transfer};
use super::{CallKind, CallLayout, MachInst, RegisterMachine, System};
use crate::abi::context;
use crate::ir::{Block, Condition, Convention, Function, Helper, Inst, Op, Terminator, Type, Val, Width, WordWidth};
use regalloc2::{Operand, OperandConstraint, PReg, PRegSet, RegClass, VReg};

/// An operation to be selected before the one at hand, with its results.
type Pending = (Op, [Option<Val>; 2]);

/// Opcode of the instruction that defines a function's parameters; it writes no code.
pub(super) const PARAMETERS: u16 = u16::MAX;
/// Opcode of the instruction that puts a word where a call passes it on the stack: the slot is its displacement.
pub(super) const PASS: u16 = u16::MAX - 1;
/// Opcode of the instruction that overwrites the registers it clobbers with something that is no value.
pub(super) const FORGET: u16 = u16::MAX - 2;
/// Opcode of the instruction that loads a word which the caller passed on its stack: its number is the displacement.
pub(super) const ARRIVE: u16 = u16::MAX - 3;

/// The state of selection, as targets see it.
pub struct Selection<'f> {
    function: &'f Function,
    system: System,
    graph: Graph,
    /// The instruction that defines a value of the function, if it is no parameter.
    definitions: Vec<Option<&'f Inst>>,
    /// What a value stands for: itself, or the argument that a parameter renames.
    renamed: Vec<Val>,
    /// The register of a value that is wanted; the invalid register while it is not.
    registers: Vec<VReg>,
    register_count: usize,
    types: Vec<Type>,
    has_doubles: bool,
    /// The block at hand, and its node.
    block: Block,
    node: usize,
    liveness: Liveness,
    /// The overflow flag that goes straight to the branch at the end of the block.
    fused: Option<Val>,
    /// The carry that the operation selected last takes from the CPU's flags.
    carry: Option<Val>,
    /// What is selected for the operation at hand, in order.
    sequence: Vec<MachInst>,
    pending: Vec<Pending>,
    operands: Vec<Operand>,
    clobbers: Vec<PRegSet>,
    /// Everything, in reverse.
    insts: Vec<MachInst>,
    calls: bool,
    /// Slots at the bottom of the frame in which calls pass words.
    passed: u32,
    error: Option<String>,
}

/// What a target asks about values, and how it emits instructions.
impl<'f> Selection<'f> {
    /// The value's number if it is a constant word.
    pub fn constant(&self, value: Val) -> Option<i64> {
        match self.definition(value)? {
            Op::Const(number) => Some(*number),
            _ => None,
        }
    }

    /// The value's bits if it is a constant double.
    pub fn float_constant(&self, value: Val) -> Option<u64> {
        match self.definition(value)? {
            Op::FloatConst(bits) => Some(*bits),
            _ => None,
        }
    }

    /// The operation that defines a value, unless it is a parameter of a block with several predecessors.
    pub fn definition(&self, value: Val) -> Option<&'f Op> {
        let inst = *self.definitions.get(self.resolve(value).0 as usize)?;
        inst.map(|inst| &inst.op)
    }

    /// Whether somebody has asked for the value in a register, so that its definition will be selected.
    pub fn is_wanted(&self, value: Val) -> bool {
        self.registers[self.resolve(value).0 as usize] != VReg::invalid()
    }

    /// Whether an operand of the operation at hand, asked before it is requested, is used after it.
    pub fn lives_on(&self, value: Val) -> bool {
        let value = self.resolve(value);
        self.liveness.lives_on(value, self.node).unwrap_or_else(|| self.is_wanted(value))
    }

    /// The register that holds a value, an operand of the operation at hand.
    pub fn value(&mut self, value: Val) -> VReg {
        let value = self.resolve(value);
        let constant = match self.definition(value) {
            Some(op @ (Op::Const(_) | Op::FloatConst(_))) => op,
            _ => {
                self.liveness.used(value, self.node, &self.graph);
                return self.register(value);
            }
        };
        let copy = self.fresh(self.types[value.0 as usize]);
        self.before(constant.clone(), [Some(copy), None]);
        self.register(copy)
    }

    /// The register for a result of the operation at hand; one that is never read if nobody wants it.
    pub fn result(&mut self, value: Option<Val>) -> VReg {
        match value {
            Some(value) => self.register(value),
            None => self.temporary(Type::Word),
        }
    }

    /// A register for use inside the operation at hand.
    pub fn temporary(&mut self, kind: Type) -> VReg {
        self.register_count += 1;
        VReg::new(self.register_count - 1, class_of(kind))
    }

    /// A value of the target's own, for [`Selection::before`].
    pub fn fresh(&mut self, kind: Type) -> Val {
        let value = Val(self.types.len() as u32);
        self.types.push(kind);
        self.renamed.push(value);
        self.registers.push(VReg::invalid());
        value
    }

    /// Have an operation selected before the one at hand. Those handed over first come first.
    pub fn before(&mut self, op: Op, results: [Option<Val>; 2]) {
        self.pending.push((op, results));
    }

    /// Append an instruction to the operation at hand.
    pub fn emit(&mut self, inst: MachInst, operands: &[Operand]) {
        let first_operand = self.operands.len() as u32;
        self.operands.extend_from_slice(operands);
        self.sequence.push(MachInst { first_operand, operands: operands.len() as u16, ..inst });
    }

    /// Append the branch that ends the block.
    pub fn branch(&mut self, inst: MachInst, operands: &[Operand]) {
        self.emit(MachInst { flow: Transfer::Branch, ..inst }, operands);
    }

    /// Append an instruction that returns: the driver leaves the frame before it.
    pub fn exit(&mut self, inst: MachInst, operands: &[Operand]) {
        self.emit(MachInst { flow: Transfer::Leave, ..inst }, operands);
    }

    /// Append an instruction that traps.
    pub fn stop(&mut self, inst: MachInst) {
        self.emit(MachInst { flow: Transfer::Stop, ..inst }, &[]);
    }

    /// Append a call. The operands are the address, if there is one, then the arguments in registers, then the
    /// result if it is wanted.
    pub fn call(
        &mut self,
        inst: MachInst,
        address: Option<Val>,
        arguments: &[Val],
        layout: &CallLayout,
        result: Option<Val>,
    ) {
        self.call_with_results(inst, address, arguments, layout, &[result, None]);
    }

    /// The same for a call whose result may be a 64-bit word in two narrow ones, the low half first.
    pub fn call_with_results(
        &mut self,
        inst: MachInst,
        address: Option<Val>,
        arguments: &[Val],
        layout: &CallLayout,
        results: &[Option<Val>; 2],
    ) {
        self.calls = true;
        self.pass_on_stack(arguments, layout);
        let first = self.operands.len();
        self.pass(address, arguments, layout);
        let mut clobbers = layout.clobbers;
        if !self.has_doubles {
            clobbers = clobbers & words_only();
        }
        let places = [results[0].map(|result| self.result_register(result, layout)), layout.high_result];
        for (result, register) in results.iter().zip(places) {
            let (Some(result), Some(register)) = (*result, register) else { continue };
            if self.is_wanted(result) {
                clobbers.remove(register);
                let result = self.register(result);
                self.operands.push(Operand::reg_fixed_def(result, register));
            }
        }
        let clobbers = self.clobber_set(clobbers);
        let operands = (self.operands.len() - first) as u16;
        self.sequence.push(MachInst { first_operand: first as u32, operands, clobbers, ..inst });
    }

    /// The register that a layout has for results of a value's type.
    fn result_register(&self, value: Val, layout: &CallLayout) -> PReg {
        match self.type_of(value) {
            Type::Word | Type::Pair => layout.word_result,
            Type::Double => layout.double_result,
        }
    }

    /// Append a return of a value, in the register that the layout has for its type.
    pub fn give_back(&mut self, inst: MachInst, value: Val, layout: &CallLayout) {
        let register = self.result_register(value, layout);
        let value = self.value(value);
        self.exit(inst, &[Operand::reg_fixed_use(value, register)]);
    }

    /// Append a return of a 64-bit word in two narrow ones.
    pub fn give_back_pair(&mut self, inst: MachInst, [low, high]: [Val; 2], layout: &CallLayout) {
        let Some(register) = layout.high_result else { return self.fail("this target returns no pairs of words") };
        let (low, high) = (self.value(low), self.value(high));
        let operands = [Operand::reg_fixed_use(low, layout.word_result), Operand::reg_fixed_use(high, register)];
        self.exit(inst, &operands);
    }

    /// Room for so many slots at the bottom of the frame, in which a target passes words of a call by itself.
    pub fn reserve(&mut self, slots: u32) {
        self.passed = self.passed.max(slots);
    }

    /// Append a tail call: as a call, but it never comes back. A function that C calls cannot end in one.
    pub fn tail_call(&mut self, inst: MachInst, address: Option<Val>, arguments: &[Val], layout: &CallLayout) {
        if self.function.signature.convention == Convention::Entry {
            self.fail("a function that C calls cannot end in a tail call: it must restore registers");
        }
        let first = self.operands.len();
        self.pass(address, arguments, layout);
        let operands = (self.operands.len() - first) as u16;
        self.sequence.push(MachInst { flow: Transfer::Leave, first_operand: first as u32, operands, ..inst });
    }

    /// For a branch that tests whether this value is not zero: if the value is the overflow flag of the last
    /// operation of the block and nobody else wants it, that operation can leave it in the CPU's flags. Then this
    /// returns true, and [`Selection::is_fused`] will.
    pub fn fuse_overflow(&mut self, flag: Val) -> bool {
        let flag = self.resolve(flag);
        let last = self.last_operation().filter(|last| matches!(last.op, Op::Overflowing(..)));
        let fits = !self.is_wanted(flag) && last.is_some_and(|last| last.results[1] == Some(flag));
        if fits {
            self.fused = Some(flag);
        }
        fits
    }

    /// For a branch of a CPU without flags: the operation at the end of the block whose overflow flag this is, and its
    /// result, if nobody else wants the flag. Then the branch may find out by itself, from operands and result.
    pub fn last_overflow(&self, flag: Val) -> Option<(&'f Op, Val)> {
        let flag = self.resolve(flag);
        let last = self.last_operation().filter(|last| matches!(last.op, Op::Overflowing(..)))?;
        let fits = !self.is_wanted(flag) && last.results[1] == Some(flag);
        last.results[0].filter(|_| fits).map(|result| (&last.op, result))
    }

    /// For a branch: whether this value is the result of the last operation of the block and nobody else wants it.
    /// Then the branch may do that operation itself, even if it is a load.
    pub fn is_last(&self, value: Val) -> bool {
        let value = self.resolve(value);
        !self.is_wanted(value) && self.last_operation().is_some_and(|last| last.results[0] == Some(value))
    }

    /// The last operation of the block that is no constant.
    fn last_operation(&self) -> Option<&'f Inst> {
        let insts = &self.function.block(self.block).insts;
        insts.iter().rev().find(|inst| !matches!(inst.op, Op::Const(_) | Op::FloatConst(_)))
    }

    /// Whether the branch at the end of the block takes this flag from the CPU's flags.
    pub fn is_fused(&self, flag: Option<Val>) -> bool {
        flag.is_some() && flag == self.fused
    }

    /// Take a carry from the CPU's flags, where the operation before leaves it. That operation is selected for it,
    /// even if its result is not wanted.
    pub fn take_carry(&mut self, carry: Val) {
        self.carry = Some(carry);
    }

    /// The type of a value.
    pub fn type_of(&self, value: Val) -> Type {
        self.types[value.0 as usize]
    }

    /// The function cannot be compiled. Selection goes on; the first message counts.
    pub fn fail(&mut self, message: &str) {
        self.error.get_or_insert_with(|| message.into());
    }
}

/// The driver's side.
impl<'f> Selection<'f> {
    fn new(function: &'f Function, system: System) -> Selection<'f> {
        let values = function.types.len();
        let mut definitions = vec![None; values];
        for inst in function.blocks.iter().flat_map(|block| &block.insts) {
            for result in inst.results.iter().flatten() {
                definitions[result.0 as usize] = Some(inst);
            }
        }
        let graph = Graph::new(function);
        let mut selection = Selection {
            function,
            system,
            liveness: Liveness::new(function, &graph),
            graph,
            node: 0,
            definitions,
            renamed: (0..values as u32).map(Val).collect(),
            registers: vec![VReg::invalid(); values],
            register_count: 0,
            types: function.types.clone(),
            has_doubles: function.types.contains(&Type::Double),
            block: Block(0),
            fused: None,
            carry: None,
            sequence: Vec::new(),
            pending: Vec::new(),
            operands: Vec::with_capacity(4 * values),
            clobbers: vec![PRegSet::empty()],
            insts: Vec::with_capacity(2 * values),
            calls: false,
            passed: 0,
            error: None,
        };
        selection.rename();
        selection
    }

    /// Parameters of a block with one predecessor are other names for its arguments.
    fn rename(&mut self) {
        let reachable = |graph: &Graph, index: usize| graph.incoming[index] > 0;
        for (index, data) in self.function.blocks.iter().enumerate() {
            if !reachable(&self.graph, index) {
                continue;
            }
            for target in targets(&data.terminator).into_iter().flatten() {
                if self.graph.takes_arguments(target.block) {
                    continue;
                }
                let parameters = &self.function.block(target.block).parameters;
                for (parameter, argument) in parameters.iter().zip(&target.arguments) {
                    self.renamed[parameter.0 as usize] = *argument;
                }
            }
        }
    }

    fn resolve(&self, mut value: Val) -> Val {
        while self.renamed[value.0 as usize] != value {
            value = self.renamed[value.0 as usize];
        }
        value
    }

    fn register(&mut self, value: Val) -> VReg {
        let index = value.0 as usize;
        if self.registers[index] == VReg::invalid() {
            self.registers[index] = self.temporary(self.types[index]);
        }
        self.registers[index]
    }

    fn clobber_set(&mut self, set: PRegSet) -> u8 {
        let known = self.clobbers.iter().position(|known| *known == set);
        known.unwrap_or_else(|| {
            self.clobbers.push(set);
            self.clobbers.len() - 1
        }) as u8
    }

    /// Operands for passing arguments; those without a register are stored to the argument area.
    fn pass(&mut self, address: Option<Val>, arguments: &[Val], layout: &CallLayout) {
        if let Some(address) = address {
            let address = self.value(address);
            self.operands.push(Operand::reg_use(address));
        }
        let mut area = None;
        let mut places = Locations::new(layout, self.function.word);
        for argument in arguments {
            match places.next(self.type_of(*argument)) {
                Location::Register(register) => {
                    let argument = self.value(*argument);
                    self.operands.push(Operand::reg_fixed_use(argument, register));
                }
                Location::Area(offset) => {
                    let area = *area.get_or_insert_with(|| self.argument_area());
                    let width = self.word();
                    self.before(Op::Store(width, *argument, area, offset), [None, None]);
                }
                Location::Stack(_) => {}
                Location::Nowhere => self.fail("a call passes more arguments than its convention has room for"),
            }
        }
    }

    /// Instructions that put words of a call on the stack, and room for them.
    fn pass_on_stack(&mut self, arguments: &[Val], layout: &CallLayout) {
        let Some(stack) = layout.stack else { return };
        self.passed = self.passed.max(stack.reserved);
        let mut places = Locations::new(layout, self.function.word);
        for argument in arguments {
            if let Location::Stack(slot) = places.next(self.type_of(*argument)) {
                self.passed = self.passed.max(slot + 1);
                let operands = [self.reads(*argument)];
                self.emit(MachInst::new(PASS).displacement(slot as i32), &operands);
            }
        }
    }

    /// The system that is compiled for.
    pub fn system(&self) -> System {
        self.system
    }

    /// Where arguments and results of a kind of call go on the system that is compiled for.
    pub fn layout<'m, M: RegisterMachine>(&self, machine: &'m M, call: CallKind) -> &'m CallLayout {
        &machine.call_layouts_on(self.system)[call as usize]
    }

    /// How wide a word is in memory.
    fn word(&self) -> Width {
        match self.function.word {
            WordWidth::Eight => Width::Word,
            WordWidth::Four => Width::Four,
        }
    }

    /// The address of the argument area.
    fn argument_area(&mut self) -> Val {
        let area = self.fresh(Type::Word);
        self.before(Op::LoadContext(context::ARGUMENTS), [Some(area), None]);
        area
    }

    /// Select one operation, and those which that asks for before it.
    fn operation<M: RegisterMachine>(&mut self, machine: &M, op: &Op, results: &[Option<Val>; 2], line: u32) {
        let carried = results[1].is_some() && self.carry == results[1];
        let wanted =
            results.iter().flatten().any(|result| self.is_wanted(*result)) || self.is_fused(results[1]) || carried;
        if !wanted && !has_effect(op) {
            return;
        }
        machine.select(op, results, self);
        if matches!(op, Op::Helper(Helper::CatchError | Helper::TakeError, _)) {
            self.forget_registers(machine);
        }
        self.flush(machine, line);
    }

    /// After an error was caught: what calls that are over have left in registers is overwritten. Helpers keep some of
    /// them on the stack, where the collector takes every word for a value; and memory is used up, maybe, by just what
    /// such a word leads to.
    fn forget_registers<M: RegisterMachine>(&mut self, machine: &M) {
        let (call, helper) = (self.layout(machine, CallKind::Maru), self.layout(machine, CallKind::Helper));
        let left = call
            .clobbers
            .into_iter()
            .filter(|register| register.class() == RegClass::Int && !helper.clobbers.contains(*register));
        let clobbers = self.clobber_set(left.collect());
        self.sequence.push(MachInst { clobbers, ..MachInst::new(FORGET) });
    }

    /// Take over what was selected for the operation at hand, then select what must come before it.
    fn flush<M: RegisterMachine>(&mut self, machine: &M, line: u32) {
        self.insts.extend(self.sequence.drain(..).rev().map(|inst| MachInst { line, ..inst }));
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        for (op, results) in pending.drain(..).rev() {
            self.operation(machine, &op, &results, line);
        }
        // Only to keep its memory: all that was asked for meanwhile is selected.
        self.pending = pending;
    }

    fn block<M: RegisterMachine>(&mut self, machine: &M, block: Block) -> MachBlock {
        self.block = block;
        self.fused = None;
        let function = self.function;
        let data = function.block(block);
        let mut lines = Lines::new(function, block);
        let mut mach_block = MachBlock::default();
        let line = lines.at(data.insts.len());
        self.block_end(machine, data, &mut mach_block);
        self.flush(machine, line);
        for (index, inst) in data.insts.iter().enumerate().rev() {
            self.operation(machine, &inst.op, &inst.results, lines.at(index));
        }
        if self.graph.takes_arguments(block) && (block.0 > 0 || self.graph.nodes[0] == Node::Entry) {
            mach_block.parameters = data.parameters.iter().map(|parameter| self.register(*parameter)).collect();
        }
        mach_block
    }

    fn block_end<M: RegisterMachine>(
        &mut self,
        machine: &M,
        data: &'f crate::ir::BlockData,
        mach_block: &mut MachBlock,
    ) {
        let terminator = match &data.terminator {
            Terminator::Jump(target) => {
                let arguments: &[Val] = if self.graph.takes_arguments(target.block) { &target.arguments } else { &[] };
                return self.jump(machine, arguments, mach_block);
            }
            Terminator::Branch(condition, ..) => TargetTerminator::Branch(self.sharpen(*condition)),
            Terminator::Return(value) => TargetTerminator::Return(*value),
            Terminator::ReturnPair(low, high) => return machine.select_return_pair(*low, *high, self),
            Terminator::TailCall(callee, arguments, signature) => {
                TargetTerminator::TailCall(*callee, arguments, signature)
            }
            Terminator::Unreachable => TargetTerminator::Unreachable,
        };
        machine.select_terminator(&terminator, self);
    }

    fn jump<M: RegisterMachine>(&mut self, machine: &M, arguments: &[Val], mach_block: &mut MachBlock) {
        self.branch(MachInst::new(machine.spec().jump), &[]);
        mach_block.arguments = arguments.iter().map(|argument| self.value(*argument)).collect();
    }

    /// A branch on a comparison's result that nobody else wants branches on the comparison.
    fn sharpen(&self, condition: Condition) -> Condition {
        let Condition::NonZero(value) = condition else { return condition };
        if self.is_wanted(value) {
            return condition;
        }
        match self.definition(value) {
            Some(Op::Compare(compare, a, b)) => Condition::Compare(*compare, *a, *b),
            Some(Op::HasTag(tags, a)) => Condition::HasTag(*tags, *a),
            Some(Op::FloatCompare(compare, a, b)) => Condition::FloatCompare(*compare, *a, *b),
            _ => condition,
        }
    }

    fn edge<M: RegisterMachine>(&mut self, machine: &M, block: Block, which: u8) -> MachBlock {
        let mut mach_block = MachBlock::default();
        let function = self.function;
        let target = targets(&function.block(block).terminator)[usize::from(which)].expect("an edge has a target");
        let line = Lines::new(function, block).at(usize::MAX);
        self.jump(machine, &target.arguments, &mut mach_block);
        self.flush(machine, line);
        mach_block
    }

    /// The block before the first, if that is a loop: passes the parameters on.
    fn entry<M: RegisterMachine>(&mut self, machine: &M) -> MachBlock {
        let mut mach_block = MachBlock::default();
        let parameters = &self.function.block(Block(0)).parameters;
        let copies: Vec<Val> = parameters.iter().map(|value| self.fresh(self.type_of(*value))).collect();
        self.jump(machine, &copies, &mut mach_block);
        self.flush(machine, 0);
        self.parameters(machine, &copies);
        mach_block
    }

    /// At the very start: the parameters that are wanted arrive.
    fn parameters<M: RegisterMachine>(&mut self, machine: &M, parameters: &[Val]) {
        let layout = self.layout(machine, CallKind::from(self.function.signature.convention));
        let mut places = Locations::new(layout, self.function.word);
        let mut arrive = Vec::with_capacity(parameters.len());
        let mut area = None;
        for parameter in parameters {
            let place = places.next(self.type_of(*parameter));
            if let Location::Nowhere = place {
                self.fail("more parameters than the convention has room for");
            }
            if !self.is_wanted(*parameter) {
                continue;
            }
            let register = self.register(*parameter);
            match place {
                Location::Register(preg) => arrive.push(Operand::reg_fixed_def(register, preg)),
                Location::Area(offset) => {
                    let area = *area.get_or_insert_with(|| self.argument_area());
                    let width = self.word();
                    self.before(Op::Load(width, area, offset), [Some(*parameter), None]);
                }
                Location::Stack(number) => {
                    let inst = MachInst::new(ARRIVE).displacement(number as i32);
                    self.emit(inst, &[Operand::reg_def(register)]);
                }
                Location::Nowhere => {}
            }
        }
        self.flush(machine, 0);
        self.emit(MachInst::new(PARAMETERS), &arrive);
        self.flush(machine, 0);
    }

    /// Select a whole function.
    pub(super) fn run<M: RegisterMachine>(
        machine: &M,
        function: &'f Function,
        system: System,
    ) -> Result<MachFunction, String> {
        let mut selection = Selection::new(function, system);
        let nodes = selection.graph.nodes.len();
        let mut blocks = Vec::with_capacity(nodes);
        for index in (0..nodes).rev() {
            selection.node = index;
            let end = selection.insts.len() as u32;
            let mut block = match selection.graph.nodes[index] {
                Node::Entry => selection.entry(machine),
                Node::Block(block) => selection.block(machine, block),
                Node::Edge(block, which) => selection.edge(machine, block, which),
            };
            if selection.graph.nodes[index] == Node::Block(Block(0)) && index == 0 {
                selection.parameters(machine, &function.block(Block(0)).parameters);
            }
            block.insts = end..selection.insts.len() as u32;
            blocks.push(block);
        }
        match selection.error.take() {
            Some(message) => Err(message),
            None => Ok(selection.finish(blocks)),
        }
    }

    /// Turn instructions and blocks around.
    fn finish(mut self, mut blocks: Vec<MachBlock>) -> MachFunction {
        let count = self.insts.len() as u32;
        self.insts.reverse();
        blocks.reverse();
        for block in &mut blocks {
            block.insts = count - block.insts.end..count - block.insts.start;
        }
        MachFunction {
            blocks,
            insts: self.insts,
            graph: self.graph,
            calls: self.calls,
            passed: self.passed,
            operands: self.operands,
            clobbers: self.clobbers,
            register_count: self.register_count,
        }
    }
}

fn class_of(kind: Type) -> RegClass {
    match kind {
        Type::Word | Type::Pair => RegClass::Int,
        Type::Double => RegClass::Float,
    }
}

fn words_only() -> PRegSet {
    let mut set = PRegSet::empty();
    set.add_up_to(PReg::new(0, RegClass::Float));
    set
}

/// Whether an operation does something besides making its results.
fn has_effect(op: &Op) -> bool {
    op.has_effect()
}

/// Shorthands for operands.
impl Selection<'_> {
    /// An operand read before results are written.
    pub fn reads(&mut self, value: Val) -> Operand {
        let register = self.value(value);
        Operand::reg_use(register)
    }

    /// As `reads`, but the value may be in a spill slot.
    pub fn reads_anywhere(&mut self, value: Val) -> Operand {
        let register = self.value(value);
        Operand::any_use(register)
    }

    /// A result, written after all operands were read.
    pub fn writes(&mut self, result: Option<Val>) -> Operand {
        let register = self.result(result);
        Operand::new(register, OperandConstraint::Reg, regalloc2::OperandKind::Def, regalloc2::OperandPos::Late)
    }

    /// A result in the register of operand `index`.
    pub fn rewrites(&mut self, result: Option<Val>, index: usize) -> Operand {
        let register = self.result(result);
        Operand::reg_reuse_def(register, index)
    }
}
