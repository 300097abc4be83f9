//! Calls: primitives done inline, functions whose bodies stand in their place, and all others.

use super::{count_reads, is_quiet, is_small, mark_assigned, Destination, Linearise, DEEPEST_INLINING};
use crate::lower::intrinsic::Intrinsic;
use crate::lower::linear::{Callee, End, InlinedCall, Instr, Operator, OperatorRead, PrimitiveCall, Reg, Site};
use crate::lower::Assumption;
use maru_language::interp;
use maru_language::runtime::tree::{Call, Node, Prototype};
use maru_language::runtime::{CellId, OptimisationLevel};

impl<'a> Linearise<'a, '_> {
    /// The primitive that a call reaches at present, if it is one that can be done inline; the unit then relies on it.
    pub(super) fn intrinsic(&mut self, call: &Call) -> Option<(Intrinsic, CellId, Assumption)> {
        let Node::Global(index, _) = &call.function else { return None };
        let cell = self.prototype.cells[*index as usize];
        let name = self.unit.primitive_name(cell)?;
        let value = self.unit.runtime.cells.get(cell).value;
        let direct = || {
            let usable = !self.unit.metered && interp::accepts_directly(self.unit.runtime, value, call.arguments.len());
            usable.then_some(Intrinsic::Direct)
        };
        let intrinsic = match Intrinsic::find(name, call.arguments.len()).or_else(direct)? {
            Intrinsic::New(_) => self.expected_class(call),
            intrinsic => intrinsic,
        };
        Some((intrinsic, cell, self.unit.assume(cell)?))
    }

    /// `new`, with how many fields the class has that is named; as many as the call has values, if it has no value yet.
    fn expected_class(&self, call: &Call) -> Intrinsic {
        let fields = match &call.arguments[0] {
            Node::Global(index, _) => {
                let value = self.unit.runtime.cells.get(self.prototype.cells[*index as usize]).value;
                maru_language::runtime::classes::class(self.unit.runtime, value).map(|class| class.fields.len())
            }
            _ => None,
        };
        Intrinsic::New(fields.unwrap_or(call.arguments.len() - 1))
    }

    /// The operator of a call by name, before its arguments are evaluated.
    pub(super) fn operator(&mut self, cell: CellId, assumption: Option<Assumption>, call: &Call) -> Operator {
        if call.arguments.iter().all(is_quiet) {
            return Operator { cell, early: None };
        }
        let site = self.site(call.position);
        let register = self.new_register();
        self.operators.insert(register, OperatorRead { cell, assumption, site });
        self.push(Instr::Operator(register));
        Operator { cell, early: Some(register) }
    }

    pub(super) fn operands(&mut self, arguments: &[Node], typed: bool) -> Vec<Reg> {
        let registers: Vec<Reg> = arguments.iter().map(|argument| self.value(argument)).collect();
        if typed {
            self.typed.resize(self.registers as usize, false);
            registers.iter().for_each(|register| self.typed[*register as usize] = true);
        }
        registers
    }

    pub(super) fn call(&mut self, call: &Call, destination: Destination) {
        if let Some((intrinsic, cell, assumption)) = self.intrinsic(call) {
            if matches!(intrinsic, Intrinsic::Sqrt | Intrinsic::ToDouble) {
                self.has_doubles = true;
            }
            // One that is called as it is, and may run any code, need not be what the unit assumes.
            let quiet = self.unit.holds_quiet(cell);
            let assumption = Some(assumption).filter(|_| intrinsic != Intrinsic::Direct || quiet);
            let operator = self.operator(cell, assumption, call);
            let arguments = self.operands(&call.arguments, intrinsic.wants_types());
            let site = self.site(call.position);
            let seen = call.feedback.get();
            let call = PrimitiveCall { intrinsic, arguments, operator, seen, site };
            if let (Destination::Test(yes, no), true) = (destination, intrinsic.is_test()) {
                return self.end(End::Test(call, yes, no));
            }
            let result = self.target(destination);
            self.define(Instr::Primitive(result, call), result, destination);
            return;
        }
        if self.try_turn(call, destination) || self.try_inline(call, destination) {
            return;
        }
        let callee = self.callee(call);
        let arguments = self.operands(&call.arguments, false);
        if self.current.is_none() {
            return;
        }
        let site = self.call_site(call);
        if let (Destination::Return, true) = (destination, self.handler.is_none()) {
            self.end(End::TailCall(callee, arguments, site));
            return;
        }
        let result = self.target(destination);
        self.define(Instr::Call(result, callee, arguments, site), result, destination);
    }

    /// The site of a call that is not done inline.
    fn call_site(&mut self, call: &Call) -> Site {
        self.unit.site(call.position, self.number, self.outer_site, call.tail)
    }

    /// If the function calls itself in tail position, its body is a loop, which begins here.
    pub(super) fn begin_turns(&mut self) {
        let boxed = (0..self.prototype.parameters).any(|slot| self.prototype.variables[slot as usize].boxed);
        if boxed || self.unit.metered || !self.calls_itself(&self.prototype.body) {
            return;
        }
        self.loop_depth += 1;
        let head = self.new_block();
        self.blocks[head.index()].is_loop = true;
        self.fall_into(head);
        self.turns = Some(head);
    }

    fn calls_itself(&self, node: &Node) -> bool {
        match node {
            Node::Call(call) => call.tail && self.is_own(call),
            Node::Try(_) | Node::WithEnvironment(_) => false,
            _ => {
                let mut found = false;
                node.children(&mut |child| found = found || self.calls_itself(child));
                found
            }
        }
    }

    /// Whether a call reaches the function itself at present, which takes that many arguments.
    fn is_own(&self, call: &Call) -> bool {
        let Node::Global(index, _) = &call.function else { return false };
        let cell = self.prototype.cells[*index as usize];
        self.unit.inlinable(cell, call.arguments.len()) == Some(self.number)
    }

    /// A call of the function itself in tail position: another turn of the loop that its body is.
    fn try_turn(&mut self, call: &Call, destination: Destination) -> bool {
        let (Some(head), Destination::Return) = (self.turns, destination) else { return false };
        let own = self.inlining.len() == 1 && self.handler.is_none() && self.is_own(call);
        let Node::Global(index, _) = &call.function else { return false };
        let cell = self.prototype.cells[*index as usize];
        let assumption = if own { self.unit.rely_on_function(cell) } else { None };
        let Some(assumption) = assumption else { return false };
        let operator = self.operator(cell, Some(assumption), call);
        let arguments: Vec<Reg> = call.arguments.iter().map(|argument| self.value(argument)).collect();
        if self.current.is_none() {
            return true;
        }
        let site = self.call_site(call);
        let turn = self.new_block();
        self.end(End::InlineTail(InlinedCall { operator, arguments: arguments.clone(), site }, turn));
        self.current = Some(turn);
        let slots: Vec<u32> = (0..self.prototype.parameters).collect();
        self.bind_all(&slots, &arguments);
        self.push(Instr::Poll(site));
        self.end(End::Jump(head));
        true
    }

    /// Put a small function's body in place of a call of it, guarded by the unit's assumptions.
    fn try_inline(&mut self, call: &Call, destination: Destination) -> bool {
        let Node::Global(index, _) = &call.function else { return false };
        let cell = self.prototype.cells[*index as usize];
        if self.inlining.len() > DEEPEST_INLINING || self.unit.runtime.options.level == OptimisationLevel::None {
            return false;
        }
        let Some(number) = self.unit.inlinable(cell, call.arguments.len()) else { return false };
        let all = self.all;
        let prototype: &'a Prototype = &all[number as usize];
        if self.inlining.contains(&std::ptr::from_ref(prototype)) || !is_small(prototype) {
            return false;
        }
        let Some(assumption) = self.unit.rely_on_function(cell) else { return false };
        let operator = self.operator(cell, Some(assumption), call);
        let arguments: Vec<Reg> = call.arguments.iter().map(|argument| self.value(argument)).collect();
        if self.current.is_none() {
            return true;
        }
        let base = self.registers;
        self.registers += prototype.frame_size() as Reg;
        let site = self.call_site(call);
        let body = self.new_block();
        let entered = |linearise: &mut Self| {
            linearise.current = Some(body);
            for (slot, argument) in arguments.iter().enumerate() {
                linearise.push(Instr::Move(base + slot as Reg, *argument));
            }
        };
        if let (Destination::Return, true) = (destination, self.handler.is_none()) {
            self.end(End::InlineTail(InlinedCall { operator, arguments: arguments.clone(), site }, body));
            entered(self);
            self.inlined_body(prototype, number, base, site, Destination::Return);
            return true;
        }
        let result = self.target(destination);
        let after = self.new_block();
        let call = InlinedCall { operator, arguments: arguments.clone(), site };
        self.end(End::Inline { call, result, body, after });
        entered(self);
        let tests = matches!(destination, Destination::Test(..));
        self.inlined_body(prototype, number, base, site, if tests { destination } else { Destination::Into(result) });
        self.end(End::Jump(after));
        self.current = Some(after);
        self.deliver(result, if let Destination::Into(_) = destination { Destination::Effect } else { destination });
        true
    }

    /// The body of an inlined function: everything that belongs to the prototype changes for its time.
    fn inlined_body(&mut self, prototype: &'a Prototype, number: u32, base: Reg, site: Site, destination: Destination) {
        let slots = prototype.frame_size();
        let mut assigned = vec![false; slots];
        mark_assigned(&prototype.body, &mut assigned);
        let outer = (self.prototype, self.number, self.base);
        let outer_assigned = std::mem::replace(&mut self.assigned, assigned);
        let outer_reads = std::mem::replace(&mut self.reads, count_reads(prototype));
        let outer_known = std::mem::replace(&mut self.known_slots, vec![None; slots]);
        let outer_loops = std::mem::replace(&mut self.loops, vec![None; prototype.loops as usize]);
        (self.prototype, self.number, self.base) = (prototype, number, base);
        let outer_site = self.outer_site.replace(site);
        self.inlining.push(std::ptr::from_ref(prototype));
        self.has_doubles |= self.unit.expects_doubles(number);
        self.box_parameters();
        self.lower(&prototype.body, destination);
        self.inlining.pop();
        self.outer_site = outer_site;
        (self.prototype, self.number, self.base) = outer;
        self.assigned = outer_assigned;
        self.reads = outer_reads;
        self.known_slots = outer_known;
        self.loops = outer_loops;
    }

    fn callee(&mut self, call: &Call) -> Callee {
        let (function, count) = (&call.function, call.arguments.len());
        match function {
            Node::Global(index, position) => {
                let cell = self.prototype.cells[*index as usize];
                if let Some((known, assumption)) = self.unit.known_function(cell, count) {
                    return Callee::KnownCell(self.operator(cell, Some(assumption), call), known);
                }
                if self.unit.is_bound(cell) {
                    return Callee::Cell(self.operator(cell, None, call));
                }
                // The operator is evaluated first: an unbound name is an error before the operands are evaluated.
                let register = self.new_register();
                let site = self.site(*position);
                self.push(Instr::Global(register, cell, false, site));
                match self.unit.keys_of_call(cell, count) {
                    Some(keys) => Callee::Chooser(register, keys),
                    None => Callee::Register(register),
                }
            }
            Node::Local(slot) if self.known_slots[*slot as usize].is_some() => {
                let known = self.known_slots[*slot as usize].expect("just tested");
                self.known_or_register(self.base + slot, known, count)
            }
            Node::Captured(index) => match self.unit.known_capture(self.number, *index) {
                Some(known) => {
                    let register = self.value(function);
                    self.known_or_register(register, known, count)
                }
                None => Callee::Register(self.value(function)),
            },
            _ => Callee::Register(self.value(function)),
        }
    }

    fn known_or_register(&mut self, register: Reg, known: u32, count: usize) -> Callee {
        if self.unit.accepts(known, count) {
            Callee::Known(register, known)
        } else {
            Callee::Register(register)
        }
    }
}
