//! Computes nothing twice: a pure operation whose like was computed in a dominating block is replaced by that.
//!
//! Constants are cheaper made anew than kept: they are shared only where no call and no join lies between. A cold block
//! makes anew what a warm one has computed, too: otherwise it would be kept for it where it is warm. But what is computed
//! from constants is told apart by what they are, not by where they are made.

use super::*;

/// Run the pass.
pub fn run(function: &mut Function, flow: &ControlFlow, fuel: &mut OptimisationFuel) {
    let mut replacements = Replacements::new(function);
    let pure = flow.order.iter().map(|&block| function.block(block).insts.len()).sum();
    let mut seen = Seen::with_room_for(pure);
    // By position: the stretch that its end lies in, the next number of one.
    let mut stretches = vec![0; flow.order.len()];
    let mut next_stretch = 0;
    let mut cold = vec![false; flow.order.len()];
    // By value: the first that was found to be the same constant.
    let mut like: Vec<Val> = (0..function.types.len() as u32).map(Val).collect();
    for &position in &flow.preorder {
        let position = position as usize;
        let mut stretch = match flow.predecessors(position) {
            &[predecessor] if position != 0 => stretches[predecessor as usize],
            _ => new(&mut next_stretch),
        };
        let data = &mut function.blocks[flow.order[position].0 as usize];
        cold[position] = data.cold;
        for inst in &mut data.insts {
            inst.op.operands_mut(|value| replacements.apply(value));
            if inst.op.is_call() {
                stretch = new(&mut next_stretch);
            }
            let Some(key) = key(&inst.op, &like) else { continue };
            let entry = seen.entry(key);
            let first = entry.map_or(inst.results[0].unwrap_or(NONE), |entry| entry.first);
            if let (Op::Const(_) | Op::FloatConst(_), Some(result)) = (&inst.op, inst.results[0]) {
                like[result.0 as usize] = first;
            }
            let near = |entry: Entry| entry.stretch == stretch || !inst.op.is_constant();
            let usable = entry.is_some_and(|entry| near(entry) && flow.dominates(entry.position as usize, position));
            if usable && entry.is_some_and(|entry| cold[position] && !cold[entry.position as usize]) {
                continue;
            }
            match entry {
                Some(entry) if usable && fuel.spend() => {
                    for (result, by) in inst.results.iter().zip(entry.results) {
                        if let Some(result) = *result {
                            replacements.replace(result, by);
                        }
                    }
                }
                _ => seen.set(
                    key,
                    Entry {
                        position: position as u32,
                        stretch,
                        first,
                        results: inst.results.map(|result| result.unwrap_or(NONE)),
                    },
                ),
            }
        }
        data.terminator.operands_mut(|value| replacements.apply(value));
        stretches[position] = stretch;
    }
}

/// A number not yet used, for a stretch: blocks and parts of blocks that a call or a join begins, and no other lies in.
fn new(next: &mut u32) -> u32 {
    *next += 1;
    *next
}

/// What tells pure operations apart: a number of the operation's form, and its operands.
type Key = (u16, u64);

/// The key of a pure operation, which no other has unless it computes the same. `like` has, by value, one for all
/// that are the same constant.
fn key(op: &Op, like: &[Val]) -> Option<Key> {
    let one = |a: Val| like[a.0 as usize];
    let pair = |a: Val, b: Val| u64::from(one(a).0) << 32 | u64::from(one(b).0);
    let sorted = |a: Val, b: Val| pair(one(a).min(one(b)), one(a).max(one(b)));
    let form = |kind: u16, which: u16| kind << 8 | which;
    Some(match *op {
        Op::Const(number) => (form(1, 0), number as u64),
        Op::FloatConst(bits) => (form(2, 0), bits),
        Op::LoadData(n) => (form(3, 0), n.into()),
        Op::FunctionAddress(id) => (form(4, 0), id.0.into()),
        Op::Binary(op @ (Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor), a, b) => {
            (form(5, op as u16), sorted(a, b))
        }
        Op::Binary(op, a, b) => (form(5, op as u16), pair(a, b)),
        Op::Overflowing(op @ (Overflowing::Add | Overflowing::Mul), a, b) => (form(6, op as u16), sorted(a, b)),
        Op::Overflowing(op, a, b) => (form(6, op as u16), pair(a, b)),
        Op::Compare(op @ (Compare::Eq | Compare::Ne), a, b) => (form(7, op as u16), sorted(a, b)),
        Op::Compare(op, a, b) => (form(7, op as u16), pair(a, b)),
        Op::HasTag(mask, a) => (form(8, mask.into()), a.0.into()),
        // Not sorted: of two NaNs, machines return the first.
        Op::FloatBinary(op, a, b) => (form(9, op as u16), pair(a, b)),
        Op::FloatUnary(op, a) => (form(10, op as u16), a.0.into()),
        Op::FloatCompare(op, a, b) => (form(11, op as u16), pair(a, b)),
        Op::IntToFloat(a) => (form(12, 0), a.0.into()),
        Op::FloatToInt(a) => (form(13, 0), a.0.into()),
        Op::FloatBits(a) => (form(14, 0), a.0.into()),
        Op::FloatFromBits(a) => (form(15, 0), a.0.into()),
        Op::Narrow(Narrow::MulWide(op, a, b)) => (form(16, op as u16), sorted(a, b)),
        Op::Narrow(Narrow::FloatHalves(a)) => (form(17, 0), a.0.into()),
        Op::Narrow(Narrow::FloatFromHalves(a, b)) => (form(18, 0), pair(a, b)),
        // A carry stays with the one operation that takes it.
        Op::Narrow(_)
        | Op::Load(..)
        | Op::LoadIndexed(..)
        | Op::Store(..)
        | Op::StoreIndexed(..)
        | Op::LoadContext(_)
        | Op::StoreContext(..)
        | Op::Helper(..)
        | Op::Call(..) => return None,
    })
}

const NONE: Val = Val(u32::MAX);

/// Where an operation was last seen.
#[derive(Clone, Copy)]
struct Entry {
    position: u32,
    stretch: u32,
    /// The first result that was ever seen.
    first: Val,
    /// [`NONE`] for a result that there is not.
    results: [Val; 2],
}

/// Operations seen: an open-addressed table that never grows, for it has room for all.
struct Seen {
    slots: Vec<(Key, Entry)>,
    mask: usize,
}

impl Seen {
    fn with_room_for(count: usize) -> Seen {
        let size = (count + count / 2).next_power_of_two().max(8);
        // No operation has form 0.
        let empty = ((0, 0), Entry { position: 0, stretch: 0, first: NONE, results: [NONE; 2] });
        Seen { slots: vec![empty; size], mask: size - 1 }
    }

    /// The slot of the key, or the empty one where it belongs.
    fn slot(&self, key: Key) -> usize {
        let mixed = (key.1 ^ u64::from(key.0).rotate_right(16)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = (mixed >> 32) as usize & self.mask;
        while self.slots[slot].0 != key && self.slots[slot].0 .0 != 0 {
            slot = (slot + 1) & self.mask;
        }
        slot
    }

    fn entry(&self, key: Key) -> Option<Entry> {
        let (found, entry) = self.slots[self.slot(key)];
        (found == key).then_some(entry)
    }

    fn set(&mut self, key: Key, entry: Entry) {
        let slot = self.slot(key);
        self.slots[slot] = (key, entry);
    }
}
