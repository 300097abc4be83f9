//! Tree to flow graph.

mod calls;

use super::linear::{BlockId, End, Instr, Linear, LinearBlock, OperatorRead, Reg, Site};
use super::UnitContext;
use maru_core::abi::layout::{Kind, Value};
use maru_core::abi::Position;
use maru_language::runtime::tree::{Capture, Loop, Node, Prototype, Try, WithEnvironment};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Where an expression's value goes.
#[derive(Clone, Copy)]
enum Destination {
    /// Nowhere.
    Effect,
    /// Into a register.
    Into(Reg),
    /// It is the function's result.
    Return,
    /// Nowhere: control goes to the first block if it is true, else to the second.
    Test(BlockId, BlockId),
}

/// Makes the flow graph of one prototype.
pub struct Linearise<'a, 'r> {
    unit: &'a mut UnitContext<'r>,
    /// All prototypes of the unit.
    all: &'a [Rc<Prototype>],
    /// The prototype whose nodes are being made linear: the function's own, or one that is inlined.
    prototype: &'a Prototype,
    /// The prototype's number in the unit, for sites and known captures.
    number: u32,
    /// The register of the prototype's slot 0.
    base: Reg,
    /// The call in place of which the prototype's body stands, if it is inlined.
    outer_site: Option<Site>,
    /// Prototype that are being inlined, to end recursion.
    inlining: Vec<*const Prototype>,
    blocks: Vec<LinearBlock>,
    current: Option<BlockId>,
    handler: Option<BlockId>,
    registers: u32,
    typed: Vec<bool>,
    has_doubles: bool,
    operators: FxHashMap<Reg, OperatorRead>,
    /// Blocks that the loops' `Continue`s jump to, with the loops' slots and positions.
    loops: Vec<Option<(BlockId, Vec<u32>, Position)>>,
    /// Slots that are assigned after they are bound, and not boxed: their values are copied when read.
    assigned: Vec<bool>,
    /// How often each slot is read.
    reads: Vec<u32>,
    /// Function that a slot is known to hold a closure of.
    known_slots: Vec<Option<u32>>,
    /// Registers that are bound before the entry.
    parameters: u32,
    /// How many loops what is made linear at present lies in.
    loop_depth: u32,
    /// The head of the loop that the function's calls of itself in tail position are turns of, if there are any.
    turns: Option<BlockId>,
}

impl<'a, 'r> Linearise<'a, 'r> {
    fn new(
        unit: &'a mut UnitContext<'r>,
        all: &'a [Rc<Prototype>],
        prototype: &'a Prototype,
        number: u32,
    ) -> Linearise<'a, 'r> {
        let slots = prototype.frame_size();
        let has_doubles = unit.expects_doubles(number);
        let mut linearise = Linearise {
            unit,
            all,
            prototype,
            number,
            base: 0,
            outer_site: None,
            inlining: vec![std::ptr::from_ref(prototype)],
            blocks: Vec::new(),
            current: None,
            handler: None,
            registers: slots as u32,
            typed: Vec::new(),
            has_doubles,
            operators: FxHashMap::default(),
            loops: vec![None; prototype.loops as usize],
            assigned: vec![false; slots],
            reads: count_reads(prototype),
            known_slots: vec![None; slots],
            parameters: prototype.parameters + u32::from(prototype.rest),
            loop_depth: 0,
            turns: None,
        };
        mark_assigned(&prototype.body, &mut linearise.assigned);
        let entry = linearise.new_block();
        linearise.current = Some(entry);
        linearise
    }

    /// The flow graph of prototype `number` of the unit.
    pub fn prototype(
        unit: &'a mut UnitContext<'r>,
        all: &'a [Rc<Prototype>],
        prototype: &'a Prototype,
        number: u32,
    ) -> Linear {
        let mut linearise = Linearise::new(unit, all, prototype, number);
        linearise.box_parameters();
        linearise.begin_turns();
        linearise.lower(&prototype.body, Destination::Return);
        linearise.finish()
    }

