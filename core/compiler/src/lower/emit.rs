//! Emitting IR from a flow graph: its instructions, variables, errors.

mod calls;
pub(super) mod slow;
pub(super) mod state;
mod versions;

use super::linear::{BlockId, Callee, End, InlinedCall, Instr, Linear, Reg, Site};
use super::meter::Meter;
use super::{DataWord, UnitContext};
use maru_core::abi::layout::{offset, Value, FAILURE, NIL, TAG_BITS, UNBOUND, UNBOUND_MASK};
use maru_core::abi::{
    argument_offset, context, word_offset, CALLEE_PARAMETER, CELL_VALUE, COUNT_PARAMETER, DATA_IMAGE, FIRST_ARGUMENT,
    TAIL_CALL_FLAG,
};
use maru_core::ir::build::FunctionBuilder;
use maru_core::ir::{
    self, Block, Compare, Condition, Convention, Function, Helper, Signature, Target, Terminator, Type, Val, Width,
};
use maru_language::runtime::tree::{Prototype, PrototypeKind};
use maru_language::runtime::{CellId, Runtime};
use rustc_hash::FxHashMap;
use slow::Inline;
use state::{Leaving, RegisterValue, Start, State, Ty};
use versions::{Passing, Version};

pub(super) struct Emit<'a, 'r> {
    pub(super) unit: &'a mut UnitContext<'r>,
    pub(super) flow: &'a Linear,
    /// How registers go from block to block.
    passing: Passing,
    /// By parameter: its word, if nothing is assigned to it. That is at hand everywhere, and goes nowhere on edges.
    lasting: Vec<Option<Val>>,
    pub(super) b: FunctionBuilder,
    versions: FxHashMap<(BlockId, u32), Vec<Version>>,
    work: Vec<(BlockId, u32, Start, Block)>,
    generic_work: Vec<(BlockId, u32, Start, Block)>,
    /// What may still be emitted before blocks have no more versions.
    budget: usize,
    failure: Option<Block>,
    /// The edge that is being made is taken when there is no memory for the word of an operator.
    pub(super) making_operator: bool,
    /// Whether it is a loop, which runs in a frame of the interpreter.
    is_loop: bool,
    /// Whether fuel is counted, and whether entries and exits count depth.
    pub(super) meter: Meter,
    /// The block that is being emitted, and the instruction.
    pub(super) at: (BlockId, u32),
    callee: Val,
    /// Constants that were loaded, with their data words.
    pub(super) loaded: FxHashMap<Val, u32>,
}

/// What a prototype's code is called, for people with debuggers and profilers: by its name, or by what it is and the line.
fn name_of(runtime: &Runtime, prototype: &Prototype, number: u32) -> String {
    let what = match prototype.kind {
        PrototypeKind::Function => "lambda",
        PrototypeKind::TopLevel => "top-level",
        PrototypeKind::Deferred => "with-environment",
    };
    match (runtime.as_symbol(prototype.name), runtime.sources.locate(prototype.position)) {
        (Some(symbol), _) => runtime.symbols.name(symbol).to_string(),
        (None, Some((_, line, _))) => format!("{what}:{line}"),
        (None, None) => format!("{what}_{number}"),
    }
}

impl<'a, 'r> Emit<'a, 'r> {
    /// The IR of a prototype's flow graph, or of the flow graph of one of its loops.
    pub(super) fn function(
        unit: &'a mut UnitContext<'r>,
        flow: &'a Linear,
        prototype: &Prototype,
        number: u32,
        is_loop: bool,
    ) -> Function {
        let registers = unit.target.argument_registers;
        let (fixed, rest) = if is_loop { (0, false) } else { (prototype.parameters, prototype.rest) };
        let arguments = if rest { registers } else { fixed as usize };
        let signature = Signature {
            convention: Convention::Maru,
            parameters: vec![Type::Word; FIRST_ARGUMENT + arguments],
            result: Type::Word,
        };
        let b = FunctionBuilder::new(&name_of(unit.runtime, prototype, number), signature);
        let parameters = b.parameters(b.current_block()).to_vec();
        let meter = Meter::of(unit.metered, is_loop);
        let passing = Passing::of(flow, unit.runtime.options.bounds.in_memory);
        let budget = Emit::budget_of(flow, &unit.runtime.options);
        let mut emit = Emit {
            unit,
            flow,
            passing,
            lasting: Vec::new(),
            b,
            versions: FxHashMap::default(),
            work: Vec::new(),
            generic_work: Vec::new(),
            budget,
            failure: None,
            making_operator: false,
            is_loop,
            meter,
            at: (BlockId(0), 0),
            callee: parameters[CALLEE_PARAMETER],
            loaded: FxHashMap::default(),
        };
        let mut state = State::new(flow.registers);
        emit.count_entry(parameters[COUNT_PARAMETER]);
        if rest {
            emit.collect_rest(&parameters, fixed, &mut state);
        } else {
            emit.check_count(&parameters, i64::from(fixed));
            for (slot, value) in parameters[FIRST_ARGUMENT..].iter().enumerate() {
                state.places.set(slot as Reg, RegisterValue::word(*value, Ty::Unknown));
            }
        }
        emit.find_lasting(&state);
        emit.make_homes();
        (0..flow.parameters).for_each(|slot| emit.store_home(&mut state, slot));
        let start = emit.edge((&state).into(), BlockId(0), 0, false);
        emit.jump(start);
        while let Some((block, index, start, ir)) = emit.next_work() {
            emit.b.switch_to(ir);
            state.begin(start);
            emit.block(block, index, &mut state);
        }
        emit.failure_exit();
        emit.b.finish()
    }

