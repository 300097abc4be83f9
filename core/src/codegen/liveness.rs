//! Which values live on after a place, as far as selection has come: it goes from last to first, so all uses ahead
//! are known, but for those on the way round a loop.

use super::graph::{Graph, Node};
use crate::ir::{Function, Val};

/// Above this many words of bits, nothing is recorded: the answer then is "maybe".
const LIMIT: usize = 1 << 16;
/// For each value and node, so many bits are set; if there are more, the answer is "maybe" from then on.
const MARKS: usize = 32;

/// For each node, the values that are used after its end.
pub(super) struct Liveness {
    /// The node that defines a value.
    definitions: Vec<u32>,
    /// The node in which a use was seen last, plus one.
    used_in: Vec<u32>,
    /// Words of bits for a node; 0 if nothing is recorded.
    stride: usize,
    bits: Vec<u64>,
    /// How many bits may still be set.
    room: usize,
    work: Vec<usize>,
}

impl Liveness {
    pub fn new(function: &Function, graph: &Graph) -> Liveness {
        let values = function.types.len();
        let mut definitions = vec![0; values];
        for (index, node) in graph.nodes.iter().enumerate() {
            let Node::Block(block) = *node else { continue };
            let data = function.block(block);
            let results = data.insts.iter().flat_map(|inst| inst.results.iter().flatten());
            for value in data.parameters.iter().chain(results) {
                definitions[value.0 as usize] = index as u32;
            }
        }
        let stride = values.div_ceil(64);
        let stride = if stride * graph.nodes.len() <= LIMIT { stride } else { 0 };
        let bits = vec![0; stride * graph.nodes.len()];
        let room = MARKS * (values + graph.nodes.len());
        Liveness { definitions, used_in: vec![0; values], stride, bits, room, work: Vec::new() }
    }

    /// A value (not of the target's own) is used in a node.
    pub fn used(&mut self, value: Val, node: usize, graph: &Graph) {
        let index = value.0 as usize;
        if index >= self.used_in.len() || self.used_in[index] == node as u32 + 1 {
            return;
        }
        self.used_in[index] = node as u32 + 1;
        let definition = self.definitions[index] as usize;
        if self.stride == 0 || node == definition {
            return;
        }
        self.work.push(node);
        while let Some(node) = self.work.pop() {
            for predecessor in graph.predecessors.of(node) {
                let predecessor = predecessor.index();
                let word = &mut self.bits[predecessor * self.stride + index / 64];
                let bit = 1 << (index % 64);
                if *word & bit == 0 {
                    if self.room == 0 {
                        self.stride = 0;
                        self.work.clear();
                        return;
                    }
                    self.room -= 1;
                    *word |= bit;
                    if predecessor != definition {
                        self.work.push(predecessor);
                    }
                }
            }
        }
    }

    /// Whether a value is used after the place in a node that selection has come to; `None` if unknown.
    pub fn lives_on(&self, value: Val, node: usize) -> Option<bool> {
        let index = value.0 as usize;
        if index >= self.used_in.len() || self.stride == 0 {
            return None;
        }
        let after = self.bits[node * self.stride + index / 64] >> (index % 64) & 1 != 0;
        Some(after || self.used_in[index] == node as u32 + 1)
    }
}