    /// The flow graph of one loop of a prototype, which takes over the interpreter's frame between two turns and
    /// gives it back at the end, whether that is a value or an error.
    pub fn running_loop(
        unit: &'a mut UnitContext<'r>,
        all: &'a [Rc<Prototype>],
        prototype: &'a Prototype,
        number: u32,
        node: &Node,
    ) -> Linear {
        let mut linearise = Linearise::new(unit, all, prototype, number);
        let slots = prototype.frame_size() as Reg;
        linearise.parameters = 0;
        (0..slots).for_each(|slot| linearise.push(Instr::FrameLoad(slot)));
        let changed = changed_slots(prototype, node);
        let (on_error, site) = linearise.passing_handler();
        linearise.handler = Some(on_error);
        let result = linearise.new_register();
        let start = linearise.new_block();
        linearise.fall_into(start);
        match node {
            Node::Loop(inner) => linearise.enter_loop(inner, Destination::Into(result)),
            _ => linearise.lower(node, Destination::Into(result)),
        }
        linearise.handler = None;
        let done = linearise.new_block();
        linearise.fall_into(done);
        linearise.push(Instr::FrameStore(changed.clone()));
        linearise.end(End::Return(result));
        linearise.current = Some(on_error);
        // The blocks above were made for the inside; this one's own errors leave the function.
        linearise.blocks[on_error.index()].handler = None;
        let error = linearise.new_register();
        linearise.push(Instr::Catch(error, true));
        linearise.push(Instr::FrameStore(changed));
        linearise.end(End::Raise(error, site));
        linearise.finish()
    }

    fn finish(mut self) -> Linear {
        self.typed.resize(self.registers as usize, false);
        self.spread_typed();
        Linear {
            blocks: self.blocks,
            registers: self.registers,
            typed: self.typed,
            has_doubles: self.has_doubles,
            operators: self.operators,
            parameters: self.parameters,
        }
    }

    /// What is copied to a register whose type matters matters too.
    fn spread_typed(&mut self) {
        let mut sources: FxHashMap<Reg, Vec<Reg>> = FxHashMap::default();
        for instr in self.blocks.iter().flat_map(|block| &block.instrs) {
            if let Instr::Move(to, from) = *instr {
                sources.entry(to).or_default().push(from);
            }
        }
        let mut work: Vec<Reg> = (0..self.registers).filter(|register| self.typed[*register as usize]).collect();
        while let Some(register) = work.pop() {
            for from in sources.remove(&register).unwrap_or_default() {
                if !std::mem::replace(&mut self.typed[from as usize], true) {
                    work.push(from);
                }
            }
        }
    }

    fn box_parameters(&mut self) {
        let parameters = self.prototype.parameters + u32::from(self.prototype.rest);
        for slot in 0..parameters {
            if self.prototype.variables[slot as usize].boxed {
                self.push(Instr::NewBox(self.base + slot, self.base + slot));
            }
        }
    }

    fn new_block(&mut self) -> BlockId {
        self.blocks.push(LinearBlock {
            instrs: Vec::new(),
            end: End::Unreachable,
            handler: self.handler,
            is_loop: false,
            in_loop: self.loop_depth > 0,
            site: None,
        });
        BlockId(self.blocks.len() as u32 - 1)
    }
    /// The start of a handler that puts the error back on its way, and the register with the site it came from.
    fn passing_handler(&mut self) -> (BlockId, Reg) {
        let (block, site) = (self.new_block(), self.new_register());
        self.blocks[block.index()].site = Some(site);
        (block, site)
    }
    fn new_register(&mut self) -> Reg {
        self.registers += 1;
        self.registers - 1
    }
    fn push(&mut self, instr: Instr) {
        if let Some(current) = self.current {
            self.blocks[current.index()].instrs.push(instr);
        }
    }
    fn end(&mut self, end: End) {
        if let Some(current) = self.current.take() {
            self.blocks[current.index()].end = end;
        }
    }
    /// End the current block with a jump, and go on in the block jumped to.
    fn fall_into(&mut self, block: BlockId) {
        self.end(End::Jump(block));
        self.current = Some(block);
    }
    fn site(&mut self, position: Position) -> Site {
        self.unit.site(position, self.number, self.outer_site, false)
    }