    // ---- entry

    fn check_count(&mut self, parameters: &[Val], expected: i64) {
        let (right, maybe, wrong) = (self.b.block(), self.b.cold_block(), self.b.cold_block());
        let count = parameters[COUNT_PARAMETER];
        let wanted = self.b.iconst(expected);
        self.branch(Condition::Compare(Compare::Eq, count, wanted), plain(right), plain(maybe));
        self.b.switch_to(maybe);
        let flagged = self.b.iconst(expected | TAIL_CALL_FLAG);
        self.branch(Condition::Compare(Compare::Eq, count, flagged), plain(right), plain(wrong));
        self.b.switch_to(wrong);
        let failure = self.b.helper(Helper::WrongCount, &parameters[..FIRST_ARGUMENT]);
        self.ret(failure);
        self.b.switch_to(right);
    }

    /// The prologue of a function with a rest parameter: all arguments are brought to the argument area, and the
    /// runtime makes the list.
    fn collect_rest(&mut self, parameters: &[Val], fixed: u32, state: &mut State) {
        let mask = self.b.iconst(TAIL_CALL_FLAG - 1);
        let count = self.b.binary(ir::Binary::And, parameters[COUNT_PARAMETER], mask);
        let least = self.b.iconst(i64::from(fixed));
        let (right, wrong) = (self.b.block(), self.b.cold_block());
        self.branch(Condition::Compare(Compare::Ge, count, least), plain(right), plain(wrong));
        self.b.switch_to(wrong);
        let failure = self.b.helper(Helper::WrongCount, &parameters[..FIRST_ARGUMENT]);
        self.ret(failure);
        self.b.switch_to(right);
        let area = self.argument_area();
        for (index, argument) in parameters[FIRST_ARGUMENT..].iter().enumerate() {
            self.b.store(Width::Word, *argument, area, argument_offset(index));
        }
        for slot in 0..fixed {
            let value = match parameters.get(FIRST_ARGUMENT + slot as usize) {
                Some(value) => *value,
                None => self.b.load(Width::Word, area, argument_offset(slot as usize)),
            };
            state.places.set(slot, RegisterValue::word(value, Ty::Unknown));
        }
        let list = self.b.helper(Helper::RestList, &[least, count]);
        let (made, failed) = (self.b.block(), self.b.cold_block());
        let failure = self.b.iconst(FAILURE as i64);
        self.branch(Condition::Compare(Compare::Eq, list, failure), plain(failed), plain(made));
        self.b.switch_to(failed);
        self.ret(list);
        self.b.switch_to(made);
        state.places.set(fixed, RegisterValue::word(list, Ty::Unknown));
    }

    // ---- blocks and versions

    fn block(&mut self, block: BlockId, index: u32, state: &mut State) {
        let flow = self.flow;
        let data = &flow.blocks[block.index()];
        for (number, instr) in data.instrs.iter().enumerate().skip(index as usize) {
            self.at = (block, number as u32);
            if self.goes_on_elsewhere(index, state) {
                let target = self.generic_edge(state);
                self.jump(target);
                return;
            }
            self.charge(usize::from(state.generic));
            if !self.instr(instr, state) {
                return;
            }
        }
        self.at = (block, data.instrs.len() as u32);
        if self.goes_on_elsewhere(index, state) {
            let target = self.generic_edge(state);
            self.jump(target);
            return;
        }
        self.end(&data.end, state);
    }

    /// What follows belongs to the line of a site, for line tables.
    fn line(&mut self, site: Site) {
        let position = self.unit.sites[site.0 as usize].position;
        if let Some(line) = self.unit.runtime.sources.line(position) {
            self.b.set_line(line);
        }
    }

