//! Control flow of a function: reverse postorder, predecessors, dominators. Computed once, flat, and thrown away when
//! an edge changes.

mod dominators;

use super::*;

/// What is known of the control flow. Blocks that cannot be reached from the entry are not part of it.
#[derive(Clone, Debug, Default)]
pub struct ControlFlow {
    /// The reachable blocks in reverse postorder: the entry first, and every block after its dominators.
    pub order: Vec<Block>,
    /// By block: its index in `order`, or [`ControlFlow::UNREACHABLE`].
    positions: Vec<u32>,
    /// By position: the position of the immediate dominator; the entry's is its own.
    dominators: Vec<u32>,
    /// By position: where the block's predecessors start in `predecessors`. One more at the end.
    starts: Vec<u32>,
    /// Positions of predecessors, one for each edge.
    predecessors: Vec<u32>,
    /// By position: the interval of the block's subtree in a preorder of the dominator tree.
    intervals: Vec<(u32, u32)>,
    /// Positions in that preorder: a block comes after all its predecessors but those at the ends of back edges.
    pub preorder: Vec<u32>,
}

impl ControlFlow {
    /// The position of a block that cannot be reached.
    pub const UNREACHABLE: u32 = u32::MAX;

    /// The control flow of a function.
    pub fn of(function: &Function) -> ControlFlow {
        let mut flow = ControlFlow::default();
        flow.number(function);
        flow.find_predecessors(function);
        flow.find_dominators();
        flow
    }

    /// The block's index in `order`, if it can be reached.
    pub fn position(&self, block: Block) -> Option<usize> {
        let position = self.positions[block.0 as usize];
        (position != ControlFlow::UNREACHABLE).then_some(position as usize)
    }

    /// Positions of the predecessors of the block at a position, one for each edge.
    pub fn predecessors(&self, position: usize) -> &[u32] {
        &self.predecessors[self.starts[position] as usize..self.starts[position + 1] as usize]
    }

    /// The position of the immediate dominator of the block at a position; the entry's is its own.
    pub fn dominator(&self, position: usize) -> usize {
        self.dominators[position] as usize
    }

    /// Whether the block at the first position dominates the one at the second. A block dominates itself.
    pub fn dominates(&self, above: usize, below: usize) -> bool {
        let ((start, end), (at, _)) = (self.intervals[above], self.intervals[below]);
        start <= at && at < end
    }

    fn number(&mut self, function: &Function) {
        const ON_THE_WAY: u32 = u32::MAX - 1;
        self.positions = vec![ControlFlow::UNREACHABLE; function.blocks.len()];
        self.order.reserve(function.blocks.len());
        // Blocks with the number of successors still to visit: the last first, so that the first ends up earliest.
        let mut stack: Vec<(Block, u32)> = Vec::with_capacity(function.blocks.len());
        let successors = |block: Block| match function.block(block).terminator {
            Terminator::Branch(..) => 2,
            Terminator::Jump(_) => 1,
            _ => 0,
        };
        self.positions[0] = ON_THE_WAY;
        stack.push((Block(0), successors(Block(0))));
        while let Some((block, left)) = stack.last_mut() {
            if *left == 0 {
                self.order.push(*block);
                stack.pop();
                continue;
            }
            *left -= 1;
            let next = match &function.block(*block).terminator {
                Terminator::Branch(_, then, otherwise) => [then, otherwise][*left as usize].block,
                Terminator::Jump(target) => target.block,
                _ => continue,
            };
            let seen = &mut self.positions[next.0 as usize];
            if *seen == ControlFlow::UNREACHABLE {
                *seen = ON_THE_WAY;
                stack.push((next, successors(next)));
            }
        }
        self.order.reverse();
        for (position, block) in self.order.iter().enumerate() {
            self.positions[block.0 as usize] = position as u32;
        }
    }

    fn find_predecessors(&mut self, function: &Function) {
        self.starts = vec![0; self.order.len() + 1];
        let mut edges = 0;
        for &block in &self.order {
            for target in function.block(block).terminator.targets() {
                self.starts[self.positions[target.block.0 as usize] as usize] += 1;
                edges += 1;
            }
        }
        // From counts to ends; filling in backwards turns ends into starts.
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        self.predecessors = vec![0; edges];
        for (position, &block) in self.order.iter().enumerate().rev() {
            for target in function.block(block).terminator.targets().rev() {
                let start = &mut self.starts[self.positions[target.block.0 as usize] as usize];
                *start -= 1;
                self.predecessors[*start as usize] = position as u32;
            }
        }
    }

    /// In reverse postorder, all predecessors of a block come before it, but for those at the ends of back edges. If a
    /// loop can be entered at its header only, those do not count; else, all is done again in a slower way.
    fn find_dominators(&mut self) {
        let mut tree = Tree::new(self.order.len());
        for position in 1..self.order.len() {
            let before = self.predecessors(position).iter().copied().filter(|&before| (before as usize) < position);
            let dominator = before.reduce(|a, b| tree.common(a, b)).expect("a block that can be reached");
            tree.add(position, dominator);
        }
        self.dominators = tree.parents;
        self.find_intervals();
        let back_edge_enters = |position: usize| {
            let mut predecessors = self.predecessors(position).iter().map(|&before| before as usize);
            predecessors.any(|before| before >= position && !self.dominates(position, before))
        };
        if (0..self.order.len()).any(back_edge_enters) {
            self.dominators = dominators::of(self);
            self.find_intervals();
        }
    }