    /// A value is in a register: bring it where it should go.
    fn deliver(&mut self, from: Reg, destination: Destination) {
        match destination {
            Destination::Effect => {}
            Destination::Into(to) if to == from => {}
            Destination::Into(to) => self.push(Instr::Move(to, from)),
            Destination::Return => self.end(End::Return(from)),
            Destination::Test(yes, no) => self.end(End::If(from, yes, no)),
        }
    }
    /// The register that an instruction with this destination writes.
    fn target(&mut self, destination: Destination) -> Reg {
        match destination {
            Destination::Into(to) => to,
            _ => self.new_register(),
        }
    }
    /// Push an instruction that writes `result`, which `target` gave for the destination.
    fn define(&mut self, instr: Instr, result: Reg, destination: Destination) {
        self.push(instr);
        match destination {
            Destination::Return | Destination::Test(..) => self.deliver(result, destination),
            Destination::Effect | Destination::Into(_) => {}
        }
    }
    fn nil(&mut self, destination: Destination) {
        match destination {
            Destination::Effect => {}
            Destination::Test(_, no) => self.end(End::Jump(no)),
            Destination::Into(_) | Destination::Return => {
                let result = self.target(destination);
                self.define(Instr::Immediate(result, Value::NIL), result, destination);
            }
        }
    }

    /// The register that holds an expression's value: a variable's own, if nobody changes it meanwhile.
    fn value(&mut self, node: &Node) -> Reg {
        if let Node::Local(slot) = node {
            if !self.prototype.variables[*slot as usize].boxed && !self.assigned[*slot as usize] {
                return self.base + slot;
            }
        }
        let register = self.new_register();
        self.lower(node, Destination::Into(register));
        register
    }

    fn lower(&mut self, node: &Node, destination: Destination) {
        if self.current.is_none() {
            return;
        }
        match node {
            Node::Constant(index) => {
                if let Destination::Test(yes, no) = destination {
                    let taken = if self.prototype.constants[*index as usize].is_true() { yes } else { no };
                    return self.end(End::Jump(taken));
                }
                let result = self.target(destination);
                let instr = self.constant(result, *index);
                self.define(instr, result, destination);
            }
            Node::Local(slot) => {
                if self.prototype.variables[*slot as usize].boxed {
                    let result = self.target(destination);
                    self.define(Instr::BoxGet(result, self.base + slot), result, destination);
                } else {
                    self.deliver(self.base + slot, destination);
                }
            }
            Node::Captured(index) => self.captured(*index, destination),
            Node::Global(cell, position) => {
                let cell = self.prototype.cells[*cell as usize];
                let bound = self.unit.is_bound(cell);
                if bound && matches!(destination, Destination::Effect) {
                    return;
                }
                let site = self.site(*position);
                let result = self.target(destination);
                let unit = &mut *self.unit;
                let instr = match unit.constant(cell).or_else(|| unit.lasting_array(cell)) {
                    Some(value) => {
                        let in_array = || value.is_pointer() && self.unit.begins_with_double(value);
                        self.has_doubles |= value.as_immediate_double().is_some() || in_array();
                        Instr::Known(result, value, cell)
                    }
                    None => Instr::Global(result, cell, bound, site),
                };
                self.define(instr, result, destination);
            }
            Node::Bind(slot, value) => {
                if self.prototype.variables[*slot as usize].boxed {
                    let value = self.value(value);
                    self.push(Instr::NewBox(self.base + slot, value));
                } else {
                    self.lower(value, Destination::Into(self.base + slot));
                }
                self.nil(destination);
            }
            Node::SetLocal(slot, value) => {
                let value = self.value(value);
                if self.prototype.variables[*slot as usize].boxed {
                    self.push(Instr::BoxSet(self.base + slot, value));
                } else {
                    self.push(Instr::Move(self.base + slot, value));
                }
                self.deliver(value, destination);
            }
            Node::SetCaptured(index, value) => {
                let value = self.value(value);
                let place = self.new_register();
                self.push(Instr::Captured(place, *index));
                self.push(Instr::BoxSet(place, value));
                self.deliver(value, destination);
            }
            Node::SetGlobal(cell, value, position) => {
                let value = self.value(value);
                let site = self.site(*position);
                self.push(Instr::SetGlobal(self.prototype.cells[*cell as usize], value, site));
                self.deliver(value, destination);
            }
            Node::Define(cell, value, constant, position) => {
                let value = self.value(value);
                let site = self.site(*position);
                self.push(Instr::Define(self.prototype.cells[*cell as usize], value, *constant, site));
                self.deliver(value, destination);
            }
            Node::If(test, then, otherwise) => self.conditional(test, then, otherwise, destination),
            Node::Sequence(nodes) => self.sequence(nodes, destination),
            Node::While(test, body, position) => self.while_loop(test, body, *position, destination),
            Node::Loop(inner) => self.named_loop(inner, destination),
            Node::Continue(label, arguments) => self.next_turn(*label, arguments),
            Node::Lambda(prototype) => self.closure(prototype, destination),
            Node::Fix(bindings, body) => {
                self.fix(bindings);
                self.lower(body, destination);
            }
            Node::Call(call) => self.call(call, destination),
            Node::Try(inner) => self.try_catch(inner, destination),
            Node::WithEnvironment(inner) => self.with_environment(inner, destination),
        }
    }