    /// The value of a free variable that holds a constant.
    fn known_constant(&mut self, to: Reg, value: Value, cell: CellId, state: &mut State) {
        let place = if self.may_guess(state) {
            self.require_intact(state);
            if value.is_pointer() {
                self.constant(value)
            } else {
                self.immediate(value)
            }
        } else {
            RegisterValue::word(self.load_cell(cell), Ty::Unknown)
        };
        self.define(state, to, place);
    }

    /// Assign a free variable.
    fn set_variable(&mut self, cell: CellId, from: Reg, site: Site, state: &mut State) {
        let value = self.word(state, from);
        self.settle(state);
        let cell = self.cell_address(cell);
        let result = self.b.helper(Helper::SetCell, &[cell, value]);
        self.check_failure(result, site, state);
        state.disturb();
    }

    /// Define a free variable.
    fn define_variable(&mut self, cell: CellId, from: Reg, constant: bool, site: Site, state: &mut State) {
        let value = self.word(state, from);
        self.settle(state);
        let cell = self.cell_address(cell);
        let constant = self.b.iconst(i64::from(constant));
        let result = self.b.helper(Helper::DefineCell, &[cell, value, constant]);
        self.check_failure(result, site, state);
        state.disturb();
    }

    /// At the start of a handler: take the error that led here.
    fn catch(&mut self, to: Reg, everything: bool, state: &mut State) {
        let helper = if everything { Helper::TakeError } else { Helper::CatchError };
        let error = self.b.helper(helper, &[]);
        if !everything {
            // Some endings, such as `exit`, pass through handlers.
            let site = self.unit.site(maru_core::abi::Position::UNKNOWN, 0, None, false);
            self.check_failure(error, site, state);
        }
        state.disturb();
        self.set(state, to, error);
    }

    /// Emit an instruction; whether control goes on after it.
    fn instr(&mut self, instr: &Instr, state: &mut State) -> bool {
        if let Some(site) = instr.site() {
            self.line(site);
        }
        match instr {
            Instr::Move(to, from) => {
                let place = self.place(state, *from);
                self.define(state, *to, place);
                state.places.note_copy(*to, *from);
            }
            Instr::Immediate(to, value) => {
                let place = self.immediate(*value);
                self.define(state, *to, place);
            }
            Instr::Constant(to, value) => {
                let place = self.constant(*value);
                self.define(state, *to, place);
            }
            Instr::Captured(to, index) => {
                let at = offset::CLOSURE_CAPTURES + word_offset(*index as usize);
                let value = self.load_object(self.callee, at);
                self.set(state, *to, value);
            }
            Instr::NewBox(to, from) => {
                let value = self.word(state, *from);
                let made = self.new_box(value, state);
                self.set(state, *to, made);
            }
            Instr::BoxGet(to, from) => {
                let place = self.word(state, *from);
                let value = self.load_object(place, offset::BOX_VALUE);
                self.set(state, *to, value);
            }
            Instr::BoxSet(place, from) => {
                let value = self.word(state, *from);
                let place = self.word(state, *place);
                self.store_object(value, place, offset::BOX_VALUE);
            }
            Instr::Known(to, value, cell) => self.known_constant(*to, *value, *cell, state),
            Instr::Global(to, cell, bound, site) => {
                let place = match state.variable(*cell) {
                    Some(place) => place,
                    None => RegisterValue::word(self.global(*cell, *bound, *site, state), Ty::Unknown),
                };
                self.define(state, *to, place);
                place.word.into_iter().for_each(|word| state.note_variable(*cell, *to, word));
            }
            Instr::SetGlobal(cell, from, site) => self.set_variable(*cell, *from, *site, state),
            Instr::Define(cell, from, constant, site) => self.define_variable(*cell, *from, *constant, *site, state),
            Instr::Operator(register) => self.read_operator(*register, state),
            Instr::Primitive(to, call) => {
                let place = self.primitive(Inline::of(call), state);
                self.define(state, *to, place);
            }
            Instr::Call(to, callee, args, site) => {
                if !self.trust_callee(callee, state) {
                    return false;
                }
                let result = self.call(callee, args, *site, state);
                self.set(state, *to, result);
            }
            Instr::Closure(to, prototype, captures, site) => {
                let made = self.closure(prototype, captures, *site, state);
                self.set(state, *to, made);
            }
            Instr::SetCapture(closure, index, from) => {
                let value = self.word(state, *from);
                let closure = self.word(state, *closure);
                self.store_object(value, closure, offset::CLOSURE_CAPTURES + word_offset(*index as usize));
            }
            Instr::Catch(to, everything) => self.catch(*to, *everything, state),
            Instr::WithEnvironment(to, environment, prototype, captures, site) => {
                let words: Vec<Val> = captures.iter().map(|r| self.word(state, *r)).collect();
                self.settle(state);
                self.store_arguments(&words);
                let environment = self.word(state, *environment);
                let code = self.load_constant(prototype.code);
                let count = self.b.iconst(words.len() as i64);
                let result = self.b.helper(Helper::WithEnvironment, &[environment, code, count]);
                self.check_failure(result, *site, state);
                state.disturb();
                self.set(state, *to, result);
            }
            Instr::Poll(site) => self.poll(*site, state),
            Instr::FrameLoad(slot) => {
                let area = self.argument_area();
                let value = self.b.load(Width::Word, area, argument_offset(*slot as usize));
                self.set(state, *slot, value);
            }
            Instr::FrameStore(slots) => {
                let words: Vec<Val> = slots.iter().map(|r| self.word(state, *r)).collect();
                let area = self.argument_area();
                for (slot, word) in slots.iter().zip(words) {
                    self.b.store(Width::Word, word, area, argument_offset(*slot as usize));
                }
            }
        }
        true
    }

