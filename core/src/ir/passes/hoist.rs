//! Computes before a loop what is the same in each of its turns.
//!
//! Only pure operations, which do no harm where the loop would not have come to them; only in loops that call nothing
//! where they are likely to run, since what lives across calls lives in memory; and only a few for each loop, since
//! registers are few. Constants stay where they are used: they are cheaper made anew than kept. But doubles are not:
//! those are made from their bits before the loop.
//!
//! Loops are taken from the inside out, so that what leaves an inner loop can go on out of the outer one.
//!
//! Before that, each loop gets one block before it, where all ways into it come together: ways back to its head from cold
//! blocks, too, which come from some slow path and may bring other values. So what such a way may change is still the
//! same in all turns of the loop as it usually runs; see [`enter`].

use super::*;
use rustc_hash::FxHashMap;

/// Words that are kept in registers for one loop.
const WORDS: usize = 8;
/// Doubles that are.
const DOUBLES: usize = 8;

/// Give each loop a block where all ways into it come together. Returns whether there was any to make.
pub fn enter(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) -> bool {
    let mut changed = false;
    for position in 1..flow.order.len() {
        let header = flow.order[position];
        let turns = |before: u32| {
            let cold = function.block(flow.order[before as usize]).cold;
            !cold && flow.dominates(position, before as usize)
        };
        let ways = flow.predecessors(position);
        let turning: Vec<bool> = ways.iter().map(|before| turns(*before)).collect();
        let entries =
            || ways.iter().zip(&turning).filter(|(_, turns)| !**turns).map(|(before, _)| flow.order[*before as usize]);
        let single = entries().count() == 1;
        let prepared = single && entries().all(|block| matches!(function.block(block).terminator, Terminator::Jump(_)));
        if function.block(header).cold || !turning.contains(&true) || prepared || !fuel.spend() {
            continue;
        }
        let entries: Vec<Block> = entries().collect();
        add_entrance(function, header, &entries);
        changed = true;
    }
    changed
}

/// Lead the ways from some blocks to a loop's header through a new block.
fn add_entrance(function: &mut Function, header: Block, entries: &[Block]) {
    let entrance = Block(function.blocks.len() as u32);
    let parameters: Vec<Val> =
        (0..function.block(header).parameters.len() as u32).map(|n| Val(function.types.len() as u32 + n)).collect();
    for parameter in &function.blocks[header.0 as usize].parameters {
        function.types.push(function.types[parameter.0 as usize]);
    }
    for block in entries {
        for target in function.blocks[block.0 as usize].terminator.targets_mut().filter(|target| target.block == header)
        {
            target.block = entrance;
        }
    }
    let terminator = Terminator::Jump(Target { block: header, arguments: parameters.clone() });
    function.blocks.push(BlockData { parameters, insts: Vec::new(), terminator, cold: false });
}

/// Run the pass.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) {
    let loops = Loops::of(function, flow);
    if loops.headers.is_empty() {
        return;
    }
    let mut hoist = Hoist::new(function, flow);
    let Loops { headers, bodies, calls } = loops;
    for ((header, body), calls) in headers.into_iter().zip(bodies).zip(calls) {
        if !calls && !function.block(flow.order[header as usize]).cold {
            hoist.out_of(function, body, header as usize, fuel);
        }
    }
    hoist.finish(function);
}

/// The loops of a function, inner ones first.
#[derive(Default)]
struct Loops {
    /// By loop: the position of its header.
    headers: Vec<u32>,
    /// By loop: positions of blocks that belong to no loop inside it, and are likely to run.
    bodies: Vec<Vec<u32>>,
    /// By loop: whether something is called in it where it is likely to run.
    calls: Vec<bool>,
}