    fn constant(&mut self, result: Reg, index: u32) -> Instr {
        let value = self.prototype.constants[index as usize];
        if value.as_immediate_double().is_some() || self.unit.runtime.is_kind(value, Kind::Double) {
            self.has_doubles = true;
        }
        if value.is_pointer() {
            Instr::Constant(result, value)
        } else {
            Instr::Immediate(result, value)
        }
    }

    fn captured(&mut self, index: u32, destination: Destination) {
        let result = self.target(destination);
        if self.prototype.captured_boxed[index as usize] {
            let place = self.new_register();
            self.push(Instr::Captured(place, index));
            self.define(Instr::BoxGet(result, place), result, destination);
        } else {
            self.define(Instr::Captured(result, index), result, destination);
        }
    }

    fn conditional(&mut self, test: &Node, then: &Node, otherwise: &Node, destination: Destination) {
        let yes = self.new_block();
        let no = self.new_block();
        self.test(test, yes, no);
        self.current = Some(yes);
        self.lower(then, destination);
        let after_yes = self.current.take();
        self.current = Some(no);
        self.lower(otherwise, destination);
        let after_no = self.current.take();
        if after_yes.is_none() && after_no.is_none() {
            return;
        }
        let join = self.new_block();
        for from in [after_yes, after_no] {
            self.current = from;
            self.end(End::Jump(join));
        }
        self.current = Some(join);
    }

    /// Go to `yes` if the expression is true, else to `no`; no value is made where none is needed.
    fn test(&mut self, node: &Node, yes: BlockId, no: BlockId) {
        self.lower(node, Destination::Test(yes, no));
    }

    fn sequence(&mut self, nodes: &[Node], destination: Destination) {
        let (last, first) = nodes.split_last().expect("a sequence is not empty");
        if let (Destination::Test(yes, no), Some((either, before))) = (destination, first.split_last()) {
            if let Some((either, or)) = self.alternatives(either, last) {
                before.iter().for_each(|node| self.lower(node, Destination::Effect));
                let otherwise = self.new_block();
                self.test(either, yes, otherwise);
                self.current = Some(otherwise);
                return self.test(or, yes, no);
            }
        }
        first.iter().for_each(|node| self.lower(node, Destination::Effect));
        self.lower(last, destination);
    }