    fn find_intervals(&mut self) {
        let count = self.order.len();
        let mut sizes = vec![1; count];
        for position in (1..count).rev() {
            sizes[self.dominators[position] as usize] += sizes[position];
        }
        // `next` is where the next child's interval starts; a dominator comes before all it dominates.
        let mut next = vec![0; count];
        self.intervals = vec![(0, 0); count];
        self.preorder = vec![0; count];
        for position in 0..count {
            let dominator = self.dominators[position] as usize;
            let start = next[dominator];
            next[dominator] += sizes[position];
            self.intervals[position] = (start, start + sizes[position]);
            self.preorder[start as usize] = position as u32;
            next[position] = start + 1;
        }
    }
}

/// The dominator tree as it grows. Each node knows its parent and one node higher up, placed so that any ancestor is a
/// number of steps away that is logarithmic in the depth (Myers: "An applicative random-access stack").
struct Tree {
    parents: Vec<u32>,
    higher: Vec<u32>,
    depths: Vec<u32>,
}

impl Tree {
    fn new(nodes: usize) -> Tree {
        Tree { parents: vec![0; nodes], higher: vec![0; nodes], depths: vec![0; nodes] }
    }

    fn add(&mut self, node: usize, parent: u32) {
        let depth = |node: u32| self.depths[node as usize];
        let up = self.higher[parent as usize];
        let further = self.higher[up as usize];
        let even = depth(parent) - depth(up) == depth(up) - depth(further);
        self.higher[node] = if even { further } else { parent };
        self.depths[node] = depth(parent) + 1;
        self.parents[node] = parent;
    }

    /// The lowest node above both.
    fn common(&self, mut a: u32, mut b: u32) -> u32 {
        if self.depths[a as usize] < self.depths[b as usize] {
            std::mem::swap(&mut a, &mut b);
        }
        let depth = self.depths[b as usize];
        while self.depths[a as usize] > depth {
            let up = self.higher[a as usize];
            a = if self.depths[up as usize] >= depth { up } else { self.parents[a as usize] };
        }
        // Nodes of one depth have their higher nodes at one depth.
        while a != b {
            let up = [self.higher[a as usize], self.higher[b as usize]];
            [a, b] = if up[0] != up[1] { up } else { [self.parents[a as usize], self.parents[b as usize]] };
        }
        a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function with these edges out of each block.
    fn graph(edges: &[&[u32]]) -> Function {
        let target = |block: &u32| Target { block: Block(*block), arguments: vec![] };
        let block = |edges: &&[u32]| {
            let terminator = match edges {
                [] => Terminator::Unreachable,
                [to] => Terminator::Jump(target(to)),
                [to, or, ..] => Terminator::Branch(Condition::NonZero(Val(0)), target(to), target(or)),
            };
            BlockData { parameters: vec![], insts: vec![], terminator, cold: false }
        };
        let signature = Signature { convention: Convention::Maru, parameters: vec![], result: Type::Word };
        Function {
            name: "g".into(),
            word: WordWidth::Eight,
            signature,
            blocks: edges.iter().map(block).collect(),
            types: vec![],
            lines: vec![],
        }
    }

    /// Whether every path from the entry to `below` passes `above`: by taking `above` away.
    fn dominates_by_definition(edges: &[&[u32]], above: u32, below: u32) -> bool {
        let mut seen = vec![false; edges.len()];
        let mut stack = vec![0];
        while let Some(block) = stack.pop() {
            if block != above && !std::mem::replace(&mut seen[block as usize], true) {
                stack.extend(edges[block as usize]);
            }
        }
        !seen[below as usize]
    }

    fn check(edges: &[&[u32]]) {
        let flow = ControlFlow::of(&graph(edges));
        for below in 0..edges.len() as u32 {
            let Some(at) = flow.position(Block(below)) else {
                assert!(dominates_by_definition(edges, u32::MAX, below), "b{below} can be reached");
                continue;
            };
            let mut expected: Vec<_> = edges
                .iter()
                .enumerate()
                .flat_map(|(from, to)| to.iter().map(move |&to| (from, to)))
                .filter(|&(from, to)| to == below && flow.position(Block(from as u32)).is_some())
                .map(|(from, _)| flow.position(Block(from as u32)).unwrap() as u32)
                .collect();
            expected.sort_unstable();
            assert_eq!(flow.predecessors(at), expected, "predecessors of b{below}");
            for above in 0..edges.len() as u32 {
                if let Some(over) = flow.position(Block(above)) {
                    let expected = dominates_by_definition(edges, above, below);
                    assert_eq!(flow.dominates(over, at), expected, "b{above} over b{below}");
                }
            }
        }
    }

    #[test]
    fn dominance_is_as_defined() {
        check(&[&[]]);
        check(&[&[1, 2], &[3], &[3], &[]]);
        check(&[&[1], &[2, 4], &[3], &[1], &[1, 5], &[], &[5]]);
        // Two loops into each other, entered at both: not reducible.
        check(&[&[1, 2], &[2, 3], &[1, 4], &[2], &[1]]);
        check(&[&[1, 1], &[2, 2], &[0, 3], &[]]);
    }

    proptest::proptest! {
        #[test]
        fn dominance_is_as_defined_in_any_graph(
            edges in proptest::collection::vec(proptest::collection::vec(0u32..12, 0..3), 12)
        ) {
            let edges: Vec<&[u32]> = edges.iter().map(|to| &to[..]).collect();
            check(&edges);
        }
    }
}