impl Loops {
    /// A header dominates the ends of the back edges to it; other ways round are no loops here. Headers are taken from
    /// the last to the first: a loop inside another is found before it, and passed over as a whole then.
    fn of(function: &Function, flow: &ControlFlow) -> Loops {
        const NO_LOOP: u32 = u32::MAX;
        let mut loops = Loops::default();
        let mut home = vec![NO_LOOP; flow.order.len()];
        // By loop: the one around it, as far as that is known.
        let mut around: Vec<u32> = Vec::new();
        let mut work: Vec<u32> = Vec::new();
        for header in (0..flow.order.len()).rev() {
            let ends = flow.predecessors(header).iter().filter(|end| flow.dominates(header, **end as usize));
            work.extend(ends);
            if work.is_empty() {
                continue;
            }
            let number = loops.headers.len() as u32;
            loops.headers.push(header as u32);
            loops.bodies.push(Vec::new());
            loops.calls.push(false);
            around.push(number);
            while let Some(position) = work.pop() {
                let position = position as usize;
                if home[position] == NO_LOOP {
                    home[position] = number;
                    loops.enter(function, flow, number as usize, position);
                    if position != header {
                        work.extend(flow.predecessors(position));
                    }
                    continue;
                }
                let inner = outermost(&mut around, home[position]);
                if inner != number {
                    around[inner as usize] = number;
                    loops.calls[number as usize] |= loops.calls[inner as usize];
                    work.extend(flow.predecessors(loops.headers[inner as usize] as usize));
                }
            }
            if home[header] == NO_LOOP {
                home[header] = number;
                loops.enter(function, flow, number as usize, header);
            }
        }
        loops
    }

    /// A block belongs to a loop and to none inside it.
    fn enter(&mut self, function: &Function, flow: &ControlFlow, number: usize, position: usize) {
        let data = function.block(flow.order[position]);
        if !data.cold {
            self.bodies[number].push(position as u32);
            self.calls[number] |= data.insts.iter().any(|inst| inst.op.is_call());
        }
    }
}

/// The outermost loop known around one; the way there gets shorter each time.
fn outermost(around: &mut [u32], mut inner: u32) -> u32 {
    while around[inner as usize] != inner {
        let next = around[inner as usize];
        around[inner as usize] = around[next as usize];
        inner = next;
    }
    inner
}

struct Hoist<'f> {
    flow: &'f ControlFlow,
    /// By value: the position of the block that makes it.
    made: Vec<u32>,
    /// By value: its number, if it is a constant word.
    constants: Vec<Option<i64>>,
    /// By value: what is computed before the loop in its place; itself, if nothing is.
    instead: Vec<Val>,
    insertions: Insertions,
    /// What came to a block, by its position, from the loop that it leads to.
    arrived: FxHashMap<u32, Vec<Inst>>,
}

