//! The control-flow graph that is selected and allocated: the reachable blocks of a function, with a block of its
//! own on each edge that needs one, in reverse postorder: first those that are likely to run, then cold ones.
//!
//! Cold nodes lead back to others wherever a slow path rejoins or types are learned anew. In one order for all they
//! would come between those others, and make loops of what is none; so whoever goes by this order (the allocator,
//! above all) sees the code that is likely to run as if there were nothing else, and what is cold has to fit.
//!
//! The allocator wants critical edges split (from a block with several successors to one with several predecessors),
//! arguments only on unconditional jumps, and an entry without predecessors. So an edge of a branch that carries
//! arguments, or is critical, gets a block; where the target has one predecessor, its parameters are just other
//! names for the arguments, and the edge carries nothing.

use crate::ir::{Block, Function, Target, Terminator};

/// What a node stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// Receives the parameters and jumps to the first block, which has other predecessors.
    Entry,
    /// A block of the function.
    Block(Block),
    /// The edge from a block to its first or second target.
    Edge(Block, u8),
}

/// Nodes in reverse postorder, cold ones last. Loops are contiguous if the graph of the others is reducible.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    /// Unlikely to run.
    pub cold: Vec<bool>,
    /// At most two successors each, as indices of nodes.
    pub successors: Vec<Successors>,
    /// How many predecessors each block of the function has; 0 if it is unreachable.
    pub incoming: Vec<u32>,
    /// Predecessors of nodes.
    pub predecessors: Predecessors,
}

/// The predecessors of all nodes.
#[derive(Debug, Default)]
pub(super) struct Predecessors {
    all: Vec<regalloc2::Block>,
    /// Where the predecessors of each node start; one more for the end.
    starts: Vec<u32>,
}

impl Predecessors {
    fn new(successors: &[Successors]) -> Predecessors {
        let mut starts = vec![0u32; successors.len() + 1];
        for next in successors.iter().flat_map(Successors::as_slice) {
            starts[next.index()] += 1;
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut all = vec![regalloc2::Block::new(0); total as usize];
        for (node, ahead) in successors.iter().enumerate() {
            for next in ahead.as_slice() {
                starts[next.index()] -= 1;
                all[starts[next.index()] as usize] = regalloc2::Block::new(node);
            }
        }
        Predecessors { all, starts }
    }

    /// The predecessors of a node.
    pub fn of(&self, node: usize) -> &[regalloc2::Block] {
        &self.all[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

/// Up to two successors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Successors {
    both: [regalloc2::Block; 2],
    count: u8,
}

impl Successors {
    pub fn as_slice(&self) -> &[regalloc2::Block] {
        &self.both[..self.count as usize]
    }
    fn none() -> Successors {
        Successors { both: [regalloc2::Block::invalid(); 2], count: 0 }
    }

    fn push(&mut self, node: usize) {
        self.both[self.count as usize] = regalloc2::Block::new(node);
        self.count += 1;
    }
}

/// The targets of a block, first the one taken if the condition holds.
pub(super) fn targets(terminator: &Terminator) -> [Option<&Target>; 2] {
    match terminator {
        Terminator::Jump(target) => [Some(target), None],
        Terminator::Branch(_, holds, fails) => [Some(holds), Some(fails)],
        Terminator::Return(_) | Terminator::ReturnPair(..) | Terminator::TailCall(..) | Terminator::Unreachable => {
            [None, None]
        }
    }
}

impl Graph {
    /// The graph of a function.
    pub fn new(function: &Function) -> Graph {
        let mut graph = Graph { incoming: count_incoming(function), ..Graph::default() };
        graph.number(function);
        graph.spread_cold();
        let order = Order::new(&graph.successors, &graph.cold);
        graph.reorder(&order.reverse_postorder());
        graph.predecessors = Predecessors::new(&graph.successors);
        graph
    }

    /// Whether the edge into a block carries arguments, rather than giving them other names.
    pub fn takes_arguments(&self, block: Block) -> bool {
        block.0 == 0 || self.incoming[block.0 as usize] > 1
    }

    /// Make the nodes, entry first, with successors.
    fn number(&mut self, function: &Function) {
        if self.incoming[0] > 1 {
            self.push(Node::Entry, false);
        }
        let mut node_of = vec![usize::MAX; function.blocks.len()];
        for (index, data) in function.blocks.iter().enumerate() {
            if self.incoming[index] > 0 {
                node_of[index] = self.nodes.len();
                self.push(Node::Block(Block(index as u32)), data.cold);
            }
        }
        if self.nodes[0] == Node::Entry {
            self.successors[0].push(node_of[0]);
        }
        for (index, data) in function.blocks.iter().enumerate() {
            let node = node_of[index];
            if node == usize::MAX {
                continue;
            }
            let targets = targets(&data.terminator);
            for (which, target) in targets.into_iter().enumerate() {
                let Some(target) = target else { continue };
                let to = node_of[target.block.0 as usize];
                if targets[1].is_some() && self.takes_arguments(target.block) {
                    let cold = data.cold || function.block(target.block).cold;
                    self.push(Node::Edge(Block(index as u32), which as u8), cold);
                    let edge = self.nodes.len() - 1;
                    self.successors[node].push(edge);
                    self.successors[edge].push(to);
                } else {
                    self.successors[node].push(to);
                }
            }
        }
    }

    fn push(&mut self, node: Node, cold: bool) {
        self.nodes.push(node);
        self.cold.push(cold);
        self.successors.push(Successors::none());
    }

    fn reorder(&mut self, order: &[u32]) {
        let mut position = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            position[*old as usize] = new;
        }
        self.nodes = order.iter().map(|old| self.nodes[*old as usize]).collect();
        self.cold = order.iter().map(|old| self.cold[*old as usize]).collect();
        let renumber = |old: &u32| {
            let mut successors = self.successors[*old as usize];
            for block in &mut successors.both[..successors.count as usize] {
                *block = regalloc2::Block::new(position[block.index()]);
            }
            successors
        };
        self.successors = order.iter().map(renumber).collect();
    }

    /// A node that only cold nodes lead to is cold.
    fn spread_cold(&mut self) {
        let mut warm = vec![false; self.nodes.len()];
        warm[0] = true;
        let mut work = vec![0];
        while let Some(node) = work.pop() {
            for successor in self.successors[node].as_slice().iter().map(|successor| successor.index()) {
                if !self.cold[successor] && !std::mem::replace(&mut warm[successor], true) {
                    work.push(successor);
                }
            }
        }
        self.cold = warm.into_iter().map(|warm| !warm).collect();
    }
}

/// How many edges lead to each block from blocks that can be reached; the entry counts as one for the first.
fn count_incoming(function: &Function) -> Vec<u32> {
    let mut count = vec![0; function.blocks.len()];
    count[0] = 1;
    let mut work = vec![Block(0)];
    while let Some(block) = work.pop() {
        for target in targets(&function.block(block).terminator).into_iter().flatten() {
            let to = &mut count[target.block.0 as usize];
            *to += 1;
            if *to == 1 {
                work.push(target.block);
            }
        }
    }
    count
}

/// Puts nodes into reverse postorder. Of two successors, the one in fewer loops is visited first, so that it comes
/// after the whole loop; else the second, so that the first follows its predecessor. Loops are those of nodes that are
/// not cold.
struct Order<'g> {
    successors: &'g [Successors],
    cold: &'g [bool],
    loop_depth: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Not,
    Open,
    Done,
}

impl<'g> Order<'g> {
    fn new(successors: &'g [Successors], cold: &'g [bool]) -> Order<'g> {
        let mut order = Order { successors, cold, loop_depth: vec![0; successors.len()] };
        let mut back_edges = Vec::new();
        let mut postorder = Vec::with_capacity(successors.len());
        let mut visits = vec![Visit::Not; successors.len()];
        let note = |latch, header| back_edges.push((header, latch));
        order.walk(0, false, &mut visits, |node| postorder.push(node), note);
        if !back_edges.is_empty() {
            order.find_loops(&postorder, back_edges);
        }
        order
    }