    /// The two expressions of an `or`, which binds the first one's value to a variable that nothing else reads.
    fn alternatives<'n>(&self, first: &'n Node, second: &'n Node) -> Option<(&'n Node, &'n Node)> {
        let (Node::Bind(slot, either), Node::If(test, then, or)) = (first, second) else { return None };
        let is_it = |node: &Node| matches!(node, Node::Local(read) if read == slot);
        let boxed = self.prototype.variables[*slot as usize].boxed;
        (is_it(test) && is_it(then) && !boxed && self.reads[*slot as usize] == 2).then_some((either, or))
    }

    fn while_loop(&mut self, test: &Node, body: &Node, position: Position, destination: Destination) {
        let after = self.new_block();
        self.loop_depth += 1;
        let head = self.new_block();
        self.blocks[head.index()].is_loop = true;
        self.fall_into(head);
        let inside = self.new_block();
        self.test(test, inside, after);
        self.current = Some(inside);
        self.lower(body, Destination::Effect);
        self.loop_depth -= 1;
        let site = self.site(position);
        self.push(Instr::Poll(site));
        self.end(End::Jump(head));
        self.current = Some(after);
        self.nil(destination);
    }

    fn named_loop(&mut self, inner: &Loop, destination: Destination) {
        let values: Vec<Reg> = inner.bindings.iter().map(|(_, value)| self.value(value)).collect();
        let slots: Vec<u32> = inner.bindings.iter().map(|(slot, _)| *slot).collect();
        self.bind_all(&slots, &values);
        self.enter_loop(inner, destination);
    }

    /// The head and body of a loop whose variables are bound.
    fn enter_loop(&mut self, inner: &Loop, destination: Destination) {
        self.loop_depth += 1;
        let head = self.new_block();
        self.blocks[head.index()].is_loop = true;
        self.fall_into(head);
        let slots = inner.bindings.iter().map(|(slot, _)| *slot).collect();
        self.loops[inner.label as usize] = Some((head, slots, inner.position));
        self.lower(&inner.body, destination);
        self.loop_depth -= 1;
    }

    fn next_turn(&mut self, label: u32, arguments: &[Node]) {
        let values: Vec<Reg> = arguments.iter().map(|argument| self.value(argument)).collect();
        let (head, slots, position) = self.loops[label as usize].clone().expect("a turn stands in its loop");
        self.bind_all(&slots, &values);
        let site = self.site(position);
        self.push(Instr::Poll(site));
        self.end(End::Jump(head));
    }

    /// Bind loop variables to values that may be read from the same slots.
    fn bind_all(&mut self, slots: &[u32], values: &[Reg]) {
        let mut sources = values.to_vec();
        let places: Vec<Reg> = slots.iter().map(|slot| self.base + slot).collect();
        for (index, source) in values.iter().enumerate() {
            // A slot that an earlier binding of this turn overwrites must be saved first.
            if places[..index].contains(source) {
                let saved = self.new_register();
                sources[index] = saved;
            }
        }
        for (saved, source) in sources.iter().zip(values).filter(|(saved, source)| saved != source) {
            self.push(Instr::Move(*saved, *source));
        }
        for ((slot, place), source) in slots.iter().zip(places).zip(&sources) {
            if self.prototype.variables[*slot as usize].boxed {
                self.push(Instr::NewBox(place, *source));
            } else if place != *source {
                self.push(Instr::Move(place, *source));
            }
        }
    }

    /// The registers that hold what a closure of a prototype captures here: boxes as they are.
    fn captures(&mut self, prototype: &Prototype) -> Vec<Reg> {
        let mut registers = Vec::with_capacity(prototype.captures.len());
        for capture in &prototype.captures {
            registers.push(match capture {
                Capture::Local(slot) => self.base + slot,
                Capture::Captured(index) => {
                    let register = self.new_register();
                    self.push(Instr::Captured(register, *index));
                    register
                }
            });
        }
        registers
    }

    fn closure(&mut self, prototype: &Rc<Prototype>, destination: Destination) {
        let captures = self.captures(prototype);
        let site = self.site(prototype.position);
        let result = self.target(destination);
        self.define(Instr::Closure(result, prototype.clone(), captures, site), result, destination);
    }

    fn fix(&mut self, bindings: &[(u32, Rc<Prototype>)]) {
        let group: FxHashSet<u32> = bindings.iter().map(|(slot, _)| *slot).collect();
        let in_group = |capture: &Capture| matches!(capture, Capture::Local(slot) if group.contains(slot));
        for (slot, prototype) in bindings {
            let known = self.unit.number_of(prototype);
            self.known_slots[*slot as usize] = known;
            let mut captures = self.captures(prototype);
            let nil = self.new_register();
            self.push(Instr::Immediate(nil, Value::NIL));
            for (register, capture) in captures.iter_mut().zip(&prototype.captures) {
                if in_group(capture) {
                    *register = nil;
                }
            }
            let site = self.site(prototype.position);
            self.push(Instr::Closure(self.base + slot, prototype.clone(), captures, site));
        }
        for (slot, prototype) in bindings {
            for (index, capture) in prototype.captures.iter().enumerate() {
                if let (true, Capture::Local(from)) = (in_group(capture), capture) {
                    self.push(Instr::SetCapture(self.base + slot, index as u32, self.base + from));
                }
            }
        }
    }

    fn try_catch(&mut self, inner: &Try, destination: Destination) {
        let result = self.new_register();
        let outer = self.handler;
        let passing = inner.finally.as_ref().map(|_| self.passing_handler());
        let finally_error = passing.map(|(block, _)| block);
        self.handler = finally_error.or(outer);
        let catch = inner.catch.as_ref().map(|_| self.new_block());
        self.handler = catch.or(finally_error).or(outer);
        let body = self.new_block();
        self.fall_into(body);
        self.lower(&inner.body, Destination::Into(result));
        self.handler = finally_error.or(outer);
        let done = self.new_block();
        self.end(End::Jump(done));
        if let (Some(catch), Some((slot, handler))) = (catch, &inner.catch) {
            self.current = Some(catch);
            if self.prototype.variables[*slot as usize].boxed {
                let error = self.new_register();
                self.push(Instr::Catch(error, false));
                self.push(Instr::NewBox(self.base + slot, error));
            } else {
                self.push(Instr::Catch(self.base + slot, false));
            }
            // With nothing left to do after it, the handler is in tail position where the whole form is.
            let last = matches!(destination, Destination::Return) && inner.finally.is_none();
            self.lower(handler, if last { destination } else { Destination::Into(result) });
            self.end(End::Jump(done));
        }
        self.handler = outer;
        if let (Some((block, site)), Some(finally)) = (passing, &inner.finally) {
            self.current = Some(block);
            let error = self.new_register();
            self.push(Instr::Catch(error, true));
            self.lower(finally, Destination::Effect);
            self.end(End::Raise(error, site));
        }
        // `done` was made under the inner handler; what follows runs under the outer one.
        let after = self.new_block();
        self.current = Some(done);
        self.fall_into(after);
        if let Some(finally) = &inner.finally {
            self.lower(finally, Destination::Effect);
        }
        if self.current.is_some() {
            self.deliver(result, destination);
        }
    }

    fn with_environment(&mut self, inner: &WithEnvironment, destination: Destination) {
        let environment = self.value(&inner.environment);
        let captures = self.captures(&inner.prototype);
        let site = self.site(inner.position);
        let result = self.target(destination);
        let instr = Instr::WithEnvironment(result, environment, inner.prototype.clone(), captures, site);
        self.define(instr, result, destination);
    }
}