    fn end(&mut self, end: &End, state: &mut State) {
        match end {
            End::Jump(to) => {
                if self.flow.blocks[to.index()].is_loop {
                    // Else the first turn would be told from the later ones.
                    self.settle(state);
                }
                let target = self.edge_to_block((&*state).into(), *to);
                self.jump(target);
            }
            End::If(test, yes, no) => {
                let value = self.word(state, *test);
                self.branch_on(value, *yes, *no, state);
            }
            End::Test(call, yes, no) => {
                self.line(call.site);
                self.test(Inline::of(call), *yes, *no, state);
            }
            End::InlineTail(InlinedCall { operator, arguments, site }, body) => {
                self.line(*site);
                if state.generic {
                    self.tail_call(&Callee::Cell(*operator), arguments, *site, state);
                } else if self.trust(*operator, state) {
                    let target = self.edge_to_block((&*state).into(), *body);
                    self.jump(target);
                }
            }
            End::Inline { call: InlinedCall { operator, arguments, site }, result, body, after } => {
                self.line(*site);
                if state.generic {
                    let value = self.call(&Callee::Cell(*operator), arguments, *site, state);
                    self.set(state, *result, value);
                    let target = self.edge_to_block((&*state).into(), *after);
                    self.jump(target);
                } else if self.trust(*operator, state) {
                    let target = self.edge_to_block((&*state).into(), *body);
                    self.jump(target);
                }
            }
            End::Return(from) => {
                let value = self.word(state, *from);
                self.ret(value);
            }
            End::TailCall(callee, args, site) => {
                self.line(*site);
                if self.trust_callee(callee, state) {
                    self.tail_call(callee, args, *site, state);
                }
            }
            End::Raise(from, site) => {
                let error = self.word(state, *from);
                self.b.helper(Helper::RaiseError, &[error]);
                let site = self.word(state, *site);
                let site = self.b.binary_immediate(ir::Binary::Ashr, site, i64::from(TAG_BITS));
                let target = self.failure_edge_from(site, state);
                self.jump(target);
            }
            End::Unreachable => self.b.unreachable(),
        }
    }

    pub(super) fn branch(&mut self, condition: Condition, yes: Target, no: Target) {
        self.b.terminate(Terminator::Branch(condition, yes, no));
    }
    pub(super) fn jump(&mut self, target: Target) {
        self.b.terminate(Terminator::Jump(target));
    }
    /// Go on in a new block if the condition holds, else elsewhere.
    pub(super) fn require(&mut self, condition: Condition, otherwise: Target) {
        let next = self.b.block();
        self.branch(condition, plain(next), otherwise);
        self.b.switch_to(next);
    }

    // ---- registers