    fn reverse_postorder(&self) -> Vec<u32> {
        let mut visits = vec![Visit::Not; self.successors.len()];
        let mut order = Vec::with_capacity(self.successors.len());
        self.walk(0, false, &mut visits, |node| order.push(node), |_, _| {});
        order.reverse();
        let mut cold = Vec::with_capacity(self.successors.len() - order.len());
        for node in order.iter().rev() {
            for successor in self.successors[*node as usize].as_slice() {
                if visits[successor.index()] == Visit::Not {
                    self.walk(successor.index() as u32, true, &mut visits, |node| cold.push(node), |_, _| {});
                }
            }
        }
        order.extend(cold.into_iter().rev());
        order
    }

    /// Depth first from a node, among those that are cold or among the others, calling `leave` in postorder and `back`
    /// for edges to a node still open.
    fn walk(
        &self,
        first: u32,
        cold: bool,
        visits: &mut [Visit],
        mut leave: impl FnMut(u32),
        mut back: impl FnMut(u32, u32),
    ) {
        let mut stack = vec![(first, 0u8)];
        visits[first as usize] = Visit::Open;
        while let Some((node, done)) = stack.last_mut() {
            let (node, turn) = (*node, *done);
            *done += 1;
            let ahead = self.successors[node as usize].as_slice();
            if usize::from(turn) == ahead.len() {
                visits[node as usize] = Visit::Done;
                leave(node);
                stack.pop();
                continue;
            }
            let first_is_shallower =
                ahead.len() == 2 && self.loop_depth[ahead[0].index()] < self.loop_depth[ahead[1].index()];
            let choice = if ahead.len() == 2 && !first_is_shallower { 1 - turn } else { turn };
            let next = ahead[usize::from(choice)].index();
            match visits[next] {
                Visit::Not if self.cold[next] == cold => {
                    visits[next] = Visit::Open;
                    stack.push((next as u32, 0));
                }
                Visit::Open => back(node, next as u32),
                Visit::Not | Visit::Done => {}
            }
        }
    }