impl<'f> Hoist<'f> {
    fn new(function: &Function, flow: &'f ControlFlow) -> Hoist<'f> {
        let count = function.types.len();
        let mut hoist = Hoist {
            flow,
            made: vec![0; count],
            constants: vec![None; count],
            instead: (0..count as u32).map(Val).collect(),
            insertions: Vec::new(),
            arrived: FxHashMap::default(),
        };
        for (position, block) in flow.order.iter().enumerate() {
            let data = function.block(*block);
            let results = data.insts.iter().flat_map(|inst| inst.results.iter().flatten());
            data.parameters.iter().chain(results).for_each(|value| hoist.made[value.0 as usize] = position as u32);
            for inst in &data.insts {
                if let (Op::Const(number), Some(result)) = (&inst.op, inst.results[0]) {
                    hoist.constants[result.0 as usize] = Some(*number);
                }
            }
        }
        hoist
    }

    /// Hoist what can be hoisted out of the loop with this header: from its own blocks, in order, and what came to them
    /// from loops inside it.
    fn out_of(&mut self, function: &mut Function, mut body: Vec<u32>, header: usize, fuel: &mut OptimisationFuel) {
        let before = self.flow.dominator(header);
        let block = self.flow.order[before];
        if before == header || function.block(block).cold {
            return;
        }
        let mut place = Place::at_end_of(function, block, before as u32);
        let mut room = [WORDS, DOUBLES];
        body.sort_unstable();
        for position in body {
            let own = &function.block(self.flow.order[position as usize]).insts;
            let arrived = self.arrived.get(&position).into_iter().flatten();
            let invariant: Vec<Inst> = own.iter().chain(arrived).filter(|inst| is_movable(&inst.op)).cloned().collect();
            for inst in invariant {
                let Some(result) = inst.results[0].filter(|_| self.is_invariant(&inst.op, header)) else { continue };
                let room = &mut room[usize::from(function.type_of(result) == Type::Double)];
                if *room == 0 || !fuel.spend() {
                    continue;
                }
                *room -= 1;
                self.put(function, inst, &mut place, header);
            }
        }
    }

    /// Whether an operation computes the same in each turn of the loop with this header.
    fn is_invariant(&self, op: &Op, header: usize) -> bool {
        let mut invariant = true;
        op.operands(|value| {
            let value = self.instead[value.0 as usize];
            let constant = self.constants[value.0 as usize].is_some();
            // What dominates a block of the loop lies in the loop if the header dominates it.
            invariant &= constant || !self.flow.dominates(header, self.made[value.0 as usize] as usize);
        });
        invariant
    }

    /// Compute something before the loop.
    fn put(&mut self, function: &mut Function, mut inst: Inst, place: &mut Place, header: usize) {
        if let Op::FloatConst(bits) = inst.op {
            inst.op = Op::FloatFromBits(self.constant(function, bits as i64, place));
        }
        let mut constants = Vec::new();
        inst.op.operands_mut(|value| {
            *value = self.instead[value.0 as usize];
            let inside = self.flow.dominates(header, self.made[value.0 as usize] as usize);
            constants.extend(self.constants[value.0 as usize].filter(|_| inside).map(|number| (*value, number)));
        });
        for (value, number) in constants {
            let new = self.constant(function, number, place);
            inst.op.operands_mut(|operand| {
                if *operand == value {
                    *operand = new;
                }
            });
        }
        for result in inst.results.iter_mut().flatten() {
            let new = self.new_value(function, function.type_of(*result), place);
            self.instead[result.0 as usize] = new;
            *result = new;
        }
        self.insertions.push(place.insertion(&inst));
        self.arrived.entry(place.position).or_default().push(inst);
    }

    fn constant(&mut self, function: &mut Function, number: i64, place: &Place) -> Val {
        let value = self.new_value(function, Type::Word, place);
        self.constants[value.0 as usize] = Some(number);
        let inst = Inst { op: Op::Const(number), results: [Some(value), None] };
        self.insertions.push((place.block, place.early, inst));
        value
    }

    fn new_value(&mut self, function: &mut Function, kind: Type, place: &Place) -> Val {
        let value = Val(function.types.len() as u32);
        function.types.push(kind);
        self.made.push(place.position);
        self.constants.push(None);
        self.instead.push(value);
        value
    }

    /// Use everywhere what is computed before loops.
    fn finish(mut self, function: &mut Function) {
        if self.insertions.is_empty() {
            return;
        }
        // Values that are computed in place of others have higher numbers, and may have been replaced themselves.
        for value in (0..self.instead.len()).rev() {
            self.instead[value] = self.instead[self.instead[value].0 as usize];
        }
        let instead = &self.instead;
        let replace = |value: &mut Val| *value = instead[value.0 as usize];
        for data in &mut function.blocks {
            data.insts.iter_mut().for_each(|inst| inst.op.operands_mut(replace));
            data.terminator.operands_mut(replace);
        }
        self.insertions.iter_mut().for_each(|(_, _, inst)| inst.op.operands_mut(replace));
        insert(function, self.insertions);
    }
}

/// Where operations are put: at the end of a block, but before the one whose result its branch tests, for machines do
/// both at once.
struct Place {
    block: Block,
    position: u32,
    /// Before that operation, and after it.
    early: u32,
    late: u32,
    /// What is made by it, and after it.
    made_late: Vec<Val>,
}

impl Place {
    fn at_end_of(function: &Function, block: Block, position: u32) -> Place {
        let data = function.block(block);
        let late = data.insts.len() as u32;
        let last = data.insts.iter().rposition(|inst| !inst.op.is_constant());
        let mut place = Place { block, position, early: late, late, made_late: Vec::new() };
        if let (Some(last), Terminator::Branch(condition, ..)) = (last, &data.terminator) {
            let results = data.insts[last].results;
            condition.operands(|value| {
                if results.contains(&Some(*value)) {
                    place.early = last as u32;
                    place.made_late = results.iter().flatten().copied().collect();
                }
            });
        }
        place
    }

    fn insertion(&mut self, inst: &Inst) -> (Block, u32, Inst) {
        let mut late = false;
        inst.op.operands(|value| late |= self.made_late.contains(value));
        if late {
            self.made_late.extend(inst.results.iter().flatten());
        }
        (self.block, if late { self.late } else { self.early }, inst.clone())
    }
}

/// Whether an operation may be done where its result is not needed, and is better kept than done anew.
fn is_movable(op: &Op) -> bool {
    match op {
        Op::FloatConst(bits) => *bits != 0,
        Op::Binary(op, ..) => !matches!(op, Binary::Div | Binary::Rem),
        Op::Overflowing(op, ..) => *op == Overflowing::Mul,
        Op::FloatBinary(..) | Op::FloatUnary(..) | Op::IntToFloat(_) | Op::FloatBits(_) | Op::FloatFromBits(_) => true,
        _ => false,
    }
}