    /// A register's place; one that lives in memory is loaded here.
    pub(super) fn place(&mut self, state: &mut State, register: Reg) -> RegisterValue {
        if let Some(place) = state.places.get(register) {
            return place;
        }
        // Never assigned on the way here where it has no home either, so never read.
        let word = self.load_home(register).unwrap_or_else(|| self.b.iconst(NIL as i64));
        let place = RegisterValue::word(word, Ty::Unknown);
        state.places.set(register, place);
        place
    }
    /// Give a register a new value.
    pub(super) fn define(&mut self, state: &mut State, register: Reg, place: RegisterValue) {
        state.places.set(register, place);
        self.store_home(state, register);
    }
    pub(super) fn set(&mut self, state: &mut State, register: Reg, word: Val) {
        self.define(state, register, RegisterValue::word(word, Ty::Unknown));
    }
    /// A register's value as a word, boxed here if need be.
    pub(super) fn word(&mut self, state: &mut State, register: Reg) -> Val {
        let place = self.place(state, register);
        match (place.word, place.double) {
            (Some(word), _) => word,
            (None, Some(double)) => {
                let word = self.box_double(double, state.generic);
                state.places.learn(register, RegisterValue { word: Some(word), ..place });
                word
            }
            (None, None) => self.b.iconst(NIL as i64),
        }
    }

    // ---- errors

    /// Where an error at a site goes: the handler's version for this state, or out of the function.
    pub(super) fn failure_edge(&mut self, site: Site, state: &State) -> Target {
        let site = self.b.iconst(i64::from(site.0));
        self.failure_edge_from(site, state)
    }

    fn failure_edge_from(&mut self, site: Val, state: &State) -> Target {
        let here = self.b.current_block();
        let Some(handler) = self.flow.blocks[self.at.0.index()].handler else {
            let block = match self.failure {
                Some(block) => block,
                None => {
                    let block = self.b.cold_block();
                    self.b.parameter(block, Type::Word);
                    *self.failure.insert(block)
                }
            };
            return Target { block, arguments: vec![site] };
        };
        let block = self.b.cold_block();
        self.b.switch_to(block);
        let image = self.b.load_data(DATA_IMAGE);
        self.b.helper(Helper::PlaceError, &[image, site]);
        let known = self.flow.blocks[handler.index()].site.map(|register| {
            let number = self.b.binary_immediate(ir::Binary::Shl, site, i64::from(TAG_BITS));
            (register, RegisterValue::word(number, Ty::Fixnum))
        });
        let leaving = Leaving { state, known: known.as_slice(), intact: false };
        let edge = self.edge(leaving, handler, 0, false);
        self.jump(edge);
        self.b.switch_to(here);
        plain(block)
    }

    /// Test a result for an error; go on if there is none.
    pub(super) fn check_failure(&mut self, result: Val, site: Site, state: &State) {
        let failure = self.b.iconst(FAILURE as i64);
        let failed = self.failure_edge(site, state);
        self.require(Condition::Compare(Compare::Ne, result, failure), failed);
    }

    fn failure_exit(&mut self) {
        let Some(block) = self.failure else { return };
        self.b.switch_to(block);
        let site = self.b.parameters(block)[0];
        let image = self.b.load_data(DATA_IMAGE);
        let helper = if self.is_loop { Helper::LeaveLoop } else { Helper::PassError };
        let failure = self.b.helper(helper, &[image, site]);
        self.ret(failure);
    }

    fn poll(&mut self, site: Site, state: &State) {
        let interrupt = self.b.load_context(context::INTERRUPT);
        let (serve, after) = (self.b.cold_block(), self.b.block());
        self.branch(Condition::NonZero(interrupt), plain(serve), plain(after));
        self.b.switch_to(serve);
        let result = self.b.helper(Helper::Poll, &[]);
        let failure = self.b.iconst(FAILURE as i64);
        let failed = self.failure_edge(site, state);
        self.branch(Condition::Compare(Compare::Ne, result, failure), plain(after), failed);
        self.b.switch_to(after);
        self.count_turn(site, state);
    }

    // ---- variables

    pub(super) fn cell_address(&mut self, cell: CellId) -> Val {
        let word = self.unit.data_word(DataWord::Cell(cell));
        self.b.load_data(word)
    }

    fn global(&mut self, cell: CellId, bound: bool, site: Site, state: &State) -> Val {
        let address = self.cell_address(cell);
        let value = self.b.load(Width::Word, address, CELL_VALUE);
        if bound {
            return value;
        }
        let mask = self.b.iconst(UNBOUND_MASK as i64);
        let low = self.b.binary(ir::Binary::And, value, mask);
        let unbound = self.b.iconst(UNBOUND as i64);
        let (missing, next) = (self.b.cold_block(), self.b.block());
        self.branch(Condition::Compare(Compare::Ne, low, unbound), plain(next), plain(missing));
        self.b.switch_to(missing);
        self.b.helper(Helper::UnboundVariable, &[value]);
        let failed = self.failure_edge(site, state);
        self.jump(failed);
        self.b.switch_to(next);
        value
    }
}

/// A jump without arguments.
pub(super) fn plain(block: Block) -> Target {
    Target { block, arguments: Vec::new() }
}