    /// Count for each node how many natural loops it is in. From inner loops to outer: a loop that is done is one
    /// node, its header, for those around it.
    fn find_loops(&mut self, postorder: &[u32], mut back_edges: Vec<(u32, u32)>) {
        let predecessors = Predecessors::new(self.successors);
        back_edges.sort_unstable();
        let mut loops = Loops::new(self.successors.len());
        let mut work = Vec::new();
        for &header in postorder {
            let first = back_edges.partition_point(|edge| edge.0 < header);
            let latches = back_edges[first..].iter().take_while(|edge| edge.0 == header).map(|edge| edge.1);
            work.extend(latches);
            // In a graph that is not reducible, it may be in an inner loop already.
            if work.is_empty() || loops.outermost(header) != header {
                work.clear();
                continue;
            }
            self.loop_depth[header as usize] = 1;
            while let Some(node) = work.pop() {
                let node = loops.outermost(node);
                if node != header {
                    loops.put(node, header);
                    let before = predecessors.of(node as usize).iter().filter(|block| !self.cold[block.index()]);
                    work.extend(before.map(|block| block.index() as u32));
                }
            }
        }
        for &node in postorder.iter().rev() {
            if let Some(header) = loops.around(node) {
                self.loop_depth[node as usize] += self.loop_depth[header as usize];
            }
        }
    }
}

/// Which loops nodes are in.
struct Loops {
    /// The header of the innermost loop around each node, without the loop that it is the header of.
    header: Vec<u32>,
    /// A node nearer to the outermost loop known.
    nearer: Vec<u32>,
}

impl Loops {
    fn new(nodes: usize) -> Loops {
        Loops { header: vec![u32::MAX; nodes], nearer: (0..nodes as u32).collect() }
    }

    /// The header of the outermost loop known that a node is in, or the node.
    fn outermost(&mut self, mut node: u32) -> u32 {
        while self.nearer[node as usize] != node {
            let next = self.nearer[node as usize];
            self.nearer[node as usize] = self.nearer[next as usize];
            node = next;
        }
        node
    }

    /// A node, with all in its loop if it is a header, is in a loop.
    fn put(&mut self, node: u32, header: u32) {
        self.header[node as usize] = header;
        self.nearer[node as usize] = header;
    }

    fn around(&self, node: u32) -> Option<u32> {
        let header = self.header[node as usize];
        (header != u32::MAX).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{BlockData, Compare, Condition, Convention, Signature, Type, Val};

    fn function(exits: Vec<Terminator>) -> Function {
        let block = |terminator| BlockData { parameters: vec![], insts: vec![], terminator, cold: false };
        let signature = Signature { convention: Convention::Maru, parameters: vec![], result: Type::Word };
        let blocks = exits.into_iter().map(block).collect();
        Function {
            name: "f".into(),
            word: crate::ir::WordWidth::Eight,
            signature,
            blocks,
            types: vec![],
            lines: vec![],
        }
    }
    fn to(block: u32) -> Target {
        Target { block: Block(block), arguments: vec![] }
    }
    fn branch(holds: u32, fails: u32) -> Terminator {
        Terminator::Branch(Condition::Compare(Compare::Eq, Val(0), Val(0)), to(holds), to(fails))
    }
    fn names(graph: &Graph) -> Vec<Node> {
        graph.nodes.clone()
    }

    #[test]
    fn a_loop_stays_together_whichever_way_it_is_written() {
        for terminator in [branch(2, 1), branch(1, 2)] {
            // 0 → 3; 3: branch to 1 (out) or 2 (body); 2 → 3.
            let graph = Graph::new(&function(vec![
                Terminator::Jump(to(3)),
                Terminator::Unreachable,
                Terminator::Jump(to(3)),
                terminator,
            ]));
            assert_eq!(names(&graph), [0, 3, 2, 1].map(|b| Node::Block(Block(b))));
        }
    }

    #[test]
    fn critical_edges_get_blocks_and_unreachable_blocks_vanish() {
        let graph = Graph::new(&function(vec![
            branch(1, 2),
            Terminator::Jump(to(2)),
            Terminator::Unreachable,
            Terminator::Jump(to(2)),
        ]));
        assert_eq!(graph.nodes.len(), 4);
        assert!(graph.nodes.contains(&Node::Edge(Block(0), 1)));
        assert_eq!(graph.incoming, [1, 1, 2, 0]);
    }

    #[test]
    fn an_entry_that_is_a_loop_gets_a_block_before_it() {
        let graph = Graph::new(&function(vec![branch(0, 1), Terminator::Unreachable]));
        assert_eq!(graph.nodes[0], Node::Entry);
        assert_eq!(graph.nodes[1], Node::Block(Block(0)));
        assert_eq!(graph.nodes.len(), 4);
    }

    #[test]
    fn cold_spreads_to_what_only_cold_blocks_reach() {
        let mut function =
            function(vec![branch(1, 2), Terminator::Jump(to(3)), Terminator::Unreachable, Terminator::Unreachable]);
        function.blocks[1].cold = true;
        let graph = Graph::new(&function);
        for (node, cold) in graph.nodes.iter().zip(&graph.cold) {
            assert_eq!(*cold, matches!(node, Node::Block(Block(1 | 3))), "{node:?}");
        }
    }
}