/// Slots that a loop changes and that are not boxed: what the interpreter's frame must get back.
pub fn changed_slots(prototype: &Prototype, node: &Node) -> Vec<Reg> {
    let mut changed = vec![false; prototype.frame_size()];
    mark_assigned(node, &mut changed);
    let is_changed = |slot: &Reg| changed[*slot as usize] && !prototype.variables[*slot as usize].boxed;
    (0..changed.len() as Reg).filter(is_changed).collect()
}

/// How many calls deep functions are inlined.
const DEEPEST_INLINING: usize = 3;
/// The largest function, in nodes, that is inlined.
const LARGEST_INLINED: usize = 30;

/// Whether a function is worth inlining: small, and without closures, handlers and definitions, whose prototypes and
/// frames belong to it.
fn is_small(prototype: &Prototype) -> bool {
    fn count(node: &Node, left: &mut usize) -> bool {
        let plain = !matches!(
            node,
            Node::Lambda(_) | Node::Fix(..) | Node::Try(_) | Node::WithEnvironment(_) | Node::Define(..)
        );
        if !plain || *left == 0 {
            return false;
        }
        *left -= 1;
        let mut all = true;
        node.children(&mut |child| all = all && count(child, left));
        all
    }
    count(&prototype.body, &mut LARGEST_INLINED.clone())
}

/// Whether evaluating an expression runs no code that could change what a name refers to.
fn is_quiet(node: &Node) -> bool {
    match node {
        Node::Constant(_) | Node::Local(_) | Node::Captured(_) | Node::Global(..) | Node::Lambda(_) => true,
        Node::If(..) | Node::Sequence(_) | Node::Bind(..) | Node::SetLocal(..) | Node::SetCaptured(..) => {
            let mut quiet = true;
            node.children(&mut |child| quiet = quiet && is_quiet(child));
            quiet
        }
        _ => false,
    }
}

/// How often each slot of a prototype is read, by its own nodes or by closures that capture it.
fn count_reads(prototype: &Prototype) -> Vec<u32> {
    fn captures(prototype: &Prototype, reads: &mut [u32]) {
        for capture in &prototype.captures {
            if let Capture::Local(slot) = capture {
                reads[*slot as usize] += 1;
            }
        }
    }
    fn count(node: &Node, reads: &mut [u32]) {
        match node {
            Node::Local(slot) => reads[*slot as usize] += 1,
            Node::Lambda(prototype) => captures(prototype, reads),
            Node::Fix(bindings, _) => bindings.iter().for_each(|(_, prototype)| captures(prototype, reads)),
            Node::WithEnvironment(inner) => captures(&inner.prototype, reads),
            _ => {}
        }
        node.children(&mut |child| count(child, reads));
    }
    let mut reads = vec![0; prototype.frame_size()];
    count(&prototype.body, &mut reads);
    reads
}

/// Note the slots that are assigned.
fn mark_assigned(node: &Node, assigned: &mut [bool]) {
    if let Node::SetLocal(slot, _) = node {
        assigned[*slot as usize] = true;
    }
    node.children(&mut |child| mark_assigned(child, assigned));
}
